"""The SDKs' own readers of streams make one message of several replies; skipped where an SDK isn't installed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from headroom.plugins import replies
from headroom.wire.sse import EventReader
from tests.replies import test_anthropic as anthropic
from tests.replies import test_gemini as gemini
from tests.replies import test_openai_chat as chat


@contextmanager
def upstream(stream: bytes) -> Iterator[str]:
    """A server on loopback that answers every request with this stream."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(stream)))
            self.end_headers()
            self.wfile.write(stream)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


REFUSALS = {
    "anthropic": b'{"type":"error","error":{"type":"overloaded_error","message":"too busy"}}',
    "openai_chat": b'{"error":{"message":"too busy","type":"server_error","code":"busy"}}',
    "openai_responses": b'{"error":{"message":"too busy","type":"server_error","code":"busy"}}',
    "gemini": b'[{"error":{"code":529,"message":"too busy","status":"UNAVAILABLE"}}]',
}


def streamed(name: str, url: str) -> Iterator[Any]:
    """A stream as an SDK reads it."""
    asked = [{"role": "user", "content": "x"}]
    if name == "anthropic":
        sdk = pytest.importorskip("anthropic")
        messages = sdk.Anthropic(api_key="x", base_url=url).messages
        yield from messages.create(model="m", max_tokens=9, messages=asked, stream=True)
    elif name == "gemini":
        sdk = pytest.importorskip("google.genai")
        client = sdk.Client(api_key="x", http_options={"base_url": url})
        yield from client.models.generate_content_stream(model="m", contents="x")
    else:
        client = pytest.importorskip("openai").OpenAI(api_key="x", base_url=url)
        if name == "openai_chat":
            yield from client.chat.completions.create(model="m", messages=asked, stream=True)
        else:
            yield from client.responses.create(model="m", input=asked, stream=True)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_stream_that_can_not_go_on_raises_in_every_sdk(name: str) -> None:
    for status, body, words in ((529, REFUSALS[name], "too busy"), (502, b"<html>", "refused to go on")):
        event = replies()[name].failure(status, body)
        assert list(EventReader().feed(event.raw)) == [event]
        with upstream(event.raw) as url, pytest.raises(Exception, match=words) as raised:
            list(streamed(name, url))
        assert "APIError" in [kind.__name__ for kind in type(raised.value).__mro__]


def test_anthropic() -> None:
    sdk = pytest.importorskip("anthropic")
    turn = anthropic.Turn(
        anthropic.message(anthropic.THINKING, anthropic.text("I look."), anthropic.call("toolu_1", "ORIGINAL")),
        anthropic.message(anthropic.text("It says second."), anthropic.OWN, anthropic.call("toolu_2", "ORIGINAL")),
    )
    question = {"model": "claude-x", "max_tokens": 9, "messages": [turn.question]}
    with upstream(turn.streamed()) as url, sdk.Anthropic(api_key="x", base_url=url).messages.stream(**question) as got:
        final = got.get_final_message()
    content = [
        part.model_dump(exclude_none=True, include={*anthropic.OWN, "text", "thinking"}) for part in final.content
    ]
    assert [part["type"] for part in content] == ["thinking", "text", "text", "tool_use"]
    assert (final.stop_reason, final.usage.output_tokens) == ("tool_use", 10)
    result = {"type": "tool_result", "tool_use_id": "toolu_9", "content": "files"}
    sent = turn.replayed({"role": "assistant", "content": content}, {"role": "user", "content": [result]})
    assert sent[:3] == turn.asked()
    assert sent[3]["content"] == turn.replies[1]["content"]


def test_openai_chat() -> None:
    sdk = pytest.importorskip("openai")
    turn = chat.Turn(
        chat.message({"reasoning_content": "Hm."}, chat.text("I look."), chat.call("call_1", "ORIGINAL")),
        chat.message(chat.text(" Second."), chat.call("call_2", "ORIGINAL"), chat.OWN, id="chatcmpl-2"),
    )
    question = {"model": "gpt-x", "messages": [turn.question]}
    with upstream(turn.streamed()) as url:
        client = sdk.OpenAI(api_key="x", base_url=url)
        with client.chat.completions.stream(**question) as got:
            final = got.get_final_completion()
    own = final.choices[0].message
    assert (own.role, own.content, own.reasoning_content) == ("assistant", "I look. Second.", "Hm.")
    assert [(made.id, made.function.arguments) for made in own.tool_calls] == [("call_9", '{"command": "ls"}')]
    assert (final.id, final.choices[0].finish_reason, final.usage.completion_tokens) == ("chatcmpl-1", "tool_calls", 10)
    sent = turn.replayed(own.to_dict(exclude_unset=True), chat.RESULT)
    assert sent[:3] == turn.asked()
    assert [made["id"] for made in sent[3]["tool_calls"]] == ["call_2", "call_9"]
    assert sent[3]["content"] == " Second."


def test_gemini() -> None:
    sdk = pytest.importorskip("google.genai")
    turn = gemini.Turn(
        gemini.message(gemini.THOUGHT, gemini.text("I look."), gemini.call("", "ORIGINAL")),
        gemini.message(gemini.text("Second."), gemini.OWN, gemini.call("", "ORIGINAL"), id="r2"),
    )
    with upstream(turn.streamed()) as url:
        client = sdk.Client(api_key="x", http_options={"base_url": url})
        talk = client.chats.create(model="gemini-x")
        got = list(talk.send_message_stream("Look."))
    assert "".join(chunk.text or "" for chunk in got) == "I look.Second."
    assert got[-1].usage_metadata.candidates_token_count == 10
    history = [content.model_dump(mode="json", by_alias=True, exclude_none=True) for content in talk.get_history(True)]
    assert history[0] == {**turn.question}
    sent = turn.replayed(*history[1:], gemini.user(gemini.RESULT))
    assert sent[:3] == turn.asked()
    last = gemini.joined([part for content in sent[3:-1] for part in content["parts"]])
    assert last == gemini.said(turn, 1)["parts"]
    assert len(sent[-1]["parts"]) == 2
