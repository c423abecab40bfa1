"""A strategy as a thing: what it is called, a template made of it, putting it away; and the templates there are."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from clients.access import Action
from clients.errors import Refusal
from clients.pages import desk_page, verbs
from strategies.access import access_strategy
from strategies.models import StrategyTemplate
from strategies.shelf import strategy_rename, strategy_retire, strategy_revive, template_remove, template_save


@desk_page
def keep(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename, save as template, put away or take back: one form each."""
    strategy = access_strategy(request.user, pk, Action.CONFIGURE)
    typed, problem = request.POST, ""
    act = typed.get("act", "")
    if request.method == "POST":
        reason = typed.get("reason", "")[:300]
        try:
            match act:
                case "rename":
                    strategy = strategy_rename(strategy=strategy, name=typed.get("name", ""), actor=request.user)
                    done = f"It is called {strategy} now."
                case "template":
                    saved = template_save(
                        strategy=strategy,
                        name=typed.get("name", ""),
                        about=typed.get("about", ""),
                        actor=request.user,
                    )
                    done = f"{saved} is a template now: it is offered wherever a strategy begins."
                case "retire":
                    strategy_retire(strategy=strategy, actor=request.user, reason=reason)
                    done = f"{strategy} is put away. All it did stays on record."
                case "revive":
                    strategy_revive(strategy=strategy, actor=request.user, reason=reason)
                    done = f"{strategy} is taken back."
                case _:
                    raise Http404("There is no such act.")
        except (Refusal, PermissionDenied) as refusal:
            problem = str(refusal)
        else:
            messages.success(request, done)
            return redirect("strategies:builder", strategy.pk)
    context = {"nav": "strategies", "strategy": strategy, "problem": problem, "act": act, "typed": typed}
    return render(request, "strategies/keep.html", context, status=422 if problem else 200)


@desk_page
def templates(request: HttpRequest) -> HttpResponse:
    return _templates(request)


@desk_page
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    found = StrategyTemplate.objects.filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such template.")
    if request.method != "POST":
        return redirect("strategies:templates")
    try:
        template_remove(template=found, actor=request.user, reason=request.POST.get("reason", "")[:300])
    except (Refusal, PermissionDenied) as refusal:
        return _templates(request, problem=str(refusal))
    messages.success(request, f"The template {found} is gone. What was started from it goes on.")
    return redirect("strategies:templates")


def _templates(request: HttpRequest, *, problem: str = "") -> HttpResponse:
    context = {
        "nav": "strategies",
        "templates": StrategyTemplate.objects.select_related("made_by"),
        "may": verbs(request.user),
        "problem": problem,
    }
    return render(request, "strategies/templates.html", context, status=422 if problem else 200)
