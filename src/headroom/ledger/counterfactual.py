"""What a request would have cost as it came: the provider's own numbers, and the edits' sizes at the places they have.

The provider reports how many tokens of the request that it got were read from its cache, written to it, or neither, in
this order from the front. An edit stands in one of these parts, so its difference is charged like that part: what was
sent before is read again, what is new is written; a cache that was lost would have been lost as well. (In a dry run the
request went as it came; then the bill of the shortened one is made like this.)

Places are found by bytes, scaled to tokens on both sides of the `boundary`; how many tokens precede it is known from
the request before. Proven by `benchmarks/ledger_accuracy.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Protocol

from headroom.ledger import pieces
from headroom.ledger.calibration import Calibration, Sample, Samples, Scale
from headroom.ledger.counting import Counter
from headroom.ledger.layout import Layout, conversation, laid_out, made
from headroom.ledger.rebilling import Known, Placed, by_rule, known_after, model_of, placed, rebilled, summed
from headroom.ledger.record import Account, Bill, Record
from headroom.recent import Recent
from headroom.wire.splice import Edit, splice

_MOST_CONVERSATIONS = 10_000
_REFUSED = 400
_BETWEEN_MESSAGES = b", \t\r\n"
_BEGINNING = 256  # bytes of an exchange, which tell it from others: they have an id that the model made up
_MOST_OPAQUE = 0.1  # characters beside the texts, for a token of them, with which a count of them still says something


class Memory(Samples, Protocol):
    """What several processes know together, and one that is started again.

    Besides samples that is the last request of a conversation, and how many tokens a provider counted of an exchange.
    """

    def known(self, conversation: str) -> Known | None: ...

    def exchange(self, key: bytes) -> float | None: ...

    def keep_exchange(self, key: bytes, tokens: float, at: float) -> None: ...


class _Alone:
    """Of one process that begins with nothing."""

    def known(self, conversation: str) -> Known | None:
        return None

    def exchange(self, key: bytes) -> float | None:
        return None

    def keep_exchange(self, key: bytes, tokens: float, at: float) -> None:
        pass

    def samples(self, model: str) -> Sequence[Sample]:
        return ()

    def keep_samples(self, model: str, samples: Sequence[Sample]) -> None:
        pass


class Accounts:
    """Makes accounts of records, in the order in which they come; for one thread.

    Where its `memory` has a later request of a conversation than the last one here, it goes on from that.
    """

    def __init__(self, counter: Counter | None = None, memory: Memory | None = None) -> None:
        self.counter = counter or Counter()
        self._memory = memory or _Alone()
        self._here: Recent[str, Known] = Recent(_MOST_CONVERSATIONS)
        self._exchanges: Recent[bytes, float] = Recent(_MOST_CONVERSATIONS)
        self._calibration = Calibration(self._memory)

    def __call__(self, record: Record) -> Account:
        """The account of a record; nothing is charged for a request that was refused."""
        billed, main = summed(record.legs), summed(record.legs[:1])
        retrieved = sum(self.counter.text(one.text) for one in record.retrieved)
        refused = record.status >= _REFUSED
        measured = refused or all(leg.reported for leg in record.legs)
        if not main.read and (refused or not record.conversation):
            return Account(record, billed, billed, measured, retrieved)
        known = self._known(record.conversation)
        changed = record.edits or record.held or (known and known.went != known.other)
        if main.read and not changed:
            return self._booked(Account(record, billed, billed, measured, retrieved))
        layout = laid_out(record, self.counter)
        new, scale = self._learnt(record, layout, main, known)
        sizes = self._sizes(record, layout, scale, known)
        if main.read:
            request = placed(record, layout, main, new, known, sizes)
            other = rebilled(request)
        else:
            total = self._total(record, layout, new, scale, known)
            request, other = _estimated(placed(record, layout, Bill(input=total), min(new, total), known, sizes))
            billed = billed.plus(request.bill)
        held = scale.of(self.counter.size(pieces.of_part(record.held, True)))
        other = replace(other, output=max(0.0, billed.output - held))
        return self._booked(Account(record, billed, other, measured, retrieved))

    def _known(self, conversation: str) -> Known | None:
        if not conversation:
            return None
        both = self._here.get(conversation), self._memory.known(conversation)
        return max((one for one in both if one is not None), default=None)

    def _booked(self, account: Account) -> Account:
        if account.record.conversation:
            self._here.put(account.record.conversation, known_after(account))
        return account

    def _learnt(self, record: Record, layout: Layout, main: Bill, known: Known | None) -> tuple[float, Scale]:
        """How many of the provider's tokens are new, and its scale, with what this request teaches."""
        model = f"{record.upstream} {model_of(record)}"
        found = pieces.of_messages(layout.new) if layout.new else pieces.Pieces()
        size = self.counter.size(found)
        clear = found.opaque <= _MOST_OPAQUE * size.decoded and not layout.goes_on
        if layout.new and known and main.read and clear and not known.is_outdated(main):
            self._calibration.learn(model, Sample(size, main.read - known.went))
        scale = self._calibration.scale(model)
        return (scale.of(size) if layout.new else float("inf")), scale

    def _sizes(self, record: Record, layout: Layout, scale: Scale, known: Known | None) -> list[float]:
        """How much more the other form has at each change; the provider's own count of exchanges that were hidden."""
        sizes = []
        for edit, _, more in layout.changes:
            hidden = self._hidden(record, edit, known) if edit.replacement[:1] == b"{" else 0.0
            sizes.append(-hidden if hidden else scale.of(more))
        return sizes

    def _hidden(self, record: Record, edit: Edit, known: Known | None) -> float:
        """The tokens of an exchange that the client never saw, as they were billed when it took place; 0 if unknown."""
        key = blake2b(record.conversation.encode() + edit.replacement[:_BEGINNING], digest_size=16).digest()
        tokens = self._exchanges.get(key)
        between = record.came[record.boundary : edit.span.start] if record.boundary <= edit.span.start else b"more"
        if tokens is None and known and known.hidden and not between.strip(_BETWEEN_MESSAGES):
            tokens = known.hidden
            self._memory.keep_exchange(key, tokens, record.at)
        elif tokens is None:
            tokens = self._memory.exchange(key) or 0.0
        self._exchanges.put(key, tokens)
        return tokens

    def _total(self, record: Record, layout: Layout, new: float, scale: Scale, known: Known | None) -> float:
        """The tokens of a request of which the provider said nothing."""
        if known and layout.new:
            return known.went + new
        return scale.of(self.counter.size(self._whole(record)))

    def _whole(self, record: Record) -> pieces.Pieces:
        return pieces.of_request(splice(record.came, made(record)), conversation(record.dialect))


def _estimated(bare: Placed) -> tuple[Placed, Bill]:
    """A request of which the provider said nothing, and its other form's bill, by the rules of caches."""
    request = replace(bare, bill=by_rule(bare, bare.before, bare.bill.read))
    return request, by_rule(bare, bare.other_before, bare.other_total)
