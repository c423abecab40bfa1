"""Load all, then move; unload in reverse, whatever happens. E1, E2, E13."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import copy_context
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import get_contextvars

from engine.core import container as container_module
from engine.core.component import Component, Identity
from engine.core.config import load_config
from engine.core.container import Container, ServiceFailed
from engine.core.errors import EngineError
from engine.core.problems import ConfigError
from engine.core.states import State
from engine.metrics.events import Notice, StateChanged
from engine.testing import AURORA, ManualClock, settle
from engine.venues.base import MarketFeed
from engine.venues.hub import MarketHub
from tests.engine.core.doubles import REGISTRY, Diary, Listening, Main, Named, Noting
from tests.examples import examples

CHAIN = """
service: "@main"
components:
  main: {id: main, args: {needs: ["@top"]}}
  top: {id: noting, args: {needs: ["@middle"]%s}}
  middle: {id: noting, args: {needs: ["@bottom"]%s}}
  bottom: {id: noting%s}
"""


def chain(*, top: str = "", middle: str = "", bottom: str = "") -> str:
    return CHAIN % (top and f", {top}", middle and f", {middle}", bottom and f", args: {{{bottom}}}")


class World:
    """A container under a clock moved by hand, and what its host heard."""

    def __init__(self, text: str, **options: object) -> None:
        self.clock = ManualClock()
        self.faults: list[str] = []
        config = load_config(text, filename="desk.yaml", registry=REGISTRY)
        self.container = Container(config, REGISTRY, clock=self.clock, on_fault=self.faults.append, **options)  # type: ignore[arg-type]
        service = self.container.service
        assert isinstance(service, Main)
        self.service = service

    async def run(self) -> None:
        await self.container.load()
        await self.container.begin()

    def part(self, name: str) -> Noting:
        found = self.container.components[name]
        assert isinstance(found, Noting)
        return found


@pytest.fixture(autouse=True)
def diary() -> list[tuple[str, str]]:
    Diary.entries.clear()
    return Diary.entries


@pytest.fixture(autouse=True)
async def nothing_is_left_running() -> AsyncIterator[None]:
    yield
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_everything_loads_before_anything_moves(diary: list[tuple[str, str]]) -> None:
    world = World(chain())
    await world.container.load()
    assert diary == [("load", "bottom"), ("load", "middle"), ("load", "top"), ("load", "main")]
    await world.clock.advance(1)
    assert world.part("top").ran == 0
    await world.container.begin()
    assert diary[4:] == [("begin", "bottom"), ("begin", "middle"), ("begin", "top")]
    await world.clock.advance(1)
    assert world.part("top").ran == 10
    await world.container.unload()


async def test_it_unloads_in_reverse_and_twice_does_no_harm(diary: list[tuple[str, str]]) -> None:
    world = World(chain())
    await world.run()
    diary.clear()
    await world.container.unload()
    once = list(diary)
    await world.container.unload()
    assert diary == once == [("stand down", "main"), ("unload", "top"), ("unload", "middle"), ("unload", "bottom")]
    assert world.container.unload_errors == []


async def test_no_job_fires_and_no_task_lives_after_unload() -> None:
    world = World(chain())
    await world.run()
    await world.clock.advance(0.5)
    await world.container.unload()
    ran = world.part("top").ran
    await world.clock.advance(5)
    assert world.part("top").ran == ran
    task = world.part("top").task
    assert task is not None
    assert task.cancelled()


async def test_a_failed_load_unloads_what_was_loaded_and_what_failed(diary: list[tuple[str, str]]) -> None:
    world = World(chain(middle="fail_on: load"))
    with pytest.raises(RuntimeError, match="load went wrong"):
        await world.container.load()
    assert diary == [("load", "bottom"), ("load", "middle"), ("unload", "middle"), ("unload", "bottom")]
    await world.container.unload()
    assert len(diary) == 4


async def test_a_failed_begin_unloads_everything(diary: list[tuple[str, str]]) -> None:
    world = World(chain(middle="fail_on: begin"))
    await world.container.load()
    with pytest.raises(RuntimeError, match="begin went wrong"):
        await world.container.begin()
    assert [name for step, name in diary if step == "unload"] == ["top", "middle", "bottom"]


async def test_an_unload_that_raises_does_not_stop_the_others(diary: list[tuple[str, str]]) -> None:
    world = World(chain(top="fail_on: unload", bottom="fail_on: unload"))
    await world.run()
    diary.clear()
    await world.container.unload()
    assert [name for step, name in diary if step == "unload"] == ["top", "middle", "bottom"]
    assert world.container.unload_errors == [
        "top failed to unload: RuntimeError unload went wrong",
        "bottom failed to unload: RuntimeError unload went wrong",
    ]


async def test_an_unload_that_hangs_is_left_behind(
    diary: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_module, "UNLOAD_TIMEOUT_S", 0.05)
    world = World(chain(top="hang_on: unload"))
    await world.run()
    await world.container.unload()
    assert ("unload", "bottom") in diary
    assert world.container.unload_errors == ["top did not unload within 0.05 s"]


@pytest.mark.parametrize("failing", ["task", "job"])
async def test_a_failing_task_or_job_takes_the_service_down(failing: str, diary: list[tuple[str, str]]) -> None:
    world = World(chain(middle=f"fail_on: {failing}"))
    if failing == "task":
        with pytest.raises(ServiceFailed, match="middle failed: RuntimeError task went wrong"):
            await world.container.load()
        return
    await world.run()
    await world.service.start("a test")
    await world.clock.advance(0.5)
    reason = f"middle failed: RuntimeError {failing} went wrong"
    assert world.faults == [reason]
    assert (world.service.machine.state, world.service.machine.reason) == (State.FAULTED, reason)
    assert [name for step, name in diary if step in ("stand down", "unload")] == ["main", "top", "middle", "bottom"]
    await world.container.unload()


async def test_a_task_that_fails_later_takes_the_service_down_once() -> None:
    world = World(chain())
    await world.run()

    async def fail() -> None:
        raise ValueError("the feed sent nonsense")

    for part in ("top", "bottom"):
        world.part(part).runtime.spawn(fail(), "reader")
    await settle()
    await world.container.unload()
    await settle()
    assert world.faults == ["top failed: ValueError the feed sent nonsense"]
    assert world.container.fault == world.faults[0]


async def test_a_task_failing_during_load_ends_a_load_that_would_wait_forever() -> None:
    """A reader that dies would otherwise leave its component waiting for the first message for good."""
    world = World(chain(bottom="fail_on: task", middle="hang_on: load"))
    async with asyncio.timeout(10):
        with pytest.raises(ServiceFailed, match="bottom failed"):
            await world.container.load()


async def test_unload_during_load_interrupts_it(diary: list[tuple[str, str]]) -> None:
    world = World(chain(middle="hang_on: load"))
    loading = asyncio.create_task(world.container.load())
    await settle()
    await world.container.unload()
    with pytest.raises(ServiceFailed, match=r"middle\.load was interrupted"):
        await loading
    assert diary == [("load", "bottom"), ("load", "middle"), ("unload", "middle"), ("unload", "bottom")]


async def test_a_cancelled_load_unloads(diary: list[tuple[str, str]]) -> None:
    world = World(chain(middle="hang_on: load"))
    loading = asyncio.create_task(world.container.load())
    await settle()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert diary[-2:] == [("unload", "middle"), ("unload", "bottom")]


async def test_unload_goes_on_when_its_caller_is_cancelled(diary: list[tuple[str, str]]) -> None:
    world = World(chain())
    await world.run()
    caller = asyncio.create_task(world.container.unload())
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller})
    await world.container.unload()
    assert [name for step, name in diary if step == "unload"] == ["top", "middle", "bottom"]


async def test_two_callers_share_one_unload(diary: list[tuple[str, str]]) -> None:
    world = World(chain())
    await world.run()
    await asyncio.gather(world.container.unload(), world.container.unload())
    assert [name for step, name in diary if step == "unload"] == ["top", "middle", "bottom"]


class Writer:
    """A feed writer nobody releases."""

    def __init__(self) -> None:
        self.feed = MarketFeed(AURORA, source="test")
        self.running = False

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False


@pytest.mark.parametrize("shared", [True, False])
async def test_feeds_of_a_service_alone_end_with_it_and_shared_ones_go_on(shared: bool) -> None:
    hub = MarketHub() if shared else None
    world = World(chain(), hub=hub)
    await world.run()
    writer = Writer()
    await world.part("top").runtime.hub.acquire("book", lambda: writer)
    await world.container.unload()
    assert writer.running is shared


async def test_a_container_runs_once() -> None:
    world = World(chain())
    await world.container.unload()
    with pytest.raises(EngineError, match="the service is unloaded and cannot be loading"):
        await world.container.load()


# Events


async def test_sinks_load_first_and_hear_to_the_end(diary: list[tuple[str, str]]) -> None:
    world = World(chain() + "  ear: {id: listening}\n")
    ear = world.container.components["ear"]
    assert isinstance(ear, Listening)
    await world.run()
    await world.service.start("a test")
    await world.container.unload()
    assert (diary[0], diary[-1]) == (("load", "ear"), ("unload", "ear"))
    states = [(event.new, event.reason) for event in ear.heard if isinstance(event, StateChanged)]
    assert states[-1] == (State.PAUSED, "the service was unloaded")


async def test_a_sink_that_raises_never_hurts_the_caller_but_takes_the_service_down() -> None:
    world = World(chain() + "  ear: {id: listening}\n  broken: {id: listening, args: {angry: true}}\n")
    ear = world.container.components["ear"]
    assert isinstance(ear, Listening)
    await world.run()
    world.part("top").runtime.record(Notice(ts_ns=1, level="info", text="hello"))
    assert [event.text for event in ear.heard if isinstance(event, Notice)] == ["hello"]
    await world.container.unload()
    await settle()
    assert world.faults == ["broken failed: RuntimeError the disk is full"]


async def test_an_event_from_a_shared_feed_is_logged_under_its_service() -> None:
    world = World(chain() + "  ear: {id: listening}\n", identity=Identity(client="acme", symbol="AURORA/USDT"))
    ear = world.container.components["ear"]
    assert isinstance(ear, Listening)
    await world.run()
    copy_context().run(world.part("top").runtime.record, Notice(ts_ns=1, level="info", text="a fill"))
    assert (ear.bound["client"], ear.bound["symbol"]) == ("acme", "AURORA/USDT")
    assert get_contextvars() == {}
    await world.container.unload()


async def test_a_command_runs_under_the_name_of_its_service() -> None:
    world = World(chain(), identity=Identity(client="acme"), trace_id="abc")

    async def command() -> dict[str, object]:
        return dict(get_contextvars())

    assert await world.container.within(command()) == {"client": "acme", "trace_id": "abc"}


async def test_its_host_hears_every_event_as_well() -> None:
    heard: list[object] = []
    world = World(chain(), on_event=heard.append)
    await world.run()
    notice = Notice(ts_ns=1, level="info", text="hello")
    world.part("top").runtime.record(notice)
    assert heard == [notice]
    await world.container.unload()


# What components are given


async def test_components_get_a_name_and_the_house() -> None:
    identity = Identity(deployment_id=7, client="acme", symbol="AURORA/USDT")
    world = World(chain(), identity=identity, manual_halt=lambda: "stop", outlets={"live": print})
    runtime = world.part("top").runtime
    assert world.part("top").name == "top"
    assert runtime.identity is identity
    assert runtime.clock is world.clock
    assert runtime.permit.valid()
    assert runtime.manual_halt() == "stop"
    assert runtime.outlets == {"live": print}
    assert runtime.restore is None
    assert world.part("top").needs == (world.part("middle"),)


def test_a_constructor_that_refuses_is_an_error_of_the_file() -> None:
    with pytest.raises(ConfigError) as caught:
        World(chain(top="fail_on: construct", bottom="fail_on: construct"))
    assert [(p.line, p.path, p.message) for p in caught.value.problems] == [
        (7, "components.bottom", "noting refuses its arguments: ValueError it cannot be built this way")
    ]


class Picky(Main):
    def __init__(self, *, only: Named) -> None:
        super().__init__()


class Forgetful:
    """Promises a title and never sets one."""

    title: str

    def price(self) -> Decimal:
        return Decimal(1)


def test_an_attribute_a_constructor_should_have_set_is_missed() -> None:
    registry = REGISTRY.with_components({"picky": Picky, "forgetful": Forgetful})
    text = 'service: "@main"\ncomponents:\n  main: {id: picky, args: {only: "@f"}}\n  f: {id: %s}\n'
    titled = text % "prices.titled, args: {value: 1, title: t}"
    Container(load_config(titled, filename="desk.yaml", registry=registry), registry)
    config = load_config(text % "forgetful", filename="desk.yaml", registry=registry)
    with pytest.raises(ConfigError, match=r"desk\.yaml:3:3: components\.main: only: @f lacks title"):
        Container(config, registry)


# Any graph


@examples(40)
@given(
    edges=st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=8),
    broken=st.sampled_from(["", "load", "begin", "unload", "job"]),
    where=st.integers(0, 7),
)
async def test_whatever_fails_everything_loaded_is_unloaded_in_reverse(
    edges: list[list[int]], broken: str, where: int
) -> None:
    Diary.entries.clear()
    lines = ['service: "@main"', "components:"]
    for index, needs in enumerate(edges):
        chosen = ", ".join(f'"@c{need % index}"' for need in needs) if index else ""
        fail = f", fail_on: {broken}" if broken and index == where % len(edges) else ""
        lines.append(f"  c{index}: {{id: noting, args: {{needs: [{chosen}]{fail}}}}}")
    everyone = ", ".join(f'"@c{index}"' for index in range(len(edges)))
    lines.append(f"  main: {{id: main, args: {{needs: [{everyone}]}}}}")
    world = World("\n".join(lines))
    with suppress(RuntimeError):
        await world.run()
        await world.clock.advance(0.3)
    await world.container.unload()
    loaded = [name for step, name in Diary.entries if step == "load"]
    unloaded = [name for step, name in Diary.entries if step in ("unload", "stand down")]
    assert unloaded == list(reversed(loaded))
    assert bool(world.faults) == (broken == "job")


class Nameless:
    """A component of nobody's base class."""

    def __init__(self, *, helper: Component) -> None:
        self.helper = helper
        self.loaded = False

    async def load(self) -> None:
        self.loaded = True


async def test_a_plain_class_will_do() -> None:
    registry = REGISTRY.with_components({"nameless": Nameless})
    text = chain() + '  plain: {id: nameless, args: {helper: "@top"}}\n  price: {id: prices.fixed, args: {value: 1}}\n'
    container = Container(load_config(text, filename="x", registry=registry), registry, clock=ManualClock())
    await container.load()
    await container.begin()
    await container.unload()
    plain = container.components["plain"]
    assert isinstance(plain, Nameless)
    assert plain.loaded


async def test_a_fault_says_when_something_could_not_be_let_go_either() -> None:
    """Else FAULTED reads as if its orders were cancelled."""
    world = World(chain(middle="fail_on: unload", bottom="fail_on: job"))
    await world.run()
    await world.clock.advance(0.2)
    assert world.faults == [
        "bottom failed: RuntimeError job went wrong. Orders may still rest: "
        "middle failed to unload: RuntimeError unload went wrong"
    ]
