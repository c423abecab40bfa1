"""Netting: what several strategies want in one book must not trade with itself. Pure and exact."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from engine.core.decimals import WIDE, ZERO
from engine.marketmaking.draft import Rung


def net(bids: Iterable[Rung], asks: Iterable[Rung]) -> tuple[list[Rung], list[Rung], Decimal]:
    """Take off both sides what bids and asks would trade with each other; returns (bids, asks, size taken off in base).

    The highest bid meets the lowest ask as in a matching engine, until none is at or above an ask. Bought minus sold
    stays what it was. Both sides come back innermost first; of two at one price the one named first comes first.
    """
    buys = sorted(bids, key=lambda rung: -rung.price)
    sells = sorted(asks, key=lambda rung: rung.price)
    taken = ZERO
    while buys and sells and buys[0].price >= sells[0].price:
        wanted, offered = buys[0].size_base(buys[0].price), sells[0].size_base(sells[0].price)
        size = min(wanted, offered)
        taken = WIDE.add(taken, size)
        buys[:1] = _rest(buys[0], WIDE.subtract(wanted, size))
        sells[:1] = _rest(sells[0], WIDE.subtract(offered, size))
    return buys, sells, taken


def _rest(rung: Rung, size: Decimal) -> list[Rung]:
    return [Rung(rung.level, rung.price, size)] if size > 0 else []
