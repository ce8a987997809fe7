"""Diffs: what stays is a patch that git applies to the same result, and what goes is counted."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.diff import COMPRESSOR
from headroom.formats.diff.hunks import parse_diff, trim
from headroom.formats.diff.lock_files import version_changes
from headroom.model import Compressed, Context, Level
from headroom.text.lines import sample

FRAGMENTS = st.sampled_from(
    "diff --git a/x.py b/x.py|index 1..2 100644|--- a/x.py|+++ b/x.py|@@ -1,3 +1,3 @@ def f|@@ -9 +9,2 @@|"
    "@@@ -1 -1 +1 @@@| same|+new|-old||\\ No newline at end of file|--- |commit 12ab|"
    "Binary files a/x and b/x differ|GIT binary patch|"
    "diff --cc y.c|++both|rename from a|Index: z|+++ z|@@ -999999999999,3 +1 @@".split("|")
)


def lossy(text: str, level: Level = Level.BALANCED, query: str = "") -> Compressed:
    (form,) = COMPRESSOR.compress(text, Context(level, query))
    return form


def git(repository: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=dev", "-c", "user.email=dev@example.org", "-c", "core.autocrlf=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=repository, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose index changes, renames, adds and deletes files; some end without a newline."""
    chance = random.Random(7)
    code = ["def f():" if i % 9 == 0 else f"    step({i})" for i in range(400)]
    files = {name: [f"# {name}", *code] for name in "abcd"}
    git(tmp_path, "init", "-q")
    for name, lines in files.items():
        (tmp_path / f"{name}.py").write_text("\n".join(lines) + ("\n" if name < "c" else ""))
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "start")
    for name, lines in files.items():
        for _ in range(30):
            at = chance.randrange(len(lines) - 3)
            lines[at : at + chance.randrange(3)] = [f"    changed({at}, {k})" for k in range(chance.randrange(4))]
        (tmp_path / f"{name}.py").write_text("\n".join(lines) + ("\n" if name != "d" else ""))
    git(tmp_path, "mv", "b.py", "moved file.py")
    git(tmp_path, "add", "-A")
    return tmp_path


@pytest.mark.parametrize("query", ["", "what does `step(77)` do?"])
def test_git_applies_what_is_shown(repository: Path, query: str) -> None:
    text = git(repository, "diff", "--cached", "-M")
    tree = git(repository, "write-tree")
    form = lossy(text, query=query)
    assert len(form.text) < len(text) * 0.8
    git(repository, "reset", "-q", "--hard")
    (repository / ".git" / "shown.diff").write_text(form.text)
    git(repository, "apply", "--unidiff-zero", "--index", ".git/shown.diff")
    assert git(repository, "write-tree") == tree


def test_every_changed_line_stays(repository: Path) -> None:
    text = git(repository, "diff", "--cached", "-M")
    shown = set(lossy(text).text.split("\n"))
    assert {line for line in text.split("\n") if line[:1] in "+-" and line[:3] not in ("+++", "---")} <= shown


def test_omissions_are_the_missing_lines(repository: Path) -> None:
    text = git(repository, "diff", "--cached", "-M")
    form = lossy(text)
    lines = text.split("\n")
    gone = [n for o in form.omissions for a, b in o.ranges for n in range(a, b + 1)]
    assert len(gone) == len(set(gone)) == sum(o.count for o in form.omissions)
    headers = sum(line.startswith("@@") for line in lines)
    shown = [line for line in form.text.split("\n")[1:] if not line.startswith("@@")]
    assert len(shown) == len(lines) - headers - len(gone)
    assert form.text.startswith(f"[… {len(gone)} of lines ")


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=40).map("\n".join), st.sampled_from([Level.BALANCED, Level.AGGRESSIVE]))
def test_never_raises(text: str, level: Level) -> None:
    COMPRESSOR.sniff(sample(text), Context())
    for form in COMPRESSOR.compress(text * 12, Context(level, "what is new?")):
        assert form.omissions


