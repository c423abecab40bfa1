"""What happened: orders, fills, balances, events, replays and reports. Samples live in monitoring.samples."""

from __future__ import annotations

from django.db import models

from clients.models import Client, User
from engine.market.types import FINAL, OrderStatus, Side
from strategies.models import Deployment

MONEY = {"max_digits": 36, "decimal_places": 18}
"""For forms alone: the columns are NUMERIC without a scale (see the migrations), so nothing is ever rounded."""


class Order(models.Model):
    """The last known state of one order of ours, written by its holder under the fencing token."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="orders")
    client_order_id = models.CharField(max_length=64)
    venue_order_id = models.CharField(max_length=80, blank=True)
    token = models.BigIntegerField()
    symbol = models.CharField(max_length=60)
    side = models.CharField(max_length=4, choices=[(side.value, side.value) for side in Side])
    level = models.PositiveSmallIntegerField()
    price = models.DecimalField(**MONEY)
    size_base = models.DecimalField(**MONEY)
    filled_base = models.DecimalField(**MONEY, default=0)
    status = models.CharField(max_length=20, choices=[(status.value, status.value) for status in OrderStatus])
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["deployment", "client_order_id"], name="one_row_per_order")]
        indexes = [
            models.Index(
                fields=["deployment"],
                name="resting_orders",
                condition=~models.Q(status__in=sorted(status.value for status in FINAL)),
            ),
            models.Index(fields=["deployment", "-created_at"], name="orders_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.size_base} at {self.price} ({self.client_order_id})"


class Fill(models.Model):
    """One execution and the totals after it; the position is their sum, never stored apart from them."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="fills")
    fill_id = models.CharField(max_length=80)
    client_order_id = models.CharField(max_length=64)
    at = models.DateTimeField()
    symbol = models.CharField(max_length=60)
    side = models.CharField(max_length=4, choices=[(side.value, side.value) for side in Side])
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
    cost_quote = models.DecimalField(**MONEY, null=True, help_text="Paid for the open position, exact.")
    fee_rate = models.DecimalField(**MONEY, null=True, help_text="Quote per unit of the fee's asset.")
    fee_rate_source = models.TextField(null=True)
    fee_rate_at = models.DateTimeField(null=True)
    fee_unpriced = models.DecimalField(**MONEY, null=True, help_text="The fee, when there was no rate for its asset.")

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "fill_id"], name="a_fill_counts_once"),
            models.UniqueConstraint(fields=["deployment", "fills_total"], name="fills_are_numbered"),
        ]
        indexes = [
            models.Index(fields=["deployment", "-at"], name="fills_by_time"),
            models.Index(fields=["deployment"], name="unpriced_fees", condition=models.Q(fee_unpriced__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.size_base} at {self.price} ({self.fill_id})"


class FeeConversion(models.Model):
    """Fees paid while their asset had no rate, booked when there was one."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="conversions")
    number = models.BigIntegerField()
    at = models.DateTimeField()
    asset = models.CharField(max_length=20)
    amount = models.DecimalField(**MONEY)
    rate = models.DecimalField(**MONEY)
    rate_source = models.TextField()
    rate_at = models.DateTimeField()
    fee_quote = models.DecimalField(**MONEY)
    fees_total_quote = models.DecimalField(**MONEY)
    fills_total = models.BigIntegerField()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["deployment", "number"], name="conversions_are_numbered")]

    def __str__(self) -> str:
        return f"{self.amount} {self.asset} at {self.rate}"


class Balance(models.Model):
    """What an account held when last seen."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="balances")
    asset = models.CharField(max_length=20)
    total = models.DecimalField(**MONEY)
    locked = models.DecimalField(**MONEY)
    at = models.DateTimeField()

    class Meta:
        ordering = ["deployment", "asset"]
        constraints = [models.UniqueConstraint(fields=["deployment", "asset"], name="one_balance_per_asset")]

    def __str__(self) -> str:
        return f"{self.total} {self.asset}"


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
        indexes = [
            models.Index(fields=["deployment", "-at", "-id"], name="events_by_time"),
            models.Index(fields=["-at", "-id"], name="latest_events"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Recording(models.Model):
    """One market in a file of recorded data; a replay can run on it."""

    name = models.CharField(max_length=120)
    path = models.CharField(max_length=500)
    symbol = models.CharField(max_length=60, help_text="As BASE/QUOTE.")
    starts_at = models.DateTimeField(null=True, blank=True, help_text="First message; unknown until inspected.")
    ends_at = models.DateTimeField(null=True, blank=True)
    messages = models.BigIntegerField(null=True, blank=True)
    size_bytes = models.BigIntegerField()
    problem = models.TextField(blank=True, help_text="Why it cannot be read to its end, in words.")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "symbol"]
        constraints = [
            models.UniqueConstraint(fields=["path", "symbol"], name="one_recording_per_symbol_of_a_file"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} in {self.name}"


class ReplayRun(models.Model):
    """A mandate's configuration on a recording: one deployment in mode REPLAY, one session report at the end."""

    deployment = models.OneToOneField(Deployment, on_delete=models.PROTECT, related_name="replay")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    recording = models.ForeignKey(Recording, on_delete=models.PROTECT, related_name="runs")
    speed = models.CharField(max_length=12, help_text="A multiple of real time, or max.")
    started_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, help_text="Why it ended early, in words.")
    progress = models.FloatField(default=0, help_text="0 to 1.")

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(progress__gte=0, progress__lte=1), name="progress_is_a_share")
        ]

    def __str__(self) -> str:
        return f"replay of {self.recording}"


class Origin(models.TextChoices):
    """Where a session report's figures are from."""

    TALLIED = "tallied", "tallied while it ran"
    RECORDS = "records", "built from the records"


class SessionReport(models.Model):
    """Volume, PnL, spread, depth, uptime of one session. `figures` is the engine's report, decimals as strings."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="reports")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    figures = models.JSONField()
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.TALLIED)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-ends_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "starts_at"],
                name="a_session_reports_once",
                condition=models.Q(origin=Origin.RECORDS),
            )
        ]

    def __str__(self) -> str:
        return f"{self.deployment}, {self.starts_at:%Y-%m-%d %H:%M} to {self.ends_at:%Y-%m-%d %H:%M} UTC"
