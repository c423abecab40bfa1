"""The five invented mandates: one major market, two of middling size, two thin ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from clients.choices import Kpi, ResumePolicy

CLIENTS = {"demo-aurora": "Demo Aurora", "demo-borealis": "Demo Borealis", "demo-cascade": "Demo Cascade"}
"""By slug, which is also the name of the client's one portal user."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """One obligation of a demo mandate."""

    kpi: Kpi
    target_share: str
    max_spread_bps: str | None = None
    band_bps: str | None = None
    min_depth_quote: str | None = None


@dataclass(frozen=True, kw_only=True)
class DemoMandate:
    """One invented mandate: its market, what is promised, how it is quoted and what it is funded with."""

    client: str
    symbol: str
    tags: str
    shares_pnl: bool = False
    resume_policy: ResumePolicy = ResumePolicy.RESUME
    terms: tuple[Terms, ...]
    market: dict[str, str | int]
    """Arguments of exchanges.simulated, decimals as text."""
    template: str
    quoting: dict[str, str | int]
    """The template's other places."""
    funding: tuple[str, str]
    """Base and quote."""
    pieces: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        base, _, quote = self.symbol.partition("/")
        object.__setattr__(self, "pieces", (base, quote))

    @property
    def slug(self) -> str:
        return "-".join((self.client, *self.pieces)).lower()

    @property
    def name(self) -> str:
        return f"{self.symbol} on Simulated Exchange"

    def yaml(self) -> str:
        summary = f"{CLIENTS[self.client]}: {self.symbol}, a simulated {self.market['profile']} market."
        text = (Path(__file__).parent / f"{self.template}.yaml").read_text()
        return Template(text).substitute(self.market, symbol=self.symbol, summary=summary, **self.quoting)


FEES: dict[str, str | int] = {"maker_fee_bps": "0", "taker_fee_bps": "5"}

