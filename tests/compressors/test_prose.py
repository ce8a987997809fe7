"""What an extract may and may not do: whole sentences, verbatim, in order, every gap counted."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.compressors.prose import COMPRESSOR
from headroom.formats.prose import worth
from headroom.formats.prose.extracts import extracts
from headroom.formats.prose.sentences import pieces_of, sentence_count
from headroom.model import Compressed, Context, Intent, Level, ToolCall
from headroom.text.lines import sample, split_lines

SUBJECTS = ("The harbour", "A ship", "Its keeper", "The old railway", "Nobody in the town", "The council of elders")
VERBS = ("was seen near", "has often written about", "came back from", "paid for the repair of", "spoke against")
OBJECTS = ("the island", "Lom in 1931", "the green book", "9.5 metres of rope", "the `limit` of the gauge", "a shadow")
PARTS = st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(VERBS), st.sampled_from(OBJECTS), st.integers(0, 99))
SENTENCES = PARTS.map(lambda s: f"{s[0]} {s[1]} {s[2]} on the day with the number {s[3]}.")
PARAGRAPHS = st.lists(SENTENCES, min_size=1, max_size=7).map(" ".join)
PASSAGES = st.lists(PARAGRAPHS, min_size=1, max_size=9).map(
    lambda ps: "\n\n".join(f"[{i + 1}] (score {9 - i}.25) page_{i}\n{p}" for i, p in enumerate(ps))
)
DOCUMENTS = st.one_of(PASSAGES, st.lists(PARAGRAPHS, min_size=2, max_size=9).map("\n\n".join))
LEVELS = st.sampled_from([Level.BALANCED, Level.AGGRESSIVE])
QUERIES = st.sampled_from(["", "Who paid for the repair of Lom in 1931?", "What is written in the green book?"])
MARKER = re.compile(r"\[… (\d+) (sentence|line)s?.*? …\]")


def extract(text: str, context: Context) -> Compressed | None:
    return next(iter(COMPRESSOR.compress(text, context)), None)


def walk(text: str, form: str) -> int:
    """Goes through an extract and its original side by side; returns how many sentences are missing.

    Fails where something shown is not the next piece of the original, or a marker skips other than it says.
    """
    pieces = [p for p in pieces_of(split_lines(text)) if p.text.strip()]
    at = missing = 0
    parts = MARKER.split(form)
    for shown, count, unit in zip(parts[::3], [*parts[1::3], "0"], [*parts[2::3], "sentence"], strict=True):
        left = shown.strip()
        while left:
            piece = pieces[at].text.strip()
            assert left.startswith(piece), (left[:80], piece[:80])
            left, at = left[len(piece) :].lstrip(), at + 1
        wanted, first = int(count), at
        while wanted > 0:
            skipped = pieces[at]
            assert skipped.free == (unit == "sentence")
            wanted -= sentence_count(skipped.text) if skipped.free else skipped.last - skipped.line + 1
            at += 1
        assert wanted == 0, pieces[first:at]
        missing += int(count) if unit == "sentence" else 0
    assert at == len(pieces)
    return missing


@given(DOCUMENTS, LEVELS, QUERIES)
def test_what_stays_is_verbatim_in_order_and_every_gap_counted(text: str, level: Level, query: str) -> None:
    made = extract(text, Context(level, query))
    if made is None:
        return
    assert walk(text, made.text) == sum(o.count for o in made.omissions if o.unit == "sentences")
    count = text.count("\n") + 1
    assert all(1 <= a <= b <= count for o in made.omissions for a, b in o.ranges)


@given(DOCUMENTS, LEVELS)
def test_headers_stay(text: str, level: Level) -> None:
    made = extract(text, Context(level))
    if made is not None:
        assert re.findall(r"(?m)^\[\d+\] .*$", made.text) == re.findall(r"(?m)^\[\d+\] .*$", text)


@given(DOCUMENTS, QUERIES)
def test_a_target_only_tightens(text: str, query: str) -> None:
    free, tight = extract(text, Context(query=query)), extract(text, Context(query=query, target=20))
    if free is not None:
        assert tight is not None
        assert len(tight.text) <= len(free.text)


FACTS = [
    f"In the year {1900 + i} the master of lock {i} reported {i * 7} barges, and it was said to be good for them all."
    for i in range(60)
]
CHUNKS = "\n\n".join(f"Source: part{i}.md (chunk {i})\n" + " ".join(FACTS[i * 3 : i * 3 + 5]) for i in range(7))


def test_the_answer_and_its_neighbours_stay() -> None:
    made = extract(CHUNKS, Context(query="How many barges did the master of lock 10 report?"))
    assert made is not None
    assert all(fact in made.text for fact in FACTS[9:11])
    assert len(made.text) < 0.6 * len(CHUNKS)


def test_what_chunks_share_is_shown_once_with_its_source() -> None:
    made = extract(CHUNKS, Context())
    assert made is not None
    assert max(made.text.count(fact) for fact in FACTS) == 1
    assert re.search(r'\[… 2 sentences \(\d+\): same as in "Source: part\d.md \(chunk \d\)" …\]', made.text)


def test_other_versions_keep_their_differences() -> None:
    other = CHUNKS.replace("70 barges", "71 barges").replace("part", "later")
    made = extract(f"{CHUNKS}\n\n{other}", Context(query="master of lock 10"))
    assert made is not None
    assert "70 barges" in made.text
    assert "71 barges" in made.text


def test_texts_of_one_result_know_each_other() -> None:
    first, second = " ".join(FACTS[:6]), " ".join(FACTS[3:9])
    one, two = extracts([first, second], ["$.page", "$.note"], Context())
    assert two is not None
    assert two.text.startswith("[… 3 sentences: same as in $.page …] ")
    shown = (one.text if one else first) + two.text
    assert max(shown.count(fact) for fact in FACTS) == 1


def test_of_many_passages_less_stays_of_each() -> None:
    def share(count: int) -> float:
        keepers = range(count)
        texts = [" ".join(f"In year {k} the keeper of pier {i} saw {k * i} ships." for k in range(9)) for i in keepers]
        made = extracts(texts, [f"$[{i}]" for i in keepers], Context())
        return sum(len(m.text if m else t) for m, t in zip(made, texts, strict=True)) / sum(map(len, texts))

    assert share(400) < 0.95 * share(40)


def test_alarms_and_code_stay_at_balanced() -> None:
    code = "```sh\n" + "make install PREFIX=/opt\n" * 12 + "```"
    text = " ".join(FACTS[:20]) + f"\n\nWarning: do not open both gates.\n\n{code}\n\n" + " ".join(FACTS[20:60])
    made = extract(text, Context())
    assert made is not None
    assert code in made.text
    assert "Warning: do not open both gates." in made.text
    tight = extract(text, Context(Level.AGGRESSIVE))
    assert tight is not None
    assert re.search(r"make install PREFIX=/opt\n\[… 10 lines \(\d+–\d+\) …\]\n```", tight.text)


def test_a_text_that_could_give_up_too_little_is_left_whole() -> None:
    text = " ".join(FACTS[:9])
    assert extracts([text], [""], Context()) != [None]
    assert extract(text, Context()) is None
    assert extract(" ".join(FACTS[:30]), Context()) is not None


@pytest.mark.parametrize(
    "context",
    [Context(Level.LOSSLESS), Context(intent=Intent.READ)],
    ids=["lossless", "read"],
)
def test_where_every_line_is_wanted_nothing_is_left_out(context: Context) -> None:
    assert extract(CHUNKS, context) is None


@pytest.mark.parametrize(
    ("intent", "call", "document"),
    [
        (Intent.OTHER, ToolCall(), True),
        (Intent.SEARCH, ToolCall("search_docs"), True),
        (Intent.SEARCH, ToolCall("Bash", command="grep -r lock ."), False),
        (Intent.READ, ToolCall("Read", path="/home/dev/app/locks.py"), False),
        (Intent.READ, ToolCall("Read", path="/home/dev/app/locks.md"), True),
    ],
)
def test_the_call_tells_what_is_no_document(intent: Intent, call: ToolCall, document: bool) -> None:
    assert (COMPRESSOR.sniff(sample(CHUNKS), Context(intent=intent, call=call)) >= 0.5) == document


def test_the_work_grows_with_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the text is ten times the comparisons of sentences, not a hundred."""
    compared = 0
    cut_off = worth._cut_off

    def counted(short: str, whole: str) -> bool:
        nonlocal compared
        compared += 1
        return cut_off(short, whole)

    monkeypatch.setattr(worth, "_cut_off", counted)
    costs: list[int] = []
    for times in (200, 2000):
        compared = 0
        extract(_numbered(times), Context())
        costs.append(compared)
    assert costs[0] > 0
    assert costs[1] <= 12 * costs[0]


def _numbered(times: int) -> str:
    facts: Sequence[str] = [f"{FACTS[i % 24][:-1]} and page {i}." for i in range(times)]
    return "\n\n".join(" ".join(facts[i : i + 5]) for i in range(0, times, 5))
