"""What the kill path did, account by account: a line on the kill console, and a page with every step of it."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from clients.errors import Refusal
from clients.pages import desk_page, verbs
from strategies.evidence import attempts, proof
from strategies.models import KillSwitch
from strategies.services import kill_switch_clear_again


@desk_page
def accounts(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the accounts of one switch are proven clean: a cell of the console that asks again while it matters."""
    switch = get_object_or_404(KillSwitch, pk=pk)
    return render(request, "strategies/accounts_proof.html", {"switch": switch, "proof": proof(switch)})


@desk_page
def evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """Every account of one switch with what was listed, cancelled and listed again, also in earlier attempts."""
    switch = get_object_or_404(KillSwitch.objects.select_related("engaged_by", "reset_by"), pk=pk)
    context = {
        "nav": "kill",
        "switch": switch,
        "proof": proof(switch),
        "attempts": attempts(switch),
        "may": verbs(request.user),
    }
    part = "evidence_accounts" if request.headers.get("HX-Request") else "evidence"
    return render(request, f"strategies/{part}.html", context)


@desk_page
@require_POST
def clear_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the kill path look at every account of an engaged switch once more."""
    switch = get_object_or_404(KillSwitch, pk=pk)
    try:
        kill_switch_clear_again(switch=switch, actor=request.user)
    except (Refusal, PermissionDenied) as refusal:
        messages.error(request, str(refusal))
    return redirect("strategies:evidence", pk)
