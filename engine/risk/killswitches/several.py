"""Several switches as one. Each is asked at every check: one that looks back must not miss what another saw first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec

from engine.core.component import Component
from engine.core.params import Count, Items
from engine.marketmaking.base import Trip
from engine.risk.base import KillSwitch, RiskState


class AnyOf(Component):
    """Trip the moment one of several switches trips; the first in the list is reported, others are named with it."""

    def __init__(self, *, switches: Annotated[Sequence[KillSwitch], Items(ge=1, help="Any of these")]) -> None:
        self.switches = tuple(switches)

    def check(self, state: RiskState) -> Trip | None:
        trips = _ask(self.switches, state)
        if len(trips) < 2:
            return trips[0] if trips else None
        others = ", ".join(trip.switch for trip in trips[1:])
        return msgspec.structs.replace(trips[0], reason=f"{trips[0].reason} {others} would have tripped as well.")


class Quorum(Component):
    """Trip when enough of several switches trip at the same check: for signs that mean little one by one."""

    def __init__(
        self,
        *,
        switches: Annotated[Sequence[KillSwitch], Items(ge=2, help="Those that vote")],
        needed: Annotated[int, Count(ge=1, help="How many must trip at once", example=2)],
    ) -> None:
        if needed > len(switches):
            raise ValueError(f"a quorum of {needed} can never be reached by {len(switches)} switches")
        self.switches = tuple(switches)
        self.needed = needed

    def check(self, state: RiskState) -> Trip | None:
        trips = _ask(self.switches, state)
        if len(trips) < self.needed:
            return None
        return Trip(
            switch=self.name,
            reason=f"{len(trips)} of {len(self.switches)} switches trip, {self.needed} are enough: "
            + " ".join(f"{trip.switch}: {trip.reason}" for trip in trips),
            value=Decimal(len(trips)),
            limit=Decimal(self.needed),
        )


def _ask(switches: Iterable[KillSwitch], state: RiskState) -> list[Trip]:
    return [trip for switch in switches if (trip := switch.check(state))]
