"""One deployment on this host: built, brought to the state it belongs in, commanded, let go of in one of three ways.

handed over   in order: quotes cancelled, everything written, the lease released; the next holder may go on
silenced      we may soon lose the lease: quotes cancelled while we still may, then let go of
dropped       we have lost it: nothing is sent, nothing will be written any more
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from engine.core.container import Container
from engine.core.errors import EngineError
from engine.core.service import Service, TakesOver
from engine.core.states import State
from engine.metrics.events import Event, FillRecorded, StateChanged, Vitals
from mmplatform.host import lease, records
from mmplatform.host.batch import Owner
from mmplatform.host.build import House, bring_in, container_of
from mmplatform.host.changing import Outcome, adopt, change_in_place
from mmplatform.host.database import DATABASE_ERRORS
from mmplatform.host.journal import Journal
from mmplatform.host.lease import Claim, Permit, Standing
from mmplatform.host.records import Record
from mmplatform.host.rehearsal import Rehearsal
from mmplatform.host.standing import Teller
from strategies.choices import Mode, Wanted

log = structlog.get_logger(__name__)

HALTED = (State.HALTING, State.HALTED)
REFITTED = (State.PAUSED, State.STARTING, State.ACTIVE)
"""States in which a change of facts is acted on at once; a halt keeps what it has until it is reset."""
QUOTED = (State.STARTING, State.ACTIVE, State.PAUSING, State.HALTING)
"""Observed states in which orders of an earlier holder may rest where they outlive it."""
SETTLE_S = 3.0
"""How long an orderly hand-over waits for the record; longer, and the next holder treats us as lost."""
CLEAR_AGAIN_S = (1.0, 30.0)
"""After a fault that may have left orders: how long until the first attempt to clear them, and at most between two."""


class Leaves(Protocol):
    def __call__(self, hosted: Hosted) -> None:
        """This deployment is no longer ours."""
        ...


class Hosted:
    """One claimed deployment. Its permit is its own: a row that cannot be renewed costs nobody else anything."""

    def __init__(self, claim: Claim, *, permit: Permit, house: House, leaves: Leaves) -> None:
        self.id = claim.id
        self.token = claim.token
        self.permit = permit
        self.lost_slot = claim.lost_slot
        self.container: Container | None = None
        self.journal: Journal | None = None
        self.kill_reason = ""
        self.silenced = ""
        """Why we fell silent, or empty."""
        self._house = house
        self._leaves = leaves
        self._fault = ""
        self._command = 0
        self._facts = ""
        self._awaits_check = False
        self._is_up = False
        self._is_leaving = False
        self._gone = asyncio.Event()
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rehearsal: Rehearsal | None = None
        self._record: Record | None = None
        self._clearing: asyncio.Task[None] | None = None
        self._teller = Teller(self._show_standing)

    @property
    def service(self) -> Service | None:
        return self.container.service if self.container is not None else None

    @property
    def state(self) -> State:
        if self._fault:
            return State.FAULTED
        return self.service.machine.state if self.service is not None else State.PAUSED

    # Coming

    async def bring_up(self) -> None:
        """Build the service and bring it to the state its record calls for."""
        async with self._turn:
            try:
                await self._come_up()
            except DATABASE_ERRORS:
                raise
            except Exception as error:  # the host's edge: one deployment must not hurt the others
                log.error("a deployment could not be brought up", deployment=self.id, exc_info=error)
                if not self._is_leaving:
                    await self.fail(f"could not be brought up: {_words(error)}")
            self._is_up = True  # from here on commands are heeded, above all a kill

    async def _come_up(self) -> None:
        record = await self._read()
        if record is None or self._is_leaving:
            return
        if record.mode is Mode.REPLAY and self.lost_slot is not None:
            problem = f"The host playing it was lost (slot {self.lost_slot}); start it again."
            await self._depart(lambda: self._store_replay(problem))
        elif await self._build(record):
            await self._settle(record)

    async def _read(self) -> Record | None:
        house = self._house
        record = await house.desk.ask(lambda connection: records.read(connection, self.id, self.token))
        if record is None:
            self._vanish()
            return None
        if self._is_leaving:
            return None
        self._record = record
        self.kill_reason = record.kill_reason or self.kill_reason  # a notification may have been read since
        self._command = record.command
        self._facts = record.facts
        if self.journal is not None:
            house.writer.close(self.journal)
        self.journal = house.writer.open(
            Owner(
                deployment_id=record.id,
                client_id=record.client_id,
                token=self.token,
                base=record.market.base,
                quote=record.market.quote,
            ),
            on_recorded=lambda fill: house.publisher.emit(self.id, fill),
        )
        self.journal.kill_reason = self.kill_reason
        return record

    async def _build(self, record: Record) -> bool:
        """Compile, load and begin; False after a failure, which is recorded as FAULTED."""
        journal = self.journal
        assert journal is not None
        if record.mode is Mode.REPLAY:
            self._rehearsal = Rehearsal(self.journal, self._house.writer, on_ended=self._recording_ended)
        self._teller.begins(revision=record.revision, token=self.token)
        try:
            await bring_in(record, self._house.registry)
            container = await self._house.pace.do(lambda: self._container_of(record, journal))
            if self._is_leaving:
                return False  # nothing of it has been acquired yet
            self.container = container
            self._teller.built(container)
            await container.load()
            await container.begin()
            self._teller.tell()
        except Exception as error:  # the host's edge: one deployment must not hurt the others
            self.container = None
            self._teller.tell()
            if not self._is_leaving:
                log.error("a deployment could not be built", deployment=self.id, exc_info=error)
                reason = f"could not be started: {_words(error)}"
                self._show_fault(reason)
                if record.mode is Mode.LIVE and (self.lost_slot is not None or record.observed in QUOTED):
                    self._keep_clearing(reason)
            return False
        if self._is_leaving:
            # Handed over or dropped meanwhile, at a moment when there was nothing yet to take down.
            self.container = None
            await container.unload()
            return False
        self._fault = ""
        if record.mode is not Mode.REPLAY:
            adopt(record, journal)
        return True

    def _container_of(self, record: Record, journal: Journal) -> Container:
        return container_of(
            record,
            house=self._house,
            rehearsal=self._rehearsal,
            permit=self.permit,
            outlets={"postgres": journal.emit, "live": self._publish, "outbox": self._outbox(record)},
            secure=lambda: self._house.writer.secure(journal),
            manual_halt=lambda: self.kill_reason,
            is_watched=lambda: self._house.publisher.is_watched(self.id),
            asks_why=lambda: self._house.publisher.asks_why(self.id),
            on_fault=self._on_fault,
            on_event=self._on_event,
        )

    async def _settle(self, record: Record) -> None:
        """The state it belongs in: halted stays halted, faulted stays faulted, the rest is the mandate's choice."""
        service, journal = self.service, self.journal
        assert service is not None
        assert journal is not None
        is_reset = record.is_pending and record.wanted is Wanted.PAUSED
        loss = f"the host of slot {self.lost_slot} was lost" if self.lost_slot is not None else ""
        if self.lost_slot is not None and record.observed_reason.startswith(SILENCE):
            loss = record.observed_reason
        was_halted = record.observed in HALTED and not is_reset
        if record.kill_reason or record.wanted is Wanted.HALTED or was_halted:
            await self._clear_leftovers()
            await self._halt_by_command(record.kill_reason or record.observed_reason)
        elif record.observed is State.FAULTED and not is_reset:
            await self._clear_leftovers()
            is_clean = await self._take_down()
            self._show_fault(record.observed_reason)
            if not is_clean:
                self._keep_clearing(record.observed_reason)
        elif record.wanted is not Wanted.ACTIVE:
            await self._clear_leftovers()
            self._show(record.wanted_reason if record.is_pending else loss or record.observed_reason)
        elif record.is_pending:
            await self._within(service.start(record.wanted_reason))
        elif not _was_quoting(record):
            await self._clear_leftovers()
            self._show(record.observed_reason)
        elif record.facts and not loss:
            await self._within(service.start("resumed after a planned change of host"))
        elif record.facts and record.resumes:
            await self._within(service.start(f"resumed after host loss: {loss}"))
        else:
            reason = f"paused after host loss: {loss}" if loss else "paused after a planned change of host"
            if not record.facts:
                reason += f", since the key of {record.account.name} has not been checked yet"
            await self._clear_leftovers()
            await self._house.desk.ask(
                lambda connection: records.want_paused(
                    connection, deployment_id=self.id, token=self.token, reason=reason
                )
            )
            self._show(reason)
        if record.is_pending:
            journal.carried_out(record.command)

    async def _clear_leftovers(self) -> None:
        if isinstance(self.service, TakesOver):
            await self._within(self.service.clear_leftovers())

    # Commands

    def heed(self, standing: Standing) -> None:
        """What people want now. A kill overtakes whatever is under way; other commands wait their turn."""
        self.kill_reason = standing.kill_reason
        if self.journal is not None:
            self.journal.kill_reason = standing.kill_reason
        if not self._is_up or self._is_leaving or self.silenced:
            return
        if standing.ended:
            self._spawn(self.hand_over("the deployment has ended"), "hand over")
        elif standing.command > self._command:
            self._command = standing.command
            self._spawn(self._carry_out(standing), f"{standing.wanted} {self.id}")
        elif standing.kill_reason and self.state not in (*HALTED, State.FAULTED):
            self._spawn(self._halt(standing.kill_reason), f"halt {self.id}")
        elif standing.facts != self._facts and self.state in REFITTED and self._rehearsal is None:
            self._heed_change(standing.facts)

    def _heed_change(self, facts: str) -> None:
        """What the service was built with has changed, once for each change. A key waits for its check."""
        if facts:
            self._facts, self._awaits_check = facts, False
            self._spawn(self._refit(), f"refit {self.id}")
        elif not self._awaits_check and self.journal is not None:
            self._awaits_check = True
            self.journal.note(AWAITS_CHECK, level="warning")

    async def _carry_out(self, standing: Standing) -> None:
        wanted, reason = Wanted(standing.wanted), standing.wanted_reason
        if wanted is Wanted.HALTED:
            await self._halt(reason)
        else:
            async with self._turn:
                if standing.command != self._command:
                    return  # overtaken by a later one
                await self._start_or_pause(wanted, reason)
        if self.journal is not None:
            self.journal.carried_out(standing.command)

    async def _start_or_pause(self, wanted: Wanted, reason: str) -> None:
        service, state = self.service, self.state
        assert self.journal is not None
        try:
            if wanted is Wanted.PAUSED and state is State.FAULTED:
                await self._build_anew(reason)
            elif service is None:
                self.journal.note(f"Not started while {state}: {self._fault}", level="warning")
            elif wanted is Wanted.ACTIVE:
                await self._within(service.start(reason))
            elif state not in HALTED:
                await self._within(service.pause(reason))
            elif state is State.HALTING:
                self.journal.note("Not reset: the venue has not yet confirmed that nothing rests.", level="warning")
            elif self.kill_reason:
                self.journal.note(f"Not reset: {self.kill_reason}", level="warning")
            else:
                await self._within(service.reset(reason))
        except EngineError as error:
            self.journal.note(f"The command could not be carried out: {error}", level="error")

    async def _refit(self) -> None:
        """What the service was built with has changed: in place where that is enough, else it is built anew, and goes
        on quoting if it was."""
        async with self._turn:
            service, state = self.service, self.state
            if service is None or self.journal is None or state not in REFITTED:
                self._facts = ""  # halted meanwhile; the reset leads here again
                return
            if await self._change_in_place():
                return
            if self.service is not service or self.state not in REFITTED:
                self._facts = ""
                return
            was_quoting = state is not State.PAUSED
            self.journal.note(f"{await self._what_changed()}: {REFIT}.", level="warning")
            reason = REFIT if was_quoting else service.machine.reason
            if was_quoting:
                await service.pause(reason)
            if not await self._build_anew(reason):
                return
            record, service = self._record, self.service
            is_wanted = record is not None and record.wanted is Wanted.ACTIVE and not self.kill_reason
            if was_quoting and is_wanted and service is not None:
                await service.start(REFIT)

    async def _change_in_place(self) -> bool:
        """Whether nothing is left to do: the running service was changed, or the new configuration was refused."""
        house, container, journal, old = self._house, self.container, self.journal, self._record
        assert container is not None
        assert journal is not None
        assert old is not None
        new = await house.desk.ask(lambda connection: records.read(connection, self.id, self.token))
        if new is None or new.ground != old.ground:
            return False
        outcome = await change_in_place(container, old, new, journal=journal, registry=house.registry)
        if outcome is Outcome.CHANGED:
            self._record, self._facts = new, new.facts
            self._teller.goes_on(revision=new.revision)
        return outcome is not Outcome.NEEDS_RESTART

    async def _what_changed(self) -> str:
        """In words: what the venue changed about the market is on record; the rest people changed, and audited."""
        record = self._record
        assert record is not None
        market = record.market
        changes = await self._house.desk.ask(
            lambda connection: records.what_changed(connection, deployment_id=self.id, since=market.changed_at)
        )
        what = f"{market.symbol} changed at {record.identity.venue}, {', '.join(changes)}"
        return what if changes else "What it runs with was changed"

    async def _halt(self, reason: str) -> None:
        if self.service is None:
            # Faulted: nothing of ours runs, yet what rests at the venue must be proven gone, not assumed.
            async with self._turn:
                if self.service is None and not await self._build_anew(reason):
                    return
        await self._halt_by_command(reason)

    async def _halt_by_command(self, reason: str) -> None:
        if self.service is not None and self.journal is not None:
            with self.journal.commanded(reason):
                await self._within(self.service.halt(reason))

    async def _build_anew(self, reason: str) -> bool:
        """After a fault: a new component tree under a new token, from the record as it then stands."""
        house, journal = self._house, self.journal
        assert journal is not None
        await self._take_down()
        await house.writer.settle(journal, within_s=SETTLE_S)
        token = await house.desk.ask(
            lambda connection: lease.renew_token(
                connection, deployment_id=self.id, token=self.token, timing=house.timing
            )
        )
        if token is None:
            self._vanish()
            return False
        self.token = token
        record = await self._read()
        if record is None or not await self._build(record):
            return False
        await self._clear_leftovers()
        self._show(reason)
        return True

    async def _within(self, command: Coroutine[Any, Any, None]) -> None:
        """Have the service do something in its own context: its code is watched, its name is on every log line."""
        assert self.container is not None
        await self.container.within(command)

    # Going

    async def silence(self, reason: str) -> None:
        """Cancel everything now, while the permit still holds. What follows is to let go."""
        if self.silenced:
            return
        self.silenced = reason
        log.error("falling silent", deployment=self.id, reason=reason)
        if self.service is not None and self._rehearsal is None:
            await self._within(self.service.pause(reason))

    async def hand_over(self, reason: str) -> None:
        """Leave in order: cancel, write, release."""
        await self._depart(lambda: self._hand_over(reason))

    async def _hand_over(self, reason: str) -> None:
        if self._rehearsal is not None and self._record is not None and self.state is not State.FAULTED:
            await self._take_down()
            await self._store_replay(f"It was stopped before its end: {reason}.")
            return
        if self.service is not None and self.state not in HALTED:
            await self._within(self.service.pause(reason))
        is_clean = await self._take_down()
        # Until it was up nobody has acted on the loss of an earlier holder: the next one must still hear of it.
        await self._release(in_order=is_clean and (self._is_up or self.lost_slot is None))

    async def let_go(self, *, in_order: bool = False) -> None:
        """After silence: write what was recorded, if it is still ours, and leave as one that was lost."""
        await self._depart(lambda: self._let_go(in_order=in_order))

    async def _let_go(self, *, in_order: bool) -> None:
        await self._take_down()
        await self._release(in_order=in_order)

    async def _depart(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Leave once, in a task of its own: whoever asked may be cancelled half way, and others wait for the end."""

        async def leave() -> None:
            try:
                await farewell()
            finally:
                self._leave()

        if not self._is_leaving:
            self._is_leaving = True
            self._spawn(leave(), f"leave {self.id}")
        await self._gone.wait()

    async def drop(self, reason: str) -> None:
        """The lease is gone: stop at once, send nothing. The permit sees to that, also while we unload."""
        self.permit.end()
        if self._is_leaving:
            return
        self._is_leaving = True
        log.error("dropping a deployment", deployment=self.id, token=self.token, reason=reason)
        self._house.publisher.forget(self.id)
        self._leaves(self)
        await self._take_down()
        if self.journal is not None:
            # Refused if somebody else holds it by now; written if the row still carries our token.
            await self._house.writer.settle(self.journal, within_s=SETTLE_S)
            self._house.writer.close(self.journal)
        self._gone.set()

    async def _release(self, *, in_order: bool) -> None:
        house = self._house
        try:
            if self.journal is not None:
                written = await house.writer.settle(self.journal, within_s=SETTLE_S)
                in_order = in_order and written
                house.writer.close(self.journal)
            await house.desk.ask(
                lambda connection: lease.release_deployment(
                    connection, deployment_id=self.id, token=self.token, in_order=in_order
                )
            )
        except DATABASE_ERRORS as error:
            log.error("could not release a deployment; it runs out", deployment=self.id, error=str(error).strip())
        self.permit.end()
        house.publisher.forget(self.id)
        self._leave()

    def _leave(self) -> None:
        self._leaves(self)
        self._gone.set()

    def _vanish(self) -> None:
        """The row says that we are not the holder."""
        self._spawn(self.drop("it has another holder"), f"drop {self.id}")

    async def _take_down(self) -> bool:
        """Unload the service; whether it let go of everything, orders at the venue above all."""
        container, self.container = self.container, None
        if container is None:
            return True
        await container.unload()
        self._teller.tell()
        self._house.heap.is_left()
        return not container.unload_errors

    async def fail(self, reason: str) -> None:
        """Take the service down and say why; a person resets it."""
        log.error("a deployment failed", deployment=self.id, reason=reason)
        is_clean = await self._take_down()
        self._show_fault(reason if is_clean else f"{reason}. Orders may still rest at the venue.")
        if not is_clean:
            self._keep_clearing(reason)

    def _keep_clearing(self, reason: str) -> None:
        """A fault may have left orders, and nothing of ours runs that would cancel them: go on trying."""
        if self._clearing is None or self._clearing.done():
            self._clearing = self._spawn(self._clear_after_fault(reason), f"clear {self.id} after its fault")
            self._teller.tell("to be built anew, so that the venue confirms that nothing rests")

    async def _clear_after_fault(self, reason: str) -> None:
        """Build the service anew and halt it, which goes on until the venue confirms that nothing rests."""
        wait_s, longest_s = CLEAR_AGAIN_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest_s)
            if self._is_leaving or self.silenced or self.state is not State.FAULTED:
                return
            try:
                await self._halt(f"{reason}. Halted, so that the venue confirms that nothing rests.")
            except DATABASE_ERRORS as error:
                log.warning("the database was away; it is cleared later", deployment=self.id, error=str(error))
            if self.service is not None or self._is_leaving:
                return
            self._show_fault(f"{reason}. Orders may still rest at the venue; tried again, and it {self._fault}")

    # What the service says

    def _outbox(self, record: Record) -> Callable[[Any], None]:
        """What a replay does never happened: nobody outside is told."""
        assert self.journal is not None
        return _told_nobody if record.mode is Mode.REPLAY else self.journal.publish

    def _publish(self, event: Event) -> None:
        """Show an event at once; but a fill when it is recorded, so that none is seen and then gone."""
        if isinstance(event, Vitals):
            self._teller.hear(event)
        elif not isinstance(event, FillRecorded) and self.permit.valid():
            # A frozen host that wakes must not speak over its successor.
            self._house.publisher.emit(self.id, event)

    def _show_standing(self, frame: bytes) -> None:
        if self.permit.valid():
            self._house.publisher.standing(self.id, frame)

    def _on_event(self, event: Event) -> None:
        if self._rehearsal is not None:
            self._rehearsal.add(event)
        if isinstance(event, StateChanged) and event.new in (State.FAULTED, State.HALTED):
            log.warning("a deployment stopped", deployment=self.id, state=event.new.value, reason=event.reason)

    def _on_fault(self, reason: str) -> None:
        """The container took itself down, orders cancelled. A halt under way is proven by a new one."""
        was, is_clean = self.state, self.container is None or not self.container.unload_errors
        self.container = None
        self._teller.tell()
        self._house.heap.is_left()
        if was in HALTED:
            self._fault = reason
            self._keep_clearing(reason)
        else:
            self._show_fault(reason)
            if not is_clean:
                self._keep_clearing(reason)

    def _show_fault(self, reason: str) -> None:
        self._fault = reason
        if self.journal is not None:
            self.journal.observe(State.FAULTED, reason)
        if self.permit.valid():
            self._house.publisher.state(self.id, State.FAULTED.value, reason)
        if self._record is not None and self._record.mode is Mode.REPLAY:
            self._spawn(self._finish(f"It failed: {reason}"), f"finish replay {self.id}")

    def _show(self, reason: str) -> None:
        """PAUSED, for a reason the service itself cannot know."""
        if self.service is not None:
            self.service.machine.reason = reason
        if self.journal is not None:
            self.journal.observe(State.PAUSED, reason)
        if self.permit.valid():
            self._house.publisher.state(self.id, State.PAUSED.value, reason)

    # Replays

    def _recording_ended(self, problem: str) -> None:
        self._spawn(self._finish(problem), f"finish replay {self.id}")

    async def _finish(self, problem: str) -> None:
        if not self._is_leaving:
            await self._depart(lambda: self._finish_replay(problem))

    async def _finish_replay(self, problem: str) -> None:
        if self.service is not None and self.state not in HALTED:
            await self._within(self.service.pause("the recording is over"))
        await self._take_down()
        await self._store_replay(problem)

    async def _store_replay(self, problem: str) -> None:
        """Store the report and end the deployment; what cannot be written now is left to the next holder to end."""
        house, journal = self._house, self.journal
        report = self._rehearsal.report() if self._rehearsal is not None else None
        try:
            written = True
            if journal is not None:
                written = await house.writer.settle(journal, within_s=30)
                house.writer.close(journal)
            if written:
                await house.desk.ask(
                    lambda connection: records.finish_replay(
                        connection, deployment_id=self.id, token=self.token, problem=problem, report=report
                    )
                )
        except DATABASE_ERRORS as error:
            log.error("a replay's report could not be stored", deployment=self.id, error=str(error).strip())
        finally:
            # Also when the host that brings it up is stopped in the middle: whoever waits for its end must see it.
            self.permit.end()
            house.publisher.forget(self.id)
            self._leave()

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._guarded(coroutine), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except DATABASE_ERRORS as error:
            log.warning("the database was away; read again at the next renewal", deployment=self.id, error=str(error))
            self._command, self._facts = -1, ""  # whatever is wanted is looked at anew
        except Exception as error:  # the host's edge: one deployment must not hurt the others
            log.error("a deployment failed", deployment=self.id, exc_info=error)
            await self.fail(_words(error))


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"


def _told_nobody(event: Any) -> None:
    """The outbox of a replay."""


STOPPED = "host stopped"
MOVED = "handed to another host, which has room"
AWAITS_CHECK = (
    "The account was given another key, which has not been checked: this goes on with the one it opened, and takes up "
    "whatever else changes when the check is over."
)
REFIT = "built anew with the market's facts, the account's key and the revision of now"
SILENCE = "lease could not be renewed"
"""How the reason of a silence begins; the next holder repeats it."""


def _was_quoting(record: Record) -> bool:
    """Whether only the change of hosts stopped it: one that had refused to start must not be started by a change."""
    reason = record.observed_reason
    return (
        record.observed in (State.STARTING, State.ACTIVE)
        or reason in (STOPPED, MOVED, REFIT)
        or reason.startswith(SILENCE)
    )
