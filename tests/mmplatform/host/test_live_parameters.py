"""Another revision that differs in live parameters alone: changed in the running service, whose orders stay."""

from __future__ import annotations

from decimal import Decimal

from clients.models import AuditEntry
from strategies.models import Deployment
from tests.mmplatform.host.conftest import YAML, Desk
from tests.mmplatform.host.test_host import Watch, watch

__all__ = ["watch"]


def give(desk: Desk, deployment: Deployment, **fields: object) -> None:
    """As `deployment_switch` writes it; another deployment's roll-out writes its share the same way."""
    desk.run(lambda: Deployment.objects.filter(pk=deployment.pk).update(**fields))


def orders(watch: Watch, deployment: Deployment) -> dict[str, Decimal]:
    found = watch.one(
        "select coalesce(json_object_agg(client_order_id, size_base::text), '{}') from monitoring_order "
        "where deployment_id = %s and status in ('open', 'partially_filled')",
        deployment.pk,
    )
    return {key: Decimal(size) for key, size in found.items()}


def runs(watch: Watch) -> tuple[int, Decimal]:
    return watch.one("select runs_revision_id, runs_share from strategies_deployment")


def said(desk: Desk) -> list[AuditEntry]:
    return desk.run(lambda: list(AuditEntry.objects.filter(verb="deployment.revision_running").order_by("pk")))


async def quoting(watch: Watch, deployment: Deployment) -> dict[str, Decimal]:
    await watch.until(lambda: watch.resting(deployment) == 4 and runs(watch)[0])
    return orders(watch, deployment)


async def test_live_parameters_change_at_the_next_tick_and_nothing_else_does(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host() as host:
        before = await quoting(watch, deployment)
        token, service = watch.one("select token from strategies_deployment"), host.hosted[deployment.pk].service
        more = desk.another_revision(YAML.replace("num_levels: 2", "num_levels: 3"))
        give(desk, deployment, revision=more)
        await watch.until(lambda: watch.resting(deployment) == 6)
        await watch.until(lambda: runs(watch) == (more.pk, Decimal(1)))

        assert before.items() <= orders(watch, deployment).items()  # the very same orders, in their place in the queue
        assert watch.one("select token from strategies_deployment") == token
        assert host.hosted[deployment.pk].service is service
        assert "changed while it runs: spread.num_levels 2 → 3" in watch.events(deployment)
        assert "built anew" not in watch.events(deployment)
        assert watch.state(deployment)[0] == "active"

    first, changed = said(desk)
    assert first.new == {"revision_id": desk.revision.pk, "share": "1", "restarted": True}
    assert changed.actor_name == "engine"
    assert (changed.old["spread.num_levels"], changed.new["spread.num_levels"]) == ("2", "3")
    assert changed.new["restarted"] is False


async def test_a_part_of_every_size_is_sent_from_one_tick_to_the_next(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        before = await quoting(watch, deployment)
        whole = max(before.values())
        give(desk, deployment, share=Decimal("0.25"))
        await watch.until(
            lambda: (found := orders(watch, deployment)) and len(found) == 4 and max(found.values()) <= whole / 3
        )
        await watch.until(lambda: runs(watch)[1] == Decimal("0.25"))
        assert "executor.share 1 → 0.25" in watch.events(deployment)


async def test_a_revision_that_would_not_run_leaves_the_old_one_running_and_says_so(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        before = await quoting(watch, deployment)
        wrong = desk.another_revision(YAML.replace("num_levels: 2", "num_levels: 200"))
        give(desk, deployment, revision=wrong)
        await watch.until(lambda: "would not run, so two-sided r1 goes on" in watch.events(deployment))
        assert "at most 50" in watch.events(deployment)
        assert watch.state(deployment)[0] == "active"
        assert runs(watch) == (desk.revision.pk, Decimal(1))
        assert orders(watch, deployment).keys() == before.keys()


async def test_a_revision_that_differs_in_more_takes_a_restart_and_says_why(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        before = await quoting(watch, deployment)
        slower = desk.another_revision(YAML.replace("interval_ms: 100", "interval_ms: 150"))
        give(desk, deployment, revision=slower)
        await watch.until(lambda: runs(watch)[0] == slower.pk)
        await watch.until(lambda: watch.resting(deployment) == 4)
        assert "takes a restart: quoting.interval_ms cannot be changed" in watch.events(deployment)
        assert not before.keys() & orders(watch, deployment).keys()


async def test_a_paused_deployment_is_changed_and_stays_paused(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    async with watch.host():
        await watch.until(lambda: runs(watch)[0])
        more = desk.another_revision(YAML.replace("num_levels: 2", "num_levels: 3"))
        give(desk, deployment, revision=more)
        await watch.until(lambda: runs(watch)[0] == more.pk)
        assert watch.state(deployment) == ("paused", "not started")
        watch.command("start", deployment)
        await watch.until(lambda: watch.resting(deployment) == 6)


async def test_a_halted_deployment_keeps_what_it_has_until_it_is_reset(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        await quoting(watch, deployment)
        watch.command("halt", deployment, "looks wrong")
        await watch.until_state(deployment, "halted")
        more = desk.another_revision(YAML.replace("num_levels: 2", "num_levels: 3"))
        give(desk, deployment, revision=more)
        watch.command("reset", deployment, "looked into it")
        await watch.until(lambda: runs(watch)[0] == more.pk)
        assert watch.state(deployment)[0] == "paused"
