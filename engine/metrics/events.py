"""Everything a running service tells the outside. Hosts persist and publish these; files and tests collect them.

Money is Decimal in every event. `msgspec.json.encode` writes a Decimal as a string, so nothing is lost on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.core.states import State, Trigger
from engine.market.summaries import Candle, Funding, Ticker
from engine.market.types import Balance, Fill, MarketStatus, OrderReport, OrderStatus, Quote, Side
from engine.metrics.explained import TickExplained


class StateChanged(msgspec.Struct, frozen=True, kw_only=True, tag="state"):
    ts_ns: int
    old: State
    new: State
    trigger: Trigger
    reason: str
    service: str = ""
    """The member of a group whose state it is; empty for the service of the file itself."""


class OrderChanged(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """One transition of one order of ours. `token` is the fencing token of the holder that saw it."""

    ts_ns: int
    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    level: int
    price: Decimal
    size_base: Decimal
    filled_base: Decimal
    old: OrderStatus | None
    new: OrderStatus
    reason: str


class QuotesSimulated(msgspec.Struct, frozen=True, kw_only=True, tag="simulated"):
    """Shadow mode: what would rest in the book now, had it been sent. Empty when nothing would."""

    ts_ns: int
    symbol: str
    quotes: tuple[Quote, ...]


class FillRecorded(msgspec.Struct, frozen=True, kw_only=True, tag="fill"):
    """A fill and what it did to the position. All *_quote fields are quote currency, totals since the session began."""

    fill: Fill
    mid: Decimal | None
    """Reference mid when it happened; None when there was no trustworthy one."""
    realised_quote: Decimal
    """Realised PnL of this fill alone, fees excluded."""
    fee_quote: Decimal
    """Zero while the fee is unpriced."""
    position_base: Decimal
    average_cost: Decimal
    realised_total_quote: Decimal
    fees_total_quote: Decimal
    volume_total_quote: Decimal
    fills_total: int
    cost_quote: Decimal | None = None
    """Quote paid for the open position, exact: `average_cost` is this over `position_base`, rounded."""
    fee_rate: Decimal | None = None
    """Quote per unit of the fee's asset, as it was converted; None for a fee in quote, and while it is unpriced."""
    fee_rate_source: str = ""
    fee_rate_ns: int | None = None
    """When the source says that the rate held."""
    fee_unpriced: Decimal | None = None
    """The fee, in its asset, when there was no rate for it: FeesPriced follows when there is one."""


class FeesPriced(msgspec.Struct, frozen=True, kw_only=True, tag="fees_priced"):
    """Fees paid while their asset had no rate are booked now. `number` counts these of one deployment, from 1."""

    ts_ns: int
    symbol: str
    number: int
    asset: str
    amount: Decimal
    """In the asset; negative when rebates outweigh fees."""
    rate: Decimal
    """Quote per unit of the asset."""
    rate_source: str
    rate_ns: int
    """When the source says that the rate held."""
    fee_quote: Decimal
    fees_total_quote: Decimal
    fills_total: int
    """How many fills had been booked by then: what follows them counts these fees in its totals."""


class RiskTriggered(msgspec.Struct, frozen=True, kw_only=True, tag="risk"):
    """A kill switch tripped. `value` and `limit` are in the unit the switch names in `reason`."""

    ts_ns: int
    switch: str
    reason: str
    value: Decimal | None = None
    limit: Decimal | None = None


class HaltCompleted(msgspec.Struct, frozen=True, kw_only=True, tag="halt"):
    """Every resting order is gone after a kill or pause, as the venue itself reports it.

    `requested_ns` is when the command reached the engine, `completed_ns` when the venue last confirmed nothing rests.
    """

    requested_ns: int
    completed_ns: int
    orders_cancelled: int
    proven_clean: bool
    detail: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag="notice"):
    """Something a person should see in the log of events. level: info, warning, error."""

    ts_ns: int
    level: str
    text: str


