"""OpenAI Chat Completions replies: one message in `choices[0]`, whole or in chunks.

Shape: https://platform.openai.com/docs/api-reference/chat-streaming

Of several replies in a turn the client reads one `usage`: the prompt of the last one, which is what the conversation
has grown to, and the completion tokens of all. Of a reply with several choices (`n`) nothing is held back; calls of
the old kind (`function_call`) pass as anything else that is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headroom.interfaces import HeldCall, Leg
from headroom.model import Usage
from headroom.wire.json_events import grow, grown, json_object, number_in, object_in, objects_in, with_object, without
from headroom.wire.refusals import refusal
from headroom.wire.said_again import after
from headroom.wire.spans import Span, SpanError, decoded, elements, kind, locate, members
from headroom.wire.splice import Edit, appended, inserted_member, splice
from headroom.wire.sse import Event

_DONE = "[DONE]"
_CALLS, _DETAILS = "tool_calls", "reasoning_details"
_REASONING = ("reasoning", "reasoning_content")
_CALLED, _STOPPED = "tool_calls", "stop"
_CUT_OFF = ("length", "content_filter", "error")  # ways to finish from which nothing goes on
# Members of a message that a request may repeat; those after the first two only where the provider sent them.
_REPEATED = ("role", "content", "refusal", *_REASONING, _DETAILS, _CALLS)
# What comes in pieces, wherever in a delta it stands.
_GROWING = frozenset(("content", "refusal", *_REASONING, "arguments", "input", "text", "summary", "data"))


@dataclass(slots=True)
class _Message:
    """A message as its deltas come."""

    said: dict[str, Any] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    details: dict[int, dict[str, Any]] = field(default_factory=dict)  # of its reasoning, by their index
    _places: dict[int, int] = field(default_factory=dict)  # where in `calls` the one with an index stands

    def add(self, delta: Mapping[str, Any]) -> list[int]:
        """Takes a delta in; says to which calls its pieces belong."""
        grow(self.said, {key: delta[key] for key in ("content", "refusal", *_REASONING) if key in delta}, _GROWING)
        for piece in objects_in(delta, _DETAILS):
            grow(self.details.setdefault(number_in(piece, "index", len(self.details)), {}), piece, _GROWING)
        places = []
        for i, piece in enumerate(objects_in(delta, _CALLS)):
            places.append(self._place(piece, number_in(piece, "index", i)))
            grow(self.calls[places[-1]], piece, _GROWING)
        return places

    def _place(self, piece: Mapping[str, Any], index: int) -> int:
        """Some providers number every call 0: there another id begins another call."""
        place = self._places.get(index)
        known = None if place is None else self.calls[place].get("id")
        if place is None or (known and piece.get("id") and piece["id"] != known):
            place = self._places[index] = len(self.calls)
            self.calls.append({})
        return place

    def whole(self) -> dict[str, Any]:
        """The message as it stands in a reply that is not streamed."""
        message = {"role": "assistant", "content": None, **grown(self.said)}
        if self.details:
            message[_DETAILS] = [grown(self.details[index]) for index in sorted(self.details)]
        if self.calls:
            message[_CALLS] = [without(grown(call), "index") for call in self.calls]
        return message


@dataclass(slots=True)
class _Leg:
    """One upstream reply as far as it has come."""

    message: _Message = field(default_factory=_Message)
    held: list[int] = field(default_factory=list)  # places of calls
    finish: str = ""
    done: bool = False
    failed: bool = False
    passing: bool = False  # of several choices: nothing of it is ours
    tail: list[Event] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    @property
    def others(self) -> bool:
        return self.passing or len(self.message.calls) > len(self.held)


class OpenAIChatStream:
    """One streamed turn: chunks of later legs go on as if they were the first one's."""

    def __init__(self, tool: str | None) -> None:
        self.usage = Usage()
        self._tool = tool
        self._leg = _Leg()
        self._legs = 0
        self._same: dict[str, Any] = {}  # what all chunks of one reply have in common
        self._output = 0  # tokens of earlier legs
        self._details = 0  # indexes that earlier legs gave to details of their reasoning
        self._tail: list[Event] = []

    @property
    def complete(self) -> bool:
        return self._leg.done

    def feed(self, event: Event) -> list[Event]:
        leg = self._leg
        if event.data == _DONE:
            leg.done = True
            return self._now_or_at_the_end(event)
        data = json_object(event)
        leg.failed = leg.failed or bool(data.get("error"))
        if not isinstance(data.get("choices"), list):
            return [event]
        usage = _usage(data)
        leg.usage = usage if usage.reported or not leg.usage.reported else leg.usage
        self._same = self._same or {key: data[key] for key in ("id", "created", "model") if key in data}
        choices = objects_in(data, "choices")
        if self._tool is None or leg.passing or any(number_in(choice, "index") for choice in choices):
            return self._passed(event)
        return self._chunk(event, data, choices[0] if choices else {})

    def _passed(self, event: Event) -> list[Event]:
        """The turn is the client's from here on, with all that was held back for its end."""
        out = [*self._leg.tail, event]
        self._leg.passing, self._leg.tail = True, []
        return out

    def _chunk(self, event: Event, data: dict[str, Any], choice: dict[str, Any]) -> list[Event]:
        """A chunk of the choice, or of none: then it tells of the request, or what the reply has cost."""
        leg = self._leg
        delta = object_in(choice, "delta")
        finish = choice.get("finish_reason")
        leg.finish = str(finish or leg.finish)
        shown = self._without_held(delta)
        if self._legs:
            shown, data = self._continued(shown), self._as_first(data)
        if not choice or (shown is delta and not (finish and leg.held)):
            return self._now_or_at_the_end(with_object(event, data) if self._legs else event)

        def made(delta: dict[str, Any], finish: Any) -> Event:
            return with_object(event, {**data, "choices": [{**choice, "delta": delta, "finish_reason": finish}]})

        if any(shown.values()):
            return [made(shown, None), *self._now_or_at_the_end(made({}, finish))] if finish else [made(shown, None)]
        return self._now_or_at_the_end(made(shown, finish)) if finish else []

    def _now_or_at_the_end(self, event: Event) -> list[Event]:
        """How a leg ends that has asked us is not shown before it is known that no further one follows."""
        leg = self._leg
        if leg.held and (leg.finish or leg.done):
            leg.tail.append(event)
            return []
        return [event]

    def _without_held(self, delta: dict[str, Any]) -> dict[str, Any]:
        """The delta without pieces of held calls; the client's own calls are counted as if there were no others."""
        message, held = self._leg.message, self._leg.held
        places = message.add(delta)
        held += {place for place in places if _name(message.calls[place]) == self._tool}.difference(held)
        if not held or not places:
            return delta
        pieces = []
        for piece, place in zip(objects_in(delta, _CALLS), places, strict=True):
            if place not in held:
                index = number_in(piece, "index")
                before = sum(number_in(message.calls[other], "index") < index for other in held)
                pieces.append({**piece, "index": index - before})
        return {**without(delta, _CALLS), **({_CALLS: pieces} if pieces else {})}

    def _continued(self, delta: dict[str, Any]) -> dict[str, Any]:
        """A later leg's delta: no message begins with it, and the details of its reasoning are further ones."""
        if self._details and _DETAILS in delta:
            delta = {**delta, _DETAILS: _moved(objects_in(delta, _DETAILS), self._details)}
        return without(delta, "role")

    def _as_first(self, data: dict[str, Any]) -> dict[str, Any]:
        """A later leg's chunk as one of the first leg's, with what the reply has cost so far."""
        data = {**data, **{key: value for key, value in self._same.items() if key in data}}
        if isinstance(data.get("usage"), dict):
            data["usage"] = _with_output(data["usage"], self._output + number_in(data["usage"], "completion_tokens"))
        return data

    def end_leg(self) -> Leg:
        leg = self._leg
        complete = (leg.done or bool(leg.finish)) and not leg.failed and leg.finish not in _CUT_OFF
        ended = _leg_of(leg.message.whole(), leg.held, leg.others, complete)
        self.usage = self.usage.plus(leg.usage)
        self._output += leg.usage.output
        self._details += _indexes(ended.message)
        self._tail = leg.tail if leg.others else [_not_called(event) for event in leg.tail]
        self._legs += 1
        self._leg = _Leg()
        return ended

    def close(self) -> list[Event]:
        return self._tail


