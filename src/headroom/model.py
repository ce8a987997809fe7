"""The words of the domain: what goes into a compressor, what comes out, and what was left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum


class Level(str, Enum):
    """How much may be left out: nothing, duplicates of kinds already shown, or everything a reader can ask for."""

    LOSSLESS = "lossless"
    BALANCED = "balanced"
    AGGRESSIVE = "aggressive"


class Role(str, Enum):
    """Whose text a block is; only tool results are compressed unless the caller asks for more."""

    TOOL = "tool"
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    CALL = "call"


class Intent(str, Enum):
    """What the tool call that produced a block was for, as far as its name and command tell."""

    READ = "read"
    SEARCH = "search"
    LIST = "list"
    FETCH = "fetch"
    RETRIEVE = "retrieve"
    OTHER = "other"


class Reason(str, Enum):
    """Why a block was left as it is."""

    COMPRESSED = "compressed"
    TOO_SMALL = "too_small"
    NOT_SMALLER = "not_smaller"
    NO_COMPRESSOR = "no_compressor"
    ROLE_PROTECTED = "role_protected"
    RETRIEVAL_RESULT = "retrieval_result"
    ANSWERED = "answered"
    ALREADY_COMPRESSED = "already_compressed"
    COMPRESSOR_FAILED = "compressor_failed"
    STORE_FAILED = "store_failed"
    OUT_OF_TIME = "out_of_time"
    ALREADY_SENT = "already_sent"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The call that produced a tool result: its name, its arguments as text, and what they say."""

    name: str = ""
    arguments: str = ""
    command: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One text inside a request body: `path` holds the keys from the body's root to the string.

    `failed` says that the body calls it an error.
    """

    text: str
    path: tuple[str | int, ...]
    role: Role
    call: ToolCall = ToolCall()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Omission:
    """One kind of thing that was left out.

    `kind` names it in the reader's words ("passed tests", "INFO lines"), `count` says how many `unit`s ("lines",
    "rows", "characters", "items", "sentences"); `ranges` are 1-based inclusive positions in the original's lines or
    rows (of the text under `path` where the original is JSON and the text a string inside it).
    """

    kind: str
    count: int
    unit: str = "lines"
    ranges: tuple[tuple[int, int], ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True)
class Compressed:
    """A candidate form of a text. `lossless` promises that the compressor's `decode` gives the text back."""

    text: str
    compressor: str
    lossless: bool
    omissions: tuple[Omission, ...] = ()


# The kind of omission that takes nothing from the reader: the lines stand elsewhere in the conversation.
SHOWN_EARLIER = "lines an earlier result shows"

Nested = Callable[[str, str], "Compressed | None"]
Expired = Callable[[], bool]


def _no_nested(text: str, path: str) -> Compressed | None:
    return None


def never() -> bool:
    """The clock of a call that may take its time."""
    return False


@dataclass(frozen=True, slots=True)
class Context:
    """What a compressor may know besides the text: only what precedes it, and the options.

    `id` is the one under which the original will be kept. `query` is the text whose words should stay visible (the
    user's question and the tool call); `target` is a number of tokens to reach by tightening the selection, never by
    breaking the floor; `path` is where the text stands inside the original (a JSON path such as `$.output`, empty for
    the original itself); `told` says that an earlier closing line has named the call that retrieves, `tool` is the
    client's own that it goes to (empty: `headroom_retrieve`); `without` are compressors that may leave nothing out.
    `nested(text, path)` compresses a text inside this one (a log in a JSON string) and returns None where that gains
    nothing. `expired` says whether the caller's time is up; the contest asks it between candidates.
    """

    level: Level = Level.BALANCED
    query: str = ""
    call: ToolCall = ToolCall()
    intent: Intent = Intent.OTHER
    target: int | None = None
    path: str = ""
    id: str = ""
    told: bool = False
    tool: str = ""
    without: frozenset[str] = frozenset()
    nested: Nested = field(default=_no_nested, compare=False)
    expired: Expired = field(default=never, compare=False)

    def inside(self, path: str) -> Context:
        """The same context for a text at `path` inside this one."""
        return replace(self, path=path)


@dataclass(frozen=True, slots=True)
class BlockReport:
    """What happened to one block: where it stands, what it is, what it cost before and after, what was left out."""

    path: tuple[str | int, ...]
    role: Role
    content_type: str
    compressor: str
    reason: Reason
    lossless: bool
    tokens_before: int
    tokens_after: int
    id: str | None = None
    omissions: tuple[Omission, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a provider says it billed for a reply, in tokens; `input` are those neither read from nor put in its cache.

    `cache_write_1h` are those of `cache_write` that it keeps for an hour. `reported` is False where it said nothing.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    model: str = ""
    reported: bool = False
    cache_write_1h: int = 0

    def minus(self, other: Usage) -> Usage:
        """What the last of some replies cost, where `other` is what those before it did."""
        return Usage(
            self.input - other.input,
            self.cache_read - other.cache_read,
            self.cache_write - other.cache_write,
            self.output - other.output,
            self.model,
            self.reported,
            self.cache_write_1h - other.cache_write_1h,
        )

    def plus(self, other: Usage) -> Usage:
        """What two replies cost together."""
        return Usage(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
            other.model or self.model,
            self.reported or other.reported,
            self.cache_write_1h + other.cache_write_1h,
        )
