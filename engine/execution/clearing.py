"""Empties an account in which nobody here quotes: list, cancel, list again, until the venue shows nothing of ours.

It is what a kill falls back on when the engine that placed the orders cannot be asked: it knows no tracker and no
record, only what the venue lists, and so sees whatever any host has left there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import msgspec

from engine.core.clock import Clock, within
from engine.core.errors import AuthRejected, EngineError
from engine.market.types import OrderReport

T = TypeVar("T")

ANSWER_WITHIN_S = 15.0
"""A question to the venue; its own time limit is shorter, the rest is for waiting its turn."""
CANCEL_AGAIN_AFTER_S = 1.0
"""A list may lag behind a cancel it was told of; by then it no longer does."""
SWEEPS_FROM = 4
"""Fewer orders than these are cancelled by name."""
WAITS_S = (0.05, 1.0)
"""Between two looks: the first wait, doubled each time, and the longest."""


class Whose(StrEnum):
    """To whom an order belongs that was found resting."""

    OURS = "ours"
    """This platform's, and covered by the kill: it is cancelled."""
    UNCOVERED = "uncovered"
    """This platform's, of a deployment that the kill does not cover: left alone."""
    FOREIGN = "foreign"
    """Not placed by this platform: left alone."""
    UNTOLD = "untold"
    """Nobody can tell: left alone, and nothing is proven while it rests."""


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand around the account, read before each look at the venue.

    stands       the kill still stands; once it is lifted, nothing more is cancelled
    moving       who might still place an order, in a sentence; empty when nobody can
    settles_in_s until whatever was sent before that has reached the venue or never will
    """

    stands: bool = True
    moving: str = ""
    settles_in_s: float = 0.0


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue listed, by whose it is."""

    orders: Mapping[Whose, Sequence[OrderReport]]

    def of(self, whose: Whose) -> Sequence[OrderReport]:
        return self.orders.get(whose, ())


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. `reason` says why it is not proven; of a clean one, what was left alone."""

    clean: bool
    reason: str
    found: int
    """Orders of ours that rested there when first looked at, or came later."""
    left_alone: int


class Books(Protocol):
    """The part of an `Exchange` that is needed to empty an account."""

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]: ...

    async def cancel(self, symbol: str, client_order_ids: Sequence[str]) -> Sequence[OrderReport]: ...

    async def cancel_all(self, symbol: str) -> None: ...


class Witness(Protocol):
    """Writes down what was done and seen, as it happens."""

    async def listed(self, found: Listed) -> None: ...

    async def cancelled(self, answers: Sequence[OrderReport]) -> None: ...

    async def swept(self, symbol: str, count: int) -> None:
        """A market was cleared by one request, when so many orders rested there."""
        ...

    async def held_up(self, reason: str) -> None:
        """Why nothing is proven yet: told once for each reason."""
        ...


class Clearing:
    """One account, some markets, until clean or out of time.

    whose   sorts an order that was found
    ground  reads how things stand, in this moment
    sweeps  a market in which only orders of ours rest may be cleared by one request: a budget of requests lets a
            thousand cancels pass in minutes
    """

    def __init__(
        self,
        *,
        books: Books,
        symbols: Sequence[str],
        whose: Callable[[OrderReport], Whose],
        ground: Callable[[], Awaitable[Ground]],
        witness: Witness,
        clock: Clock,
        sweeps: bool = False,
    ) -> None:
        self._sweeps = sweeps
        self._books = books
        self._symbols = tuple(symbols)
        self._whose = whose
        self._ground = ground
        self._witness = witness
        self._clock = clock
        self._found: dict[str, None] = {}
        self._told: dict[str, float] = {}
        """When each order was last cancelled, by our id of it."""
        self._listed: tuple[tuple[str, Whose], ...] | None = None
        self._held_up = ""

    async def run(self, *, within_s: float) -> Verdict:
        """Look and cancel until the venue lists nothing of ours and nobody can place more; at most for so long."""
        began = self._clock.monotonic()
        wait_s, longest_s = WAITS_S
        while True:
            ground = await self._ground()
            if not ground.stands:
                return self._verdict("The kill switch was reset before this was proven.", Listed(orders={}))
            listed = Listed(orders={})
            try:
                listed = await self._look()
                reason = await self._deal_with(listed, ground)
            except AuthRejected as error:
                return self._verdict(f"The venue refuses the account's key: {_stop(error)}", listed)
            except (EngineError, TimeoutError) as error:
                reason = f"The venue could not be asked: {_stop(error)}"
            if not reason:
                return self._verdict("", listed)
            if self._clock.monotonic() - began >= within_s:
                return self._verdict(reason, listed)
            if reason != self._held_up:
                self._held_up = reason
                await self._witness.held_up(reason)
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)
            wait_s = min(2 * wait_s, longest_s)

    async def _look(self) -> Listed:
        """Every market's list, sorted; told to the witness when it is another than before."""
        found: dict[Whose, list[OrderReport]] = {}
        for symbol in self._symbols:
            for report in await self._bounded(self._books.open_orders(symbol)):
                found.setdefault(self._whose(report), []).append(report)
        listed = Listed(orders=found)
        shown = tuple((report.client_order_id, whose) for whose, reports in found.items() for report in reports)
        if shown != self._listed:
            self._listed = shown
            await self._witness.listed(listed)
        return listed

    async def _deal_with(self, listed: Listed, ground: Ground) -> str:
        """Cancel what is ours; return why this look proves nothing, or an empty string when it proves all."""
        ours = listed.of(Whose.OURS)
        if ours:
            # Asked again between the list and the cancel: whatever was listed before a reset was placed before it.
            if not (await self._ground()).stands:
                return "The kill switch was reset."
            self._found.update((report.client_order_id, None) for report in ours)
            await self._cancel(ours, listed)
            return f"The venue still lists {_orders(len(ours))} of ours."
        if untold := listed.of(Whose.UNTOLD):
            return f"The venue lists {_orders(len(untold))} of unknown origin."
        if ground.moving:
            return ground.moving
        if ground.settles_in_s > 0:
            return "What was sent last may still be on its way to the venue."
        return ""

    async def _cancel(self, ours: Collection[OrderReport], listed: Listed) -> None:
        """Cancel what was not cancelled just now: by name, or a whole market the first time."""
        now = self._clock.monotonic()
        by_symbol: dict[str, list[str]] = {}
        is_first = {report.symbol for report in ours} - {
            report.symbol for report in ours if report.client_order_id in self._told
        }
        for report in ours:
            if now - self._told.get(report.client_order_id, float("-inf")) >= CANCEL_AGAIN_AFTER_S:
                self._told[report.client_order_id] = now
                by_symbol.setdefault(report.symbol, []).append(report.client_order_id)
        shared = {report.symbol for whose in Whose if whose is not Whose.OURS for report in listed.of(whose)}
        for symbol, ids in by_symbol.items():
            if self._sweeps and len(ids) >= SWEEPS_FROM and symbol in is_first and symbol not in shared:
                await self._bounded(self._books.cancel_all(symbol))
                await self._witness.swept(symbol, len(ids))
            else:
                await self._witness.cancelled(await self._bounded(self._books.cancel(symbol, ids)))

    async def _bounded(self, call: Coroutine[Any, Any, T]) -> T:
        return await within(ANSWER_WITHIN_S, call, clock=self._clock)

    def _verdict(self, reason: str, listed: Listed) -> Verdict:
        words = [reason] if reason else []
        foreign, uncovered = listed.of(Whose.FOREIGN), listed.of(Whose.UNCOVERED)
        if foreign:
            words.append(f"{_orders(len(foreign))} not placed by this platform left alone.")
        if uncovered:
            words.append(f"{_orders(len(uncovered))} of deployments that this kill does not cover left alone.")
        return Verdict(
            clean=not reason,
            reason=" ".join(words),
            found=len(self._found),
            left_alone=len(foreign) + len(uncovered),
        )


def _orders(count: int) -> str:
    return f"{count} order{'' if count == 1 else 's'}"


def _stop(error: BaseException) -> str:
    words = str(error) or "it did not answer in time"
    return words if words.endswith(".") else f"{words}."
