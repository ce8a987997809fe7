"""Conversations as clients of the four APIs send them, with all in them that may be, and in any spelling of JSON.

Everything follows from one `Random`, so a seed is a conversation.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

Body = dict[str, Any]


class Verbatim(str):
    """A JSON number as it is spelled."""


NUMBERS = ["1e400", "-1e400", "-0", "-0.0", "1.10", "1E+2", "18446744073709551616", "-9223372036854775809", "7", "0.1"]
ODD_TEXTS = [
    "", " ", "\x00", "\r\n", "\ud83d", "\udc00\ud83d", "😀", 'say "\\/"', "</script>", "\u2028", "\x1b[31mred\x1b[0m",
    "ä", "漢字", "cache_control", "headroom_retrieve", "[… 3 lines (1–3) …]",
    '[headroom: original kept, id="abcdefgh"]',
]  # fmt: skip
KEYS = ["x", "", "ü", "content", "id", "text", "type", "vendor_extension", "\ud800", "annotations", "cache"]


def value(r: Random, depth: int = 2) -> Any:
    """Any JSON value."""
    match r.randrange(9 if depth else 6):
        case 0:
            return None
        case 1:
            return r.random() < 0.5
        case 2 | 3:
            return Verbatim(r.choice(NUMBERS))
        case 4 | 5:
            return r.choice(ODD_TEXTS)
        case 6:
            return [value(r, depth - 1) for _ in range(r.randrange(3))]
        case _:
            return {r.choice(KEYS): value(r, depth - 1) for _ in range(r.randrange(3))}


def with_more(r: Random, message: Body) -> Body:
    """An object with members that no documentation names."""
    if r.random() < 0.7:
        return message
    more = {f"{r.choice(KEYS)}_{r.randrange(3)}": value(r) for _ in range(r.randrange(1, 3))}
    return {**more, **message} if r.random() < 0.5 else {**message, **more}


# What tools answer.


def log(r: Random, lines: int = 0) -> str:
    name, lines = f"worker-{r.randrange(40)}", lines or r.randrange(20, 60)
    odd = r.choice(["", "", "", "", *ODD_TEXTS])
    return "\n".join(
        f"2024-05-01 10:{i // 60:02}:{i % 60:02} INFO [{name}] request {i} took {i * 7 % 90} ms{odd}"
        for i in range(lines)
    )


def _rows(r: Random) -> str:
    rows = [{"id": i, "state": r.choice("ab"), "size": i * 100, "note": "as ever"} for i in range(r.randrange(8, 30))]
    return json.dumps(rows, indent=r.choice([None, 2]))


def _listing(r: Random) -> str:
    return "\n".join(f"src/part{r.randrange(9)}/module_{i}.py:{i * 3}:    return value_{i % 5}" for i in range(40))


def answer(r: Random, earlier: list[str]) -> str:
    """Something that gets smaller, something that doesn't, something that was there before."""
    choice = r.random()
    if earlier and choice < 0.2:
        text = r.choice(earlier) + r.choice(["", "\nand one line more"])
    elif choice < 0.6:
        text = log(r)
    elif choice < 0.75:
        text = r.choice([_rows, _listing])(r)
    elif choice < 0.76:
        text = log(r, 1500)
    else:
        text = r.choice([*ODD_TEXTS, "ok", "line\n" * r.randrange(60)])
    earlier.append(text)
    return text


# The four APIs: the question that begins a conversation, and what a turn adds to it.


@dataclass(frozen=True)
class Api:
    """What requests of one API look like; `turn` gives the model's messages and what answers them."""

    member: str
    tools: list[Any]
    question: Callable[[Random, str], list[Any]]
    turn: Callable[[Random, str, Sequence[str]], list[Any]]


def _parts(r: Random, text: str, kind: str = "text") -> Any:
    return text if r.random() < 0.5 else [with_more(r, {"type": kind, "text": text})]


def _anthropic_turn(r: Random, id: str, texts: Sequence[str]) -> list[Any]:
    said: list[Any] = [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQBCg=="},
        {"type": "redacted_thinking", "data": "gAAAAB"},
        {"type": "text", "text": "I look."},
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "x"}},
    ]
    said = [part for part in said if r.random() < 0.4]
    results: list[Any] = [{"type": "text", "text": "Also:"}] if r.random() < 0.1 else []
    for n, text in enumerate(texts):
        made = {"command": f"kubectl logs {id}", "n": value(r)}
        said.append(with_more(r, {"type": "tool_use", "id": f"{id}_{n}", "name": "Bash", "input": made}))
        inner: Any = text
        if r.random() < 0.4:
            inner = [with_more(r, {"type": "text", "text": text})]
            inner += [{"type": "image", "source": {"type": "base64", "data": "iVBORw0KGgo="}}] * r.randrange(2)
            if r.random() < 0.2:
                inner = [{"type": "tool_result", "content": inner}, {"type": "document", "source": {"data": text}}]
        result = {"type": "tool_result", "tool_use_id": f"{id}_{n}", "content": inner}
        if r.random() < 0.05:
            del result["tool_use_id"]
        results.append(with_more(r, result))
    return [with_more(r, {"role": "assistant", "content": said}), with_more(r, {"role": "user", "content": results})]


