"""The venue clears itself when we fall silent, and only then (Q13)."""

from __future__ import annotations

import math
import re

import pytest

from engine.core.config import ConfigError
from engine.core.errors import NotReady
from engine.core.states import State
from engine.market.types import OrderStatus, Side
from engine.metrics.events import Notice, OrderChanged
from engine.testing import FakeVenue
from tests.engine.desk import Desk

SWITCH = """
  switch: {id: dead_mans_switch, args: {exchange: "@venue", symbol: "@symbol", timeout_s: 30}}
"""
SETTINGS = {"more_executor": ', dead_mans_switch: "@switch"', "levels": "1"}


class Lease:
    held = True

    def valid(self) -> bool:
        return self.held


async def active(**more: object) -> Desk:
    desk = await Desk(components=SWITCH, **SETTINGS, **more).open()  # type: ignore[arg-type]
    await desk.service.start("test")
    await desk.run(2)
    assert len(rest(desk)) == 2
    return desk


def rest(desk: Desk) -> list[object]:
    return [*desk.venue.resting(Side.BUY), *desk.venue.resting(Side.SELL)]


def set_to(desk: Desk) -> list[str]:
    return [ids[0] for call, ids in desk.venue.calls if call == "cancel_all_after"]


async def test_an_engine_that_falls_silent_leaves_nothing_resting() -> None:
    desk = await active()
    await desk.container.scheduler.stop()  # as a process that hangs: no tick, no beat, no halt
    await desk.clock.advance(17)
    assert len(rest(desk)) == 2
    await desk.clock.advance(13)
    assert not rest(desk)
    assert {order.status for order in desk.venue._orders.values()} == {OrderStatus.CANCELLED}


async def test_it_never_goes_off_while_the_engine_lives() -> None:
    desk = await active()
    ids = {order.client_order_id for order in desk.service.tracker.working()}
    await desk.run(120)
    assert {order.client_order_id for order in desk.service.tracker.working()} == ids
    assert len(rest(desk)) == 2
    assert 11 <= len(set_to(desk)) <= 14
    await desk.close()


async def test_it_is_wound_up_only_while_orders_may_be_placed_and_disarmed_once_none_rest() -> None:
    desk = Desk(components=SWITCH, **SETTINGS)
    await desk.open()
    await desk.run(30)
    assert set_to(desk) == []
    await desk.service.start("test")
    await desk.run(2)
    assert set_to(desk) == ["30"]
    await desk.service.pause("lunch")
    await desk.run(30)
    assert set_to(desk) == ["30", "0"]
    await desk.close()
    assert set_to(desk) == ["30", "0"]


async def test_an_orderly_end_disarms_it_after_the_last_order_is_gone() -> None:
    desk = await active()
    await desk.close()
    assert [call for call, _ in desk.venue.calls if call in ("cancel", "cancel_all_after")][-2:] == [
        "cancel",
        "cancel_all_after",
    ]
    assert set_to(desk)[-1] == "0"


async def test_orders_that_cannot_be_cancelled_at_the_end_are_left_to_it() -> None:
    desk = await active()
    desk.venue.keep_on_cancel = True
    await desk.close()
    assert len(rest(desk)) == 2
    assert "0" not in set_to(desk)
    await desk.clock.advance(31)
    assert not rest(desk)


async def test_a_holder_that_lost_its_lease_neither_winds_it_up_nor_disarms_it() -> None:
    lease = Lease()
    desk = await active(permit=lease)
    lease.held = False
    told = len(set_to(desk))
    await desk.run(40)
    await desk.close()
    assert len(set_to(desk)) == told


async def test_a_venue_that_cannot_be_told_is_said_once_and_told_again_as_soon_as_it_can_be() -> None:
    desk = await active(immediate="false")
    desk.venue.offline = "maintenance"
    await desk.run(20)
    desk.venue.offline = ""
    await desk.run(3)
    said = [event.text for event in desk.events(Notice) if "dead man" in event.text]
    assert said == [
        "The dead man's switch of BTC/USDT could not be set: maintenance.",
        "The dead man's switch of BTC/USDT can be set again.",
    ]
    await desk.run(40)
    assert len(rest(desk)) == 2
    await desk.close()


class Plain(FakeVenue):
    """A venue without a dead man's switch."""

    cancel_all_after = None  # type: ignore[assignment]


def test_a_venue_without_one_is_named_when_the_file_is_read() -> None:
    with pytest.raises(ConfigError, match=r"exchange must be .*but @venue \(fake\.venue\) lacks cancel_all_after"):
        Desk(components=SWITCH, venue=Plain, **SETTINGS)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (
            {"switch": "ETH/USDT"},
            "switch clears ETH/USDT, but its executor trades BTC/USDT.",
        ),
        (
            {"venue": "another"},
            "switch clears BTC/USDT on another account than its executor trades on.",
        ),
    ],
)
async def test_one_that_would_clear_others_than_its_executors_orders_is_refused(
    settings: dict[str, str], why: str
) -> None:
    other = '  another: {id: fake.venue, args: {symbol: "@symbol"}}'
    switch = SWITCH.replace("@symbol", settings.get("switch", "@symbol"))
    switch = switch.replace("@venue", f"@{settings.get('venue', 'venue')}")
    desk = Desk(components=switch + other, **SETTINGS)
    with pytest.raises(NotReady, match=re.escape(why)):
        await desk.open()
    await desk.close()


