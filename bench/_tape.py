"""A market for benches: a recording played in real time, over and over, as one feed for every deployment of a host.

It stands in for a venue's stream: the same messages at the same pace, stamped anew, decoded once a host. A bench offers
it to the processes of its desk as a package of its own, the way any plug-in comes (`installed`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import msgspec

from engine.core.clock import Clock
from engine.core.component import Component
from engine.core.errors import NotReady
from engine.core.params import Bps, PathText, Price, Size, Symbol
from engine.market.types import Instrument
from engine.venues.base import MarketFeed
from engine.venues.recordings import Recording, open_recording
from engine.venues.recordings.messages import Damaged, Message, Print
from engine.venues.replay.keeper import BookKeeper

ID = "exchanges.bench_tape"
GIVE_WAY_S = 0.003
"""Behind its time, the tape lets others come first this often: a socket too hands over piece by piece what waits."""
ROOT = Path(__file__).resolve().parent.parent


class Tape(Component):
    """A recording in real time, in a loop, shared by all who name the same one. Public data only."""

    def __init__(
        self,
        *,
        path: Annotated[str, PathText(help="A recording that holds a snapshot", example="btcusdt.gz")],
        symbol: Annotated[str, Symbol(help="Such as BTC/USDT")],
        tick_size: Annotated[Decimal, Price(gt=0, help="Smallest price step", example="0.01")],
        lot_size: Annotated[Decimal, Size(gt=0, help="Smallest size step", example="0.00001")],
        maker_fee_bps: Annotated[Decimal, Bps(help="Fee of an order that rested")] = Decimal(0),
        taker_fee_bps: Annotated[Decimal, Bps(help="Fee of an order that takes")] = Decimal(0),
    ) -> None:
        base, _, quote = symbol.partition("/")
        self.path = path
        self.instrument = Instrument(
            symbol=symbol,
            base=base,
            quote=quote,
            tick_size=tick_size,
            lot_size=lot_size,
            maker_fee_bps=maker_fee_bps,
            taker_fee_bps=taker_fee_bps,
        )
        self._feed: MarketFeed | None = None

    async def load(self) -> None:
        hub, clock = self.runtime.hub, self.runtime.clock
        self._feed = await hub.acquire((ID, self.path), lambda: _Player(self.path, self.instrument, clock))

    async def unload(self) -> None:
        if self._feed is not None:
            self._feed = None
            await self.runtime.hub.release((ID, self.path))

    def feed(self, symbol: str) -> MarketFeed:
        if self._feed is None:
            raise NotReady(f"the tape of {symbol} is not loaded")
        return self._feed


class _Player:
    """Plays on a task of its own: the feed outlives whichever deployment asked for it first."""

    def __init__(self, path: str, instrument: Instrument, clock: Clock) -> None:
        self.feed = MarketFeed(instrument, source=f"tape {path}")
        self._path = path
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        recording = await asyncio.to_thread(open_recording, self._path, self.feed.instrument.symbol)
        self._task = asyncio.get_running_loop().create_task(self._play(recording), name="tape")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _play(self, recording: Recording) -> None:
        while True:
            keeper = BookKeeper(
                self.feed,
                symbol=recording.symbol,
                clock=self._clock,
                off_market_bps=Decimal(100),
                notice=lambda level, text: None,
            )
            began, began_ns = self._clock.monotonic(), self._clock.now_ns()
            gave_way = began
            for message in recording.messages():
                if isinstance(message, Damaged):
                    continue
                passed_ns = message.ts_ns - recording.first_ns
                now = self._clock.monotonic()
                wait_s = began + passed_ns / 1e9 - now
                if wait_s > 0.001 or now - gave_way > GIVE_WAY_S:
                    await asyncio.sleep(max(0.0, wait_s))
                    gave_way = self._clock.monotonic()
                keeper.apply(_stamped(message, began_ns + passed_ns))


def _stamped(message: Message, ts_ns: int) -> Message:
    if isinstance(message, Print):
        trade = msgspec.structs.replace(message.trade, ts_ns=ts_ns)
        return msgspec.structs.replace(message, ts_ns=ts_ns, trade=trade)
    return msgspec.structs.replace(message, ts_ns=ts_ns)


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Offer the tape to this process and to those it starts, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="mm-tape-") as directory:
        package = Path(directory) / "mm_bench_tape-1.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mm-bench-tape\nVersion: 1\n")
        (package / "entry_points.txt").write_text(f"[mmplatform.components]\n{ID} = bench._tape:Tape\n")
        Path(directory).chmod(0o755)
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (directory, str(ROOT), before)))
        sys.path.insert(0, directory)
        try:
            yield
        finally:
            sys.path.remove(directory)
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before
