"""What every reply format promises: no byte changes where no call is held back, whatever comes in whatever pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.interfaces import Leg, ReplyFormat
from headroom.marker import RETRIEVE_TOOL
from headroom.plugins import replies
from headroom.wire.json_events import json_object
from headroom.wire.sse import Event, EventReader, written

every_format = pytest.mark.parametrize("name", sorted(replies()))


def event_of(name: str, data: str) -> Event:
    return Event(written(name, data), name, data)


# The words of all providers' protocols in the wrong places, among them our tool's name.
_WORDS = (
    *("type", "index", "delta", "message", "content", "content_block", "usage", "error", "choices", "tool_calls", "id"),
    *("function", "name", "finish_reason", "candidates", "parts", "functionCall", "finishReason", "usageMetadata"),
    *("text", "thought", "thoughtSignature", "item", "output_index", "sequence_number", "response", "output", "role"),
    *("message_start", "content_block_start", "message_stop", "response.completed", "response.output_item.added"),
)
_KEYS = st.sampled_from(_WORDS) | st.text(max_size=3)
_LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | _KEYS
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)
_LINES = st.sampled_from(["[DONE]", "", "{", "null", "7", '"\\ud83d"', '{"choices":[],"candidates":[{}]}'])
_NAMES = st.sampled_from(["", "ping", "message_delta", "error"])
_NOISE = st.builds(event_of, _NAMES, _LINES | _VALUES.map(json.dumps))
_TEXTS = st.text(st.characters(exclude_categories=()), min_size=1, max_size=20)


def scripted(name: str) -> Any:
    """The tests of a format, which know how to write its replies."""
    return pytest.importorskip(f"tests.replies.test_{name}")


@st.composite
def damaged(draw: st.DrawFn, event: Event) -> Event:
    """An event with something else in one place of its data."""
    data = place = json_object(event)
    if not data:
        return event
    key = draw(st.sampled_from(sorted(place)))
    while isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 3)):
        place = place[key]
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[key] = draw(_VALUES)
    return event_of(event.name, json.dumps(data))


@st.composite
def streams(draw: st.DrawFn, name: str, own_only: bool) -> bytes:
    """Replies as they stream, with our own calls or without, and anything between their events."""
    script = scripted(name)
    part = st.builds(script.text, _TEXTS) | st.just(script.OWN)
    if not own_only:
        part |= st.builds(script.call, st.sampled_from(["c1", "c2"]), _TEXTS)
    parts = draw(st.lists(part, min_size=1, max_size=4))
    events = EventReader().feed(script.events(script.message(*parts)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(events) - 1))
        events.insert(place, draw(_NOISE | damaged(events[place])))
    stream = b"".join(event.raw for event in events)
    stream = stream.replace(b"\n", b"\r\n") if draw(st.booleans()) else stream
    return stream[: draw(st.integers(0, len(stream)))] if draw(st.booleans()) else stream


def followed(format: ReplyFormat, tool: str | None, stream: bytes, cuts: list[int]) -> tuple[bytes, Leg]:
    """What the client gets of a stream that comes in these pieces, and what it was."""
    reader, following = EventReader(), format.stream(tool)
    out = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        for event in reader.feed(stream[start:end]):
            out += following.feed(event)
    leg = following.end_leg()
    out += following.close()
    return b"".join(event.raw for event in out) + reader.rest(), leg


def cuts(data: st.DataObject, stream: bytes) -> list[int]:
    return sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))


@every_format
@given(data=st.data())
def test_without_a_held_call_the_bytes_are_the_same(name: str, data: st.DataObject) -> None:
    format = replies()[name]
    stream = data.draw(streams(name, own_only=True))
    following = format.stream(RETRIEVE_TOOL)
    for event in EventReader().feed(stream):
        assert [*map(id, following.feed(event))] == [id(event)]
    out, leg = followed(format, RETRIEVE_TOOL, stream, cuts(data, stream))
    assert out == stream
    assert not leg.held
    assert format.exchange([leg], []) is None


@every_format
@given(data=st.data())
def test_who_only_looks_on_changes_nothing(name: str, data: st.DataObject) -> None:
    stream = data.draw(streams(name, own_only=False))
    out, leg = followed(replies()[name], None, stream, cuts(data, stream))
    assert out == stream
    assert not leg.held


@every_format
@given(data=st.data())
def test_what_is_left_of_a_stream_does_not_depend_on_its_pieces(name: str, data: st.DataObject) -> None:
    stream = data.draw(streams(name, own_only=False))
    at_once = followed(replies()[name], RETRIEVE_TOOL, stream, [])
    assert followed(replies()[name], RETRIEVE_TOOL, stream, cuts(data, stream)) == at_once


@every_format
@given(body=_VALUES)
def test_any_body_is_read_and_comes_back(name: str, body: Any) -> None:
    raw = json.dumps(body).encode()
    leg, usage = replies()[name].whole(raw, RETRIEVE_TOOL)
    assert replies()[name].merged([raw], [leg], usage) is raw


_SAID = st.lists(
    st.fixed_dictionaries({}, optional={"type": st.just("text"), "text": _TEXTS, "thought": st.just(True)})
)
_MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["assistant", "model", "user"])},
    optional=dict.fromkeys(("content", "parts", "tool_calls", "reasoning_details"), _SAID | _VALUES),
)


@every_format
@given(history=st.lists(_MESSAGES | _VALUES, min_size=1, max_size=4), mixed=st.booleans())
def test_any_history_is_replayed_or_left_alone(name: str, history: list[Any], mixed: bool) -> None:
    script = scripted(name)
    asked = script.message(script.call("c1", "ORIGINAL"), *([script.OWN] if mixed else []))
    turn = script.Turn(asked, script.message(script.text("Done."), id="other"))
    turn.streamed()
    sent = turn.replayed(*history)
    assert sent[0] == turn.question
    assert turn.replayed(*history) == sent
