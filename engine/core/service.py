"""What a host may ask of a running service, whatever it does inside."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol, runtime_checkable

import msgspec

from engine.core.states import StateMachine
from engine.market.types import OrderReport


@runtime_checkable
class Service(Protocol):
    """A service starts PAUSED, quotes only while ACTIVE, and never leaves HALTED by itself (Q9).

    start, pause, halt and reset are safe to repeat and return when the state has settled; `reason` is shown to people.
    """

    machine: StateMachine

    async def start(self, reason: str) -> None:
        """Reconcile with the venue, then quote. Orders carrying an older token are cancelled before the first quote."""
        ...

    async def pause(self, reason: str) -> None:
        """Cancel resting quotes, keep the inventory."""
        ...

    async def halt(self, reason: str) -> None:
        """Kill: cancel everything, prove at the venue that nothing rests, stay HALTED."""
        ...

    async def reset(self, reason: str) -> None:
        """HALTED or FAULTED back to PAUSED. Only a person asks for this."""
        ...


@runtime_checkable
class TakesOver(Protocol):
    """A service that can clean up after an earlier holder without starting: after a lost host, whatever follows."""

    async def clear_leftovers(self) -> None:
        """Cancel every order an earlier holder left resting. The state stays what it is."""
        ...


@runtime_checkable
class Ticks(Protocol):
    """A service that works in turns, each of which must see one set of parameters from its beginning to its end."""

    async def between_ticks(self, act: Callable[[], None]) -> None:
        """Have something done while no turn is under way; at once when none is, even if none ever comes."""
        ...


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """What the record says a previous holder left. On paper the record *is* the venue's memory.

    Session totals come from the last recorded fill; zero on a first start. `orders` are those not known to be final, or
    final with executions that were never recorded.
    """

    position_base: Decimal = Decimal(0)
    average_cost: Decimal = Decimal(0)
    cost_quote: Decimal | None = None
    """Quote paid for the open position, exact; None in records that only know the average."""
    realised_total_quote: Decimal = Decimal(0)
    fees_total_quote: Decimal = Decimal(0)
    volume_total_quote: Decimal = Decimal(0)
    fills_total: int = 0
    unpriced_fees: dict[str, Decimal] = {}
    """Fees by asset that are in no total, since there was no rate when they were paid nor since."""
    conversions_total: int = 0
    """How often such fees have been booked later."""
    last_fill_ns: int = 0
    """Stamp of the last recorded fill. A venue's list of executions is counted on from here."""
    fill_ids: frozenset[str] = frozenset()
    """Venue ids of the fills recorded at that stamp or after it (some are told late), so that none counts twice."""
    fills_from_ns: int | None = None
    """`fill_ids` holds every recorded fill at or after this stamp, so that what else the venue lists from there on was
    never recorded; early enough for executions of any order in `orders`. None: the stamp of the last fill."""
    balances: dict[str, Decimal] = {}
    """Totals by asset, paper venues only."""
    orders: tuple[OrderReport, ...] = ()
    """`ts_ns` is when each was created."""
    booked_base: dict[str, Decimal] = {}
    """By client order id, how much of an order the recorded fills come to, where that is not what the order says."""
    peak_pnl_quote: Decimal | None = None
    """The highest total PnL on record since a person last reset the deployment; None when there is none."""
