"""From ccxt's dicts to our records, once, here: what is not certain does not pass.

An order needs an id; sizes and prices need to be Decimal. Whether an order is filled is told by its numbers, never by
its status: one venue calls an order closed that was cancelled half way, another one cancelled that was filled.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.core.decimals import WIDE, ZERO
from engine.core.errors import NotReady
from engine.market.book import Change
from engine.market.summaries import Candle, Funding, Ticker
from engine.market.types import Balance, Fill, Instrument, OrderReport, OrderStatus, Side, Trade
from engine.venues.ccxt.ids import Known, spelled_in

MS = 1_000_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._\-/+=]{0,127}")
_OVER = frozenset({"closed", "canceled", "cancelled", "canceling", "expired"})


class Unreadable(NotReady):
    """A venue said something that cannot be what was asked for."""


def is_id(value: Any) -> bool:
    """Whether a value can be the id of an order or a trade: a page of HTML has been one."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


class Boundary:
    """Reads one account's orders and fills in one venue's spelling.

    known        which order is which
    units        base currency in one unit of ccxt's amount, by symbol; 1 where it is not named
    instruments  for the fee of a fill that names none: by the market's own rates, in quote currency. An estimate
    status_of    the venue's own idea of what a status means, told before ccxt's; None: as ccxt says
    mended       puts right what ccxt read wrongly of an order; None: nothing
    """

    def __init__(
        self, known: Known, *, id_names: Sequence[str] = (), status_of: Any = None, mended: Any = None
    ) -> None:
        self._known = known
        self._id_names = id_names
        self._status_of = status_of
        self._mended = mended
        self.units: dict[str, Decimal] = {}
        self.instruments: dict[str, Instrument] = {}

    def order(self, said: Mapping[str, Any], *, now_ns: int, symbol: str = "", listed: bool = False) -> OrderReport:
        """One order. `listed`: it stands in a list of open ones, which says that it rests. Raises Unreadable."""
        if self._mended is not None:
            said = self._mended(said)
        venue_order_id = said.get("id")
        if not is_id(venue_order_id):
            raise Unreadable(f"The venue told of an order with the id {str(venue_order_id)[:60]!r}.")
        symbol = said.get("symbol") or symbol
        size = self._base(symbol, _number(said, "amount"))
        filled = self._base(symbol, _number(said, "filled"))
        if filled is None and size is not None and (left := _number(said, "remaining")) is not None:
            filled = WIDE.subtract(size, self._base(symbol, left) or ZERO)
        ours = self._known.ours(str(venue_order_id), spelled_in(dict(said), *self._id_names))
        status, reason = self._status(said, size, filled, listed)
        return OrderReport(
            ts_ns=_stamp(said, "lastUpdateTimestamp", "lastTradeTimestamp", "timestamp") or now_ns,
            client_order_id=ours or str(venue_order_id),
            venue_order_id=str(venue_order_id),
            symbol=symbol,
            side=Side.SELL if said.get("side") == "sell" else Side.BUY,
            price=_number(said, "price") or ZERO,
            size_base=size or ZERO,
            filled_base=max(filled or ZERO, ZERO),
            status=status,
            reason=reason,
        )

    def _status(
        self, said: Mapping[str, Any], size: Decimal | None, filled: Decimal | None, listed: bool
    ) -> tuple[OrderStatus, str]:
        word = (self._status_of(said) if self._status_of else None) or said.get("status")
        if size and filled is not None and filled >= size:
            return OrderStatus.FILLED, ""
        if word == "rejected" and not filled:
            return OrderStatus.REJECTED, "The venue rejected it."
        if word == "canceling":
            return OrderStatus.CANCELLING, ""
        if word in _OVER or word == "rejected":
            # Where it does not say how much filled: executions are told by themselves, and count whenever they come.
            unsaid = " It does not say how much of it filled." if filled is None else ""
            return OrderStatus.CANCELLED, f"The venue says {word}.{unsaid}"
        if word == "open" or listed:
            return (OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN), ""
        return OrderStatus.UNKNOWN, f"The venue gives its status as {str(word)[:40]!r}."

    def fills(self, said: Iterable[Mapping[str, Any]], *, symbol: str = "") -> list[Fill]:
        """Executions, oldest first. Raises Unreadable when one cannot be read: a fill must not be lost."""
        same: Counter[str] = Counter()
        found = []
        for trade in sorted(said, key=lambda trade: trade.get("timestamp") or 0):
            fill = self.fill(trade, symbol=symbol, same=same)
            if fill is not None:
                found.append(fill)
        return found

    def fill(self, said: Mapping[str, Any], *, symbol: str = "", same: Counter[str] | None = None) -> Fill | None:
        """One execution; None for one of no size. Raises Unreadable."""
        symbol = said.get("symbol") or symbol
        price, size = _number(said, "price"), self._base(symbol, _number(said, "amount"))
        side, ts_ns = said.get("side"), _stamp(said, "timestamp")
        if size == 0:
            return None
        if price is None or size is None or side not in ("buy", "sell") or not ts_ns or not symbol:
            raise Unreadable(f"The venue told of an execution that cannot be read: {_shown(said)}.")
        venue_order_id = str(said.get("order") or "")
        fill_id = said.get("id")
        if not is_id(fill_id):
            # A venue without ids for executions: told apart by what they are, and by how many are alike.
            fill_id = f"{venue_order_id}:{ts_ns}:{price}:{size}"
            if same is not None:
                same[fill_id] += 1
                fill_id = f"{fill_id}:{same[fill_id]}"
        ours = self._known.ours(venue_order_id, spelled_in(dict(said), *self._id_names))
        is_maker = said.get("takerOrMaker") != "taker"
        fee, asset = self._fee(said, symbol, WIDE.multiply(price, size), is_maker)
        return Fill(
            ts_ns=ts_ns,
            fill_id=f"{symbol}:{fill_id}",
            client_order_id=ours or venue_order_id,
            venue_order_id=venue_order_id,
            symbol=symbol,
            side=Side(side),
            price=price,
            size_base=size,
            fee=fee,
            fee_asset=asset,
            is_maker=is_maker,
        )

    def _fee(self, said: Mapping[str, Any], symbol: str, notional: Decimal, is_maker: bool) -> tuple[Decimal, str]:
        charges: dict[str, Decimal] = {}
        for fee in said.get("fees") or [said.get("fee") or {}]:
            cost, asset = fee.get("cost"), fee.get("currency")
            if isinstance(cost, Decimal) and asset:
                charges[asset] = WIDE.add(charges.get(asset, ZERO), cost)
        if charges:
            # One execution is charged in one asset wherever we know; of two, the one that is not nothing.
            asset = max(charges, key=lambda name: abs(charges[name]))
            return charges[asset], asset
        instrument = self.instruments.get(symbol)
        if instrument is None:
            return ZERO, symbol.partition("/")[2].partition(":")[0]
        rate = instrument.maker_fee_bps if is_maker else instrument.taker_fee_bps
        return WIDE.multiply(notional, rate).scaleb(-4, WIDE), instrument.quote

    def _base(self, symbol: str, amount: Decimal | None) -> Decimal | None:
        unit = self.units.get(symbol)
        return amount if amount is None or unit is None else WIDE.multiply(amount, unit)


