"""What single venues do and no others: each trap on the wire, and what we make of it. Run over their stubs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from engine.core.errors import NotReady
from engine.market.types import OrderStatus, Side
from engine.venues.base import Placed, PlaceRefused, PlaceUnknown
from engine.venues.ccxt.tuned.bithumb import common_step
from tests.engine.venues.ccxt.desk import Desk, S, desk_at
from tests.engine.venues.ccxt.stubs import SERVERS
from tests.venues.every import opened
from tests.venues.faults import Say
from tests.venues.loopback import Loopback
from tests.venues.wire import encode

D = Decimal
HOUR_NS = 3600 * 10**9


@asynccontextmanager
async def at(venue_id: str, loopback: Loopback) -> AsyncIterator[Desk]:
    venue: Any = opened(SERVERS[venue_id])
    loopback.mount(venue)
    async with desk_at(venue, request_timeout_s=D(2)) as desk:
        await desk.component.open_orders(S)
        yield desk


def told(desk: Desk, state: dict[str, object]) -> Say:
    """The one order that rests as the venue tells it, but for its state."""
    [order] = desk.venue.books.resting("desk")
    venue: Any = desk.venue
    if venue.id == "poloniex":
        return Say(text=encode(venue.told(order) | state))
    return Say(text=encode({"success": True, "result": "true", "error_code": 0, "data": venue.of(order) | state}))


@pytest.mark.parametrize(
    ("venue_id", "state"),
    [
        ("poloniex", {"state": "PENDING_CANCEL"}),
        ("woo", {"status": "CANCEL_SENT"}),
        ("woo", {"status": "CANCEL_ALL_SENT"}),
        ("lbank", {"status": 4}),
    ],
)
async def test_an_order_whose_cancel_was_merely_sent_has_not_ended(
    loopback: Loopback, venue_id: str, state: dict[str, object]
) -> None:
    async with at(venue_id, loopback) as desk:
        order = desk.order()
        await desk.place_one(order)
        desk.venue.faults.next("order", told(desk, state))
        [answer] = await desk.component.cancel(S, [order.client_order_id])
        assert answer.status is OrderStatus.CANCELLING


@pytest.mark.parametrize("call", ["open_orders", "fills"])
async def test_a_failure_that_woo_words_as_nobody_knows_is_no_empty_list(loopback: Loopback, call: str) -> None:
    async with at("woo", loopback) as desk:
        await desk.place_one()
        text = encode({"success": False, "code": -9999, "message": "This is not the day for it."})
        desk.venue.faults.always(call, Say(text=text))
        with pytest.raises(NotReady, match="This is not the day for it"):
            await (desk.component.open_orders(S) if call == "open_orders" else desk.component.fills(S, 0))


@pytest.mark.parametrize(
    ("venue_id", "said"),
    [
        ("bitvavo", {"postOnly": True, "operatorId": 1, "codGroupId": 1}),
        ("whitebit", {"postOnly": True, "nonceWindow": True}),
        ("poloniex", {"type": "LIMIT_MAKER"}),
        ("gemini", {"options": ["maker-or-cancel"]}),
        ("hitbtc", {"post_only": True}),
        ("woo", {"type": "POST_ONLY"}),
        ("xt", {"timeInForce": "GTX"}),
        ("bingx", {"timeInForce": "PostOnly"}),
        ("phemex", {"timeInForce": "PostOnly", "qtyType": "ByBase"}),
        ("lbank", {"type": "buy_maker"}),
        ("upbit", {"time_in_force": "post_only"}),
    ],
)
async def test_post_only_is_said_in_the_venues_word_for_it(
    loopback: Loopback, venue_id: str, said: dict[str, object]
) -> None:
    async with at(venue_id, loopback) as desk:
        assert isinstance(await desk.place_one(), Placed)
        [ask] = desk.venue.requests("place")
        assert {name: ask.args.get(name) for name in said} == said


async def test_an_order_bitvavo_could_not_match_is_refused_and_one_it_lost_is_not(loopback: Loopback) -> None:
    async with at("bitvavo", loopback) as desk:
        for code, kind in ((230, PlaceRefused), (235, PlaceRefused), (101, PlaceUnknown), (109, PlaceUnknown)):
            text = encode({"errorCode": code, "error": "in words for people"})
            desk.venue.faults.next("place", Say(text=text, status=400))
            more = [desk.order(), desk.order()]
            answers = await desk.place(*more)
            assert [type(answer) for answer in answers].count(kind) == 1, (code, answers)


async def test_bitvavos_switch_that_cannot_be_stopped_is_set_as_far_off_as_it_goes(loopback: Loopback) -> None:
    async with at("bitvavo", loopback) as desk:
        await desk.component.cancel_all_after(S, 5)
        await desk.component.cancel_all_after(S, 0)
        assert [ask.args["expiryAfterSeconds"] for ask in desk.venue.requests("timer")] == [10, 300]


async def test_whitebits_switch_is_stopped_by_nothing_and_not_by_the_word_for_it(loopback: Loopback) -> None:
    async with at("whitebit", loopback) as desk:
        await desk.component.cancel_all_after(S, 30)
        await desk.component.cancel_all_after(S, 0)
        assert [ask.args["timeout"] for ask in desk.venue.requests("timer")] == ["30", None]


async def test_sizes_go_to_bingx_in_digits_however_small(loopback: Loopback) -> None:
    async with at("bingx", loopback) as desk:
        await desk.place_one(desk.order(Side.SELL, "600000.01", "0.00001"))
        [ask] = desk.venue.requests("place")
        assert (ask.text("quantity"), ask.text("price")) == ("0.00001", "600000.01")


async def test_who_took_at_gemini_is_read_in_its_own_words(loopback: Loopback) -> None:
    async with at("gemini", loopback) as desk:
        await desk.place_one(desk.order(price="100.00", size="0.5"))
        desk.venue.books.crowd_takes(S, "sell", "100", "0.5")
        desk.venue.books.place("desk", S, "buy", price=D("100.01"), size=D(1))
        found = await desk.component.fills(S, desk.runtime.clock.now_ns() - HOUR_NS)
        assert [fill.is_maker for fill in found] == [True, False]


async def test_executions_gemini_cannot_be_asked_for_are_not_left_out_without_a_word(loopback: Loopback) -> None:
    async with at("gemini", loopback) as desk:
        await desk.place_one(desk.order(price="100.00", size="5"))
        for _ in range(4):
            desk.venue.books.crowd_takes(S, "sell", "100", "0.5")
        desk.component._account.tuning.fills_page = 2
        with pytest.raises(NotReady, match="within a second"):
            await desk.component.fills(S, desk.runtime.clock.now_ns())


async def test_upbits_fee_of_an_order_is_shared_by_its_executions_to_the_last_digit(loopback: Loopback) -> None:
    async with at("upbit", loopback) as desk:
        order = desk.order(price="100.00", size="1")
        await desk.place_one(order)
        for size in ("0.33333", "0.12345", "0.05017"):
            desk.venue.books.crowd_takes(S, "sell", "100", size)
        found = await desk.component.fills(S, desk.runtime.clock.now_ns() - HOUR_NS)
        assert [(fill.fee, fill.fee_asset) for fill in found] == [
            (one.fee, "USDT") for one in desk.venue.books.fills("desk")
        ]
        assert {fill.client_order_id for fill in found} == {order.client_order_id}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_price", PlaceRefused),
        ("invalid_price_bid", PlaceRefused),
        ("cross_trading", PlaceRefused),
        ("order_not_ready", PlaceUnknown),
        ("a_code_nobody_documented", PlaceUnknown),
    ],
)
async def test_bithumbs_documented_codes_refuse_and_others_do_not(
    loopback: Loopback, code: str, kind: type[object]
) -> None:
    async with at("bithumb", loopback) as desk:
        desk.venue.faults.next("place", Say(text=encode({"error": {"name": code, "message": "~"}}), status=400))
        assert isinstance(await desk.place_one(), kind)


async def test_bithumbs_tick_divides_every_price_that_rests(loopback: Loopback) -> None:
    async with at("bithumb", loopback) as desk:
        venue = desk.component._venue
        assert (await venue.instrument(S)).tick_size == Decimal("0.01")
        desk.venue.books.cancel_all("crowd")
        for price in ("99.90", "99.95", "100.05", "100.10"):
            desk.venue.books.crowd_rests(S, "buy" if Decimal(price) < 100 else "sell", price, "1")
        await venue._reload_markets()
        assert (await venue.instrument(S)).tick_size == Decimal("0.01"), "four levels tell too little"
        desk.venue.books.crowd_rests(S, "buy", "99.85", "1")
        desk.venue.books.crowd_rests(S, "sell", "100.15", "1")
        await venue._reload_markets()
        assert (await venue.instrument(S)).tick_size == Decimal("0.05")
        [listed] = (await desk.component.listing()).markets
        assert listed.instrument.lot_size == Decimal("0.0001")


@pytest.mark.parametrize(
    ("prices", "step"),
    [
        (["99.98", "100.04"], "0.02"),
        (["95000000", "95001000", "94997000"], "1000"),
        (["0.00001687", "0.0000168"], "0.00000007"),
        (["1E+3", "1500"], "500"),
        (["7"], "7"),
    ],
)
def test_what_divides_every_price(prices: list[str], step: str) -> None:
    assert common_step([Decimal(price) for price in prices]) == Decimal(step)


@pytest.mark.parametrize(("venue_id", "status"), [("lbank", 429), ("lbank", 502), ("lbank", 400)])
async def test_an_order_lbank_answers_with_a_page_is_unknown(loopback: Loopback, venue_id: str, status: int) -> None:
    async with at(venue_id, loopback) as desk:
        desk.venue.faults.next("place", Say(text="<html></html>", content_type="text/html", status=status))
        assert isinstance(await desk.place_one(), PlaceUnknown)
