"""Anthropic replies: what the client sees while `headroom_retrieve` is answered, and what later requests repeat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headroom.marker import RETRIEVE_TOOL
from headroom.replies.anthropic import REPLY
from headroom.wire.sse import EventReader, written
from tests.replies import scripted
from tests.replies.scripted import ORIGINAL

THINKING = {"type": "thinking", "thinking": "Hm, lines.", "signature": "c2ln"}
OWN = {"type": "tool_use", "id": "toolu_9", "name": "Bash", "input": {"command": "ls"}}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def call(id: str, original: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": RETRIEVE_TOOL, "input": {"id": original, **more}}


def usage(input: int, output: int) -> dict[str, int]:
    return {
        "input_tokens": input,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 7,
        "output_tokens": output,
    }


def message(*parts: dict[str, Any], id: str = "msg_1", input: int = 10, output: int = 5) -> dict[str, Any]:
    """A reply that is not streamed."""
    stop = "tool_use" if any(part["type"] == "tool_use" for part in parts) else "end_turn"
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(parts),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage(input, output),
    }


def events(reply: dict[str, Any]) -> bytes:
    """The same reply as it streams: every text, argument and thought in two pieces, with a ping between them."""
    out = [{"type": "message_start", "message": {**reply, "content": [], "stop_reason": None}}]
    for index, part in enumerate(reply["content"]):
        start, deltas = pieces(part)
        out.append({"type": "content_block_start", "index": index, "content_block": start})
        out += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        out += [{"type": "ping"}, {"type": "content_block_stop", "index": index}]
    counted = {"output_tokens": reply["usage"]["output_tokens"]}
    out.append({"type": "message_delta", "delta": {"stop_reason": reply["stop_reason"]}, "usage": counted})
    out.append({"type": "message_stop"})
    return b"".join(written(str(event["type"]), json.dumps(event)) for event in out)


def pieces(part: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    def halves(value: str, kind: str, key: str) -> list[dict[str, Any]]:
        return [{"type": kind, key: half} for half in (value[: len(value) // 2], value[len(value) // 2 :])]

    if part["type"] == "text":
        return {**part, "text": ""}, halves(part["text"], "text_delta", "text")
    if part["type"] == "thinking":
        signed = {"type": "signature_delta", "signature": part["signature"]}
        empty = {**part, "thinking": "", "signature": ""}
        return empty, [*halves(part["thinking"], "thinking_delta", "thinking"), signed]
    return {**part, "input": {}}, halves(json.dumps(part["input"]), "input_json_delta", "partial_json")


def seen(stream: bytes) -> dict[str, Any]:
    """What a client makes of a stream; block indexes must count up from 0."""
    parts: list[dict[str, Any]] = []
    reply: dict[str, Any] = {}
    for event in EventReader().feed(stream):
        data = json.loads(event.data)
        match data["type"]:
            case "message_start":
                assert not reply
                reply = data["message"]
            case "content_block_start":
                assert data["index"] == len(parts)
                parts.append({**data["content_block"], "json": ""})
            case "content_block_delta":
                assert data["index"] == len(parts) - 1
                for key in ("text", "thinking", "signature", "partial_json"):
                    if key in data["delta"]:
                        own = "json" if key == "partial_json" else key
                        parts[-1][own] += data["delta"][key]
            case "message_delta":
                reply = {**reply, **data["delta"], "usage": {**reply["usage"], **data["usage"]}}
            case "error":
                reply["error"] = data["error"]
    for part in parts:
        given = part.pop("json")
        if part["type"] == "tool_use":
            part["input"] = json.loads(given)
    return {**reply, "content": parts}


class Turn(scripted.Turn):
    format, member, question = REPLY, "messages", {"role": "user", "content": "Look."}
    events = staticmethod(events)


def test_without_a_call_the_client_gets_the_same_bytes() -> None:
    turn = Turn(message(THINKING, text("Done."), OWN))
    assert turn.streamed() == events(turn.replies[0])
    assert turn.kept == []


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_a_call_is_answered_and_the_reply_goes_on_as_one_message(piece: int) -> None:
    turn = Turn(
        message(THINKING, text("I look."), call("toolu_1", "ORIGINAL", lines="2")),
        message(text("It says second."), OWN, id="msg_2", input=20, output=8),
        piece=piece,
    )
    reply = seen(turn.streamed())
    assert reply["content"] == [THINKING, text("I look."), text("It says second."), OWN]
    assert (reply["id"], reply["stop_reason"]) == ("msg_1", "tool_use")
    assert reply["usage"]["output_tokens"] == 13
    assert turn.retrieval.turn.usage.output == 13
    assert (turn.retrieval.turn.usage.input, turn.retrieval.turn.usage.cache_read) == (30, 200)
    said, answered = turn.asked()[1:]
    assert said == {"role": "assistant", "content": turn.replies[0]["content"]}
    assert answered["content"][0]["tool_use_id"] == "toolu_1"
    assert "second" in answered["content"][0]["content"]
    assert "first" not in answered["content"][0]["content"]
    assert turn.provider.requests[0].startswith(turn.request[:-2])


def test_several_calls_and_several_rounds() -> None:
    turn = Turn(
        message(call("toolu_1", "ORIGINAL"), call("toolu_2", "nothing0")),
        message(text("Once more."), call("toolu_3", "ORIGINAL", query="third"), id="msg_2"),
        message(text("Done."), id="msg_3"),
    )
    reply = seen(turn.streamed())
    assert reply["content"] == [text("Once more."), text("Done.")]
    assert reply["stop_reason"] == "end_turn"
    answers = [part["content"] for part in turn.asked()[2]["content"]]
    assert ORIGINAL in answers[0]
    assert "Run the command again" in answers[1]
    assert len(turn.asked(1)) == 5


def test_not_streamed_it_is_one_message_too() -> None:
    turn = Turn(
        message(text("I look."), call("toolu_1", "ORIGINAL")), message(text("Done."), id="msg_2", input=20, output=8)
    )
    reply = turn.whole()
    assert reply["content"] == [text("I look."), text("Done.")]
    assert (reply["id"], reply["stop_reason"], reply["usage"]["output_tokens"]) == ("msg_1", "end_turn", 13)


def test_the_clients_own_calls_come_first_and_ours_is_answered_in_the_next_request() -> None:
    turn = Turn(message(text("Both."), call("toolu_1", "ORIGINAL"), OWN))
    reply = seen(turn.streamed())
    assert reply["content"] == [text("Both."), OWN]
    assert reply["stop_reason"] == "tool_use"
    assert turn.provider.requests == []
    result = {"type": "tool_result", "tool_use_id": "toolu_9", "content": "files"}
    sent = replayed(turn, reply["content"], [result])
    assert sent[1]["content"] == turn.replies[0]["content"]
    assert [part["tool_use_id"] for part in sent[2]["content"]] == ["toolu_1", "toolu_9"]
    assert ORIGINAL in sent[2]["content"][0]["content"]


def test_later_requests_repeat_what_the_client_did_not_see() -> None:
    turn = Turn(
        message(THINKING, text("I look."), call("toolu_1", "ORIGINAL")),
        message(text("And?"), OWN, call("toolu_2", "ORIGINAL"), id="msg_2"),
    )
    reply = seen(turn.streamed())
    result = {"type": "tool_result", "tool_use_id": "toolu_9", "content": "files"}
    sent = replayed(turn, reply["content"], [result])
    assert sent[:3] == turn.asked()
    assert sent[3] == {"role": "assistant", "content": turn.replies[1]["content"], "x": 1}
    assert [part["tool_use_id"] for part in sent[4]["content"]] == ["toolu_2", "toolu_9"]
    without_thoughts = [part for part in reply["content"] if part["type"] != "thinking"]
    assert replayed(turn, without_thoughts, [result]) == sent


def test_a_history_that_does_not_fit_is_left_alone() -> None:
    turn = Turn(message(text("I look."), call("toolu_1", "ORIGINAL")), message(text("Done."), OWN))
    turn.streamed()
    other = [{"type": "text", "text": "Summary."}]
    assert replayed(turn, [], other)[1]["content"] == []


def replayed(turn: Turn, content: list[Any], answers: list[Any]) -> list[Any]:
    """The conversation that a later request sends upstream after this turn."""
    return turn.replayed({"role": "assistant", "content": content, "x": 1}, {"role": "user", "content": answers})


def test_a_refused_follow_up_is_an_error_event() -> None:
    turn = Turn(message(text("I look."), call("toolu_1", "ORIGINAL")), status=529)
    overloaded = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}).encode()
    assert seen(turn.streamed(events(turn.replies[0]), overloaded))["error"]["type"] == "overloaded_error"


def test_a_reply_that_breaks_off_stays_broken_off() -> None:
    turn = Turn(message(text("I look."), call("toolu_1", "ORIGINAL")), piece=5)
    stream = events(turn.replies[0])
    assert b"message_stop" not in turn.streamed(stream[: stream.index(b"message_delta") - 7])


def test_a_model_that_asks_forever_is_told_to_go_on() -> None:
    replies = [message(call(f"toolu_{i}", "ORIGINAL")) for i in range(12)]
    turn = Turn(*replies, message(text("Done.")))
    assert seen(turn.streamed())["content"] == [text("Done.")]
    assert "go on with what you have" in turn.asked(11)[-1]["content"][0]["content"]


def test_what_is_kept_for_an_hour_is_told_apart() -> None:
    reply = message(text("Done."))
    reply["usage"]["cache_creation"] = {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}
    _, whole = REPLY.whole(json.dumps(reply).encode(), None)
    stream = REPLY.stream(None)
    for event in EventReader().feed(events(reply)):
        stream.feed(event)
    stream.end_leg()
    for usage in (whole, stream.usage):
        assert (usage.cache_write, usage.cache_write_1h) == (7, 4)
