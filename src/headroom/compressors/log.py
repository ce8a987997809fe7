"""Logs: one verbatim line of every kind in its place, with the number, the lines and the values of the others."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from headroom.formats.build.outcomes import without_times
from headroom.formats.build.signs import built_behind_times
from headroom.formats.log import header as log_header
from headroom.formats.log import patterns, templates
from headroom.formats.log.access import request, request_slots
from headroom.formats.log.header import Header
from headroom.formats.log.slots import Slot, Variant, asks_for_extremes, describe, host_slot, slots
from headroom.formats.log.timestamps import clock_of, duration, note_seconds, pace
from headroom.formats.log.traces import FRAME, Trace, alike, telling, traces
from headroom.formats.table.regions import heads_table
from headroom.interfaces import Sample
from headroom.marker import omitted, omitted_among, plural, ranges_of
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.query import parse_query

_WARNING, _ERROR = 2, 3
_RARE_KIND, _NOTABLE_PER_KIND, _ASKED_KINDS, _SERIOUS_VARIANTS = 3, 3, 5, 12
_MAX_VALUES, _VALUES_WIDTH, _LONGEST_LINE, _LINE_HEAD = 8, 260, 4_000, 2_000
_EXTRA_SHARE = {Level.BALANCED: 0.03, Level.AGGRESSIVE: 0.01}
_CHARS_PER_TOKEN = 3
_PROBES, _SNIFFED, _TIMED_BUILD = 6, 40, 0.6
_SMALL, _SMALL_GAIN, _GAIN, _MOST_SHAPES = 40, 0.7, 0.92, 60_000
_LEGEND = (
    "Each kind's first line is shown; the marker below it counts the others, says between which lines they stand "
    "and what values all of them have (a–b at T: the largest came at T)]"
)


@dataclass(slots=True)
class _Kind:
    """Lines that say the same, all indices 0-based. `shown` are those that stay."""

    header: Header
    variants: list[Variant]
    indices: list[int]
    shown: list[int] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)

    @property
    def serious(self) -> bool:
        return (self.header.level or 0) >= _WARNING


@dataclass(slots=True)
class _Log:
    """A parsed log: its kinds in order of their first lines, its stack traces in groups of equal ones."""

    lines: list[str]
    kinds: list[_Kind]
    traces: list[list[Trace]]
    frames: Sequence[bool]


class LogCompressor:
    """Timestamped or level-tagged lines, also in container, JSON and logfmt clothes, with their continuation lines."""

    name = "log"
    content_type = "log"

    def sniff(self, sample: Sample, context: Context) -> float:
        lines = sample.filled
        if len(lines) < 4 or heads_table(lines[0]):
            return 0.0
        probes = (*lines[:3], *lines[3 :: max(1, len(lines) // _PROBES)])
        if not any(map(log_header.looks_logged, log_header.may_be_logged(probes))):
            return 0.0
        lines = lines[:: 1 + len(lines) // _SNIFFED]
        logged = [log_header.looks_logged(line) for line in lines]
        share = sum(logged) / len(lines)
        if share < 0.5 and share > 0.1 and logged[0]:  # a few records with long stack traces
            share += sum(FRAME.match(line) is not None for line in lines) / len(lines)
        if share > 0.5 and (plain := without_times(lines)) is not lines and built_behind_times(plain):
            return _TIMED_BUILD
        return 0.95 if share > 0.8 else 0.8 if share > 0.6 else 0.55 if share > 0.5 else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if context.level is Level.LOSSLESS:
            form = patterns.encode(text)
            if form is not None and len(form) < len(text):
                yield Compressed(form, self.name, True)
            return
        log = _parse(text)
        if log is None:
            return
        limit = (_SMALL_GAIN if len(log.lines) < _SMALL else _GAIN) * len(text)
        if _least_shown(log) >= limit:
            return
        keep = _select(log, text, context)
        out, cut = _render(log, sorted(keep))
        if sum(map(len, out)) + len(out) < limit:
            yield Compressed("\n".join(out), self.name, False, _loss(log, keep, cut))

    def decode(self, text: str) -> str:
        return patterns.decode(text)

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _parse(text: str) -> _Log | None:
    """The kinds and traces of a text; None where hardly two lines have the same shape."""
    lines = text.split("\n")
    shapes = templates.shapes(text)
    if len(shapes) > _MOST_SHAPES and len(shapes) * 2 > len(lines):
        return None
    members: list[list[list[int]]] = []
    headers: list[Header] = []
    messages: list[str] = []
    for shape, every in shapes.items():
        for layouts in _by_outcome(lines, every):
            line = lines[layouts[0][0]]
            header = log_header.parse(line)
            members.append(layouts)
            headers.append(header)
            messages.append(_message(line, shape, header.end))
    found, frames, inside = _traces(lines, members, headers, messages)
    kinds = _kinds(lines, members, headers, messages, inside)
    return _Log(lines, kinds, found, frames)


def _by_outcome(lines: list[str], layouts: list[list[int]]) -> Iterable[list[list[int]]]:
    """The lines of a shape, apart by what a number in them tells: a request that failed is another kind."""
    if not log_header.outcome(lines[layouts[0][0]]):
        return (layouts,)
    told: dict[str, list[list[int]]] = {}
    for layout in layouts:
        here: dict[str, list[int]] = {}
        for i in layout:
            here.setdefault(log_header.outcome(lines[i]), []).append(i)
        for name, indices in here.items():
            told.setdefault(name, []).append(indices)
    return told.values()


def _message(line: str, shape: str, end: int) -> str:
    """What follows the header in a line's shape: slots hold no blank, so equally many blanks stand before it."""
    if line[end - 1 : end] == " ":
        return shape.split(" ", line.count(" ", 0, end))[-1]
    return shape[len(templates.shape_of(line[:end])) :]


