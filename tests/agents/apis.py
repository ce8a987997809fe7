"""Four provider APIs, as far as a scripted model needs them: what a request says, and how a reply is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tests.agents.script import Done, Heard, Say

Body = dict[str, Any]
Part = dict[str, Any]


@dataclass(frozen=True)
class Usage:
    """The tokens that the provider says it counted; `cached` is a share of `input`."""

    input: int
    cached: int
    output: int


@dataclass(frozen=True)
class Reply:
    """What a model says, with everything that a provider adds."""

    say: Say
    calls: tuple[tuple[str, str, dict[str, Any]], ...]  # id, name, arguments
    usage: Usage
    model: str
    id: str


class Api(Protocol):
    """How one provider writes."""

    def heard(self, body: Body) -> Heard: ...

    def whole(self, reply: Reply) -> Body: ...

    def events(self, reply: Reply) -> Iterator[bytes]: ...


def sse(data: Body, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def halves(text: str) -> Iterable[str]:
    """A text as a stream brings it: in pieces."""
    middle = (len(text) + 1) // 2
    return [piece for piece in (text[:middle], text[middle:]) if piece]


def texts(content: Any) -> str:
    """The text of a string, or of a list of parts."""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or () if isinstance(part, dict))


def paired(calls: Iterable[tuple[str, str, Any]], results: dict[str, str]) -> tuple[Done, ...]:
    """Calls in their order with their results; every one must have come back."""
    return tuple(Done(name, arguments, results[id]) for id, name, arguments in calls)


class Anthropic:
    """POST /v1/messages."""

    def heard(self, body: Body) -> Heard:
        parts = [part for message in body["messages"] for part in self._parts(message["content"])]
        calls = [(p["id"], p["name"], p["input"]) for p in parts if p["type"] == "tool_use"]
        results = {p["tool_use_id"]: texts(p.get("content")) for p in parts if p["type"] == "tool_result"}
        said = "\n".join(p["text"] for p in parts if p["type"] == "text")
        return Heard(tuple(tool["name"] for tool in body.get("tools", ())), paired(calls, results), said)

    def whole(self, reply: Reply) -> Body:
        return {**self._start(reply), "content": self._content(reply), "stop_reason": self._stop(reply)}

    def events(self, reply: Reply) -> Iterator[bytes]:
        start = {**self._start(reply), "content": [], "stop_reason": None}
        yield sse({"type": "message_start", "message": start}, "message_start")
        yield sse({"type": "ping"}, "ping")
        for index, part in enumerate(self._content(reply)):
            empty, deltas = self._in_pieces(part)
            opened = {"type": "content_block_start", "index": index, "content_block": empty}
            yield sse(opened, "content_block_start")
            for delta in deltas:
                yield sse({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
            yield sse({"type": "content_block_stop", "index": index}, "content_block_stop")
        end = {"stop_reason": self._stop(reply), "stop_sequence": None}
        spent = self._usage(reply)
        yield sse({"type": "message_delta", "delta": end, "usage": spent}, "message_delta")
        yield sse({"type": "message_stop"}, "message_stop")

    @staticmethod
    def _parts(content: Any) -> list[Part]:
        return [{"type": "text", "text": content}] if isinstance(content, str) else content

    @staticmethod
    def _start(reply: Reply) -> Body:
        known = {"id": f"msg_{reply.id}", "type": "message", "role": "assistant", "model": reply.model}
        return {**known, "stop_sequence": None, "usage": Anthropic._usage(reply)}

    @staticmethod
    def _usage(reply: Reply) -> Body:
        used = reply.usage
        cached = {"cache_read_input_tokens": used.cached, "cache_creation_input_tokens": 0}
        return {"input_tokens": used.input - used.cached, **cached, "output_tokens": used.output}

    @staticmethod
    def _stop(reply: Reply) -> str:
        return "tool_use" if reply.calls else "end_turn"

    @staticmethod
    def _content(reply: Reply) -> list[Part]:
        thought = reply.say.thought
        content: list[Part] = []
        if thought:
            content.append({"type": "thinking", "thinking": thought, "signature": f"signed+{thought}=="})
        if reply.say.text:
            content.append({"type": "text", "text": reply.say.text})
        content += [{"type": "tool_use", "id": f"toolu_{id}", "name": n, "input": args} for id, n, args in reply.calls]
        return content

    @staticmethod
    def _in_pieces(part: Part) -> tuple[Part, list[Part]]:
        if part["type"] == "text":
            return {**part, "text": ""}, [{"type": "text_delta", "text": piece} for piece in halves(part["text"])]
        if part["type"] == "thinking":
            pieces = [{"type": "thinking_delta", "thinking": piece} for piece in halves(part["thinking"])]
            signed = {"type": "signature_delta", "signature": part["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*pieces, signed]
        pieces = halves(json.dumps(part["input"]))
        return {**part, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


class Chat:
    """POST /v1/chat/completions."""

    def heard(self, body: Body) -> Heard:
        messages = body["messages"]
        calls = [
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for message in messages
            for call in message.get("tool_calls") or ()
        ]
        results = {m["tool_call_id"]: texts(m["content"]) for m in messages if m["role"] == "tool"}
        said = "\n".join(texts(m["content"]) for m in messages if m["role"] == "user")
        return Heard(tuple(t["function"]["name"] for t in body.get("tools") or ()), paired(calls, results), said)

    def whole(self, reply: Reply) -> Body:
        message = {"role": "assistant", "content": reply.say.text or None, **self._calls(reply)}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish(reply)}
        return {**self._head(reply, ""), "choices": [choice], "usage": self._usage(reply)}

    def events(self, reply: Reply) -> Iterator[bytes]:
        yield self._chunk(reply, {"role": "assistant", "content": ""})
        for piece in halves(reply.say.text):
            yield self._chunk(reply, {"content": piece})
        for index, (id, name, arguments) in enumerate(reply.calls):
            named = {"index": index, "id": f"call_{id}", "type": "function"}
            yield self._chunk(reply, {"tool_calls": [{**named, "function": {"name": name, "arguments": ""}}]})
            for piece in halves(json.dumps(arguments)):
                yield self._chunk(reply, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield self._chunk(reply, {}, self._finish(reply))
        yield sse({**self._head(reply, ".chunk"), "choices": [], "usage": self._usage(reply)})
        yield b"data: [DONE]\n\n"

    def _chunk(self, reply: Reply, delta: Body, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse({**self._head(reply, ".chunk"), "choices": [choice], "usage": None})

    @staticmethod
    def _head(reply: Reply, kind: str) -> Body:
        known = {"id": f"chatcmpl-{reply.id}", "object": f"chat.completion{kind}", "created": 1_760_000_000}
        return {**known, "model": reply.model, "system_fingerprint": "fp_0"}

    @staticmethod
    def _finish(reply: Reply) -> str:
        return "tool_calls" if reply.calls else "stop"

    @staticmethod
    def _calls(reply: Reply) -> Body:
        made = [
            {"id": f"call_{id}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for id, name, arguments in reply.calls
        ]
        return {"tool_calls": made} if made else {}

    @staticmethod
    def _usage(reply: Reply) -> Body:
        used = reply.usage
        counted = {"prompt_tokens": used.input, "completion_tokens": used.output}
        cached = {"cached_tokens": used.cached}
        return {**counted, "total_tokens": used.input + used.output, "prompt_tokens_details": cached}


class Responses:
    """POST /v1/responses."""

    def heard(self, body: Body) -> Heard:
        items = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
        calls = [
            (i["call_id"], i["name"], json.loads(i["arguments"])) for i in items if i.get("type") == "function_call"
        ]
        results = {i["call_id"]: texts(i["output"]) for i in items if i.get("type") == "function_call_output"}
        said = "\n".join(texts(i.get("content")) for i in items if i.get("role") == "user")
        return Heard(tuple(tool.get("name", "") for tool in body.get("tools") or ()), paired(calls, results), said)

    def whole(self, reply: Reply) -> Body:
        used = reply.usage
        usage = {
            "input_tokens": used.input,
            "input_tokens_details": {"cached_tokens": used.cached},
            "output_tokens": used.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used.input + used.output,
        }
        return {**self._head(reply), "status": "completed", "output": self._output(reply), "usage": usage}

    def events(self, reply: Reply) -> Iterator[bytes]:
        for number, event in enumerate(self._numbered(reply)):
            yield sse({**event, "sequence_number": number}, event["type"])

    def _numbered(self, reply: Reply) -> Iterator[Body]:
        begun = {**self._head(reply), "status": "in_progress", "output": [], "usage": None}
        yield {"type": "response.created", "response": begun}
        yield {"type": "response.in_progress", "response": begun}
        for index, item in enumerate(self._output(reply)):
            empty = {"message": {"content": []}, "function_call": {"arguments": ""}}.get(item["type"], {})
            at = {"output_index": index}
            yield {"type": "response.output_item.added", **at, "item": {**item, "status": "in_progress", **empty}}
            yield from self._inside(item, {**at, "item_id": item["id"]})
            yield {"type": "response.output_item.done", **at, "item": item}
        yield {"type": "response.completed", "response": self.whole(reply)}

    @staticmethod
    def _inside(item: Part, at: Body) -> Iterator[Body]:
        if item["type"] == "function_call":
            for piece in halves(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
            yield {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]}
        elif item["type"] == "message":
            part, at = item["content"][0], {**at, "content_index": 0}
            yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
            for piece in halves(part["text"]):
                yield {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}
            yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
            yield {"type": "response.content_part.done", **at, "part": part}

    @staticmethod
    def _head(reply: Reply) -> Body:
        known = {"id": f"resp_{reply.id}", "object": "response", "created_at": 1_760_000_000, "model": reply.model}
        unset = dict.fromkeys(("error", "incomplete_details", "instructions", "previous_response_id", "temperature"))
        return {**known, **unset, "metadata": {}, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}

    @staticmethod
    def _output(reply: Reply) -> list[Part]:
        output: list[Part] = []
        if reply.say.thought:
            sealed = f"sealed+{reply.say.thought}=="
            output.append({"id": f"rs_{reply.id}", "type": "reasoning", "summary": [], "encrypted_content": sealed})
        if reply.say.text:
            part = {"type": "output_text", "text": reply.say.text, "annotations": [], "logprobs": []}
            known = {"id": f"msg_{reply.id}", "type": "message", "role": "assistant", "status": "completed"}
            output.append({**known, "content": [part]})
        for id, name, arguments in reply.calls:
            known = {"id": f"fc_{id}", "type": "function_call", "status": "completed", "call_id": f"call_{id}"}
            output.append({**known, "name": name, "arguments": json.dumps(arguments)})
        return output


class Gemini:
    """POST /v1beta/models/…:generateContent and :streamGenerateContent?alt=sse."""

    def heard(self, body: Body) -> Heard:
        parts = [part for content in body["contents"] for part in content["parts"]]
        asked = [part["functionCall"] for part in parts if "functionCall" in part]
        answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
        assert [call["name"] for call in asked] == [answer["name"] for answer in answers], "answers in order"
        done = tuple(
            Done(call["name"], call.get("args", {}), self._text(answer["response"]))
            for call, answer in zip(asked, answers, strict=True)
        )
        names = [f["name"] for tool in body.get("tools") or () for f in tool.get("functionDeclarations") or ()]
        said = "\n".join(texts(content["parts"]) for content in body["contents"] if content.get("role") == "user")
        return Heard(tuple(names), done, said)

    def whole(self, reply: Reply) -> Body:
        return self._chunk(reply, self._parts(reply), last=True)

    def events(self, reply: Reply) -> Iterator[bytes]:
        parts = self._parts(reply)
        for part in parts[:-1]:
            yield sse(self._chunk(reply, [part], last=False))
        yield sse(self._chunk(reply, parts[-1:], last=True))

    @staticmethod
    def _text(response: Body) -> str:
        return "\n".join(value for value in response.values() if isinstance(value, str))

    @staticmethod
    def _parts(reply: Reply) -> list[Part]:
        thought = [{"text": reply.say.thought, "thought": True}] if reply.say.thought else []
        said = [{"text": piece} for piece in halves(reply.say.text)]
        calls: list[Part] = [{"functionCall": {"name": name, "args": arguments}} for _, name, arguments in reply.calls]
        if calls:
            calls[0]["thoughtSignature"] = "c2lnbmVk"
        return [*thought, *said, *calls]

    @staticmethod
    def _chunk(reply: Reply, parts: list[Part], *, last: bool) -> Body:
        used = reply.usage
        counted = {"promptTokenCount": used.input, "cachedContentTokenCount": used.cached}
        total = {"candidatesTokenCount": used.output, "totalTokenCount": used.input + used.output}
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        candidates = [{**candidate, **({"finishReason": "STOP"} if last else {})}]
        known = {"modelVersion": reply.model, "responseId": reply.id}
        return {"candidates": candidates, "usageMetadata": {**counted, **total}, **known}
