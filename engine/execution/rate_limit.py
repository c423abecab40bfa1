"""limits.rate: a venue's request budget, shared by every service that names it, in all processes of a desk."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Protocol, runtime_checkable

from engine.core.component import Component
from engine.core.errors import NotReady, Refused
from engine.core.params import Count, Seconds, Share, Text
from engine.execution.rates import Line, OwnBudgets, Priority


@runtime_checkable
class RateLimiter(Protocol):
    """Asked before every request to a venue, and told what the venue says about it."""

    async def acquire(self, priority: Priority, weight: int = 1) -> None:
        """Wait for a turn. Raises NotReady when that takes too long: then nothing may be sent."""
        ...

    async def observe(self, used: int, *, limit: int | None = None, reset_s: float | None = None) -> None: ...

    async def ban(self, seconds: float) -> None: ...


class RateLimit(Component):
    """Keep requests within a venue's budget: cancels first, then orders, reconciliation and data."""

    def __init__(
        self,
        *,
        budget: Annotated[str, Text(help="Whose budget, such as a venue's name; whoever names it spends from it")],
        limit: Annotated[int, Count(ge=1, help="Weight the venue allows within a window")],
        window_s: Annotated[Decimal, Seconds(gt=0, le=86_400, help="The venue's window")] = Decimal(60),
        margin_s: Annotated[
            Decimal, Seconds(ge=0, le=60, help="Taken longer than the window: requests reach the venue unevenly late")
        ] = Decimal("0.5"),
        cancel_reserve_share: Annotated[
            Decimal, Share(lt=1, le=None, help="Part of the budget that only cancels may use")
        ] = Decimal("0.2"),
        max_waiting: Annotated[int, Count(ge=1, help="Requests of one kind that may wait; cancels always may")] = 100,
        max_wait_s: Annotated[
            Decimal, Seconds(gt=0, help="Longest wait but for cancels; an order that waits is priced in the past")
        ] = Decimal(5),
    ) -> None:
        self.budget = budget
        self.limit = limit
        self.window_s = window_s
        self.margin_s = margin_s
        self.cancel_reserve_share = cancel_reserve_share
        self.max_waiting = max_waiting
        self.max_wait_s = max_wait_s
        self._line: Line | None = None

    async def load(self) -> None:
        runtime = self.runtime
        scheduler = runtime.scheduler.shared
        terms = (
            f"{self.limit} in {self.window_s} s with {self.margin_s} s of margin, {self.cancel_reserve_share} of it "
            f"for cancels, {self.max_waiting} waiting for {self.max_wait_s} s"
        )
        self._key = ("limits.rate", self.budget)
        line = await runtime.hub.acquire(
            self._key,
            lambda: Line(
                (runtime.new_budget or OwnBudgets(runtime.clock))(
                    self.budget,
                    limit=self.limit,
                    window_s=float(self.window_s + self.margin_s),
                    reserve=int(self.limit * self.cancel_reserve_share),
                ),
                name=self.budget,
                clock=runtime.clock,
                scheduler=scheduler,
                max_waiting=self.max_waiting,
                max_wait_s=float(self.max_wait_s),
                terms=terms,
            ),
        )
        if line.terms != terms:
            await runtime.hub.release(self._key)
            raise Refused(
                f"{self.name} wants the budget {self.budget} on other terms than another service of this host: "
                f"{terms} here, {line.terms} there; make them agree"
            )
        self._line = line

    async def unload(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await self.runtime.hub.release(self._key)

    async def acquire(self, priority: Priority, weight: int = 1) -> None:
        await self._open.acquire(priority, weight)

    async def observe(self, used: int, *, limit: int | None = None, reset_s: float | None = None) -> None:
        await self._open.observe(used, limit=limit, reset_s=reset_s)

    async def ban(self, seconds: float) -> None:
        await self._open.ban(seconds)

    @property
    def _open(self) -> Line:
        if self._line is None:
            raise NotReady(f"The budget {self.budget} is not loaded; nothing was sent.")
        return self._line
