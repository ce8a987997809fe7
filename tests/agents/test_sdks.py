"""The providers' own SDKs through the real proxy: sync and async, streamed and not. Skipped where not installed."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

from tests.agents.provider import Provider
from tests.agents.running import proxy
from tests.agents.script import RETRIEVE, Call, Say, Script, fetch, in_order

LOG = "".join(f"2026-03-01T10:{n // 60:02}:{n % 60:02}Z INFO worker-{n % 4} handled request {n}\n" for n in range(240))
LINES = LOG.splitlines()
RESULTS = {"cat worker.log": LOG, "nl -ba worker.log": "".join(f"{n:6}\t{line}\n" for n, line in enumerate(LINES, 1))}
SHELL = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}


@dataclass(frozen=True)
class Reply:
    """What a program gets: text, tool calls, tokens in and out, and what it appends to the conversation."""

    text: str
    calls: Sequence[tuple[str, str, dict[str, Any]]]
    tokens: tuple[int, int]
    message: Sequence[Any]


@dataclass(frozen=True)
class Way:
    """How a program uses an SDK."""

    url: str
    sync: bool
    streamed: bool


class AnthropicSdk:
    package = "anthropic"

    def __init__(self, way: Way) -> None:
        import anthropic

        kind = anthropic.Anthropic if way.sync else anthropic.AsyncAnthropic
        self._way, self._client = way, kind(api_key="sk-ant-test", base_url=way.url, max_retries=0)

    async def ask(self, history: list[Any]) -> Reply:
        tool = {"name": "shell", "description": "Runs a command.", "input_schema": SHELL}
        asked = {"model": "claude-x", "max_tokens": 99, "messages": history, "tools": [tool]}
        if not self._way.streamed:
            made = self._client.messages.create(**asked)
            message = made if self._way.sync else await made
        elif self._way.sync:
            with self._client.messages.stream(**asked) as stream:
                message = stream.get_final_message()
        else:
            async with self._client.messages.stream(**asked) as stream:
                message = await stream.get_final_message()
        text = "".join(part.text for part in message.content if part.type == "text")
        calls = [(part.id, part.name, part.input) for part in message.content if part.type == "tool_use"]
        assert message.stop_reason == ("tool_use" if calls else "end_turn")
        used = message.usage
        tokens = used.input_tokens + (used.cache_read_input_tokens or 0), used.output_tokens
        return Reply(text, calls, tokens, [{"role": "assistant", "content": message.content}])

    def said(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def results(self, answers: Sequence[tuple[str, str, str]]) -> list[Any]:
        parts = [{"type": "tool_result", "tool_use_id": id, "content": text} for id, _, text in answers]
        return [{"role": "user", "content": parts}]


class ChatSdk:
    package = "openai"

    def __init__(self, way: Way) -> None:
        import openai

        kind = openai.OpenAI if way.sync else openai.AsyncOpenAI
        self._way, self._client = way, kind(api_key="sk-test", base_url=f"{way.url}/v1", max_retries=0)

    async def ask(self, history: list[Any]) -> Reply:
        function = {"name": "shell", "description": "Runs a command.", "parameters": SHELL}
        asked = {"model": "gpt-x", "messages": history, "tools": [{"type": "function", "function": function}]}
        chat = self._client.chat.completions
        if not self._way.streamed:
            made = chat.create(**asked)
            completion = made if self._way.sync else await made
        elif self._way.sync:
            with chat.stream(**asked, stream_options={"include_usage": True}) as stream:
                completion = stream.get_final_completion()
        else:
            async with chat.stream(**asked, stream_options={"include_usage": True}) as stream:
                completion = await stream.get_final_completion()
        (choice,) = completion.choices
        message = choice.message
        made_calls = message.tool_calls or []
        calls = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in made_calls]
        assert choice.finish_reason == ("tool_calls" if calls else "stop")
        used = completion.usage
        return Reply(message.content or "", calls, (used.prompt_tokens, used.completion_tokens), [message])

    def said(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def results(self, answers: Sequence[tuple[str, str, str]]) -> list[Any]:
        return [{"role": "tool", "tool_call_id": id, "content": text} for id, _, text in answers]


class ResponsesSdk:
    package = "openai"

    def __init__(self, way: Way) -> None:
        import openai

        kind = openai.OpenAI if way.sync else openai.AsyncOpenAI
        self._way, self._client = way, kind(api_key="sk-test", base_url=f"{way.url}/v1", max_retries=0)

    async def ask(self, history: list[Any]) -> Reply:
        tool = {"type": "function", "name": "shell", "description": "Runs a command.", "parameters": SHELL}
        asked = {"model": "gpt-x", "input": history, "tools": [{**tool, "strict": False}], "store": False}
        if not self._way.streamed:
            made = self._client.responses.create(**asked)
            response = made if self._way.sync else await made
        elif self._way.sync:
            with self._client.responses.stream(**asked) as stream:
                response = stream.get_final_response()
        else:
            async with self._client.responses.stream(**asked) as stream:
                response = await stream.get_final_response()
        made_calls = [item for item in response.output if item.type == "function_call"]
        calls = [(item.call_id, item.name, json.loads(item.arguments)) for item in made_calls]
        assert response.status == "completed"
        used = response.usage
        return Reply(response.output_text, calls, (used.input_tokens, used.output_tokens), response.output)

    def said(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def results(self, answers: Sequence[tuple[str, str, str]]) -> list[Any]:
        return [{"type": "function_call_output", "call_id": id, "output": text} for id, _, text in answers]


class GeminiSdk:
    package = "google.genai"

    def __init__(self, way: Way) -> None:
        from google import genai

        self._way, self._types = way, genai.types
        client = genai.Client(api_key="AIza-test", http_options=genai.types.HttpOptions(base_url=way.url))
        self._client = client
        self._models = client.models if way.sync else client.aio.models

    async def ask(self, history: list[Any]) -> Reply:
        declared = {"name": "shell", "description": "Runs a command.", "parameters_json_schema": SHELL}
        config = {"tools": [{"function_declarations": [declared]}]}
        asked = {"model": "gemini-x", "contents": history, "config": config}
        if not self._way.streamed:
            made = self._models.generate_content(**asked)
            chunks = [made if self._way.sync else await made]
        elif self._way.sync:
            chunks = list(self._models.generate_content_stream(**asked))
        else:
            chunks = [chunk async for chunk in await self._models.generate_content_stream(**asked)]
        contents = [chunk.candidates[0].content for chunk in chunks if chunk.candidates]
        parts = [part for content in contents for part in (content and content.parts) or ()]
        text = "".join(part.text for part in parts if part.text and not part.thought)
        made_calls = [part.function_call for part in parts if part.function_call]
        calls = [(call.id or "", call.name, dict(call.args or {})) for call in made_calls]
        assert chunks[-1].candidates[0].finish_reason == "STOP"
        used = chunks[-1].usage_metadata
        message = self._types.Content(role="model", parts=parts)
        return Reply(text, calls, (used.prompt_token_count, used.candidates_token_count), [message])

    def said(self, text: str) -> Any:
        return self._types.Content(role="user", parts=[self._types.Part(text=text)])

    def results(self, answers: Sequence[tuple[str, str, str]]) -> list[Any]:
        made = self._types.Part.from_function_response
        parts = [made(name=name, response={"output": text}) for _, name, text in answers]
        return [self._types.Content(role="user", parts=parts)]


SDKS = (AnthropicSdk, ChatSdk, ResponsesSdk, GeminiSdk)
WAYS = [(sdk, *how) for sdk, how in product(SDKS, product((True, False), repeat=2))]
NAMES = [f"{s.__name__}-{'sync' if sync else 'async'}-{'stream' if st else 'whole'}" for s, sync, st in WAYS]


# What providers sign or seal of the model's thinking in the script below, and how often the last request has it.
SEALS = {
    AnthropicSdk: {"signed+Which line was it?==": 1, "signed+And both.==": 1},
    ResponsesSdk: {"sealed+Which line was it?==": 1, "sealed+And both.==": 1},
    GeminiSdk: {"c2lnbmVk": 6, "Which line was it?": 1, "And both.": 1},
}


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def proxied(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with proxy(provider, tmp_path_factory.mktemp("proxy")) as url:
        yield url


@pytest.fixture(params=WAYS, ids=NAMES)
def way(request: pytest.FixtureRequest) -> Any:
    return _way(*request.param)


@pytest.fixture(params=SDKS)
def streaming(request: pytest.FixtureRequest) -> Any:
    return _way(request.param, True, True)


def _way(sdk: Any, sync: bool, streamed: bool) -> Any:
    """How a client is made for an address."""
    if not _installed(sdk.package):
        pytest.skip(f"{sdk.package} is not installed")
    return lambda url: sdk(Way(url, sync, streamed))


def converse(sdk: Any, prompt: str, history: list[Any] | None = None) -> list[Reply]:
    """A program's tool loop, from a prompt up to the final answer; a history that is given goes on and grows."""
    history = [] if history is None else history

    async def loop() -> list[Reply]:
        replies = []
        history.append(sdk.said(prompt))
        while True:
            replies.append(await sdk.ask(history))
            history.extend(replies[-1].message)
            if not replies[-1].calls:
                return replies
            answers = [(id, name, RESULTS[arguments["command"]]) for id, name, arguments in replies[-1].calls]
            history.extend(sdk.results(answers))

    return asyncio.run(loop())


