"""Parts of an original: by lines, rows, JSON path, or search. Exactly as it was, paged, never compressed again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headroom.ccr.json_path import Value, describe, document, find, items
from headroom.ccr.ranges import Page, Range, page, parse_ranges
from headroom.ccr.search import excerpt, matches
from headroom.errors import HeadroomError, InputError, NotFound
from headroom.interfaces import Store
from headroom.marker import RETRIEVE_TOOL, omitted, plural
from headroom.text.lines import split_lines
from headroom.text.numbering import address_offset

TOOL_LINES, TOOL_CHARACTERS = 400, 32_000  # about 8,000 tokens
_QUERY_LINES = 40
_LONG_LINE, _SEGMENT = 2_000, 400
_RULE = re.compile(r"[\s|+:=\-─┼━╪]*[-─━=]{2}[\s|+:=\-─┼━╪]*")
_MORE_NUMBERS = 20


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A part of an original.

    `text` is the part; `exact` says that it is the selected lines (or rows, one below the other) and nothing else, as they
    were; a search result has line numbers and gap markers in it. `selector` is what was selected, `shown` the addresses that
    `text` holds and `more` those still to come, in the form `lines` or `rows` take; None when nothing is left. `total`
    counts all `unit`s (lines, rows) of what was selected from. `heading` is the header of a table whose rows these are.
    """

    text: str
    id: str
    selector: str
    unit: str
    total: int
    shown: str
    more: str | None
    exact: bool
    heading: str = ""
    path: str = ""


def retrieve(
    store: Store,
    id: str,
    *,
    lines: str | int | None = None,
    rows: str | int | None = None,
    path: str | None = None,
    query: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    characters: int | None = None,
) -> Retrieved:
    """The part of an original that was asked for, the whole of it without a selector.

    `lines` and `rows` are 1-based ranges ("41-852", "7", "90-", "1-5,90-95"); lines are split at "\\n" only and go by the
    numbers printed in front of them where there are any; rows are the elements of a JSON array, the documents of JSON
    Lines, or the lines below a table's header. `path` ("$.items[3].body") selects a JSON value first: of strings the text,
    of others the source. `query` returns the best matching lines with their numbers. At most `limit` lines or rows
    (query: 40 by default) and `characters` come at once; `cursor` is the `more` of the page before.
    Raises NotFound, StoreError, and InputError for a selector that doesn't fit the original.
    """
    if lines is not None and rows is not None:
        raise InputError("give lines or rows, not both")
    text = store.get(id)
    value: Value | None = None
    if path is not None and path.strip() not in ("", "$"):
        text, value = _at_path(text, path)
    unit, heading, parts, offset = "lines", "", split_lines(text), 0
    if rows is not None:
        unit, (heading, parts) = "rows", _rows(text, value, parts)
    elif lines is not None or query is not None or limit is not None or characters is not None:
        offset = address_offset(parts)
    wanted = cursor if cursor is not None else lines if rows is None else rows
    ranges = _ranges(wanted, unit, len(parts), offset)
    given = {"path": path, unit: wanted, "query": query}
    selector = ", ".join(f"{name} {value}" for name, value in given.items() if value is not None)
    if query is not None:
        body, numbers, more = _found(parts, query, ranges, offset, limit or _QUERY_LINES, unit)
        return Retrieved(body, id, selector, unit, len(parts), numbers, more, False, heading, path or "")
    part = page(parts, offset + 1, ranges, limit, characters)
    return Retrieved(
        "\n".join(part.parts), id, selector, unit, len(parts), _spelled(part.shown), _spelled(part.rest) or None,
        not _cut(part), heading, path or "",
    )  # fmt: skip


def render(part: Retrieved) -> str:
    """A part as plain text for a model: what it is, the part itself, and the call for what comes next."""
    inside = f" of {part.path}" if part.path else ""
    where = f"{part.unit} {part.shown} of {part.total}" if part.shown else f"none of {plural(part.total, part.unit)}"
    out = [f"[original {part.id}{inside}: {where}]"]
    if part.heading:
        out.append(part.heading)
    out.append(part.text)
    if part.more is not None:
        path = f', path="{part.path}"' if part.path else ""
        out.append(f'[there is more: call {RETRIEVE_TOOL}(id="{part.id}"{path}, {part.unit}="{part.more}")]')
    return "\n".join(out)


