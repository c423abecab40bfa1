"""OKX v5: a snapshot of 400 levels in the stream, then changes that each name the one before."""

from __future__ import annotations

from decimal import Decimal
from zlib import crc32

import msgspec

from engine.market.book import OrderBook
from engine.market.types import Side
from engine.venues.ccxt.direct.dialect import ALIVE, MS, Dialect, Gap, Levels, News, Snapshot, Update, interleaved
from engine.venues.ccxt.library import Library

CHECKED = 25
Row = tuple[str, str, str, str]


class _Data(msgspec.Struct, gc=False):
    bids: list[Row]
    asks: list[Row]
    ts: str
    seqId: int = -1
    prevSeqId: int = -1
    checksum: int | None = None


class _Frame(msgspec.Struct, gc=False):
    action: str = ""
    event: str = ""
    msg: str = ""
    data: list[_Data] = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(_Frame).decode


class Okx(Dialect):
    ping = "ping"

    def address(self, library: Library) -> str:
        return f"{library.urls['api']['ws']}/public"

    def hello(self, now_ns: int) -> str:
        argument = {"channel": "books", "instId": self.market_id}
        return msgspec.json.encode({"op": "subscribe", "args": [argument]}).decode()

    def read(self, frame: str | bytes) -> News:
        if frame == "pong":
            return ALIVE
        said = _decode(frame)
        if not said.data:
            if said.event == "error":
                raise Gap(f"the venue refused the subscription: {said.msg}")
            return ALIVE
        [data] = said.data
        checksum = data.checksum or None
        if said.action == "snapshot":
            return Snapshot(self._pairs(data.bids), self._pairs(data.asks), int(data.ts) * MS, data.seqId, checksum)
        return Update(
            self._pairs(data.bids),
            self._pairs(data.asks),
            int(data.ts) * MS,
            data.seqId,
            None,
            data.prevSeqId,
            checksum,
        )

    def _pairs(self, rows: list[Row]) -> Levels:
        prices = self.prices
        return [(prices[price], Decimal(size)) for price, size, _, _ in rows]

    def checksum(self, book: OrderBook) -> int:
        return signed_crc32_of_25(book)


def signed_crc32_of_25(book: OrderBook) -> int:
    """Over `price:size` of 25 levels a side, bid and ask in turn, in the venue's own digits; as a signed number."""
    sides = (
        [f"{level.price:f}:{level.size_base:f}" for level in book.top(side, CHECKED)] for side in (Side.BUY, Side.SELL)
    )
    found = crc32(":".join(interleaved(*sides)).encode())
    return found - (1 << 32) if found >= 1 << 31 else found
