"""Sums by model and client for counters: few enough, and a name that once stands for itself goes on doing so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from headroom.ledger.schema import FIGURES, PRICED_BY
from headroom.ledger.totals import NONE, Totals
from headroom.ledger.view import View

MOST = 50  # names of models, and of clients; those that came later are OTHER
OTHER = "other"
_SUMS = ", ".join(f"sum({figure})" for figure in FIGURES)


class Who(NamedTuple):
    """Which model answered, and which program asked."""

    model: str
    client: str


def tallies(view: View) -> dict[Who, Totals]:
    """What the requests of a period come to, by model and client."""
    where, values = view.period.of_slots()
    rows = view.db.execute(
        f"SELECT client, {', '.join(PRICED_BY)}, {_SUMS} FROM request_sums WHERE {where} GROUP BY 1, 2, 3, 4, 5", values
    ).fetchall()
    clients, models = (_named(view, {row[column] for row in rows}) for column in (0, 1))
    found: dict[Who, Totals] = {}
    for client, model, group, band, band_came, *figures in rows:
        totals = found.setdefault(Who(models[model], clients[client]), Totals(view.prices))
        totals.add(view.names.get(model, ""), group, band, band_came, figures)
    return found


def _named(view: View, numbers: Iterable[int]) -> dict[int, str]:
    """The names of numbers, which were given in the order in which names were first met."""
    return {number: (view.names.get(number) or NONE) if i < MOST else OTHER for i, number in enumerate(sorted(numbers))}
