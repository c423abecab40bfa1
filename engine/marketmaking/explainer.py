"""Explains ticks while somebody asks, and the one after a change of reason. An ordinary tick pays one look at `due`.

A traced tick runs the same code as any other: it shows its draft between the stages, and nothing it shows is changed.
Whoever looks must never stop a deployment, so what fails here fails as words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import structlog
from msgspec.structs import replace

from engine.accounting.account import Account
from engine.core.component import Component, Runtime
from engine.core.states import StateMachine
from engine.execution import reasons
from engine.execution.diff import Plan, Tolerance
from engine.execution.tracker import OrderTracker
from engine.market.types import NoPrice, Price, QuoteSet, Side
from engine.marketmaking.base import Explains, Modifier, QuoteContext, QuotingStrategy, Trip
from engine.marketmaking.draft import Draft
from engine.metrics.explained import (
    LEVELS,
    WORDS,
    Act,
    Action,
    Cause,
    Check,
    Input,
    Kind,
    Rung,
    Stage,
    TickExplained,
    Verdict,
)
from engine.risk.base import Guard, RiskState, TellsChecks
from engine.venues.base import MarketFeed

QUIET_EVERY_S = 1.0
"""Ticks that change nothing are told this often while somebody asks; those that do something, always."""
FOLLOWED_FOR_S = 10.0
"""How long the outcome of what was sent is waited for."""

_FIGURES = re.compile(r"[\d.,]+")
T = TypeVar("T")
P = ParamSpec("P")
Moment = tuple[RiskState, Price | NoPrice]
"""What risk sees, and the reference price that goes with it."""

log = structlog.get_logger(__name__)


class _Fallible(Protocol):
    def failed(self, error: Exception) -> None: ...


S = TypeVar("S", bound=_Fallible)


def harmless(act: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """An edge: whoever looks must never stop a deployment, least of all on the way to a halt."""

    @wraps(act)
    def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            act(self, *args, **kwargs)
        except Exception as error:  # said where it can be mended, and the tick goes on
            self.failed(error)

    return guarded


class Explainable(Protocol):
    """What a service lets the explainer see."""

    runtime: Runtime
    machine: StateMachine
    feed: MarketFeed
    tracker: OrderTracker
    tolerance: Tolerance
    strategy: QuotingStrategy
    guard: Guard
    account: Account
    quotes: QuoteSet


class Explainer:
    """One service's. `due` says whether the next tick is to be traced."""

    def __init__(self, service: Explainable) -> None:
        self.due = False
        self._service = service
        self._asked = False
        self._reason: str | None = None
        """The last reason for not quoting, less its figures: a figure that alone is another is no change."""
        self._has_changed = False
        self._told_at = -QUIET_EVERY_S
        self._unsettled: dict[int, tuple[float, TickExplained]] = {}
        """By stamp: told before it was known what became of their orders, and when."""
        self._failure = ""

    @harmless
    def look(self) -> None:
        """Once a second: whether somebody asks, whether the reason is another, what became of orders told of before."""
        self._asked = self._service.runtime.asks_why()
        self._has_changed = self._has_changed or _gist(self._service.quotes.reason) != self._reason
        self.due = self._asked or self._has_changed
        if self._unsettled:
            self._follow()

    def begin(self, moment: Moment) -> Trace:
        return Trace(self, self._service, *moment)

    @harmless
    def stand_by(self, look: Callable[[], Moment]) -> None:
        """A tick at which the deployment does not quote at all."""
        machine = self._service.machine
        self.begin(look()).ends(QuoteSet(reason=f"The deployment is {machine.state}: {machine.reason}"), ())
        self._reason = _gist(self._service.quotes.reason)

    @harmless
    def trip(self, trip: Trip, look: Callable[[], Moment]) -> None:
        """A kill switch stopped the deployment; a trip is always explained."""
        check = Check(
            name=trip.switch, verdict=Verdict.REFUSED, value=trip.value, limit=trip.limit, text=_short(trip.reason)
        )
        trace = self.begin(look())
        self.tell(trace.told(Cause.TRIPPED, QuoteSet(reason=f"Halted by {trip.switch}: {trip.reason}"), checks=[check]))

    def failed(self, error: Exception) -> None:
        """One line when explaining breaks, silence until it has worked again."""
        words = f"{type(error).__name__} {error}".strip()
        if words != self._failure:
            self._failure = words
            log.error("a tick could not be explained", error=words)

    # What traces tell

    def ends(self, trace: Trace, quotes: QuoteSet, actions: Sequence[Action], notes: Sequence[str]) -> None:
        is_quoting = self._service.machine.may_quote
        gist = _gist(quotes.reason)
        changed = self._has_changed or (is_quoting and gist != self._reason)
        self._reason, self._has_changed = gist, False
        self.due = self._asked
        now = self._service.runtime.clock.monotonic()
        acted = any(action.act not in (Act.KEPT, Act.WAITS) for action in actions)
        if changed or acted or now - self._told_at >= QUIET_EVERY_S:
            self.tell(trace.told(Cause.CHANGED if changed else Cause.ASKED, quotes, actions=actions, notes=notes))

    def tell(self, told: TickExplained) -> None:
        runtime = self._service.runtime
        self._told_at = runtime.clock.monotonic()
        runtime.record(told)
        self._failure = ""
        if not told.is_settled:
            self._unsettled[told.ts_ns] = self._told_at, told

    def outcomes(self, told: TickExplained) -> TickExplained:
        """The same tick with what is known now of its orders."""
        actions, settled = [], True
        for action in told.actions:
            words: list[str] = []
            for what, order_id in (("", action.placed_id), ("the old one ", action.ended_id)):
                if order_id:
                    said, is_final = reasons.outcome(self._service.tracker.find(order_id))
                    words.append(f"{what if action.placed_id else ''}{said}")
                    settled = settled and is_final
            actions.append(replace(action, outcome=_short("; ".join(words))) if words else action)
        return replace(told, actions=tuple(actions), is_settled=settled)

    def _follow(self) -> None:
        now = self._service.runtime.clock.monotonic()
        for ts_ns, (told_at, told) in tuple(self._unsettled.items()):
            newer = self.outcomes(told)
            if newer != told:
                self._service.runtime.record(newer)
            if newer.is_settled or now - told_at > FOLLOWED_FOR_S:
                del self._unsettled[ts_ns]
            else:
                self._unsettled[ts_ns] = told_at, newer


