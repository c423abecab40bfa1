"""Where events go: to the host's record and live bridge, or to a file, the log or memory when a service runs alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Annotated

import msgspec
import structlog

from engine.core.component import Component
from engine.core.errors import NotReady
from engine.core.params import Count, Flag, Items, Option, PathText
from engine.metrics.events import (
    Event,
    EventKind,
    FillRecorded,
    HaltCompleted,
    Notice,
    OrderChanged,
    RecordingEnded,
    RiskTriggered,
    Sample,
    StateChanged,
    View,
    Vitals,
    kind_of,
)
from engine.metrics.explained import TickExplained


class _Outlet(Component):
    """Hands every event to a port the host has opened."""

    outlet: str

    async def load(self) -> None:
        port = self.runtime.outlets.get(self.outlet)
        if port is None:
            raise NotReady(
                f"The sink {self.name!r} needs a host with the outlet {self.outlet!r}; "
                "a file that runs alone uses sinks.jsonl, sinks.log or sinks.memory instead."
            )
        self._port: Callable[[msgspec.Struct], None] = port

    def emit(self, event: Event) -> None:
        self._port(event)


class Postgres(_Outlet):
    """Persist samples, orders, fills and states through the host."""

    outlet = "postgres"


class Live(_Outlet):
    """Publish views and events to browsers through the host."""

    outlet = "live"


_TOLD = frozenset(
    {
        EventKind.STATE,
        EventKind.ORDER,
        EventKind.SIMULATED,
        EventKind.FILL,
        EventKind.FEES_PRICED,
        EventKind.RISK,
        EventKind.HALT,
        EventKind.NOTICE,
    }
)


class Outbox(_Outlet):
    """Tell other systems of chosen events, in the transaction that records them; a host's relay delivers."""

    outlet = "outbox"

    def __init__(
        self,
        *,
        kinds: Annotated[
            Sequence[EventKind],
            Items(ge=1),
            Option(help="What is told: what happens, not what comes by the clock"),
        ] = (EventKind.STATE, EventKind.FILL, EventKind.FEES_PRICED, EventKind.RISK, EventKind.HALT),
    ) -> None:
        if untold := [kind.value for kind in kinds if kind not in _TOLD]:
            told = ", ".join(kind.value for kind in EventKind if kind in _TOLD)
            raise ValueError(
                f"{', '.join(untold)} comes by the clock and is not told through an outbox, which tells {told}"
            )
        self.kinds = tuple(kinds)

    def emit(self, event: Event) -> None:
        if kind_of(event) in self.kinds:
            super().emit(event)


_FOR_WATCHERS = (View, Vitals, TickExplained)
"""Made for whoever looks at this moment."""


class Jsonl(Component):
    """Append every event to a file, one JSON object a line; decimals are strings, so nothing is lost."""

    def __init__(
        self,
        *,
        path: Annotated[str, PathText(help="File to append to", example="events.jsonl")],
        views: Annotated[
            bool, Flag(help="Also write the live views, several a second, vitals and explained ticks")
        ] = False,
    ) -> None:
        self.path = path
        self.views = views
        self._file: IO[bytes] | None = None
        self._encode = msgspec.json.Encoder().encode

    async def load(self) -> None:
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")  # noqa: ASYNC230  a local file, opened once

    def emit(self, event: Event) -> None:
        if self._file is not None and (self.views or not isinstance(event, _FOR_WATCHERS)):
            self._file.write(self._encode(event) + b"\n")
            if not isinstance(event, Sample):
                self._file.flush()

    async def unload(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class Log(Component):
    """Write to the log what a person would want to read there: states, fills, trips, halts and notices.

    Orders and samples are for machines; `orders` adds the former.
    """

    def __init__(self, *, orders: Annotated[bool, Flag(help="Also log every change of an order")] = False) -> None:
        self.orders = orders
        self._log = structlog.get_logger("service")

    def emit(self, event: Event) -> None:
        match event:
            case StateChanged():
                member = {"service": event.service} if event.service else {}
                self._log.info("state", old=event.old, new=event.new, reason=event.reason, **member)
            case FillRecorded(fill=fill):
                self._log.info(
                    "fill",
                    side=fill.side,
                    price=fill.price,
                    size_base=fill.size_base,
                    position_base=event.position_base,
                    realised_quote=event.realised_quote,
                )
            case RiskTriggered():
                self._log.error("kill switch", switch=event.switch, reason=event.reason)
            case HaltCompleted():
                self._log.info(
                    "quotes cancelled",
                    orders=event.orders_cancelled,
                    proven_clean=event.proven_clean,
                    took_ms=(event.completed_ns - event.requested_ns) / 1e6,
                    detail=event.detail,
                )
            case Notice():
                self._log.log(_LEVELS.get(event.level, 20), event.text)
            case RecordingEnded():
                self._log.info("recording ended", messages=event.messages, problem=event.problem, **event.findings)
            case OrderChanged() if self.orders:
                self._log.info(
                    "order", id=event.client_order_id, new=event.new, side=event.side, price=event.price,
                    size_base=event.size_base, reason=event.reason,
                )  # fmt: skip


class Memory(Component):
    """Keep the last events in memory: for tests, notebooks and short runs."""

    def __init__(self, *, limit: Annotated[int, Count(ge=1, help="How many to keep")] = 100_000) -> None:
        self.limit = limit
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)
        if len(self.events) > self.limit:
            del self.events[: len(self.events) - self.limit]


_LEVELS = {"info": 20, "warning": 30, "error": 40}
