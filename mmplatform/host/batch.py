"""What of one holder waits to be written, or is being written just now."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from engine.core.states import State
from engine.metrics.events import FillRecorded, OrderChanged

SAMPLES_KEPT = 3600
OUTBOX_KEPT = 10_000


@dataclass(frozen=True)
class Owner:
    """Whose rows these are."""

    deployment_id: int
    client_id: int
    token: int
    base: str
    quote: str


@dataclass(frozen=True)
class Observation:
    """The state of the deployment as its row shall show it."""

    state: State
    reason: str
    at: datetime


@dataclass(frozen=True)
class Adoption:
    """From when on the service runs by another revision, share or value, and what exactly changed, for the audit."""

    at: datetime
    revision_id: int
    share: Decimal
    old: dict[str, Any]
    new: dict[str, Any]
    reason: str


class SeenOrder(NamedTuple):
    """An order as it last changed, and when it was first seen."""

    change: OrderChanged
    first_seen_ns: int


@dataclass
class Batch:
    """Rows of one holder, in the order of time within each kind."""

    orders: dict[str, SeenOrder] = field(default_factory=dict)
    """By client order id, the newest state of each."""
    fills: list[tuple[Any, ...]] = field(default_factory=list)
    conversions: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    balances: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    samples: deque[tuple[Any, ...]] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))
    measurements: deque[tuple[Any, ...]] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))
    outbox: deque[tuple[Any, ...]] = field(default_factory=lambda: deque(maxlen=OUTBOX_KEPT))
    observed: Observation | None = None
    adopted: list[Adoption] = field(default_factory=list)
    command_done: int | None = None
    halt: tuple[float, bool] | None = None
    """Milliseconds from the command to nothing resting, and whether the venue confirmed it."""
    latch: str = ""
    """Why the engine halted by itself: latched as a kill switch of this deployment, unless it has one already."""
    progress: float | None = None
    told: list[FillRecorded] = field(default_factory=list)
    """The fills as people will hear of them, once they are written."""

    def __bool__(self) -> bool:
        return bool(
            self.orders
            or self.fills
            or self.conversions
            or self.events
            or self.balances
            or self.samples
            or self.measurements
            or self.outbox
            or self.observed
            or self.adopted
            or self.command_done is not None
            or self.halt
            or self.latch
            or self.progress is not None
        )

    @property
    def rows(self) -> int:
        kinds = (self.orders, self.fills, self.conversions, self.events, self.samples, self.measurements, self.outbox)
        return sum(map(len, kinds))

    @property
    def must_be_kept(self) -> bool:
        rows = (self.orders, self.fills, self.conversions, self.events, self.outbox)
        return any(map(bool, (*rows, self.observed, self.adopted, self.latch)))

    def followed_by(self, later: Batch) -> Batch:
        """Both as one: a batch that could not be written, and what gathered meanwhile."""
        return Batch(
            orders={**self.orders, **later.orders},
            fills=self.fills + later.fills,
            conversions=self.conversions + later.conversions,
            events=self.events + later.events,
            balances={**self.balances, **later.balances},
            samples=deque([*self.samples, *later.samples], maxlen=SAMPLES_KEPT),
            measurements=deque([*self.measurements, *later.measurements], maxlen=SAMPLES_KEPT),
            outbox=deque([*self.outbox, *later.outbox], maxlen=OUTBOX_KEPT),
            observed=later.observed or self.observed,
            adopted=self.adopted + later.adopted,
            command_done=self.command_done if later.command_done is None else later.command_done,
            halt=later.halt or self.halt,
            latch=self.latch or later.latch,
            progress=self.progress if later.progress is None else later.progress,
            told=self.told + later.told,
        )
