"""OpenAI Chat Completions: messages with roles system, developer, user, assistant, tool, function.

Shape: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from headroom.hints import tool_call
from headroom.model import Block, Role, ToolCall

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}


class OpenAIChat:
    """`{"messages": [{"role", "content", "tool_calls"}]}` or the message list alone."""

    name = "openai_chat"
    conversation = "messages"

    def from_model(self, message: Any) -> bool:
        return isinstance(message, dict) and message.get("role") == "assistant"

    def settled(self, message: Any) -> Any:
        """Providers behind this shape that cache as Anthropic does take its breakpoints in content parts."""
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str) and message.get("role") not in ("tool", "function"):
            return {**message, "content": [{"type": "text", "text": content}]}
        if not isinstance(content, list):
            return message
        parts = [
            {key: inner for key, inner in part.items() if key != "cache_control"} if isinstance(part, dict) else part
            for part in content
        ]
        return {**message, "content": parts}

    def offer(self, tools: Any, definition: Any) -> tuple[tuple[str | int, ...], Any] | None:
        found = isinstance(tools, list) and any(isinstance(t, dict) and "function" in t for t in tools)
        return ((), definition) if found else None

    def functions(self, tools: Any) -> Iterator[tuple[str, Any]]:
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and isinstance(declared := tool.get("function"), dict):
                yield str(declared.get("name")), declared.get("parameters")

    def recognises(self, body: Any) -> float:
        messages = body.get("messages") if isinstance(body, dict) else body
        if not isinstance(messages, list) or not all(isinstance(m, dict) and m.get("role") in _ROLES for m in messages):
            return 0.0
        if any(m["role"] in ("tool", "function", "developer") or m.get("tool_calls") for m in messages):
            return 0.9
        return 0.5

    def blocks(self, body: Any) -> Iterator[Block]:
        calls: dict[str, ToolCall] = {}
        root: tuple[str | int, ...] = ("messages",) if isinstance(body, dict) else ()
        for i, message in enumerate(body["messages"] if isinstance(body, dict) else body):
            role = _ROLES.get(str(message.get("role"))) if isinstance(message, dict) else None
            if role is None:  # a later version's: nothing is known of it
                continue
            at = (*root, i)
            call = calls.get(str(message.get("tool_call_id") or message.get("name")), ToolCall())
            yield from _texts(message.get("content"), (*at, "content"), role, call if role is Role.TOOL else ToolCall())
            for j, made in enumerate(message.get("tool_calls") or ()):
                function = made.get("function") or made.get("custom") or {}
                arguments = function.get("arguments", function.get("input", ""))
                call = calls[str(made.get("id"))] = tool_call(str(function.get("name", "")), arguments)
                if made.get("function") and isinstance(arguments, str):
                    yield Block(arguments, (*at, "tool_calls", j, "function", "arguments"), Role.CALL, call)
            if isinstance(legacy := message.get("function_call"), dict):
                name = str(legacy.get("name", ""))
                calls[name] = tool_call(name, legacy.get("arguments", ""))

    def tool_definition(self, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}

    def tool_calls(self, message: Any) -> list[tuple[str, str, dict[str, Any]]]:
        found = []
        for call in (message.get("tool_calls") or ()) if isinstance(message, dict) else ():
            function = call.get("function") or {}
            found.append((str(call.get("id")), str(function.get("name")), _arguments(function.get("arguments"))))
        return found

    def tool_result(self, call_id: str, name: str, text: str) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": call_id, "content": text}


def _arguments(text: Any) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _texts(content: Any, at: tuple[str | int, ...], role: Role, call: ToolCall) -> Iterator[Block]:
    if isinstance(content, str):
        yield Block(content, at, role, call)
    elif isinstance(content, list):
        for k, part in enumerate(content):
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield Block(part["text"], (*at, k, "text"), role, call)


DIALECT = OpenAIChat()
