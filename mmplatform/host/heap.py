"""Keeping the garbage collector away from what is there to stay."""

from __future__ import annotations

import gc
from typing import Protocol


class Collector(Protocol):
    """Of the module `gc`."""

    def freeze(self) -> None: ...

    def unfreeze(self) -> None: ...

    def collect(self) -> int: ...


class Heap:
    """What has come up is set aside; when something of it leaves, everything is looked through again.

    A full collection walks every object there is, and with a hundred deployments, and Django beside them, holds the
    loop for longer than a tick may be late. It finds next to nothing: orders and frames go by their reference count.
    """

    def __init__(self, collector: Collector = gc) -> None:
        self._collector = collector
        self._holds_leavings = False

    def has_settled(self) -> None:
        """Nothing is on its way up any more: what lives now will live on."""
        if self._holds_leavings:
            self._collector.collect()
            self._holds_leavings = False
        self._collector.freeze()

    def is_left(self) -> None:
        """Something was taken down, and what remains of it must be found."""
        self._holds_leavings = True
        self._collector.unfreeze()
