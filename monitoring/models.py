"""What happened: orders, fills, balances, events, replays and reports. Samples live in monitoring.samples."""

from __future__ import annotations

from django.db import models

from clients.models import Client, User
from strategies.models import Deployment

MONEY = {"max_digits": 36, "decimal_places": 18}


class Order(models.Model):
    """The last known state of one order of ours, written by its holder under the fencing token."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="orders")
    client_order_id = models.CharField(max_length=64)
    venue_order_id = models.CharField(max_length=80, blank=True)
    token = models.BigIntegerField()
    symbol = models.CharField(max_length=60)
    side = models.CharField(max_length=4)
    level = models.PositiveSmallIntegerField()
    price = models.DecimalField(**MONEY)
    size_base = models.DecimalField(**MONEY)
    filled_base = models.DecimalField(**MONEY, default=0)
    status = models.CharField(max_length=20)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deployment", "client_order_id"], name="one_row_per_order")]
        indexes = [
            models.Index(
                fields=["deployment"],
                name="resting_orders",
                condition=~models.Q(status__in=["filled", "cancelled", "rejected"]),
            ),
            models.Index(fields=["deployment", "-created_at"]),
        ]


class Fill(models.Model):
    """One execution and the totals after it; the position is their sum, never stored apart from them."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="fills")
    fill_id = models.CharField(max_length=80)
    client_order_id = models.CharField(max_length=64)
    at = models.DateTimeField()
    symbol = models.CharField(max_length=60)
    side = models.CharField(max_length=4)
    price = models.DecimalField(**MONEY)
    size_base = models.DecimalField(**MONEY)
    fee = models.DecimalField(**MONEY)
    fee_asset = models.CharField(max_length=20)
    is_maker = models.BooleanField()
    mid = models.DecimalField(**MONEY, null=True)
    fee_quote = models.DecimalField(**MONEY)
    realised_quote = models.DecimalField(**MONEY)
    position_base = models.DecimalField(**MONEY)
    average_cost = models.DecimalField(**MONEY)
    realised_total_quote = models.DecimalField(**MONEY)
    fees_total_quote = models.DecimalField(**MONEY)
    volume_total_quote = models.DecimalField(**MONEY)
    fills_total = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deployment", "fill_id"], name="a_fill_counts_once"),
            models.UniqueConstraint(fields=["deployment", "fills_total"], name="fills_are_numbered"),
        ]
        indexes = [models.Index(fields=["deployment", "-at"])]


class Balance(models.Model):
    """What an account held when last seen."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="balances")
    asset = models.CharField(max_length=20)
    total = models.DecimalField(**MONEY)
    locked = models.DecimalField(**MONEY)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deployment", "asset"], name="one_balance_per_asset")]


class DeploymentEvent(models.Model):
    """State changes, trips, halts and notices of one deployment, as the engine reported them."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    token = models.BigIntegerField()
    kind = models.CharField(max_length=16, help_text="state, risk, halt or notice.")
    level = models.CharField(max_length=8, default="info")
    text = models.TextField()
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["deployment", "-at"])]


class Recording(models.Model):
    """A file of recorded market data that a replay can run on."""

    name = models.CharField(max_length=120)
    path = models.CharField(max_length=500, unique=True)
    symbol = models.CharField(max_length=60)
    size_bytes = models.BigIntegerField()
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ReplayRun(models.Model):
    """A mandate's configuration on a recording: one deployment in mode REPLAY, one session report at the end."""

    deployment = models.OneToOneField(Deployment, on_delete=models.PROTECT, related_name="replay")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    recording = models.ForeignKey(Recording, on_delete=models.PROTECT, related_name="runs")
    speed = models.CharField(max_length=12, help_text="A multiple of real time, or max.")
    started_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True, help_text="Why it ended early, in words.")
    progress = models.FloatField(default=0, help_text="0 to 1.")

    class Meta:
        ordering = ["-created_at"]


class SessionReport(models.Model):
    """Volume, PnL, spread, depth, uptime of one session. `figures` is the engine's report, decimals as strings."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="reports")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    figures = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-ends_at"]
