"""Gemini replies: a content of parts in `candidates[0]`, whole or in chunks.

Shape: https://ai.google.dev/api/generate-content

Streams with `alt=sse` have no mark at their end: the connection's end is theirs, because figures may follow the chunk
with the `finishReason`. Without `alt=sse` the chunks are the elements of one JSON array; such a reply is only looked
on, so that no request that wants it may be offered the tool. Of a reply with several candidates nothing is held back.
Of several replies in a turn the client reads one `usageMetadata`: the prompt of the last one, which is what the
conversation has grown to, and the tokens that all of them brought forth.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from headroom.interfaces import HeldCall, Leg
from headroom.model import Usage
from headroom.wire.json_events import json_object, number_in, object_in, objects_in, with_object, without
from headroom.wire.refusals import refusal
from headroom.wire.spans import Span, SpanError, decoded, elements, kind, locate, members
from headroom.wire.splice import Edit, appended, splice
from headroom.wire.sse import Event

_CALL, _SIGNATURE, _FINISH, _USAGE = "functionCall", "thoughtSignature", "finishReason", "usageMetadata"
_ENDED = "STOP"  # the other reasons cut a reply off
_BROUGHT_FORTH = ("candidatesTokenCount", "thoughtsTokenCount")
_NOTHING = {"text": ""}  # as Gemini itself ends a stream that has nothing more to say
_Part = dict[str, Any]


@dataclass(slots=True)
class _Leg:
    """One upstream reply as far as it has come."""

    parts: list[_Part] = field(default_factory=list)
    asked: bool = False  # us
    finish: str = ""
    failed: bool = False
    passing: bool = False  # one of several candidates: nothing of it is ours
    tail: list[Event] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    model: str = ""


class GeminiStream:
    """One streamed turn: chunks of later legs go on as if they were the first one's."""

    complete = False  # before the connection has ended there may be more

    def __init__(self, tool: str | None) -> None:
        self.usage = Usage()
        self._tool = tool
        self._leg = _Leg()
        self._legs = 0
        self._id: Any = None
        self._figures: dict[str, int] = {}  # of earlier legs
        self._tail: list[Event] = []

    def feed(self, event: Event) -> list[Event]:
        leg = self._leg
        data = json_object(event)
        leg.failed = leg.failed or "error" in data
        leg.figures = object_in(data, _USAGE) or leg.figures
        leg.model = str(data.get("modelVersion") or leg.model)
        self._id = self._id or data.get("responseId")
        candidates = objects_in(data, "candidates")
        if self._tool is None or leg.passing or any(number_in(candidate, "index") for candidate in candidates):
            out = [*leg.tail, event]
            leg.passing, leg.tail = True, []
            return out
        if not candidates and _USAGE not in data:
            return [event]
        return self._chunk(event, data, candidates[0] if candidates else {})

    def _chunk(self, event: Event, data: dict[str, Any], candidate: dict[str, Any]) -> list[Event]:
        """A chunk of the candidate, or of none: then it has figures only."""
        leg = self._leg
        parts = objects_in(object_in(candidate, "content"), "parts")
        shown = [part for part in parts if not _is_call(part, self._tool)]
        ends = bool(candidate.get(_FINISH))
        leg.parts += parts
        leg.asked = leg.asked or len(shown) < len(parts)
        leg.finish = str(candidate.get(_FINISH) or leg.finish)
        if self._legs:
            data = self._as_first(data)
        if not (leg.asked and candidate and (ends or len(shown) < len(parts))):
            out = with_object(event, data) if self._legs else event
            return self._at_the_end(out) if leg.asked and leg.finish else [out]

        def made(parts: Sequence[_Part], *dropped: str) -> Event:
            content = {**object_in(candidate, "content"), "parts": parts}
            return with_object(event, {**data, "candidates": [{**without(candidate, *dropped), "content": content}]})

        if not ends:
            return [made(shown)] if shown else []
        if shown and not _others(leg.parts, self._tool):
            return [made(shown, _FINISH), *self._at_the_end(made([_NOTHING]))]
        return self._at_the_end(made(shown or [_NOTHING]))

    def _at_the_end(self, event: Event) -> list[Event]:
        """How a leg ends that has asked us is not shown before it is known that no further one follows."""
        self._leg.tail.append(event)
        return []

    def _as_first(self, data: dict[str, Any]) -> dict[str, Any]:
        """A later leg's chunk as one of the first leg's, with what the reply has cost so far."""
        if "responseId" in data:
            data = {**data, "responseId": self._id}
        if _USAGE in data:
            data = {**data, _USAGE: _added(object_in(data, _USAGE), self._figures)}
        return data

    def end_leg(self) -> Leg:
        leg = self._leg
        complete = leg.finish == _ENDED and not leg.failed
        ended = _leg_of(_put_together(leg.parts), None if leg.passing else self._tool, complete)
        self.usage = self.usage.plus(_usage(leg.figures, leg.model))
        self._figures = _added(_brought_forth(leg.figures), self._figures)
        self._tail = leg.tail
        self._legs += 1
        self._leg = _Leg()
        return ended

    def close(self) -> list[Event]:
        return self._tail


