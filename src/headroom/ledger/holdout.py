"""Conversations left as they come, to compare with: which they are, and what the others differ by.

The interval comes from turning a permutation test around: were the true ratio of the means r, then the treated values
divided by r and the held-out ones would be draws from one population, and which of them were held out would be chance.
All ratios that this does not contradict make the interval. It holds for skewed costs and a handful of conversations
held out, where the usual approximations are too narrow (`benchmarks/holdout.py` has the numbers).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from math import exp, inf, isinf, log
from operator import itemgetter
from random import Random
from typing import Any, NamedTuple

FEWEST = 3  # conversations of each group, with less of which nothing is said
_TAIL = 0.025
_HANDS = 999
_CLUSTERS = 100  # of the smaller group: more make the interval hardly narrower
_FIRST_STEP, _LONGER, _LONGEST = 0.05, 1.6, 9.0  # in logarithms of the ratio, on the way to a bound
_BISECTIONS = 8


def is_held_out(conversation: str, share: float) -> bool:
    """Whether a conversation is one of the `share` that is left as it comes; who is stays so for larger shares."""
    name = conversation.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(name, digest_size=8, person=b"headroom-holdout").digest(), "big") < share * 2**64


class Totals(NamedTuple):
    """What one conversation came to."""

    cost: float = 0.0
    tokens_read: float = 0.0
    requests: float = 0.0
    retrievals: float = 0.0
    errors: float = 0.0


MEASURES = Totals._fields


@dataclass(frozen=True, slots=True)
class Difference:
    """What treated conversations differ by from held-out ones, per conversation.

    `relative` is the ratio of the means less one, None where one of them is 0 or there are too few conversations;
    `low` and `high` are the bounds of its 95 % interval, None where there are too few for one.
    """

    measure: str
    treated: int
    held_out: int
    treated_mean: float
    held_out_mean: float
    relative: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_clear(self) -> bool:
        """Whether chance alone would hardly make such a difference."""
        return self.low is not None and self.high is not None and (self.high < 0 or self.low > 0)

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        what = f"{self.measure.replace('_', ' ')} per conversation"
        over = f"over {self.treated:,} treated and {self.held_out:,} held out"
        if min(self.treated, self.held_out) < FEWEST:
            return f"too few conversations to measure {what}: {self.treated:,} treated, {self.held_out:,} held out"
        if self.relative is None:
            return f"measured: {self.treated_mean:.3g} {what}, {self.held_out_mean:.3g} where held out, {over}"
        if self.low is None or self.high is None:
            return f"too few conversations to tell {what}: {_percent(self.relative)} % {over} may be chance"
        chance = "" if self.is_clear else ", which may be chance"
        bounds = f"{_percent(self.low)} … {_percent(self.high)}"
        return f"measured: {_percent(self.relative)} % {what}, 95 % interval {bounds}{chance}, {over}"

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {**asdict(self), "is_clear": self.is_clear, "words": self.words}


def _percent(share: float) -> str:
    return f"{round(share * 100):+,}".replace("-", "−")


def measured(treated: Sequence[Totals], held_out: Sequence[Totals]) -> tuple[Difference, ...]:
    """What the two groups differ by, for each of MEASURES. The same for the same conversations in any order."""
    groups = sorted(treated), sorted(held_out)
    dealt = _Dealt(*groups) if min(map(len, groups)) >= FEWEST else None
    ours, theirs = ([*zip(*group, strict=True)] or [()] * len(MEASURES) for group in groups)
    return tuple(map(_difference, MEASURES, ours, theirs, [dealt] * len(MEASURES)))


def _difference(measure: str, ours: Sequence[float], theirs: Sequence[float], dealt: _Dealt | None) -> Difference:
    sizes = len(ours), len(theirs)
    means = [sum(values) / max(len(values), 1) for values in (ours, theirs)]
    found = Difference(measure, *sizes, *means)
    if dealt is None or min(means) <= 0:
        return found
    found = replace(found, relative=means[0] / means[1] - 1)
    if sizes[0] >= sizes[1]:
        low, high = dealt.test(ours, theirs).bounds()
    else:  # the smaller group is the one that is dealt: the ratio is looked at the other way round
        high, low = (-bound for bound in dealt.test(theirs, ours).bounds())
    if isinf(low) or isinf(high):
        return found
    return replace(found, low=exp(low) - 1, high=exp(high) - 1)


class _Dealt:
    """Ways in which chance could have dealt the conversations to groups of these sizes.

    `_hands` pick what the smaller group gets, from clusters of conversations, the larger group's first. A cluster is
    one conversation where the groups are small; what does not fill the last one of a group stays there.
    """

    def __init__(self, *groups: Sequence[Totals]) -> None:
        groups = tuple(sorted(groups, key=len, reverse=True))
        chance = Random(repr([[*map(tuple, group)] for group in groups]))
        larger, smaller = map(len, groups)
        self._size = max(1, smaller // _CLUSTERS)
        self._orders = [chance.sample(range(count), count) for count in (larger, smaller)]
        clusters, some = (larger // self._size + smaller // self._size), smaller // self._size
        self._hands = [itemgetter(*hand) for hand in _hands(clusters, some, chance)]

    def test(self, larger: Sequence[float], smaller: Sequence[float]) -> _Test:
        """The test of the ratio of the larger group's mean to the smaller one's."""
        lent, own = map(self._clusters, (larger, smaller), self._orders)
        staying = own.pop()
        lent.pop()
        columns = [
            ([*map(measure, lent), *[0.0] * len(own)], [*[0.0] * len(lent), *map(measure, own)], measure(staying))
            for measure in (sum, _squares)
        ]
        hands = [
            tuple(total for a, b, stays in columns for total in (sum(hand(a)), sum(hand(b), stays)))
            for hand in self._hands
        ]
        return _Test(larger, smaller, hands)

    def _clusters(self, values: Sequence[float], order: Sequence[int]) -> list[list[float]]:
        """The values in clusters, what is left over last."""
        shuffled, size = [values[i] for i in order], self._size
        whole = len(shuffled) // size * size
        return [*(shuffled[at : at + size] for at in range(0, whole, size)), shuffled[whole:]]


def _hands(count: int, some: int, chance: Random) -> Iterator[list[int]]:
    """Random sets of `some` of so many positions: as many from each shuffled order as it has."""
    order = list(range(count))
    for turn in range(_HANDS):
        at = turn % (count // some) * some
        if at == 0:
            chance.shuffle(order)
        yield order[at : at + some]


def _squares(values: Sequence[float]) -> float:
    return sum(value * value for value in values)


class _Test:
    """Which ratios of the means are contradicted: by Welch's statistic, seen among those of all hands.

    Of each hand there are sums only, of the larger group's values and of the smaller one's own, then of their squares:
    with them any ratio can be tried without another look at the values.
    """

    def __init__(self, larger: Sequence[float], smaller: Sequence[float], hands: Sequence[Sequence[float]]) -> None:
        self._sizes = len(larger), len(smaller)
        self._sums = sum(larger), sum(smaller)
        self._squares = _squares(larger), _squares(smaller)
        self._hands = hands

    def bounds(self) -> tuple[float, float]:
        """The least and the greatest ratio that is not contradicted, as logarithms; infinite where there is none."""
        means = [total / size for total, size in zip(self._sums, self._sizes, strict=True)]
        center = log(means[0]) - log(means[1])
        return self._bound(center, -1), self._bound(center, 1)

    def _bound(self, inside: float, way: int) -> float:
        step = _FIRST_STEP
        while not self._contradicted(outside := inside + way * step, way):
            inside, step = outside, step * _LONGER
            if step > _LONGEST:
                return way * inf
        for _ in range(_BISECTIONS):
            middle = (inside + outside) / 2
            if self._contradicted(middle, way):
                outside = middle
            else:
                inside = middle
        return (inside + outside) / 2

    def _contradicted(self, ratio: float, way: int) -> bool:
        """Whether hardly a hand would be as far off as what was really dealt, were this the logarithm of the ratio.

        Statistics are compared as squares with a sign, and multiplied out: a variance may be 0.
        """
        scale = exp(-ratio)
        square, (n, m) = scale * scale, self._sizes
        all_sum = self._sums[0] * scale + self._sums[1]
        all_squares = self._squares[0] * square + self._squares[1]

        def statistic(lent: float, own: float, lent_squares: float, own_squares: float) -> tuple[float, float]:
            small, small_squares = lent * scale + own, lent_squares * square + own_squares
            large, large_squares = all_sum - small, all_squares - small_squares
            apart = small / m - large / n
            variance = (large_squares - large * large / n) / (n * n - n)
            variance += (small_squares - small * small / m) / (m * m - m)
            return apart * abs(apart) * way, variance

        real, real_variance = statistic(0.0, self._sums[1], 0.0, self._squares[1])
        real -= abs(real) * 1e-9  # what is equal counts, also after rounding
        farther = 1
        for hand in self._hands:
            apart, variance = statistic(*hand)
            farther += apart * real_variance >= real * variance
        return farther <= _TAIL * (len(self._hands) + 1)