BANDS_BPS: tuple[Decimal, ...] = tuple(Decimal(b) for b in (50, 100, 200, 500, 1000, 2000))
"""Depth bands of samples, half-widths from mid: ±0.5, 1, 2, 5, 10 and 20 %."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, tag="sample"):
    """One second of one deployment: the row of the time series. None means not observed, never zero.

    Own figures are our resting orders as the venue reports them, not as we intended them.
    """

    ts_ns: int
    state: State
    mid: Decimal | None = None
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    market_spread_bps: Decimal | None = None
    reference_price: Decimal | None = None
    own_bid: Decimal | None = None
    own_ask: Decimal | None = None
    own_spread_bps: Decimal | None = None
    """Own best ask minus own best bid, bps of mid; None unless both sides rest."""
    own_bid_depth_quote: tuple[Decimal, ...] = ()
    """Own resting notional within each band of BANDS_BPS, quote currency."""
    own_ask_depth_quote: tuple[Decimal, ...] = ()
    market_bid_depth_quote: Decimal | None = None
    """Venue depth within ±2 % of mid, ours included."""
    market_ask_depth_quote: Decimal | None = None
    position_base: Decimal = Decimal(0)
    """Base bought minus base sold since the session began, less fees taken in base."""
    base_total: Decimal | None = None
    """Balance of the account, resting orders included."""
    quote_total: Decimal | None = None
    inventory_ratio: Decimal | None = None
    """Value of base over value of base and quote, 0 to 1."""
    realised_quote: Decimal = Decimal(0)
    unrealised_quote: Decimal | None = None
    fees_quote: Decimal = Decimal(0)
    volume_quote: Decimal = Decimal(0)
    fills: int = 0
    open_bids: int = 0
    open_asks: int = 0
    orders_sent: int = 0
    """Since this holder loaded; so is `cancels_sent`. Rates are differences."""
    cancels_sent: int = 0
    book_age_ms: float | None = None
    tick_late_ms: float = 0.0
    tick_us: float = 0.0
    quoting_reason: str = ""
    """Why nothing is quoted, or empty."""

    @property
    def total_pnl_quote(self) -> Decimal | None:
        """Realised plus unrealised minus fees."""
        return None if self.unrealised_quote is None else self.realised_quote + self.unrealised_quote - self.fees_quote


class Measurement(msgspec.Struct, frozen=True, kw_only=True, tag="measurement"):
    """What one collector saw at one moment: a few figures under one name. docs/metrics.md says what each means.

    None means that it looked and could not observe, never zero. A collector that did not look records nothing.
    """

    ts_ns: int
    name: str
    """What is measured: spread, depth, latency, ... the same in every service."""
    source: str
    """The collector's name in its file, which tells two of a kind apart."""
    symbol: str = ""
    """The market, where there is one."""
    values: Mapping[str, Decimal | None]
    """By field; units stand last in its name."""


class LiveOrder(msgspec.Struct, frozen=True, kw_only=True):
    client_order_id: str
    side: Side
    level: int
    price: Decimal
    size_base: Decimal
    filled_base: Decimal
    status: OrderStatus
    age_ms: int


class View(msgspec.Struct, frozen=True, kw_only=True, tag="view"):
    """What a person watching one deployment needs now: latest wins, never stored.

    `bids` and `asks` are the venue's innermost levels as (price, size_base).
    """

    ts_ns: int
    sample: Sample
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    orders: tuple[LiveOrder, ...]
    notes: tuple[str, ...] = ()


class Vitals(msgspec.Struct, frozen=True, kw_only=True, tag="vitals"):
    """How promptly and how busily a service works. Latest wins, never stored; None means not observed, never zero."""

    ts_ns: int
    tick_late_p50_ms: float | None
    """How late ticks began after their time, of one tick a second over the last five minutes; so is `tick_us_p50`."""
    tick_late_p99_ms: float | None
    tick_us_p50: float | None
    answer_p50_ms: float | None
    """From an order or a cancel being handed to the venue to its first word, over the last five minutes."""
    answer_p99_ms: float | None
    answers: int
    orders_per_min: int
    """Sent in the last minute; `orders_budget_per_min` is what the guard allows, None where it states no rate."""
    cancels_per_min: int
    refused_per_min: int
    orders_budget_per_min: int | None
    feed_problem: str
    """Why the market's feed is not trusted now, or empty."""


