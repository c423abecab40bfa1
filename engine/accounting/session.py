"""A session in figures, from its stream of events: how much was traded, what it earned, what was shown, and for how
long.

Everything is summed as it comes, so a year costs no more memory than a minute. A sample stands for the time until the
next one, but for no longer than twice the sampling interval; what nobody looked at is *unobserved*: it is part of the
session and never counts as quoted.
"""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from decimal import Decimal

import msgspec

from engine.accounting.roundtrips import RoundTripFigures
from engine.accounting.session_money import AssetFees, AssetFlow, SessionMoney
from engine.core.clock import NS
from engine.core.decimals import BPS, ZERO
from engine.core.states import State
from engine.market.types import OrderStatus, Side
from engine.metrics.events import (
    BANDS_BPS,
    Event,
    FeesPriced,
    FillRecorded,
    OrderChanged,
    RecordingEnded,
    Sample,
    StateChanged,
)


class SideFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One side of our quotes."""

    uptime_share: Decimal
    """Part of the session with at least one order of ours resting on this side; unobserved time counts against us."""
    average_depth_quote: tuple[Decimal, ...]
    """Own resting notional within each band of BANDS_BPS, time-weighted over observed time."""


class SessionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a session was. Money is quote currency; shares are 0 to 1; None means there was nothing to measure."""

    start_ns: int
    end_ns: int
    sampling_interval_s: Decimal
    samples: int
    observed_s: Decimal
    unobserved_share: Decimal
    """Part of the session without a trustworthy observation."""
    active_share: Decimal
    """Part of the session in which the service was seen ACTIVE."""

    volume_quote: Decimal
    fills: int
    realised_quote: Decimal
    unrealised_quote: Decimal | None
    """How much the open position's unrealised PnL changed over the session, at the last trustworthy mid."""
    fees_quote: Decimal
    net_quote: Decimal | None
    """Realised plus unrealised minus fees."""
    inventory_delta_base: Decimal

    captured_spread_bps: Decimal | None
    """Twice the volume-weighted distance from fill to mid when it happened, bps of mid: comparable to a quoted
    spread."""
    fills_without_mid: int
    """Fills left out of it, since there was no trustworthy mid."""
    markout_1s_bps: Decimal | None
    markout_10s_bps: Decimal | None
    """Volume-weighted move of the mid after our fills, at the first sample that long after; positive is a loss to
    us."""

    own_spread_bps: Decimal | None
    """Time-weighted over observed two-sided time."""
    market_spread_bps: Decimal | None
    """Time-weighted over observed time."""
    two_sided_share: Decimal
    bids: SideFigures
    asks: SideFigures

    orders: int
    cancels: int
    rejections: int
    orders_filled: int
    """Orders that filled at least in part."""
    fill_rate: Decimal | None
    """orders_filled over orders, refused ones left out."""

    round_trips: RoundTripFigures = RoundTripFigures()
    """First in, first out: beside realised_quote, which goes by average cost."""
    fees: tuple[AssetFees, ...] = ()
    flows: tuple[AssetFlow, ...] = ()
    """What the fills moved, asset by asset: the change of the venue's balances by them."""

    recording_problem: str = ""
    findings: dict[str, int] = {}

    @property
    def duration_s(self) -> Decimal:
        return Decimal(self.end_ns - self.start_ns) / NS


