"""OpenAI Responses replies: a response with output items, whole or as a stream of typed events, over HTTP or a socket.

Shape: https://platform.openai.com/docs/api-reference/responses-streaming
Sockets: https://platform.openai.com/docs/guides/websocket-mode

Of several replies in a turn the client reads one: the id of the first, the items of all, and one `usage`: the input of
the last, which is what the conversation has grown to, and the output tokens of all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headroom.interfaces import HeldCall, Leg
from headroom.model import Usage
from headroom.wire.json_events import json_object, number_in, object_in, objects_in, with_object
from headroom.wire.refusals import refusal
from headroom.wire.spans import Span, SpanError, decoded, locate, members
from headroom.wire.splice import Edit, appended, inserted_member, splice
from headroom.wire.sse import Event

_CALL, _REASONING = "function_call", "reasoning"
_CALLS = frozenset(  # that the client answers
    "function_call custom_tool_call local_shell_call shell_call apply_patch_call computer_call"
    " mcp_approval_request".split()
)
_BEGINS = ("response.created", "response.in_progress", "response.queued")
_COMPLETED = "response.completed"
_ENDS = (_COMPLETED, "response.incomplete", "response.failed")
_ON_A_SOCKET = "response.create"  # the type of a request that came in a frame
_EARLIER = "previous_response_id"
_SAME = ("id", "created_at", _EARLIER)  # members of a response that stay as the client has seen them first


@dataclass(slots=True)
class _Leg:
    """One upstream reply as far as it has come."""

    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    held: list[int] = field(default_factory=list)
    id: str = ""
    ended: str = ""  # the type of the event that has ended it
    tail: list[Event] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    def place(self, index: int) -> int:
        """The item's place among those that the client sees."""
        return index - sum(held < index for held in self.held)

    def shown(self) -> list[dict[str, Any]]:
        return [item for index, item in sorted(self.items.items()) if index not in self.held]


class ResponsesStream:
    """One streamed turn. Items and events are numbered on over all legs, without the held ones."""

    def __init__(self, tool: str | None) -> None:
        self.usage = Usage()
        self._tool = tool
        self._leg = _Leg()
        self._legs = 0
        self._first: dict[str, Any] = {}  # what all events of the turn say of its response
        self._items: list[dict[str, Any]] = []  # that the client saw in earlier legs
        self._next = 0  # the number of the client's next event
        self._tail: list[Event] = []

    @property
    def complete(self) -> bool:
        return bool(self._leg.ended)

    def feed(self, event: Event) -> list[Event]:
        data = json_object(event)
        kind = data.get("type") or event.name
        if kind in _BEGINS:
            response = object_in(data, "response")
            self._leg.id = str(response.get("id") or "")
            if self._legs:
                return []
            self._first = {key: response[key] for key in _SAME if key in response}
            return [self._numbered(event, data)]
        if kind in _ENDS:
            return self._end(event, data, str(kind))
        index = data.get("output_index")
        if not isinstance(index, int):
            return [self._numbered(event, data)]
        if isinstance(data.get("item"), dict):
            self._take(index, data["item"])
        if index in self._leg.held:
            return []
        place = len(self._items) + self._leg.place(index)
        return [self._numbered(event, data, {} if place == index else {"output_index": place})]

    def _take(self, index: int, item: dict[str, Any]) -> None:
        leg = self._leg
        leg.items[index] = item
        if index not in leg.held and _is_call_of(item, self._tool):
            leg.held.append(index)

    def _numbered(self, event: Event, data: Mapping[str, Any], changes: Mapping[str, Any] | None = None) -> Event:
        """The event with these changes, and the number that the client expects."""
        changes = dict(changes or {})
        number = data.get("sequence_number")
        if isinstance(number, int):
            if not (self._legs or self._leg.held):
                self._next = number
            elif number != self._next:
                changes["sequence_number"] = self._next
            self._next += 1
        return with_object(event, {**data, **changes}) if changes else event

    def _end(self, event: Event, data: dict[str, Any], kind: str) -> list[Event]:
        leg, response = self._leg, object_in(data, "response")
        leg.ended, leg.usage = kind, _usage(response)
        leg.id = str(response.get("id") or leg.id)
        said = objects_in(response, "output")
        for index, item in enumerate(said):
            if index not in leg.items:
                self._take(index, item)
        if not self._legs and not leg.held:
            return [self._numbered(event, data)]
        changes = {**self._first, "usage": _counted(response.get("usage"), self.usage.plus(leg.usage).output)}
        if said or not leg.items:  # some providers send the items only one by one
            changes["output"] = [*self._items, *leg.shown()]
        changed = {"response": {**response, **{key: changes[key] for key in changes if key in response}}}
        if leg.held:
            leg.tail.append(with_object(event, {**data, **changed}))
            return []
        return [self._numbered(event, data, changed)]

    def end_leg(self) -> Leg:
        leg = self._leg
        self.usage = self.usage.plus(leg.usage)
        held = {id(leg.items[index]) for index in leg.held}
        items = [item for _, item in sorted(leg.items.items())]
        ended = _leg_of(items, held, leg.ended == _COMPLETED, leg.id)
        self._items += leg.shown()
        self._legs += 1
        self._tail = leg.tail
        self._leg = _Leg()
        return ended

    def close(self) -> list[Event]:
        return [self._numbered(event, json_object(event)) for event in self._tail]


