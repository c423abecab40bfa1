"""Own orders and executions as they come, none lost however busy we are.

ccxt keeps a cache of each and hands a watcher what is new since it last asked, once an order however often it changed;
what comes while nobody watches may be lost. So the caches themselves are ours, and every append is heard at once.

Imports ccxt: for `library.py` alone, which imports this late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ccxt.async_support.base.ws.cache import ArrayCache, ArrayCacheBySymbolById

Hear = Callable[[dict[str, Any]], None]
CACHED = 1000


class Tap(ArrayCacheBySymbolById):  # type: ignore[misc]
    """A cache that tells of every append, before it is merged with what was known of the same id."""

    def __init__(self, hear: Hear) -> None:
        super().__init__(CACHED)
        self._hear = hear

    def append(self, item: dict[str, Any]) -> None:
        told = dict(item)
        super().append(item)
        self._hear(told)


class Tapped:
    """In front of a ccxt class: its own caches of orders and executions, replaced by taps as soon as it makes them."""

    hear_order: Hear | None = None
    hear_trade: Hear | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        # A venue's handler makes its cache when the first event comes, and again after a reset; some make a plain one.
        hear = {"orders": self.hear_order, "myTrades": self.hear_trade}.get(name)
        if hear is not None and isinstance(value, ArrayCache) and not isinstance(value, Tap):
            value = Tap(hear)
        super().__setattr__(name, value)

    def tap(self, *, orders: Hear, trades: Hear) -> None:
        self.hear_order, self.hear_trade = orders, trades
