from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from clients.admin_site import ReadOnlyAdmin, RecordAdmin
from clients.errors import Refusal
from clients.models import AuditEntry, Client, Mandate, Membership, Obligation, OneTimeLink, SignInAttempt, User
from clients.services import obligation_add

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(RecordAdmin):
    """People. Nobody is given a password here: signing in is by one-time link, or as set on the command line."""

    list_display = ("username", "first_name", "last_name", "email", "desk_role", "is_active", "last_login")
    list_filter = ("desk_role", "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    fields = ("username", "first_name", "last_name", "email", "desk_role", "is_active", "last_login", "date_joined")
    readonly_fields = ("last_login", "date_joined")
    fixed = ("username",)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)


@admin.register(Client)
class ClientAdmin(RecordAdmin):
    list_display = ("name", "slug", "is_demo", "created_at")
    list_filter = ("is_demo",)
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fields = ("name", "slug", "is_demo")
    fixed = ("slug", "is_demo")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Client | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)


@admin.register(Membership)
class MembershipAdmin(RecordAdmin):
    """Who sees which client's portal. The one thing removed here: taking away a key must be possible at once."""

    list_display = ("user", "client", "role")
    list_filter = ("client", "role")
    list_select_related = ("user", "client")
    autocomplete_fields = ("user", "client")
    fixed = ("user", "client")

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        return self.has_change_permission(request, obj)


@admin.register(Mandate)
class MandateAdmin(RecordAdmin):
    list_display = ("name", "client", "base", "quote", "tags", "shares_pnl", "resume_policy")
    list_filter = ("client", "resume_policy", "shares_pnl")
    list_select_related = ("client",)
    search_fields = ("name", "slug", "base", "quote", "tags")
    autocomplete_fields = ("client",)
    fixed = ("client", "slug", "base", "quote")


class ObligationForm(forms.ModelForm):
    class Meta:
        model = Obligation
        fields = ("mandate", "kpi", "starts_at", "max_spread_bps", "band_bps", "min_depth_quote", "target_share")


@admin.register(Obligation)
class ObligationAdmin(ReadOnlyAdmin):
    """What is promised. A new threshold is a new version; the old ones stay as they are."""

    form = ObligationForm
    list_display = (
        "mandate",
        "kpi",
        "version",
        "starts_at",
        "max_spread_bps",
        "band_bps",
        "min_depth_quote",
        "target_share",
    )
    list_filter = ("kpi", "mandate")
    list_select_related = ("mandate",)
    autocomplete_fields = ("mandate",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return RecordAdmin.has_add_permission(self, request)

    def save_model(self, request: HttpRequest, obj: Obligation, form: ModelForm, change: bool) -> None:
        added = obligation_add(**form.cleaned_data, actor=request.user, reason="by hand in the admin")
        obj.pk, obj.version, obj.client_id = added.pk, added.version, added.client_id

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            messages.error(request, str(refusal))
            return redirect(request.path)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_name", "verb", "object_name", "client", "old", "new", "reason")
    list_filter = ("verb", "client")
    list_select_related = ("client",)
    search_fields = ("actor_name", "verb", "object_name", "reason")


@admin.register(OneTimeLink)
class OneTimeLinkAdmin(ReadOnlyAdmin):
    list_display = ("user", "created_at", "expires_at", "used_at")
    list_select_related = ("user",)
    exclude = ("secret_hash",)


@admin.register(SignInAttempt)
class SignInAttemptAdmin(ReadOnlyAdmin):
    list_display = ("at", "name", "address")
    search_fields = ("name", "address")
