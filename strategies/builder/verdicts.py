"""A predicted book against what a mandate owes: which promise would fail, by how much, and which field to change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from engine.core.decimals import ZERO
from strategies.builder.prediction import Prediction
from strategies.builder.sheet import Field, Sheet

WIDTH, HEIGHT, BINS = 640, 132, 44
"""Of the drawing, and columns a side."""
SIZES = ("order_size", "size_base", "order_amount", "depth_quote", "levels")
"""In names of what decides the depth."""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One obligation, as far as a single look at the book can judge it."""

    kpi: str
    max_spread_bps: Decimal | None = None
    band_bps: Decimal | None = None
    min_depth_quote: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    owed: str
    shown: str
    holds: bool
    by: str = ""
    """How much is missing, with its unit."""
    change: tuple[Field, ...] = ()
    """The fields that would mend it."""


def verdicts(prediction: Prediction, promises: Iterable[Promise], sheet: Sheet, quote: str) -> list[Verdict]:
    """In the order of the promises. Without orders every promise fails."""
    return [_verdict(prediction, promise, sheet, quote) for promise in promises]


def _verdict(prediction: Prediction, promise: Promise, sheet: Sheet, quote: str) -> Verdict:
    if promise.max_spread_bps is not None:
        spread = prediction.spread_bps
        holds = spread is not None and spread <= promise.max_spread_bps
        return Verdict(
            owed=f"Spread ≤ {short(promise.max_spread_bps)} bps",
            shown=f"{short(spread)} bps" if spread is not None else "a side is empty",
            holds=holds,
            by="" if holds or spread is None else f"{short(spread - promise.max_spread_bps)} bps too wide",
            change=() if holds else _fields(sheet, ("spread_bps", "widen_bps", "spread")),
        )
    if promise.min_depth_quote is not None and promise.band_bps is not None:
        sides = {side: prediction.depth_quote(side, promise.band_bps) for side in ("buy", "sell")}
        least = min(sides.values())
        holds = least >= promise.min_depth_quote
        return Verdict(
            owed=f"Depth ±{short(promise.band_bps / 100)} % ≥ {grouped(promise.min_depth_quote)} {quote} a side",
            shown=f"bids {grouped(sides['buy'])}, asks {grouped(sides['sell'])}",
            holds=holds,
            by="" if holds else f"{grouped(promise.min_depth_quote - least)} {quote} short",
            change=() if holds else _fields(sheet, SIZES),
        )
    band = promise.band_bps
    sides = {side: _stands(prediction, side, band) for side in ("buy", "sell")}
    holds = all(sides.values())
    empty = " and ".join(name for name, side in (("bids", "buy"), ("asks", "sell")) if not sides[side])
    return Verdict(
        owed="Quoting on both sides" + (f" within ±{short(band / 100)} %" if band else ""),
        shown="both sides" if holds else f"no {empty}",
        holds=holds,
        by="" if holds else f"no {empty}",
        change=() if holds else _fields(sheet, ("spread_bps", "distance_bps", "max_position", *SIZES)),
    )


def _stands(prediction: Prediction, side: str, band_bps: Decimal | None) -> bool:
    return any(band_bps is None or order.distance_bps <= band_bps for order in prediction.side(side))


def _fields(sheet: Sheet, words: tuple[str, ...]) -> tuple[Field, ...]:
    """Fields of the strategies that by their names decide it, the likeliest first."""
    found = [
        each
        for word in words
        for card in sheet.cards
        if card.component.startswith("marketmaking.") and ".executors." not in card.component
        for each in card.fields
        if word in each.label and not each.label.startswith(("min_", "max_"))
    ]
    return tuple({each.key: each for each in found}.values())[:3]


@dataclass(frozen=True, kw_only=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str
    """'buy' and 'sell' are ours, 'market' is everybody else's."""
    label: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    width: int
    height: int
    bars: tuple[Bar, ...]
    bands: tuple[tuple[float, float, str], ...]
    """x, width and name of each band that something is owed in."""
    reach_bps: str


def picture(prediction: Prediction, bands_bps: Iterable[Decimal]) -> Picture:
    """Ours in the market's book, by distance from mid. Heights are cube roots, so that small beside large is seen."""
    bands = sorted(set(bands_bps))
    furthest = max((order.distance_bps for order in prediction.orders), default=Decimal(1))
    reach = max([furthest, *bands]) * Decimal("1.06") or Decimal(1)
    own: dict[tuple[str, int], Decimal] = {}
    market: dict[tuple[str, int], Decimal] = {}
    for orders, columns in ((prediction.orders, own), (prediction.market, market)):
        for order in orders:
            if ZERO <= order.distance_bps < reach:
                column = order.side, int(order.distance_bps / reach * BINS)
                columns[column] = columns.get(column, ZERO) + order.notional
    scale = max([*own.values(), *market.values()], default=Decimal(1)) * Decimal("1.05")
    step = WIDTH / 2 / BINS
    bars = []
    for columns, is_own in ((market, False), (own, True)):
        for (side, number), notional in sorted(columns.items()):
            height = float(notional / scale) ** (1 / 3) * HEIGHT
            left = WIDTH / 2 - (number + 1) * step if side == "buy" else WIDTH / 2 + number * step
            bars.append(
                Bar(
                    x=round(left + (step * 0.18 if is_own else 0), 2),
                    y=round(HEIGHT - height, 2),
                    width=round(step * (0.64 if is_own else 0.98), 2),
                    height=round(height, 2),
                    kind=side if is_own else "market",
                    label=f"{'ours' if is_own else 'market'}: {grouped(notional)}",
                )
            )
    spans = tuple(
        (
            round(WIDTH / 2 * (1 - float(band / reach)), 2),
            round(WIDTH * float(band / reach), 2),
            f"±{short(band / 100)} %",
        )
        for band in reversed(bands)
    )
    return Picture(width=WIDTH, height=HEIGHT, bars=tuple(bars), bands=spans, reach_bps=short(reach))


def short(value: Decimal) -> str:
    """Two digits behind the point at most, none that say nothing."""
    text = f"{value:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def grouped(value: Decimal) -> str:
    return f"{value:,.0f}" if value >= 100 else short(value)
