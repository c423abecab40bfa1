"""The smallest service there is: proof that the house runs, and a pattern to write a service by."""

from __future__ import annotations

from typing import Annotated

from engine.core.params import Millis, Text
from engine.core.ticking import TickService
from engine.metrics.events import Notice


class Heartbeat(TickService):
    """Record a notice at every beat."""

    def __init__(
        self,
        *,
        interval_ms: Annotated[int, Millis(ge=10, help="Time between two beats")] = 1000,
        text: Annotated[str, Text(help="What the notice says")] = "beat",
    ) -> None:
        super().__init__(interval_s=interval_ms / 1000)
        self._text = text
        self._beats = 0

    async def tick(self) -> None:
        self._beats += 1
        text = f"{self._text} {self._beats}"
        self.runtime.record(Notice(ts_ns=self.runtime.clock.now_ns(), level="info", text=text))
