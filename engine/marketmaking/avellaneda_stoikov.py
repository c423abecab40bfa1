"""marketmaking.avellaneda_stoikov: a spread from risk aversion, volatility and arrivals, around a reservation price."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component, Hear
from engine.core.decimals import MONEY, ONE, WIDE, ZERO, spoken
from engine.core.params import Bps, Count, Factor, Money, Seconds, Size, Symbol
from engine.market.types import Side, Trade
from engine.marketmaking import avellaneda
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft, Rung
from engine.marketmaking.estimators import ArrivalDecay, Volatility
from engine.marketmaking.modifiers.formulas import clamp, of_price
from engine.venues.base import MarketFeed, MarketSource

_HALF = Decimal("0.5")


class AvellanedaStoikov(Component):
    """Quote Avellaneda and Stoikov's spread around their reservation price, both within bounds.

    σ and κ are given or estimated online: σ from the reference price, κ from the trades of `market`. Until there is
    enough to estimate from, nothing is quoted.
    """

    def __init__(
        self,
        *,
        order_size_base: Annotated[Decimal, Size(gt=0, help="Size of one order, and the unit inventory is counted in")],
        risk_aversion: Annotated[
            Decimal, Factor(gt=0, live=True, help="γ: larger leans harder against inventory", example="0.1")
        ],
        horizon_s: Annotated[Decimal, Seconds(gt=0, live=True, help="τ: how far ahead risk is counted, always")],
        min_half_spread_bps: Annotated[
            Decimal, Bps(gt=0, lt=5000, help="Bound of the half-spread, of the price", example=2)
        ],
        max_half_spread_bps: Annotated[
            Decimal, Bps(gt=0, lt=5000, help="Bound of the half-spread, of the price", example=50)
        ],
        max_shift_bps: Annotated[
            Decimal, Bps(ge=0, lt=5000, live=True, help="Furthest the reservation price may be from the reference")
        ],
        sigma_quote: Annotated[
            Decimal | None, Money(ge=0, help="σ in quote currency per √second; empty to estimate it")
        ] = None,
        kappa: Annotated[
            Decimal | None,
            Factor(gt=0, help="κ per unit of quote currency; empty to estimate it from `market`", example="0.05"),
        ] = None,
        market: MarketSource | None = None,
        symbol: Annotated[str | None, Symbol(help="Market whose trades are heard")] = None,
        target_base: Annotated[Decimal, Size(live=True, help="Position that counts as no inventory")] = ZERO,
        levels: Annotated[int, Count(ge=1, le=50, live=True, help="Orders a side")] = 1,
        level_spacing_bps: Annotated[Decimal, Bps(ge=0, lt=10000, live=True, help="Distance between levels")] = Decimal(
            5
        ),
        half_life_s: Annotated[Decimal, Seconds(gt=0, help="After this long a return counts half")] = Decimal(300),
        sample_s: Annotated[Decimal, Seconds(gt=0, help="Time from return to return")] = ONE,
        min_returns: Annotated[int, Count(ge=1, le=10_000, help="Returns needed for an estimate of σ")] = 30,
        trades: Annotated[int, Count(ge=10, le=10_000, help="Trades from which κ is estimated")] = 200,
        min_trades: Annotated[int, Count(ge=1, le=10_000, help="Trades needed for an estimate of κ")] = 30,
    ) -> None:
        if min_half_spread_bps > max_half_spread_bps:
            raise ValueError(
                f"min_half_spread_bps must not exceed max_half_spread_bps, was {min_half_spread_bps} over "
                f"{max_half_spread_bps}"
            )
        if kappa is None and (market is None or symbol is None):
            raise ValueError("kappa must be given, or a market and its symbol to estimate it from; all were empty")
        if min_trades > trades:
            raise ValueError(f"min_trades must not exceed trades, was {min_trades} over {trades}")
        self.order_size_base = order_size_base
        self.risk_aversion = risk_aversion
        self.horizon_s = horizon_s
        self.min_half_spread_bps = min_half_spread_bps
        self.max_half_spread_bps = max_half_spread_bps
        self.max_shift_bps = max_shift_bps
        self.sigma_quote = sigma_quote
        self.kappa = kappa
        self.market = market
        self.symbol = symbol
        self.target_base = target_base
        self.levels = levels
        self.level_spacing_bps = level_spacing_bps
        self.min_returns = min_returns
        self.min_trades = min_trades
        self._volatility = Volatility(half_life_s=half_life_s, sample_s=sample_s)
        self._arrivals = ArrivalDecay(trades=trades)
        self._feed: MarketFeed | None = None
        self._hearing: Hear | None = None

    async def load(self) -> None:
        if self.kappa is None and self.market is not None and self.symbol is not None:
            self._feed = self.market.feed(self.symbol)
            self._hearing = self.runtime.hearing(self._hear)
            self._feed.on_trade.append(self._hearing)

    async def unload(self) -> None:
        if self._feed is not None and self._hearing in self._feed.on_trade:
            self._feed.on_trade.remove(self._hearing)
        self._feed = None

    def _hear(self, trade: Trade) -> None:
        mid = self._feed.book.mid if self._feed is not None and not self._feed.problem else None
        if mid is not None:
            self._arrivals.observe(WIDE.subtract(trade.price, mid).copy_abs())

    def draft(self, context: QuoteContext) -> Draft:
        mid = context.reference.value
        if self.sigma_quote is None:
            self._volatility.observe(context.monotonic, mid)
            if self._volatility.returns < self.min_returns:
                return Draft.none(f"σ is not known yet: {self._volatility.returns} of {self.min_returns} returns seen.")
        if self.kappa is None and self._arrivals.count < self.min_trades:
            return Draft.none(f"κ is not known yet: {self._arrivals.count} of {self.min_trades} trades heard.")
        variance = self._variance(mid)
        kappa = self._arrivals.kappa(context.instrument.tick_size * _HALF) if self.kappa is None else self.kappa
        inventory = WIDE.divide(WIDE.subtract(context.inventory.position_base, self.target_base), self.order_size_base)
        gamma, left_s = self.risk_aversion, self.horizon_s
        centre = avellaneda.reservation_price(
            mid=mid, inventory=inventory, gamma=gamma, variance=variance, left_s=left_s
        )
        centre = WIDE.add(mid, clamp(WIDE.subtract(centre, mid), of_price(mid, self.max_shift_bps)))
        half = avellaneda.half_spread(gamma=gamma, variance=variance, left_s=left_s, kappa=kappa)
        half = max(of_price(mid, self.min_half_spread_bps), min(of_price(mid, self.max_half_spread_bps), half))
        step = of_price(mid, self.level_spacing_bps)
        return Draft(self._side(Side.BUY, centre, half, step), self._side(Side.SELL, centre, half, step))

    def _variance(self, mid: Decimal) -> Decimal:
        """σ² in quote² per second."""
        if self.sigma_quote is not None:
            return WIDE.multiply(self.sigma_quote, self.sigma_quote)
        return WIDE.multiply(WIDE.multiply(mid, mid), self._volatility.variance_per_s)

    def _side(self, side: Side, centre: Decimal, half: Decimal, step: Decimal) -> list[Rung]:
        outwards = Decimal(-side.sign)
        return [
            Rung(
                level,
                WIDE.add(centre, WIDE.multiply(outwards, WIDE.add(half, WIDE.multiply(step, Decimal(level))))),
                self.order_size_base,
            )
            for level in range(self.levels)
        ]

    def because(self, context: QuoteContext) -> str:
        if self.sigma_quote is None and self._volatility.returns < self.min_returns:
            return ""
        if self.kappa is None and self._arrivals.count < self.min_trades:
            return ""
        sigma = MONEY.sqrt(self._variance(context.reference.value))
        kappa = self._arrivals.kappa(context.instrument.tick_size * _HALF) if self.kappa is None else self.kappa
        held = WIDE.subtract(context.inventory.position_base, self.target_base)
        base, quote = context.instrument.base, context.instrument.quote
        return (
            f"σ is {spoken(sigma, 6)} {quote} per √second, κ {spoken(kappa, 6)}, γ {self.risk_aversion}, "
            f"τ {self.horizon_s} s, inventory {spoken(held, 6)} {base}; the half-spread is kept within "
            f"{self.min_half_spread_bps} and {self.max_half_spread_bps} bps."
        )
