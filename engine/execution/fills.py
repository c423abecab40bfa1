"""Our own executions, each counted exactly once, whichever holder of the deployment sent the order."""

from __future__ import annotations

from decimal import Decimal

from engine.accounting.account import Account
from engine.core.component import Identity
from engine.core.decimals import ZERO
from engine.core.service import Restore
from engine.execution.ids import OrderIds
from engine.execution.tracker import OrderTracker
from engine.market.types import Fill
from engine.metrics.events import FillRecorded


class OwnFills:
    """Tells executions of ours from others', and new ones from those that the record already holds.

    A venue may push an execution twice and list it again when asked; an account may be shared; and what an earlier
    holder recorded must not be counted by the next.
    """

    def __init__(
        self, *, account: Account, tracker: OrderTracker, identity: Identity, restore: Restore | None, now_ns: int
    ) -> None:
        self._account = account
        self._tracker = tracker
        self._ids = OrderIds(deployment_id=identity.deployment_id, token=identity.token, now_ns=now_ns)
        self._recorded = restore.fill_ids if restore else frozenset()
        self._since_ns = restore.last_fill_ns if restore else now_ns

    def book(self, fill: Fill, *, mid: Decimal | None) -> FillRecorded | None:
        """Book an execution; None when it is another's or has been counted. `mid` is the reference at this moment."""
        if not self._is_new_and_ours(fill) or not self._tracker.book(fill):
            return None
        booked = self._account.apply(fill)
        position = self._account.position
        return FillRecorded(
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
        )

    def _is_new_and_ours(self, fill: Fill) -> bool:
        if fill.symbol != self._tracker.symbol or not self._ids.owns(fill.client_order_id):
            return False
        if self._ids.is_this_holders(fill.client_order_id):
            # The tracker forgets an order only when all of it is booked: what comes after that is a repetition.
            return self._tracker.find(fill.client_order_id) is not None
        return fill.ts_ns >= self._since_ns and fill.fill_id not in self._recorded
