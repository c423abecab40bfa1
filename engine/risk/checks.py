"""The guard's limits one by one, as they stood against what was wanted. Only for explanations: `Limits` decides."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from engine.core.decimals import BPS, ZERO
from engine.core.states import QUOTING
from engine.market.types import MarketStatus, Quote, QuoteSet, Side
from engine.metrics.explained import Check, Verdict
from engine.risk.base import RiskState


class Bounds(Protocol):
    """The limits of a guard."""

    max_position_quote: Decimal
    max_loss_quote: Decimal
    max_order_size_quote: Decimal
    max_open_notional_quote: Decimal
    price_band_bps: Decimal
    max_orders_per_s: int


def standing(state: RiskState, bounds: Bounds) -> list[Check]:
    """What must hold before any order may rest."""
    feed, pnl, unit = state.feed, state.total_pnl_quote, state.feed.instrument.quote
    is_active, trades = state.state in QUOTING, feed.status is MarketStatus.TRADING
    lost = pnl is None or pnl < -bounds.max_loss_quote
    return [
        Check(name="state", verdict=_all_or(Verdict.REFUSED, is_active), text=f"the deployment is {state.state}"),
        Check(
            name="market",
            verdict=_all_or(Verdict.REFUSED, trades),
            text=f"{feed.instrument.symbol} is {feed.status.value} at {feed.source}",
        ),
        Check(
            name="total PnL",
            verdict=_all_or(Verdict.REFUSED, not lost),
            value=pnl,
            limit=-bounds.max_loss_quote,
            unit=unit,
            text="not known without a mid" if pnl is None else "",
        ),
    ]


def limits(
    wanted: QuoteSet,
    allowed: QuoteSet,
    state: RiskState,
    bounds: Bounds,
    *,
    unfit: str,
    worst: tuple[Decimal, Decimal, Decimal],
    sent_within_s: int,
) -> list[Check]:
    """Every limit against the whole wanted set.

    unfit   why the venue would not take one of the orders, or empty
    worst   bids and asks in base and their notional, if all filled
    """
    quotes, unit, reference = wanted.quotes, state.feed.instrument.quote, state.reference or ZERO
    broken = Verdict.REFUSED if allowed.is_empty else Verdict.CUT
    bids, asks, notional = worst
    found: list[Check] = []

    def most(name: str, value: Decimal, limit: Decimal, unit: str = unit) -> None:
        found.append(Check(name=name, verdict=_all_or(broken, value <= limit), value=value, limit=limit, unit=unit))

    fits = unfit or "prices on the tick, sizes on the lot, none too small"
    found.append(Check(name="the venue's grid and minimums", verdict=_all_or(broken, not unfit), text=fits))
    most("largest order", max(quote.notional_quote for quote in quotes), bounds.max_order_size_quote)
    if reference:
        furthest = max(abs(quote.price - reference) for quote in quotes)
        away = Check(
            name="furthest from the reference price",
            verdict=_all_or(broken, furthest <= reference * (bounds.price_band_bps / BPS)),
            value=furthest / reference * BPS,
            limit=bounds.price_band_bps,
            unit="bps",
        )
        found.append(away)
    if _has(quotes, Side.BUY):
        most("position if every bid fills", (state.position_base + bids) * reference, bounds.max_position_quote)
    if _has(quotes, Side.SELL):
        most("short position if every ask fills", (asks - state.position_base) * reference, bounds.max_position_quote)
    most("resting orders together", notional, bounds.max_open_notional_quote)
    found.append(_own_orders(quotes, broken))
    found.append(
        Check(
            name="orders sent within a second",
            verdict=_all_or(broken, sent_within_s < bounds.max_orders_per_s),
            value=Decimal(sent_within_s),
            limit=Decimal(bounds.max_orders_per_s),
            unit="orders",
            text="asked when they are sent" if sent_within_s < bounds.max_orders_per_s else "new ones wait",
        )
    )
    return found


def _own_orders(quotes: Sequence[Quote], broken: Verdict) -> Check:
    places = [(quote.side, quote.price) for quote in quotes]
    bid = max((quote.price for quote in quotes if quote.side is Side.BUY), default=None)
    ask = min((quote.price for quote in quotes if quote.side is Side.SELL), default=None)
    meet = bid is not None and ask is not None and bid >= ask
    text = f"bid {bid} would meet ask {ask}" if meet else "two stand at one price"
    apart = not meet and len(set(places)) == len(places)
    return Check(name="own orders apart", verdict=_all_or(broken, apart), text="none meets another" if apart else text)


def _has(quotes: Sequence[Quote], side: Side) -> bool:
    return any(quote.side is side for quote in quotes)


def _all_or(otherwise: Verdict, holds: bool) -> Verdict:
    return Verdict.PASSED if holds else otherwise
