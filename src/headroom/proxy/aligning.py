"""Work on request bodies beside the event loop, within a time budget, and never at the cost of the request."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from headroom.cache_aligner import Aligned
from headroom.errors import HeadroomError
from headroom.interfaces import Dialect, Store
from headroom.ledger.holdout import is_held_out
from headroom.ledger.record import Break, Group
from headroom.options import Options
from headroom.pipeline import Outcome
from headroom.proxy.bodies import TooLarge, Undecodable, decoded
from headroom.proxy.booking import NOTHING_KNOWN, Facts, already_sent, facts_of, texts_of
from headroom.proxy.breakers import Breakers
from headroom.proxy.endpoints import Kind
from headroom.proxy.lanes import Lane, within
from headroom.proxy.steady_prompt import Steady, SteadyPrompt
from headroom.proxy.tool_order import ToolOrder
from headroom.wire.spans import Span, SpanError, elements, locate
from headroom.wire.spans import decoded as value_at
from headroom.wire.splice import Edit, splice

_log = logging.getLogger("headroom.proxy")
# Python runs one thread at a time: more would only take turns, and each would get less done in its time. So large
# bodies wait for each other; small ones, which are done soon, pass them.
_LARGE = 1 << 19
_SWITCH_SECONDS = 0.001  # how long the event loop waits at most for a thread that computes
_PATIENCE, _MIN_PATIENCE = 4, 1.0  # times the budget, or seconds, after which work that doesn't end is not waited for
# Seconds in the queue after which nothing new is compressed, and after which work that hasn't begun is not waited for.
_QUEUE, _LONGEST_QUEUE = 3.0, 10.0
# Where a request says how many replies it wants.
_REPLIES = {
    "openai_chat": (("n",),),
    "gemini": (("generationConfig", "candidateCount"), ("generation_config", "candidate_count")),
}
_MOST_STUCK = 4  # threads that don't come to an end, with which nothing more is tried

T = TypeVar("T")


class Aligner(Protocol):
    """What aligns requests; `cache_aligner.CacheAligner` is one."""

    def align(
        self,
        body: bytes,
        dialect: Dialect,
        options: Options,
        store: Store,
        *,
        offer: bool = True,
        record: bool = True,
        expired: Callable[[], bool] = ...,
        hold_out: Callable[[str], bool] = ...,
    ) -> Aligned: ...

    def leave_alone(self, key: bytes) -> None: ...

    def let_pass(self, body: bytes, dialect: Dialect) -> None: ...

    def keep_exchange(self, key: bytes, exchange: bytes) -> None: ...

    def keep_reply(self, key: bytes, dialect: Dialect, id: str, last: str, said: Sequence[Any]) -> None: ...

    def renamed(self, body: bytes, dialect: Dialect) -> bytes: ...


class Trial(NamedTuple):
    """What a dry run works with, so that nothing else notices it."""

    aligner: Aligner
    store: Store


@dataclass(frozen=True, slots=True)
class Work:
    """A request to be looked at: its body as it came, and what is wanted."""

    body: bytes
    encoding: str
    kind: Kind
    dialect: Dialect
    options: Options
    store: Store
    offer: bool


@dataclass(frozen=True, slots=True)
class Done:
    """A request as it goes upstream: `body` is the very object that came where nothing changes.

    `plain` is the body without a content encoding, as a follow-up request needs it. Where the model may ask for
    originals, `channel` says by which tool; calls of `headroom_retrieve` are then ours to answer. `facts` are for the
    books.
    """

    body: bytes
    plain: bytes
    changed: bool = False
    channel: str = ""
    key: bytes = b""
    facts: Facts = NOTHING_KNOWN
    reasons: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()
    prompt: bytes = b""


class Abandoned(BaseException):
    """Nobody wants what is being worked on. No Exception: those are outcomes on the way up, and would be pinned."""


class Deadline:
    """When the time for a request is up: at the end of its budget, or as soon as nobody waits for it any more."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._arrived = time.monotonic()
        self._started: float | None = None
        self._over = self._abandoned = False

    def start(self) -> None:
        """The budget runs from here; of who has waited long it is used up already."""
        self._started = time.monotonic()

    def end(self) -> None:
        """Nobody waits any more."""
        self._over = True

    def abandon(self) -> None:
        """Nothing of it will be forwarded: it must leave no trace."""
        self._abandoned = True

    def expired(self) -> bool:
        """Whether to come to an end. Raises Abandoned where even that is too much."""
        if self._abandoned:
            raise Abandoned
        started = self._arrived if self._started is None else self._started
        return self._over or time.monotonic() >= min(started, self._arrived + _QUEUE) + self._budget

    def patience(self) -> float:
        """How many seconds it is still worth to wait."""
        if self._started is None:
            return self._arrived + _LONGEST_QUEUE - time.monotonic()
        return self._started + max(_PATIENCE * self._budget, _MIN_PATIENCE) - time.monotonic()


