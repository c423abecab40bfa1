"""Kraken v2: a snapshot in the stream, then changes whose checksum is the only sign of a gap."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zlib import crc32

import msgspec

from engine.market.book import OrderBook
from engine.market.types import Side
from engine.venues.ccxt.direct.dialect import ALIVE, Dialect, Gap, Levels, News, Snapshot, Update
from engine.venues.ccxt.library import Library

DEPTHS = (10, 25, 100, 500, 1000)
CHECKED = 10


class _Level(msgspec.Struct, gc=False):
    price: Decimal
    qty: Decimal


class _Data(msgspec.Struct, gc=False):
    bids: list[_Level]
    asks: list[_Level]
    checksum: int
    timestamp: datetime | None = None


class _Frame(msgspec.Struct, gc=False):
    channel: str = ""
    type: str = ""
    success: bool = True
    error: str = ""
    data: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Frame).decode
_decode_data = msgspec.json.Decoder(list[_Data]).decode


def _pairs(levels: list[_Level]) -> Levels:
    return [(level.price, level.qty) for level in levels]


class Kraken(Dialect):
    ping = '{"method":"ping"}'
    checks_every_message = True

    def __init__(self, market: dict[str, Any], levels: int) -> None:
        super().__init__(market, levels)
        self.kept_levels = next((depth for depth in DEPTHS if depth >= levels), DEPTHS[-1])
        self._tick: Decimal = market["precision"]["price"]
        self._lot: Decimal = market["precision"]["amount"]

    def address(self, library: Library) -> str:
        return str(library.urls["api"]["ws"]["publicV2"])

    def hello(self, now_ns: int) -> str:
        wanted = {"channel": "book", "symbol": [self.market["symbol"]], "depth": self.kept_levels}
        return msgspec.json.encode({"method": "subscribe", "params": wanted}).decode()

    def read(self, frame: str | bytes) -> News:
        said = _decode(frame)
        if not said.success:
            raise Gap(f"the venue refused the subscription: {said.error}")
        if said.channel != "book":
            return ALIVE
        [data] = _decode_data(said.data)
        ts_ns = 0 if data.timestamp is None else int(data.timestamp.timestamp() * 1_000_000) * 1000
        kind = Snapshot if said.type == "snapshot" else Update
        return kind(_pairs(data.bids), _pairs(data.asks), ts_ns, checksum=data.checksum)

    def checksum(self, book: OrderBook) -> int:
        """Over the best ten asks, then bids: digits of price and size without point and leading zeros."""
        digits = [
            f"{number.quantize(step):f}".replace(".", "").lstrip("0")
            for side in (Side.SELL, Side.BUY)
            for level in book.top(side, CHECKED)
            for number, step in ((level.price, self._tick), (level.size_base, self._lot))
        ]
        return crc32("".join(digits).encode())
