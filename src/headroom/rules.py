"""Rules by name: at which level a tool's results are shortened, which compressors may leave something out of them.

A rule is for a name or for a glob (`*`, `?`, `[…]`). The one for the very name wins, then the longest glob.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, TypeVar

from headroom.errors import InputError
from headroom.model import Level
from headroom.plugins import compressors

NONE = "none"
LEVELS = (*(level.value for level in Level), NONE)
REPEATS = "repeats"  # the strategy that refers to earlier results, which no compressor is


class Switch(str, Enum):
    """Whether a compressor may leave something out: always, never, or unless that has proved to save nothing."""

    ON = "on"
    OFF = "off"
    AUTO = "auto"


ToolLevels = tuple[tuple[str, "Level | None"], ...]
Strategies = tuple[tuple[str, Switch], ...]
Given = Mapping[str, Any] | Iterable[Any]
T = TypeVar("T")


def tool_levels(given: Given) -> ToolLevels:
    """Levels by tool, None where nothing may change, from a mapping, pairs, or texts GLOB=LEVEL. Raises InputError."""
    return tuple((glob, _level(glob, level)) for glob, level in _pairs(given, "tools", "GLOB=LEVEL"))


def strategies(given: Given) -> Strategies:
    """Switches by COMPRESSOR:TOOL, from a mapping, pairs, or texts NAME=SWITCH. A name without a tool is for all."""
    return tuple(
        (_strategy(name), _switch(name, switch)) for name, switch in _pairs(given, "strategies", "NAME=SWITCH")
    )


def lossless(rules: ToolLevels) -> ToolLevels:
    """The same rules with nothing left out of anything."""
    return tuple((tool, level and Level.LOSSLESS) for tool, level in rules)


def level_of(rules: ToolLevels, tool: str, otherwise: Level | None) -> Level | None:
    """The level for a tool's results."""
    return _found(rules, tool, otherwise) if rules else otherwise


def switch_of(rules: Strategies, compressor: str, tool: str) -> Switch:
    """Whether a compressor may leave something out of a tool's results."""
    found: Switch = _found(rules, f"{compressor}:{tool}", Switch.AUTO)
    return found


@lru_cache(maxsize=1024)
def lossless_only(rules: Strategies, tool: str) -> frozenset[str]:
    """The compressors that may leave nothing out of a tool's results."""
    names = (*compressors(), REPEATS) if rules else ()
    return frozenset(name for name in names if switch_of(rules, name, tool) is Switch.OFF)


@lru_cache(maxsize=4096)
def _found(rules: tuple[tuple[str, T], ...], name: str, otherwise: T) -> T:
    fitting = [rule for rule in rules if rule[0] == name or fnmatchcase(name, rule[0])]
    return max(fitting, key=lambda rule: (rule[0] == name, len(rule[0])), default=("", otherwise))[1]


def _pairs(given: Given, what: str, written: str) -> Iterator[tuple[str, Any]]:
    if isinstance(given, str) or not isinstance(given, (Mapping, Iterable)):
        raise InputError(f"{what} must be a mapping, not {given!r}")
    for one in given.items() if isinstance(given, Mapping) else given:
        name, equals, value = one.rpartition("=") if isinstance(one, str) else (one[0], "=", one[1])
        if not name or not equals or not isinstance(name, str):
            raise InputError(f"{what} are written {written}, not {one!r}")
        yield name, value


def _level(glob: str, level: Any) -> Level | None:
    if level is None or level == NONE:
        return None
    try:
        return Level(level)
    except ValueError:
        raise InputError(f"the level of {glob!r} must be one of {', '.join(LEVELS)}, not {level!r}") from None


def _switch(name: str, switch: Any) -> Switch:
    try:
        return Switch(switch)
    except ValueError:
        raise InputError(f"{name!r} must be one of {', '.join(x.value for x in Switch)}, not {switch!r}") from None


def _strategy(name: str) -> str:
    compressor, _, tool = name.partition(":")
    known = (*compressors(), REPEATS)
    if not any(fnmatchcase(one, compressor) for one in known):
        raise InputError(f"no compressor is called {compressor!r}; known: {', '.join(known)}")
    return f"{compressor}:{tool or '*'}"
