from __future__ import annotations

from django.contrib import admin

from clients.admin_site import ReadOnlyAdmin
from strategies.models import (
    Clearing,
    ClearingStep,
    Deployment,
    Drill,
    DrillPlan,
    HostSlot,
    KillSwitch,
    PaperFunding,
    Revision,
    RollOut,
    RollOutEvidence,
    RollOutStage,
    RollOutTarget,
    Strategy,
    StrategyTemplate,
)


@admin.register(Strategy)
class StrategyAdmin(ReadOnlyAdmin):
    list_display = ("name", "mandate", "client")
    list_filter = ("client",)
    list_select_related = ("mandate", "client")
    search_fields = ("name", "mandate__name")


@admin.register(StrategyTemplate)
class StrategyTemplateAdmin(ReadOnlyAdmin):
    list_display = ("name", "about", "symbol", "component", "made_by", "made_at")
    list_select_related = ("made_by",)


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    list_display = ("strategy", "number", "state", "author", "approver", "decided_at", "sha256")
    list_filter = ("state", "client")
    list_select_related = ("strategy", "author", "approver")


@admin.register(HostSlot)
class HostSlotAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "desired", "owner", "token", "expires_at", "beats", "started_at")
    list_filter = ("kind", "desired")


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    """What runs. Starting, pausing, killing and resetting are on the deployment's own page, with a reason."""

    list_display = (
        "name",
        "client",
        "mode",
        "wanted",
        "observed",
        "observed_reason",
        "slot",
        "token",
        "expires_at",
        "ended_at",
    )
    list_filter = ("mode", "wanted", "observed", "client")
    list_select_related = ("client", "slot")
    search_fields = ("name", "mandate__name", "market__symbol")


@admin.register(PaperFunding)
class PaperFundingAdmin(ReadOnlyAdmin):
    list_display = ("deployment", "asset", "amount")
    list_filter = ("client",)
    list_select_related = ("deployment",)


@admin.register(KillSwitch)
class KillSwitchAdmin(ReadOnlyAdmin):
    list_display = (
        "engaged_at",
        "scope",
        "client",
        "mandate",
        "deployment",
        "reason",
        "engaged_by",
        "reset_at",
        "reset_by",
    )
    list_filter = ("scope", ("reset_at", admin.EmptyFieldListFilter), "client")
    list_select_related = ("client", "mandate", "deployment", "engaged_by", "reset_by")


@admin.register(Clearing)
class ClearingAdmin(ReadOnlyAdmin):
    list_display = ("asked_at", "switch", "account", "state", "witness", "orders_found", "reason", "worker", "ended_at")
    list_filter = ("state", "witness", "client")
    list_select_related = ("switch", "account__venue")


@admin.register(ClearingStep)
class ClearingStepAdmin(ReadOnlyAdmin):
    list_display = ("at", "clearing", "kind", "text")
    list_filter = ("kind", "client")
    list_select_related = ("clearing__account__venue", "clearing__switch")


@admin.register(DrillPlan)
class DrillPlanAdmin(ReadOnlyAdmin):
    list_display = ("deployment", "every_hours", "within_s", "next_at", "set_by", "set_at", "ended_at")
    list_filter = ("client",)
    list_select_related = ("deployment", "set_by")


@admin.register(Drill)
class DrillAdmin(ReadOnlyAdmin):
    list_display = ("due_at", "deployment", "outcome", "engine_ms", "path_ms", "reason", "began_at", "ended_at")
    list_filter = ("outcome", "client")
    list_select_related = ("deployment", "plan__deployment")


@admin.register(RollOut)
class RollOutAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "strategy", "revision", "state", "stage", "started_by", "ended_at", "ended_reason")
    list_filter = ("state", "client")
    list_select_related = ("strategy", "revision__strategy", "started_by")


@admin.register(RollOutStage)
class RollOutStageAdmin(ReadOnlyAdmin):
    list_display = ("rollout", "number", "share", "reach", "hold_s")
    list_select_related = ("rollout__revision__strategy",)


@admin.register(RollOutTarget)
class RollOutTargetAdmin(ReadOnlyAdmin):
    list_display = ("rollout", "position", "deployment", "previous_revision", "previous_share")
    list_select_related = ("rollout__revision__strategy", "deployment", "previous_revision__strategy")


@admin.register(RollOutEvidence)
class RollOutEvidenceAdmin(ReadOnlyAdmin):
    list_display = ("at", "rollout", "stage", "deployment", "verdict")
    list_filter = ("verdict", "client")
    list_select_related = ("rollout__revision__strategy", "deployment")
