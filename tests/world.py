"""The test world. Alice owns the client Acorn and Bob is on her team; Charlie is another client's and must see nothing
of theirs. On the desk: Vera views, Dora operates, Rita is risk, Adam administers.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

import mmplatform.celery  # noqa: F401  (what a service asks of a worker goes to the broker of this run)
from clients.choices import DeskRole, Kpi, MemberRole
from clients.models import Client, Mandate, Membership, Obligation, User
from exchanges.choices import VenueKind
from exchanges.models import ExchangeAccount, Market, Venue
from strategies.choices import Mode
from strategies.models import Deployment, Revision, Strategy
from strategies.services import deployment_create, revision_approve, revision_submit

YAML = """\
service: "@quoting"
vars:
  symbol: "{symbol}"
components:
  venue:
    id: exchanges.simulated
    args: {{symbol: "@symbol", profile: mid, seed: 7, anchor_price: !decimal "2"}}
  mid:
    id: prices.mid
    args: {{market: "@venue", symbol: "@symbol", max_age_s: !decimal "5"}}
  spread:
    id: marketmaking.inventory_spread
    args: {{base_spread_bps: !decimal "40", order_size_quote: !decimal "600", num_levels: 3}}
  guard:
    id: risk.guard
    args:
      max_position_quote: !decimal "10000"
      max_loss_quote: !decimal "500"
      max_order_size_quote: !decimal "1000"
      max_open_notional_quote: !decimal "8000"
  loss:
    id: killswitches.loss
    args: {{max_loss_quote: !decimal "500"}}
  kill:
    id: killswitches.any
    args: {{switches: ["@loss"]}}
  executor:
    id: marketmaking.executors.live
    args: {{exchange: "@venue", symbol: "@symbol"}}
  quoting:
    id: marketmaking
    args:
      exchange: "@venue"
      symbol: "@symbol"
      price: "@mid"
      strategy: "@spread"
      guard: "@guard"
      killswitch: "@kill"
      executor: "@executor"
"""


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One client with one mandate, fully set up, and its paper deployment, PAUSED."""

    client: Client
    mandate: Mandate
    market: Market
    account: ExchangeAccount
    strategy: Strategy
    revision: Revision
    deployment: Deployment


@dataclass(frozen=True, kw_only=True)
class World:
    alice: User
    bob: User
    charlie: User
    vera: User
    dora: User
    rita: User
    adam: User
    venue: Venue
    acorn: Holding
    """Alice's and Bob's."""
    cedar: Holding
    """Charlie's."""


def person(name: str, desk_role: str = DeskRole.NONE) -> User:
    return User.objects.create_user(name, password=None, desk_role=desk_role)


def holding(name: str, *, venue: Venue, author: User, approver: User, started: str = "2024-01-01T00:00:00Z") -> Holding:
    """A client of this name with a mandate on NAME/USDT: spread ≤ 60 bps and 1,000 within ±2 %, 95 % of the time."""
    base = name.upper()
    symbol = f"{base}/USDT"
    client = Client.objects.create(slug=name, name=name.capitalize())
    mandate = Mandate.objects.create(
        client=client, slug=f"{name}-usdt", name=f"{name.capitalize()} on {venue}", base=base, quote="USDT"
    )
    obligation = {"client": client, "mandate": mandate, "version": 1, "starts_at": started}
    Obligation.objects.create(**obligation, kpi=Kpi.SPREAD, max_spread_bps=Decimal("60"), target_share=Decimal("0.95"))
    Obligation.objects.create(
        **obligation,
        kpi=Kpi.DEPTH,
        band_bps=Decimal("200"),
        min_depth_quote=Decimal("1000"),
        target_share=Decimal("0.95"),
    )
    Obligation.objects.create(**obligation, kpi=Kpi.UPTIME, target_share=Decimal("0.9"))
    market = Market.objects.create(
        venue=venue,
        symbol=symbol,
        base=base,
        quote="USDT",
        tick_size=Decimal("0.0001"),
        lot_size=Decimal("0.1"),
        min_notional_quote=Decimal("5"),
    )
    account = ExchangeAccount.objects.create(client=client, venue=venue, name=f"{name}-paper")
    strategy = Strategy.objects.create(client=client, mandate=mandate, name="Two-sided")
    revision = revision_submit(strategy=strategy, yaml=YAML.format(symbol=symbol), actor=author)
    revision_approve(revision=revision, actor=approver)
    deployment = deployment_create(
        mandate=mandate,
        revision=revision,
        account=account,
        market=market,
        mode=Mode.PAPER,
        funding={base: Decimal("10000"), "USDT": Decimal("5000")},
        actor=author,
    )
    return Holding(
        client=client,
        mandate=mandate,
        market=market,
        account=account,
        strategy=strategy,
        revision=revision,
        deployment=deployment,
    )


def make_world() -> World:
    dora, rita = person("dora", DeskRole.OPERATOR), person("rita", DeskRole.RISK)
    alice, bob, charlie = person("alice"), person("bob"), person("charlie")
    venue = Venue.objects.create(
        slug="simulated", name="Simulated Exchange", kind=VenueKind.SIMULATED, component="exchanges.simulated"
    )
    acorn = holding("acorn", venue=venue, author=dora, approver=rita)
    cedar = holding("cedar", venue=venue, author=dora, approver=rita)
    Membership.objects.create(user=alice, client=acorn.client, role=MemberRole.OWNER)
    Membership.objects.create(user=bob, client=acorn.client)
    Membership.objects.create(user=charlie, client=cedar.client, role=MemberRole.OWNER)
    return World(
        alice=alice,
        bob=bob,
        charlie=charlie,
        vera=person("vera", DeskRole.VIEWER),
        dora=dora,
        rita=rita,
        adam=person("adam", DeskRole.ADMIN),
        venue=venue,
        acorn=acorn,
        cedar=cedar,
    )


@pytest.fixture
def world(db: None) -> World:
    return make_world()
