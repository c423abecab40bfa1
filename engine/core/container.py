"""Builds a service from its configuration and looks after it.

Everything loads, in order, before anything moves; everything unloads in reverse, also after a failed load, and twice
does no harm. The container owns every task and job of its components: when one fails, the service is unloaded, which
cancels its orders, and is FAULTED with the reason.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Mapping
from decimal import localcontext, setcontext
from itertools import count
from secrets import token_hex
from typing import Any, TypeVar, cast

import msgspec
import structlog
from msgspec.structs import replace

from engine.core.change import LiveChange, NeedsRestart, live_changes
from engine.core.clock import Clock, SystemClock
from engine.core.component import AlwaysPermitted, Component, Hear, Identity, Permit, Runtime, Secure, at_once
from engine.core.config import ComponentSpec, Config, ConfigError, Problem, Reference, load_order
from engine.core.decimals import MONEY
from engine.core.edge import ENDINGS, LeftTheLoop, as_failure, kept_in
from engine.core.errors import EngineError
from engine.core.inbox import Inbox
from engine.core.log import bind_identity
from engine.core.meter import Meter
from engine.core.params import lacks, parameters_of
from engine.core.parts import Part, parts
from engine.core.plugins import Registry
from engine.core.scheduler import JobScope, Scheduler
from engine.core.service import Restore, Service, Ticks
from engine.core.states import Trigger
from engine.core.watchdog import running, unwatched, watched_for
from engine.execution.rates import NewBudget
from engine.market.types import Trade
from engine.metrics.base import Relay, Sink
from engine.metrics.events import Notice, StateChanged
from engine.venues.credentials import Keyring, no_credentials
from engine.venues.hub import MarketHub

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

UNLOAD_TIMEOUT_S = 15.0
"""A component that has not let go by then is left behind, so that the ones below it still get their turn."""


class ServiceFailed(EngineError):
    """A component failed while the service was starting. The message says which and why."""


class Container:
    """One service. `components` by name, ready to be looked at before load; `service` is what `service:` names.

    on_fault(reason)  hears once, after the service was taken down because something of it failed
    on_event(event)   hears every event after the sinks: a host that waits for the end of a recording

    Raises ConfigError when a constructor refuses its arguments.
    """

    def __init__(
        self,
        config: Config,
        registry: Registry,
        *,
        identity: Identity | None = None,
        clock: Clock | None = None,
        scheduler: Scheduler | None = None,
        hub: MarketHub | None = None,
        permit: Permit | None = None,
        restore: Restore | None = None,
        outlets: Mapping[str, Callable[[msgspec.Struct], None]] | None = None,
        secure: Secure = at_once,
        manual_halt: Callable[[], str] = lambda: "",
        is_watched: Callable[[], bool] = lambda: True,
        asks_why: Callable[[], bool] = lambda: False,
        credentials: Keyring = no_credentials,
        new_budget: NewBudget | None = None,
        on_fault: Callable[[str], None] = lambda reason: None,
        on_event: Callable[[msgspec.Struct], None] = lambda event: None,
        trace_id: str = "",
    ) -> None:
        self.config = config
        self.identity = identity or Identity()
        self.clock = clock or SystemClock()
        self._owns_scheduler = scheduler is None
        self.scheduler = scheduler or Scheduler(self.clock)
        self.fault = ""
        """Why the service failed, or empty."""
        self.unload_errors: list[str] = []
        """What went wrong while letting go, by component."""
        self._on_fault = on_fault
        self._on_event = on_event
        self._context = contextvars.copy_context()
        self._context.run(setcontext, MONEY.copy())
        self._context.run(bind_identity, self.identity, trace_id=trace_id or token_hex(8))
        self._context.run(running.set, lambda error: self._fail(config.service, error))
        self._registry = registry
        self._phase = "built"
        self._culprit: tuple[str, str] | None = None
        """The component that failed first, and with what."""
        self._failure: BaseException | None = None
        self._fault_task: asyncio.Task[None] | None = None
        self._unload_task: asyncio.Task[None] | None = None
        self._step: asyncio.Task[None] | None = None
        self._failed = asyncio.Event()
        self._started: list[str] = []
        self._tasks: dict[str, set[asyncio.Task[None]]] = {name: set() for name in config.components}

        self.components = self._context.run(_build, config, registry)
        self.service = cast(Service, self.components[config.service])
        self._sinks = _hearing(self.components)
        needs = {name: spec.needs for name, spec in config.components.items()}
        # Sinks first, so that they still listen while everything else lets go and cancels its orders.
        self.order = load_order(needs, first=lambda name: isinstance(self.components[name], Sink))
        self._meter = Meter(self.clock)
        self._inbox_jobs = JobScope(self.scheduler, on_error=self._failure_of(config.service))
        self._inbox = Inbox(clock=self.clock, schedule=self._inbox_jobs, on_lag=self._warn)
        lanes = count()
        self._owns_hub = hub is None
        self._hub = hub or MarketHub()
        self._scopes: dict[str, JobScope] = {}
        for name, component in self.components.items():
            self._scopes[name] = JobScope(self.scheduler, on_error=self._failure_of(name))
            if isinstance(component, Component):
                component.name = name
                component.runtime = Runtime(
                    identity=self.identity,
                    clock=self.clock,
                    scheduler=self._scopes[name],
                    hub=self._hub,
                    permit=permit or AlwaysPermitted(),
                    record=self._record if name == config.service else self._recorder_of_part(name),
                    spawn=self._spawner(name),
                    hearing=self._hearer(name),
                    restore=restore,
                    outlets=outlets,
                    secure=secure,
                    manual_halt=manual_halt,
                    is_watched=is_watched,
                    asks_why=asks_why,
                    take_lane=lambda: next(lanes),
                    credentials=credentials,
                    new_budget=new_budget,
                )

    # Life

    async def load(self) -> None:
        """Load every component in order; nothing moves yet. On failure unloads in reverse and raises."""
        self._enter("built", "loading")
        if self._owns_scheduler:
            self.scheduler.start()
        await self._each("load")
        self._enter("loading", "loaded")

    async def begin(self) -> None:
        """Let everything move: `begin` of every component in load order, then the scheduled jobs."""
        self._enter("loaded", "beginning")
        await self._each("begin")
        self._enter("beginning", "running")
        for scope in (*self._scopes.values(), self._inbox_jobs):
            self._context.run(scope.release)

    @property
    def reached(self) -> str:
        """The component whose load was begun last: the one to look at when loading fails."""
        return self._started[-1] if self._started else ""

    async def unload(self) -> None:
        """Let go of everything in reverse order. Safe to repeat; goes on to its end when the caller is cancelled."""
        if self._unload_task is None:
            self._phase = "unloaded"
            self._unload_task = self._task(self._unload(), name="unload")
        await asyncio.shield(self._unload_task)

    async def within(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        """Run a command of the service as its own code: watched, with its identity on every log line, in our decimal
        arithmetic. In the task that asks, so that what it does next comes at the same turn of the loop."""
        log_as = self._context.run(structlog.contextvars.get_contextvars)
        fail = self._failure_of(self.config.service)
        with localcontext(MONEY), structlog.contextvars.bound_contextvars(**log_as), watched_for(fail):
            try:
                return await kept_in(coroutine, "a command")
            except LeftTheLoop as error:
                self._fail(self.config.service, error)
                raise

    async def change(self, config: Config) -> tuple[LiveChange, ...]:
        """Go on with another configuration that differs in live parameters alone: all of it between two ticks, or none.

        Raises ConfigError when a constructor refuses a value, NeedsRestart when the two differ in more.
        """
        # Constructors only remember, so a second tree costs nothing and says what a restart would have said.
        fresh = self._context.run(_build, config, self._registry)
        changes = live_changes(self.config, config, self._registry)
        for change in changes:
            if change.parameter not in getattr(self.components[change.component], "__dict__", ()):
                raise NeedsRestart(f"{change.component} does not keep {change.parameter} where it could be changed")

        def apply() -> None:
            for change in changes:
                value = getattr(fresh[change.component], change.parameter)
                setattr(self.components[change.component], change.parameter, value)
            self.config = config

        if changes:
            await cast(Ticks, self.service).between_ticks(apply)
        return changes

    def parts(self) -> tuple[Part, ...]:
        """How each component stands now, also after the service was taken down."""
        return parts(
            self.config.components,
            order=self.order,
            phase=self._phase,
            started=self._started,
            failed=self._culprit,
            unload_errors=self.unload_errors,
        )

    def _enter(self, old: str, new: str) -> None:
        if self._phase != old:
            raise EngineError(f"the service is {self._phase} and cannot be {new}; build a new container")
        self._phase = new

    async def _each(self, step: str) -> None:
        """Call `load` or `begin` of every component that has it, watching for failures of what already runs."""
        try:
            for name in self.order:
                if step == "load":
                    self._started.append(name)
                act = getattr(self.components[name], step, None)
                if act is not None:
                    await self._unless_failed(act(), name=f"{name}.{step}")
        except BaseException as error:
            if isinstance(error, Exception) and self._culprit is None:
                self._culprit = name, _words(error)
            await self.unload()
            raise

    async def _unless_failed(self, coroutine: Coroutine[Any, Any, None], *, name: str) -> None:
        """Wait for a step, but not longer than every owned task and job is well. Raises ServiceFailed."""
        if self.fault:
            coroutine.close()
            raise ServiceFailed(self.fault)
        step = self._step = self._task(coroutine, name=name)
        watch = self._task(self._failed.wait(), name="watch")
        try:
            await asyncio.wait({step, watch}, return_when=asyncio.FIRST_COMPLETED)
            if step.cancelled():
                raise ServiceFailed(f"{name} was interrupted by unload")
            if step.done():
                step.result()
            if self.fault:
                raise ServiceFailed(self.fault)
        finally:
            watch.cancel()
            if not step.done():
                step.cancel()
                await asyncio.wait({step}, timeout=UNLOAD_TIMEOUT_S)

    async def _unload(self) -> None:
        if self._step is not None and not self._step.done():
            self._step.cancel()
            await asyncio.wait({self._step}, timeout=UNLOAD_TIMEOUT_S)
        await self._inbox_jobs.close()
        for name in reversed(self._started):
            await self._scopes[name].close()
            release = getattr(self.components[name], "unload", None)
            if release is not None:
                await self._let_go(name, release())
            await self._end_tasks(name)
        if self._owns_hub:
            await self._let_go("the market hub", self._hub.close())
        if self._owns_scheduler:
            await self.scheduler.stop()

    async def _let_go(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run one component's unload; whatever it does, the ones below still get their turn."""
        task = self._task(coroutine, name=f"{name}.unload")
        await asyncio.wait({task}, timeout=UNLOAD_TIMEOUT_S)
        if not task.done():
            task.cancel()
            self.unload_errors.append(f"{name} did not unload within {UNLOAD_TIMEOUT_S:g} s")
            with unwatched():
                log.error("a component did not unload in time", component=name, waited_s=UNLOAD_TIMEOUT_S)
        elif not task.cancelled() and (error := task.exception()) is not None:
            self.unload_errors.append(f"{name} failed to unload: {_words(error)}")
            with unwatched():
                log.error("a component failed to unload", component=name, exc_info=error)

    async def _end_tasks(self, name: str) -> None:
        tasks = {task for task in self._tasks[name] if not task.done()}
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=UNLOAD_TIMEOUT_S)
            self.unload_errors += [f"the task {task.get_name()} did not end when cancelled" for task in stuck]

    # Failure

    def _failure_of(self, name: str) -> Callable[[BaseException], None]:
        return lambda error: self._fail(name, error)

    def _fail(self, name: str, error: BaseException) -> None:
        """A task, a job or a sink of a component failed: take the service down, once."""
        if error is self._failure:
            return
        self._failure = error
        reason = f"{name} failed: {_words(error)}"
        with unwatched():
            log.error("a component failed", component=name, exc_info=error)
        if self.fault or self._phase == "unloaded":
            return
        self.fault, self._culprit = reason, (name, _words(error))
        self._failed.set()
        if self._phase == "running":
            self._fault_task = self._task(self._go_down(reason), name="fault")

    async def _go_down(self, reason: str) -> None:
        await self.unload()
        if self.unload_errors:
            reason = self.fault = f"{reason}. Orders may still rest: {'; '.join(self.unload_errors)}"
        machine = self.service.machine
        if machine.can(Trigger.FAULT):
            machine.fire(Trigger.FAULT, reason)
        self._on_fault(reason)

    # What components are given

    def _record(self, event: msgspec.Struct) -> None:
        if not self._meter.admits(event):
            return
        if held_back := self._meter.held_back():
            self._warn(held_back)
        # A fill may come from a feed that several services share: log it under this one's name.
        context = self._context.copy()
        for name, sink in tuple(self._sinks):
            try:
                context.run(sink.emit, cast(Any, event))
            except Exception as error:  # the container's edge: recording never raises into trading code
                self._sinks.remove((name, sink))
                self._fail(name, error)
        self._on_event(event)

    def _warn(self, text: str) -> None:
        self._record(Notice(ts_ns=self.clock.now_ns(), level="warning", text=text))

    def _recorder_of_part(self, name: str) -> Callable[[msgspec.Struct], None]:
        """The state of a group's member is not that of the service."""

        def record(event: msgspec.Struct) -> None:
            self._record(replace(event, service=name) if type(event) is StateChanged else event)

        return record

    def _spawner(self, owner: str) -> Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]:
        def spawn(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
            task = self._task(coroutine, name=f"{owner}.{name}")
            self._tasks[owner].add(task)
            task.add_done_callback(lambda done: self._ended(owner, done))
            return task

        return spawn

    def _hearer(self, owner: str) -> Callable[[Hear], Hear]:
        def hearing(callback: Hear) -> Hear:
            def handle(news: Any) -> None:
                try:
                    callback(news)
                except Exception as error:  # the container's edge: the feed has other readers
                    self._fail(owner, error)
                except ENDINGS as error:
                    self._fail(owner, as_failure(error, f"what {owner} does when it hears"))

            def hear(news: Any) -> None:
                is_state = not isinstance(news, Trade)
                self._context.copy().run(self._inbox.tell, handle, news, is_state=is_state)

            return hear

        return hearing

    def _ended(self, owner: str, task: asyncio.Task[None]) -> None:
        self._tasks[owner].discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(owner, error)

    def _task(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(kept_in(coroutine, name), name=name, context=self._context.copy())
        task.add_done_callback(lambda _: coroutine.close())  # when it was cancelled before it began
        return task


def _build(config: Config, registry: Registry) -> dict[str, object]:
    """Every component of the file, built in dependency order, handed out in file order. Raises ConfigError."""
    built: dict[str, object] = {}
    problems: list[Problem] = []
    for name in load_order({name: spec.needs for name, spec in config.components.items()}):
        spec = config.components[name]
        if any(needed not in built for needed in spec.needs):
            continue  # a problem is already noted for what it needs
        cls = registry.get(spec.id)
        problems += [_problem(config, spec, message) for message in _unmet(cls, spec, built)]
        try:
            built[name] = cls(**{key: _filled(value, built) for key, value in spec.args.items()})
        except (ValueError, TypeError, EngineError) as error:
            problems.append(_problem(config, spec, f"{spec.id} refuses its arguments: {_words(error)}"))
        except ENDINGS as error:
            problems.append(_problem(config, spec, as_failure(error, f"the constructor of {spec.id}").args[0]))
    service = built.get(config.service)
    if service is not None and (missing := lacks(service, Service)):
        what = f"{config.components[config.service].id} cannot be the service: it lacks {', '.join(missing)}"
        problems.append(_problem(config, config.components[config.service], what))
    if problems:
        raise ConfigError(problems)
    return {name: built[name] for name in config.components}


def _hearing(components: Mapping[str, object]) -> list[tuple[str, Sink]]:
    """The sinks that hear of events at first hand, by name: all but those behind another one."""
    behind = {id(sink) for relay in components.values() if isinstance(relay, Relay) for sink in relay.behind}
    return [(name, each) for name, each in components.items() if isinstance(each, Sink) and id(each) not in behind]


def _unmet(cls: type, spec: ComponentSpec, built: Mapping[str, object]) -> list[str]:
    """Attributes a collaborator should have set in its constructor, but has not."""
    messages = []
    for parameter in parameters_of(cls):
        for needed in _references(spec.args.get(parameter.name)) if parameter.is_reference else ():
            missing = [lacks(built[needed], protocol) for protocol in parameter.protocols]
            if all(missing):
                messages.append(f"{parameter.name}: @{needed} lacks {', '.join(missing[0])}")
    return messages


def _problem(config: Config, spec: ComponentSpec, message: str) -> Problem:
    path = f"components.{spec.name}"
    return Problem(file=config.filename, line=spec.line, column=spec.column, path=path, message=message)


def _references(value: Any) -> list[str]:
    if isinstance(value, Reference):
        return [value.name]
    if isinstance(value, list | tuple | dict):
        items = value.values() if isinstance(value, dict) else value
        return [name for item in items for name in _references(item)]
    return []


def _filled(value: Any, built: Mapping[str, object]) -> Any:
    """The argument with every reference replaced by its component."""
    if isinstance(value, Reference):
        return built[value.name]
    if isinstance(value, list | tuple):
        return type(value)(_filled(item, built) for item in value)
    if isinstance(value, dict):
        return {key: _filled(item, built) for key, item in value.items()}
    return value


def _words(error: BaseException) -> str:
    """What an error says; house errors speak for themselves, others add their kind."""
    text = str(error)
    return text if isinstance(error, EngineError) and text else f"{type(error).__name__} {text}".strip()
