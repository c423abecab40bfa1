"""Why a plan keeps, replaces, places or cancels: the comparison of `difference`, in words. Only for explanations."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from engine.core.decimals import BPS
from engine.execution.diff import Plan, Tolerance, has_moved
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import OrderStatus, Quote, QuoteSet, Side
from engine.metrics.explained import LEVELS, Act, Action

_HUNDRED = Decimal(100)
_WORTH_SAYING = Decimal(1)
"""Percent of the wanted size."""


def actions(wanted: QuoteSet, plan: Plan, tracker: OrderTracker, tolerance: Tolerance) -> tuple[Action, ...]:
    """What the plan does about every slot, wanted ones first. Asked before the plan is carried out."""
    slots = tracker.slots()
    placed = {(quote.side, quote.level) for quote in plan.place}
    cancelled = {order.client_order_id for order in plan.cancel}
    told: list[Action] = []
    for quote in wanted.quotes[: 2 * LEVELS]:
        slot = (quote.side, quote.level)
        order = slots.get(slot)
        if order is None:
            told.append(_of(Act.PLACED, quote, None, "Nothing rests in its slot."))
        elif order.client_order_id in cancelled and slot in placed:
            told.append(_of(Act.REPLACED, quote, order, _why_replaced(order, quote, wanted, tolerance)))
        elif order.status in _STEADY:
            told.append(_of(Act.KEPT, quote, order, _why_kept(order, quote, tolerance)))
        else:
            why = f"Its order is {_words(order.status)}: until its end is known the slot gets nothing new."
            told.append(_of(Act.WAITS, quote, order, why))
    slots_wanted = {(quote.side, quote.level) for quote in wanted.quotes}
    others = [order for order in tracker.live.values() if order.slot not in slots_wanted]
    told += [_unwanted(order, cancelled) for order in others[: 2 * LEVELS]]
    return tuple(told)


_STEADY = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})


def _of(act: Act, quote: Quote, order: TrackedOrder | None, because: str) -> Action:
    return Action(
        act=act,
        side=quote.side,
        level=quote.level,
        wanted_price=quote.price,
        wanted_size_base=quote.size_base,
        resting_price=None if order is None else order.price,
        resting_size_base=None if order is None else order.remaining_base,
        because=because,
        ended_id=order.client_order_id if order is not None and act is Act.REPLACED else "",
    )


def _unwanted(order: TrackedOrder, cancelled: Iterable[str]) -> Action:
    is_cancelled = order.client_order_id in cancelled
    left = "" if order.slot is not None else "; it was left by an earlier holder or came back"
    return Action(
        act=Act.CANCELLED if is_cancelled else Act.WAITS,
        side=order.side,
        level=order.level,
        resting_price=order.price,
        resting_size_base=order.remaining_base,
        because=f"Nothing is wanted in its slot{left}."
        if is_cancelled
        else f"Nothing is wanted in its slot; it is {_words(order.status)}{left}.",
        ended_id=order.client_order_id if is_cancelled else "",
    )


def _why_replaced(order: TrackedOrder, quote: Quote, wanted: QuoteSet, tolerance: Tolerance) -> str:
    if has_moved(order.price, quote.price, tolerance):
        moved = _moved_bps(order, quote)
        return (
            f"The wanted price is {moved:.2f} bps from the resting one; {_plain(tolerance.price_bps)} bps replace it."
        )
    if abs(order.remaining_base - quote.size_base) > quote.size_base * tolerance.size_share:
        off = _off_percent(order, quote)
        most = tolerance.size_share * _HUNDRED
        return f"What is left of it differs from the wanted size by {off:.0f} %, more than {_plain(most)} %."
    across = "ask" if quote.side is Side.BUY else "bid"
    return f"At {order.price} it stands across the {across} that is wanted now."


def _why_kept(order: TrackedOrder, quote: Quote, tolerance: Tolerance) -> str:
    if order.is_amending:
        return "It is being made smaller; until the venue says so it is left alone."
    if order.price == quote.price and order.remaining_base == quote.size_base:
        return "It rests exactly as wanted."
    parts = []
    if order.price != quote.price:
        parts.append(
            f"{_moved_bps(order, quote):.2f} bps from the wanted price, under {_plain(tolerance.price_bps)} bps"
        )
    if (off := _off_percent(order, quote)) >= _WORTH_SAYING:
        most = tolerance.size_share * _HUNDRED
        parts.append(f"{off:.0f} % off the wanted size, within {_plain(most)} %")
    if not parts:
        return "It rests as wanted, but for a size that differs by less than a percent."
    return f"Near enough: {'; '.join(parts)}."


def _moved_bps(order: TrackedOrder, quote: Quote) -> Decimal:
    return abs(order.price - quote.price) / order.price * BPS


def _off_percent(order: TrackedOrder, quote: Quote) -> Decimal:
    return abs(order.remaining_base - quote.size_base) / quote.size_base * _HUNDRED


def _words(status: OrderStatus) -> str:
    return status.value.replace("_", " ")


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def outcome(order: TrackedOrder | None) -> tuple[str, bool]:
    """What became of an order, in a few words, and whether more is to be expected."""
    if order is None:
        return "not known any more", True
    match order.status:
        case OrderStatus.PENDING:
            return "on its way" if order.left else "about to be sent", False
        case OrderStatus.CANCELLING:
            return "its cancel is on its way", False
        case OrderStatus.UNKNOWN:
            return _with_reason("in doubt, the venue is asked", order), False
        case OrderStatus.REJECTED:
            return _with_reason("refused", order), True
        case OrderStatus.PARTIALLY_FILLED if not order.is_amending:
            return f"rests, {_plain(order.filled_base)} of it filled", True
        case OrderStatus.CANCELLED if order.filled_base:
            return f"cancelled after {_plain(order.filled_base)} of it filled", True
        case OrderStatus.OPEN | OrderStatus.PARTIALLY_FILLED if order.is_amending:
            return "being made smaller", False
        case OrderStatus.OPEN:
            return "rests", True
    return _words(order.status), True


def _with_reason(words: str, order: TrackedOrder) -> str:
    return f"{words}: {order.reason}" if order.reason else words