def _traces(
    lines: list[str], members: list[list[list[int]]], headers: list[Header], messages: list[str]
) -> tuple[list[list[Trace]], Sequence[bool], set[int]]:
    """Groups of equal stack traces, which lines are frames, and the lines that stand in a trace."""
    is_frame = [FRAME.match(message) is not None for message in messages]
    if not any(is_frame):
        return [], (), set()
    frames, loose, shape_of_line = [False] * len(lines), [False] * len(lines), [0] * len(lines)
    for n, layouts in enumerate(members):
        for i in chain.from_iterable(layouts):
            shape_of_line[i] = n
            frames[i] = is_frame[n]
            loose[i] = is_frame[n] or not (headers[n].stamped or not lines[i])
    found = traces(loose, frames)
    return alike(found, shape_of_line), frames, set(chain.from_iterable(range(t.start, t.end) for t in found))


def _kinds(
    lines: list[str], members: list[list[list[int]]], headers: list[Header], messages: list[str], inside: set[int]
) -> list[_Kind]:
    keyed: list[tuple[Hashable, str]] = []
    places: list[int] = []
    for n, header in enumerate(headers):
        layouts = members[n]
        if inside:
            layouts = members[n] = [rest for layout in layouts if (rest := [i for i in layout if i not in inside])]
        if not layouts:
            continue
        asked = request(lines[layouts[0][0]]) if '" 0' in messages[n] else None
        told = log_header.outcome(lines[layouts[0][0]])
        key: Hashable = (header.level, templates.shape_of(header.component), asked, told) if header.stamped else None
        keyed.append((key, "" if asked else messages[n]))
        places.append(n)
    found = []
    for group in templates.kinds(keyed):
        own = [places[g] for g in group]
        indices = sorted(chain.from_iterable(chain.from_iterable(members[n] for n in own)))
        found.append(_Kind(headers[own[0]], [Variant(keyed[g][1], members[places[g]]) for g in group], indices))
    return sorted(found, key=lambda kind: kind.indices[0])


def _least_shown(log: _Log) -> int:
    """The characters of what every selection shows: the legend, and the first line of each kind."""
    firsts = [min(len(log.lines[kind.indices[0]]), _LINE_HEAD) + 1 for kind in log.kinds]
    return len(_LEGEND) + sum(firsts)


