"""The form without loss gives every text back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.log.patterns import decode, encode

LINE = st.one_of(
    st.builds("2026-03-09 08:00:{:02} INFO user {} logged in from 10.0.0.{}".format, st.integers(0, 59),
              st.text(max_size=6), st.integers(0, 255)),
    st.builds("{} WARN disk {} at {}%".format, st.integers(), st.sampled_from(["sda", "sdb"]), st.floats(0, 100)),
    st.text(alphabet="ab =,;:()[]{}\"'|<>& \t\r~^0.", max_size=30),
)  # fmt: skip


@given(st.lists(LINE, max_size=40).map("\n".join))
def test_decode_gives_the_text_back(text: str) -> None:
    form = encode(text)
    assert form is None or decode(form) == text


@given(st.integers(4, 60))
def test_repeating_lines_get_shorter(count: int) -> None:
    text = "\n".join(f"2026-03-09 08:00:00,{n:03} INFO com.example.Service - handled request {n}" for n in range(count))
    form = encode(text)
    assert form is not None
    assert len(form) < len(text) or count < 8


def test_no_free_sign_no_form() -> None:
    assert encode("~^§¤¦¬\n" + "the same line 1\n" * 40) is None


def test_decode_refuses_other_texts() -> None:
    with pytest.raises(ValueError, match="patterns"):
        decode("2026-03-09 INFO up")
