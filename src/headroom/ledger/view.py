"""The books at one moment: sums of a period, as the tables have them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from headroom.ledger.histograms import Histogram, histogram
from headroom.ledger.names import names_of
from headroom.ledger.periods import Period
from headroom.ledger.schema import FIGURES, GROUPS, HOURS_A_DAY, PRICED_BY, Counted, Lost, Measure
from headroom.ledger.totals import Cost, Prices, Totals

_SUMS = ", ".join(f"sum({figure})" for figure in FIGURES)
_PRICED_BY = ", ".join(PRICED_BY)
_SLOTS = {"hour": "slot", "day": f"slot - slot % {HOURS_A_DAY}"}


class Texts(NamedTuple):
    """Sums of texts: all, those that were changed, tokens; what was asked for of their originals."""

    texts: int = 0
    changed: int = 0
    before: int = 0
    after: int = 0
    retrievals: int = 0
    retrieved: int = 0


class Broken(NamedTuple):
    """What clients changed before their own conversations, how often, and tokens that were read again for it."""

    what: str
    requests: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation's sums; `first` and `last` are in seconds since the epoch."""

    name: str
    group: str
    client: str
    project: str
    first: float
    last: float
    totals: Totals


class View:
    """One look at a period; all numbers are of the same moment."""

    def __init__(self, db: sqlite3.Connection, period: Period, cost: Cost) -> None:
        self.db, self.period, self.prices = db, period, Prices(cost)
        self.names = names_of(db)

    def totals(self, by: str | None = None) -> dict[int, Totals]:
        """Sums of requests by a column of the table, "hour" or "day"; the number 0 has all of them without one."""
        key = "0" if by is None else _SLOTS.get(by, by)
        where, values = self.period.of_slots()
        rows = self.db.execute(
            f"SELECT {key}, {_PRICED_BY}, {_SUMS} FROM request_sums WHERE {where} GROUP BY 1, 2, 3, 4, 5", values
        )
        found: dict[int, Totals] = {}
        for key, model, group, band, band_came, *figures in rows:
            found.setdefault(key, Totals(self.prices)).add(self.names.get(model, ""), group, band, band_came, figures)
        return found

    def texts(self, by: str) -> dict[int, tuple[Texts, Texts]]:
        """Sums of texts by a column of the table: those that went on so, and those of dry runs."""
        where, values = self.period.of_slots()
        compressed = "(SELECT id FROM names WHERE name = 'compressed')"
        rows = self.db.execute(
            f"""SELECT {by}, dry, sum(texts), sum(CASE WHEN reason IN {compressed} THEN texts ELSE 0 END),
                sum(tokens_before), sum(tokens_after), sum(retrievals), sum(retrieved_tokens)
                FROM text_sums WHERE {where} GROUP BY 1, 2""",
            values,
        )
        found: dict[int, tuple[Texts, Texts]] = {}
        for key, dry, *sums in rows:
            went, tried = found.get(key, (Texts(), Texts()))
            found[key] = (went, Texts(*sums)) if dry else (Texts(*sums), tried)
        return found

    def reasons(self, texts: Mapping[int, tuple[Texts, Texts]]) -> Counter[str]:
        """What became of requests and of `texts`, which are by reason: how many, by code."""
        found = Counter({self.names.get(name, ""): count for name, count, _ in self._counted(Counted.REASON)})
        for name, (went, _) in texts.items():
            if went.texts:
                found[self.names.get(name, "")] += went.texts
        return found

    def statuses(self) -> Counter[str]:
        return Counter({str(status): count for status, count, _ in self._counted(Counted.STATUS)})

    def broken(self) -> list[Broken]:
        """What broke caches, the costliest first."""
        found = [Broken(self.names.get(name, ""), *sums) for name, *sums in self._counted(Counted.BREAK)]
        return sorted(found, key=lambda one: (-one.tokens, one.what))

    def lost(self) -> dict[Lost, int]:
        """What the books lack."""
        return {Lost(name): count for name, count, _ in self._counted(Counted.LOST)}

    def _counted(self, counted: Counted) -> list[tuple[int, int, int]]:
        where, values = self.period.of_slots()
        return self.db.execute(
            f"SELECT name, sum(requests), sum(tokens) FROM counts WHERE counted = ? AND {where} GROUP BY 1",
            (counted, *values),
        ).fetchall()

    def histograms(self) -> dict[Measure, Histogram]:
        where, values = self.period.of_slots()
        rows: dict[Measure, dict[int, tuple[int, int]]] = {measure: {} for measure in Measure}
        for measure, bucket, count, total in self.db.execute(
            f"SELECT measure, bucket, sum(requests), sum(total) FROM histograms WHERE {where} GROUP BY 1, 2", values
        ):
            rows[Measure(measure)][bucket] = count, total
        return {measure: histogram(measure, buckets) for measure, buckets in rows.items()}

    def first_slot(self) -> int | None:
        """Of the first request of the period."""
        where, values = self.period.of_slots()
        (slot,) = self.db.execute(f"SELECT min(slot) FROM request_sums WHERE {where}", values).fetchone()
        return None if slot is None else int(slot)

    def conversation_count(self) -> int:
        """How many conversations went on in the period."""
        where, values = self.period.of_conversations()
        return int(self.db.execute(f"SELECT count(*) FROM conversations WHERE {where}", values).fetchone()[0])

    def conversations(self) -> list[Conversation]:
        """The conversations that went on in the period, each with all of its requests."""
        where, values = self.period.of_conversations()
        some = self.db.execute(
            f"SELECT id, name, grp, client, project, first, last FROM conversations WHERE {where}", values
        )
        found = {
            id: Conversation(
                name, GROUPS[group].value, self.names[client], self.names[project], first / 1_000, last / 1_000,
                Totals(self.prices),
            )
            for id, name, group, client, project, first, last in some
        }  # fmt: skip
        rows = self.db.execute(
            f"""SELECT conversation, {_PRICED_BY}, {", ".join(FIGURES)} FROM conversation_sums
                WHERE conversation IN (SELECT id FROM conversations WHERE {where})""",
            values,
        )
        for id, model, group, band, band_came, *figures in rows:
            found[id].totals.add(self.names.get(model, ""), group, band, band_came, figures)
        return list(found.values())
