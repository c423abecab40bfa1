"""Our decoders of the busiest venues' books: exact, joined, and never past a gap. 2.3 of the venues' quirks."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.book import OrderBook
from engine.market.types import Instrument, Side
from engine.testing import ManualClock
from engine.venues.base import MarketFeed
from engine.venues.ccxt.direct.dialect import ALIVE, Gap, Snapshot, Update, follows
from engine.venues.ccxt.direct.joined import JoinedBook
from engine.venues.ccxt.direct.okx import signed_crc32_of_25
from engine.venues.ccxt.direct.stream import DIALECTS

D = Decimal
MARKET = {"id": "BTC_USDT", "symbol": "BTC/USDT", "precision": {"price": D("0.1"), "amount": D("1e-8")}}
PRICE, SIZE = "60000.123456789012345678", "0.000000010"


def joined(venue: str, **changes: Any) -> JoinedBook:
    instrument = Instrument(symbol="BTC/USDT", base="BTC", quote="USDT", tick_size=D("0.1"), lot_size=D("1e-8"))
    return JoinedBook(
        MarketFeed(instrument, source=venue), DIALECTS[venue]({**MARKET, **changes}, 50), clock=ManualClock()
    )


def obu(full: bool, last: int, first: int | None, bids: Any, asks: Any) -> dict[str, Any]:
    result = {"t": 7, "full": full, "s": "ob.BTC_USDT.50", "U": first, "u": last, "b": bids, "a": asks}
    return {"channel": "spot.obu", "event": "update", "result": result}


def okx(action: str, last: int, previous: int, bids: Any, asks: Any, **more: Any) -> dict[str, Any]:
    rows = {"bids": [[*row, "0", "1"] for row in bids], "asks": [[*row, "0", "1"] for row in asks]}
    data = {**rows, "ts": "7", "seqId": last, "prevSeqId": previous, **more}
    return {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": action, "data": [data]}


def bybit(kind: str, last: int, bids: Any, asks: Any) -> dict[str, Any]:
    return {
        "topic": "orderbook.50.BTCUSDT",
        "type": kind,
        "ts": 7,
        "data": {"s": "BTCUSDT", "b": bids, "a": asks, "u": last, "seq": 1},
    }


def bitget(action: str, last: int, bids: Any, asks: Any) -> dict[str, Any]:
    return {
        "action": action,
        "arg": {"instType": "SPOT", "channel": "books", "instId": "BTCUSDT"},
        "data": [{"bids": bids, "asks": asks, "ts": "7", "seq": last, "checksum": 0}],
    }


def binance(first: int, last: int, bids: Any, asks: Any) -> dict[str, Any]:
    return {"e": "depthUpdate", "E": 7, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}


BIDS, ASKS = [[PRICE, SIZE], ["59999.5", "2"]], [["60001", "3"]]
NEW_BIDS, NEW_ASKS = [["59999.5", "0.00000000"], ["59998", "4"]], [["60000.9", "1.50"]]
AFTER = ([D(PRICE), D("59998")], [D("60000.9"), D("60001")])

STREAMED: dict[str, tuple[Any, Any, Any, Any]] = {
    # snapshot, the next update, one that leaves something out, one that was told before
    "bybit": (
        bybit("snapshot", 5, BIDS, ASKS),
        bybit("delta", 6, NEW_BIDS, NEW_ASKS),
        bybit("delta", 8, [], []),
        bybit("delta", 5, [["1", "1"]], []),
    ),
    "gate": (
        obu(True, 5, None, BIDS, ASKS),
        obu(False, 9, 6, NEW_BIDS, NEW_ASKS),
        obu(False, 12, 11, [], []),
        obu(False, 5, 4, [["1", "1"]], []),
    ),
    "okx": (
        okx("snapshot", 5, -1, BIDS, ASKS),
        okx("update", 11, 5, NEW_BIDS, NEW_ASKS),
        okx("update", 20, 15, [], []),
        okx("update", 4, 3, [["1", "1"]], []),
    ),
}


def shown(book: JoinedBook) -> tuple[list[Decimal], list[Decimal]]:
    return tuple([level.price for level in book.feed.book.top(side, 9)] for side in Side)  # type: ignore[return-value]


@pytest.mark.parametrize("venue", STREAMED)
def test_a_snapshot_and_its_changes_make_the_book_with_every_digit(venue: str) -> None:
    book = joined(venue)
    snapshot, update, _, old = STREAMED[venue]
    assert isinstance(book.take(json.dumps(snapshot)), Snapshot)
    assert book.feed.book.size_at(Side.BUY, D(PRICE)) == D(SIZE)
    assert isinstance(book.take(json.dumps(update).encode()), Update)
    book.take(json.dumps(old))
    assert shown(book) == AFTER
    assert book.feed.book.size_at(Side.SELL, D("60000.9")) == D("1.5")
    assert (book.feed.problem, book.feed.book_ts_ns) == ("", 7_000_000)


@pytest.mark.parametrize("venue", STREAMED)
def test_what_is_left_out_is_noticed(venue: str) -> None:
    book = joined(venue)
    snapshot, update, later, _ = STREAMED[venue]
    book.take(json.dumps(snapshot))
    book.take(json.dumps(update))
    with pytest.raises(Gap):
        book.take(json.dumps(later))


@pytest.mark.parametrize("venue", STREAMED)
def test_nothing_is_shown_before_the_snapshot(venue: str) -> None:
    book = joined(venue)
    book.take(json.dumps(STREAMED[venue][1]))
    assert shown(book) == ([], [])
    assert book.feed.received_at is None


def test_binances_changes_are_joined_to_a_snapshot_asked_for() -> None:
    book = joined("binance")
    for update in (binance(1, 3, [["1", "1"]], []), binance(4, 6, [["59998", "4"]], []), binance(7, 7, [], NEW_ASKS)):
        book.take(json.dumps(update))
    assert shown(book) == ([], [])
    pairs = [[(D(price), D(size)) for price, size in side] for side in (BIDS, ASKS)]
    book.begin(Snapshot(pairs[0], pairs[1], 7, 5))
    book.take(json.dumps(binance(8, 8, [["59999.5", "0"]], [])))
    assert shown(book) == AFTER
    with pytest.raises(Gap):
        book.take(json.dumps(binance(10, 10, [], [])))


def test_a_snapshot_older_than_the_first_change_waits_for_a_newer_one() -> None:
    book = joined("binance")
    book.take(json.dumps(binance(8, 9, [["59998", "4"]], [])))
    with pytest.raises(Gap):
        book.begin(Snapshot([], [], 7, 5))
    assert not book.is_whole
    book.take(json.dumps(binance(10, 10, [["59997", "1"]], [])))
    book.begin(Snapshot([(D("59999"), D(1))], [], 7, 8))
    assert shown(book)[0] == [D("59999"), D("59998"), D("59997")]


@pytest.mark.parametrize(
    ("update", "verdict"),
    [
        ({"last": 6, "previous": 5}, True),
        ({"last": 5, "previous": 5}, True),
        ({"last": 4, "previous": 3}, None),
        ({"last": 8, "previous": 7}, Gap),
        ({"last": 9, "first": 6}, True),
        ({"last": 9, "first": 4}, True),
        ({"last": 5, "first": 1}, None),
        ({"last": 9, "first": 7}, Gap),
        ({"last": 6}, True),
        ({"last": 7}, Gap),
        ({}, True),
    ],
)
def test_whether_an_update_follows(update: dict[str, int], verdict: Any) -> None:
    made = Update([], [], 0, **update)
    if verdict is Gap:
        with pytest.raises(Gap):
            follows(5, made)
    else:
        assert follows(5, made) is verdict


# Checksums


def book_of(bids: str, asks: str) -> OrderBook:
    sides = []
    for text in (bids, asks):
        words = text.split()
        sides.append([(D(words[at]), D(words[at + 1])) for at in range(0, len(words), 2)])
    book = OrderBook()
    book.reset(*sides)
    return book


def test_the_checksum_of_okxs_documentation() -> None:
    book = book_of("3366.1 7 3366 6", "3366.8 9 3368 8")
    assert signed_crc32_of_25(book) == -1881014294


def test_the_checksum_of_krakens_documentation() -> None:
    book = book_of(
        "45283.5 0.10000000 45283.4 1.54582015 45282.1 0.10000000 45281.0 0.10000000 45280.3 1.54592586 "
        "45279.0 0.07990000 45277.6 0.03310103 45277.5 0.30000000 45277.3 1.54602737 45276.6 0.15445238",
        "45285.2 0.00100000 45286.4 1.54571953 45286.6 1.54571109 45289.6 1.54560911 45290.2 0.15890660 "
        "45291.8 1.54553491 45294.7 0.04454749 45296.1 0.35380000 45297.5 0.09945542 45299.5 0.18772827",
    )
    assert DIALECTS["kraken"](MARKET, 10).checksum(book) == 3310070434


def kraken(kind: str, bids: str, asks: str, checksum: int) -> str:
    data = f'"symbol":"BTC/USDT","bids":[{bids}],"asks":[{asks}],"checksum":{checksum}'
    return f'{{"channel":"book","type":"{kind}","data":[{{{data},"timestamp":"2023-10-06T17:35:55.440295Z"}}]}}'


def test_krakens_numbers_without_quotes_keep_their_digits_and_a_wrong_checksum_is_a_gap() -> None:
    book = joined("kraken")
    bid, ask = '{"price":60000.1,"qty":0.00000010}', '{"price":60000.2,"qty":3}'
    right = DIALECTS["kraken"](MARKET, 10).checksum(book_of("60000.1 0.00000010", "60000.2 3"))
    book.take(kraken("snapshot", bid, ask, right or 0))
    assert book.feed.book.size_at(Side.BUY, D("60000.1")) == D("1e-7")
    assert book.feed.book_ts_ns == 1_696_613_755_440_295_000
    with pytest.raises(Gap, match="checksum"):
        book.take(kraken("update", '{"price":60000.0,"qty":1}', "", right or 0))


def test_kraken_tells_nothing_of_levels_beyond_the_depth_asked_for() -> None:
    book = joined("kraken")
    assert DIALECTS["kraken"](MARKET, 10).kept_levels == 10
    book._dialect.kept_levels = 2
    rows = ",".join(f'{{"price":{price},"qty":1}}' for price in (5, 4))
    checks = DIALECTS["kraken"](MARKET, 10)
    book.take(kraken("snapshot", rows, "", checks.checksum(book_of("5 1 4 1", "")) or 0))
    book.take(kraken("update", '{"price":6,"qty":1}', "", checks.checksum(book_of("6 1 5 1", "")) or 0))
    assert shown(book)[0] == [6, 5]


def test_bitgets_frames_are_checked_one_by_one() -> None:
    book = joined("bitget")
    first = bitget("snapshot", 5, BIDS, ASKS)
    first["data"][0]["checksum"] = signed_crc32_of_25(book_of(f"{PRICE} {SIZE} 59999.5 2", "60001 3"))
    book.take(json.dumps(first))
    wrong = bitget("update", 9, NEW_BIDS, NEW_ASKS)
    wrong["data"][0]["checksum"] = 12345
    with pytest.raises(Gap, match="checksum"):
        book.take(json.dumps(wrong))


# The rest of the wire


@pytest.mark.parametrize(
    ("venue", "frame"),
    [
        ("binance", '{"result":null,"id":1}'),
        ("bybit", '{"success":true,"ret_msg":"","op":"subscribe"}'),
        ("bybit", '{"success":true,"ret_msg":"pong","op":"ping"}'),
        ("okx", '{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a"}'),
        ("okx", "pong"),
        ("bitget", "pong"),
        ("gate", '{"time":1,"channel":"spot.obu","event":"subscribe","result":{"status":"success"}}'),
        ("gate", '{"time":1,"channel":"spot.pong","event":"","result":null}'),
        ("kraken", '{"channel":"heartbeat"}'),
        ("kraken", '{"method":"pong","time_in":"x","success":true}'),
        ("kraken", '{"channel":"status","type":"update","data":[{"system":"online"}]}'),
    ],
)
def test_signs_of_life_are_no_news(venue: str, frame: str) -> None:
    assert joined(venue).take(frame) is ALIVE


@pytest.mark.parametrize(
    ("venue", "frame"),
    [
        ("bybit", '{"success":false,"ret_msg":"no such topic","op":"subscribe"}'),
        ("okx", '{"event":"error","code":"60018","msg":"no such channel"}'),
        ("bitget", '{"event":"error","code":30001,"msg":"no such channel"}'),
        ("gate", '{"channel":"spot.obu","event":"subscribe","error":{"code":2,"message":"unknown currency pair"}}'),
        ("kraken", '{"method":"subscribe","success":false,"error":"Currency pair not supported"}'),
    ],
)
def test_a_subscription_that_is_refused_is_no_book(venue: str, frame: str) -> None:
    with pytest.raises(Gap, match="refused"):
        joined(venue).take(frame)


@pytest.mark.parametrize("venue", DIALECTS)
@pytest.mark.parametrize("frame", ["{", "<html>", '{"data":5,"result":5,"u":"x","b":5,"channel":"book"}', "[]"])
def test_what_is_no_frame_ends_the_connection(venue: str, frame: str) -> None:
    with pytest.raises((msgspec.DecodeError, ValueError)):
        joined(venue).take(frame)


@pytest.mark.parametrize("venue", DIALECTS)
def test_each_names_its_market_when_it_subscribes(venue: str) -> None:
    hello = DIALECTS[venue](MARKET, 50).hello(1_700_000_000_000_000_000)
    assert any(name in hello for name in ("BTC_USDT", "btc_usdt", "BTC/USDT"))
    assert isinstance(json.loads(hello), dict)


CHANGES = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), max_size=12)


@given(st.lists(CHANGES, max_size=12), st.integers(1, 30))
def test_only_the_innermost_levels_are_kept(batches: list[Any], kept: int) -> None:
    book, truth = OrderBook(), dict[Decimal, Decimal]()
    for batch in batches:
        changes = [(D(price), D(size)) for price, size in batch]
        book.apply(changes, [])
        truth.update(changes)
    truth = {price: size for price, size in truth.items() if size}
    book.keep(kept)
    assert {level.price: level.size_base for level in book.walk(Side.BUY)} == {
        price: truth[price] for price in sorted(truth, reverse=True)[:kept]
    }
