"""How a venue streams its book, as far as one differs from another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from engine.core.errors import EngineError
from engine.market.book import OrderBook

if TYPE_CHECKING:
    from engine.venues.ccxt.library import Library

Levels = list[tuple[Decimal, Decimal]]
Texts = list[tuple[str, str]]
"""Levels as they stand in a frame: decoded as text first, since most prices have been read before."""

MS = 1_000_000


class Gap(EngineError):
    """The book is no longer known: something between two messages is missing, or its checksum is another."""


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """The whole book, as deep as it is streamed."""

    bids: Levels
    asks: Levels
    ts_ns: int
    last: int | None = None
    checksum: int | None = None


class Update(msgspec.Struct, frozen=True, gc=False):
    """Levels that changed. Either the venue numbers changes, `first` to `last`, or it names the one before."""

    bids: Levels
    asks: Levels
    ts_ns: int
    last: int | None = None
    first: int | None = None
    previous: int | None = None
    checksum: int | None = None


class Alive(msgspec.Struct, frozen=True):
    """A sign of life: an answer to a ping or to a subscription."""


ALIVE = Alive()
News = Snapshot | Update | Alive


class _Prices(dict[str, Decimal]):
    """Every price of a market that was read lately, by its text: reading one anew costs five times as much."""

    def __missing__(self, text: str) -> Decimal:
        if len(self) > PRICES_KEPT:
            self.clear()
        price = self[text] = Decimal(text)
        return price


PRICES_KEPT = 20_000


class Dialect(ABC):
    """One venue's book stream of one market. Decoders are made once; `read` is the hot path."""

    snapshot_by_rest: ClassVar[bool] = False
    """The stream tells changes alone, and a snapshot asked for must be joined to them."""
    ping: ClassVar[str] = ""
    """What to send into a silence; empty: a ping of the WebSocket protocol."""
    checks_every_message: ClassVar[bool] = False
    """The checksum is all there is against gaps; else it is looked at now and then."""

    def __init__(self, market: dict[str, Any], levels: int) -> None:
        self.market_id: str = market["id"]
        self.market = market
        self.levels = levels
        self.prices = _Prices()

    def exact(self, texts: Texts) -> Levels:
        """Levels from their texts."""
        prices = self.prices
        return [(prices[price], Decimal(size)) for price, size in texts]

    @abstractmethod
    def address(self, library: Library) -> str:
        """Where the stream is, below whatever the library's addresses were rewritten to."""

    @abstractmethod
    def hello(self, now_ns: int) -> str:
        """What subscribes."""

    @abstractmethod
    def read(self, frame: str | bytes) -> News:
        """Raises msgspec.DecodeError for what is no frame of this venue's, Gap when it refuses the subscription."""

    def checksum(self, book: OrderBook) -> int | None:
        """As the venue computes it over our book; None where it states none."""
        return None

    kept_levels: int = 0
    """Beyond so many levels of a side the venue tells nothing more of them; 0: it tells of all."""


def follows(last: int, update: Update) -> bool | None:
    """Whether an update is the next one; None when it is old and to be passed over. Raises Gap."""
    if update.previous is not None:
        if update.previous == last:
            return True
        if update.last is not None and update.last <= last:
            return None
        raise Gap(f"update {update.last} follows {update.previous}, and the last one here was {last}")
    if update.last is None:
        return True
    if update.last <= last:
        return None
    first = update.last if update.first is None else update.first
    if first <= last + 1:
        return True
    raise Gap(f"update {first} came after {last}")


def interleaved(bids: Sequence[Any], asks: Sequence[Any]) -> list[Any]:
    """Best bid, best ask, second bid, …; the longer side goes on alone."""
    found: list[Any] = []
    for index in range(max(len(bids), len(asks))):
        found += bids[index : index + 1]
        found += asks[index : index + 1]
    return found