class SessionTally:
    """Sums one session up: `add` every event in order, ask for the `report` whenever you like.

    The session lasts from the first event with a stamp to the last; the end of a recording ends it.
    """

    def __init__(self, *, sampling_interval_s: Decimal = Decimal(1)) -> None:
        self._interval_s = sampling_interval_s
        self._longest_ns = int(2 * sampling_interval_s * NS)
        self._start_ns: int | None = None
        self._end_ns = 0
        self._over = False
        self._problem = ""
        self._findings: dict[str, int] = {}
        # Time, from samples
        self._standing: Sample | None = None
        """The sample that stands for the time since it was taken; None once it has been weighed."""
        self._samples = 0
        self._observed_ns = self._active_ns = self._two_sided_ns = self._market_ns = 0
        self._own_spread = self._market_spread = ZERO
        self._up_ns = dict.fromkeys(Side, 0)
        self._depths = {side: [ZERO] * len(BANDS_BPS) for side in Side}
        # Money, from fills
        self._money = SessionMoney()
        self._fills_without_mid = 0
        self._captured = self._captured_volume = ZERO
        self._markouts = {seconds: _Markout(seconds) for seconds in (1, 10)}
        self._mid: Decimal | None = None
        self._unrealised_start: Decimal | None = None
        self._unrealised: Decimal | None = None
        self._position_start: Decimal | None = None
        self._position = ZERO
        # Orders
        self._orders = self._cancels = self._rejections = self._orders_filled = 0
        self._touched: set[str] = set()
        """Live orders that have filled in part: what keeps the count right, and no larger than what rests."""

    def add(self, event: Event) -> None:
        """Take one event. What comes after the end of a recording is ignored: its clock stands still."""
        if self._over:
            return
        match event:
            case Sample():
                self._on_sample(event)
            case FillRecorded():
                self._on_fill(event)
            case FeesPriced():
                self.reach(event.ts_ns)
                self._money.on_priced(event)
            case OrderChanged():
                self._on_order(event)
            case StateChanged():
                self.reach(event.ts_ns)
            case RecordingEnded():
                self.reach(event.ts_ns)
                self._weigh(event.ts_ns)
                self._problem, self._findings, self._over = event.problem, dict(event.findings), True
            case _:
                pass

    def reach(self, ts_ns: int) -> None:
        """Count a moment as part of the session, whether or not anything happened at it."""
        # Before a recording rolls, its clock may stand at zero: such a stamp is not a time.
        if self._start_ns is None and ts_ns > 0:
            self._start_ns = ts_ns
        self._end_ns = max(self._end_ns, ts_ns)

    # Time

    def _on_sample(self, sample: Sample) -> None:
        self.reach(sample.ts_ns)
        self._weigh(sample.ts_ns)
        self._standing = sample
        self._samples += 1
        if self._position_start is None:
            self._position_start = sample.position_base
        self._position = sample.position_base
        if sample.mid is None:
            return
        self._mid = sample.mid
        self._unrealised = sample.unrealised_quote
        if self._unrealised_start is None:
            self._unrealised_start = sample.unrealised_quote if not self._money.fills else ZERO
        for markout in self._markouts.values():
            markout.reach(sample.ts_ns, sample.mid)

    def _weigh(self, until_ns: int) -> None:
        """Let the standing sample count for the time it stood."""
        sample, self._standing = self._standing, None
        if sample is None:
            return
        stood_ns = max(0, min(until_ns - sample.ts_ns, self._longest_ns))
        if sample.state is State.ACTIVE:
            self._active_ns += stood_ns
        if sample.mid is None:
            return
        self._observed_ns += stood_ns
        if sample.market_spread_bps is not None:
            self._market_spread += sample.market_spread_bps * stood_ns
            self._market_ns += stood_ns
        if sample.own_spread_bps is not None:
            self._own_spread += sample.own_spread_bps * stood_ns
            self._two_sided_ns += stood_ns
        for side, price, depths in (
            (Side.BUY, sample.own_bid, sample.own_bid_depth_quote),
            (Side.SELL, sample.own_ask, sample.own_ask_depth_quote),
        ):
            if price is not None:
                self._up_ns[side] += stood_ns
            for band, depth in enumerate(depths):
                self._depths[side][band] += depth * stood_ns

    # Money

    def _on_fill(self, event: FillRecorded) -> None:
        fill = event.fill
        notional = fill.price * fill.size_base
        self.reach(fill.ts_ns)
        self._money.on_fill(event)
        mid = event.mid if event.mid is not None else self._mid
        if self._position_start is None:
            self._position_start = self._money.position_start
            if mid is not None and self._position_start:
                self._unrealised_start = self._position_start * mid - self._money.cost_start
        self._position = event.position_base
        if mid is not None and event.cost_quote is not None:
            self._unrealised = event.position_base * mid - event.cost_quote
        elif mid is not None:
            self._unrealised = event.position_base * (mid - event.average_cost)
        if event.mid is None:
            self._fills_without_mid += 1
            return
        self._captured += 2 * fill.side.sign * (event.mid - fill.price) / event.mid * BPS * notional
        self._captured_volume += notional
        for markout in self._markouts.values():
            markout.add(fill.ts_ns, fill.side.sign, event.mid, notional)

    # Orders

    def _on_order(self, event: OrderChanged) -> None:
        if event.old is None:
            self._orders += 1
        if event.new is not event.old:
            self._cancels += event.new is OrderStatus.CANCELLING
            self._rejections += event.new is OrderStatus.REJECTED
        if event.filled_base and event.client_order_id not in self._touched:
            self._touched.add(event.client_order_id)
            self._orders_filled += 1
        if event.new.is_final:
            self._touched.discard(event.client_order_id)

    def count_orders(self, *, orders: int, cancels: int, rejections: int, filled: int) -> None:
        """Take orders that were counted elsewhere, instead of every change of each."""
        self._orders += orders
        self._cancels += cancels
        self._rejections += rejections
        self._orders_filled += filled

    # Figures

    def report(self) -> SessionReport:
        """The session so far. The sample that stands now counts up to the last event."""
        so_far = deepcopy(self)
        so_far._weigh(so_far._end_ns)
        return so_far._figures()

    def _figures(self) -> SessionReport:
        start_ns = self._start_ns if self._start_ns is not None else self._end_ns
        total_ns = self._end_ns - start_ns
        unrealised = None
        if self._unrealised is not None:
            unrealised = self._unrealised - (self._unrealised_start or ZERO)
        money = self._money
        accepted = self._orders - self._rejections
        return SessionReport(
            start_ns=start_ns,
            end_ns=self._end_ns,
            sampling_interval_s=self._interval_s,
            samples=self._samples,
            observed_s=Decimal(self._observed_ns) / NS,
            unobserved_share=1 - _share(self._observed_ns, total_ns),
            active_share=_share(self._active_ns, total_ns),
            volume_quote=money.volume,
            fills=money.fills,
            realised_quote=money.realised,
            unrealised_quote=unrealised,
            fees_quote=money.fees,
            net_quote=None if unrealised is None else money.realised + unrealised - money.fees,
            inventory_delta_base=self._position - (self._position_start or ZERO),
            captured_spread_bps=_mean(self._captured, self._captured_volume),
            fills_without_mid=self._fills_without_mid,
            markout_1s_bps=self._markouts[1].mean,
            markout_10s_bps=self._markouts[10].mean,
            own_spread_bps=_mean(self._own_spread, self._two_sided_ns),
            market_spread_bps=_mean(self._market_spread, self._market_ns),
            two_sided_share=_share(self._two_sided_ns, total_ns),
            bids=self._side(Side.BUY, total_ns),
            asks=self._side(Side.SELL, total_ns),
            orders=self._orders,
            cancels=self._cancels,
            rejections=self._rejections,
            orders_filled=self._orders_filled,
            fill_rate=_mean(Decimal(self._orders_filled), accepted),
            round_trips=money.round_trips,
            fees=money.fees_by_asset(),
            flows=money.flows(),
            recording_problem=self._problem,
            findings=self._findings,
        )

    def _side(self, side: Side, total_ns: int) -> SideFigures:
        depths = tuple(total / self._observed_ns if self._observed_ns else ZERO for total in self._depths[side])
        return SideFigures(uptime_share=_share(self._up_ns[side], total_ns), average_depth_quote=depths)


