"""A clock moved by hand, a venue that does as told, and books: for our tests and for those of plugins.

clock = ManualClock()
venue = FakeVenue(symbol="AURORA/USDT")
venue.clock = clock
venue.set_book(*book_around("1.0000"))
await clock.advance(1)
"""

from engine.testing.books import AURORA, book_around, levels
from engine.testing.clock import ManualClock, settle
from engine.testing.runtime import RecordingRuntime
from engine.testing.venue import FakeVenue

__all__ = ["AURORA", "FakeVenue", "ManualClock", "RecordingRuntime", "book_around", "levels", "settle"]
