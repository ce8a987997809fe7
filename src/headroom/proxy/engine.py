"""What a process of the proxy works with; tests put in what they like."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial

from headroom.cache_aligner import CacheAligner
from headroom.ccr.default import data_folder, default_store
from headroom.ccr.memory import MemoryStore
from headroom.ccr.pins import MemoryPins, SQLitePins
from headroom.interfaces import Dialect, Original, Pins, ReplyFormat, Store
from headroom.ledger.book import Book, Ledger
from headroom.ledger.counterfactual import Accounts
from headroom.ledger.default import counting, ledger_path
from headroom.ledger.prices import cost
from headroom.ledger.reading import Reading
from headroom.ledger.record import Record
from headroom.ledger.retention import Retention
from headroom.ledger.strategies import SwitchedOff
from headroom.model import Level
from headroom.options import Options
from headroom.plugins import dialects, replies
from headroom.prefixes import Prefixes
from headroom.proxy.aligning import Aligner, Aligning, Trial
from headroom.proxy.budgets import Budgets, UsedToday
from headroom.proxy.policy import options_for
from headroom.proxy.scribe import Scribe
from headroom.proxy.settings import Settings
from headroom.proxy.steady_prompt import SteadyPrompt
from headroom.proxy.switch import Switch
from headroom.proxy.telemetry import is_told, listener
from headroom.proxy.tool_order import ToolOrder
from headroom.proxy.upstreams import Connections
from headroom.rules import ToolLevels

_log = logging.getLogger("headroom.proxy")
_STORES = 64  # of projects, held ready
PINS_FILE, TRIAL_FILE, BUDGETS_FILE = "pins.sqlite3", "dry-run.sqlite3", "budgets.sqlite3"
_PATIENCE = 0.25  # seconds; a request does not wait longer for a file that somebody else has locked


class _Nowhere(MemoryStore):
    """Gives texts their ids and keeps none: what a dry run leaves out nobody asks for."""

    def put_many(self, originals: Sequence[Original]) -> list[str]:
        return [self.identify(one.text) for one in originals]


@dataclass(frozen=True)
class Engine:
    """The collaborators of all requests.

    A dialect without a reply format is never offered `headroom_retrieve`. `prefixes` are the aligner's, to look up what
    was sent; `switched_off` names the strategies that leave nothing out any more because they have saved nothing.
    """

    aligner: Aligner
    store_of: Callable[[str], Store]
    dialects: Mapping[str, Dialect]
    replies: Mapping[str, ReplyFormat] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=lambda: Book(None, Accounts()))
    prefixes: Prefixes = field(default_factory=lambda: Prefixes(MemoryPins()))
    switch: Switch = field(default_factory=Switch)
    trial: Trial = field(default_factory=lambda: Trial(CacheAligner(MemoryPins()), _Nowhere()))
    tool_order: ToolOrder = field(default_factory=lambda: ToolOrder(MemoryPins()))
    steady_prompt: SteadyPrompt = field(default_factory=lambda: SteadyPrompt(MemoryPins()))
    budgets: Budgets = field(default_factory=lambda: Budgets(UsedToday()))
    switched_off: Callable[[], frozenset[str]] = frozenset

    @cached_property
    def reading(self) -> Reading:
        """What the books say."""
        return Reading(self.ledger.source(), cost, counting())


@dataclass(frozen=True)
class Shared:
    """What all requests under some settings share."""

    settings: Settings
    engine: Engine
    aligning: Aligning
    connections: Connections

    def options(self, level: Level | None, tools: ToolLevels) -> Options:
        """How the texts of a request are shortened that wants this level, and these for some tools."""
        return options_for(level, tools, self.settings.strategies, self.engine.switched_off())

    @property
    def offers(self) -> bool:
        """Whether conversations that begin now are offered `headroom_retrieve`."""
        return self.settings.retrieve and not self.engine.switch.paused

    def book(self, record: Record) -> None:
        """Writes a request down, in the ledger and against its project's budget. Never raises."""
        try:
            if self.settings.daily_budget_tokens:
                self.engine.budgets.book(record.project, record.usage)
            self.engine.ledger.add(record)
        except Exception:
            _log.exception("a request was not booked")


def default_engine(keep_requests: int = 0, otel: bool = False) -> Engine:
    """The one of the command: all in the data folder, or in memory with HEADROOM_STORE=memory.

    `keep_requests` is for how many MiB whole requests are kept, `otel` whether OpenTelemetry is told of all of them.
    """
    retention = Retention(bodies=keep_requests << 20)
    if os.environ.get("HEADROOM_STORE") == "memory":
        return _engine(MemoryPins(), MemoryPins(), UsedToday(), Book(None, Accounts(), retention, told=listener(otel)))
    folder = data_folder()
    pins, tried = (SQLitePins(folder / name, patience=_PATIENCE) for name in (PINS_FILE, TRIAL_FILE))
    return _engine(pins, tried, UsedToday(folder / BUDGETS_FILE), Scribe(ledger_path(), retention, is_told(otel)))


def _engine(pins: Pins, tried: Pins, used: UsedToday, ledger: Ledger) -> Engine:
    store_of = lru_cache(maxsize=_STORES)(partial(default_store, patience=_PATIENCE))
    return Engine(
        CacheAligner(pins),
        store_of,
        dialects(),
        replies(),
        ledger,
        Prefixes(pins),
        trial=Trial(CacheAligner(tried), _Nowhere()),
        tool_order=ToolOrder(pins),
        steady_prompt=SteadyPrompt(pins),
        budgets=Budgets(used),
        switched_off=SwitchedOff(ledger.source()),
    )
