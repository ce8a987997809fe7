"""Every error Headroom raises on purpose."""

from __future__ import annotations


class HeadroomError(Exception):
    """Base of all errors that name what went wrong and where."""


class InputError(HeadroomError):
    """The caller's input can't be used: messages of no known shape, an option out of range."""


class StoreError(HeadroomError):
    """The CCR store can't read or write: full disk, locked or damaged file, no permission."""


class NotFound(HeadroomError):
    """No original is kept under this id (never issued here, purged, or evicted)."""


class OutOfTime(HeadroomError):
    """The time that the caller gave is up; what was being compressed stays as it is."""
