"""One side of the simulated book in whole ticks and lots.

Prices are *keys* that grow away from the touch: the tick number on the ask side, its negative on the bid side. One
piece of code then serves both sides.
"""

from __future__ import annotations

from bisect import bisect_left, insort


class Ladder:
    """Resting size by key. `changed` collects keys touched since the last publication."""

    __slots__ = ("changed", "keys", "sizes")

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.sizes: dict[int, int] = {}
        self.changed: set[int] = set()

    @property
    def best(self) -> int:
        return self.keys[0]

    def put(self, key: int, lots: int) -> None:
        """Set the size resting at a key; nothing below one lot rests."""
        if key not in self.sizes:
            insort(self.keys, key)
        self.sizes[key] = lots if lots > 0 else 1
        self.changed.add(key)

    def drop(self, key: int) -> None:
        del self.sizes[key]
        del self.keys[bisect_left(self.keys, key)]
        self.changed.add(key)

    def drop_inside(self, key: int) -> None:
        """Remove every level better than the key."""
        at = bisect_left(self.keys, key)
        for inner in self.keys[:at]:
            del self.sizes[inner]
            self.changed.add(inner)
        del self.keys[:at]

    def drop_beyond(self, key: int) -> None:
        """Remove every level at or worse than the key."""
        at = bisect_left(self.keys, key)
        for outer in self.keys[at:]:
            del self.sizes[outer]
            self.changed.add(outer)
        del self.keys[at:]

    def take(self, lots: int, limit_key: int) -> list[tuple[int, int]]:
        """Match an incoming order down to the limit; return (key, lots) of each level it met. One level always
        stays."""
        prints: list[tuple[int, int]] = []
        while lots > 0:
            key = self.keys[0]
            if key > limit_key:
                break
            resting = self.sizes[key]
            if resting > lots:
                self.sizes[key] = resting - lots
                self.changed.add(key)
                prints.append((key, lots))
                break
            if len(self.keys) == 1:
                if resting > 1:
                    self.sizes[key] = 1
                    self.changed.add(key)
                    prints.append((key, resting - 1))
                break
            prints.append((key, resting))
            lots -= resting
            self.drop(key)
        return prints
