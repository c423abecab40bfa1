"""Plays one configuration over one recording, in this process and to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import msgspec

from engine.accounting.session import SessionReport, SessionTally
from engine.core.component import Identity
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.errors import EngineError
from engine.core.plugins import Registry
from engine.core.scheduler import Scheduler
from engine.metrics.events import Event, RecordingEnded
from engine.rehearsal.clock import ReplayClock
from engine.venues.replay.venue import Replay


async def rehearse(
    config_text: str,
    *,
    filename: str = "rehearsal.yaml",
    registry: Registry | None = None,
    speed: Decimal | None = None,
    identity: Identity | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> SessionReport:
    """Start the service of a file whose market is an `exchanges.replay` and report on it when the recording is over.

    Nothing in it depends on the machine's clock, so two runs of a file place the same orders and report the same, at
    any speed. `on_event` hears every event in order. Raises ConfigError when the file does not fit, EngineError when
    the service fails on the way or no recording is in it.
    """
    registry = registry or Registry.installed()
    tally = SessionTally()
    over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end(fault: str) -> None:
        if not over.done():
            over.set_result(fault)

    def hear(event: msgspec.Struct) -> None:
        tally.add(event)  # type: ignore[arg-type]
        on_event(event)  # type: ignore[arg-type]
        if isinstance(event, RecordingEnded):
            end("")

    clock = ReplayClock(speed)
    container = Container(
        load_config(config_text, filename=filename, registry=registry),
        registry,
        identity=identity,
        clock=clock,
        scheduler=Scheduler(clock),
        on_fault=end,
        on_event=hear,
    )
    if not any(isinstance(component, Replay) for component in container.components.values()):
        raise EngineError(f"{filename} plays no recording: give it a component with the id exchanges.replay")
    try:
        await container.load()
        await container.begin()
        await container.service.start("rehearsal")
        fault = await over
    finally:
        await container.unload()
    if fault:
        raise EngineError(f"the rehearsal of {filename} failed: {fault}")
    return tally.report()
