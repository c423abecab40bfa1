"""What runs: strategies, their frozen revisions, and deployments, wanted and observed."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q

from clients.models import Client, Mandate, User
from exchanges.models import ExchangeAccount, Market
from strategies.choices import Mode, Observed, RevisionState, SlotKind, Wanted


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
