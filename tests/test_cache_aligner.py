"""The CacheAligner's promises: what was sent stays as sent, and nothing but new tool results changes (P1 to P3)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom import MemoryStore
from headroom.cache_aligner import Aligned, CacheAligner
from headroom.ccr.pins import MemoryPins, SQLitePins
from headroom.ccr.retrieval_tool import definition
from headroom.marker import RETRIEVE_TOOL
from headroom.model import Level, Reason
from headroom.options import Options
from headroom.plugins import dialects, replies
from headroom.wire.splice import literal

OPTIONS = Options()
Body = dict[str, Any]


def log(seed: int, lines: int = 120) -> str:
    """A log that compresses well, another one for each seed."""
    return "\n".join(
        f"2024-05-01 10:{i // 60:02}:{i % 60:02} INFO [worker-{seed}] request {seed}-{i} took {i * 7 % 90} ms"
        for i in range(lines)
    )


def anthropic(turns: int, seed: int = 1) -> Iterator[Body]:
    """The requests of an agent's session as Claude Code sends them: the cache breakpoint wanders to the newest part."""
    tools = [{"name": "Bash", "description": "Run it.", "input_schema": {"type": "object"}}]
    messages: list[Any] = [{"role": "user", "content": f"Find out why service {seed} is slow."}]
    for turn in range(turns + 1):
        sent = copy.deepcopy(messages)
        last = sent[-1]
        if isinstance(last["content"], str):
            last["content"] = [{"type": "text", "text": last["content"]}]
        last["content"][-1]["cache_control"] = {"type": "ephemeral"}
        yield {"model": "m", "max_tokens": 9, "system": "You help.", "tools": tools, "messages": sent}
        call = {"type": "tool_use", "id": f"t{turn}", "name": "Bash", "input": {"command": f"kubectl logs {turn}"}}
        result = {"type": "tool_result", "tool_use_id": f"t{turn}", "content": log(seed * 100 + turn)}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]


def openai_chat(turns: int, seed: int = 1) -> Iterator[Body]:
    tools = [{"type": "function", "function": {"name": "shell", "parameters": {"type": "object"}}}]
    messages: list[Any] = [{"role": "system", "content": "You help."}, {"role": "user", "content": f"Why {seed}?"}]
    for turn in range(turns + 1):
        yield {"model": "m", "messages": copy.deepcopy(messages), "tools": tools, "stream": True}
        arguments = json.dumps({"command": f"kubectl logs {turn}"})
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "shell", "arguments": arguments}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{turn}", "content": log(seed * 100 + turn)},
        ]


def openai_responses(turns: int, seed: int = 1) -> Iterator[Body]:
    tools = [{"type": "function", "name": "shell", "parameters": {"type": "object"}}]
    items: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": f"Why {seed}?"}]}]
    for turn in range(turns + 1):
        yield {"model": "m", "input": copy.deepcopy(items), "tools": tools, "store": False}
        arguments = json.dumps({"command": f"kubectl logs {turn}"})
        items += [
            {"type": "reasoning", "id": f"r{turn}", "summary": [], "encrypted_content": "gAAAA"},
            {"type": "function_call", "call_id": f"c{turn}", "name": "shell", "arguments": arguments},
            {"type": "function_call_output", "call_id": f"c{turn}", "output": log(seed * 100 + turn)},
        ]


def gemini(turns: int, seed: int = 1) -> Iterator[Body]:
    tools = [{"googleSearch": {}}, {"functionDeclarations": [{"name": "shell", "parameters": {"type": "object"}}]}]
    contents: list[Any] = [{"role": "user", "parts": [{"text": f"Why {seed}?"}]}]
    for turn in range(turns + 1):
        yield {"contents": copy.deepcopy(contents), "tools": tools}
        call = {"functionCall": {"name": "shell", "args": {"command": f"kubectl logs {turn}"}}}
        answer = {"functionResponse": {"name": "shell", "response": {"output": log(seed * 100 + turn)}}}
        contents += [{"role": "model", "parts": [call]}, {"role": "user", "parts": [answer]}]


