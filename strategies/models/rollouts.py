"""A revision on its way to every deployment in stages, and what each stage was judged by."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from clients.models import Client, User
from strategies.choices import RollOutState, Verdict
from strategies.models.running import Deployment, Revision, Strategy


def _seconds(default: int, help_text: str, *, least: int = 1) -> models.PositiveIntegerField:
    validators = [MinValueValidator(least), MaxValueValidator(86_400)]
    return models.PositiveIntegerField(default=default, validators=validators, help_text=help_text)


def _part(default: str, help_text: str, *, most: int = 1) -> models.DecimalField:
    validators = [MinValueValidator(Decimal("0.0001")), MaxValueValidator(Decimal(most))]
    return models.DecimalField(
        max_digits=6, decimal_places=4, default=Decimal(default), validators=validators, help_text=help_text
    )


class RollOut(models.Model):
    """An approved revision on its way over a strategy's deployments, stage by stage, each with its way back.

    People start, promote and abort; a worker looks every few seconds, keeps what it measured, and goes on or back.
    Everything it knows is here, so that it goes on where it was after any restart. How: docs/rollouts.md.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="rollouts")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="rollouts")
    state = models.CharField(max_length=16, choices=RollOutState.choices, default=RollOutState.RUNNING)
    reason = models.TextField()
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="Null: the worker."
    )
    ended_reason = models.TextField(blank=True)

    stage = models.PositiveSmallIntegerField(default=0, help_text="0 until the baseline is measured.")
    stage_since = models.DateTimeField(null=True, blank=True)
    settled_since = models.DateTimeField(null=True, blank=True, help_text="Since when all of the stage quotes by it.")
    missing_since = models.DateTimeField(null=True, blank=True, help_text="Since when evidence is missing.")
    looked_at = models.DateTimeField(null=True, blank=True)

    promotes_itself = models.BooleanField(default=True, help_text="Go on by itself after a hold in which all was fine.")
    decide_within_s = _seconds(900, "Where it does not: back when nobody promotes it so long after the hold.")
    baseline_s = _seconds(1800, "How far back the baseline is measured.", least=60)
    judge_after_s = _seconds(60, "KPIs of a stage are judged from so many seconds on.", least=10)
    judge_over_s = _seconds(300, "KPIs are judged over so many seconds, at the end over the whole stage.", least=10)
    max_spread_growth = _part("0.25", "Growth of the average own spread, as a part of the baseline.", most=10)
    max_depth_drop = _part("0.20", "Drop of the average own depth for its share, as a part of the baseline.")
    max_uptime_drop = _part("0.02", "Drop of an obligation's attainment and of two-sided quoting, in parts of time.")
    max_loss_quote = models.DecimalField(
        max_digits=24,
        decimal_places=8,
        default=Decimal(100),
        validators=[MinValueValidator(Decimal("0.00000001"))],
        help_text="Largest loss of a deployment since its stage began, in quote currency.",
    )
    max_not_quoting_s = _seconds(30, "Longest time without any quote.")
    max_data_age_s = _seconds(15, "Oldest sample that says anything.", least=5)
    max_missing_s = _seconds(60, "Back when evidence is missing for so long.")
    max_settle_s = _seconds(120, "Back when a stage does not quote by the revision within so long.", least=5)

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["strategy"], condition=Q(state=RollOutState.RUNNING), name="one_rollout_of_a_strategy"
            ),
            models.CheckConstraint(
                condition=Q(state=RollOutState.RUNNING, ended_at=None)
                | (~Q(state=RollOutState.RUNNING) & Q(ended_at__isnull=False)),
                name="an_ended_rollout_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"roll-out of {self.revision}"

    @property
    def is_running(self) -> bool:
        return self.state == RollOutState.RUNNING


class RollOutStage(models.Model):
    """One step: the first so many deployments, at so much of each size, for so long."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    rollout = models.ForeignKey(RollOut, on_delete=models.PROTECT, related_name="stages")
    number = models.PositiveSmallIntegerField()
    share = models.DecimalField(max_digits=5, decimal_places=4)
    reach = models.PositiveSmallIntegerField(help_text="How many of the deployments, in order.")
    hold_s = models.PositiveIntegerField()

    class Meta:
        ordering = ["rollout", "number"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "number"], name="one_stage_per_number"),
            models.CheckConstraint(
                condition=Q(share__gt=0, share__lte=1, reach__gt=0, hold_s__gt=0), name="a_stage_is_something"
            ),
        ]

    def __str__(self) -> str:
        return f"stage {self.number} of {self.rollout}"


class RollOutTarget(models.Model):
    """One deployment of a roll-out, what it ran by before, and the baseline that was measured then."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    rollout = models.ForeignKey(RollOut, on_delete=models.PROTECT, related_name="targets")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="rollout_targets")
    position = models.PositiveSmallIntegerField(help_text="1 goes first.")
    previous_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    previous_share = models.DecimalField(max_digits=5, decimal_places=4)
    baseline = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["rollout", "position"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "deployment"], name="a_deployment_once_per_rollout"),
            models.UniqueConstraint(fields=["rollout", "position"], name="one_target_per_position"),
        ]

    def __str__(self) -> str:
        return f"{self.deployment} in {self.rollout}"


class RollOutEvidence(models.Model):
    """What one look at one deployment measured, against which limits. A trigger keeps it as it was."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    rollout = models.ForeignKey(RollOut, on_delete=models.PROTECT, related_name="evidence")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="+")
    stage = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    measures = models.JSONField()

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "roll-out evidence"
        indexes = [models.Index(fields=["rollout", "deployment", "-at"], name="evidence_by_time")]

    def __str__(self) -> str:
        return f"{self.verdict}, {self.at:%H:%M:%S}"
