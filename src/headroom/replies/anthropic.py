"""Anthropic Messages replies: a message of content parts, whole or as a stream of events.

Shape: https://docs.anthropic.com/en/api/messages-streaming
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from headroom.interfaces import HeldCall, Leg
from headroom.model import Usage
from headroom.wire.json_events import grow, grown, json_object, number_in, object_in, with_object
from headroom.wire.refusals import refusal
from headroom.wire.spans import Span, SpanError, decoded, elements, locate, members
from headroom.wire.splice import Edit, appended, splice
from headroom.wire.sse import Event

_THINKING = ("thinking", "redacted_thinking")
_CALL = "tool_use"
_DELTA = "content_block_delta"
# What each kind of delta adds to which member of its part.
_GROWS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_GROWING = frozenset(_GROWS.values())


@dataclass(slots=True)
class _Leg:
    """One upstream reply as far as it has come."""

    parts: dict[int, dict[str, Any]] = field(default_factory=dict)
    arguments: dict[int, list[str]] = field(default_factory=dict)  # the JSON text of calls, in pieces
    held: list[int] = field(default_factory=list)
    unread: list[Event] = field(default_factory=list)  # deltas that passed; the message is needed once a call is held
    tail: list[Event] = field(default_factory=list)
    complete: bool = False
    usage: Usage = field(default_factory=Usage)

    def message(self) -> list[dict[str, Any]]:
        """The content as a request repeats it: in order, without the empty texts that requests may not have."""
        for index, pieces in self.arguments.items():
            self.parts[index]["input"] = _parsed("".join(pieces))
        for index, part in self.parts.items():
            self.parts[index] = grown(part)
        parts = [self.parts[index] for index in sorted(self.parts)]
        return [part for part in parts if part.get("type") != "text" or part.get("text")]


class AnthropicStream:
    """One streamed turn. Content blocks are numbered on over all legs, without the held ones."""

    def __init__(self, tool: str | None) -> None:
        self.usage = Usage()
        self._tool = tool
        self._leg = _Leg()
        self._legs = 0
        self._shown = 0  # content blocks that the client saw in earlier legs
        self._output = 0  # tokens of earlier legs
        self._tail: list[Event] = []

    @property
    def complete(self) -> bool:
        return self._leg.complete

    def feed(self, event: Event) -> list[Event]:
        if event.name == _DELTA and not (self._legs or self._leg.held):
            if self._tool is not None:
                self._leg.unread.append(event)
            return [event]
        data = json_object(event)
        kind = data.get("type")
        if kind == "message_start":
            message = object_in(data, "message")
            self._leg.usage = _usage(message.get("usage"), str(message.get("model", "")))
            return [] if self._legs else [event]
        if kind in ("content_block_start", _DELTA, "content_block_stop"):
            return self._block(event, data, number_in(data, "index"))
        if kind in ("message_delta", "message_stop"):
            return self._end(event, data, kind)
        return [event]

    def _block(self, event: Event, data: dict[str, Any], index: int) -> list[Event]:
        leg = self._leg
        if data["type"] == "content_block_start":
            part = object_in(data, "content_block")
            leg.parts[index] = {}
            grow(leg.parts[index], part, _GROWING)
            if part.get("type") == _CALL and self._tool is not None and part.get("name") == self._tool:
                leg.held.append(index)
                self._read_on()
        elif data["type"] == _DELTA:
            self._grow(index, object_in(data, "delta"))
        if index in leg.held:
            return []
        shown = self._shown + index - sum(held < index for held in leg.held)
        return [event] if shown == index else [with_object(event, {**data, "index": shown})]

    def _read_on(self) -> None:
        """Takes in the deltas that were only passed on."""
        for event in self._leg.unread:
            data = json_object(event)
            self._grow(number_in(data, "index"), object_in(data, "delta"))
        self._leg.unread = []

    def _grow(self, index: int, delta: Mapping[str, Any]) -> None:
        kind = str(delta.get("type"))
        part = self._leg.parts.setdefault(index, {})
        if kind == "input_json_delta":
            self._leg.arguments.setdefault(index, []).append(str(delta.get("partial_json", "")))
        elif kind == "citations_delta":
            part["citations"] = [*(part.get("citations") or ()), delta.get("citation")]
        elif kind in _GROWS:
            key = _GROWS[kind]
            grow(part, {key: delta.get(key)}, _GROWING)

    def _end(self, event: Event, data: dict[str, Any], kind: str) -> list[Event]:
        leg = self._leg
        if kind == "message_stop":
            leg.complete = True
        else:
            leg.usage = _later(leg.usage, data.get("usage"))
            if self._legs and isinstance(data.get("usage"), dict):
                counted = {**data["usage"], "output_tokens": self._output + leg.usage.output}
                event = with_object(event, {**data, "usage": counted})
        if leg.held:
            leg.tail.append(event)
            return []
        return [event]

    def end_leg(self) -> Leg:
        leg = self._leg
        self.usage = self.usage.plus(leg.usage)
        ended = _leg_of(leg.message(), {id(leg.parts[index]) for index in leg.held}, leg.complete)
        self._shown += len(leg.parts) - len(leg.held)
        self._output += leg.usage.output
        self._legs += 1
        self._tail = leg.tail
        self._leg = _Leg()
        return ended

    def close(self) -> list[Event]:
        return self._tail


class AnthropicReplies:
    """Replies of `/v1/messages`."""

    name = "anthropic"

    def stream(self, tool: str | None) -> AnthropicStream:
        return AnthropicStream(tool)

    def whole(self, body: bytes, tool: str | None) -> tuple[Leg, Usage]:
        message = json.loads(body)
        if not isinstance(message, dict) or not isinstance(message.get("content"), list):
            return Leg([], (), False, False, 0), Usage()
        parts = [part for part in message["content"] if isinstance(part, dict)]
        held = {id(part) for part in parts if tool and part.get("type") == _CALL and part.get("name") == tool}
        return _leg_of(parts, held, True), _usage(message.get("usage"), str(message.get("model", "")))

    def merged(self, bodies: Sequence[bytes], legs: Sequence[Leg], usage: Usage) -> bytes:
        if not any(leg.held for leg in legs):
            return bodies[-1]
        first, last = json.loads(bodies[0]), json.loads(bodies[-1])
        held = {call.id for leg in legs for call in leg.held}
        content = [part for leg in legs for part in leg.message if part.get("id") not in held]
        counted = {**(last.get("usage") or {}), "output_tokens": usage.output}
        return json.dumps({**last, "id": first.get("id"), "content": content, "usage": counted}).encode()

    def follow_up(self, request: bytes, leg: Leg, results: Sequence[tuple[HeldCall, str]]) -> bytes:
        at = locate(request, ["messages"])
        asked = json.dumps({"role": "assistant", "content": leg.message}).encode()
        answered = json.dumps({"role": "user", "content": _results(results)}).encode()
        return splice(request, [appended(request, at, asked + b"," + answered)])

    def exchange(self, legs: Sequence[Leg], results: Sequence[Sequence[tuple[HeldCall, str]]]) -> bytes | None:
        if not any(leg.held for leg in legs):
            return None
        *earlier, last = legs
        before = []
        for leg, answers in zip(earlier, results, strict=False):
            before.append({"role": "assistant", "content": leg.message})
            before.append({"role": "user", "content": _results(answers)})
        ids = {call.id for call in last.held}
        held = [[i, part] for i, part in enumerate(_said(last.message)) if part.get("id") in ids]
        results_held = _results(results[len(earlier)]) if held else []
        skip = sum(leg.visible for leg in earlier)
        return json.dumps({"before": before, "skip": skip, "held": held, "results": results_held}).encode()

    def failure(self, status: int, body: bytes) -> Event:
        said = refusal(status, body)
        error = {"type": "api_error", **said["error"]}
        return with_object(Event(b"", "error", ""), {**said, "type": "error", "error": error})

    def replay(self, body: bytes, messages: Sequence[Span], exchange: bytes) -> list[Edit]:
        hidden = json.loads(exchange)
        try:
            own = _own_parts(body, messages[0], hidden["skip"], hidden["before"])
            following = _results_edits(body, messages[1:2], hidden["results"])
        except SpanError:
            return []
        if own is None or following is None:
            return []
        kept, content = own
        parts = _with_held(kept, hidden["held"])
        said = [json.dumps(message).encode() for message in hidden["before"]]
        if parts:
            start, end = messages[0]
            said.append(body[start : content.start] + b"[" + b",".join(parts) + b"]" + body[content.end : end])
        return [Edit(messages[0], b",".join(said)), *following]


def _own_parts(
    body: bytes, message: Span, skip: int, before: Sequence[dict[str, Any]]
) -> tuple[list[tuple[bool, bytes]], Span] | None:
    """The parts of the client's message that belong to the last leg, each with whether it was said aloud.

    `skip` parts were said aloud in the legs before; their thinking is known by what it says, since clients may drop it.
    None where the message has fewer parts than were shown before: the client wrote another history.
    """
    found = {member.key: member.span for member in members(body, message)}
    content = found.get("content")
    if (
        content is None
        or body[content.start : content.start + 1] != b"["
        or "role" not in found
        or decoded(body, found["role"]) != "assistant"
    ):
        return None
    parts: list[tuple[bool, bytes]] = []
    thought = [part for message in before for part in message["content"] if part.get("type") in _THINKING]
    for span in elements(body, content):
        part = decoded(body, span)
        aloud = isinstance(part, dict) and part.get("type") not in _THINKING
        if skip or part in thought:
            skip -= aloud
            continue
        parts.append((aloud, body[span.start : span.end]))
    return None if skip else (parts, content)


def _with_held(parts: Sequence[tuple[bool, bytes]], held: Sequence[Sequence[Any]]) -> list[bytes]:
    """The parts with the held calls back at their places, which count what was said aloud."""
    out: list[bytes] = []
    waiting = {int(place): json.dumps(part).encode() for place, part in held}
    aloud = 0
    for said, raw in parts:
        while said and aloud in waiting:
            out.append(waiting.pop(aloud))
            aloud += 1
        out.append(raw)
        aloud += said
    return out + [waiting[place] for place in sorted(waiting)]


def _results_edits(body: bytes, following: Sequence[Span], results: Sequence[Any]) -> list[Edit] | None:
    """The edits that put results before what the client answers; None where it doesn't answer with parts."""
    if not results:
        return []
    if not following:
        return None
    content = locate(body, ["content"], following[0])
    if body[content.start : content.start + 1] != b"[":
        return None
    raw = b",".join(json.dumps(result).encode() for result in results)
    comma = b"," if elements(body, content) else b""
    return [Edit(Span(content.start + 1, content.start + 1), raw + comma)]


