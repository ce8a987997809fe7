"""Chat Completions replies: what the client sees while `headroom_retrieve` is answered, and what requests repeat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headroom.marker import RETRIEVE_TOOL
from headroom.replies.openai_chat import REPLY
from headroom.wire.sse import EventReader, written
from tests.replies import scripted
from tests.replies.scripted import ORIGINAL

OWN = {"id": "call_9", "type": "function", "function": {"name": "shell", "arguments": '{"command": "ls"}'}}
RESULT = {"role": "tool", "tool_call_id": "call_9", "content": "files"}
SAME = {"object": "chat.completion.chunk", "created": 1, "model": "gpt-x"}


def call(id: str, original: str, **more: Any) -> dict[str, Any]:
    arguments = json.dumps({"id": original, **more})
    return {"id": id, "type": "function", "function": {"name": RETRIEVE_TOOL, "arguments": arguments}}


def text(said: str) -> dict[str, Any]:
    return {"content": said}


def message(*said: dict[str, Any], id: str = "chatcmpl-1", input: int = 110, output: int = 5) -> dict[str, Any]:
    """A reply that is not streamed, of members of its message and of calls."""
    own: dict[str, Any] = {"role": "assistant", "content": None}
    calls = [part for part in said if "function" in part]
    for part in said:
        own.update({} if "function" in part else part)
    if calls:
        own["tool_calls"] = calls
    choice = {"index": 0, "message": own, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": 100},
    }
    return {"id": id, **SAME, "object": "chat.completion", "choices": [choice], "usage": usage}


def events(reply: dict[str, Any]) -> bytes:
    """The same reply as it streams: every text and all arguments in two pieces, with a comment somewhere."""
    choice = reply["choices"][0]
    out = [chunk(reply, delta) for delta in deltas(choice["message"])]
    out.append(chunk(reply, {}, choice["finish_reason"]))
    out.append({**chunk(reply, {}), "choices": [], "usage": reply["usage"]})
    first, *more = (written("", json.dumps(one)) for one in out)
    return first + b": PROCESSING\n\n" + b"".join(more) + b"data: [DONE]\n\n"


def deltas(own: dict[str, Any]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    for key in ("reasoning_content", "content"):
        said = own.get(key) or ""
        out += [{key: half} for half in (said[: len(said) // 2], said[len(said) // 2 :]) if half]
    for detail in own.get("reasoning_details", ()):
        out.append({"reasoning_details": [detail]})
    for index, made in enumerate(own.get("tool_calls", ())):
        arguments = made["function"]["arguments"]
        started = {**made, "function": {**made["function"], "arguments": ""}}
        out.append({"tool_calls": [{"index": index, **started}]})
        for half in (arguments[:4], arguments[4:]):
            out.append({"tool_calls": [{"index": index, "function": {"arguments": half}}]})
    return out


def chunk(reply: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {"id": reply["id"], **SAME, "choices": [choice], "usage": None}


def seen(stream: bytes) -> dict[str, Any]:
    """What a client makes of a stream: one role, calls that count up from 0, one end."""
    own: dict[str, Any] = {"role": "", "content": "", "reasoning_content": "", "tool_calls": []}
    reply: dict[str, Any] = {"finish_reason": None}
    for event in EventReader().feed(stream):
        if event.data in ("", "[DONE]"):
            reply["done"] = event.data == "[DONE]"
            continue
        data = json.loads(event.data)
        if "error" in data:
            return {**reply, **data}
        assert data["id"] == reply.setdefault("id", data["id"])
        reply["usage"] = data["usage"]
        for choice in data["choices"]:
            add(own, choice["delta"])
            assert reply["finish_reason"] is None
            reply["finish_reason"] = choice["finish_reason"]
    assert own.pop("role") == "assistant"
    return {**reply, "message": {key: value for key, value in own.items() if value}}


def add(own: dict[str, Any], delta: dict[str, Any]) -> None:
    for key in ("role", "content", "reasoning_content"):
        own[key] += delta.get(key) or ""
    own.setdefault("reasoning_details", []).extend(delta.get("reasoning_details", ()))
    for piece in delta.get("tool_calls", ()):
        if "id" in piece:
            assert piece["index"] == len(own["tool_calls"])
            own["tool_calls"].append({**piece, "function": dict(piece["function"])})
            del own["tool_calls"][-1]["index"]
        else:
            own["tool_calls"][piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]


class Turn(scripted.Turn):
    format, member, question = REPLY, "messages", {"role": "user", "content": "Look."}
    events = staticmethod(events)


def said(turn: Turn, number: int = 0) -> dict[str, Any]:
    """What the model said in a reply."""
    own: dict[str, Any] = turn.replies[number]["choices"][0]["message"]
    return own


def test_without_a_call_the_client_gets_the_same_bytes() -> None:
    turn = Turn(message(text("Done."), OWN))
    assert turn.streamed() == events(turn.replies[0])
    assert turn.kept == []
    spent = turn.retrieval.turn.usage
    assert (spent.input, spent.cache_read, spent.output) == (10, 100, 5)


@pytest.mark.parametrize("piece", [1, 7, scripted.WHOLE])
def test_a_call_is_answered_and_the_reply_goes_on_as_one_message(piece: int) -> None:
    turn = Turn(
        message(text("I look."), call("call_1", "ORIGINAL", lines="2")),
        message(text(" It says second."), OWN, id="chatcmpl-2", input=130, output=8),
        piece=piece,
    )
    reply = seen(turn.streamed())
    assert reply["message"] == {"content": "I look. It says second.", "tool_calls": [OWN]}
    assert (reply["id"], reply["finish_reason"], reply["done"]) == ("chatcmpl-1", "tool_calls", True)
    assert (reply["usage"]["completion_tokens"], reply["usage"]["total_tokens"]) == (13, 143)
    usage = turn.retrieval.turn.usage
    assert (usage.input, usage.cache_read, usage.output, usage.model) == (40, 200, 13, "gpt-x")
    _, own, answer = turn.asked()
    assert own == said(turn)
    assert (answer["role"], answer["tool_call_id"]) == ("tool", "call_1")
    assert "second" in answer["content"]
    assert "first" not in answer["content"]
    assert turn.provider.requests[0].startswith(turn.request[:-2])


def test_several_calls_and_several_rounds() -> None:
    turn = Turn(
        message(call("call_1", "ORIGINAL"), call("call_2", "nothing0")),
        message(text("Once more."), call("call_3", "ORIGINAL", query="third"), id="chatcmpl-2"),
        message(text(" Done."), id="chatcmpl-3"),
    )
    reply = seen(turn.streamed())
    assert reply["message"] == text("Once more. Done.")
    assert reply["finish_reason"] == "stop"
    assert reply["usage"]["completion_tokens"] == 15
    assert ORIGINAL in turn.asked()[2]["content"]
    assert "Run the command again" in turn.asked()[3]["content"]
    assert len(turn.asked(1)) == 6


def test_not_streamed_it_is_one_message_too() -> None:
    turn = Turn(
        message(text("I look."), call("call_1", "ORIGINAL")),
        message(text(" Done."), id="chatcmpl-2", input=130, output=8),
    )
    reply = turn.whole()
    own = {"role": "assistant", "content": "I look. Done."}
    assert reply["choices"] == [{"index": 0, "message": own, "finish_reason": "stop"}]
    assert (reply["id"], reply["usage"]["completion_tokens"]) == ("chatcmpl-1", 13)
    assert turn.asked()[1] == said(turn)
    mixed = Turn(message(call("call_1", "ORIGINAL"), OWN)).whole()["choices"][0]
    assert mixed["message"] == {"role": "assistant", "content": None, "tool_calls": [OWN]}
    assert mixed["finish_reason"] == "tool_calls"
    del turn.replies[1]["usage"]
    assert "usage" not in turn.whole()


@pytest.mark.parametrize("calls", [(call("call_1", "ORIGINAL"), OWN), (OWN, call("call_1", "ORIGINAL"))])
def test_the_clients_own_calls_come_first_and_ours_is_answered_in_the_next_request(calls: Any) -> None:
    turn = Turn(message(text("Both."), *calls), piece=1)
    reply = seen(turn.streamed())
    assert reply["message"] == {"content": "Both.", "tool_calls": [OWN]}
    assert (reply["finish_reason"], reply["done"]) == ("tool_calls", True)
    assert turn.provider.requests == []
    sent = turn.replayed({"role": "assistant", **reply["message"], "x": 1}, RESULT)
    assert sent[1] == {**said(turn), "x": 1}
    assert [answer["tool_call_id"] for answer in sent[2:]] == ["call_1", "call_9"]
    assert ORIGINAL in sent[2]["content"]


def test_later_requests_repeat_what_the_client_did_not_see() -> None:
    turn = Turn(
        message({"reasoning_content": "Hm."}, text("I look."), call("call_1", "ORIGINAL")),
        message({"reasoning_content": "Ah."}, text(" And?"), OWN, call("call_2", "ORIGINAL"), id="chatcmpl-2"),
    )
    own = {"role": "assistant", **seen(turn.streamed())["message"]}
    assert own["reasoning_content"] == "Hm.Ah."
    sent = turn.replayed(own, RESULT)
    assert sent[:3] == turn.asked()
    assert sent[1]["reasoning_content"] == "Hm."
    assert sent[3] == said(turn, 1)
    assert [answer["tool_call_id"] for answer in sent[4:]] == ["call_2", "call_9"]
    first = turn.repeated(own, RESULT)
    assert turn.repeated(own, RESULT, {"role": "user", "content": "More."}).startswith(first[: first.rindex(b"}\n ]")])


def test_clients_may_trim_a_text_make_parts_of_it_and_forget_what_was_thought() -> None:
    turn = Turn(
        message({"reasoning_content": "Hm."}, text("\n\nI look.\n"), call("call_1", "ORIGINAL")),
        message(text("It says second.\n"), id="chatcmpl-2"),
    )
    turn.streamed()

    def last(content: Any) -> Any:
        sent = turn.replayed({"role": "assistant", "content": content})
        assert sent[:3] == turn.asked()
        return sent[3]["content"]

    assert last("\n\nI look.\nIt says second.\n") == "It says second.\n"
    assert last("I look.\nIt says second.") == "It says second."
    parts = [{"type": "text", "text": "\n\nI look.\nIt says "}, {"type": "text", "text": "second."}]
    assert last(parts) == [{"type": "text", "text": "It says "}, parts[1]]


def test_a_last_reply_without_a_word_leaves_no_message() -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")), message(id="chatcmpl-2"))
    reply = seen(turn.streamed())
    assert turn.replayed({"role": "assistant", **reply["message"]}) == turn.asked()


def test_what_the_model_says_after_a_call_is_shown_as_it_comes() -> None:
    turn = Turn(message(call("call_1", "ORIGINAL"), text("I look.")), message(OWN, id="chatcmpl-2"))
    asked, *_ = EventReader().feed(b"".join(map(piece_of, deltas(said(turn))[-3:-2])))
    words = EventReader().feed(b"".join(map(piece_of, [text("I "), text("look.")])))
    stream = REPLY.stream(RETRIEVE_TOOL)
    assert stream.feed(asked) == []
    for event in words:
        assert [*map(id, stream.feed(event))] == [id(event)]


def piece_of(delta: dict[str, Any]) -> bytes:
    return written("", json.dumps(chunk(message(), delta)))


def test_a_last_reply_that_only_calls_the_clients_tools() -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")), message(OWN, id="chatcmpl-2"))
    own = {"role": "assistant", **seen(turn.streamed())["message"]}
    assert turn.replayed(own, RESULT) == [*turn.asked(), {**own, "content": ""}, RESULT]


def test_a_call_that_the_client_left_out_is_still_answered() -> None:
    turn = Turn(message(call("call_1", "ORIGINAL"), OWN))
    turn.streamed()
    for own in ({"content": "Both."}, {"tool_calls": None}, {"content": ""}):
        sent = turn.replayed({"role": "assistant", **own})
        assert [made["id"] for made in sent[1]["tool_calls"]] == ["call_1"]
        assert sent[2]["tool_call_id"] == "call_1"


@pytest.mark.parametrize("own", [{"content": "Summary."}, {"content": None}, {"content": [{"type": "image_url"}]}, {}])
def test_a_history_that_does_not_fit_is_left_alone(own: dict[str, Any]) -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")), message(text("Done.")))
    turn.streamed()
    assert turn.replayed({"role": "assistant", **own}) == [turn.question, {"role": "assistant", **own}]
    for other in ({"role": "user", "content": "I look. Done."}, {"content": "I look. Done."}):
        assert turn.replayed(other)[1:] == [other]


def test_members_that_are_null_are_not_there() -> None:
    turn = Turn(message(call("call_1", "ORIGINAL")), message(text("Done."), id="chatcmpl-2"))
    turn.streamed()
    own = {"role": "assistant", "content": "Done.", "tool_calls": None, "reasoning_content": None}
    assert turn.replayed(own) == [*turn.asked(), own]


def test_a_refused_follow_up_is_an_error() -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")), status=429)
    refusal = {"error": {"message": "busy", "type": "rate_limit_error"}}
    reply = seen(turn.streamed(events(turn.replies[0]), json.dumps(refusal).encode()))
    assert reply["error"] == refusal["error"]
    assert reply["finish_reason"] is None


@pytest.mark.parametrize("mark", ["tool_calls", 'finish_reason": "tool', "[DONE]"])
def test_a_reply_that_breaks_off_stays_broken_off(mark: str) -> None:
    turn = Turn(message(text("I look."), call("call_1", "ORIGINAL")), piece=5)
    stream = events(turn.replies[0])
    cut = stream[: stream.index(mark.encode())]
    if mark == "[DONE]":  # it had finished before
        cut, done = cut.removesuffix(b"data: "), events(message(text("Done."), id="chatcmpl-2"))
        assert seen(turn.streamed(cut, done))["message"] == text("I look.Done.")
    else:
        assert b"[DONE]" not in turn.streamed(cut)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_nothing_goes_on_from_a_reply_that_was_cut_short(reason: str) -> None:
    reply = message(text("I look."), call("call_1", "ORIGINAL"))
    reply["choices"][0]["finish_reason"] = reason
    reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = '{"id": "abc'
    turn = Turn(reply)
    shown = seen(turn.streamed())
    assert (shown["finish_reason"], shown["message"]) == (reason, text("I look."))
    assert turn.whole()["choices"][0]["finish_reason"] == reason
    sent = turn.replayed({"role": "assistant", **shown["message"]}, {"role": "user", "content": "Go on."})
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert [one["role"] for one in sent] == ["user", "assistant", "tool", "user"]


@pytest.mark.parametrize("around", [chunk(message(), {}, "error"), chunk(message(), {}), {}])
def test_an_error_inside_a_stream_passes_and_ends_the_turn(around: dict[str, Any]) -> None:
    turn = Turn(message(call("call_1", "ORIGINAL")))
    error = written("", json.dumps({**around, "error": {"code": 502}}))
    stream = events(turn.replies[0])
    stream = stream[: stream.index(b"data: [DONE]")] + error + b"data: [DONE]\n\n"
    assert b'"error":{"code":502}' in turn.streamed(stream).replace(b" ", b"")
    assert turn.provider.requests == []


def test_all_of_it_in_one_chunk() -> None:
    """As gateways to other providers stream: a role, a text, calls that all have the number 0, the end, the figures."""
    mine, own = call("call_1", "ORIGINAL"), {**OWN, "extra_content": {"google": {"thought_signature": "c2ln"}}}
    turn = Turn(message(text("I look."), mine), message(text("Both."), call("call_2", "ORIGINAL"), own))

    def squeezed(reply: dict[str, Any]) -> bytes:
        choice = reply["choices"][0]
        calls = [{"index": 0, **made} for made in choice["message"]["tool_calls"]]
        one = chunk(reply, {**choice["message"], "tool_calls": calls}, "stop")
        return written("", json.dumps({**one, "usage": reply["usage"]})) + b"data: [DONE]\n\n"

    reply = seen(turn.streamed(*map(squeezed, turn.replies)))
    assert reply["message"] == {"content": "I look.Both.", "tool_calls": [own]}
    assert reply["finish_reason"] == "stop"
    assert reply["usage"]["completion_tokens"] == 10
    assert turn.retrieval.turn.usage.output == 10
    sent = turn.replayed({"role": "assistant", **reply["message"]}, RESULT)
    assert sent[3] == said(turn, 1)


def test_details_of_the_reasoning_are_numbered_on_and_repeated_where_they_were() -> None:
    def thought(index: int, said: str) -> dict[str, Any]:
        return {"type": "reasoning.text", "index": index, "text": said, "signature": "sig " + said}

    first, second = thought(0, "Hm."), thought(0, "Ah.")
    turn = Turn(
        message({"reasoning_details": [first]}, call("call_1", "ORIGINAL")),
        message({"reasoning_details": [second]}, text("Done."), OWN, id="chatcmpl-2"),
    )
    for own in (seen(turn.streamed())["message"], turn.whole()["choices"][0]["message"]):
        assert own["reasoning_details"] == [first, thought(1, "Ah.")]
        assert turn.asked()[1]["reasoning_details"] == [first]
        sent = turn.replayed({"role": "assistant", **own}, RESULT)
        assert sent[:3] == turn.asked()
        assert sent[3]["reasoning_details"] == [thought(1, "Ah.")]


def test_of_several_choices_nothing_is_held_back() -> None:
    reply = message(text("Both."), call("call_1", "ORIGINAL"))
    reply["choices"].append({**reply["choices"][0], "index": 1})
    turn = Turn(reply)
    chunks = [event.raw for event in EventReader().feed(events(reply)) if b'"delta"' in event.raw]
    both = b"".join(raw + raw.replace(b'"index": 0, "delta"', b'"index": 1, "delta"') for raw in chunks)
    both += b"data: [DONE]\n\n"
    assert turn.streamed(both) == both
    assert turn.whole() == turn.replies[0]
    assert turn.kept == []


def test_a_further_choice_that_comes_late_ends_the_turn() -> None:
    turn = Turn(message(text("One."), call("call_1", "ORIGINAL")))
    stream = events(turn.replies[0])
    done = stream.index(b"data: [DONE]")
    late = written("", json.dumps(chunk(turn.replies[0], {"content": "Two."})).replace('"index": 0', '"index": 1'))
    out = turn.streamed(stream[:done] + late + stream[done:])
    assert b'"tool_calls"' in out[: out.index(late)]  # as the reason to finish
    assert out.endswith(late + b"data: [DONE]\n\n")
    assert turn.provider.requests == []


def test_calls_of_the_old_kind_pass() -> None:
    turn = Turn(message(text("Old.")))
    old = events(turn.replies[0]).replace(b'{"content": "Ol"}', b'{"function_call": {"name": "headroom_retrieve"}}')
    assert turn.streamed(old) == old


def test_a_model_that_asks_forever_is_told_to_go_on() -> None:
    replies = [message(call(f"call_{i}", "ORIGINAL")) for i in range(12)]
    turn = Turn(*replies, message(text("Done.")))
    assert seen(turn.streamed())["message"] == text("Done.")
    assert "go on with what you have" in turn.asked(11)[-1]["content"]
    stubborn = Turn(*replies, message(call("call_13", "ORIGINAL")))
    assert seen(stubborn.streamed())["finish_reason"] == "stop"
    assert stubborn.whole()["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("where", ["usage", "x_groq"])
def test_usage_wherever_a_provider_says_it(where: str) -> None:
    figures = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
    }
    last = {**chunk(message(), {}, "stop"), where: figures if where == "usage" else {"usage": figures}}
    stream = REPLY.stream(None)
    for event in EventReader().feed(written("", json.dumps(last)) + piece_of({})):
        assert stream.feed(event) == [event]
    stream.end_leg()
    usage = stream.usage
    assert (usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reported) == (10, 60, 30, 7, True)
