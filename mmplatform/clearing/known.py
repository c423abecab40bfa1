"""What the record knows of an account's orders: at a venue that keeps no ids of ours it alone tells which are."""

from __future__ import annotations

from engine.core.service import Restore
from engine.market.types import FINAL, OrderReport, OrderStatus, Side
from exchanges.models import ExchangeAccount
from monitoring.models import Order


def left_on_record(account: ExchangeAccount) -> Restore:
    """The orders of every deployment of an account that are not known to have ended."""
    resting = Order.objects.filter(deployment__account=account).exclude(status__in=[each.value for each in FINAL])
    return Restore(orders=tuple(_report(order) for order in resting.exclude(venue_order_id="")))


def _report(order: Order) -> OrderReport:
    return OrderReport(
        ts_ns=round(order.updated_at.timestamp() * 1e9),
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        symbol=order.symbol,
        side=Side(order.side),
        price=order.price,
        size_base=order.size_base,
        filled_base=order.filled_base,
        status=OrderStatus(order.status),
    )
