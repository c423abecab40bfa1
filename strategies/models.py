"""What runs: strategies, their frozen revisions, deployments (wanted and observed), kill switches."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from clients.models import Client, Mandate, User
from exchanges.models import ExchangeAccount, Market, Venue
from strategies.choices import (
    CLEARING_OVER,
    DRILL_OVER,
    ClearingState,
    DrillOutcome,
    KillScope,
    Mode,
    Observed,
    RevisionState,
    RollOutState,
    SlotKind,
    StepKind,
    Verdict,
    Wanted,
    Witness,
)


class Strategy(models.Model):
    """How a mandate is to be quoted. The draft is free to change; only revisions run.

    Every save of the draft carries the version it was based on, so that nobody writes over what they have not seen.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="strategies")
    mandate = models.ForeignKey(Mandate, on_delete=models.PROTECT, related_name="strategies")
    name = models.CharField(max_length=120)
    market = models.ForeignKey(
        Market,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What the draft is checked against.",
    )
    draft_yaml = models.TextField(blank=True)
    draft_version = models.PositiveIntegerField(default=1)
    draft_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    draft_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="Put away: kept with all it did, offered no more."
    )

    class Meta:
        ordering = ["mandate", "name"]
        verbose_name_plural = "strategies"
        constraints = [models.UniqueConstraint(fields=["mandate", "name"], name="one_strategy_per_name")]

    def __str__(self) -> str:
        return self.name


