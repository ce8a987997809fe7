"""Diffs: every changed line of source files stays; context is trimmed, files that tools write are summed up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from headroom.interfaces import Sample
from headroom.marker import omitted, plural, ranges_of, span
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.hunks import FileDiff, parse_diff, trim
from headroom.text.lines import split_lines
from headroom.text.lock_files import kind_of, version_changes
from headroom.text.query import parse_query

_SMALL, _LARGE = 2_500, 16_000
_MIN_SUMMARY = 8
_PREVIEW_LINES, _PREVIEW_WIDTH, _MOST_VERSIONS = 3, 200, 100
_HUNK = re.compile(r"@@+ (?:-[0-9]+(?:,[0-9]+)? )+\+[0-9]+(?:,[0-9]+)? @@")
_FILE = re.compile(r'diff --(?:git|cc|combined) \S|Index: \S|--- \S')
_CONTEXT, _INDEX = "context", "index lines"


class Diff:
    """Lossy only: the result is a patch of all source files (`git apply --unidiff-zero`)."""

    name = "diff"
    content_type = "diff"

    def sniff(self, sample: Sample, context: Context) -> float:
        hunks = sum(1 for line in sample.lines if _HUNK.match(line))
        files = sum(1 for line in sample.lines if _FILE.match(line))
        if files and (hunks or any(line.startswith("diff --git ") for line in sample.lines)):
            return 0.97
        if not hunks:
            return 0.0
        body = sum(1 for line in sample.lines if line[:1] in ("", " ", "+", "-", "@", "\\"))
        return 0.9 if body * 10 >= len(sample.lines) * 9 else 0.0

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        if context.level is Level.LOSSLESS or len(text) < _SMALL:
            return
        lines = split_lines(text)
        files = parse_diff(lines)
        if not files:
            return
        tight = context.level is Level.AGGRESSIVE
        asked = parse_query(context.query).best(text, lines)
        render = _Render(lines, 0 if tight or len(text) > _LARGE else 1, tight, frozenset(asked))
        at = 0
        for file in files:
            render.verbatim(at, file.start)
            render.file(file)
            at = file.end
        render.verbatim(at, len(lines))
        omissions = render.omissions()
        if omissions:
            yield Compressed("\n".join(render.finish()), self.name, False, omissions)

    def decode(self, text: str) -> str:
        return text

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


@dataclass
class _Render:
    """Writes a diff part by part and notes what it leaves out (0-based lines by kind)."""

    lines: list[str]
    reach: int
    tight: bool
    asked: frozenset[int]
    out: list[str] = field(default_factory=list)
    lost: dict[str, list[int]] = field(default_factory=dict)

    def verbatim(self, start: int, end: int) -> None:
        self.out += self.lines[start:end]

    def file(self, file: FileDiff) -> None:
        """One file: its header, then its hunks trimmed or summed up."""
        self._header(file)
        kind = kind_of(file.path)
        binary = not file.hunks and file.end > file.body
        if not kind and self.tight and self._deleted(file):
            kind = "deleted file"
        if (kind or binary) and file.end - file.body >= _MIN_SUMMARY:
            self._summary(file, kind or "binary patch")
        else:
            self._hunks(file)

    def _deleted(self, file: FileDiff) -> bool:
        return any(line.startswith("deleted file mode") for line in self.lines[file.start : file.body])

    def _header(self, file: FileDiff) -> None:
        binary = not file.hunks and file.end > file.body
        for index in range(file.start, file.body):
            if self.lines[index].startswith("index ") and not binary:
                self.lost.setdefault(_INDEX, []).append(index)
            else:
                self.out.append(self.lines[index])

    def _hunks(self, file: FileDiff) -> None:
        at = file.body
        for hunk in file.hunks:
            self.verbatim(at, hunk.start)
            body = hunk.start + 1
            keep = [index - body for index in self.asked if body <= index < hunk.end] if self.asked else ()
            shown = body
            for piece in trim(hunk, self.lines, self.reach, keep):
                self.lost.setdefault(_CONTEXT, []).extend(range(shown, body + piece.start))
                self.out.append(piece.header)
                self.verbatim(body + piece.start, body + piece.end)
                shown = body + piece.end
            self.lost.setdefault(_CONTEXT, []).extend(range(shown, hunk.end))
            at = hunk.end
        self.verbatim(at, file.end)

    def _summary(self, file: FileDiff, kind: str) -> None:
        """Markers instead of the body, around the lines that were asked for; the first says what it held."""
        shown = sorted(index for index in self.asked if file.body <= index < file.end)
        note = kind
        if file.hunks:
            note += f", +{file.added()} −{plural(file.removed(), 'lines')}"
        if kind == "lock file":
            rows = ((k, self.lines[h.start + 1 + i][1:]) for h in file.hunks for i, k in enumerate(h.kinds))
            changes = version_changes(rows)
            note += f"; versions: {', '.join(changes[:_MOST_VERSIONS])}" if changes else ""
            note += f" and {len(changes) - _MOST_VERSIONS} more" if len(changes) > _MOST_VERSIONS else ""
        elif file.hunks:
            changed = (h.start + 1 + i for h in file.hunks for i, k in enumerate(h.kinds) if k in "+-")
            first = [index for index, _ in zip(changed, range(_PREVIEW_LINES), strict=False)]
            shown = sorted({*shown, *(index for index in first if len(self.lines[index]) <= _PREVIEW_WIDTH)})
        at = file.body
        for index in [*shown, file.end]:
            if index > at:
                self.out.append(omitted(index - at, "lines", ((at + 1, index),), note))
                self.lost.setdefault(kind, []).extend(range(at, index))
                note = kind
            self.verbatim(index, min(index + 1, file.end))
            at = index + 1

    def omissions(self) -> tuple[Omission, ...]:
        return tuple(
            Omission(kind, len(at), "lines", ranges_of(index + 1 for index in at)) for kind, at in self.lost.items() if at
        )

    def finish(self) -> list[str]:
        """The output below a marker that says what is left out of hunks everywhere."""
        context, index = self.lost.get(_CONTEXT, []), self.lost.get(_INDEX, [])
        gone = sorted([*context, *index])
        if not gone:
            return self.out
        kinds = [f"{len(context)} unchanged, hunk headers are recomputed"] if context else []
        kinds += [plural(len(index), _INDEX)] if index else []
        return [omitted(len(gone), f"of lines {span(gone[0] + 1, gone[-1] + 1)}", kind="; ".join(kinds)), *self.out]


COMPRESSOR = Diff()
