"""The book a draft would post: its own strategy, modifiers and guard, run on paper in this process until they quote.

Nothing leaves the process, whatever the stage (`stages`): a draft with a part that would reach out is not predicted
here, and the answer says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from engine.core.config import ConfigError
from engine.core.container import Container
from engine.core.decimals import BPS, ZERO
from engine.core.errors import EngineError
from engine.core.scheduler import Scheduler
from engine.market.types import Side
from engine.metrics.events import RecordingEnded
from engine.testing.clock import ManualClock
from strategies.builder.stages import CannotStage, Stage

SETTLED_S, PATIENCE_S = 15, 60
"""Market seconds after which a draft that quotes is looked at, for estimators want to see some returns first; and after
which one that does not is given up."""
WALL_S = 8.0
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
    fault: str = ""
    """What failed, when something did."""
    notes: tuple[str, ...] = ()
    mid: Decimal = ZERO
    market_spread_bps: Decimal = ZERO
    orders: tuple[Order, ...] = ()
    market: tuple[Order, ...] = ()
    waited_s: int = 0
    seen_ns: int = 0
    """When the book looked at was there: of the recording, of the venue, or of the simulation."""

    @property
    def was_tried(self) -> bool:
        """It ran; without orders, `reason` says why it would not quote."""
        return bool(self.orders) or self.waited_s > 0

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


def predict(stage: Callable[[], Stage]) -> Prediction:
    """Run a draft until it quotes, and look. Without an event loop in this thread only."""
    try:
        return asyncio.run(_Look(stage()).look())
    except CannotStage as error:
        return Prediction(reason=str(error))
    except ConfigError as error:
        return Prediction(reason=f"The draft would not run: {error}")


class _Look:
    """One run of a stage, looked at once a market second by a job of its own timetable: the same in every run."""

    def __init__(self, stage: Stage) -> None:
        self._clock = stage.clock
        self._scheduler = Scheduler(stage.clock)
        self._found: Prediction | None = None
        self._over = asyncio.Event()
        self._waited = 0
        self._container = Container(
            stage.config,
            stage.registry,
            clock=stage.clock,
            scheduler=self._scheduler,
            on_fault=lambda reason: self._over.set(),
            on_event=self._hear,
        )

    async def look(self) -> Prediction:
        container = self._container
        try:
            await container.load()
            await container.begin()
            await container.service.start("a prediction")
            self._scheduler.every(1.0, self._second, name="look", phase_s=1.0)
            try:
                async with asyncio.timeout(WALL_S):
                    await self._run()
            except TimeoutError:
                if self._found is None:
                    sentence = f"It took longer than {WALL_S:g} s of this machine's time, so it was given up"
                    return Prediction(reason=f"{sentence}, {self._waited} s after its start.", waited_s=self._waited)
            if container.fault:
                reason = f"It failed: {container.fault}."
                return Prediction(reason=reason, fault=container.fault, waited_s=self._waited)
            return self._found or self._as_it_stands()
        except EngineError as error:
            return Prediction(reason=f"It did not start: {error}")
        finally:
            await container.unload()
            await self._scheduler.stop()

    async def _run(self) -> None:
        """Let market time pass: by hand, or as the recording moves it."""
        if not isinstance(self._clock, ManualClock):
            await self._over.wait()
            return
        self._scheduler.start()
        while not self._over.is_set():
            await self._clock.advance(1)

    async def _second(self) -> None:
        self._waited += 1
        service: Any = self._container.service
        if self._found is None and self._waited >= SETTLED_S and service.quotes.quotes:
            self._found = self._as_it_stands()
        if self._found is not None or self._waited >= PATIENCE_S:
            self._over.set()

    def _hear(self, event: msgspec.Struct) -> None:
        if isinstance(event, RecordingEnded):
            if self._found is None:
                self._found = self._as_it_stands()
            self._over.set()

    def _as_it_stands(self) -> Prediction:
        service: Any = self._container.service
        quotes, book = service.quotes, service.feed.book
        mid = book.mid
        if not quotes.quotes or mid is None:
            reason = quotes.reason or service.feed.problem or "It posted nothing."
            return Prediction(reason=reason, notes=service.notes, waited_s=self._waited)
        return Prediction(
            notes=tuple(service.notes),
            mid=mid,
            market_spread_bps=book.spread_bps or ZERO,
            orders=tuple(_order(quote.side, quote.price, quote.size_base, mid) for quote in quotes.quotes),
            market=tuple(
                _order(side, level.price, level.size_base, mid)
                for side in (Side.BUY, Side.SELL)
                for level in book.top(side, MARKET_LEVELS)
            ),
            waited_s=self._waited,
            seen_ns=service.feed.book_ts_ns,
        )


def _order(side: Side, price: Decimal, size: Decimal, mid: Decimal) -> Order:
    away = mid - price if side is Side.BUY else price - mid
    return Order(side=side.value, price=price, size=size, distance_bps=away / mid * BPS)
