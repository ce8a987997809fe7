"""Addresses said once: the way back is exact, and nothing changes where little is won."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.prose.addresses import with_short_addresses, with_whole_addresses

HOSTS = st.sampled_from(["https://example.org/", "https://example.org/project/tree/main/", "http://a.b/", "https://x"])
PATHS = st.text(st.sampled_from("ab/~1#%.-é"), max_size=12)
LINKS = st.tuples(st.sampled_from(["- [see](", "", "<", "~", "~1/", "[~1/ stands for "]), HOSTS, PATHS).map("".join)


@given(st.lists(LINKS, max_size=40).map("\n".join))
def test_the_way_back_is_exact(text: str) -> None:
    short = with_short_addresses(text)
    if short is not text:
        assert len(short) < len(text)
        assert with_whole_addresses(short) == text


def test_the_sign_says_what_it_stands_for() -> None:
    base = "https://example.org/project/tree/main/tests/"
    short = with_short_addresses("\n".join(f"- [case {i}]({base}case_{i}.py)" for i in range(9)))
    assert short.startswith(f"[~1/ stands for {base}]\n- [case 0](~1/case_0.py)\n")


def test_few_or_short_addresses_stay_as_they_are() -> None:
    few = "\n".join(f"https://example.org/project/tree/main/tests/{i}" for i in range(5))
    short = "\n".join(f"http://a.b/{i}" for i in range(12))
    assert with_short_addresses(few) is few
    assert with_short_addresses(short) is short
