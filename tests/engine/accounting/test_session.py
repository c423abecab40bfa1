"""A session summed up from its events, with figures worked by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.accounting.session import SessionTally
from engine.accounting.session_text import render_report
from engine.core.clock import NS
from engine.core.states import State, Trigger
from engine.market.types import Fill, OrderStatus, Side
from engine.metrics.events import BANDS_BPS, FillRecorded, OrderChanged, RecordingEnded, Sample, StateChanged

D = Decimal
START = 1_700_000_000


def sample(second: float, *, mid: str | None = "100", **more: Any) -> Sample:
    given: dict[str, Any] = {"mid": D(mid) if mid else None, "state": State.ACTIVE, "unrealised_quote": D(0)}
    if mid:
        given["market_spread_bps"] = D(2)
    return Sample(ts_ns=int((START + second) * NS), **(given | more))


def two_sided(second: float, *, spread_bps: str = "20", depth: str = "500", **more: Any) -> Sample:
    depths = (D(depth),) * len(BANDS_BPS)
    return sample(
        second,
        own_bid=D("99.9"),
        own_ask=D("100.1"),
        own_spread_bps=D(spread_bps),
        own_bid_depth_quote=depths,
        own_ask_depth_quote=depths,
        **more,
    )


def fill(second: float, side: Side, price: str, size: str, *, mid: str | None = "100", **totals: str) -> FillRecorded:
    figures = {key: D(value) for key, value in totals.items()}
    return FillRecorded(
        fill=Fill(
            ts_ns=int((START + second) * NS),
            fill_id=f"f{second}",
            client_order_id="a",
            venue_order_id="o",
            symbol="AUR/USDT",
            side=side,
            price=D(price),
            size_base=D(size),
            fee=D("0.1"),
            fee_asset="USDT",
        ),
        mid=D(mid) if mid else None,
        realised_quote=figures.get("realised_quote", D(0)),
        fee_quote=D("0.1"),
        position_base=figures.get("position_base", D(0)),
        average_cost=figures.get("average_cost", D(0)),
        realised_total_quote=D(0),
        fees_total_quote=D(0),
        volume_total_quote=D(0),
        fills_total=1,
    )


def order(key: str, old: OrderStatus | None, new: OrderStatus, *, filled: str = "0") -> OrderChanged:
    return OrderChanged(
        ts_ns=START * NS,
        client_order_id=key,
        venue_order_id="",
        symbol="AUR/USDT",
        side=Side.BUY,
        level=0,
        price=D(100),
        size_base=D(1),
        filled_base=D(filled),
        old=old,
        new=new,
        reason="",
    )


def ended(second: float, problem: str = "", **findings: int) -> RecordingEnded:
    return RecordingEnded(ts_ns=int((START + second) * NS), messages=1, problem=problem, findings=findings)


def test_time_is_weighed_and_unobserved_time_counts_against_us() -> None:
    tally = SessionTally()
    for event in (
        two_sided(0, spread_bps="20", depth="500"),
        two_sided(1, spread_bps="40", depth="700"),
        sample(2, own_bid=D("99.9"), own_bid_depth_quote=(D(300),) * 6, own_ask_depth_quote=(D(0),) * 6),
        sample(3, mid=None, own_bid=D("99.9"), own_ask=D("100.1")),
        ended(4),
    ):
        tally.add(event)
    report = tally.report()
    assert report.duration_s == 4
    assert (report.unobserved_share, report.observed_s) == (D("0.25"), D(3))
    assert report.own_spread_bps == 30
    assert report.market_spread_bps == 2
    assert report.two_sided_share == D("0.5")
    assert (report.bids.uptime_share, report.asks.uptime_share) == (D("0.75"), D("0.5"))
    assert report.bids.average_depth_quote == (D(500),) * 6
    assert report.asks.average_depth_quote == (D(400),) * 6
    assert report.active_share == 1


def test_a_sample_stands_for_two_intervals_at_most() -> None:
    tally = SessionTally()
    tally.add(two_sided(0))
    tally.add(two_sided(10))
    report = tally.report()
    assert report.bids.uptime_share == D("0.2")
    assert report.unobserved_share == D("0.8")


def test_money_comes_from_fills_and_the_open_position_is_marked_at_the_last_mid() -> None:
    tally = SessionTally()
    tally.add(sample(0))
    tally.add(fill(0.5, Side.BUY, "99.9", "2", position_base="2", average_cost="99.9"))
    tally.add(fill(0.6, Side.SELL, "100.1", "1", position_base="1", average_cost="99.9", realised_quote="0.2"))
    tally.add(sample(1, mid="101", unrealised_quote=D("1.1"), position_base=D(1)))
    report = tally.report()
    assert report.volume_quote == D("299.9")
    assert (report.fills, report.realised_quote, report.fees_quote) == (2, D("0.2"), D("0.2"))
    assert (report.unrealised_quote, report.net_quote) == (D("1.1"), D("1.1"))
    assert report.inventory_delta_base == 1
    # Each fill was 10 bps from the mid: a full spread of 20.
    assert report.captured_spread_bps == 20


def test_a_session_that_begins_with_inventory_reports_only_its_own_change() -> None:
    tally = SessionTally()
    tally.add(sample(0, unrealised_quote=D(5), position_base=D(3)))
    tally.add(sample(1, mid="101", unrealised_quote=D(8), position_base=D(3)))
    report = tally.report()
    assert (report.unrealised_quote, report.net_quote, report.inventory_delta_base) == (D(3), D(3), D(0))


def test_markouts_are_losses_when_the_mid_moves_through_our_fill() -> None:
    tally = SessionTally()
    tally.add(sample(0))
    tally.add(fill(0.5, Side.BUY, "99.9", "1", position_base="1", average_cost="99.9"))
    for second, mid in ((1, "100"), (2, "99.9"), (11, "99.5")):
        tally.add(sample(second, mid=mid))
    report = tally.report()
    assert report.markout_1s_bps == 10
    assert report.markout_10s_bps == 50


def test_a_fill_without_a_mid_is_told_and_left_out_of_the_spread() -> None:
    tally = SessionTally()
    tally.add(fill(0.5, Side.BUY, "99.9", "1", mid=None, position_base="1", average_cost="99.9"))
    report = tally.report()
    assert (report.fills_without_mid, report.captured_spread_bps, report.unrealised_quote) == (1, None, None)


def test_orders_are_counted_once_whatever_they_go_through() -> None:
    S = OrderStatus
    tally = SessionTally()
    for event in (
        order("a", None, S.PENDING),
        order("a", S.PENDING, S.OPEN),
        order("a", S.OPEN, S.PARTIALLY_FILLED, filled="0.2"),
        order("a", S.PARTIALLY_FILLED, S.PARTIALLY_FILLED, filled="0.4"),
        order("a", S.PARTIALLY_FILLED, S.CANCELLING, filled="0.4"),
        order("a", S.CANCELLING, S.FILLED, filled="1"),
        order("b", None, S.PENDING),
        order("b", S.PENDING, S.REJECTED),
        order("c", None, S.PENDING),
        order("c", S.PENDING, S.CANCELLING),
        order("c", S.CANCELLING, S.CANCELLED),
    ):
        tally.add(event)
    report = tally.report()
    assert (report.orders, report.rejections, report.cancels, report.orders_filled) == (3, 1, 2, 1)
    assert report.fill_rate == D("0.5")


def test_what_comes_after_the_end_of_a_recording_is_ignored() -> None:
    tally = SessionTally()
    tally.add(two_sided(0))
    tally.add(ended(1, "a.gz breaks off after line 7", truncated=1))
    tally.add(sample(500))
    tally.add(fill(501, Side.BUY, "99", "1"))
    report = tally.report()
    assert (report.duration_s, report.fills) == (D(1), 0)
    assert (report.recording_problem, report.findings) == ("a.gz breaks off after line 7", {"truncated": 1})


def test_asking_for_a_report_changes_nothing() -> None:
    tally = SessionTally()
    tally.add(two_sided(0))
    tally.add(
        StateChanged(ts_ns=(START + 1) * NS, old=State.PAUSED, new=State.STARTING, trigger=Trigger.START, reason="")
    )
    first, second = tally.report(), tally.report()
    assert first == second
    assert first.bids.uptime_share == 1
    tally.add(two_sided(2))
    assert tally.report().bids.uptime_share == 1


def test_an_empty_session_has_a_report_too() -> None:
    report = SessionTally().report()
    assert (report.duration_s, report.volume_quote, report.own_spread_bps) == (D(0), D(0), None)
    assert "—" in render_report(report)


def test_the_text_is_aligned_and_names_what_was_found() -> None:
    tally = SessionTally()
    tally.add(two_sided(0, depth="1234.5"))
    tally.add(fill(0.5, Side.BUY, "99.9", "2", position_base="2", average_cost="99.9"))
    tally.add(ended(2, sequence_gaps=3))
    text = render_report(tally.report(), base="AUR", quote="USDT")
    lines = text.splitlines()
    assert "Volume                                      199.80  USDT" in lines
    assert "Uptime two-sided                          100.00 %" in lines
    assert "  sequence gaps                                  3" in lines
    assert "  within ±0.5 %              1,234           1,234" in lines
    assert max(map(len, lines)) <= 100
