"""Decoded book updates a second from the same frames: ours, exact, beside ccxt's floats and ccxt made exact."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from bench import Figure
from engine.core.clock import SystemClock
from engine.market.types import Instrument, Side
from engine.venues.base import MarketFeed
from engine.venues.ccxt.direct.dialect import Snapshot
from engine.venues.ccxt.direct.joined import JoinedBook
from engine.venues.ccxt.direct.stream import DIALECTS
from engine.venues.ccxt.library import exact_class

LEVELS = 1000
CHANGES = 20
"""In a message: what Binance sends of BTC/USDT in 100 ms on a usual day."""
MESSAGES = 400
ROUNDS = 15
"""The three take turns, and only the time this thread runs is counted: the machine may have other things to do."""
MID = 6_000_000
SYMBOL = "BTC/USDT"
VENUES = ("binance", "okx")
PROMISE = 1.5
IDS = {"binance": "BTCUSDT", "okx": "BTC-USDT"}
URLS = {"binance": "wss://stream.binance.com:9443/ws/0", "okx": "wss://ws.okx.com:443/ws/v5/public"}

Book = dict[str, dict[int, str]]


def run() -> list[Figure]:
    figures = []
    for venue in VENUES:
        book, frames = _market(venue)
        runners = {"ours": _ours(venue, book), "float": _theirs(venue, book, is_exact=False)}
        runners["exact"] = _theirs(venue, book, is_exact=True)
        rates: dict[str, list[float]] = {name: [] for name in runners}
        for chunk in frames:
            for name, runner in runners.items():
                began = time.thread_time()
                runner.take(chunk)
                rates[name].append(len(chunk) / (time.thread_time() - began))
        tops = {name: runner.top() for name, runner in runners.items()}
        assert tops["ours"] == tops["exact"], "ours and ccxt made exact show different books"
        assert [float(price) for price in tops["ours"]] == [float(price) for price in tops["float"]]
        ours, floats, exact = (statistics.median(rates[name]) for name in ("ours", "float", "exact"))
        ratio = statistics.median(one / other for one, other in zip(rates["ours"], rates["float"], strict=True))
        figures += [
            Figure(name=f"{venue}: our decoder, exact", value=ours, unit="updates/s"),
            Figure(name=f"{venue}: ccxt as it comes, floats", value=floats, unit="updates/s"),
            Figure(name=f"{venue}: ccxt made exact, our fallback", value=exact, unit="updates/s"),
            Figure(name=f"{venue}: ours to ccxt as it comes", value=ratio, unit="times", at_least=PROMISE),
        ]
    return figures


class _Runner:
    def __init__(self, take: Callable[[str], Any], top: Callable[[], list[Any]]) -> None:
        self._take = take
        self.top = top

    def take(self, frames: Sequence[str]) -> None:
        take = self._take
        for frame in frames:
            take(frame)


def _ours(venue: str, book: Book) -> _Runner:
    instrument = Instrument(
        symbol=SYMBOL, base="BTC", quote="USDT", tick_size=Decimal("0.01"), lot_size=Decimal("0.00001")
    )
    feed = MarketFeed(instrument, source=venue)
    joined = JoinedBook(feed, DIALECTS[venue]({"id": IDS[venue], "symbol": SYMBOL}, LEVELS), clock=SystemClock())
    sides = [[(Decimal(price), Decimal(size)) for price, size in _rows(book[side])] for side in ("bids", "asks")]
    joined.begin(Snapshot(sides[0], sides[1], 1, 1))
    return _Runner(joined.take, lambda: [level.price for side in Side for level in feed.book.top(side, 50)])


def _theirs(venue: str, book: Book, *, is_exact: bool) -> _Runner:
    cls = exact_class(venue)
    stock = next(one for one in cls.__mro__ if one.__module__.startswith("ccxt."))
    made = (cls if is_exact else stock)({"enableRateLimit": False})
    market = {
        "id": IDS[venue],
        "symbol": SYMBOL,
        "base": "BTC",
        "quote": "USDT",
        "baseId": "BTC",
        "quoteId": "USDT",
        "type": "spot",
        "spot": True,
        "contract": False,
        "precision": {"price": 0.01, "amount": 0.00001},
        "limits": {},
        "info": {},
    }
    made.set_markets([made.safe_market_structure(market)])
    kept = made.order_book({}, LEVELS)
    rows = {side: [[_as(price, is_exact), _as(size, is_exact)] for price, size in _rows(book[side])] for side in book}
    kept.reset({**rows, "nonce": 1, "timestamp": 1, "symbol": SYMBOL})
    made.orderbooks[SYMBOL] = kept
    client = _client(made, URLS[venue], is_exact=is_exact)
    for subscription in (f"orderbook::{SYMBOL}", f"books:{SYMBOL}"):
        client.subscriptions[subscription] = {"symbol": SYMBOL}
    return _Runner(
        client.handle_text_or_binary_message, lambda: [row[0] for side in ("bids", "asks") for row in kept[side][:50]]
    )


def _as(text: str, is_exact: bool) -> Decimal | float:
    return Decimal(text) if is_exact else float(text)


def _client(made: Any, url: str, *, is_exact: bool) -> Any:
    """The library's socket without a connection; only its decoder and the venue's handler run."""
    import asyncio
    from importlib import import_module

    stock = import_module("ccxt.async_support.base.ws.client").Client
    kind = import_module("engine.venues.ccxt.exact").ExactClient if is_exact else stock

    async def make() -> Any:
        def nothing(*_: Any) -> None: ...

        return kind(url, made.handle_message, nothing, nothing, nothing)

    return asyncio.run(make())


def _rows(side: dict[int, str]) -> list[tuple[str, str]]:
    return [(f"{ticks / 100:.2f}", size) for ticks, size in side.items()]


def _market(venue: str) -> tuple[Book, list[list[str]]]:
    """A book of a thousand levels a side, and frames that change it: mostly sizes, one level in five comes or goes."""
    rng = random.Random(17)
    book: Book = {
        "bids": {MID - 1 - step: _size(rng) for step in range(LEVELS)},
        "asks": {MID + step: _size(rng) for step in range(LEVELS)},
    }
    start = {side: dict(levels) for side, levels in book.items()}
    frames = list(_frames(venue, book, rng))
    return start, [frames[at : at + MESSAGES] for at in range(0, len(frames), MESSAGES)]


def _frames(venue: str, book: Book, rng: random.Random) -> Iterator[str]:
    for number in range(2, 2 + MESSAGES * ROUNDS):
        changes = {}
        for side, way in (("bids", -1), ("asks", 1)):
            rows = []
            for ticks in rng.sample(range(LEVELS), CHANGES // 2):
                price = MID + way * ticks - (side == "bids")
                gone = price in book[side] and ticks > 0 and rng.random() < 0.2
                size = "0.00000000" if gone else _size(rng)
                (book[side].pop(price) if gone else book[side].__setitem__(price, size))  # type: ignore[func-returns-value]
                rows.append([f"{price / 100:.2f}", size])
            changes[side] = rows
        yield _frame(venue, number, changes)


def _size(rng: random.Random) -> str:
    return f"{rng.randint(1, 9_999_999) / 100_000:.8f}"


def _frame(venue: str, number: int, changes: dict[str, list[list[str]]]) -> str:
    stamp = 1_700_000_000_000 + number
    if venue == "binance":
        return json.dumps(
            {
                "e": "depthUpdate",
                "E": stamp,
                "s": "BTCUSDT",
                "U": number,
                "u": number,
                "b": changes["bids"],
                "a": changes["asks"],
            }
        )
    rows = {side: [[*row, "0", "1"] for row in some] for side, some in changes.items()}
    return json.dumps(
        {
            "arg": {"channel": "books", "instId": "BTC-USDT"},
            "action": "update",
            "data": [{**rows, "ts": str(stamp), "seqId": number, "prevSeqId": number - 1}],
        }
    )
