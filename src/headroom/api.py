"""The library's door: messages in, messages out, with a report for each block."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from headroom.ccr.default import default_store
from headroom.ccr.retrieval_tool import definition, selectors
from headroom.ccr.retrieve import Retrieved, retrieve_text
from headroom.ccr.retrieve import retrieve as retrieve_part
from headroom.errors import InputError
from headroom.interfaces import Dialect, Store
from headroom.marker import RETRIEVE_TOOL
from headroom.model import Block, BlockReport, Level, Omission, Role, ToolCall
from headroom.options import Options
from headroom.pipeline import Outcome, compress_blocks, tokens_after
from headroom.plugins import compressors, dialects

_SCALARS = frozenset((str, int, float, bool, type(None)))

compressors()  # the engine loads whole with the library, so that no first call pays for it


class _Saved(ABC):
    """The figures that follow from the reports of some blocks."""

    @property
    @abstractmethod
    def blocks(self) -> tuple[BlockReport, ...]:
        """A report for each text."""

    @cached_property
    def tokens_before(self) -> int:
        return sum(block.tokens_before for block in self.blocks)

    @cached_property
    def tokens_after(self) -> int:
        return sum(block.tokens_after for block in self.blocks)

    @property
    def tokens_saved(self) -> int:
        return self.tokens_before - self.tokens_after

    @property
    def ratio(self) -> float:
        return self.tokens_after / self.tokens_before if self.tokens_before else 1.0


@dataclass(frozen=True)
class CompressResult(_Saved):
    """What `compress` made of a conversation.

    `messages` has the input's shape, `blocks` has a report for each text in it. `tokens_before`, `tokens_after` and
    `tokens_saved` are the built-in estimator's, over all text blocks, counted when asked for. `ratio` is tokens_after /
    tokens_before: 0.3 means that 30 % are left, 1.0 that nothing changed. `fits` is False when a budget was asked for
    that the floor doesn't allow.
    """

    messages: Any
    fits: bool = True
    _outcomes: Sequence[Outcome] = field(default=(), repr=False, compare=False)

    @cached_property
    def blocks(self) -> tuple[BlockReport, ...]:
        return tuple(outcome.report for outcome in self._outcomes)


@dataclass(frozen=True)
class TextResult(_Saved):
    """What `compress_text` made of one payload; counts and `ratio` as in CompressResult."""

    text: str
    report: BlockReport

    @property
    def blocks(self) -> tuple[BlockReport, ...]:
        return (self.report,)

    @property
    def id(self) -> str | None:
        """The id of the stored original, None where nothing was changed."""
        return self.report.id

    @property
    def omissions(self) -> tuple[Omission, ...]:
        return self.report.omissions


def compress(
    messages: Any,
    model: str = "",
    *,
    level: Level | str = Level.BALANCED,
    query: str | None = None,
    budget: int | None = None,
    store: Store | None = None,
    **options: Any,
) -> CompressResult:
    """Compress what the tools of a conversation returned.

    `messages` is a list of OpenAI chat messages, OpenAI Responses items, Anthropic messages or Gemini contents, or a
    whole request body that holds one; the shape is recognised. SDK objects may stand among them. The input is never
    changed. `model` is accepted for the reader's sake: the result doesn't depend on it. Other keywords are those of
    `Options`. Raises InputError.
    """
    wanted = Options.of(level=level, query=query, budget=budget, **options)
    plain = _Plain()
    body = plain.of(messages)
    blocks = _blocks(dialect_of(body), body)
    outcomes = compress_blocks(blocks, wanted, store if store is not None else default_store())
    result = body if plain.is_copy else _copied(messages)
    for outcome in outcomes:
        if outcome.changed:
            _put(result, outcome.block.path, outcome.text)
    return CompressResult(result, budget is None or tokens_after(outcomes) <= budget, outcomes)


def compress_text(
    text: str,
    *,
    query: str | None = None,
    tool: str = "",
    command: str = "",
    path: str = "",
    level: Level | str = Level.BALANCED,
    budget: int | None = None,
    store: Store | None = None,
    **options: Any,
) -> TextResult:
    """Compress one payload.

    `tool`, `command` and `path` tell where it comes from, as far as known. Other keywords are those of `Options`.
    Raises InputError.
    """
    if not isinstance(text, str):
        raise InputError(f"text must be a string, not {type(text).__name__}")
    wanted = Options.of(level=level, query=query, budget=budget, **options)
    block = Block(text, (), Role.TOOL, ToolCall(tool, command or path, command, path))
    (outcome,) = compress_blocks([block], wanted, store if store is not None else default_store())
    return TextResult(outcome.text, outcome.report)


def retrieve(
    id: str,
    *,
    lines: str | int | None = None,
    rows: str | int | None = None,
    path: str | None = None,
    query: str | None = None,
    limit: int | None = None,
    store: Store | None = None,
) -> Retrieved:
    """The original kept under an id, byte for byte, or the part that the selectors name (see `Retrieved`).

    Raises NotFound, and InputError for a selector that doesn't fit the original.
    """
    kept = store if store is not None else default_store()
    return retrieve_part(kept, id, lines=lines, rows=rows, path=path, query=query, limit=limit)


def dialect_of(messages: Any) -> Dialect:
    """The dialect that recognises the messages best. Raises InputError where none does."""
    scored = [(dialect.recognises(messages), dialect) for dialect in dialects().values()]
    score, best = max(scored, key=lambda pair: pair[0])
    if score > 0 or messages == []:
        return best
    raise InputError(
        "messages are of no known shape: expected a list of OpenAI chat messages, OpenAI Responses items, "
        f"Anthropic messages or Gemini contents, or a request body with one; got {_shape(messages)}"
    )


def _blocks(dialect: Dialect, messages: Any) -> list[Block]:
    try:
        return list(dialect.blocks(messages))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"messages look like {dialect.name}, but one is malformed: {error!r}") from error


def _shape(messages: Any) -> str:
    if isinstance(messages, Mapping):
        return f"a {type(messages).__name__} with the keys {_keys(messages)}"
    if messages is None or isinstance(messages, str) or not isinstance(messages, Sequence):
        return "None" if messages is None else f"{_article(messages)} {type(messages).__name__}"
    for position, item in enumerate(messages):
        if not any(dialect.recognises([item]) for dialect in dialects().values()):
            return f"a list whose item {position} {_item(item)}"
    return "a list whose items are of different shapes"


def _item(item: Any) -> str:
    if not isinstance(item, Mapping):
        return f"is {_article(item)} {type(item).__name__}"
    return f"has the role {item['role']!r}" if "role" in item else f"has the keys {_keys(item)}"


def _keys(item: Mapping[Any, Any]) -> str:
    return ", ".join(map(repr, list(item)[:6])) or "(none)"


def _article(value: Any) -> str:
    return "an" if type(value).__name__[0] in "aeiou" else "a"


def _put(body: Any, path: tuple[str | int, ...], text: str) -> None:
    """Puts a text in the place of the string at a path."""
    for key in path[:-1]:
        body = getattr(body, str(key)) if _is_sdk_object(body) else body[key]
    if _is_sdk_object(body):
        setattr(body, str(path[-1]), text)
    else:
        body[path[-1]] = text


def _copied(value: Any) -> Any:
    """A copy, every part as it is."""
    if type(value) is dict:
        return {key: inner if type(inner) in _SCALARS else _copied(inner) for key, inner in value.items()}
    if type(value) is list:
        return [inner if type(inner) in _SCALARS else _copied(inner) for inner in value]
    return copy.deepcopy(value)


class _Plain:
    """Takes bodies with SDK objects, which all SDKs model with pydantic, as dicts.

    `is_copy` says of what was taken that it is the same all through, so of the types of JSON alone, and a copy.
    """

    def __init__(self) -> None:
        self.is_copy = True

    def of(self, value: Any) -> Any:
        if type(value) in _SCALARS:
            return value
        self.is_copy = self.is_copy and type(value) in (dict, list)
        if isinstance(value, dict):
            return {key: inner if type(inner) in _SCALARS else self.of(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [inner if type(inner) in _SCALARS else self.of(inner) for inner in value]
        return value.model_dump() if _is_sdk_object(value) else value


def _is_sdk_object(value: Any) -> bool:
    return hasattr(value, "model_dump") and not isinstance(value, type)


def retrieval_tool(dialect: str) -> dict[str, Any]:
    """The definition of `headroom_retrieve` for a request's tool list, in a dialect's shape.

    Dialects are "anthropic", "gemini", "openai_chat" and "openai_responses". Raises InputError.
    """
    known = dialects()
    if dialect not in known:
        raise InputError(f"no dialect {dialect!r}; known: {', '.join(known)}")
    return definition(known[dialect])


def handle_tool_call(message: Any, *, dialect: str | None = None, store: Store | None = None) -> list[dict[str, Any]]:
    """Answers every `headroom_retrieve` call in a model's reply; the answers are messages (items, contents) to append.

    `message` is the reply as a dict or as the SDK's object; of OpenAI chat the message, of the others the message or
    the whole response. Empty where the reply holds no such call. A miss is answered in plain words, it never raises.
    """
    message = _Plain().of(message)
    kept = store if store is not None else default_store()
    chosen = [dialects()[dialect]] if dialect is not None else list(dialects().values())
    for one in chosen:
        calls = [call for call in one.tool_calls(message) if call[1] == RETRIEVE_TOOL]
        if calls:
            return [one.tool_result(id, name, retrieve_text(kept, **selectors(args))) for id, name, args in calls]
    return []


__all__ = [
    "CompressResult",
    "TextResult",
    "compress",
    "compress_text",
    "handle_tool_call",
    "retrieval_tool",
    "retrieve",
]