def retrieve_text(
    store: Store,
    id: str,
    *,
    lines: str | int | None = None,
    rows: str | int | None = None,
    path: str | None = None,
    query: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> str:
    """The answer to a model's retrieval call; whatever goes wrong is said in plain words and final, it never raises."""
    id = str(id).strip().strip("\"'`")
    try:
        most = int(limit) if limit is not None else None if query is not None else TOOL_LINES
        part = retrieve(
            store, id, lines=lines, rows=rows, path=path, query=query, limit=most, cursor=cursor, characters=TOOL_CHARACTERS
        )
        return render(part)
    except NotFound:
        return f"The original {id} is not kept any more, so it can't be returned. Run the command again to see its output."
    except HeadroomError as error:
        return f"Nothing was returned: {error}."
    except (TypeError, ValueError) as error:
        return f"Nothing was returned: an argument could not be read ({error})."


def _at_path(text: str, path: str) -> tuple[str, Value | None]:
    """What stands at a path: the text of a string, the source of another value, of several one below the other."""
    root = document(text)
    if root is None:
        raise InputError("the original is not JSON, so it has no paths; select lines instead")
    found = find(root, path)
    if len(found) == 1:
        return found[0].string, found[0]
    return "\n".join(value.source for value in found), None


def _rows(text: str, value: Value | None, lines: list[str]) -> tuple[str, list[str]]:
    """The header (of a table) and the rows of a text."""
    root = document(text) if value is None or value.kind == "string" else value
    if root is not None and root.kind == "array":
        return "", [item.source for item in items(root)]
    if root is not None:
        raise InputError(f"{root.path} is {describe(root)}; rows need an array: name its path")
    header = 2 if len(lines) > 1 and _RULE.fullmatch(lines[1]) else 1
    data = lines[header:-1] if lines[-1] == "" else lines[header:]
    return "\n".join(lines[:header]), data


def _ranges(wanted: str | int | None, unit: str, count: int, offset: int) -> list[Range]:
    if wanted is None:
        return [Range(offset + 1, None)]
    ranges = parse_ranges(str(wanted), unit)
    first, last = offset + 1, offset + count
    inside = [r for r in ranges if r.first <= last and (r.last is None or r.last >= first)]
    if not inside:
        has = f"{unit} {first} to {last}" if offset else plural(count, unit)
        raise InputError(f"{unit} {wanted} are not there: the original has {has}")
    return inside


def _spelled(ranges: tuple[Range, ...]) -> str:
    return ",".join(map(str, ranges))


def _cut(part: Page) -> bool:
    return any(r.offset for r in (*part.shown, *part.rest))


def _found(
    parts: list[str], query: str, ranges: list[Range], offset: int, limit: int, unit: str
) -> tuple[str, str, str | None]:
    """The best matches with their numbers, the addresses shown, and those of matches that didn't fit."""
    inside = [i for i in matches(parts, query) if any(_holds(r, i + 1 + offset) for r in ranges)]
    if not inside:
        raise InputError(f"no line matches {query!r}; the original has {plural(len(parts), unit)}")
    chosen, _ = excerpt(len(parts), inside, limit)
    out: list[str] = []
    before = -1
    for i in chosen:
        if i > before + 1:
            out.append(omitted(i - before - 1, unit, ((before + 2 + offset, i + offset),)))
        out.append(parts[i] if offset else f"{i + 1}: {_preview(parts[i])}")
        before = i
    if before < len(parts) - 1:
        out.append(omitted(len(parts) - 1 - before, unit, ((before + 2 + offset, len(parts) + offset),)))
    missing = [i + 1 + offset for i in inside if i not in set(chosen)]
    return "\n".join(out), _spelled(_runs(chosen, offset)), ",".join(map(str, missing[:_MORE_NUMBERS])) or None


def _preview(line: str) -> str:
    return line if len(line) <= _LONG_LINE else line[:_SEGMENT] + omitted(len(line) - _SEGMENT, "characters")


def _holds(one: Range, address: int) -> bool:
    return one.first <= address and (one.last is None or address <= one.last)


def _runs(positions: list[int], offset: int) -> tuple[Range, ...]:
    runs: list[Range] = []
    for i in positions:
        number = i + 1 + offset
        if runs and runs[-1].last == number - 1:
            runs[-1] = Range(runs[-1].first, number)
        else:
            runs.append(Range(number, number))
    return tuple(runs)
