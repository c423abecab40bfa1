"""How deployments work: the host's newest word beside what the records say. An old word is shown as old."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.parts import Part, PartState
from monitoring.kept import Standing, standings
from strategies.models import Deployment

STALE_S = 12.0
"""A host says how a deployment stands every five seconds: two words missed, and what is shown is of the past."""


@dataclass(frozen=True)
class Working:
    """One deployment. Without a standing no host has said anything of it for an hour."""

    deployment: Deployment
    standing: Standing | None
    age_s: float | None

    @property
    def is_stale(self) -> bool:
        return self.age_s is None or self.age_s > STALE_S

    @property
    def failed(self) -> list[Part]:
        return [part for part in self.parts if part.state is PartState.FAILED or part.problem]

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.standing.parts if self.standing is not None else ()

    @property
    def counts(self) -> str:
        """How many components are in which state: "12 running", or the failed ones first."""
        counted = Counter(part.state for part in self.parts)
        order = sorted(counted, key=lambda state: (state is not PartState.FAILED, -counted[state]))
        return ", ".join(f"{counted[state]} {state.value}" for state in order)


def working(deployments: Iterable[Deployment]) -> list[Working]:
    listed = list(deployments)
    told, now_ms = standings([each.pk for each in listed]), time.time() * 1000
    found = []
    for each in listed:
        standing = told.get(each.pk)
        age_s = None if standing is None else max(0.0, (now_ms - standing.sent_ms) / 1000)
        found.append(Working(each, standing, age_s))
    return found
