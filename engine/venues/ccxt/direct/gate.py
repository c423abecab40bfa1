"""Gate spot, channel obu: a snapshot in the stream, then changes numbered from U to u."""

from __future__ import annotations

import msgspec

from engine.core.clock import NS
from engine.venues.ccxt.direct.dialect import ALIVE, MS, Dialect, Gap, News, Snapshot, Texts, Update
from engine.venues.ccxt.library import Library

DEPTHS = (50, 400)


class _Result(msgspec.Struct, gc=False):
    t: int = 0
    full: bool = False
    U: int | None = None
    u: int = 0
    b: Texts = msgspec.field(default_factory=list)
    a: Texts = msgspec.field(default_factory=list)


class _Error(msgspec.Struct, gc=False):
    message: str = ""


class _Frame(msgspec.Struct, gc=False):
    event: str = ""
    result: _Result | None = None
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Frame).decode


class Gate(Dialect):
    def address(self, library: Library) -> str:
        return str(library.urls["api"]["spot"])

    def hello(self, now_ns: int) -> str:
        depth = next((depth for depth in DEPTHS if depth >= self.levels), DEPTHS[-1])
        topic = f"ob.{self.market_id}.{depth}"
        message = {"time": now_ns // NS, "channel": "spot.obu", "event": "subscribe", "payload": [topic]}
        return msgspec.json.encode(message).decode()

    def read(self, frame: str | bytes) -> News:
        said = _decode(frame)
        if said.error is not None:
            raise Gap(f"the venue refused the subscription: {said.error.message}")
        result = said.result
        if result is None or not result.u or said.event != "update":
            return ALIVE
        if result.full:
            return Snapshot(self.exact(result.b), self.exact(result.a), result.t * MS, result.u)
        return Update(self.exact(result.b), self.exact(result.a), result.t * MS, result.u, result.U)