class StrategyTemplate(models.Model):
    """A text to start from, kept by the desk for every client: what it says of venue and pair is put in anew."""

    name = models.CharField(max_length=120, unique=True)
    about = models.CharField(max_length=300, blank=True)
    yaml = models.TextField()
    component = models.CharField(max_length=80, blank=True, help_text="The venue it was written for, and the symbol.")
    symbol = models.CharField(max_length=60, blank=True)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Revision(models.Model):
    """A strategy's configuration, frozen: a trigger refuses any change of `yaml` and `sha256`."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    yaml = models.TextField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=RevisionState.choices, default=RevisionState.SUBMITTED)
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    approver = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["strategy", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["strategy", "number"], name="one_revision_per_number"),
            models.CheckConstraint(
                condition=Q(state=RevisionState.SUBMITTED, approver=None)
                | (~Q(state=RevisionState.SUBMITTED) & Q(approver__isnull=False)),
                name="a_decision_has_a_person",
            ),
            models.CheckConstraint(
                condition=~Q(state=RevisionState.APPROVED) | ~Q(approver=models.F("author")), name="four_eyes"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} r{self.number}"


class HostSlot(models.Model):
    """A seat for one engine host process, held by lease. The database decides who sits, not the broker.

    Every token comes from the sequence `mm_fence`, shared with the leases of deployments, so a later holder of anything
    always carries the higher number.
    """

    name = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=16, choices=SlotKind.choices)
    desired = models.BooleanField(default=True)
    owner = models.CharField(max_length=120, blank=True)
    token = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    dispatched_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    beats = models.BigIntegerField(default=0)
    stats = models.JSONField(default=dict, help_text="CPU, memory, lateness: the host's last word about itself.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Deployment(models.Model):
    """A revision at work on one market with one account.

    People write `wanted`; the holder of the lease writes `observed`. Pages show both, so a dead engine is visible.
    Every write of the holder carries `token` in its WHERE. Whoever locks several rows does it in the order of `id`.
    Client, mandate, account, market and mode are frozen by a trigger: what ran under this number stays what it was.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="deployments")
    mandate = models.ForeignKey(Mandate, on_delete=models.PROTECT, related_name="deployments")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="deployments")
    account = models.ForeignKey(ExchangeAccount, on_delete=models.PROTECT, related_name="deployments")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="deployments")
    name = models.CharField(max_length=120)
    mode = models.CharField(max_length=16, choices=Mode.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    share = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        default=Decimal(1),
        help_text="Part of every wanted size that is sent, 0 to 1; less than one is a canary.",
    )

    wanted = models.CharField(max_length=16, choices=Wanted.choices, default=Wanted.PAUSED)
    wanted_reason = models.TextField(blank=True)
    wanted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    wanted_at = models.DateTimeField(null=True, blank=True)
    command = models.BigIntegerField(default=0, help_text="Rises with every command; none is carried out twice.")

    observed = models.CharField(max_length=16, choices=Observed.choices, default=Observed.PAUSED)
    observed_reason = models.TextField(blank=True, default="not started")
    observed_at = models.DateTimeField(null=True, blank=True)
    command_done = models.BigIntegerField(default=0)
    halt_ms = models.FloatField(null=True, blank=True, help_text="Last kill or pause: command read to nothing resting.")
    halt_proven = models.BooleanField(null=True, blank=True)
    runs_revision = models.ForeignKey(
        Revision, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="What a host runs by."
    )
    runs_share = models.DecimalField(max_digits=5, decimal_places=4, null=True, blank=True)
    runs_since = models.DateTimeField(null=True, blank=True, help_text="Since when, by these parameters.")

    slot = models.ForeignKey(HostSlot, null=True, blank=True, on_delete=models.SET_NULL, related_name="deployments")
    token = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["mandate", "name"]
        constraints = [
            models.UniqueConstraint(fields=["mandate", "name"], name="one_deployment_per_name"),
            models.CheckConstraint(condition=Q(share__gt=0, share__lte=1), name="a_share_is_a_part_of_one"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_pending(self) -> bool:
        """A command was given that no host has carried out yet."""
        return self.command > self.command_done

    @property
    def is_canary(self) -> bool:
        """Only a part of every size is sent."""
        return self.share < 1


class PaperFunding(models.Model):
    """Opening balance of a paper deployment in one asset. Frozen: the position is counted from it."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="funding")
    asset = models.CharField(max_length=20)
    amount = models.DecimalField(max_digits=36, decimal_places=18)

    class Meta:
        ordering = ["deployment", "asset"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "asset"], name="one_funding_per_asset"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="funding_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.asset}"


class KillSwitch(models.Model):
    """A durable switch. While one that covers a deployment is engaged, nothing there may start.

    Each scope names what it covers and the client it belongs to: a mandate's switch carries client and mandate, a
    deployment's client and deployment. Firm and venue belong to no client. The engine latches its own trips here too,
    `engaged_by` null.
    """

    scope = models.CharField(max_length=16, choices=KillScope.choices)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.PROTECT, related_name="kill_switches")
    mandate = models.ForeignKey(Mandate, null=True, blank=True, on_delete=models.PROTECT, related_name="kill_switches")
    deployment = models.ForeignKey(
        Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="kill_switches"
    )
    venue = models.ForeignKey(Venue, null=True, blank=True, on_delete=models.PROTECT, related_name="kill_switches")
    account = models.ForeignKey(
        ExchangeAccount, null=True, blank=True, on_delete=models.PROTECT, related_name="kill_switches"
    )
    reason = models.TextField()
    engaged_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="Null: engine."
    )
    engaged_at = models.DateTimeField(auto_now_add=True)
    reset_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reset_at = models.DateTimeField(null=True, blank=True)
    reset_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-engaged_at", "-id"]
        verbose_name_plural = "kill switches"
        indexes = [models.Index(fields=["scope"], name="engaged_switches", condition=Q(reset_at=None))]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope=KillScope.FIRM, client=None, mandate=None, deployment=None)
                | Q(scope=KillScope.VENUE, venue__isnull=False, client=None, mandate=None, deployment=None)
                | Q(scope=KillScope.CLIENT, client__isnull=False, mandate=None, deployment=None)
                | Q(
                    scope=KillScope.ACCOUNT,
                    client__isnull=False,
                    account__isnull=False,
                    mandate=None,
                    deployment=None,
                )
                | Q(scope=KillScope.MANDATE, client__isnull=False, mandate__isnull=False, deployment=None)
                | Q(scope=KillScope.DEPLOYMENT, client__isnull=False, deployment__isnull=False),
                name="a_switch_names_what_it_covers",
            ),
            models.CheckConstraint(
                condition=(Q(scope=KillScope.VENUE) | Q(venue=None)) & (Q(scope=KillScope.ACCOUNT) | Q(account=None)),
                name="a_switch_names_nothing_else",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope}: {self.reason}"

    @property
    def is_engaged(self) -> bool:
        return self.reset_at is None


class Clearing(models.Model):
    """One account being emptied for one kill switch by the kill path, which needs no engine host.

    A worker takes it by `worker` and `held_until`, renews that every second, and whoever finds it run out takes it up
    anew. A trigger keeps it as it ended; another attempt is another row.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    switch = models.ForeignKey(KillSwitch, on_delete=models.PROTECT, related_name="clearings")
    account = models.ForeignKey(ExchangeAccount, on_delete=models.PROTECT, related_name="clearings")
    state = models.CharField(max_length=16, choices=ClearingState.choices, default=ClearingState.ASKED)
    witness = models.CharField(max_length=16, choices=Witness.choices, blank=True)
    reason = models.TextField(blank=True, help_text="Why it is not proven, or what was left alone.")
    orders_found = models.PositiveIntegerField(default=0, help_text="Of ours, resting there.")
    orders_left_alone = models.PositiveIntegerField(default=0, help_text="Others' orders, last seen resting there.")
    asked_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-asked_at", "-id"]
        indexes = [models.Index(fields=["switch", "account", "-id"], name="clearings_by_switch")]
        constraints = [
            models.UniqueConstraint(
                fields=["switch", "account"],
                name="one_clearing_at_a_time",
                condition=~Q(state__in=CLEARING_OVER),
            ),
        ]

    def __str__(self) -> str:
        return f"clearing of {self.account}"

    @property
    def is_over(self) -> bool:
        return self.state in CLEARING_OVER

    @property
    def took_ms(self) -> float | None:
        """From the moment it was asked for to its end."""
        return None if self.ended_at is None else (self.ended_at - self.asked_at).total_seconds() * 1000


class ClearingStep(models.Model):
    """One line of evidence, written as it happened. A trigger refuses UPDATE, DELETE and TRUNCATE."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    clearing = models.ForeignKey(Clearing, on_delete=models.PROTECT, related_name="steps")
    at = models.DateTimeField()
    kind = models.CharField(max_length=16, choices=StepKind.choices)
    text = models.TextField()
    orders = models.JSONField(default=list, help_text="Each with id, symbol, side, price, size and whose; as strings.")

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["clearing", "id"], name="steps_of_clearing")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


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


class DrillPlan(models.Model):
    """When one deployment's kill is tried in earnest: every so many hours, until the plan is ended."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="drill_plans")
    every_hours = models.PositiveSmallIntegerField()
    within_s = models.PositiveSmallIntegerField(help_text="A drill that is not proven clean by then has failed.")
    next_at = models.DateTimeField()
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["next_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["deployment"], name="one_drill_plan", condition=Q(ended_at=None)),
            models.CheckConstraint(condition=Q(every_hours__gt=0, within_s__gt=0), name="a_plan_has_times"),
        ]

    def __str__(self) -> str:
        return f"kill drill of {self.deployment} every {self.every_hours} h"


class Drill(models.Model):
    """One kill drill: what was stopped, how long until it was proven clean, and how it ended.

    A trigger keeps it as it ended. A missed one is a record too.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    plan = models.ForeignKey(DrillPlan, on_delete=models.PROTECT, related_name="drills")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="drills")
    switch = models.ForeignKey(KillSwitch, null=True, blank=True, on_delete=models.PROTECT, related_name="drills")
    due_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    was_quoting = models.BooleanField(default=False, help_text="It is started again once it is proven clean.")
    outcome = models.CharField(max_length=16, choices=DrillOutcome.choices, default=DrillOutcome.RUNNING)
    reason = models.TextField(blank=True)
    engine_ms = models.FloatField(null=True, blank=True, help_text="The engine: command read to nothing resting.")
    path_ms = models.FloatField(null=True, blank=True, help_text="The kill path: asked to proven clean.")

    class Meta:
        ordering = ["-due_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment"], name="one_drill_at_a_time", condition=~Q(outcome__in=DRILL_OVER)
            ),
        ]

    def __str__(self) -> str:
        return f"kill drill {self.pk} of {self.deployment}"
