"""Times as people say them (7d, 2026-11-01, all), and the slots of sums that they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from headroom.errors import InputError
from headroom.ledger.schema import HOURS_A_DAY

HOUR = 3_600
_SECONDS = {"h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR}
_AGE = re.compile(r"([0-9]{1,6})([hdw])")


def moment(text: str, now: float) -> float | None:
    """The time that is meant, in seconds since the epoch; None for "all". Raises InputError."""
    text = text.strip().lower()
    if text == "all":
        return None
    if age := _AGE.fullmatch(text):
        return max(0.0, now - int(age[1]) * _SECONDS[age[2]])
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is no time: say 12h, 7d, 2w, a day such as 2026-11-01 (UTC), or all") from None
    return found.replace(tzinfo=found.tzinfo or timezone.utc).timestamp()


@dataclass(frozen=True, slots=True)
class Period:
    """Slots from one on and before another, of one project or all; None is as far as the books go."""

    first: int | None
    end: int | None
    project: int | None

    @property
    def since(self) -> int | None:
        return None if self.first is None else self.first * HOUR

    @property
    def until(self) -> int | None:
        return None if self.end is None else self.end * HOUR

    def of_slots(self) -> tuple[str, list[int]]:
        """A condition on tables of sums, and its values."""
        return self._where(("slot >= ?", self.first), ("slot < ?", self.end))

    def of_conversations(self) -> tuple[str, list[int]]:
        """A condition on conversations: those that went on in it."""
        since, until = (None if slot is None else slot * HOUR * 1_000 for slot in (self.first, self.end))
        return self._where(("last >= ?", since), ("first < ?", until))

    def _where(self, *bounds: tuple[str, int | None]) -> tuple[str, list[int]]:
        given = [(sql, value) for sql, value in (*bounds, ("project = ?", self.project)) if value is not None]
        return " AND ".join(sql for sql, _ in given) or "true", [value for _, value in given]


def period(since: float | None, until: float | None, project: int | None, drawn_together: int) -> Period:
    """The whole hours, or days where sums are `drawn_together`, that a time from one moment to another touches."""
    first = end = None
    if since is not None:
        first = int(since // HOUR)
        first -= first % HOURS_A_DAY if first < drawn_together else 0
    if until is not None:
        end = -int(-until // HOUR)
        end += -end % HOURS_A_DAY if end <= drawn_together else 0
    return Period(first, end, project)