def _select(log: _Log, text: str, context: Context) -> set[int]:
    """The lines that stay: the floor, what the question asks for, then rare and outlying lines while there is room."""
    lines, keep = log.lines, {0, len(log.lines) - 1}
    if len(lines) > 1 and not lines[-1]:
        keep.add(len(lines) - 2)
    for level in (_WARNING, _ERROR):
        last = [kind.indices[-1] for kind in log.kinds if kind.header.level == level]
        if last:
            keep.add(max(last))
    for group in log.traces:
        keep.update(telling(group[0], lines, log.frames))
        keep.add(max(0, group[0].start - 1))
    keep.update(kind.indices[0] for kind in log.kinds)
    for kind in log.kinds:
        if len(kind.indices) > 1 and len(lines[kind.indices[0]]) < templates.LONGEST:
            asked = not kind.variants[0].message and request(lines[kind.indices[0]])
            kind.slots = list(request_slots(lines, kind.indices) if asked else slots(kind.variants, lines))
            if kind.header.host and len(kind.indices) > _RARE_KIND:
                kind.slots += host_slot(kind.variants, lines, kind.header.host)
    if context.query:
        keep.update(_asked(log, text, context.query))
    room = int(len(text) * _EXTRA_SHARE[context.level])
    if context.target is not None:
        room = min(room, max(0, context.target * _CHARS_PER_TOKEN - sum(len(lines[i]) for i in keep)))
    for i in _extras(log):
        if i not in keep and len(lines[i]) <= room:
            keep.add(i)
            room -= len(lines[i])
    for kind in log.kinds:
        kind.shown = [i for i in kind.indices if i in keep]
    return keep


def _asked(log: _Log, text: str, question: str) -> set[int]:
    """The lines that match the question; where it asks for a largest, the extremes of the kinds that match."""
    query = parse_query(question)
    found = set(query.best(text, log.lines))
    if query and asks_for_extremes(question):
        several = [kind for kind in log.kinds if len(kind.indices) > 1]
        examples = [log.lines[kind.indices[0]] for kind in several]
        for n in query.best("\n".join(examples), examples, share=0.5, limit=_ASKED_KINDS):
            for slot in several[n].slots:
                found.update(end[1] for end in (slot.lowest, slot.highest) if end)
                found.update(slot.first.values())  # ids and addresses: the reader can judge
    return found


def _extras(log: _Log) -> Iterable[int]:
    """Lines worth showing besides each kind's first, serious and rare kinds first: all of rare kinds, the wordings of
    serious ones, far outliers and rare values."""
    for kind in sorted(log.kinds, key=lambda kind: (-(kind.header.level or 0), len(kind.indices), kind.indices[0])):
        if not kind.slots:
            continue
        if len(kind.indices) <= _RARE_KIND:
            yield from kind.indices[1:]
            continue
        if kind.serious:
            yield from (variant.layouts[0][0] for variant in kind.variants[1:_SERIOUS_VARIANTS])
        notable = dict.fromkeys(i for slot in kind.slots for i in slot.notable)
        yield from list(notable)[:_NOTABLE_PER_KIND]


def _render(log: _Log, shown: list[int]) -> tuple[list[str], list[int]]:
    """The output lines, and which lines are cut."""
    after: dict[int, list[str]] = {}
    for at, marker in chain(_kind_markers(log), _trace_markers(log, shown)):
        after.setdefault(at, []).append(marker)
    out, cut = [_head(log)], []
    for i in shown:
        line = log.lines[i]
        if len(line) > _LONGEST_LINE:
            cut.append(i)
            line = f"{line[:_LINE_HEAD]}{omitted(len(line) - _LINE_HEAD, 'characters')}"
        out.append(line)
        out += after.get(i, ())
    return out, cut


def _head(log: _Log) -> str:
    count = len(log.lines) - (not log.lines[-1])
    kinds = sum(bool(log.lines[kind.indices[0]]) for kind in log.kinds)
    facts = [f"log: {plural(count, 'lines')}, {kinds} kind{'s' if kinds != 1 else ''}"]
    seconds: list[int | None] = [None] * len(log.lines)
    for kind in log.kinds:
        if kind.header.clock >= 0:
            note_seconds(log.lines, kind.indices, kind.header.clock, seconds)
    times = pace(seconds)
    if times is not None:
        facts[0] += f", {duration(times.seconds)}" if times.seconds else ""
        if times.gap:
            facts.append(f"longest pause {duration(times.gap[0])} until {_clock(log, times.gap[1])}")
        if times.burst:
            facts.append(f"busiest minute {times.burst[0]} lines from {_clock(log, times.burst[1])}")
    return f"[{'; '.join(facts)}. {_LEGEND}"


