"""What a process of the proxy works with; tests put in what they like."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial

from headroom.cache_aligner import CacheAligner
from headroom.ccr.default import data_folder, default_store
from headroom.ccr.pins import MemoryPins, SQLitePins
from headroom.interfaces import Dialect, Pins, ReplyFormat, Store
from headroom.plugins import dialects, replies
from headroom.proxy.aligning import Aligner, Aligning
from headroom.proxy.budgets import Budgets, UsedToday
from headroom.proxy.observe import Counters, Ledger
from headroom.proxy.settings import Settings
from headroom.proxy.steady_prompt import SteadyPrompt
from headroom.proxy.tool_order import ToolOrder
from headroom.proxy.upstreams import Connections

_STORES = 64  # of projects, held ready
PINS_FILE, BUDGETS_FILE = "pins.sqlite3", "budgets.sqlite3"
_PATIENCE = 0.25  # seconds; a request does not wait longer for a file that somebody else has locked


@dataclass(frozen=True)
class Engine:
    """The collaborators of all requests.

    A dialect without a reply format is never offered `headroom_retrieve`.
    """

    aligner: Aligner
    store_of: Callable[[str], Store]
    dialects: Mapping[str, Dialect]
    replies: Mapping[str, ReplyFormat] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Counters)
    tool_order: ToolOrder = field(default_factory=lambda: ToolOrder(MemoryPins()))
    steady_prompt: SteadyPrompt = field(default_factory=lambda: SteadyPrompt(MemoryPins()))
    budgets: Budgets = field(default_factory=lambda: Budgets(UsedToday()))


@dataclass(frozen=True)
class Shared:
    """What all requests under some settings share."""

    settings: Settings
    engine: Engine
    aligning: Aligning
    connections: Connections


def default_engine() -> Engine:
    """The one of the command: all in the data folder, or in memory with HEADROOM_STORE=memory."""
    if os.environ.get("HEADROOM_STORE") == "memory":
        return _engine(MemoryPins(), UsedToday())
    folder = data_folder()
    return _engine(SQLitePins(folder / PINS_FILE, patience=_PATIENCE), UsedToday(folder / BUDGETS_FILE))


def _engine(pins: Pins, used: UsedToday) -> Engine:
    store_of = lru_cache(maxsize=_STORES)(partial(default_store, patience=_PATIENCE))
    return Engine(
        CacheAligner(pins),
        store_of,
        dialects(),
        replies(),
        tool_order=ToolOrder(pins),
        steady_prompt=SteadyPrompt(pins),
        budgets=Budgets(used),
    )