def _chat_turn(r: Random, id: str, texts: Sequence[str]) -> list[Any]:
    calls, results = [], []
    for n, text in enumerate(texts):
        function = {"name": "shell", "arguments": json.dumps({"command": f"kubectl logs {id}"})}
        calls.append(with_more(r, {"id": f"{id}_{n}", "type": "function", "function": function}))
        results.append(with_more(r, {"role": "tool", "tool_call_id": f"{id}_{n}", "content": _parts(r, text)}))
    said = with_more(r, {"role": "assistant", "content": r.choice([None, "I look."]), "tool_calls": calls})
    return [said, *results]


def _responses_turn(r: Random, id: str, texts: Sequence[str]) -> list[Any]:
    calls: list[Any] = []
    results: list[Any] = []
    for n, text in enumerate(texts):
        call = f"{id}_{n}"
        arguments = json.dumps({"command": f"kubectl logs {id}"})
        calls.append({"type": "reasoning", "id": f"rs_{call}", "summary": [], "encrypted_content": call})
        calls.append(with_more(r, {"type": "function_call", "call_id": call, "name": "shell", "arguments": arguments}))
        output = _parts(r, text, "input_text")
        results.append(with_more(r, {"type": "function_call_output", "call_id": call, "output": output}))
    if r.random() < 0.5:
        return [*calls, *results]
    return [item for pair in zip(calls[1::2], results, strict=True) for item in pair]


def _gemini_turn(r: Random, id: str, texts: Sequence[str]) -> list[Any]:
    calls: list[Any] = [{"text": "Hm.", "thought": True, "thoughtSignature": "Eqs"}] if r.random() < 0.3 else []
    answers: list[Any] = []
    for text in texts:
        call = {"name": "shell", "args": {"command": f"kubectl logs {id}", "n": value(r)}}
        calls.append(with_more(r, {"functionCall": call}))
        response = {"output": text, "exit_code": Verbatim("0"), "more": value(r)}
        answers.append(with_more(r, {"functionResponse": {"name": "shell", "response": response}}))
        if r.random() < 0.1:
            answers.append({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}})
    return [{"role": "model", "parts": calls}, with_more(r, {"role": "user", "parts": answers})]


APIS = {
    "anthropic": Api(
        "messages",
        [{"name": "Bash", "description": "Runs.", "input_schema": {"type": "object"}}],
        lambda r, text: [with_more(r, {"role": "user", "content": _parts(r, text)})],
        _anthropic_turn,
    ),
    "openai_chat": Api(
        "messages",
        [{"type": "function", "function": {"name": "shell", "parameters": {"type": "object"}}}],
        lambda r, text: [{"role": "system", "content": "You help."}, with_more(r, {"role": "user", "content": text})],
        _chat_turn,
    ),
    "openai_responses": Api(
        "input",
        [{"type": "function", "name": "shell", "parameters": {"type": "object"}}, {"type": "web_search"}],
        lambda r, text: [with_more(r, {"role": "user", "content": _parts(r, text, "input_text")})],
        _responses_turn,
    ),
    "gemini": Api(
        "contents",
        [{"googleSearch": {}}, {"functionDeclarations": [{"name": "shell", "parameters": {"type": "object"}}]}],
        lambda r, text: [with_more(r, {"role": "user", "parts": [{"text": text}]})],
        _gemini_turn,
    ),
}


def with_arguments(tools: Any) -> Any:
    """The tools with schemas that say that they can be given a command."""
    match tools:
        case {"type": "object"}:
            return {"type": "object", "properties": {"command": {"type": "string"}}}
        case dict():
            return {key: with_arguments(inner) for key, inner in tools.items()}
        case list():
            return [with_arguments(inner) for inner in tools]
    return tools


