"""Bybit spot v5: a snapshot in the stream, then changes numbered one by one. ccxt does not look at the numbers."""

from __future__ import annotations

import msgspec

from engine.venues.ccxt.direct.dialect import ALIVE, MS, Dialect, Gap, News, Snapshot, Texts, Update
from engine.venues.ccxt.library import Library

DEPTHS = (1, 50, 200, 1000)


class _Data(msgspec.Struct, gc=False):
    u: int
    b: Texts
    a: Texts


class _Frame(msgspec.Struct, gc=False):
    type: str = ""
    ts: int = 0
    data: _Data | None = None
    success: bool = True
    ret_msg: str = ""


_decode = msgspec.json.Decoder(_Frame).decode


class Bybit(Dialect):
    ping = '{"op":"ping"}'

    def address(self, library: Library) -> str:
        return str(library.implode_hostname(library.urls["api"]["ws"]["public"]["spot"]))

    def hello(self, now_ns: int) -> str:
        depth = next((depth for depth in DEPTHS if depth >= self.levels), DEPTHS[-1])
        return msgspec.json.encode({"op": "subscribe", "args": [f"orderbook.{depth}.{self.market_id}"]}).decode()

    def read(self, frame: str | bytes) -> News:
        said = _decode(frame)
        data = said.data
        if data is None:
            if not said.success:
                raise Gap(f"the venue refused the subscription: {said.ret_msg}")
            return ALIVE
        if said.type == "snapshot":
            return Snapshot(self.exact(data.b), self.exact(data.a), said.ts * MS, data.u)
        return Update(self.exact(data.b), self.exact(data.a), said.ts * MS, data.u, data.u)