SESSIONS: dict[str, Callable[..., Iterator[Body]]] = {
    "anthropic": anthropic,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "gemini": gemini,
}
every_dialect = pytest.mark.parametrize("name", SESSIONS)


class Proxy:
    """An aligner with its stores, as one process has it."""

    def __init__(self, name: str = "anthropic", pins: Any = None) -> None:
        self.dialect = dialects()[name]
        self.pins = MemoryPins() if pins is None else pins
        self.store = MemoryStore()
        self.restart()

    def restart(self) -> None:
        self.aligner = CacheAligner(self.pins)

    def send(self, body: Body, options: Options = OPTIONS, **more: Any) -> Aligned:
        return self.aligner.align(json.dumps(body).encode(), self.dialect, options, self.store, **more)

    def messages(self, body: Body, options: Options = OPTIONS, **more: Any) -> list[Any]:
        """The conversation as forwarded, without what clients move."""
        return settled(self.send(body, options, **more).body, self.dialect)


def settled(body: bytes, dialect: Any) -> list[Any]:
    return [dialect.settled(message) for message in json.loads(body)[dialect.conversation]]


@every_dialect
def test_every_request_repeats_what_the_one_before_sent(name: str) -> None:
    proxy = Proxy(name)
    before: list[Any] = []
    for body in SESSIONS[name](4):
        now = proxy.messages(body)
        assert now[: len(before)] == before
        before = now
    assert "took 7 ms" in json.dumps(list(SESSIONS[name](4))[-1])
    assert len(json.dumps(before)) < 0.5 * len(json.dumps(list(SESSIONS[name](4))[-1]))


@every_dialect
def test_nothing_but_new_tool_results_and_the_offer_changes(name: str) -> None:
    proxy = Proxy(name)
    for body in SESSIONS[name](3):
        aligned = proxy.send(body)
        sent = json.loads(aligned.body)
        for outcome in aligned.outcomes:
            place = sent[proxy.dialect.conversation]
            for step in outcome.block.path[:-1]:
                place = place[step]
            assert place[outcome.block.path[-1]] == outcome.text
        assert untouched(sent, proxy.dialect) == untouched(body, proxy.dialect)


def untouched(body: Body, dialect: Any) -> Any:
    """A body without the texts of tool results and the offered tool."""
    body = copy.deepcopy(body)
    for block in dialect.blocks(body):
        if block.role.value == "tool":
            place: Any = body
            for step in block.path[:-1]:
                place = place[step]
            place[block.path[-1]] = ""
    text = json.dumps(body["tools"])
    body["tools"] = [
        json.loads(text)[i] for i in range(len(json.loads(text))) if "headroom" not in str(body["tools"][i])
    ]
    if dialect.name == "gemini":
        declared = json.loads(text)[1]["functionDeclarations"]
        body["tools"] = [d for d in declared if "headroom" not in d["name"]]
    return body


@every_dialect
def test_a_restart_changes_no_byte(name: str, tmp_path: Path) -> None:
    steady, restarted = Proxy(name), Proxy(name, SQLitePins(tmp_path / "pins.sqlite3"))
    for body in SESSIONS[name](4):
        assert restarted.send(body).body == steady.send(body).body
        restarted.restart()


@every_dialect
def test_another_level_touches_only_what_was_not_sent(name: str) -> None:
    proxy = Proxy(name)
    first, second, third = [list(SESSIONS[name](3))[i] for i in (1, 2, 3)]
    proxy.send(next(SESSIONS[name](0)))
    sent = proxy.messages(first)
    proxy.restart()
    again = proxy.messages(second, Options(level=Level.LOSSLESS))
    assert again[: len(sent)] == sent
    assert proxy.messages(third, Options(level=Level.AGGRESSIVE))[: len(again)] == again


@every_dialect
def test_of_a_conversation_met_midway_only_the_newest_results_change(name: str) -> None:
    proxy = Proxy(name)
    body = list(SESSIONS[name](4))[3]
    aligned = proxy.send(body)
    assert not aligned.offered
    reasons = [outcome.reason for outcome in aligned.outcomes if outcome.block.role.value == "tool"]
    assert reasons[:-1] == [Reason.ALREADY_SENT] * 2
    assert b"[headroom:" not in aligned.body  # it could not be asked for
    assert proxy.messages(list(SESSIONS[name](4))[4])[: len(body[proxy.dialect.conversation])] == settled(
        aligned.body, proxy.dialect
    )


