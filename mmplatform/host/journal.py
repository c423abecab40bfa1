"""What one holder of a deployment has yet to write: events in, rows out.

Nothing here waits or fails. What is held while the database is away is bounded by what may happen meanwhile: views are
never written, samples and measurements are given up oldest first beyond SAMPLES_KEPT of each, the outbox beyond
OUTBOX_KEPT, which its numbers then show; fills, orders and events are kept, and of those there are few, since a host
that cannot renew its lease stops quoting within seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import structlog
from psycopg.types.json import Jsonb

from engine.core.clock import utc
from engine.core.decimals import ZERO
from engine.core.legible import legible, legible_in, to_json
from engine.core.states import State
from engine.market.types import Side
from engine.metrics.events import (
    Event,
    FeesPriced,
    FillRecorded,
    HaltCompleted,
    Measurement,
    Notice,
    OrderChanged,
    RecordingEnded,
    RecordingProgress,
    RiskTriggered,
    Sample,
    StateChanged,
    kind_of,
    stamp_of,
)
from mmplatform.host.batch import Adoption, Batch, Observation, Owner, SeenOrder
from monitoring import measurements
from monitoring.samples import row_of

log = structlog.get_logger(__name__)

BALANCES_EVERY_S = 5.0
FILLS_APART_S = 0.1
"""A burst of fills is written together, a lone one at once."""

ALARMING = frozenset({State.HALTING, State.HALTED, State.FAULTED})


class Journal:
    """The outlet "postgres" of one container. `on_recorded` hears of each fill when it is safely in the database."""

    def __init__(
        self, owner: Owner, *, urge: Any, on_recorded: Callable[[FillRecorded], None] = lambda fill: None
    ) -> None:
        self.owner = owner
        self._on_recorded = on_recorded
        self.waiting_since: float | None = None
        """Monotonic time of the oldest row that must not be lost and is not written yet."""
        self.fenced = False
        """A later holder's token stands in the row: nothing of ours will ever be written again."""
        self._urge = urge
        self._batch = Batch()
        self._resting: dict[str, tuple[Side, Decimal, Decimal]] = {}
        self._first_seen: dict[str, int] = {}
        self._last_sample_ts: datetime | None = None
        self._last_measured: dict[tuple[str, str, str], datetime] = {}
        self._published = 0
        self.kill_reason = ""
        """Why a switch of the record covers the deployment now; `killswitches.manual` trips for it."""
        self._commanded = ""
        self._balances_due = 0.0
        self._taken_at = 0.0
        self.gathered = 0
        """How many rows that must be kept there have been. `safe` of them are in the database; it has refused every one
        up to `refused`, so that they never will be."""
        self.safe = self.refused = self._taken = 0

    # Events in

    def emit(self, event: Event) -> None:
        """Take an event. State changes, trips, halts and fills are written at once, the rest each second."""
        if self.fenced:
            return
        match event:
            case Sample():
                self._sample(event)
            case Measurement():
                self._measurement(event)
            case OrderChanged():
                self._order(event)
            case FillRecorded():
                self._fill(event)
            case FeesPriced():
                self._conversion(event)
            case StateChanged():
                self._event("state", event.ts_ns, event.reason, event.new in ALARMING, event)
                if event.new is State.HALTING and event.reason not in (self.kill_reason, self._commanded):
                    self._batch.latch = legible(event.reason)
                self.observe(event.new, event.reason)
            case RiskTriggered():
                self._event("risk", event.ts_ns, event.reason, True, event)
                self._urge()
            case HaltCompleted():
                took_ms = (event.completed_ns - event.requested_ns) / 1e6
                self._batch.halt = (took_ms, event.proven_clean)
                proof = "the venue confirms that nothing rests" if event.proven_clean else "not proven clean"
                text = f"{event.orders_cancelled} orders cancelled in {took_ms:.1f} ms; {event.detail or proof}."
                self._event("halt", event.completed_ns, text, not event.proven_clean, event)
                self._urge()
            case Notice():
                self._event("notice", event.ts_ns, event.text, event.level, event)
            case RecordingProgress():
                self._batch.progress = min(max(event.share, 0.0), 1.0)
            case RecordingEnded():
                text = f"The recording ended after {event.messages} messages."
                self._event("notice", event.ts_ns, event.problem or text, bool(event.problem), event)

    def publish(self, event: Event) -> None:
        """The outlet "outbox": written in the transaction of the rows the same event causes, or not at all.

        Rows are numbered within a token, so that a relay sees whether one was given up while the database was away.
        """
        if self.fenced:
            return
        owner = self.owner
        self._published += 1
        self._batch.outbox.append(
            (
                owner.client_id,
                owner.deployment_id,
                owner.token,
                self._published,
                kind_of(event).value,
                utc(stamp_of(event)),
                Jsonb(event, dumps=to_json),
            )
        )
        self._must_write()

    def observe(self, state: State, reason: str) -> None:
        """What the deployment's row shall show; written at once."""
        self._batch.observed = Observation(state, legible(reason), datetime.now(UTC))
        self._must_write()
        self._urge()

    def adopt(self, *, revision_id: int, share: Decimal, old: dict[str, Any], new: dict[str, Any], reason: str) -> None:
        """What the service runs by from now on; its row and the audit are written at once."""
        old, new = legible_in(old), legible_in(new)
        self._batch.adopted.append(Adoption(datetime.now(UTC), revision_id, share, old, new, legible(reason)))
        self._must_write()
        self._urge()

    @contextmanager
    def commanded(self, reason: str) -> Iterator[None]:
        """A halt for this reason is commanded here: its switch is in the record, or was until a person reset it."""
        self._commanded = reason
        try:
            yield
        finally:
            self._commanded = ""

    def note(self, text: str, *, level: str = "info") -> None:
        """The host's own line in the log of events."""
        self.emit(Notice(ts_ns=time.time_ns(), level=level, text=text))

    def carried_out(self, command: int) -> None:
        self._batch.command_done = command
        self._urge()

    def _sample(self, sample: Sample) -> None:
        row = row_of(sample, self.owner.deployment_id, self.owner.client_id)
        ts = utc(sample.ts_ns)
        if self._last_sample_ts is not None and ts <= self._last_sample_ts:
            return  # one a moment: the key of a sample is its time
        self._last_sample_ts = ts
        self._batch.samples.append(row)
        if time.monotonic() >= self._balances_due:
            self._balances_due = time.monotonic() + BALANCES_EVERY_S
            self._balances(sample, ts)

    def _measurement(self, measurement: Measurement) -> None:
        key = (measurement.name, measurement.source, measurement.symbol)
        ts, last = utc(measurement.ts_ns), self._last_measured.get(key)
        if last is not None and ts <= last:
            return  # one a moment, as with samples
        self._last_measured[key] = ts
        row = measurements.row_of(measurement, self.owner.deployment_id, self.owner.client_id)
        self._batch.measurements.append(row)

    def _balances(self, sample: Sample, at: datetime) -> None:
        locked = {Side.BUY: ZERO, Side.SELL: ZERO}
        for side, price, remaining in self._resting.values():
            locked[side] += remaining * price if side is Side.BUY else remaining
        owner = self.owner
        for asset, total, held in (
            (owner.base, sample.base_total, locked[Side.SELL]),
            (owner.quote, sample.quote_total, locked[Side.BUY]),
        ):
            if total is not None:
                self._batch.balances[asset] = (owner.client_id, owner.deployment_id, asset, total, held, at)

    def _order(self, change: OrderChanged) -> None:
        key = change.client_order_id
        if change.new.is_final:
            self._resting.pop(key, None)
            first_seen_ns = self._first_seen.pop(key, change.ts_ns)
        else:
            self._resting[key] = (change.side, change.price, change.size_base - change.filled_base)
            first_seen_ns = self._first_seen.setdefault(key, change.ts_ns)
        self._batch.orders[key] = SeenOrder(change, first_seen_ns)
        self._must_write()

    def _fill(self, recorded: FillRecorded) -> None:
        owner, fill = self.owner, recorded.fill
        self._batch.fills.append(
            (
                owner.client_id,
                owner.deployment_id,
                fill.fill_id,
                fill.client_order_id,
                utc(fill.ts_ns),
                fill.symbol,
                fill.side.value,
                fill.price,
                fill.size_base,
                fill.fee,
                fill.fee_asset,
                fill.is_maker,
                recorded.mid,
                recorded.fee_quote,
                recorded.realised_quote,
                recorded.position_base,
                recorded.average_cost,
                recorded.realised_total_quote,
                recorded.fees_total_quote,
                recorded.volume_total_quote,
                recorded.fills_total,
                recorded.cost_quote,
                recorded.fee_rate,
                recorded.fee_rate_source or None,
                None if recorded.fee_rate_ns is None else utc(recorded.fee_rate_ns),
                recorded.fee_unpriced,
            )
        )
        self._batch.told.append(recorded)
        self._must_write()
        if time.monotonic() - self._taken_at > FILLS_APART_S:
            self._urge()

    def _conversion(self, priced: FeesPriced) -> None:
        owner = self.owner
        self._batch.conversions.append(
            (
                owner.client_id,
                owner.deployment_id,
                priced.number,
                utc(priced.ts_ns),
                priced.asset,
                priced.amount,
                priced.rate,
                priced.rate_source,
                utc(priced.rate_ns),
                priced.fee_quote,
                priced.fees_total_quote,
                priced.fills_total,
            )
        )
        text = (
            f"Fees of {priced.amount.normalize():f} {priced.asset} are booked now, at {priced.rate.normalize():f} "
            f"{owner.quote} ({priced.rate_source}): {priced.fee_quote.normalize():f} {owner.quote}."
        )
        self._event("notice", priced.ts_ns, text, False, priced)

    def _event(self, kind: str, ts_ns: int, text: str, alarming: bool | str, event: msgspec.Struct) -> None:
        level = alarming if isinstance(alarming, str) else ("error" if alarming else "info")
        detail = msgspec.to_builtins(event, str_keys=True)
        for known in ("ts_ns", "type", "text", "level", "reason"):
            detail.pop(known, None)
        owner = self.owner
        self._batch.events.append(
            (
                owner.client_id,
                owner.deployment_id,
                utc(ts_ns),
                owner.token,
                kind,
                level,
                legible(text),
                legible_in(detail),
            )
        )
        self._must_write()

    def _must_write(self) -> None:
        self.gathered += 1
        if self.waiting_since is None:
            self.waiting_since = time.monotonic()

    # Rows out

    @property
    def is_clean(self) -> bool:
        return not self._batch

    @property
    def backlog(self) -> int:
        """Rows waiting; a replay at full speed slows down by this."""
        return self._batch.rows

    def take(self) -> Batch:
        """Hand over what has gathered. Either `wrote` or `give_back` follows."""
        batch, self._batch = self._batch, Batch()
        self._taken_at = time.monotonic()
        self._taken = self.gathered
        return batch

    def wrote(self, batch: Batch) -> None:
        """What was taken is safe; only what came since still waits."""
        self.waiting_since = self._taken_at if self._batch.must_be_kept else None
        self.safe = self._taken
        for recorded in batch.told if not self.fenced else ():
            self._on_recorded(recorded)

    def lost(self) -> None:
        """What was taken is refused by the database and given up."""
        self.refused = self._taken
        self.wrote(Batch())

    def give_back(self, batch: Batch) -> None:
        self._batch = batch.followed_by(self._batch)
