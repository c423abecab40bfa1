"""Why a tick quoted what it quoted: inputs, the draft after each stage, checks, what was done and what became of it.

Made only when somebody asks, or when a deployment begins, stops or is halted; never on the way of an ordinary tick.
Money is exact, and everything is bounded: at most LEVELS rungs a side are told, and the count of the others.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.core.states import State
from engine.market.types import Side

LEVELS = 60
"""Told of each side at each stage, innermost first."""
WORDS = 600
"""The longest text of one reason."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One figure the tick went by. None: it looked and there was none."""

    name: str
    value: Decimal | None
    unit: str = ""
    source: str = ""
    age_ms: int | None = None
    """How old it was when it was used, where that is known."""


class Rung(msgspec.Struct, frozen=True, gc=False):
    """One wanted order at a stage: its level (0 is innermost), its price with every offset, its size."""

    side: Side
    level: int
    price: Decimal
    size: Decimal
    in_quote: bool = False
    """Whether the size is a notional in quote currency, as some strategies want it until rounding."""


class Kind(StrEnum):
    STRATEGY = "strategy"
    MODIFIER = "modifier"
    ROUNDING = "rounding"
    RISK = "risk"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What one stage left of the wanted orders, and why."""

    kind: Kind
    by: str
    """The component's name in its file; empty for rounding."""
    does: str = ""
    """What such a component does, in its own words."""
    rungs: tuple[Rung, ...] | None
    """None: the same as after the stage before."""
    left_out: int = 0
    """Rungs beyond LEVELS a side."""
    because: tuple[str, ...] = ()
    """What it said at this tick, as sentences."""


class Verdict(StrEnum):
    PASSED = "passed"
    CUT = "cut"
    """Some of the orders were left out."""
    REFUSED = "refused"
    """Nothing may rest."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One limit as it stood against the wanted orders. `value` and `limit` are in `unit`; None where words say it."""

    name: str
    verdict: Verdict
    value: Decimal | None = None
    limit: Decimal | None = None
    unit: str = ""
    text: str = ""


class Act(StrEnum):
    KEPT = "kept"
    PLACED = "placed"
    REPLACED = "replaced"
    REDUCED = "made smaller"
    """In its place, keeping its turn in the queue."""
    CANCELLED = "cancelled"
    WAITS = "waits"
    """The slot is not free: an order is on its way in or out, or its fate is not known."""
    HELD_BACK = "held back"
    """Wanted, and not sent at this tick."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick did about one slot. A wanted or resting half is None where there was none."""

    act: Act
    side: Side
    level: int
    wanted_price: Decimal | None = None
    wanted_size_base: Decimal | None = None
    resting_price: Decimal | None = None
    resting_size_base: Decimal | None = None
    because: str = ""
    placed_id: str = ""
    """Client order id of the order that was sent."""
    ended_id: str = ""
    """Client order id of the order that was to be cancelled."""
    outcome: str = ""
    """What became of them, as far as it was known when this was told."""


class Cause(StrEnum):
    """Why this tick and no other was explained."""

    ASKED = "asked"
    CHANGED = "changed"
    """It began or stopped quoting, or gave another reason than the tick before."""
    TRIPPED = "tripped"


class TickExplained(msgspec.Struct, frozen=True, kw_only=True, tag="explained"):
    """One tick. `ts_ns` names it: told again under the same stamp, with what became of its orders."""

    ts_ns: int
    symbol: str
    base: str
    quote: str
    state: State
    cause: Cause
    is_quoting: bool
    verdict: str
    """The result in one sentence; of a tick that does not quote, why."""
    inputs: tuple[Input, ...] = ()
    stages: tuple[Stage, ...] = ()
    checks: tuple[Check, ...] = ()
    actions: tuple[Action, ...] = ()
    notes: tuple[str, ...] = ()
    """What was said about orders that were not sent."""
    is_settled: bool = True
    """Whether the outcome of everything that was sent is known."""
