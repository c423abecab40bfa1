"""Whether what we see of the market is true."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import BPS
from engine.core.params import Bps, Count, Seconds
from engine.core.states import State
from engine.market.types import Side, Trade
from engine.marketmaking.base import Trip
from engine.risk.base import RiskState
from engine.risk.killswitches.window import Lasting
from engine.venues.base import MarketFeed


class DataLag(Component):
    """Trip when the last trustworthy book is older than the limit. A feed in trouble ages from its last good book."""

    def __init__(
        self,
        *,
        max_lag_s: Annotated[Decimal, Seconds(gt=0, help="Oldest book with which quoting may go on")] = Decimal(10),
    ) -> None:
        self.max_lag_s = max_lag_s
        self._max_lag = float(max_lag_s)
        self._good_at: float | None = None

    def check(self, state: RiskState) -> Trip | None:
        received_at = state.feed.received_at
        if state.state is State.STARTING:
            self._good_at = None  # last asked before a pause: what was seen then is not the last good book
        if received_at is not None and (self._good_at is None or not state.feed.problem):
            self._good_at = received_at
        elif self._good_at is None:
            self._good_at = state.monotonic
        lag_s = state.monotonic - self._good_at
        if lag_s <= self._max_lag:
            return None
        why = f" ({state.feed.problem})" if state.feed.problem else ""
        return Trip(
            switch=self.name,
            reason=f"The last good book from {state.feed.source} is {lag_s:.1f} s old, over {self.max_lag_s} s{why}.",
            value=Decimal(f"{lag_s:.3f}"),
            limit=self.max_lag_s,
        )


class StaleBook(Component):
    """Trip when the best prices and their sizes stand still although the market is seen to move.

    A feed may go on telling that it is well while its book is frozen, which `killswitches.data_lag` does not see. A
    quiet market stands still as well, so it takes evidence: public trades, which would have changed the sizes, or a
    reference price from elsewhere that moved.
    """

    def __init__(
        self,
        *,
        max_unchanged_s: Annotated[
            Decimal, Seconds(gt=0, live=True, help="How long the touch may stand still in a market that moves")
        ] = Decimal(30),
        min_trades: Annotated[int, Count(ge=1, live=True, help="Checks that saw a new public trade meanwhile")] = 3,
        min_move_bps: Annotated[
            Decimal, Bps(gt=0, live=True, help="Or: move of the reference price meanwhile")
        ] = Decimal(20),
    ) -> None:
        self.max_unchanged_s = max_unchanged_s
        self.min_trades = min_trades
        self.min_move_bps = min_move_bps
        self._touch: tuple[Decimal | None, ...] | None = None
        self._since = 0.0
        self._reference: Decimal | None = None
        self._trade: Trade | None = None
        self._trades = 0

    def check(self, state: RiskState) -> Trip | None:
        feed = state.feed
        if feed.received_at is None or feed.problem:
            self._touch = None  # nobody takes this book for true: killswitches.data_lag watches
            return None
        touch = _touch(feed)
        if touch != self._touch or state.state is State.STARTING:
            self._touch, self._since = touch, state.monotonic
            self._reference, self._trade, self._trades = state.reference, feed.last_trade, 0
            return None
        if feed.last_trade is not self._trade:
            self._trade = feed.last_trade
            self._trades += 1
        unchanged_s = state.monotonic - self._since
        evidence = self._evidence(state) if unchanged_s > self.max_unchanged_s else ""
        if not evidence:
            return None
        return Trip(
            switch=self.name,
            reason=f"The book from {feed.source} has stood still for {unchanged_s:.1f} s, over {self.max_unchanged_s} "
            f"s, while {evidence}.",
            value=Decimal(f"{unchanged_s:.3f}"),
            limit=self.max_unchanged_s,
        )

    def _evidence(self, state: RiskState) -> str:
        if self._trades >= self.min_trades:
            return f"trades went on ({self._trades} checks saw new ones)"
        if self._reference is None or state.reference is None:
            return ""
        moved_bps = abs(state.reference - self._reference) / self._reference * BPS
        return f"the reference price moved {moved_bps:.0f} bps" if moved_bps >= self.min_move_bps else ""


def _touch(feed: MarketFeed) -> tuple[Decimal | None, ...]:
    """Best prices and the sizes at them."""
    book = feed.book
    bid, ask = book.best_bid, book.best_ask
    return (
        bid,
        None if bid is None else book.size_at(Side.BUY, bid),
        ask,
        None if ask is None else book.size_at(Side.SELL, ask),
    )


class ClockSkew(Component):
    """Trip when the venue's clock and ours differ by more than the limit: stamps and expiries could not be trusted.

    Where nobody measures it nothing is known, which is no skew; `max_unmeasured_s` is for those who insist.
    """

    def __init__(
        self,
        *,
        max_skew_s: Annotated[Decimal, Seconds(gt=0, live=True, help="Largest difference, either way")] = Decimal(1),
        max_unmeasured_s: Annotated[
            Decimal | None, Seconds(gt=0, live=True, help="How long it may go unmeasured; empty for ever")
        ] = None,
    ) -> None:
        self.max_skew_s = max_skew_s
        self.max_unmeasured_s = max_unmeasured_s
        self._unmeasured = Lasting()

    def check(self, state: RiskState) -> Trip | None:
        skew_s = state.activity.skew_s
        unmeasured_s = self._unmeasured.seconds(state, skew_s is None)
        if skew_s is None:
            if self.max_unmeasured_s is None or unmeasured_s is None or unmeasured_s <= self.max_unmeasured_s:
                return None
            return Trip(
                switch=self.name,
                reason=f"The clock of {state.feed.source} has not been compared with ours for {unmeasured_s:.1f} s, "
                f"over {self.max_unmeasured_s} s.",
                value=Decimal(f"{unmeasured_s:.3f}"),
                limit=self.max_unmeasured_s,
            )
        if abs(skew_s) <= self.max_skew_s:
            return None
        way = "ahead of" if skew_s > 0 else "behind"
        return Trip(
            switch=self.name,
            reason=f"The clock of {state.feed.source} is {abs(skew_s):.3f} s {way} ours, over the limit of "
            f"{self.max_skew_s} s.",
            value=Decimal(f"{skew_s:.3f}"),
            limit=self.max_skew_s,
        )
