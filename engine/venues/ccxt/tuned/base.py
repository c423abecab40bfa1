"""The seam: everything about a venue that ccxt gets wrong or does not say, with what is safe where nobody looked.

A venue's module holds `class Tuned(Tuning)` and overrides what it knows better. It imports nothing of ccxt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from engine.core.errors import NotReady
from engine.market.types import OrderRequest
from engine.venues.ccxt.ids import PLAIN, IdForm

MarketKind = Literal["spot", "linear"]

PARENTS = {
    "bequant": "hitbtc",
    "binanceus": "binance",
    "bybiteu": "bybit",
    "bybitid": "bybit",
    "fmfwio": "hitbtc",
    "gateeu": "gate",
    "myokx": "okx",
    "okxus": "okx",
}
"""Venues that are another one under a second name, and are tuned as that one is."""


MAX_NUMBER = 1000


@dataclass(frozen=True, slots=True)
class Budget:
    """So much within a window; weight is ccxt's cost for a venue's requests, 1 each for an account's orders."""

    limit: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What a venue says in its headers: its own count in the current window, in the unit of the budget."""

    used: float
    limit: float | None = None
    reset_s: float | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """What prices and sizes of a market are multiples of, and the least size where one is told."""

    tick: Decimal
    lot: Decimal
    least: Decimal | None = None
    size_places: int | None = None
    """Where the library rounds sizes to decimal places whatever the lot is called."""


class Whole(list[Mapping[str, Any]]):
    """Everything a venue lists within a stretch of time, however many questions that took."""


async def numbered(ask: Callable[[int], Awaitable[Sequence[Mapping[str, Any]]]], page: int) -> Whole:
    """Everything on the pages 1, 2, … of a list, which are so long. Raises NotReady where they do not end."""
    found = Whole()
    for number in range(1, MAX_NUMBER + 1):
        part = await ask(number)
        found += part
        if len(part) < page:
            return found
    raise NotReady(f"A list went on after {MAX_NUMBER} pages.")


class Tuning:
    """A venue nobody has looked at: the slow and safe way wherever there is a choice."""

    lacks: frozenset[str] = frozenset()
    """Abilities by ccxt's claims that are something else there; quality.py names them."""
    has: frozenset[str] = frozenset()
    """Abilities beyond ccxt's claims, that this tuning sees to."""

    # Client order ids

    ids: IdForm = PLAIN
    """How ours are spelled there; `NoIds()` where there are none."""
    id_param = "clientOrderId"
    """By what name ccxt wants ours, or hands it on to the venue."""
    id_names: tuple[str, ...] = ()
    """Where the venue's own words hold our id, beside the usual names."""
    finds_by_client_id = False
    """The venue answers about one order by our id at once, also when it has ended: then that answer settles a doubt."""
    cancels_by_client_id = False
    """A cancel may name our id, so that an order is cancelled that was never answered."""

    # Requests

    codes: Mapping[str, str] = {}
    """The venue's codes that the library has no name for, as documented: each with the name of the library's error."""
    serial = False
    """One private request at a time: a nonce that arrives late is refused."""
    budget: Budget | None = None
    """Of an address; None: ccxt's own rate."""
    left_alone_s = 10.0
    """How long nothing is asked after an answer of "too many requests" that does not say for how long."""
    order_budget: Budget | None = None
    """Of an account, for creates and cancels together, where the venue counts them by itself."""

    # Markets

    asks_for_steps = False
    """The list of markets does not tell their ticks and lots, or not truly: each is asked for before it is traded."""

    listed_steps: Steps | None = None
    """What is written down of a market that nobody has asked about, where the library's own word would mislead: too
    fine rather than too coarse."""

    # Orders

    batch = 0
    """How many spot orders one request may place; 0: each by itself. Only where each has an answer of its own."""
    cancel_batch = 0
    """How many orders of one spot market one request may cancel; 0: each by itself."""
    cancels_every_market = False
    """"Cancel all" means all markets of the account: one market is cleared order by order."""
    cancel_is_final = False
    """The answer to a cancel says that the order is gone, with what had filled; else it is asked about after."""
    asks_after_create = False
    """The answer to a create is an id alone, and the order may have been refused after that: it is asked about."""

    amends = False
    """An order can be made smaller in its place, keeping id and turn in the queue; `ask_amend` says how."""
    amend_is_final = False
    """The answer to an amendment says that it was done; else it was merely taken, and the stream tells."""

    timer_of_market = False
    """The dead man's switch is one of a market, not one of the account."""

    # History

    open_orders_page = 0
    """A list of open orders as long as this may go on, and proves no absence; 0: it is always whole."""
    fills_page = 0
    """How many executions at most come at once; 0: as ccxt's features say."""
    fills_window_s = 0
    """How long a time one question may span; 0: as ccxt's features say."""

    closed_by: tuple[str, ...] = ()
    """By which of ccxt's lists, together, every order that has ended is told; empty: by those it has."""
    closed_page = 0
    """How many of them at most come at once; 0: as ccxt's features say."""
    closed_window_s = 0
    """How long a time one question about them may span; 0: as ccxt's features say."""

    # Books

    book_limits: tuple[int, ...] = ()
    """The depths that may be asked for, shallowest first; empty: any."""

    def options(self, kind: MarketKind) -> dict[str, Any]:
        """ccxt's options for the venue, beside what all get."""
        return {}

    def order_params(self, request: OrderRequest) -> dict[str, Any]:
        """What a create carries beside symbol, side, size, price and id."""
        return {"postOnly": True} if request.post_only else {}

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        """What an order's status means, where ccxt's word for it is not true; None: ccxt's word.

        One of open, canceling, canceled, closed, rejected. How much filled is told by the numbers, never by this.
        """
        return None

    def mended(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """ccxt's dict of an order with what it reads wrongly there put right; numbers are Decimal."""
        return said

    pushes_no_fees = False
    """An execution is pushed without its fee: what is pushed is asked for, and told with it."""

    def mended_fill(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same for an execution that was pushed."""
        return said

    def would_take(self, text: str) -> bool:
        """Whether a refusal says that a post-only order would have traded, where ccxt has no name for that."""
        return False

    def is_refusal(self, text: str) -> bool:
        """Whether an error ccxt has no name for is a definite no to an order. Be sure: else what rests is forgotten."""
        return False

    def refused_late(self, said: Mapping[str, Any]) -> str:
        """Why a pushed end of an order is a post-only refusal after all, in the venue's word; empty when it is not."""
        return ""

    def is_auth(self, text: str) -> bool:
        """Whether an error says that our credentials are refused, where ccxt calls it something else."""
        return False

    def refused(self, said: Mapping[str, Any]) -> str:
        """Why one order of a batch was refused, by its answer; empty when it was not."""
        return ""

    def complaint(self, answer: Any) -> str:
        """Why an answer is a failure that the library takes for a success; empty when it is none."""
        return ""

    # How the library is asked, where its own way is not whole or names something else

    async def ask_steps(self, library: Any, market: Mapping[str, Any]) -> Steps:
        """A market's tick and lot, where the list of markets does not tell them."""
        raise ValueError(f"nobody has said how {market.get('symbol')} is asked about")

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any] | None:
        """One order by the venue's id; where that is not known, by ours as it was sent. None when there is none."""
        return await _mapping(library.fetch_order(venue_order_id or None, symbol, _ours(venue_order_id, sent)))

    async def ask_cancel(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Any:
        """Cancel one order, named likewise."""
        return await library.cancel_order(venue_order_id or None, symbol, _ours(venue_order_id, sent))

    def amends_in(self, market: Mapping[str, Any]) -> bool:
        """Whether orders of this market are amended, where some of the venue's are."""
        return market.get("spot") is True

    async def ask_amend(
        self, library: Any, symbol: str, venue_order_id: str, sent: str, size: str
    ) -> Mapping[str, Any]:
        """Let an order have so large a whole size, executions included, named by the venue's id or else by ours.

        Returns the order in ccxt's words where the answer is one, else whatever was answered.
        """
        raise ValueError(f"nobody has said how orders in {symbol} are amended")

    def is_amend_refusal(self, text: str) -> bool:
        """Whether an error ccxt has no name for is a definite no to an amendment, the order being as it was."""
        return False

    async def ask_places(self, library: Any, orders: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Place several at once: an answer for each, in order or naming our ids."""
        said: Sequence[Any] = await library.create_orders(list(orders))
        return said

    async def ask_cancels(self, library: Any, symbol: str, venue_order_ids: Sequence[str]) -> Mapping[str, str | None]:
        """Cancel several at once. What the venue said, by its ids: empty when it took the cancel, None when it knows no
        such order, else why not."""
        raise ValueError(f"nobody has said how several orders in {symbol} are cancelled")

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        """Own executions within a time: a page of them, or a `Whole`."""
        return await _list(library.fetch_my_trades(symbol, start_ms, page or None, _until(until_ms)))

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        """Own orders by one of ccxt's lists of those that have ended: a page of them, or a `Whole`."""
        return await _list(getattr(library, method)(symbol, start_ms, page or None, _until(until_ms)))

    async def wind_up(self, library: Any, symbol: str, seconds: int) -> None:
        """Set the dead man's switch; 0 stops it."""
        await library.cancel_all_orders_after(seconds * 1000)

    def usage(self, headers: Mapping[str, str]) -> Usage | None:
        """What the venue counted of our budget, by an answer's headers with names in lower case."""
        return None

    def book_depth(self, wanted: int) -> int:
        """The shallowest depth on offer that shows as much."""
        return next((depth for depth in self.book_limits if depth >= wanted), max(self.book_limits, default=wanted))


def _ours(venue_order_id: str, sent: str) -> dict[str, str]:
    return {} if venue_order_id else {"clientOrderId": sent}


def _until(until_ms: int | None) -> dict[str, int]:
    return {} if until_ms is None else {"until": until_ms}


async def _mapping(answer: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
    return await answer


async def _list(answer: Awaitable[Sequence[Mapping[str, Any]]]) -> Sequence[Mapping[str, Any]]:
    return await answer


def tuning_of(venue_id: str) -> Tuning:
    """A venue's tuning, or the safe one where there is none."""
    name = f"engine.venues.ccxt.tuned.{PARENTS.get(venue_id, venue_id)}"
    if find_spec(name) is None:
        return Tuning()
    found: Tuning = import_module(name).Tuned()
    return found
