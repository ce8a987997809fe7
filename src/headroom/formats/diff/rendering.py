"""Writes a diff with its context trimmed and the files that tools write summed up, and notes what is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from headroom.formats.diff.hunks import FileDiff, Hunk, trim
from headroom.formats.diff.lock_files import kind_of, version_changes
from headroom.marker import omitted, omitted_among, plural, ranges_of
from headroom.model import Omission

CONTEXT, HEADERS, ENCODED, SAME = "context", "header lines", "encoded data", "repeated change"
_MIN_SUMMARY, _MIN_ENCODED, _MIN_SAME = 8, 4, 6
_PREVIEW_LINES, _PREVIEW_WIDTH, _MOST_VERSIONS = 3, 200, 100
_ENCODED_LINE = re.compile(r"[+\- ](?:[A-Za-z0-9+/]{60,120}={0,2}|\s*(?:[0-9a-fA-F]{2}:){12,}(?:[0-9a-fA-F]{2})?)\r?$")
_MIXED = re.compile(r"(?=.*[a-zA-Z])(?=.*\d)")
_PLAIN_HEADER = ("diff --git ", "index ", "--- a/", "+++ b/")


@dataclass
class DiffRender:
    """Takes the parts of a diff in order.

    `reach` is how many unchanged lines stay around a change, `tight` sums up deleted files too, lines of `asked`
    (0-based) stay wherever they are.
    """

    lines: Sequence[str]
    reach: int
    tight: bool
    asked: frozenset[int]
    out: list[str] = field(default_factory=list)
    lost: dict[str, list[int]] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)

    def verbatim(self, start: int, end: int) -> None:
        """Lines as they are."""
        self.out += self.lines[start:end]

    def file(self, file: FileDiff) -> None:
        """One file: its header, then its hunks trimmed or summed up."""
        binary = not file.hunks and file.end > file.body
        self._header(file, binary)
        kind = "binary patch" if binary else kind_of(file.path)
        if not kind and self.tight and any(line.startswith("deleted file") for line in self._header_lines(file)):
            kind = "deleted file"
        if kind and file.end - file.body >= _MIN_SUMMARY:
            self._summary(file, kind)
            return
        at = file.body
        for hunk in file.hunks:
            self.verbatim(at, hunk.start)
            self._hunk(file, hunk)
            at = hunk.end
        self.verbatim(at, file.end)

    def omissions(self) -> tuple[Omission, ...]:
        """The loss report."""
        return tuple(
            Omission(kind, len(at), "lines", ranges_of(index + 1 for index in sorted(at)))
            for kind, at in self.lost.items()
            if at
        )

    def finished(self) -> list[str]:
        """The output's lines below a marker for what is left out of files everywhere."""
        context, headers = self.lost.get(CONTEXT, []), self.lost.get(HEADERS, [])
        gone = sorted([*context, *headers])
        if not gone:
            return self.out
        kinds = [f"{len(context)} unchanged" if headers else "unchanged"] if context else []
        kinds += [f"{len(headers)} index and diff --git lines"] if headers else []
        kinds += ["hunk headers are recomputed"] if context else []
        return [omitted_among(len(gone), gone[0] + 1, gone[-1] + 1, "; ".join(kinds)), *self.out]

    def _header_lines(self, file: FileDiff) -> Sequence[str]:
        return self.lines[file.start : file.body]

    def _header(self, file: FileDiff, binary: bool) -> None:
        """The header without what its other lines say too: "--- a/x", "+++ b/x" are enough for a changed file."""
        header = self._header_lines(file)
        plain = len(header) == len(_PLAIN_HEADER) and all(map(str.startswith, header, _PLAIN_HEADER))
        for index, line in enumerate(header, file.start):
            said_below = (plain and index == file.start) or (line.startswith("index ") and not binary)
            if said_below and index not in self.asked:
                self.lost.setdefault(HEADERS, []).append(index)
            else:
                self.out.append(line)

    def _hunk(self, file: FileDiff, hunk: Hunk) -> None:
        body = hunk.start + 1
        keep = [index - body for index in self.asked if body <= index < hunk.end]
        if len(hunk.kinds) >= _MIN_SAME and not keep:
            earlier = self.bodies.setdefault("\n".join(self.lines[body : hunk.end]), file.path)
            if earlier is not file.path:
                self.out.append(self.lines[hunk.start])
                self._gap(body, hunk.end, SAME, f"same change as in {earlier} above")
                return
        shown = body
        for piece in trim(hunk, self.lines, self.reach, keep):
            self.lost.setdefault(CONTEXT, []).extend(range(shown, body + piece.start))
            self.out.append(piece.header)
            self._changed(body + piece.start, body + piece.end)
            shown = body + piece.end
        self.lost.setdefault(CONTEXT, []).extend(range(shown, hunk.end))

    def _changed(self, start: int, end: int) -> None:
        """Lines of a hunk; of a run of base64 or hex lines only the first."""
        lines, at, index = self.lines, start, start
        while index < end:
            stop, sign = index, lines[index][:1]
            while stop < end and 40 < len(lines[stop]) < 130 and lines[stop][0] == sign and self._is_encoded(stop):
                stop += 1
            if stop - index > _MIN_ENCODED:
                self.verbatim(at, index + 1)
                self._gap(index + 1, stop, ENCODED, ENCODED)
                at = stop
            index = max(stop, index + 1)
        self.verbatim(at, end)

    def _is_encoded(self, index: int) -> bool:
        line = self.lines[index]
        return index not in self.asked and _ENCODED_LINE.match(line) is not None and _MIXED.match(line) is not None

    def _gap(self, start: int, end: int, kind: str, note: str) -> None:
        self.out.append(omitted(end - start, "lines", ((start + 1, end),), note))
        self.lost.setdefault(kind, []).extend(range(start, end))

    def _summary(self, file: FileDiff, kind: str) -> None:
        """Markers instead of the body, around a preview and what was asked for; the first says what it held."""
        shown = {index for index in self.asked if file.body <= index < file.end}
        note = kind
        if file.hunks:
            note += f", +{file.added()} −{plural(file.removed(), 'lines')}"
        if kind == "lock file":
            note += self._versions(file)
        else:
            shown.update(self._preview(file))
        at = file.body
        for index in [*sorted(shown), file.end]:
            if index > at:
                self._gap(at, index, kind, note)
                note = kind
            self.verbatim(index, min(index + 1, file.end))
            at = index + 1

    def _versions(self, file: FileDiff) -> str:
        changes = version_changes((kind, self.lines[index][1:]) for index, kind in _body(file))
        more = f" and {len(changes) - _MOST_VERSIONS} more" if len(changes) > _MOST_VERSIONS else ""
        return f"; versions: {', '.join(changes[:_MOST_VERSIONS])}{more}" if changes else ""

    def _preview(self, file: FileDiff) -> list[int]:
        changed = (index for index, kind in _body(file) if kind in "+-")
        first = [index for index, _ in zip(changed, range(_PREVIEW_LINES), strict=False)]
        return [index for index in first if len(self.lines[index]) <= _PREVIEW_WIDTH]


def _body(file: FileDiff) -> Iterator[tuple[int, str]]:
    """Line index and kind of each line in a file's hunks."""
    for hunk in file.hunks:
        yield from enumerate(hunk.kinds, hunk.start + 1)