class _Markout:
    """How the mid moved after our fills. Holds only fills younger than the horizon."""

    def __init__(self, seconds: int) -> None:
        self._horizon_ns = seconds * NS
        self._waiting: deque[tuple[int, int, Decimal, Decimal]] = deque()
        self._moves = self._volume = ZERO

    def add(self, ts_ns: int, sign: int, mid: Decimal, notional: Decimal) -> None:
        self._waiting.append((ts_ns + self._horizon_ns, sign, mid, notional))

    def reach(self, ts_ns: int, mid: Decimal) -> None:
        """A later mid. A fill nobody looked at for twice its horizon says nothing about that horizon."""
        while self._waiting and self._waiting[0][0] <= ts_ns:
            due_ns, sign, before, notional = self._waiting.popleft()
            if ts_ns <= due_ns + self._horizon_ns + NS:
                self._moves += sign * (before - mid) / before * BPS * notional
                self._volume += notional

    @property
    def mean(self) -> Decimal | None:
        return _mean(self._moves, self._volume)


def _share(part_ns: int, total_ns: int) -> Decimal:
    return Decimal(min(part_ns, total_ns)) / total_ns if total_ns > 0 else ZERO


def _mean(total: Decimal, weight: Decimal | int) -> Decimal | None:
    return total / weight if weight else None
