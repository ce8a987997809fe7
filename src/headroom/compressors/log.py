"""Logs: one verbatim line of every kind in its place, with the number, the lines and the values of the others."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter

from headroom.interfaces import Sample
from headroom.marker import omitted, ranges_of
from headroom.model import Compressed, Context, Level, Omission
from headroom.text import log_header, templates
from headroom.text.log_header import Header
from headroom.text.query import parse_query
from headroom.text.slots import Slot, Variant, describe, slots
from headroom.text.timestamps import clock_of, duration, pace, seconds_of

_WARNING = 2
_RARE_KIND, _EXTRA_SHARE, _MAX_VALUES, _VALUES_WIDTH, _NOTABLE_PER_KIND = 3, 0.03, 8, 260, 3
_SMALL, _SMALL_GAIN, _GAIN = 40, 0.7, 0.92


@dataclass(slots=True)
class _Kind:
    """Lines that say the same. `shown` are the line indices that stay."""

    header: Header
    variants: list[Variant]
    indices: list[int]
    shown: list[int] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)


class LogCompressor:
    """Timestamped or level-tagged lines, also in container, JSON and logfmt clothes, with their continuation lines."""

    name = "log"
    content_type = "log"

    def sniff(self, sample: Sample, context: Context) -> float:
        lines = [line for line in sample.lines if line.strip()]
        if len(lines) < 4:
            return 0.0
        stamped = sum(log_header.parse(line).stamped for line in lines) / len(lines)
        return 0.95 if stamped > 0.8 else 0.6 if stamped > 0.5 else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if context.level is Level.LOSSLESS:
            return
        lines = text.split("\n")
        found = _kinds(text, lines)
        _select(found, text, lines, context)
        shown = sorted(i for kind in found for i in kind.shown)
        out = _render(found, lines, shown)
        size, limit = sum(map(len, out)) + len(out), _SMALL_GAIN if len(lines) < _SMALL else _GAIN
        if size < limit * len(text):
            yield Compressed("\n".join(out), self.name, False, _loss(shown, len(lines)))

    def decode(self, text: str) -> str:
        return text

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _kinds(text: str, lines: list[str]) -> list[_Kind]:
    """The kinds in order of their first lines; a line without a header is of the same kind only as its equals."""
    shapes = templates.shapes(text)
    members = list(shapes.values())
    headers: list[Header] = []
    messages: list[tuple[Hashable, str]] = []
    for shape, layouts in shapes.items():
        line = lines[layouts[0][0]]
        header = log_header.parse(line)
        key = (header.level, templates.shape_of(header.component)) if header.stamped else shape
        headers.append(header)
        messages.append((key, shape[len(templates.shape_of(line[: header.end])) :]))
    found = []
    for group in templates.kinds(messages):
        indices = sorted(chain.from_iterable(chain.from_iterable(members[n] for n in group)))
        found.append(_Kind(headers[group[0]], [Variant(messages[n][1], members[n]) for n in group], indices))
    return sorted(found, key=lambda kind: kind.indices[0])


def _select(found: list[_Kind], text: str, lines: list[str], context: Context) -> None:
    keep: set[int] = {0, len(lines) - 1}
    if len(lines) > 1 and not lines[-1]:
        keep.add(len(lines) - 2)
    for level in (_WARNING, _WARNING + 1):
        last = [kind.indices[-1] for kind in found if kind.header.level == level]
        if last:
            keep.add(max(last))
    if context.query:
        keep.update(parse_query(context.query).best(text, lines))
    room = int(len(text) * _EXTRA_SHARE)
    for kind in sorted(found, key=lambda kind: (-(kind.header.level or 0), len(kind.indices), kind.indices[0])):
        keep.add(kind.indices[0])
        if len(kind.indices) == 1:
            continue
        kind.slots = list(slots(kind.variants, lines))
        if len(kind.indices) <= _RARE_KIND:
            extra = kind.indices[1:] if kind.slots else []
        else:
            extra = list(dict.fromkeys(i for slot in kind.slots for i in slot.notable))[:_NOTABLE_PER_KIND]
        for i in extra:
            if len(lines[i]) <= room:
                keep.add(i)
                room -= len(lines[i])
    for kind in found:
        kind.shown = [i for i in kind.indices if i in keep]


def _render(found: list[_Kind], lines: list[str], shown: list[int]) -> list[str]:
    marker = {kind.shown[0]: _marker(kind, lines) for kind in found if len(kind.shown) < len(kind.indices)}
    out = [_head(found, lines)]
    for i in shown:
        out.append(lines[i])
        if i in marker:
            out.append(marker[i])
    return out


def _head(found: list[_Kind], lines: Sequence[str]) -> str:
    facts = [f"log of {len(lines)} lines, {len(found)} kinds"]
    timed = [kind for kind in found if kind.header.clock >= 0]
    times = pace(sorted((p for kind in timed for p in seconds_of(lines, kind.indices, kind.header.clock)), key=itemgetter(1)))
    if times is not None:
        facts[0] += f", {duration(times.seconds)}"
        if times.gap:
            facts.append(f"longest pause {duration(times.gap[0])}, lines {times.gap[1] + 1}–{times.gap[2] + 1}")
        if times.burst:
            facts.append(f"busiest minute {times.burst[0]} lines from line {times.burst[1] + 1}")
    facts.append("the first line of each kind is shown; the marker under it counts the others, says from which to which line they lie and what their values are")
    return f"[{'; '.join(facts)}]"


def _marker(kind: _Kind, lines: Sequence[str]) -> str:
    hidden = sorted(set(kind.indices) - set(kind.shown))
    total = len(kind.indices)
    said: list[str] = []
    if (kind.header.level or 0) >= _WARNING:
        clock = clock_of(lines[hidden[-1]], kind.header.clock)
        said += [f"last {clock}"] if clock else []
    for slot in kind.slots:
        when = clock_of(lines[slot.highest[1]], kind.header.clock) if slot.highest else ""
        what = describe(slot, total, when)
        if what and what not in said and sum(map(len, said)) + len(what) < _VALUES_WIDTH and len(said) < _MAX_VALUES:
            said.append(what)
    return omitted(len(hidden), "lines", ((hidden[0] + 1, hidden[-1] + 1),), "; ".join(said))


def _loss(shown: list[int], count: int) -> tuple[Omission, ...]:
    kept = set(shown)
    gone = ranges_of(i + 1 for i in range(count) if i not in kept)
    total = sum(b - a + 1 for a, b in gone)
    return (Omission("lines of kinds that are shown", total, "lines", gone),) if total else ()


COMPRESSOR = LogCompressor()
