"""OpenAI Responses: a list of items, with function_call and function_call_output among them.

Shape: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from headroom.hints import tool_call
from headroom.model import Block, Role, ToolCall

_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "shell_call", "mcp_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output", "local_shell_call_output", "shell_call_output")
_ITEMS = frozenset(
    (*_CALLS, *_OUTPUTS, "reasoning", "item_reference", "web_search_call", "file_search_call", "compaction")
)
_FLEETING, _NOTES = frozenset(("id", "status")), frozenset(("annotations", "logprobs"))
_ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}


class OpenAIResponses:
    """`{"instructions", "input": [items]}` or the item list alone. Reasoning and encrypted items are passed over."""

    name = "openai_responses"
    conversation = "input"

    def from_model(self, message: Any) -> bool:
        if not isinstance(message, dict):
            return False
        kind = message.get("type", "message")
        return message.get("role") == "assistant" if kind == "message" else kind not in _OUTPUTS

    def settled(self, message: Any) -> Any:
        if self.from_model(message):
            return _said(message)
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str) and message.get("role") != "assistant":
            return {**message, "type": "message", "content": [{"type": "input_text", "text": content}]}
        return {"type": "message", **message} if isinstance(message, dict) and "role" in message else message

    def offer(self, tools: Any, definition: Any) -> tuple[tuple[str | int, ...], Any] | None:
        found = isinstance(tools, list) and any(isinstance(t, dict) and t.get("type") == "function" for t in tools)
        return ((), definition) if found else None

    def functions(self, tools: Any) -> Iterator[tuple[str, Any]]:
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and tool.get("type") == "function":
                yield str(tool.get("name")), tool.get("parameters")

    def recognises(self, body: Any) -> float:
        if isinstance(body, dict):
            return 0.9 if "input" in body and "messages" not in body else 0.0
        if not isinstance(body, list):
            return 0.0
        types = {item.get("type") for item in body if isinstance(item, dict)}
        if types & _ITEMS:
            return 0.95
        return 0.6 if types and types <= {"message"} else 0.0

    def blocks(self, body: Any) -> Iterator[Block]:
        calls: dict[str, ToolCall] = {}
        root: tuple[str | int, ...] = ()
        items = body
        if isinstance(body, dict):
            yield from _texts(body.get("instructions"), ("instructions",), Role.SYSTEM, ToolCall())
            items, root = body.get("input"), ("input",)
        if isinstance(items, str):
            yield Block(items, root, Role.USER)
            return
        for i, item in enumerate(items or ()):
            if not isinstance(item, dict):
                continue
            kind = item.get("type", "message")
            if kind in _CALLS:
                call, key = _call(item)
                calls[str(item.get("call_id") or item.get("id"))] = call
                if isinstance(item.get(key), str):
                    yield Block(item[key], (*root, i, key), Role.CALL, call)
                if kind == "mcp_call":
                    yield from _texts(item.get("output"), (*root, i, "output"), Role.TOOL, call)
            elif kind in _OUTPUTS:
                call = calls.get(str(item.get("call_id") or item.get("id")), ToolCall())
                yield from _texts(item.get("output"), (*root, i, "output"), Role.TOOL, call)
            elif kind == "message":
                role = _ROLES.get(str(item.get("role")), Role.USER)
                yield from _texts(item.get("content"), (*root, i, "content"), role, ToolCall())

    def tool_definition(self, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "function", "name": name, "description": description, "parameters": schema}

    def tool_calls(self, message: Any) -> list[tuple[str, str, dict[str, Any]]]:
        items = message.get("output", [message]) if isinstance(message, dict) else message
        found = []
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and item.get("type") == "function_call":
                try:
                    arguments = json.loads(item.get("arguments") or "{}")
                except ValueError:
                    arguments = {}
                found.append((str(item.get("call_id")), str(item.get("name")), arguments))
        return found

    def tool_result(self, call_id: str, name: str, text: str) -> dict[str, Any]:
        return {"type": "function_call_output", "call_id": call_id, "output": text}


def _said(item: dict[str, Any]) -> dict[str, Any]:
    """An item of the model's without what clients leave out or fill in when they repeat it."""
    said = {"type": "message", **{key: value for key, value in item.items() if key not in _FLEETING and value}}
    if isinstance(said.get("content"), str):
        said["content"] = [{"type": "output_text", "text": said["content"]}]
    if isinstance(said.get("content"), list):
        said["content"] = [_without(part, _NOTES) for part in said["content"]]
    return said


def _without(part: Any, keys: frozenset[str]) -> Any:
    return {key: value for key, value in part.items() if key not in keys} if isinstance(part, dict) else part


def _call(item: dict[str, Any]) -> tuple[ToolCall, str]:
    """The call and the key under which its arguments stand."""
    if isinstance(item.get("action"), dict):
        return tool_call(str(item.get("type")), item["action"]), "action"
    key = "input" if "input" in item else "arguments"
    return tool_call(str(item.get("name", "")), item.get(key, "")), key


def _texts(content: Any, at: tuple[str | int, ...], role: Role, call: ToolCall) -> Iterator[Block]:
    """A string, or the parts of a list that carry text, or (shell outputs) stdout and stderr."""
    if isinstance(content, str):
        yield Block(content, at, role, call)
    elif isinstance(content, list):
        for k, part in enumerate(content):
            for key in ("text", "stdout", "stderr"):
                if isinstance(part, dict) and isinstance(part.get(key), str):
                    yield Block(part[key], (*at, k, key), role, call)


DIALECT = OpenAIResponses()
