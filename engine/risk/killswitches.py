"""Kill switches: conditions under which quoting stops until a person resets it (Q8, E11).

A switch judges only what is known. A market that is not ready for a moment is neither a loss nor a position; a market
that stays silent is the business of `killswitches.data_lag`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Items, Money, PathText, Seconds
from engine.core.states import State
from engine.marketmaking.base import Trip
from engine.risk.base import KillSwitch, RiskState


class Inventory(Component):
    """Trip when the position is worth more than the limit, either way."""

    def __init__(
        self,
        *,
        max_position_quote: Annotated[Decimal, Money(gt=0, help="Largest position either way, at mid", example=2500)],
    ) -> None:
        self.max_position_quote = max_position_quote

    def check(self, state: RiskState) -> Trip | None:
        if state.mark is None:
            return None
        position = abs(state.position_base * state.mark)
        if position <= self.max_position_quote:
            return None
        quote = state.feed.instrument.quote
        return Trip(
            switch=self.name,
            reason=f"The position is worth {position:.2f} {quote}, over the limit of {self.max_position_quote}.",
            value=position,
            limit=self.max_position_quote,
        )


class Loss(Component):
    """Trip when realised plus unrealised PnL minus fees is a larger loss than the limit."""

    def __init__(
        self,
        *,
        max_loss_quote: Annotated[Decimal, Money(gt=0, help="Largest loss since the session began", example=250)],
    ) -> None:
        self.max_loss_quote = max_loss_quote

    def check(self, state: RiskState) -> Trip | None:
        total = state.total_pnl_quote
        if total is None or total >= -self.max_loss_quote:
            return None
        quote = state.feed.instrument.quote
        return Trip(
            switch=self.name,
            reason=f"The total PnL is {total:.2f} {quote}, beyond the loss limit of {self.max_loss_quote}.",
            value=total,
            limit=-self.max_loss_quote,
        )


class DataLag(Component):
    """Trip when the last trustworthy book is older than the limit. A feed in trouble ages from its last good book."""

    def __init__(
        self,
        *,
        max_lag_s: Annotated[Decimal, Seconds(gt=0, help="Oldest book with which quoting may go on")] = Decimal(10),
    ) -> None:
        self.max_lag_s = max_lag_s
        self._max_lag = float(max_lag_s)
        self._good_at: float | None = None

    def check(self, state: RiskState) -> Trip | None:
        received_at = state.feed.received_at
        if state.state is State.STARTING:
            self._good_at = None  # last asked before a pause: what was seen then is not the last good book
        if received_at is not None and (self._good_at is None or not state.feed.problem):
            self._good_at = received_at
        elif self._good_at is None:
            self._good_at = state.monotonic
        lag_s = state.monotonic - self._good_at
        if lag_s <= self._max_lag:
            return None
        why = f" ({state.feed.problem})" if state.feed.problem else ""
        return Trip(
            switch=self.name,
            reason=f"The last good book from {state.feed.source} is {lag_s:.1f} s old, over {self.max_lag_s} s{why}.",
            value=Decimal(f"{lag_s:.3f}"),
            limit=self.max_lag_s,
        )


class Manual(Component):
    """Trip while a person's durable kill switch is engaged, or while a file of the given name exists.

    The file is for a configuration that runs alone: `touch` it to halt; its text becomes the reason.
    """

    def __init__(
        self, *, file: Annotated[str | None, PathText(help="Halt while this file exists; leave empty for none")] = None
    ) -> None:
        self.file = file
        self._path = Path(file) if file else None

    def check(self, state: RiskState) -> Trip | None:
        reason = self.runtime.manual_halt()
        if not reason and self._path is not None:
            reason = self._from_file(self._path)
        return Trip(switch=self.name, reason=reason) if reason else None

    def _from_file(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip() or f"The file {path} exists."
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"The kill switch file {path} cannot be read: {error.strerror}."


class AnyOf(Component):
    """Trip the moment one of several switches trips; the first in the list is the one reported."""

    def __init__(self, *, switches: Annotated[Sequence[KillSwitch], Items(ge=1, help="Any of these")]) -> None:
        self.switches = tuple(switches)

    def check(self, state: RiskState) -> Trip | None:
        for switch in self.switches:
            if trip := switch.check(state):
                return trip
        return None
