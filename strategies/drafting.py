"""Verbs on drafts: begin one, save it without writing over anybody, submit it once it would run.

A draft cannot lose money, so its saves are not audited one by one; what one person's text takes the place of another's
is, with both texts.
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal, InvalidOperation

from django.db import transaction
from django.utils import timezone

from clients.access import Action, require
from clients.audit import audit
from clients.choices import Kpi
from clients.errors import Refusal
from clients.models import Mandate, Obligation, User
from engine.core.config import parse
from exchanges.models import Market
from strategies.builder import stages
from strategies.builder.ground import Ground
from strategies.builder.layout import sheet_of
from strategies.builder.prediction import predict
from strategies.builder.reading import parts_of
from strategies.builder.starters import neat
from strategies.choices import Mode
from strategies.loading import ground_on
from strategies.models import Deployment, Revision, Strategy
from strategies.services import revision_submit

MAX_CHARACTERS = 100_000


def with_market(strategy: Strategy) -> Strategy:
    """The strategy, on the nearest market of its mandate while nobody has chosen one."""
    if strategy.market is None:
        strategy.market = next(iter(markets_of(strategy.mandate)), None)
    return strategy


def ground_of(strategy: Strategy) -> Ground:
    """What the strategy's draft stands on."""
    return ground_on(strategy.market)


class DraftMoved(Exception):
    """Somebody saved the draft meanwhile. `strategy` is as it stands now; nothing was written."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        super().__init__(moved(strategy))


def moved(strategy: Strategy) -> str:
    """'rita saved this draft at 16:44:31 UTC (version 15).'"""
    who = strategy.draft_by.get_username() if strategy.draft_by else "Somebody"
    when = f" at {strategy.draft_at:%H:%M:%S} UTC" if strategy.draft_at else ""
    return f"{who} saved this draft{when} (version {strategy.draft_version})."


def markets_of(mandate: Mandate) -> list[Market]:
    """Where the mandate's pair is traded and its client has an account, the nearest choice first."""
    return list(
        Market.objects.filter(base=mandate.base, quote=mandate.quote, venue__accounts__client=mandate.client_id)
        .select_related("venue")
        .distinct()
        .order_by("venue__name", "pk")
    )


def obligations_in_force(mandate: Mandate) -> list[Obligation]:
    """The latest version that has started of every line: spread, then depth by band, then uptime."""
    started = mandate.obligations.filter(starts_at__lte=timezone.now())
    latest = started.order_by("kpi", "band_bps", "-starts_at", "-version").distinct("kpi", "band_bps")
    order = [Kpi.SPREAD, Kpi.DEPTH, Kpi.UPTIME]
    return sorted(latest, key=lambda each: (order.index(Kpi(each.kpi)), each.band_bps or 0))


def usual_funding(strategy: Strategy, yaml: str, *, price: Decimal | None = None) -> dict[str, Decimal]:
    """What a deployment on paper opens with, by asset: as the mandate's last one, else what its limits could need.

    price: where the market stands, if that is known. An asset is left out when nothing tells how much of it that
    would be.
    """
    base, quote = strategy.mandate.base, strategy.mandate.quote
    last = Deployment.objects.filter(mandate=strategy.mandate, mode=Mode.PAPER).order_by("pk").last()
    if last is not None:
        return {row.asset: row.amount for row in last.funding.all()}
    limit = _position_limit(yaml)
    if limit is None:
        return {}
    anchor = (strategy.market.component_args or {}).get("anchor_price") if strategy.market else None
    if price is None and anchor:
        with suppress(InvalidOperation):
            price = Decimal(str(anchor))
    return {quote: neat(limit), **({base: neat(limit / price)} if price else {})}


def _position_limit(yaml: str) -> Decimal | None:
    tree = parse(yaml, filename="it").tree
    for node in parts_of(tree).values() if isinstance(tree, dict) else ():
        args = node.get("args")
        limit = args.get("max_position_quote") if isinstance(args, dict) else None
        if node.get("id") == "risk.guard" and isinstance(limit, Decimal | int) and limit > 0:
            return Decimal(limit)
    return None


