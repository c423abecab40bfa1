"""What goes wrong goes wrong as switched, once or always, and the books tell what truly happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.venues.binance import Binance
from tests.venues.every import AURORA, opened
from tests.venues.faults import BreakOff, Drop, Fault, Hold, Late, Limited, Truncate, Unheard, html
from tests.venues.loopback import Loopback
from tests.venues.stock import client_of
from tests.venues.wire import Venue

S = AURORA.symbol


@pytest.fixture
def venue(loopback: Loopback) -> Venue:
    made = opened(Binance)
    loopback.mount(made)
    return made


@pytest.fixture
async def client(venue: Venue) -> AsyncIterator[Any]:
    async with client_of(venue) as made:
        await made.load_markets()
        yield made


async def place(client: Any) -> Any:
    return await client.create_order(S, "limit", "buy", "1", "99", {"clientOrderId": "mm1"})


@pytest.mark.parametrize(
    "fault", [Drop(), BreakOff(), Truncate(), html(), html(status=502), Unheard(acts=True)], ids=repr
)
async def test_an_order_may_rest_although_its_answer_is_worthless(client: Any, venue: Venue, fault: Fault) -> None:
    venue.faults.next("place", fault)
    try:
        answer = (await place(client))["id"]
    except Exception as error:
        answer = error
    assert answer is None or isinstance(answer, Exception)
    assert [order.client_id for order in venue.books.resting("desk")] == ["mm1"]
    venue.books.cancel_all("desk")
    assert (await place(client))["id"], "a fault for the next request is over after it"


@pytest.mark.parametrize("fault", [Drop(acts=False), html(acts=False), Limited(), Unheard()], ids=repr)
async def test_an_order_may_never_arrive(client: Any, venue: Venue, fault: Fault) -> None:
    venue.faults.always("place", fault)
    for _ in range(2):
        try:
            answer = (await place(client))["id"]
        except Exception as error:
            answer = error
        assert answer is None or isinstance(answer, Exception)
    assert venue.books.history("desk") == []
    venue.faults.clear()
    assert (await place(client))["id"]


async def test_an_answer_may_be_late(client: Any, venue: Venue) -> None:
    answers = asyncio.Event()
    venue.faults.next("place", Hold(until=answers))
    placing = asyncio.create_task(place(client))
    await venue.until(lambda: venue.books.resting("desk"))
    assert not placing.done()
    answers.set()
    assert (await placing)["id"]


async def test_a_request_may_arrive_when_its_sender_has_gone(client: Any, venue: Venue) -> None:
    arrives = asyncio.Event()
    venue.faults.next("place", Late(until=arrives))
    placing = asyncio.create_task(place(client))
    await venue.until(lambda: venue.requests("place"))
    placing.cancel()
    assert venue.books.history("desk") == []
    arrives.set()
    await venue.until(lambda: venue.books.resting("desk"))


async def test_too_many_requests_say_when_to_come_back(venue: Venue) -> None:
    venue.faults.next("time", Limited(retry_after_s=11))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{venue.address}/https/api.binance.com/api/v3/time") as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (429, "11")


async def test_the_list_of_open_orders_may_lag(client: Any, venue: Venue) -> None:
    await place(client)
    venue.faults.stale_open_orders = True
    assert len(await client.fetch_open_orders(S)) == 1
    venue.books.cancel_all("desk")
    assert len(await client.fetch_open_orders(S)) == 1
    venue.faults.stale_open_orders = False
    assert await client.fetch_open_orders(S) == []


class Stream:
    """A raw WebSocket at the loopback Binance, subscribed to its book and trades."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.socket.receive_json(timeout=5)
        return message


@pytest.fixture
async def stream(venue: Venue) -> AsyncIterator[Stream]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{venue.address}/wss/stream.binance.com:9443/ws/0") as socket,
    ):
        await socket.send_json({"method": "SUBSCRIBE", "params": ["aurusdt@depth@100ms"], "id": 1})
        stream = Stream(socket)
        assert await stream.next() == {"result": None, "id": 1}
        yield stream


async def test_a_stream_may_lose_a_frame(venue: Venue, stream: Stream) -> None:
    venue.books.crowd_rests(S, "buy", "98", "1")
    venue.streams.skip_depth = 1
    venue.books.crowd_rests(S, "buy", "97", "1")
    venue.books.crowd_rests(S, "buy", "96", "1")
    first, second = await stream.next(), await stream.next()
    assert second["U"] == first["u"] + 2


async def test_a_stream_may_fall_silent_without_ending(venue: Venue, stream: Stream) -> None:
    venue.streams.mute = {"public"}
    venue.books.crowd_rests(S, "buy", "98", "1")
    venue.streams.clear()
    venue.books.crowd_rests(S, "buy", "97", "2")
    assert (await stream.next())["b"] == [["97", "2"]]


async def test_a_stream_may_be_cut(venue: Venue, stream: Stream) -> None:
    await venue.cut()
    assert (await stream.socket.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    await venue.until(lambda: not venue.sessions)


async def test_private_events_may_come_twice_and_in_the_wrong_order(client: Any, venue: Venue) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    watching = asyncio.create_task(client.watch_orders(S))
    await venue.until(lambda: venue.listens("desk"))
    client.handle_order_update = lambda _, message: heard.put_nowait(message["x"])
    client.handle_balance = lambda _, message: heard.put_nowait("money")
    venue.streams.double_private, venue.streams.reverse_private = True, 4
    await place(client)
    venue.books.cancel_all("desk")
    told = [await heard.get() for _ in range(8)]
    assert told == ["money"] * 2 + ["CANCELED"] * 2 + ["money"] * 2 + ["NEW"] * 2
    watching.cancel()
