"""Every test has its own HEADROOM_HOME; no test touches the user's store."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regen", action="store_true", help="rewrite the expected.txt of every case")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A throw-away HEADROOM_HOME."""
    place = tmp_path / "headroom-home"
    monkeypatch.setenv("HEADROOM_HOME", str(place))
    return place
