"""OpenAI Responses replies: a response with output items, whole or as a stream of typed events.

Shape: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headroom.interfaces import HeldCall, Leg
from headroom.model import Usage
from headroom.wire.spans import Span, decoded, locate
from headroom.wire.splice import Edit, appended, splice
from headroom.wire.sse import Event, written

_CALL = "function_call"
_CALLS = frozenset(("function_call", "custom_tool_call", "local_shell_call", "shell_call", "computer_call"))
_SILENT = frozenset(("reasoning",))  # items that clients may leave out of later requests
_BEGINS = ("response.created", "response.in_progress", "response.queued")
_ENDS = ("response.completed", "response.incomplete", "response.failed")


@dataclass(slots=True)
class _Leg:
    """One upstream reply as far as it has come."""

    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    held: list[int] = field(default_factory=list)
    tail: list[Event] = field(default_factory=list)
    complete: bool = False
    usage: Usage = field(default_factory=Usage)

    def shown(self, index: int) -> int:
        """The item's place among those that the client sees."""
        return index - sum(held < index for held in self.held)


class ResponsesStream:
    """One streamed turn. Items and events are numbered on over all legs, without the held ones.

    The closing event has the items of all legs, and the id of the last one: it is what a client continues from.
    """

    def __init__(self, tool: str | None) -> None:
        self.usage = Usage()
        self._tool = tool
        self._leg = _Leg()
        self._legs = 0
        self._items: list[dict[str, Any]] = []  # that the client saw in earlier legs
        self._next = 0  # the number of the client's next event
        self._tail: list[Event] = []

    @property
    def complete(self) -> bool:
        return self._leg.complete

    def feed(self, event: Event) -> list[Event]:
        data = _data(event)
        kind = str(data.get("type", event.name))
        if kind in _ENDS:
            return self._end(event, data)
        if kind in _BEGINS and self._legs:
            return []
        index = data.get("output_index")
        if not isinstance(index, int):
            return [self._numbered(event, data, {})]
        item = data.get("item")
        if isinstance(item, dict):
            self._leg.items[index] = item
            if kind == "response.output_item.added" and self._is_ours(item):
                self._leg.held.append(index)
        if index in self._leg.held:
            return []
        shown = len(self._items) + self._leg.shown(index)
        return [self._numbered(event, data, {} if shown == index else {"output_index": shown})]

    def _is_ours(self, item: Mapping[str, Any]) -> bool:
        return self._tool is not None and item.get("type") == _CALL and item.get("name") == self._tool

    def _numbered(self, event: Event, data: Mapping[str, Any], changes: dict[str, Any]) -> Event:
        """The event with these changes, and the number that the client expects."""
        if "sequence_number" in data:
            if data["sequence_number"] != self._next and (self._legs or self._leg.held):
                changes["sequence_number"] = self._next
            else:
                self._next = int(data["sequence_number"])
            self._next += 1
        return _rewritten(event, {**data, **changes}) if changes else event

    def _end(self, event: Event, data: dict[str, Any]) -> list[Event]:
        leg = self._leg
        leg.complete = data.get("type") != "response.failed"
        response = data.get("response") if isinstance(data.get("response"), dict) else {}
        leg.usage = _usage(response)
        for index, item in enumerate(response.get("output") or ()):
            leg.items.setdefault(index, item)
        changes: dict[str, Any] = {}
        if self._legs or leg.held:
            own = [item for index, item in sorted(leg.items.items()) if index not in leg.held]
            counted = _counted(response.get("usage"), self.usage.plus(leg.usage))
            changes["response"] = {**response, "output": [*self._items, *own], "usage": counted}
        if leg.held:
            leg.tail.append(_rewritten(event, {**data, **changes}))
            return []
        return [self._numbered(event, data, changes)]

    def end_leg(self) -> Leg:
        leg = self._leg
        self.usage = self.usage.plus(leg.usage)
        items = [leg.items[index] for index in sorted(leg.items)]
        ended = _leg_of(items, {id(leg.items[index]) for index in leg.held}, leg.complete)
        self._items += [item for index, item in sorted(leg.items.items()) if index not in leg.held]
        self._legs += 1
        self._tail = leg.tail
        self._leg = _Leg()
        return ended

    def close(self) -> list[Event]:
        return [self._numbered(event, _data(event), {}) for event in self._tail]


