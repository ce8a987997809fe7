"""CacheAligner: which bytes of a request may change, so that the provider's prompt cache keeps hitting.

What was sent before is sent again in the same form. Only texts that are new at the end of a conversation are
compressed, once, and pinned. Where a running conversation is seen for the first time, what stands before its newest
messages stays as it is: the provider may have it cached.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from headroom.ccr.retrieval_tool import definition
from headroom.conversation import Conversation
from headroom.errors import StoreError
from headroom.interfaces import Dialect, Pins, Store
from headroom.marker import RETRIEVE_TOOL
from headroom.model import Block, Expired, Level, Reason, never
from headroom.options import Options
from headroom.pipeline import Outcome, compress_blocks
from headroom.plugins import replies
from headroom.prefixes import Form, Prefixes, Reply, Turn
from headroom.recent import Recent
from headroom.wire.spans import Span, decoded, elements, locate, members
from headroom.wire.splice import Edit, appended, literal, splice

_log = logging.getLogger("headroom")
_MOST_CHARS = 16_000_000  # of the conversations that are held ready to be continued
_TOOL = RETRIEVE_TOOL.encode()
_EARLIER = ("previous_response_id", "conversation")  # members that name what a request goes on from


@dataclass(frozen=True, slots=True)
class Aligned:
    """A request as it goes upstream.

    `body` is the very object that came where nothing changes. `outcomes` are those of the texts that are new. `key`
    stands for the conversation up to here, `offered` says that the model may call `headroom_retrieve` because the
    definition was put among the tools.
    """

    body: bytes
    changed: bool
    outcomes: tuple[Outcome, ...]
    offered: bool
    key: bytes

    @property
    def cut_off(self) -> int:
        """How many texts the time budget left as they are."""
        return sum(outcome.reason is Reason.OUT_OF_TIME for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class _Request:
    """A body taken apart: where its members and messages stand, and the key of each prefix of the conversation.

    It may go on from a reply whose messages are not repeated: they have the positions below 0, `origin` is what they
    replied to. `adopted` says that it goes on from something that did not pass here.
    """

    body: bytes
    dialect: Dialect
    top: Mapping[str, Span]
    messages: Sequence[Span]
    keys: Sequence[bytes]
    origin: Reply | None = None
    adopted: bool = False

    @property
    def first(self) -> int:
        return -len(self.origin.said) if self.origin else 0

    def message(self, position: int) -> Any:
        if position < 0 and self.origin:
            return self.origin.said[position]
        return decoded(self.body, self.messages[position])

    def blocks(self, start: int, end: int) -> Iterator[Block]:
        """The texts of the messages from `start` to before `end`."""
        for block in self.dialect.blocks([self.message(i) for i in range(start, end)]):
            yield replace(block, path=(int(block.path[0]) + start, *block.path[1:]))

    def from_model(self, position: int) -> bool:
        return self.dialect.from_model(self.message(position))

    def tools(self) -> bytes:
        span = self.top.get("tools")
        return self.body[span.start : span.end] if span else b""


class CacheAligner:
    """Aligns the requests of all conversations; safe to share between threads."""

    def __init__(self, pins: Pins) -> None:
        self._prefixes = Prefixes(pins)
        # Conversations as they stand after their last request, under its key. Who continues one takes it out.
        self._standing: Recent[bytes, Conversation] = Recent(_MOST_CHARS)
        self._lock = threading.Lock()

    def align(
        self,
        body: bytes,
        dialect: Dialect,
        options: Options,
        store: Store,
        *,
        offer: bool = True,
        record: bool = True,
        expired: Expired = never,
    ) -> Aligned:
        """The request with its new texts compressed, and everything that was sent before as it was sent.

        `offer` permits to put `headroom_retrieve` among the client's tools; without `record` nothing is remembered.
        Raises SpanError for a body that isn't JSON, and what a dialect raises for messages it can't read.
        """
        request = self._taken_apart(body, dialect)
        if not request.keys:
            return Aligned(body, False, (), False, b"")
        known = self._prefixes.known(request.keys)
        turns = self._turns(request, known)
        last = turns.get(known - 1 if known else request.first - 1)
        if last is not None and last.plain:
            self._pin(request, {}, last, None)
            return Aligned(body, False, (), False, request.keys[-1])
        offer = last.offered if last is not None else offer and _is_young(request)
        edits = self._offer(request) if offer else []
        offered = bool(edits)
        for position, turn in turns.items():
            edits += self._forms(request, position, turn.forms) if position >= 0 else []
        exchanged = self._exchanges(request, [*turns], edits) if offer else []
        outcomes: tuple[Outcome, ...] = ()
        if known < len(request.keys):
            level = options.level if offered or _TOOL in request.tools() else Level.LOSSLESS
            options = replace(options, level=level)
            outcomes, fresh = self._compressed(request, known, turns, options, store, expired, record)
            for position, forms in fresh.items():
                edits += self._forms(request, position, forms)
            if record:
                turn = Turn(offered if last is None else last.offered)
                self._pin(request, fresh, turn, _nearest(turns, exchanged))
        return Aligned(splice(body, edits), bool(edits), outcomes, offered, request.keys[-1])

    def leave_alone(self, key: bytes) -> None:
        """From the request with this key on the conversation goes as it comes: the provider refused it changed."""
        try:
            self._prefixes.pin([(key, Turn(plain=True))], over=True)
        except StoreError as error:
            _log.warning("could not be kept on disk that a conversation is left alone: %s", error)

    def keep_exchange(self, key: bytes, exchange: bytes) -> None:
        """Keeps what the client never saw of the reply to the request with this key. Raises StoreError."""
        self._prefixes.keep_exchange(key, exchange)

    def keep_reply(self, key: bytes, dialect: Dialect, id: str, said: Sequence[Any]) -> None:
        """Keeps what the client was shown of the reply to the request with this key, which has this id.

        Requests that name it go on from there. Raises StoreError.
        """
        if key:
            self._prefixes.keep_reply(dialect, id, Reply(key, tuple(said)))

    def _taken_apart(self, body: bytes, dialect: Dialect) -> _Request:
        top = {member.key: member.span for member in members(body)}
        span = top.get(dialect.conversation)
        if span is None or body[span.start : span.start + 1] != b"[":
            return _Request(body, dialect, top, (), ())
        messages = elements(body, span)
        earlier = [decoded(body, top[name]) for name in _EARLIER if name in top]
        named = next((one for one in earlier if one is not None), None)
        origin = self._prefixes.reply(dialect, named) if isinstance(named, str) else None
        if origin is not None:
            start = self._prefixes.after(origin, dialect)
        else:
            start = self._prefixes.root(dialect, b"" if named is None else repr(named).encode())
        keys = self._prefixes.keys(body, messages, dialect, start)
        return _Request(body, dialect, top, messages, keys, origin, named is not None and origin is None)

    def _turns(self, request: _Request, known: int) -> dict[int, Turn]:
        """The turns that matter, by position: of the first `known` messages, and of the one before all of them."""
        turns = self._prefixes.turns(request.keys, known)
        turn = self._prefixes.turn(request.origin.key) if request.origin else None
        return turns if turn is None else {**turns, request.first - 1: turn}

    def _offer(self, request: _Request) -> list[Edit]:
        """The definition of `headroom_retrieve` among the client's tools; nothing where it has none."""
        span = request.top.get("tools")
        if span is None or _TOOL in request.tools():
            return []
        place = request.dialect.offer(decoded(request.body, span), definition(request.dialect))
        if place is None:
            return []
        path, element = place
        return [appended(request.body, locate(request.body, path, span), msgspec.json.encode(element))]

    def _forms(self, request: _Request, position: int, forms: Sequence[Form]) -> list[Edit]:
        places = self._prefixes.places(
            request.body, request.messages[position], request.dialect, [form.path for form in forms]
        )
        return [Edit(span, form.literal) for span, form in zip(places, forms, strict=True)]

    def _exchanges(self, request: _Request, positions: Sequence[int], edits: list[Edit]) -> list[int]:
        """Adds the edits that put hidden exchanges back after these messages; says after which there is one."""
        reply = replies().get(request.dialect.name)
        found = []
        for position in positions:
            key = request.origin.key if position < 0 and request.origin else request.keys[position]
            following = request.messages[max(0, position + 1) :]
            exchange = self._prefixes.exchange(key)
            if exchange is not None and reply is not None and following:
                found.append(position)
                edits += reply.replay(request.body, following, exchange)
        return found

    def _compressed(
        self,
        request: _Request,
        known: int,
        turns: Mapping[int, Turn],
        options: Options,
        store: Store,
        expired: Expired,
        record: bool,
    ) -> tuple[tuple[Outcome, ...], dict[int, tuple[Form, ...]]]:
        """What becomes of the texts of the messages after the `known` ones: outcomes, and forms by message."""
        conversation = self._conversation(request, known, turns, record)
        edge = self._edge(request, known)
        blocks = list(self._blocks(request, known))
        sent = [block for block in blocks if _position(block) < edge]
        for block in sent:
            conversation.add(block, block.text)
        new = [block for block in blocks if _position(block) >= edge]
        outcomes = compress_blocks(new, options, store, conversation, expired)
        if record and not any(outcome.reason is Reason.STORE_FAILED for outcome in outcomes):
            self._keep_standing(request.keys[-1], conversation, len(request.body))
        fresh: dict[int, tuple[Form, ...]] = {}
        for outcome in outcomes:
            if outcome.changed:
                position, *path = outcome.block.path
                form = Form(tuple(path), literal(outcome.text))
                fresh[int(position)] = (*fresh.get(int(position), ()), form)
        earlier = [Outcome(block, block.text, Reason.ALREADY_SENT) for block in sent]
        return (*earlier, *outcomes), fresh

    def _edge(self, request: _Request, known: int) -> int:
        """From which message on texts may change: those that the provider can't have seen as they came.

        A conversation that began here went past us ever since, also where its client rewrote a part of it. Of one that
        is met midway only what follows the model's last message is new.
        """
        if known or request.origin:
            return known
        spoken = [i for i in range(len(request.messages)) if request.from_model(i)]
        return spoken[-1] + 1 if spoken else 0

    def _blocks(self, request: _Request, known: int) -> Iterable[Block]:
        """The texts from message `known` on, with the model's calls right before them in sight."""
        start = known
        if not request.from_model(known):
            while start > request.first and not request.from_model(start - 1):
                start -= 1
            while start > request.first and request.from_model(start - 1):
                start -= 1
        return [block for block in request.blocks(start, len(request.messages)) if _position(block) >= known]

    def _conversation(self, request: _Request, known: int, turns: Mapping[int, Turn], take: bool) -> Conversation:
        """The conversation after its `known` messages: the standing one, or made again from what was sent."""
        key = request.keys[known - 1] if known else request.origin.key if request.origin else b""
        if key and take:
            with self._lock:
                standing = self._standing.pop(key)
            if standing is not None:
                for block in request.blocks(request.first, 0) if not known else ():
                    standing.add(block, block.text)
                return standing
        again = Conversation()
        shown = {
            (position, *form.path): msgspec.json.decode(form.literal)
            for position, turn in turns.items()
            for form in turn.forms
        }
        for block in request.blocks(request.first, known):
            again.add(block, shown.get(block.path, block.text))
        return again

    def _keep_standing(self, key: bytes, conversation: Conversation, weight: int) -> None:
        with self._lock:
            self._standing.put(key, conversation, weight)

    def _pin(self, request: _Request, fresh: Mapping[int, tuple[Form, ...]], turn: Turn, before: int | None) -> None:
        """Pins the messages that have forms and the last one, each like `turn`; `before` is the nearest with any."""
        rows = []
        for position in sorted({*fresh, len(request.keys) - 1}):
            forms = fresh.get(position, ())
            back = 0 if before is None else position - before
            rows.append((request.keys[position], Turn(turn.offered, back, forms, turn.plain)))
            before = position if forms else before
        try:
            self._prefixes.pin(rows)
        except StoreError as error:
            _log.warning("what was sent could not be pinned on disk: %s", error)


def _is_young(request: _Request) -> bool:
    """Whether a conversation begins here, so that the tool list can be the same in all of its requests (R4).

    Clients that begin with a tool's result, of a call that they made up or kept from before, count as beginning too.
    """
    if request.adopted:
        return False
    speakers = [request.from_model(i) for i in range(len(request.messages))]
    return sum(now and not before for before, now in zip([False, *speakers], speakers, strict=False)) <= 1


def _nearest(turns: Mapping[int, Turn], exchanged: Sequence[int]) -> int | None:
    """The nearest message sent before that has forms or is followed by a hidden exchange."""
    mattering = [position for position, turn in turns.items() if turn.forms or position in exchanged]
    if mattering or not turns:
        return max(mattering, default=None)
    position = min(turns)
    return position - turns[position].back if turns[position].back else None


def _position(block: Block) -> int:
    return int(block.path[0])
