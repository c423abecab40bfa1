"""What kill switches remember: windows that a start begins anew, peaks that outlive a pause, bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.component import Component
from engine.core.service import Restore
from engine.core.states import State
from engine.execution.activity import Activity, Answer, Mismatch, OwnFill, Rejection, Sent, Silence
from engine.market.types import Balance, Fill, MarketStatus, RefusalKind, Side, Trade
from engine.risk.killswitches.data import ClockSkew, StaleBook
from engine.risk.killswitches.holdings import BalanceFloor, Exposure
from engine.risk.killswitches.market import MarketHalt, PriceMove, WideSpread
from engine.risk.killswitches.results import Drawdown, Loss
from engine.risk.killswitches.several import AnyOf, Quorum
from engine.risk.killswitches.trading import FillRate, OrderRate, Slippage
from engine.risk.killswitches.venue import Reconciliation, RejectStorm, ResponseTimeout
from engine.risk.killswitches.window import Extremes
from engine.testing import RecordingRuntime
from tests.engine.risk.moments import D, Moment, quote

T = TypeVar("T", bound=Component)


def named(switch: T, name: str = "switch") -> T:
    switch.name = name
    return switch


class Past(Moment):
    """A moment with a past: what happened lately, told by the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.activity = Activity()
        self.feed.book.reset([(D("0.999"), D(500))], [(D("1.001"), D(500))])

    def wait(self, seconds: float) -> Past:
        self.clock.move_to(self.clock.monotonic() + seconds)
        return self

    def state(self, **changes: Any) -> Any:
        return super().state(activity=self.activity, **changes)

    def refused(self, times: int, kind: RefusalKind = RefusalKind.OTHER, reason: str = "not enough balance") -> None:
        for _ in range(times):
            self.activity.rejections.append(Rejection(at=self.clock.monotonic(), reason=reason, kind=kind))

    def filled(self, side: Side, price: str, *, mid: str | None, size: str = "100") -> None:
        fill = Fill(
            ts_ns=self.clock.now_ns(),
            fill_id=str(len(self.activity.fills)),
            client_order_id="mm-1-1-1",
            venue_order_id="V1",
            symbol=self.feed.instrument.symbol,
            side=side,
            price=D(price),
            size_base=D(size),
            fee=D(0),
            fee_asset="USDT",
        )
        self.activity.fills.append(OwnFill(at=self.clock.monotonic(), fill=fill, mid=None if mid is None else D(mid)))


# What we hold


def test_exposure_counts_the_worse_side_as_if_all_of_it_had_filled() -> None:
    switch = named(Exposure(max_exposure_quote=D(500)))
    moment = Past().resting(quote("buy", 0, "0.99", "200"), quote("buy", 1, "0.98", "200"), quote("sell", 0, "1.01"))
    assert switch.check(moment.state(position_base=D(100))) is None
    trip = switch.check(moment.state(position_base=D(101)))
    assert trip is not None
    assert trip.reason == "With every order filled the position would be 501.00 USDT long, over the limit of 500."
    assert (trip.value, trip.limit) == (D(501), D(500))
    trip = switch.check(moment.state(position_base=D(-401)))
    assert trip is not None
    assert "501.00 USDT short" in trip.reason


def test_exposure_is_not_guessed_before_the_first_mid() -> None:
    assert Exposure(max_exposure_quote=D(1)).check(Past().state(mark=None, position_base=D(9_000))) is None


def test_a_balance_under_its_floor_trips_and_one_that_was_not_read_does_not() -> None:
    money, fees = named(BalanceFloor(asset="USDT", min_total=D(1000))), named(BalanceFloor(asset="FEE", min_total=D(1)))
    moment = Past()

    def account(**totals: str) -> dict[str, Balance]:
        return {asset: Balance(asset=asset, free=D(total) - 1, locked=D(1)) for asset, total in totals.items()}

    assert money.check(moment.state(balances={})) is None
    assert money.check(moment.state(balances=account(AURORA="10", USDT="1000"))) is None
    trip = money.check(moment.state(balances=account(AURORA="10", USDT="999.50")))
    assert trip is not None
    assert trip.reason == "The account holds 999.5 USDT, under the floor of 1000."
    trip = fees.check(moment.state(balances=account(USDT="5000")))  # venues leave out what is zero
    assert trip is not None
    assert trip.reason == "The account holds 0 FEE, under the floor of 1."


