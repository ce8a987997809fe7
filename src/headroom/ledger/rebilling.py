"""The bill of a request in its other form: the reported one, with each edit charged like the part in which it stands.

Then the cache's own rules: what is below its minimum is neither kept nor read, hits come in steps, and where only the
form that went was too short for the cache, or lost it by a change of ours, the other one would have hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from headroom.ledger import caching
from headroom.ledger.layout import Layout
from headroom.ledger.record import Account, Bill, Record
from headroom.model import Usage

_SLACK, _SLACK_SHARE = 256.0, 0.03  # tokens behind a request's last cache mark, which the next one can't read
_ALIKE, _ALIKE_SHARE = 100.0, 0.25  # tokens by which a count of what is new may be off


class Known(NamedTuple):
    """The request before: when, the tokens that the model read, and those it would have read in the other form.

    `hidden` are the tokens of an exchange that followed and that the client never saw: the next request repeats it.
    """

    at: float
    went: float
    other: float
    hidden: float = 0.0

    def is_outdated(self, bill: Bill) -> bool:
        """Whether somebody else has seen a later request: more was read from the cache than this one can have left."""
        return bill.cache_read > self.went + self.hidden + _SLACK


@dataclass(frozen=True, slots=True)
class Placed:
    """A request with the provider's bill, of which `before` tokens had been sent already.

    `more` has the places of its edits, in tokens, with how much more the other form has there; `more_before` is their
    sum in what had been sent. `follows` says that it adds to the request before it and leaves that as it was,
    `other_follows` that the other form does.
    """

    record: Record
    bill: Bill
    before: float
    more: tuple[tuple[float, float], ...]
    more_before: float
    known: Known | None
    follows: bool
    other_follows: bool

    @property
    def other_total(self) -> float:
        """What the model would have read in the other form."""
        return max(0.0, self.bill.read + sum(more for _, more in self.more))

    @property
    def other_before(self) -> float:
        """What of that had been sent."""
        return max(0.0, self.before + self.more_before)

    @property
    def fresh(self) -> bool:
        """Whether what the request before put into a cache must still be there."""
        return self.known is not None and self.record.at - self.known.at <= caching.lifetime(self.record.came)

    @property
    def lost(self) -> bool:
        """Whether the cache was missed because what we had sent was changed, and by nobody but us."""
        missed = self.bill.cache_read < self.before - _slack(self.before)
        return missed and self.fresh and self.other_follows and not self.follows


def model_of(record: Record) -> str:
    """The model that answered, or was asked."""
    return next((leg.model for leg in record.legs if leg.model), record.model)


def summed(legs: Iterable[Usage]) -> Bill:
    """What was billed for these replies."""
    bill = Bill()
    for leg in legs:
        hour = min(leg.cache_write_1h, leg.cache_write)
        bill = bill.plus(Bill(leg.input, leg.cache_read, leg.cache_write - hour, hour, leg.output))
    return bill


def known_after(account: Account) -> Known:
    """What the next request of a conversation has to know of this one."""
    legs = account.record.legs
    went = summed(legs[:1]).read or account.billed.read
    hidden = summed(legs[-1:]).read - went if len(legs) > 1 and legs[-1].reported else 0.0
    return Known(account.record.at, went, account.passthrough.read, max(0.0, hidden))


def placed(
    record: Record,
    layout: Layout,
    bill: Bill,
    new: float,
    known: Known | None,
    sizes: Sequence[float],
) -> Placed:
    """A request of which a count says that `new` tokens are new; the request before knows better what was sent.

    `sizes` are those of the layout's changes, in the provider's tokens.
    """
    total, before = bill.read, max(0.0, bill.read - new)
    sent = sum(size for (_, place, _), size in zip(layout.changes, sizes, strict=True) if place < layout.edge)
    follows = other_follows = False
    if layout.new and known:
        near = max(_ALIKE, _ALIKE_SHARE * new)
        other_follows = abs(known.other - before - sent) <= near
        hit = bill.cache_read > 0 and abs(known.went - bill.cache_read) <= _slack(known.went)
        follows = known.went <= total and (hit or abs(known.went - before) <= near)
        before = known.went if follows else before
    more = []
    for (_, place, _), size in zip(layout.changes, sizes, strict=True):
        if place <= layout.edge:
            at = before * place / layout.edge if layout.edge else 0.0
        else:
            at = before + (total - before) * (place - layout.edge) / max(1, layout.length - layout.edge)
        more.append((at, size))
    if layout.goes_on and known:  # what was changed in earlier requests is still there
        more.append((0.0, known.other - known.went))
        sent += known.other - known.went
    return Placed(record, bill, before, tuple(more), sent, known, follows, other_follows)


def rebilled(request: Placed) -> Bill:
    """The bill of the other form."""
    moved = _moved(request)
    return _ruled(request, moved) if request.record.caching else moved


def by_rule(request: Placed, before: float, total: float) -> Bill:
    """The bill of a form of which nothing is reported, with as many tokens sent before and in all."""
    record = request.record
    least = caching.minimum(model_of(record))
    if not record.caching or total < least:
        return Bill(input=total)
    read = before if request.fresh and before >= least else 0.0
    return _rest(request, Bill(cache_read=read), total - read)


def _slack(tokens: float) -> float:
    return max(_SLACK, _SLACK_SHARE * tokens)


def _moved(request: Placed) -> Bill:
    """The bill with each edit's difference in the part in which it stands."""
    bill = request.bill
    read_end = bill.cache_read
    if read_end and abs(request.before - read_end) <= _slack(request.before):
        read_end = max(read_end, request.before)
    plain_start = bill.read - bill.input
    write_start = plain_start - bill.cache_write
    read, write, write_1h, plain = bill.cache_read, bill.cache_write, bill.cache_write_1h, bill.input
    for place, more in request.more:
        if place < read_end:
            read += more
        elif place >= plain_start:
            plain += more
        elif place >= write_start:
            write += more
        else:
            write_1h += more
    return _balanced(Bill(plain, read, write, write_1h))


