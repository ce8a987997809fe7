"""CacheAligner: which bytes of a request may change, so that the provider's prompt cache keeps hitting.

What was sent before is sent again in the same form. Only texts that are new at the end of a conversation are
compressed, once, and pinned. Where a running conversation is seen for the first time, what stands before its newest
messages stays as it is: the provider may have it cached.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from secrets import token_hex
from typing import Any

from headroom.ccr.clients_tool import with_answers
from headroom.channel import Channel, channel_of, has_tool
from headroom.conversation import Conversation
from headroom.hints import intent_of
from headroom.interfaces import Dialect, Pins, Store
from headroom.marker import RETRIEVE_TOOL
from headroom.model import Block, Expired, Intent, Reason, never
from headroom.options import Options
from headroom.pipeline import Outcome, compress_blocks
from headroom.plugins import replies
from headroom.prefixes import Form, Prefixes, Reply, Turn
from headroom.recent import Recent
from headroom.request import EARLIER, Request
from headroom.wire.spans import decoded, elements, members
from headroom.wire.splice import Edit, literal, splice

_NAME_BYTES = 6  # of a conversation's name
_MOST_CHARS = 16_000_000  # of the conversations that are held ready to be continued


@dataclass(frozen=True, slots=True)
class Aligned:
    """A request as it goes upstream.

    `body` is the very object that came where nothing changes. `outcomes` are those of the texts that are new. `channel`
    is the tool by which the model may ask for originals: `headroom_retrieve` where the definition was put among the
    tools, or one of the client's; empty where by none that is ours to answer. `keys` stand for the conversation up to
    each of its messages.

    For the books: `conversation` is one name for all of its requests, `model` who is asked; `edits` say what was
    changed in the body that came, `boundary` from which byte on that body is new; `plain`, that this conversation goes
    as it comes, `held_out`, that it does so to compare others with it; `adopted`, that it is met here in its midst.
    """

    body: bytes
    changed: bool
    outcomes: tuple[Outcome, ...] = ()
    channel: str = ""
    keys: Sequence[bytes] = ()
    conversation: str = ""
    model: str = ""
    edits: tuple[Edit, ...] = ()
    boundary: int = 0
    plain: bool = False
    held_out: bool = False
    adopted: bool = False

    @property
    def key(self) -> bytes:
        """What stands for the whole of it, empty where it can't be read."""
        return self.keys[-1] if self.keys else b""

    @property
    def offered(self) -> bool:
        """Whether the definition of `headroom_retrieve` was put among the tools."""
        return self.channel == RETRIEVE_TOOL

    def pin_of(self, outcome: Outcome) -> bytes:
        """The key under which the form of a new text is pinned; empty where there is none."""
        position = _position(outcome.block)
        return self.keys[position] if outcome.changed and 0 <= position < len(self.keys) else b""

    @property
    def cut_off(self) -> int:
        """How many texts the time budget left as they are."""
        return sum(outcome.reason is Reason.OUT_OF_TIME for outcome in self.outcomes)


