"""What any recording is read as, whoever made it. Stamps are UTC nanoseconds of the recorder's own clock."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.market.book import Change
from engine.market.types import Trade


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A whole book. `last_id` is the sequence number it stands at; None when the venue numbers nothing.

    `symbol` is the venue's own spelling, as in all messages; empty when the line names none.
    """

    ts_ns: int
    symbol: str
    last_id: int | None
    bids: list[Change]
    asks: list[Change]


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """Changed levels: updates first_id … last_id. `previous_id` is the last_id of the message before, where the venue
    says it."""

    ts_ns: int
    symbol: str
    first_id: int | None
    last_id: int | None
    previous_id: int | None
    bids: list[Change]
    asks: list[Change]


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """Best bid and ask alone, often fresher than the depth stream."""

    ts_ns: int
    symbol: str
    update_id: int
    bid: Decimal
    bid_size_base: Decimal
    ask: Decimal
    ask_size_base: Decimal


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """A public trade. `origin` is MARKET for an ordinary one; venues also print insurance-fund and deleveraging trades.

    `number` is the venue's running trade number, None where it has none.
    """

    ts_ns: int
    symbol: str
    trade: Trade
    origin: str
    number: int | None


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The mark price of a contract."""

    ts_ns: int
    symbol: str
    price: Decimal


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed line the platform has no use for (candles, subscriptions)."""

    ts_ns: int
    kind: str


class Damaged(msgspec.Struct, frozen=True, kw_only=True):
    """A line that cannot be read. What it held is lost; sequence numbers tell whether that mattered."""

    line: int
    reason: str


Message = Snapshot | Depth | Top | Print | Mark | Skipped | Damaged


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording holds, for lists of recordings. `problem` says why it could not be read to its end."""

    path: str
    format: str
    symbols: tuple[str, ...]
    first_ns: int
    last_ns: int
    messages: int
    has_snapshot: bool
    has_tops: bool
    """Whether best prices are recorded beside or instead of the book."""
    size_bytes: int
    problem: str = ""
