"""Binance market data: the payloads of its streams, and recordings of them as `<local stamp> <json>` lines.

Sequence rules (Binance API documentation, "How to manage a local order book correctly"): spot updates carry U and u,
the next U is the last u + 1; futures updates carry pu too, which is the u of the message before. Prints of futures
say in X what made them; only MARKET ones are trades anybody could have taken part in.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from engine.core.errors import RecordingDamaged
from engine.market.types import Side, Trade
from engine.venues.recordings.files import lines, ns_per_unit
from engine.venues.recordings.messages import Damaged, Depth, Mark, Message, Print, Skipped, Snapshot, Top

Pair = tuple[Decimal, Decimal]


class _Line(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    e: str = ""
    lastUpdateId: int | None = None


class _Snapshot(msgspec.Struct):
    lastUpdateId: int
    bids: list[Pair]
    asks: list[Pair]


class _Depth(msgspec.Struct):
    s: str
    U: int
    u: int
    b: list[Pair]
    a: list[Pair]
    pu: int | None = None


class _Top(msgspec.Struct):
    s: str
    u: int
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal


class _Print(msgspec.Struct):
    s: str
    p: Decimal
    q: Decimal
    m: bool
    t: int | None = None
    a: int | None = None
    X: str = "MARKET"


class _Mark(msgspec.Struct):
    s: str
    p: Decimal


_line = msgspec.json.Decoder(_Line)
_snapshot = msgspec.json.Decoder(_Snapshot)
_depth = msgspec.json.Decoder(_Depth)
_top = msgspec.json.Decoder(_Top)
_print = msgspec.json.Decoder(_Print)
_mark = msgspec.json.Decoder(_Mark)


def decode(ts_ns: int, payload: bytes) -> Message:
    """One frame or REST snapshot. Raises msgspec.DecodeError (ValidationError included) for anything malformed."""
    line = _line.decode(payload)
    if line.lastUpdateId is not None:
        return snapshot(ts_ns, payload, symbol="")
    data: bytes | msgspec.Raw = line.data or payload
    kind = line.stream.partition("@")[2].partition("@")[0] or line.e
    if kind in ("depth", "depthUpdate"):
        depth = _depth.decode(data)
        return Depth(
            ts_ns=ts_ns, symbol=depth.s, first_id=depth.U, last_id=depth.u, previous_id=depth.pu,
            bids=depth.b, asks=depth.a,
        )  # fmt: skip
    if kind == "bookTicker":
        top = _top.decode(data)
        return Top(
            ts_ns=ts_ns, symbol=top.s, update_id=top.u,
            bid=top.b, bid_size_base=top.B, ask=top.a, ask_size_base=top.A,
        )  # fmt: skip
    if kind in ("trade", "aggTrade"):
        one = _print.decode(data)
        number = one.a if kind == "aggTrade" else one.t
        trade = Trade(
            ts_ns=ts_ns,
            price=one.p,
            size_base=one.q,
            aggressor=Side.SELL if one.m else Side.BUY,
            trade_id="" if number is None else str(number),
        )
        return Print(ts_ns=ts_ns, symbol=one.s, trade=trade, origin=one.X, number=number)
    if kind in ("markPrice", "markPriceUpdate"):
        mark = _mark.decode(data)
        return Mark(ts_ns=ts_ns, symbol=mark.s, price=mark.p)
    return Skipped(ts_ns=ts_ns, kind=kind or "unknown")


def snapshot(ts_ns: int, payload: bytes, *, symbol: str) -> Snapshot:
    book = _snapshot.decode(payload)
    return Snapshot(ts_ns=ts_ns, symbol=symbol, last_id=book.lastUpdateId, bids=book.bids, asks=book.asks)


class StampedLines:
    """`<local stamp> <json>` a line, the stamp in seconds, milli-, micro- or nanoseconds: told by its magnitude.

    The layout of hftbacktest's collector and of many home-made recorders of Binance streams.
    """

    name = "Binance lines"

    def recognises(self, path: Path, first: bytes) -> bool:
        stamp, _, payload = first.partition(b" ")
        return stamp.isdigit() and len(stamp) >= 10 and payload.lstrip()[:1] == b"{"

    def messages(self, path: Path) -> Iterator[Message]:
        factor = 0
        for number, line in enumerate(lines(path), start=1):
            stamp, _, payload = line.partition(b" ")
            if not line:
                continue
            try:
                local = int(stamp)
                factor = factor or ns_per_unit(local)
                yield decode(local * factor, payload)
            except (ValueError, RecordingDamaged) as error:  # msgspec's errors are ValueErrors
                yield Damaged(line=number, reason=str(error))

    def stamp_ns(self, line: bytes) -> int:
        local = int(line.partition(b" ")[0])
        return local * ns_per_unit(local)
