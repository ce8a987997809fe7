"""Responses replies: what the client sees while `headroom_retrieve` is answered, and what later requests repeat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headroom.marker import RETRIEVE_TOOL
from headroom.replies.openai_responses import REPLY
from headroom.wire.json_events import json_object
from headroom.wire.spans import elements, locate
from headroom.wire.splice import splice
from headroom.wire.sse import EventReader, written
from tests.replies import scripted
from tests.replies.scripted import ORIGINAL
from tests.replies.test_sdks import upstream

THINKING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA1"}
OWN = {
    "type": "function_call",
    "id": "fc_9",
    "call_id": "call_9",
    "name": "shell",
    "arguments": '{"command": "ls"}',
    "status": "completed",
}
RESULT = {"type": "function_call_output", "call_id": "call_9", "output": "files"}


def text(said: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": said, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def call(id: str, original: str, **more: Any) -> dict[str, Any]:
    arguments = json.dumps({"id": original, **more})
    return {**OWN, "id": f"fc_{id}", "call_id": id, "name": RETRIEVE_TOOL, "arguments": arguments}


def message(*items: dict[str, Any], id: str = "resp_1", input: int = 110, output: int = 5) -> dict[str, Any]:
    """A reply that is not streamed."""
    usage = {
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": 100},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input + output,
    }
    same = {"id": id, "object": "response", "created_at": 1, "model": "gpt-x", "parallel_tool_calls": True}
    return {**same, "status": "completed", "error": None, "output": list(items), "usage": usage}


def events(reply: dict[str, Any]) -> bytes:
    """The same reply as it streams: every text and all arguments in two pieces."""
    begun = {**reply, "status": "in_progress", "output": [], "usage": None}
    out: list[dict[str, Any]] = [{"type": f"response.{k}", "response": begun} for k in ("created", "in_progress")]
    for index, item in enumerate(reply["output"]):
        out += [{**event, "output_index": index} for event in pieces(item)]
    out.append({"type": f"response.{reply['status']}", "response": reply})
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(out)]
    return b"".join(written(event["type"], json.dumps(event)) for event in numbered)


def pieces(item: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one item."""
    start, deltas, same = dict(item), [], {"item_id": item["id"]}
    if item["type"] == "message":
        said = item["content"][0]
        start["content"] = []
        part = {**same, "content_index": 0}
        deltas = [
            {"type": "response.content_part.added", **part, "part": {**said, "text": ""}},
            *({"type": "response.output_text.delta", **part, "delta": half} for half in halves(said["text"])),
            {"type": "response.output_text.done", **part, "text": said["text"]},
            {"type": "response.content_part.done", **part, "part": said},
        ]
    elif item["type"] == "function_call":
        given, start["arguments"] = item["arguments"], ""
        growing = "response.function_call_arguments"
        deltas = [{"type": f"{growing}.delta", **same, "delta": half} for half in halves(given)]
        deltas.append({"type": f"{growing}.done", **same, "arguments": given})
    start = {key: value for key, value in start.items() if key != "status"}
    added = {"type": "response.output_item.added", "item": {**start, "status": "in_progress"}}
    return [added, *deltas, {"type": "response.output_item.done", "item": item}]


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def seen(stream: bytes) -> dict[str, Any]:
    """What a client makes of a stream: events and items count up from 0, and the end repeats the items."""
    items: list[dict[str, Any]] = []
    reply: dict[str, Any] = {"begun": 0}
    for number, event in enumerate(EventReader().feed(stream)):
        data = json.loads(event.data)
        if data["type"] == "error":
            return {**reply, "output": items, "error": data["error"]}
        assert (event.name, number) == (data["type"], data["sequence_number"])
        match data["type"].removeprefix("response."):
            case "created":
                reply = {"begun": reply["begun"] + 1, "id": data["response"]["id"]}
            case "output_item.added":
                assert data["output_index"] == len(items)
                items.append(data["item"])
            case "output_item.done":
                items[data["output_index"]] = data["item"]
            case "output_text.delta" | "function_call_arguments.delta":
                assert (data["output_index"], data["item_id"]) == (len(items) - 1, items[-1]["id"])
            case "completed" | "incomplete" | "failed":
                assert data["response"]["output"] == items
                assert data["response"]["id"] == reply["id"]
                reply = {**reply, **data["response"]}
    return reply


