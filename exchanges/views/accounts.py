"""Accounts: what the desk holds where, which key opens it, and what the venue said when it was last asked."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from clients.access import Action, may, require
from clients.errors import Refusal
from clients.models import AuditEntry
from clients.pages import desk_page, verbs
from exchanges.access import access_account, visible_accounts
from exchanges.checks import check_ask
from exchanges.forms import AccountForm, CredentialsForm, RemoveForm
from exchanges.models import AccountCheck, ExchangeAccount
from exchanges.selectors import latest_checks, needed_fields
from exchanges.services import account_open, credentials_remove, credentials_seal

HISTORY_SHOWN = 12


@desk_page
def accounts(request: HttpRequest) -> HttpResponse:
    rows = list(visible_accounts(request.user).order_by("client__name", "venue__name", "name"))
    checks = latest_checks(rows)
    context = {
        "nav": "accounts",
        "accounts": [(account, checks.get(account.pk)) for account in rows],
        "may": verbs(request.user),
    }
    return render(request, "exchanges/accounts.html", context)


@desk_page
def account_new(request: HttpRequest) -> HttpResponse:
    require(request.user, Action.ADMINISTER)
    form = AccountForm(request.POST or None, initial={"venue": request.GET.get("venue")})
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            account = account_open(
                client=typed["client"],
                venue=typed["venue"],
                name=typed["name"],
                is_paper=typed["kind"] == "paper",
                actor=request.user,
            )
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("exchanges:account", account.pk)
    context = {"nav": "accounts", "form": form}
    return render(request, "exchanges/account_new.html", context, status=422 if form.errors else 200)


@never_cache
@desk_page
def account(request: HttpRequest, pk: int) -> HttpResponse:
    return _page(request, access_account(request.user, pk))


@never_cache
@desk_page
@sensitive_post_parameters("api_key", "secret", "passphrase", "uid")
@require_http_methods(["POST"])
def credentials(request: HttpRequest, pk: int) -> HttpResponse:
    """Seal what was typed. Whatever goes wrong, none of it goes back to the browser."""
    found = access_account(request.user, pk, Action.CREDENTIALS)
    form = CredentialsForm(request.POST, account=found)
    if not form.is_valid():
        return _page(request, found, problem=form.sentence(), opened="credentials")
    try:
        with transaction.atomic():
            kept = credentials_seal(
                account=found,
                credentials=form.credentials(),
                actor=request.user,
                label=form.cleaned_data["label"],
                reason=form.cleaned_data["reason"],
            )
            check_ask(account=found, actor=request.user)
    except Refusal as refusal:
        return _page(request, found, problem=str(refusal), opened="credentials")
    messages.success(request, f"The key {kept.fingerprint} is sealed. It is being checked at the venue now.")
    return redirect("exchanges:account", pk)


@never_cache
@desk_page
@require_http_methods(["POST"])
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    found = access_account(request.user, pk, Action.CREDENTIALS)
    form = RemoveForm(request.POST, account=found)
    if not form.is_valid():
        return _page(request, found, problem=form.sentence(), opened="remove")
    try:
        credentials_remove(account=found, actor=request.user, reason=form.cleaned_data["reason"])
    except (Refusal, PermissionDenied) as refusal:
        return _page(request, found, problem=str(refusal), opened="remove")
    messages.success(
        request, "The credentials are forgotten here. The key still works until it is revoked at the venue."
    )
    return redirect("exchanges:account", pk)


@never_cache
@desk_page
def check(request: HttpRequest, pk: int) -> HttpResponse:
    """The panel of the last check; POST asks for another. It looks again by itself while one is under way."""
    found = access_account(request.user, pk)
    problem = ""
    if request.method == "POST":
        try:
            check_ask(account=found, actor=request.user)
        except (Refusal, PermissionDenied) as refusal:
            problem = str(refusal)
        if not request.htmx:
            if problem:
                messages.error(request, problem)
            return redirect("exchanges:account", pk)
    context = {**_check_context(request, found), "check_problem": problem}
    return render(request, "exchanges/account_check.html", context)


def _check_context(request: HttpRequest, account: ExchangeAccount) -> dict[str, object]:
    return {
        "account": account,
        "check": AccountCheck.objects.filter(account=account).select_related("asked_by").first(),
        "sealed": getattr(account, "credentials", None),
        "may": verbs(request.user),
    }


def _page(request: HttpRequest, account: ExchangeAccount, *, problem: str = "", opened: str = "") -> HttpResponse:
    """opened: the dialog that was refused, shown on the page with its sentence."""
    about = AuditEntry.objects.filter(object_type=account._meta.label_lower, object_id=str(account.pk))
    context = {
        **_check_context(request, account),
        "nav": "accounts",
        "history": about[:HISTORY_SHOWN],
        "needed": needed_fields(account.venue),
        "may_change": may(request.user, Action.CREDENTIALS),
        "problem": problem,
        "opened": opened,
    }
    return render(request, "exchanges/account.html", context, status=422 if problem else 200)