class GeminiReplies:
    """Replies of `generateContent` and `streamGenerateContent`."""

    name = "gemini"

    def stream(self, tool: str | None) -> GeminiStream:
        return GeminiStream(tool)

    def whole(self, body: bytes, tool: str | None) -> tuple[Leg, Usage]:
        reply = json.loads(body)
        if isinstance(reply, list):
            last = {key: value for chunk in reply if isinstance(chunk, dict) for key, value in chunk.items()}
            return _leg_of([], None, False), _usage(object_in(last, _USAGE), str(last.get("modelVersion", "")))
        candidates = objects_in(reply, "candidates") if isinstance(reply, dict) else []
        if not candidates:
            return _leg_of([], None, False), Usage()
        parts = objects_in(object_in(candidates[0], "content"), "parts")
        leg = _leg_of(parts, tool if len(candidates) == 1 else None, candidates[0].get(_FINISH) == _ENDED)
        return leg, _usage(object_in(reply, _USAGE), str(reply.get("modelVersion", "")))

    def merged(self, bodies: Sequence[bytes], legs: Sequence[Leg], usage: Usage) -> bytes:
        if not any(leg.held for leg in legs):
            return bodies[-1]
        *earlier, last = (json.loads(body) for body in bodies)
        figures: dict[str, int] = {}
        for reply in earlier:
            figures = _added(_brought_forth(object_in(reply, _USAGE)), figures)
        parts = [part for leg in legs for part in leg.message["parts"] if not _is_one_of(part, leg.held)]
        candidate = {**last["candidates"][0], "content": {"role": "model", "parts": parts or [_NOTHING]}}
        whole = {**last, "candidates": [candidate], _USAGE: _added(object_in(last, _USAGE), figures)}
        if earlier and "responseId" in earlier[0]:
            whole["responseId"] = earlier[0]["responseId"]
        return json.dumps(whole).encode()

    def follow_up(self, request: bytes, leg: Leg, results: Sequence[tuple[HeldCall, str]]) -> bytes:
        said = _raw([leg.message, _answer(results)])
        return splice(request, [appended(request, locate(request, ["contents"]), said)])

    def exchange(self, legs: Sequence[Leg], results: Sequence[Sequence[tuple[HeldCall, str]]]) -> bytes | None:
        if not any(leg.held for leg in legs):
            return None
        last = legs[-1]
        hidden: dict[str, Any] = {"before": [], "held": [], "results": []}
        for leg, answers in zip(legs[:-1] if last.others else legs, results, strict=False):
            hidden["before"] += [leg.message, _answer(answers)]
        if last.held and last.others:
            calls = enumerate(part for part in last.message["parts"] if _CALL in part)
            hidden["held"] = [[place, part] for place, part in calls if _is_one_of(part, last.held)]
            hidden["results"] = _answer(results[-1])["parts"]
        return json.dumps(hidden).encode()

    def failure(self, status: int, body: bytes) -> Event:
        said = refusal(status, body)
        return with_object(Event(b"", "", ""), {**said, "error": {"code": status, **said["error"]}})

    def replay(self, body: bytes, messages: Sequence[Span], exchange: bytes) -> list[Edit]:
        hidden = json.loads(exchange)
        try:
            return _replayed(body, messages, hidden["before"], hidden["held"], hidden["results"])
        except SpanError:
            return []


