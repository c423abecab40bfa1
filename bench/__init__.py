"""What we claim about speed, runnable.

A bench is a module here: its docstring's first line says what it measures, and `run()` returns its figures. A figure
may carry a limit, which is the claim; `./mm bench` fails when one is missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number. `at_most` and `at_least` are what we promise of it, None where we only look."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool:
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie, by nearest rank. Raises ValueError for none."""
    ordered: Sequence[float] = sorted(values)
    if not ordered:
        raise ValueError("a percentile needs at least one value")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