class OpenAIChatReplies:
    """Replies of `/v1/chat/completions`."""

    name = "openai_chat"

    def stream(self, tool: str | None) -> OpenAIChatStream:
        return OpenAIChatStream(tool)

    def whole(self, body: bytes, tool: str | None) -> tuple[Leg, Usage]:
        reply = json.loads(body)
        choices = objects_in(reply, "choices") if isinstance(reply, dict) else []
        said = choices[0].get("message") if choices else None
        if not isinstance(said, dict):
            return Leg({}, (), False, False, 0), Usage()
        message = {"role": "assistant", "content": None}
        message.update({key: said[key] for key in _REPEATED if said.get(key) is not None})
        calls = objects_in(said, _CALLS)
        held = [i for i, call in enumerate(calls) if len(choices) == 1 and _name(call) == tool]
        complete = choices[0].get("finish_reason") not in _CUT_OFF
        return _leg_of(message, held, len(calls) > len(held), complete), _usage(reply)

    def merged(self, bodies: Sequence[bytes], legs: Sequence[Leg], usage: Usage) -> bytes:
        if not any(leg.held for leg in legs):
            return bodies[-1]
        first, last = json.loads(bodies[0]), json.loads(bodies[-1])
        said = [leg.message for leg in legs]
        choice = last["choices"][0]
        message = {**without(choice["message"], _CALLS), "content": _joined(said, "content") or None}
        message.update({key: text for key in _REASONING if (text := _joined(said, key))})
        details: list[Any] = []
        for i, one in enumerate(said):
            details += _moved(objects_in(one, _DETAILS), sum(map(_indexes, said[:i])))
        calls = [call for call in objects_in(choice["message"], _CALLS) if not _is_one_of(call, legs[-1].held)]
        message.update({key: found for key, found in ((_DETAILS, details), (_CALLS, calls)) if found})
        choices = [_stopped({**choice, "message": message}) if not calls else {**choice, "message": message}]
        same = {key: first[key] for key in ("id", "created") if key in first}
        if object_in(last, "usage"):
            last["usage"] = _with_output(last["usage"], usage.output)
        return json.dumps({**last, **same, "choices": choices}).encode()

    def follow_up(self, request: bytes, leg: Leg, results: Sequence[tuple[HeldCall, str]]) -> bytes:
        said = _raw([leg.message, *_results(results)])
        return splice(request, [appended(request, locate(request, ["messages"]), said)])

    def exchange(self, legs: Sequence[Leg], results: Sequence[Sequence[tuple[HeldCall, str]]]) -> bytes | None:
        if not any(leg.held for leg in legs):
            return None
        last = legs[-1]
        hidden: dict[str, Any] = {"before": [], "held": [], "results": []}
        for leg, answers in zip(legs[:-1] if last.others else legs, results, strict=False):
            hidden["before"] += [leg.message, *_results(answers)]
        if last.held and last.others:
            calls = enumerate(last.message[_CALLS])
            hidden["held"] = [[place, call] for place, call in calls if _is_one_of(call, last.held)]
            hidden["results"] = _results(results[-1])
        return json.dumps(hidden).encode()

    def failure(self, status: int, body: bytes) -> Event:
        return with_object(Event(b"", "", ""), refusal(status, body))

    def replay(self, body: bytes, messages: Sequence[Span], exchange: bytes) -> list[Edit]:
        hidden = json.loads(exchange)
        try:
            return _replayed(body, messages[0], hidden["before"], hidden["held"], hidden["results"])
        except SpanError:
            return []


