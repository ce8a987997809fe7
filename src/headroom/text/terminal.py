"""What a terminal would show: colours dropped, overwritten progress and erased frames gone.

Everything is resolved line by line, so that line numbers stay true: a line that a later frame draws over (after the
cursor moved up) becomes empty, its final content stands where it was drawn last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STYLE = re.compile(
    r"\x1b(?:\[[0-9;:]*m|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[=>78cM])|\x1b\[\?[0-9;]*[hl]|\x07"
)
_STEP = re.compile(r"\x1b\[([0-9;?]*)([ -/]*[@-~])|\r+|\x08+|[^\x1b\r\x08]+|\x1b")
_VERTICAL = re.compile(r"\x1b\[\d*[ABEF]")
_FULL_SCREEN = re.compile(r"\x1b\[\d*(?:;\d*)?[Hf]")
_WIDEST = 2_000


@dataclass(frozen=True, slots=True)
class Screen:
    """The shown lines, one for each line of the text, and how many characters of it are not shown."""

    lines: list[str]
    hidden: int


def without_styles(text: str) -> str:
    """A text without colours and other sequences that move nothing."""
    return _STYLE.sub("", text) if "\x1b" in text else text


def has_controls(text: str) -> bool:
    """Whether a terminal would show something else than the text's own characters."""
    if "\x1b" in text or "\x08" in text:
        return True
    return "\r" in text and text.count("\r") != text.count("\r\n") + text.endswith("\r")


def resolve(text: str) -> Screen:
    """The lines as a terminal would leave them; linear in the text."""
    if not has_controls(text):
        return Screen(text.split("\n"), 0)
    plain = _STYLE.sub("", text) if "\x1b" in text or "\x07" in text else text
    lines = plain.split("\n")
    if _VERTICAL.search(plain) and not _FULL_SCREEN.search(plain):
        lines = _redraw(lines)
    else:
        lines = [_line(line) if _moves(line) else line for line in lines]
    return Screen(lines, len(text) - sum(map(len, lines)) - len(lines) + 1)


def _moves(line: str) -> bool:
    return "\x1b" in line or "\x08" in line or "\r" in line[:-1]


def _line(line: str) -> str:
    """One line after all its carriage returns, backspaces and erasures."""
    if "\x1b" not in line and "\x08" not in line:
        return _overwritten(line.split("\r"))
    cells: list[str] = []
    _draw(line, cells)
    return "".join(cells).rstrip(" ")


def _overwritten(frames: list[str]) -> str:
    """Frames drawn over each other from the left: the last one, and what earlier longer ones leave behind it."""
    shown: list[str] = []
    width = 0
    for frame in reversed(frames):
        if len(frame) > width:
            shown.append(frame[width:])
            width = len(frame)
    return "".join(shown)


def _draw(line: str, cells: list[str], column: int = 0) -> int:
    """Write characters and movements into the cells of a row from a column on; returns the column after them."""
    for step in _STEP.finditer(line):
        token = step.group()
        first = token[0]
        if first == "\r":
            column = 0
        elif first == "\x08":
            column = max(0, column - len(token))
        elif first == "\x1b":
            column = _control(step.group(1) or "", step.group(2) or "", cells, column)
        else:
            if column > len(cells):
                cells.extend(" " * (column - len(cells)))
            cells[column : column + len(token)] = token
            column += len(token)
    return column


def _control(arguments: str, action: str, cells: list[str], column: int) -> int:
    """Carry out one control sequence on a row; returns the new column. Unknown ones do nothing."""
    number = int(arguments[:6]) if arguments.isdecimal() else 0
    if action == "K":
        if number == 0:
            del cells[column:]
        else:
            stop = len(cells) if number == 2 else min(column + 1, len(cells))
            start = max(0, stop - _WIDEST)  # what is longer has wrapped: only its last row is erased
            cells[start:stop] = " " * (stop - start)
    elif action == "C":
        return min(column + max(1, number), max(_WIDEST, len(cells)))
    elif action == "D":
        return max(0, column - max(1, number))
    elif action == "G":
        return min(max(0, number - 1), max(_WIDEST, len(cells)))
    elif action == "P":
        del cells[column : column + max(1, number)]
    return column


def _redraw(lines: list[str]) -> list[str]:
    """Lines with movements up and down: rows keep what was drawn on them last, at the line that drew it."""
    rows: list[list[str]] = [[]]
    drawn_by = [0]
    row = 0
    for number, line in enumerate(lines):
        if number:
            row += 1
            if row == len(rows):
                rows.append([])
                drawn_by.append(number)
        at = column = 0
        for move in _VERTICAL.finditer(line):
            if move.start() > at:
                column = _draw(line[at : move.start()], rows[row], column)
                drawn_by[row] = number
            steps, action = int(move.group()[2:-1][:6] or 1), move.group()[-1]
            row = max(0, row - steps) if action in "AF" else min(len(rows) - 1, row + steps)
            column = column if action in "AB" else 0
            at = move.end()
        if at < len(line):
            _draw(line[at:], rows[row], column)
            drawn_by[row] = number
    shown = [""] * len(lines)
    for cells, number in zip(rows, drawn_by, strict=True):
        shown[number] = "".join(cells).rstrip(" ") or shown[number]
    return shown