def shell(command: str) -> Call:
    return Call("shell", {"command": command})


def _spent(provider: Provider) -> list[tuple[int, int]]:
    return [(turn.reply.usage.input, turn.reply.usage.output) for turn in provider.turns if turn.reply]


def _told(replies: Sequence[Reply]) -> list[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    return [(reply.text, [(name, arguments) for _, name, arguments in reply.calls]) for reply in replies]


def test_a_conversation_ends_as_without_the_proxy(
    way: Any, proxied: str, provider: Provider, request: pytest.FixtureRequest
) -> None:
    first, second = map(shell, RESULTS)
    script = in_order(Say("Let me see.", (first,)), Say("", (second, first), "Hm."), Say("All is well.", (), "So."))
    provider.play(script)
    alone = converse(way(provider.url), request.node.name)
    plain = provider.turns
    provider.play(script)
    helped = converse(way(proxied), request.node.name)
    assert _told(helped) == _told(alone)
    assert [reply.tokens for reply in helped] == _spent(provider)
    for before, after in zip(plain, provider.turns, strict=True):
        assert after.own_tools == before.own_tools
        assert len(after.history) == len(before.history)
    assert len(provider.turns[-1].raw) < len(plain[-1].raw) * 0.5
    _repeats(provider)


def test_originals_that_the_model_asks_for(
    way: Any, proxied: str, provider: Provider, request: pytest.FixtureRequest
) -> None:
    first, second = map(shell, RESULTS)
    script: Script = in_order(
        Say("Let me see.", (first,)),
        Say("", (fetch(0, lines="11-20"),), "Which line was it?"),
        Say("More.", (fetch(0), second), "And both."),
        Say("", (fetch(0, lines="1-2"), fetch(0, lines="239-240"))),
        Say("Once more.", (fetch(0, query="request 77"),)),
        Say("", (first,)),
        Say("All is well."),
    )
    provider.play(script)
    sdk = way(proxied)
    replies = converse(sdk, request.node.name)
    assert RETRIEVE not in str([(reply.calls, reply.message) for reply in replies])
    assert [len(reply.calls) for reply in replies] == [1, 1, 1, 0]
    assert [reply.text for reply in replies] == ["Let me see.", "More.", "Once more.", "All is well."]
    final = provider.turns[-1].heard
    assert final is not None
    some, whole, start, end, found = (text.partition("\n")[2] for text in final.retrieved())
    assert some == "\n".join(LINES[10:20])
    assert whole.startswith("\n".join(LINES))
    assert (start, end) == ("\n".join(LINES[:2]), "\n".join(LINES[238:]))
    assert LINES[77] in found
    read, said = zip(*_spent(provider), strict=True)
    legs = (range(1), range(1, 3), range(3, 6), range(6, 7))  # of each turn: the last one's input counts
    assert [reply.tokens for reply in replies] == [(read[leg[-1]], sum(said[n] for n in leg)) for leg in legs]
    _repeats(provider)
    raw = provider.turns[-1].raw.decode()
    for seal, times in SEALS.get(type(sdk), {}).items():
        assert raw.count(seal) == times, seal


def test_what_the_model_fetched_outlives_the_proxy(streaming: Any, provider: Provider, tmp_path: Path) -> None:
    replies = (Say("", (shell("cat worker.log"),)), Say("", (fetch(0, lines="11-20"),)), Say("All is well."))
    provider.play(in_order(*replies))
    history: list[Any] = []
    with proxy(provider, tmp_path) as url:
        converse(streaming(url), "Is all well?", history)
    provider.script = in_order(*replies[:2], Say("As I said."))
    with proxy(provider, tmp_path) as url:
        (reply,) = converse(streaming(url), "Really?", history)
    assert reply.text == "As I said."
    assert len(provider.turns) == 4
    final = provider.turns[-1].heard
    assert final is not None
    assert final.retrieved()[0].endswith("\n".join(LINES[10:20]))
    _repeats(provider)


def _repeats(provider: Provider) -> None:
    for one, next_one in pairwise(provider.turns):
        assert next_one.history[: len(one.history)] == one.history
