"""How promptly and how busily a service works."""

from __future__ import annotations

from engine.metrics.events import Vitals
from tests.engine.desk import Desk


async def test_rates_and_answers_are_told_beside_the_budget() -> None:
    desk = Desk(immediate="false")
    desk.venue.ack_after_s = 0.2
    await desk.open()
    await desk.service.start("test")
    await desk.run(12)
    vitals = desk.events(Vitals)[-1]
    assert (vitals.orders_per_min, vitals.cancels_per_min, vitals.refused_per_min) == (6, 0, 0)
    assert vitals.orders_budget_per_min == 600
    assert (vitals.answers, round(vitals.answer_p50_ms or 0)) == (1, 200)
    assert vitals.tick_late_p50_ms is not None
    assert 0 <= vitals.tick_late_p50_ms <= (vitals.tick_late_p99_ms or 0)
    desk.venue.feed("BTC/USDT").problem = "sequence gap"
    await desk.run(65)
    late = desk.events(Vitals)[-1]
    assert late.feed_problem == "sequence gap"
    assert late.orders_per_min == 0
    await desk.close()


async def test_what_was_never_sent_has_no_latency_rather_than_none_at_all() -> None:
    desk = await Desk().open()
    await desk.run(6)
    vitals = desk.events(Vitals)[-1]
    assert (vitals.answers, vitals.answer_p50_ms, vitals.answer_p99_ms) == (0, None, None)
    await desk.close()
