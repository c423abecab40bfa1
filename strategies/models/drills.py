"""Drills of the kill: when they are due, and how each went."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from clients.models import Client, User
from strategies.choices import DRILL_OVER, DrillOutcome
from strategies.models.kills import KillSwitch
from strategies.models.running import Deployment


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
