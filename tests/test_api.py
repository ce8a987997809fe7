"""The public API on the four dialects: what it changes, what it leaves alone, how retrieval is offered and answered."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

import headroom
from headroom import Level, MemoryStore, Role, compress, compress_text, handle_tool_call, retrieval_tool, retrieve
from headroom.errors import InputError, NotFound, StoreError
from headroom.interfaces import Original
from headroom.marker import footer_ids, has_footer
from headroom.model import Reason

LOG = "".join(
    f"2026-03-01T10:{i // 60:02}:{i % 60:02}Z INFO worker-{i % 4} handled request {i} in {i % 7} ms\n"
    for i in range(400)
)
FACT = "2026-03-01T10:59:59Z ERROR worker-2 payment 8812 refused: card expired"
OUTPUT = LOG + FACT + "\n" + LOG
SECRET = "ZW5jcnlwdGVk" * 400
COMMAND = "cat worker.log"


def openai_chat(result: Any) -> Any:
    call = {"id": "c1", "type": "function", "function": {"name": "Bash", "arguments": json.dumps({"command": COMMAND})}}
    return [
        {"role": "system", "content": OUTPUT},
        {"role": "user", "content": OUTPUT, "name": "dev"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": SECRET},
        {"role": "tool", "tool_call_id": "c1", "content": result, "x_unknown": {"kept": [1, None]}},
    ]


def openai_responses(result: Any) -> Any:
    return [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": OUTPUT}]},
        {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": SECRET},
        {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": json.dumps({"command": COMMAND})},
        {"type": "function_call_output", "call_id": "c1", "output": result, "status": "completed"},
    ]


def anthropic(result: Any) -> Any:
    thinking = {"type": "thinking", "thinking": OUTPUT, "signature": SECRET}
    call = {"type": "tool_use", "id": "c1", "name": "Bash", "input": {"command": COMMAND}}
    answer = {"type": "tool_result", "tool_use_id": "c1", "content": result, "cache_control": {"type": "ephemeral"}}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": SECRET}}
    return [
        {"role": "user", "content": OUTPUT},
        {"role": "assistant", "content": [thinking, call]},
        {"role": "user", "content": [answer, image]},
    ]


def gemini(result: Any) -> Any:
    return [
        {"role": "user", "parts": [{"text": OUTPUT}, {"inlineData": {"mimeType": "image/png", "data": SECRET}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "shell", "args": {"command": COMMAND}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "shell", "response": {"result": result}}}]},
    ]


Shape = Callable[[Any], Any]
SHAPES: dict[str, Shape] = {
    "anthropic": anthropic,
    "gemini": gemini,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
}
# What a tool result may look like beside a plain string, and the text part's key in it.
PARTS: dict[str, Callable[[str], Any]] = {
    "anthropic": lambda text: [{"type": "text", "text": text}],
    "gemini": lambda text: {"stdout": text, "exit_code": 0},
    "openai_chat": lambda text: [{"type": "text", "text": text}],
    "openai_responses": lambda text: [{"type": "input_text", "text": text}],
}
ROOTS = {"anthropic": "messages", "gemini": "contents", "openai_chat": "messages", "openai_responses": "input"}

every_dialect = pytest.mark.parametrize("dialect", SHAPES)


def strings(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], str]:
    """Every string of a body by its path."""
    if isinstance(value, str):
        return {path: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {at: text for key, inner in items for at, text in strings(inner, (*path, key)).items()}


def changed(before: Any, after: Any) -> list[tuple[Any, ...]]:
    one, other = strings(before), strings(after)
    assert one.keys() == other.keys()
    return [path for path in one if one[path] != other[path]]


@every_dialect
@pytest.mark.parametrize("wrap", ["string", "parts", "nested"])
def test_only_the_tool_result_changes(dialect: str, wrap: str) -> None:
    result: Any = OUTPUT if wrap == "string" else PARTS[dialect](OUTPUT)
    if wrap == "nested" and dialect == "gemini":
        result = {"outer": [result]}
    body = SHAPES[dialect](result)
    before = copy.deepcopy(body)
    done = compress(body, model="any", store=MemoryStore())
    assert body == before, "the input was changed"
    (path,) = changed(before, done.messages)
    text = strings(done.messages)[path]
    assert strings(before)[path] == OUTPUT
    assert FACT in text
    assert has_footer(text)
    assert 0 < done.tokens_after < done.tokens_before
    assert done.tokens_saved == done.tokens_before - done.tokens_after
    assert done.ratio == done.tokens_after / done.tokens_before
    (report,) = [r for r in done.blocks if r.reason is Reason.COMPRESSED]
    assert (report.path, report.role) == (path, Role.TOOL)
    assert footer_ids(text) == [report.id]
    assert report.omissions


@every_dialect
def test_a_whole_request_body_is_understood(dialect: str) -> None:
    root = ROOTS[dialect]
    body = {"model": "m", root: SHAPES[dialect](OUTPUT), "temperature": 0.5, "unknown": [{"deep": OUTPUT}]}
    done = compress(body, store=MemoryStore())
    (path,) = changed(body, done.messages)
    assert path[0] == root


def test_a_result_inside_a_result() -> None:
    inner = {"type": "tool_result", "tool_use_id": "x", "content": [{"type": "text", "text": OUTPUT}]}
    body = anthropic([inner, {"type": "text", "text": "short"}])
    (path,) = changed(body, compress(body, store=MemoryStore()).messages)
    assert path[-4:] == ("content", 0, "content", 0)[-3:] or path[-1] == "text"


@every_dialect
def test_the_same_body_object_is_safe_to_keep(dialect: str) -> None:
    """Nothing of the result is shared with the input: changing one does not change the other."""
    body = SHAPES[dialect](OUTPUT)
    before = copy.deepcopy(body)
    done = compress(body, store=MemoryStore())
    for message in done.messages:
        message.clear()
    assert body == before


@pytest.mark.parametrize(("role", "count"), [("user", 1), ("system", 1), ("assistant", 0)])
def test_other_roles_change_only_when_asked(role: str, count: int) -> None:
    body = openai_chat("short")
    assert changed(body, compress(body, store=MemoryStore()).messages) == []
    asked = compress(body, store=MemoryStore(), roles=[role])
    assert len(changed(body, asked.messages)) == count


@every_dialect
def test_protected_blocks_say_so(dialect: str) -> None:
    done = compress(SHAPES[dialect](OUTPUT), store=MemoryStore())
    left = [r for r in done.blocks if r.role is not Role.TOOL]
    assert left
    assert {r.reason for r in left} == {Reason.ROLE_PROTECTED}
    assert all(r.tokens_before == r.tokens_after and r.id is None for r in left)


def test_the_question_defaults_to_what_precedes() -> None:
    def asked(question: str) -> str:
        body = openai_chat(LOG)
        body[1]["content"] = question
        return str(compress(body, store=MemoryStore()).messages[-1]["content"])

    assert "handled request 217 in" in asked("how long did request 217 take, and which worker handled it?")
    assert "handled request 217 in" not in asked("is there anything wrong?")


def test_a_query_replaces_the_question() -> None:
    done = compress(openai_chat(LOG), query="how long did request 217 take?", store=MemoryStore())
    assert "handled request 217 in" in done.messages[-1]["content"]


def test_later_messages_change_nothing() -> None:
    body = openai_chat(OUTPUT)
    longer = [*body, {"role": "assistant", "content": "done"}, {"role": "user", "content": "what about request 217?"}]
    store = MemoryStore()
    assert compress(longer, store=store).messages[: len(body)] == compress(body, store=store).messages


def rows(count: int) -> str:
    return json.dumps([{"id": i, "name": f"item {i}", "note": "word " * (i % 40)} for i in range(count)])


def test_a_budget_tightens_and_keeps_the_floor() -> None:
    body = openai_chat(rows(300) + "\n\n" + OUTPUT)
    body[0]["content"] = body[1]["content"] = "short"
    free = compress(body, store=MemoryStore())
    tight = compress(body, store=MemoryStore(), budget=free.tokens_after * 2 // 3)
    assert tight.tokens_after <= free.tokens_after
    assert FACT in tight.messages[-1]["content"]
    assert tight.fits == (tight.tokens_after <= free.tokens_after * 2 // 3)


def test_a_budget_that_cannot_be_met_is_said_and_the_floor_stays() -> None:
    done = compress(openai_chat(OUTPUT), store=MemoryStore(), budget=10)
    assert not done.fits
    assert done.tokens_after > 10
    assert FACT in done.messages[-1]["content"]


def test_a_generous_budget_changes_nothing() -> None:
    store = MemoryStore()
    free = compress(openai_chat(OUTPUT), store=store)
    assert compress(openai_chat(OUTPUT), store=store, budget=10**9) == free


def test_lossless_leaves_nothing_out() -> None:
    done = compress(openai_chat(OUTPUT + rows(50)), level=Level.LOSSLESS, store=MemoryStore())
    assert all(r.lossless and not r.omissions for r in done.blocks)


def test_small_results_are_left_alone() -> None:
    body = openai_chat("ok\n")
    done = compress(body, store=MemoryStore())
    assert done.messages == body
    assert done.blocks[-1].reason is Reason.TOO_SMALL


def test_an_empty_conversation() -> None:
    done = compress([], store=MemoryStore())
    assert (done.messages, done.blocks, done.ratio, done.fits) == ([], (), 1.0, True)


# --- retrieval -----------------------------------------------------------------------------------------------------


def reply(dialect: str, arguments: dict[str, Any]) -> Any:
    """A model's reply that calls headroom_retrieve."""
    name = "headroom_retrieve"
    return {
        "anthropic": {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": name, "input": arguments}],
        },
        "gemini": {"role": "model", "parts": [{"functionCall": {"name": name, "args": arguments}}]},
        "openai_chat": {
            "role": "assistant",
            "tool_calls": [
                {"id": "t", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            ],
        },
        "openai_responses": [
            {"type": "function_call", "call_id": "t", "name": name, "arguments": json.dumps(arguments)}
        ],
    }[dialect]


@every_dialect
def test_retrieval_round(dialect: str) -> None:
    """Compress, offer the tool, answer the call: the answer holds the lines that were left out, and is left alone."""
    store = MemoryStore()
    body = SHAPES[dialect](OUTPUT)
    done = compress(body, store=store)
    (report,) = [r for r in done.blocks if r.id]
    first, last = report.omissions[0].ranges[0]
    answers = handle_tool_call(reply(dialect, {"id": report.id, "lines": f"{first}-{last}"}), store=store)
    assert len(answers) == 1
    missing = "\n".join(OUTPUT.split("\n")[first - 1 : last])
    assert any(missing in text for text in strings(answers[0]).values())
    made = reply(dialect, {"id": report.id})
    conversation = [*done.messages, *(made if isinstance(made, list) else [made]), *answers]
    again = compress(conversation, store=store)
    assert changed(conversation, again.messages) == []


@every_dialect
def test_the_tool_definition_has_the_dialects_shape(dialect: str) -> None:
    tool = retrieval_tool(dialect)
    assert "headroom_retrieve" in json.dumps(tool)
    schema = {
        "anthropic": lambda: tool["input_schema"],
        "gemini": lambda: tool["functionDeclarations"][0]["parameters"],
        "openai_chat": lambda: tool["function"]["parameters"],
        "openai_responses": lambda: tool["parameters"],
    }[dialect]()
    assert set(schema["properties"]) == {"id", "lines", "rows", "path", "query"}


def test_the_tool_definition_is_the_callers_own() -> None:
    retrieval_tool("anthropic")["input_schema"].clear()
    assert retrieval_tool("anthropic")["input_schema"]


@every_dialect
def test_other_calls_are_none_of_our_business(dialect: str) -> None:
    assert handle_tool_call(SHAPES[dialect]("x")[1], store=MemoryStore()) == []


@every_dialect
@pytest.mark.parametrize(
    "arguments", [{"id": "zzzzzzzz"}, {}, {"id": 7, "limit": "many"}, {"id": "zzzzzzzz", "lines": {}}]
)
def test_a_call_that_cannot_be_answered_is_answered_in_words(dialect: str, arguments: dict[str, Any]) -> None:
    (answer,) = handle_tool_call(reply(dialect, arguments), store=MemoryStore())
    assert any("kept" in text or "Nothing was returned" in text for text in strings(answer).values())


def test_retrieve_gives_the_original_back() -> None:
    store = MemoryStore()
    result = compress_text(OUTPUT, store=store)
    assert result.id is not None
    assert retrieve(result.id, store=store).text == OUTPUT
    assert retrieve(result.id, lines="401", store=store).text == FACT
    assert FACT in retrieve(result.id, query="payment refused", store=store).text
    with pytest.raises(NotFound):
        retrieve("zzzzzzzz", store=store)


def test_the_default_store_is_used_by_all_calls(home: object) -> None:
    result = compress_text(OUTPUT)
    assert result.id is not None
    assert retrieve(result.id).text == OUTPUT


class Model:
    """Stands in for an SDK's pydantic object: attributes, and `model_dump` for the plain form."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def model_dump(self) -> dict[str, Any]:
        def dumped(value: Any) -> Any:
            if isinstance(value, Model):
                return value.model_dump()
            return [dumped(one) for one in value] if isinstance(value, list) else value

        return {name: dumped(value) for name, value in self.__dict__.items()}


def test_sdk_objects_among_the_messages_stay_objects() -> None:
    """What applications do: the SDK's reply is appended as it is, the tool's result as a dict."""
    body = openai_chat(OUTPUT)
    body[2] = made = Model(**body[2])
    done = compress(body, store=MemoryStore())
    assert isinstance(done.messages[2], Model)
    assert done.messages[2].model_dump() == made.model_dump()
    assert done.messages[3]["content"] != OUTPUT


def test_text_inside_sdk_objects_is_replaced_in_a_copy() -> None:
    answer = Model(name="shell", response={"result": OUTPUT})
    body = [Model(role="user", parts=[Model(function_response=answer)])]
    done = compress(body, store=MemoryStore())
    assert FACT in done.messages[0].parts[0].function_response.response["result"]
    assert done.tokens_after < done.tokens_before
    assert answer.response["result"] == OUTPUT


@every_dialect
def test_sdk_replies_are_answered(dialect: str) -> None:
    made = reply(dialect, {"id": "zzzzzzzz"})
    made = [Model(**item) for item in made] if isinstance(made, list) else Model(**made)
    assert len(handle_tool_call(made, store=MemoryStore())) == 1


# --- what can go wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ("text", "a str"),
        (7, "an int"),
        (None, "None"),
        ({"prompt": "x"}, "'prompt'"),
        ([{"role": "user", "content": "x"}, "y"], "item 1 is a str"),
        ([{"who": "me"}], "item 0 has the keys 'who'"),
        ([{"role": "user", "content": "x"}, {"role": "robot", "content": "y"}], "item 1 has the role 'robot'"),
        ([{"role": "user", "content": "x"}, {"role": "user", "parts": [{"text": "y"}]}, {}], "item 2"),
        ([{"role": "user", "parts": ["y"]}], "gemini"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}, 7]}, "anthropic"),
    ],
)
def test_unknown_shapes_are_refused_with_their_place(messages: Any, says: str) -> None:
    with pytest.raises(InputError) as caught:
        compress(messages, store=MemoryStore())
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"lvel": "balanced"}, "lvel"),
        ({"level": "max"}, "lossless, balanced, aggressive"),
        ({"budget": -1}, "budget"),
        ({"budget": 1.5}, "budget"),
        ({"min_tokens": None}, "min_tokens"),
        ({"roles": ["robot"]}, "robot"),
        ({"repeats": "no"}, "repeats"),
        ({"query": 7}, "query"),
    ],
)
def test_options_are_checked(options: dict[str, Any], says: str) -> None:
    for call in (lambda: compress([], store=MemoryStore(), **options), lambda: compress_text("x", **options)):
        with pytest.raises(InputError, match=says):
            call()


def test_text_must_be_text() -> None:
    with pytest.raises(InputError, match="bytes"):
        compress_text(b"x")  # type: ignore[arg-type]


class FullStore(MemoryStore):
    """A store whose disk is full."""

    def put_many(self, originals: Any) -> list[str]:
        raise StoreError("disk full")


class UnreadableStore(MemoryStore):
    """A store that can't even say under which id it would keep a text."""

    def identify(self, text: str) -> str:
        raise StoreError("file locked")


class ForgetfulStore(MemoryStore):
    """A store that keeps texts under other ids than it announced."""

    def put_many(self, originals: Any) -> list[str]:
        return super().put_many([Original(f"{one.text}!") for one in originals])


@every_dialect
@pytest.mark.parametrize("broken", [FullStore, UnreadableStore, ForgetfulStore])
def test_without_a_store_everything_stays_as_it_came(dialect: str, broken: type[MemoryStore]) -> None:
    body = SHAPES[dialect](OUTPUT)
    done = compress(body, store=broken())
    assert done.messages == body
    assert done.tokens_after == done.tokens_before
    (report,) = [r for r in done.blocks if r.role is Role.TOOL and r.reason is not Reason.TOO_SMALL]
    assert report.reason is Reason.STORE_FAILED
    assert report.detail


def test_the_public_names_are_documented_and_loaded_on_demand() -> None:
    for name in headroom.__all__:
        assert getattr(headroom, name).__doc__
    assert set(headroom.__all__) <= set(dir(headroom))
    with pytest.raises(AttributeError, match="nonsense"):
        headroom.nonsense  # noqa: B018


def test_json_behind_a_word_and_between_tags_is_compressed_as_json() -> None:
    document = json.dumps([{"id": i, "name": f"item {i}", "sold": False} for i in range(80)], indent=1)
    text = f"<untrusted_context>\nOutput: {document}\nExit Code: 0\n</untrusted_context>"
    shown = compress_text(text, store=MemoryStore()).text
    assert shown.startswith("<untrusted_context>\nOutput: [JSON rewritten")
    assert shown.endswith("\nExit Code: 0\n</untrusted_context>")
    assert len(shown) < len(text) / 2