def balances(said: Mapping[str, Any]) -> dict[str, Balance]:
    """What the account holds, without what it holds nothing of. Raises Unreadable."""
    if not isinstance(said.get("total"), Mapping):
        raise Unreadable("The venue's answer on balances names no totals.")
    found = {}
    for asset in said["total"]:
        one = said.get(asset)
        if not isinstance(one, Mapping):
            continue
        free, used, total = (_number(one, name) for name in ("free", "used", "total"))
        if total is None and free is not None:
            total = WIDE.add(free, used or ZERO)
        if total is None:
            continue
        if free is None:
            free = WIDE.subtract(total, used or ZERO)
        if total or free:
            found[asset] = Balance(asset=asset, free=free, locked=WIDE.subtract(total, free))
    return found


def levels(said: Iterable[Sequence[Any]]) -> list[Change]:
    """One side of a book. Raises Unreadable for a level that is no pair of exact numbers."""
    found = [(level[0], level[1]) for level in said]
    for price, size in found:
        if type(price) is not Decimal or type(size) is not Decimal:
            raise Unreadable(f"The venue's book holds a level of {price!r} and {size!r}.")
    return found


def trade(said: Mapping[str, Any], unit: Decimal | None = None) -> Trade | None:
    """A public print; None for one without a price, a size or a taking side."""
    price, size, side = _number(said, "price"), _number(said, "amount"), said.get("side")
    ts_ns = _stamp(said, "timestamp")
    if price is None or not size or side not in ("buy", "sell") or not ts_ns:
        return None
    return Trade(
        ts_ns=ts_ns,
        price=price,
        size_base=size if unit is None else WIDE.multiply(size, unit),
        aggressor=Side(side),
        trade_id=str(said.get("id") or ""),
    )