class ResponsesReplies:
    """Replies of `/v1/responses`."""

    name = "openai_responses"

    def stream(self, tool: str | None) -> ResponsesStream:
        return ResponsesStream(tool)

    def whole(self, body: bytes, tool: str | None) -> tuple[Leg, Usage]:
        response = json.loads(body)
        if not isinstance(response, dict) or not isinstance(response.get("output"), list):
            return Leg([], (), False, False, 0), Usage()
        items = [item for item in response["output"] if isinstance(item, dict)]
        held = {id(i) for i in items if tool is not None and i.get("type") == _CALL and i.get("name") == tool}
        return _leg_of(items, held, response.get("status") != "failed"), _usage(response)

    def merged(self, bodies: Sequence[bytes], legs: Sequence[Leg], usage: Usage) -> bytes:
        if not any(leg.held for leg in legs):
            return bodies[-1]
        last = json.loads(bodies[-1])
        held = {call.id for leg in legs for call in leg.held}
        output = [item for leg in legs for item in leg.message if not (_is_call(item) and item.get("call_id") in held)]
        return json.dumps({**last, "output": output, "usage": _counted(last.get("usage"), usage)}).encode()

    def follow_up(self, request: bytes, leg: Leg, results: Sequence[tuple[HeldCall, str]]) -> bytes:
        items = [*leg.message, *_outputs(results)]
        raw = b",".join(json.dumps(item).encode() for item in items)
        return splice(request, [appended(request, locate(request, ["input"]), raw)])

    def exchange(self, legs: Sequence[Leg], results: Sequence[Sequence[tuple[HeldCall, str]]]) -> bytes | None:
        if not any(leg.held for leg in legs):
            return None
        hidden: list[list[Any]] = []  # the visible items before, those of them that were said aloud, what is inserted
        every = aloud = 0
        for leg, answers in zip(legs, results, strict=False):
            ids = {call.id for call in leg.held}
            for item in leg.message:
                if _is_call(item) and item.get("call_id") in ids:
                    hidden.append([every, aloud, [item]])
                else:
                    every += 1
                    aloud += item.get("type") not in _SILENT
            hidden.append([every, aloud, _outputs(answers)])
        for leg in legs[len(results) :]:
            every += len(leg.message)
            aloud += sum(item.get("type") not in _SILENT for item in leg.message)
        return json.dumps({"hidden": hidden, "every": every, "aloud": aloud}).encode()

    def replay(self, body: bytes, messages: Sequence[Span], exchange: bytes) -> list[Edit]:
        kept = json.loads(exchange)
        items = [decoded(body, span) for span in messages]
        own = next((i for i, item in enumerate(items) if not _is_models(item)), len(items))
        aloud = [i for i in range(own) if items[i].get("type") not in _SILENT]
        if own == kept["every"]:
            places = [*range(own), own]
        elif len(aloud) == kept["aloud"]:
            places = [*aloud, own]
        else:
            return []
        column = 0 if own == kept["every"] else 1
        if places[-1] >= len(messages):
            return []
        edits = []
        for row in kept["hidden"]:
            start = messages[places[row[column]]].start
            raw = b"".join(json.dumps(item).encode() + b"," for item in row[2])
            edits.append(Edit(Span(start, start), raw))
        return edits


def _leg_of(items: list[dict[str, Any]], held: set[int], complete: bool) -> Leg:
    """`held` has the identities of the items that the client does not see."""
    calls = [item for item in items if item.get("type") in _CALLS]
    mine = tuple(_held_call(item) for item in calls if id(item) in held)
    return Leg(items, mine, len(calls) > len(mine), complete, len(items) - len(mine))


def _held_call(item: Mapping[str, Any]) -> HeldCall:
    try:
        arguments = json.loads(item.get("arguments") or "{}")
    except ValueError:
        arguments = {}
    return HeldCall(str(item.get("call_id")), str(item.get("name")), arguments if isinstance(arguments, dict) else {})


def _is_call(item: Mapping[str, Any]) -> bool:
    return item.get("type") == _CALL


def _is_models(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    kind = str(item.get("type", "message"))
    return item.get("role") == "assistant" if kind == "message" else not kind.endswith("_output")


def _outputs(results: Sequence[tuple[HeldCall, str]]) -> list[dict[str, Any]]:
    return [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in results]


def _data(event: Event) -> dict[str, Any]:
    try:
        data = json.loads(event.data) if event.data else {}
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _rewritten(event: Event, data: Mapping[str, Any]) -> Event:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Event(written(event.name, text), event.name, text)


def _usage(response: Mapping[str, Any]) -> Usage:
    model = str(response.get("model", ""))
    reported = response.get("usage")
    if not isinstance(reported, dict):
        return Usage(model=model)
    cached = int((reported.get("input_tokens_details") or {}).get("cached_tokens") or 0)
    read, written_ = int(reported.get("input_tokens") or 0), int(reported.get("output_tokens") or 0)
    return Usage(read - cached, cached, 0, written_, model, True)


def _counted(reported: Any, usage: Usage) -> Any:
    """The last leg's numbers, with the output of all: what the model has read last is what its context holds."""
    if not isinstance(reported, dict):
        return reported
    read = int(reported.get("input_tokens") or 0)
    return {**reported, "output_tokens": usage.output, "total_tokens": read + usage.output}


REPLY = ResponsesReplies()
