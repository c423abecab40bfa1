"""Where an empty desk begins: one form that opens a mandate."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from clients.access import Action, require
from clients.errors import Refusal
from clients.models import Client
from clients.pages import desk_page
from exchanges.forms import MandateForm
from exchanges.opening import Promises, mandate_open


@desk_page
def mandate_new(request: HttpRequest) -> HttpResponse:
    require(request.user, Action.ADMINISTER)
    form = MandateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            mandate = mandate_open(
                client_name=typed["client"],
                base=typed["base"],
                quote=typed["quote"],
                promises=Promises(
                    max_spread_bps=typed["max_spread_bps"],
                    band_bps=typed["band_bps"],
                    min_depth_quote=typed["min_depth_quote"],
                    target_share=typed["target"] / 100,
                ),
                venue=typed["venue"],
                start_price=typed["start_price"],
                actor=request.user,  # type: ignore[arg-type]
            )
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{mandate} is open. A strategy is what quotes it: begin one here.")
            return redirect(f"{reverse('strategies:begin')}?mandate={mandate.slug}")
    context = {"nav": "mandates", "form": form, "clients": Client.objects.values_list("name", flat=True)}
    return render(request, "exchanges/mandate_new.html", context, status=422 if form.errors else 200)
