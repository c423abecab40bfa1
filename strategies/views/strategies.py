"""Strategies by mandate, and where one begins: from a start, from another strategy, or from a text."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from clients.access import Action, require, visible_clients, visible_mandates
from clients.errors import Refusal
from clients.models import Mandate
from clients.pages import desk_page, verbs
from strategies.builder.starters import Owed, begun, starters
from strategies.drafting import markets_of, obligations_in_force, strategy_create
from strategies.forms import TEMPLATE, BeginForm
from strategies.loading import market_facts
from strategies.models import Deployment, Revision, Strategy, StrategyTemplate
from strategies.shelf import begun_from


@desk_page
def strategies(request: HttpRequest) -> HttpResponse:
    rows = (
        Strategy.objects.filter(client__in=visible_clients(request.user))
        .select_related("client", "mandate", "draft_by", "market__venue")
        .prefetch_related(
            Prefetch("revisions", Revision.objects.select_related("author", "approver").order_by("-number"))
        )
        .order_by("client__name", "mandate__name", "name")
    )
    running: dict[int, list[Deployment]] = {}
    for deployment in Deployment.objects.filter(ended_at=None).exclude(mode="replay").select_related("revision"):
        running.setdefault(deployment.revision.strategy_id, []).append(deployment)
    away = [each for each in rows if each.retired_at is not None]
    shown = rows if "retired" in request.GET else [each for each in rows if each.retired_at is None]
    context = {
        "nav": "strategies",
        "rows": [(each, _latest(each), running.get(each.pk, [])) for each in shown],
        "away": len(away),
        "shows_away": "retired" in request.GET,
        "templates": StrategyTemplate.objects.count(),
        "may": verbs(request.user),
    }
    return render(request, "strategies/strategies.html", context)


def _latest(strategy: Strategy) -> Revision | None:
    return next(iter(strategy.revisions.all()), None)


@desk_page
def begin(request: HttpRequest) -> HttpResponse:
    """A new strategy. What it starts from is chosen first, its mandate and name beside it."""
    require(request.user, Action.CONFIGURE)
    mandates = visible_mandates(request.user).order_by("client__name", "name")
    others = Strategy.objects.filter(client__in=visible_clients(request.user)).select_related("client", "mandate")
    given = {"mandate": request.GET.get("mandate"), "start": request.GET.get("from") or next(iter(starters()))}
    form = BeginForm(
        request.POST or None, request.FILES or None, initial=given, mandates=mandates, others=others.order_by("name")
    )
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("strategies:builder", _begun(request, form).pk)
        except (Refusal, PermissionDenied) as refusal:
            form.add_error(None, str(refusal))
    templates = [(f"{TEMPLATE}{each.pk}", each) for each in StrategyTemplate.objects.select_related("made_by")]
    context = {"nav": "strategies", "form": form, "starters": starters().values(), "templates": templates}
    return render(request, "strategies/begin.html", context, status=422 if form.errors else 200)


def _begun(request: HttpRequest, form: BeginForm) -> Strategy:
    mandate: Mandate = form.cleaned_data["mandate"]
    market = next(iter(markets_of(mandate)), None)
    start = form.cleaned_data["start"]
    name, yaml, origin = form.cleaned_data["name"], "", "an empty draft"
    if start in starters():
        if market is None:
            raise Refusal(
                f"{mandate} has no market to start on: {mandate.client} needs an account where {mandate.symbol} "
                "is traded."
            )
        starter = starters()[start]
        yaml, origin, name = begun(starter, market_facts(market), owed(mandate)), starter.title, name or starter.title
    elif start.startswith(TEMPLATE):
        template = StrategyTemplate.objects.get(pk=start.removeprefix(TEMPLATE))
        yaml = begun_from(template, market_facts(market)) if market is not None else template.yaml
        origin, name = f"the template {template}", name or template.name
    elif start == "copy":
        copied: Strategy = form.cleaned_data["copied"]
        yaml, origin, name = copied.draft_yaml, f"a copy of {copied} ({copied.mandate})", name or f"{copied.name} copy"
    elif start == "text":
        yaml, origin, name = form.text(), "a file", name or "Imported"
    strategy = strategy_create(
        mandate=mandate, name=name or "New strategy", yaml=yaml, market=market, actor=request.user, origin=origin
    )
    messages.success(request, f"{strategy} is a draft now. Nothing runs until it is submitted, approved and deployed.")
    return strategy


def owed(mandate: Mandate) -> Owed:
    """What the obligations in force ask for: the tightest spread, the deepest band."""
    sizes: dict[str, Decimal] = {}
    for obligation in obligations_in_force(mandate):
        if obligation.max_spread_bps is not None:
            known = sizes.get("max_spread_bps", obligation.max_spread_bps)
            sizes["max_spread_bps"] = min(known, obligation.max_spread_bps)
        if obligation.min_depth_quote is not None and obligation.min_depth_quote > sizes.get("depth_quote", Decimal(0)):
            sizes |= {"band_bps": obligation.band_bps, "depth_quote": obligation.min_depth_quote}
    return Owed(**sizes)
