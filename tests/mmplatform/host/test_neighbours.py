"""Deployments share a host, and nothing else: one that never gives the loop back costs only itself (Q6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from engine.core.component import Component
from engine.core.log import configure
from engine.core.plugins import Registry
from engine.marketmaking.base import QuoteContext, Trip
from engine.marketmaking.draft import Draft
from engine.metrics.events import Notice
from engine.risk.base import RiskState
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


class Garbled(Component):
    """A strategy that passes on what it was told, half a character and a NUL included."""

    def draft(self, context: QuoteContext) -> Draft:
        notice = Notice(ts_ns=context.ts_ns, level="warning", text=GARBLED)
        self.runtime.record(notice)
        return Draft.none(GARBLED)


GARBLED = "The venue said \ud83d, then \0."
"""A message that was cut within a pair of surrogates, as `json` reads it; no database and no socket takes it."""
READABLE = "The venue said \ufffd, then \ufffd."


class Unending(Component):
    """A kill switch with the same mistake: it is asked while a deployment starts, before any tick."""

    def check(self, state: RiskState) -> Trip | None:
        while True:
            pass


def with_strategy(desk: Desk, id: str) -> Deployment:
    before, rest = YAML.split("    id: marketmaking.inventory_spread\n")
    return running(desk, before + f"    id: {id}\n" + rest[rest.index("  guard:") :])


def running(desk: Desk, yaml: str) -> Deployment:
    deployment = desk.deployment()

    def rewrite() -> None:
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
    healthy, ill = desk.deployment(), with_strategy(desk, "test.endless")
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


async def test_a_kill_switch_without_end_faults_the_start_and_the_neighbour_keeps_quoting(
    watch: Watch, desk: Desk, plain_log: None
) -> None:
    healthy, ill = desk.deployment(), running(desk, YAML.replace("killswitches.manual", "test.unending"))
    registry = Registry.installed().with_components({"test.unending": Unending})
    watch.command("start", healthy)
    async with watch.host(registry=registry):
        await watch.until(lambda: watch.resting(healthy) == 4)
        token = watch.one("select token from strategies_deployment where id = %s", healthy.pk)
        watch.command("start", ill)

        reason = await watch.until_state(ill, "faulted")

        assert "in Unending.check" in reason
        assert watch.state(healthy)[0] == "active"
        await watch.until(lambda: watch.resting(healthy) == 4)
        assert watch.one("select token from strategies_deployment where id = %s", healthy.pk) == token


async def test_text_that_nobody_can_write_down_costs_nobody_anything_and_is_told_as_far_as_it_can_be_read(
    watch: Watch, desk: Desk
) -> None:
    healthy, ill = desk.deployment(), with_strategy(desk, "test.garbled")
    registry = Registry.installed().with_components({"test.garbled": Garbled})
    watch.command("start", healthy)
    watch.command("start", ill)
    tokens = "select array_agg(token order by id) from strategies_deployment"
    async with watch.host(registry=registry):
        await watch.until(lambda: watch.resting(healthy) == 4)
        before = watch.one(tokens)

        await watch.until(lambda: READABLE in watch.events(ill))
        shown = "select count(*) from monitoring_sample_hot where deployment_id = %s and quoting_reason = %s"
        await watch.until(lambda: watch.one(shown, ill.pk, READABLE))

        assert watch.state(healthy)[0] == watch.state(ill)[0] == "active"
        await watch.until(lambda: watch.resting(healthy) == 4)
        assert watch.one(tokens) == before