class Hangs(FakeVenue):
    """It hears every word about its switch, and answers one of them too late."""

    hangs = 0

    async def cancel_all_after(self, symbol: str, seconds: int) -> None:
        await super().cancel_all_after(symbol, seconds)
        if self.hangs:
            self.hangs -= 1
            await self.clock.sleep_until(self.clock.monotonic() + 60)


async def test_one_that_the_venue_may_have_set_is_disarmed_when_nothing_rests() -> None:
    desk = await Desk(components=SWITCH, venue=Hangs, **SETTINGS).open()
    desk.venue.hangs = 1  # type: ignore[attr-defined]
    await desk.service.start("test")
    await desk.run(3)
    await desk.service.pause("lunch")
    await desk.run(5)
    assert set_to(desk) == ["30", "0"]
    assert desk.venue._clear_at is None
    await desk.close()


async def test_an_answer_that_does_not_come_leaves_time_to_wind_up_a_short_one_again() -> None:
    desk = await Desk(components=SWITCH.replace("30", "5"), venue=Deaf, **SETTINGS).open()
    await desk.service.start("test")
    await desk.run(10)
    ids = {order.client_order_id for order in desk.service.tracker.working()}
    desk.venue.deaf = 1  # type: ignore[attr-defined]
    await desk.run(20)
    assert {order.client_order_id for order in desk.service.tracker.working()} == ids
    assert len(rest(desk)) == 2
    await desk.close()


class Deaf(FakeVenue):
    """It neither hears nor answers some words about its switch."""

    deaf = 0

    async def cancel_all_after(self, symbol: str, seconds: int) -> None:
        if self.deaf:
            self.deaf -= 1
            await self.clock.sleep_until(self.clock.monotonic() + 60)
        await super().cancel_all_after(symbol, seconds)


# Paper


PAPER = (
    SWITCH.replace("@venue", "@account")
    + """
  account: {id: exchanges.paper, args: {market: "@venue", symbol: "@symbol", quote_balance: !decimal "100000",
                                        base_balance: !decimal "100"}}
"""
)


async def test_on_paper_it_is_armed_while_orders_rest_and_disarmed_by_a_pause() -> None:
    desk = await paper()
    account = desk.container.components["account"]
    await desk.run(40)
    assert account._clear_at_ns is not None  # type: ignore[attr-defined]
    assert len(await account.open_orders("BTC/USDT")) == 2  # type: ignore[attr-defined]
    await desk.service.pause("lunch")
    await desk.run(2)
    assert account._clear_at_ns is None  # type: ignore[attr-defined]
    await desk.close()


async def test_on_paper_too_it_clears_what_nobody_looks_after_any_more() -> None:
    desk = await paper()
    account = desk.container.components["account"]
    # A desk that hangs in its tick, and whose switch is wound up by nobody.
    assert desk.service.job is not None
    desk.service.job.cancel()
    desk.container.components["switch"]._wind_at = math.inf  # type: ignore[attr-defined]
    await desk.run(19)
    assert len(await account.open_orders("BTC/USDT")) == 2  # type: ignore[attr-defined]
    await desk.run(12)
    assert await account.open_orders("BTC/USDT") == []  # type: ignore[attr-defined]
    await desk.close()


async def paper() -> Desk:
    executor = ', dead_mans_switch: "@switch"'
    desk = await Desk(components=PAPER, account="account", levels="1", more_executor=executor).open()
    await desk.service.start("test")
    await desk.run(2)
    return desk


# Age


async def test_an_order_that_has_rested_too_long_is_replaced() -> None:
    desk = await Desk(levels="1", more_executor=", max_order_age_s: 60").open()
    await desk.service.start("test")
    await desk.run(50)
    first = {order.client_order_id for order in desk.service.tracker.working()}
    await desk.run(15)
    second = {order.client_order_id for order in desk.service.tracker.working()}
    assert len(second) == 2
    assert not first & second
    changes = [event for event in desk.events(OrderChanged) if event.client_order_id in first]
    assert {event.new for event in changes[-2:]} == {OrderStatus.CANCELLED}
    assert desk.service.machine.state is State.ACTIVE
    await desk.close()


async def test_an_old_order_whose_cancel_takes_its_time_is_cancelled_once_and_replaced_when_it_is_gone() -> None:
    desk = await Desk(levels="1", immediate="false", more_executor=", max_order_age_s: 60").open()
    await desk.service.start("test")
    await desk.run(50)
    desk.venue.ack_after_s = 3
    await desk.run(16)
    cancels = [ids for call, ids in desk.venue.calls if call == "cancel"]
    assert len([one for ids in cancels for one in ids]) == 2
    assert len(rest(desk)) == 2
    await desk.close()
