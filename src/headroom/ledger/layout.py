"""Where a request's edits stand in what the provider read, in the order in which it is read, and what of it is new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from headroom.ledger.counting import Counter, Size
from headroom.ledger.record import Group, Record
from headroom.wire.spans import Span, SpanError, members
from headroom.wire.splice import Edit, splice

_CONVERSATIONS = {"openai_responses": "input", "gemini": "contents"}
_MESSAGES = "messages"
_EARLIER = ("previous_response_id", "conversation")  # members that name what the provider keeps of a conversation
_NOTHING = (b"null", b'""')


class Change(NamedTuple):
    """An edit: where its middle stands, in bytes of what went, and how much more the other form has there."""

    edit: Edit
    place: float
    more: Size


@dataclass(frozen=True, slots=True)
class Layout:
    """What went: tools and system prompt first, wherever they stand in the body, then the conversation.

    `edge` is the byte from which on it is new, `length` how many there are, `new` the new messages as a list in JSON;
    empty where all is new. `goes_on` says that the provider has what was sent before, and the body does not repeat it.
    """

    changes: tuple[Change, ...]
    edge: int
    length: int
    new: bytes
    goes_on: bool


def conversation(dialect: str) -> str:
    """The member of a body that holds the messages."""
    return _CONVERSATIONS.get(dialect, _MESSAGES)


def made(record: Record) -> tuple[Edit, ...]:
    """The edits that the provider got, in order."""
    return () if record.group is Group.DRY_RUN else tuple(sorted(record.edits, key=lambda edit: edit.span))


def laid_out(record: Record, counter: Counter) -> Layout:
    """The layout of what went; what can't be read as a request is taken as one conversation."""
    top = _top(record)
    done, talk = made(record), top.get(conversation(record.dialect), Span(0, len(record.came)))
    names = [top[name] for name in _EARLIER if name in top]
    goes_on = any(record.came[span.start : span.end] not in _NOTHING for span in names)
    start = min(max(record.boundary, talk.start), talk.end)
    front = len(record.came) - (talk.end - talk.start)
    changes, inner = [], []
    for edit in sorted(record.edits, key=lambda edit: edit.span):
        if edit.span in names:
            continue
        inside = talk.start <= edit.span.start < talk.end
        more = counter.difference(record.came[edit.span.start : edit.span.end], edit.replacement, not inside)
        if inside:
            inner.append((edit, more if done else Size().minus(more)))
        else:
            front += _growth(edit) if done else 0
            changes.append(Change(edit, 0.0, more if done else Size().minus(more)))
    shift, edge = front - talk.start, start
    for edit, more in inner:
        size = len(edit.replacement) if done else edit.span.end - edit.span.start
        changes.append(Change(edit, edit.span.start + shift + size / 2, more))
        if done:
            shift += _growth(edit)
            edge += _growth(edit) if edit.span.start < start else 0
    if not record.boundary and not goes_on:
        return Layout(tuple(changes), 0, talk.end + shift, b"", False)
    new = _new(record.came, start, talk, done)
    return Layout(tuple(changes), edge + front - talk.start, talk.end + shift, new, goes_on)


def _growth(edit: Edit) -> int:
    return len(edit.replacement) - (edit.span.end - edit.span.start)


def _top(record: Record) -> dict[str, Span]:
    try:
        return {member.key: member.span for member in members(record.came)}
    except SpanError:
        return {}


def _new(came: bytes, start: int, talk: Span, done: tuple[Edit, ...]) -> bytes:
    """The new messages as they went."""
    inside = [
        Edit(Span(edit.span.start - start, edit.span.end - start), edit.replacement)
        for edit in done
        if start <= edit.span.start and edit.span.end <= talk.end
    ]
    part = splice(came[start : talk.end], inside)
    return part if start == talk.start else b"[" + part.lstrip(b", \t\n\r")
