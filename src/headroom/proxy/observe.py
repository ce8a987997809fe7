"""What happened to each request, for whoever keeps books. Figures and names only, never a text."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Protocol

from headroom.model import BlockReport, Reason, Role, Usage
from headroom.proxy.breakers import Break

_RECENT = 20
_UNKNOWN = Usage()
_ENOUGH = 20  # requests with results of tools, after which no saving at all is worth a warning
_MOST_KINDS = 40  # of breaks that are told apart
_SUMS = (
    "requests with_results tokens_before tokens_after bytes_in bytes_forwarded retrievals billed_input"
    " billed_cache_read billed_cache_write billed_output"
).split()
NOTHING_SAVED = "nothing was saved so far: see `reasons` for what the texts were left alone for"
CACHE_BROKEN = (
    "clients broke their own prompt cache in {requests} requests, about {tokens} tokens were read again:"
    " see `cache_breakers` for what changed"
)


@dataclass(frozen=True, slots=True)
class Record:
    """One request.

    `at` is in seconds since the epoch, `ms_added` is the time that was spent on the request here, `ms_first_byte` that
    from the whole request's arrival to the reply's first byte. `reports` are those of the texts that were looked at,
    `reasons` codes of what happened to the request as a whole, `breaks` what the client itself did to its cache.
    """

    at: float
    endpoint: str
    dialect: str
    upstream: str
    project: str
    agent: str
    status: int
    bytes_in: int = 0
    bytes_forwarded: int = 0
    ms_added: float = 0.0
    ms_first_byte: float = 0.0
    reports: tuple[BlockReport, ...] = ()
    usage: Usage = _UNKNOWN
    retrievals: int = 0
    reasons: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()

    @property
    def tokens_before(self) -> int:
        return sum(report.tokens_before for report in self.reports)

    @property
    def tokens_after(self) -> int:
        return sum(report.tokens_after for report in self.reports)


def by_command(reports: Iterable[BlockReport]) -> int:
    """How many results of the client's own tools became originals that the model asked for by them."""
    return sum(report.reason is Reason.ANSWERED for report in reports)


class Ledger(Protocol):
    """Takes in what happened. `add` is called in the event loop and must not wait for anything."""

    def add(self, record: Record) -> None: ...

    def summary(self) -> dict[str, Any]: ...


@dataclass
class Counters:
    """The ledger that keeps sums in memory, for one process."""

    sums: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    recent: list[dict[str, Any]] = field(default_factory=list)
    started: float = field(default_factory=time.time)
    breaks: Counter[str] = field(default_factory=Counter)
    break_tokens: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        """Adds a request to the sums."""
        self.sums.update(
            requests=1,
            with_results=any(report.role is Role.TOOL for report in record.reports),
            tokens_before=record.tokens_before,
            tokens_after=record.tokens_after,
            bytes_in=record.bytes_in,
            bytes_forwarded=record.bytes_forwarded,
            retrievals=record.retrievals,
            billed_input=record.usage.input,
            billed_cache_read=record.usage.cache_read,
            billed_cache_write=record.usage.cache_write,
            billed_output=record.usage.output,
        )
        self.statuses[str(record.status)] += 1
        self.reasons.update(record.reasons)
        self.reasons.update(report.reason.value for report in record.reports)
        self.recent = [*self.recent[1 - _RECENT :], _line(record)]
        for one in record.breaks:
            if one.tokens <= record.usage.cache_read:
                continue  # the provider has read it from its cache after all
            what = one.what if one.what in self.breaks or len(self.breaks) < _MOST_KINDS else "others"
            self.breaks[what] += 1
            self.break_tokens[what] += one.tokens

    def plus(self, other: Counters) -> Counters:
        """Both together."""
        recent = sorted([*self.recent, *other.recent], key=itemgetter("at"))[-_RECENT:]
        return Counters(
            self.sums + other.sums,
            self.statuses + other.statuses,
            self.reasons + other.reasons,
            recent,
            min(self.started, other.started),
            self.breaks + other.breaks,
            self.break_tokens + other.break_tokens,
        )

    def summary(self) -> dict[str, Any]:
        """Everything as plain values."""
        saved = self.sums["tokens_before"] - self.sums["tokens_after"]
        return {
            "uptime_s": round(time.time() - self.started, 1),
            **{name: self.sums[name] for name in _SUMS},
            "tokens_saved": saved,
            "figures": "tokens_* are estimates of the texts looked at; billed_* are the providers' own numbers",
            "statuses": dict(sorted(self.statuses.items())),
            "reasons": dict(sorted(self.reasons.items())),
            "cache_breakers": [
                {"what": what, "requests": self.breaks[what], "tokens": tokens}
                for what, tokens in sorted(self.break_tokens.items(), key=lambda item: (-item[1], item[0]))
            ],
            "warnings": self._warnings(saved),
            "recent": self.recent,
        }

    def _warnings(self, saved: int) -> list[str]:
        """What somebody should look into, in words."""
        found = [NOTHING_SAVED] if saved == 0 and self.sums["with_results"] >= _ENOUGH else []
        if broken := self.breaks.total():
            found.append(CACHE_BROKEN.format(requests=broken, tokens=self.break_tokens.total()))
        return found


def _line(record: Record) -> dict[str, Any]:
    return {
        "at": round(record.at, 3),
        "endpoint": record.endpoint,
        "dialect": record.dialect,
        "upstream": record.upstream,
        "model": record.usage.model,
        "agent": record.agent,
        "project": record.project,
        "status": record.status,
        "tokens_before": record.tokens_before,
        "tokens_after": record.tokens_after,
        "billed_input": record.usage.input,
        "billed_cache_read": record.usage.cache_read,
        "billed_cache_write": record.usage.cache_write,
        "billed_output": record.usage.output,
        "bytes_in": record.bytes_in,
        "bytes_forwarded": record.bytes_forwarded,
        "ms_added": round(record.ms_added, 2),
        "ms_first_byte": round(record.ms_first_byte, 2),
        "retrievals": record.retrievals,
        "reasons": list(record.reasons),
    }
