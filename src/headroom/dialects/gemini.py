"""Gemini generateContent: contents with parts, functionCall and functionResponse among them.

Shape: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headroom.hints import tool_call
from headroom.model import Block, Role, ToolCall

_DECLARATIONS = ("functionDeclarations", "function_declarations")
_SCHEMAS = ("parameters", "parametersJsonSchema", "parameters_json_schema")


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
            for key in _DECLARATIONS:
                if isinstance(tool, dict) and isinstance(tool.get(key), list) and tool[key]:
                    return (i, key), definition["functionDeclarations"][0]
        return None

    def functions(self, tools: Any) -> Iterator[tuple[str, Any]]:
        for tool in tools if isinstance(tools, list) else ():
            for key in _DECLARATIONS if isinstance(tool, dict) else ():
                for declared in tool[key] if isinstance(tool.get(key), list) else ():
                    if isinstance(declared, dict):
                        schema = next((declared[name] for name in _SCHEMAS if name in declared), None)
                        yield str(declared.get("name")), schema

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
        calls: dict[str, list[ToolCall]] = {}  # that wait for a response; without ids several go by one name
        for i, content in enumerate(contents):
            if not isinstance(content, dict) or not isinstance(content.get("parts"), list):
                continue
            role = Role.ASSISTANT if content.get("role") == "model" else Role.USER
            here: dict[str, list[ToolCall]] = {}
            for j, part in enumerate(content["parts"]):
                at = (*root, i, "parts", j)
                if isinstance(part.get("text"), str) and not part.get("thought"):
                    yield Block(part["text"], (*at, "text"), role)
                for key in ("functionCall", "function_call"):
                    if isinstance(made := part.get(key), dict):
                        call = tool_call(str(made.get("name", "")), made.get("args") or {})
                        here.setdefault(_key(made), []).append(call)
                        yield from _leaves(made.get("args"), (*at, key, "args"), Role.CALL, call)
                for key in ("functionResponse", "function_response"):
                    if isinstance(answer := part.get(key), dict):
                        waiting = calls.get(_key(answer)) or [ToolCall(str(answer.get("name", "")))]
                        call = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                        yield from _leaves(answer.get("response"), (*at, key, "response"), Role.TOOL, call)
            calls |= here

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


def _key(part: dict[str, Any]) -> str:
    """What a call and its response have in common: an id, or just the function's name."""
    return str(part.get("id") or part.get("name"))


def _leaves(value: Any, at: tuple[str | int, ...], role: Role, call: ToolCall) -> Iterator[Block]:
    if isinstance(value, str):
        yield Block(value, at, role, call, failed=at[-1] == "error")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("inlineData", "inline_data", "fileData", "file_data"):
                yield from _leaves(inner, (*at, key), role, call)
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            yield from _leaves(inner, (*at, k), role, call)


DIALECT = Gemini()
