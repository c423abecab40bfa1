"""Orders that become smaller in their place: what is intended, what the venue says, and what its silence means.

An amendment is recorded as the order's reason before it is sent. Nobody waits until the record is durable, as for a new
order: should it be lost, the next holder takes the order for larger than it is, cancels it, and hears how much filled.

After a no, or no clear answer, an order is never amended again but replaced. One in doubt is asked about like any other
(`inquiry`), by our id; should the request arrive even later, whatever the venue says of the order from then on shrinks
it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any

from engine.core.clock import Clock
from engine.core.errors import AuthRejected, NotReady, OutcomeUnknown, PermitLost, Refused
from engine.execution.activity import Activity, Answer, Sent, Silence
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import Amendment, OrderReport
from engine.venues.base import AmendRefused, AmendUnknown, Exchange
from engine.venues.capabilities import AmendsOrders

Bounded = Callable[[Coroutine[Any, Any, Sequence[OrderReport]]], Coroutine[Any, Any, Sequence[OrderReport]]]


class Amending:
    """Sends amendments for one deployment in one market and keeps its tracker true."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        tracker: OrderTracker,
        clock: Clock,
        activity: Activity,
        on_trouble: Callable[[str], None],
    ) -> None:
        self.sent = 0
        self._exchange = exchange
        self._tracker = tracker
        self._clock = clock
        self._activity = activity
        self._on_trouble = on_trouble

    @property
    def is_offered(self) -> bool:
        """Whether the venue amends orders in this market. Elsewhere they are cancelled and placed anew."""
        exchange = self._exchange
        return isinstance(exchange, AmendsOrders) and exchange.amends(self._tracker.symbol)

    def intend(self, too_large: Sequence[tuple[TrackedOrder, Decimal]]) -> list[Amendment]:
        """Remember what orders are about to become, each with so much left of it as is wanted."""
        intended = []
        for order, wanted_base in too_large:
            size_base = order.filled_base + wanted_base
            self._tracker.amend_sent(order, size_base)
            intended.append(
                Amendment(client_order_id=order.client_order_id, symbol=self._tracker.symbol, size_base=size_base)
            )
        return intended

    async def send(self, amendments: Sequence[Amendment], why_not: str, *, bounded: Bounded) -> None:
        """Send what is still wanted; `why_not` says why nothing may be sent any more."""
        assert isinstance(self._exchange, AmendsOrders)
        # What was cancelled or has filled meanwhile has nothing left to become smaller.
        amendments = [one for one in amendments if self._still_wanted(one, why_not)]
        if not amendments:
            return
        sent_at = self._clock.monotonic()
        self.sent += len(amendments)
        self._activity.sent.append(Sent(at=sent_at, orders=len(amendments)))
        answered: Sequence[OrderReport] = ()
        refused, unclear = "", "The venue did not answer the amendment."
        try:
            answered = await bounded(self._exchange.amend(amendments))
            now = self._clock.monotonic()
            self._activity.answers.append(Answer(at=now, seconds=now - sent_at))
        except (NotReady, PermitLost, Refused) as error:
            refused = str(error)
        except AuthRejected as error:
            refused = str(error)
            self._on_trouble(refused)
        except OutcomeUnknown as error:
            unclear = str(error)
        except TimeoutError:
            unclear = "The venue did not answer the amendment in time."
            self._activity.silences.append(Silence(at=self._clock.monotonic(), what=f"{len(amendments)} amendments"))
        finally:
            # Also when the call was cancelled or broke in a way nobody foresaw: what may have arrived is unknown.
            for answer in answered:
                self._hear(answer)
            told = {answer.client_order_id for answer in answered}
            for one in amendments:
                if one.client_order_id not in told:
                    self._end(one, refused, unclear)

    def _still_wanted(self, amendment: Amendment, why_not: str) -> bool:
        order = self._tracker.find(amendment.client_order_id)
        if order is None or not order.is_amending:
            return False
        if why_not or not order.rests:
            self._tracker.amend_failed(order, why_not or "It is being cancelled.")
            return False
        return True

    def _hear(self, answer: OrderReport) -> None:
        order = self._tracker.find(answer.client_order_id)
        if order is None:
            return
        if isinstance(answer, AmendRefused):
            self._tracker.amend_failed(order, answer.reason)
        elif isinstance(answer, AmendUnknown):
            if order.is_amending:
                self._tracker.lose(order, answer.reason)
        else:
            self._tracker.hear(answer)

    def _end(self, amendment: Amendment, refused: str, unclear: str) -> None:
        order = self._tracker.find(amendment.client_order_id)
        if order is None or not order.is_amending:
            return
        if refused:
            self._tracker.amend_failed(order, refused)
        else:
            self._tracker.lose(order, unclear)

    def give_up(self, sent_before: float) -> None:
        """Put in doubt what the venue took and has not shown smaller since: whoever asks finds out."""
        for order in list(self._tracker.working()):
            if order.amend_sent_at is not None and order.amend_sent_at < sent_before:
                self._tracker.lose(order, "The venue has not shown it smaller since it was told to make it so.")
