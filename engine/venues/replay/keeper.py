"""Keeps a market feed current from recorded messages, and says aloud whatever is wrong with them.

Nothing wrong is absorbed: a sequence gap, a crossed book, a print off the market, a damaged line, time running
backwards are each counted in `findings`, noticed once in words, and, where they touch the book, held in
`feed.problem` until mended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from decimal import Decimal

from engine.core.clock import Clock, utc
from engine.core.decimals import BPS, ZERO
from engine.market.book import Change
from engine.market.types import Price, Side
from engine.venues.base import MarketFeed
from engine.venues.recordings.messages import Damaged, Depth, Mark, Message, Print, Skipped, Snapshot, Top

BUFFERED_UPDATES = 5_000
"""Depth updates kept while waiting for a snapshot: eight minutes of a busy stream."""
NOTICES_A_KIND = 3
"""How often one kind of finding is told in words; after that it is only counted."""


class BookKeeper:
    """Applies messages of one symbol to a feed by the venue's sequence rules.

    Best prices fresher than the last depth update (`Top` messages) are laid over the book and lifted again before the
    next depth update, so that the book below stays exactly what the depth stream says.
    """

    def __init__(
        self,
        feed: MarketFeed,
        *,
        symbol: str,
        others: Collection[str] = (),
        clock: Clock,
        off_market_bps: Decimal,
        best_prices_only: bool = False,
        notice: Callable[[str, str], None],
    ) -> None:
        """symbol and others, which the recording is known to hold too, in the venue's spelling. notice(level, text)
        tells people; it must be quick."""
        self.feed = feed
        self.findings: dict[str, int] = {}
        self.silent = False
        """While a recording is read for its book alone: no prints, no callbacks."""
        self._symbol = symbol
        self._others = frozenset(others)
        self._clock = clock
        self._off_market = off_market_bps / BPS
        self._notice = notice
        self._last_id: int | None = None
        self._trusted = False
        self._best_prices_only = best_prices_only
        self._gap = ""
        self._first_after_snapshot = False
        self._waiting: deque[Depth] = deque(maxlen=BUFFERED_UPDATES)
        self._overlay: dict[tuple[Side, Decimal], Decimal] = {}
        self._top: Top | None = None
        self._top_number = 0
        self._last_number: int | None = None
        feed.problem = "the recording has shown no snapshot of the book yet"
        feed.depth_known = not best_prices_only

    def find(self, kind: str, text: str, *, level: str = "warning") -> None:
        """Count a finding; tell the first few of each kind in words."""
        count = self.findings[kind] = self.findings.get(kind, 0) + 1
        if count <= NOTICES_A_KIND:
            self._notice(level, text if count < NOTICES_A_KIND else f"{text} Further ones are counted, not told.")

    def apply(self, message: Message) -> None:
        if isinstance(message, Skipped):
            return
        if isinstance(message, Damaged):
            self.find("damaged_lines", f"Line {message.line} of the recording is damaged: {message.reason}.")
            return
        if isinstance(message, Mark):
            self._on_mark(message)
            return
        if message.symbol != self._symbol and not self._is_ours(message):
            return
        if isinstance(message, Top):
            self._on_top(message)
        elif isinstance(message, Depth):
            self._on_depth(message)
        elif isinstance(message, Print):
            self._on_print(message)
        else:
            self._on_snapshot(message)

    def _is_ours(self, message: Snapshot | Depth | Top | Print) -> bool:
        """Whether a message of another spelling is ours after all: a snapshot need not name its symbol."""
        if message.symbol in self._others:
            return False
        if message.symbol:
            self.find("other_symbols", f"The recording holds {message.symbol} too, which is not played.", level="info")
            return False
        if not self._others:
            return True
        self.find(
            "unnamed_snapshots", f"At {utc(message.ts_ns)} a snapshot names no symbol and the recording has several."
        )
        return False

    # -- the book -----------------------------------------------------------------------------------------------------

    def _on_snapshot(self, message: Snapshot) -> None:
        if (
            self._trusted
            and message.last_id is not None
            and self._last_id is not None
            and message.last_id < self._last_id
        ):
            return  # an older picture of a book that is current
        self._best_prices_only = False
        self.feed.depth_known = True
        self._overlay.clear()
        self._top = None
        self.feed.book.reset(message.bids, message.asks)
        self._last_id = message.last_id
        self._trusted = True
        self._gap = ""
        self._first_after_snapshot = True
        waiting, self._waiting = list(self._waiting), deque(maxlen=BUFFERED_UPDATES)
        for depth in waiting:
            if self._trusted:
                self._link(depth)
            else:
                self._waiting.append(depth)
        self._publish(message.ts_ns)

    def _on_depth(self, message: Depth) -> None:
        if not self._trusted:
            self._waiting.append(message)
            return
        self._lift()
        self._link(message)
        if self._trusted and self._top is not None and self._last_id is not None:
            if self._top.update_id > self._last_id:
                self._lay(self._top)
            elif self._top.update_id == self._last_id:
                self._compare(self._top)
        self._publish(message.ts_ns)

    def _link(self, message: Depth) -> None:
        """Apply an update if it follows the last one, drop it if it is old, else the book is no longer known."""
        last, first = self._last_id, message.first_id
        if last is not None and first is not None and message.last_id is not None:
            if message.previous_id is None:
                follows, old = first <= last + 1 <= message.last_id, message.last_id <= last
                if not self._first_after_snapshot:
                    follows = first == last + 1
            else:
                follows, old = first <= last <= message.last_id, message.last_id < last
                if not self._first_after_snapshot:
                    follows, old = message.previous_id == last, message.last_id <= last
            if old:
                if not self._first_after_snapshot:
                    self.find("repeated_updates", f"Depth update {message.last_id} came again at {utc(message.ts_ns)}.")
                return
            if not follows:
                self._lose(message, last)
                return
        self._first_after_snapshot = False
        self._last_id = message.last_id
        self.feed.book.apply(message.bids, message.asks)

    def _lose(self, message: Depth, last: int) -> None:
        self._trusted = False
        self._waiting.append(message)
        self._gap = (
            f"depth updates between {last} and {message.first_id} are missing since {utc(message.ts_ns):%H:%M:%S}; "
            "the book is not trusted until the recording shows a new snapshot"
        )
        self.find("sequence_gaps", f"Sequence gap: {self._gap}.", level="error")

    def _on_top(self, message: Top) -> None:
        if self._best_prices_only:
            self._top_number = max(message.update_id, self._top_number)
            if message.update_id == self._top_number:
                self.feed.book.reset([(message.bid, message.bid_size_base)], [(message.ask, message.ask_size_base)])
                self._publish(message.ts_ns)
            return
        if not self._trusted or self._last_id is None:
            return
        if message.update_id < self._last_id:
            return
        if self.silent:
            self._top = message  # laid over the book by the next depth update: nobody looks before that
            return
        self._lift()
        if message.update_id == self._last_id:
            self._compare(message)
            self._top = None
            self._publish(message.ts_ns)
            return
        self._top = message
        self._lay(message)
        self._publish(message.ts_ns)

    def _compare(self, message: Top) -> None:
        """Depth and ticker stand at the same update: they must agree, or the book below is wrong."""
        book = self.feed.book
        if book.best_bid != message.bid or book.best_ask != message.ask:
            self.find(
                "top_mismatches",
                f"At update {message.update_id} the book says {book.best_bid} / {book.best_ask} and the ticker "
                f"{message.bid} / {message.ask}.",
                level="error",
            )

    def _lay(self, message: Top) -> None:
        """Make the book's best prices those of the ticker, remembering what stood there."""
        book, overlay = self.feed.book, self._overlay
        bids: list[Change] = [(message.bid, message.bid_size_base)]
        asks: list[Change] = [(message.ask, message.ask_size_base)]
        best_bid, best_ask = book.best_bid, book.best_ask
        if best_bid is not None and best_bid > message.bid:
            bids += [(price, ZERO) for price in book.better_than(Side.BUY, message.bid)]
        if best_ask is not None and best_ask < message.ask:
            asks += [(price, ZERO) for price in book.better_than(Side.SELL, message.ask)]
        for side, changes in ((Side.BUY, bids), (Side.SELL, asks)):
            for price, _ in changes:
                overlay.setdefault((side, price), book.size_at(side, price))
        book.apply(bids, asks)

    def _lift(self) -> None:
        if not self._overlay:
            return
        bids = [(price, size) for (side, price), size in self._overlay.items() if side is Side.BUY]
        asks = [(price, size) for (side, price), size in self._overlay.items() if side is Side.SELL]
        self._overlay.clear()
        self.feed.book.apply(bids, asks)

    def _publish(self, ts_ns: int) -> None:
        feed = self.feed
        problem = self._gap
        if self._trusted or self._best_prices_only:
            problem = ""
            if feed.book.is_crossed:
                problem = f"the book is crossed: best bid {feed.book.best_bid} against best ask {feed.book.best_ask}"
                if not feed.problem.startswith("the book is crossed"):
                    self.find("crossed_books", f"At {utc(ts_ns)} {problem}.", level="error")
        feed.problem = problem
        if not problem:
            feed.book_ts_ns = ts_ns
            feed.received_at = self._clock.monotonic()
        if not self.silent:
            feed.publish()

    def _on_mark(self, message: Mark) -> None:
        if message.symbol == self._symbol and not self.silent:
            self.feed.mark = Price(value=message.price, ts_ns=message.ts_ns, source=self.feed.source)
            self.feed.mark_received_at = self._clock.monotonic()

    # -- prints -------------------------------------------------------------------------------------------------------

    def _on_print(self, message: Print) -> None:
        number, trade = message.number, message.trade
        if number is not None:
            last, self._last_number = self._last_number, number
            if last is not None and number <= last:
                self._last_number = last
                self.find("repeated_prints", f"Trade {number} was printed again at {utc(message.ts_ns)}.")
                return
            if last is not None and number != last + 1:
                missing = number - last - 1
                self.find("missing_prints", f"{missing} trades between {last} and {number} are missing.")
        reason = self._off_market_reason(message)
        if reason:
            self.find("off_market_prints", f"The print {trade.trade_id} at {trade.price} is left out: {reason}.")
            return
        if self.silent:
            return
        self.feed.last_trade = trade
        for on_trade in tuple(self.feed.on_trade):
            on_trade(trade)

    def _off_market_reason(self, message: Print) -> str:
        """Why a print cannot have been a trade on the book, or an empty string."""
        trade, book = message.trade, self.feed.book
        if message.origin != "MARKET":
            return f"the venue marks it {message.origin}"
        if trade.size_base <= 0 or trade.price <= 0:
            return "it has no size or no price"
        if self.feed.problem or book.best_bid is None or book.best_ask is None:
            return ""
        low, high = book.best_bid * (1 - self._off_market), book.best_ask * (1 + self._off_market)
        if low <= trade.price <= high:
            return ""
        return f"the best prices are {book.best_bid} and {book.best_ask}"
