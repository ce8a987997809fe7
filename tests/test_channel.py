"""The channel: which tool a model asks for originals by, decided once, and what becomes of what it asks."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headroom import MemoryStore, compress
from headroom.cache_aligner import Aligned, CacheAligner
from headroom.ccr.pins import MemoryPins, SQLitePins
from headroom.ccr.retrieve import retrieve_text
from headroom.contest import closing_tokens
from headroom.marker import RETRIEVE_TOOL, footer, footer_ids
from headroom.model import Reason
from headroom.options import Options
from headroom.plugins import dialects, replies
from headroom.prefixes import Prefixes, Turn
from headroom.tokens import count_tokens
from tests.test_cache_aligner import log

COMMAND = {"type": "object", "properties": {"command": {"type": "string"}}}
NOT_FOUND = "/bin/sh: 1: headroom: not found"
TOOLS: dict[str, list[Any]] = {
    "anthropic": [{"name": "Bash", "description": "Run it.", "input_schema": COMMAND}],
    "openai_chat": [{"type": "function", "function": {"name": "Bash", "parameters": COMMAND}}],
    "openai_responses": [{"type": "function", "name": "Bash", "parameters": COMMAND}],
    "gemini": [{"functionDeclarations": [{"name": "Bash", "parametersJsonSchema": COMMAND}]}],
}
every_dialect = pytest.mark.parametrize("name", TOOLS)


def question(name: str, text: str = "Why is it slow?") -> Any:
    return {"role": "user", "parts": [{"text": text}]} if name == "gemini" else {"role": "user", "content": text}


def turn(name: str, n: int, command: str, text: str, failed: bool = False) -> list[Any]:
    """A call of the client's shell, and what it returned."""
    arguments = {"command": command}
    match name:
        case "anthropic":
            call = {"type": "tool_use", "id": f"t{n}", "name": "Bash", "input": arguments}
            result = {"type": "tool_result", "tool_use_id": f"t{n}", "content": text}
            result |= {"is_error": True} if failed else {}
            return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
        case "openai_chat":
            function = {"name": "Bash", "arguments": json.dumps(arguments)}
            call = {"id": f"t{n}", "type": "function", "function": function}
            return [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": f"t{n}", "content": text},
            ]
        case "openai_responses":
            made = {"type": "function_call", "call_id": f"t{n}", "name": "Bash", "arguments": json.dumps(arguments)}
            return [made, {"type": "function_call_output", "call_id": f"t{n}", "output": text}]
    call = {"functionCall": {"name": "Bash", "args": arguments}}
    response = {"functionResponse": {"name": "Bash", "response": {"error" if failed else "output": text}}}
    return [{"role": "model", "parts": [call]}, {"role": "user", "parts": [response]}]


@dataclass
class Session:
    """A client's conversation with a model, through workers that share pins and originals."""

    name: str
    pins: Any = field(default_factory=MemoryPins)
    tools: Any = None
    restarting: bool = False
    rest: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dialect, self.store = dialects()[self.name], MemoryStore()
        self.tools = TOOLS[self.name] if self.tools is None else self.tools
        self.messages = [question(self.name)]
        self.workers = [CacheAligner(self.pins), CacheAligner(self.pins)]
        self.sent: list[bytes] = []
        self.turns = 0

    def body(self) -> bytes:
        top = {**self.rest, "tools": self.tools, self.dialect.conversation: self.messages}
        return json.dumps(top).encode()

    def send(self, **more: Any) -> Aligned:
        """The request as it stands; it repeats what was sent."""
        if self.restarting:
            self.workers = [CacheAligner(self.pins), *self.workers[:1]]
        aligned = self.workers[self.turns % 2].align(self.body(), self.dialect, Options(), self.store, **more)
        now = [json.dumps(message).encode() for message in self.forwarded(aligned)]
        assert now[: len(self.sent)] == self.sent
        self.sent = now
        return aligned

    def forwarded(self, aligned: Aligned) -> list[Any]:
        found: list[Any] = json.loads(aligned.body)[self.dialect.conversation]
        return found

    def does(self, command: str, text: str, failed: bool = False) -> Aligned:
        """The model calls the shell, and the client goes on with what that returned."""
        self.turns += 1
        self.messages = [*self.messages, *turn(self.name, self.turns, command, text, failed)]
        return self.send()

    def last(self, aligned: Aligned) -> str:
        """The newest tool result as the model sees it."""
        *_, block = self.dialect.blocks(self.forwarded(aligned))
        return block.text

    def begun(self) -> str:
        """The id of an original that was shortened."""
        self.send()
        return footer_ids(self.last(self.does("kubectl logs", log(1))))[0]