@every_dialect
def test_the_tool_is_offered_from_the_first_request_on(name: str) -> None:
    proxy = Proxy(name)
    tools = set()
    for body in SESSIONS[name](3):
        aligned = proxy.send(body)
        assert aligned.offered
        tools.add(json.dumps(json.loads(aligned.body)["tools"]))
    assert len(tools) == 1
    assert "headroom_retrieve" in tools.pop()


def test_who_has_no_tools_or_the_tool_already_is_offered_nothing() -> None:
    body = next(anthropic(0))
    without = {key: value for key, value in body.items() if key != "tools"}
    own = {**body, "tools": [*body["tools"], {"name": "mcp__headroom__headroom_retrieve", "input_schema": {}}]}
    for unchanged in (without, own):
        raw = json.dumps(unchanged).encode()
        proxy = Proxy()
        assert proxy.aligner.align(raw, proxy.dialect, OPTIONS, proxy.store).body is raw


def test_a_request_without_tools_decides_nothing_for_those_with_them() -> None:
    proxy, alone = Proxy(), Proxy()
    first, *others = anthropic(2)
    proxy.send({key: value for key, value in first.items() if key != "tools"})  # what is this about, in three words?
    for body in (first, *others):
        assert proxy.send(body).body == alone.send(body).body


def test_who_has_the_tool_already_gets_markers() -> None:
    proxy = Proxy()
    for body in anthropic(1):
        body["tools"].append({"name": "mcp__headroom__headroom_retrieve", "input_schema": {}})
        aligned = proxy.send(body)
    assert b"[headroom:" in aligned.body


@every_dialect
def test_parallel_agents_do_not_mix(name: str) -> None:
    alone = {seed: [Proxy(name).messages(body) for body in SESSIONS[name](0, seed)] for seed in (1, 2)}
    proxies = {seed: Proxy(name) for seed in (1, 2)}
    shared = Proxy(name)
    for bodies in zip(SESSIONS[name](3, 1), SESSIONS[name](3, 2), strict=True):
        for seed, body in zip((1, 2), bodies, strict=True):
            assert shared.messages(body) == proxies[seed].messages(body)
    assert alone[1] != alone[2]


def test_a_history_that_the_client_cleared_stays_compressed() -> None:
    proxy = Proxy()
    fifth = list(anthropic(5))[-1]
    for body in anthropic(4):
        proxy.send(body)
    fifth["messages"][2]["content"][0]["content"] = "[Old tool result content cleared]"
    sent = proxy.send(fifth)
    assert len(sent.body) < 0.6 * len(json.dumps(fifth))
    assert proxy.aligner.align(json.dumps(fifth).encode(), proxy.dialect, OPTIONS, proxy.store).body == sent.body


def test_what_the_time_budget_cut_off_stays_as_it_is() -> None:
    proxy = Proxy()
    bodies = list(anthropic(2))
    proxy.send(bodies[0])
    cut = proxy.send(bodies[1], expired=lambda: True)
    assert cut.cut_off == 1
    assert log(100) in proxy.messages(bodies[1])[2]["content"][0]["content"]
    later = proxy.messages(bodies[2])
    assert later[2]["content"][0]["content"] == log(100)
    assert later[4]["content"][0]["content"] != log(101)


def test_a_conversation_that_the_provider_refused_changed_is_left_alone() -> None:
    proxy = Proxy()
    for body in anthropic(1):
        aligned = proxy.send(body)
    proxy.aligner.leave_alone(aligned.key)
    for body in list(anthropic(3))[1:]:
        proxy.restart()
        raw = json.dumps(body).encode()
        assert proxy.aligner.align(raw, proxy.dialect, OPTIONS, proxy.store).body is raw


