"""Small recordings made by hand, whole and damaged, and the place of the real ones."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000

ROOT = Path(__file__).resolve().parents[3]


def market_data(*parts: str) -> str:
    """A real recording beside the repository or under MM_MARKET_DATA; without it the test is skipped."""
    folder = Path(os.environ.get("MM_MARKET_DATA") or ROOT.parent / "shared" / "market-data")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no recording at {path}; name the folder in MM_MARKET_DATA")
    return str(path)


class Tape:
    """Writes Binance lines: a snapshot at update 100, then whatever is asked for, each 100 ms later."""

    def __init__(self, symbol: str = "AURUSDT") -> None:
        self.symbol = symbol
        self.ts_ns = START_NS
        self.lines: list[bytes] = []
        self.update = 100
        self.trade = 0

    def line(self, payload: dict[str, object], *, after_ms: int = 100) -> Tape:
        self.ts_ns += after_ms * MS
        self.lines.append(f"{self.ts_ns} ".encode() + json.dumps(payload, separators=(",", ":")).encode())
        return self

    def stream(self, kind: str, data: dict[str, object], **more: int) -> Tape:
        return self.line({"stream": f"{self.symbol.lower()}@{kind}", "data": {"s": self.symbol, **data}}, **more)

    def snapshot(self, *, update: int | None = None, mid: str = "100.00") -> Tape:
        """Five levels a side of 10, 0.05 apart, around a mid."""
        self.update = self.update if update is None else update
        cents = round(float(mid) * 100)
        return self.line(
            {
                "lastUpdateId": self.update,
                "bids": [[f"{(cents - 5 - 5 * k) / 100:.2f}", "10.000"] for k in range(5)],
                "asks": [[f"{(cents + 5 + 5 * k) / 100:.2f}", "10.000"] for k in range(5)],
            }
        )

    def depth(
        self, *, bids: Iterable[tuple[str, str]] = (), asks: Iterable[tuple[str, str]] = (), skip: int = 0
    ) -> Tape:
        first = self.update + 1 + skip
        self.update = first + 1
        data = {"e": "depthUpdate", "U": first, "u": self.update, "b": [*map(list, bids)], "a": [*map(list, asks)]}
        return self.stream("depth@100ms", data)

    def top(self, bid: str, bid_size: str, ask: str, ask_size: str, *, update: int | None = None) -> Tape:
        data = {"u": self.update + 1 if update is None else update, "b": bid, "B": bid_size, "a": ask, "A": ask_size}
        return self.stream("bookTicker", data)

    def print(self, price: str, size: str, *, seller_takes: bool = False, origin: str = "", number: int = 0) -> Tape:
        self.trade = number or self.trade + 1
        data: dict[str, object] = {"e": "trade", "t": self.trade, "p": price, "q": size, "m": seller_takes}
        return self.stream("trade", data | ({"X": origin} if origin else {}))

    def save(self, path: Path, *, cut: int = 0) -> str:
        """Write it gzipped; `cut` leaves out that many bytes of the packed file's end."""
        packed = gzip.compress(b"\n".join(self.lines) + b"\n")
        path.write_bytes(packed[: len(packed) - cut])
        return str(path)
