"""Many services in one loop: one that raises, hangs, blocks or floods hurts only itself (Q6)."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Annotated, Literal

import pytest

from engine.core.clock import SystemClock
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.decimals import ONE
from engine.core.inbox import BUDGET_S, LIMIT, Inbox
from engine.core.log import configure
from engine.core.meter import PER_SECOND, Meter
from engine.core.params import Option
from engine.core.plugins import Registry
from engine.core.scheduler import SLOT_S, Scheduler
from engine.core.states import State, Trigger
from engine.core.ticking import TickService
from engine.market.types import Side, Trade
from engine.metrics.events import FeesPriced, Notice, StateChanged
from engine.metrics.sinks import Memory
from engine.testing import AURORA, ManualClock
from engine.venues.base import MarketFeed

Trouble = Literal[
    "none", "raises", "exits", "cancels", "spawns", "waits", "loops", "blocks", "swallows", "floods", "hogs"
]


class Service(TickService):
    """Ticks, and misbehaves as told from its third tick on."""

    def __init__(self, *, trouble: Annotated[Trouble, Option(help="What goes wrong")] = "none") -> None:
        super().__init__(interval_s=0.02)
        self.trouble = trouble
        self.ticks = 0
        self.stood_down = False

    async def load(self) -> None:
        self.job = self.runtime.scheduler.every(self.interval_s, self._tick_if_active, name="tick", patience_s=0.3)

    async def tick(self) -> None:
        self.ticks += 1
        if self.ticks < 3:
            return
        match self.trouble:
            case "raises":
                raise ValueError("a mistake")
            case "exits":
                sys.exit("a library that thinks the process is its own")
            case "cancels":
                raise asyncio.CancelledError
            case "spawns":
                self.runtime.spawn(self._cancel_ourselves(), "beside")
            case "waits":
                await asyncio.Event().wait()
            case "loops":
                while True:
                    pass
            case "blocks":
                time.sleep(600)  # noqa: ASYNC251  that is the mistake
            case "swallows":
                self._loop_whatever_happens()
            case "floods":
                for number in range(10 * PER_SECOND):
                    self.runtime.record(Notice(ts_ns=number, level="info", text="again"))
            case "hogs":
                until = time.monotonic() + 0.1
                while time.monotonic() < until:
                    pass

    def _loop_whatever_happens(self) -> None:
        for _ in range(3):  # each of the three ends when it is thrown out, which is caught
            try:
                while True:
                    pass
            except Exception:
                continue

    async def _cancel_ourselves(self) -> None:
        raise asyncio.CancelledError

    async def stand_down(self, reason: str) -> None:
        self.stood_down = True


REGISTRY = Registry.installed().with_components({"test.service": Service})
FILE = """
service: "@one"
components:
  one: {{id: test.service, args: {{trouble: {trouble}}}}}
  memory: {{id: sinks.memory}}
"""


class House:
    """One loop's services, as a host runs them."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(SystemClock())
        self.scheduler.watchdog.limit_s = 0.3
        self.containers: list[Container] = []

    async def take(self, trouble: Trouble) -> Container:
        config = load_config(FILE.format(trouble=trouble), filename=f"{trouble}.yaml", registry=REGISTRY)
        container = Container(config, REGISTRY, scheduler=self.scheduler)
        self.containers.append(container)
        await container.load()
        await container.begin()
        await container.within(container.service.start("test"))
        return container


def service(container: Container) -> Service:
    assert isinstance(container.service, Service)
    return container.service


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  it is a clock that changes, not an event of ours
            await asyncio.sleep(0.01)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    configure(json=True)  # as in production: a traceback drawn for people would itself hold the loop
    house = House()
    house.scheduler.start()
    yield house
    for container in house.containers:
        await container.unload()
    await house.scheduler.stop()


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("raises", "one failed: ValueError a mistake"),
        ("exits", "one failed: tick wanted the whole process to end (a library that thinks the process is its own)"),
        ("cancels", "one failed: tick was cancelled, and not by us"),
        ("spawns", "one failed: one.beside was cancelled, and not by us"),
        ("waits", "one failed: tick has not ended within 0.3 s"),
        ("loops", " s in Service.tick"),
        ("blocks", " s in Service.tick"),
        ("swallows", " s in Service._loop_whatever"),
    ],
)
async def test_a_service_that_fails_in_any_way_is_taken_down_and_its_neighbour_goes_on(
    house: House, trouble: Trouble, reason: str
) -> None:
    healthy = await house.take("none")
    ill = await house.take(trouble)

    await until(lambda: ill.service.machine.state is State.FAULTED)

    assert reason in ill.fault
    assert service(ill).stood_down
    ticks = service(healthy).ticks
    await until(lambda: service(healthy).ticks > ticks + 3)
    assert healthy.fault == ""
    assert healthy.service.machine.state is State.ACTIVE


