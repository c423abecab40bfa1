"""What a venue says about a market in summary: ticker, candle, funding rate, best prices."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """The rolling summary of one market. None: the venue does not say, or it is not known yet.

    `ts_ns` is the venue's stamp. open, high, low and the volumes are over the last `window_s` seconds, a day at venues;
    shorter where it is derived and listening began later than that.
    """

    ts_ns: int
    symbol: str
    window_s: int = 86_400
    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume_base: Decimal | None = None
    volume_quote: Decimal | None = None


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    """Trades of one interval. Without a trade all four prices are the close before it, and the volume is zero."""

    open_ns: int
    interval_s: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume_base: Decimal
    is_closed: bool
    is_partial: bool = False
    """Seen only in part: listening began, or was interrupted, within it. Only its close means anything."""


class Funding(msgspec.Struct, frozen=True, kw_only=True):
    """What holders of a perpetual pay each other. A positive rate: longs pay shorts."""

    ts_ns: int
    symbol: str
    rate: Decimal
    """Share of the notional per funding interval: 0.0001 is 1 bp."""
    next_ns: int | None = None
    """When it is next exchanged."""
    mark_price: Decimal | None = None


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """Best bid and ask with what rests there; None when a side is empty."""

    bid: Decimal | None
    bid_size_base: Decimal
    ask: Decimal | None
    ask_size_base: Decimal