MANDATES = (
    DemoMandate(
        client="demo-borealis",
        symbol="BTC/USDT",
        tags="major",
        shares_pnl=True,
        terms=(
            Terms(kpi=Kpi.SPREAD, max_spread_bps="20", target_share="0.95"),
            Terms(kpi=Kpi.DEPTH, band_bps="50", min_depth_quote="50000", target_share="0.95"),
            Terms(kpi=Kpi.UPTIME, target_share="0.95"),
        ),
        market={
            **FEES,
            "profile": "major",
            "seed": 11,
            "anchor_price": "61000",
            "tick_size": "0.01",
            "lot_size": "0.00001",
            "min_notional_quote": "5",
        },
        template="inventory_spread",
        quoting={
            "spread_bps": "12",
            "order_size_quote": "15000",
            "levels": 5,
            "level_spacing_bps": "8",
            "skew": "0.5",
            "max_position_quote": "200000",
            "halt_position_quote": "240000",
            "max_loss_quote": "25000",
            "max_order_size_quote": "20000",
            "max_open_notional_quote": "200000",
            "max_orders_per_s": 20,
            "interval_ms": 500,
            "price_threshold_bps": "2",
        },
        funding=("5", "300000"),
    ),
    DemoMandate(
        client="demo-aurora",
        symbol="AURORA/USDT",
        tags="mid launch",
        shares_pnl=True,
        terms=(
            Terms(kpi=Kpi.SPREAD, max_spread_bps="25", target_share="0.95"),
            Terms(kpi=Kpi.DEPTH, band_bps="100", min_depth_quote="10000", target_share="0.9"),
            Terms(kpi=Kpi.DEPTH, band_bps="200", min_depth_quote="20000", target_share="0.95"),
            Terms(kpi=Kpi.UPTIME, target_share="0.95"),
        ),
        market={
            **FEES,
            "profile": "mid",
            "seed": 23,
            "anchor_price": "0.0312345",
            "tick_size": "0.000001",
            "lot_size": "1",
            "min_notional_quote": "5",
        },
        template="inventory_spread",
        quoting={
            "spread_bps": "5",
            "order_size_quote": "6500",
            "levels": 4,
            "level_spacing_bps": "10",
            "skew": "0.5",
            "max_position_quote": "80000",
            "halt_position_quote": "100000",
            "max_loss_quote": "10000",
            "max_order_size_quote": "10000",
            "max_open_notional_quote": "80000",
            "max_orders_per_s": 20,
            "interval_ms": 1000,
            "price_threshold_bps": "1",
        },
        funding=("4000000", "125000"),
    ),
    DemoMandate(
        client="demo-cascade",
        symbol="CASC/USDT",
        tags="mid",
        terms=(
            Terms(kpi=Kpi.SPREAD, max_spread_bps="20", target_share="0.95"),
            Terms(kpi=Kpi.DEPTH, band_bps="200", min_depth_quote="25000", target_share="0.95"),
            Terms(kpi=Kpi.UPTIME, target_share="0.95"),
        ),
        market={
            **FEES,
            "profile": "mid",
            "seed": 37,
            "anchor_price": "2.4",
            "tick_size": "0.0001",
            "lot_size": "0.1",
            "min_notional_quote": "5",
        },
        template="ladder",
        quoting={
            "half_spread_bps": "3",
            "size_base": "2600",
            "levels": 5,
            "level_spacing_bps": "10",
            "max_position_quote": "180000",
            "halt_position_quote": "210000",
            "max_loss_quote": "12000",
            "max_order_size_quote": "10000",
            "max_open_notional_quote": "100000",
            "max_orders_per_s": 20,
            "interval_ms": 1000,
            "price_threshold_bps": "1",
        },
        funding=("100000", "250000"),
    ),
    DemoMandate(
        client="demo-borealis",
        symbol="BOREAL/USDT",
        tags="thin",
        resume_policy=ResumePolicy.PAUSE,
        terms=(
            Terms(kpi=Kpi.SPREAD, max_spread_bps="80", target_share="0.9"),
            Terms(kpi=Kpi.DEPTH, band_bps="200", min_depth_quote="2500", target_share="0.9"),
            Terms(kpi=Kpi.UPTIME, target_share="0.9"),
        ),
        market={
            **FEES,
            "profile": "thin",
            "seed": 41,
            "anchor_price": "0.226",
            "tick_size": "0.0001",
            "lot_size": "0.1",
            "min_notional_quote": "5",
        },
        template="inventory_spread",
        quoting={
            "spread_bps": "30",
            "order_size_quote": "1100",
            "levels": 3,
            "level_spacing_bps": "40",
            "skew": "0.6",
            "max_position_quote": "15000",
            "halt_position_quote": "20000",
            "max_loss_quote": "2000",
            "max_order_size_quote": "2000",
            "max_open_notional_quote": "12000",
            "max_orders_per_s": 10,
            "interval_ms": 1000,
            "price_threshold_bps": "4",
        },
        funding=("100000", "25000"),
    ),
    DemoMandate(
        client="demo-cascade",
        symbol="DRIFT/USDT",
        tags="thin launch",
        terms=(
            Terms(kpi=Kpi.SPREAD, max_spread_bps="80", target_share="0.9"),
            Terms(kpi=Kpi.DEPTH, band_bps="200", min_depth_quote="4000", target_share="0.9"),
            Terms(kpi=Kpi.UPTIME, band_bps="200", target_share="0.9"),
        ),
        market={
            **FEES,
            "profile": "thin",
            "seed": 59,
            "anchor_price": "6",
            "tick_size": "0.001",
            "lot_size": "0.01",
            "min_notional_quote": "5",
        },
        template="ladder",
        quoting={
            "half_spread_bps": "15",
            "size_base": "220",
            "levels": 4,
            "level_spacing_bps": "40",
            "max_position_quote": "20000",
            "halt_position_quote": "25000",
            "max_loss_quote": "3000",
            "max_order_size_quote": "2500",
            "max_open_notional_quote": "15000",
            "max_orders_per_s": 10,
            "interval_ms": 1000,
            "price_threshold_bps": "4",
        },
        funding=("5000", "30000"),
    ),
)
