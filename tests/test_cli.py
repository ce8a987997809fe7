"""The command: bytes in and out exactly, exit codes, errors that name what and where, --json everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import headroom
from headroom import Level
from headroom.cli.explain import _rows as side_by_side
from headroom.cli.main import Commands, group, main
from headroom.options import Options

LINES = [f"2026-03-01 10:{i // 60:02}:{i % 60:02} INFO worker {i % 4}: handled request {i}" for i in range(300)]
LINES[200] = "2026-03-01 10:03:20 ERROR worker 2: payment 8812 refused"
LOG = "\n".join(LINES) + "\n"


def headroom_command(*arguments: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The real program in a process of its own."""
    command = [sys.executable, "-c", "from headroom.cli.main import main; main()", *arguments]
    return subprocess.run(command, input=input, capture_output=True, check=False, timeout=60)


def run(*arguments: str, input: bytes | str = b"") -> Result:
    """The command in this process."""
    return CliRunner().invoke(group, list(arguments), input=input, standalone_mode=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "worker.log"
    file.write_text(LOG)
    return file


def id_in(summary: str) -> str:
    return summary.split("id ")[1].split(";", maxsplit=1)[0]


def test_compress_and_get_everything_back(log: Path) -> None:
    done = headroom_command("compress", str(log))
    assert done.returncode == 0
    assert len(done.stdout) < len(LOG) / 2
    assert LINES[200].encode() in done.stdout
    (summary,) = done.stderr.decode().strip().split("\n")
    assert "→" in summary
    back = headroom_command("retrieve", id_in(summary))
    assert (back.returncode, back.stdout) == (0, LOG.encode())


@pytest.mark.parametrize(
    "raw",
    [
        LOG.encode().replace(b"\n", b"\r\n"),
        LOG.encode().rstrip(b"\n"),
        LOG.encode() + b"\xff\xfe broken \xc3\n",
        LOG.encode().replace(b"worker 3", b"w\x00rker 3"),
        "\ufeff".encode() + LOG.encode(),
        LOG.encode() + b"\r",
    ],
    ids=["crlf", "no final newline", "not utf-8", "nul", "bom", "lone carriage return"],
)
def test_every_byte_survives(raw: bytes) -> None:
    done = headroom_command("compress", "-", input=raw)
    assert done.returncode == 0
    assert len(done.stdout) < len(raw)
    assert headroom_command("retrieve", id_in(done.stderr.decode())).stdout == raw


@pytest.mark.parametrize("raw", [b"", b"\n", b"x", b"\xff\x00\r\n", b"a\r\nb"])
def test_what_is_left_alone_comes_out_as_it_went_in(raw: bytes) -> None:
    done = headroom_command("compress", input=raw)
    assert (done.returncode, done.stdout) == (0, raw)
    assert b"left as it is" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["compress", "no-such-file"], 1, "headroom: no-such-file: No such file or directory"),
        (["compress", "."], 1, "headroom: .: Is a directory"),
        (["retrieve", "zzzzzzzz"], 1, "zzzzzzzz"),
        (["store", "show", "zzzzzzzz"], 1, "zzzzzzzz"),
        (["store", "purge"], 2, "say what to remove"),
        (["store", "purge", "--older-than", "soon"], 1, "7d"),
        (["compress", "--level", "max"], 2, "'max' is not one of"),
        (["compress", "--budget", "-3"], 2, "--budget"),
        (["compress", "--roles", "robot"], 2, "robot"),
        (["compress", "--nonsense"], 2, "--nonsense"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_errors_are_one_line_and_have_a_code(arguments: list[str], code: int, says: str) -> None:
    done = headroom_command(*arguments)
    assert done.returncode == code
    assert says in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.stdout == b""


def test_broken_json_is_named_with_file_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text('[\n {"role": "user",\n  "content": }\n]')
    done = headroom_command("compress", "--messages", str(file))
    assert done.returncode == 1
    assert f"{file}:3:14: not JSON" in done.stderr.decode()
    file.write_text('[{"role": "robot", "content": "x"}]')
    assert (
        f"{file}: messages are of no known shape"
        in headroom_command("compress", "--messages", str(file)).stderr.decode()
    )


def test_an_unusable_environment_is_explained(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    monkeypatch.setenv("HEADROOM_STORE", "cloud")
    done = headroom_command("compress", str(log))
    assert done.returncode == 1
    assert "HEADROOM_STORE must be sqlite or memory" in done.stderr.decode()


def test_a_store_that_cannot_be_written_leaves_the_text_alone(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(log))  # a file, not a folder
    done = headroom_command("compress", str(log))
    assert (done.returncode, done.stdout) == (0, LOG.encode())
    assert b"store_failed" in done.stderr


def test_a_reader_that_goes_away_is_no_error(log: Path) -> None:
    command = [sys.executable, "-c", "from headroom.cli.main import main; main()", "store", "list"]
    for _ in range(3):
        headroom_command("compress", str(log))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)


def conversation() -> list[dict[str, Any]]:
    call = {"id": "c", "type": "function", "function": {"name": "Bash", "arguments": '{"command": "cat worker.log"}'}}
    return [
        {"role": "user", "content": "what went wrong?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": LOG},
    ]


def test_a_conversation(tmp_path: Path) -> None:
    done = run("compress", "--messages", "-", input=json.dumps(conversation()))
    assert done.exit_code == 0
    messages = json.loads(done.stdout)
    assert messages[:2] == conversation()[:2]
    assert LINES[200] in messages[2]["content"]
    assert "1 of 3 blocks changed" in done.stderr
    whole = run("compress", "--messages", "--json", "-", input=json.dumps(conversation()))
    report = json.loads(whole.stdout)
    assert report["messages"] == messages
    assert report["fits"] is True
    assert {block["reason"] for block in report["blocks"]} == {"compressed", "role_protected"}


def test_a_budget_that_cannot_be_met_is_said(log: Path) -> None:
    assert "the budget of 5 can't be met" in run("compress", "--budget", "5", str(log)).stderr
    done = run("compress", "--messages", "--budget", "5", "-", input=json.dumps(conversation()))
    assert "the budget of 5 can't be met" in done.stderr


def test_json_reports(log: Path) -> None:
    compressed = json.loads(run("compress", "--json", str(log)).stdout)
    assert compressed["tokens_saved"] == compressed["tokens_before"] - compressed["tokens_after"] > 0
    assert compressed["omissions"][0]["count"] > 0
    part = json.loads(run("retrieve", "--json", compressed["id"], "--lines", "201").stdout)
    assert (part["text"], part["total"]) == (LINES[200], len(LINES) + 1)
    assert json.loads(run("store", "list", "--json").stdout)[0]["id"] == compressed["id"]
    assert json.loads(run("store", "show", "--json", compressed["id"]).stdout)["text"] == LOG
    explained = json.loads(run("explain", "--json", str(log)).stdout)
    assert explained["text"] == compressed["text"]
    assert explained["tried"]
    assert json.loads(run("store", "purge", "--json", "--all").stdout) == {"removed": 1}


def test_parts_by_line_row_path_and_search() -> None:
    items = json.dumps({"items": [{"id": i, "state": "ok", "note": f"note number {i}"} for i in range(200)]})
    kept = json.loads(run("compress", "--json", "-", input=items).stdout)["id"]
    assert json.loads(run("retrieve", kept, "--path", "$.items[3]").stdout)["note"] == "note number 3"
    assert '"id": 1,' in run("retrieve", kept, "--path", "$.items", "--rows", "2-3").stdout
    assert "note number 77" in run("retrieve", kept, "--query", "note number 77").stdout


def test_explain_shows_the_decision_and_stores_nothing(log: Path) -> None:
    done = run("explain", str(log))
    assert done.exit_code == 0
    for word in ("recognised", "candidate", "result", "left out", "before", "after"):
        assert word in done.stdout
    assert run("store", "list").stdout == ""
    assert "before" not in run("explain", "--rows", "0", str(log)).stdout
    small = run("explain", input="ok\n")
    assert "left as it is (too_small)" in small.stdout


LINES_OF_FEW_KINDS = st.lists(st.sampled_from(["", "a", "b", "c", "}", "same", "other"]), max_size=30)


@given(LINES_OF_FEW_KINDS, LINES_OF_FEW_KINDS, st.booleans())
def test_side_by_side_shows_both_sides_in_order(before: list[str], after: list[str], whole: bool) -> None:
    rows = list(side_by_side(before, after, whole))
    right = [line for _, _, line in rows]
    assert [line for line in right if line] == [line for line in after if line]
    numbers = [number for number, _, _ in rows if number]
    assert numbers == sorted(set(numbers))
    assert all(before[number - 1] == left for number, left, _ in rows if number)
    passed = sum(int(left.split()[1]) for number, left, _ in rows if not number and left)
    assert len(numbers) + passed == len(before)
    assert not (whole and passed)


def test_the_store_is_listed_and_purged(log: Path) -> None:
    assert "nothing is kept" in run("store", "list").stderr
    kept = id_in(run("compress", "--tool", "Bash", str(log)).stderr)
    assert kept in run("store", "list").stdout
    assert run("store", "show", kept).stdout == LOG
    assert "removed 0" in run("store", "purge", "--older-than", "7d").stderr
    assert "removed 1" in run("store", "purge", kept).stderr
    assert "nothing is kept" in run("store", "list").stderr


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        (["--level", "lossless"], {"HEADROOM_LEVEL": "lossless"}),
        (["--min-tokens", "100000"], {"HEADROOM_MIN_TOKENS": "100000"}),
        (["--budget", "60"], {"HEADROOM_BUDGET": "60"}),
        (["--roles", "tool,user"], {"HEADROOM_ROLES": "tool,user"}),
        (["--no-repeats"], {"HEADROOM_REPEATS": "false"}),
        (["--tool-level", "B*=none"], {"HEADROOM_TOOL_LEVELS": "B*=none"}),
        (["--strategy", "log=off"], {"HEADROOM_STRATEGIES": "log=off"}),
    ],
)
def test_each_flag_has_an_effect_and_so_has_its_variable(
    flags: list[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps([{"role": "user", "content": LOG}, *conversation()[1:], *conversation()[1:]])
    plain = run("compress", "--messages", "--json", "-", input=body).stdout
    flagged = run("compress", "--messages", "--json", *flags, "-", input=body).stdout
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run("compress", "--messages", "--json", "-", input=body).stdout == flagged != plain


def test_a_question_has_an_effect(log: Path) -> None:
    line = LINES[137]
    assert line not in run("compress", str(log)).stdout
    assert line in run("compress", "--query", "which worker handled request 137?", str(log)).stdout


@pytest.mark.parametrize("flag", ["--command", "--path"])
def test_where_a_text_comes_from_has_an_effect(log: Path, flag: str) -> None:
    """The words of the call count as asked for."""
    assert LINES[137] in run("compress", flag, "grep 'handled request 137'", str(log)).stdout


def test_the_name_of_the_tool_has_an_effect(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    text = "".join(f"<li><a href='/item/{n}'>Item {n}</a> costs {n} crowns</li>\n" for n in range(80))
    file.write_text(f"<html><body><h1>Prices</h1><ul>\n{text}</ul></body></html>\n")
    assert run("compress", "--tool", "Read", str(file)).stdout != run("compress", "--tool", "fetch", str(file)).stdout


def test_selectors_have_an_effect(log: Path) -> None:
    kept = id_in(run("compress", str(log)).stderr)
    assert run("retrieve", kept, "--limit", "2").stdout == "\n".join(LINES[:2])
    assert run("retrieve", kept, "--lines", "5-6").stdout == "\n".join(LINES[4:6])
    assert run("retrieve", f"id={kept}", "--lines=5-6").stdout == "\n".join(LINES[4:6])  # as closing lines write it
    assert len(run("explain", "--rows", "3", str(log)).stdout) < len(run("explain", str(log)).stdout)
    assert "more │" not in run("explain", "--full", str(log)).stdout
    run("compress", input=LOG + LOG)
    assert len(run("store", "list", "--limit", "1").stdout.splitlines()) == 1


def test_every_command_has_help_and_json() -> None:
    commands = Commands("headroom")
    for name in commands.list_commands(None):  # type: ignore[arg-type]
        found = commands.get_command(None, name)  # type: ignore[arg-type]
        assert found is not None
        leaves = found.commands.values() if hasattr(found, "commands") else [found]
        for command in leaves:
            assert command.help, name
            assert "as_json" in {parameter.name for parameter in command.params}, name


def test_every_option_of_the_engine_is_a_flag() -> None:

    flags = {flag for p in group.get_command(None, "compress").params for flag in p.opts}  # type: ignore[arg-type, union-attr]
    for field in fields(Options):
        assert field.metadata["flag"].split("/")[0] in flags
        assert field.metadata["help"]


def test_version_and_help_load_no_engine() -> None:
    code = (
        "import sys\nfrom headroom.cli.main import main\n"
        "try: main(['--version'])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith(('headroom.', 'sqlite3', 'rich', 'tree_sitter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    version, modules = done.stdout.strip().split("\n")
    assert version.endswith(headroom.__version__)
    assert set(eval(modules)) <= {"headroom.cli", "headroom.cli.main", "headroom.errors"}


@pytest.mark.parametrize(("arguments", "code"), [(["retrieve", "zzzzzzzz"], 1), (["--wrong"], 2)])
def test_main_ends_with_codes(arguments: list[str], code: int) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == code


def test_demo_runs_and_keeps_nothing(home: Path) -> None:
    done = headroom_command("demo", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"]) == (0, True)
    assert report["payloads"]
    assert all(row["original_intact"] for row in report["payloads"])
    assert all(row["tokens_after"] <= row["tokens_before"] for row in report["payloads"])
    assert report["fetched"]["exact"]
    assert not home.exists()


def test_the_levels_of_the_flag_are_the_levels() -> None:
    for level in Level:
        assert run("compress", "--level", level.value, input="x").exit_code == 0
