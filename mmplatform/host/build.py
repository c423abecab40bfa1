"""From the record of a deployment to its component tree."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from engine.core.clock import Clock, SystemClock
from engine.core.component import Permit, Secure
from engine.core.config import Config, check_config
from engine.core.container import Container
from engine.core.plugins import BrokenComponent, Registry, UnknownComponent
from engine.core.scheduler import Scheduler
from engine.execution.rates import NewBudget
from engine.venues.hub import MarketHub
from mmplatform.host.database import Line
from mmplatform.host.heap import Heap
from mmplatform.host.lease import Timing
from mmplatform.host.pace import Pace
from mmplatform.host.records import Record
from mmplatform.host.rehearsal import Rehearsal
from mmplatform.host.writer import Writer
from monitoring.publisher import Publisher
from strategies.blueprint import blueprint


@dataclass(frozen=True, kw_only=True)
class House:
    """What every deployment of a host shares."""

    desk: Line
    writer: Writer
    publisher: Publisher
    scheduler: Scheduler
    hub: MarketHub
    registry: Registry
    timing: Timing
    pace: Pace
    heap: Heap
    new_budget: NewBudget


_NAMED = re.compile(r"""\bid:\s*["']?([\w.]+)""")


async def bring_in(record: Record, registry: Registry) -> None:
    """Import what a revision names, beside the loop: a library of venues takes seconds where Python keeps no bytecode,
    and every other service of this host would wait for it. What cannot be imported says so when it is built."""

    def imported() -> None:
        for component_id in {record.market.component, *_NAMED.findall(record.yaml)}:
            with suppress(UnknownComponent, BrokenComponent):
                registry.get(component_id)

    await asyncio.to_thread(imported)


def config_of(record: Record, registry: Registry) -> Config:
    """What the record says is to run.

    Raises ConfigError when the revision cannot be read, BlueprintError when it does not fit market or mode.
    """
    document = blueprint(
        yaml=record.yaml,
        mode=record.mode,
        market=record.market,
        registry=registry,
        funding=record.funding,
        recording=record.recording,
        account=record.account.name,
        share=record.share,
        filename=record.revision,
    )
    return check_config(document, registry=registry)


def container_of(
    record: Record,
    *,
    house: House,
    rehearsal: Rehearsal | None,
    permit: Permit,
    outlets: Mapping[str, Callable[[msgspec.Struct], None]],
    secure: Secure,
    manual_halt: Callable[[], str],
    is_watched: Callable[[], bool],
    asks_why: Callable[[], bool],
    on_fault: Callable[[str], None],
    on_event: Callable[[msgspec.Struct], None],
) -> Container:
    """The service of a deployment, built and not yet loaded. A replay gets time and a market of its own.

    Raises as `config_of` does.
    """
    clock: Clock = SystemClock()
    scheduler, hub = house.scheduler, house.hub
    if rehearsal is not None:
        clock, scheduler, hub = rehearsal.clock, rehearsal.scheduler, MarketHub()
    return Container(
        config_of(record, house.registry),
        house.registry,
        identity=record.identity,
        clock=clock,
        scheduler=scheduler,
        hub=hub,
        permit=permit,
        restore=record.restore,
        credentials=record.account.credentials,
        new_budget=house.new_budget if rehearsal is None else None,
        outlets=outlets,
        secure=secure,
        manual_halt=manual_halt,
        is_watched=is_watched,
        asks_why=asks_why,
        on_fault=on_fault,
        on_event=on_event,
    )
