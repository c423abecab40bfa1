"""Every centralised venue there is a component for, as a record: from our own file of qualities at once, and what the
library claims of each as soon as a process of its own has read it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from engine.venues.ccxt.quality import qualities
from exchanges.choices import VenueKind
from exchanges.models import Venue

log = structlog.get_logger(__name__)

TASK = "exchanges.read_claims"
FAMILY = "exchanges.ccxt."
AT_ONCE = 10
PATIENCE_S = 120

Claims = Callable[[Sequence[str]], dict[str, Any]]
"""What the library claims of some venues, by id."""


@transaction.atomic
def venues_sync() -> int:
    """Make a record of every centralised venue, and bring tier and abilities up to date. Returns how many are new.

    A venue that is there already keeps its name, its address and everything people decided.
    """
    known = {venue.component: venue for venue in Venue.objects.select_for_update(no_key=True).order_by("pk")}
    taken = {venue.slug for venue in known.values()}
    new = []
    for venue_id, quality in qualities().items():
        if quality.kind != "cex":
            continue
        venue = known.get(FAMILY + venue_id)
        if venue is None:
            slug = venue_id if venue_id not in taken else f"{venue_id}-ccxt"
            venue = Venue(
                slug=slug, name=quality.name, kind=VenueKind.CENTRALISED, component=FAMILY + venue_id, tier=quality.tier
            )
            venue.abilities = list(quality.abilities)
            new.append(venue)
        elif (venue.tier, venue.abilities) != (quality.tier, list(quality.abilities)):
            venue.tier, venue.abilities = quality.tier, list(quality.abilities)
            venue.save(update_fields=["tier", "abilities"])
    Venue.objects.bulk_create(new)
    return len(new)


def claims_read(ask: Claims, *, at_most: int = AT_ONCE) -> int:
    """Read what the library claims of the venues nobody has read yet. Returns how many were read."""
    unread = Venue.objects.filter(component__startswith=FAMILY, catalogued_at=None).order_by("name")[:at_most]
    by_id = {venue.component.removeprefix(FAMILY): venue for venue in unread}
    if not by_id:
        return 0
    found = ask(list(by_id))
    for venue_id, venue in by_id.items():
        venue.claims = found.get(venue_id, {})
        venue.catalogued_at = timezone.now()
        venue.save(update_fields=["claims", "catalogued_at"])
    return len(by_id)


def claims_of(ids: Sequence[str]) -> dict[str, Any]:
    """Ask a process of its own, whose memory the library may fill. Nothing where it fails, with a line in the log."""
    command = [sys.executable, "-m", "engine.venues.ccxt.claims", *ids]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        log.error("the library's claims could not be read", venues=list(ids), words=done.stderr[-500:])
        return {}
    read: dict[str, Any] = json.loads(done.stdout)
    return read