def by_id(turns: int) -> Iterator[tuple[Body, list[Any]]]:
    """A session whose requests name the reply before and bring only what is new, each with what its reply will say."""
    bodies = list(openai_responses(turns))
    for number, body in enumerate(bodies):
        own = body["input"] if number == 0 else body["input"][-1:]
        said = [*bodies[number + 1]["input"][-3:-1]] if number < turns else []
        told = [{**item, "id": f"item_{number}", "status": "completed"} for item in said]
        earlier = {"previous_response_id": f"resp_{number - 1}"} if number else {}
        yield {**body, **earlier, "input": own}, told


@pytest.mark.parametrize("restarting", [False, True])
def test_who_goes_on_from_a_reply_gets_what_the_whole_conversation_gets(restarting: bool) -> None:
    whole, proxy = Proxy("openai_responses"), Proxy("openai_responses")
    for number, (body, (short, said)) in enumerate(zip(openai_responses(4), by_id(4), strict=True)):
        expected, aligned = whole.messages(body), proxy.send(short)
        assert settled(aligned.body, proxy.dialect) == expected[-len(short["input"]) :]
        assert aligned.offered
        assert proxy.send(short).body == aligned.body
        proxy.aligner.keep_reply(aligned.key, proxy.dialect, f"resp_{number}", f"resp_{number}", said)
        if restarting:
            proxy.restart()
    # The connection is lost: the next request has everything again.
    *_, again = openai_responses(5)
    assert proxy.messages(again)[:-3] == expected
    assert proxy.messages(again) == whole.messages(again)


def test_the_call_that_a_result_answers_is_known_from_the_reply() -> None:
    read = {"type": "function_call", "call_id": "c0", "name": "shell", "arguments": '{"command": "cat src/app.py"}'}
    result = {"type": "function_call_output", "call_id": "c0", "output": log(7)}
    proxy = Proxy("openai_responses")
    first = next(openai_responses(0))
    key = proxy.send(first).key
    for id, said in (("resp_0", [read]), ("resp_1", [])):
        proxy.aligner.keep_reply(key, proxy.dialect, id, id, said)
        sent = proxy.send({**first, "previous_response_id": id, "input": [result]})
        assert (json.loads(sent.body)["input"][0]["output"] == log(7)) is bool(said)


def test_a_conversation_that_was_warmed_up_begins_with_nothing_new() -> None:
    proxy = Proxy("openai_responses")
    first = next(openai_responses(0))
    tools = []
    for number, body in enumerate(({**first, "generate": False}, {**first, "input": []}, first)):
        aligned = proxy.send({**body, **({"previous_response_id": f"resp_{number - 1}"} if number else {})})
        proxy.aligner.keep_reply(aligned.key, proxy.dialect, f"resp_{number}", f"resp_{number}", [])
        assert aligned.offered
        tools.append(json.loads(aligned.body)["tools"])
    assert tools[0] == tools[1] == tools[2]


def test_the_provider_is_told_its_own_name_of_the_reply() -> None:
    proxy = Proxy("openai_responses")
    (first, said), (second, _) = list(by_id(1))
    key = proxy.send(first).key
    proxy.aligner.keep_reply(key, proxy.dialect, "resp_0", "resp_7", said)
    assert json.loads(proxy.send(second).body)["previous_response_id"] == "resp_7"
    raw = json.dumps(second).encode()
    assert proxy.aligner.renamed(raw, proxy.dialect) == raw.replace(b"resp_0", b"resp_7")
    proxy.aligner.leave_alone(proxy.send(second).key)
    assert proxy.send(second).body == raw.replace(b"resp_0", b"resp_7")


def test_who_goes_on_from_something_that_did_not_pass_here_is_offered_nothing() -> None:
    proxy = Proxy("openai_responses")
    for earlier in ({"previous_response_id": "resp_9"}, {"conversation": "conv_1"}, {"conversation": {"id": "conv_1"}}):
        aligned = proxy.send({**next(openai_responses(0)), **earlier})
        assert not aligned.offered
        proxy.aligner.keep_reply(aligned.key, proxy.dialect, "resp_10", "resp_10", [])
        assert not proxy.send({**next(openai_responses(0)), "previous_response_id": "resp_10"}).offered
    assert proxy.send({**next(openai_responses(0)), "previous_response_id": None}).offered