@every_dialect
def test_a_small_first_request_is_offered_nothing(name: str) -> None:
    session = Session(name)
    aligned = session.send()
    assert aligned.body == session.body()
    assert (aligned.channel, aligned.offered) == ("Bash", False)
    aligned = session.does("kubectl logs", log(1))
    text = session.last(aligned)
    assert text.endswith(f'call Bash(headroom retrieve id="{footer_ids(text)[0]}" --lines= or --query=)]')
    assert session.store.get(footer_ids(text)[0]) == log(1)
    assert RETRIEVE_TOOL not in aligned.body.decode()


@every_dialect
def test_what_is_small_beside_the_first_request_is_offered(name: str) -> None:
    session = Session(name, rest={"metadata": "x" * 40_000})
    assert session.send().offered
    session.rest = {}  # decided is decided
    assert f"{RETRIEVE_TOOL}(id=" in session.last(session.does("kubectl logs", log(1)))


@every_dialect
def test_a_first_request_with_results_is_offered_the_tool(name: str) -> None:
    session = Session(name)
    aligned = session.does("kubectl logs", log(1))
    assert aligned.offered
    assert f"{RETRIEVE_TOOL}(id=" in session.last(aligned)
    id = footer_ids(session.last(aligned))[0]
    assert session.last(session.does(f"headroom retrieve {id}", NOT_FOUND)) == NOT_FOUND


@every_dialect
def test_where_it_may_not_be_offered_there_is_no_other_channel(name: str) -> None:
    session = Session(name)
    assert session.send(offer=False).channel == ""
    assert "[headroom: " not in session.last(session.does("kubectl logs", log(1)))


@every_dialect
@pytest.mark.parametrize("restarting", [False, True])
def test_what_the_model_asks_the_clients_tool_is_answered(name: str, restarting: bool, tmp_path: Path) -> None:
    session = Session(name, SQLitePins(tmp_path / "pins"), restarting=restarting)
    id = session.begun()
    asked = session.does(f'headroom retrieve id="{id}" --lines=41-80', NOT_FOUND)
    assert session.last(asked) == retrieve_text(session.store, id, lines="41-80")
    [answered] = [outcome for outcome in asked.outcomes if outcome.reason is Reason.ANSWERED]
    assert answered.report.tokens_before == answered.report.tokens_after
    assert session.send().body == asked.body
    for n in range(2, 4):  # lines that the answer has shown are referred to, and stay so
        aligned = session.does(f"kubectl logs {n}", log(1, 80) + f"\nand {n}")
        assert len(session.last(aligned)) < 1500
    assert len(session.sent) == len(session.messages)


def test_steady_and_restarted_workers_send_the_same(tmp_path: Path) -> None:
    sent = []
    for restarting in (False, True):
        session = Session("anthropic", SQLitePins(tmp_path / str(restarting)), restarting=restarting)
        id = session.begun()
        session.does(f"headroom retrieve {id} --lines 20-60", NOT_FOUND, failed=True)
        session.does("kubectl logs 2", "\n".join(log(1).split("\n")[15:90]))
        session.does("kubectl logs 3", log(3))
        sent.append(session.sent)
    assert sent[0] == sent[1]
    assert b"tool result 2 (Bash: headroom retrieve" in sent[0][6]


