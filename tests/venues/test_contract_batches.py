"""Several orders in one request: each has an answer of its own, whatever becomes of the others. Cases C70 to C77.

For every venue whose answers tell that; elsewhere orders and cancels go one a request, all at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from engine.core.errors import EngineError
from engine.market.types import OrderReport, OrderRequest, OrderStatus, Side
from engine.venues.base import Placed, PlaceRefused, PlaceUnknown
from engine.venues.ccxt.tuned.base import tuning_of
from tests.venues.every import TUNED, VENUES, opened
from tests.venues.loopback import Loopback
from tests.venues.rig import Wired
from tests.venues.test_contract_faults import ARRIVED, NEVER_ARRIVED, under

D = Decimal
PLACING = ("bitget", "bybit", "gate", "kucoin", "mexc", "okx")
CANCELLING = ("bitget", "bybit", "gate", "okx")
TROUBLES = (
    "time-out",
    "connection dropped",
    "answer truncated",
    "a page of HTML",
    "an empty object",
    "an unheard-of code",
)


async def at(name: str, loopback: Loopback) -> Wired:
    made = Wired(opened(VENUES[name]), loopback)
    await made.open()
    return await made.attentive()


@pytest.fixture(params=PLACING)
async def wired(request: pytest.FixtureRequest, loopback: Loopback) -> AsyncIterator[Wired]:
    made = await at(request.param, loopback)
    yield made
    await made.close()


@pytest.fixture(params=CANCELLING)
async def cancelling(request: pytest.FixtureRequest, loopback: Loopback) -> AsyncIterator[Wired]:
    made = await at(request.param, loopback)
    yield made
    await made.close()


async def quoted(wired: Wired, count: int = 3) -> list[OrderRequest]:
    orders = [wired.order(price=str(D("99.5") - number)) for number in range(count)]
    await wired.exchange.place(orders)
    assert wired.resting() == count
    wired.venue.log.clear()
    return orders


def test_c70_which_venues_take_several_is_what_is_shown_here() -> None:
    assert {name for name in TUNED if tuning_of(name).batch} == set(PLACING)
    assert {name for name in TUNED if tuning_of(name).cancel_batch} == set(CANCELLING)


async def test_c71_of_a_batch_that_is_refused_in_part_each_order_has_its_own_answer(wired: Wired) -> None:
    orders = [
        wired.order(price="99", size="5000"),
        wired.order(price="99.5"),
        wired.order(Side.SELL, price="102", size="500"),
        wired.order(Side.SELL, price="101"),
    ]
    answers = await wired.exchange.place(orders)
    assert len(wired.venue.requests("place")) == 1
    assert [answer.client_order_id for answer in answers] == [order.client_order_id for order in orders]
    assert [type(answer) for answer in answers] == [PlaceRefused, Placed, PlaceRefused, Placed]
    for order, answer in zip(orders, answers, strict=True):
        truth = wired.truth(order)
        assert (truth is not None and truth.rests) is isinstance(answer, Placed)
        assert answer.reason or isinstance(answer, Placed)
    listed = {one.client_order_id: one.venue_order_id for one in await wired.exchange.open_orders(wired.symbol)}
    assert listed == {one.client_order_id: one.venue_order_id for one in answers if isinstance(one, Placed)}


async def test_c72_a_batch_of_which_nothing_was_taken_leaves_nothing_and_claims_nothing_else(wired: Wired) -> None:
    orders = [wired.order(price="99", size="5000"), wired.order(price="98", size="6000")]
    answers = await wired.exchange.place(orders)
    assert len(wired.venue.requests("place")) == 1
    assert all(isinstance(answer, PlaceRefused) for answer in answers), answers
    assert wired.resting() == 0


async def test_c73_a_batch_whose_answer_was_lost_is_unknown_order_by_order_and_never_sent_again(
    wired: Wired, subtests: pytest.Subtests
) -> None:
    for name in TROUBLES:
        wired.venue.books.cancel_all(wired.keys.account)
        with subtests.test(name):
            orders = [wired.order(price="99.5"), wired.order(Side.SELL, price="101")]
            answers = await under(wired, "place", ARRIVED[name], wired.exchange.place(orders))
            assert all(isinstance(answer, PlaceUnknown | Placed) for answer in answers), answers
            assert len(wired.venue.requests("place")) == 1
            listed = {one.client_order_id for one in await wired.exchange.open_orders(wired.symbol)}
            assert listed == {order.client_order_id for order in orders}


async def test_c74_a_batch_that_never_arrived_is_never_called_placed(wired: Wired, subtests: pytest.Subtests) -> None:
    for name, fault in NEVER_ARRIVED.items():
        with subtests.test(name):
            orders = [wired.order(price="99.5"), wired.order(Side.SELL, price="101")]
            answers = await under(wired, "place", fault, _placed(wired, orders))
            assert isinstance(answers, EngineError) or not any(isinstance(one, Placed) for one in answers)
            assert len(wired.venue.requests("place")) == 1
            assert wired.resting() == 0
            wired.plenty()


async def _placed(wired: Wired, orders: list[OrderRequest]) -> list[OrderReport] | EngineError:
    try:
        return list(await wired.exchange.place(orders))
    except EngineError as error:
        return error


async def test_c75_more_than_a_batch_holds_goes_in_several(wired: Wired) -> None:
    size = tuning_of(wired.venue.id).batch
    orders = [wired.order(price="99.5", size="0.1") for _ in range(size + 2)]
    answers = await wired.exchange.place(orders)
    assert len(wired.venue.requests("place")) == 2
    assert all(isinstance(answer, Placed) for answer in answers)
    assert wired.resting() == size + 2
    assert len({answer.venue_order_id for answer in answers}) == size + 2


async def test_c76_several_cancels_at_once_say_of_each_what_is_known(cancelling: Wired) -> None:
    wired = cancelling
    orders = await quoted(wired)
    wired.crowd_takes(Side.SELL, "99.5", "5")
    answers = await wired.exchange.cancel(wired.symbol, [order.client_order_id for order in orders])
    assert len(wired.venue.requests("cancel")) == 1
    assert [answer.client_order_id for answer in answers] == [order.client_order_id for order in orders]
    assert [answer.status for answer in answers] == [
        OrderStatus.UNKNOWN,
        OrderStatus.CANCELLING,
        OrderStatus.CANCELLING,
    ]
    assert "may have filled" in answers[0].reason
    assert wired.resting() == 0


async def test_c77_cancels_without_a_clear_answer_claim_nothing(cancelling: Wired, subtests: pytest.Subtests) -> None:
    wired = cancelling
    for name in TROUBLES:
        with subtests.test(name):
            orders = await quoted(wired)
            cancelling_ = wired.exchange.cancel(wired.symbol, [order.client_order_id for order in orders])
            answers = await under(wired, "cancel", ARRIVED[name], cancelling_)
            assert {answer.status for answer in answers} == {OrderStatus.UNKNOWN}
            assert len(wired.venue.requests("cancel")) == 1
            assert wired.resting() == 0
    for name, fault in NEVER_ARRIVED.items():
        with subtests.test(f"{name}, and it never arrived"):
            wired.plenty()
            wired.venue.books.cancel_all(wired.keys.account)
            orders = await quoted(wired)
            cancelling_ = wired.exchange.cancel(wired.symbol, [order.client_order_id for order in orders])
            answers = await under(wired, "cancel", fault, cancelling_)
            assert {answer.status for answer in answers} == {OrderStatus.UNKNOWN}
            assert wired.resting() == len(orders)
