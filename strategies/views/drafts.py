"""The builder: one draft as a form, as YAML and as a drawing. The server is the truth; every edit comes back whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string

from clients.access import Action, may
from clients.errors import Refusal
from clients.pages import desk_page, whole_number
from engine.core.problems import Path, Problem
from strategies.access import access_strategy
from strategies.builder import edits
from strategies.builder.edits import EditRefused
from strategies.builder.ground import Ground
from strategies.builder.layout import sheet_of
from strategies.builder.sheet import ADD, Sheet, path_of
from strategies.builder.typed import Tree, read, show
from strategies.builder.wiring import wiring_of
from strategies.drafting import (
    DraftMoved,
    draft_locked,
    draft_market,
    draft_save,
    ground_of,
    markets_of,
    moved,
    with_market,
)
from strategies.models import Strategy
from strategies.readiness import readiness

FIELD, WAS = "f", "w"
"""Before a field's key: its text as typed, and the text the person started from."""


@desk_page
def builder(request: HttpRequest, pk: int) -> HttpResponse:
    strategy = with_market(access_strategy(request.user, pk))
    context = {
        "nav": "strategies",
        "page": True,
        "markets": markets_of(strategy.mandate),
        "shelves": _shelves(ground_of(strategy)),
        "latest": strategy.revisions.select_related("author", "approver").first(),
        **_context(request, strategy),
    }
    return render(request, "strategies/builder.html", context)


@desk_page
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """One edit of the draft. Answers with the parts of the page that it changed; 409 when somebody else was faster."""
    strategy = with_market(access_strategy(request.user, pk, Action.CONFIGURE))
    if request.method != "POST":
        return redirect("strategies:builder", pk)
    op = request.POST.get("op", "text")
    try:
        with transaction.atomic():
            shown = _apply(request, draft_locked(strategy), op)
    except DraftMoved as error:
        return _stale(request, error.strategy, op)
    except (EditRefused, Refusal, PermissionDenied) as refusal:
        if not request.headers.get("X-Builder"):
            messages.error(request, str(refusal))
            return redirect("strategies:builder", pk)
        strategy.refresh_from_db()
        return _parts(request, strategy, "cards", "yaml", notice=str(refusal), status=422)
    if not request.headers.get("X-Builder"):
        return redirect("strategies:builder", pk)
    strategy = with_market(access_strategy(request.user, pk))
    return _parts(request, strategy, *shown)


