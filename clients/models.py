"""For whom the desk works: people, clients, mandates and what each mandate obliges us to."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Q

from clients.choices import DeskRole, Kpi, MemberRole, ResumePolicy


class People(UserManager):
    """`manage.py createsuperuser` makes the first administrator of a desk."""

    use_in_migrations = False

    def create_superuser(self, *args: Any, **fields: Any) -> User:
        return super().create_superuser(*args, **{"desk_role": DeskRole.ADMIN, **fields})


class User(AbstractUser):
    """A person. `desk_role` makes them staff of the desk; a Membership makes them a client's."""

    objects = People()

    desk_role = models.CharField(max_length=16, choices=DeskRole.choices, default=DeskRole.NONE)

    @property
    def is_desk(self) -> bool:
        return self.is_active and self.desk_role != DeskRole.NONE


class Client(models.Model):
    """A token project or firm whose market the desk makes."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    is_demo = models.BooleanField(default=False, help_text="Invented; runs on simulated markets only.")
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="clients")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person who may see a client's portal."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=MemberRole.choices, default=MemberRole.MEMBER)

    class Meta:
        ordering = ["client", "user"]
        constraints = [models.UniqueConstraint(fields=["user", "client"], name="one_membership_per_client")]

    def __str__(self) -> str:
        return f"{self.user} of {self.client}"


class Mandate(models.Model):
    """One client's agreement about one pair. Obligations hang off it, versioned; deployments fulfil it."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="mandates")
    slug = models.SlugField(unique=True, help_text="Stands in addresses; never names another client.")
    name = models.CharField(max_length=120)
    base = models.CharField(max_length=20)
    quote = models.CharField(max_length=20)
    tags = models.CharField(max_length=200, blank=True, help_text="Separated by spaces.")
    shares_pnl = models.BooleanField(default=False, help_text="The client sees the mandate's PnL.")
    resume_policy = models.CharField(max_length=16, choices=ResumePolicy.choices, default=ResumePolicy.PAUSE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def symbol(self) -> str:
        return f"{self.base}/{self.quote}"


class Obligation(models.Model):
    """One KPI the mandate promises. Never edited, a trigger sees to it: a changed threshold is a new version.

    Versions of one line (mandate, KPI, band) follow each other by `starts_at`; the latest that has started is in force.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    mandate = models.ForeignKey(Mandate, on_delete=models.PROTECT, related_name="obligations")
    kpi = models.CharField(max_length=16, choices=Kpi.choices)
    version = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    max_spread_bps = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    band_bps = models.DecimalField(
        max_digits=12, decimal_places=4, null=True, blank=True, help_text="Half-width from mid."
    )
    min_depth_quote = models.DecimalField(max_digits=30, decimal_places=8, null=True, blank=True, help_text="A side.")
    target_share = models.DecimalField(max_digits=6, decimal_places=5, help_text="0.95 means 95 % of the period.")

    class Meta:
        ordering = ["mandate", "kpi", "band_bps", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["mandate", "kpi", "band_bps", "version"], name="one_row_per_version", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(target_share__gt=0, target_share__lte=1), name="target_is_a_share"),
            models.CheckConstraint(
                # A check holds where a comparison with NULL leaves it undecided, hence each isnull.
                condition=Q(
                    kpi=Kpi.SPREAD,
                    max_spread_bps__isnull=False,
                    max_spread_bps__gt=0,
                    band_bps=None,
                    min_depth_quote=None,
                )
                | Q(
                    kpi=Kpi.DEPTH,
                    max_spread_bps=None,
                    band_bps__isnull=False,
                    band_bps__gt=0,
                    min_depth_quote__isnull=False,
                    min_depth_quote__gt=0,
                )
                | Q(kpi=Kpi.UPTIME, max_spread_bps=None, min_depth_quote=None),
                name="an_obligation_states_what_its_kpi_needs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mandate} {self.kpi} v{self.version}"


class AuditEntry(models.Model):
    """Who changed what, when, from what to what, and why. A trigger refuses UPDATE and DELETE."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+", help_text="Null: machine.")
    actor_name = models.CharField(max_length=150, help_text="Kept beside the key; 'engine' for the machine itself.")
    verb = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    object_name = models.CharField(max_length=300)
    client = models.ForeignKey(Client, null=True, on_delete=models.PROTECT, related_name="+")
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_by_time"),
            models.Index(fields=["object_type", "object_id", "-at"], name="audit_by_object"),
            models.Index(fields=["client", "-at"], name="audit_by_client"),
        ]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.verb} {self.object_name}"


class OneTimeLink(models.Model):
    """A sign-in link that works once. Only the hash of its secret is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    secret_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"sign-in link of {self.user}"


class SignInAttempt(models.Model):
    """A password tried and not accepted. What is older than a day is forgotten."""

    at = models.DateTimeField(auto_now_add=True)
    name = models.CharField(max_length=150, help_text="As typed; there may be no such person.")
    address = models.CharField(max_length=45, blank=True)

    class Meta:
        ordering = ["-at"]
        indexes = [
            models.Index(fields=["name", "at"], name="attempts_by_name"),
            models.Index(fields=["address", "at"], name="attempts_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.name} from {self.address}"