class RecordingProgress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far a replay has read. `share` is 0 to 1."""

    ts_ns: int
    share: float
    messages: int


class RecordingEnded(msgspec.Struct, frozen=True, kw_only=True, tag="recording_ended"):
    """The recording is over: the service should cancel its quotes and report.

    `problem` is empty for an orderly end, else why reading stopped (a truncated file, a damaged line).
    `findings` counts what was detected on the way: sequence_gaps, crossed_books, off_market_prints, damaged_lines, ...
    """

    ts_ns: int
    messages: int
    problem: str
    findings: dict[str, int]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a listener heard, or that it hears nothing. For files and metrics: browsers and records have samples."""

    ts_ns: int
    listener: str
    symbol: str = ""


class ListenerChanged(Heard, frozen=True, kw_only=True, tag="listener"):
    """A listener hears nothing, and why; an empty problem: it hears again."""

    problem: str


class TickerHeard(Heard, frozen=True, kw_only=True, tag="ticker"):
    ticker: Ticker


class CandleClosed(Heard, frozen=True, kw_only=True, tag="candle"):
    candle: Candle


class TradesSummed(Heard, frozen=True, kw_only=True, tag="trades"):
    """Public trades since the last summary, by the side that took."""

    count: int
    buy_base: Decimal
    sell_base: Decimal
    notional_quote: Decimal
    low: Decimal
    high: Decimal


class BalancesChanged(Heard, frozen=True, kw_only=True, tag="balances"):
    """Assets whose total changed; what orders lock and free is not told."""

    balances: tuple[Balance, ...]


class OpenOrdersChanged(Heard, frozen=True, kw_only=True, tag="open_orders"):
    """How much rests at the venue, by its own word."""

    bids: int
    asks: int
    bid_base: Decimal
    ask_base: Decimal


class OrderClosed(Heard, frozen=True, kw_only=True, tag="closed_order"):
    order: OrderReport


class OwnTradeHeard(Heard, frozen=True, kw_only=True, tag="own_trade"):
    fill: Fill


class InstrumentStatusChanged(Heard, frozen=True, kw_only=True, tag="instrument_status"):
    status: MarketStatus


class FundingHeard(Heard, frozen=True, kw_only=True, tag="funding"):
    funding: Funding


Event = (
    StateChanged
    | OrderChanged
    | QuotesSimulated
    | FillRecorded
    | FeesPriced
    | RiskTriggered
    | HaltCompleted
    | Notice
    | Sample
    | Measurement
    | View
    | TickExplained
    | Vitals
    | RecordingProgress
    | RecordingEnded
    | ListenerChanged
    | TickerHeard
    | CandleClosed
    | TradesSummed
    | BalancesChanged
    | OpenOrdersChanged
    | OrderClosed
    | OwnTradeHeard
    | InstrumentStatusChanged
    | FundingHeard
)


class EventKind(StrEnum):
    """The kinds of events, as they are tagged wherever events are written down."""

    STATE = "state"
    ORDER = "order"
    SIMULATED = "simulated"
    FILL = "fill"
    FEES_PRICED = "fees_priced"
    RISK = "risk"
    HALT = "halt"
    NOTICE = "notice"
    SAMPLE = "sample"
    MEASUREMENT = "measurement"
    VIEW = "view"
    EXPLAINED = "explained"
    VITALS = "vitals"
    PROGRESS = "progress"
    RECORDING_ENDED = "recording_ended"
    LISTENER = "listener"
    TICKER = "ticker"
    CANDLE = "candle"
    TRADES = "trades"
    BALANCES = "balances"
    OPEN_ORDERS = "open_orders"
    CLOSED_ORDER = "closed_order"
    OWN_TRADE = "own_trade"
    INSTRUMENT_STATUS = "instrument_status"
    FUNDING = "funding"


def kind_of(event: Event) -> EventKind:
    return EventKind(str(event.__struct_config__.tag))


def stamp_of(event: Event) -> int:
    """When it happened, UTC nanoseconds."""
    match event:
        case FillRecorded():
            return event.fill.ts_ns
        case HaltCompleted():
            return event.completed_ns
    return event.ts_ns
