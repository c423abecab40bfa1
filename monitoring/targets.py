"""The obligations in force, as pages draw them: a target beside each figure, a mark in each band."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils import timezone

from clients.choices import Kpi
from clients.models import Mandate, Obligation
from engine.metrics.events import BANDS_BPS


@dataclass(frozen=True)
class Band:
    bps: int
    owed: Decimal | None

    @property
    def percent(self) -> str:
        return f"{Decimal(self.bps) / 100:f}"


@dataclass(frozen=True)
class Targets:
    """The obligations in force, as live pages draw them. `band_bps` is the depth band a strip or tile shows."""

    max_spread_bps: Decimal | None = None
    min_depth_quote: Decimal | None = None
    band_bps: int = 200
    bands: tuple[Band, ...] = field(default_factory=lambda: tuple(Band(int(bps), None) for bps in BANDS_BPS))

    @property
    def band_percent(self) -> str:
        return f"{Decimal(self.band_bps) / 100:f}"

    @property
    def owed_json(self) -> str:
        return json.dumps({band.bps: str(band.owed) for band in self.bands if band.owed is not None})


def in_force(obligations: Iterable[Obligation], at: datetime.datetime) -> list[Obligation]:
    """The latest version that has started of every line (KPI and band)."""
    lines: dict[tuple[str, Decimal | None], Obligation] = {}
    for obligation in sorted(obligations, key=lambda each: (each.starts_at, each.version)):
        if obligation.starts_at <= at:
            lines[obligation.kpi, obligation.band_bps] = obligation
    order = [Kpi.SPREAD, Kpi.DEPTH, Kpi.UPTIME]
    return sorted(lines.values(), key=lambda each: (order.index(Kpi(each.kpi)), each.band_bps or 0))


def targets(mandate: Mandate, *, band_bps: int | None = None) -> Targets:
    """What the mandate owes now. With `band_bps` the strip shows that band, owed or not; a tile knows only ±2 %."""
    owed = in_force(mandate.obligations.all(), timezone.now())
    spread = next((each.max_spread_bps for each in owed if each.kpi == Kpi.SPREAD), None)
    depths = {int(each.band_bps): each.min_depth_quote for each in owed if each.kpi == Kpi.DEPTH}
    band = band_bps or (200 if 200 in depths or not depths else min(depths))
    return Targets(
        max_spread_bps=spread,
        min_depth_quote=depths.get(band),
        band_bps=band,
        bands=tuple(Band(int(bps), depths.get(int(bps))) for bps in BANDS_BPS),
    )
