"""Every option once: its default, its limits, its flag and its environment variable."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from headroom.errors import InputError
from headroom.model import Block, Level, Role
from headroom.rules import Strategies, ToolLevels, level_of, lossless, strategies, tool_levels


def _option(default: Any, help: str, flag: str = "", env: str = "", metavar: str = "") -> Any:
    return field(default=default, metadata={"help": help, "flag": flag, "env": env, "metavar": metavar})


@dataclass(frozen=True, slots=True)
class Options:
    """How to compress. Immutable; `Options.of` builds one from loose values and says what is wrong with them."""

    level: Level = _option(Level.BALANCED, "lossless, balanced or aggressive", "--level", "HEADROOM_LEVEL")
    query: str | None = _option(None, "what must stay visible; default: the last user message and the call", "--query")
    budget: int | None = _option(None, "tokens the whole input should fit in", "--budget", "HEADROOM_BUDGET")
    roles: frozenset[Role] = _option(frozenset((Role.TOOL,)), "whose text may change", "--roles", "HEADROOM_ROLES")
    min_tokens: int = _option(100, "smaller blocks are left alone", "--min-tokens", "HEADROOM_MIN_TOKENS")
    repeats: bool = _option(
        True, "refer to lines that an earlier result shows", "--repeats/--no-repeats", "HEADROOM_REPEATS"
    )
    tools: ToolLevels = _option(
        (),
        "a level or `none` for the results of some tools, by name or glob",
        "--tool-level",
        "HEADROOM_TOOL_LEVELS",
        "GLOB=LEVEL",
    )
    strategies: Strategies = _option(
        (),
        "off for a compressor (log, or log:TOOL) that may leave nothing out",
        "--strategy",
        "HEADROOM_STRATEGIES",
        "NAME=off",
    )

    @classmethod
    def of(cls, **values: Any) -> Options:
        """Options from keyword values; strings become levels and roles. Raises InputError naming the option."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InputError(f"unknown option {unknown[0]!r}; known options: {', '.join(sorted(known))}")
        return replace(cls(), **{name: _checked(name, value) for name, value in values.items()})

    def level_for(self, block: Block) -> Level | None:
        """The level for a block, None where it is to stay as it is."""
        return level_of(self.tools, block.call.name, self.level) if block.role is Role.TOOL else self.level

    def lossless(self) -> Options:
        """The same with nothing left out of anything."""
        return replace(self, level=Level.LOSSLESS, tools=lossless(self.tools))


def _checked(name: str, value: Any) -> Any:
    if name == "level":
        try:
            return Level(value)
        except ValueError:
            raise InputError(f"level must be one of {', '.join(x.value for x in Level)}, not {value!r}") from None
    if name == "roles":
        wanted = [value] if isinstance(value, (str, Role)) else list(value)
        try:
            return frozenset(Role(role) for role in wanted)
        except ValueError:
            raise InputError(f"roles must be among {', '.join(x.value for x in Role)}, not {wanted!r}") from None
    if name == "tools":
        return tool_levels(value)
    if name == "strategies":
        return strategies(value)
    if name == "min_tokens" or (name == "budget" and value is not None):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"{name} must be a number of tokens, 0 or more, not {value!r}")
    elif name == "repeats" and not isinstance(value, bool):
        raise InputError(f"repeats must be True or False, not {value!r}")
    elif name == "query" and value is not None and not isinstance(value, str):
        raise InputError(f"query must be a string, not {type(value).__name__}")
    return value
