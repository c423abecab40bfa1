"""Each loopback venue, driven by the library as it comes: what it sends is understood, what it signs is verified.

The library's own answers are looked at only where they show the wire format; what happened is read in the
venue's books.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.venues.every import AURORA, VENUES, opened
from tests.venues.loopback import Loopback
from tests.venues.stock import client_of
from tests.venues.wire import Venue

D = Decimal
S = AURORA.symbol
STREAMING = [kind for kind in VENUES.values() if kind.has_streams]


@pytest.fixture(params=VENUES.values(), ids=VENUES)
def venue(request: pytest.FixtureRequest, loopback: Loopback) -> Venue:
    made = opened(request.param)
    loopback.mount(made)
    return made


@pytest.fixture
async def client(venue: Venue) -> AsyncIterator[Any]:
    async with client_of(venue) as made:
        yield made
    assert venue.unknown == []


async def place(client: Any, side: str, price: str, size: str, **params: object) -> dict[str, Any]:
    made: dict[str, Any] = await client.create_order(S, "limit", side, size, price, params)
    return made


async def test_it_lists_its_markets(client: Any) -> None:
    market = client.markets[S]
    assert (D(market["precision"]["price"]), D(market["precision"]["amount"])) == (AURORA.tick, AURORA.lot)
    assert (market["base"], market["quote"], market["spot"], market["active"]) == ("AUR", "USDT", True, True)


async def test_it_tells_the_time(client: Any, venue: Venue) -> None:
    venue.clock.move(1000)
    assert abs(await client.fetch_time() - venue.clock.now_ms()) < 10_000


async def test_it_shows_its_book_trades_ticker_and_candles(client: Any, venue: Venue) -> None:
    venue.books.crowd_takes(S, "buy", "100.01", "1.25")
    book = await client.fetch_order_book(S)
    assert [[D(str(x)) for x in level[:2]] for level in book["bids"][:1]] == [[D("99.99"), 3]]
    assert [[D(str(x)) for x in level[:2]] for level in book["asks"][:2]] == [
        [D("100.01"), D("1.75")],
        [D("100.02"), 3],
    ]
    [trade] = await client.fetch_trades(S)
    assert (D(trade["price"]), D(trade["amount"]), trade["side"]) == (D("100.01"), D("1.25"), "buy")
    ticker = await client.fetch_ticker(S)
    assert [D(ticker[key]) for key in ("bid", "ask", "last")] == [D("99.99"), D("100.01"), D("100.01")]
    [candle] = await client.fetch_ohlcv(S, "1m")
    assert [D(str(number)) for number in candle[1:]] == [D("100.01")] * 4 + [D("1.25")]


async def test_an_order_is_placed_listed_found_and_cancelled(client: Any, venue: Venue) -> None:
    placed = await place(client, "buy", "99.5", "1.5", clientOrderId="mm7x1x2", postOnly=True)
    [truth] = venue.books.resting("desk")
    assert (truth.client_id[-7:], truth.price, truth.size, truth.post_only) == ("mm7x1x2", D("99.5"), D("1.5"), True)
    [listed] = await client.fetch_open_orders(S)
    assert (listed["id"], D(listed["price"]), D(listed["amount"])) == (placed["id"], D("99.5"), D("1.5"))
    assert listed["clientOrderId"] == truth.client_id
    balance = await client.fetch_balance()
    held, free = venue.books.held("desk", "USDT"), venue.books.free("desk", "USDT")
    assert (D(balance["USDT"]["used"]), D(balance["USDT"]["free"])) == (held, free)
    assert held >= D("149.25")
    await client.cancel_order(placed["id"], S)
    assert venue.books.resting("desk") == []
    assert await client.fetch_open_orders(S) == []


async def test_executions_are_listed_exactly(client: Any, venue: Venue) -> None:
    placed = await place(client, "buy", "100", "1.5", clientOrderId="mm7x1x2", postOnly=True)
    venue.books.crowd_takes(S, "sell", "100", "0.12345")
    [mine] = await client.fetch_my_trades(S)
    [truth] = venue.books.fills("desk")
    assert (mine["order"], D(mine["price"]), D(mine["amount"])) == (placed["id"], 100, D("0.12345"))
    assert (mine["takerOrMaker"], mine["side"]) == ("maker", "buy")
    assert (D(mine["fee"]["cost"]), mine["fee"]["currency"]) == (truth.fee, truth.fee_asset)
    [listed] = await client.fetch_open_orders(S)
    assert (D(listed["filled"]), listed["status"]) == (D("0.12345"), "open")


async def test_an_order_that_takes_is_filled_at_the_prices_there(client: Any, venue: Venue) -> None:
    await place(client, "buy", "100.02", "4")
    [order] = venue.books.history("desk")
    assert (order.status, order.cost) == ("filled", D("400.05"))
    assert [D(each["price"]) for each in await client.fetch_my_trades(S)] == [D("100.01"), D("100.02")]
    [closed] = await client.fetch_closed_orders(S)
    assert (closed["status"], D(closed["filled"])) == ("closed", 4)


async def test_everything_is_cancelled_at_once(client: Any, venue: Venue) -> None:
    for price in ("99.5", "99.4"):
        await place(client, "buy", price, "1")
    if not client.has["cancelAllOrders"]:
        return
    await client.cancel_all_orders(S)
    assert venue.books.resting("desk") == []
    assert [order.why for order in venue.books.history("desk")] == ["user", "user"]


async def test_it_refuses_in_its_own_words(client: Any, venue: Venue) -> None:
    import ccxt

    with pytest.raises(ccxt.InsufficientFunds):
        await place(client, "buy", "99", "5000")
    order = await place(client, "sell", "105", "1")
    venue.books.cancel_all("desk")
    with pytest.raises((ccxt.InvalidOrder, ccxt.BadRequest)):
        await client.cancel_order(order["id"], S)


@pytest.mark.parametrize("broken", ["apiKey", "secret", "password"])
async def test_it_refuses_a_stranger(client: Any, venue: Venue, broken: str) -> None:
    import ccxt

    if broken == "password" and not venue.keys.passphrase:
        return
    setattr(client, broken, getattr(client, broken)[:-4] + "AAA=")
    with pytest.raises((ccxt.ExchangeError, ccxt.DDoSProtection)):
        await client.fetch_balance()
    venue.log.clear()
    with pytest.raises((ccxt.ExchangeError, ccxt.DDoSProtection)):
        await place(client, "buy", "99", "1")
    assert venue.books.history("desk") == []


async def test_it_refuses_a_request_from_another_time(client: Any, venue: Venue) -> None:
    import ccxt

    if not venue.checks_stamps:
        return
    venue.clock.move(120)
    with pytest.raises(ccxt.BaseError) as no:
        await place(client, "buy", "99", "1")
    assert not isinstance(no.value, ccxt.InsufficientFunds)
    assert venue.books.history("desk") == []


async def test_its_streams_tell_of_book_trades_orders_and_executions(client: Any, venue: Venue) -> None:
    if not venue.has_streams:
        return
    client.number = float  # which some of its books need
    watching_book = asyncio.create_task(client.watch_order_book(S))
    while not (await asyncio.wait({watching_book}, timeout=0.02))[0]:
        venue.books.crowd_rests(S, "buy", "90", "1")  # some books begin with the first change
    book = watching_book.result()
    assert D(str(book["bids"][0][0])) == D("99.99")
    watching = [asyncio.create_task(client.watch_trades(S)), asyncio.create_task(client.watch_orders(S))]
    if client.has["watchMyTrades"]:
        watching.append(asyncio.create_task(client.watch_my_trades(S)))
    await venue.until(lambda: venue.listens("desk"))
    placed = await place(client, "buy", "100", "1.5", clientOrderId="mm7x1x2")
    heard = await watching[1]
    assert {(each["id"], each["status"], D(each["filled"] or 0)) for each in heard} == {(placed["id"], "open", 0)}
    next_book = asyncio.create_task(client.watch_order_book(S))
    watching[1] = asyncio.create_task(client.watch_orders(S))
    venue.books.crowd_takes(S, "sell", "100", "0.5")
    [trade] = await watching[0]
    assert (D(str(trade["price"])), D(str(trade["amount"])), trade["side"]) == (100, D("0.5"), "sell")
    if venue.tells_fills_as_orders:
        [order] = await watching[1]
        assert (order["id"], D(order["filled"])) == (placed["id"], D("0.5"))
    watching[1].cancel()
    if client.has["watchMyTrades"]:
        [mine] = await watching[2]
        assert (mine["order"], D(str(mine["price"])), D(str(mine["amount"]))) == (placed["id"], 100, D("0.5"))
    book = await next_book
    while D(str(book["bids"][0][1])) != 1:
        book = await client.watch_order_book(S)
    assert [D(str(number)) for number in book["bids"][0][:2]] == [100, 1]
