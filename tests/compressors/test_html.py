"""HTML: what stands on a page stands in its rendering; what doesn't is counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.html import COMPRESSOR
from headroom.formats.html.page import parse_page
from headroom.model import Compressed, Context, Level
from headroom.text.lines import sample

VOCABULARY = ["keys", "rotate", "every", "ninety", "days", "&", "nobody", "notices", "42", "漢字", "café"]
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=30)
PIECES = (
    "<p>|</p>|<ul>|<li>|</ul>|<table>|<tr>|<td>|</td>|<a href='/x'>|</a>|<pre>|</pre>|<script>|</script>|<nav>|</nav>|"
    '<h1>|</h1>|<br>|<!--|-->|<div hidden>|</div>|<select>|<option>|<dl>|<dt>|<svg>|</svg>|text|&amp;|<|>|"|<html>|\n'
)
SOUP = st.lists(st.sampled_from(PIECES.split("|")), max_size=60).map("".join)


def rendered(page: str, level: Level = Level.BALANCED, query: str = "") -> Compressed:
    (candidate,) = COMPRESSOR.compress(page, Context(level, query))
    return candidate


def page(body: str) -> str:
    return f"<!DOCTYPE html><html><head><title>T</title></head><body>{body}</body></html>"


@settings(max_examples=200, deadline=None)
@given(SOUP, st.sampled_from(list(Level)))
def test_any_soup_is_read(soup: str, level: Level) -> None:
    assert list(COMPRESSOR.compress(soup, Context(level))) == list(COMPRESSOR.compress(soup, Context(level)))


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS.map(" ".join), min_size=1, max_size=12))
def test_every_paragraph_stands_whole_and_in_order(paragraphs: list[str]) -> None:
    body = "".join(f"<div><p>{p.replace('&', '&amp;')}</p></div>" for p in paragraphs)
    assert rendered(page(body)).text.split("\n")[2:] == paragraphs


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400))
def test_a_window_of_a_page_keeps_its_text(cut: int) -> None:
    script = "<script>" + "if(a<b){c('x');}" * 20 + "</script>"
    whole = page(f'{script}<div class="x" id="y"><p>The first sentence.</p></div><p>The <b>second</b> one.</p>')
    text = rendered(whole[cut:]).text
    assert "The first sentence." in text
    assert "The second one." in text
    assert "c('x')" not in text


def test_headings_lists_tables_code_and_quotes() -> None:
    body = (
        "<h2>Steps</h2><ol><li>one</li><li>two<ul><li>deep</li></ul></li></ol>"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td></td></tr></table>"
        "<pre>  x = 1\n  y</pre><blockquote>said</blockquote><dl><dt>term</dt><dd>meaning</dd></dl>"
    )
    assert rendered(page(body)).text.split("\n")[2:] == [
        "## Steps",
        "1. one",
        "2. two",
        "  - deep",
        "a | b",
        "1 | ",
        "```",
        "  x = 1",
        "  y",
        "```",
        "> said",
        "term",
        "  meaning",
    ]


def test_navigation_folds_with_its_count_and_prose_in_it_stays() -> None:
    links = "".join(f'<li><a href="/section/{i}">Section {i}</a></li>' for i in range(9))
    prose = "This footer says that the service ends on the first of May and that all exports must be done before then."
    article = "<main>" + "<p>Words of the article that matter to the reader.</p>" * 20 + "</main>"
    text = rendered(page(f"<nav><ul>{links}</ul></nav>{article}<footer><p>{prose}</p></footer>")).text
    assert "[… 9 items: navigation …]" in text
    assert "Section 3" not in text
    assert prose in text


def test_a_question_brings_folded_links_back() -> None:
    links = "".join(f'<li><a href="/{name}">{name}</a></li>' for name in ("imprint", "privacy", "careers", "press"))
    whole = page(f"<main>{'<p>Words of the article.</p>' * 30}</main><footer><ul>{links}</ul></footer>")
    assert "[imprint](/imprint)" in rendered(whole, query="Where is the imprint?").text
    assert "imprint" not in rendered(whole).text


def test_addresses_that_are_not_shown_are_counted() -> None:
    sentence = '<p>Read <a href="https://example.com/a/long/path/{}">this page</a> too.</p>'
    sentences = "".join(sentence.format(i) for i in range(40))
    candidate = rendered(page(sentences))
    shown = candidate.text.count("](https://")
    (hidden,) = [o.count for o in candidate.omissions if o.kind == "link addresses"]
    assert shown + hidden == 40
    assert f"{hidden} link addresses" in candidate.text


def test_scripts_styles_and_images_are_counted() -> None:
    body = "<script>1</script><style>a{}</style><p>x</p><script>2</script><img src=a.png><svg><path/></svg>"
    counts = {o.kind: o.count for o in rendered(page(body)).omissions}
    assert (counts["scripts"], counts["styles"], counts["images"], counts["drawings"]) == (2, 1, 1, 1)


def test_long_enumerations_keep_both_ends() -> None:
    names = ", ".join(f'<a href="/u/{i}">user{i}</a>' for i in range(300))
    candidate = rendered(page(f"<p>{names}</p>"))
    assert "user0" in candidate.text
    assert "user299" in candidate.text
    assert "[… 262 links: " in candidate.text
    assert {o.kind: o.count for o in candidate.omissions}["links in an enumeration"] == 262
    asked = rendered(page(f"<p>{names}</p>"), query="Is user150 among them?").text
    assert "user150" in asked
    assert asked.count(" links: ") == 2


def test_hidden_text_is_never_shown_as_if_it_were_visible() -> None:
    whole = page('<p>Seen by everyone who opens the page.</p><div style="display: none"><p>Not found</p></div>')
    assert "Not found" not in rendered(whole).text
    assert "[… 1 item: hidden …]" in rendered(whole).text


@pytest.mark.parametrize(
    "text",
    [
        "\ud800<html>",
        "<p>" * 20_000,
        "<nav>" * 50_000 + "x",
        "<div>" * 90_000 + "</div>" * 90_000,
        "<!--" * 500,
        "<a>" * 5_000,
    ],
)
def test_hostile_pages_end_quickly(text: str) -> None:
    list(COMPRESSOR.compress(text, Context()))


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("<!doctype html>\n<p>x", True),
        ("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", True),
        ("<div><p>a</p></div>\n" * 20, True),
        ("if (a < b && c > d) { return <T>(x); }\n" * 40, False),
        ("2024-01-01 INFO sent <html> to client\n" * 40, False),
        ("<project><id>1</id></project>\n" * 40, False),
    ],
)
def test_sniff(text: str, sure: bool) -> None:
    assert (COMPRESSOR.sniff(sample(text), Context()) >= 0.5) is sure


def test_permalinks_beside_headings_are_left_out() -> None:
    text = rendered(page('<h2>Usage<a href="#usage">¶</a></h2><h2>Limits<a href="/doc#limits">#</a></h2>')).text
    assert text.split("\n")[2:] == ["## Usage", "## Limits"]


def test_a_link_around_blocks_is_shown_on_the_first_with_a_text() -> None:
    card = '<a href="/story/7"><div><img src="x.jpg"></div><div><h3>Bridge reopens</h3><p>After</p></div></a>'
    assert rendered(page(f"<p>News</p>before {card} end")).text.split("\n")[2:] == [
        "News",
        "before",
        "### [Bridge reopens](/story/7)",
        "After",
        "end",
    ]


def test_text_that_is_its_own_address_is_not_repeated() -> None:
    read = parse_page(page('<p><a href="notes.txt">notes.txt</a> and <a href="/b">b</a></p>'))
    assert read.addresses == ["/b"]
