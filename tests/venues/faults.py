"""What can go wrong between a venue and its client, switched by a test for one request, for every one, or for a stream.

A fault of a request says what becomes of the request (`acts`: whether the venue carries it out) and of its answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal

import msgspec

Lane = Literal["public", "private", "control"]
"""What a frame of a stream is: market data, our orders and money, or the protocol's own."""

CHALLENGE = "<html><head><title>Just a moment...</title></head><body>Attention Required! | Cloudflare</body></html>"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    acts: bool = True


class Hold(Fault, frozen=True, kw_only=True):
    """The answer comes when `until` is set. What does not act then acts no more."""

    until: asyncio.Event = msgspec.field(default_factory=asyncio.Event)


class Never(Fault, frozen=True, kw_only=True):
    """The answer never comes."""


class Late(Fault, frozen=True, kw_only=True):
    """The request itself arrives only when `until` is set, even if its sender has gone by then."""

    until: asyncio.Event = msgspec.field(default_factory=asyncio.Event)


class Drop(Fault, frozen=True, kw_only=True):
    """The connection is cut without a word."""


class Say(Fault, frozen=True, kw_only=True):
    """Something else is answered."""

    text: str = ""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = {}


class Truncate(Fault, frozen=True, kw_only=True):
    """Half of the true answer, as if that were all of it."""


class BreakOff(Fault, frozen=True, kw_only=True):
    """Half of the true answer; then the connection is cut."""


class Unheard(Fault, frozen=True, kw_only=True):
    """An error of the venue's own kind with a code that stands in no documentation. It acts only when told so."""

    acts: bool = False


class Limited(Fault, frozen=True, kw_only=True):
    """The venue's own "too many requests": nothing was carried out."""

    acts: bool = False
    retry_after_s: int = 7


def html(*, acts: bool = True, status: int = 200) -> Say:
    return Say(text=CHALLENGE, content_type="text/html", status=status, acts=acts)


class Streams:
    """Faults of a venue's streams, each changed at any time.

    mute              lanes of which nothing is sent, without any connection being closed
    double_private    every private event is sent twice
    reverse_private   private events wait until there are so many and are sent last first; 0 or 1 as they come
    skip_depth        so many of the next order-book frames are lost
    spoil_checksums   so many of the next checksums are wrong
    """

    def __init__(self) -> None:
        self.mute: set[Lane] = set()
        self.double_private = False
        self.reverse_private = 0
        self.skip_depth = 0
        self.spoil_checksums = 0

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]


class Faults:
    """The faults of a venue's requests, by the name of the call: place, cancel, open_orders, …

    stale_open_orders   the list of open orders goes on to show what was so when this was switched on
    """

    def __init__(self) -> None:
        self._next: dict[str, deque[Fault | None]] = {}
        self._always: dict[str, Fault] = {}
        self.stale_open_orders = False

    def next(self, call: str, *faults: Fault | None) -> None:
        """Let these happen to the next requests of this kind, one each; None is a request that goes well."""
        self._next.setdefault(call, deque()).extend(faults)

    def always(self, call: str, fault: Fault) -> None:
        self._always[call] = fault

    def clear(self) -> None:
        self._next.clear()
        self._always.clear()
        self.stale_open_orders = False

    def take(self, call: str) -> Fault | None:
        waiting = self._next.get(call)
        return waiting.popleft() if waiting else self._always.get(call)