def test_the_answer_that_the_provider_waits_for_goes_with_the_next_request() -> None:
    proxy = Proxy("openai_responses")
    (first, said), (second, _) = list(by_id(1))
    key = proxy.send(first).key
    held = {**said[1], "call_id": "held", "name": RETRIEVE_TOOL, "arguments": "{}"}
    reply = replies()["openai_responses"]
    leg, _ = reply.whole(json.dumps({"id": "resp_0", "output": [*said, held]}).encode(), RETRIEVE_TOOL)
    exchange = reply.exchange([leg], [[(leg.held[0], "the text")]])
    assert exchange is not None
    for _ in range(2):
        proxy.aligner.keep_exchange(key, exchange)
        proxy.aligner.keep_reply(key, proxy.dialect, leg.id, leg.id, leg.shown)
        sent = json.loads(proxy.send(second).body)["input"]
        assert [item["call_id"] for item in sent] == ["held", "c0"]
        proxy.restart()
    *_, again = openai_responses(2)  # with everything repeated the hidden call is back in its place
    whole = json.loads(proxy.send(again).body)["input"]
    assert [item.get("call_id") for item in whole] == [None, None, "c0", "held", "held", "c0", None, "c1", "c1"]


def test_counting_remembers_nothing() -> None:
    proxy, counted = Proxy(), Proxy()
    for body in anthropic(3):
        counted.send(body, record=False)
        assert counted.send(body).body == proxy.send(body).body


@every_dialect
def test_a_retry_gets_the_same_bytes(name: str) -> None:
    proxy = Proxy(name)
    for body in SESSIONS[name](3):
        assert proxy.send(body).body == proxy.send(body).body


def test_a_message_is_the_same_however_it_is_spelled() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "häßlich", "cache_control": {"type": "ephemeral"}}]}
    other = {"content": "häßlich", "role": "user"}
    spellings = [
        json.dumps({"messages": [message]}),
        json.dumps({"messages": [other]}, indent=2, ensure_ascii=False),
        json.dumps({"messages": [other]}, separators=(",", ":")),
    ]
    dialect = dialects()["anthropic"]
    proxy = Proxy()
    keys = {proxy.aligner.align(s.encode(), dialect, OPTIONS, proxy.store).key for s in spellings}
    assert len(keys) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), values, max_size=4), st.sampled_from([None, 1, "\t"]), st.booleans())
@settings(max_examples=60)
def test_unknown_members_come_through_to_the_byte(unknown: dict[str, Any], indent: Any, ascii: bool) -> None:
    proxy = Proxy()
    for body in anthropic(1):
        body = {**unknown, **body, "messages": [{**m, "x": unknown} for m in body["messages"]]}
        raw = json.dumps(body, indent=indent, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
        aligned = proxy.aligner.align(raw, proxy.dialect, OPTIONS, proxy.store)
        texts = sorted(((o.block.text, o.text) for o in aligned.outcomes if o.changed), key=lambda pair: -len(pair[1]))
        for before, after in texts:
            assert aligned.body.count(literal(after)) == 1
            spelled = json.dumps(before, ensure_ascii=ascii).encode()
            aligned = replace(aligned, body=aligned.body.replace(literal(after), spelled))
        offered = b"," + json.dumps(definition(proxy.dialect), separators=(",", ":")).encode()
        assert aligned.body.replace(offered, b"") == raw


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("openai_chat", {"role": "referee", "content": "Go on."}),
        ("gemini", {"role": "user"}),
        ("anthropic", {"role": "user", "content": None}),
        ("openai_responses", {"type": "later_kind", "content": 7}),
    ],
)
def test_a_message_of_no_known_shape_does_not_stop_the_others(name: str, odd: Any) -> None:
    proxy = Proxy(name)
    for body in SESSIONS[name](2):
        body[proxy.dialect.conversation].insert(0, odd)
        aligned = proxy.send(body)
    assert json.loads(aligned.body)[proxy.dialect.conversation][0] == odd
    assert any(outcome.changed for outcome in aligned.outcomes)
