"""Holds the drill: each switch provoked in a service of its own, and all of them together left in peace."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from decimal import Decimal

import msgspec

from engine.core.clock import NS
from engine.core.errors import EngineError
from engine.core.params import lacks
from engine.core.plugins import BrokenComponent, Registry
from engine.core.states import State
from engine.metrics.events import HaltCompleted, RiskTriggered
from engine.rehearsal.drill.scenarios import SCENARIOS, Scenario
from engine.rehearsal.drill.stage import Stage, Told
from engine.risk.base import KillSwitch

CALM_S = 20.0
"""Quoting before anything is done, so that what follows has a cause."""
TRIPS_WITHIN_S = 90.0
HALTS_WITHIN_S = 30.0
CONTROL_S = CALM_S + TRIPS_WITHIN_S


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What one run showed. `problem` says in words what went wrong; empty when nothing did."""

    switch: str
    provoked: str
    problem: str = ""
    tripped_after_s: float | None = None
    reason: str = ""
    value: Decimal | None = None
    limit: Decimal | None = None
    orders_cancelled: int = 0
    proven_clean_ms: float | None = None
    """Market time from the trip to the venue's word that nothing rests."""
    state: str = ""
    configuration_sha256: str = ""
    events: tuple[Told, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problem


def switches(registry: Registry) -> list[str]:
    """The id of every kill switch installed, a plugin's too."""
    found = []
    for id in registry.ids():
        try:
            component = registry.get(id)
        except BrokenComponent:
            continue  # the catalog says why
        if id.startswith("killswitches.") or not lacks(component, KillSwitch):
            found.append(id)
    return found


async def drill(ids: Iterable[str], *, seed: int, registry: Registry) -> AsyncIterator[Trial]:
    """One trial for each switch that has a scenario, then the control run. The same seed gives the same trials."""
    asked = [id for id in ids if id in SCENARIOS]
    for id in asked:
        yield await provoked(id, SCENARIOS[id], seed=seed, registry=registry)
    if asked:
        yield await control({id: SCENARIOS[id] for id in asked}, seed=seed, registry=registry)


async def provoked(id: str, scenario: Scenario, *, seed: int, registry: Registry) -> Trial:
    """Quote in peace, do what the scenario says, and see whether this switch stops it and nothing is left."""
    name = _name(id)
    stage = Stage(switches=_components(id, scenario), tested=name, seed=seed, registry=registry)
    problem, began_ns = "", 0
    try:
        await stage.open()
        await stage.run(CALM_S)
        if stage.state is not State.ACTIVE:
            problem = "It tripped before anything was done."
        elif not await stage.resting():
            problem = "Nothing rested that could have been cancelled."
        else:
            began_ns = stage.now_ns
            await scenario.provoke(stage)
            await stage.run(TRIPS_WITHIN_S)
            problem = await _what_is_wrong(stage, {name, *(scenario.others or {})})
        state = stage.state
    except EngineError as error:
        problem, state = str(error), stage.state
    finally:
        told = tuple(stage.told)
        await stage.close()
    trip = next(iter(_trips(told)), None)
    halt = next((event for event in told if isinstance(event, HaltCompleted) and event.proven_clean), None)
    return Trial(
        switch=id,
        provoked=scenario.provoked,
        problem=problem,
        tripped_after_s=(trip.ts_ns - began_ns) / NS if trip and began_ns else None,
        reason=trip.reason if trip else "",
        value=trip.value if trip else None,
        limit=trip.limit if trip else None,
        orders_cancelled=halt.orders_cancelled if halt else 0,
        proven_clean_ms=(halt.completed_ns - halt.requested_ns) / 1e6 if halt else None,
        state=state,
        configuration_sha256=_sha256(stage),
        events=told,
    )


async def control(scenarios: Mapping[str, Scenario], *, seed: int, registry: Registry) -> Trial:
    """The same market without any provocation, watched by all of these switches at once: none may trip."""
    parts = [_components(id, scenario, prefix=f"{_name(id)}_") for id, scenario in scenarios.items()]
    names = ", ".join(f'"@{_name(id)}"' for id in scenarios)
    parts.append(f"  all_of_them: {{id: killswitches.any, args: {{switches: [{names}]}}}}")
    stage = Stage(switches="\n".join(parts), tested="all_of_them", seed=seed, registry=registry)
    problem = ""
    try:
        await stage.open()
        await stage.run(CONTROL_S)
        if stage.state is not State.ACTIVE:
            problem = "It stopped although nothing was done."
        elif not await stage.resting():
            problem = "It did not quote."
        state = stage.state
    except EngineError as error:
        problem, state = str(error), stage.state
    finally:
        told = tuple(stage.told)
        await stage.close()
    trip = next(iter(_trips(told)), None)
    return Trial(
        switch="control",
        provoked=f"nothing, for {CONTROL_S:.0f} s",
        problem=problem,
        reason=trip.reason if trip else "",
        state=state,
        configuration_sha256=_sha256(stage),
        events=told,
    )


async def _what_is_wrong(stage: Stage, meant: Collection[str]) -> str:
    """After the provocation: whatever keeps this from being a halt in order by what was meant, or nothing."""
    if stage.state is State.ACTIVE:
        return f"It did not trip within {TRIPS_WITHIN_S:.0f} s."
    if strangers := [trip.switch for trip in _trips(stage.told) if trip.switch not in meant]:
        return f"Another one tripped: {strangers[0]}."
    if not await stage.halted(HALTS_WITHIN_S):
        return f"It was still {stage.state} {HALTS_WITHIN_S:.0f} s after it tripped."
    if not any(isinstance(event, HaltCompleted) and event.proven_clean for event in stage.told):
        return "It halted without the venue's proof that nothing rests."
    if left := await stage.resting():
        return f"It called itself clean, and the venue holds {len(left)} orders."
    return ""


def _trips(told: Iterable[Told]) -> list[RiskTriggered]:
    return [event for event in told if isinstance(event, RiskTriggered)]


def _name(id: str) -> str:
    return id.removeprefix("killswitches.").replace(".", "_")


def _components(id: str, scenario: Scenario, *, prefix: str = "") -> str:
    """The switch and what it is made of, as lines of the configuration. `prefix` keeps the parts of several apart."""
    lines, args = [], scenario.args
    for name, described in (scenario.others or {}).items():
        part, _, part_args = described.partition(" ")
        lines.append(f"  {prefix}{name}: {{id: {part}, args: {part_args}}}")
        args = args.replace(f'"@{name}"', f'"@{prefix}{name}"')
    lines.append(f"  {_name(id)}: {{id: {id}, args: {args}}}")
    return "\n".join(lines)


def _sha256(stage: Stage) -> str:
    return hashlib.sha256(stage.configuration.encode()).hexdigest()
