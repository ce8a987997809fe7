"""Histograms of what varies from request to request: fixed bounds, so that those of any times and processes add up."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from headroom.ledger.record import Account, Group
from headroom.ledger.schema import Measure

# Upper bounds of buckets, each with its bound; what is above the last one is in one more bucket.
BOUNDS: Mapping[Measure, Sequence[float]] = {
    Measure.ADDED: (
        0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1_000, 2_500,
        5_000, 10_000,
    ),
    Measure.FIRST_BYTE: (
        10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 7_500, 10_000,
        15_000, 20_000, 30_000, 60_000, 120_000, 300_000,
    ),
    Measure.SAVED: (0, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000),
}  # fmt: skip
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def measured(account: Account) -> Iterator[tuple[Measure, float]]:
    """What there is to measure of a request: milliseconds, and tokens that were not read."""
    record = account.record
    if record.bytes_in:  # what passes unread takes no time
        yield Measure.ADDED, record.ms_added
    if record.ms_first_byte:
        yield Measure.FIRST_BYTE, record.ms_first_byte
    if record.group in (Group.TREATED, Group.ADOPTED):
        yield Measure.SAVED, account.passthrough.read - account.billed.read


def bucket(measure: Measure, value: float) -> int:
    """Which bucket a value is in."""
    return bisect_left(BOUNDS[measure], value)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values each bucket has, and what they come to."""

    measure: Measure
    counts: tuple[int, ...]
    totals: tuple[float, ...]

    @property
    def total(self) -> float:
        return sum(self.totals)

    @property
    def count(self) -> int:
        return sum(self.counts)

    def cumulative(self) -> list[tuple[float, int]]:
        """How many values are at most as large as each bound."""
        return list(zip(BOUNDS[self.measure], accumulate(self.counts), strict=False))

    def at(self, share: float) -> float | None:
        """The value that this share of all is at most as large as, to within a bucket; None where there are none."""
        wanted, below = share * self.count, 0
        bounds = BOUNDS[self.measure]
        for i, count in enumerate(self.counts):
            if count and below + count >= wanted:
                low = bounds[i - 1] if i else min(0.0, bounds[0])
                high = bounds[i] if i < len(bounds) else low
                return low + (high - low) * (wanted - below) / count
            below += count
        return None

    def shares(self) -> dict[str, float | None]:
        """The usual ones."""
        found = {name: self.at(share) for name, share in SHARES.items()}
        return {name: None if value is None else round(value, 3) for name, value in found.items()}


def histogram(measure: Measure, rows: Mapping[int, tuple[int, int]]) -> Histogram:
    """One of counts and totals by bucket, as the books have them."""
    buckets = [rows.get(i, (0, 0)) for i in range(len(BOUNDS[measure]) + 1)]
    return Histogram(measure, tuple(count for count, _ in buckets), tuple(total / 1_000 for _, total in buckets))
