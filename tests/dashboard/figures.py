"""Figures as the page writes them, by rules of their own: what a test expects to read there."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

_NOTHING = "–"


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _rounded(number: float | Decimal, digits: int) -> Decimal:
    return Decimal(number).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def count(number: float | None) -> str:
    return _NOTHING if number is None else _signed(f"{_rounded(number, 0):,}")


def short(number: float | None) -> str:
    """Three digits that matter, in thousands or millions."""
    if number is None:
        return _NOTHING
    size, unit = Decimal(str(abs(number))), ""
    for letter in ("K", "M", "B"):
        if _three(size) >= 1_000:
            size, unit = size / 1_000, letter
    text = f"{_three(size):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{'−' if number < 0 else ''}{text}{unit}"


def _three(size: Decimal) -> Decimal:
    if not size:
        return size
    return size.quantize(Decimal(1).scaleb(size.adjusted() - 2), ROUND_HALF_UP)


def percent(number: float | None) -> str:
    return _NOTHING if number is None else _signed(f"{_rounded(number, 1) or Decimal('0.0')} %")


def share(number: float | None) -> str:
    return percent(None if number is None else 100 * number)


def millis(number: float | None) -> str:
    if number is None:
        return _NOTHING
    if number >= 10_000:
        return f"{_rounded(number / 1_000, 1)} s"
    return f"{_rounded(number, 1) if number < 10 else count(number)} ms"


def usd(number: float | None) -> str:
    if number is None:
        return _NOTHING
    size = abs(number)
    digits = 0 if size >= 1_000 else 2 if size >= 0.1 or not size else 4 if size >= 0.001 else 6
    return f"{'−' if number < 0 else ''}${_rounded(Decimal(str(size)), digits):,}"
