"""Finds what breaks the client's own prompt caching: words before a conversation that change while it goes on.

Providers cache a request from its first byte on: tools and system prompt come first, the conversation after them. A
date in the system prompt, or tools in another order than last time, and all that follows is read at full price again.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from headroom.interfaces import Dialect
from headroom.ledger.record import Break
from headroom.proxy.differences import alike, in_system, in_tools
from headroom.proxy.heads import head_of
from headroom.recent import Recent
from headroom.tokens import count_tokens
from headroom.wire.spans import Span, decoded

_log = logging.getLogger("headroom.proxy")
_MOST_BYTES, _ROW, _MOST_HEADS = 8_000_000, 500, 4  # of all heads, what each adds; heads of one conversation
_OPENING = 2  # messages that tell conversations apart: what was asked first, and what the model answered
_SAMPLE, _SAMPLES = 4_096, 8  # bytes, from so many places of what is to be read again
_NOWHERE = Span(0, 0)


class _Head(NamedTuple):
    """What stands before a conversation, as pieces of JSON."""

    tools: bytes
    system: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return len(self.tools) + sum(map(len, self.system))


class _Sent(NamedTuple):
    """A head that was sent, and how many messages of the conversation behind it."""

    head: _Head
    messages: int


@dataclass(frozen=True, slots=True)
class _Request:
    """A body taken apart; `key` stands for its conversation, "" before the model has spoken."""

    body: bytes
    head: _Head
    messages: Sequence[Span]
    key: bytes


class Breakers:
    """Compares each request with the one before it in its conversation. Safe to share between threads."""

    def __init__(self) -> None:
        self._conversations: Recent[bytes, list[_Sent]] = Recent(_MOST_BYTES)
        self._lock = threading.Lock()

    def found(self, body: bytes, dialect: Dialect) -> tuple[Break, ...]:
        """What broke the cache between the request before and this one, as both were sent."""
        try:
            request = _taken_apart(body, dialect)
            return self._compared(request) if request.key else ()
        except Exception as error:  # only an observation: what it can't read it says nothing of
            _log.info("a request is not compared with the one before: %r", error)
            return ()

    def _compared(self, request: _Request) -> tuple[Break, ...]:
        now = _Sent(request.head, len(request.messages))
        with self._lock:
            before = self._conversations.get(request.key) or []
            others = [sent for sent in before if sent.head != now.head]
            kept = [now, *others][:_MOST_HEADS]
            self._conversations.put(request.key, kept, _ROW + sum(sent.head.size for sent in kept))
        if not before or before[0].head == now.head or now.messages < before[0].messages:
            return ()
        known = next((sent.messages for sent in before if sent.head == now.head), 0)
        return _breaks(before[0], request, known)


def _taken_apart(body: bytes, dialect: Dialect) -> _Request:
    top, system, messages = head_of(body, dialect)
    opening = [dialect.settled(decoded(body, span)) for span in messages[:_OPENING]]
    model, tools = (_raw(body, top.get(name, _NOWHERE)) for name in ("model", "tools"))
    said = json.dumps([dialect.name, opening], sort_keys=True).encode()
    key = blake2b(model + said, digest_size=16).digest() if len(opening) == _OPENING else b""
    return _Request(body, _Head(tools, tuple(_raw(body, span) for span in system)), messages, key)


def _breaks(before: _Sent, request: _Request, known: int) -> tuple[Break, ...]:
    """What differs from what was sent before; with this head the provider has read the first `known` messages."""
    head, last = request.head, before.head
    tools, system = in_tools(last.tools, head.tools), in_system(last.system, head.system)
    if not (tools or system) or known >= before.messages:
        return ()
    again = _raw(request.body, Span(request.messages[known].start, request.messages[before.messages - 1].end))
    if not known and tools:
        again += head.tools[alike(last.tools, head.tools) :] + b"".join(head.system)
    elif not known:
        system_before, system_now = b"".join(last.system), b"".join(head.system)
        again += system_now[alike(system_before, system_now) :]
    return (Break("; ".join(filter(None, (tools, system))), _tokens(again)),)


def _tokens(raw: bytes) -> int:
    """About the tokens of a piece of JSON, by a few samples of it, their strings read without most escapes."""
    step = max(_SAMPLE, len(raw) // _SAMPLES)
    seen = b"".join(raw[at : at + _SAMPLE] for at in range(0, len(raw), step))
    text = seen.decode("utf-8", "replace").replace("\\n", "\n").replace('\\"', '"')
    return count_tokens(text) * len(raw) // max(len(seen), 1)


def _raw(body: bytes, span: Span) -> bytes:
    return body[span.start : span.end]