# What it has cost


def test_drawdown_counts_from_the_peak_and_not_from_zero() -> None:
    switch = named(Drawdown(max_drawdown_quote=D(50)))
    moment = Past()
    for total in ("0", "80", "40", "30", "90", "40"):
        assert switch.check(moment.state(total_pnl_quote=D(total))) is None
    assert switch.check(moment.state(total_pnl_quote=None)) is None
    trip = switch.check(moment.state(total_pnl_quote=D("39.99")))
    assert trip is not None
    assert trip.reason == (
        "The total PnL is 39.99 USDT, which is 50.01 USDT below its peak of 90.00, over the limit of 50."
    )
    assert (trip.value, trip.limit) == (D("50.01"), D(50))


def test_a_pause_does_not_forget_the_peak_and_a_reset_does() -> None:
    switch = Drawdown(max_drawdown_quote=D(50))
    moment = Past()
    assert switch.check(moment.state(total_pnl_quote=D(100))) is None
    assert switch.check(moment.wait(3600).state(total_pnl_quote=D(60), state=State.STARTING)) is None
    assert switch.check(moment.state(total_pnl_quote=D(49))) is not None
    assert switch.check(moment.state(total_pnl_quote=D(49), state=State.STARTING, resets=1)) is None
    assert switch.check(moment.state(total_pnl_quote=D(-1), resets=1)) is None
    assert switch.check(moment.state(total_pnl_quote=D(-2), resets=1)) is not None


async def test_a_new_holder_goes_on_from_the_peak_on_record() -> None:
    switch = Drawdown(max_drawdown_quote=D(50))
    RecordingRuntime(restore=Restore(peak_pnl_quote=D(100))).equip(switch, "drawdown")
    await switch.load()
    assert switch.check(Past().state(total_pnl_quote=D(51), state=State.STARTING)) is None
    assert switch.check(Past().state(total_pnl_quote=D(49))) is not None


# What the market does


def test_a_market_halt_trips_at_once_or_after_its_grace() -> None:
    moment = Past()
    at_once, patient = named(MarketHalt()), named(MarketHalt(grace_s=D(30)))
    assert at_once.check(moment.state()) is None
    moment.feed.status = MarketStatus.HALTED
    trip = at_once.check(moment.state())
    assert trip is not None
    assert trip.reason == "The venue has halted AURORA/USDT."
    assert patient.check(moment.state()) is None
    assert patient.check(moment.wait(29).state()) is None
    moment.feed.status = MarketStatus.TRADING
    assert patient.check(moment.state()) is None
    moment.feed.status = MarketStatus.HALTED
    assert patient.check(moment.state()) is None
    trip = patient.check(moment.wait(30).state())
    assert trip is not None
    assert trip.reason == "The venue has halted AURORA/USDT for 30.0 s, over 30 s."


@pytest.mark.parametrize(("to", "words"), [("1.0301", "rose 301 bps"), ("0.9699", "fell 301 bps")])
def test_a_flash_move_trips_and_the_same_move_in_its_own_time_does_not(to: str, words: str) -> None:
    moment, slow, fast = Past(), PriceMove(), named(PriceMove())
    assert fast.check(moment.state()) is None
    trip = fast.check(moment.wait(59).state(reference=D(to)))
    assert trip is not None
    assert trip.reason == (f"The reference price {words} within 60 s, from 1 to {to}, over the limit of 300 bps.")
    moment = Past()
    for step in range(11):
        reference = 1 + (D(to) - 1) * step / 10
        assert slow.check(moment.wait(10).state(reference=reference)) is None


