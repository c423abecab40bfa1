"""What all listeners share: a channel, readers, and events when something is worth telling.

A listener takes what the venue streams; where it streams nothing, asks at an interval; and where the venue knows no
answer but its trades and book contain one, derives it. Public data come once a host, whoever listens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

import msgspec

from engine.core.component import Component
from engine.core.errors import Refused
from engine.listeners.poll import Asker, Poll
from engine.metrics.events import ListenerChanged
from engine.venues.channel import Channel, NoReading, Reading
from engine.venues.hub import FeedWriter

T = TypeVar("T")


class Listener(Component, Generic[T]):
    """A component that keeps the newest of something a venue says.

    latest         the last reading, with its time and source; None before the first
    fresh(age)     its value, or the reason there is none young enough
    on_change      callbacks for readings that differ from the one before; register them through `runtime.hearing`
    """

    channel: Channel[T]
    symbol: str = ""
    _listening = False

    @property
    def latest(self) -> Reading[T] | None:
        return self.channel.reading

    @property
    def on_change(self) -> list[Callable[[Reading[T]], None]]:
        return self.channel.on_change

    def fresh(self, max_age_s: float) -> T | NoReading:
        return self.channel.fresh(max_age_s)

    def heard(self, reading: Reading[T]) -> None:
        """For subclasses: record what is worth telling."""

    def tell(self, kind: type[msgspec.Struct], **fields: Any) -> None:
        """Record an event of this listener."""
        ts_ns = self.runtime.clock.now_ns()
        self.runtime.record(kind(ts_ns=ts_ns, listener=self.name, symbol=self.symbol, **fields))

    # For subclasses: where the channel comes from

    def new_channel(self, what: str, source: object) -> Channel[T]:
        """A channel of our own. `what` names it in sentences: "ticker of BTC/USDT"."""
        return Channel(name=what, source=name_of(source), clock=self.runtime.clock)

    def hear(self, channel: Channel[T]) -> None:
        """Follow a channel from here on; what it already holds is heard first."""
        self.channel = channel
        self._hear_change = self.runtime.hearing(self.heard)
        self._hear_problem = self.runtime.hearing(self._problem)
        channel.on_change.append(self._hear_change)
        channel.on_problem.append(self._hear_problem)
        self._listening = True
        if channel.reading is not None:
            self._hear_change(channel.reading)
        if channel.problem:
            self._hear_problem(channel.problem)

    def deaf(self) -> bool:
        """Stop following; False when that was done before."""
        was, self._listening = self._listening, False
        if was:
            self.channel.on_change.remove(self._hear_change)
            self.channel.on_problem.remove(self._hear_problem)
        return was

    def asker(self, ask: Callable[[T | None], Awaitable[T]], interval_s: float) -> Asker[T]:
        return Asker(ask, interval_s, self.runtime.hearing(_raise))

    def _problem(self, problem: str) -> None:
        self.tell(ListenerChanged, problem=problem)


class AccountListener(Listener[T]):
    """A listener of one account: its poll is its own, its credentials too."""

    _poll: Poll[T] | None = None

    def listen(self, what: str, source: object, ask: Callable[[T | None], Awaitable[T]], interval_s: float) -> None:
        channel = self.new_channel(what, source)
        self._poll = Poll(channel, clock=self.runtime.clock, scheduler=self.runtime.scheduler)
        self.hear(channel)
        self._poll.join(self.asker(ask, interval_s))

    async def unload(self) -> None:
        self.deaf()
        if self._poll is not None:
            await self._poll.stop()


class PublicListener(Listener[T]):
    """A listener of public data. Subclasses call one of `stream`, `poll`, `derive` in `load`, the first that is there.

    Whatever was acquired is let go of by `unload`, also when loading stopped half way.
    """

    def __init__(self) -> None:
        self._close: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._leave: Callable[[], None] | None = None

    async def stream(
        self, opening: Coroutine[Any, Any, Channel[T]], close: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        channel = await opening
        self._close = close
        self.hear(channel)

    async def poll(
        self, what: str, key: Hashable, source: object, ask: Callable[[T | None], Awaitable[T]], interval_s: float
    ) -> None:
        runtime = self.runtime
        poll = await runtime.hub.acquire(
            key,
            lambda: Poll(self.new_channel(what, source), clock=runtime.clock, scheduler=runtime.scheduler.shared),
        )
        self._close = lambda: runtime.hub.release(key)
        asker = self.asker(ask, interval_s)
        self._leave = lambda: poll.leave(asker)
        self.hear(poll.channel)
        poll.join(asker)

    async def derive(self, key: Hashable, make: Callable[[], FeedWriter[Channel[T]]]) -> None:
        hub = self.runtime.hub
        channel = await hub.acquire(key, make)
        self._close = lambda: hub.release(key)
        self.hear(channel)

    async def unload(self) -> None:
        self.deaf()
        if self._leave is not None:
            self._leave()
        close, self._close = self._close, None
        if close is not None:
            await close()


def name_of(component: object) -> str:
    """A component by the name the file gives it, else by its class."""
    return (isinstance(component, Component) and component.name) or type(component).__name__


def lacks_capability(listener: Component, market: object, what: str, remedy: str) -> Refused:
    """The error for a venue that cannot say what a listener wants to hear."""
    return Refused(
        f"{listener.name} cannot listen: {name_of(market)} ({type(market).__name__}) offers no {what}; {remedy}"
    )


def _raise(error: Any) -> None:
    raise error
