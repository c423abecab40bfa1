"""The demo desk: invented clients whose mandates run on simulated markets.

Everything here is a record like any other, made by the same services, with a person's name on every act. Building it
again changes nothing that is already there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from django.db import models, transaction
from django.utils import timezone

from clients.audit import audit
from clients.choices import DeskRole, MemberRole
from clients.errors import Refusal
from clients.models import Client, Mandate, Membership, User
from clients.services import obligation_add
from exchanges.choices import VenueKind
from exchanges.models import ExchangeAccount, Market, Venue
from monitoring.demo.mandates import CLIENTS, MANDATES, DemoMandate
from strategies.choices import Mode, Wanted
from strategies.models import Deployment, Revision, Strategy
from strategies.services import deployment_create, deployment_start, revision_approve, revision_submit

ADMIN, OPERATOR, RISK, VIEWER = "demo-admin", "demo-operator", "demo-risk", "demo-viewer"
STAFF = {
    ADMIN: DeskRole.ADMIN,
    OPERATOR: DeskRole.OPERATOR,
    RISK: DeskRole.RISK,
    "demo-approver": DeskRole.APPROVER,
    "demo-treasurer": DeskRole.TREASURER,
    VIEWER: DeskRole.VIEWER,
}
"""Nobody here has a password: they sign in by one-time link alone."""

SIMULATED = "simulated"
RECORDED = "recorded-binance"
VENUES = {
    SIMULATED: ("Simulated Exchange", VenueKind.SIMULATED, "exchanges.simulated"),
    RECORDED: ("Recorded Binance", VenueKind.REPLAY, "exchanges.replay"),
}
Record = TypeVar("Record", bound=models.Model)

START_REASON = "The demo desk was opened with ./mm up"


@transaction.atomic
def build(mandates: tuple[DemoMandate, ...] = MANDATES) -> list[Deployment]:
    """Make what is missing of the demo desk; its paper deployments, PAUSED unless somebody has started them."""
    people = {name: _person(name, role) for name, role in STAFF.items()}
    admin = people[ADMIN]
    venues = {
        slug: _made(Venue, admin, {"slug": slug}, {"name": name, "kind": kind, "component": component})
        for slug, (name, kind, component) in VENUES.items()
    }
    for slug, name in CLIENTS.items():
        client = _made(Client, admin, {"slug": slug}, {"name": name, "is_demo": True})
        Membership.objects.get_or_create(
            user=_person(slug, DeskRole.NONE), client=client, defaults={"role": MemberRole.OWNER}
        )
    return [_mandate(demo, venues[SIMULATED], people) for demo in mandates]


def _person(name: str, role: DeskRole) -> User:
    person, is_new = User.objects.get_or_create(username=name, defaults={"desk_role": role})
    if is_new:
        person.set_unusable_password()
        person.save(update_fields=["password"])
        audit("user.created", person, actor=None, new={"desk_role": role}, reason="demo desk")
    return person


def _made(model: type[Record], actor: User, key: dict, values: dict) -> Record:
    record, is_new = model.objects.get_or_create(**key, defaults=values)
    if is_new:
        audit(f"{model._meta.model_name}.created", record, actor=actor, new={**key, **values}, reason="demo desk")
    return record


def _mandate(demo: DemoMandate, venue: Venue, people: dict[str, User]) -> Deployment:
    admin = people[ADMIN]
    base, quote = demo.pieces
    client = Client.objects.get(slug=demo.client)
    mandate = _made(
        Mandate,
        admin,
        {"slug": demo.slug},
        {
            "client": client,
            "name": demo.name,
            "base": base,
            "quote": quote,
            "tags": demo.tags,
            "shares_pnl": demo.shares_pnl,
            "resume_policy": demo.resume_policy,
        },
    )
    if not mandate.obligations.exists():
        for terms in demo.terms:
            obligation_add(
                mandate=mandate,
                kpi=terms.kpi,
                target_share=Decimal(terms.target_share),
                max_spread_bps=_decimal(terms.max_spread_bps),
                band_bps=_decimal(terms.band_bps),
                min_depth_quote=_decimal(terms.min_depth_quote),
                starts_at=timezone.now(),
                actor=admin,
                reason="demo desk",
            )
    args = dict(demo.market)
    records = ("tick_size", "lot_size", "min_notional_quote", "maker_fee_bps", "taker_fee_bps")
    market = _made(
        Market,
        admin,
        {"venue": venue, "symbol": demo.symbol},
        {"base": base, "quote": quote} | {name: Decimal(args.pop(name)) for name in records} | {"component_args": args},
    )
    account = _made(ExchangeAccount, admin, {"client": client, "venue": venue, "name": "Paper"}, {"is_paper": True})
    strategy = _made(
        Strategy,
        admin,
        {"mandate": mandate, "name": demo.template.replace("_", " ").capitalize()},
        {"client": client, "market": market, "draft_yaml": demo.yaml()},
    )
    revision = approved(strategy, demo.yaml(), people)
    running = mandate.deployments.filter(mode=Mode.PAPER, ended_at=None).order_by("pk").first()
    return running or deployment_create(
        mandate=mandate,
        revision=revision,
        account=account,
        market=market,
        mode=Mode.PAPER,
        funding=dict(zip(demo.pieces, map(Decimal, demo.funding), strict=True)),
        name=f"{demo.symbol} paper",
        actor=people[OPERATOR],
    )


def approved(strategy: Strategy, yaml: str, people: dict[str, User]) -> Revision:
    """The text as an approved revision: written by one person, approved by another."""
    revision = revision_submit(strategy=strategy, yaml=yaml, actor=people[OPERATOR])
    revision_approve(revision=revision, actor=people[RISK], reason="demo desk")
    return revision


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def start(deployments: list[Deployment]) -> list[str]:
    """Start the demo's paper deployments in the demo operator's name; a line a deployment says what came of it.

    What a person has paused stays paused, and what is halted or faulted waits for its reset.
    """
    operator = User.objects.get(username=OPERATOR)
    lines = []
    for deployment in deployments:
        if deployment.wanted == Wanted.PAUSED and deployment.wanted_by_id is not None:
            lines.append(f"{deployment} stays paused: {deployment.wanted_reason}")
            continue
        try:
            deployment_start(deployment=deployment, actor=operator, reason=START_REASON)
        except Refusal as refusal:
            lines.append(str(refusal))
        else:
            lines.append(f"{deployment} is asked to start.")
    return lines