def ticker(said: Mapping[str, Any], *, symbol: str, now_ns: int) -> Ticker:
    return Ticker(
        ts_ns=_stamp(said, "timestamp") or now_ns,
        symbol=symbol,
        last=_number(said, "last"),
        bid=_number(said, "bid"),
        ask=_number(said, "ask"),
        open=_number(said, "open"),
        high=_number(said, "high"),
        low=_number(said, "low"),
        volume_base=_number(said, "baseVolume"),
        volume_quote=_number(said, "quoteVolume"),
    )


def candles(said: Iterable[Sequence[Any]], *, interval_s: int, now_ns: int) -> list[Candle]:
    """Oldest first. Raises Unreadable for one that is not whole."""
    found = []
    for row in said:
        numbers = row[1:6]
        if not isinstance(row[0], int) or not all(type(number) is Decimal for number in numbers):
            raise Unreadable(f"The venue's candle cannot be read: {str(row)[:120]}.")
        open_ns = row[0] * MS
        opened, high, low, close, volume = numbers
        found.append(
            Candle(
                open_ns=open_ns,
                interval_s=interval_s,
                open=opened,
                high=high,
                low=low,
                close=close,
                volume_base=volume,
                is_closed=open_ns + interval_s * 1000 * MS <= now_ns,
            )
        )
    return sorted(found, key=lambda candle: candle.open_ns)


def funding(said: Mapping[str, Any], *, symbol: str, now_ns: int) -> Funding:
    """Raises Unreadable without a rate."""
    rate = _number(said, "fundingRate")
    if rate is None:
        raise Unreadable(f"The venue names no funding rate of {symbol}.")
    return Funding(
        ts_ns=_stamp(said, "timestamp") or now_ns,
        symbol=symbol,
        rate=rate,
        next_ns=_stamp(said, "fundingTimestamp", "nextFundingTimestamp") or None,
        mark_price=_number(said, "markPrice"),
    )


def _number(said: Mapping[str, Any], name: str) -> Decimal | None:
    """An exact number, or None where there is none. Raises Unreadable for a float, which is no longer what was said."""
    value = said.get(name)
    if value is None or type(value) is Decimal:
        return value
    if type(value) is int:
        return Decimal(value)
    raise Unreadable(f"The venue's {name} came as {value!r}, which is not exact.")


def _stamp(said: Mapping[str, Any], *names: str) -> int:
    """Nanoseconds of the first stamp there is, which ccxt gives in milliseconds; 0 without one."""
    return next((int(said[name]) * MS for name in names if isinstance(said.get(name), int | Decimal)), 0)


def _shown(said: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {str(said.get(name))[:40]}" for name in ("id", "order", "symbol", "side", "timestamp"))
