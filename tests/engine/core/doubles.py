"""Components that exist for tests alone, and the smallest files that use them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from structlog.contextvars import get_contextvars

from engine.core.component import Component
from engine.core.params import Bps, Collaborator, Count, Factor, Flag, Items, Money, Option, Seconds, Symbol, Text
from engine.core.plugins import Registry
from engine.core.ticking import TickService
from engine.metrics.events import Event


class Pricing(Protocol):
    def price(self) -> Decimal: ...


class Named(Protocol):
    title: str

    def price(self) -> Decimal: ...


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Diary:
    """What happened to whom, in order: ("load", "venue")."""

    entries: list[tuple[str, str]] = []


class Noting(Component):
    """Writes down its life, and fails where told."""

    def __init__(
        self,
        *,
        needs: Annotated[Sequence[Component], Collaborator(help="Loaded before this one")] = (),
        fail_on: Annotated[Literal["", "construct", "load", "begin", "unload", "task", "job"], Option()] = "",
        hang_on: Annotated[Literal["", "load", "unload"], Option()] = "",
    ) -> None:
        if fail_on == "construct":
            raise ValueError("it cannot be built this way")
        self.needs = needs
        self.fail_on = fail_on
        self.hang_on = hang_on
        self.ran = 0
        self.task: asyncio.Task[None] | None = None

    async def load(self) -> None:
        await self._step("load")
        self.runtime.scheduler.every(0.1, self._job, name=f"{self.name}.job", phase_s=0.05)
        self.task = self.runtime.spawn(self._task(), "watch")

    async def begin(self) -> None:
        await self._step("begin")

    async def unload(self) -> None:
        await self._step("unload")

    async def _step(self, step: str) -> None:
        Diary.entries.append((step, self.name))
        if self.hang_on == step:
            await asyncio.Event().wait()
        if self.fail_on == step:
            raise RuntimeError(f"{step} went wrong")

    async def _job(self) -> None:
        self.ran += 1
        if self.fail_on == "job":
            raise RuntimeError("job went wrong")

    async def _task(self) -> None:
        if self.fail_on != "task":
            await asyncio.Event().wait()
        raise RuntimeError("task went wrong")


class Main(TickService):
    """A service over any components."""

    def __init__(self, *, needs: Sequence[Component] = ()) -> None:
        super().__init__(interval_s=0.1)
        self.needs = needs
        self.ticks = 0

    async def load(self) -> None:
        Diary.entries.append(("load", self.name))
        await super().load()

    async def tick(self) -> None:
        self.ticks += 1

    async def stand_down(self, reason: str) -> None:
        Diary.entries.append(("stand down", self.name))


class Listening(Component):
    """A sink that keeps what it hears; `angry` makes it raise."""

    def __init__(self, *, angry: Annotated[bool, Flag()] = False) -> None:
        self.angry = angry
        self.heard: list[Event] = []

        self.bound: dict[str, object] = {}

    async def load(self) -> None:
        Diary.entries.append(("load", self.name))

    def emit(self, event: Event) -> None:
        self.bound = dict(get_contextvars())
        if self.angry:
            raise RuntimeError("the disk is full")
        self.heard.append(event)

    async def unload(self) -> None:
        Diary.entries.append(("unload", self.name))


class Fixed:
    """A price that never moves; no Component, as plain classes will do."""

    def __init__(self, *, value: Annotated[Decimal, Money(gt=0)]) -> None:
        self.value = value

    def price(self) -> Decimal:
        return self.value


class Titled(Fixed):
    def __init__(self, *, value: Annotated[Decimal, Money(gt=0)], title: str) -> None:
        super().__init__(value=value)
        self.title = title


class Dumb:
    """Has no price."""


class Everything(TickService):
    """One parameter of every kind."""

    def __init__(
        self,
        *,
        price: Pricing,
        half_spread_bps: Annotated[Decimal, Bps(gt=0, le=1000, help="Reference price to innermost quote", live=True)],
        levels: Annotated[int, Count(ge=1, le=50)] = 1,
        max_age_s: Annotated[float, Seconds(gt=0)] = 5.0,
        symbol: Annotated[str, Symbol()] = "BTC/USDT",
        note: Annotated[str | None, Text()] = None,
        post_only: Annotated[bool, Flag()] = True,
        colour: Annotated[Colour, Option()] = Colour.RED,
        profile: Literal["major", "thin"] = "thin",
        weights: Annotated[Mapping[str, Decimal], Factor(ge=0)] = {},
        steps: Annotated[Sequence[Decimal], Items(ge=1, le=3)] = (Decimal(1),),
        others: Mapping[str, list[Pricing]] | None = None,
        either: Pricing | Named | None = None,
        extra: object = None,
    ) -> None:
        super().__init__(interval_s=1)
        self.args = {name: value for name, value in locals().items() if name not in ("self", "__class__")}

    async def tick(self) -> None:
        raise AssertionError("nobody starts this one")


class Venues:
    """A family: a component for every suffix it knows."""

    def __init__(self) -> None:
        self.built: list[str] = []

    def suffixes(self) -> list[str]:
        return ["binance", "kraken"]

    def component(self, suffix: str) -> type:
        if suffix not in self.suffixes():
            raise KeyError(suffix)
        self.built.append(suffix)
        return type(suffix.title(), (Fixed,), {})


REGISTRY = Registry(
    {
        "main": Main,
        "noting": Noting,
        "listening": Listening,
        "prices.fixed": Fixed,
        "prices.titled": Titled,
        "dumb": Dumb,
        "everything": Everything,
        "venues.*": Venues(),
    }
)
