"""One decoded book per venue and symbol and host, one poll of whatever else is public, for every deployment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Protocol, TypeVar, cast

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)

T = TypeVar("T")


class FeedWriter(Protocol[F_co]):
    """What keeps a feed current: decodes a stream, steps a simulation, asks a venue now and then."""

    @property
    def feed(self) -> F_co:
        """What readers are given."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class MarketHub:
    """Reference-counted feed writers. The first `acquire` of a key starts one, the last `release` stops it."""

    def __init__(self) -> None:
        self._writers: dict[Hashable, tuple[FeedWriter[Any], int]] = {}
        self._shared: dict[Hashable, object] = {}

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """One object for every deployment of this host, made when it is first asked for."""
        if key not in self._shared:
            self._shared[key] = make()
        return cast(T, self._shared[key])

    async def acquire(self, key: Hashable, make: Callable[[], FeedWriter[F]]) -> F:
        if key in self._writers:
            known, readers = self._writers[key]
            self._writers[key] = (known, readers + 1)
            feed: F = known.feed
            return feed
        writer = make()
        self._writers[key] = (writer, 1)
        try:
            await writer.start()
        except BaseException:
            del self._writers[key]
            raise
        return writer.feed

    async def release(self, key: Hashable) -> None:
        if key not in self._writers:
            return
        writer, readers = self._writers[key]
        if readers > 1:
            self._writers[key] = (writer, readers - 1)
            return
        del self._writers[key]
        await writer.stop()

    async def close(self) -> None:
        stops: list[Callable[[], Awaitable[None]]] = [writer.stop for writer, _ in self._writers.values()]
        self._writers.clear()
        for stop in stops:
            await stop()