@transaction.atomic
def strategy_create(
    *, mandate: Mandate, name: str, yaml: str, market: Market | None, actor: User, origin: str
) -> Strategy:
    """A new strategy with its first draft. origin: what it was made from, in words."""
    require(actor, Action.CONFIGURE)
    name = name.strip()
    if market is not None and (market.base, market.quote) != (mandate.base, mandate.quote):
        raise Refusal(f"The mandate is about {mandate.symbol}, but the market is {market}.")
    _check_size(yaml)
    name_checked(mandate, name)
    strategy = Strategy.objects.create(
        client_id=mandate.client_id,
        mandate=mandate,
        name=name,
        market=market,
        draft_yaml=yaml,
        draft_by=actor,
        draft_at=timezone.now(),
    )
    audit("strategy.created", strategy, actor=actor, new={"from": origin, "market": str(market or "")})
    return strategy


def name_checked(mandate: Mandate, name: str) -> None:
    """Refuse what cannot be a strategy's name. Names of a mandate are given out one at a time."""
    if not name:
        raise Refusal("A strategy needs a name.")
    if len(name) > 120:
        raise Refusal(f"A strategy's name has at most 120 characters, was {len(name)}; shorten it.")
    Mandate.objects.select_for_update(no_key=True).get(pk=mandate.pk)
    if mandate.strategies.filter(name=name).exists():
        raise Refusal(f"{mandate} already has a strategy called {name}; choose another name.")


def draft_locked(strategy: Strategy) -> Strategy:
    """The strategy as it stands, held until the transaction ends."""
    return with_market(
        Strategy.objects.select_for_update(of=("self",), no_key=True)
        .select_related("client", "mandate", "market__venue", "draft_by")
        .get(pk=strategy.pk)
    )


@transaction.atomic
def draft_save(*, strategy: Strategy, yaml: str, based_on: int, actor: User, overwrite: bool = False) -> Strategy:
    """Keep the text, whatever state it is in. Raises DraftMoved when it is not based on what stands now.

    overwrite: the person has seen whose text it takes the place of and wants that; both go into the audit.
    """
    require(actor, Action.CONFIGURE)
    _check_size(yaml)
    now = draft_locked(strategy)
    if now.draft_yaml == yaml:
        return now
    if based_on != now.draft_version:
        raise DraftMoved(now)
    if overwrite:
        audit("draft.replaced", now, actor=actor, old={"text": now.draft_yaml, "by": now.draft_by}, new={"text": yaml})
    now.draft_yaml, now.draft_by, now.draft_at = yaml, actor, timezone.now()
    now.draft_version += 1
    now.save(update_fields=["draft_yaml", "draft_by", "draft_at", "draft_version"])
    return now


@transaction.atomic
def draft_market(*, strategy: Strategy, market: Market, actor: User) -> Strategy:
    """Check the draft against another market of its pair."""
    require(actor, Action.CONFIGURE)
    now = draft_locked(strategy)
    if market not in markets_of(now.mandate):
        raise Refusal(f"{now.client} has no account where {market} is traded; choose a market of {now.mandate}.")
    was = Strategy.objects.select_related("market__venue").get(pk=now.pk).market
    if was != market:
        audit("strategy.market_chosen", now, actor=actor, old=str(was or ""), new=str(market))
        now.market = market
        now.save(update_fields=["market"])
    return now


@transaction.atomic
def draft_submit(*, strategy: Strategy, based_on: int, actor: User) -> Revision:
    """Freeze the draft for approval, if it is what the person has seen and would run on its market."""
    require(actor, Action.CONFIGURE)
    now = draft_locked(strategy)
    if based_on != now.draft_version:
        raise DraftMoved(now)
    if now.retired_at is not None:
        raise Refusal(f"{now} was put away on {now.retired_at:%Y-%m-%d}; take it back first.")
    if now.market is None:
        raise Refusal(
            f"{now.mandate} has no market to run on: {now.client} needs an account where {now.mandate.symbol} "
            "is traded."
        )
    ground = ground_of(now)
    sheet = sheet_of(now.draft_yaml, ground)
    if not sheet.is_valid:
        first = f" {sheet.problems[0]}" if sheet.problems else " It has no components."
        raise Refusal(f"The draft would not run on {now.market}; mend it first.{first}")
    if fault := predict(lambda: stages.made_up(now.draft_yaml, ground)).fault:
        raise Refusal(f"The draft would fault on {now.market}; mend it first. On an invented market: {fault}.")
    return revision_submit(strategy=now, yaml=now.draft_yaml, actor=actor)


def _check_size(yaml: str) -> None:
    if len(yaml) > MAX_CHARACTERS:
        raise Refusal(f"A draft has at most {MAX_CHARACTERS:,} characters, was {len(yaml):,}; split the service.")
    if "\x00" in yaml:
        raise Refusal("The text holds a character that no text file has (NUL); take it out.")
