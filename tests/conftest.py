"""Every test has its own HEADROOM_HOME; no test touches the user's store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines that run the tests are slow and busy at times; a build repeats the same examples, a developer tries new ones.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regen", action="store_true", help="rewrite the expected.txt of every case")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A throw-away HEADROOM_HOME."""
    place = tmp_path / "headroom-home"
    monkeypatch.setenv("HEADROOM_HOME", str(place))
    return place
