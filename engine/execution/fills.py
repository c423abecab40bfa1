"""Our own executions, each counted exactly once, whichever holder of the deployment sent the order."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engine.accounting.account import Account
from engine.accounting.rates import FeeRate, Rates
from engine.core.component import Identity
from engine.core.decimals import ZERO
from engine.core.service import Restore
from engine.execution.ids import OrderIds
from engine.execution.tracker import OrderTracker
from engine.market.types import Fill, NoPrice
from engine.metrics.events import Event, FeesPriced, FillRecorded, Notice


class OwnFills:
    """Tells executions of ours from others', and new ones from those that the record already holds.

    A venue may push an execution twice and list it again when asked; an account may be shared; and what an earlier
    holder recorded must not be counted by the next. A fee in a third asset is converted at the rate of its moment, or
    kept until there is one.
    """

    def __init__(
        self,
        *,
        account: Account,
        tracker: OrderTracker,
        identity: Identity,
        restore: Restore | None,
        now_ns: int,
        record: Callable[[Event], None],
        rates: Rates | None = None,
    ) -> None:
        self._account = account
        self._tracker = tracker
        self._record = record
        self._told: set[str] = set()
        """Assets whose missing rate has been said."""
        self._rates = rates or Rates(account.instrument)
        self._conversions = restore.conversions_total if restore else 0
        self._ids = OrderIds(deployment_id=identity.deployment_id, token=identity.token, now_ns=now_ns)
        self._recorded = restore.fill_ids if restore else frozenset()
        self._since_ns = since_of(restore, now_ns)

    def book(self, fill: Fill, *, mid: Decimal | None) -> FillRecorded | None:
        """Book and record an execution; None when it is another's or has been counted.

        `mid` is the reference price at this moment.
        """
        if not self._is_new_and_ours(fill) or not self._tracker.book(fill):
            return None
        found = self._rates.of_fee(fill)
        rate = found if isinstance(found, FeeRate) else None
        booked = self._account.apply(fill, fee_rate=rate.value if rate else None)
        position = self._account.position
        recorded = FillRecorded(
            fill=fill,
            mid=mid,
            realised_quote=booked.realised_quote,
            fee_quote=booked.fee_quote or ZERO,
            position_base=position.base,
            average_cost=position.average_cost,
            realised_total_quote=position.realised_quote,
            fees_total_quote=position.fees_quote,
            volume_total_quote=position.volume_quote,
            fills_total=position.fills,
            cost_quote=position.cost_quote,
            fee_rate=rate.value if rate else None,
            fee_rate_source=rate.source if rate else "",
            fee_rate_ns=rate.ts_ns if rate else None,
            fee_unpriced=fill.fee if booked.fee_quote is None else None,
        )
        self._record(recorded)
        if isinstance(found, NoPrice) and fill.fee_asset not in self._told:
            self._told.add(fill.fee_asset)
            text = f"{found.reason} Fees in it are kept, and missing from PnL until there is one."
            self._record(Notice(ts_ns=fill.ts_ns, level="warning", text=text))
        return recorded

    def price_fees(self, ts_ns: int) -> None:
        """Book and record the fees that waited for a rate and have one now."""
        position = self._account.position
        for asset in sorted(position.unpriced_fees):
            rate = self._rates.now(asset)
            if not isinstance(rate, FeeRate):
                continue
            amount = position.unpriced_fees[asset]
            fee_quote = position.price_fees(asset, rate.value)
            self._conversions += 1
            self._told.discard(asset)
            self._record(
                FeesPriced(
                    ts_ns=ts_ns,
                    symbol=self._tracker.symbol,
                    number=self._conversions,
                    asset=asset,
                    amount=amount,
                    rate=rate.value,
                    rate_source=rate.source,
                    rate_ns=rate.ts_ns,
                    fee_quote=fee_quote,
                    fees_total_quote=position.fees_quote,
                    fills_total=position.fills,
                )
            )

    def _is_new_and_ours(self, fill: Fill) -> bool:
        if fill.symbol != self._tracker.symbol or not self._ids.owns(fill.client_order_id):
            return False
        if self._ids.is_this_holders(fill.client_order_id):
            # The tracker forgets an order only when all of it is booked: what comes after that is a repetition.
            return self._tracker.find(fill.client_order_id) is not None
        return fill.ts_ns >= self._since_ns and fill.fill_id not in self._recorded


def since_of(restore: Restore | None, now_ns: int) -> int:
    """From when on executions may be missing from the record."""
    if restore is None:
        return now_ns
    return restore.last_fill_ns if restore.fills_from_ns is None else restore.fills_from_ns