def test_no_price_is_no_move_and_a_start_forgets_the_price_before_it() -> None:
    moment, switch = Past(), PriceMove()
    assert switch.check(moment.state()) is None
    assert switch.check(moment.wait(1).state(reference=None)) is None
    assert switch.check(moment.wait(1).state(reference=D("1.2"), state=State.STARTING)) is None
    assert switch.check(moment.wait(1).state(reference=D("1.2"))) is None
    assert switch.check(moment.wait(1).state(reference=D(1))) is not None


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 50)), min_size=1, max_size=200),
)
def test_extremes_are_those_of_the_window_and_their_memory_is_bounded(steps: list[tuple[int, int]]) -> None:
    extremes, at, seen = Extremes(D(100)), 0.0, []
    for wait, price in steps:
        at += wait
        seen.append((at, D(price)))
        low, high = extremes.add(at, D(price))
        window = [each for moment, each in seen if moment > at - 100]
        surely = [each for moment, each in seen if moment > at - 99]  # prices within a second share a place
        assert min(window) <= low <= min(surely)
        assert max(surely) <= high <= max(window)
        assert len(extremes) <= 204


@pytest.mark.parametrize(
    ("bids", "asks", "words"),
    [
        (["0.97"], ["1.03"], "The spread of the market is 600.0 bps, over the limit of 500 bps, for 10.0 s"),
        (["0.97"], [], "The book of the market lacks a side for 10.0 s"),
        (["1.01"], ["0.99"], "The book of the market is crossed by 200.0 bps for 10.0 s"),
    ],
)
def test_an_abnormal_spread_trips_once_it_lasts(bids: list[str], asks: list[str], words: str) -> None:
    moment, switch = Past(), named(WideSpread())
    normal = [(D("0.98"), D(1))], [(D("1.02"), D(1))]
    abnormal = [(D(each), D(1)) for each in bids], [(D(each), D(1)) for each in asks]
    moment.feed.book.reset(*abnormal)
    assert switch.check(moment.state()) is None
    assert switch.check(moment.wait(9.75).state()) is None
    moment.feed.book.reset(*normal)
    assert switch.check(moment.wait(0.25).state()) is None
    moment.feed.book.reset(*abnormal)
    assert switch.check(moment.wait(1).state()) is None
    assert switch.check(moment.wait(9.75).state(state=State.STARTING)) is None
    assert switch.check(moment.wait(9.75).state()) is None
    trip = switch.check(moment.wait(0.25).state())
    assert trip is not None
    assert trip.reason == f"{words}, allowed are 10 s."


def test_the_spread_of_a_feed_in_trouble_says_nothing() -> None:
    moment, switch = Past(), WideSpread(for_s=D(0))
    moment.feed.book.reset([], [])
    moment.feed.problem = "a gap of 2 messages"
    assert switch.check(moment.state()) is None
    moment.feed.problem, moment.feed.received_at = "", None
    assert switch.check(moment.state()) is None


# Whether what we see is true


def traded(moment: Past) -> None:
    moment.feed.last_trade = Trade(
        ts_ns=moment.clock.now_ns(), price=D(1), size_base=D(1), aggressor=Side.BUY, trade_id=str(moment.clock.now_ns())
    )


def test_a_book_that_stands_still_while_trades_go_on_is_stale() -> None:
    moment, switch = Past(), named(StaleBook())
    assert switch.check(moment.state()) is None
    for _ in range(2):
        traded(moment)
        assert switch.check(moment.wait(10).state()) is None
    traded(moment)
    assert switch.check(moment.wait(10).state()) is None
    trip = switch.check(moment.wait(0.5).state())
    assert trip is not None
    assert trip.reason == (
        "The book from fake has stood still for 30.5 s, over 30 s, while trades went on (3 checks saw new ones)."
    )


def test_a_book_that_stands_still_while_the_reference_moves_is_stale() -> None:
    moment, switch = Past(), named(StaleBook())
    assert switch.check(moment.state()) is None
    assert switch.check(moment.wait(31).state(reference=D("1.0019"))) is None
    trip = switch.check(moment.state(reference=D("0.998")))
    assert trip is not None
    assert trip.reason.endswith("while the reference price moved 20 bps.")


