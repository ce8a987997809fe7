"""What a request adds to the books: rows, and sums by everything that is asked for later."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import isnan
from operator import add, attrgetter
from typing import Any

from headroom.ledger.histograms import bucket, measured
from headroom.ledger.names import Names, storable
from headroom.ledger.prices import BANDS
from headroom.ledger.record import Account, Group, Record, Retrieved, Text
from headroom.ledger.schema import (
    CLASSES,
    CONVERSATION_SUMS,
    COUNTS,
    GROUPS,
    HISTOGRAMS,
    REQUEST_SUMS,
    TEXT_SUMS,
    Counted,
    Lost,
    Measure,
    Named,
    Sums,
)
from headroom.model import Omission, Reason, Role

HOUR = 3_600
_MOST = 10**12  # of any figure: a provider's mistake must not spoil the sums
_OWN_ERRORS = frozenset(("failed", "upstream_broke_off"))
_MOST_OMISSIONS, _MOST_RANGES, _LONGEST = 20, 9, 500

_classes = attrgetter(*CLASSES)

Origin = tuple[int, int, int]  # numbers of tool, type and compressor
OriginOf = Callable[[str], Origin | None]


@dataclass
class Added:
    """Sums that are to be added to the books', by table and keys."""

    rows: dict[Sums, dict[tuple[int, ...], list[int]]] = field(default_factory=dict)

    def add(self, table: Sums, keys: tuple[int, ...], values: Iterable[int]) -> None:
        """Adds values to those under the same keys."""
        rows = self.rows.setdefault(table, {})
        there = rows.get(keys)
        rows[keys] = [*values] if there is None else [*map(add, there, values)]


