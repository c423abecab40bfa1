"""The contract of `AmendsOrders`, for every venue that makes an order smaller in its place: cases C60 to C69.

The venue's own books judge: who is served first is seen by trading with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.core.errors import EngineError, NotReady
from engine.market.types import Amendment, OrderReport, OrderRequest, OrderStatus, Quote, Side
from engine.venues.base import Amended, AmendRefused, AmendUnknown
from engine.venues.capabilities import AmendsOrders
from engine.venues.ccxt.tuned.base import tuning_of
from engine.venues.ccxt.venue import Venues
from tests.venues.every import TUNED, VENUES, opened
from tests.venues.faults import Drop, Fault, Hold, Never
from tests.venues.loopback import Loopback
from tests.venues.rig import Wired
from tests.venues.test_contract_faults import ARRIVED, NEVER_ARRIVED, under
from tests.venues.test_contract_gateway import FAULTS, Desk, troubled

D = Decimal
AMENDING = ("binance", "bybit", "gate", "kraken", "okx")
SMALLER = D("0.4")


@pytest.fixture(params=AMENDING)
async def wired(request: pytest.FixtureRequest, loopback: Loopback) -> AsyncIterator[Wired]:
    made = Wired(opened(VENUES[request.param]), loopback)
    await made.open()
    await made.attentive()
    yield made
    await made.close()


def smaller(order: OrderRequest, size: Decimal = SMALLER) -> Amendment:
    return Amendment(client_order_id=order.client_order_id, symbol=order.symbol, size_base=size)


async def amend(wired: Wired, order: OrderRequest, size: Decimal = SMALLER) -> OrderReport:
    [answer] = await wired.exchange.amend([smaller(order, size)])
    return answer


def rests_with(wired: Wired, order: OrderRequest, size: Decimal) -> bool:
    """Whether the books have it at this size, and at no other."""
    other = wired.truth(order) if size != order.size_base else None
    found = wired.truth(replace(order, size_base=size))
    return found is not None and found.rests and other is None


def test_c60_who_amends_says_so_and_nobody_else() -> None:
    offered = {name for name in TUNED if issubclass(Venues.component(name), AmendsOrders)}
    assert offered == set(AMENDING)


async def test_c61_an_amended_order_keeps_its_ids_and_its_turn_in_the_queue(wired: Wired) -> None:
    order = wired.order(price="100")
    placed = await wired.place(order)
    wired.venue.books.crowd_rests(wired.symbol, "buy", "100", "3")
    assert wired.exchange.amends(wired.symbol)
    answer = await amend(wired, order)
    assert isinstance(answer, Amended)
    assert answer.size_base in (0, SMALLER)
    assert rests_with(wired, order, SMALLER)
    [listed] = await wired.exchange.open_orders(wired.symbol)
    assert (listed.client_order_id, listed.venue_order_id) == (order.client_order_id, placed.venue_order_id)
    assert (listed.size_base, listed.price, listed.status) == (SMALLER, 100, OrderStatus.OPEN)
    wired.venue.books.crowd_takes(wired.symbol, "sell", "100", "0.4")
    await wired.until(lambda: wired.filled_of(order))
    [fill] = wired.filled_of(order).values()
    assert fill.size_base == SMALLER, "somebody else was served before"
    assert await wired.exchange.open_orders(wired.symbol) == []


async def test_c62_of_a_partly_filled_order_the_size_is_the_whole_one(wired: Wired) -> None:
    order = wired.order(price="100")
    await wired.place(order)
    wired.crowd_takes(Side.SELL, "100", "0.25")
    await wired.until(lambda: wired.filled_of(order))
    assert isinstance(await amend(wired, order), Amended)
    [listed] = await wired.exchange.open_orders(wired.symbol)
    assert (listed.size_base, listed.filled_base) == (SMALLER, D("0.25"))
    assert listed.status is OrderStatus.PARTIALLY_FILLED
    wired.crowd_takes(Side.SELL, "100", "5")
    await wired.until(lambda: sum(fill.size_base for fill in wired.filled_of(order).values()) == SMALLER)


async def test_c63_an_order_that_has_filled_is_never_said_to_be_amended(wired: Wired) -> None:
    order = wired.order(price="100")
    await wired.place(order)
    wired.crowd_takes(Side.SELL, "100", "5")
    answer = await amend(wired, order)
    assert isinstance(answer, AmendUnknown | AmendRefused), answer
    await wired.until(lambda: sum(fill.size_base for fill in wired.filled_of(order).values()) == order.size_base)


async def test_c64_an_order_that_has_filled_beyond_what_is_wanted_rests_no_larger_than_it_did(wired: Wired) -> None:
    """Some venues refuse that, some cancel the rest of the order."""
    order = wired.order(price="100")
    await wired.place(order)
    wired.crowd_takes(Side.SELL, "100", "0.5")
    answer = await amend(wired, order)
    assert isinstance(answer, Amended | AmendRefused | AmendUnknown)
    listed = await wired.exchange.open_orders(wired.symbol)
    if isinstance(answer, Amended):
        assert listed == []
    for report in listed:
        assert (report.size_base, report.filled_base) == (order.size_base, D("0.5"))


async def test_c65_a_size_off_the_markets_grid_is_refused_and_not_rounded(wired: Wired) -> None:
    order = wired.order()
    await wired.place(order)
    assert isinstance(await amend(wired, order, D("0.4000001")), AmendRefused)
    assert wired.venue.requests("amend") == []
    assert rests_with(wired, order, order.size_base)


async def test_c66_an_amendment_is_told_by_the_stream_too(wired: Wired) -> None:
    order = wired.order()
    await wired.place(order)
    await amend(wired, order)
    await wired.until(lambda: any(report.size_base == SMALLER for report in wired.told_of(order)))


async def answer_of(wired: Wired, order: OrderRequest) -> OrderReport | EngineError:
    try:
        return await amend(wired, order)
    except EngineError as error:
        return error


async def test_c67_an_amendment_that_arrived_though_its_answer_was_lost_is_never_refused_nor_sent_again(
    wired: Wired, subtests: pytest.Subtests
) -> None:
    for name, fault in ARRIVED.items():
        wired.venue.books.cancel_all(wired.keys.account)
        with subtests.test(name):
            order = wired.order()
            await wired.place(order)
            answer = await under(wired, "amend", fault, answer_of(wired, order))
            assert isinstance(answer, AmendUnknown | Amended), answer
            assert len(wired.venue.requests("amend")) == 1
            [listed] = await wired.exchange.open_orders(wired.symbol)
            assert listed.size_base == SMALLER


async def test_c68_an_amendment_that_never_arrived_is_never_said_to_be_done(
    wired: Wired, subtests: pytest.Subtests
) -> None:
    order = wired.order()
    await wired.place(order)
    for name, fault in NEVER_ARRIVED.items():
        with subtests.test(name):
            answer = await under(wired, "amend", fault, answer_of(wired, order))
            assert isinstance(answer, AmendUnknown | AmendRefused | NotReady), answer
            assert len(wired.venue.requests("amend")) == 1
            assert rests_with(wired, order, order.size_base)
            wired.plenty()


async def test_an_eleventh_amendment_of_one_order_is_binances_definite_no(loopback: Loopback) -> None:
    wired = Wired(opened(VENUES["binance"]), loopback)
    await wired.open()
    try:
        order = wired.order()
        await wired.place(order)
        answers = [await amend(wired, order, D("0.9") - D("0.01") * number) for number in range(11)]
        assert all(isinstance(answer, Amended) for answer in answers[:10])
        assert isinstance(answers[10], AmendRefused)
        assert "MAX_NUM_ORDER_AMENDS" in answers[10].reason
        assert rests_with(wired, order, D("0.81"))
    finally:
        await wired.close()


@pytest.mark.parametrize(
    ("name", "market", "amends"),
    [
        ("binance", {"spot": True, "info": {"amendAllowed": True}}, True),
        ("binance", {"spot": True, "info": {"amendAllowed": False}}, False),
        ("binance", {"spot": True, "info": {}}, False),
        ("binance", {"spot": False, "info": {"amendAllowed": True}}, False),
        ("okx", {"spot": True, "info": {}}, True),
        ("okx", {"spot": False, "info": {}}, False),
    ],
)
def test_contracts_and_markets_that_forbid_it_are_left_to_cancelling_and_placing(
    name: str, market: dict[str, object], amends: bool
) -> None:
    assert tuning_of(name).amends_in(market) is amends


# Through the gateway

TROUBLES = (
    "connection dropped, and it arrived",
    "time-out, and it arrived",
    "a page of HTML, and it arrived",
    "an unheard-of code, and it arrived",
    "time-out, and it never arrived",
    "502, and it never arrived",
    "too many requests, and it never arrived",
)


@pytest.fixture
async def desk(wired: Wired) -> Desk:
    return Desk(wired)


def wanted(desk: Desk, size: str = "0.4") -> list[tuple[object, Decimal]]:
    return [(order, D(size)) for order in desk.tracker.working() if order.rests]


async def quoted(desk: Desk) -> None:
    desk.wired.plenty()
    await desk.place()
    await desk.until(lambda: desk.is_settled() and desk.agrees() and desk.wired.resting() == 2)


async def test_c69_after_any_trouble_with_an_amendment_our_view_is_the_venues(
    desk: Desk, subtests: pytest.Subtests
) -> None:
    for name in TROUBLES:
        with subtests.test(name):
            await quoted(desk)
            await troubled(desk, "amend", FAULTS[name], lambda: desk.gateway.amend(wanted(desk)))  # type: ignore[arg-type]
            await desk.until(lambda: desk.is_settled() and desk.agrees())
            assert not [order for order in desk.tracker.working() if order.is_amending]
            proof = await desk.gateway.sweep(within_s=100)
            assert proof.clean, proof.detail
            assert desk.wired.resting() == 0


@pytest.mark.parametrize("fault", [Drop(), Never(), None], ids=["connection dropped", "time-out", "nothing"])
async def test_c69_an_order_that_fills_while_it_is_amended_is_booked_once_and_ends(
    desk: Desk, fault: Fault | None
) -> None:
    """Dropped after it was accepted, and filled meanwhile: everything that is left of it at once."""
    await quoted(desk)
    books, symbol = desk.wired.venue.books, desk.wired.symbol
    bid = next(order for order in desk.tracker.working() if order.side is Side.BUY)
    too_large = [(bid, D("0.4"))]
    if fault is None:
        held = Hold(until=asyncio.Event())
        desk.wired.venue.faults.next("amend", held)
        await desk.gateway.amend(too_large)
        await desk.wired.venue.until(lambda: books.resting(desk.wired.keys.account)[0].size == D("0.4"))
        desk.wired.crowd_takes(Side.SELL, "99.5", "5")
        held.until.set()
    else:
        await troubled(desk, "amend", fault, lambda: desk.gateway.amend(too_large))
        desk.wired.crowd_takes(Side.SELL, "99.5", "5")
    await desk.until(lambda: bid.status is OrderStatus.FILLED and desk.is_settled() and desk.agrees())
    assert sum(fill.size_base for fill in desk.booked) == D("0.4")
    assert len({fill.fill_id for fill in desk.booked}) == len(desk.booked)
    assert desk.troubles == []
    assert symbol == desk.tracker.symbol
    quote = Quote(side=Side.BUY, level=0, price=D("99.4"), size_base=D(1))
    ready, _ = desk.gateway.ready([quote])
    assert ready == [quote], "its slot is free again"