class ResponsesReplies:
    """Replies of `/v1/responses`."""

    name = "openai_responses"

    def stream(self, tool: str | None) -> ResponsesStream:
        return ResponsesStream(tool)

    def whole(self, body: bytes, tool: str | None) -> tuple[Leg, Usage]:
        response = json.loads(body)
        if not isinstance(response, dict) or not isinstance(response.get("output"), list):
            return Leg([], (), False, False, 0), Usage()
        items = objects_in(response, "output")
        held = {id(item) for item in items if _is_call_of(item, tool)}
        complete = response.get("status", "completed") == "completed"
        return _leg_of(items, held, complete, str(response.get("id") or "")), _usage(response)

    def merged(self, bodies: Sequence[bytes], legs: Sequence[Leg], usage: Usage) -> bytes:
        if not any(leg.held for leg in legs):
            return bodies[-1]
        first, last = json.loads(bodies[0]), json.loads(bodies[-1])
        same = {key: first[key] for key in _SAME if key in first and key in last}
        output = [item for leg in legs for item in leg.shown]
        counted = _counted(last.get("usage"), usage.output)
        return json.dumps({**last, **same, "output": output, "usage": counted}).encode()

    def follow_up(self, request: bytes, leg: Leg, results: Sequence[tuple[HeldCall, str]]) -> bytes:
        top = {member.key: member.span for member in members(request)}
        outputs = _outputs(results)
        if leg.id and "type" in top and decoded(request, top["type"]) == _ON_A_SOCKET:
            return splice(request, _going_on(request, top, leg.id, outputs))
        stored = "store" not in top or decoded(request, top["store"]) is not False
        said = [item for item in leg.message if stored or _is_whole(item)]
        return splice(request, [appended(request, top["input"], _raw([*said, *outputs]))])

    def exchange(self, legs: Sequence[Leg], results: Sequence[Sequence[tuple[HeldCall, str]]]) -> bytes | None:
        if not any(leg.held for leg in legs):
            return None
        # What is inserted, each time with how many of the visible items, and of those said aloud, stand before it.
        hidden: list[tuple[int, int, list[dict[str, Any]]]] = []
        every = aloud = 0
        for i, leg in enumerate(legs):
            for item in leg.message:
                if _is_one_of(item, leg.held):
                    hidden.append((every, aloud, [item]))
                else:
                    every += 1
                    aloud += _is_aloud(item)
            if i < len(results):
                hidden.append((every, aloud, _outputs(results[i])))
        tail = _outputs(results[-1]) if legs[-1].held else []
        return json.dumps({"hidden": hidden, "every": every, "aloud": aloud, "tail": tail}).encode()

    def failure(self, status: int, body: bytes) -> Event:
        """As the documents have it, and with `error`, by which clients know an error of theirs."""
        said = refusal(status, body)
        flat = {key: said["error"].get(key) for key in ("code", "message", "param")}
        return with_object(Event(b"", "error", ""), {**said, "type": "error", **flat})

    def replay(self, body: bytes, messages: Sequence[Span], exchange: bytes) -> list[Edit]:
        kept = json.loads(exchange)
        if _goes_on(body):  # the provider has all but the answers that it still waits for
            return _inserted(messages[0], kept["tail"]) if messages and kept["tail"] else []
        own = []
        for span in messages:
            item = decoded(body, span)
            if not _is_models(item):
                break
            own.append(item)
        aloud = [i for i, item in enumerate(own) if _is_aloud(item)]
        if len(own) == len(messages):
            return []
        if len(own) == kept["every"]:
            return [edit for every, _, items in kept["hidden"] for edit in _inserted(messages[every], items)]
        if len(aloud) == kept["aloud"]:
            places = [*aloud, len(own)]
            return [edit for _, place, items in kept["hidden"] for edit in _inserted(messages[places[place]], items)]
        return []


