"""Raw WebSocket captures as cryptofeed writes them: `<epoch seconds>: <frame>` lines, and REST answers in files beside.

A capture begins with the address it was connected to, which names the venue. Snapshots that a venue gives by REST only
(Binance) stand in `<VENUE>.http.*` files as `<address> -> <epoch seconds>: <json>` and are merged in by time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import msgspec

from engine.core.clock import NS
from engine.core.errors import RecordingDamaged
from engine.market.types import Side, Trade
from engine.venues.recordings import binance
from engine.venues.recordings.files import lines
from engine.venues.recordings.messages import Damaged, Depth, Message, Print, Skipped, Snapshot

Pair = tuple[Decimal, Decimal]


class _Arg(msgspec.Struct):
    channel: str
    instId: str


class _OkxTrade(msgspec.Struct):
    px: Decimal
    sz: Decimal
    side: Side
    tradeId: str = ""


class _Books(msgspec.Struct):
    bids: list[tuple[Decimal, ...]]
    asks: list[tuple[Decimal, ...]]


class _Frame(msgspec.Struct):
    arg: _Arg | None = None
    action: str = ""
    event: str = ""
    data: msgspec.Raw = msgspec.Raw()


_frame = msgspec.json.Decoder(_Frame)
_books = msgspec.json.Decoder(list[_Books], strict=False)
_okx_trades = msgspec.json.Decoder(list[_OkxTrade])
_bitget_trades = msgspec.json.Decoder(list[tuple[str, Decimal, Decimal, Side]])


def _pairs(levels: list[tuple[Decimal, ...]]) -> list[Pair]:
    return [(level[0], level[1]) for level in levels]


def _channels(ts_ns: int, payload: bytes, trades: Callable[[bytes], list[Trade]]) -> Iterator[Message]:
    """OKX and Bitget share a frame: arg, action, data. Their books carry a checksum but no sequence number."""
    frame = _frame.decode(payload)
    if frame.arg is None or not frame.data:
        yield Skipped(ts_ns=ts_ns, kind=frame.event or "unknown")
        return
    symbol = frame.arg.instId
    if frame.arg.channel in ("books", "books-l2-tbt"):
        for book in _books.decode(frame.data):
            bids, asks = _pairs(book.bids), _pairs(book.asks)
            if frame.action == "snapshot":
                yield Snapshot(ts_ns=ts_ns, symbol=symbol, last_id=None, bids=bids, asks=asks)
            else:
                yield Depth(
                    ts_ns=ts_ns, symbol=symbol, first_id=None, last_id=None, previous_id=None, bids=bids, asks=asks
                )
    elif frame.arg.channel in ("trade", "trades") and frame.action != "snapshot":
        for trade in trades(bytes(frame.data)):
            trade = msgspec.structs.replace(trade, ts_ns=ts_ns)
            yield Print(ts_ns=ts_ns, symbol=symbol, trade=trade, origin="MARKET", number=None)
    else:
        yield Skipped(ts_ns=ts_ns, kind=frame.arg.channel)


def _okx(ts_ns: int, payload: bytes) -> Iterator[Message]:
    return _channels(
        ts_ns,
        payload,
        lambda data: [
            Trade(ts_ns=0, price=one.px, size_base=one.sz, aggressor=one.side, trade_id=one.tradeId)
            for one in _okx_trades.decode(data)
        ],
    )


def _bitget(ts_ns: int, payload: bytes) -> Iterator[Message]:
    return _channels(
        ts_ns,
        payload,
        lambda data: [
            Trade(ts_ns=0, price=price, size_base=size, aggressor=side)
            for _, price, size, side in reversed(_bitget_trades.decode(data))
        ],
    )


class _Coinbase(msgspec.Struct):
    type: str
    product_id: str = ""
    bids: list[Pair] = []
    asks: list[Pair] = []
    changes: list[tuple[Side, Decimal, Decimal]] = []
    side: Side | None = None
    price: Decimal = Decimal(0)
    size: Decimal = Decimal(0)
    trade_id: int | None = None


_coinbase_frame = msgspec.json.Decoder(_Coinbase)


def _coinbase(ts_ns: int, payload: bytes) -> Iterator[Message]:
    """Coinbase numbers no level-2 message; the `side` of a match is the maker's, so the aggressor is the other one."""
    frame = _coinbase_frame.decode(payload)
    if frame.type == "snapshot":
        yield Snapshot(ts_ns=ts_ns, symbol=frame.product_id, last_id=None, bids=frame.bids, asks=frame.asks)
    elif frame.type == "l2update":
        bids = [(price, size) for side, price, size in frame.changes if side is Side.BUY]
        asks = [(price, size) for side, price, size in frame.changes if side is Side.SELL]
        yield Depth(
            ts_ns=ts_ns, symbol=frame.product_id, first_id=None, last_id=None, previous_id=None, bids=bids, asks=asks
        )
    elif frame.type == "match" and frame.side is not None:
        trade = Trade(
            ts_ns=ts_ns,
            price=frame.price,
            size_base=frame.size,
            aggressor=frame.side.opposite,
            trade_id=str(frame.trade_id or ""),
        )
        yield Print(ts_ns=ts_ns, symbol=frame.product_id, trade=trade, origin="MARKET", number=frame.trade_id)
    else:
        yield Skipped(ts_ns=ts_ns, kind=frame.type)