def _nobody(conversation: str) -> bool:
    return False


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
        hold_out: Callable[[str], bool] = _nobody,
    ) -> Aligned:
        """The request with its new texts compressed, and everything that was sent before as it was sent.

        `offer` permits to put `headroom_retrieve` among the client's tools; without `record` nothing is remembered.
        `hold_out` says of a conversation that begins here whether it goes as it comes, to compare others with. Raises
        SpanError for a body that isn't JSON, and what a dialect raises for messages it can't read.
        """
        request = self._taken_apart(body, dialect)
        if not request.keys:
            return self._with_nothing_new(request)
        edits = request.renaming()
        known = self._prefixes.known(request.keys)
        turns = self._turns(request, known)
        last = self._before(request, known)
        name = last.conversation if last and last.conversation else token_hex(_NAME_BYTES)
        if record and last is None and request.is_young() and hold_out(name):
            last = Turn(plain=True, held_out=True)
        if last is not None and last.plain:
            turn = Turn(plain=True, conversation=name, held_out=last.held_out)
            if record and known < len(request.keys):
                self._pin(request, {}, turn, turns, ())
            return _aligned(request, edits, name, known, plain=True, held_out=last.held_out)
        channel = channel_of(request, last, known, offer)
        edits += channel.edits
        for position, turn in turns.items():
            edits += self._forms(request, position, turn.forms) if position >= 0 else []
        exchanged = self._exchanges(request, [*turns], edits) if channel.name else []
        outcomes: tuple[Outcome, ...] = ()
        if known < len(request.keys):
            options = options if channel.tool or has_tool(request) else options.lossless()
            outcomes, fresh = self._compressed(request, known, turns, channel, options, store, expired, record)
            for position, turn in fresh.items():
                edits += self._forms(request, position, turn.forms)
            expired()  # raises where nobody waits any more: what is not sent is not pinned
            turn = Turn(channel.name, conversation=name)
            if record and not self._pin(request, fresh, turn, turns, exchanged):
                self._take_standing(request.keys[-1])  # somebody else was first with the same: what they sent holds
                return self.align(body, dialect, options, store, offer=offer)
        adopted = last is None and not request.is_young()
        return _aligned(request, edits, name, known, outcomes=outcomes, channel=channel.tool, adopted=adopted)

    def _with_nothing_new(self, request: Request) -> Aligned:
        """A request without messages: it can't be read, or adds none to the reply that it goes on from."""
        turn = self._prefixes.turn(request.origin.key) if request.origin else None
        if request.origin is None or turn is None:
            return Aligned(request.body, False)
        channel = Channel("") if turn.plain else channel_of(request, turn, 0, offer=False)
        edits = [*request.renaming(), *channel.edits]
        key = self._prefixes.after(request.origin, request.dialect)
        found = _aligned(request, edits, turn.conversation, 0, channel=channel.tool, plain=turn.plain)
        return replace(found, keys=(key,))

    def leave_alone(self, key: bytes) -> None:
        """From the request with this key on the conversation goes as it comes: the provider refused it changed."""
        self._prefixes.leave_alone(key)

    def let_pass(self, body: bytes, dialect: Dialect) -> None:
        """This request went as it came, and what continues it does too, whatever an `align` still at work makes of it.

        Raises what `align` raises for a body that it can't read.
        """
        request = self._taken_apart(body, dialect)
        if request.keys:
            self._prefixes.leave_alone(request.keys[-1], self._before(request, self._prefixes.known(request.keys)))

    def keep_exchange(self, key: bytes, exchange: bytes) -> None:
        """Keeps what the client never saw of the reply to the request with this key. Raises StoreError."""
        self._prefixes.keep_exchange(key, exchange)

    def keep_reply(self, key: bytes, dialect: Dialect, id: str, last: str, said: Sequence[Any]) -> None:
        """Keeps what the client was shown of the reply to the request with this key, which it knows by this `id`.

        Requests that name it go on from there, at the provider from the reply with the id `last`. Raises StoreError.
        """
        if key:
            self._prefixes.keep_reply(dialect, id, Reply(key, last, tuple(said)))

    def renamed(self, body: bytes, dialect: Dialect) -> bytes:
        """A request as it came, but for the name of the reply that it goes on from, which has to be the provider's."""
        return splice(body, self._taken_apart(body, dialect).renaming())

    def _taken_apart(self, body: bytes, dialect: Dialect) -> Request:
        top = {member.key: member.span for member in members(body)}
        span = top.get(dialect.conversation)
        if span is None or body[span.start : span.start + 1] != b"[":
            return Request(body, dialect, top, (), (), ())
        messages = elements(body, span)
        earlier = [decoded(body, top[name]) if name in top else None for name in EARLIER]
        named = next((one for one in earlier if one is not None), None)
        origin = self._prefixes.reply(dialect, earlier[0]) if isinstance(earlier[0], str) else None
        if origin is not None:
            start = self._prefixes.after(origin, dialect)
        else:
            start = self._prefixes.root(dialect, b"" if named is None else repr(named).encode())
        known = [self._prefixes.message(body, message, dialect) for message in messages]
        keys = self._prefixes.keys(known, start)
        return Request(body, dialect, top, messages, known, keys, origin, named is not None and origin is None)

    def _turns(self, request: Request, known: int) -> dict[int, Turn]:
        """The turns that matter, by position: of the first `known` messages, and of the one before all of them."""
        turns = self._prefixes.turns(request.keys, known)
        turn = self._prefixes.turn(request.origin.key) if request.origin else None
        return turns if turn is None else {**turns, request.first - 1: turn}

    def _before(self, request: Request, known: int) -> Turn | None:
        """What is pinned of the newest message that was sent before."""
        if known:
            return self._prefixes.turn(request.keys[known - 1])
        return self._prefixes.turn(request.origin.key) if request.origin else None

    def _forms(self, request: Request, position: int, forms: Sequence[Form]) -> list[Edit]:
        paths = [form.path for form in forms]
        places = request.known[position].places(request.body, request.messages[position], paths)
        return [Edit(span, form.literal) for span, form in zip(places, forms, strict=True)]

    def _exchanges(self, request: Request, positions: Sequence[int], edits: list[Edit]) -> list[int]:
        """Adds the edits that put hidden exchanges back after these messages; says after which there is one."""
        reply = replies().get(request.dialect.name)
        found: list[int] = []
        if reply is None:
            return found
        newest = max(positions, default=0)
        for position in positions:
            following = max(0, position + 1)
            if following == len(request.messages):
                continue
            exchange = self._prefixes.exchange(request.key(position), settled=position < newest)
            if exchange is not None:
                found.append(position)
                edits += reply.replay(request.body, request.messages[following:], exchange)
        return found

    def _compressed(
        self,
        request: Request,
        known: int,
        turns: Mapping[int, Turn],
        channel: Channel,
        options: Options,
        store: Store,
        expired: Expired,
        record: bool,
    ) -> tuple[tuple[Outcome, ...], dict[int, Turn]]:
        """What becomes of the texts of the messages after the `known` ones: outcomes, and forms by message."""
        conversation = self._conversation(request, known, turns, record)
        conversation.tool = channel.tool if channel.of_client else ""
        edge = self._edge(request, known)
        outcomes: list[Outcome] = []
        fresh: dict[int, Turn] = {}
        for position, texts in groupby(self._blocks(request, known), _position):
            told = frozenset(conversation.told)
            if position < edge:
                outcomes += _as_they_are([*texts], conversation)
                continue
            came = [*texts]
            blocks = [*with_answers(came, store, channel.of_client)] if channel.of_client else came
            done = _noted(came, compress_blocks(blocks, options, store, conversation, expired))
            forms = tuple(
                Form(one.block.path[1:], literal(one.text))
                for one in done
                if one.changed or one.reason is Reason.ANSWERED
            )
            if forms:
                fresh[position] = Turn(forms=forms, told=tuple(sorted(conversation.told - told)))
            outcomes += done
        if record and not any(outcome.reason is Reason.STORE_FAILED for outcome in outcomes):
            self._keep_standing(request.keys[-1], conversation, len(request.body))
        return tuple(outcomes), fresh

    def _edge(self, request: Request, known: int) -> int:
        """From which message on texts may change: those that the provider can't have seen as they came.

        A conversation that began here went past us ever since, also where its client rewrote a part of it. Of one that
        is met midway only what follows the model's last message is new.
        """
        if known or request.origin:
            return known
        spoken = [i for i in range(len(request.messages)) if request.from_model(i)]
        return spoken[-1] + 1 if spoken else 0

    def _blocks(self, request: Request, known: int) -> Iterable[Block]:
        """The texts from message `known` on, with the model's calls right before them in sight."""
        start = known
        if not request.from_model(known):
            while start > request.first and not request.from_model(start - 1):
                start -= 1
            while start > request.first and request.from_model(start - 1):
                start -= 1
        return [block for block in request.blocks(start, len(request.messages)) if _position(block) >= known]

    def _conversation(self, request: Request, known: int, turns: Mapping[int, Turn], take: bool) -> Conversation:
        """The conversation after its `known` messages: the standing one, or made again from what was sent."""
        key = request.keys[known - 1] if known else request.origin.key if request.origin else b""
        if key and take:
            standing = self._take_standing(key)
            if standing is not None:
                for block in request.blocks(request.first, 0) if not known else ():
                    standing.add(block, block.text)
                return standing
        again = Conversation(told={source for turn in turns.values() for source in turn.told})
        shown = {
            (position, *form.path): json.loads(form.literal) for position, turn in turns.items() for form in turn.forms
        }
        for block in request.blocks(request.first, known):
            text = shown.get(block.path, block.text)
            answered = block.path in shown and intent_of(block.call) is Intent.RETRIEVE
            again.add(replace(block, text=text) if answered else block, text)
        return again

    def _take_standing(self, key: bytes) -> Conversation | None:
        with self._lock:
            return self._standing.pop(key)

    def _keep_standing(self, key: bytes, conversation: Conversation, weight: int) -> None:
        with self._lock:
            self._standing.put(key, conversation, weight)

    def _pin(
        self,
        request: Request,
        fresh: Mapping[int, Turn],
        turn: Turn,
        turns: Mapping[int, Turn],
        exchanged: Sequence[int],
    ) -> bool:
        """Pins the messages that have forms and the last one, each like `turn`, behind the `turns` sent before.

        False where others have sent the same in another form.
        """
        before = None if turn.plain else _nearest(turns, exchanged)
        rows = []
        for position in sorted({*fresh, len(request.keys) - 1}):
            back = 0 if before is None else position - before
            one = fresh.get(position, Turn())
            kept = Turn(turn.channel, back, one.forms, turn.plain, one.told, turn.conversation, turn.held_out)
            rows.append((request.keys[position], kept))
            before = position if one.forms else before
        return self._prefixes.pin(rows, [request.key(position) for position in turns])


