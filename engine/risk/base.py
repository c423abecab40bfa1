"""The seams of risk: what a check may look at, what a guard and a kill switch answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

import msgspec

from engine.core.states import State
from engine.execution.activity import Activity
from engine.execution.tracker import Exposure, TrackedOrder
from engine.market.types import Balance, Quote, QuoteSet
from engine.marketmaking.base import Trip
from engine.metrics.explained import Check
from engine.venues.base import MarketFeed


class RiskState(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a deployment, as risk sees it. Built each tick and on each fill."""

    ts_ns: int
    monotonic: float
    state: State
    feed: MarketFeed
    reference: Decimal | None
    """The reference price now; None when there is none that can be trusted."""
    mark: Decimal | None
    """The last trustworthy mid, even when there is none now: a market briefly not ready is not a loss."""
    position_base: Decimal
    total_pnl_quote: Decimal | None
    """Realised plus unrealised at `mark` minus fees; None before the first mid of a session with a position."""
    orders: Collection[TrackedOrder]
    """Every order that may still change the position."""
    exposure: Exposure | None = None
    """The sums over `orders`, where somebody keeps them."""
    activity: Activity = msgspec.field(default_factory=Activity)
    balances: Mapping[str, Balance] = {}
    """The venue's last word by asset; empty when there is no account."""
    resets: int = 0
    """How often a person has reset this deployment since its holder loaded. What is measured from a reset begins anew
    when it changes."""


@runtime_checkable
class KillSwitch(Protocol):
    """A condition under which quoting must stop. Asked on every tick while ACTIVE and after every fill."""

    def check(self, state: RiskState) -> Trip | None: ...


@runtime_checkable
class Guard(Protocol):
    """Pre-trade checks. Nothing reaches a venue past them."""

    def review(self, quotes: QuoteSet, state: RiskState) -> QuoteSet:
        """What may rest of what is wanted; every refusal is a sentence in `notes`."""
        ...

    def admit(self, quotes: Sequence[Quote], state: RiskState) -> tuple[tuple[Quote, ...], tuple[str, ...]]:
        """What may be sent right now, with a sentence for each order that may not. Counts the former as sent."""
        ...


@runtime_checkable
class TellsChecks(Protocol):
    """A guard that can say how each of its limits stood."""

    def checks(self, wanted: QuoteSet, allowed: QuoteSet, state: RiskState) -> tuple[Check, ...]: ...
