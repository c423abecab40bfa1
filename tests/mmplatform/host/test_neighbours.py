"""Deployments share a host, and nothing else: one that never gives the loop back costs only itself (Q6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from engine.core.component import Component
from engine.core.log import configure
from engine.core.plugins import Registry
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from strategies.models import Deployment, Revision
from tests.mmplatform.host.conftest import YAML, Desk
from tests.mmplatform.host.test_host import Watch, watch

__all__ = ["watch"]


@pytest.fixture
def plain_log() -> Iterator[None]:
    """As in production: a traceback drawn for people would itself hold the loop for seconds."""
    configure(json=True)
    yield
    structlog.reset_defaults()


class Endless(Component):
    """A strategy with a mistake in it."""

    def draft(self, context: QuoteContext) -> Draft:
        while True:
            pass


def with_the_mistake(desk: Desk) -> Deployment:
    deployment = desk.deployment()

    def rewrite() -> None:
        before, rest = YAML.split("    id: marketmaking.inventory_spread\n")
        yaml = before + "    id: test.endless\n" + rest[rest.index("  guard:") :]
        revision = Revision.objects.create(
            client=desk.client,
            strategy=desk.revision.strategy,
            number=2,
            yaml=yaml,
            sha256="1" * 64,
            author=desk.author,
        )
        Deployment.objects.filter(pk=deployment.pk).update(revision=revision)

    desk.run(rewrite)
    return deployment


async def test_a_strategy_without_end_is_faulted_and_its_neighbour_keeps_quoting(
    watch: Watch, desk: Desk, plain_log: None
) -> None:
    healthy, ill = desk.deployment(), with_the_mistake(desk)
    registry = Registry.installed().with_components({"test.endless": Endless})
    watch.command("start", healthy)
    async with watch.host(registry=registry):
        await watch.until(lambda: watch.resting(healthy) == 4)
        token = watch.one("select token from strategies_deployment where id = %s", healthy.pk)
        watch.command("start", ill)

        reason = await watch.until_state(ill, "faulted")

        assert "it held up every service of this process for about" in reason
        assert "in Endless.draft" in reason
        before = watch.one("select count(*) from monitoring_sample_hot where deployment_id = %s", healthy.pk)
        await watch.until(
            lambda: (
                watch.one("select count(*) from monitoring_sample_hot where deployment_id = %s", healthy.pk)
                > before + 1
            )
        )
        assert watch.state(healthy)[0] == "active"
        assert watch.resting(healthy) == 4
        assert watch.one("select token from strategies_deployment where id = %s", healthy.pk) == token
