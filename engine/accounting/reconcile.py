"""reconcile: the venue's balances against our ledger, on a timer.

At the start of quoting both are laid side by side; from then on each balance must be what it was plus what our fills
moved. A difference counts once a second reading has confirmed it, by the smaller of the two: a venue's balances trail
its executions for a moment, and what trails keeps changing.

It cannot tell whose a movement is. An account that another deployment or a person trades the same assets on, or that
pays interest or funding, differs for good reasons: there it belongs on the account as a whole, not on one deployment.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Protocol, runtime_checkable

import msgspec

from engine.accounting.account import Account
from engine.accounting.ledger import Entry, EntryKind
from engine.accounting.rates import Rates
from engine.core.component import Component
from engine.core.decimals import WIDE, ZERO
from engine.core.errors import EngineError
from engine.core.params import Money, Seconds
from engine.execution.activity import Activity, Mismatch
from engine.execution.tracker import OrderTracker
from engine.market.types import FINAL, Balance, NoPrice
from engine.marketmaking.base import PriceProvider
from engine.marketmaking.executors import Executor
from engine.metrics.events import Notice

PATIENCE = 10
"""After this many intervals without a comparison a person is told that there is none."""


class Reconciled(Protocol):
    """What a service lets its reconciliation see."""

    account: Account
    tracker: OrderTracker
    executor: Executor
    activity: Activity
    price: PriceProvider


@runtime_checkable
class Reconciler(Protocol):
    """Watches that our books and the venue's say the same."""

    def attach(self, desk: Reconciled) -> None:
        """Called once by the service when it has loaded."""
        ...

    def start_from(self, balances: Mapping[str, Balance]) -> None:
        """Quoting starts, at somebody's wish: what the venue holds now is accepted, whatever it is."""
        ...


class _Gap(msgspec.Struct, frozen=True):
    """One asset in one reading."""

    expected: Decimal
    found: Decimal

    @property
    def difference(self) -> Decimal:
        return WIDE.subtract(self.found, self.expected)


