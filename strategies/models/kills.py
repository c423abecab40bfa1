"""Kill switches, and what the kill path proved for each, account by account."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from clients.models import Client, Mandate, User
from exchanges.models import ExchangeAccount, Venue
from strategies.choices import CLEARING_OVER, ClearingState, KillScope, StepKind, Witness
from strategies.models.running import Deployment


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