def _leg_of(parts: list[dict[str, Any]], held: set[int], complete: bool) -> Leg:
    """`held` has the identities of the parts that the client does not see."""
    calls = [part for part in parts if part.get("type") == _CALL]
    mine = tuple(_held_call(part) for part in calls if id(part) in held)
    return Leg(parts, mine, len(calls) > len(mine), complete, len(_said(parts)) - len(mine))


def _held_call(part: Mapping[str, Any]) -> HeldCall:
    arguments = part.get("input")
    return HeldCall(str(part.get("id")), str(part.get("name")), arguments if isinstance(arguments, dict) else {})


def _said(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for part in parts if part.get("type") not in _THINKING]


def _results(results: Sequence[tuple[HeldCall, str]]) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in results]


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments) if arguments else {}
    except ValueError:
        return {}


def _usage(reported: Any, model: str = "") -> Usage:
    if not isinstance(reported, dict):
        return Usage(model=model)
    return _later(Usage(model=model), reported)


def _later(known: Usage, reported: Any) -> Usage:
    """What is known with what an event says of the same reply: its numbers are totals, those it leaves out stay."""
    if not isinstance(reported, dict):
        return known
    read, wrote = "cache_read_input_tokens", "cache_creation_input_tokens"
    return replace(
        known,
        input=number_in(reported, "input_tokens", known.input),
        cache_read=number_in(reported, read, known.cache_read),
        cache_write=number_in(reported, wrote, known.cache_write),
        cache_write_1h=number_in(
            object_in(reported, "cache_creation"), "ephemeral_1h_input_tokens", known.cache_write_1h
        ),
        output=number_in(reported, "output_tokens", known.output),
        reported=True,
    )


REPLY = AnthropicReplies()