class Turn(scripted.Turn):
    format, member, question = REPLY, "input", {"role": "user", "content": "Look."}
    events = staticmethod(events)


def test_without_a_call_the_client_gets_the_same_bytes() -> None:
    turn = Turn(message(THINKING, text("Done."), OWN))
    assert turn.streamed() == events(turn.replies[0])
    assert turn.kept == []


@pytest.mark.parametrize("piece", [1, 7, scripted.WHOLE])
def test_a_call_is_answered_and_the_reply_goes_on_as_one_response(piece: int) -> None:
    turn = Turn(
        message(THINKING, text("I look."), call("call_1", "ORIGINAL", lines="2")),
        message(text("It says second."), OWN, id="resp_2", input=120, output=8),
        piece=piece,
    )
    reply = seen(turn.streamed())
    assert reply["output"] == [THINKING, text("I look."), text("It says second."), OWN]
    assert (reply["id"], reply["status"], reply["begun"]) == ("resp_1", "completed", 1)
    usage = reply["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (120, 13, 133)
    total = turn.retrieval.turn.usage
    assert (total.input, total.cache_read, total.output, total.model) == (30, 200, 13, "gpt-x")
    answered = turn.asked()[4]
    assert turn.asked()[1:4] == turn.replies[0]["output"]
    assert (answered["type"], answered["call_id"]) == ("function_call_output", "call_1")
    assert "second" in answered["output"]
    assert "first" not in answered["output"]
    assert turn.provider.requests[0].startswith(turn.request[:-2])


def test_several_calls_and_several_rounds() -> None:
    turn = Turn(
        message(call("call_1", "ORIGINAL"), call("call_2", "nothing0")),
        message(text("Once more."), call("call_3", "ORIGINAL", query="third"), id="resp_2"),
        message(text("Done."), id="resp_3"),
    )
    reply = seen(turn.streamed())
    assert reply["output"] == [text("Once more."), text("Done.")]
    assert (reply["id"], reply["usage"]["output_tokens"]) == ("resp_1", 15)
    answers = [item["output"] for item in turn.asked()[3:]]
    assert ORIGINAL in answers[0]
    assert "Run the command again" in answers[1]
    assert [item.get("call_id") for item in turn.asked(1)[1:]] == [
        *("call_1", "call_2") * 2,
        *(None, "call_3", "call_3"),
    ]


def test_items_around_a_held_call_close_up() -> None:
    turn = Turn(message(OWN, call("call_1", "ORIGINAL"), {**OWN, "id": "fc_8", "call_id": "call_8"}, text("Wait.")))
    assert [item["id"] for item in seen(turn.streamed())["output"]] == ["fc_9", "fc_8", "msg_1"]


def test_not_streamed_it_is_one_response_too() -> None:
    turn = Turn(
        message(text("I look."), call("call_1", "ORIGINAL")),
        message(text("Done."), id="resp_2", input=120, output=8),
    )
    reply = turn.whole()
    assert reply["output"] == [text("I look."), text("Done.")]
    assert (reply["id"], reply["usage"]["output_tokens"], reply["usage"]["total_tokens"]) == ("resp_1", 13, 133)


def test_the_clients_own_calls_come_first_and_ours_is_answered_in_the_next_request() -> None:
    turn = Turn(message(THINKING, call("call_1", "ORIGINAL"), OWN))
    reply = seen(turn.streamed())
    assert reply["output"] == [THINKING, OWN]
    assert turn.provider.requests == []
    sent = turn.replayed(*reply["output"], RESULT)
    assert sent[1:4] == turn.replies[0]["output"]
    assert [item["call_id"] for item in sent[4:]] == ["call_1", "call_9"]
    assert ORIGINAL in sent[4]["output"]


def test_later_requests_repeat_what_the_client_did_not_see() -> None:
    turn = Turn(
        message(THINKING, text("I look."), call("call_1", "ORIGINAL")),
        message({**THINKING, "id": "rs_2"}, text("And?"), OWN, call("call_2", "ORIGINAL"), id="resp_2"),
    )
    shown = seen(turn.streamed())["output"]
    later = [RESULT, text("Ah."), {"role": "user", "content": "Go on."}]
    sent = turn.replayed(*shown, *later)
    assert sent[:5] == turn.asked()
    assert sent[5:9] == turn.replies[1]["output"]
    assert sent[9]["call_id"] == "call_2"
    assert sent[10:] == later
    assert turn.repeated(*shown, *later) == turn.repeated(*shown, *later)
    assert turn.repeated(*shown, RESULT).rstrip(b" ]}\n") in turn.repeated(*shown, *later)


def test_who_repeats_no_reasoning_gets_the_rest_back() -> None:
    turn = Turn(
        message(THINKING, text("I look."), call("call_1", "ORIGINAL")),
        message({**THINKING, "id": "rs_2"}, OWN, call("call_2", "ORIGINAL"), id="resp_2"),
    )
    shown = seen(turn.streamed())["output"]
    sent = turn.replayed(*(item for item in shown if item["type"] != "reasoning"), RESULT)
    kinds = [(item.get("type"), item.get("call_id")) for item in sent[1:]]
    assert kinds == [
        ("message", None),
        ("function_call", "call_1"),
        ("function_call_output", "call_1"),
        ("function_call", "call_9"),
        ("function_call", "call_2"),
        ("function_call_output", "call_2"),
        ("function_call_output", "call_9"),
    ]


@pytest.mark.parametrize("history", [[RESULT], [text("Summary."), RESULT], [text("I look."), text("Done."), OWN], []])
def test_a_history_that_does_not_fit_is_left_alone(history: list[Any]) -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")), message(text("Done."), OWN))
    turn.streamed()
    assert turn.replayed(*history)[1:] == history


def test_who_goes_on_from_the_reply_only_lacks_what_it_waits_for() -> None:
    turn = Turn(
        message(call("call_1", "ORIGINAL")), message(text("And?"), OWN, call("call_2", "ORIGINAL"), id="resp_2")
    )
    turn.streamed()
    body = json.dumps({"previous_response_id": "resp_2", "input": [RESULT]}).encode()
    spans = elements(body, locate(body, ["input"]))
    sent = json.loads(splice(body, REPLY.replay(body, spans, turn.kept[-1])))["input"]
    assert [item["call_id"] for item in sent] == ["call_2", "call_9"]
    assert sent[1] == RESULT


def test_who_goes_on_from_a_reply_that_waits_for_nothing_lacks_nothing() -> None:
    turn = Turn(message(call("call_1", "ORIGINAL")), message(text("And?"), OWN, id="resp_2"))
    turn.streamed()
    body = json.dumps({"previous_response_id": "resp_2", "input": [RESULT]}).encode()
    assert REPLY.replay(body, elements(body, locate(body, ["input"])), turn.kept[-1]) == []


@pytest.mark.parametrize("earlier", [{}, {"previous_response_id": "resp_0"}, {"previous_response_id": None}])
def test_on_a_socket_the_turn_goes_on_from_the_reply(earlier: dict[str, Any]) -> None:
    request = {"type": "response.create", **earlier, "model": "m", "input": [Turn.question, RESULT]}
    leg, _ = REPLY.whole(json.dumps(message(THINKING, call("call_1", "abc"))).encode(), RETRIEVE_TOOL)
    raw = json.dumps(request, indent=1).encode() + b"\n"
    sent = REPLY.follow_up(raw, leg, [(leg.held[0], "text")])
    output = {"type": "function_call_output", "call_id": "call_1", "output": "text"}
    assert json.loads(sent) == {**request, "previous_response_id": "resp_1", "input": [output]}


def test_reasoning_that_the_provider_did_not_keep_is_not_repeated_without_its_text() -> None:
    bare = {**THINKING, "encrypted_content": None}
    leg, _ = REPLY.whole(json.dumps(message(bare, call("call_1", "abc"))).encode(), RETRIEVE_TOOL)
    for more, kinds in (({"store": False}, ["function_call"]), ({}, ["reasoning", "function_call"])):
        request = json.dumps({"input": [Turn.question], **more}).encode()
        sent = json.loads(REPLY.follow_up(request, leg, [(leg.held[0], "text")]))["input"]
        assert [item["type"] for item in sent[1:-1]] == kinds


def test_what_the_provider_says_item_by_item_only_is_not_said_again() -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")), message(text("Done."), id="resp_2"))
    streams = []
    for reply in turn.replies:
        *parts, end = EventReader().feed(events(reply))
        last = json_object(end)
        bare = {**last, "response": {**last["response"], "output": []}}
        streams.append(b"".join(part.raw for part in parts) + written(end.name, json.dumps(bare)))
    got = [json_object(event) for event in EventReader().feed(turn.streamed(*streams))]
    assert [event["item"] for event in got if event["type"].endswith("item.done")] == [text("I look."), text("Done.")]
    assert got[-1]["response"]["output"] == []


def test_a_refused_follow_up_is_an_error_event() -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")), status=429)
    limited = json.dumps({"type": "error", "error": {"code": "rate_limit_exceeded", "message": "busy"}}).encode()
    reply = seen(turn.streamed(events(turn.replies[0]), limited))
    assert (reply["output"], reply["error"]["code"]) == ([text("I look.")], "rate_limit_exceeded")


@pytest.mark.parametrize("status", ["incomplete", "failed"])
def test_a_reply_that_did_not_come_to_its_end_is_not_gone_on_with(status: str) -> None:
    turn = Turn({**message(text("I look."), call("call_1", "ORIGINAL")), "status": status})
    reply = seen(turn.streamed())
    assert (reply["status"], reply["output"]) == (status, [text("I look.")])
    assert turn.provider.requests == []
    assert turn.whole()["status"] == status


@pytest.mark.parametrize("status", ["incomplete", "failed"])
def test_how_a_later_reply_ends_is_how_the_turn_ends(status: str) -> None:
    turn = Turn(
        message(text("I look."), call("call_1", "ORIGINAL")), {**message(text("So"), id="resp_2"), "status": status}
    )
    reply = seen(turn.streamed())
    assert (reply["status"], reply["output"]) == (status, [text("I look."), text("So")])


def test_a_reply_that_breaks_off_stays_broken_off() -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")), piece=5)
    stream = events(turn.replies[0])
    assert b"response.completed" not in turn.streamed(stream[: stream.index(b"event: response.completed")])
    assert turn.provider.requests == []


def test_an_error_event_passes() -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")))
    stream = events(turn.replies[0])
    error = written("error", json.dumps({"type": "error", "error": {"code": "server_error"}, "sequence_number": 20}))
    broken = stream[: stream.index(b"event: response.completed")] + error
    assert seen(turn.streamed(broken))["error"]["code"] == "server_error"


def test_a_model_that_asks_forever_is_told_to_go_on() -> None:
    replies = [message(call(f"call_{i}", "ORIGINAL")) for i in range(12)]
    turn = Turn(*replies, message(text("Done.")))
    assert seen(turn.streamed())["output"] == [text("Done.")]
    assert "go on with what you have" in turn.asked(11)[-1]["output"]


def test_arguments_that_are_no_object_become_empty_ones() -> None:
    turn = Turn(message({**call("call_1", "ORIGINAL"), "arguments": "{"}), message(text("Done.")))
    assert seen(turn.streamed())["output"] == [text("Done.")]
    assert turn.asked()[1]["arguments"] == "{}"


def test_the_sdk_reads_one_response_of_several() -> None:
    sdk = pytest.importorskip("openai")
    turn = Turn(
        message(THINKING, text("I look."), call("call_1", "ORIGINAL")),
        message({**text("Second."), "id": "msg_2"}, call("call_2", "ORIGINAL"), OWN, id="resp_2"),
    )
    with upstream(turn.streamed()) as url:
        client = sdk.OpenAI(api_key="x", base_url=url)
        with client.responses.stream(model="gpt-x", input=[turn.question]) as got:
            final = got.get_final_response()
    output = [item.to_dict(exclude_unset=True) for item in final.output]
    assert [item["type"] for item in output] == ["reasoning", "message", "message", "function_call"]
    assert (final.id, final.output_text, final.usage.output_tokens) == ("resp_1", "I look.Second.", 10)
    sent = turn.replayed(*output, RESULT)
    assert sent[3:5] == turn.asked()[3:]
    assert [item.get("call_id") for item in sent[5:]] == [None, "call_2", "call_9", "call_2", "call_9"]
