"""What happened, as it was recorded. Nothing here is written by hand."""

from __future__ import annotations

from django.contrib import admin

from clients.admin_site import ReadOnlyAdmin
from monitoring.models import Balance, DeploymentEvent, FeeConversion, Fill, Order, Recording, ReplayRun, SessionReport


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "deployment",
        "symbol",
        "side",
        "level",
        "price",
        "size_base",
        "filled_base",
        "status",
        "reason",
        "updated_at",
    )
    list_filter = ("status", "side", "client")
    list_select_related = ("deployment",)
    search_fields = ("client_order_id", "venue_order_id")


@admin.register(Fill)
class FillAdmin(ReadOnlyAdmin):
    list_display = (
        "at",
        "deployment",
        "symbol",
        "side",
        "price",
        "size_base",
        "fee",
        "fee_asset",
        "is_maker",
        "position_base",
        "realised_total_quote",
    )
    list_filter = ("side", "is_maker", "client")
    list_select_related = ("deployment",)
    search_fields = ("fill_id", "client_order_id")


@admin.register(FeeConversion)
class FeeConversionAdmin(ReadOnlyAdmin):
    list_display = ("at", "deployment", "asset", "amount", "rate", "rate_source", "rate_at", "fee_quote")
    list_filter = ("asset", "client")
    list_select_related = ("deployment",)


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    list_display = ("deployment", "asset", "total", "locked", "at")
    list_filter = ("client", "asset")
    list_select_related = ("deployment",)


@admin.register(DeploymentEvent)
class DeploymentEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "deployment", "kind", "level", "text")
    list_filter = ("kind", "level", "client")
    list_select_related = ("deployment",)
    search_fields = ("text",)


@admin.register(Recording)
class RecordingAdmin(ReadOnlyAdmin):
    list_display = ("name", "symbol", "starts_at", "ends_at", "messages", "size_bytes", "problem")
    search_fields = ("name", "symbol")


@admin.register(ReplayRun)
class ReplayRunAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "deployment",
        "recording",
        "speed",
        "progress",
        "finished_at",
        "problem",
        "started_by",
    )
    list_filter = ("client",)
    list_select_related = ("deployment", "recording", "started_by")


@admin.register(SessionReport)
class SessionReportAdmin(ReadOnlyAdmin):
    list_display = ("deployment", "starts_at", "ends_at", "origin", "created_at")
    list_filter = ("origin", "client")
    list_select_related = ("deployment",)
