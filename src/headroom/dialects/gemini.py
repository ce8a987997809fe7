"""Gemini generateContent: contents with parts, functionCall and functionResponse among them.

Shape: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headroom.hints import tool_call
from headroom.model import Block, Role, ToolCall


class Gemini:
    """`{"systemInstruction", "contents": [{"role", "parts"}]}` or the content list alone; camelCase or snake_case."""

    name = "gemini"
    conversation = "contents"

    def from_model(self, message: Any) -> bool:
        return isinstance(message, dict) and message.get("role") == "model"

    def settled(self, message: Any) -> Any:
        return message

    def offer(self, tools: Any, definition: Any) -> tuple[tuple[str | int, ...], Any] | None:
        """Declarations of functions stand together in one tool; other tools may stand beside it."""
        for i, tool in enumerate(tools if isinstance(tools, list) else ()):
            for key in ("functionDeclarations", "function_declarations"):
                if isinstance(tool, dict) and isinstance(tool.get(key), list) and tool[key]:
                    return (i, key), definition["functionDeclarations"][0]
        return None

    def recognises(self, body: Any) -> float:
        contents = body.get("contents") if isinstance(body, dict) else body
        if not isinstance(contents, list) or not contents:
            return 0.0
        return 0.95 if all(isinstance(c, dict) and isinstance(c.get("parts"), list) for c in contents) else 0.0

    def blocks(self, body: Any) -> Iterator[Block]:
        root: tuple[str | int, ...] = ()
        contents = body
        if isinstance(body, dict):
            contents, root = body["contents"], ("contents",)
            for key in ("systemInstruction", "system_instruction"):
                for j, part in enumerate((body.get(key) or {}).get("parts") or ()):
                    if isinstance(part.get("text"), str):
                        yield Block(part["text"], (key, "parts", j, "text"), Role.SYSTEM)
        calls: dict[str, ToolCall] = {}
        for i, content in enumerate(contents):
            if not isinstance(content, dict) or not isinstance(content.get("parts"), list):
                continue
            role = Role.ASSISTANT if content.get("role") == "model" else Role.USER
            for j, part in enumerate(content["parts"]):
                at = (*root, i, "parts", j)
                if isinstance(part.get("text"), str) and not part.get("thought"):
                    yield Block(part["text"], (*at, "text"), role)
                for key in ("functionCall", "function_call"):
                    if isinstance(made := part.get(key), dict):
                        call = tool_call(str(made.get("name", "")), made.get("args") or {})
                        calls[str(made.get("id") or made.get("name"))] = call
                        yield from _leaves(made.get("args"), (*at, key, "args"), Role.CALL, call)
                for key in ("functionResponse", "function_response"):
                    if isinstance(answer := part.get(key), dict):
                        call = calls.get(
                            str(answer.get("id") or answer.get("name")), ToolCall(str(answer.get("name", "")))
                        )
                        yield from _leaves(answer.get("response"), (*at, key, "response"), Role.TOOL, call)

    def tool_definition(self, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"functionDeclarations": [{"name": name, "description": description, "parameters": schema}]}

    def tool_calls(self, message: Any) -> list[tuple[str, str, dict[str, Any]]]:
        if isinstance(message, dict) and "candidates" in message:
            message = message["candidates"][0].get("content") or {}
        found = []
        for part in (message.get("parts") or ()) if isinstance(message, dict) else ():
            made = part.get("functionCall") or part.get("function_call")
            if isinstance(made, dict):
                found.append((str(made.get("id") or ""), str(made.get("name")), made.get("args") or {}))
        return found

    def tool_result(self, call_id: str, name: str, text: str) -> dict[str, Any]:
        response: dict[str, Any] = {"name": name, "response": {"result": text}}
        if call_id:
            response["id"] = call_id
        return {"role": "user", "parts": [{"functionResponse": response}]}


def _leaves(value: Any, at: tuple[str | int, ...], role: Role, call: ToolCall) -> Iterator[Block]:
    if isinstance(value, str):
        yield Block(value, at, role, call)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("inlineData", "inline_data", "fileData", "file_data"):
                yield from _leaves(inner, (*at, key), role, call)
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            yield from _leaves(inner, (*at, k), role, call)


DIALECT = Gemini()
