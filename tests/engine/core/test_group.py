"""Several services of one file as one: two market makers, from YAML to the venues. Q9, Q15"""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from typing import Any

import pytest

from engine.core.component import Identity
from engine.core.config import ConfigError, load_config
from engine.core.container import Container, ServiceFailed
from engine.core.errors import EngineError, Refused
from engine.core.plugins import Registry
from engine.core.service import Service, TakesOver
from engine.core.states import State, TransitionRefused
from engine.execution.ids import parse
from engine.market.types import Side
from engine.metrics.events import HaltCompleted, OrderChanged, StateChanged
from engine.testing import FakeVenue, ManualClock, settle
from tests.engine.desk import DEFAULTS, YAML

REGISTRY = Registry.installed().with_components({"fake.venue": FakeVenue})


def members(text: str, *names: str) -> str:
    """The desk's file once for each name, its components prefixed with it, and a group over their services."""
    body = text.split("components:\n")[1].replace("  memory: {id: sinks.memory}\n", "").replace("@symbol", "BTC/USDT")
    own = re.findall(r"^  (\w+):", body, flags=re.M)
    file = 'service: "@all"\ncomponents:\n  memory: {id: sinks.memory}\n'
    for name in names:
        part = re.sub(r"^  (\w+):", rf"  {name}_\1:", body, flags=re.M)
        file += re.sub(rf'"@({"|".join(own)})"', rf'"@{name}_\1"', part)
    services = ", ".join(f'"@{name}_quoting"' for name in names)
    return file + f"  all: {{id: service.group, args: {{services: [{services}]}}}}\n"


FILE = members(YAML.format(**DEFAULTS), "a", "b")


class Desks:
    """Two market makers, each with a venue of its own."""

    async def open(self, file: str = FILE, **more: Any) -> Desks:
        self.clock = ManualClock()
        config = load_config(file, filename="group.yaml", registry=REGISTRY)
        self.container = Container(
            config, REGISTRY, identity=Identity(deployment_id=12, token=7), clock=self.clock, **more
        )
        await self.container.load()
        await self.container.begin()
        self.group: Any = self.container.service
        self.book()
        return self

    def part(self, name: str) -> Any:
        return self.container.components[name]

    def book(self) -> None:
        for name in ("a_venue", "b_venue"):
            if name in self.container.components:
                self.part(name).set_book([(Decimal("49999.99"), Decimal(9))], [(Decimal("50000.01"), Decimal(9))])

    async def active(self) -> Desks:
        await self.open()
        await self.group.start("Ann")
        await self.run(2)
        assert self.states == [State.ACTIVE, State.ACTIVE, State.ACTIVE]
        return self

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            for name in ("a_venue", "b_venue"):
                self.part(name).feed("BTC/USDT").received_at = self.clock.monotonic()
            await self.clock.advance(0.1)

    @property
    def states(self) -> list[State]:
        """Of the group and its members."""
        services = (self.group, self.part("a_quoting"), self.part("b_quoting"))
        return [service.machine.state for service in services]

    def resting(self, name: str) -> int:
        return sum(len(self.part(f"{name}_venue").resting(side)) for side in Side)

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.part("memory").events if isinstance(event, kind)]

    async def close(self) -> None:
        await self.container.unload()


async def test_both_start_and_what_is_shown_is_one_way_from_paused_to_active() -> None:
    desks = await Desks().active()
    assert desks.resting("a") == desks.resting("b") == 6
    shown = [event.new for event in desks.told(StateChanged) if not event.service]
    assert shown == [State.STARTING, State.ACTIVE]
    assert desks.group.machine.reason == "Ann"
    assert {event.service for event in desks.told(StateChanged)} == {"", "a_quoting", "b_quoting"}
    await desks.close()


async def test_a_pause_and_a_halt_reach_both_and_a_reset_brings_both_back() -> None:
    desks = await Desks().active()
    await desks.group.pause("lunch")
    assert desks.states == [State.PAUSED] * 3
    assert desks.resting("a") == desks.resting("b") == 0
    assert desks.group.machine.reason == "lunch"
    await desks.group.start("after lunch")
    await desks.run(2)
    await desks.group.halt("kill")
    assert desks.states == [State.HALTED] * 3
    with pytest.raises(TransitionRefused, match=r"cannot start while a_quoting is halted \(kill\)"):
        await desks.group.start("too early")
    await desks.group.reset("looked at")
    assert desks.states == [State.PAUSED] * 3
    await desks.close()


