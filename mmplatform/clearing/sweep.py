"""One worker's round over the accounts that a kill must leave clean: all at once, sharing one view of each venue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import ParamSpec, TypeVar

import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections

from clients.errors import Refusal
from engine.core.alone import Commons, alone
from engine.core.errors import EngineError, NotReady, Refused
from engine.core.plugins import Registry
from engine.execution import clearing as engine
from engine.execution.clearing import Ground, Listed, Verdict, Whose
from engine.execution.rates import urgently
from engine.market.types import OrderReport
from engine.venues.base import Exchange
from engine.venues.capabilities import KnowsOwn
from exchanges.inspection import among_hosts, component_of
from exchanges.services import credentials_open
from exchanges.vault import VaultError
from mmplatform.clearing.known import left_on_record
from strategies import clearing as record
from strategies.choices import StepKind, Witness
from strategies.clearing import Errand
from strategies.loading import registry as installed
from strategies.models import Clearing

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 64
LOOK_S = 0.25
"""How often a running round looks for accounts of another kill."""
WITHIN_S = 30.0
"""One attempt; the next one is another clearing."""
HEAD_START_S = 0.5
"""A host that lives cancels its own orders in less. Left to itself so long, no order is cancelled twice."""
LOOKS_EVERY_S = 0.05
AGAIN_AFTER_S = 1.0


async def sweep(worker: str, *, registry: Registry | None = None, within_s: float = WITHIN_S) -> int:
    """Clear every account that waits, until none does. Returns how many were taken up."""
    count = 0
    tasks: dict[int, asyncio.Task[None]] = {}
    await _record(close_old_connections)
    async with among_hosts() as shared:
        with urgently():
            while True:
                for clearing in await _record(record.claim, worker, limit=AT_ONCE - len(tasks)):
                    account = _Account(clearing, shared, registry or installed(), within_s)
                    tasks[clearing.pk] = asyncio.create_task(account.clear(), name=str(clearing))
                    count += 1
                if not tasks:
                    return count
                await asyncio.wait(tasks.values(), timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                tasks = {pk: task for pk, task in tasks.items() if not task.done()}
                await _record(record.hold, worker, list(tasks))


class _Account:
    """One account's clearing, from the record to the verdict. It is the witness of what the engine does there."""

    def __init__(self, clearing: Clearing, shared: Commons, registry: Registry, within_s: float) -> None:
        self._clearing = clearing
        self._shared = shared
        self._registry = registry
        self._within_s = within_s
        self._errand = Errand()
        self._knows_own = True

    async def clear(self) -> None:
        """Clear it and write down how that ended, whatever happens."""
        witness = Witness.VENUE
        try:
            self._errand = await _record(record.errand_of, self._clearing)
            if self._errand.trouble:
                verdict = _unproven(self._errand.trouble)
            elif self._errand.symbols:
                verdict = await self._once_it_answers()
            else:
                verdict = await self._by_the_record()
                confirmed = await _record(record.was_confirmed_by_hosts, self._clearing)
                witness = Witness.HOST if confirmed else Witness.RECORD
        except EngineError as error:
            verdict = _unproven(str(error))
        except Exception as error:  # the worker's edge: one account must not keep the others from being cleared
            log.error("an account could not be cleared", account=self._clearing.account_id, exc_info=error)
            verdict = _unproven(f"{type(error).__name__} while clearing it; see the worker's log.")
        await _record(
            record.finish,
            self._clearing,
            clean=verdict.clean,
            witness=witness,
            reason=verdict.reason,
            found=verdict.found,
            left_alone=verdict.left_alone,
        )

    async def _once_it_answers(self) -> Verdict:
        """At the venue, which may be out of reach at first."""
        clock = self._shared.clock
        began, told = clock.monotonic(), ""
        while True:
            try:
                return await self._at_the_venue()
            except NotReady as error:
                reason = f"The venue could not be asked: {str(error).rstrip('.')}."
                if clock.monotonic() - began >= self._within_s or not (await self._ground()).stands:
                    return _unproven(reason)
                if reason != told:
                    told = reason
                    await self.held_up(reason)
                await clock.sleep_until(clock.monotonic() + AGAIN_AFTER_S)

    async def _at_the_venue(self) -> Verdict:
        account = self._clearing.account
        try:
            credentials = await _record(credentials_open, account)
        except (VaultError, Refusal) as error:
            return _unproven(str(error))
        restore = await _record(left_on_record, account)
        async with AsyncExitStack() as stack:
            venues: dict[str, Exchange] = {}
            for kind, symbols in _by_kind(self._errand.symbols).items():
                component = component_of(account.venue, account=account.name, registry=self._registry, market_kind=kind)
                if not isinstance(component, Exchange):
                    raise Refused(f"{account.venue.component} has no orders that could be cancelled.")
                loading = alone(
                    component,
                    name=account.venue.slug,
                    credentials=lambda name: credentials,
                    among=self._shared,
                    restore=restore,
                )
                loaded = await stack.enter_async_context(loading)
                self._knows_own = self._knows_own and (not isinstance(loaded, KnowsOwn) or loaded.knows_own)
                venues |= dict.fromkeys(symbols, loaded)
            await self._give_hosts_a_head_start()
            return await self._run(_Routed(venues), self._errand.symbols)

    async def _by_the_record(self) -> Verdict:
        """Nothing to ask anybody: it is clean once no host can place there any more."""
        verdict = await self._run(_Routed({}), ())
        words = " ".join(filter(None, [self._errand.why, verdict.reason]))
        return Verdict(clean=verdict.clean, reason=words, found=0, left_alone=0)

    async def _run(self, books: engine.Books, symbols: Sequence[str]) -> Verdict:
        clearing = engine.Clearing(
            books=books,
            symbols=symbols,
            whose=lambda report: self._errand.whose(report, knows_own=self._knows_own),
            ground=self._ground,
            witness=self,
            clock=self._shared.clock,
            sweeps=self._errand.covered is None,
        )
        return await clearing.run(within_s=self._within_s)

    async def _give_hosts_a_head_start(self) -> None:
        clock = self._shared.clock
        over_at = clock.monotonic() + HEAD_START_S
        while (await self._ground()).moving and clock.monotonic() < over_at:
            await clock.sleep_until(clock.monotonic() + LOOKS_EVERY_S)

    async def _ground(self) -> Ground:
        return await _record(record.ground_of, self._clearing)

    # What the engine tells its witness

    async def listed(self, found: Listed) -> None:
        orders = [record.plain(report, whose.value) for whose in Whose for report in found.of(whose)]
        counts = [f"{len(found.of(whose))} {_WORDS[whose]}" for whose in Whose if found.of(whose)]
        where = ", ".join(self._errand.symbols)
        text = f"{self._clearing.account.venue} lists {', '.join(counts) or 'no order'} in {where}."
        await _record(record.step, self._clearing, StepKind.LISTED, text, orders)

    async def cancelled(self, answers: Sequence[OrderReport]) -> None:
        orders = [record.plain(report) for report in answers]
        text = f"Told to cancel {len(answers)}; the venue's word on each is below."
        await _record(record.step, self._clearing, StepKind.CANCELLED, text, orders)

    async def swept(self, symbol: str, count: int) -> None:
        text = f"Told to cancel all of {symbol} at once, where {count} of ours rested and nobody else's."
        await _record(record.step, self._clearing, StepKind.CANCELLED, text)

    async def held_up(self, reason: str) -> None:
        await _record(record.step, self._clearing, StepKind.HELD_UP, reason)


