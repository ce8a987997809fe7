"""Which part of a conversation was sent before, and in which form: keys of prefixes, and what is pinned under them.

A key stands for all messages up to one: it is a hash over their identities, in order. So two conversations share keys
exactly as far as they share messages, and parallel agents with one system prompt never mix (R6). What is pinned under
a key is that message's forms; rows are written for messages with forms and for the last one of every request, each
names the nearest row before it that matters, and so a conversation's rows are found from its newest one.

Some requests don't repeat the conversation but name the reply that they go on from. What that reply followed and said
is kept under its id: the keys are those of the whole conversation, and the client may repeat it all the next time.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import zstandard

from headroom.errors import StoreError
from headroom.interfaces import Dialect, Pins
from headroom.marker import RETRIEVE_TOOL
from headroom.recent import Recent
from headroom.wire.spans import Path, Span, decoded, locate_all

_log = logging.getLogger("headroom")
_KEY_BYTES = 16
_MOST_MESSAGES, _MOST_FORMS, _ROW = 16_000_000, 24_000_000, 200  # bytes that are held, and what a row adds
_MOST_OWED = 1_000  # rows that are tried again once the disk takes them
_LARGE = 400  # bytes; from here on a row is packed
_MOST_READ = 64  # rows that are held as read: each request of a conversation reads its last one
_EXCHANGE = b"exchange"


class Form(msgspec.Struct, frozen=True, array_like=True):
    """A text that was replaced: its path inside the message, and the JSON literal that stands there instead."""

    path: tuple[str | int, ...]
    literal: bytes


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """What is pinned under a prefix: its last message's forms, and what holds for the whole conversation.

    `channel` is the tool by which the model asks for originals: `headroom_retrieve` where that was offered, or one of
    the client's; empty where by none, None where no request had tools yet. `back` is how many messages before it the
    nearest one stands that has forms or is followed by a hidden exchange, 0 for none. `plain` says that the
    conversation goes on as it comes from here on. `told` are the earlier results of which these forms say what they
    were (`Conversation.told`). `conversation` is one name for all requests of a conversation, for the books, and
    `held_out` says that it goes as it comes only to compare others with it.
    """

    channel: str | None = None
    back: int = 0
    forms: tuple[Form, ...] = ()
    plain: bool = False
    told: tuple[int, ...] = ()
    conversation: str = ""
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that requests may go on from: the key of the prefix it followed, and what the client was shown of it.

    `id` is the provider's for it; the client may know it by another one, where the turn began with other replies.
    """

    key: bytes
    id: str
    said: tuple[Any, ...]


@dataclass(slots=True)
class Message:
    """What is known of a message's bytes: who it is, and where the texts stand that were replaced in it."""

    identity: bytes
    _places: dict[Path, Span] = field(default_factory=dict)

    def places(self, body: bytes, at: Span, paths: Sequence[Path]) -> list[Span]:
        """Where the values at these paths stand in a body that has the message at `at`. Raises SpanError."""
        known, start = self._places, at.start
        if missing := [path for path in paths if path not in known]:
            found = locate_all(body, missing, at)
            known.update((p, Span(s - start, e - start)) for p, (s, e) in zip(missing, found, strict=True))
        return [Span(known[path].start + start, known[path].end + start) for path in paths]


