"""Bitget v2 spot: a snapshot in the stream, then changes with a number that grows and a checksum."""

from __future__ import annotations

import msgspec

from engine.market.book import OrderBook
from engine.venues.ccxt.direct.dialect import ALIVE, MS, Dialect, Gap, News, Snapshot, Texts, Update
from engine.venues.ccxt.direct.okx import signed_crc32_of_25
from engine.venues.ccxt.library import Library


class _Data(msgspec.Struct, gc=False):
    bids: Texts
    asks: Texts
    ts: str
    seq: int | None = None
    pseq: int | None = None
    checksum: int | None = None


class _Frame(msgspec.Struct, gc=False):
    action: str = ""
    event: str = ""
    msg: str = ""
    data: list[_Data] = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(_Frame).decode


class Bitget(Dialect):
    ping = "ping"
    checks_every_message = True

    def address(self, library: Library) -> str:
        return str(library.urls["api"]["ws"]["public"])

    def hello(self, now_ns: int) -> str:
        argument = {"instType": "SPOT", "channel": "books", "instId": self.market_id}
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
            return Snapshot(self.exact(data.bids), self.exact(data.asks), int(data.ts) * MS, data.seq, checksum)
        # Its numbers grow by more than one, so the checksum tells what is missing; old ones are passed over.
        return Update(self.exact(data.bids), self.exact(data.asks), int(data.ts) * MS, data.seq, 0, data.pseq, checksum)

    def checksum(self, book: OrderBook) -> int:
        return signed_crc32_of_25(book)
