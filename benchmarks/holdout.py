"""How often the holdout's 95 % interval covers the truth: `python -m benchmarks.holdout`.

Each line is a simulated population, drawn anew for every run: so many conversations with log-normal costs, of which
each is held out with the probability of `share`. What compression does to their costs: nothing; a quarter less; a
quarter less on the average, by a share that differs from one to the next; a quarter less in all, more of the dear
ones. `usual` is what the normal approximation on logarithms covers (the delta method), `too few` are runs without an
interval. Runs in which fewer than three were held out are drawn again.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import exp, log, sqrt
from random import Random
from statistics import fmean, median, variance

from headroom.ledger.holdout import FEWEST, Totals, measured

SIZES, SHARES, SPREADS, RUNS = (30, 100, 500, 5_000), (0.1,), (1.0, 1.5), 1_000
_LESS, _NORMAL = 0.75, 1.96
_STEEPNESS = 0.85

Effect = Callable[[float, float, Random], float]
EFFECTS: dict[str, tuple[float, Effect]] = {
    "none": (1.0, lambda cost, spread, chance: cost),
    "the same": (_LESS, lambda cost, spread, chance: cost * _LESS),
    "differing": (_LESS, lambda cost, spread, chance: cost * (1 - chance.betavariate(1, 3))),
    "growing": (_LESS, lambda cost, spread, chance: _LESS * _in_proportion(spread) * cost**_STEEPNESS),
}


def _in_proportion(spread: float) -> float:
    """Makes the mean of the costs to the power of _STEEPNESS that of the costs."""
    return exp(spread * spread * (1 - _STEEPNESS**2) / 2)


@dataclass(frozen=True, slots=True)
class Population:
    """What is drawn from."""

    effect: str
    size: int
    spread: float
    share: float

    def drawn(self, chance: Random) -> tuple[list[float], list[float]]:
        """Costs of treated and held-out conversations."""
        while True:
            costs = [chance.lognormvariate(0, self.spread) for _ in range(self.size)]
            count = sum(chance.random() < self.share for _ in costs)
            if FEWEST <= count <= self.size - FEWEST:
                effect = EFFECTS[self.effect][1]
                return [effect(cost, self.spread, chance) for cost in costs[count:]], costs[:count]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the runs covered the truth, how many had an interval, and how wide those were, as ratios."""

    runs: int
    covered: int
    given: int
    usual: int
    width: float

    @property
    def percent(self) -> float:
        return 100 * self.covered / max(self.given, 1)


def coverage(population: Population, runs: int) -> Coverage:
    """Draws a population again and again, the same for the same arguments, and asks for the interval."""
    chance = Random(repr((population, runs)))
    truth = EFFECTS[population.effect][0] - 1
    covered = usual = 0
    widths: list[float] = []
    for _ in range(runs):
        treated, held_out = population.drawn(chance)
        usual += _usual_covers(treated, held_out, truth)
        found = measured([*map(Totals, treated)], [*map(Totals, held_out)])[0]
        if found.low is not None and found.high is not None:
            covered += found.low <= truth <= found.high
            widths.append((1 + found.high) / (1 + found.low))
    return Coverage(runs, covered, len(widths), usual, median(widths) if widths else 0.0)


def _usual_covers(treated: Sequence[float], held_out: Sequence[float], truth: float) -> bool:
    ratio = log(fmean(treated) / fmean(held_out))
    error = sqrt(sum(variance(values) / len(values) / fmean(values) ** 2 for values in (treated, held_out)))
    return abs(ratio - log(1 + truth)) <= _NORMAL * error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    populations = [Population(*one) for one in product(EFFECTS, SIZES, SPREADS, SHARES)]
    print("| effect | conversations | sigma | share | covered | too few | usual | high / low |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with ProcessPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
        for one, found in zip(populations, pool.map(partial(coverage, runs=given.runs), populations), strict=True):
            print(
                f"| {one.effect} | {one.size:,} | {one.spread} | {one.share:.0%} | {found.percent:.1f} % | "
                f"{found.runs - found.given} | {100 * found.usual / found.runs:.1f} % | {found.width:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
