"""What every page that watches one deployment needs: targets, ranges of the charts, where its figures come from."""

from __future__ import annotations

from django.urls import reverse

from monitoring.sessions import unpriced_fees
from monitoring.targets import targets
from strategies.models import Deployment

RANGES = ((15, "15 min"), (60, "1 h"), (360, "6 h"), (1440, "24 h"))
REPLAY_RANGES = (("all", "All"), (15, "15 min"), (5, "5 min"))


def watch_context(deployment: Deployment, *, shows_pnl: bool = True, replay: bool = False) -> dict[str, object]:
    """Context of the watch_* partials."""
    return {
        "deployment": deployment,
        "market": deployment.market,
        "targets": targets(deployment.mandate),
        "shows_pnl": shows_pnl,
        "unpriced": unpriced_fees(deployment.pk) if shows_pnl else {},
        "ranges": REPLAY_RANGES if replay else RANGES,
        "series_url": reverse("monitoring:series", args=[deployment.pk]),
        "live_path": f"/ws/deployments/{deployment.pk}/",
    }
