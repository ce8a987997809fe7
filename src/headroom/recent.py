"""A bounded memory of what was used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping that forgets what was not asked for longest once the weights of all it holds exceed `most`.

    Not safe between threads by itself.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K) -> V | None:
        """The value, used just now; None where it is not (or no longer) held."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int = 1) -> None:
        """Holds a value under a key, in place of the one there."""
        self.pop(key)
        self._held[key] = value, weight
        self._weight += weight
        while self._weight > self._most and len(self._held) > 1:
            _, (_, gone) = self._held.popitem(last=False)
            self._weight -= gone

    def pop(self, key: K) -> V | None:
        """Takes a value out."""
        found = self._held.pop(key, None)
        if found is None:
            return None
        self._weight -= found[1]
        return found[0]