def _clock(log: _Log, i: int) -> str:
    kind = next(kind for kind in log.kinds if i in kind.indices)
    return f"{clock_of(log.lines[i], kind.header.clock)} (line {i + 1})"


def _kind_markers(log: _Log) -> Iterable[tuple[int, str]]:
    """(line after which it stands, marker) of each kind with hidden lines; lines that repeat together share one."""
    joined: list[_Kind] = []
    for kind in log.kinds:
        hidden = len(kind.indices) - len(kind.shown)
        if joined and not (
            hidden == len(joined[0].indices) - len(joined[0].shown)
            and kind.indices[0] == joined[-1].indices[0] + 1
            and not (kind.header.stamped or kind.shown[1:])
        ):
            yield _joined_marker(joined, log.lines)
            joined = []
        if hidden:
            joined.append(kind)
    if joined:
        yield _joined_marker(joined, log.lines)


def _joined_marker(kinds: list[_Kind], lines: Sequence[str]) -> tuple[int, str]:
    shown = {i for kind in kinds for i in kind.shown}
    hidden = sorted(i for kind in kinds for i in kind.indices if i not in shown)
    said: list[str] = []
    if len(kinds) > 1:
        said.append(f"each of the {len(kinds)} lines above {len(hidden) // len(kinds)} more times")
    if kinds[0].serious:
        clock = clock_of(lines[hidden[-1]], kinds[0].header.clock)
        said += [f"last {clock}"] if clock else []
    for slot in chain.from_iterable(kind.slots for kind in kinds):
        what = describe(slot, clock_of(lines[slot.highest[1]], kinds[0].header.clock) if slot.highest else "")
        if what and what not in said and sum(map(len, said)) + len(what) < _VALUES_WIDTH and len(said) < _MAX_VALUES:
            said.append(what)
    return kinds[-1].shown[0], _left_out(hidden, "; ".join(said))


def _left_out(hidden: Sequence[int], said: str) -> str:
    first, last = hidden[0] + 1, hidden[-1] + 1
    if last - first + 1 == len(hidden):
        return omitted(len(hidden), "lines", ((first, last),), said)
    return omitted_among(len(hidden), first, last, said)


def _trace_markers(log: _Log, shown: list[int]) -> Iterable[tuple[int, str]]:
    kept = set(shown)
    for group in log.traces:
        first = group[0]
        for a, b in ranges_of(i + 1 for i in range(first.start, first.end) if i not in kept):
            yield a - 2, omitted(b - a + 1, "lines", ((a, b),), "stack frames")
        hidden = [i for trace in group[1:] for i in range(trace.start, trace.end) if i not in kept]
        if hidden:
            again = f"{plural(len(group) - 1, 'traces')} of the same lines"
            yield first.end - 1, _left_out(hidden, again)


def _loss(log: _Log, keep: set[int], cut: list[int]) -> tuple[Omission, ...]:
    serious = {i for kind in log.kinds if kind.serious for i in kind.indices}
    inside = {i for group in log.traces for trace in group for i in range(trace.start, trace.end)}
    gone = [i for i in range(len(log.lines)) if i not in keep]
    found = []
    for name, lost in (
        ("warnings and errors of kinds that are shown", [i + 1 for i in gone if i in serious]),
        ("stack frames and repeated traces", [i + 1 for i in gone if i in inside]),
        ("lines of kinds that are shown", [i + 1 for i in gone if i not in serious and i not in inside]),
    ):
        if lost:
            found.append(Omission(name, len(lost), "lines", ranges_of(lost)))
    if cut:
        characters = sum(len(log.lines[i]) - _LINE_HEAD for i in cut)
        found.append(Omission("ends of long lines", characters, "characters", ranges_of(i + 1 for i in cut)))
    return tuple(found)


COMPRESSOR = LogCompressor()