class Prefixes:
    """The keys and turns of all conversations that pass through. Safe to share between threads."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins
        self._lock = threading.Lock()
        self._owed: list[tuple[bytes, bytes]] = []
        self._messages: Recent[tuple[str, bytes], Message] = Recent(_MOST_MESSAGES)
        self._turns: Recent[bytes, Turn] = Recent(_MOST_FORMS)
        self._exchanges: Recent[bytes, bytes] = Recent(_MOST_FORMS)
        self._replies: Recent[bytes, Reply] = Recent(_MOST_FORMS)

    def root(self, dialect: Dialect, earlier: bytes = b"") -> bytes:
        """The key of a conversation's beginning, or of what goes on from something `earlier` that is not known."""
        return _hash(dialect.name.encode() + earlier)

    def after(self, reply: Reply, dialect: Dialect) -> bytes:
        """The key of the prefix that ends with a reply."""
        key = reply.key
        for message in reply.said:
            key = _hash(key + _identity(dialect.settled(message)))
        return key

    def keys(self, messages: Iterable[Message], key: bytes) -> list[bytes]:
        """The key of each prefix of a conversation that goes on from `key` with these messages."""
        keys = []
        for message in messages:
            key = _hash(key + message.identity)
            keys.append(key)
        return keys

    def message(self, body: bytes, span: Span, dialect: Dialect) -> Message:
        """What is known of the message that stands there. Raises SpanError."""
        raw = dialect.name, body[span.start : span.end]
        with self._lock:
            seen = self._messages.get(raw)
        if seen is None:
            seen = Message(_identity(dialect.settled(decoded(body, span))))
            with self._lock:
                self._messages.put(raw, seen, _ROW + len(raw[1]))
        return seen

    def known(self, keys: Sequence[bytes]) -> int:
        """How many messages of the conversation were sent before, by this process or by another."""
        with self._lock:
            held = next((i for i in reversed(range(len(keys))) if self._turns.get(keys[i]) is not None), -1)
            turn = self._turns.get(keys[held]) if held >= 0 else None
        # The row of the one held too: another process may know better, unless it is to be left alone.
        first = held if turn is not None and not turn.plain else held + 1
        rows = self._rows(keys[first:]) or {}
        for i in reversed(range(first, len(keys))):
            if keys[i] in rows:
                self._hold(keys[i], _unpacked(rows[keys[i]]), over=True)
                return i + 1
        return held + 1

    def _rows(self, keys: Sequence[bytes]) -> dict[bytes, bytes] | None:
        """What is kept under these keys; None where that can't be read."""
        try:
            return self._pins.get_many(keys)
        except StoreError as error:
            _log.warning("what was sent before could not be read from disk: %s", error)
            return None

    def turns(self, keys: Sequence[bytes], known: int) -> dict[int, Turn]:
        """The turns that matter of the first `known` messages, by position, the newest first."""
        found: dict[int, Turn] = {}
        at = known - 1
        while at >= 0:
            turn = self.turn(keys[at])
            if turn is None:  # its row has expired: the conversation is older than any cache of it
                break
            found[at] = turn
            at = at - turn.back if turn.back > 0 else -1
        return found

    def turn(self, key: bytes) -> Turn | None:
        """What is pinned under a key."""
        with self._lock:
            turn = self._turns.get(key)
        if turn is None:
            row = (self._rows([key]) or {}).get(key)
            if row is None:
                return None
            turn = self._hold(key, _unpacked(row))
        return turn

    def pin(self, turns: Sequence[tuple[bytes, Turn]], used: Sequence[bytes] = ()) -> bool:
        """Keeps what is about to be sent; what was pinned under the keys in `used` goes on being kept.

        False where somebody else has sent the same in another form: that holds. What the disk doesn't take holds in
        memory, and is tried again with the next pins.
        """
        rows = [(key, _packed(turn)) for key, turn in turns]
        with self._lock:
            owed, self._owed = self._owed, []
        there: dict[bytes, bytes] = {}
        try:
            there = self._pins.put_many([*owed, *rows], used=[*used, *map(_exchange_row, used)])
        except StoreError as error:
            _log.warning("what was sent could not be pinned on disk: %s", error)
            with self._lock:
                self._owed = [*self._owed, *owed, *rows][-_MOST_OWED:]
        stand = [
            self._hold(key, _unpacked(there[key]) if key in there else turn, over=key in there) for key, turn in turns
        ]
        return stand == [turn for _, turn in turns]

    def leave_alone(self, key: bytes, before: Turn | None = None) -> None:
        """From this prefix on the conversation goes as it comes; `before` is what was pinned of it last."""
        sent = before or self.turn(key) or Turn()
        turn = Turn(plain=True, conversation=sent.conversation, held_out=sent.held_out)
        self._hold(key, turn, over=True)
        try:
            self._pins.put_many([(key, _packed(turn))], over=True)
        except StoreError as error:
            _log.warning("could not be kept on disk that a conversation is left alone: %s", error)

    def _hold(self, key: bytes, turn: Turn, over: bool = False) -> Turn:
        """Holds a turn in memory, unless there is one; gives the one that is held."""
        with self._lock:
            held = None if over else self._turns.get(key)
            if held is None:
                self._turns.put(key, turn, _ROW + sum(len(form.literal) for form in turn.forms))
            return held or turn

    def keep_exchange(self, key: bytes, exchange: bytes) -> None:
        """Keeps what the client never saw of the last reply that followed a prefix. Raises StoreError."""
        with self._lock:
            self._exchanges.put(key, exchange, _ROW + len(exchange))
        self._pins.put_many([(_exchange_row(key), zstandard.compress(exchange))], over=True)

    def exchange(self, key: bytes, settled: bool) -> bytes | None:
        """The hidden exchange that follows a prefix; `settled` says that what came after it was sent before.

        Until then another process may just have kept one.
        """
        with self._lock:
            held = self._exchanges.get(key)
        if held is None or not (held or settled):
            row = _exchange_row(key)
            rows = self._rows([row])
            if rows is None:
                return None
            held = zstandard.decompress(rows[row]) if row in rows else b""
            with self._lock:
                self._exchanges.put(key, held, _ROW + len(held))
        return held or None

    def keep_reply(self, dialect: Dialect, id: str, reply: Reply) -> None:
        """Keeps a reply under the id that the client has for it. Raises StoreError."""
        row, packed = _reply_row(dialect, id), json.dumps([reply.key.hex(), reply.id, reply.said]).encode()
        with self._lock:
            self._replies.put(row, reply, _ROW + len(packed))
        self._pins.put_many([(row, zstandard.compress(packed))])

    def reply(self, dialect: Dialect, id: str) -> Reply | None:
        """The reply that the client knows by this id; None where it did not pass here."""
        row = _reply_row(dialect, id)
        with self._lock:
            held = self._replies.get(row)
        if held is None and (packed := (self._rows([row]) or {}).get(row)):
            key, own, said = json.loads(zstandard.decompress(packed))
            held = Reply(bytes.fromhex(key), own, tuple(said))
        return held


def _exchange_row(key: bytes) -> bytes:
    return _hash(key + _EXCHANGE)


def _reply_row(dialect: Dialect, id: str) -> bytes:
    return _hash(json.dumps([dialect.name, id]).encode())


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=_KEY_BYTES).digest()


def _identity(message: Any) -> bytes:
    """The same for the same message, however its JSON is spelled."""
    spelled = json.dumps(message, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _hash(spelled.encode("utf-8", "surrogatepass"))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Turn).decode
_PLAIN, _ZSTD = b"\x00", b"\x01"


def _packed(turn: Turn) -> bytes:
    row = _encode(turn)
    return _PLAIN + row if len(row) < _LARGE else _ZSTD + zstandard.compress(row)


@lru_cache(maxsize=_MOST_READ)
def _unpacked(row: bytes) -> Turn:
    packed = zstandard.decompress(row[1:]) if row[:1] == _ZSTD else row[1:]
    try:
        return _decode(packed)
    except msgspec.ValidationError:  # version 0.1 said just whether `headroom_retrieve` was offered
        offered, *rest = msgspec.msgpack.decode(packed)
        return msgspec.convert([RETRIEVE_TOOL if offered else "", *rest], Turn)