_WORDS = {
    Whose.OURS: "of ours",
    Whose.UNCOVERED: "of deployments not covered",
    Whose.FOREIGN: "not placed by this platform",
    Whose.UNTOLD: "of unknown origin",
}


class _Routed:
    """An account's markets, each at the component that knows it."""

    def __init__(self, venues: dict[str, Exchange]) -> None:
        self._venues = venues

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        return await self._venues[symbol].open_orders(symbol)

    async def cancel(self, symbol: str, client_order_ids: Sequence[str]) -> Sequence[OrderReport]:
        return await self._venues[symbol].cancel(symbol, client_order_ids)

    async def cancel_all(self, symbol: str) -> None:
        await self._venues[symbol].cancel_all(symbol)


def _by_kind(symbols: Sequence[str]) -> dict[str, list[str]]:
    """Markets by the kind under which a venue keeps them: contracts name what they settle in."""
    found: dict[str, list[str]] = {}
    for symbol in symbols:
        found.setdefault("linear" if ":" in symbol else "spot", []).append(symbol)
    return found


def _unproven(reason: str) -> Verdict:
    return Verdict(clean=False, reason=reason, found=0, left_alone=0)


async def _record(do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Read or write the record, beside the loop."""
    return await sync_to_async(do)(*args, **kwargs)
