"""Where written text may be cut, what reads like it, and which question a result says it answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.prose.passages import is_header, label_of, own_question, questions_of, with_own_question
from headroom.formats.prose.sentences import joined, pieces_of, reads_like_prose
from headroom.text.lines import sample, split_lines

LONG = "The first of these sentences stands here. It is followed by a second one, which has more words in it. "
WORDS = "The a word 12.5 e.g. Dr. end. Next! really? \n \n\n ``` | - ## [1] (score === 。 港口 \t \r https://a.b/c ) ."
MARKS = st.sampled_from(WORDS.split(" "))
TEXTS = st.one_of(st.text(max_size=200), st.lists(MARKS, max_size=80).map(" ".join))


def free(text: str) -> list[str]:
    return [p.text for p in pieces_of(split_lines(text)) if p.free]


@given(TEXTS)
def test_pieces_joined_are_the_text(text: str) -> None:
    lines = split_lines(text)
    pieces = pieces_of(lines)
    assert joined(pieces) == text
    assert [p.line for p in pieces] == sorted(p.line for p in pieces)
    assert all(p.last - p.line == p.text.count("\n") for p in pieces)
    assert pieces[-1].last == len(lines) - 1


def test_a_long_line_is_cut_where_sentences_end() -> None:
    assert [p.strip() for p in free(LONG * 3)] == [s + "." for s in (LONG * 3).strip(". ").split(". ")]


@pytest.mark.parametrize("text", ["Mr. Smith", "e.g. This", "J. Doe", "Fig. 3", "version 3.10 of", "ask Dr. Who"])
def test_abbreviations_end_no_sentence(text: str) -> None:
    assert free(f"{LONG}Here it is {text} that the words speak of in this sentence. {LONG}")[2].count(text) == 1


def test_hard_wrapped_sentences_span_lines() -> None:
    text = "A sentence that is broken\nover two lines ends here.\nAnother one that follows\nthe first one ends here."
    assert free(text) == [
        "A sentence that is broken\nover two lines ends here.",
        "Another one that follows\nthe first one ends here.",
    ]


def test_a_list_item_is_one_unit_with_its_continuation() -> None:
    text = "- the first item has a line\n  and then another line. Two sentences.\n- the second item is short"
    assert free(text) == [
        "- the first item has a line\n  and then another line. Two sentences.",
        "- the second item is short",
    ]


def test_a_numbered_heading_is_no_list_item() -> None:
    pieces = pieces_of(split_lines("2. Quality\nSamples were taken at many places.\nThe limit was not exceeded."))
    assert [(p.text, p.free) for p in pieces] == [
        ("2. Quality", False),
        ("Samples were taken at many places.", True),
        ("The limit was not exceeded.", True),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "## A heading of the text",
        "```py\nthe code that is in a fence. It stays.\n```",
        "| the | table | of | the | words | in | it |",
        "def f(a, b): return {a: b for a in range(10) if b != a}",
        "[3] (score 0.71) docs/guide.md",
        "A title of some words\n=====================",
        'Links: [{"title":"The page of the words","url":"https://example.org/a"}]',
        "- https://example.org/a/long/address/of/a/page/that/is/a/source",
    ],
)
def test_what_always_stays(text: str) -> None:
    assert free(text) == []


def test_chinese_sentences_end_without_a_space() -> None:
    assert free("港口于一九三一年疏浚至九米半深。在此之前必须等待涨潮。这项工程由工程师负责。") == [
        "港口于一九三一年疏浚至九米半深。",
        "在此之前必须等待涨潮。",
        "这项工程由工程师负责。",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "[1] (score 10.6) Title",
        "Source: guide.md",
        "Document 3",
        "--- Page 2 ---",
        "Chunk 4/9 | score=0.81",
        "=== Result 1 ===",
    ],
)
def test_headers_of_passages(line: str) -> None:
    assert is_header(line)


@pytest.mark.parametrize(
    "line", ["The source of the river is high.", "They won with a score of 24 to 10.", "Files are read."]
)
def test_sentences_are_no_headers(line: str) -> None:
    assert not is_header(line)


def test_labels_are_short() -> None:
    assert label_of("[12] (score 3.1) Some_title") == "[12]"
    assert label_of("=== Document 4 ===") == '"Document 4"'
    assert len(label_of("Source: " + "x" * 200)) < 50


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Query: how deep is it\nFound 3 passages\n", "how deep is it"),
        ('{"query": "how deep is it", "results": []}', "how deep is it"),
        ('Search results for "how deep is it"\n', "how deep is it"),
        ('{"id": 1, "question": "how deep is it"}', ""),
        ("A text without any.", ""),
    ],
)
def test_the_question_that_a_result_answers(text: str, question: str) -> None:
    assert own_question(text) == question


def test_the_own_question_travels_with_the_query() -> None:
    query = with_own_question("What does the user want?", "Query: how deep is it\n")
    assert questions_of(query, "a passage") == ("What does the user want?", "how deep is it")
    assert with_own_question(query, "Query: another one\n") == query


PROSE = (LONG + "\n\n") * 6


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "\n".join(LONG.strip()[i : i + 50] for _ in range(9) for i in (0, 50)),
        "# Title\n\n"
        + PROSE
        + "```sh\nmake all\nmake test\n```\n\n- an item of the list\n- and another of the items\n",
        "Der Hafen wurde im Jahr 1931 vertieft, und die Arbeiten dauerten bis zum Herbst. Das war gut für sie. " * 4,
        "港口于一九三一年疏浚至九米半深。在此之前，较大的船只必须在防波堤外等待涨潮。" * 6,
    ],
)
def test_reads_like_prose(text: str) -> None:
    assert 0.5 <= reads_like_prose(sample(text).lines) <= 0.6


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-01 10:00:01 INFO worker the job is in the queue of the worker\n" * 40,
        'def parse(text):\n    """The parts of the text in order of the lines."""\n    return [f(x) for x in text]\n'
        * 20,
        '{"text": "the words of the text are in the string and so on"}\n' * 20,
        "name,age,city\n" + "the smith,41,Paris,of,the,town\n" * 60,
        "total 48\n" + "-rw-r--r-- 1 dev dev 1021 Mar  1 10:00 README.md\n" * 40,
        "<p>the text of the page is in the paragraph</p>\n" * 40,
        "",
    ],
)
def test_does_not_read_like_prose(text: str) -> None:
    assert reads_like_prose(sample(text).lines) == 0.0
