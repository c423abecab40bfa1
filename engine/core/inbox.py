"""What a service is told by feeds it shares with others: at once while it keeps up, bounded when it does not (Q6).

A service may spend BUDGET_S of each slot on what feeds tell it. What comes beyond waits for the next slots: of a state,
such as a book, only the newest; of prints at most LIMIT, the oldest given up first. So a flood of market data costs the
service its freshness and its neighbours nothing. Fills, words on our orders and commands do not come this way: they are
never held back and never dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from engine.core.clock import Clock
from engine.core.scheduler import SLOT_S, Schedule

BUDGET_S = 0.004
LIMIT = 1_000

Hear = Callable[[Any], None]


class Inbox:
    """One service's. `on_lag` hears a sentence when messages begin to be given up, and one when it has caught up.

    Time is the service's own: under a replay it stands still while something is handled, so nothing ever waits there,
    and two runs hear the same.
    """

    def __init__(self, *, clock: Clock, schedule: Schedule, on_lag: Callable[[str], None]) -> None:
        self._clock = clock
        self._schedule = schedule
        self._on_lag = on_lag
        self._prints: deque[tuple[Hear, Any]] = deque()
        self._states: dict[Hear, Any] = {}
        self._given_up = 0
        self._slot = -1
        self._spent_s = 0.0

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._prints) + len(self._states)

    def tell(self, hear: Hear, news: Any, *, is_state: bool) -> None:
        """Hand a message over, now or as soon as there is time. `hear` must not raise.

        is_state: it replaces the one that waits for the same hearer.
        """
        waits = self._prints or self._states
        if not waits and self._has_time():
            self._handle(hear, news)
            return
        if not waits:
            self._schedule.once(SLOT_S, self._catch_up, name="catch up")
        if is_state:
            self._states[hear] = news
            return
        self._prints.append((hear, news))
        if len(self._prints) > LIMIT:
            self._prints.popleft()
            self._given_up += 1
            if self._given_up == 1:
                self._on_lag(f"Market data come faster than they can be heard: only the newest {LIMIT} prints wait.")

    def _has_time(self) -> bool:
        slot = int(self._clock.monotonic() / SLOT_S)
        if slot != self._slot:
            self._slot, self._spent_s = slot, 0.0
        return self._spent_s < BUDGET_S

    def _handle(self, hear: Hear, news: Any) -> None:
        began = self._clock.monotonic()
        hear(news)
        self._spent_s += self._clock.monotonic() - began

    async def _catch_up(self) -> None:
        while self._prints and self._has_time():
            self._handle(*self._prints.popleft())
        while self._states and self._has_time():
            hear = next(iter(self._states))
            self._handle(hear, self._states.pop(hear))
        if self._prints or self._states:
            self._schedule.once(SLOT_S, self._catch_up, name="catch up")
        elif self._given_up:
            given_up, self._given_up = self._given_up, 0
            self._on_lag(f"Market data are heard as they come again; {given_up} prints were given up.")
