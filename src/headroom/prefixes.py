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
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec
import zstandard

from headroom.interfaces import Dialect, Pins
from headroom.recent import Recent
from headroom.wire.spans import Path, Span, decoded, locate_all

_KEY_BYTES = 16
_MOST_MESSAGES, _MOST_FORMS, _ROW = 20_000, 24_000_000, 200  # messages; characters of forms, and what a row adds
_LARGE = 400  # bytes; from here on a row is packed
_EXCHANGE = b"exchange"


class Form(msgspec.Struct, frozen=True, array_like=True):
    """A text that was replaced: its path inside the message, and the JSON literal that stands there instead."""

    path: tuple[str | int, ...]
    literal: bytes


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """What is pinned under a prefix: its last message's forms, and what holds for the whole conversation.

    `back` is how many messages before it the nearest one stands that has forms or is followed by a hidden exchange, 0
    for none; `plain` says that the conversation goes on as it comes from here on.
    """

    offered: bool = False
    back: int = 0
    forms: tuple[Form, ...] = ()
    plain: bool = False


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """A reply that requests may go on from: the key of the prefix it followed, and what the client was shown of it."""

    key: bytes
    said: tuple[Any, ...]


@dataclass(slots=True)
class _Message:
    """What is known of a message's bytes: who it is, and where the texts stand that were replaced in it."""

    identity: bytes
    places: dict[Path, Span] = field(default_factory=dict)


class Prefixes:
    """The keys and turns of all conversations that pass through. Safe to share between threads."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins
        self._lock = threading.Lock()
        self._messages: Recent[bytes, _Message] = Recent(_MOST_MESSAGES)
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

    def keys(self, body: bytes, spans: Sequence[Span], dialect: Dialect, key: bytes) -> list[bytes]:
        """The key of each prefix of a conversation whose elements stand at `spans` and which goes on from `key`."""
        keys = []
        for span in spans:
            key = _hash(key + self._message(body, span, dialect).identity)
            keys.append(key)
        return keys

    def _message(self, body: bytes, span: Span, dialect: Dialect) -> _Message:
        raw = _hash(memoryview(body)[span.start : span.end])
        with self._lock:
            seen = self._messages.get(raw)
        if seen is None:
            seen = _Message(_identity(dialect.settled(decoded(body, span))))
            with self._lock:
                self._messages.put(raw, seen)
        return seen

    def places(self, body: bytes, span: Span, dialect: Dialect, paths: Sequence[Path]) -> list[Span]:
        """Where the values at these paths of the message at `span` stand. Raises SpanError."""
        known = self._message(body, span, dialect).places
        missing = [path for path in paths if path not in known]
        if missing:
            found = locate_all(body, missing, span)
            known.update((p, Span(s - span.start, e - span.start)) for p, (s, e) in zip(missing, found, strict=True))
        return [Span(known[path].start + span.start, known[path].end + span.start) for path in paths]

    def known(self, keys: Sequence[bytes]) -> int:
        """How many messages of the conversation were sent before."""
        with self._lock:
            for i in range(len(keys) - 1, -1, -1):
                if self._turns.get(keys[i]) is not None:
                    return i + 1
        found = self._pins.get_many(keys)
        last = max((i for i, key in enumerate(keys) if key in found), default=-1)
        if last >= 0:
            self._hold(keys[last], _unpacked(found[keys[last]]))
        return last + 1

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
            row = self._pins.get_many([key]).get(key)
            if row is None:
                return None
            turn = _unpacked(row)
            self._hold(key, turn)
        return turn

    def pin(self, turns: Sequence[tuple[bytes, Turn]], over: bool = False) -> None:
        """Keeps what was sent, `over` what is there. Raises StoreError; what is held in memory holds all the same."""
        for key, turn in turns:
            self._hold(key, turn)
        self._pins.put_many([(key, _packed(turn)) for key, turn in turns], over)

    def _hold(self, key: bytes, turn: Turn) -> None:
        with self._lock:
            self._turns.put(key, turn, _ROW + sum(len(form.literal) for form in turn.forms))

    def keep_exchange(self, key: bytes, exchange: bytes) -> None:
        """Keeps what the client never saw of the reply that follows a prefix. Raises StoreError."""
        with self._lock:
            self._exchanges.put(key, exchange, _ROW + len(exchange))
        self._pins.put_many([(_hash(key + _EXCHANGE), zstandard.compress(exchange))])

    def exchange(self, key: bytes) -> bytes | None:
        """The hidden exchange that follows a prefix."""
        with self._lock:
            held = self._exchanges.get(key)
        if held is None:
            row = _hash(key + _EXCHANGE)
            packed = self._pins.get_many([row]).get(row)
            held = zstandard.decompress(packed) if packed else b""
            with self._lock:
                self._exchanges.put(key, held, _ROW + len(held))
        return held or None

    def keep_reply(self, dialect: Dialect, id: str, reply: Reply) -> None:
        """Keeps what requests may go on from by its id. Raises StoreError."""
        row, packed = _row_of(dialect, id), _encode(reply)
        with self._lock:
            self._replies.put(row, reply, _ROW + len(packed))
        self._pins.put_many([(row, zstandard.compress(packed))])

    def reply(self, dialect: Dialect, id: str) -> Reply | None:
        """The reply with this id; None where it did not pass here."""
        row = _row_of(dialect, id)
        with self._lock:
            held = self._replies.get(row)
        if held is None and (packed := self._pins.get_many([row]).get(row)):
            held = _decode_reply(zstandard.decompress(packed))
        return held


def _row_of(dialect: Dialect, id: str) -> bytes:
    return _hash(json.dumps([dialect.name, id]).encode())


def _hash(data: bytes | memoryview) -> bytes:
    return blake2b(data, digest_size=_KEY_BYTES).digest()


def _identity(message: Any) -> bytes:
    """The same for the same message, however its JSON is spelled."""
    spelled = json.dumps(message, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _hash(spelled.encode("utf-8", "surrogatepass"))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Turn).decode
_decode_reply = msgspec.msgpack.Decoder(Reply).decode
_PLAIN, _ZSTD = b"\x00", b"\x01"


def _packed(turn: Turn) -> bytes:
    row = _encode(turn)
    return _PLAIN + row if len(row) < _LARGE else _ZSTD + zstandard.compress(row)


def _unpacked(row: bytes) -> Turn:
    return _decode(zstandard.decompress(row[1:]) if row[:1] == _ZSTD else row[1:])