def _going_on(request: bytes, top: Mapping[str, Span], id: str, outputs: Sequence[Any]) -> list[Edit]:
    """The edits of a frame that make it go on from a reply, which the provider has at hand on this socket."""
    earlier = json.dumps(id).encode()
    whole = Span(request.index(b"{"), request.rindex(b"}") + 1)
    return [
        Edit(top["input"], b"[" + _raw(outputs) + b"]"),
        Edit(top[_EARLIER], earlier) if _EARLIER in top else inserted_member(request, whole, _EARLIER, earlier),
    ]


def _goes_on(body: bytes) -> bool:
    try:
        return decoded(body, locate(body, [_EARLIER])) is not None
    except SpanError:
        return False


def _inserted(before: Span, items: Sequence[Any]) -> list[Edit]:
    return [Edit(Span(before.start, before.start), _raw(items) + b",")] if items else []


def _raw(items: Iterable[Any]) -> bytes:
    return b",".join(json.dumps(item).encode() for item in items)


def _leg_of(items: list[dict[str, Any]], held: set[int], complete: bool, id_: str) -> Leg:
    """`held` has the identities of the items that the client does not see; their arguments become readable ones."""
    others = any(item.get("type") in _CALLS and id(item) not in held for item in items)
    shown = [item for item in items if id(item) not in held]
    mine, message = [], []
    for item in items:
        if id(item) in held:
            arguments = _arguments(item)
            item = item if arguments is not None else {**item, "arguments": "{}"}
            mine.append(HeldCall(str(item.get("call_id")), str(item.get("name")), arguments or {}))
        message.append(item)
    return Leg(message, tuple(mine), others, complete, len(shown), id_, tuple(shown))


def _arguments(item: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        arguments = json.loads(item.get("arguments") or "")
    except (ValueError, TypeError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None


def _is_call_of(item: Mapping[str, Any], tool: str | None) -> bool:
    return tool is not None and item.get("type") == _CALL and item.get("name") == tool


def _is_one_of(item: Mapping[str, Any], held: Sequence[HeldCall]) -> bool:
    return any(_is_call_of(item, call.name) and str(item.get("call_id")) == call.id for call in held)


def _is_aloud(item: Mapping[str, Any]) -> bool:
    """Whether it is an item that clients repeat in any case; reasoning they may leave out."""
    return item.get("type") != _REASONING


def _is_whole(item: Mapping[str, Any]) -> bool:
    """Whether an item says all there is to it, so that the provider needs not have kept it."""
    return item.get("type") != _REASONING or bool(item.get("encrypted_content"))


def _is_models(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    kind = str(item.get("type", "message"))
    return item.get("role") == "assistant" if kind == "message" else not kind.endswith(("_output", "_response"))


def _outputs(results: Sequence[tuple[HeldCall, str]]) -> list[dict[str, Any]]:
    return [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in results]


def _usage(response: Mapping[str, Any]) -> Usage:
    model = str(response.get("model") or "")
    reported = object_in(response, "usage")
    if not reported:
        return Usage(model=model)
    details = object_in(reported, "input_tokens_details")
    read, wrote = number_in(details, "cached_tokens"), number_in(details, "cache_write_tokens")
    fresh = max(0, number_in(reported, "input_tokens") - read - wrote)
    return Usage(fresh, read, wrote, number_in(reported, "output_tokens"), model, True)


def _counted(reported: Any, output: int) -> Any:
    if not isinstance(reported, dict):
        return reported
    return {**reported, "output_tokens": output, "total_tokens": number_in(reported, "input_tokens") + output}


REPLY = ResponsesReplies()
