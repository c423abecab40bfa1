"""Every kill switch stops a whole service: tripped on purpose, everything cancelled and proven gone (Q8)."""

from __future__ import annotations

import pytest

from engine.core.component import Component
from engine.core.plugins import Registry
from engine.market.types import OrderReport
from engine.marketmaking.base import Trip
from engine.metrics.events import HaltCompleted, RiskTriggered, StateChanged
from engine.rehearsal.drill.record import DrillRecord, as_text, line, verdict
from engine.rehearsal.drill.run import Trial, control, drill, provoked, switches
from engine.rehearsal.drill.scenarios import SCENARIOS, Scenario
from engine.rehearsal.drill.stage import Stage
from engine.risk.base import RiskState

REGISTRY = Registry.installed()


class Deaf(Component):
    """Never trip."""

    def check(self, state: RiskState) -> Trip | None:
        return None


class Nervous(Component):
    """Trip at the first tick."""

    def check(self, state: RiskState) -> Trip | None:
        return Trip(switch=self.name, reason="Who knows.") if state.orders else None


async def halt(stage: Stage) -> None:
    stage.market.halt()


def test_every_kill_switch_of_ours_has_a_scenario() -> None:
    ours = {id for id in switches(REGISTRY) if REGISTRY.get(id).__module__.startswith("engine.")}
    assert set(SCENARIOS) == ours


@pytest.mark.parametrize("id", SCENARIOS)
async def test_it_trips_cancels_everything_and_is_proven_clean(id: str) -> None:
    trial = await provoked(id, SCENARIOS[id], seed=1, registry=REGISTRY)
    assert trial.problem == ""
    assert trial.state == "halted"
    assert trial.orders_cancelled > 0
    assert trial.tripped_after_s is not None
    assert trial.reason.endswith(".")
    states = [event.new.value for event in trial.events if isinstance(event, StateChanged)]
    assert states == ["starting", "active", "halting", "halted"]
    assert [type(event) for event in trial.events if isinstance(event, RiskTriggered | HaltCompleted)] == [
        RiskTriggered,
        HaltCompleted,
    ]


@pytest.mark.parametrize("seed", [1, 2])
async def test_none_trips_in_the_same_market_when_nothing_is_done(seed: int) -> None:
    trial = await control(SCENARIOS, seed=seed, registry=REGISTRY)
    assert (trial.problem, trial.reason, trial.state) == ("", "", "active")


async def test_two_drills_with_one_seed_show_the_same() -> None:
    id = "killswitches.loss"
    first = await provoked(id, SCENARIOS[id], seed=7, registry=REGISTRY)
    assert await provoked(id, SCENARIOS[id], seed=7, registry=REGISTRY) == first
    assert await provoked(id, SCENARIOS[id], seed=8, registry=REGISTRY) != first


async def test_a_switch_that_misses_what_it_is_for_fails_the_drill() -> None:
    registry = REGISTRY.with_components({"killswitches.market_halt": Deaf})
    trial = await provoked(
        "killswitches.market_halt", Scenario(provoked="a halt", provoke=halt), seed=1, registry=registry
    )
    assert trial.problem == "It did not trip within 90 s."
    assert line(trial) == "FAILED market_halt: a halt. It did not trip within 90 s."


async def test_a_switch_that_trips_by_itself_fails_the_drill_and_its_control_run() -> None:
    registry = REGISTRY.with_components({"killswitches.market_halt": Nervous})
    trials = [trial async for trial in drill(["killswitches.market_halt"], seed=1, registry=registry)]
    assert [trial.problem for trial in trials] == [
        "It tripped before anything was done.",
        "It stopped although nothing was done.",
    ]


async def test_a_halt_that_cannot_be_proven_fails_the_drill() -> None:
    async def halt_at_a_venue_that_keeps_orders(stage: Stage) -> None:
        async def keep(symbol: str, client_order_ids: object) -> list[OrderReport]:
            return []

        stage.account.cancel = keep  # type: ignore[method-assign,assignment]
        stage.market.halt()

    scenario = Scenario(provoked="a halt", provoke=halt_at_a_venue_that_keeps_orders)
    trial = await provoked("killswitches.market_halt", scenario, seed=1, registry=REGISTRY)
    assert trial.problem == "It was still halting 30 s after it tripped."
    assert trial.proven_clean_ms is None


def record(*trials: Trial, control: Trial | None, without_scenario: tuple[str, ...] = ()) -> DrillRecord:
    return DrillRecord(
        at_ns=1_767_600_000_000_000_000,
        platform="mmplatform 0",
        seed=1,
        trials=trials,
        control=control,
        without_scenario=without_scenario,
    )


def test_a_drill_passes_when_each_tripped_and_the_control_run_did_not() -> None:
    good, bad = Trial(switch="killswitches.loss", provoked="x"), Trial(switch="loss", provoked="x", problem="No.")
    peace = Trial(switch="control", provoked="nothing", state="active")
    war = Trial(switch="control", provoked="nothing", problem="It stopped although nothing was done.")
    assert record(good, control=peace).passed
    for failed in (record(good, bad, control=peace), record(good, control=war), record(control=None)):
        assert not failed.passed
    assert "loss" in verdict(record(bad, control=peace))
    assert verdict(record(good, control=war)).startswith("FAILED: the control run")


def test_a_plugins_switch_without_a_scenario_is_listed() -> None:
    registry = REGISTRY.with_components({"acme.killswitches.moon": Nervous})
    assert "acme.killswitches.moon" in switches(registry)
    told = as_text(record(control=None, without_scenario=("acme.killswitches.moon",)))
    assert "-      acme.killswitches.moon: no scenario; the drill does not know how to provoke it" in told