def _balanced(bill: Bill) -> Bill:
    """No part can be below nothing: what one lacks is missing from the others."""
    parts = [bill.cache_read, bill.cache_write_1h, bill.cache_write, bill.input]
    lacking = -sum(part for part in parts if part < 0)
    parts = [max(0.0, part) for part in parts]
    for i in sorted(range(len(parts)), key=lambda i: -parts[i]) if lacking else ():
        taken = min(parts[i], lacking)
        parts[i] -= taken
        lacking -= taken
    read, write_1h, write, plain = parts
    return Bill(plain, read, write, write_1h)


def _ruled(request: Placed, other: Bill) -> Bill:
    """What the cache's rules make of the other form's bill."""
    bill, total = request.bill, other.read
    wrote = bill.cache_write + bill.cache_write_1h
    least = float(caching.minimum(model_of(request.record)))
    if bill.cache_read or wrote:  # then so much was enough
        least = min(least, bill.cache_read or bill.read)
    if total < least:
        return Bill(input=total)
    read = min(_read(request, other, least), total)
    if not wrote and bill.read < least <= total:  # what went was too short to be kept
        return _rest(request, Bill(cache_read=read), total - read)
    if read <= other.cache_read:
        return _rest(request, replace(other, cache_read=read), other.cache_read - read)
    return _balanced(_less(other, read - other.cache_read, read))


def _read(request: Placed, other: Bill, least: float) -> float:
    """What the other form would have read from the cache."""
    bill, before = request.bill, request.other_before
    step = caching.step(request.record.dialect, int(bill.cache_read))
    hit_for_other_only = request.lost or (not bill.cache_read and request.before < least)
    if hit_for_other_only and request.fresh and before >= least:
        return before // step * step
    read = other.cache_read
    if request.follows:  # no more than there was: exchanges may be in one form only
        hit = step > 1 and bill.cache_read and bill.cache_read + step > request.before
        read = before if hit else min(read, before)
    elif bill.cache_read:  # what hit may have gone on as far as to the next step
        read += min(max(request.before - bill.cache_read, 0.0), step - 1)
    read = max(0.0, read) // step * step if step > 1 else read
    return read if read >= least else 0.0


def _less(bill: Bill, tokens: float, read: float) -> Bill:
    """The bill with as many tokens taken from what is new, from the dearest first, because they are read."""
    for_hour = min(tokens, bill.cache_write_1h)
    written = min(tokens - for_hour, bill.cache_write)
    rest = tokens - for_hour - written
    return Bill(bill.input - rest, read, bill.cache_write - written, bill.cache_write_1h - for_hour)


def _rest(request: Placed, bill: Bill, tokens: float) -> Bill:
    """The bill with as many tokens more that are not read from the cache, but written to it where that is charged."""
    went = request.bill
    if not (caching.writes(request.record.dialect) or went.cache_write or went.cache_write_1h):
        return replace(bill, input=bill.input + tokens)
    wrote = went.cache_write + went.cache_write_1h
    hour = went.cache_write_1h / wrote if wrote else float(caching.for_an_hour(request.record.came))
    return replace(
        bill,
        cache_write=bill.cache_write + tokens * (1 - hour),
        cache_write_1h=bill.cache_write_1h + tokens * hour,
    )
