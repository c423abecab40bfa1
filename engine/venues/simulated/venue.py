"""`exchanges.simulated`: a synthetic market as a public data source, shared by every deployment that names the same
one."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import Annotated, Literal

from engine.core.clock import NS, Clock
from engine.core.component import Component
from engine.core.decimals import ZERO
from engine.core.errors import NotReady
from engine.core.params import Bps, Count, Factor, Money, Option, Price, Size, Symbol
from engine.core.scheduler import Job, Scheduler
from engine.market.book import Change
from engine.market.types import Instrument, Side, Trade
from engine.venues.base import MarketFeed
from engine.venues.simulated.market import SimulatedMarket
from engine.venues.simulated.profiles import PROFILES, Profile

LEAST_ANCHOR_TICKS = 1_000
"""A coarser tick would make every move a crash."""


class Simulated(Component):
    """A synthetic market calibrated to recordings of real ones. Public data only: orders go to `exchanges.paper` over
    it.

    The slow part of the price follows from seed and UTC time alone, so every process agrees on the level; the fast part
    jumps around it. The same arguments started at the same moment give the same events.
    """

    def __init__(
        self,
        *,
        symbol: Annotated[str, Symbol(help="Such as AURORA/USDT")],
        anchor_price: Annotated[Decimal, Price(gt=0, help="The price wanders around this one, within some percent")],
        tick_size: Annotated[Decimal, Price(gt=0, help="Smallest price step", example="0.01")],
        lot_size: Annotated[Decimal, Size(gt=0, help="Smallest size step, base currency", example="0.00001")],
        min_size_base: Annotated[Decimal | None, Size(gt=0, help="Smallest order")] = None,
        min_notional_quote: Annotated[Decimal | None, Money(gt=0, help="Smallest order by value")] = None,
        maker_fee_bps: Annotated[Decimal, Bps(help="Fee of an order that rested; negative is a rebate")] = ZERO,
        taker_fee_bps: Annotated[Decimal, Bps(help="Fee of an order that takes")] = ZERO,
        profile: Annotated[
            Literal["major", "mid", "thin"], Option(help="Character: BTC-like, ETH/BTC-like, small cap")
        ] = "mid",
        seed: Annotated[int, Count(ge=0, help="Another seed is another world")] = 1,
        notional_scale: Annotated[
            Decimal, Factor(gt=0, help="Quote currency worth one dollar: 1 for USDT, 0.00002 for BTC")
        ] = Decimal(1),
    ) -> None:
        self.symbol = symbol
        self.anchor_price = anchor_price
        self.tick_size = tick_size
        self.lot_size = lot_size
        self.min_size_base = min_size_base
        self.min_notional_quote = min_notional_quote
        self.maker_fee_bps = maker_fee_bps
        self.taker_fee_bps = taker_fee_bps
        self.profile = profile
        self.seed = seed
        self.notional_scale = notional_scale
        self._feed: MarketFeed | None = None

    async def load(self) -> None:
        if self.anchor_price < LEAST_ANCHOR_TICKS * self.tick_size:
            raise NotReady(
                f"anchor_price {self.anchor_price} is only {self.anchor_price / self.tick_size} ticks of "
                f"{self.tick_size}; give a tick_size of at most {self.anchor_price / LEAST_ANCHOR_TICKS}"
            )
        base, _, quote = self.symbol.partition("/")
        instrument = Instrument(
            symbol=self.symbol,
            base=base,
            quote=quote,
            tick_size=self.tick_size,
            lot_size=self.lot_size,
            min_size_base=self.min_size_base,
            min_notional_quote=self.min_notional_quote,
            maker_fee_bps=self.maker_fee_bps,
            taker_fee_bps=self.taker_fee_bps,
        )
        runtime = self.runtime
        self._key: Hashable = (
            "exchanges.simulated", instrument, self.anchor_price, self.profile, self.seed, self.notional_scale,
        )  # fmt: skip
        self._feed = await runtime.hub.acquire(
            self._key,
            lambda: SimulatedFeed(
                instrument=instrument,
                anchor_price=self.anchor_price,
                profile=PROFILES[self.profile],
                seed=self.seed,
                notional_scale=self.notional_scale,
                clock=runtime.clock,
                scheduler=runtime.scheduler.shared,
            ),
        )

    async def unload(self) -> None:
        if self._feed is not None:
            self._feed = None
            await self.runtime.hub.release(self._key)

    def feed(self, symbol: str) -> MarketFeed:
        if symbol != self.symbol:
            raise NotReady(f"the simulated market {self.name or self.symbol} holds {self.symbol}, not {symbol}")
        if self._feed is None:
            raise NotReady(f"the simulated market of {self.symbol} is not loaded")
        return self._feed


class SimulatedFeed:
    """Steps one simulated market on the scheduler and publishes it as exact decimals on tick and lot."""

    def __init__(
        self,
        *,
        instrument: Instrument,
        anchor_price: Decimal,
        profile: Profile,
        seed: int,
        notional_scale: Decimal,
        clock: Clock,
        scheduler: Scheduler,
    ) -> None:
        self.feed = MarketFeed(instrument, source=f"simulated {profile.name}, seed {seed}")
        self._anchor_price = anchor_price
        self._profile = profile
        self._seed = f"{seed}|{instrument.symbol}|{profile.name}"
        self._notional_scale = notional_scale
        self._clock = clock
        self._scheduler = scheduler
        self._trades = 0
        self._job: Job | None = None

    async def start(self) -> None:
        instrument = self.feed.instrument
        self._origin_ns = self._clock.now_ns()
        self._market = SimulatedMarket(
            profile=self._profile,
            seed=self._seed,
            anchor_ticks=float(self._anchor_price / instrument.tick_size),
            lots_per_quote_at_tick=float(self._notional_scale / instrument.tick_size / instrument.lot_size),
            start_s=self._origin_ns / NS,
        )
        self._publish(self._origin_ns)
        self._job = self._scheduler.every(
            self._profile.step_ms / 1000,
            self._step,
            name=f"simulated {instrument.symbol}",
            on_error=self._failed,
        )

    async def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _failed(self, error: BaseException) -> None:
        self.feed.problem = f"the simulation of {self.feed.instrument.symbol} stopped: {error}"

    async def _step(self) -> None:
        now_ns = self._clock.now_ns()
        tick, lot = self.feed.instrument.tick_size, self.feed.instrument.lot_size
        for at_s, sign, ticks, lots in self._market.step(now_ns / NS):
            self._trades += 1
            trade = Trade(
                ts_ns=min(int(at_s * NS), now_ns),
                price=ticks * tick,
                size_base=lots * lot,
                aggressor=Side.BUY if sign > 0 else Side.SELL,
                trade_id=str(self._trades),
            )
            self.feed.last_trade = trade
            for on_trade in tuple(self.feed.on_trade):
                on_trade(trade)
        self._publish(now_ns)

    def _publish(self, now_ns: int) -> None:
        """Show what changed. A step without a change still says that the feed is alive, as a venue's heartbeat does."""
        feed, market = self.feed, self._market
        tick, lot = feed.instrument.tick_size, feed.instrument.lot_size
        bids: list[Change] = [(-key * tick, market.bids.sizes.get(key, 0) * lot) for key in market.bids.changed]
        asks: list[Change] = [(key * tick, market.asks.sizes.get(key, 0) * lot) for key in market.asks.changed]
        market.bids.changed.clear()
        market.asks.changed.clear()
        feed.book.apply(bids, asks)
        feed.book_ts_ns = now_ns
        feed.received_at = self._clock.monotonic()
        feed.publish()
