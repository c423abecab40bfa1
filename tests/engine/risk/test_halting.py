"""Kill switches in a whole service: what the gateway tells them, and what a reset begins anew."""

from __future__ import annotations

from decimal import Decimal

from engine.core.states import State
from engine.market.types import OrderReport, OrderRequest, OrderStatus, RefusalKind, Side
from engine.metrics.events import RiskTriggered
from engine.testing import FakeVenue
from engine.venues.base import Placed
from tests.engine.desk import Desk

D = Decimal


async def desk_with(switch: str, **settings: str) -> Desk:
    desk = await Desk(more=f"tested: {switch}", switches='"@tested", "@manual"', levels="1", **settings).open()
    await desk.service.start("test")
    await desk.run(1.5)
    return desk


class RefusesLater(FakeVenue):
    """Takes every order and refuses it a moment later, by a pushed report."""

    async def place(self, orders: list[OrderRequest]) -> list[OrderReport]:  # type: ignore[override]
        answers = []
        for order in orders:
            fields = {
                "ts_ns": self.clock.now_ns(),
                "client_order_id": order.client_order_id,
                "venue_order_id": "V1",
                "symbol": order.symbol,
                "side": order.side,
                "price": order.price,
                "size_base": order.size_base,
                "filled_base": D(0),
            }
            answers.append(Placed(**fields, status=OrderStatus.PENDING))
            for hear in [*self.on_order, *self.on_order]:  # some venues say it twice
                hear(OrderReport(**fields, status=OrderStatus.REJECTED, reason="margin is insufficient"))
        return answers


async def test_a_refusal_counts_once_whether_it_is_answered_or_pushed() -> None:
    desk = await Desk(
        venue=RefusesLater, more="tested: {id: killswitches.reject_storm}", switches='"@tested"', levels="1"
    ).open()
    await desk.service.start("test")
    await desk.run(1)
    assert len(desk.service.activity.rejections) == 2
    assert {one.kind for one in desk.service.activity.rejections} == {RefusalKind.OTHER}
    await desk.run(10)
    assert desk.service.machine.state is State.HALTED
    (trip,) = desk.events(RiskTriggered)
    assert trip.reason.endswith("the last one: margin is insufficient.")
    await desk.close()


async def test_a_market_that_runs_into_our_post_only_orders_is_no_storm() -> None:
    """The venue's book moves between our look and our order's arrival; our own picture of it comes later."""
    desk = await desk_with("{id: killswitches.reject_storm}")
    would_take = desk.venue._would_take
    desk.venue._would_take = lambda order: (  # type: ignore[method-assign]
        "post-only: it would trade at once" if order.side is Side.BUY else would_take(order)
    )
    for bid in (50020, 50060, 50020, 50060, 50020, 50060, 50020, 50060):
        desk.book(str(bid), str(bid + 1))
        await desk.run(2)
    crossed = [one for one in desk.service.activity.rejections if one.kind is RefusalKind.WOULD_TAKE]
    assert len(crossed) >= 5
    assert desk.service.machine.state is State.ACTIVE
    await desk.close()


async def test_a_reset_and_a_start_after_a_storm_are_not_undone_by_the_same_storm() -> None:
    desk = await desk_with("{id: killswitches.reject_storm}")
    desk.venue.refuse = "insufficient balance"
    desk.book("50100", "50101")
    await desk.run(20)
    assert desk.service.machine.state is State.HALTED
    desk.venue.refuse = ""
    await desk.service.reset("a person paid in")
    await desk.service.start("go on")
    await desk.run(40)
    assert desk.service.machine.state is State.ACTIVE
    assert len(desk.events(RiskTriggered)) == 1
    await desk.close()


async def test_a_reset_begins_a_new_peak_and_a_pause_does_not() -> None:
    desk = await desk_with("{id: killswitches.drawdown, args: {max_drawdown_quote: 5}}", size="4950", spread="200")
    bid = next(order for order in desk.service.tracker.working() if order.side is Side.BUY)
    desk.venue.fill(bid.client_order_id)
    assert desk.service.account.position.base == D("0.1")

    async def move(mid: int) -> State:
        desk.book(f"{mid}", f"{mid + 1}")
        await desk.run(2)
        return desk.service.machine.state

    assert await move(50100) is State.ACTIVE
    await desk.service.pause("lunch")
    await move(50050)  # 5 below the peak
    await desk.service.start("back")
    assert await move(50050) is State.ACTIVE
    assert await move(50040) is State.HALTED  # 6 below it
    await desk.service.reset("seen")
    await desk.service.start("go on")
    assert await move(49990) is State.ACTIVE
    assert await move(49980) is State.HALTED
    first, second = desk.events(RiskTriggered)
    assert (first.value, second.value) == (D(6), D(6))
    await desk.close()
