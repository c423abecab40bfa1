"""A venue's request budget as ccxt spends it: most urgent first, corrected by what the venue's answers say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from engine.core.clock import Clock
from engine.execution.rates import KeyTurns, Line, Priority, Turn, urgency
from engine.venues.ccxt.calls import current_call
from engine.venues.ccxt.tuned.base import Budget, Tuning
from engine.venues.ccxt.turns import Turns

UNITS = 100
"""Of the budget in one of ccxt's cost, which may be a fraction."""
_SLOW_DOWN = (418, 429)
_ORDERS = (Priority.CANCEL, Priority.CREATE)


def budget_of(tuning: Tuning, rate_limit_ms: float) -> Budget:
    """What may be spent. ccxt's rate is evenly spaced; ours is as much within a window of ten such spaces, or a
    second: a whole ladder at once, and no more of them in the long run."""
    if tuning.budget is not None:
        return tuning.budget
    window_s = max(1.0, rate_limit_ms / 100)
    return Budget(limit=max(1.0, window_s * 1000 / max(rate_limit_ms, 1.0)), window_s=window_s)


class VenueWire:
    """What one ccxt instance reaches its venue with: a session, an address's budget, and an account's if it has one."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        clock: Clock,
        timeout_s: float,
        line: Line,
        tuning: Tuning,
        orders: Line | None = None,
        on_connected: Callable[[str], None] = lambda url: None,
        key_turns: KeyTurns | None = None,
        is_account: bool = False,
    ) -> None:
        self.session = session
        self.clock = clock
        self.timeout_s = timeout_s
        self._line = line
        self._orders = orders
        self._tuning = tuning
        self._on_connected = on_connected
        self._key_turns = key_turns
        self._turns = Turns() if tuning.serial and is_account else None

    async def turn(self, cost: float) -> None:
        call = current_call()
        priority = call.priority
        if self._orders is not None and priority in _ORDERS:
            weight = UNITS
            if call.orders > 1:
                weight = min(call.orders * UNITS, await self._orders.budget.capacity(with_reserve=False))
            await self._orders.acquire(priority, weight)
        # A request that costs more than the window holds, such as the whole list of markets, takes all there is.
        most = await self._line.budget.capacity(with_reserve=False)
        await self._line.acquire(urgency(priority), min(max(1, round(cost * UNITS)), most))

    def alone(self) -> AbstractAsyncContextManager[Turn]:
        return nullcontext(Turn()) if self._turns is None else self._in_turn(self._turns)

    @asynccontextmanager
    async def _in_turn(self, turns: Turns) -> AsyncIterator[Turn]:
        """First among ours, where the most urgent goes first; then among all who use the key."""
        async with turns.taken(urgency(current_call().priority)):
            if self._key_turns is None:
                yield Turn()
                return
            async with self._key_turns.taken() as turn:
                yield turn

    async def heard(self, status: int, headers: Mapping[str, str]) -> None:
        lowered = {name.lower(): value for name, value in headers.items()}
        if status in _SLOW_DOWN:
            await self._line.ban(self._left_alone_s(lowered))
        elif (usage := self._tuning.usage(lowered)) is not None:
            await self._line.observe(
                int(usage.used * UNITS),
                limit=None if usage.limit is None else int(usage.limit * UNITS),
                reset_s=usage.reset_s,
            )

    async def slowed(self, headers: Mapping[str, str], text: str) -> None:
        if self._tuning.is_auth(text):
            return  # the library takes a key that is no longer taken for a short ban
        await self._line.ban(self._left_alone_s({name.lower(): value for name, value in headers.items()}))

    def _left_alone_s(self, headers: Mapping[str, str]) -> float:
        """How long the venue wants to hear nothing: as it says, until it counts anew, or as it is known to count."""
        usage = self._tuning.usage(headers)
        counts_anew_s = usage.reset_s if usage is not None else None
        return retry_after_s(headers) or counts_anew_s or self._tuning.left_alone_s

    def complaint(self, answer: Any) -> str:
        return self._tuning.complaint(answer)

    def connected(self, url: str) -> None:
        self._on_connected(url)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, or a moment measured by the venue's own clock; None when it does not say."""
    value = headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdigit():
        return float(Decimal(value))
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, TypeError, ValueError):
        return None
