"""The state of a day as a strip: runs of minutes that shared one state, placed on the 1,440 minutes of the day."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from monitoring.uptime import Minute, ObligationUptime, state_band


@dataclass(frozen=True, slots=True)
class Run:
    """`start_min` minutes after midnight UTC, `length_min` long."""

    start_min: int
    length_min: int
    state: str

    @property
    def words(self) -> str:
        """For a person who points at it: 09:05 to 09:12, breached."""
        start, end = (
            f"{minute // 60:02d}:{minute % 60:02d}" for minute in (self.start_min, self.start_min + self.length_min)
        )
        return f"{start} to {end}, {self.state}"


@dataclass(frozen=True)
class KpiDay:
    """One obligation today, its month, and its strip."""

    today: ObligationUptime
    month: ObligationUptime
    runs: Sequence[Run]

    @property
    def verdict(self) -> str:
        """met, behind (below target, budget left) or breached (the month's budget is spent)."""
        if self.month.budget_left_s < 0:
            return "breached"
        return "met" if self.today.holds else "behind"


def kpi_days(today: Sequence[ObligationUptime], month: Sequence[ObligationUptime]) -> list[KpiDay]:
    """Today's figures, each with its month's and the strip of its day."""
    months = {each.obligation_id: each for each in month}
    return [KpiDay(each, months[each.obligation_id], list(runs(state_band(each)))) for each in today]


def runs(minutes: Sequence[Minute]) -> Iterator[Run]:
    for state, group in groupby(minutes, key=lambda minute: minute.state):
        members = list(group)
        first: datetime.datetime = members[0].ts.astimezone(datetime.UTC)
        yield Run(first.hour * 60 + first.minute, len(members), state)