class Trace:
    """One tick while it runs."""

    def __init__(self, explainer: Explainer, service: Explainable, state: RiskState, price: Price | NoPrice) -> None:
        self._explainer = explainer
        self._service = service
        self._state = state
        self._price = price
        self._stages: list[Stage] = []
        self._standing: tuple[Rung, ...] = ()
        self._said = 0
        self._checks: Sequence[Check] = ()
        self._actions: Sequence[Action] = ()

    def failed(self, error: Exception) -> None:
        self._explainer.failed(error)

    @harmless
    def drafted(self, draft: Draft, context: QuoteContext) -> None:
        self._stage(Kind.STRATEGY, self._service.strategy, draft, context)

    @harmless
    def adjusted(self, modifier: Modifier, draft: Draft, context: QuoteContext) -> None:
        self._stage(Kind.MODIFIER, modifier, draft, context)

    @harmless
    def reviewed(self, wanted: QuoteSet, allowed: QuoteSet) -> None:
        """After rounding, and after the guard has said what of it may rest."""
        rounded = [said for said in wanted.notes[self._said :] if said]
        self._add(
            Kind.ROUNDING, "", "Prices to the tick on the passive side, sizes down to the lot.", *_of(wanted), rounded
        )
        guard = self._service.guard
        refused = list(allowed.notes[len(wanted.notes) :]) or ([allowed.reason] if allowed.is_empty else [])
        self._add(Kind.RISK, _name(guard), _does(guard), *_of(allowed), refused)
        if isinstance(guard, TellsChecks):
            teller = guard
            self._checks = _or_words(
                lambda: teller.checks(wanted, allowed, self._state),
                lambda words: (Check(name="checks", verdict=Verdict.PASSED, text=words),),
            )

    @harmless
    def plans(self, quotes: QuoteSet, plan: Plan) -> None:
        """Before the plan is carried out: afterwards the orders are others."""
        service = self._service
        self._actions = _or_words(
            lambda: reasons.actions(quotes, plan, service.tracker, service.tolerance), lambda words: ()
        )

    @harmless
    def ends(self, quotes: QuoteSet, notes: Sequence[str]) -> None:
        """notes are the sentences about orders that were held back."""
        self._explainer.ends(self, quotes, [self._carried_out(action) for action in self._actions], notes)

    def told(
        self,
        cause: Cause,
        quotes: QuoteSet,
        *,
        actions: Sequence[Action] = (),
        notes: Sequence[str] = (),
        checks: Sequence[Check] = (),
    ) -> TickExplained:
        service, state = self._service, self._state
        instrument = service.feed.instrument
        told = TickExplained(
            ts_ns=state.ts_ns,
            symbol=instrument.symbol,
            base=instrument.base,
            quote=instrument.quote,
            state=state.state,
            cause=cause,
            is_quoting=not quotes.is_empty,
            verdict=_short(_verdict(quotes, actions)),
            inputs=_inputs(service, state, self._price),
            stages=tuple(self._stages),
            checks=(*self._checks, *checks),
            actions=tuple(actions),
            notes=tuple(_short(note) for note in notes),
        )
        return self._explainer.outcomes(told)

    def _carried_out(self, action: Action) -> Action:
        """With the id of what was sent into its slot; a placement that was not sent is held back."""
        if action.act not in (Act.PLACED, Act.REPLACED):
            return action
        tracker = self._service.tracker
        newest = tracker.newest(action.side, action.level, since_ns=self._state.ts_ns)
        if newest is not None and newest.client_order_id != action.ended_id:
            return replace(action, placed_id=newest.client_order_id)
        if action.act is Act.PLACED:
            return replace(action, act=Act.HELD_BACK)
        old = tracker.find(action.ended_id)
        if old is None or old.status.is_final or old.cancel_sent_at is not None:
            return action
        if old.is_amending or old.remaining_base == action.wanted_size_base:
            return replace(action, act=Act.REDUCED, placed_id=action.ended_id, ended_id="")
        return replace(action, act=Act.HELD_BACK, ended_id="")

    def _stage(self, kind: Kind, component: object, draft: Draft, context: QuoteContext) -> None:
        said = draft.notes[self._said :]
        self._said = len(draft.notes)
        if isinstance(component, Explains):
            explains = component
            said = [_or_words(lambda: explains.because(context), lambda words: words), *said]
        if draft.reason and draft.is_empty and draft.reason not in said:
            said = [*said, draft.reason]
        bids, asks = draft.standing(Side.BUY), draft.standing(Side.SELL)
        rungs = tuple(
            Rung(side, rung.level, rung.price, rung.size, rung.in_quote)
            for side, rungs in ((Side.BUY, bids), (Side.SELL, asks))
            for rung in rungs[:LEVELS]
        )
        self._add(kind, _name(component), _does(component), rungs, _beyond(bids, asks), said)

    def _add(self, kind: Kind, by: str, does: str, rungs: tuple[Rung, ...], left_out: int, said: Sequence[str]) -> None:
        same = bool(self._stages) and rungs == self._standing
        self._standing = rungs
        because = tuple(_short(each) for each in said if each)
        self._stages.append(
            Stage(kind=kind, by=by, does=does, rungs=None if same else rungs, left_out=left_out, because=because)
        )


