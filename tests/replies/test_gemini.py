"""Gemini replies: what the client sees while `headroom_retrieve` is answered, and what later requests repeat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headroom.marker import RETRIEVE_TOOL
from headroom.replies.gemini import REPLY
from headroom.wire.sse import EventReader, written
from tests.replies import scripted
from tests.replies.scripted import ORIGINAL

THOUGHT = {"text": "Hm, lines.", "thought": True}
OWN = {"functionCall": {"name": "shell", "args": {"command": "ls"}}}
RESULT = {"functionResponse": {"name": "shell", "response": {"output": "files"}}}


def text(said: str) -> dict[str, Any]:
    return {"text": said}


def call(id: str, original: str, **more: Any) -> dict[str, Any]:
    made = {"name": RETRIEVE_TOOL, "args": {"id": original, **more}}
    return {"functionCall": {"id": id, **made} if id else made, "thoughtSignature": "c2ln" + id}


def message(*parts: dict[str, Any], id: str = "r1", input: int = 110, output: int = 5) -> dict[str, Any]:
    """A reply that is not streamed."""
    return {
        "candidates": [{"content": {"parts": list(parts), "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": usage(input, output),
        "modelVersion": "gemini-x",
        "responseId": id,
    }


def usage(input: int, output: int) -> dict[str, int]:
    return {
        "promptTokenCount": input,
        "cachedContentTokenCount": 100,
        "candidatesTokenCount": output,
        "thoughtsTokenCount": 2,
        "totalTokenCount": input + output + 2,
    }


def events(reply: dict[str, Any]) -> bytes:
    """The same reply as it streams: a chunk for each part, of texts two, the reason to finish in the last one."""
    parts = reply["candidates"][0]["content"]["parts"] or [text("")]
    pieces = [piece for part in parts for piece in halves(part)]
    return b"".join(written("", json.dumps(chunk(reply, [piece], piece is pieces[-1]))) for piece in pieces)


def halves(part: dict[str, Any]) -> list[dict[str, Any]]:
    said = part.get("text", "")
    if len(said) < 2 or "thoughtSignature" in part:
        return [part]
    return [{**part, "text": half} for half in (said[: len(said) // 2], said[len(said) // 2 :])]


def chunk(reply: dict[str, Any], parts: list[dict[str, Any]], last: bool) -> dict[str, Any]:
    candidate = {**reply["candidates"][0], "content": {"parts": parts, "role": "model"}}
    figures = reply["usageMetadata"]
    if not last:
        del candidate["finishReason"]
        figures = {**figures, "candidatesTokenCount": 1, "totalTokenCount": figures["promptTokenCount"] + 3}
    return {**reply, "candidates": [candidate], "usageMetadata": figures}


def chunks(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in EventReader().feed(stream)]


def seen(stream: bytes) -> dict[str, Any]:
    """What a client makes of a stream: no chunk without parts, nothing after the reason to finish."""
    parts: list[dict[str, Any]] = []
    reply: dict[str, Any] = {}
    for data in chunks(stream):
        if "error" in data:
            return {**reply, **data}
        assert data["responseId"] == reply.setdefault("id", data["responseId"])
        assert "finish" not in reply
        reply["usage"] = data["usageMetadata"]
        for candidate in data["candidates"]:
            assert candidate["content"]["parts"]
            parts += candidate["content"]["parts"]
            if "finishReason" in candidate:
                reply["finish"] = candidate["finishReason"]
    return {**reply, "parts": joined(parts)}


def joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts with texts put together again, as Gemini CLI keeps them."""
    out: list[dict[str, Any]] = []
    for part in parts:
        if out and "text" in part and out[-1].keys() == part.keys() and "thoughtSignature" not in part:
            out[-1] = {**part, "text": out[-1]["text"] + part["text"]}
        else:
            out.append(part)
    return [part for part in out if part != text("")]


class Turn(scripted.Turn):
    format, member, question = REPLY, "contents", {"role": "user", "parts": [{"text": "Look."}]}
    events = staticmethod(events)


def said(turn: Turn, number: int = 0) -> dict[str, Any]:
    """What the model said in a reply."""
    content: dict[str, Any] = turn.replies[number]["candidates"][0]["content"]
    return content


