"""Whether the proxy is paused: one byte that all workers share."""

from __future__ import annotations

import mmap


class Switch:
    """On from the start; made before workers are forked, so that one of them turns it for all."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    @property
    def paused(self) -> bool:
        return self._byte[0] == 1

    def pause(self, wanted: bool) -> None:
        """Pauses, or goes on."""
        self._byte[0] = int(wanted)
