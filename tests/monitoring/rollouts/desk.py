"""A deployment that quotes, a second revision of it, and time handed to the worker's looks."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from engine.core.states import State
from engine.metrics.events import BANDS_BPS
from monitoring.rollouts.looking import rollouts_look
from strategies.choices import Wanted
from strategies.models import Deployment, Revision, RollOut
from strategies.rollout import Step, rollout_start
from strategies.services import revision_approve, revision_submit
from tests.monitoring.samples import record
from tests.world import World

D = Decimal
TENTH = Step(share=D("0.1"), reach=1, hold_s=120)
ALL = Step(share=D(1), reach=1, hold_s=120)


def moment(seconds: float) -> datetime.timedelta:
    return datetime.timedelta(seconds=seconds)


@dataclass
class Desk:
    """A deployment that quotes, a second revision, and a clock that starts when the roll-out does."""

    world: World
    deployment: Deployment
    revision: Revision
    rollout: RollOut | None = None

    def start(self, *stages: Step, **limits: Any) -> RollOut:
        self.rollout = rollout_start(
            revision=self.revision,
            deployments=[self.deployment],
            stages=stages or (TENTH, ALL),
            actor=self.world.dora,
            reason="tighter",
            limits={"baseline_s": 300, "judge_over_s": 60, "max_settle_s": 60, **limits},
        )
        self.now = self.rollout.started_at
        return self.rollout

    def samples(self, seconds: int, *, deployment: Deployment | None = None, **changes: object) -> None:
        """Until now, a sample a second."""
        record(deployment or self.deployment, self.now - moment(seconds), seconds, **changes)

    def obeyed(self) -> None:
        """The host runs by what is wanted, and quotes."""
        self.deployment.refresh_from_db()
        Deployment.objects.filter(pk=self.deployment.pk).update(
            runs_revision=self.deployment.revision, runs_share=self.deployment.share, observed=State.ACTIVE
        )

    def after(self, seconds: float) -> RollOut:
        """Let time pass without samples, and have the worker look."""
        assert self.rollout is not None
        self.now += moment(seconds)
        rollouts_look(now=self.now)
        self.rollout.refresh_from_db()
        self.deployment.refresh_from_db()
        return self.rollout

    def quoting(self, seconds: int, **changes: object) -> RollOut:
        """Let time pass in which it quotes, and have the worker look at the end."""
        self.now += moment(seconds)
        self.samples(seconds, **{**self.usual(), **changes})
        return self.after(0)

    def usual(self) -> dict[str, object]:
        """As before, at the size it has now."""
        depth = tuple(D(band) * 10 * self.deployment.share for band in BANDS_BPS)
        return {"own_bid_depth_quote": depth, "own_ask_depth_quote": depth, "unrealised_quote": D(0)}

    def begun(self, *stages: Step, **limits: Any) -> RollOut:
        """In the first stage, which quotes."""
        self.start(*stages, **limits)
        self.samples(300)
        self.after(6)
        self.obeyed()
        return self.after(1)

    @property
    def runs(self) -> tuple[int, Decimal]:
        self.deployment.refresh_from_db()
        return self.deployment.revision.number, self.deployment.share


def quoting_desk(world: World) -> Desk:
    held = world.acorn
    revision = revision_submit(
        strategy=held.strategy, yaml=held.revision.yaml.replace("num_levels: 3", "num_levels: 2"), actor=world.dora
    )
    revision_approve(revision=revision, actor=world.rita)
    Deployment.objects.filter(pk=held.deployment.pk).update(
        wanted=Wanted.ACTIVE, observed=State.ACTIVE, observed_reason="", runs_revision=held.revision, runs_share=1,
        created_at=timezone.now() - moment(86_400), runs_since=timezone.now() - moment(3600),
    )  # fmt: skip
    held.deployment.refresh_from_db()
    return Desk(world=world, deployment=held.deployment, revision=revision)
