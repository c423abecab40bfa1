"""One component by itself, without a service around it: to ask a venue something and leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from decimal import setcontext
from typing import Any, TypeVar

from engine.core.clock import SystemClock
from engine.core.component import AlwaysPermitted, Component, Identity, Runtime
from engine.core.decimals import MONEY
from engine.core.scheduler import JobScope, Scheduler
from engine.venues.credentials import Keyring, no_credentials
from engine.venues.hub import MarketHub

C = TypeVar("C", bound=Component)


@asynccontextmanager
async def alone(component: C, *, name: str = "venue", credentials: Keyring = no_credentials) -> AsyncIterator[C]:
    """Load a component that needs no others, and let go of it afterwards. What it records goes nowhere.

    Raises what its `load` raises. A task of its own that fails ends with it, unheard: whoever asks will notice.
    """
    setcontext(MONEY.copy())
    clock = SystemClock()
    scheduler = Scheduler(clock)
    jobs = JobScope(scheduler, on_error=lambda error: None)
    tasks: set[asyncio.Task[None]] = set()
    hub = MarketHub()

    def spawn(work: Coroutine[Any, Any, None], title: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"{name}.{title}")
        tasks.add(task)
        return task

    component.name = name
    component.runtime = Runtime(
        identity=Identity(venue=name),
        clock=clock,
        scheduler=jobs,
        hub=hub,
        permit=AlwaysPermitted(),
        record=lambda event: None,
        spawn=spawn,
        credentials=credentials,
    )
    scheduler.start()
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
        await hub.close()
        await scheduler.stop()
