"""`dead_mans_switch`: when nobody here is left to cancel, the venue does (Q13)."""

from __future__ import annotations

from typing import Annotated, Protocol

from engine.core.clock import within
from engine.core.component import Component
from engine.core.errors import EngineError, NotReady, OutcomeUnknown
from engine.core.params import Collaborator, Seconds, Symbol
from engine.execution.tracker import OrderTracker
from engine.metrics.events import Notice
from engine.venues.capabilities import CancelsAfter

BEAT_S = 1.0

_LONGEST_CALL_S = 5.0


class MayPlace(Protocol):
    """Who knows whether orders may be placed now."""

    def may_place(self) -> str:
        """Why no order may be placed now; empty when one may."""
        ...


class DeadMansSwitch(Component):
    """Have the venue cancel every order of the account in a market once nothing has been heard from us for a while.

    It is wound up again and again while orders may be placed, and by nobody whose lease has run out. It is left to run
    down while orders may rest, and disarmed once none do. The venue cancels all orders of the account in this market,
    so an account that others use too is no place for it.
    """

    def __init__(
        self,
        *,
        exchange: Annotated[CancelsAfter, Collaborator(help="A venue that can cancel after a time")],
        symbol: Annotated[str, Symbol(help="Market whose orders the venue clears")],
        timeout_s: Annotated[int, Seconds(ge=5, le=3600, help="Silence after which the venue cancels everything")] = 30,
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.timeout_s = timeout_s
        self.is_armed = False
        self._trouble = ""
        self._wind_at = 0.0
        # A call that hangs must leave time for another before the venue's clock runs out.
        self._call_s = min(_LONGEST_CALL_S, timeout_s / 6)
        self._desk: MayPlace | None = None

    def attach(self, desk: MayPlace, tracker: OrderTracker, exchange: object) -> None:
        """Called by the executor whose orders it guards. Raises NotReady where others than those would be cleared."""
        if self._desk is not None:
            raise NotReady(f"{self.name} guards another executor already: each needs a dead man's switch of its own.")
        if tracker.symbol != self.symbol:
            raise NotReady(f"{self.name} clears {self.symbol}, but its executor trades {tracker.symbol}.")
        if exchange is not self.exchange:
            raise NotReady(f"{self.name} clears {self.symbol} on another account than its executor trades on.")
        self._desk, self._tracker = desk, tracker
        self.runtime.scheduler.every(BEAT_S, self.beat, name=f"dead man's switch {self.symbol}")

    async def beat(self) -> None:
        """Wind it up three times before it would go off; disarm it when there is nothing to guard."""
        now = self.runtime.clock.monotonic()
        if self._desk is None:
            return
        if not self._desk.may_place():
            if now >= self._wind_at:
                self._wind_at = now + (self.timeout_s / 3 if await self._tell(self.timeout_s) else BEAT_S)
        else:
            await self._disarm()
            self._wind_at = now

    async def unload(self) -> None:
        if self._desk is not None:
            await self._disarm()
            self._desk = None

    async def _disarm(self) -> None:
        # Whoever holds the deployment by now may have armed it for orders of their own.
        if self.is_armed and not self._tracker.live and self.runtime.permit.valid():
            await self._tell(0)

    async def _tell(self, seconds: int) -> bool:
        """Set the venue's clock; a failure is said once, and so is its end."""
        try:
            await within(self._call_s, self.exchange.cancel_all_after(self.symbol, seconds), clock=self.runtime.clock)
        except (EngineError, TimeoutError) as error:
            why = str(error) or "the venue did not answer"
            if not self._trouble:
                self._say("warning", f"The dead man's switch of {self.symbol} could not be set: {why}.")
            self._trouble = why
            if isinstance(error, (TimeoutError, OutcomeUnknown)):
                self.is_armed = True  # the venue may have heard it
            return False
        if self._trouble:
            self._say("info", f"The dead man's switch of {self.symbol} can be set again.")
            self._trouble = ""
        self.is_armed = seconds > 0
        return True

    def _say(self, level: str, text: str) -> None:
        self.runtime.record(Notice(ts_ns=self.runtime.clock.now_ns(), level=level, text=text))