def test_a_quiet_market_a_moving_book_and_a_feed_in_trouble_are_not_stale() -> None:
    quiet, switch = Past(), StaleBook()
    for _ in range(100):
        assert switch.check(quiet.wait(10).state()) is None

    moving, switch = Past(), StaleBook()
    for size in range(1, 100):
        traded(moving)
        moving.feed.book.apply([(D("0.999"), D(size))], [])
        assert switch.check(moving.wait(10).state()) is None

    troubled, switch = Past(), StaleBook()
    troubled.feed.problem = "a gap of 2 messages"
    for _ in range(100):
        traded(troubled)
        assert switch.check(troubled.wait(10).state()) is None


def test_what_happened_before_a_start_does_not_make_a_book_stale() -> None:
    moment, switch = Past(), StaleBook()
    assert switch.check(moment.state()) is None
    for _ in range(3):
        traded(moment)
        assert switch.check(moment.wait(5).state()) is None
    assert switch.check(moment.wait(3600).state(state=State.STARTING)) is None
    assert switch.check(moment.wait(1).state()) is None
    assert switch.check(moment.wait(60).state()) is None


def test_a_clock_too_far_off_trips_either_way_and_one_nobody_measures_does_not() -> None:
    moment, switch, strict = Past(), named(ClockSkew()), named(ClockSkew(max_unmeasured_s=D(60)))
    assert switch.check(moment.wait(90_000).state()) is None
    moment.activity.skew_s = -1.0
    assert switch.check(moment.state()) is None
    moment.activity.skew_s = 1.001
    trip = switch.check(moment.state())
    assert trip is not None
    assert trip.reason == "The clock of fake is 1.001 s ahead of ours, over the limit of 1 s."
    moment.activity.skew_s = -2.5
    trip = switch.check(moment.state())
    assert trip is not None
    assert "2.500 s behind ours" in trip.reason

    moment.activity.skew_s = None
    assert strict.check(moment.state()) is None
    assert strict.check(moment.wait(60).state()) is None
    assert strict.check(moment.wait(0.5).state()) is not None
    moment.activity.skew_s = 0.0
    assert strict.check(moment.state()) is None


# How the venue answers


def test_five_refusals_in_a_minute_are_a_storm_and_five_in_an_hour_are_not() -> None:
    moment, switch = Past(), named(RejectStorm())
    for _ in range(5):
        moment.refused(1)
        assert switch.check(moment.wait(15).state()) is None
    moment.refused(2)
    trip = switch.check(moment.state())
    assert trip is not None
    assert trip.reason == ("The venue refused 5 orders within 60 s, 5 are a storm, the last one: not enough balance.")
    assert (trip.value, trip.limit) == (D(5), D(5))


def test_post_only_orders_that_the_market_crossed_are_routine_until_they_are_very_many() -> None:
    moment, switch = Past(), named(RejectStorm())
    moment.refused(59, RefusalKind.WOULD_TAKE)
    moment.refused(4)
    assert switch.check(moment.wait(1).state()) is None
    moment.refused(1, RefusalKind.WOULD_TAKE)
    trip = switch.check(moment.state())
    assert trip is not None
    assert trip.reason == (
        "The venue refused 60 post-only orders that would have traded at once within 60 s, "
        "60 are a storm: our prices are late."
    )
    moment.refused(900, RefusalKind.WOULD_TAKE)
    assert RejectStorm(crossed=None).check(moment.state()) is None


