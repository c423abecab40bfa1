"""Verbs on what strategies are kept as: their names, whether they are put away, and templates made of them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from django.db import transaction
from django.utils import timezone

from clients.access import Action, require
from clients.audit import audit
from clients.errors import Refusal
from clients.models import User
from engine.core.config import parse
from engine.core.params import parameters_of
from strategies.blueprint import MarketFacts
from strategies.builder.edits import written
from strategies.builder.typed import Tree
from strategies.choices import Mode
from strategies.drafting import draft_locked, name_checked
from strategies.loading import registry
from strategies.models import Deployment, Strategy, StrategyTemplate
from strategies.services import deployment_end


@transaction.atomic
def strategy_rename(*, strategy: Strategy, name: str, actor: User) -> Strategy:
    """Call a strategy something else. Revisions and deployments stay what they are; they are shown under its name."""
    require(actor, Action.CONFIGURE)
    now = draft_locked(strategy)
    name = name.strip()
    if name == now.name:
        return now
    name_checked(now.mandate, name)
    audit("strategy.renamed", now, actor=actor, old=now.name, new=name)
    now.name = name
    now.save(update_fields=["name"])
    return now


@transaction.atomic
def strategy_retire(*, strategy: Strategy, actor: User, reason: str) -> None:
    """Put a strategy away: its revisions and what they did stay, nothing of it starts anew.

    Never one that runs: deployments at rest end with it, any other is the refusal.
    """
    require(actor, Action.CONFIGURE)
    reason = _said(reason)
    now = draft_locked(strategy)
    if now.retired_at is not None:
        return
    for deployment in Deployment.objects.filter(revision__strategy=now, ended_at=None).exclude(mode=Mode.REPLAY):
        deployment_end(deployment=deployment, actor=actor, reason=f"{now} was put away: {reason}")
    now.retired_at = timezone.now()
    now.save(update_fields=["retired_at"])
    audit("strategy.retired", now, actor=actor, new=now.retired_at, reason=reason)


@transaction.atomic
def strategy_revive(*, strategy: Strategy, actor: User, reason: str) -> None:
    """Take a strategy back that was put away."""
    require(actor, Action.CONFIGURE)
    reason = _said(reason)
    now = draft_locked(strategy)
    if now.retired_at is None:
        return
    audit("strategy.revived", now, actor=actor, old=now.retired_at, reason=reason)
    now.retired_at = None
    now.save(update_fields=["retired_at"])


@transaction.atomic
def template_save(*, strategy: Strategy, name: str, about: str, actor: User) -> StrategyTemplate:
    """Keep a draft, as it stands, for the desk to start from. A template of this name is replaced, and the audit
    has what it said."""
    require(actor, Action.CONFIGURE)
    now = draft_locked(strategy)
    name = name.strip()
    if not name or len(name) > 120:
        raise Refusal("A template needs a name of at most 120 characters.")
    if parse(now.draft_yaml, filename="draft").problems or not now.draft_yaml.strip():
        raise Refusal(f"The draft of {now} cannot be read as YAML, so nothing could start from it; mend it first.")
    values = {
        "about": about.strip()[:300],
        "yaml": now.draft_yaml,
        "component": now.market.venue.component if now.market else "",
        "symbol": now.market.symbol if now.market else "",
        "made_by": actor,
    }
    before = StrategyTemplate.objects.select_for_update(of=("self",)).filter(name=name).first()
    old = {"about": before.about, "text": before.yaml} if before else None
    template, _ = StrategyTemplate.objects.update_or_create(name=name, defaults=values)
    audit(
        "template.replaced" if before else "template.saved",
        template,
        actor=actor,
        old=old,
        new={"from": str(now), "text": template.yaml},
    )
    return template


@transaction.atomic
def template_remove(*, template: StrategyTemplate, actor: User, reason: str) -> None:
    """Take a template off the shelf. What was started from it goes on; its text stays in the audit."""
    require(actor, Action.CONFIGURE)
    reason = _said(reason)
    found = StrategyTemplate.objects.select_for_update(of=("self",)).filter(pk=template.pk).first()
    if found is None:
        return
    audit("template.removed", found, actor=actor, old={"about": found.about, "text": found.yaml}, reason=reason)
    found.delete()


def begun_from(template: StrategyTemplate, market: MarketFacts) -> str:
    """The template's text for another market: its venue and its symbol take the place of those it was written for.

    Venue arguments that the market's own record gives, or that the other venue does not know, are left out. Sizes and
    prices stay as they are.
    """
    tree = parse(template.yaml, filename=template.name).tree
    if not isinstance(tree, dict) or (template.component, template.symbol) == (market.component, market.symbol):
        return template.yaml
    moved = _moved(deepcopy(tree), {template.component: market.component, template.symbol: market.symbol})
    components = moved.get("components") if isinstance(moved, dict) else None
    known = {parameter.name for parameter in parameters_of(registry().get(market.component))}
    for node in components.values() if isinstance(components, dict) else ():
        if isinstance(node, dict) and node.get("id") == market.component and isinstance(node.get("args"), dict):
            given = {*market.facts(), *market.args, "endpoint_override"}
            node["args"] = {key: value for key, value in node["args"].items() if key in known and key not in given}
            if not node["args"]:
                del node["args"]
    return written(moved, instead_of=template.yaml)  # type: ignore[arg-type]


def _moved(value: Tree, words: Mapping[str, str]) -> Tree:
    """The tree with each of these words, where it stands alone as a value, put for the other."""
    if isinstance(value, dict):
        return {key: _moved(item, words) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, words) for item in value]
    return words.get(value, value) if isinstance(value, str) and value else value


def _said(reason: str) -> str:
    if not reason.strip():
        raise Refusal("Please say why: the reason stays with the record.")
    return reason.strip()