def _aligned(request: Request, edits: Sequence[Edit], conversation: str, known: int, **more: Any) -> Aligned:
    """The request with these edits; its first `known` messages were sent before."""
    boundary = request.messages[known - 1].end if 0 < known <= len(request.messages) else 0
    body = splice(request.body, edits)
    return Aligned(
        body,
        bool(edits),
        keys=request.keys,
        conversation=conversation,
        model=request.model(),
        edits=tuple(edits),
        boundary=boundary,
        **more,
    )


def _noted(came: Sequence[Block], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, with the reason of those blocks that were answered instead of what came."""
    return [
        one if one.block is block else replace(one, reason=Reason.ANSWERED)
        for block, one in zip(came, outcomes, strict=True)
    ]


def _nearest(turns: Mapping[int, Turn], exchanged: Sequence[int]) -> int | None:
    """The nearest message sent before that has forms or is followed by a hidden exchange."""
    mattering = [position for position, turn in turns.items() if turn.forms or position in exchanged]
    if mattering or not turns:
        return max(mattering, default=None)
    position = min(turns)
    return position - turns[position].back if turns[position].back else None


def _as_they_are(texts: Sequence[Block], conversation: Conversation) -> list[Outcome]:
    """The outcomes of texts that the provider may have seen, which the conversation takes in."""
    outcomes = [Outcome(block, block.text, Reason.ALREADY_SENT) for block in texts]
    for outcome in outcomes:
        conversation.add(outcome.block, outcome.text)
    return outcomes


def _position(block: Block) -> int:
    return int(block.path[0])
