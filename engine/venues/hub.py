"""One decoded book per venue and symbol and host, shared by every deployment that reads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Protocol

from engine.venues.base import MarketFeed


class FeedWriter(Protocol):
    """What keeps a feed current: decodes a stream, steps a simulation."""

    feed: MarketFeed

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class MarketHub:
    """Reference-counted feed writers. The first `acquire` of a key starts one, the last `release` stops it."""

    def __init__(self) -> None:
        self._writers: dict[Hashable, tuple[FeedWriter, int]] = {}

    async def acquire(self, key: Hashable, make: Callable[[], FeedWriter]) -> MarketFeed:
        if key in self._writers:
            writer, readers = self._writers[key]
            self._writers[key] = (writer, readers + 1)
            return writer.feed
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
