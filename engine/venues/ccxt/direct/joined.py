"""A market's book from a venue's frames: joined to its snapshot, watched for gaps, and shown only while it is whole."""

from __future__ import annotations

from collections import deque

from engine.core.clock import Clock
from engine.venues.base import MarketFeed
from engine.venues.ccxt.direct.dialect import Dialect, Gap, News, Snapshot, Update, follows

WAITING_KEPT = 5_000
CHECKED_EVERY_S = 1.0
"""A checksum that merely confirms what the numbers have told."""


class JoinedBook:
    """Applies what a dialect reads to a feed. After a Gap begin anew: `reset`."""

    def __init__(self, feed: MarketFeed, dialect: Dialect, *, clock: Clock) -> None:
        self.feed = feed
        self.is_whole = False
        self._dialect = dialect
        self._clock = clock
        self._last: int | None = None
        self._waiting: deque[Update] = deque(maxlen=WAITING_KEPT)
        self._checked_at = float("-inf")
        self.changed_at = clock.monotonic()

    def reset(self) -> None:
        self.is_whole = False
        self.changed_at = self._clock.monotonic()
        self._last = None
        self._waiting.clear()

    def take(self, frame: str | bytes) -> News:
        """Read a frame and apply it. Raises Gap, or msgspec.DecodeError."""
        news = self._dialect.read(frame)
        if type(news) is Update:
            if self.is_whole:
                self._apply(news)
            else:
                self._waiting.append(news)
        elif type(news) is Snapshot:
            self.begin(news)
        return news

    def begin(self, snapshot: Snapshot) -> None:
        """Take the whole book, and then whatever of it changed while it was on its way. After a Gap those changes wait
        for a newer one."""
        self.feed.book.reset(snapshot.bids, snapshot.asks)
        self._last = snapshot.last
        self._check(snapshot, always=True)
        for update in self._waiting:
            self._apply(update, quietly=True)
        self._waiting.clear()
        self.is_whole = True
        self._publish(snapshot.ts_ns)

    def _apply(self, update: Update, *, quietly: bool = False) -> None:
        last = self._last
        if last is not None and not follows(last, update):
            return
        book = self.feed.book
        book.apply(update.bids, update.asks)
        if self._dialect.kept_levels:
            book.keep(self._dialect.kept_levels)
        self._last = update.last
        self._check(update, always=self._dialect.checks_every_message)
        if not quietly:
            self._publish(update.ts_ns)

    def _check(self, news: Snapshot | Update, *, always: bool) -> None:
        if news.checksum is None:
            return
        now = self._clock.monotonic()
        if not always and now - self._checked_at < CHECKED_EVERY_S:
            return
        self._checked_at = now
        ours = self._dialect.checksum(self.feed.book)
        if ours is not None and ours != news.checksum:
            raise Gap(f"the book's checksum is {ours}, and {news.checksum} at the venue")

    def _publish(self, ts_ns: int) -> None:
        feed = self.feed
        feed.book_ts_ns = ts_ns or self._clock.now_ns()
        book, self.changed_at = feed.book, self._clock.monotonic()
        if book.is_crossed:
            feed.problem = f"the book is crossed, best bid {book.best_bid} and best ask {book.best_ask}"
        else:
            feed.problem = ""
            feed.received_at = self.changed_at
        feed.publish()
