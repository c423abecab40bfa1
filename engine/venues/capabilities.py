"""What a venue may offer beside book and orders: each a Protocol of its own, so that a venue implements what it has.

Polled answers come or raise within a time limit of the venue's own. A `Streams…` venue keeps a channel current by
itself, through reconnections; it is opened at load and closed at unload, and opened twice it is one stream.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from engine.market.summaries import Candle, Funding, Ticker
from engine.market.types import Amendment, Balance, Fill, MarketStatus, OrderReport
from engine.venues.base import MarketSource
from engine.venues.channel import Channel

C = TypeVar("C")


class Public(Protocol):
    """Public data that may be asked for once for every service of a host."""

    def public_key(self, symbol: str) -> Hashable:
        """Equal for two components that would get the same answers: venue and market, never the account."""
        ...


@runtime_checkable
class TickerSource(Public, Protocol):
    async def ticker(self, symbol: str) -> Ticker: ...


@runtime_checkable
class CandleSource(Public, Protocol):
    async def candles(self, symbol: str, interval_s: int, since_ns: int) -> Sequence[Candle]:
        """Those that open at or after the stamp, oldest first; the last may still be open."""
        ...


@runtime_checkable
class FundingSource(Public, Protocol):
    async def funding(self, symbol: str) -> Funding: ...


@runtime_checkable
class StatusSource(Public, Protocol):
    async def market_status(self, symbol: str) -> MarketStatus: ...


@runtime_checkable
class StreamsTicker(Protocol):
    async def open_ticker(self, symbol: str) -> Channel[Ticker]: ...

    async def close_ticker(self, symbol: str) -> None: ...


@runtime_checkable
class StreamsCandles(Protocol):
    async def open_candles(self, symbol: str, interval_s: int) -> Channel[tuple[Candle, ...]]: ...

    async def close_candles(self, symbol: str, interval_s: int) -> None: ...


@runtime_checkable
class StreamsFunding(Protocol):
    async def open_funding(self, symbol: str) -> Channel[Funding]: ...

    async def close_funding(self, symbol: str) -> None: ...


@runtime_checkable
class StreamsBalances(Protocol):
    async def open_balances(self) -> Channel[Mapping[str, Balance]]: ...

    async def close_balances(self) -> None: ...


@runtime_checkable
class BalanceSource(Protocol):
    async def balances(self) -> dict[str, Balance]: ...


@runtime_checkable
class OpenOrderSource(Protocol):
    async def open_orders(self, symbol: str) -> Sequence[OrderReport]: ...


@runtime_checkable
class FillSource(Protocol):
    async def fills(self, symbol: str, since_ns: int) -> Sequence[Fill]: ...


@runtime_checkable
class ClosedOrderSource(Protocol):
    async def closed_orders(self, symbol: str, since_ns: int) -> Sequence[OrderReport]:
        """Own orders that became final at or after the stamp, oldest first; as far back as the venue remembers."""
        ...


@runtime_checkable
class Fronts(Protocol):
    """An account over somebody else's market, such as one on paper: public data are that market's."""

    @property
    def public_source(self) -> MarketSource: ...


def offered(market: object, capability: type[C]) -> C | None:
    """The market, or the one it fronts, if it has the capability."""
    while not isinstance(market, capability):
        if not isinstance(market, Fronts):
            return None
        market = market.public_source
    return market


@runtime_checkable
class AnswersByClientId(Protocol):
    """A venue that can be asked about one order by our own id, and so knows at once what its lists tell late."""

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """The venue's word on the order, also when it has ended; None when it knows no such order, or no more."""
        ...


@runtime_checkable
class KnowsOwn(Protocol):
    """A venue whose lists may be read by somebody who has sent none of the orders in them."""

    @property
    def knows_own(self) -> bool:
        """Each order of ours says so; where false, any order that is not on record may be ours."""
        ...


@runtime_checkable
class MeasuresClock(Protocol):
    """A venue that is asked for its time now and then."""

    def clock_skew_s(self) -> float | None:
        """The venue's clock minus ours, as last measured; None while it is not known."""
        ...


@runtime_checkable
class CancelsAfter(Protocol):
    """A venue with a dead man's switch: unless told again in time, it cancels everything by itself (Q13)."""

    async def cancel_all_after(self, symbol: str, seconds: int) -> None:
        """Cancel every order of the account in this market after so long; 0 disarms. Each call replaces the last."""
        ...


@runtime_checkable
class AmendsOrders(Protocol):
    """A venue that makes a resting order smaller in its place: same id, same price, same turn in the queue.

    Growing an order or moving its price loses the place wherever it is offered, which cancelling and placing anew do
    just as well; so that is how they are done everywhere, and all of it at venues without this.
    """

    def amends(self, symbol: str) -> bool:
        """Whether it does so in this market."""
        ...

    async def amend(self, amendments: Sequence[Amendment]) -> Sequence[OrderReport]:
        """One of Amended, AmendRefused, AmendUnknown an order, in order. Raises NotReady, PermitLost or AuthRejected
        when none was sent."""
        ...
