"""Components by themselves, without a service around them: to ask a venue something and leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import setcontext
from typing import Any, TypeVar

from engine.core.clock import SystemClock
from engine.core.component import AlwaysPermitted, Component, Identity, Runtime
from engine.core.decimals import MONEY
from engine.core.scheduler import JobScope, Scheduler
from engine.core.service import Restore
from engine.execution.rates import NewBudget
from engine.venues.credentials import Keyring, no_credentials
from engine.venues.hub import MarketHub

C = TypeVar("C", bound=Component)


class Commons:
    """What several components that stand alone share: one view of each venue, and one request budget."""

    def __init__(self, *, new_budget: NewBudget | None = None) -> None:
        self.clock = SystemClock()
        self.scheduler = Scheduler(self.clock)
        self.hub = MarketHub()
        self.new_budget = new_budget


@asynccontextmanager
async def commons(*, new_budget: NewBudget | None = None) -> AsyncIterator[Commons]:
    """Open what components that stand alone may share, and close it after the last of them."""
    setcontext(MONEY.copy())
    shared = Commons(new_budget=new_budget)
    shared.scheduler.start()
    try:
        yield shared
    finally:
        await shared.hub.close()
        await shared.scheduler.stop()


@asynccontextmanager
async def alone(
    component: C,
    *,
    name: str = "venue",
    credentials: Keyring = no_credentials,
    among: Commons | None = None,
    restore: Restore | None = None,
) -> AsyncIterator[C]:
    """Load a component that needs no others, and let go of it afterwards. What it records goes nowhere.

    Raises what its `load` raises. A task of its own that fails ends with it, unheard: whoever asks will notice.
    """
    async with AsyncExitStack() as stack:
        shared = await stack.enter_async_context(commons()) if among is None else among
        yield await stack.enter_async_context(_loaded(component, name, credentials, shared, restore))


@asynccontextmanager
async def _loaded(
    component: C, name: str, credentials: Keyring, shared: Commons, restore: Restore | None
) -> AsyncIterator[C]:
    jobs = JobScope(shared.scheduler, on_error=lambda error: None)
    tasks: set[asyncio.Task[None]] = set()

    def spawn(work: Coroutine[Any, Any, None], title: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"{name}.{title}")
        tasks.add(task)
        return task

    component.name = name
    component.runtime = Runtime(
        identity=Identity(venue=name),
        clock=shared.clock,
        scheduler=jobs,
        hub=shared.hub,
        permit=AlwaysPermitted(),
        record=lambda event: None,
        spawn=spawn,
        restore=restore,
        credentials=credentials,
        new_budget=shared.new_budget,
    )
    try:
        await component.load()
        await component.begin()
        jobs.release()
        yield component
    finally:
        await jobs.close()
        await component.unload()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
