"""Anthropic Messages: content strings or blocks, tool_use and tool_result.

Shape: https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headroom.hints import tool_call
from headroom.model import Block, Role, ToolCall

_OWN_TYPES = frozenset(
    "tool_use tool_result thinking redacted_thinking image document search_result server_tool_use "
    "web_search_tool_result mcp_tool_use mcp_tool_result code_execution_tool_result".split()
)
_RESULTS = ("tool_result", "mcp_tool_result")
_BREAKPOINT = "cache_control"
_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")


class Anthropic:
    """`{"system", "messages": [{"role", "content"}]}` or the message list alone."""

    name = "anthropic"
    conversation = "messages"

    def from_model(self, message: Any) -> bool:
        return isinstance(message, dict) and message.get("role") == "assistant"

    def settled(self, message: Any) -> Any:
        """Cache breakpoints wander to the newest message, and clients turn a string into parts to set one."""
        if not isinstance(message, dict):
            return message
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        return {**message, "content": _without_breakpoints(parts)}

    def offer(self, tools: Any, definition: Any) -> tuple[tuple[str | int, ...], Any] | None:
        found = isinstance(tools, list) and any(isinstance(t, dict) and "name" in t for t in tools)
        return ((), definition) if found else None

    def functions(self, tools: Any) -> Iterator[tuple[str, Any]]:
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and "input_schema" in tool:
                yield str(tool.get("name")), tool["input_schema"]

    def recognises(self, body: Any) -> float:
        messages = body.get("messages") if isinstance(body, dict) else body
        if not isinstance(messages, list):
            return 0.0
        score = 0.3 if all(isinstance(m, dict) and m.get("role") in ("user", "assistant") for m in messages) else 0.0
        for message in messages:
            content = message.get("content") if isinstance(message, dict) else None
            for part in content if isinstance(content, list) else ():
                if isinstance(part, dict) and part.get("type") in _OWN_TYPES:
                    return 0.95
        if isinstance(body, dict) and "system" in body and score:
            return 0.8
        return score

    def blocks(self, body: Any) -> Iterator[Block]:
        calls: dict[str, ToolCall] = {}
        if isinstance(body, dict):
            yield from _texts(body.get("system"), ("system",), Role.SYSTEM, ToolCall())
        root: tuple[str | int, ...] = ("messages",) if isinstance(body, dict) else ()
        for i, message in enumerate(body["messages"] if isinstance(body, dict) else body):
            content = message.get("content")
            role = Role.ASSISTANT if message.get("role") == "assistant" else Role.USER
            at = (*root, i, "content")
            if isinstance(content, str):
                yield Block(content, at, role)
                continue
            for j, part in enumerate(content or ()):
                if not isinstance(part, dict):
                    continue
                kind = part.get("type")
                if kind in _CALLS:
                    call = tool_call(str(part.get("name", "")), part.get("input", {}))
                    calls[str(part.get("id"))] = call
                    yield from _leaves(part.get("input"), (*at, j, "input"), call)
                elif kind in _RESULTS:
                    call = calls.get(str(part.get("tool_use_id")), ToolCall())
                    failed = part.get("is_error") is True
                    yield from _texts(part.get("content"), (*at, j, "content"), Role.TOOL, call, failed)
                elif kind == "text" and isinstance(part.get("text"), str):
                    yield Block(part["text"], (*at, j, "text"), role)

    def tool_definition(self, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "description": description, "input_schema": schema}

    def tool_calls(self, message: Any) -> list[tuple[str, str, dict[str, Any]]]:
        content = message.get("content") if isinstance(message, dict) else None
        parts = content if isinstance(content, list) else ()
        return [
            (str(p.get("id")), str(p.get("name")), p.get("input") or {})
            for p in parts
            if isinstance(p, dict) and p.get("type") == "tool_use"
        ]

    def tool_result(self, call_id: str, name: str, text: str) -> dict[str, Any]:
        return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id, "content": text}]}


def _without_breakpoints(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_breakpoints(part) for part in value]
    if isinstance(value, dict) and (_BREAKPOINT in value or isinstance(value.get("content"), list)):
        return {
            key: _without_breakpoints(inner) if key == "content" else inner
            for key, inner in value.items()
            if key != _BREAKPOINT
        }
    return value


def _texts(
    content: Any, at: tuple[str | int, ...], role: Role, call: ToolCall, failed: bool = False
) -> Iterator[Block]:
    """A string, or the text parts of a list, nested lists too; images and documents are passed over."""
    if isinstance(content, str):
        yield Block(content, at, role, call, failed)
    elif isinstance(content, list):
        for k, part in enumerate(content):
            if isinstance(part, dict) and part.get("type") in (None, "text", "tool_result", "search_result"):
                key = "text" if isinstance(part.get("text"), str) else "content"
                yield from _texts(part.get(key), (*at, k, key), role, call, failed)


def _leaves(value: Any, at: tuple[str | int, ...], call: ToolCall) -> Iterator[Block]:
    """The strings among a call's arguments."""
    if isinstance(value, str):
        yield Block(value, at, Role.CALL, call)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*at, key), call)
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            yield from _leaves(inner, (*at, k), call)


DIALECT = Anthropic()