def _replayed(body: bytes, own: Span, before: list[Any], held: list[Any], results: list[Any]) -> list[Edit]:
    """The edits around and inside of the client's message; none where it says something else than it was shown."""
    found = {member.key: member.span for member in members(body, own)}
    content = decoded(body, found["content"]) if "content" in found else None
    shown = [message for message in before if message["role"] == "assistant"]
    rest = after(content, _joined(shown, "content"))
    if rest is None or "role" not in found or decoded(body, found["role"]) != "assistant":
        return []
    calls = found.get(_CALLS)
    listed = elements(body, calls) if calls and kind(body, calls) == "array" else []
    called = [body[span.start : span.end] for span in listed]
    if not (rest or called or held):
        return [Edit(own, _raw(before))]
    edits = [Edit(found["content"], json.dumps(rest).encode())] if rest != (content or "") else []
    edits += _reasoning_edits(body, found, shown)
    if held:
        for place, call in held:
            called.insert(place, json.dumps(call).encode())
        array = b"[" + b",".join(called) + b"]"
        edits.append(Edit(calls, array) if calls else inserted_member(body, own, _CALLS, array))
        edits.append(Edit(Span(own.end, own.end), b"," + _raw(results)))
    if before:
        edits.append(Edit(Span(own.start, own.start), _raw(before) + b","))
    return edits


