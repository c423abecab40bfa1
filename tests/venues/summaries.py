"""Candles and the last day's figures, from the prints of the core."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

import msgspec

from tests.venues.core import Core
from tests.venues.records import EXACT, ZERO, Print

NS = 1_000_000_000
DAY_NS = 86_400 * NS


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """Prints of one span of time. A market without prints has a bar of zeros."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    volume_quote: Decimal
    trades: int


def candles(core: Core, symbol: str, interval_s: int) -> list[Bar]:
    """Oldest first; spans without a print are left out."""
    spans: dict[int, list[Print]] = {}
    for each in core.prints:
        if each.market.symbol == symbol:
            spans.setdefault(each.ts_ns // NS // interval_s * interval_s * 1000, []).append(each)
    return [_bar(start_ms, prints) for start_ms, prints in sorted(spans.items())]


def last_day(core: Core, symbol: str) -> Bar:
    now_ns = core.clock.now_ns()
    prints = [each for each in core.prints if each.market.symbol == symbol and each.ts_ns > now_ns - DAY_NS]
    return _bar((now_ns - DAY_NS) // 1_000_000, prints)


def _bar(start_ms: int, prints: Sequence[Print]) -> Bar:
    prices = [each.price for each in prints] or [ZERO]
    with localcontext(EXACT):
        return Bar(
            start_ms=start_ms,
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[-1],
            volume=sum((each.size for each in prints), ZERO),
            volume_quote=sum((each.size * each.price for each in prints), ZERO),
            trades=len(prints),
        )
