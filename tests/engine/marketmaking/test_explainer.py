"""Why a tick quoted what it quoted, on a whole service; and that nothing is different for being looked at."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.core.states import State
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.modifiers.min_spread import MinSpread
from engine.metrics.events import OrderChanged
from engine.metrics.explained import LEVELS, Act, Cause, Kind, Stage, TickExplained, Verdict
from tests.engine.desk import Desk

D = Decimal
SIZES = 'sizes: {id: marketmaking.modifiers.size_random, args: {variation: !decimal "0.3"}}'
SHADE = (
    'shade: {id: marketmaking.modifiers.inventory_shade, args: {shift_bps: !decimal "4", max_shift_bps: !decimal "4"}}'
)
WIDE = 'least: {id: marketmaking.modifiers.min_spread, args: {min_spread_bps: !decimal "30"}}'


async def quoting(*, asked: bool = True, **settings: str) -> Desk:
    desk = Desk(**settings)
    desk.service.runtime.asks_why = lambda: asked
    await desk.open()
    await desk.service.start("test")
    await desk.run(2)
    return desk


def explained(desk: Desk) -> list[TickExplained]:
    return desk.events(TickExplained)


def prices_after(tick: TickExplained) -> list[list[str]]:
    """Of each stage the prices of the bids, innermost first; empty where nothing changed."""
    return [[str(rung.price) for rung in stage.rungs or () if rung.side is Side.BUY] for stage in tick.stages]


# What is told


async def test_every_stage_is_told_with_exact_prices_before_and_after() -> None:
    desk = await quoting(more=f"{SHADE}\n  {WIDE}", args=', modifiers: ["@shade", "@least"]', levels="2")
    tick = explained(desk)[1]
    assert [(stage.kind, stage.by) for stage in tick.stages] == [
        (Kind.STRATEGY, "spread"),
        (Kind.MODIFIER, "shade"),
        (Kind.MODIFIER, "least"),
        (Kind.ROUNDING, ""),
        (Kind.RISK, "guard"),
    ]
    drafted, shaded, widened, rounded, allowed = (stage.rungs for stage in tick.stages)
    assert drafted is not None
    assert shaded is not None
    assert widened is not None
    assert rounded is not None
    assert [rung.price for rung in drafted] == [D(49975), D(49950), D(50025), D(50050)]
    moved = [after.price - before.price for before, after in zip(drafted, shaded, strict=True)]
    assert len(set(moved)) == 1
    assert -20 <= moved[0] < D("-19.99")
    assert widened[2].price - widened[0].price == 150
    assert [str(rung.price) for rung in rounded[:2]] == ["49905.00", "49880.00"]
    assert allowed is None
    assert tick.stages[1].because == (
        "The base is 1.0000 of the account's value, the target 0.5: 4 bps a band of 0.5, at most 4 bps.",
    )
    await desk.close()


async def test_inputs_are_told_with_unit_source_and_age() -> None:
    desk = await quoting()
    inputs = {each.name: each for each in explained(desk)[-1].inputs}
    price = inputs["reference price"]
    assert (price.value, price.unit, price.source) == (D("50000.00"), "USDT", "fake mid")
    assert inputs["best bid"].age_ms is not None
    assert 0 <= inputs["best bid"].age_ms < 200
    assert inputs["orders resting"].value == 6
    await desk.close()


async def test_a_tick_that_sends_tells_what_became_of_each_order() -> None:
    desk = await quoting(threshold="1")
    first = explained(desk)[0]
    assert first.verdict == "3 bids, 3 asks: placed 6."
    assert {action.outcome for action in first.actions} == {"rests"}
    assert {action.placed_id for action in first.actions} == {
        order.client_order_id for order in desk.service.tracker.working()
    }
    desk.book("50009.99", "50010.01")
    await desk.run(1)
    moved = explained(desk)[-1]
    assert {action.act for action in moved.actions} == {Act.REPLACED}
    assert {action.outcome for action in moved.actions} == {"rests; the old one cancelled"}
    await desk.close()


async def test_a_venue_that_answers_late_has_the_tick_told_again_with_the_outcome() -> None:
    desk = Desk(immediate="false")
    desk.service.runtime.asks_why = lambda: True
    desk.venue.ack_after_s = 0.5
    await desk.open()
    await desk.service.start("test")
    await desk.run(3)
    placed = [tick for tick in explained(desk) if tick.verdict.endswith("placed 6.")]
    assert len({tick.ts_ns for tick in placed}) == 1
    assert [tick.is_settled for tick in placed] == [False, True]
    assert {action.outcome for action in placed[-1].actions} == {"rests"}
    await desk.close()


async def test_an_order_that_only_becomes_smaller_is_told_as_such() -> None:
    desk = await quoting(more_executor=", amend_in_place: true")
    desk.service.strategy.order_size_quote = D(400)  # type: ignore[attr-defined]
    await desk.run(1.2)
    reduced = [tick for tick in explained(desk) if "made smaller 6" in tick.verdict]
    assert {action.outcome for action in reduced[0].actions} == {"rests"}
    await desk.close()


async def test_a_refusal_by_the_venue_is_told_in_its_words() -> None:
    desk = Desk()
    desk.service.runtime.asks_why = lambda: True
    desk.venue.refuse = "post-only would take"
    await desk.open()
    await desk.service.start("test")
    await desk.run(1)
    assert {action.outcome for action in explained(desk)[0].actions} == {"refused: post-only would take"}
    await desk.close()


async def test_an_order_the_guard_holds_back_is_told_with_its_limit() -> None:
    desk = await quoting(max_open="2500")
    tick = explained(desk)[0]
    (risk,) = [stage for stage in tick.stages if stage.kind is Kind.RISK]
    assert len(risk.rungs or ()) == 2
    assert "over the limit of 2500" in risk.because[0]
    assert [check.name for check in tick.checks if check.verdict is Verdict.CUT] == ["resting orders together"]
    await desk.close()


# Not quoting


@pytest.mark.parametrize(
    ("more", "args", "reason"),
    [
        (
            'hours: {id: marketmaking.modifiers.schedule, args: {quiet_hours: ["22:00-23:00"]}}',
            ', modifiers: ["@hours"]',
            "Quiet hours: 22:00-23:00 UTC.",
        ),
        ("", "", "Ask 3 not posted"),
    ],
)
async def test_a_tick_that_does_not_quote_says_why_stage_by_stage(more: str, args: str, reason: str) -> None:
    desk = await quoting(more=more, args=args, size="1000" if more else "1")
    tick = explained(desk)[-1]
    assert not tick.is_quoting
    assert reason in tick.verdict
    assert any(reason in said for stage in tick.stages for said in stage.because)
    await desk.close()


async def test_without_a_price_the_inputs_say_what_is_missing() -> None:
    desk = await quoting()
    desk.venue.feed("BTC/USDT").problem = "sequence gap"
    await desk.run(1.2)
    tick = explained(desk)[-1]
    assert not tick.is_quoting
    assert "sequence gap" in tick.verdict
    assert tick.stages == ()
    assert {action.act for action in explained(desk)[-2].actions} == {Act.CANCELLED} or {
        action.act for action in tick.actions
    } == {Act.CANCELLED}
    await desk.close()


async def test_a_paused_deployment_says_so_when_somebody_asks() -> None:
    desk = await quoting()
    await desk.service.pause("lunch")
    await desk.run(2)
    tick = explained(desk)[-1]
    assert (tick.state, tick.is_quoting) == (State.PAUSED, False)
    assert tick.verdict == "The deployment is paused: lunch"
    await desk.close()


# Unasked


async def test_unasked_only_a_change_of_reason_is_explained() -> None:
    desk = await quoting(asked=False)
    await desk.run(5)
    (began,) = explained(desk)
    assert began.cause is Cause.CHANGED
    desk.venue.feed("BTC/USDT").problem = "sequence gap at 17"
    await desk.run(2.5)
    desk.venue.feed("BTC/USDT").problem = "sequence gap at 18"
    await desk.run(2.5)
    stopped = explained(desk)[1:]
    assert [tick.is_quoting for tick in stopped] == [False]
    await desk.service.pause("lunch")
    await desk.run(5)
    paused = explained(desk)[2:]
    assert [tick.verdict for tick in paused] == ["The deployment is paused: lunch"]
    await desk.close()


async def test_a_kill_switch_is_explained_with_value_and_limit_though_nobody_asked() -> None:
    desk = await quoting(asked=False)
    await desk.clock.advance(12)
    (tick,) = [tick for tick in explained(desk) if tick.cause is Cause.TRIPPED]
    assert tick.verdict.startswith("Halted by lag: ")
    (check,) = tick.checks
    assert (check.name, check.verdict, check.limit) == ("lag", Verdict.REFUSED, D(10))
    await desk.close()


# Looking changes nothing


async def test_what_is_sent_is_the_same_whether_anybody_looks_or_not() -> None:
    sent = []
    for asked in (False, True):
        desk = await quoting(
            asked=asked,
            more=f"{SHADE}\n  {WIDE}\n  {SIZES}",
            args=', modifiers: ["@shade", "@least", "@sizes"]',
            threshold="1",
        )
        for step in (3, -7, 11, 0, 25, -40):
            desk.book(str(D(50000) + step - D("0.01")), str(D(50000) + step + D("0.01")))
            await desk.run(1)
        sent.append([(each.ts_ns, each.new, each.price, each.size_base) for each in desk.events(OrderChanged)])
        await desk.close()
    assert sent[0] == sent[1]
    assert len(sent[0]) > 30


class Mute(MinSpread):
    """Cannot say why."""

    def because(self, context: QuoteContext) -> str:
        raise ZeroDivisionError("no words")


async def test_a_component_that_cannot_say_why_goes_on_quoting() -> None:
    desk = Desk(more=WIDE, args=', modifiers: ["@least"]')
    desk.service.modifiers = (Mute(min_spread_bps=D(30)),)
    desk.service.runtime.asks_why = lambda: True
    await desk.open()
    await desk.service.start("test")
    await desk.run(2)
    assert desk.service.machine.state is State.ACTIVE
    stage = explained(desk)[-1].stages[1]
    assert stage.because == ("It could not say why: ZeroDivisionError no words",)
    await desk.close()


async def test_an_explanation_that_fails_neither_ends_a_tick_nor_holds_up_a_halt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise LookupError("no words at all")

    desk = await quoting()
    for name in ("_inputs", "_verdict"):
        monkeypatch.setattr(f"engine.marketmaking.explainer.{name}", fails)
    monkeypatch.setattr("engine.marketmaking.explainer.Rung", fails)
    told = len(explained(desk))
    desk.book("50009.99", "50010.01")
    await desk.run(2)
    assert desk.service.machine.state is State.ACTIVE
    await desk.clock.advance(12)
    assert desk.service.machine.state is State.HALTED
    assert desk.prices(Side.BUY) == []
    assert len(explained(desk)) == told
    await desk.close()


async def test_it_can_be_written_down_and_read_again_exactly() -> None:
    desk = await quoting(more=SHADE, args=', modifiers: ["@shade"]')
    for tick in explained(desk):
        assert msgspec.json.decode(msgspec.json.encode(tick), type=TickExplained) == tick
    await desk.close()


async def test_however_many_levels_there_are_it_stays_bounded() -> None:
    two = """
  book:
    id: marketmaking.combiner
    args: {strategies: {one: "@spread", two: "@ladder"}}
  ladder:
    id: marketmaking.ladder
    args: {half_spread_bps: !decimal "7", size_base: !decimal "0.01", levels: 50, level_spacing_bps: !decimal "3"}
"""
    desk = await quoting(
        levels="50", strategy="book", components=two, max_open="500000", max_position="500000", spacing="2"
    )
    stage: Stage = explained(desk)[0].stages[0]
    assert len(stage.rungs or ()) == 2 * LEVELS
    assert stage.left_out == 200 - 2 * LEVELS
    assert len(msgspec.json.encode(explained(desk)[0])) < 200_000
    await desk.close()