class Reconcile(Component):
    """Compare the venue's balances with our ledger on a timer; tell a person what differs, and the kill switches."""

    def __init__(
        self,
        *,
        alert_quote: Annotated[Decimal, Money(gt=0, live=True, help="Difference in one asset that a person is told")],
        every_s: Annotated[Decimal, Seconds(ge=1, le=3600, help="From one comparison to the next")] = Decimal(30),
        confirm_after_s: Annotated[
            Decimal, Seconds(gt=0, le=60, help="From a difference to the second look that confirms it")
        ] = Decimal(5),
        rates: Mapping[str, PriceProvider] = MappingProxyType({}),
    ) -> None:
        self.alert_quote = alert_quote
        self.every_s = every_s
        self.confirm_after_s = confirm_after_s
        self.rates = rates
        self.mismatch: Mismatch | None = None
        """The gravest confirmed difference, None when all agree within the tolerance."""
        self._baseline: dict[str, Decimal] = {}
        self._begun = False
        self._reading = False
        self._looking_again = False
        self._last: dict[str, Decimal] = {}
        """Differences of the last reading."""
        self._open: dict[str, Mismatch] = {}
        """Confirmed differences, by asset."""
        self._prices: dict[str, Decimal] = {}
        """The last price of each asset: a market briefly not ready makes no difference smaller."""
        self._compared_at = 0.0
        self._told_blind = False

    def attach(self, desk: Reconciled) -> None:
        self._desk = desk
        self._rates = Rates(desk.account.instrument, self.rates)
        self.runtime.scheduler.every(float(self.every_s), self.look, name=f"reconcile {desk.tracker.symbol}")

    def start_from(self, balances: Mapping[str, Balance]) -> None:
        self._compared_at = self.runtime.clock.monotonic()
        if self._begun:
            self._accept(balances)
            return
        self._begun = bool(balances)  # in shadow mode there is no account
        ledger = self._desk.account.ledger
        assets = {*self._watched(), *balances}
        self._baseline = {asset: WIDE.subtract(_total(balances, asset), ledger.held(asset)) for asset in sorted(assets)}
        if self._begun:
            held = ", ".join(f"{_plain(_total(balances, asset))} {asset}" for asset in self._watched())
            self._notice("info", f"Reconciling from here: the venue holds {held}.")

    def _accept(self, balances: Mapping[str, Balance]) -> None:
        """Whoever starts accepts what the venue holds: the difference is booked as an adjustment, and said."""
        accepted = []
        for asset, gap in self._compare(balances).items():
            if gap.difference:
                note = "difference to the venue, accepted by a start"
                entry = Entry(
                    ts_ns=self.runtime.clock.now_ns(),
                    asset=asset,
                    amount=gap.difference,
                    kind=EntryKind.ADJUSTMENT,
                    note=note,
                )
                self._desk.account.accept(entry)
                accepted.append(f"{gap.difference.normalize():+f} {asset}")
        if accepted:
            self._notice("warning", f"The start accepts what the venue holds, {', '.join(accepted)} beside our fills.")
        self._last.clear()
        self._open.clear()
        self.mismatch = self._desk.activity.mismatch = None

    # Reading

    async def look(self) -> None:
        """Compare now. Does nothing before quoting has begun, or while a comparison waits for the venue."""
        if not self._begun or self._reading:
            return
        self._tell_if_blind()
        self._reading = True
        if self._desk.executor.immediate:
            await self._look()
        else:
            # A venue elsewhere is asked beside the ticks.
            self.runtime.spawn(self._look(), f"reconcile {self._desk.tracker.symbol}")

    async def _look(self) -> None:
        try:
            balances = await self._balances()
        finally:
            self._reading = False
        if balances is None:
            self._look_again()
            return
        self._compared()
        gaps = self._compare(balances)
        confirmed = {asset: _confirmed(self._last.get(asset, ZERO), gap.difference) for asset, gap in gaps.items()}
        self._last = {asset: gap.difference for asset, gap in gaps.items()}
        self._judge(gaps, confirmed)
        if any(self._is_graver(asset, gap.difference) for asset, gap in gaps.items()):
            self._look_again()

    async def _balances(self) -> Mapping[str, Balance] | None:
        """The venue's balances at a moment when nothing of ours was on its way; None when there was no such moment."""
        ledger = self._desk.account.ledger
        entries = ledger.entries
        if not self._is_quiet():
            return None
        try:
            balances = await self._desk.executor.balances()
        except EngineError:
            return None  # asked again; a venue that stays silent is said by _tell_if_blind
        return balances if balances and ledger.entries == entries and self._is_quiet() else None

    def _is_quiet(self) -> bool:
        """Whether every execution we know of is booked, and no order is unknown."""
        tracker = self._desk.tracker
        return not tracker.in_doubt() and not any(
            order.status in FINAL or order.filled_base != order.booked_base for order in tracker.live.values()
        )

    def _look_again(self) -> None:
        if self._looking_again:
            return
        self._looking_again = True
        self.runtime.scheduler.once(
            float(self.confirm_after_s), self._again, name=f"reconcile {self._desk.tracker.symbol} again"
        )

    async def _again(self) -> None:
        self._looking_again = False
        await self.look()

    # Judging

    def _watched(self) -> tuple[str, ...]:
        instrument, ledger = self._desk.account.instrument, self._desk.account.ledger
        return tuple(sorted({instrument.base, instrument.quote, *self.rates, *ledger.assets()}))

    def _compare(self, balances: Mapping[str, Balance]) -> dict[str, _Gap]:
        ledger = self._desk.account.ledger
        return {
            asset: _Gap(
                expected=WIDE.add(self._baseline.get(asset, ZERO), ledger.held(asset)),
                found=_total(balances, asset),
            )
            for asset in self._watched()
        }

    def _judge(self, gaps: Mapping[str, _Gap], confirmed: Mapping[str, Decimal]) -> None:
        """Say what is new, once, and what is over."""
        for asset, gap in gaps.items():
            if not self._matters(asset, gap.difference):
                self._close(asset)
                continue
            if not self._matters(asset, confirmed[asset]):
                continue  # seen once: the next look confirms it or not, and an open one stays as it is
            known = self._open.get(asset)
            mismatch = self._open[asset] = Mismatch(
                asset=asset,
                expected=gap.expected,
                found=gap.found,
                value_quote=self._value(asset, confirmed[asset]),
                since=known.since if known else self.runtime.clock.monotonic(),
            )
            if known is None:
                self._notice("warning", self._in_words(mismatch))
        # By value: what has no price must not hide what is known to be large.
        self.mismatch = max(self._open.values(), key=lambda each: each.value_quote or ZERO, default=None)
        self._desk.activity.mismatch = self.mismatch

    def _close(self, asset: str) -> None:
        if self._open.pop(asset, None) is not None:
            self._notice("info", f"The venue's {asset} agrees with our fills again, within the tolerance.")

    def _matters(self, asset: str, difference: Decimal) -> bool:
        """Whether a difference is to be told. One that cannot be valued is: it may be anything."""
        if not difference:
            return False
        value = self._value(asset, difference)
        return value is None or value >= self.alert_quote

    def _is_graver(self, asset: str, difference: Decimal) -> bool:
        """Whether a difference is new, or has grown so much that it should be confirmed before the next turn."""
        known = self._open.get(asset)
        if known is None or known.value_quote is None:
            return known is None and self._matters(asset, difference)
        return (self._value(asset, difference) or ZERO) >= known.value_quote + self.alert_quote

    def _value(self, asset: str, difference: Decimal) -> Decimal | None:
        """A difference in quote currency, positive; None while its asset has never had a price."""
        instrument = self._desk.account.instrument
        if asset == instrument.quote:
            return abs(difference)
        found = self._desk.price.price() if asset == instrument.base else self._rates.now(asset)
        if not isinstance(found, NoPrice):
            self._prices[asset] = found.value
        price = self._prices.get(asset)
        return None if price is None else WIDE.multiply(abs(difference), price)

    def _in_words(self, mismatch: Mismatch) -> str:
        asset, quote = mismatch.asset, self._desk.account.instrument.quote
        text = (
            f"The venue holds {_plain(mismatch.found)} {asset}, our fills explain {_plain(mismatch.expected)}: "
            f"{_plain(abs(mismatch.difference))} {'more' if mismatch.difference > 0 else 'less'}"
        )
        if mismatch.value_quote is None:
            return f"{text}, which has no price in {quote}."
        return f"{text}, worth {mismatch.value_quote:.2f} {quote}; the tolerance is {_plain(self.alert_quote)} {quote}."

    # Blindness

    def _compared(self) -> None:
        self._compared_at = self.runtime.clock.monotonic()
        if self._told_blind:
            self._told_blind = False
            self._notice("info", "Balances are compared with the venue again.")

    def _tell_if_blind(self) -> None:
        waited_s = self.runtime.clock.monotonic() - self._compared_at
        if waited_s > PATIENCE * float(self.every_s) and not self._told_blind:
            self._told_blind = True
            self._notice(
                "warning",
                f"Balances could not be compared with the venue for {waited_s:.0f} s: it does not answer, "
                "or some order is in doubt.",
            )

    def _notice(self, level: str, text: str) -> None:
        self.runtime.record(Notice(ts_ns=self.runtime.clock.now_ns(), level=level, text=text))


def _confirmed(before: Decimal, now: Decimal) -> Decimal:
    """What two readings agree on: the smaller of two differences of the same sign, else nothing."""
    if before > 0 < now:
        return min(before, now)
    if before < 0 > now:
        return max(before, now)
    return ZERO


def _total(balances: Mapping[str, Balance], asset: str) -> Decimal:
    balance = balances.get(asset)
    return balance.total if balance else ZERO


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}" if amount else "0"