def _binance(ts_ns: int, payload: bytes) -> Iterator[Message]:
    yield binance.decode(ts_ns, payload)


VENUES: dict[str, Callable[[int, bytes], Iterator[Message]]] = {
    "binance.com": _binance,
    "okx.com": _okx,
    "bitget.com": _bitget,
    "coinbase.com": _coinbase,
}
"""By the end of the host a capture was connected to."""


class Capture:
    """A raw capture of one WebSocket connection, all of its symbols."""

    name = "cryptofeed capture"

    def recognises(self, path: Path, first: bytes) -> bool:
        return first.startswith((b"wss://", b"ws://")) and b" <-> " in first

    def _decoder(self, path: Path, first: bytes) -> Callable[[int, bytes], Iterator[Message]]:
        host = urlparse(first.split(b" ")[0].decode("ascii", "replace")).hostname or ""
        for end, decoder in VENUES.items():
            if host == end or host.endswith("." + end):
                return decoder
        known = ", ".join(VENUES)
        raise RecordingDamaged(f"{path.name} is a capture of {host}, whose frames are not understood; {known} are")

    def messages(self, path: Path) -> Iterator[Message]:
        return heapq.merge(
            self._frames(path), *(_rest(beside) for beside in _answers(path)), key=lambda m: getattr(m, "ts_ns", 0)
        )

    def _frames(self, path: Path) -> Iterator[Message]:
        decoder: Callable[[int, bytes], Iterator[Message]] | None = None
        last_ns = 0
        for number, line in enumerate(lines(path), start=1):
            if decoder is None:
                decoder = self._decoder(path, line)
                continue
            if not line or line.startswith(b"ws"):  # frames sent by the recorder repeat the address
                continue
            stamp, _, payload = line.partition(b": ")
            try:
                last_ns = _seconds_ns(stamp)
                yield from decoder(last_ns, payload)
            except (ValueError, ArithmeticError) as error:
                yield Damaged(line=number, reason=str(error))

    def stamp_ns(self, line: bytes) -> int:
        if line.startswith(b"ws"):
            return _seconds_ns(line.rsplit(b" ", 1)[1])
        return _seconds_ns(line.partition(b": ")[0])


def _seconds_ns(stamp: bytes) -> int:
    """Epoch seconds with a fraction, exactly; a float would lose the last digits of a nanosecond stamp."""
    return int(Decimal(stamp.decode("ascii")) * NS)


def _answers(path: Path) -> list[Path]:
    venue = path.name.partition(".")[0]
    return sorted(path.parent.glob(f"{venue}.http.*"))


def _rest(path: Path) -> Iterator[Message]:
    for number, line in enumerate(lines(path), start=1):
        address, _, answer = line.partition(b" -> ")
        stamp, _, payload = answer.partition(b": ")
        query = parse_qs(urlparse(address.decode("ascii", "replace")).query)
        if b"/depth" not in address or "symbol" not in query:
            continue
        try:
            yield binance.snapshot(_seconds_ns(stamp), payload, symbol=query["symbol"][0])
        except (ValueError, ArithmeticError) as error:
            yield Damaged(line=number, reason=str(error))
