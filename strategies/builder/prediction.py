"""The book a draft would post: its own strategy, modifiers and guard, run on a simulated market until they quote.

Nothing leaves the process: the venue is the simulation itself, orders are on paper, sinks are replaced by memory. A
draft with a part that would reach out (another venue, a connection) is not predicted here, and the answer says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.core.config import ConfigError, check_config
from engine.core.container import Container
from engine.core.decimals import BPS, ZERO
from engine.core.errors import EngineError
from engine.market.types import Side
from engine.metrics.base import Sink
from engine.testing.clock import ManualClock
from strategies.blueprint import BlueprintError, blueprint
from strategies.builder.ground import Ground
from strategies.choices import Mode

SIMULATED = "exchanges.simulated"
WITHIN = ("exchanges.paper", SIMULATED, "prices.", "marketmaking", "risk.", "killswitches.", "listeners.", "metrics.")
"""Ids, or beginnings of them, of what runs here as it is."""

SETTLED_S, PATIENCE_S = 15, 60
"""Market seconds after which a draft that quotes is looked at, for estimators want to see some returns first; and after
which one that does not is given up."""
WALL_S = 4.0
"""Machine seconds for all of it."""
MARKET_LEVELS = 400


@dataclass(frozen=True, kw_only=True)
class Order:
    side: str
    price: Decimal
    size: Decimal
    distance_bps: Decimal

    @property
    def notional(self) -> Decimal:
        return self.price * self.size


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """`reason` says why there are no orders; then the rest is empty. Distances are from the market's mid."""

    reason: str = ""
    notes: tuple[str, ...] = ()
    mid: Decimal = ZERO
    market_spread_bps: Decimal = ZERO
    orders: tuple[Order, ...] = ()
    market: tuple[Order, ...] = ()
    waited_s: int = 0

    def side(self, side: str) -> list[Order]:
        return [order for order in self.orders if order.side == side]

    @property
    def spread_bps(self) -> Decimal | None:
        """From our best bid to our best ask, of the market's mid; None while a side is empty."""
        bids, asks = self.side("buy"), self.side("sell")
        if not bids or not asks or not self.mid:
            return None
        return (min(ask.price for ask in asks) - max(bid.price for bid in bids)) / self.mid * BPS

    def depth_quote(self, side: str, band_bps: Decimal) -> Decimal:
        """What rests of ours on a side within a band around mid."""
        return sum((order.notional for order in self.side(side) if order.distance_bps <= band_bps), ZERO)

    @property
    def capital_quote(self) -> Decimal:
        """What the bids bind."""
        return sum((order.notional for order in self.side("buy")), ZERO)

    @property
    def capital_base(self) -> Decimal:
        """What the asks bind."""
        return sum((order.size for order in self.side("sell")), ZERO)


def predict(yaml: str, ground: Ground, funding: Mapping[str, Decimal]) -> Prediction:
    """Run the draft until it quotes, and look. Without an event loop in this thread only."""
    if ground.market is None or ground.market.component != SIMULATED:
        where = ground.market.component if ground.market else "no market yet"
        return Prediction(
            reason=f"A book is predicted on simulated markets, and this draft is for {where}: no page opens a "
            "connection to a venue. Play it a recording of the market instead."
        )
    try:
        document = blueprint(
            yaml=yaml, mode=Mode.PAPER, market=ground.market, registry=ground.registry, funding=funding
        )
        tree = document.tree
        for name, node in tree["components"].items():
            entry = ground.catalog.entries.get(str(node.get("id")))
            if entry is not None and Sink in entry.seams:
                tree["components"][name] = {"id": "sinks.memory"}
            elif not str(node.get("id")).startswith(WITHIN):
                return Prediction(reason=f"{name} is {node.get('id')}, which would reach out: it is not run here.")
        container = Container(
            check_config(document, registry=ground.registry), ground.registry, clock=(clock := ManualClock())
        )
    except (ConfigError, BlueprintError) as error:
        return Prediction(reason=f"The draft would not run: {error}")
    return asyncio.run(_until_it_quotes(container, clock))


async def _until_it_quotes(container: Container, clock: ManualClock) -> Prediction:
    service: Any = container.service
    started = time.monotonic()
    waited = 0
    try:
        await container.load()
        await container.begin()
        await container.service.start("a prediction")
        while waited < PATIENCE_S and time.monotonic() - started < WALL_S and not container.fault:
            await clock.advance(1)
            waited += 1
            if waited >= SETTLED_S and service.quotes.quotes:
                break
        if container.fault:
            return Prediction(reason=f"It failed: {container.fault}.", waited_s=waited)
        quotes, book = service.quotes, service.feed.book
        mid = book.mid
        if not quotes.quotes or mid is None:
            return Prediction(reason=quotes.reason or "It posted nothing.", notes=service.notes, waited_s=waited)
        return Prediction(
            notes=tuple(service.notes),
            mid=mid,
            market_spread_bps=(book.best_ask - book.best_bid) / mid * BPS,
            orders=tuple(_order(quote.side, quote.price, quote.size_base, mid) for quote in quotes.quotes),
            market=tuple(
                _order(side, level.price, level.size_base, mid)
                for side in (Side.BUY, Side.SELL)
                for level in book.top(side, MARKET_LEVELS)
            ),
            waited_s=waited,
        )
    except EngineError as error:
        return Prediction(reason=f"It did not start: {error}")
    finally:
        await container.unload()


def _order(side: Side, price: Decimal, size: Decimal, mid: Decimal) -> Order:
    away = mid - price if side is Side.BUY else price - mid
    return Order(side=side.value, price=price, size=size, distance_bps=away / mid * BPS)