def test_an_error_stays_an_error_but_is_said_to_be_none() -> None:
    session = Session("anthropic")
    id = session.begun()
    [result] = session.forwarded(session.does(f"headroom retrieve {id}", NOT_FOUND, failed=True))[-1]["content"]
    assert result["is_error"] is True
    said = "[no error: headroom answered instead of the tool]\n"
    assert result["content"] == said + retrieve_text(session.store, id)


@every_dialect
@pytest.mark.parametrize("command", ["headroom retrieve abcdefgh", "headroom retrieve {} | head", "ls; # {}"])
def test_what_is_no_call_for_an_original_stays_as_it_came(name: str, command: str) -> None:
    session = Session(name)
    id = session.begun()
    before = session.sent
    aligned = session.does(command.format(id), NOT_FOUND)
    assert session.sent == [*before, *(json.dumps(message).encode() for message in session.messages[-2:])]
    assert not any(outcome.reason is Reason.ANSWERED for outcome in aligned.outcomes)


@every_dialect
def test_what_the_command_returned_itself_stays_and_is_not_shortened(name: str) -> None:
    session = Session(name)
    id = session.begun()
    assert session.last(session.does(f"headroom retrieve {id}", log(1))) == log(1)


def test_who_has_the_tool_itself_is_not_answered() -> None:
    own = [*TOOLS["anthropic"], {"name": "mcp__headroom__headroom_retrieve", "input_schema": {}}]
    session = Session("anthropic", tools=own)
    id = session.begun()
    assert session.last(session.does(f"headroom retrieve {id}", NOT_FOUND)) == NOT_FOUND


def test_who_gets_the_tool_midway_is_told_of_that() -> None:
    session = Session("anthropic")
    id = session.begun()
    session.tools = [*session.tools, {"name": "mcp__headroom__headroom_retrieve", "input_schema": {}}]
    aligned = session.does("kubectl logs 2", log(2))
    assert aligned.channel == ""  # its calls are the client's
    assert f"{RETRIEVE_TOOL}(id=" in session.last(aligned)
    assert "lines 1 of" in session.last(session.does(f"headroom retrieve {id} --lines 1", NOT_FOUND))  # said before


def test_nothing_is_left_out_where_the_tool_is_missing() -> None:
    session = Session("anthropic")
    session.begun()
    session.tools = [{"name": "Other", "input_schema": {}}]
    assert "[headroom: " not in session.last(session.does("kubectl logs 2", log(2)))
    session.tools = TOOLS["anthropic"]
    assert "call Bash(" in session.last(session.does("kubectl logs 3", log(3)))


@every_dialect
@pytest.mark.parametrize("first", ["without tools", "with other tools"])
def test_who_begins_with_the_same_words_decides_for_themselves(name: str, first: str) -> None:
    """A key stands for messages: what another conversation was pinned with decides nothing for this one."""
    pins = MemoryPins()
    other = Session(name, pins, tools=json.loads(json.dumps(TOOLS[name]).replace("Bash", "run_command")))
    if first == "without tools":
        other.tools = []
    other.send()
    session = Session(name, pins)
    id = session.begun()
    assert session.last(session.does(f"headroom retrieve {id}", NOT_FOUND)) == retrieve_text(session.store, id)
    session = Session(name, pins, rest={"metadata": "x" * 40_000})
    session.tools = json.loads(json.dumps(TOOLS[name]).replace("Bash", "shell"))
    assert session.send().offered
    for n in range(3):
        session.rest = {"metadata": "y" * 40_000}
        assert session.does(f"cat {n}.log", log(n)).offered


