"""What is told of each component: whose turn it is to load, what runs, what failed and why, what was let go of."""

from __future__ import annotations

import asyncio

import pytest

from engine.core.component import Component
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.errors import NotReady
from engine.core.plugins import Registry
from tests.engine.desk import Desk


def states(container: Container) -> dict[str, str]:
    return {part.name: part.state.value for part in container.parts()}


async def test_a_running_service_has_running_components_and_one_let_go_of_has_none() -> None:
    desk = Desk()
    assert set(states(desk.container).values()) == {"built"}
    await desk.open()
    assert set(states(desk.container).values()) == {"running"}
    assert [part.id for part in desk.container.parts() if part.name == "spread"] == ["marketmaking.inventory_spread"]
    await desk.close()
    assert set(states(desk.container).values()) == {"let go"}


class Stuck(Component):
    """Loads for ever."""

    async def load(self) -> None:
        await asyncio.Event().wait()


class Broken(Component):
    """Cannot load."""

    async def load(self) -> None:
        raise NotReady("its venue is closed")


def with_last(component: type[Component]) -> Container:
    """A service of two components, the one that is looked at and the service, which needs it."""
    registry = Registry.installed().with_components({"test.part": component, "test.service": Group})
    text = 'service: "@all"\ncomponents:\n  part: {id: test.part}\n  all: {id: test.service, args: {part: "@part"}}\n'
    return Container(load_config(text, filename="parts.yaml", registry=registry), registry)


class Group(Component):
    """A service in name."""

    def __init__(self, *, part: Component) -> None:
        from engine.core.states import StateMachine

        self.part = part
        self.machine = StateMachine()

    async def start(self, reason: str) -> None: ...
    async def pause(self, reason: str) -> None: ...
    async def halt(self, reason: str) -> None: ...
    async def reset(self, reason: str) -> None: ...


async def test_while_a_service_loads_one_can_see_whose_turn_it_is() -> None:
    container = with_last(Stuck)
    loading = asyncio.ensure_future(container.load())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert states(container) == {"part": "loading", "all": "built"}
    await container.unload()
    with pytest.raises(Exception, match="interrupted"):
        await loading


async def test_the_component_that_could_not_load_is_told_with_its_reason() -> None:
    container = with_last(Broken)
    with pytest.raises(NotReady):
        await container.load()
    part, service = container.parts()
    assert (part.state.value, part.problem) == ("failed", "its venue is closed")
    assert service.state.value == "built"


async def test_the_component_whose_job_failed_is_told_while_the_others_are_let_go_of() -> None:
    desk = await Desk().open()

    def breaks(*_: object) -> None:
        raise RuntimeError("a formula met zero")

    desk.service.strategy.draft = breaks  # type: ignore[method-assign]
    await desk.service.start("test")
    await desk.run(3)
    told = {part.name: part for part in desk.container.parts()}
    assert (told["quoting"].state.value, told["quoting"].problem) == ("failed", "RuntimeError a formula met zero")
    assert told["venue"].state.value == "let go"
