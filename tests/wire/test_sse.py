"""Event streams: a table to read, then the laws over any bytes in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.wire.sse import Event, EventReader, parsed, written


def read(*chunks: bytes) -> tuple[list[Event], bytes]:
    reader = EventReader()
    return [event for chunk in chunks for event in reader.feed(chunk)], reader.rest()


def split(data: bytes, *places: int) -> list[bytes]:
    ends = [*sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize(
    ("stream", "events", "rest"),
    [
        (b"", [], b""),
        (b"data: a\n\n", [("", "a")], b""),
        (
            b'event: ping\ndata: {"type": "ping"}\n\ndata: [DONE]\n\n',
            [("ping", '{"type": "ping"}'), ("", "[DONE]")],
            b"",
        ),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", "a"), ("", "b")], b""),
        (b"data: a\r\rdata: b\r\r\n", [("", "a"), ("", "b")], b""),
        (b"data: a\n\r\ndata: b\r\n\ndata: c\r\n\rx", [("", "a"), ("", "b"), ("", "c")], b"x"),
        (b"data: a\r\r", [], b"data: a\r\r"),  # a "\n" may follow that belongs to it
        (b"data: a\r\ndata: b\r\n\r\n", [("", "a\nb")], b""),
        (b"data:a\ndata:  b\ndata\ndata:\n\n", [("", "a\n b\n\n")], b""),
        (b": keep-alive\n\n", [("", "")], b""),
        (b": comment\nid: 7\nretry: 10\nEvent: x\n data: y\n\n", [("", "")], b""),
        (b"event: one\nevent:two\ndata: a: b\n\n", [("two", "a: b")], b""),
        (b"event: a\n\ndata: b\n\n", [("a", ""), ("", "b")], b""),
        (b"\n\ndata: a\n\n\n", [("", ""), ("", ""), ("", "a"), ("", "")], b""),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [("", "a"), ("", "")], b""),
        (b"data: \xe2\x82\xac \xff\xe2\x82\ndata: \xac\n\n", [("", "€ \ufffd\ufffd\n\ufffd")], b""),
        ("data: a\u2028b\x85c\x0bd\x0ce\x1cf\x00\n\n".encode(), [("", "a\u2028b\x85c\x0bd\x0ce\x1cf\x00")], b""),
        (b"data: a\n\ndata: cut of", [("", "a")], b"data: cut of"),
        (b"data: a\n", [], b"data: a\n"),
    ],
)
def test_events(stream: bytes, events: list[tuple[str, str]], rest: bytes) -> None:
    pieces = [[stream], split(stream, *range(len(stream)))]
    pieces += [split(stream, place) for place in range(len(stream))]
    for chunks in pieces:
        found, left = read(*chunks)
        assert [(event.name, event.data) for event in found] == events
        assert left == rest
        assert b"".join(event.raw for event in found) + left == stream


def test_raw_ends_with_the_blank_line() -> None:
    found, _ = read(b"data: a\r\n\r\n: b\n\n\r\r\ndata: c\r\r", b"!")
    assert [event.raw for event in found] == [b"data: a\r\n\r\n", b": b\n\n", b"\r", b"\r\n", b"data: c\r\r"]


def test_events_come_as_soon_as_they_are_complete() -> None:
    reader = EventReader()
    assert [len(reader.feed(bytes([byte]))) for byte in b"data: a\n\ndata: b\r\n\r\n"] == [0] * 8 + [1] + [0] * 10 + [1]


def test_the_end_of_a_stream_without_its_blank_line() -> None:
    _, rest = read(b"event: stop\ndata: a\ndata: b")
    assert parsed(rest) == Event(rest, "stop", "a\nb")


STREAMS = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"data:", b"data: ", b"event: ", b": ", b"\xef\xbb\xbf"]
        ),
        st.text(max_size=3).map(str.encode),
        st.binary(max_size=3),
    ),
    max_size=30,
).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 100), max_size=12))
def test_pieces_make_no_difference(stream: bytes, places: list[int]) -> None:
    found, rest = read(stream)
    assert read(*split(stream, *places)) == (found, rest)
    assert read(*split(stream, *range(len(stream)))) == (found, rest)
    assert b"".join(event.raw for event in found) + rest == stream


@given(STREAMS)
def test_events_are_split_at_blank_lines_and_nowhere_else(stream: bytes) -> None:
    found, rest = read(stream)
    for event in found:
        *lines, last = event.raw.splitlines()
        assert last == b""
        assert b"" not in lines
    assert b"" not in rest.splitlines()[:-1]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))


@given(st.lists(st.tuples(NAMES, st.text())))
def test_what_is_written_reads_back(events: list[tuple[str, str]]) -> None:
    stream = b"".join(written(name, data) for name, data in events)
    found, rest = read(stream)
    assert rest == b""
    assert [event.name for event in found] == [name for name, _ in events]
    assert [event.data for event in found] == [data.replace("\r\n", "\n").replace("\r", "\n") for _, data in events]


@pytest.mark.parametrize(
    ("name", "data", "stream"),
    [
        ("message_stop", '{"type":"message_stop"}', b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        ("", "[DONE]", b"data: [DONE]\n\n"),
        ("", "", b"data: \n\n"),
        ("x", "a\r\nb\rc\n", b"event: x\ndata: a\ndata: b\ndata: c\ndata: \n\n"),
        ("", "cut \ud83d", b"data: cut ?\n\n"),
    ],
)
def test_written(name: str, data: str, stream: bytes) -> None:
    assert written(name, data) == stream


def test_a_name_cannot_smuggle_in_a_line() -> None:
    with pytest.raises(ValueError, match="several lines"):
        written("a\ndata: b", "c")
