"""The records behind the pages, for people of the desk. Whoever may look looks; administrators change what may change.

What runs, what happened and what was promised is read-only here: it changes by its verbs, on its pages, with a reason.
Every change made here is audited like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.db import models
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import urlencode

from clients.access import Action, may
from clients.audit import audit


class DeskAdminSite(admin.AdminSite):
    """Django's admin behind the platform's own sign-in and roles."""

    site_header = "Records"
    site_title = "Records"
    index_title = "Everything the desk keeps"

    def has_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Action.VIEW)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_authenticated and not self.has_permission(request):
            # Signing in again would lead straight back here.
            raise Http404("There is no such page.")
        query = urlencode({REDIRECT_FIELD_NAME: request.GET.get(REDIRECT_FIELD_NAME, request.get_full_path())})
        return redirect(f"{resolve_url('clients:signin')}?{query}")


SEALED = frozenset({"password", "secret_hash", "wrapped_key", "sealed"})
"""Columns nobody may search: a filter that answers yes or no spells a hash out, letter by letter."""


class RecordAdmin(admin.ModelAdmin):
    """A kind of record. Nothing is deleted here; `fixed` are the fields that stand once the record exists."""

    fixed: tuple[str, ...] = ()
    view_on_site = False
    show_full_result_count = False
    list_per_page = 50

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Action.VIEW)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request.user, Action.VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Action.ADMINISTER)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request.user, Action.ADMINISTER)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return SEALED.isdisjoint(lookup.split("__")) and super().lookup_allowed(lookup, value, request)

    def get_list_display(self, request: HttpRequest) -> list[str | Callable[[models.Model], str]]:
        fields = {field.name: field for field in self.model._meta.get_fields()}
        return [
            _plainly(name) if isinstance(fields.get(name), models.DecimalField) else name
            for name in super().get_list_display(request)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        always = tuple(super().get_readonly_fields(request, obj))
        return always if obj is None else always + self.fixed

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm, change: bool) -> None:
        old = type(obj)._default_manager.filter(pk=obj.pk).values(*form.changed_data).first() if change else None
        super().save_model(request, obj, form, change)
        if not change or form.changed_data:
            audit(
                f"{obj._meta.model_name}.{'changed' if change else 'created'}",
                obj,
                actor=request.user,  # type: ignore[arg-type]  (has_permission let no visitor in)
                old=old,
                new={name: getattr(obj, name) for name in form.changed_data},
                reason="by hand in the admin",
            )

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        audit(f"{obj._meta.model_name}.removed", obj, actor=request.user, reason="by hand in the admin")  # type: ignore[arg-type]
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        for obj in queryset:
            self.delete_model(request, obj)


def _plainly(name: str) -> Callable[[models.Model], str]:
    """A column that shows a decimal as it is, without the zeros a column of fixed scale would add."""

    @admin.display(description=name.replace("_", " "), ordering=name, empty_value="–")
    def shown(record: models.Model) -> str | None:
        value = getattr(record, name)
        return None if value is None else f"{value.normalize():f}"

    return shown


class ReadOnlyAdmin(RecordAdmin):
    """A kind of record that only its services, or the machine, write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
