"""A real host explains its ticks to whoever asks, and tells how the components of what it runs stand."""

from __future__ import annotations

from django.conf import settings
from redis import Redis

from monitoring import kept
from monitoring.live import changes_key, standing_key, ticks_key
from strategies.models import Deployment
from tests.mmplatform.host.conftest import YAML, Desk
from tests.mmplatform.host.test_host import NEVER_RENEWS, Watch, watch

__all__ = ["watch"]


def unseen(deployment: Deployment) -> Deployment:
    """Nothing is kept of it: an earlier test may have had one of this number."""
    of_it = [key(deployment.pk) for key in (changes_key, standing_key, ticks_key)]
    Redis.from_url(settings.REDIS_URL).delete(*of_it)
    return deployment


async def test_ticks_are_explained_once_somebody_asks_and_the_components_are_told_of(watch: Watch, desk: Desk) -> None:
    deployment = unseen(desk.deployment())
    async with watch.host():
        watch.command("start", deployment)
        await watch.until_state(deployment, "active")
        kept.ask_why(deployment.pk)
        await watch.until(lambda: any(told.cause == "asked" for told in kept.ticks(deployment.pk)))
        told = kept.ticks(deployment.pk)[0]
        assert (told.symbol, told.state.value) == ("AURORA/USDT", "active")
        assert [stage.kind.value for stage in told.stages] == ["strategy", "rounding", "risk"]
        standing = kept.standings([deployment.pk])[deployment.pk]
        assert standing.revision == "two-sided r1"
        assert {part.state.value for part in standing.parts} == {"running"}
    gone = kept.standings([deployment.pk])[deployment.pk]
    assert gone.token == standing.token


async def test_a_component_that_cannot_load_is_told_with_its_reason(watch: Watch, desk: Desk) -> None:
    broken = desk.another_revision(
        YAML.replace('market: "@venue", symbol: "@symbol"', 'market: "@venue", symbol: "NO/NE"')
    )
    deployment = unseen(desk.deployment())
    desk.run(lambda: Deployment.objects.filter(pk=deployment.pk).update(revision=broken))
    async with watch.host(timing=NEVER_RENEWS):
        await watch.until_state(deployment, "faulted")
        await watch.until(lambda: kept.standings([deployment.pk]))
        failed = [part for part in kept.standings([deployment.pk])[deployment.pk].parts if part.state.value == "failed"]
    assert [part.name for part in failed] == ["mid"]
    assert failed[0].problem
