"""`exchanges.replay`: a recording as a public data source, moving the clock of its deployment as it plays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from typing import Annotated

from engine.core.clock import NS
from engine.core.component import Component
from engine.core.decimals import ZERO
from engine.core.errors import NotReady, RecordingDamaged
from engine.core.params import Bps, Factor, Flag, Money, PathText, Price, Seconds, Size, Text
from engine.core.states import State
from engine.market.types import Instrument
from engine.metrics.events import Event, Notice, RecordingEnded, RecordingProgress, StateChanged
from engine.rehearsal.clock import ReplayClock
from engine.venues.base import MarketFeed
from engine.venues.recordings import Recording, open_recording, plain
from engine.venues.recordings.messages import Damaged, Message
from engine.venues.replay.instrument import steps_of, unified
from engine.venues.replay.keeper import BookKeeper

SLICE_S = 0.05
"""At a set speed, how often (wall) time moves on while the recording is silent."""
HOG_S = 0.004
"""How long the loop may be held before others get a turn."""
PROGRESS_S = 1.0


class Replay(Component):
    """Recorded market data, played through the same path as a live venue. Public data only: orders go to
    `exchanges.paper`.

    The service needs a ReplayClock and a scheduler that is not started: this component moves both. Playing begins
    when the service leaves PAUSED, so that no market time is lost while a person reaches for the start button, and
    ends with a RecordingEnded event. Tick and lot not given are inferred: the largest steps dividing every price and
    size seen first.
    """

    def __init__(
        self,
        *,
        path: Annotated[
            str,
            PathText(
                help="A recording, or a folder whose recordings follow one another", example="recordings/2026-06-01"
            ),
        ],
        symbol: Annotated[str, Text(help="Such as BTC/USDT; empty when the recording holds one market only")] = "",
        speed: Annotated[
            Decimal | None, Factor(gt=0, help="Market seconds a second; empty: as fast as possible")
        ] = None,
        tick_size: Annotated[Decimal | None, Price(gt=0, help="Empty: inferred from the recording")] = None,
        lot_size: Annotated[Decimal | None, Size(gt=0, help="Empty: inferred from the recording")] = None,
        min_size_base: Annotated[Decimal | None, Size(gt=0, help="Smallest order")] = None,
        min_notional_quote: Annotated[Decimal | None, Money(gt=0, help="Smallest order by value")] = None,
        maker_fee_bps: Annotated[Decimal, Bps(help="Fee of an order that rested; negative is a rebate")] = ZERO,
        taker_fee_bps: Annotated[Decimal, Bps(help="Fee of an order that takes")] = ZERO,
        off_market_bps: Annotated[
            Decimal, Bps(gt=0, help="A print further than this outside the best prices is reported and left out")
        ] = Decimal(100),
        wait_for_start: Annotated[bool, Flag(help="Begin to play only when the service starts")] = True,
        skip_s: Annotated[
            Decimal, Seconds(ge=0, help="How much of the beginning is read for its book alone, before the clock starts")
        ] = ZERO,
    ) -> None:
        self.path = path
        self.symbol = symbol
        self.speed = speed
        self.tick_size = tick_size
        self.lot_size = lot_size
        self.min_size_base = min_size_base
        self.min_notional_quote = min_notional_quote
        self.maker_fee_bps = maker_fee_bps
        self.taker_fee_bps = taker_fee_bps
        self.off_market_bps = off_market_bps
        self.wait_for_start = wait_for_start
        self.skip_s = skip_s
        self._feed: MarketFeed | None = None
        self._task: asyncio.Task[None] | None = None

    # -- life ---------------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        clock = self.runtime.clock
        if not isinstance(clock, ReplayClock):
            raise NotReady(
                f"{self.path} can only be played by the recording's own clock, and this service runs by the machine's; "
                "start it with ./mm replay, or as a replay deployment"
            )
        self._clock = clock
        if self.speed is not None:
            clock.speed = self.speed
        # Looking through a file takes a tenth of a second: others on this loop must not wait for it.
        self._recording = await asyncio.to_thread(open_recording, self.path, self.symbol)
        instrument = await asyncio.to_thread(self._instrument, self._recording)
        self._first_ns = self._recording.first_ns + int(self.skip_s * NS)
        clock.start(self._first_ns)
        self._feed = MarketFeed(instrument, source=f"recording {self.path}")
        self._keeper = BookKeeper(
            self._feed,
            symbol=self._recording.symbol,
            others=self._recording.others,
            clock=clock,
            off_market_bps=self.off_market_bps,
            best_prices_only=self._recording.best_prices_only,
            notice=self._notice,
        )
        self._started = asyncio.Event()
        if not self.wait_for_start:
            self._started.set()

    async def begin(self) -> None:
        self._task = self.runtime.spawn(self._play(), f"{self.name} player")

    async def unload(self) -> None:
        task, self._task = self._task, None
        if task is not None and not task.done() and task is not asyncio.current_task():
            task.cancel()

    def feed(self, symbol: str) -> MarketFeed:
        if self._feed is None:
            raise NotReady(f"the recording {self.path} is not loaded")
        if plain(symbol) != plain(self._feed.instrument.symbol):
            raise NotReady(f"the recording {self.path} is of {self._feed.instrument.symbol}, not {symbol}")
        return self._feed

    def emit(self, event: Event) -> None:
        """Hear of the service's state: the tape starts rolling when it leaves PAUSED."""
        if isinstance(event, StateChanged) and event.new in (State.STARTING, State.ACTIVE):
            self._started.set()

    def _instrument(self, recording: Recording) -> Instrument:
        symbol = unified(recording.symbol)
        if "/" in self.symbol:
            symbol = self.symbol
        tick_size, lot_size = self.tick_size, self.lot_size
        if tick_size is None or lot_size is None:
            inferred_tick, inferred_lot = steps_of(recording)
            tick_size, lot_size = tick_size or inferred_tick, lot_size or inferred_lot
        base, _, quote = symbol.partition(":")[0].partition("/")
        return Instrument(
            symbol=symbol,
            base=base,
            quote=quote,
            tick_size=tick_size,
            lot_size=lot_size,
            min_size_base=self.min_size_base,
            min_notional_quote=self.min_notional_quote,
            maker_fee_bps=self.maker_fee_bps,
            taker_fee_bps=self.taker_fee_bps,
        )

    def _notice(self, level: str, text: str) -> None:
        self.runtime.record(Notice(ts_ns=self._clock.now_ns(), level=level, text=text))

    # -- playing ------------------------------------------------------------------------------------------------------

    async def _play(self) -> None:
        await self._started.wait()
        await self._warm_up()
        clock, scheduler, keeper, recording = self._clock, self.runtime.scheduler, self._keeper, self._recording
        if recording.best_prices_only:
            keeper.find(
                "missing_snapshot",
                "The recording begins without a snapshot of the book: it is played on its best prices, without depth.",
            )
        problem, messages = "", 0
        last_ns = self._first_ns
        turn = told = time.perf_counter()
        try:
            left = await self._skip(recording.messages())
            clock.roll()
            for message in left:
                messages += 1
                if isinstance(message, Damaged):
                    keeper.apply(message)
                    continue
                if message.ts_ns < last_ns:
                    keeper.find(
                        "time_backwards", f"The recorder's clock ran backwards by {last_ns - message.ts_ns} ns."
                    )
                else:
                    last_ns = message.ts_ns
                await self._reach(clock.at(last_ns))
                keeper.apply(message)
                wall = time.perf_counter()
                if wall - turn > HOG_S:
                    if wall - told > PROGRESS_S:
                        told = wall
                        self._tell_progress(last_ns, messages)
                    await asyncio.sleep(0)
                    turn = time.perf_counter()
        except RecordingDamaged as error:
            problem = str(error)
            keeper.find("truncated", f"{problem}.", level="error")
        await scheduler.run_until(clock.monotonic())
        self._end(last_ns, messages, problem)

    async def _warm_up(self) -> None:
        """Build the book from the recording this one continues, without letting anybody see it."""
        keeper = self._keeper
        if self._recording.warm_up is None:
            return
        keeper.silent = True
        turn = time.perf_counter()
        try:
            for message in self._recording.before():
                keeper.apply(message)
                if time.perf_counter() - turn > HOG_S:
                    await asyncio.sleep(0)
                    turn = time.perf_counter()
        except RecordingDamaged as error:
            self._notice("warning", f"The recording before this one is damaged: {error}.")
        keeper.silent = False
        keeper.findings.clear()
        self._notice("info", f"The book was built from {self._recording.warm_up.path}, which this recording continues.")

    async def _skip(self, messages: Iterator[Message]) -> Iterator[Message]:
        """Read the beginning for its book alone. Returns what is left to play."""
        if not self.skip_s:
            return messages
        keeper = self._keeper
        keeper.silent = True
        turn = time.perf_counter()
        for message in messages:
            if not isinstance(message, Damaged) and message.ts_ns >= self._first_ns:
                keeper.silent = False
                return chain([message], messages)
            keeper.apply(message)
            if time.perf_counter() - turn > HOG_S:
                await asyncio.sleep(0)
                turn = time.perf_counter()
        keeper.silent = False
        return iter(())

    async def _reach(self, monotonic: float) -> None:
        """Let market time come to a stamp, at the speed asked for, running every job that is due on the way."""
        clock, scheduler = self._clock, self.runtime.scheduler
        while (wait := clock.due_in_s(monotonic)) > 0.001:
            await asyncio.sleep(min(wait, SLICE_S))
            if wait > SLICE_S:
                passed = clock.monotonic() + SLICE_S * float(clock.speed or 1)
                await scheduler.run_until(min(passed, monotonic))
                clock.move_to(min(passed, monotonic))
        await scheduler.run_until(monotonic)
        clock.move_to(monotonic)

    def _tell_progress(self, ts_ns: int, messages: int) -> None:
        first, last = self._recording.first_ns, self._recording.last_ns
        share = (ts_ns - first) / (last - first) if last > first else 1.0
        self.runtime.record(RecordingProgress(ts_ns=ts_ns, share=min(max(share, 0.0), 1.0), messages=messages))

    def _end(self, ts_ns: int, messages: int, problem: str) -> None:
        feed, keeper = self._feed, self._keeper
        if feed is None:
            return
        if feed.received_at is None:
            keeper.find("missing_snapshot", "The recording shows no snapshot of the book, so nothing could be trusted.")
        self._tell_progress(ts_ns, messages)
        feed.problem = problem or "the recording is over"
        for on_book in tuple(feed.on_book):
            on_book(feed)
        self.runtime.record(
            RecordingEnded(
                ts_ns=ts_ns, messages=messages, problem=problem, findings=dict(sorted(keeper.findings.items()))
            )
        )
