"""An account at another venue that answers as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from engine.core.component import Component
from engine.core.decimals import ZERO
from engine.market.types import Balance, Fill, OrderReport, OrderRequest, OrderStatus, Side
from engine.venues.base import Exchange, MarketFeed, PlaceRefused


class DrilledAccount(Component):
    """Trade through another account, a network away, until the drill makes it refuse, dawdle or lose funds."""

    immediate = False

    def __init__(self, *, exchange: Exchange) -> None:
        self.exchange = exchange
        self.on_order = exchange.on_order
        self.on_fill = exchange.on_fill
        self.answers_after_s = 0.02
        self.refuses: dict[Side, str] = {}
        """Side -> reason: every order on it is refused with that."""
        self.withdrawn: dict[str, Decimal] = {}
        """What somebody has taken out of the account, by asset."""

    def feed(self, symbol: str) -> MarketFeed:
        return self.exchange.feed(symbol)

    async def place(self, orders: Sequence[OrderRequest]) -> Sequence[OrderReport]:
        taken = iter(await self.exchange.place([order for order in orders if order.side not in self.refuses]))
        answers = [self._refuse(order) if order.side in self.refuses else next(taken) for order in orders]
        await self._answer(self.answers_after_s)
        return answers

    async def cancel(self, symbol: str, client_order_ids: Sequence[str]) -> Sequence[OrderReport]:
        answers = await self.exchange.cancel(symbol, client_order_ids)
        await self._answer(self.answers_after_s)
        return answers

    async def cancel_all(self, symbol: str) -> None:
        await self.exchange.cancel_all(symbol)
        await self._answer(self.answers_after_s)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        await self._answer(_QUERY_S)
        return await self.exchange.open_orders(symbol)

    async def fills(self, symbol: str, since_ns: int) -> Sequence[Fill]:
        await self._answer(_QUERY_S)
        return await self.exchange.fills(symbol, since_ns)

    async def balances(self) -> dict[str, Balance]:
        balances = await self.exchange.balances()
        for asset, amount in self.withdrawn.items():
            held = balances[asset]
            balances[asset] = msgspec.structs.replace(held, free=held.free - amount)
        return balances

    # Inside

    async def _answer(self, after_s: float) -> None:
        clock = self.runtime.clock
        await clock.sleep_until(clock.monotonic() + after_s)

    def _refuse(self, order: OrderRequest) -> PlaceRefused:
        return PlaceRefused(
            ts_ns=self.runtime.clock.now_ns(),
            client_order_id=order.client_order_id,
            venue_order_id="",
            symbol=order.symbol,
            side=order.side,
            price=order.price,
            size_base=order.size_base,
            filled_base=ZERO,
            status=OrderStatus.REJECTED,
            reason=self.refuses[order.side],
        )


_QUERY_S = 0.02