@dataclass(slots=True)
class _Shown:
    """What the client was shown by earlier replies of a turn and repeats before what the last one said.

    Clients split and join texts as they like and often leave thoughts out, so it is taken off a part at a time.
    """

    text: str
    thoughts: str
    signatures: Sequence[Any]
    others: int  # parts that are neither text nor calls
    fits: bool = True

    @classmethod
    def of(cls, before: Sequence[Any]) -> _Shown:
        parts = [part for content in before if content["role"] == "model" for part in content["parts"]]
        texts = [part for part in parts if isinstance(part.get("text"), str)]
        return cls(
            "".join(part["text"] for part in texts if not part.get("thought")),
            "".join(part["text"] for part in texts if part.get("thought")),
            [part[_SIGNATURE] for part in parts if _SIGNATURE in part],
            sum("text" not in part and _CALL not in part for part in parts),
        )

    def taken_off(self, part: Any) -> Any | None:
        """The very part where all of it is the last reply's, what is left of it, or None."""
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str):
            return self._other(part)
        left = self.thoughts if part.get("thought") else self.text
        repeated = min(len(left), len(text))
        if left[:repeated] != text[:repeated]:
            self.fits = self.fits and bool(part.get("thought"))
            return part
        if part.get("thought"):
            self.thoughts = left[repeated:]
        else:
            self.text = left[repeated:]
        known = part.get(_SIGNATURE) in self.signatures
        if not repeated and not known:
            return part
        rest = {**(without(part, _SIGNATURE) if known else part), "text": text[repeated:]}
        return rest if rest["text"] or _SIGNATURE in rest else None

    def _other(self, part: Any) -> Any | None:
        if self.others and not (isinstance(part, dict) and _CALL in part):
            self.others -= 1
            return None
        self.fits = self.fits and not self.text.strip()
        return part


def _replayed(
    body: bytes, messages: Sequence[Span], before: list[Any], held: list[Any], results: list[Any]
) -> list[Edit]:
    """The edits of the client's contents; none where they say something else than the client was shown."""
    own = _from_model(body, messages)
    shown = _Shown.of(before)
    said = [[_rest(body, span, shown) for span in elements(body, parts)] for _, parts in own]
    left = [[part for part in parts if part is not None] for parts in said]
    answered = _results_edits(body, messages[len(own) : len(own) + 1], results)
    if not own or not shown.fits or shown.text.strip() or answered is None or (held and not any(left)):
        return []
    contents = [json.dumps(content).encode() for content in before]
    for (content, parts), kept in zip(own, _with_held(left, held), strict=True):
        if kept:
            array = b"[" + b",".join(kept) + b"]"
            contents.append(body[content.start : parts.start] + array + body[parts.end : content.end])
    return [Edit(Span(own[0][0].start, own[-1][0].end), b",".join(contents)), *answered]


def _from_model(body: bytes, messages: Sequence[Span]) -> list[tuple[Span, Span]]:
    """The contents that a reply has become, each with its parts: some clients make one of every chunk."""
    own = []
    for message in messages:
        found = {member.key: member.span for member in members(body, message)}
        role, parts = found.get("role"), found.get("parts")
        if not role or not parts or decoded(body, role) != "model" or kind(body, parts) != "array":
            break
        own.append((message, parts))
    return own


def _rest(body: bytes, span: Span, shown: _Shown) -> tuple[bool, bytes] | None:
    """What a part says after what was shown before, with whether it is a call; None where that is nothing."""
    part = decoded(body, span)
    rest = shown.taken_off(part)
    if rest is None:
        return None
    is_call = isinstance(part, dict) and _CALL in part
    return is_call, body[span.start : span.end] if rest is part else json.dumps(rest).encode()