@settings(max_examples=200, deadline=None)
@given(st.text(" +-", min_size=1, max_size=60), st.integers(0, 3))
def test_trimmed_headers_count_their_lines(kinds: str, reach: int) -> None:
    old, new = (sum(k in side for k in kinds) for side in (" -", " +"))
    lines = [f"@@ -{11 if old else 10},{old} +{21 if new else 20},{new} @@ def f", *(k + "x" for k in kinds)]
    files = parse_diff(["--- a/f", "+++ b/f", *lines])
    assert files[0].end == len(lines) + 2
    pieces = trim(files[0].hunks[0], ["--- a/f", "+++ b/f", *lines], reach)
    assert "".join(kinds[p.start : p.end] for p in pieces).replace(" ", "") == kinds.replace(" ", "")
    for piece in pieces:
        body = kinds[piece.start : piece.end]
        ranges = re.match(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", piece.header)
        assert ranges is not None
        for side, first, (start, count) in ((" -", 11, ranges.group(1, 2)), (" +", 21, ranges.group(3, 4))):
            lines_here = sum(k in side for k in body)
            before = sum(k in side for k in kinds[: piece.start])
            assert int(count or 1) == lines_here
            assert int(start) == first + before - (lines_here == 0)


def test_combined_diff_headers() -> None:
    body = ["  a"] * 8 + ["- b", " -c", "++d", "  e"] + ["  f"] * 8
    text = ["diff --cc x.c", "index 1,2..3", "--- a/x.c", "+++ b/x.c", "@@@ -10,18 -20,18 +30,18 @@@ int main", *body]
    hunk = parse_diff(text)[0].hunks[0]
    (piece,) = trim(hunk, text, 1)
    assert piece.header == "@@@ -17,3 -27,3 +37,3 @@@ int main"


def test_lock_files_tell_their_versions() -> None:
    hashes = [f'+    {{ hash = "sha256:{i}" }},' for i in range(200)]
    body = [' name = "flask"', '-version = "3.1.0"', '+version = "3.1.1"', *hashes]
    header = ["diff --git a/uv.lock b/uv.lock", "index 1..2 100644", "--- a/uv.lock", "+++ b/uv.lock"]
    text = "\n".join([*header, f"@@ -1,2 +1,{len(body) - 1} @@", *body, ""])
    shown = lossy(text).text
    assert "lock file, +201 −1 line; versions: flask 3.1.0 → 3.1.1" in shown
    assert "b/uv.lock" in shown
    assert "sha256:150" in lossy(text, query='which line has "sha256:150"?').text


def test_the_same_change_in_another_file_is_said_not_shown() -> None:
    body = ["@@ -1,2 +1,42 @@", " a", *(f"+    option_{i} = {i}" for i in range(40)), " b"]
    files = [[f"--- a/{name}.toml", f"+++ b/{name}.toml", *body] for name in ("first", "second")]
    form = lossy("\n".join([*files[0], *files[1], ""]), Level.AGGRESSIVE)
    assert form.text.count("option_7 = 7") == 1
    assert "[… 42 lines (49–90): same change as in b/first.toml above …]" in form.text


def test_encoded_data_keeps_its_first_line() -> None:
    rows = [f"+{'aZ09' * 15}{i:04}" for i in range(40)]
    text = "\n".join(["--- a/key.pem", "+++ b/key.pem", "@@ -0,0 +1,40 @@", *rows, ""])
    form = lossy(text)
    assert rows[0] in form.text
    assert "[… 39 lines (5–43): encoded data …]" in form.text


@pytest.mark.parametrize(
    ("rows", "changes"),
    [
        ([" [[package]]", ' name = "serde"', '-version = "1.0.1"', '+version = "1.0.2"'], ["serde 1.0.1 → 1.0.2"]),
        (['     "node_modules/@vue/core": {', '-      "version": "3.0.0",'], ["@vue/core 3.0.0 removed"]),
        (['+"@babel/core@^7.1":', '+  version "7.1.2"'], ["@babel/core 7.1.2 added"]),
        (["-example.org/x v1.2.0 h1:abc=", "+example.org/x v1.3.0 h1:def="], ["example.org/x v1.2.0 → v1.3.0"]),
        (["-    rails (7.0.1)", "+    rails (7.0.2)"], ["rails 7.0.1 → 7.0.2"]),
        (['+    resolved "https://registry.example.org/x.tgz"'], []),
    ],
)
def test_version_changes(rows: list[str], changes: list[str]) -> None:
    assert version_changes((row[:1], row[1:]) for row in rows) == changes


@pytest.mark.parametrize(
    "text",
    [
        "- one\n- two\n+ three\n" * 9,
        "commit 12\nAuthor: x\n\n    --- not a diff\n" * 5,
        "a @@ -1 +1 @@\n" * 9,
        "--- \n+++ \n",
    ],
)
def test_other_kinds_of_text_are_not_claimed(text: str) -> None:
    assert COMPRESSOR.sniff(sample(text), Context()) < 0.5
