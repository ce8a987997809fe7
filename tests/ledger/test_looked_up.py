"""Prices are looked up once a day for all commands, and again with another table."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from headroom.ledger import looked_up as module
from headroom.ledger.looked_up import FILE, looked_up


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path))
    return tmp_path


def _never() -> None:
    raise AssertionError("looked up again")


def test_what_was_found_today_is_not_looked_up_again(home: Path) -> None:
    assert looked_up("a model", 1, lambda: {"input": 3.0}) == {"input": 3.0}
    assert looked_up("a model", 1, _never) == {"input": 3.0}
    assert stat.S_IMODE((home / FILE).stat().st_mode) == 0o600


def test_that_nothing_was_found_is_kept_too(home: Path) -> None:
    assert looked_up("a model", 1, lambda: None) is None
    assert looked_up("a model", 1, _never) is None


def test_another_day_or_table_is_looked_into(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up("a model", 1, lambda: {"input": 3.0})
    assert looked_up("a model", 2, lambda: {"input": 4.0}) == {"input": 4.0}
    monkeypatch.setattr(module, "_table", lambda: "a newer one")
    assert looked_up("a model", 2, lambda: {"input": 5.0}) == {"input": 5.0}


@pytest.mark.parametrize("kept", ["", "[1]", '{"state": 1, "prices": []}', "\x00"])
def test_a_file_that_makes_no_sense_is_as_none(home: Path, kept: str) -> None:
    (home / FILE).write_text(kept)
    assert looked_up("a model", 1, lambda: {"input": 3.0}) == {"input": 3.0}
    assert json.loads((home / FILE).read_text())["prices"] == {"a model": {"input": 3.0}}


def test_without_a_folder_nothing_is_left_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(home / "none"))
    assert looked_up("a model", 1, lambda: {"input": 3.0}) == {"input": 3.0}
    assert not (home / "none").exists()