def test_late_answers_count_once_a_request_and_waiting_ones_count_already() -> None:
    moment, switch = Past(), named(ResponseTimeout(max_response_s=D("0.5"), times=3))
    now = moment.wait(10).clock.monotonic()
    moment.activity.answers.append(Answer(at=now, seconds=0.5))
    moment.activity.answers.append(Answer(at=now, seconds=6.0))
    moment.activity.silences.append(Silence(at=now - 1, what="pending mm-1"))  # answered after all: the one above
    assert switch.check(moment.state()) is None
    for order in ("a", "b"):
        moment.activity.silences.append(Silence(at=now + 1, what=f"pending {order}"))  # one request of two orders
    assert switch.check(moment.wait(1).state()) is None

    moment.resting(quote("buy", 0, "0.99"), quote("buy", 1, "0.98"))
    moment.tracker.cancel_sent(list(moment.tracker.working()))
    assert switch.check(moment.wait(0.4).state()) is None
    trip = switch.check(moment.wait(0.2).state())
    assert trip is not None
    assert trip.reason == (
        "The venue left 3 requests without an answer within 0.5 s, the slowest 6.00 s, 3 within 60 s are too many."
    )


def test_orders_that_rest_and_answers_in_time_are_not_late() -> None:
    moment, switch = Past(), ResponseTimeout(times=1)
    moment.resting(quote("buy", 0, "0.99"))
    for _ in range(50):
        moment.activity.answers.append(Answer(at=moment.clock.monotonic(), seconds=2.0))
        assert switch.check(moment.wait(10).state()) is None


def test_a_difference_between_the_books_trips_beyond_its_limit_or_without_a_price() -> None:
    moment, switch = Past(), named(Reconciliation(max_mismatch_quote=D(100)))

    def differ(value: str | None) -> None:
        worth = None if value is None else D(value)
        moment.activity.mismatch = Mismatch(
            asset="AURORA", expected=D(500), found=D(380), value_quote=worth, since=moment.clock.monotonic()
        )

    assert switch.check(moment.state()) is None
    differ("100")
    assert switch.check(moment.state()) is None
    differ("120")
    trip = switch.check(moment.state())
    assert trip is not None
    assert trip.reason == (
        "The venue holds 380 AURORA where our books say 500: a difference of 120 AURORA, "
        "worth 120.00 USDT, over the limit of 100."
    )
    differ(None)
    trip = switch.check(moment.state())
    assert trip is not None
    assert "which has no price in USDT" in trip.reason
    assert Reconciliation(max_mismatch_quote=D(100), unpriced=False).check(moment.state()) is None


# How we trade


def test_slippage_is_weighed_by_volume_and_a_makers_spread_is_none() -> None:
    moment, switch = Past(), named(Slippage(max_slippage_bps=D(40)))
    moment.filled(Side.BUY, "0.99", mid="1")
    moment.filled(Side.SELL, "1.01", mid="1")
    moment.filled(Side.BUY, "1.5", mid=None)
    assert switch.check(moment.wait(1).state()) is None
    moment.filled(Side.BUY, "1.03", mid="1", size="100")
    assert switch.check(moment.state()) is None  # 3 lost on 100, 2 won on 200
    moment.filled(Side.SELL, "0.97", mid="1", size="100")
    trip = switch.check(moment.state())
    assert trip is not None
    assert trip.reason == (
        "Fills for 400.00 USDT within 300 s were 100.0 bps worse than the reference price on average, "
        "over the limit of 40 bps."
    )


def test_slippage_does_not_judge_by_crumbs_when_told_so() -> None:
    moment, switch = Past(), Slippage(max_slippage_bps=D(20), min_volume_quote=D(50))
    moment.filled(Side.BUY, "1.03", mid="1", size="49")
    assert switch.check(moment.wait(1).state()) is None
    moment.filled(Side.BUY, "1.03", mid="1", size="1")
    assert switch.check(moment.state()) is not None


def test_too_many_requests_trip_and_as_many_over_a_longer_time_do_not() -> None:
    moment, switch = Past(), named(OrderRate(max_requests=100, window_s=D(10)))
    for _ in range(50):
        moment.activity.sent.append(Sent(at=moment.clock.monotonic(), orders=5, cancels=5))
        assert switch.check(moment.wait(1).state()) is None
    moment.activity.sent.append(Sent(at=moment.clock.monotonic(), orders=11))
    trip = switch.check(moment.state())
    assert trip is not None
    assert trip.reason == "101 orders and cancels were sent within 10 s, over the limit of 100."


