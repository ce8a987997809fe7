"""The configuration file: what each of its keys does, what is wrong in it, and that a wrong one changes nothing."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from headroom.cli.proxy import reread
from headroom.errors import InputError
from headroom.ledger.book import Book
from headroom.ledger.counterfactual import Accounts
from headroom.ledger.strategies import USES, SwitchedOff
from headroom.marker import RETRIEVE_TOOL, footer_ids, has_footer
from headroom.model import Level
from headroom.proxy.policy import settings_in
from headroom.proxy.settings import Settings
from tests.proxy.world import ANTHROPIC_REPLY, LOG, TOKEN, World, real_engine, world


def written(folder: Path, text: str) -> Path:
    file = folder / "headroom.toml"
    file.write_text(text)
    return file


def test_a_file_sets_settings(tmp_path: Path) -> None:
    text = """
    [proxy]
    port = 9000
    level = "aggressive"
    read_timeout = 5
    align = true
    upstreams = { local = "http://127.0.0.1:11434" }
    allow_hosts = ["box"]

    [tools]
    "mcp__github__*" = "balanced"
    Read = "none"

    [strategies]
    log = "on"
    "log:Bash" = "off"
    """
    settings = Settings.of(**settings_in(written(tmp_path, text)))
    assert (settings.port, settings.level, settings.read_timeout, settings.align) == (9000, Level.AGGRESSIVE, 5, True)
    assert settings.upstreams == (("local", "http://127.0.0.1:11434"),)
    assert settings.allow_hosts == ("box",)
    assert settings.tools == (("mcp__github__*", Level.BALANCED), ("Read", None))
    assert [(name, switch.value) for name, switch in settings.strategies] == [("log:*", "on"), ("log:Bash", "off")]


def test_the_documented_file_is_right(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", document, re.S)
    found = Settings.of(**settings_in(written(tmp_path, example)))
    assert found.tools
    assert found.strategies
    assert found.budget_ms == 500


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert settings_in(written(tmp_path, "# nothing\n")) == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[proxy]\nport = 1\nprot = 2\n", 3, ("[proxy] prot", "no setting", "budget_ms")),
        ("[proxy]\n# port = 1\n\nport = 'x'\n", 4, ("[proxy] port", "a whole number", "'x'")),
        ("[proxy]\nport = true\n", 2, ("[proxy] port", "a whole number")),
        ("[proxy]\nport = 65536\n", 2, ("[proxy] port", "65535")),
        ("[proxy]\nworkers = 0\n", 2, ("[proxy] workers", "1 or more")),
        ("[proxy]\nalign = 'yes'\n", 2, ("[proxy] align", "true or false")),
        ("[proxy]\nread_timeout = '3'\n", 2, ("[proxy] read_timeout", "a number")),
        ("[proxy]\nread_timeout = nan\n", 2, ("[proxy] read_timeout", "0 or more")),
        ("[proxy]\nlevel = 'much'\n", 2, ("[proxy] level", "lossless, balanced, aggressive, none")),
        ("[proxy]\nlevel = 3\n", 2, ("[proxy] level", "a string")),
        ("[proxy]\nopenai_url = 'x'\n", 2, ("[proxy] openai_url", "https://api.example.com")),
        ("[proxy]\nallow_hosts = 'box'\n", 2, ("[proxy] allow_hosts", "a list of strings")),
        ("[proxy]\nallow_hosts = [1]\n", 2, ("[proxy] allow_hosts", "a list of strings")),
        ("[proxy]\nupstreams = { v1 = 'http://x' }\n", 2, ("[proxy] upstreams", "'v1'")),
        ("[proxy]\nca_file = '/no/such'\n", 2, ("[proxy] ca_file", "/no/such")),
        ("[proxy]\ntools = ['Read=none']\n", 2, ("[proxy] tools", "no setting")),
        ("\n\n[tools]\n'mcp__*' = 'lossless'\n'Read' = 'non'\n", 5, ("[tools] Read", "'non'", "aggressive, none")),
        ("[tools]\nRead = false\n", 2, ("[tools] Read", "a string")),
        ("[tools]\n[tools.Read]\nx = 1\n", 2, ("[tools] Read", "a string")),
        ("[strategies]\nlgo = 'on'\n", 2, ("[strategies] lgo", "'lgo'", "known: build, code")),
        ("[strategies]\n'log:Bash' = 'never'\n", 2, ("[strategies] log:Bash", "on, off, auto", "'never'")),
        ("[proxy]\nport = 1\n[tool]\nRead = 'none'\n", 3, ("[tool]", "known: proxy, tools, strategies")),
        ("[prices]\n", 1, ("[prices]", "prices.toml")),
        ("port = 1\n", 1, ("[port]", "no table")),
        ("tools = 3\n", 1, ("[tools]", "the name of a table")),
        ("proxy.level = 'balanced'\nproxy.port = -1\n", 2, ("[proxy] port", "0 or more")),
        ("proxy = { port = -1 }\n", 1, ("[proxy] port", "0 or more")),
        ("[proxy]\nport = 1\n\nport =\n", 4, ("not TOML",)),
        ("[proxy]\nlevel = '", 2, ("not TOML",)),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(
    text: str, line: int, words: tuple[str, ...], tmp_path: Path
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        settings_in(file)
    assert str(caught.value).startswith(f"{file}:{line}: ")
    for word in words:
        assert word in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml: "):
        settings_in(tmp_path / "nowhere.toml")
    file = tmp_path / "latin.toml"
    file.write_bytes(b"[proxy]\n# caf\xe9\n")
    with pytest.raises(InputError, match=r"latin\.toml:2: not UTF-8"):
        settings_in(file)


def test_it_is_found_by_flag_by_variable_and_where_it_belongs(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def port(*arguments: str) -> int:
        settings = reread([*arguments])
        assert settings is not None
        return settings.port

    assert port() == 8787
    home.mkdir()
    (home / "config.toml").write_text("[proxy]\nport = 1\n")
    assert port() == 1
    assert port("--config", "") == 8787
    by_variable, by_flag = tmp_path / "a.toml", tmp_path / "b.toml"
    by_variable.write_text("[proxy]\nport = 2\n")
    by_flag.write_text("[proxy]\nport = 3\n")
    monkeypatch.setenv("HEADROOM_CONFIG", str(by_variable))
    assert port() == 2
    assert port("--config", str(by_flag)) == 3


@pytest.mark.parametrize("table", ["tools", "strategies"])
def test_flags_and_variables_win_over_a_table_of_the_file(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, values = {"tools": ("Read", ("none", "lossless", "aggressive")), "strategies": ("log", ("on", "off", "auto"))}[
        table
    ]
    config = ["--config", str(written(tmp_path, f'[{table}]\n{key} = "{values[0]}"\n'))]
    variable, flag = {
        "tools": ("HEADROOM_TOOL_LEVELS", "--tool-level"),
        "strategies": ("HEADROOM_STRATEGIES", "--strategy"),
    }[table]

    def found(arguments: list[str]) -> Any:
        settings = reread(arguments)
        assert settings is not None
        ((_, value),) = getattr(settings, table)
        return value.value if value else "none"

    assert found(config) == values[0]
    monkeypatch.setenv(variable, f"{key}={values[1]}")
    assert found(config) == values[1]
    assert found([*config, flag, f"{key}={values[2]}"]) == values[2]


def test_a_wrong_file_changes_nothing_and_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = written(tmp_path, "[tools]\nRead = 'non'\n")
    with caplog.at_level(logging.ERROR):
        assert reread(["--config", str(file)]) is None
    (record,) = caplog.records
    assert f"{file}:2: [tools] Read: " in record.getMessage()
    assert "settings stay as they are" in record.getMessage()


# What the rules do to requests, on every protocol.

ASKED = "why is it slow"
# One for each call, so that none refers to another.
LOGS = [LOG.replace("worker", f"service{number}").replace("handled request", f"did {number}") for number in range(4)]


def anthropic(*tools: str) -> dict[str, Any]:
    calls = [{"type": "tool_use", "id": f"c{i}", "name": tool, "input": {}} for i, tool in enumerate(tools)]
    results = [{"type": "tool_result", "tool_use_id": f"c{i}", "content": LOGS[i]} for i in range(len(tools))]
    messages = [("user", ASKED), ("assistant", calls), ("user", results)]
    return {
        "tools": [{"name": tool, "input_schema": {"type": "object"}} for tool in tools],
        "messages": [{"role": role, "content": content} for role, content in messages],
    }


def openai_chat(*tools: str) -> dict[str, Any]:
    functions = [{"name": tool, "arguments": "{}"} for tool in tools]
    calls = [{"id": f"c{i}", "type": "function", "function": one} for i, one in enumerate(functions)]
    results = [{"role": "tool", "tool_call_id": f"c{i}", "content": LOGS[i]} for i in range(len(tools))]
    said = {"role": "assistant", "content": None, "tool_calls": calls}
    return {
        "tools": [{"type": "function", "function": {"name": tool}} for tool in tools],
        "messages": [{"role": "user", "content": ASKED}, said, *results],
    }


def openai_responses(*tools: str) -> dict[str, Any]:
    calls = [
        {"type": "function_call", "call_id": f"c{i}", "name": tool, "arguments": "{}"} for i, tool in enumerate(tools)
    ]
    results = [{"type": "function_call_output", "call_id": f"c{i}", "output": LOGS[i]} for i in range(len(tools))]
    return {
        "tools": [{"type": "function", "name": tool} for tool in tools],
        "input": [{"role": "user", "content": ASKED}, *calls, *results],
    }


def gemini(*tools: str) -> dict[str, Any]:
    calls = [{"functionCall": {"name": tool, "args": {}}} for tool in tools]
    results = [{"functionResponse": {"name": tool, "response": {"output": LOGS[i]}}} for i, tool in enumerate(tools)]
    contents = [("user", [{"text": ASKED}]), ("model", calls), ("user", results)]
    return {
        "tools": [{"functionDeclarations": [{"name": tool} for tool in tools]}],
        "contents": [{"role": role, "parts": parts} for role, parts in contents],
    }


PROTOCOLS: dict[str, tuple[Any, str]] = {
    "anthropic": (anthropic, "/v1/messages"),
    "openai_chat": (openai_chat, "/v1/chat/completions"),
    "openai_responses": (openai_responses, "/v1/responses"),
    "gemini": (gemini, "/v1beta/models/m:generateContent"),
}
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


def seen(body: bytes) -> list[str]:
    """What became of each result in a request: "as it came", "lossless" or "shortened"."""
    texts = [text for text in strings(json.loads(body)) if "service" in text]
    return ["as it came" if text in LOGS else "shortened" if has_footer(text) else "lossless" for text in texts]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner)


async def sent(w: World, protocol: str, *tools: str, **headers: str) -> list[str]:
    made, path = PROTOCOLS[protocol]
    assert (await w.post(path, json.dumps({"model": "m", **made(*tools)}).encode(), **headers))[0] == 200
    return seen(w.got[-1].body)


@each_protocol
async def test_tools_have_levels_of_their_own(protocol: str) -> None:
    rules = {"mcp__*": "lossless", "mcp__github__*": "none", "mcp__github__ci_log": "balanced"}
    async with world(tools=rules) as w:
        found = await sent(w, protocol, "mcp__github__ci_log", "mcp__github__file", "shell", "mcp__x")
        assert found == ["shortened", "as it came", "shortened", "lossless"]
        assert (await w.stats())["reasons"]["policy"] == 1


@each_protocol
async def test_a_rule_may_be_for_the_only_tool_that_is_touched(protocol: str) -> None:
    async with world(level="none", tools={"mcp__*": "balanced"}) as w:
        assert await sent(w, protocol, "shell", "mcp__x") == ["as it came", "shortened"]
    async with world(level="none", tools={"mcp__*": "none"}) as w:
        assert await sent(w, protocol, "shell", "mcp__x") == ["as it came", "as it came"]


async def test_a_client_gets_no_more_than_it_asks_for() -> None:
    tools = {"shell": "balanced", "Read": "none"}
    for asked, found in {
        "none": ["as it came", "as it came", "as it came"],
        "lossless": ["lossless", "as it came", "lossless"],
        "balanced": ["shortened", "as it came", "shortened"],
    }.items():
        async with world(tools=tools) as w:
            assert await sent(w, "anthropic", "shell", "Read", "other", x_headroom_level=asked) == found


async def test_where_the_model_cannot_ask_back_no_tool_has_a_lossy_level() -> None:
    async with world(tools={"shell": "aggressive"}, retrieve=False) as w:
        assert await sent(w, "anthropic", "shell") == ["lossless"]


async def test_rules_hold_on_sockets() -> None:
    got: list[str] = []

    async def upstream(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        got.append((await socket.receive()).data)
        await socket.close()
        return socket

    body = {"type": "response.create", "model": "m", **openai_responses("shell", "other")}
    async with (
        world(upstream, tools={"shell": "none"}) as w,
        aiohttp.ClientSession() as client,
        client.ws_connect(w.url + "/v1/responses") as socket,
    ):
        await socket.send_str(json.dumps(body))
        await socket.receive()
    assert seen(got[0].encode()) == ["as it came", "shortened"]


async def test_what_was_sent_once_stays_when_rules_change() -> None:
    async with world() as w:
        first = await sent(w, "anthropic", "shell")
        w.proxy.use(Settings.of(**{**settings_of(w), "tools": {"shell": "none"}}))
        assert await sent(w, "anthropic", "shell") == first == ["shortened"]
        assert await sent(w, "openai_chat", "shell") == ["as it came"]


def settings_of(w: World) -> dict[str, Any]:
    return {name: getattr(w.settings, name) for name in ("anthropic_url", "openai_url", "gemini_url", "chatgpt_url")}


async def test_a_compressor_that_is_off_leaves_nothing_out() -> None:
    for rules, found in (
        ({"log": "off"}, ["lossless", "lossless"]),
        ({"log:shell": "off"}, ["lossless", "shortened"]),
        ({"log": "off", "log:shell": "on"}, ["shortened", "lossless"]),
        ({"log": "auto"}, ["shortened", "shortened"]),
    ):
        async with world(strategies=rules) as w:
            assert await sent(w, "anthropic", "shell", "Other") == found, rules


async def test_a_compressor_that_has_switched_itself_off_leaves_nothing_out_unless_it_is_pinned() -> None:
    for rules, found in (
        ({}, ["lossless", "shortened"]),
        ({"log": "auto"}, ["lossless", "shortened"]),
        ({"log:shell": "on"}, ["shortened", "shortened"]),
        ({"log": "on", "log:Other": "off"}, ["shortened", "lossless"]),
    ):
        engine = real_engine(switched_off=lambda: frozenset(("log:shell",)))
        async with world(engine=engine, strategies=rules) as w:
            assert await sent(w, "anthropic", "shell", "Other") == found, rules


async def test_gateways_get_messages_by_the_same_rules() -> None:
    async with world(tools={"shell": "none", "Read": "balanced"}) as w:
        for asked, found in {
            "balanced": ["as it came", "shortened", "shortened"],
            "lossless": ["as it came", "lossless", "lossless"],
        }.items():
            body = {"messages": openai_chat("shell", "Read", "other")["messages"], "level": asked}
            status, reply = await w.post("/v1/compress", json.dumps(body).encode(), x_headroom_token=TOKEN)
            assert status == 200
            assert seen(reply) == found


async def test_who_saves_nothing_is_found_out_and_switched_off() -> None:
    """The model asks for all of every log, twice."""

    async def insatiable(request: web.Request) -> web.StreamResponse:
        messages = (await request.json()).get("messages", [])
        kept = [id for text in strings(messages[2:3]) for id in footer_ids(text)]
        if len(messages) == 7 or not kept:
            return web.json_response(ANTHROPIC_REPLY)
        call = {"type": "tool_use", "id": f"r{len(messages)}", "name": RETRIEVE_TOOL, "input": {"id": kept[0]}}
        return web.json_response({**ANTHROPIC_REPLY, "content": [call], "stop_reason": "tool_use"})

    book = Book(None, Accounts())
    off = SwitchedOff(book.source())
    async with world(insatiable, engine=real_engine(ledger=book, switched_off=off)) as w:
        for number in range(USES):
            body = json.dumps({"model": "m", **anthropic("ask")}).replace("service0", f"service{number}")
            assert (await w.post("/v1/messages", body.encode()))[0] == 200
        assert book.flush()
        off.refresh()
        assert off() == {"log:ask"}
        assert await sent(w, "openai_chat", "ask", "other") == ["lossless", "shortened"]
        w.proxy.use(Settings.of(**{**settings_of(w), "strategies": {"log:ask": "on"}}))
        assert await sent(w, "openai_responses", "ask") == ["shortened"]