def model(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def test_without_a_call_the_client_gets_the_same_bytes() -> None:
    turn = Turn(message(THOUGHT, text("Done."), OWN))
    assert turn.streamed() == events(turn.replies[0])
    assert turn.kept == []
    spent = turn.retrieval.turn.usage
    assert (spent.input, spent.cache_read, spent.output) == (10, 100, 7)


@pytest.mark.parametrize("piece", [1, 7, scripted.WHOLE])
def test_a_call_is_answered_and_the_reply_goes_on_as_one(piece: int) -> None:
    turn = Turn(
        message(THOUGHT, text("I look."), call("f1", "ORIGINAL", lines="2")),
        message(text("It says second."), OWN, id="r2", input=130, output=8),
        piece=piece,
    )
    reply = seen(turn.streamed())
    assert reply["parts"] == [THOUGHT, text("I look.It says second."), OWN]
    assert (reply["id"], reply["finish"]) == ("r1", "STOP")
    figures = reply["usage"]
    assert (figures["candidatesTokenCount"], figures["thoughtsTokenCount"], figures["totalTokenCount"]) == (13, 4, 147)
    spent = turn.retrieval.turn.usage
    assert (spent.input, spent.cache_read, spent.output, spent.model) == (40, 200, 17, "gemini-x")
    _, own, answer = turn.asked()
    assert own == said(turn)
    response = answer["parts"][0]["functionResponse"]
    assert (answer["role"], response["name"], response["id"]) == ("user", RETRIEVE_TOOL, "f1")
    assert "second" in response["response"]["output"]
    assert "first" not in response["response"]["output"]
    assert turn.provider.requests[0].startswith(turn.request[:-2])


def test_several_calls_and_several_rounds() -> None:
    turn = Turn(
        message(call("", "ORIGINAL"), call("", "nothing0")),
        message(text("Once more."), call("", "ORIGINAL", query="third"), id="r2"),
        message(text("Done."), id="r3"),
    )
    reply = seen(turn.streamed())
    assert reply["parts"] == [text("Once more.Done.")]
    assert reply["usage"]["candidatesTokenCount"] == 15
    answers = [part["functionResponse"] for part in turn.asked()[2]["parts"]]
    assert ORIGINAL in answers[0]["response"]["output"]
    assert "Run the command again" in answers[1]["response"]["output"]
    assert "id" not in answers[0]
    assert len(turn.asked(1)) == 5


def test_not_streamed_it_is_one_reply_too() -> None:
    turn = Turn(message(text("I look."), call("f1", "ORIGINAL")), message(text("Done."), id="r2", input=130, output=8))
    reply = turn.whole()
    assert reply["candidates"][0]["content"] == model(text("I look."), text("Done."))
    counted = {**usage(130, 13), "thoughtsTokenCount": 4, "totalTokenCount": 147}
    assert (reply["responseId"], reply["usageMetadata"]) == ("r1", counted)
    assert turn.asked()[1] == said(turn)
    mixed = Turn(message(call("f1", "ORIGINAL"), OWN)).whole()
    assert mixed["candidates"][0]["content"] == model(OWN)


@pytest.mark.parametrize("calls", [(call("f1", "ORIGINAL"), OWN), (OWN, call("f1", "ORIGINAL"))])
def test_the_clients_own_calls_come_first_and_ours_is_answered_in_the_next_request(calls: Any) -> None:
    turn = Turn(message(text("Both."), *calls), piece=1)
    reply = seen(turn.streamed())
    assert reply["parts"] == [text("Both."), OWN]
    assert reply["finish"] == "STOP"
    assert turn.provider.requests == []
    sent = turn.replayed({**model(*reply["parts"]), "x": 1}, user(RESULT))
    assert sent[1] == {**said(turn), "x": 1}
    assert [part["functionResponse"]["name"] for part in sent[2]["parts"]] == [RETRIEVE_TOOL, "shell"]
    assert ORIGINAL in sent[2]["parts"][0]["functionResponse"]["response"]["output"]


def test_later_requests_repeat_what_the_client_did_not_see() -> None:
    signed, ended = ({"text": said, "thoughtSignature": "c2lnbmVk" + said} for said in ("look.", ""))
    turn = Turn(
        message(THOUGHT, text("I "), signed, ended, call("f1", "ORIGINAL")),
        message({**THOUGHT, "text": "Ah."}, text("And?"), OWN, call("f2", "ORIGINAL"), id="r2"),
    )
    stream = turn.streamed()
    parts = seen(stream)["parts"]
    sent = turn.replayed(model(*parts), user(RESULT))
    assert sent[:3] == turn.asked()
    assert sent[1] == said(turn)
    assert sent[3] == said(turn, 1)
    assert [part["functionResponse"]["name"] for part in sent[4]["parts"]] == [RETRIEVE_TOOL, "shell"]
    once = turn.repeated(model(*parts), user(RESULT))
    assert turn.repeated(model(*parts), user(RESULT), model(text("More."))).startswith(once[: once.rindex(b"}\n ]")])
    thoughtless = [part for part in parts if not part.get("thought")]
    assert turn.replayed(model(*thoughtless), user(RESULT))[:3] == sent[:3]
    assert turn.replayed(model(*thoughtless), user(RESULT))[3] == model(*said(turn, 1)["parts"][1:])
    every_chunk = [data["candidates"][0]["content"] for data in chunks(stream)]
    apart = turn.replayed(*every_chunk, user(RESULT))
    assert apart[:3] == sent[:3]
    assert joined([part for content in apart[3:-1] for part in content["parts"]]) == said(turn, 1)["parts"]
    assert apart[-1] == sent[-1]


def test_a_text_over_two_replies_that_the_client_made_one_is_two_again() -> None:
    turn = Turn(
        message({"executableCode": {"code": "1"}}, text("I look."), call("f1", "ORIGINAL")),
        message(text("It says second."), {"executableCode": {"code": "2"}}, id="r2"),
    )
    parts = seen(turn.streamed())["parts"]
    assert parts[1] == text("I look.It says second.")
    assert turn.replayed(model(*parts)) == [*turn.asked(), said(turn, 1)]


def test_a_last_reply_that_only_calls_the_clients_functions() -> None:
    turn = Turn(message(text("I look."), call("f1", "ORIGINAL")), message(OWN, id="r2"))
    parts = seen(turn.streamed())["parts"]
    assert turn.replayed(model(*parts), user(RESULT)) == [*turn.asked(), model(OWN), user(RESULT)]


def test_thoughts_that_the_client_wrote_anew_stay_as_they_are() -> None:
    signed = {"text": "I look.", "thoughtSignature": "bmV3"}
    turn = Turn(message(THOUGHT, text("I look."), call("f1", "ORIGINAL")), message(text("Done."), id="r2"))
    turn.streamed()
    other = {**THOUGHT, "text": "Thinking"}
    assert turn.replayed(model(other, text("I look."), text("Done.")))[3] == model(other, text("Done."))
    assert turn.replayed(model(signed, text("Done.")))[3] == model({**signed, "text": ""}, text("Done."))


def test_figures_may_be_missing_and_an_error_ends_the_turn() -> None:
    turn = Turn(message(text("I look."), call("f1", "ORIGINAL")), message(text("Done."), id="r2"))
    bare = [{"candidates": data["candidates"]} for data in chunks(events(turn.replies[0]))]
    figures = {**turn.replies[0], "candidates": []}
    stream = b"".join(written("", json.dumps(one)) for one in [figures, *bare])
    reply = seen(
        b"".join(event.raw for event in EventReader().feed(turn.streamed(stream, events(turn.replies[1])))[-2:])
    )
    assert (reply["parts"], reply["usage"]["candidatesTokenCount"]) == ([text("Done.")], 10)
    assert (turn.retrieval.turn.usage.output, turn.retrieval.turn.usage.model) == (14, "gemini-x")
    error = written("", json.dumps({"error": {"code": 503}}))
    for failed in (stream + error, error + stream):
        assert b"503" in turn.streamed(failed)
        assert turn.provider.requests == []


def test_a_last_reply_without_a_word_leaves_no_content() -> None:
    turn = Turn(message(text("I look."), call("f1", "ORIGINAL")), message(id="r2"))
    reply = seen(turn.streamed())
    assert reply["finish"] == "STOP"
    assert turn.replayed(model(*reply["parts"]), user(text("Go on."))) == [*turn.asked(), user(text("Go on."))]


@pytest.mark.parametrize(
    "own",
    [
        model(text("Summary.")),
        model(text("Summary."), text("I look.Done.")),
        model(OWN, text("I look.Done.")),
        model(OWN),
        model(),
        user(text("I look.")),
        {"role": "model"},
    ],
)
def test_a_history_that_does_not_fit_is_left_alone(own: dict[str, Any]) -> None:
    turn = Turn(message(text("I look."), call("f1", "ORIGINAL")), message(text("Done.")))
    turn.streamed()
    assert turn.replayed(own) == [turn.question, own]
    mixed = Turn(message(call("f1", "ORIGINAL"), OWN))
    mixed.streamed()
    for other in ([model(OWN)], [model(), user(RESULT)]):
        assert mixed.replayed(*other) == [turn.question, *other]
    assert mixed.replayed(model(OWN), {"role": "user", "parts": "?"})[1] == model(OWN)


def test_a_refused_follow_up_is_an_error() -> None:
    turn = Turn(message(text("I look."), call("f1", "ORIGINAL")), status=429)
    refusal = {"error": {"code": 429, "message": "busy", "status": "RESOURCE_EXHAUSTED"}}
    reply = seen(turn.streamed(events(turn.replies[0]), json.dumps(refusal).encode()))
    assert reply["error"] == refusal["error"]
    assert "finish" not in reply


def test_a_reply_that_breaks_off_stays_broken_off() -> None:
    turn = Turn(message(text("I look."), call("f1", "ORIGINAL"), text("!")), piece=5)
    stream = events(turn.replies[0])
    cut = stream[: stream.rindex(b"data: ")]
    assert "finish" not in seen(turn.streamed(cut))
    assert turn.provider.requests == []
    assert turn.replayed(model(text("I look.")), user(text("Go on.")))[1]["parts"] == said(turn)["parts"][:-1]


@pytest.mark.parametrize("reason", ["MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL"])
def test_nothing_goes_on_from_a_reply_that_was_cut_short(reason: str) -> None:
    reply = message(text("I look."), call("f1", "ORIGINAL"))
    reply["candidates"][0]["finishReason"] = reason
    turn = Turn(reply)
    shown = seen(turn.streamed())
    assert (shown["finish"], shown["parts"]) == (reason, [text("I look.")])
    assert turn.whole()["candidates"][0] == {**turn.replies[0]["candidates"][0], "content": model(text("I look."))}


def test_all_of_it_in_one_chunk_and_figures_after_it() -> None:
    turn = Turn(
        message(text("I look."), call("f1", "ORIGINAL")),
        message(text("Both."), call("f2", "ORIGINAL"), OWN, id="r2", output=8),
    )

    def squeezed(reply: dict[str, Any]) -> bytes:
        figures = {key: reply[key] for key in ("usageMetadata", "responseId")}
        early = {**reply, "usageMetadata": {**reply["usageMetadata"], "candidatesTokenCount": 1}}
        return written("", json.dumps(early)) + written("", json.dumps(figures))

    first, last, after = chunks(turn.streamed(*map(squeezed, turn.replies)))
    assert first["candidates"] == [{"content": model(text("I look.")), "index": 0}]
    assert last["candidates"][0]["content"] == model(text("Both."), OWN)
    assert last["candidates"][0]["finishReason"] == "STOP"
    counted = {**usage(110, 13), "thoughtsTokenCount": 4, "totalTokenCount": 127}
    assert after == {"usageMetadata": counted, "responseId": "r1"}
    assert turn.retrieval.turn.usage.output == 17


def test_of_several_candidates_nothing_is_held_back() -> None:
    reply = message(text("Both."), call("f1", "ORIGINAL"))
    reply["candidates"].append({**reply["candidates"][0], "index": 1})
    turn = Turn(reply)
    both = written("", json.dumps(turn.replies[0]))
    assert turn.streamed(both) == both
    assert turn.whole() == turn.replies[0]
    second = {**message(call("f1", "x")), "candidates": reply["candidates"][1:]}
    third = chunk(message(call("f2", "x")), [call("f2", "x")], False)
    apart = b"".join(written("", json.dumps(one)) for one in (message(text("First.")), second, third))
    assert turn.streamed(apart) == apart
    assert turn.kept == []


def test_a_stream_as_one_array_is_only_looked_on() -> None:
    parts = [chunk(message(), [text("Hm.")], False), chunk(message(output=9), [call("f1", "x")], True)]
    body = json.dumps(parts).encode()
    leg, spent = REPLY.whole(body, RETRIEVE_TOOL)
    assert leg.held == ()
    tools = {**message(), "usageMetadata": {**usage(110, 5), "toolUsePromptTokenCount": 30}}
    assert REPLY.whole(json.dumps(tools).encode(), None)[1].input == 40
    assert (spent.input, spent.cache_read, spent.output, spent.model) == (10, 100, 11, "gemini-x")
    assert REPLY.merged([body], [leg], spent) is body


def test_a_model_that_asks_forever_is_told_to_go_on() -> None:
    replies = [message(call(f"f{i}", "ORIGINAL")) for i in range(12)]
    turn = Turn(*replies, message(text("Done.")))
    assert seen(turn.streamed())["parts"] == [text("Done.")]
    assert "go on with what you have" in json.dumps(turn.asked(11)[-1])
    stubborn = Turn(*replies, message(call("f13", "ORIGINAL")))
    assert seen(stubborn.streamed())["finish"] == "STOP"
    assert stubborn.whole()["candidates"][0]["content"] == model(text(""))
