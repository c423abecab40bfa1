"""The host process: one asyncio loop that sits in a slot, claims deployments, and runs them until told otherwise.

It ends in one of three ways. Asked to stop, it hands everything over in order. Its slot taken by another, it drops
everything at once. Unable to renew, it cancels its quotes while its permit still holds, waits for the database, writes
what it recorded if that is still its own, and sits down anew.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from decimal import setcontext
from enum import Enum
from typing import Any

import structlog
from django.conf import settings

from engine.core.clock import SystemClock
from engine.core.decimals import MONEY
from engine.core.plugins import Registry
from engine.core.scheduler import Scheduler
from engine.venues.hub import MarketHub
from mmplatform.host import lease, records
from mmplatform.host.batch import Owner
from mmplatform.host.budget import SharedBudgets
from mmplatform.host.build import House
from mmplatform.host.database import DATABASE_ERRORS, Line, connect
from mmplatform.host.heap import Heap
from mmplatform.host.hosted import MOVED, SILENCE, STOPPED, Hosted
from mmplatform.host.lease import Claim, Permit, Timing, boottime
from mmplatform.host.pace import Pace
from mmplatform.host.stats import Stats
from mmplatform.host.writer import Writer
from monitoring.publisher import Publisher
from strategies.choices import SlotKind
from strategies.services import COMMAND_CHANNEL

log = structlog.get_logger(__name__)

ASK_S = 1.2
"""How long one question about the lease may take; three fit between a renewal and the silence."""
WATCH_S = 0.1
STATS_S = 5.0
LOADS_AT_ONCE = 4
REPLAYS_AT_ONCE = 3
"""Each may use all the time there is, so more of them would only be slower together."""


class Ending(Enum):
    STOPPED = "stopped"
    LOST = "lost"
    SILENT = "silent"


class Host:
    """One process in one slot. `run` returns when the slot is no longer ours to fill."""

    def __init__(
        self,
        *,
        slot: str,
        owner: str,
        database_url: str = "",
        broker_url: str = "",
        timing: Timing | None = None,
        registry: Registry | None = None,
        now: Callable[[], float] = boottime,
    ) -> None:
        self.name = slot
        self.owner = owner
        self.timing = timing or Timing()
        self.hosted: dict[int, Hosted] = {}
        self._database_url = database_url or settings.DATABASE_URL
        self._broker_url = broker_url or settings.REDIS_URL
        self._registry = registry or Registry.installed()
        self._now = now
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Hand everything over and end. Safe to repeat."""
        self._stop.set()

    async def run(self) -> None:
        setcontext(MONEY.copy())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            while not self._stop.is_set():
                ending = await self._sit_and_serve()
                if ending is not Ending.SILENT:
                    return
        finally:
            for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _sit_and_serve(self) -> Ending:
        self._lease = Line(self._database_url, purpose=f"{self.name} lease", timeout_s=ASK_S)
        self._desk = Line(self._database_url, purpose=f"{self.name} desk", timeout_s=10.0)
        sent = self._now()
        try:
            slot = await self._lease.ask(
                lambda connection: lease.acquire_slot(connection, name=self.name, owner=self.owner, timing=self.timing)
            )
            if slot is None:
                log.info("the slot is taken", slot=self.name)
                return Ending.LOST
            self._slot, self._seated_at = slot, sent
            self._permit = self._new_permit()
            self._permit.extend(sent)
            return await self._serve()
        except DATABASE_ERRORS as error:
            log.warning("the slot could not be taken", slot=self.name, error=str(error).strip())
            return Ending.LOST
        finally:
            await self._lease.close()
            await self._desk.close()

    def _new_permit(self) -> Permit:
        return Permit(self.timing, self._now)

    # Serving

    async def _serve(self) -> Ending:
        slot = self._slot
        log.info("a host sits down", slot=slot.name, token=slot.token, owner=self.owner)
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._trouble = ""
        self.hosted = {}
        self._loads = asyncio.Semaphore(LOADS_AT_ONCE)
        self._bringing_up: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[None]] = set()
        self._named: set[int] = set()
        self._called = asyncio.Event()
        self._writer = Writer(self._database_url, on_fenced=self._on_fenced, on_refused=self._on_refused)
        self._publisher = Publisher(self._broker_url)
        self._scheduler = Scheduler(SystemClock())
        self._budgets = SharedBudgets(self._broker_url, workers=settings.ENGINE_SLOTS, clock=SystemClock())
        self._house = House(
            desk=self._desk,
            writer=self._writer,
            publisher=self._publisher,
            scheduler=self._scheduler,
            hub=MarketHub(),
            registry=self._registry,
            timing=self.timing,
            pace=Pace(SystemClock()),
            heap=Heap(),
            new_budget=self._budgets,
        )
        self._scheduler.start()
        tasks = [
            self._writer.start(),
            self._publisher.start(),
            *(
                asyncio.create_task(work, name=name)
                for name, work in (
                    ("renew", self._renew()),
                    ("watch", self._watch()),
                    ("listen", self._listen()),
                    ("look", self._look()),
                    ("claim", self._claim()),
                    ("stats", self._tell_stats()),
                    ("stop", self._wait_for_stop()),
                )
            ),
        ]
        try:
            ending = await self._until_an_ending(tasks)
            for task in tasks:
                # Farewells are written and published, and what is still ours stays ours until it is written.
                keeps_on = {"writer", "live publisher"} | (set() if ending is Ending.LOST else {"renew"})
                if task.get_name() not in keeps_on:
                    task.cancel()
            await self._leave(ending)
        finally:
            await self._scheduler.stop()
            await self._publisher.stop()
            await self._budgets.close()
            await self._writer.stop()
            leftovers = [*tasks, *self._bringing_up, *self._others]
            for task in leftovers:
                task.cancel()
            await asyncio.gather(*leftovers, return_exceptions=True)
        log.info("a host leaves", slot=slot.name, token=slot.token, ending=ending.value)
        return ending

    async def _until_an_ending(self, tasks: list[asyncio.Task[None]]) -> Ending:
        await asyncio.wait([self._ending, *tasks], return_when=asyncio.FIRST_COMPLETED)
        if self._ending.done():
            return self._ending.result()
        for task in tasks:
            if task.done() and not task.cancelled() and task.exception() is not None:
                log.error("a part of the host failed; handing over", part=task.get_name(), exc_info=task.exception())
        return Ending.STOPPED

    def _end(self, ending: Ending) -> None:
        if not self._ending.done():
            self._ending.set_result(ending)

    async def _wait_for_stop(self) -> None:
        await self._stop.wait()
        self._end(Ending.STOPPED)

    async def _leave(self, ending: Ending) -> None:
        """Let go of everything, then of the slot."""
        for task in self._bringing_up:
            task.cancel()
        if self._bringing_up:
            await asyncio.wait(self._bringing_up)
        hosted = list(self.hosted.values())
        if self._others:
            await asyncio.wait(self._others)  # deployments that are leaving already
        if ending is Ending.LOST:
            await self._all(each.drop("the slot has another holder") for each in hosted)
            return
        if ending is Ending.SILENT:
            await self._wait_for_database()
            await self._all(each.let_go() for each in hosted)
        else:
            await self._all(each.hand_over(STOPPED) for each in hosted)
        try:
            await self._desk.ask(lambda connection: lease.release_slot(connection, self._slot))
        except DATABASE_ERRORS as error:
            log.warning("the slot could not be released; it runs out", slot=self.name, error=str(error).strip())

    async def _all(self, farewells: Any) -> None:
        results = await asyncio.gather(*farewells, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                log.error("a deployment could not be left in order", exc_info=result)

    async def _wait_for_database(self) -> None:
        """Until everything recorded is written or refused, however long the database stays away; or we are stopped."""
        while not await self._writer.settle(within_s=1.0):
            if self._stop.is_set():
                log.error("stopping with records unwritten", rows=self._writer.backlog)
                return

    # The lease

    async def _renew(self) -> None:
        """Once a second; at once again after a failure. Everything else hangs on this."""
        while True:
            sent = self._now()
            held = {each.id: each.token for each in self.hosted.values()}
            try:
                renewal = await self._lease.ask(
                    lambda connection, held=held: lease.renew(connection, self._slot, held, self.timing)
                )
            except DATABASE_ERRORS as error:
                self._trouble = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                log.warning("the lease could not be renewed", slot=self.name, error=self._trouble)
                await asyncio.sleep(0.2)
                continue
            self._trouble = ""
            if not renewal.slot_held:
                self._end(Ending.LOST)
                return
            self._permit.extend(sent)
            if not renewal.desired:
                self._end(Ending.STOPPED)
            for each in list(self.hosted.values()):
                standing = renewal.standings.get(each.id)
                if each.id not in held:
                    continue
                if standing is None or standing.token != each.token:
                    if each.token == held[each.id]:
                        self._spawn(each.drop("its row carries another token"))
                    continue
                if standing.renewed:
                    each.permit.extend(sent)
                each.heed(standing)
            await asyncio.sleep(max(0.0, sent + self.timing.renew_s - self._now()))

    async def _watch(self) -> None:
        """Look at every permit ten times a second: silence in time, and nothing at all after its end."""
        timing = self.timing
        patience_s = timing.ttl_s - timing.margin_s
        while True:
            await asyncio.sleep(WATCH_S)
            if self._permit.remaining_s <= 0:
                await self._all(each.drop("its permit ran out") for each in list(self.hosted.values()))
                self._end(Ending.SILENT)
                return
            stalled_s = self._writer.stalled_s
            if self._permit.remaining_s < timing.silence_s or stalled_s > timing.ttl_s:
                if stalled_s > timing.ttl_s:
                    reason = f"{SILENCE}: nothing could be recorded for {stalled_s:.1f} s"
                else:
                    unrenewed_s = patience_s - self._permit.remaining_s
                    reason = f"{SILENCE} for {unrenewed_s:.1f} s: {self._trouble or 'the database does not answer'}"
                await self._all(each.silence(reason) for each in list(self.hosted.values()))
                self._end(Ending.SILENT)
                return
            for each in list(self.hosted.values()):
                if each.permit.remaining_s <= 0:
                    self._spawn(each.drop("its permit ran out"))
                elif each.permit.remaining_s < timing.silence_s and not each.silenced:
                    self._spawn(self._silence_one(each))

    async def _silence_one(self, hosted: Hosted) -> None:
        """Its row alone could not be renewed, since somebody keeps it locked: the others go on."""
        await hosted.silence(f"{SILENCE}: its record has been locked by somebody else for too long")
        await hosted.let_go()

    # Commands

    async def _listen(self) -> None:
        """Hear of commands as they are committed. What is missed is read at the next renewal."""
        while True:
            try:
                connection = await connect(self._database_url, purpose=f"{self.name} listen")
                async with connection:
                    await connection.execute(f"listen {COMMAND_CHANNEL}")
                    async for notification in connection.notifies():
                        if notification.payload.isdigit() and int(notification.payload) in self.hosted:
                            self._named.add(int(notification.payload))
                            self._called.set()
            except DATABASE_ERRORS:
                await asyncio.sleep(0.5)

    async def _look(self) -> None:
        """Read whatever notifications have named, all at once: a firm-wide kill names everything."""
        while True:
            await self._called.wait()
            self._called.clear()
            ids = sorted(self._named)
            self._named.clear()
            try:
                standings = await self._lease.ask(lambda connection, ids=ids: lease.read_standings(connection, ids))
            except DATABASE_ERRORS:
                continue  # the next renewal reads them
            for standing in standings:
                hosted = self.hosted.get(standing.id)
                if hosted is not None and standing.token == hosted.token:
                    hosted.heed(standing)

    # Claims

    async def _claim(self) -> None:
        """Every second: take our share of what nobody holds, and give away what is more than our share."""
        while True:
            try:
                await self._claim_once()
            except DATABASE_ERRORS as error:
                log.warning("nothing could be claimed", slot=self.name, error=str(error).strip())
            await asyncio.sleep(self.timing.renew_s)

    async def _claim_once(self) -> None:
        slot, timing = self._slot, self.timing
        load = await self._desk.ask(lambda connection: lease.read_load(connection, slot, timing))
        most = REPLAYS_AT_ONCE if slot.kind == SlotKind.REHEARSAL else load.deployments
        shares = [(load.own_share(), 0.0)]
        if self._now() - self._seated_at > timing.settle_s:
            shares.append((load.full_share(), timing.settle_s))
        for share, free_for_s in shares:
            room = min(share, most) - len(self.hosted)
            sent = self._now()
            claims = await self._desk.ask(
                lambda connection, room=room, free_for_s=free_for_s: lease.claim(
                    connection, slot, limit=room, timing=timing, free_for_s=free_for_s
                )
            )
            for claim in claims:
                self._take(claim, sent)
        surplus = len(self.hosted) - max(load.own_share(), load.full_share())
        if surplus > 0 and slot.kind == SlotKind.ENGINE:
            # One a second, the idle ones first: a slot that came late gets work without the desk going quiet.
            idle_first = sorted(self.hosted.values(), key=lambda each: (each.state.value == "active", -each.id))
            await idle_first[0].hand_over(MOVED)

    def _take(self, claim: Claim, sent: float) -> None:
        permit = self._new_permit()
        permit.extend(sent)
        hosted = Hosted(claim, permit=permit, house=self._house, leaves=self._forget)
        self.hosted[claim.id] = hosted
        log.info("claimed", slot=self.name, deployment=claim.id, token=claim.token, lost_slot=claim.lost_slot)
        self._spawn(self._bring_up(hosted), self._bringing_up)

    async def _bring_up(self, hosted: Hosted) -> None:
        try:
            async with self._loads:
                await hosted.bring_up()
        except DATABASE_ERRORS as error:
            log.warning("a deployment could not be read", deployment=hosted.id, error=str(error).strip())
            await hosted.let_go(in_order=hosted.lost_slot is None)
        if len(self._bringing_up) == 1:  # the last of them
            self._house.heap.has_settled()

    def _forget(self, hosted: Hosted) -> None:
        if self.hosted.get(hosted.id) is hosted:
            del self.hosted[hosted.id]

    # What others tell us

    def _on_fenced(self, owner: Owner) -> None:
        hosted = self.hosted.get(owner.deployment_id)
        if hosted is not None and hosted.token == owner.token:
            self._spawn(hosted.drop("its records were refused: it has another holder"))

    def _on_refused(self, owner: Owner, reason: str) -> None:
        hosted = self.hosted.get(owner.deployment_id)
        if hosted is not None and hosted.token == owner.token:
            self._spawn(hosted.fail(reason))

    async def _tell_stats(self) -> None:
        stats = Stats(self._scheduler)
        while True:
            await asyncio.sleep(STATS_S)
            words = stats.read() | {
                "deployments": len(self.hosted),
                "rows_written": self._writer.rows,
                "writer_stalled_s": round(self._writer.stalled_s, 1),
                "frames_sent": self._publisher.sent,
                "frames_given_up": self._publisher.given_up,
            }
            try:
                words |= await self._desk.ask(records.outbox_backlog)
                await self._desk.ask(
                    lambda connection, words=words: records.write_stats(
                        connection, slot_id=self._slot.id, token=self._slot.token, stats=words
                    )
                )
            except DATABASE_ERRORS:
                continue

    def _spawn(self, coroutine: Coroutine[Any, Any, None], among: set[asyncio.Task[None]] | None = None) -> None:
        among = self._others if among is None else among
        task = asyncio.get_running_loop().create_task(coroutine)
        among.add(task)
        task.add_done_callback(among.discard)
