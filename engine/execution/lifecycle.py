"""What can happen to an order, and what becomes of it then: one table."""

from __future__ import annotations

from enum import StrEnum

from engine.market.types import OrderStatus


class OrderEvent(StrEnum):
    """What can happen to an order, as far as its status cares."""

    ACCEPTED = "accepted"
    """The venue says it rests."""
    PART_FILLED = "part_filled"
    """The venue says that a part of it filled and the rest rests."""
    EXECUTED = "executed"
    """Some of it filled, now or earlier: what became of the rest is not said."""
    FILLED = "filled"
    CANCEL_SENT = "cancel_sent"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    LOST = "lost"
    """No answer, a garbled one, or the venue no longer knows it: it must be asked."""


_PENDING, _OPEN, _PART = OrderStatus.PENDING, OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED
_CANCELLING, _UNKNOWN = OrderStatus.CANCELLING, OrderStatus.UNKNOWN
_FILLED, _CANCELLED, _REJECTED = OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED

TRANSITIONS: dict[tuple[OrderStatus, OrderEvent], OrderStatus] = {
    (_PENDING, OrderEvent.ACCEPTED): _OPEN,
    (_PENDING, OrderEvent.PART_FILLED): _PART,
    (_PENDING, OrderEvent.EXECUTED): _PART,
    (_OPEN, OrderEvent.ACCEPTED): _OPEN,
    (_OPEN, OrderEvent.PART_FILLED): _PART,
    (_OPEN, OrderEvent.EXECUTED): _PART,
    (_PART, OrderEvent.ACCEPTED): _PART,
    (_PART, OrderEvent.PART_FILLED): _PART,
    (_PART, OrderEvent.EXECUTED): _PART,
    # A late acknowledgement or a partial fill does not undo a cancel that is on its way.
    (_CANCELLING, OrderEvent.ACCEPTED): _CANCELLING,
    (_CANCELLING, OrderEvent.PART_FILLED): _CANCELLING,
    (_CANCELLING, OrderEvent.EXECUTED): _CANCELLING,
    (_UNKNOWN, OrderEvent.ACCEPTED): _OPEN,
    (_UNKNOWN, OrderEvent.PART_FILLED): _PART,
    # An execution may be from before what put it in doubt.
    (_UNKNOWN, OrderEvent.EXECUTED): _UNKNOWN,
    **{
        (status, event): result
        for status in (_PENDING, _OPEN, _PART, _CANCELLING, _UNKNOWN)
        for event, result in (
            (OrderEvent.FILLED, _FILLED),
            (OrderEvent.CANCEL_SENT, _CANCELLING),
            (OrderEvent.CANCELLED, _CANCELLED),
            (OrderEvent.REJECTED, _REJECTED),
            (OrderEvent.LOST, _UNKNOWN),
        )
    },
    # After the end: a fill that overtook the cancel may still complete the order; a venue that fills or lists what it
    # had refused, or what we had taken for gone, contradicts itself and is asked.
    (_FILLED, OrderEvent.FILLED): _FILLED,
    (_FILLED, OrderEvent.PART_FILLED): _FILLED,
    (_FILLED, OrderEvent.EXECUTED): _FILLED,
    (_FILLED, OrderEvent.ACCEPTED): _FILLED,
    (_CANCELLED, OrderEvent.CANCELLED): _CANCELLED,
    (_CANCELLED, OrderEvent.EXECUTED): _CANCELLED,
    (_CANCELLED, OrderEvent.PART_FILLED): _UNKNOWN,
    (_CANCELLED, OrderEvent.FILLED): _FILLED,
    (_CANCELLED, OrderEvent.ACCEPTED): _UNKNOWN,
    (_REJECTED, OrderEvent.REJECTED): _REJECTED,
    (_REJECTED, OrderEvent.PART_FILLED): _UNKNOWN,
    (_REJECTED, OrderEvent.EXECUTED): _UNKNOWN,
    (_REJECTED, OrderEvent.FILLED): _FILLED,
    (_REJECTED, OrderEvent.ACCEPTED): _UNKNOWN,
}
"""(status, event) -> status. An event without an edge changes nothing: it is a repetition of what is known."""

EVENT_OF: dict[OrderStatus, OrderEvent] = {
    _OPEN: OrderEvent.ACCEPTED,
    _PART: OrderEvent.PART_FILLED,
    _UNKNOWN: OrderEvent.LOST,
    _FILLED: OrderEvent.FILLED,
    _CANCELLED: OrderEvent.CANCELLED,
    _REJECTED: OrderEvent.REJECTED,
}
