"""A socket of ccxt's that knows when it last heard anything, and asks into silences.

ccxt pings once in minutes at some venues and counts pongs alone, so a connection that only looks open is noticed after
six minutes at Binance and an hour at BingX; and a quiet one cannot be told from a dead one until then.

Imports ccxt: for `library.py` alone, which imports this late.
"""

from __future__ import annotations

from typing import Any

import ccxt

from engine.core.clock import Clock
from engine.venues.ccxt.exact import ExactClient

PING_AFTER_S = 2.0
"""Into a silence. No venue here minds one ping in two seconds."""
GLANCE_S = 0.5
DEAD_AFTER_S = 10.0
"""A silence for so long is the end of a connection that has answered pings before."""
ANSWERS = 3
"""So many pings in a row were answered: then the venue answers them. Some answer none, and are alive all the same."""


class LiveClient(ExactClient):
    """Set in place of ccxt's own by `Wired`, which gives it the clock. `heard_at` is of the last frame of any kind."""

    clock: Clock
    heard_at: float | None = None
    lastPong: Any
    _answered = 0

    def handle_message(self, message: Any) -> None:
        self.heard_at = self.clock.monotonic()
        super().handle_message(message)

    async def ping_loop(self) -> None:
        began = pinged_at = self.clock.monotonic()
        while self.keepAlive and not self.closed():
            await self.clock.sleep_until(self.clock.monotonic() + GLANCE_S)
            now = self.clock.monotonic()
            silent_s = now - (began if self.heard_at is None else self.heard_at)
            if silent_s > self.patience_s:
                self.on_error(ccxt.RequestTimeout(f"nothing was heard for {silent_s:.0f} s"))
                return
            if silent_s < PING_AFTER_S or now - pinged_at < PING_AFTER_S:
                continue
            if pinged_at > began and self._answered < ANSWERS:
                self._answered = self._answered + 1 if self.lastPong is not None else 0
            self.lastPong, pinged_at = None, now
            try:
                await (self.send(self.ping(self)) if self.ping else self.connection.ping())
            except Exception as error:  # the edge to a transport that may be closing
                if not self.closed():
                    self.on_error(error)
                return

    @property
    def patience_s(self) -> float:
        """How long a silence may last. Where pings are not known to be answered: as long as ccxt has it."""
        stock_s = float(self.keepAlive) / 1000 * float(self.maxPingPongMisses)
        return DEAD_AFTER_S if self._answered >= ANSWERS else max(stock_s, DEAD_AFTER_S)