def _with_held(contents: Sequence[Sequence[tuple[bool, bytes]]], held: Sequence[Sequence[Any]]) -> list[list[bytes]]:
    """The parts with the held calls back at their places among the calls."""
    waiting = {int(place): json.dumps(part).encode() for place, part in held}
    out: list[list[bytes]] = []
    calls = 0
    for parts in contents:
        out.append([])
        for is_call, raw in parts:
            while is_call and calls in waiting:
                out[-1].append(waiting.pop(calls))
                calls += 1
            out[-1].append(raw)
            calls += is_call
    out[-1] += [waiting[place] for place in sorted(waiting)]
    return out


def _results_edits(body: bytes, following: Sequence[Span], results: Sequence[Any]) -> list[Edit] | None:
    """The edits that put results before what the client answers; None where it doesn't answer with parts."""
    if not results:
        return []
    parts = locate(body, ["parts"], following[0]) if following else None
    if parts is None or kind(body, parts) != "array":
        return None
    comma = b"," if elements(body, parts) else b""
    return [Edit(Span(parts.start + 1, parts.start + 1), _raw(results) + comma)]


def _leg_of(parts: list[_Part], tool: str | None, complete: bool) -> Leg:
    held = tuple(_held_call(part[_CALL]) for part in parts if _is_call(part, tool))
    said = sum(not part.get("thought") for part in parts)
    return Leg({"role": "model", "parts": parts}, held, _others(parts, tool), complete, said - len(held))


def _held_call(call: Mapping[str, Any]) -> HeldCall:
    return HeldCall(str(call.get("id") or ""), str(call.get("name")), object_in(call, "args"))


def _is_call(part: Mapping[str, Any], tool: str | None) -> bool:
    return tool is not None and object_in(part, _CALL).get("name") == tool


def _others(parts: Iterable[_Part], tool: str | None) -> bool:
    """Whether the client's own functions are called too."""
    return any(_CALL in part and not _is_call(part, tool) for part in parts)


def _is_one_of(part: Mapping[str, Any], held: Sequence[HeldCall]) -> bool:
    return _CALL in part and _held_call(object_in(part, _CALL)) in held


def _answer(results: Sequence[tuple[HeldCall, str]]) -> dict[str, Any]:
    parts = []
    for call, text in results:
        response: dict[str, Any] = {"name": call.name, "response": {"output": text}}
        parts.append({"functionResponse": {**({"id": call.id} if call.id else {}), **response}})
    return {"role": "user", "parts": parts}


def _put_together(parts: Iterable[_Part]) -> list[_Part]:
    """The parts as a request repeats them: a text that came in pieces is one again, unless they are signed."""
    out: list[_Part] = []
    for plain, group in groupby(parts, _plain):
        alike = list(group)
        text = "".join(part["text"] for part in alike) if plain else ""
        if text or not plain:
            out += [{**alike[0], "text": text}] if plain else alike
    return out


def _plain(part: Mapping[str, Any]) -> str:
    """Which kind of text a part is that has nothing else; "" for any other part."""
    if not isinstance(part.get("text"), str) or not part.keys() <= {"text", "thought"}:
        return ""
    return "thought" if part.get("thought") else "text"


def _raw(values: Iterable[Any]) -> bytes:
    return b",".join(json.dumps(value).encode() for value in values)


def _usage(figures: Mapping[str, Any], model: str) -> Usage:
    if not figures:
        return Usage(model=model)
    read = number_in(figures, "cachedContentTokenCount")
    prompt = number_in(figures, "promptTokenCount") + number_in(figures, "toolUsePromptTokenCount")
    output = sum(number_in(figures, key) for key in _BROUGHT_FORTH)
    return Usage(max(0, prompt - read), read, 0, output, model, True)


def _brought_forth(figures: Mapping[str, Any]) -> dict[str, int]:
    counts = {key: number_in(figures, key) for key in _BROUGHT_FORTH}
    return {**counts, "totalTokenCount": sum(counts.values())}


def _added(figures: Mapping[str, Any], earlier: Mapping[str, int]) -> dict[str, Any]:
    return {**figures, **{key: number_in(figures, key) + count for key, count in earlier.items() if count}}


REPLY = GeminiReplies()