@dataclass
class Client:
    """One conversation of one client: it grows, goes back, and is sent as often as wanted."""

    r: Random
    api: Api
    messages: list[Any] = field(default_factory=list)
    turns: int = 0
    ids: list[str] = field(default_factory=list)  # of originals that its model has been told

    def __post_init__(self) -> None:
        self._earlier: list[str] = []
        self._style: Style | None = None if self.r.random() < 0.4 else Style(self.r.random())
        self.moves_breakpoints = self.api is APIS["anthropic"] and self.r.random() < 0.6
        self.respells = self.r.random() < 0.5
        self._rest = {
            "model": "m", "stream": True, "temperature": Verbatim("1.0"), "metadata": value(self.r), "z": value(self.r),
        }  # fmt: skip
        self._tools = self.r.choice([None, self.api.tools, *[with_arguments(self.api.tools)] * 2])
        self.messages += self.api.question(self.r, f"Why is service {self.r.randrange(3)} slow?")

    def grow(self) -> None:
        """One turn more."""
        self.turns += 1
        texts = [answer(self.r, self._earlier) for _ in range(self.r.choice([1, 1, 1, 2, 3]))]
        made = self.api.turn(self.r, f"t{self.r.randrange(10**6)}", texts)
        if self.ids and self.r.random() < 0.3:
            made = _asking(made, f"headroom retrieve {self.r.choice(self.ids)} --lines=2-30")
        self.messages += made

    def go_back(self) -> None:
        """The last messages never happened."""
        self.messages = self.messages[: self.r.randrange(1, len(self.messages) + 1)]

    def spoil(self) -> None:
        """Something in the newest message is of a wrong type."""
        self.messages[-1] = spoiled(self.r, self.messages[-1])

    def request(self) -> bytes:
        """All of it as this client spells it now."""
        messages = copy.deepcopy(self.messages)
        if self.moves_breakpoints:
            _with_breakpoint(messages[-1])
        if self.respells:
            _respell(self.r, self.api, messages)
        body = {**self._rest, self.api.member: messages}
        if self._tools:
            body["tools"] = self._tools
        style = self._style or Style(self.r.random())
        return style.spelled(body).encode()


def _asking(value: Any, command: str) -> Any:
    """A turn whose calls ask for an original instead."""
    match value:
        case Verbatim():
            return value
        case str():
            return re.sub(r"kubectl logs \w+", command, value)
        case list():
            return [_asking(inner, command) for inner in value]
        case dict():
            return {key: _asking(inner, command) for key, inner in value.items()}
    return value


def _with_breakpoint(message: Any) -> None:
    content = message.get("content") if isinstance(message, dict) else None
    if type(content) is str:
        content = message["content"] = [{"type": "text", "text": content}]
    if isinstance(content, list) and content and isinstance(content[-1], dict):
        content[-1]["cache_control"] = {"type": "ephemeral"}


def _respell(r: Random, api: Api, messages: list[Any]) -> None:
    """Strings become lists of one part and the other way round, where both mean the same."""
    kind = "input_text" if api.member == "input" else "text"
    for message in messages if api.member != "contents" else ():
        content = message.get("content") if isinstance(message, dict) else None
        if type(content) not in (str, list) or message.get("role") not in ("user", "system") or r.random() < 0.5:
            continue
        if isinstance(content, str):
            message["content"] = [{"type": kind, "text": content}]
        elif len(content) == 1 and isinstance(content[0], dict) and {*content[0]} == {"type", "text"}:
            message["content"] = content[0]["text"]


def spoiled(r: Random, message: Any) -> Any:
    """The value with something somewhere inside that doesn't belong there, or without what does."""
    if isinstance(message, (dict, list)) and message and r.random() < 0.8:
        at = r.choice(list(message) if isinstance(message, dict) else range(len(message)))
        other = copy.copy(message)
        if r.random() < 0.2:
            del other[at]
        else:
            other[at] = spoiled(r, message[at])
        return other
    return r.choice([None, Verbatim("7"), Verbatim("1e400"), "", "text", [], {}, [[["deep"]]], {"content": None}, True])


@dataclass(frozen=True)
class Style:
    """A way to write JSON: whitespace, escapes, members given twice. The same value is written the same each time."""

    seed: float

    def spelled(self, what: Any) -> str:
        return self._spelled(what, Random(self.seed).choice(["", "", " ", "\n\t "]), Random(self.seed).random())

    def _spelled(self, what: Any, space: str, escaped: float) -> str:
        match what:
            case Verbatim():
                return str(what)
            case str():
                return _literal(what, escaped)
            case list():
                inner = f",{space}".join(self._spelled(one, space, escaped) for one in what)
                return f"[{space}{inner}{space}]"
            case dict():
                members = [
                    f"{_literal(key, escaped)}{space}:{space}{self._spelled(one, space, escaped)}"
                    for key, one in what.items()
                ]
                if members and escaped > 0.9:  # readers take the last one
                    members.insert(0, f"{_literal(next(iter(what)), 0)}:[null, {{}}]")
                return "{" + space + f"{space},".join(members) + space + "}"
        return json.dumps(what)


def _literal(text: str, escaped: float) -> str:
    plain = json.dumps(text, ensure_ascii=escaped < 0.4)
    if not plain.isascii():  # lone surrogates can't be sent in UTF-8
        plain = "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in plain)
    if 0.4 < escaped < 0.7:
        plain = plain.replace("/", "\\/")
    if 0.6 < escaped < 0.8 and "\\" not in plain:
        plain = plain.replace("A", "\\u0041").replace("w", "\\u0077")
    return plain
