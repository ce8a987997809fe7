"""Which conversations are compared with those that were held out, and in what."""

from __future__ import annotations

from headroom.ledger.comparison import compared
from headroom.ledger.record import Group
from headroom.ledger.schema import FIGURES, GROUPS
from headroom.ledger.totals import Prices, Totals
from headroom.ledger.view import Conversation


def conversation(group: Group, first: float, tokens: int, model: str = "priced") -> Conversation:
    totals = Totals(Prices(lambda model, band, bill: bill.read if model == "priced" else None))
    figures = {**dict.fromkeys(FIGURES, 0), "requests": 2, "billed_input": tokens * 1_000}
    totals.add(model, GROUPS.index(group), 0, 0, [figures[name] for name in FIGURES])
    return Conversation("c", group.value, "", "", first, first, totals)


def some(group: Group, firsts: range, tokens: int, model: str = "priced") -> list[Conversation]:
    return [conversation(group, float(first), tokens + first, model) for first in firsts]


def test_those_are_compared_that_began_while_some_were_held_out() -> None:
    held_out = some(Group.HOLDOUT, range(100, 200, 10), 1_000)
    meanwhile = some(Group.TREATED, range(100, 191), 500)
    others = [*some(Group.TREATED, range(100), 10**6), *some(Group.TREATED, range(191, 300), 10**6)]
    left = [*some(Group.UNTOUCHED, range(100, 200), 10**6), *some(Group.DRY_RUN, range(100, 200), 10**6)]
    found = compared([*others, *held_out, *left, *meanwhile])
    assert found == compared([*meanwhile, *held_out])
    cost, tokens, requests, *_ = found["measures"]
    assert (cost["treated"], cost["held_out"]) == (91, 10)
    assert cost["treated_mean"] == tokens["treated_mean"] == 645
    assert cost["is_clear"]
    assert requests["relative"] == 0
    assert found["text"].startswith("measured: −44 % cost per conversation")


def test_where_a_price_is_not_known_tokens_are_weighed() -> None:
    groups = (Group.TREATED, range(5), 500, "unheard of"), (Group.HOLDOUT, range(5), 500)
    found = compared([one for group in groups for one in some(*group)])
    assert found["measures"][0]["treated_mean"] == found["measures"][0]["held_out_mean"] == 502


def test_without_any_held_out_there_is_nothing_to_say() -> None:
    assert compared(some(Group.TREATED, range(9), 5)) == {"text": "", "measures": []}
