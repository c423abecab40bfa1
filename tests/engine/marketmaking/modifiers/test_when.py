"""Modifiers that say when: schedule, cooldown, hanging orders, and the guard against our own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.market.types import OrderStatus
from engine.marketmaking.draft import LANE
from engine.marketmaking.modifiers.fill_cooldown import FillCooldown
from engine.marketmaking.modifiers.hanging_orders import HangingOrders
from engine.marketmaking.modifiers.schedule import Schedule
from engine.marketmaking.modifiers.self_trade_guard import SelfTradeGuard
from engine.testing import RecordingRuntime
from engine.venues.hub import MarketHub
from tests.engine.marketmaking.ticks import BUY, SELL, Tick, prices, wanted

D = Decimal

# Schedule


@pytest.mark.parametrize(
    ("hours", "stamp", "quiet"),
    [
        ("22:00-06:00", "2026-01-28T21:59:59", False),
        ("22:00-06:00", "2026-01-28T22:00:00", True),
        ("22:00-06:00", "2026-01-29T05:59:59", True),
        ("22:00-06:00", "2026-01-29T06:00:00", False),
        ("sat,sun 00:00-24:00", "2026-01-30T23:59:59", False),
        ("sat,sun 00:00-24:00", "2026-01-31T00:00:00", True),
        ("sat,sun 00:00-24:00", "2026-02-01T23:59:59", True),
        ("sat,sun 00:00-24:00", "2026-02-02T00:00:00", False),
        ("sun 23:00-01:00", "2026-02-02T00:30:00", True),
        ("sun 23:00-01:00", "2026-02-01T00:30:00", False),
        ("12:00-00:00", "2026-02-01T23:59:59", True),
        ("12:00-00:00", "2026-02-01T00:00:00", False),
    ],
)
def test_quiet_hours_are_utc_and_may_pass_midnight(hours: str, stamp: str, quiet: bool) -> None:
    draft = wanted("99", "101")
    Schedule(quiet_hours=[hours]).adjust(draft, Tick().at_utc(stamp))
    assert draft.is_empty == quiet
    assert draft.reason == (f"Quiet hours: {hours} UTC." if quiet else "")


@pytest.mark.parametrize(
    ("stamp", "quiet"),
    [("2026-01-28T18:54:59", False), ("2026-01-28T18:55:00", True), ("2026-01-28T19:30:00", False)],
)
def test_nothing_is_quoted_during_an_event(stamp: str, quiet: bool) -> None:
    draft = wanted("99", "101")
    Schedule(events=["2026-01-28T18:55/2026-01-28T19:30 the rate decision"]).adjust(draft, Tick().at_utc(stamp))
    assert draft.reason == ("No quotes during the rate decision." if quiet else "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"quiet_hours": ["10-12"]}, 'was "10-12"'),
        ({"quiet_hours": ["10:00-10:00"]}, "must begin before they end"),
        ({"quiet_hours": ["24:00-10:00"]}, "must begin before they end"),
        ({"quiet_hours": ["10:75-12:00"]}, "10:75 is no time of day"),
        ({"quiet_hours": ["25:00-26:00"]}, "25:00 is no time of day"),
        ({"quiet_hours": ["sat,xyz 10:00-12:00"]}, 'was "xyz"'),
        ({"events": ["2026-01-28T18:55"]}, "an event is written"),
        ({"events": ["2026-01-28T18:55/2026-01-28T18:55"]}, "must begin before it ends"),
        ({"events": ["2026-13-28T18:55/2026-13-28T19:55"]}, "month"),
    ],
)
def test_what_is_no_time_is_refused_in_words(arguments: dict[str, list[str]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Schedule(**arguments)


# Cooldown


def test_the_side_of_a_fill_waits_and_the_other_does_not() -> None:
    tick, modifier = Tick("100"), FillCooldown(cooldown_s=D(10))
    tick.fill(tick.rest(BUY, 0, "99"))
    draft = tick.wait(4).adjusted(modifier, bids="99 98", asks="101")
    assert prices(draft) == ([], [101])
    assert draft.notes == ["No buy orders for another 6.0 s: one filled at 99."]
    assert prices(tick.wait(6).adjusted(modifier)) == ([99], [101])


def test_fills_on_both_sides_leave_nothing_and_say_why() -> None:
    tick, modifier = Tick("100"), FillCooldown(cooldown_s=D(10))
    tick.fill(tick.rest(BUY, 0, "99"))
    tick.wait(1).fill(tick.rest(SELL, 0, "101"))
    draft = tick.adjusted(modifier)
    assert draft.is_empty
    assert "No sell orders for another 10.0 s" in draft.reason
    assert "No buy orders for another 9.0 s" in draft.reason


# Hanging orders


def hung(**settings: object) -> tuple[Tick, HangingOrders]:
    """A bid at 99 has filled; its ask at 101 rests."""
    tick, modifier = Tick("100"), HangingOrders(**settings)  # type: ignore[arg-type]
    bid, _ = tick.rest(BUY, 0, "99"), tick.rest(SELL, 0, "101", "0.7")
    assert prices(tick.adjusted(modifier)) == ([99], [101])
    tick.fill(bid)
    return tick, modifier


def slots(tick: Tick, modifier: HangingOrders, bids: str = "97", asks: str = "99.5") -> list[str]:
    return tick.posted(tick.adjusted(modifier, bids=bids, asks=asks))


def test_the_order_opposite_a_filled_one_rests_on_beside_the_new_quotes() -> None:
    tick, modifier = hung()
    assert slots(tick, modifier) == [
        "buy 0 97.00 x 1.000",
        f"sell {LANE} 99.50 x 1.000",
        "sell 0 101.00 x 0.700",
    ]


def test_an_offset_does_not_move_it() -> None:
    tick, modifier = hung()
    draft = wanted("97", "99.5")
    draft.shift(D(1) / D(3))
    modifier.adjust(draft, tick.context)
    assert tick.posted(draft)[1:] == [f"sell {LANE} 99.84 x 1.000", "sell 0 101.00 x 0.700"]


def test_it_ends_with_its_fill_and_the_new_quote_keeps_its_slot() -> None:
    tick, modifier = hung()
    slots(tick, modifier)
    (ask,) = [order for order in tick.tracker.live.values() if order.side is SELL]
    tick.rest(BUY, 0, "97")
    tick.fill(ask)
    assert slots(tick, modifier) == ["buy 0 97.00 x 1.000", f"sell {LANE} 99.50 x 1.000"]


def test_a_second_pair_hangs_beside_the_first() -> None:
    tick, modifier = hung()
    slots(tick, modifier)
    bid, _ = tick.rest(BUY, 0, "97"), tick.rest(SELL, LANE, "99.5")
    tick.fill(bid)
    assert slots(tick, modifier, bids="95", asks="98") == [
        "buy 0 95.00 x 1.000",
        f"sell {2 * LANE} 98.00 x 1.000",
        f"sell {LANE} 99.50 x 1.000",
        "sell 0 101.00 x 0.700",
    ]


@pytest.mark.parametrize(
    ("settings", "reference", "waited", "why"),
    [
        ({"max_age_s": D(60)}, "100", 61, "it has hung for 61 s, longer than 60 s"),
        ({"max_distance_bps": D(200)}, "98", 1, "it is 306 bps from the reference price, more than 200 bps"),
    ],
)
def test_it_is_let_go_when_too_old_or_too_far(
    settings: dict[str, Decimal], reference: str, waited: float, why: str
) -> None:
    tick, modifier = hung(**settings)
    slots(tick, modifier)
    tick.wait(waited).reference = D(reference)
    draft = tick.adjusted(modifier, bids="97", asks="99.5")
    assert draft.notes == [f"Ask 1 no longer hangs: {why}."]
    assert [rung.level for rung in draft.asks] == [LANE]


def test_no_more_hang_than_may() -> None:
    tick, modifier = hung(max_per_side=1)
    slots(tick, modifier)
    bid, _ = tick.rest(BUY, 0, "97"), tick.wait(1).rest(SELL, LANE, "99.5")
    tick.fill(bid)
    assert slots(tick, modifier, bids="95", asks="98")[1:] == ["sell 0 98.00 x 1.000", f"sell {LANE} 99.50 x 1.000"]


def test_a_part_of_a_fill_hangs_nothing() -> None:
    tick, modifier = Tick("100"), HangingOrders()
    bid, _ = tick.rest(BUY, 0, "99"), tick.rest(SELL, 0, "101")
    tick.adjusted(modifier)
    tick.fill(bid, "0.5")
    assert slots(tick, modifier) == ["buy 0 97.00 x 1.000", "sell 0 99.50 x 1.000"]


# Our own orders


def guard(tick: Tick, hub: MarketHub | None = None, *, across_firm: bool = True) -> SelfTradeGuard:
    modifier = SelfTradeGuard(across_firm=across_firm)
    RecordingRuntime(tick.clock, hub=hub).equip(modifier, "guard")
    return modifier


def test_quotes_keep_off_an_order_of_ours_on_its_way_out() -> None:
    tick = Tick("100")
    ask = tick.rest(SELL, 0, "100.5")
    tick.tracker.cancel_sent([ask])
    draft = tick.adjusted(guard(tick), bids="100.6 100.4", asks="101")
    assert prices(draft) == ([D("100.49"), D("100.29")], [101])
    assert draft.notes == ["Bids kept off 100.5: our own order stands there."]
    tick.tracker.lose(ask, "no answer")
    assert ask.status is OrderStatus.UNKNOWN
    assert prices(tick.adjusted(guard(tick), bids="100.5")) == ([D("100.49")], [101])


def test_a_steady_order_that_moves_in_the_same_plan_is_no_obstacle() -> None:
    tick = Tick("100")
    tick.rest(SELL, 0, "100.5")
    assert prices(tick.adjusted(guard(tick), bids="100.6", asks="101")) == ([D("100.6")], [101])
    assert prices(tick.adjusted(guard(tick), bids="100.6", asks="")) == ([D("100.49")], [])


def test_asks_keep_off_bids_as_bids_keep_off_asks() -> None:
    tick = Tick("100")
    tick.rest(BUY, 7, "99.5")
    assert prices(tick.adjusted(guard(tick), bids="99", asks="99.5")) == ([99], [D("99.51")])


def test_bids_give_way_where_the_wanted_set_meets_itself() -> None:
    tick = Tick("100")
    assert prices(tick.adjusted(guard(tick), bids="100.2", asks="100.1")) == ([D("100.09")], [D("100.1")])


def test_two_deployments_of_the_firm_never_meet() -> None:
    """B6: what one means to send counts before it rests, and what rests counts as long as it does."""
    hub = MarketHub()
    one, two = Tick("100"), Tick("100")
    first, second = guard(one, hub), guard(two, hub)
    one.adjusted(first, bids="99.9", asks="100.1")
    draft = two.adjusted(second, bids="99.5", asks="99.8")
    assert prices(draft) == ([D("99.5")], [D("99.91")])
    assert draft.notes == ["Asks kept off 99.9: an order of another deployment stands there."]

    # The wish lapses, the resting order does not.
    one.rest(SELL, 0, "100.1")
    two.wait(11)
    assert prices(two.adjusted(second, bids="100.3", asks="100.5")) == ([D("100.09")], [D("100.5")])
    assert prices(two.adjusted(guard(two, hub, across_firm=False), bids="100.3", asks="100.5"))[0] == [D("100.3")]


async def test_a_deployment_that_is_unloaded_stands_in_nobodys_way() -> None:
    hub = MarketHub()
    one, two = Tick("100"), Tick("100")
    first = guard(one, hub)
    one.adjusted(first, bids="99.9", asks="100.1")
    await first.unload()
    await first.unload()
    assert prices(two.adjusted(guard(two, hub), bids="100.5", asks="100.6"))[0] == [D("100.5")]


def test_another_market_is_none_of_its_business() -> None:
    hub = MarketHub()
    one, two = Tick("100"), Tick("100")
    two.feed.source = "elsewhere"
    one.adjusted(guard(one, hub), bids="99.9", asks="100.1")
    assert prices(two.adjusted(guard(two, hub), bids="100.5", asks="100.6"))[0] == [D("100.5")]
