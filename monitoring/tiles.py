"""The desk's tiles: one per mandate deployment, with what it owes. Live figures come by WebSocket."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone

from clients.access import Visitor
from clients.models import Mandate
from engine.core.states import State
from monitoring.targets import Targets, targets
from strategies.access import visible_deployments
from strategies.choices import Mode
from strategies.models import Deployment

TILE_BAND_BPS = 200
"""The band a live tile carries."""


@dataclass(frozen=True)
class Tile:
    id: int
    url: str
    client: str
    mandate: str
    symbol: str
    base: str
    quote: str
    venue: str
    tags: str
    mode: str
    wanted: str
    observed: str
    trouble: str
    targets: Targets


def watched(user: Visitor) -> list[Deployment]:
    """The deployments a person watches: those they may see that have not ended; replays have pages of their own."""
    return list(
        visible_deployments(user)
        .filter(ended_at=None)
        .exclude(mode=Mode.REPLAY)
        .prefetch_related("mandate__obligations")
        .order_by("mandate__name", "name")
    )


def tiles(deployments: Iterable[Deployment]) -> list[Tile]:
    known: dict[int, Targets] = {}
    return [_tile(deployment, known) for deployment in deployments]


def _tile(deployment: Deployment, known: dict[int, Targets]) -> Tile:
    mandate: Mandate = deployment.mandate
    if mandate.pk not in known:
        known[mandate.pk] = targets(mandate, band_bps=TILE_BAND_BPS)
    return Tile(
        id=deployment.pk,
        url=reverse("monitoring:deployment", args=[deployment.pk]),
        client=deployment.client.name,
        mandate=mandate.name,
        symbol=mandate.symbol,
        base=mandate.base,
        quote=mandate.quote,
        venue=deployment.market.venue.name,
        tags=mandate.tags,
        mode=deployment.mode,
        wanted=deployment.wanted,
        observed=deployment.observed,
        trouble=_trouble(deployment),
        targets=known[mandate.pk],
    )


def _trouble(deployment: Deployment) -> str:
    """Why somebody should look, or an empty string."""
    if deployment.observed != deployment.wanted:
        return f"{deployment.wanted} wanted, {deployment.observed} observed: {deployment.observed_reason}"
    if deployment.observed != State.ACTIVE:
        return deployment.observed_reason
    if deployment.expires_at is None or deployment.expires_at < timezone.now():
        return "no engine holds this deployment now; one takes over within seconds"
    return ""