@desk_page
def pulse(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether the draft is still what the page shows: nothing if it is, else who changed it and when."""
    strategy = access_strategy(request.user, pk)
    if whole_number(request.GET.get("version", "")) == strategy.draft_version:
        return HttpResponse(status=204)
    return render(request, "strategies/draft_moved.html", {"strategy": strategy, "moved": moved(strategy)})


@desk_page
def export(request: HttpRequest, pk: int) -> HttpResponse:
    strategy = access_strategy(request.user, pk)
    answer = HttpResponse(strategy.draft_yaml, content_type="application/yaml; charset=utf-8")
    name = "".join(ch if ch.isalnum() and ch.isascii() else "-" for ch in f"{strategy.mandate.slug}-{strategy.name}")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name.lower()}.yaml"'
    return answer


# Edits


def _apply(request: HttpRequest, now: Strategy, op: str) -> tuple[str, ...]:
    """Carry one edit out and save. Returns the parts of the page that have to be drawn anew."""
    posted = request.POST
    based_on = whole_number(posted.get("version", "")) or 0
    overwrite = posted.get("keep") == "mine"  # of the version that is posted with it, and of no later one
    if op == "refresh":
        return ("cards", "yaml")
    if op == "market":
        market = next((each for each in markets_of(now.mandate) if str(each.pk) == posted.get("value")), None)
        if market is None:
            raise Refusal("That market is not one of the mandate's; choose one from the list.")
        draft_market(strategy=now, market=market, actor=request.user)
        return ("cards",)
    if op == "text":
        text = posted.get("text", "").replace("\r\n", "\n")
        draft_save(strategy=now, yaml=text, based_on=based_on, actor=request.user, overwrite=overwrite)
        return ("cards",)
    ground = ground_of(now)
    sheet = sheet_of(now.draft_yaml, ground)
    if sheet.tree is None:
        raise Refusal("The YAML cannot be read, so the form cannot change it; mend the text first.")
    is_stale = based_on != now.draft_version
    if op == "set":
        tree, shown = _set(posted, sheet, ground, now, is_stale=is_stale)
    elif is_stale and op not in ("add", "variable"):
        raise DraftMoved(now)
    else:
        tree, shown = _restructured(op, posted, sheet.tree, ground), ("cards", "yaml")
    text = edits.written(tree, instead_of=now.draft_yaml) if tree != sheet.tree else now.draft_yaml
    draft_save(strategy=now, yaml=text, based_on=now.draft_version, actor=request.user, overwrite=overwrite)
    return ("cards", "yaml") if is_stale else shown


def _set(
    posted: QueryDict, sheet: Sheet, ground: Ground, now: Strategy, *, is_stale: bool
) -> tuple[dict[str, Tree], tuple[str, ...]]:
    """Fields as typed. On a draft somebody changed meanwhile they are put in unless it was these very fields."""
    fields = {key[len(FIELD) :]: text for key, text in posted.items() if key.startswith(FIELD + "[")}
    tree = sheet.tree
    for key, text in fields.items():
        try:
            path = path_of(key)
        except ValueError as error:
            raise EditRefused(f"The form is not one of ours: {error}.") from None
        if is_stale:
            shape, value = edits.shape_at(sheet.tree, ground, path), edits.value_at(sheet.tree, path)
            if show(shape, read(shape, posted.get(WAS + key, ""))) != show(shape, value):
                raise DraftMoved(now)
        tree = edits.put(tree, path, text, ground)
    is_structural = any(text.startswith(ADD) for text in fields.values())
    return tree, ("cards", "yaml") if is_structural else ("yaml",)


def _restructured(op: str, posted: QueryDict, tree: dict[str, Tree], ground: Ground) -> dict[str, Tree]:
    name, value = posted.get("name", ""), posted.get("value", "")
    acts: dict[str, Callable[[], dict[str, Tree]]] = {
        "add": lambda: edits.add_component(tree, value, ground)[0],
        "remove": lambda: edits.remove_component(tree, name),
        "duplicate": lambda: edits.duplicate_component(tree, name)[0],
        "rename": lambda: edits.rename(tree, name, value),
        "service": lambda: edits.choose_service(tree, value),
        "variable": lambda: edits.add_variable(tree, name, value),
        "take": lambda: edits.take_out(tree, _path(posted)),
        "item": lambda: edits.add_item(tree, _path(posted), value, ground, key=name),
    }
    if op not in acts:
        raise Refusal(f"There is no such edit: {op[:40]}.")
    return acts[op]()


def _path(posted: QueryDict) -> Path:
    try:
        return path_of(posted.get("path", ""))
    except ValueError as error:
        raise EditRefused(f"The form is not one of ours: {error}.") from None


# Answers


def _stale(request: HttpRequest, strategy: Strategy, op: str) -> HttpResponse:
    """Nothing was written: the person decides whose stays."""
    if not request.headers.get("X-Builder"):
        messages.error(request, f"{moved(strategy)} What you sent was not saved: open the draft anew and repeat it.")
        return redirect("strategies:builder", strategy.pk)
    own = strategy.draft_by_id == request.user.pk
    context = {"strategy": strategy, "moved": moved(strategy), "op": op, "own": own, "conflict": True}
    return HttpResponse(render_to_string("strategies/draft_moved.html", context, request), status=409)


def _parts(request: HttpRequest, strategy: Strategy, *shown: str, notice: str = "", status: int = 200) -> HttpResponse:
    context = {"parts": shown, "notice": notice, "oob": True, **_context(request, strategy)}
    return HttpResponse(render_to_string("strategies/builder_parts.html", context, request), status=status)


def _context(request: HttpRequest, strategy: Strategy) -> dict[str, object]:
    sheet = sheet_of(strategy.draft_yaml, ground_of(strategy))
    return {
        "strategy": strategy,
        "sheet": sheet,
        "wiring": wiring_of(sheet),
        "services": [card for card in sheet.cards if card.can_serve],
        "marks": json.dumps([{"target": mark.target, "text": _words(mark.problem)} for mark in sheet.marks]),
        "remarks": readiness(strategy, sheet),
        "may_edit": may(request.user, Action.CONFIGURE),
    }


def _words(problem: Problem) -> str:
    """As it stands at a field, which takes numbers without the tag that YAML wants before them."""
    suggestion = re.sub(r'^Write !decimal "(.+)"$', r"Write a number such as \1", problem.suggestion)
    return " ".join(filter(None, (problem.message.rstrip(".") + ".", suggestion)))


def _shelves(ground: Ground) -> list[tuple[object, list[object]]]:
    offered = {entry.id for entry in ground.offered()}
    return [
        (shelf.family, [entry for entry in shelf.entries if entry.id in offered]) for shelf in ground.catalog.shelves
    ]
