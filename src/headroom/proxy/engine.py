"""What a process of the proxy works with; tests put in what they like."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from headroom.cache_aligner import CacheAligner
from headroom.ccr.default import data_folder, default_store
from headroom.ccr.pins import MemoryPins, SQLitePins
from headroom.interfaces import Dialect, Pins, ReplyFormat, Store
from headroom.plugins import dialects, replies
from headroom.proxy.aligning import Aligner, Aligning
from headroom.proxy.endpoints import Route
from headroom.proxy.observe import Counters, Ledger
from headroom.proxy.settings import Settings
from headroom.proxy.upstreams import Connections

PINS_FILE = "pins.sqlite3"


@dataclass(frozen=True)
class Engine:
    """The collaborators of all requests.

    A dialect without a reply format is never offered `headroom_retrieve`. `sockets` takes over WebSocket handshakes;
    without it clients are told to use HTTP.
    """

    aligner: Aligner
    store_of: Callable[[str], Store]
    dialects: Mapping[str, Dialect]
    replies: Mapping[str, ReplyFormat] = field(default_factory=dict)
    sockets: Sockets | None = None
    ledger: Ledger = field(default_factory=Counters)


@dataclass(frozen=True)
class Shared:
    """What all requests under some settings share."""

    settings: Settings
    engine: Engine
    aligning: Aligning
    connections: Connections


# Takes over a WebSocket handshake: its request, where it goes, what there is to do it with.
Sockets = Callable[[web.Request, Route, Shared], Awaitable[web.StreamResponse]]


def default_engine() -> Engine:
    """The one of the command: pins and originals in the data folder, or in memory with HEADROOM_STORE=memory."""
    in_memory = os.environ.get("HEADROOM_STORE") == "memory"
    pins: Pins = MemoryPins() if in_memory else SQLitePins(data_folder() / PINS_FILE)
    return Engine(CacheAligner(pins), default_store, dialects(), replies())