class Aligning:
    """Runs an aligner in threads. Whatever goes wrong, the request goes on as it came.

    `order` keeps tools in their order and `prompt` the system prompt steady, where that is wanted. `holdout` is the
    share of conversations that are left as they come. With a `trial` aligner nothing is changed: it only says what
    would be.
    """

    def __init__(self, aligner: Aligner, limit: int) -> None:
        self.aligner = aligner
        self.limit = limit
        self.order: ToolOrder | None = None
        self.prompt: SteadyPrompt | None = None
        self.holdout = 0.0
        self.trial: Trial | None = None
        self._breakers = Breakers()
        self._lanes = {large: Lane("headroom") for large in (False, True)}
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))

    async def done(self, work: Work, budget: float) -> Done:
        """The request as it should go upstream. Raises TooLarge."""
        if self._stuck >= _MOST_STUCK:
            return Done(work.body, work.body, reasons=("too_slow",))
        deadline, lane = Deadline(budget), self._lanes[len(work.body) > _LARGE]
        try:
            done = await within(deadline.patience, lane.submit(self._do, work, deadline))
        except asyncio.CancelledError:  # the client has gone: the thread then soon has time for others
            deadline.abandon()
            raise
        deadline.end()
        if done is not None:
            return done
        _log.warning("a request was not ready in time and goes on as it came")
        self._give_up(lane, work)
        return Done(work.body, work.body, reasons=("too_slow",))

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Anything else that would keep the event loop waiting."""
        return await self._lanes[True].submit(function, *arguments)

    async def leave_alone(self, done: Done) -> None:
        """From this request on the conversation goes as it comes, because this one did in the end."""
        await self.run(self.aligner.leave_alone, done.key)
        if self.prompt is not None and done.prompt:
            await self.run(self.prompt.leave_alone, done.prompt)

    def let_pass(self, work: Work) -> None:
        """A request went as it came: what continues it does too, because the provider now has it like this.

        Doesn't wait; what continues it does, in the same lane.
        """
        self._lanes[len(work.body) > _LARGE].submit(self._let_pass, work)

    async def as_it_came(self, work: Work) -> Done:
        """A request as it came, but for the name of the reply that it goes on from, which has to be the provider's."""
        return await self.run(self._as_it_came, work)

    @property
    def looking(self) -> Aligner:
        """The aligner that looks at requests now: in a dry run the trial's."""
        return self.trial.aligner if self.trial is not None else self.aligner

    @property
    def _stuck(self) -> int:
        return sum(lane.stuck for lane in self._lanes.values())

    def _give_up(self, lane: Lane, work: Work) -> None:
        """Leaves a thread that doesn't come to an end to itself.

        The request goes on as it came: what follows must not change it either, or the provider's cache is lost.
        """
        lane.leave()
        if work.kind is Kind.TURN:
            lane.submit(self._let_pass, work)

    def _let_pass(self, work: Work) -> None:
        try:
            self.looking.let_pass(decoded(work.body, work.encoding, self.limit), work.dialect)
        except Exception as error:  # what can't be read is not changed later either
            _log.info("a request that went as it came is not remembered: %r", error)

    def _as_it_came(self, work: Work) -> Done:
        try:
            plain = decoded(work.body, work.encoding, self.limit)
            named = self.aligner.renamed(plain, work.dialect)
        except Exception as error:
            _log.info("a request goes on as it came unread: %r", error)
            return Done(work.body, work.body)
        return Done(work.body, plain) if named is plain else Done(named, named, changed=True)

    def close(self) -> None:
        """Gives the threads back."""
        for lane in self._lanes.values():
            lane.close()

    def _do(self, work: Work, deadline: Deadline) -> Done:
        deadline.start()
        try:
            plain = decoded(work.body, work.encoding, self.limit)
            return self._batch(work, plain, deadline) if work.kind is Kind.BATCH else self._one(work, plain, deadline)
        except TooLarge:
            raise
        except Abandoned:
            reason = "abandoned"
        except Undecodable as error:
            _log.info("a request passes unread: %s", error)
            reason = "undecodable"
        except HeadroomError as error:
            _log.info("a request passes unread: %s", error)
            reason = "unreadable"
        except Exception:  # P7: whatever it is, it is no reason to keep the request
            _log.exception("a request passes unread")
            reason = "failed"
        return Done(work.body, work.body, reasons=(reason,))

    def _one(self, work: Work, plain: bytes, deadline: Deadline) -> Done:
        """A body that holds one conversation, which Gemini wraps for counting."""
        if self.trial is not None:
            return self._tried(work, plain, self.trial, deadline)
        span = _wrapped(plain) if work.kind is Kind.ASIDE and work.dialect.name == "gemini" else None
        inner = plain if span is None else plain[span.start : span.end]
        record = work.kind is Kind.TURN
        steady = self.prompt.steadied(inner, work.dialect, record=record) if self.prompt else Steady(inner)
        aligned = self.aligner.align(
            steady.body,
            work.dialect,
            work.options,
            work.store,
            offer=_may_be_offered(work, inner),
            record=record,
            expired=deadline.expired,
            hold_out=partial(is_held_out, share=self.holdout),
        )
        facts = facts_of(aligned, steady.body, work.dialect.name)
        if aligned.held_out:
            sent, facts = inner, replace(facts, came=inner, edits=())
        else:
            sent = steady.with_notes(aligned.body, work.dialect)
            sent = self.order.restored(sent, work.dialect) if self.order else sent
        breaks = self._breakers.found(sent, work.dialect) if work.kind is Kind.TURN else ()
        reasons = already_sent(aligned.outcomes)
        found = Done(work.body, plain, False, aligned.channel, aligned.key, facts, reasons, breaks, steady.key)
        if sent is inner:
            return found
        body = sent if span is None else splice(plain, [Edit(span, sent)])
        return replace(found, body=body, plain=body, changed=True)

    def _tried(self, work: Work, plain: bytes, trial: Trial, deadline: Deadline) -> Done:
        """A request as it came, with what would have become of it."""
        if work.kind is not Kind.TURN:
            return Done(work.body, plain)
        offer = _may_be_offered(work, plain)
        aligned = trial.aligner.align(
            plain, work.dialect, work.options, trial.store, offer=offer, expired=deadline.expired
        )
        facts = replace(facts_of(aligned, plain, work.dialect.name), group=Group.DRY_RUN)
        breaks = self._breakers.found(plain, work.dialect)
        reasons = already_sent(aligned.outcomes)
        return Done(work.body, plain, key=aligned.key, facts=facts, reasons=reasons, breaks=breaks)

    def _batch(self, work: Work, plain: bytes, deadline: Deadline) -> Done:
        """A body of many requests; nobody is there to answer calls for what was left out of them."""
        if self.trial is not None:
            return Done(work.body, plain)
        edits: list[Edit] = []
        outcomes: list[Outcome] = []
        for item in elements(plain, locate(plain, ("requests",))):
            span = locate(plain, ("params",), item)
            one = plain[span.start : span.end]
            aligned = self.aligner.align(
                one, work.dialect, work.options, work.store, offer=False, record=False, expired=deadline.expired
            )
            outcomes += aligned.outcomes
            if aligned.changed:
                edits.append(Edit(span, aligned.body))
        facts = Facts(texts=texts_of((outcome, b"") for outcome in outcomes))
        if not edits:
            return Done(work.body, plain, facts=facts)
        body = splice(plain, edits)
        return Done(body, body, True, facts=facts)


def _may_be_offered(work: Work, body: bytes) -> bool:
    return work.offer and not _wants_several(body, work.dialect)


def _wants_several(body: bytes, dialect: Dialect) -> bool:
    """Whether the model is to reply more than once: a call in one of several replies could not be answered."""
    for path in _REPLIES.get(dialect.name, ()):
        with suppress(SpanError):
            if value_at(body, locate(body, path)) not in (None, 1):
                return True
    return False


def _wrapped(plain: bytes) -> Span | None:
    try:
        return locate(plain, ("generateContentRequest",))
    except SpanError:
        return None
