"""Where a resting order of ours stands in the queue at its price, inferred from public data alone.

The model. An order joins behind everything visible at its price. Trades at that price take from the front. When the
level shrinks by more than was traded, the rest was cancelled, and cancels are spread pro rata over the queue: the
share that stood ahead of us is (ahead ÷ visible). What is added joins behind us. We never stand behind more than is
visible.

Source: Rigtorp, "Estimating order queue position" (2013), with the linear probability function; the same family as the
queue models of hftbacktest. Pro rata is kinder than "cancels only behind us" and harsher than "only ahead". The
estimate is rounded up to the lot, so that it errs against us and fills stay on the lot grid.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from engine.core.decimals import ZERO


class QueuePosition:
    """Base size ahead of one order. `visible` is the public size at the price, our own order not in it.

    None means that nobody can see that deep: the queue is then as long as it proves to be when the price comes to us.
    """

    __slots__ = ("_lot", "_traded", "_unseen", "_visible", "ahead")

    def __init__(self, visible: Decimal | None, lot: Decimal) -> None:
        self._unseen = visible is None
        self.ahead = visible or ZERO
        self._visible = visible or ZERO
        self._traded = ZERO
        self._lot = lot

    def on_trade(self, size_base: Decimal) -> Decimal:
        """A print at our price: the front of the queue is served first. Return what reaches us."""
        if self._unseen:
            return ZERO
        self._traded += size_base
        if size_base <= self.ahead:
            self.ahead -= size_base
            return ZERO
        reached = size_base - self.ahead
        self.ahead = ZERO
        return reached

    def on_level(self, visible: Decimal) -> None:
        """The level's new public size. Prints since the last call explain part of a decrease, cancels the rest."""
        if self._unseen:
            if visible:
                self._unseen = False
                self.ahead = self._visible = visible
            return
        if visible == self._visible and not self._traded:
            return
        standing = self._visible - self._traded
        if self.ahead and visible < standing:
            kept = self.ahead * visible / standing
            self.ahead = (kept / self._lot).to_integral_value(ROUND_CEILING) * self._lot
        self._visible = visible
        self._traded = ZERO