def test_calls_of_one_function_without_ids_are_told_apart() -> None:
    """Gemini's clients may leave ids out: responses come in the order of the calls."""
    session = Session("gemini")
    id = session.begun()
    commands = {"ls": "a.txt", f"headroom retrieve {id} --lines 7": NOT_FOUND, "pwd": "/work"}
    calls = [{"functionCall": {"name": "Bash", "args": {"command": command}}} for command in commands]
    answers = [{"functionResponse": {"name": "Bash", "response": {"output": text}}} for text in commands.values()]
    session.messages += [{"role": "model", "parts": calls}, {"role": "user", "parts": answers}]
    texts = [part["functionResponse"]["response"]["output"] for part in session.forwarded(session.send())[-1]["parts"]]
    assert texts == ["a.txt", retrieve_text(session.store, id, lines="7"), "/work"]


def test_who_goes_on_from_a_reply_keeps_the_channel() -> None:
    session, reply = Session("openai_responses"), replies()["openai_responses"]
    aligner, dialect, (call, result) = session.workers[0], session.dialect, turn("openai_responses", 1, "logs", log(1))
    first = session.send()
    leg, _ = reply.whole(json.dumps({"id": "resp_0", "output": [call]}).encode(), RETRIEVE_TOOL)
    aligner.keep_reply(first.key, dialect, leg.id, leg.id, leg.shown)
    tools = {"tools": TOOLS["openai_responses"], "previous_response_id": "resp_0"}
    second = aligner.align(json.dumps({**tools, "input": [result]}).encode(), dialect, Options(), session.store)
    assert second.channel == "Bash"
    text = json.loads(second.body)["input"][0]["output"]
    assert "call Bash(headroom retrieve id=" in text
    call, result = turn("openai_responses", 2, f"headroom retrieve {footer_ids(text)[0]} --lines 7", NOT_FOUND)
    aligner.keep_reply(second.key, dialect, "resp_1", "resp_1", [call])
    body = {**tools, "previous_response_id": "resp_1", "input": [result]}
    third = aligner.align(json.dumps(body).encode(), dialect, Options(), session.store)
    assert json.loads(third.body)["input"][0]["output"].endswith(log(1).split("\n")[6])


def test_counting_decides_as_sending_does() -> None:
    session = Session("anthropic")
    assert session.send(record=False).channel == session.send().channel == "Bash"


def test_forms_of_one_text_differ_by_channel_only_in_their_closing_line() -> None:
    """What is remembered of a text's form must not be taken for that of another channel."""
    texts = []
    for tools in (TOOLS["anthropic"], [{"name": "Bash", "input_schema": {"type": "object"}}]):
        session = Session("anthropic", tools=tools)
        session.send()
        texts.append(session.last(session.does("kubectl logs", log(1))))
    messages: list[Any] = [question("anthropic"), *turn("anthropic", 1, "kubectl logs", log(1))]
    done = compress(messages, store=session.store).messages
    texts.append(done[-1]["content"][0]["content"])
    by_command, offered, library = texts
    assert offered == library
    assert by_command.rsplit("\n", 1)[0] == offered.rsplit("\n", 1)[0]
    assert "call Bash(" in by_command
    for tool in ("", "Bash", "filesystem-read_file"):
        assert abs(closing_tokens(tool) - count_tokens(footer("k3v9x2mq", tool=tool))) < 5


@pytest.mark.parametrize("offered", [True, False, None])
def test_pins_of_the_first_version_are_still_read(offered: bool | None) -> None:
    pins, key = MemoryPins(), b"k" * 16
    pins.put_many([(key, b"\x00" + msgspec.msgpack.encode([offered, 3, [[["content"], b'"x"']], False, [1]]))])
    found = Prefixes(pins).turn(key)
    assert found is not None
    assert (found.channel, found.back, found.told) == ({True: RETRIEVE_TOOL, False: "", None: None}[offered], 3, (1,))
    assert found.forms[0].literal == b'"x"'
    assert Prefixes(pins).pin([(key, copy.copy(found))]) is True
    assert Prefixes(pins).pin([(key, Turn("Bash"))]) is False
