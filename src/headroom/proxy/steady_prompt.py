"""The same system prompt in all requests of a conversation; what changes in it travels behind the newest message.

Some clients write the time, an id or git's status into their system prompt, and each time the provider reads all that
follows again. So the prompt stays in the words in which it was first sent, and where these values have changed, a note
at the end of the newest message says the lines as they are now. It is pinned, and repeated there in later requests.
A prompt that changes in any other way goes as it comes: that is the client's will, and the one to be kept from then on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, cast

from headroom.interfaces import Dialect, Pins
from headroom.prefixes import Form, Prefixes, Turn
from headroom.proxy.differences import alike, is_volatile, units
from headroom.proxy.edges import How, Place, added, place
from headroom.proxy.heads import Head, head_of, texts
from headroom.wire.spans import Span, decoded
from headroom.wire.splice import Edit, literal, splice

_log = logging.getLogger("headroom.proxy")
_NOTE = "<system-reminder>\nNow current in the system prompt:\n{}\n</system-reminder>"
_ROOT = b" steady prompt"
_BASE, _TOLD = "base", "told"
_EARLIER = ("previous_response_id", "conversation")  # the rest of the conversation isn't here
_OWN = b'"x-anthropic-billing-header'  # what Claude Code tells the provider in a text of its own, which isn't cached
# White space behind the brace of a message that gets a note: it finds the message again after others have worked on it.
_MARK = b"\t \r\n \t\r"
_MOST_LINES, _MOST_CHARS = 50, 2_000  # of a note
_LONG, _MARGIN = 400, 100  # characters of a line that is told whole, and around what differs in a longer one

Line = tuple[int, int]  # which text of the system prompt, which of its lines


@dataclass(frozen=True, slots=True)
class Note:
    """What stands at the end of a message: JSON strings, and how they were put there first."""

    how: How
    said: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Steady:
    """A request with a steady system prompt, to be worked on before its `notes` are added to the marked messages.

    `body` is the very object that came where nothing changes; `key` stands for the conversation up to here.
    """

    body: bytes
    key: bytes = b""
    notes: tuple[Note, ...] = ()

    def with_notes(self, body: bytes, dialect: Dialect) -> bytes:
        """What became of the body, its marks replaced by the notes. Raises ValueError where they aren't all there."""
        if not self.notes:
            return body
        marked = [span for span in head_of(body, dialect).messages if body.startswith(_MARK, span.start + 1)]
        edits = []
        for message, note in zip(marked, self.notes, strict=True):
            found = place(body, message, dialect.name)
            if found is None:
                raise ValueError("a message has lost the place of its note")
            start = message.start + 1
            edits.append(Edit(Span(start, start + len(_MARK)), b""))
            edits += added(body, found.span, dialect.name, note.how, note.said)
        return splice(body, edits)


class _Told(NamedTuple):
    """A line as a note says it, and the hash of all of it."""

    words: str
    hash: bytes


@dataclass(slots=True)
class _Sent:
    """What the provider has been sent: the system prompt's texts, lines told since (hashes), notes by message."""

    base: list[bytes] = field(default_factory=list)
    told: dict[Line, bytes] = field(default_factory=dict)
    notes: dict[int, Note] = field(default_factory=dict)

    @classmethod
    def of(cls, turns: Mapping[int, Turn]) -> _Sent:
        sent = cls()
        for position in sorted(turns):
            for form in turns[position].forms:
                what, *at = form.path
                if what == _BASE:
                    sent.base.append(form.literal)
                elif what == _TOLD:
                    sent.told[int(at[0]), int(at[1])] = form.literal
                else:
                    sent.notes[position] = Note(cast(How, what), (form.literal,))
        return sent


@dataclass(frozen=True, slots=True)
class _Request:
    """A body taken apart: the texts of its system prompt, and the prefixes up to the newest message not the model's."""

    body: bytes
    head: Head
    texts: Sequence[Span]
    keys: Sequence[bytes]
    place: Place | None

    @property
    def edge(self) -> int:
        return len(self.keys) - 1

    @property
    def is_answered(self) -> bool:
        """Whether the model's own words follow, for it to go on from."""
        return len(self.keys) < len(self.head.messages)

    def raw(self) -> list[bytes]:
        return [self.body[start:end] for start, end in self.texts]


