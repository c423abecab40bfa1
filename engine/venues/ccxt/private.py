"""What a venue pushes of our orders: kept alive, and checked by asking whenever something may have been missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import structlog

from engine.core.clock import NS, Clock
from engine.core.errors import EngineError
from engine.venues.ccxt import history
from engine.venues.ccxt.calls import Call, calling
from engine.venues.ccxt.errors import remedy
from engine.venues.ccxt.supervised import FIRST_WAIT_S, LONGEST_WAIT_S, Supervised

if TYPE_CHECKING:
    from engine.venues.ccxt.account import Account

log = structlog.get_logger(__name__)

SUBSCRIBED_WITHIN_S = 2.0
OVERLAP_NS = 10 * NS
"""Executions are asked for from so long before the gap: venue stamps are another machine's."""


class _Watch(Supervised):
    """Keeps one of ccxt's private subscriptions up. What comes is heard by the taps, not by whoever waits here."""

    def __init__(
        self, name: str, streams: PrivateStreams, symbol: str, watch: Callable[[], Any], *, clock: Clock
    ) -> None:
        super().__init__(name, clock=clock)
        self._streams = streams
        self._symbol = symbol
        self._watch = watch

    async def follow(self) -> None:
        account = self._streams.account
        call = Call(self.name)
        if self.epoch > 1:
            self._streams.reconcile_soon([self._symbol])
        self._streams.subscribing([self._symbol])
        while True:
            with calling(call):
                try:
                    await self._watch()
                except Exception as error:  # the edge to the library's streams
                    raise remedy(error, call, venue=account.name) from None

    def broken(self, why: str) -> None:
        self._streams.lost([self._symbol], self.clock.now_ns())


class PrivateStreams:
    """An account's order and execution streams over all markets in use, and what is done about gaps in them.

    Where the venue streams neither, or only executions come without a socket, the regular audits of the executor find
    everything: later, but all of it.
    """

    def __init__(self, account: Account, *, clock: Clock) -> None:
        self.account = account
        self._clock = clock
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._lost: dict[str, int] = {}
        """Since when something may have been missed of a market; nothing of those that are not in it."""
        self._lost_anew: set[str] = set()
        self._due: dict[str, None] = {}
        self._subscribed: dict[str, None] = {}
        """Markets to be asked about once the venue has taken their subscription."""
        self._reconciling: asyncio.Task[None] | None = None

    def hear(self, symbol: str) -> None:
        """Listen for a market. Where the venue streams all at once, the library keeps one subscription for all."""
        library = self.account.library
        for what, method in (("watchOrders", "watch_orders"), ("watchMyTrades", "watch_my_trades")):
            if library.has.get(what) and (what, symbol) not in self._watches:
                watch = getattr(library, method)
                stream = _Watch(
                    f"{method.removeprefix('watch_')} in {symbol} at {self.account.name}",
                    self,
                    symbol,
                    lambda watch=watch: watch(symbol),  # type: ignore[misc]
                    clock=self._clock,
                )
                self._watches[what, symbol] = stream
                self.lost([symbol], self._clock.now_ns())
                stream.begin()

    async def leave(self, symbol: str) -> None:
        for key in [key for key in self._watches if key[1] == symbol]:
            await self._watches.pop(key).stop()
        self._lost.pop(symbol, None)

    async def stop(self) -> None:
        for watch in self._watches.values():
            await watch.stop()
        self._watches.clear()
        if self._reconciling is not None:
            self._reconciling.cancel()
            await asyncio.wait({self._reconciling})

    # Gaps

    def connected(self, url: str) -> None:
        """A socket was opened, perhaps again: ccxt does that without telling whoever watches. What came meanwhile is
        missing."""
        self.reconcile_soon(self.account.symbols)
        self.subscribing(self.account.symbols)

    def lost(self, symbols: Iterable[str], now_ns: int) -> None:
        for symbol in symbols:
            self._lost.setdefault(symbol, now_ns)
            self._lost_anew.add(symbol)

    def subscribing(self, symbols: Iterable[str]) -> None:
        """Markets are being subscribed to, the first time or again, perhaps over a connection that stands already. What
        comes before the venue has taken that is missing, and it does not always confirm it."""
        self._subscribed.update(dict.fromkeys(symbols))
        self._start()

    def reconcile_soon(self, symbols: Iterable[str]) -> None:
        """Ask for open orders and executions since the gap began, and tell them as if they had been pushed."""
        symbols = tuple(symbols)
        self.lost(symbols, self._clock.now_ns())
        self._due.update(dict.fromkeys(symbols))
        self._start()

    def _start(self) -> None:
        if self._reconciling is None or self._reconciling.done():
            self._reconciling = asyncio.get_running_loop().create_task(self._reconcile(), name="reconcile after a gap")

    async def _reconcile(self) -> None:
        wait_s = FIRST_WAIT_S
        while self._due or self._subscribed:
            if not self._due:
                self._due, self._subscribed = self._subscribed, {}
                await self._clock.sleep_until(self._clock.monotonic() + SUBSCRIBED_WITHIN_S)
            asking, self._due = tuple(self._due), {}
            self._lost_anew.difference_update(asking)
            closed = [symbol for symbol in asking if await self._close_gap(symbol)]
            for symbol in closed:
                # One that has broken since is asked about when it is back, and one that is being subscribed to, soon.
                if symbol not in self._lost_anew and symbol not in self._subscribed:
                    self._lost.pop(symbol, None)
            if len(closed) == len(asking):
                wait_s = FIRST_WAIT_S
                continue
            self._due.update(dict.fromkeys(symbol for symbol in asking if symbol not in closed))
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _close_gap(self, symbol: str) -> bool:
        """Tell all that can have been missed in a market; False while the venue cannot be asked."""
        if symbol not in self.account.symbols:
            return True  # nobody here trades it any more
        since_ns = self._lost.get(symbol, self._clock.now_ns()) - OVERLAP_NS
        try:
            for report in await history.open_orders(self.account, symbol):
                for hear in tuple(self.account.on_order):
                    hear(report)
            for fill in await history.fills(self.account, symbol, since_ns):
                self.account.tell(fill)
        except EngineError as error:
            log.warning("a gap could not be closed yet", venue=self.account.name, reason=str(error))
            return False
        return True
