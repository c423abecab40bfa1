"""Binance spot: changes numbered from U to u, joined to a snapshot asked for."""

from __future__ import annotations

import msgspec

from engine.venues.ccxt.direct.dialect import ALIVE, MS, Dialect, News, Texts, Update
from engine.venues.ccxt.library import Library


class _Frame(msgspec.Struct, gc=False):
    E: int = 0
    U: int = 0
    u: int = 0
    b: Texts = msgspec.field(default_factory=list)
    a: Texts = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(_Frame).decode


class Binance(Dialect):
    snapshot_by_rest = True

    def address(self, library: Library) -> str:
        return str(library.urls["api"]["ws"]["spot"])

    def hello(self, now_ns: int) -> str:
        topic = f"{self.market_id.lower()}@depth@100ms"
        return msgspec.json.encode({"method": "SUBSCRIBE", "params": [topic], "id": 1}).decode()

    def read(self, frame: str | bytes) -> News:
        said = _decode(frame)
        if not said.u:
            return ALIVE
        return Update(self.exact(said.b), self.exact(said.a), said.E * MS, said.u, said.U)
