"""A staged roll-out from the worker's look to the orders at the venue, and back."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from engine.core.states import State
from engine.metrics.events import BANDS_BPS
from monitoring.rollouts.looking import rollouts_look
from strategies.choices import RevisionState, RollOutState
from strategies.models import Deployment, Revision, RollOut
from strategies.rollout import Step, rollout_start
from tests.mmplatform.host.conftest import YAML, Desk
from tests.mmplatform.host.test_host import Watch, watch
from tests.mmplatform.host.test_live_parameters import orders, runs
from tests.monitoring.samples import record

__all__ = ["watch"]

STAGES = (Step(share=Decimal("0.2"), reach=1, hold_s=60), Step(share=Decimal(1), reach=1, hold_s=60))


def approved(desk: Desk, old: str, new: str) -> Revision:
    revision = desk.another_revision(YAML.replace(old, new))
    revision.state, revision.approver, revision.decided_at = RevisionState.APPROVED, desk.approver, timezone.now()
    desk.run(revision.save)
    return revision


def begun(desk: Desk, deployment: Deployment, revision: Revision) -> RollOut:
    """Past its baseline, which is written here; what the host itself writes stands after it."""
    rollout = desk.run(
        lambda: rollout_start(
            revision=revision,
            deployments=[deployment],
            stages=STAGES,
            actor=desk.author,
            reason="a level more",
            limits={"baseline_s": 90},
        )
    )
    began = rollout.started_at - datetime.timedelta(seconds=120)
    desk.run(lambda: Deployment.objects.filter(pk=deployment.pk).update(runs_since=began))
    depth = tuple(Decimal(100) for _ in BANDS_BPS)
    usual = {"own_bid_depth_quote": depth, "own_ask_depth_quote": depth}
    desk.run(lambda: record(deployment, began - datetime.timedelta(milliseconds=500), 117, **usual))
    return look(desk, rollout, rollout.started_at + datetime.timedelta(seconds=6))


def look(desk: Desk, rollout: RollOut, now: datetime.datetime | None = None) -> RollOut:
    desk.run(lambda: rollouts_look(now=now))
    desk.run(rollout.refresh_from_db)
    return rollout


@pytest.mark.parametrize(
    ("old", "new"),
    [("num_levels: 2", "num_levels: 3"), ("interval_ms: 100", "interval_ms: 150")],
    ids=["while it runs", "by a restart"],
)
async def test_a_canary_quotes_a_part_of_each_size_and_all_of_the_old_revision_after_a_halt(
    watch: Watch, desk: Desk, old: str, new: str
) -> None:
    deployment = desk.deployment()
    revision = approved(desk, old, new)
    watch.command("start", deployment)
    async with watch.host():
        await watch.until(lambda: watch.resting(deployment) == 4 and runs(watch)[0])
        await watch.until(lambda: watch.state(deployment)[0] == "active")
        whole = max(orders(watch, deployment).values())
        rollout = begun(desk, deployment, revision)
        assert rollout.stage == 1, rollout.ended_reason

        await watch.until(lambda: runs(watch) == (revision.pk, Decimal("0.2")))
        await watch.until(
            lambda: (sizes := orders(watch, deployment).values()) and len(sizes) >= 4 and max(sizes) <= whole / 4
        )
        await watch.until(lambda: look(desk, rollout, rollout.stage_since).settled_since)

        watch.command("halt", deployment, "looks wrong")
        await watch.until_state(deployment, State.HALTED)
        look(desk, rollout, rollout.stage_since)
        assert rollout.state == RollOutState.ROLLED_BACK
        assert "looks wrong" in rollout.ended_reason

        watch.command("reset", deployment, "looked into it")
        await watch.until(lambda: runs(watch) == (desk.revision.pk, Decimal(1)))
        watch.command("start", deployment)
        await watch.until(
            lambda: watch.resting(deployment) == 4 and max(orders(watch, deployment).values()) > whole / 2
        )