class SteadyPrompt:
    """Remembers system prompts; safe to share between threads."""

    def __init__(self, pins: Pins) -> None:
        self._prefixes = Prefixes(pins)

    def steadied(self, body: bytes, dialect: Dialect, *, record: bool = True) -> Steady:
        """The request with its system prompt as it was first sent; without `record` nothing is remembered."""
        try:
            request = self._taken_apart(body, dialect)
            return Steady(body) if request is None else self._steadied(request, record)
        except Exception as error:  # what can't be read is left as it is
            _log.info("a system prompt is left as it is: %r", error)
            return Steady(body)

    def leave_alone(self, key: bytes) -> None:
        """From the request with this key on the conversation goes as it comes: the provider refused it changed."""
        self._prefixes.leave_alone(key)

    def _taken_apart(self, body: bytes, dialect: Dialect) -> _Request | None:
        """None where there is no system prompt, no conversation to tell it by, or none that begins here."""
        head = head_of(body, dialect)
        found = [span for value in head.system for span in texts(body, value) if not body.startswith(_OWN, span.start)]
        edge = len(head.messages) - 1
        while edge >= 0 and dialect.from_model(decoded(body, head.messages[edge])):
            edge -= 1
        goes_on = any(name in head.top and decoded(body, head.top[name]) is not None for name in _EARLIER)
        if not found or edge < 0 or goes_on or _MARK in body:
            return None
        known = [self._prefixes.message(body, span, dialect) for span in head.messages[: edge + 1]]
        keys = self._prefixes.keys(known, self._prefixes.root(dialect, _ROOT))
        return _Request(body, head, found, keys, place(body, head.messages[edge], dialect.name))

    def _steadied(self, request: _Request, record: bool) -> Steady:
        key, known = request.keys[-1], self._prefixes.known(request.keys)
        turns = self._prefixes.turns(request.keys, known)
        newest = turns.get(known - 1)
        if newest is not None and newest.plain:
            return Steady(request.body, key)
        record = record and known < len(request.keys)  # the first row of a pin stays
        sent = _Sent.of(turns)
        lines = _to_tell(request, sent)
        if lines is None:
            turn = Turn(forms=tuple(Form((_BASE, i), raw) for i, raw in enumerate(request.raw())))
            sent = _Sent()
        elif lines and request.is_answered and known == len(request.keys):  # it goes on: the next turn will tell
            return _written(request, sent, key)
        elif lines and request.place is None:
            return Steady(request.body, key)
        else:
            before = max((position for position, turn in turns.items() if turn.forms), default=request.edge)
            turn = Turn(back=request.edge - before, forms=tuple(_forms(request, sent, lines)))
        if record and not self._prefixes.pin([(key, turn)], [request.keys[position] for position in turns]):
            return self._steadied(request, record)  # somebody else was first with the same: what they sent holds
        return _written(request, sent, key)


def _forms(request: _Request, sent: _Sent, lines: Mapping[Line, _Told]) -> Iterator[Form]:
    """What is pinned of these lines, and taken down as sent."""
    if not lines or request.place is None:
        return
    note = literal(_NOTE.format("\n".join(told.words for told in lines.values())))
    before = sent.notes.get(request.edge, Note(request.place.how, ()))
    sent.notes[request.edge] = Note(before.how, (*before.said, note))
    yield Form((request.place.how,), note)
    yield from (Form((_TOLD, *line), told.hash) for line, told in lines.items())


def _written(request: _Request, sent: _Sent, key: bytes) -> Steady:
    """The request with the texts that were sent first, and marks where notes belong."""
    body, notes = request.body, sorted(sent.notes.items())
    edits = [
        Edit(span, first)
        for span, first in zip(request.texts, sent.base, strict=False)
        if body[span.start : span.end] != first and decoded(body, span) != json.loads(first)
    ]
    starts = (request.head.messages[position].start + 1 for position, _ in notes)
    edits += [Edit(Span(start, start), _MARK) for start in starts]
    return Steady(splice(body, edits), key, tuple(note for _, note in notes))


def _to_tell(request: _Request, sent: _Sent) -> dict[Line, _Told] | None:
    """The lines that are other than what the model was last told of them; None where more has changed than values."""
    if len(sent.base) != len(request.texts):
        return None
    found: dict[Line, _Told] = {}
    for i, (first, now) in enumerate(zip(sent.base, request.raw(), strict=True)):
        told = {line: hash for (text, line), hash in sent.told.items() if text == i}
        if first == now and not told:
            continue
        lines = _lines(json.loads(first), json.loads(now), told)
        if lines is None:
            return None
        for line, (old, new) in lines.items():
            words = _words(old, new)
            if _hash(new) == told.get(line, _hash(old)):
                continue
            if words is None:
                return None
            found[i, line] = _Told(words, _hash(new))
    return found if sum(len(told.words) for told in found.values()) <= _MOST_CHARS else None


def _lines(first: str, now: str, told: Collection[int]) -> dict[int, tuple[str, str]] | None:
    """What has become of the lines that differ, or did once; None where more has changed in them than values."""
    before, after = units(first), units(now)
    if len(before) != len(after):
        return None
    pairs = enumerate(zip(before, after, strict=True))
    found = {line: (old, new) for line, (old, new) in pairs if old != new or line in told}
    few = len(found) <= _MOST_LINES
    return found if few and all(is_volatile(old, new) for old, new in found.values()) else None


def _words(old: str, new: str) -> str | None:
    """A line as it is now; of a long one what differs and stands around it. None where that is long too."""
    if len(new) <= _LONG or "\n" in new:
        return new
    start = max(0, alike(old, new) - _MARGIN)
    end = len(new) - max(0, alike(old[::-1], new[::-1]) - _MARGIN)
    return f"… {new[start:end]} …" if old != new and 0 < end - start <= _LONG else None


def _hash(line: str) -> bytes:
    return blake2b(line.encode("utf-8", "surrogatepass"), digest_size=8).digest()