def _reasoning_edits(body: bytes, found: Mapping[str, Span], shown: Sequence[Mapping[str, Any]]) -> list[Edit]:
    """Takes the reasoning of earlier legs off what the client repeats of it, as far as it does."""
    edits = []
    for key in _REASONING:
        before = _joined(shown, key)
        rest = after(decoded(body, found[key]), before) if before and key in found else None
        if rest is not None:
            edits.append(Edit(found[key], json.dumps(rest).encode()))
    earlier = sum(map(_indexes, shown))
    details = decoded(body, found[_DETAILS]) if earlier and _DETAILS in found else None
    if isinstance(details, list):
        rest = [one for one in details if not (isinstance(one, dict) and number_in(one, "index", earlier) < earlier)]
        edits.append(Edit(found[_DETAILS], json.dumps(rest).encode()))
    return edits


def _leg_of(message: dict[str, Any], held: Sequence[int], others: bool, complete: bool) -> Leg:
    """`held` has the places of the calls that the client does not see; their arguments become readable ones."""
    calls = objects_in(message, _CALLS)
    mine = []
    for place in sorted(held):
        arguments = _arguments(calls[place])
        if arguments is None:
            calls[place] = {**calls[place], "function": {**calls[place]["function"], "arguments": "{}"}}
        mine.append(HeldCall(str(calls[place].get("id")), _name(calls[place]), arguments or {}))
    if mine:
        message = {**message, _CALLS: calls}
    return Leg(message, tuple(mine), others, complete, bool(message.get("content")) + len(calls) - len(mine))


def _arguments(call: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        arguments = json.loads(call["function"].get("arguments") or "")
    except (ValueError, TypeError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None


def _name(call: Mapping[str, Any]) -> str:
    return str(object_in(call, "function").get("name"))


def _results(results: Sequence[tuple[HeldCall, str]]) -> list[dict[str, Any]]:
    return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in results]


def _raw(messages: Sequence[Any]) -> bytes:
    return b",".join(json.dumps(message).encode() for message in messages)


def _joined(messages: Sequence[Mapping[str, Any]], key: str) -> str:
    return "".join(text for message in messages if isinstance(text := message.get(key), str))


def _indexes(message: Mapping[str, Any]) -> int:
    """How many indexes the details of a message's reasoning take."""
    return max((number_in(detail, "index") + 1 for detail in objects_in(message, _DETAILS)), default=0)


def _moved(details: Sequence[Mapping[str, Any]], by: int) -> list[dict[str, Any]]:
    return [{**detail, "index": number_in(detail, "index") + by} for detail in details]


def _is_one_of(call: Mapping[str, Any], held: Sequence[HeldCall]) -> bool:
    return any(one.id == str(call.get("id")) and one.name == _name(call) for one in held)


def _stopped(choice: dict[str, Any]) -> dict[str, Any]:
    """A choice as it ends where no call of it is shown."""
    return {**choice, "finish_reason": _STOPPED} if choice.get("finish_reason") == _CALLED else choice


def _not_called(event: Event) -> Event:
    data = json_object(event)
    choices = [_stopped(choice) for choice in objects_in(data, "choices")]
    return with_object(event, {**data, "choices": choices}) if choices else event


def _usage(data: Mapping[str, Any]) -> Usage:
    """What a reply or a chunk says it has cost; Groq says it in a member of its own."""
    model = str(data.get("model", ""))
    reported = object_in(data, "usage") or object_in(object_in(data, "x_groq"), "usage")
    if not reported:
        return Usage(model=model)
    details = object_in(reported, "prompt_tokens_details")
    read, wrote = number_in(details, "cached_tokens"), number_in(details, "cache_write_tokens")
    fresh = max(0, number_in(reported, "prompt_tokens") - read - wrote)
    return Usage(fresh, read, wrote, number_in(reported, "completion_tokens"), model, True)


def _with_output(reported: Mapping[str, Any], output: int) -> dict[str, Any]:
    total = number_in(reported, "prompt_tokens") + output
    return {**reported, "completion_tokens": output, "total_tokens": total}


REPLY = OpenAIChatReplies()