def _of(quotes: QuoteSet) -> tuple[tuple[Rung, ...], int]:
    bids, asks = (side.quotes(which) for side, which in zip(quotes.sides, (Side.BUY, Side.SELL), strict=True))
    told = (*bids[:LEVELS], *asks[:LEVELS])
    return tuple(Rung(each.side, each.level, each.price, each.size_base) for each in told), _beyond(bids, asks)


def _beyond(bids: Sequence[object], asks: Sequence[object]) -> int:
    return max(0, len(bids) - LEVELS) + max(0, len(asks) - LEVELS)


def _inputs(service: Explainable, state: RiskState, price: Price | NoPrice) -> tuple[Input, ...]:
    feed, instrument = service.feed, service.feed.instrument
    base, quote = instrument.base, instrument.quote
    book, age_s = feed.book, feed.age_s(state.monotonic)
    book_age = None if age_s is None else round(age_s * 1000)
    source = f"{feed.source}: {feed.problem}" if feed.problem else feed.source
    found = [
        Input(name="reference price", value=None, unit=quote, source=_short(price.reason))
        if isinstance(price, NoPrice)
        else Input(
            name="reference price",
            value=price.value,
            unit=quote,
            source=price.source,
            age_ms=max(0, (state.ts_ns - price.ts_ns) // 1_000_000),
        ),
        Input(name="best bid", value=book.best_bid, unit=quote, source=source, age_ms=book_age),
        Input(name="best ask", value=book.best_ask, unit=quote, source=source, age_ms=book_age),
        Input(name="market spread", value=book.spread_bps, unit="bps", source=source, age_ms=book_age),
        Input(name="position", value=state.position_base, unit=base, source="fills of the session"),
        Input(name="total PnL", value=state.total_pnl_quote, unit=quote, source="realised, open at mark, less fees"),
    ]
    inventory = service.account.inventory()
    if inventory.average_cost:
        found.append(Input(name="average cost", value=inventory.average_cost, unit=quote))
    if inventory.is_known:
        found += [
            Input(
                name=f"{base} at hand", value=inventory.base_total, unit=base, source=_free(inventory.base_free, base)
            ),
            Input(
                name=f"{quote} at hand",
                value=inventory.quote_total,
                unit=quote,
                source=_free(inventory.quote_free, quote),
            ),
        ]
    resting = [order for order in state.orders if order.rests]
    found.append(Input(name="orders resting", value=Decimal(len(resting)), unit="orders"))
    return tuple(found)


def _free(amount: Decimal, asset: str) -> str:
    return f"of it {amount.normalize():f} {asset} free"


def _verdict(quotes: QuoteSet, actions: Sequence[Action]) -> str:
    if quotes.is_empty:
        return quotes.reason or "Nothing is wanted."
    bids, asks = (len(side) for side in quotes.sides)
    counts = [f"{act} {count}" for act in Act if (count := sum(action.act is act for action in actions))]
    return f"{_count(bids, 'bid')}, {_count(asks, 'ask')}: {', '.join(counts)}."


def _gist(reason: str) -> str:
    return _FIGURES.sub("#", reason)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _or_words(act: Callable[[], T], otherwise: Callable[[str], T]) -> T:
    try:
        return act()
    except Exception as error:  # an edge: looking at a tick must never end it
        return otherwise(f"It could not say why: {type(error).__name__} {error}".strip())


def _short(text: str) -> str:
    return text if len(text) <= WORDS else f"{text[: WORDS - 1]}…"


def _name(component: object) -> str:
    return (isinstance(component, Component) and component.name) or type(component).__name__


def _does(component: object) -> str:
    return _short((type(component).__doc__ or "").strip().split("\n\n")[0].replace("\n", " "))
