"""What a venue lists: every market it trades, as it was just read."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol, runtime_checkable

import msgspec

from engine.market.types import Instrument


class ListedMarket(msgspec.Struct, frozen=True, kw_only=True):
    instrument: Instrument
    is_trading: bool = True


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """`left_out` says why a market cannot be traded exactly, by its symbol. None where the venue does not tell."""

    markets: tuple[ListedMarket, ...]
    left_out: Mapping[str, str] = msgspec.field(default_factory=dict)
    clock_skew_ms: Decimal | None = None
    round_trip_ms: Decimal | None = None


@runtime_checkable
class ListsMarkets(Protocol):
    """A loaded venue that can say what it trades."""

    async def listing(self) -> Listing:
        """Raises NotReady when the venue cannot be reached."""
        ...
