"""Parts of an original: by lines, rows, JSON path, or search. Exactly as it was, paged, never compressed again."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headroom.ccr.json_path import Value, describe, document, find, items
from headroom.ccr.ranges import Range, page, parse_ranges, spelled
from headroom.ccr.search import addresses, excerpt, pieces, ranked, written
from headroom.errors import HeadroomError, InputError, NotFound, StoreError
from headroom.interfaces import Store
from headroom.marker import RETRIEVE_TOOL, command_call, plural
from headroom.text.lines import split_lines
from headroom.text.numbering import address_offset
from headroom.text.parts import split_parts

_log = logging.getLogger("headroom.ccr")

TOOL_LINES, TOOL_CHARACTERS = 400, 32_000  # about 8,000 tokens
_QUERY_ITEMS, _MORE_MATCHES = 40, 20
_RULE = re.compile(r"[\s|+:]*[-─━=]{2}[-─━=\s|+:┼╪]*")  # the line below a table's header


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A part of an original.

    `text` is the part, lines or rows one below the other, each as it was; a search result (`exact` is False) has their
    addresses and gap markers in it. `selector` says what was asked for, `shown` at which addresses (1-based, or the
    numbers that the lines carry) the text stands, `more` what is still to come; both are written as `lines` and `rows`
    read them, `more` is None at the end. There are `total` `unit`s ("lines", "rows"), the first at address `first`.
    `path` is the JSON path that was looked under, `heading` the header of the table whose rows these are.
    """

    text: str
    id: str
    selector: str
    unit: str
    total: int
    shown: str
    more: str | None
    exact: bool = True
    first: int = 1
    path: str = ""
    heading: str = ""


@dataclass(frozen=True, slots=True)
class _Scope:
    """What addresses count: all lines or rows of the original or of a value in it."""

    unit: str
    items: list[str]
    first: int = 1
    heading: str = ""

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1


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
    """The part of an original that was asked for; without a selector the whole of it.

    `lines` and `rows` are 1-based ranges ("41-852", "7", "90-", "1-5,90-95"). Lines end at "\\n" only and go by the
    numbers printed in front of them where there are any; rows are the elements of a JSON array, the documents of JSON
    Lines, or the lines below a table's header. `path` ("$.items[3].body") selects JSON values first: of a string its
    text, of others their source. `query` finds the lines or rows that hold its words, the best 40 with their
    neighbours. At most `limit` lines or rows (of searches too) and `characters` come at once; `cursor` is the `more` of
    the page before. Raises NotFound, StoreError, and InputError for a selector that doesn't fit the original.
    """
    if lines is not None and rows is not None:
        raise InputError("give lines or rows, not both")
    path = "" if path is None or path.strip() == "$" else path.strip()
    query = query.strip() if query else ""
    text = store.get(id)
    wanted = rows if lines is None else lines
    given = (("path", path or None), ("rows" if lines is None else "lines", wanted), ("query", query or None))
    selector = ", ".join(f"{name} {value}" for name, value in given if value is not None)
    values = find(_root(text), path) if path else []
    by_rows = rows is not None or (lines is None and query != "" and _is_one_line_array(text, values))
    scope = _row_scope(text, values) if by_rows else _line_scope(text, values)
    wanted = cursor if cursor is not None else wanted
    if wanted is None:
        ranges = [Range(scope.first, scope.last)]
    else:
        ranges = parse_ranges(str(wanted), scope.unit, scope.first, scope.last)
    if query:
        shown = _search(scope, query, ranges, limit or _QUERY_ITEMS, characters)
    else:
        part = page(scope.items, scope.first, ranges, limit, characters)
        shown = "\n".join(part.parts), spelled(part.shown), spelled(part.rest)
    body, at, more = shown
    return Retrieved(
        body, id, selector, scope.unit, len(scope.items), at, more or None, not query, scope.first, path, scope.heading
    )


def render(part: Retrieved, tool: str = "") -> str:
    """A part as plain text for a model: what it is, the part itself, and the call for what comes next.

    `tool` is one of the client's own that the call goes to; by default `headroom_retrieve`.
    """
    inside = f", {part.path}" if part.path else ""
    last = part.first + part.total - 1
    if not part.exact:
        what = f"search in its {plural(part.total, part.unit)}"
    elif part.shown == str(Range(part.first, last)):
        what = f"all {plural(part.total, part.unit)}"
    else:
        what = f"{part.unit} {part.shown} of {part.total if part.first == 1 else f'{part.first}-{last}'}"
    out = [f"[original {part.id}{inside}: {what}]"]
    if part.heading:
        out.append(part.heading)
    out.append(part.text)
    if part.more is not None:
        left = "the rest" if part.exact else "more matches"
        out.append(f"[for {left} {_call(part, part.more, tool)}]")
    return "\n".join(out)


