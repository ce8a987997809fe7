"""Where a note can be put into a message of the user's or a tool's, so that every provider takes it.

It goes inside the message, behind all that the client says in it. A message of its own would break the order of roles
that some providers insist on. After a tool's result it stands in that result: a text beside it would begin a new turn,
in which providers drop what the model thought in the one before, and with it their cache of what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from headroom.wire.spans import Span, elements, kind, members
from headroom.wire.splice import Edit, appended, inserted_member

How = Literal["part", "text", "member"]
_MEMBER = "system_reminder"
_GAP = rb"\n\n"
_OUTPUTS = (b'"function_call_output"', b'"custom_tool_call_output"')


class Place(NamedTuple):
    """A value that a note goes to the end of: as a part of a list, as text of a string, as a member of an object."""

    span: Span
    how: How


def place(body: bytes, message: Span, dialect: str) -> Place | None:
    """Where a note goes in a message; None where there is no place in it. Raises SpanError."""
    found = _FINDERS[dialect](body, message) if kind(body, message) == "object" else None
    if found is None or kind(body, found.span) not in ("string", "array", "object"):
        return None
    return found


def added(body: bytes, span: Span, dialect: str, how: How, notes: Sequence[bytes]) -> list[Edit]:
    """The edits that put notes, given as JSON strings, to a place, as was done `how` when they were sent first.

    The client may spell the same content as a string or as parts, and change from one to the other.
    """
    before, after = _part(dialect)
    parts = b",".join(before + note + after for note in notes)
    text = _GAP.join(note[1:-1] for note in notes)
    match kind(body, span):
        case "object":
            return [inserted_member(body, span, _MEMBER, b'"' + text + b'"')]
        case "array":
            said = _last_text(body, span) if how == "text" else None
            return [appended(body, span, parts)] if said is None else [_at_end(said, text)]
        case _ if how == "text":
            return [_at_end(span, text)]
    (start, end) = span
    return [Edit(Span(start, start), b"[" + before), Edit(Span(end, end), after + b"," + parts + b"]")]


def _at_end(string: Span, text: bytes) -> Edit:
    return Edit(Span(string.end - 1, string.end - 1), _GAP + text)


def _part(dialect: str) -> tuple[bytes, bytes]:
    """What stands around a string that is a part."""
    if dialect == "gemini":
        return b'{"text":', b"}"
    return (b'{"type":"input_text","text":' if dialect == "openai_responses" else b'{"type":"text","text":'), b"}"


def _anthropic(body: bytes, message: Span) -> Place | None:
    content = _member(body, message, "content")
    if content is None:
        return None
    last = _last(body, content)
    if last is not None and _raw(body, _member(body, last, "type")) == b'"tool_result"':
        result = _member(body, last, "content")
        if result is not None and kind(body, result) in ("string", "array"):
            return Place(result, _as_it_is(body, result))
    return Place(content, "part")


def _chat(body: bytes, message: Span) -> Place | None:
    content = _member(body, message, "content")
    return None if content is None else Place(content, _as_it_is(body, content))


def _responses(body: bytes, item: Span) -> Place | None:
    kind_of_item = _raw(body, _member(body, item, "type")) or b'"message"'
    name = "content" if kind_of_item == b'"message"' else "output" if kind_of_item in _OUTPUTS else None
    content = _member(body, item, name) if name else None
    return None if content is None else Place(content, _as_it_is(body, content))


def _gemini(body: bytes, message: Span) -> Place | None:
    parts = _member(body, message, "parts")
    last = _last(body, parts) if parts is not None else None
    for name in ("functionResponse", "function_response") if last is not None else ():
        answer = _member(body, last, name)
        response = _member(body, answer, "response") if answer is not None else None
        if response is not None and kind(body, response) == "object":
            return Place(response, "member")
    return None if parts is None else Place(parts, "part")


_FINDERS: Mapping[str, Callable[[bytes, Span], Place | None]] = {
    "anthropic": _anthropic,
    "openai_chat": _chat,
    "openai_responses": _responses,
    "gemini": _gemini,
}


def _as_it_is(body: bytes, content: Span) -> How:
    return "text" if kind(body, content) == "string" else "part"


def _member(body: bytes, value: Span | None, name: str) -> Span | None:
    if value is None or kind(body, value) != "object":
        return None
    return {member.key: member.span for member in members(body, value)}.get(name)


def _last(body: bytes, array: Span) -> Span | None:
    found = elements(body, array) if kind(body, array) == "array" else []
    return found[-1] if found else None


def _last_text(body: bytes, array: Span) -> Span | None:
    text = _member(body, _last(body, array), "text")
    return text if text is not None and kind(body, text) == "string" else None


def _raw(body: bytes, span: Span | None) -> bytes:
    return body[span.start : span.end] if span is not None else b""
