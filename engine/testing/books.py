"""Instruments and books made by hand."""

from __future__ import annotations

from decimal import Decimal

from engine.core.decimals import BPS
from engine.market.book import Change
from engine.market.types import Instrument

AURORA = Instrument(
    symbol="AURORA/USDT",
    base="AURORA",
    quote="USDT",
    tick_size=Decimal("0.0001"),
    lot_size=Decimal("0.1"),
    min_size_base=Decimal("0.1"),
    min_notional_quote=Decimal(5),
)
"""A small token that exists nowhere."""


def levels(*pairs: tuple[str | Decimal, str | Decimal]) -> list[Change]:
    """Levels from (price, size_base) written as text."""
    return [(Decimal(price), Decimal(size)) for price, size in pairs]


def book_around(
    mid: str | Decimal,
    *,
    half_spread_bps: str | Decimal = "5",
    step_bps: str | Decimal = "5",
    count: int = 10,
    size_base: str | Decimal = "1000",
    tick_size: Decimal = AURORA.tick_size,
) -> tuple[list[Change], list[Change]]:
    """Bids and asks of equal size evenly around a mid, on the tick."""
    centre, size = Decimal(mid), Decimal(size_base)
    offsets = [(Decimal(half_spread_bps) + level * Decimal(step_bps)) / BPS * centre for level in range(count)]
    on_tick = [max(tick_size, (offset / tick_size).to_integral_value() * tick_size) for offset in offsets]
    return [(centre - offset, size) for offset in on_tick], [(centre + offset, size) for offset in on_tick]