async def test_a_loop_that_many_keep_busy_is_nobodys_fault(house: House) -> None:
    crowd = [await house.take("hogs") for _ in range(5)]  # half a second a round, and the alarm is set to 0.3 s

    await until(lambda: all(service(each).ticks >= 5 for each in crowd))

    assert [each.fault for each in crowd] == [""] * 5


async def test_a_service_that_takes_the_loop_for_long_rests_in_between(house: House) -> None:
    healthy, hog = await house.take("none"), await house.take("hogs")

    await until(lambda: service(hog).ticks >= 6)

    assert hog.fault == ""
    assert service(hog).job.skipped > 4 * 3  # 100 ms held, then 400 ms without a turn, at 20 ms each
    assert service(healthy).ticks > service(hog).ticks


async def test_a_flood_of_notices_is_cut_and_counted(house: House) -> None:
    ill = await house.take("floods")
    memory = ill.components["memory"]
    assert isinstance(memory, Memory)

    await until(lambda: any("were not recorded" in getattr(event, "text", "") for event in memory.events))

    assert ill.fault == ""
    by_second = sum(getattr(event, "text", "") == "again" for event in memory.events)
    assert by_second <= 3 * PER_SECOND


def test_no_flood_keeps_what_money_hangs_on_from_the_record() -> None:
    meter = Meter(ManualClock())
    notice = Notice(ts_ns=1, level="info", text="again")
    while meter.admits(notice):
        pass
    rate = FeesPriced(
        ts_ns=1, symbol="A/B", number=1, asset="C", amount=ONE, rate=ONE, rate_source="test", rate_ns=1,
        fee_quote=ONE, fees_total_quote=ONE, fills_total=1,
    )  # fmt: skip
    changed = StateChanged(ts_ns=1, old=State.ACTIVE, new=State.HALTING, trigger=Trigger.HALT, reason="loss")
    assert meter.admits(rate)
    assert meter.admits(changed)
    assert not meter.admits(notice)


# The inbox, on a clock moved by hand


class Reader:
    """Hears, and takes its time over it."""

    def __init__(self, clock: ManualClock, takes_s: float) -> None:
        self.clock, self.takes_s = clock, takes_s
        self.heard: list[object] = []

    def hear(self, news: object) -> None:
        self.heard.append(news)
        self.clock.move_to(self.clock.monotonic() + self.takes_s)


class Desk:
    def __init__(self, *, takes_s: float) -> None:
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.said: list[str] = []
        self.inbox = Inbox(clock=self.clock, schedule=self.scheduler, on_lag=self.said.append)
        self.reader = Reader(self.clock, takes_s)


def trade(number: int) -> Trade:
    return Trade(ts_ns=number, price=Decimal(1), size_base=Decimal(1), aggressor=Side.BUY)


async def test_who_keeps_up_hears_everything_at_once() -> None:
    desk = Desk(takes_s=0)
    for number in range(5_000):
        desk.inbox.tell(desk.reader.hear, trade(number), is_state=False)
    assert len(desk.reader.heard) == 5_000
    assert len(desk.inbox) == 0


async def test_who_does_not_keep_up_hears_the_newest_book_once_and_every_print_in_order() -> None:
    desk = Desk(takes_s=BUDGET_S)
    feed = MarketFeed(AURORA, source="test")
    prints = [trade(number) for number in range(20)]
    for each in prints:
        desk.inbox.tell(desk.reader.hear, each, is_state=False)
        desk.inbox.tell(desk.reader.hear, feed, is_state=True)
    assert desk.reader.heard == prints[:1]
    assert len(desk.inbox) == 20  # nineteen prints and one book

    await desk.scheduler.run_until(desk.clock.monotonic() + 30 * 2 * SLOT_S)

    assert desk.reader.heard == [*prints, feed]
    assert desk.said == []


async def test_a_flood_of_prints_is_bounded_and_told_once() -> None:
    desk = Desk(takes_s=BUDGET_S)
    for number in range(3 * LIMIT):
        desk.inbox.tell(desk.reader.hear, trade(number), is_state=False)
    assert len(desk.inbox) == LIMIT
    assert desk.said == [f"Market data come faster than they can be heard: only the newest {LIMIT} prints wait."]

    await desk.scheduler.run_until(desk.clock.monotonic() + 2 * LIMIT * SLOT_S)

    assert len(desk.inbox) == 0
    assert desk.said[1:] == [f"Market data are heard as they come again; {2 * LIMIT - 1} prints were given up."]
