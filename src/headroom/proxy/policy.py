"""The configuration file: TOML whose tables set settings. What is wrong in it is said with file, line and key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from headroom import rules
from headroom.errors import InputError
from headroom.model import Level
from headroom.options import Options
from headroom.proxy.settings import Settings, checked
from headroom.toml_file import TomlFile

CONFIG_FILE = "config.toml"
_TABLES_OF_THEIR_OWN = ("tools", "strategies")
_SETTINGS = {setting.name: setting for setting in fields(Settings) if setting.name not in _TABLES_OF_THEIR_OWN}
_KINDS: Mapping[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a string"),
    tuple: ((list,), "a list of strings"),
}


@lru_cache(maxsize=256)
def options_for(
    level: Level | None, tools: rules.ToolLevels, strategies: rules.Strategies, switched_off: frozenset[str]
) -> Options:
    """How the texts of a request are shortened; without a level only those of tools that have one."""
    if level is None:
        level, tools = Level.LOSSLESS, (*tools, ("*", None))
    by_themselves = [(name, *name.partition(":")[::2]) for name in sorted(switched_off)]
    off = ((name, rules.Switch.OFF) for name, *strategy in by_themselves if _is_auto(strategies, *strategy))
    return Options(level=level, tools=tools, strategies=(*strategies, *off))


def _is_auto(strategies: rules.Strategies, compressor: str, tool: str) -> bool:
    return rules.switch_of(strategies, compressor, tool) is rules.Switch.AUTO


def settings_in(path: Path) -> dict[str, Any]:
    """The settings that a file has, as a command line would. Raises InputError that names file, line and key."""
    file = TomlFile.read(path)
    found: dict[str, Any] = {}
    for name, table in file.tables.items():
        if name not in _TABLES:
            hint = "prices stand in prices.toml" if name == "prices" else f"known: {', '.join(_TABLES)}"
            raise file.wrong(name, "", f"there is no table of this name; {hint}")
        if not isinstance(table, dict):
            raise file.wrong(name, "", "this is the name of a table")
        found |= _table(file, name, table)
    return found


def _table(file: TomlFile, name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    read, found = _TABLES[name], {}
    for key, value in table.items():
        try:
            found[key] = read(key, value)
        except InputError as error:
            raise file.wrong(name, key, str(error)) from error
    return found if name == "proxy" else {name: [f"{key}={value}" for key, value in found.items()]}


def keys() -> Iterator[tuple[str, str]]:
    """What may stand in [proxy], and what kind of value it has."""
    return ((name, _kind(name)[2]) for name in _SETTINGS)


def _kind(name: str) -> tuple[type, tuple[type, ...], str]:
    default = _SETTINGS[name].default
    kind = str if isinstance(default, Level) else type(default)
    return kind, *_KINDS[kind]


def _setting(name: str, value: Any) -> Any:
    if name not in _SETTINGS:
        raise InputError(f"there is no setting of this name; known: {', '.join(_SETTINGS)}")
    kind, types, said = _kind(name)
    if name == "upstreams" and isinstance(value, dict):
        value = [f"{one}={url}" for one, url in value.items()]
    is_one = isinstance(value, types) and (kind is bool or not isinstance(value, bool))
    if not is_one or (kind is tuple and not all(isinstance(one, str) for one in value)):
        raise InputError(f"this is {said}, not {value!r}")
    checked(name, value)
    return value


def _tool(glob: str, level: Any) -> str:
    rules.tool_levels({glob: _word(level)})
    return str(level)


def _strategy(name: str, switch: Any) -> str:
    rules.strategies({name: _word(switch)})
    return str(switch)


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"this is a string, not {value!r}")
    return value


_TABLES: Mapping[str, Callable[[str, Any], Any]] = {"proxy": _setting, "tools": _tool, "strategies": _strategy}
