"""The texts that a template puts before the model, of messages in any dialect, and how much there is beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

_IDS = ("id", "tool_use_id", "tool_call_id", "call_id")
_UNREAD = frozenset((*_IDS, "type", "role", "status", "index", "cache_control"))
_OPAQUE = frozenset(("thinking", "signature", "encrypted_content", "thoughtSignature", "thought_signature"))
_PICTURES = frozenset(("source", "image_url", "inlineData", "inline_data", "fileData", "file_data", "input_audio"))
_PICTURE = 20_000  # characters that one is taken for at least
_ARGUMENTS = frozenset(("input", "args", "response"))
_TOOLS = "tools"
_BEFORE = (_TOOLS, "system", "instructions", "systemInstruction", "system_instruction")


@dataclass(slots=True)
class Pieces:
    """Texts; values that are read as JSON; characters of what is counted otherwise: pictures, thoughts, ciphers."""

    texts: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    opaque: int = 0

    def add(self, value: Any) -> None:
        """Takes in a message, or any part of one."""
        todo = [value]
        while todo:
            one = todo.pop()
            if isinstance(one, str):
                self.texts.append(one)
            elif isinstance(one, list):
                todo += one
            elif isinstance(one, dict):
                todo += [inner for key, inner in one.items() if not self._settled(key, inner)]

    def _settled(self, key: str, value: Any) -> bool:
        if key in _ARGUMENTS and isinstance(value, dict):
            self.values.append(_written(value))
        elif key in _OPAQUE or key in _PICTURES:
            self.opaque += len(_written(value)) + (_PICTURE if key in _PICTURES else 0)
        else:
            return key in _UNREAD
        return True


def of_messages(data: bytes) -> Pieces:
    """The pieces of a list of messages; none of what is no JSON."""
    found = Pieces()
    found.add(_read(data))
    return found


def of_request(data: bytes, conversation: str) -> Pieces:
    """The pieces of a whole request: definitions of tools, which are read as JSON, what precedes the messages, them."""
    body, found = _read(data), Pieces()
    for key in (*_BEFORE, conversation) if isinstance(body, dict) else ():
        value = body.get(key)
        if key == _TOOLS and isinstance(value, list):
            found.values += map(_written, value)
        else:
            found.add(value)
    return found


def of_part(part: bytes, definition: bool) -> Pieces:
    """The pieces of what was spliced in or out: values with a comma before or between them, messages or definitions."""
    found, values = Pieces(), _read(b"[" + part.strip(b", \t\n\r") + b"]")
    for value in values if isinstance(values, list) else [part.decode("utf-8", "replace")]:
        if definition and not isinstance(value, str):
            found.values.append(_written(value))
        else:
            found.add(value)
    return found


def _read(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
