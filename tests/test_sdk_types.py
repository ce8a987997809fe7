"""The SDKs' own objects go in and come out; skipped where an SDK isn't installed."""

from __future__ import annotations

from typing import Any

import pytest

from headroom import MemoryStore, compress, handle_tool_call, retrieval_tool
from tests.test_api import FACT, OUTPUT

USAGE = {"input_tokens": 1, "output_tokens": 1}


def test_anthropic() -> None:
    types = pytest.importorskip("anthropic.types")
    call = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "cat worker.log"}}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use"}
    reply = types.Message.model_validate({**message, "content": [call], "stop_sequence": None, "usage": USAGE})
    result = {"type": "tool_result", "tool_use_id": "t", "content": OUTPUT}
    body = [
        {"role": "user", "content": "what went wrong?"},
        {"role": "assistant", "content": reply.content},
        {"role": "user", "content": [result]},
    ]
    store = MemoryStore()
    done = compress(body, store=store)
    assert done.messages[1]["content"] == reply.content
    assert isinstance(done.messages[1]["content"][0], types.ToolUseBlock)
    assert FACT in done.messages[2]["content"][0]["content"]
    assert done.tokens_saved > 0
    call = {**call, "name": "headroom_retrieve", "input": {"id": done.blocks[-1].id, "lines": "401"}}
    reply = types.Message.model_validate({**message, "content": [call], "stop_sequence": None, "usage": USAGE})
    (answer,) = handle_tool_call(reply, store=store)
    assert FACT in answer["content"][0]["content"]


def test_openai_chat() -> None:
    chat = pytest.importorskip("openai.types.chat")

    def made(name: str, arguments: str) -> Any:
        call = {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}
        return chat.ChatCompletionMessage.model_validate({"role": "assistant", "content": None, "tool_calls": [call]})

    store = MemoryStore()
    message = made("Bash", '{"command": "cat worker.log"}')
    done = compress([message, {"role": "tool", "tool_call_id": "c", "content": OUTPUT}], store=store)
    assert done.messages[0] == message
    assert FACT in done.messages[1]["content"]
    assert done.tokens_saved > 0
    reply = made("headroom_retrieve", f'{{"id": "{done.blocks[-1].id}", "lines": "401"}}')
    (answer,) = handle_tool_call(reply, store=store)
    assert (answer["role"], answer["tool_call_id"]) == ("tool", "c")
    assert FACT in answer["content"]


def test_openai_responses() -> None:
    responses = pytest.importorskip("openai.types.responses")

    def made(name: str, arguments: str) -> Any:
        item = {"type": "function_call", "call_id": "c", "name": name, "arguments": arguments}
        return responses.ResponseFunctionToolCall.model_validate(item)

    store = MemoryStore()
    call = made("shell", '{"command": "cat worker.log"}')
    done = compress([call, {"type": "function_call_output", "call_id": "c", "output": OUTPUT}], store=store)
    assert done.messages[0] == call
    assert FACT in done.messages[1]["output"]
    wanted = f'{{"id": "{done.blocks[-1].id}", "query": "payment refused"}}'
    (answer,) = handle_tool_call([made("headroom_retrieve", wanted)], store=store)
    assert answer["type"] == "function_call_output"
    assert FACT in answer["output"]


def test_gemini() -> None:
    types = pytest.importorskip("google.genai.types")
    call = types.FunctionCall(name="shell", args={"command": "cat worker.log"})
    answer = types.FunctionResponse(name="shell", response={"result": OUTPUT})
    body = [
        types.Content(role="user", parts=[types.Part(text="what went wrong?")]),
        types.Content(role="model", parts=[types.Part(function_call=call)]),
        types.Content(role="user", parts=[types.Part(function_response=answer)]),
    ]
    store = MemoryStore()
    done = compress(body, store=store)
    assert done.messages[:2] == body[:2]
    assert FACT in done.messages[2].parts[0].function_response.response["result"]
    assert answer.response == {"result": OUTPUT}
    call = types.FunctionCall(name="headroom_retrieve", args={"id": done.blocks[-1].id, "lines": "401"})
    reply = types.Content(role="model", parts=[types.Part(function_call=call)])
    (back,) = handle_tool_call(reply, store=store)
    assert FACT in types.Content.model_validate(back).parts[0].function_response.response["result"]
    assert types.Tool.model_validate(retrieval_tool("gemini")).function_declarations[0].name == "headroom_retrieve"
