"""What a recording tells about its instrument when nobody else does."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from math import gcd

from engine.core.errors import RecordingDamaged
from engine.venues.recordings import Recording, without_contract
from engine.venues.recordings.messages import Depth, Message, Print, Snapshot

LOOK_AT = 20_000
"""Messages looked at: minutes of a busy market."""
ENOUGH = 4_000
"""Figures of each kind after which the common step has settled."""
QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "DAI", "BTC", "ETH", "BNB", "EUR", "GBP", "USD", "TRY", "BRL", "JPY")
"""Quote currencies by which a spelling without a mark is split, longest first where one ends another."""


def unified(symbol: str) -> str:
    """BTCUSDT, BTC-USDT, BTC_USDT, BTC-USDT-SWAP as BTC/USDT.

    Raises RecordingDamaged for an inverse contract, and when the quote currency cannot be told.
    """
    market = without_contract(symbol)
    base, quote = _split(market)
    if market != symbol.upper() and quote == "USD":
        raise RecordingDamaged(
            f"{symbol} is an inverse contract, sized in contracts and settled in {base}; only markets sized in base "
            "currency can be played"
        )
    return f"{base}/{quote}"


def _split(symbol: str) -> tuple[str, str]:
    for mark in "/-_":
        if mark in symbol:
            base, quote = symbol.split(mark)[:2]
            return base, quote
    for quote in QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol[: -len(quote)], quote
    raise RecordingDamaged(f"base and quote of {symbol} cannot be told apart; give the symbol as BASE/QUOTE")


def steps_of(recording: Recording) -> tuple[Decimal, Decimal]:
    """(tick_size, lot_size) of a recording, by what it begins with or, where it has no snapshot, what it continues."""
    return infer_steps(recording.before() if recording.warm_up else recording.messages(), recording.symbol)


def infer_steps(messages: Iterable[Message], symbol: str) -> tuple[Decimal, Decimal]:
    """(tick_size, lot_size): the largest steps that divide every price, and every size, of the recording's beginning.

    A thousand levels of a snapshot settle both. Too large a step is possible in a very short recording, too small is
    not.
    """
    prices, sizes = _Step(), _Step()
    try:
        for message in islice(messages, LOOK_AT):
            if isinstance(message, Snapshot | Depth) and message.symbol in ("", symbol):
                for price, size in (*message.bids, *message.asks):
                    prices.add(price)
                    sizes.add(size)
            elif isinstance(message, Print) and message.symbol == symbol:
                prices.add(message.trade.price)
                sizes.add(message.trade.size_base)
            if prices.seen > ENOUGH and sizes.seen > ENOUGH:
                break
    except RecordingDamaged:
        pass  # what was read before the break still counts; the break itself is reported when the recording plays
    if prices.step is None or sizes.step is None:
        raise RecordingDamaged(f"no price of {symbol} is in the recording; give tick_size and lot_size")
    return prices.step, sizes.step


class _Step:
    """Greatest common divisor of decimals, exactly."""

    def __init__(self) -> None:
        self.seen = 0
        self._units = 0
        self._exponent = 0

    def add(self, value: Decimal) -> None:
        if not value:
            return
        self.seen += 1
        _, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)
        units = int("".join(map(str, digits)))
        if exponent < self._exponent:
            self._units *= 10 ** (self._exponent - exponent)
            self._exponent = exponent
        else:
            units *= 10 ** (exponent - self._exponent)
        self._units = gcd(self._units, units)

    @property
    def step(self) -> Decimal | None:
        return Decimal(self._units).scaleb(self._exponent).normalize() if self._units else None
