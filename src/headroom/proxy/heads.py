"""What stands before a conversation in a request: where its system prompt is, and where the messages behind begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from headroom.interfaces import Dialect
from headroom.wire.spans import Span, decoded, elements, kind, members

_SYSTEM = ("system", "instructions", "systemInstruction", "system_instruction")
_SYSTEM_ROLES = frozenset(("system", "developer"))
_TEXTUAL = ("content", "parts", "text")


class Head(NamedTuple):
    """The members of a body, the values among them that make its system prompt, and the messages that follow it."""

    top: Mapping[str, Span]
    system: Sequence[Span]
    messages: Sequence[Span]


def head_of(body: bytes, dialect: Dialect) -> Head:
    """The head of a request; messages of the system's that come first belong to it. Raises SpanError."""
    top = {member.key: member.span for member in members(body)}
    array = top.get(dialect.conversation)
    spans = elements(body, array) if array and kind(body, array) == "array" else []
    leading = 0
    while leading < len(spans) and _is_systems(decoded(body, spans[leading])):
        leading += 1
    system = [*(top[name] for name in _SYSTEM if name in top), *spans[:leading]]
    return Head(top, system, spans[leading:])


def texts(body: bytes, value: Span) -> Iterator[Span]:
    """The strings of a part of a system prompt that the model reads."""
    match kind(body, value):
        case "string":
            yield value
        case "array":
            for element in elements(body, value):
                yield from texts(body, element)
        case "object":
            for member in members(body, value):
                if member.key in _TEXTUAL:
                    yield from texts(body, member.span)


def _is_systems(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") in _SYSTEM_ROLES
