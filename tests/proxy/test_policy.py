"""The configuration file: what each of its keys does, what is wrong in it, and that a wrong one changes nothing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from headroom.cli.proxy import reread
from headroom.errors import InputError
from headroom.model import Level
from headroom.proxy.policy import settings_in
from headroom.proxy.settings import Settings


def written(folder: Path, text: str) -> Path:
    file = folder / "headroom.toml"
    file.write_text(text)
    return file


def test_a_file_sets_settings(tmp_path: Path) -> None:
    text = """
    [proxy]
    port = 9000
    level = "aggressive"
    read_timeout = 5
    align = true
    upstreams = { local = "http://127.0.0.1:11434" }
    allow_hosts = ["box"]

    [tools]
    "mcp__github__*" = "balanced"
    Read = "none"

    [strategies]
    log = "on"
    "log:Bash" = "off"
    """
    settings = Settings.of(**settings_in(written(tmp_path, text)))
    assert (settings.port, settings.level, settings.read_timeout, settings.align) == (9000, Level.AGGRESSIVE, 5, True)
    assert settings.upstreams == (("local", "http://127.0.0.1:11434"),)
    assert settings.allow_hosts == ("box",)
    assert settings.tools == (("mcp__github__*", Level.BALANCED), ("Read", None))
    assert [(name, switch.value) for name, switch in settings.strategies] == [("log:*", "on"), ("log:Bash", "off")]


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert settings_in(written(tmp_path, "# nothing\n")) == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[proxy]\nport = 1\nprot = 2\n", 3, ("[proxy] prot", "no setting", "budget_ms")),
        ("[proxy]\n# port = 1\n\nport = 'x'\n", 4, ("[proxy] port", "a whole number", "'x'")),
        ("[proxy]\nport = true\n", 2, ("[proxy] port", "a whole number")),
        ("[proxy]\nport = 65536\n", 2, ("[proxy] port", "65535")),
        ("[proxy]\nworkers = 0\n", 2, ("[proxy] workers", "1 or more")),
        ("[proxy]\nalign = 'yes'\n", 2, ("[proxy] align", "true or false")),
        ("[proxy]\nread_timeout = '3'\n", 2, ("[proxy] read_timeout", "a number")),
        ("[proxy]\nread_timeout = nan\n", 2, ("[proxy] read_timeout", "0 or more")),
        ("[proxy]\nlevel = 'much'\n", 2, ("[proxy] level", "lossless, balanced, aggressive, none")),
        ("[proxy]\nlevel = 3\n", 2, ("[proxy] level", "a string")),
        ("[proxy]\nopenai_url = 'x'\n", 2, ("[proxy] openai_url", "https://api.example.com")),
        ("[proxy]\nallow_hosts = 'box'\n", 2, ("[proxy] allow_hosts", "a list of strings")),
        ("[proxy]\nallow_hosts = [1]\n", 2, ("[proxy] allow_hosts", "a list of strings")),
        ("[proxy]\nupstreams = { v1 = 'http://x' }\n", 2, ("[proxy] upstreams", "'v1'")),
        ("[proxy]\nca_file = '/no/such'\n", 2, ("[proxy] ca_file", "/no/such")),
        ("[proxy]\ntools = ['Read=none']\n", 2, ("[proxy] tools", "no setting")),
        ("\n\n[tools]\n'mcp__*' = 'lossless'\n'Read' = 'non'\n", 5, ("[tools] Read", "'non'", "aggressive, none")),
        ("[tools]\nRead = false\n", 2, ("[tools] Read", "a string")),
        ("[tools]\n[tools.Read]\nx = 1\n", 2, ("[tools] Read", "a string")),
        ("[strategies]\nlgo = 'on'\n", 2, ("[strategies] lgo", "'lgo'", "known: build, code")),
        ("[strategies]\n'log:Bash' = 'never'\n", 2, ("[strategies] log:Bash", "on, off, auto", "'never'")),
        ("[proxy]\nport = 1\n[tool]\nRead = 'none'\n", 3, ("[tool]", "known: proxy, tools, strategies")),
        ("[prices]\n", 1, ("[prices]", "prices.toml")),
        ("port = 1\n", 1, ("[port]", "no table")),
        ("tools = 3\n", 1, ("[tools]", "the name of a table")),
        ("proxy.level = 'balanced'\nproxy.port = -1\n", 2, ("[proxy] port", "0 or more")),
        ("proxy = { port = -1 }\n", 1, ("[proxy] port", "0 or more")),
        ("[proxy]\nport = 1\n\nport =\n", 4, ("not TOML",)),
        ("[proxy]\nlevel = '", 2, ("not TOML",)),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(
    text: str, line: int, words: tuple[str, ...], tmp_path: Path
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        settings_in(file)
    assert str(caught.value).startswith(f"{file}:{line}: ")
    for word in words:
        assert word in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml: "):
        settings_in(tmp_path / "nowhere.toml")
    file = tmp_path / "latin.toml"
    file.write_bytes(b"[proxy]\n# caf\xe9\n")
    with pytest.raises(InputError, match=r"latin\.toml:2: not UTF-8"):
        settings_in(file)


def test_it_is_found_by_flag_by_variable_and_where_it_belongs(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def port(*arguments: str) -> int:
        settings = reread([*arguments])
        assert settings is not None
        return settings.port

    assert port() == 8787
    home.mkdir()
    (home / "config.toml").write_text("[proxy]\nport = 1\n")
    assert port() == 1
    assert port("--config", "") == 8787
    by_variable, by_flag = tmp_path / "a.toml", tmp_path / "b.toml"
    by_variable.write_text("[proxy]\nport = 2\n")
    by_flag.write_text("[proxy]\nport = 3\n")
    monkeypatch.setenv("HEADROOM_CONFIG", str(by_variable))
    assert port() == 2
    assert port("--config", str(by_flag)) == 3


@pytest.mark.parametrize("table", ["tools", "strategies"])
def test_flags_and_variables_win_over_a_table_of_the_file(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, values = {"tools": ("Read", ("none", "lossless", "aggressive")), "strategies": ("log", ("on", "off", "auto"))}[
        table
    ]
    config = ["--config", str(written(tmp_path, f'[{table}]\n{key} = "{values[0]}"\n'))]
    variable, flag = {
        "tools": ("HEADROOM_TOOL_LEVELS", "--tool-level"),
        "strategies": ("HEADROOM_STRATEGIES", "--strategy"),
    }[table]

    def found(arguments: list[str]) -> Any:
        settings = reread(arguments)
        assert settings is not None
        ((_, value),) = getattr(settings, table)
        return value.value if value else "none"

    assert found(config) == values[0]
    monkeypatch.setenv(variable, f"{key}={values[1]}")
    assert found(config) == values[1]
    assert found([*config, flag, f"{key}={values[2]}"]) == values[2]


def test_a_wrong_file_changes_nothing_and_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = written(tmp_path, "[tools]\nRead = 'non'\n")
    with caplog.at_level(logging.ERROR):
        assert reread(["--config", str(file)]) is None
    (record,) = caplog.records
    assert f"{file}:2: [tools] Read: " in record.getMessage()
    assert "settings stay as they are" in record.getMessage()