async def test_one_that_halts_by_itself_halts_the_other_and_is_named() -> None:
    desks = await Desks().active()
    for _ in range(150):  # the book of one goes stale
        desks.part("b_venue").feed("BTC/USDT").received_at = desks.clock.monotonic()
        await desks.clock.advance(0.1)
    assert desks.states == [State.HALTED] * 3
    assert desks.group.machine.reason.startswith("a_quoting: ")
    assert desks.part("b_quoting").machine.reason.startswith("a_quoting stopped: ")
    assert desks.resting("a") == desks.resting("b") == 0
    await desks.close()


async def test_halting_twice_by_command_proves_each_venue_clean_once() -> None:
    desks = await Desks().active()
    await desks.group.halt("kill")
    await desks.run(2)
    assert len(desks.told(HaltCompleted)) == 2
    await desks.close()


async def test_one_that_cannot_start_keeps_the_other_from_quoting_and_is_named() -> None:
    desks = await Desks().open()
    desks.part("b_venue").offline = "the venue is under maintenance"
    starting = asyncio.create_task(desks.container.within(desks.group.start("Ann")))
    await desks.run(30)
    assert starting.done()
    desks.part("b_venue").offline = ""
    await desks.run(10)
    assert desks.states == [State.PAUSED] * 3
    assert "maintenance" in desks.part("b_quoting").machine.reason
    assert desks.part("a_quoting").machine.reason.startswith("b_quoting stopped: ")
    assert desks.resting("a") == desks.resting("b") == 0
    await desks.close()


@pytest.mark.parametrize("verb", ["pause", "halt"])
async def test_one_that_fails_to_stop_does_not_keep_the_other_from_stopping(verb: str) -> None:
    desks = await Desks().active()

    async def fail(reason: str) -> None:
        raise EngineError("the venue is gone")

    setattr(desks.part("a_quoting"), verb, fail)
    with pytest.raises(EngineError, match=f"a_quoting did not {verb}: the venue is gone"):
        await getattr(desks.group, verb)("enough")
    assert desks.resting("b") == 0
    await desks.close()


async def test_a_venue_that_does_not_answer_one_does_not_hold_up_the_halt_of_the_other() -> None:
    desks = await Desks().active()
    desks.part("a_venue").offline = "the venue is gone"
    halting = asyncio.create_task(desks.container.within(desks.group.halt("kill")))
    await settle()
    assert desks.states == [State.HALTING, State.HALTING, State.HALTED]
    assert desks.resting("b") == 0
    assert desks.group.machine.reason == "a_quoting: kill"
    with pytest.raises(TransitionRefused, match="cannot reset while a_quoting is halting"):
        await desks.group.reset("too early")
    desks.part("a_venue").offline = ""
    await desks.run(10)
    await halting
    assert desks.states == [State.HALTED] * 3
    await desks.close()


async def test_a_component_that_fails_takes_both_down_and_the_group_is_faulted() -> None:
    faults: list[str] = []
    desks = await Desks().open(on_fault=faults.append)
    await desks.group.start("Ann")
    await desks.run(2)

    def fail(*args: Any) -> None:
        raise KeyError("an unforeseen case")

    desks.part("b_quoting").strategy.draft = fail
    await desks.run(5)
    assert desks.states == [State.FAULTED] * 3
    assert desks.resting("a") == desks.resting("b") == 0
    assert len(faults) == 1


async def test_no_two_orders_of_a_file_share_an_id() -> None:
    desks = await Desks().active()
    ids = [event.client_order_id for event in desks.told(OrderChanged) if event.old is None]
    assert len(ids) == len(set(ids)) == 12
    read = [parse(id) for id in ids]
    assert all(id is not None and (id.deployment_id, id.token) == (12, 7) for id in read)
    await desks.close()


async def test_a_group_is_what_a_host_runs() -> None:
    desks = await Desks().open()
    assert isinstance(desks.group, Service)
    assert isinstance(desks.group, TakesOver)
    await desks.group.clear_leftovers()
    assert desks.states == [State.PAUSED] * 3
    await desks.close()
    await desks.close()


async def test_two_services_on_one_market_of_one_account_are_refused() -> None:
    with pytest.raises((Refused, ServiceFailed), match="a_quoting and b_quoting trade BTC/USDT on one account"):
        await Desks().open(FILE.replace('exchange: "@b_venue"', 'exchange: "@a_venue"'))


def test_a_service_twice_in_a_group_is_refused() -> None:
    config = load_config(FILE.replace('"@b_quoting"]', '"@a_quoting"]'), filename="group.yaml", registry=REGISTRY)
    with pytest.raises(ConfigError, match="once only"):
        Container(config, REGISTRY)


def test_what_is_no_service_cannot_be_in_a_group() -> None:
    with pytest.raises(ConfigError, match="services"):
        load_config(FILE.replace('"@b_quoting"]', '"@b_mid"]'), filename="group.yaml", registry=REGISTRY)