def test_too_many_fills_trip_by_count_and_by_volume() -> None:
    moment = Past()
    by_count, by_volume = named(FillRate(max_fills=3)), named(FillRate(max_notional_quote=D(350)))
    for _ in range(3):
        moment.filled(Side.BUY, "1", mid="1")
    assert by_count.check(moment.wait(1).state()) is None
    assert by_volume.check(moment.state()) is None
    moment.filled(Side.BUY, "1", mid="1")
    trip = by_count.check(moment.state())
    assert trip is not None
    assert trip.reason == "Our orders filled 4 times within 60 s, over the limit of 3."
    trip = by_volume.check(moment.state())
    assert trip is not None
    assert trip.reason == "Our orders filled for 400.00 USDT within 60 s, over the limit of 350."
    assert by_count.check(moment.wait(61).state()) is None


# A start begins every window anew


def late(moment: Past) -> None:
    moment.activity.silences.append(Silence(at=moment.clock.monotonic(), what="pending"))


def sent(moment: Past) -> None:
    moment.activity.sent.append(Sent(at=moment.clock.monotonic(), orders=2))


@pytest.mark.parametrize(
    ("switch", "happens"),
    [
        (RejectStorm(rejections=1), lambda moment: moment.refused(1)),
        (RejectStorm(crossed=1), lambda moment: moment.refused(1, RefusalKind.WOULD_TAKE)),
        (ResponseTimeout(times=1), late),
        (Slippage(), lambda moment: moment.filled(Side.BUY, "1.1", mid="1")),
        (OrderRate(max_requests=1), sent),
        (FillRate(max_notional_quote=D(1)), lambda moment: moment.filled(Side.BUY, "1", mid="1")),
    ],
    ids=["reject_storm", "crossed", "response_timeout", "slippage", "order_rate", "fill_rate"],
)
def test_what_tripped_before_a_start_does_not_trip_again_after_it(switch: Any, happens: Callable[[Past], None]) -> None:
    moment = Past().wait(1)
    happens(moment)
    assert switch.check(moment.state()) is not None
    assert switch.check(moment.state(state=State.STARTING)) is None
    assert switch.check(moment.wait(0.5).state()) is None
    happens(moment)
    assert switch.check(moment.state()) is not None


# Several as one


def test_any_asks_all_of_them_so_that_none_misses_what_another_saw_first() -> None:
    drawdown = named(Drawdown(max_drawdown_quote=D(50)), "drawdown")
    switch = AnyOf(switches=[named(Loss(max_loss_quote=D(10)), "loss"), drawdown])
    moment = Past()
    assert switch.check(moment.state(total_pnl_quote=D(-11))).switch == "loss"  # type: ignore[union-attr]
    assert switch.check(moment.state(total_pnl_quote=D(60))) is None
    trip = switch.check(moment.state(total_pnl_quote=D("9")))
    assert trip is not None
    assert trip.switch == "drawdown"


def test_a_quorum_takes_as_many_as_are_needed_at_once() -> None:
    loss, spread = named(Loss(max_loss_quote=D(10)), "loss"), named(WideSpread(for_s=D(0)), "spread")
    halt = named(MarketHalt(), "halt")
    switch = named(Quorum(switches=[loss, spread, halt], needed=2), "two")
    moment = Past()
    assert switch.check(moment.state()) is None
    moment.feed.status = MarketStatus.HALTED
    assert switch.check(moment.state()) is None
    trip = switch.check(moment.state(total_pnl_quote=Decimal("-10.01")))
    assert trip is not None
    assert trip.switch == "two"
    assert (trip.value, trip.limit) == (D(2), D(2))
    assert trip.reason == (
        "2 of 3 switches trip, 2 are enough: loss: The total PnL is -10.01 USDT, beyond the loss limit of 10. "
        "halt: The venue has halted AURORA/USDT."
    )


def test_a_quorum_that_can_never_be_reached_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="a quorum of 3 can never be reached by 2 switches"):
        Quorum(switches=[MarketHalt(), WideSpread()], needed=3)