@dataclass(frozen=True)
class Entry:
    """A request on its way into the books, where names are numbers.

    `id` is to be its own, `conversation` is that of its conversation, 0 where there is none.
    """

    account: Account
    id: int
    conversation: int
    names: Names
    not_compared: bool = False

    @cached_property
    def slot(self) -> int:
        return int(self.account.record.at // HOUR)

    @cached_property
    def project(self) -> int:
        return self.names.of(Named.PROJECT, self.account.record.project)

    @cached_property
    def client(self) -> int:
        return self.names.of(Named.CLIENT, self.account.record.client)

    @cached_property
    def upstream(self) -> int:
        return self.names.of(Named.UPSTREAM, self.account.record.upstream)

    @cached_property
    def priced_by(self) -> tuple[int, int, int, int]:
        """The values of PRICED_BY."""
        record = self.account.record
        answered = next((leg.model for leg in reversed(record.legs) if leg.model), record.model)
        group = GROUPS.index(record.group)
        return (self.names.of(Named.MODEL, answered), group, *bands(self.account))

    @cached_property
    def figures(self) -> list[int]:
        """The values of FIGURES."""
        account, record = self.account, self.account.record
        reports = [text.report for text in record.texts]
        results = any(report.role is Role.TOOL for report in reports)
        bills = [_whole(tokens, 1_000) for bill in (account.billed, account.passthrough) for tokens in _classes(bill)]
        return [
            1,
            int(is_error(record)),
            int(account.measured),
            int(not account.measured and any(bills)),
            int(results),
            sum(report.tokens_before for report in reports),
            sum(report.tokens_after for report in reports),
            len(record.retrieved),
            _whole(account.retrieved_tokens),
            record.bytes_in,
            record.bytes_forwarded,
            *bills,
        ]

    @cached_property
    def retrieved(self) -> list[tuple[Retrieved, int]]:
        """What was retrieved, each with its share of the tokens, by characters."""
        found = []
        left, characters = (
            _whole(self.account.retrieved_tokens),
            sum(len(r.text) for r in self.account.record.retrieved),
        )
        for one in self.account.record.retrieved:
            share = round(left * len(one.text) / characters) if characters else 0
            found.append((one, share))
            left, characters = left - share, characters - len(one.text)
        return found

    def request_row(self) -> tuple[Any, ...]:
        """The columns of REQUEST."""
        record, of = self.account.record, self.names.of
        return (
            self.id,
            int(record.at * 1_000),
            self.conversation,
            self.project,
            self.client,
            self.upstream,
            *self.priced_by,
            of(Named.ENDPOINT, record.endpoint),
            of(Named.DIALECT, record.dialect),
            record.status,
            _whole(record.ms_added, 1_000),
            _whole(record.ms_first_byte, 1_000),
            ",".join(record.reasons)[:_LONGEST],
            *self.figures[1:],
        )

    def text_rows(self) -> Iterator[tuple[Any, ...]]:
        """The columns of TEXT for each of its texts."""
        for n, text in enumerate(self.account.record.texts):
            report = text.report
            path = json.dumps(report.path, separators=(",", ":"))
            omissions = [_shortened(one) for one in report.omissions[:_MOST_OMISSIONS]]
            yield (
                self.id, n, *self._origin(text), self._reason(report.reason),
                self.names.of(Named.ROLE, report.role.value), int(report.lossless), report.tokens_before,
                report.tokens_after, report.id, text.pin or None, path, json.dumps(omissions) if omissions else None,
                storable(report.detail, _LONGEST) or None,
            )  # fmt: skip

    def retrieval_rows(self) -> Iterator[tuple[Any, ...]]:
        """The columns of the retrievals' table for each of its own."""
        for n, (one, tokens) in enumerate(self.retrieved):
            yield self.id, n, storable(one.id, _LONGEST), storable(one.asked, _LONGEST), tokens

    def add_to(self, added: Added, origin_of: OriginOf) -> None:
        """Adds the request to all sums. `origin_of` tells what an original was that is asked for."""
        place = self.slot, self.project
        added.add(REQUEST_SUMS, (*place, self.client, self.upstream, *self.priced_by), self.figures)
        if self.conversation:
            added.add(CONVERSATION_SUMS, (self.conversation, *self.priced_by), self.figures)
        for counted, name, tokens in self._counted():
            added.add(COUNTS, (*place, counted, name), (1, tokens))
        for measure, value in measured(self.account):
            total = _whole(value, 1_000, negative=measure is Measure.SAVED)
            added.add(HISTOGRAMS, (*place, measure, bucket(measure, value)), (1, total))
        dry = int(self.account.record.group is Group.DRY_RUN)
        for text in self.account.record.texts:
            before, after = text.report.tokens_before, text.report.tokens_after
            keys = (*self._origin(text), self._reason(text.report.reason), dry)
            added.add(TEXT_SUMS, (*place, *keys), (1, before, after, 0, 0))
        for one, tokens in self.retrieved:
            origin = origin_of(one.id) or self._named("", "", "")
            added.add(TEXT_SUMS, (*place, *origin, self._reason(Reason.COMPRESSED), 0), (0, 0, 0, 1, tokens))

    def _origin(self, text: Text) -> Origin:
        return self._named(text.tool, text.report.content_type, text.report.compressor)

    def _named(self, tool: str, type: str, compressor: str) -> Origin:
        of = self.names.of
        return of(Named.TOOL, tool), of(Named.TYPE, type), of(Named.COMPRESSOR, compressor)

    def _reason(self, reason: Reason) -> int:
        return self.names.of(Named.REASON, reason.value)

    def _counted(self) -> Iterator[tuple[Counted, int, int]]:
        """What is counted of it by name: what, the name's number, and tokens."""
        record = self.account.record
        yield Counted.STATUS, record.status, 0
        for reason in record.reasons:
            yield Counted.REASON, self.names.of(Named.REASON, reason), 0
        read_from_cache = record.legs[0].cache_read if record.legs else 0
        for one in record.breaks:
            if one.tokens > read_from_cache:  # otherwise the provider has read it from its cache after all
                yield Counted.BREAK, self.names.of(Named.BREAK, one.what), one.tokens
        if self.not_compared:
            yield Counted.LOST, Lost.NOT_COMPARED, 0


def is_error(record: Record) -> bool:
    """Whether the client did not get what it asked for."""
    return record.status >= 400 or not _OWN_ERRORS.isdisjoint(record.reasons)


def band(tokens: float) -> int:
    """Which tariff a request falls under that reads so many tokens."""
    return bisect_left(BANDS, tokens)


def bands(account: Account) -> tuple[int, int]:
    """Of the longest prompt that was read for the request, and of the one that would have been."""
    legs = account.record.legs
    reported = [leg.input + leg.cache_read + leg.cache_write for leg in legs if leg.reported]
    read = max(reported, default=0) or account.billed.read / max(1, len(legs))
    return band(read), band(account.passthrough.read)


def _whole(value: float, scale: int = 1, negative: bool = False) -> int:
    """A figure as the books keep it."""
    if isnan(value):
        return 0
    return round(max(-_MOST if negative else 0, min(value, _MOST)) * scale)


def _shortened(one: Omission) -> list[Any]:
    return [storable(one.kind, _LONGEST), one.count, one.unit, one.ranges[:_MOST_RANGES], storable(one.path, _LONGEST)]
