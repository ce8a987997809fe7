"""Git history: lossless forms come back; a folded log keeps every hash, author, date and subject."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.git_history import COMPRESSOR
from headroom.model import Compressed, Context, Level
from headroom.text.lines import sample

AUTHORS = ["Ada Moreno <ada@example.org>", "Wei Zhang <wei@example.org>", "翠 <midori@example.org>"]
BODY = st.lists(
    st.sampled_from(["", "    ", "    It was slow.", "    | odd", " a.py | 3 +-", " 1 file changed, 3 insertions(+)"]),
    max_size=5,
)
SUBJECTS = st.sampled_from(["fix it", "", "add x|y", "release 1.2"])
COMMITS = st.lists(st.tuples(st.integers(0, 2), SUBJECTS, BODY), min_size=3, max_size=30)


def log(commits: list[tuple[int, str, list[str]]]) -> str:
    lines: list[str] = []
    for i, (author, subject, body) in enumerate(commits):
        lines += [f"commit {i * 7919 + 1:040x}", f"Author: {AUTHORS[author]}"]
        lines += [f"Date:   Mon Mar {1 + i % 28} 10:00:{i:02d} 2026 +0000", "", f"    {subject}", *body, ""]
    return "\n".join(lines)


def forms(text: str, level: Level = Level.BALANCED, query: str = "") -> list[Compressed]:
    return list(COMPRESSOR.compress(text, Context(level, query)))


@settings(max_examples=200, deadline=None)
@given(COMMITS)
def test_a_lossless_log_comes_back(commits: list[tuple[int, str, list[str]]]) -> None:
    text = log(commits)
    for form in forms(text, Level.LOSSLESS):
        assert COMPRESSOR.decode(form.text) == text


@settings(max_examples=100, deadline=None)
@given(COMMITS)
def test_a_folded_log_counts_what_it_leaves_out(commits: list[tuple[int, str, list[str]]]) -> None:
    for form in forms(log(commits)):
        for lost in form.omissions:
            assert lost.count == sum(b - a + 1 for a, b in lost.ranges)
            assert all(f"({a}–{b})" in form.text for a, b in lost.ranges)


def test_a_folded_log_keeps_every_commit() -> None:
    commits = [(i % 3, f"change number {i}", ["", "    Because of this.", "    And of that."]) for i in range(20)]
    text = log(commits)
    folded = next(form for form in forms(text) if not form.lossless)
    for i in range(20):
        assert f"{i * 7919 + 1:040x}" in folded.text
        assert f"change number {i}" in folded.text
    assert all(author in folded.text for author in AUTHORS)
    assert "Because" not in folded.text


def test_what_was_asked_for_stays_in_a_folded_log() -> None:
    commits = [(0, f"change {i}", ["", "    Long words here.", f"    Closes: #{100 + i}"]) for i in range(20)]
    folded = next(form for form in forms(log(commits), query="Which commit closes #113?") if not form.lossless)
    assert "Closes: #113" in folded.text


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.text(alphabet="ab |>\t)", max_size=8)), min_size=6, max_size=60))
def test_blame_comes_back(rows: list[tuple[int, str]]) -> None:
    people = ["Ada Moreno  ", "Wei Zhang   ", "翠          ", "Not Yet"]
    lines = []
    for i, (who, code) in enumerate(rows, 1):
        commit = f"{'^' if who == 1 else ''}{who * 7919 + 99_999_999:08x}"
        lines.append(f"{commit} ({people[who]:<12} 2026-03-0{1 + who} 10:00:00 +0000 {i:>3}) {code}")
    text = "\n".join(lines)
    for form in forms(text, Level.LOSSLESS):
        assert COMPRESSOR.decode(form.text) == text


def test_sniffing_leaves_patches_to_others() -> None:
    plain = log([(0, "one", []), (1, "two", []), (2, "three", [])])
    patch = plain + "\ndiff --git a/x b/x\n@@ -1 +1 @@\n-a\n+b\n"
    assert COMPRESSOR.sniff(sample(plain), Context()) >= 0.9
    assert COMPRESSOR.sniff(sample(patch), Context()) < 0.5
