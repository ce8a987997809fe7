"""All seams. A plug-in is one module that implements one of these; nothing else lists it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from headroom.model import Block, Compressed, Context, Usage
from headroom.wire.spans import Span
from headroom.wire.splice import Edit
from headroom.wire.sse import Event


def paged(lines: Iterable[str]) -> str:
    """Lines as one text, each behind a newline: one search for `\\n…` asks all of them how they begin."""
    return "\n" + "\n".join(lines)


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
        return tuple([line for line in self.lines if line and not line.isspace()])

    @cached_property
    def page(self) -> str:
        return paged(self.lines)

    @cached_property
    def flush(self) -> str:
        """The page without its indentation."""
        return paged(map(str.lstrip, self.lines))


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

    The rest is what the proxy asks: `conversation` is the body's member that holds the messages, `from_model` tells the
    model's own ones from what answers it, `settled` gives a message without what clients move from turn to turn (cache
    breakpoints, spellings that mean the same), `offer` says to which array among a body's `tools` (its path from there)
    a further definition goes, and in which form; None where the body offers no tools of the client's own. `functions`
    yields those that the client itself runs, with the JSON schema of their arguments.
    """

    name: str
    conversation: str

    def from_model(self, message: Any) -> bool: ...

    def settled(self, message: Any) -> Any: ...

    def offer(self, tools: Any, definition: Any) -> tuple[tuple[str | int, ...], Any] | None: ...

    def functions(self, tools: Any) -> Iterator[tuple[str, Any]]: ...

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


class Pins(Protocol):
    """What is kept of forwarded requests, under the keys of conversation prefixes.

    The first row of a key stays unless it is put `over`: `put_many` gives the rows that were there before. Those under
    the keys in `used` count as new again. Raises StoreError where the backend fails.
    """

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]: ...

    def put_many(
        self, rows: Sequence[tuple[bytes, bytes]], over: bool = False, used: Sequence[bytes] = ()
    ) -> dict[bytes, bytes]: ...


@dataclass(frozen=True, slots=True)
class HeldCall:
    """A call of `headroom_retrieve` that the client does not see."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Leg:
    """One upstream reply inside a client's turn, once it has ended.

    `message` is what the model said, as a follow-up request repeats it; a turn that needs none may lack its texts.
    `others` says that it called the client's own tools too, so that the turn is the client's now; `complete`, that it
    ended as the protocol says; `visible` counts the parts that the client was shown. Where requests may go on from a
    reply by its `id`, that and what the client was `shown`, as it would repeat it.
    """

    message: Any
    held: tuple[HeldCall, ...]
    others: bool
    complete: bool
    visible: int
    id: str = ""
    shown: tuple[Any, ...] = ()


class Stream(Protocol):
    """One streamed turn of a client, over one or more upstream replies (legs).

    `feed` gives what the client may have now; an event that is not changed is the very same object. `complete` says
    that the upstream reply has ended as the protocol wants it, `end_leg` is called when it has ended anyhow, `close`
    when no further one follows: it gives what was held back for the end.
    """

    usage: Usage
    complete: bool

    def feed(self, event: Event) -> list[Event]: ...

    def end_leg(self) -> Leg: ...

    def close(self) -> list[Event]: ...


class ReplyFormat(Protocol):
    """One provider API's replies. A module in `headroom.replies` exposes one instance as `REPLY`, named as its dialect.

    `stream` follows a streamed turn and holds back calls of `tool` (None: it only looks on); `whole` reads a reply that
    is not streamed; `merged` makes one client-visible reply of several, the very same bytes where nothing was held.
    `follow_up` is the forwarded request with the model's message and the results after it. `exchange` is what later
    requests must repeat of a turn (JSON), None where the client saw all of it; `replay` gives the edits that put it
    back: `messages` are the spans of the conversation's elements from the model's visible message on; no edits where
    the client's message does not fit. `failure` is the event that tells a stream's client of an error status.
    """

    name: str

    def stream(self, tool: str | None) -> Stream: ...

    def whole(self, body: bytes, tool: str | None) -> tuple[Leg, Usage]: ...

    def merged(self, bodies: Sequence[bytes], legs: Sequence[Leg], usage: Usage) -> bytes: ...

    def follow_up(self, request: bytes, leg: Leg, results: Sequence[tuple[HeldCall, str]]) -> bytes: ...

    def exchange(self, legs: Sequence[Leg], results: Sequence[Sequence[tuple[HeldCall, str]]]) -> bytes | None: ...

    def replay(self, body: bytes, messages: Sequence[Span], exchange: bytes) -> list[Edit]: ...

    def failure(self, status: int, body: bytes) -> Event: ...