def _call(part: Retrieved, more: str, tool: str) -> str:
    if tool:
        return command_call(tool, part.id, part.path, f"--{part.unit}={shlex.quote(more)}")
    path = f", path={part.path!r}" if part.path else ""
    return f'call {RETRIEVE_TOOL}(id="{part.id}"{path}, {part.unit}="{more}")'


def retrieve_text(store: Store, id: str, **selectors: Any) -> str:
    """The answer to a model's retrieval call; whatever goes wrong is said in plain words and final, it never raises.

    The selectors are those of `retrieve`, in any form that a model may give them.
    """
    id = str(id).strip().strip("\"'`")
    try:
        return render(_page(store, id, **selectors))
    except Exception as error:
        return _refusal(id, error)


def answered(store: Store, result: str, tool: str, id: str, **selectors: Any) -> str | None:
    """What takes the place of a result of the client's `tool` that a model called for an original.

    None where nothing does: the original is not kept, or the result shows what was asked for.
    """
    try:
        part = _page(store, id, **selectors)
    except (NotFound, StoreError):
        return None
    except Exception as error:
        return _refusal(id, error)
    shown = part.text.strip()
    return None if shown and f"\n{shown}\n" in f"\n{result.strip()}\n" else render(part, tool)


def _page(
    store: Store,
    id: str,
    *,
    lines: str | int | None = None,
    rows: str | int | None = None,
    path: str | None = None,
    query: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Retrieved:
    """As much of what was asked for as a model gets at once."""
    most = int(limit) if limit else None if query else TOOL_LINES
    return retrieve(
        store, id, lines=lines or None, rows=rows or None, path=path, query=query, limit=most, cursor=cursor,
        characters=TOOL_CHARACTERS,
    )  # fmt: skip


def _refusal(id: str, error: Exception) -> str:
    if isinstance(error, NotFound):
        return f"The original {id} is not kept any more and can't be returned. Run the command again to see its output."
    if isinstance(error, HeadroomError):
        return f"Nothing was returned: {error}."
    # Arguments of any kind may come from a model; its turn must not end here.
    _log.warning("retrieval of %s failed: %r", id, error)
    return "Nothing was returned: id, lines, rows, path and query must be strings, limit a number."


def _root(text: str) -> Value:
    """The JSON document that a text is, or the only one that stands between its other lines."""
    whole = document(text)
    if whole is not None:
        return whole
    lines = split_lines(text)
    found = [document("\n".join(lines[part.start : part.end])) for part in split_parts(text)]
    documents = [one for one in found if one is not None]
    if len(documents) == 1:
        return documents[0]
    several = f"holds {len(documents)} JSON documents between other lines" if documents else "is not JSON"
    raise InputError(f"the original {several}; select lines instead of a path")


def _line_scope(text: str, values: Sequence[Value]) -> _Scope:
    if values:
        text = values[0].string if len(values) == 1 else "\n".join(value.source for value in values)
    lines = split_lines(text)
    return _Scope("lines", lines, 1 + address_offset(text, lines))


def _row_scope(text: str, values: Sequence[Value]) -> _Scope:
    """The elements of an array, or what a path with `*` or a slice found, or the lines below a table's header."""
    if len(values) > 1:
        return _Scope("rows", [value.source for value in values])
    if values:
        text = values[0].string
        root = document(text, values[0].path) if values[0].kind == "string" else values[0]
    else:
        root = _json_or_none(text)
    if root is not None and root.kind == "array":
        return _Scope("rows", [item.source for item in items(root)])
    if root is not None:
        raise InputError(f"{root.path} is {describe(root)}; rows need an array: name its path")
    lines = split_lines(text)
    header = 2 if len(lines) > 1 and _RULE.fullmatch(lines[1]) else 1
    data = lines[header:-1] if lines[-1] == "" else lines[header:]
    return _Scope("rows", data, heading="\n".join(lines[:header]))


def _json_or_none(text: str) -> Value | None:
    try:
        return _root(text)
    except InputError:
        return None


def _is_one_line_array(text: str, values: Sequence[Value]) -> bool:
    """Whether rows say where something is and lines don't."""
    if len(values) > 1:
        return False
    source = values[0].string if values else text
    if "\n" in source.strip():
        return False
    root = document(source)
    return root is not None and root.kind == "array"


def _search(
    scope: _Scope, query: str, ranges: Sequence[Range], limit: int, characters: int | None
) -> tuple[str, str, str]:
    """The best matches as text, the addresses shown, the addresses of the best of those that didn't fit."""
    found = pieces(scope.items, ranges, scope.first)
    best = ranked([piece.text for piece in found], query)
    if not best:
        raise InputError(f"nothing matches {query!r} in the {plural(len(scope.items), scope.unit)} of the original")
    chosen = excerpt(found, best, limit, characters)
    kept = set(chosen)
    shown = [found[i] for i in chosen]
    text = written(shown, list(map(len, scope.items)), scope.unit, scope.first, numbered=scope.first != 1)
    more = addresses([found[i] for i in best if i not in kept], scope.first, _MORE_MATCHES)
    return text, addresses(shown, scope.first), more
