"""The venue's balances against our ledger: what differs is found, said once, and never claimed too early (S2)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from engine.accounting.ledger import EntryKind
from engine.accounting.reconcile import Reconcile
from engine.core.states import State
from engine.execution.activity import Mismatch
from engine.market.types import Balance, Fill, Side
from engine.metrics.events import FillRecorded, Notice, RiskTriggered
from engine.testing import FakeVenue
from tests.engine.desk import Desk

D = Decimal


async def desk_reconciling(*, venue: type[FakeVenue] = FakeVenue, **settings: str) -> Desk:
    components = """
  books: {id: reconcile, args: {alert_quote: !decimal "100", every_s: !decimal "10",
          confirm_after_s: !decimal "2"}}
  differs: {id: killswitches.reconciliation, args: {max_mismatch_quote: !decimal "5000"}}
"""
    desk = await Desk(
        venue=venue,
        components=components,
        args=', reconcile: "@books"',
        switches='"@inventory", "@differs"',
        **settings,
    ).open()
    await desk.service.start("test")
    return desk


def reconcile(desk: Desk) -> Reconcile:
    found: Any = desk.container.components["books"]
    assert isinstance(found, Reconcile)
    return found


def told(desk: Desk) -> list[tuple[str, str]]:
    return [
        (each.level, each.text)
        for each in desk.events(Notice)
        if "venue" in each.text and "Reconciling" not in each.text
    ]


async def test_what_our_own_fills_moved_is_no_difference() -> None:
    desk = await desk_reconciling(maker_fee="10")
    await desk.run(1)
    for side in Side:
        desk.venue.trade(desk.prices(side)[0], "0.01", side.opposite)
    await desk.run(40)
    assert len(desk.events(FillRecorded)) == 2
    assert told(desk) == []
    assert reconcile(desk).mismatch is None
    assert [call for call, _ in desk.venue.calls].count("balances") >= 4
    await desk.close()


class KeepsAFillToItself(FakeVenue):
    """Executes, and tells nobody: neither in a push nor when asked."""

    def lose_a_fill(self) -> None:
        self.move("BTC", D("0.01"))
        self.move("USDT", D("-500"))


async def test_a_fill_the_venue_never_told_is_found() -> None:
    desk = await desk_reconciling(venue=KeepsAFillToItself)
    await desk.run(1)
    desk.venue.lose_a_fill()  # type: ignore[attr-defined]
    await reconcile(desk).look()
    assert told(desk) == []  # one look is not enough
    await desk.run(2.1)
    assert told(desk) == [
        (
            "warning",
            "The venue holds 1000000.01 BTC, our fills explain 1000000: 0.01 more, worth 500.00 USDT; "
            "the tolerance is 100 USDT.",
        ),
        (
            "warning",
            "The venue holds 999500 USDT, our fills explain 1000000: 500 less, worth 500.00 USDT; "
            "the tolerance is 100 USDT.",
        ),
    ]
    await desk.run(60)
    assert len(told(desk)) == 2  # said once
    found = reconcile(desk).mismatch
    assert isinstance(found, Mismatch)
    assert (found.asset, found.difference, found.value_quote) == ("BTC", D("0.01"), D(500))
    assert desk.service.activity.mismatch == found
    assert desk.service.machine.state is State.ACTIVE  # small: no reason to halt
    await desk.close()


async def test_a_large_difference_halts_and_stays_told_until_it_is_gone() -> None:
    desk = await desk_reconciling()
    await desk.run(1)
    assert desk.prices(Side.BUY)
    desk.venue.move("USDT", D(-20_000))
    await desk.run(14)
    assert [level for level, _ in told(desk)] == ["warning"]
    assert desk.service.machine.state is State.HALTED
    assert desk.prices(Side.BUY) == []
    (trip,) = desk.events(RiskTriggered)
    assert (trip.switch, trip.value, trip.limit) == ("differs", D(20_000), D(5000))
    desk.venue.move("USDT", D(20_000))
    await desk.run(12)
    assert told(desk)[-1] == ("info", "The venue's USDT agrees with our fills again, within the tolerance.")
    assert desk.service.activity.mismatch is None
    assert reconcile(desk).mismatch is None
    await desk.close()


async def test_a_small_difference_that_grows_large_halts_within_one_more_look() -> None:
    desk = await desk_reconciling()
    desk.venue.move("USDT", D(-200))
    await desk.run(14)
    assert desk.service.machine.state is State.ACTIVE
    desk.venue.move("USDT", D(-9_800))
    await reconcile(desk).look()
    assert desk.service.machine.state is State.ACTIVE
    await desk.run(4)
    assert desk.service.machine.state is State.HALTED
    assert [level for level, _ in told(desk)] == ["warning"]  # it is the same difference
    await desk.close()


async def test_a_deposit_is_reported_and_accepted_by_the_next_start() -> None:
    desk = await desk_reconciling()
    desk.venue.move("BTC", D("0.5"))
    await desk.run(14)
    assert desk.service.machine.state is State.HALTED  # 25,000 USDT nobody has explained
    await desk.service.reset("a deposit was made")
    await desk.service.start("the deposit is ours")
    assert desk.service.machine.state is State.ACTIVE
    assert told(desk)[-1] == ("warning", "The start accepts what the venue holds, +0.5 BTC beside our fills.")
    assert desk.service.activity.mismatch is None
    assert desk.service.account.ledger.moved("BTC", EntryKind.ADJUSTMENT) == D("0.5")
    said = len(told(desk))
    await desk.run(30)
    assert len(told(desk)) == said
    assert desk.service.account.position.base == 0  # a deposit is no position of ours
    await desk.close()


async def test_a_withdrawal_that_a_start_accepts_is_not_missed_twice() -> None:
    desk = await desk_reconciling()
    await desk.service.pause("to move money")
    desk.venue.move("USDT", D(-600_000))
    await desk.service.start("test")
    assert desk.service.account.available("USDT") == D(400_000)
    assert desk.service.account.inventory().quote_available == D(400_000)
    await desk.close()


async def test_a_balance_that_is_stale_for_a_moment_is_no_alarm() -> None:
    desk = await desk_reconciling()
    await desk.run(1)
    desk.venue.stale_balances = await desk.venue.balances()
    desk.venue.trade(desk.prices(Side.BUY)[0], "0.02", Side.SELL)  # worth 1,000, ten times the tolerance
    await reconcile(desk).look()
    desk.venue.stale_balances = None
    await desk.run(30)
    assert len(desk.events(FillRecorded)) == 1
    assert told(desk) == []
    await desk.close()


async def test_balances_that_trail_steady_trading_are_no_alarm() -> None:
    desk = await desk_reconciling()
    for _ in range(12):
        await desk.run(5)
        desk.venue.stale_balances = await desk.venue.balances()
        desk.venue.trade(desk.prices(Side.BUY)[0], "0.004", Side.SELL)
        await reconcile(desk).look()
        desk.venue.trade(desk.prices(Side.SELL)[0], "0.008", Side.BUY)
        await reconcile(desk).look()
        desk.venue.stale_balances = None
    assert told(desk) == []
    await desk.close()


class TellsLater(FakeVenue):
    """Reports that an order filled before it lists the execution."""

    async def fills(self, symbol: str, since_ns: int) -> Sequence[Fill]:
        return [] if self.silent else await super().fills(symbol, since_ns)


async def test_an_execution_on_its_way_to_our_books_is_waited_for() -> None:
    desk = await desk_reconciling(venue=TellsLater)
    await desk.run(1)
    order = next(iter(desk.service.tracker.working()))
    desk.venue.silent = True
    desk.venue.fill(order.client_order_id)  # 1,000 USDT move; the venue answers neither push nor question
    desk.service.tracker.hear(desk.venue.order(order.client_order_id))  # "it is filled", by some other way
    await reconcile(desk).look()
    await desk.run(4)
    await reconcile(desk).look()
    assert told(desk) == []
    desk.venue.silent = False
    await desk.run(30)
    assert len(desk.events(FillRecorded)) == 1
    assert told(desk) == []
    await desk.close()


async def test_what_cannot_be_compared_for_long_is_said_and_so_is_its_end() -> None:
    desk = await desk_reconciling()
    await desk.service.pause("to look at the balances alone")
    desk.venue.offline = "maintenance"
    await desk.run(115)
    (said,) = told(desk)
    assert re.fullmatch(
        r"Balances could not be compared with the venue for 1\d\d s: it does not answer, or some order is in doubt.",
        said[1],
    )
    desk.venue.offline = ""
    await desk.run(12)
    assert told(desk)[-1] == ("info", "Balances are compared with the venue again.")
    await desk.close()


async def test_before_the_first_price_a_difference_is_told_and_the_switch_decides() -> None:
    desk = await desk_reconciling()
    desk.venue.feed("BTC/USDT").received_at = None
    desk.venue.move("BTC", D(3))
    await desk.run(14)
    assert [(level, text.rsplit(": ", 1)[1]) for level, text in told(desk)] == [
        ("warning", "3 more, which has no price in USDT.")
    ]
    assert desk.service.activity.mismatch is not None
    assert desk.service.activity.mismatch.value_quote is None
    await desk.close()


async def test_in_shadow_there_is_no_account_to_compare() -> None:
    desk = await desk_reconciling(executor="dry_run")
    await desk.run(30)
    assert reconcile(desk).mismatch is None
    assert told(desk) == []
    await desk.close()


async def test_a_venue_elsewhere_is_asked_beside_the_ticks() -> None:
    desk = await desk_reconciling(immediate="false")
    await desk.run(2)
    desk.venue.move("USDT", D(-20_000))
    await desk.run(14)
    assert [level for level, _ in told(desk)] == ["warning"]
    await desk.close()


class ForgetsAQuestion(FakeVenue):
    """Now and then never answers when asked for balances."""

    forgets = 0

    async def balances(self) -> dict[str, Balance]:
        if self.forgets:
            self.forgets -= 1
            await asyncio.Event().wait()
        return await super().balances()


async def test_a_question_the_venue_forgets_does_not_end_the_comparing() -> None:
    desk = await desk_reconciling(venue=ForgetsAQuestion, immediate="false")
    await desk.run(2)
    assert isinstance(desk.venue, ForgetsAQuestion)
    desk.venue.forgets = 5
    desk.venue.move("USDT", D(-20_000))
    await desk.run(120)
    assert [event.switch for event in desk.events(RiskTriggered)] == ["differs"]
    await desk.close()


async def test_a_start_does_not_wait_for_balances_for_ever() -> None:
    desk = await Desk(venue=ForgetsAQuestion, immediate="false").open()
    assert isinstance(desk.venue, ForgetsAQuestion)
    desk.venue.forgets = 1
    starting = desk.service.runtime.spawn(desk.service.start("test"), "start")
    await desk.run(20)
    assert starting.done()
    assert desk.service.machine.state is State.PAUSED
    assert desk.service.machine.reason == (
        "Not started: The balances could not be read: The venue did not answer within 5 s."
    )
    await desk.close()


def test_a_balance_is_what_is_free_and_what_is_locked() -> None:
    assert Balance(asset="BTC", free=D(1), locked=D(2)).total == D(3)
