"""What the house gives a component, for a test of one component alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from engine.core.clock import Clock
from engine.core.component import AlwaysPermitted, Component, Identity, Permit, Runtime
from engine.core.scheduler import Schedule, Scheduler
from engine.core.service import Restore
from engine.testing.clock import ManualClock
from engine.venues.credentials import Keyring, no_credentials
from engine.venues.hub import MarketHub


class RecordingRuntime(Runtime):
    """A runtime for one component alone: events are collected in `events`, tasks in `tasks`."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        identity: Identity | None = None,
        scheduler: Schedule | None = None,
        hub: MarketHub | None = None,
        permit: Permit | None = None,
        restore: Restore | None = None,
        outlets: dict[str, Callable[[msgspec.Struct], None]] | None = None,
        manual_halt: Callable[[], str] = lambda: "",
        credentials: Keyring = no_credentials,
    ) -> None:
        clock = clock or ManualClock()
        self.events: list[Any] = []
        self.tasks: list[asyncio.Task[None]] = []
        super().__init__(
            identity=identity or Identity(),
            clock=clock,
            scheduler=scheduler or Scheduler(clock),
            hub=hub or MarketHub(),
            permit=permit or AlwaysPermitted(),
            record=self.events.append,
            spawn=self._spawn,
            restore=restore,
            outlets=outlets,
            manual_halt=manual_halt,
            credentials=credentials,
        )

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self.tasks.append(task)
        return task

    def equip(self, component: Component, name: str) -> None:
        """Do what the container does before `load`."""
        component.name, component.runtime = name, self
