"""Who is held out, and whether the difference that is reported is the one there is."""

from __future__ import annotations

import json
from random import Random

import pytest
from benchmarks.holdout import Population, coverage

from headroom.ledger.holdout import FEWEST, MEASURES, Totals, is_held_out, measured


def names(count: int) -> list[str]:
    return [f"conversation {i}" for i in range(count)]


def test_a_share_of_all_conversations_is_held_out_and_always_the_same() -> None:
    held = {name for name in names(20_000) if is_held_out(name, 0.1)}
    assert 1_850 < len(held) < 2_150
    assert {name for name in held if is_held_out(name, 0.1)} == held
    assert held < {name for name in names(20_000) if is_held_out(name, 0.2)}
    assert not any(is_held_out(name, 0.0) for name in names(1_000))
    assert all(is_held_out(name, 1.0) for name in names(1_000))
    assert is_held_out("\ud800", 1.0)


def test_who_is_held_out_is_the_same_in_every_version() -> None:
    assert [i for i, name in enumerate(names(40)) if is_held_out(name, 0.1)] == [5, 12, 16, 19, 37, 39]


@pytest.mark.parametrize(("effect", "size"), [("none", 40), ("the same", 300), ("differing", 120)])
def test_the_interval_covers_the_truth_as_often_as_it_says(effect: str, size: int) -> None:
    found = coverage(Population(effect, size, spread=1.25, share=0.1), runs=160)
    assert found.given == found.runs
    assert 91 <= found.percent <= 99
    assert found.usual < found.covered


def test_an_interval_that_is_too_narrow_would_be_found_out() -> None:
    found = coverage(Population("none", 40, spread=1.25, share=0.1), runs=160)
    assert found.usual / found.runs < 0.9


def drawn(count: int, factor: float, chance: Random) -> list[Totals]:
    costs = [chance.lognormvariate(0, 1) for _ in range(count)]
    return [Totals(cost * factor, cost * 900, 1 + int(cost), 0, int(cost > 3)) for cost in costs]


def test_a_difference_is_told_in_figures_and_in_words() -> None:
    chance = Random(7)
    treated = [Totals(one.cost, one.tokens_read, one.requests, 1, 0) for one in drawn(900, 0.5, chance)]
    cost, tokens, requests, retrievals, errors = measured(treated, drawn(100, 1, chance))
    assert [one.measure for one in (cost, tokens, requests, retrievals, errors)] == list(MEASURES)
    assert cost.relative is not None
    assert cost.low is not None
    assert cost.high is not None
    assert cost.low < cost.relative < cost.high < 0
    assert cost.is_clear
    assert not tokens.is_clear
    low, middle, high = (f"−{-round(100 * x)}" for x in (cost.low, cost.relative, cost.high))
    over = "over 900 treated and 100 held out"
    assert cost.words == f"measured: {middle} % cost per conversation, 95 % interval {low} … {high}, {over}"
    assert ", which may be chance, over 900" in tokens.words
    assert retrievals.words == f"measured: 1 retrievals per conversation, 0 where held out, {over}"
    assert (errors.relative, errors.low) == (None, None)
    assert json.loads(json.dumps(cost.as_json()))["words"] == cost.words


def test_the_order_of_conversations_does_not_matter() -> None:
    chance = Random(3)
    treated, held_out = drawn(300, 0.8, chance), drawn(40, 1, chance)
    assert measured(treated[::-1], held_out[::-1]) == measured(treated, held_out)


def test_the_groups_may_change_places() -> None:
    chance = Random(5)
    treated, held_out = drawn(300, 0.8, chance), drawn(40, 1, chance)
    one, other = measured(treated, held_out)[0], measured(held_out, treated)[0]
    assert one.low is not None
    assert one.high is not None
    assert other.low == pytest.approx(1 / (1 + one.high) - 1)
    assert other.high == pytest.approx(1 / (1 + one.low) - 1)


def test_too_few_conversations_are_said_to_be_too_few() -> None:
    chance = Random(2)
    for counts in ((0, 0), (500, FEWEST - 1), (FEWEST - 1, 500)):
        found = measured(drawn(counts[0], 1, chance), drawn(counts[1], 1, chance))[0]
        assert (found.relative, found.low, found.high) == (None, None, None)
        assert found.words.startswith("too few conversations to measure cost")
    found = measured(drawn(3, 1, chance), drawn(3, 1, chance))[0]  # of 20 ways to deal six, none is rare enough
    assert found.relative is not None
    assert found.low is None
    assert found.words.startswith("too few conversations to tell cost")


def test_conversations_that_are_all_the_same_do_not_differ() -> None:
    found = measured([Totals(2.0, 5)] * 40, [Totals(2.0, 10)] * 10)
    assert found[0].low == pytest.approx(0, abs=1e-3)
    assert found[0].high == pytest.approx(0, abs=1e-3)
    assert found[1].high == pytest.approx(-0.5, abs=1e-3)


def test_large_groups_are_dealt_in_clusters() -> None:
    chance = Random(11)
    found = measured(drawn(3_001, 0.5, chance), drawn(1_007, 1, chance))[0]
    assert found.low is not None
    assert found.high is not None
    assert -0.6 < found.low < -0.5 < found.high < -0.4
