"""What a building block is, and what the house gives it.

A component is a plain class. The typed, keyword-only parameters of its constructor *are* its schema: the container, the
validation, the web form and the catalog read them. Constructors only remember; `load` acquires; `unload` releases and
may run twice. A subclass of `Component` gets `name` and `runtime` from the container before `load`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from engine.venues.credentials import Keyring, no_credentials

if TYPE_CHECKING:
    from engine.core.clock import Clock
    from engine.core.scheduler import Schedule
    from engine.core.service import Restore
    from engine.execution.rates import NewBudget
    from engine.venues.hub import MarketHub


Hear = Callable[[Any], None]

Secure = Callable[[], Awaitable[str]]
"""Wait until every event recorded so far is durable; returns why it is not, or an empty string."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """For whom this runtime trades. The same fields stand on every log line and event."""

    deployment_id: int = 0
    client: str = "local"
    mandate: str = "local"
    venue: str = ""
    symbol: str = ""
    token: int = 0
    """Fencing token of the holder; a higher one has replaced every lower one."""


class Permit(Protocol):
    """Permission to act on a venue, checked before every send. A lease in production, always valid from a file."""

    def valid(self) -> bool: ...


class AlwaysPermitted:
    def valid(self) -> bool:
        return True


async def at_once() -> str:
    """Nothing outlives this process: what is recorded is as safe as it will ever be."""
    return ""


class Runtime:
    """What the house gives to the components of one service.

    scheduler.every(…) runs the component's ticks: none fires before the service begins, all end with it
    record(event)      hands an event of `engine.metrics.events` to every sink of the file; never blocks, never raises
    spawn(coro, name)  starts a task the container owns: it is cancelled at unload, and its failure faults the service
    hearing(callback)  wraps a callback for a feed that other services hear too: its failure faults this service alone
    restore            what a previous holder left, None on a first start
    outlets            ports the host opens to the outside by name ("postgres", "live"); empty when a file runs alone
    secure()           waits until what was recorded is durable, so that a later holder knows of every order that may be
                       on its way; returns why that failed, or an empty string. At once when a file runs alone
    take_lane()        a number for whoever numbers orders itself, different for each who asks
    manual_halt()      why a person's durable kill switch forbids trading, or an empty string
    is_watched()       whether somebody looks at this service now, so that live views are worth their making
    asks_why()         whether somebody wants to know why it quotes what it quotes, so that ticks are worth explaining
    credentials(name)  what opens an account at a venue; raises AuthRejected when nobody gave it
    new_budget(name)   a venue's request budget, shared with whatever other processes the host knows of; None: our own
    """

    def __init__(
        self,
        *,
        identity: Identity,
        clock: Clock,
        scheduler: Schedule,
        hub: MarketHub,
        permit: Permit,
        record: Callable[[msgspec.Struct], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        hearing: Callable[[Hear], Hear] = lambda callback: callback,
        restore: Restore | None = None,
        outlets: Mapping[str, Callable[[msgspec.Struct], None]] | None = None,
        secure: Secure = at_once,
        manual_halt: Callable[[], str] = lambda: "",
        is_watched: Callable[[], bool] = lambda: True,
        asks_why: Callable[[], bool] = lambda: False,
        take_lane: Callable[[], int] = lambda: 0,
        credentials: Keyring = no_credentials,
        new_budget: NewBudget | None = None,
    ) -> None:
        self.identity = identity
        self.clock = clock
        self.scheduler = scheduler
        self.hub = hub
        self.permit = permit
        self.record = record
        self.spawn = spawn
        self.hearing = hearing
        self.restore = restore
        self.outlets = outlets or {}
        self.secure = secure
        self.manual_halt = manual_halt
        self.is_watched = is_watched
        self.asks_why = asks_why
        self.take_lane = take_lane
        self.credentials = credentials
        self.new_budget = new_budget


class Component:
    """Convenience base: `name` and `runtime` are set by the container before `load`."""

    name: str = ""
    runtime: Runtime

    async def load(self) -> None:
        """Acquire. Every component this one was given is already loaded."""

    async def begin(self) -> None:
        """Start moving: called once, in load order, after every component is loaded. A replay starts its clock here."""

    async def unload(self) -> None:
        """Release. Runs in reverse order, also after a failed load, and may run twice."""
