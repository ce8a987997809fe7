"""All seams. A plug-in is one module that implements one of these; nothing else lists it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from headroom.model import Block, Compressed, Context


@dataclass(frozen=True)
class Sample:
    """What a sniff may look at: the text, and up to 120 of its lines (the first 60, 30 around the middle, the last 30).

    `lines` of a shorter text are all its lines, `filled` are those that aren't blank. Lines are cut at 400 characters.
    `line_count` counts the whole text.
    """

    text: str
    lines: tuple[str, ...]
    line_count: int

    @cached_property
    def filled(self) -> tuple[str, ...]:
        return tuple(line for line in self.lines if line and not line.isspace())


class Compressor(Protocol):
    """One content type. A module in `headroom.compressors` exposes one instance as `COMPRESSOR`.

    `sniff` says how surely the text is of this type, 0.0 to 1.0, from the sample's structure first and the call as a
    hint; it must cost next to nothing. `compress` yields candidates, best effort, none when it can do nothing; every
    lossy candidate carries its in-place markers and its omissions (never the closing line with the id: the pipeline
    adds that). It may raise: the block then stays as it is. `decode` inverts candidates marked lossless; `same` says
    when a decoded text equals the original (byte equality unless the format has insignificant spelling, as JSON has).
    """

    name: str
    content_type: str

    def sniff(self, sample: Sample, context: Context) -> float: ...

    def compress(self, text: str, context: Context) -> Iterable[Compressed]: ...

    def decode(self, text: str) -> str: ...

    def same(self, decoded: str, original: str) -> bool: ...


class Dialect(Protocol):
    """One provider API's message shape. A module in `headroom.dialects` exposes one instance as `DIALECT`.

    `recognises` tells whether a message list (or whole request body) has this shape, 0.0 to 1.0. `blocks` yields every
    text block in conversation order with its path from `body`. `tool_definition` and `tool_results` speak of
    retrieval in the provider's own form.
    """

    name: str

    def recognises(self, body: Any) -> float: ...

    def blocks(self, body: Any) -> Iterator[Block]: ...

    def tool_definition(self, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]: ...

    def tool_calls(self, message: Any) -> list[tuple[str, str, dict[str, Any]]]: ...

    def tool_result(self, call_id: str, name: str, text: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What a store says of one original, without its text. Times are seconds since the epoch, sizes are bytes."""

    id: str
    project: str
    size: int
    stored_size: int
    created: float
    used: float
    pinned: bool
    tool: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Original:
    """A text to be kept, with the tool it came from and its content type, as far as known."""

    text: str
    tool: str = ""
    content_type: str = ""


class Store(Protocol):
    """Where originals are kept, seen from one project: another project's originals do not exist here.

    A module in `headroom.ccr` per backend. `identify` gives the id that `put` would use (content-addressed, short,
    lengthened on collision). `put` returns only when the text is durable; `put_many` keeps all of its originals or
    none. `get` gives the text back exactly. A pinned original is neither evicted nor expired, only purged. `purge`
    deletes the given ids (default: all), with `older_than` only what was not used for so many seconds, and says how
    many. `get`, `pin` and `unpin` raise NotFound; every method raises StoreError where the backend fails.
    """

    project: str

    def identify(self, text: str) -> str: ...

    def put(self, text: str, *, tool: str = "", content_type: str = "") -> str: ...

    def put_many(self, originals: Sequence[Original]) -> list[str]: ...

    def get(self, id: str) -> str: ...

    def pin(self, id: str) -> None: ...

    def unpin(self, id: str) -> None: ...

    def entries(self, limit: int | None = None) -> list[Entry]: ...

    def purge(self, ids: Iterable[str] | None = None, *, older_than: float | None = None) -> int: ...

    def close(self) -> None: ...
