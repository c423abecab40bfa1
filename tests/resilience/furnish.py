"""Makes and commands the desk of the resilience tests, in a process of its own with the stack's environment.

python -m tests.resilience.furnish make            prints the deployments as JSON, by name
python -m tests.resilience.furnish start|pause|halt|reset ID...
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal

import django

YAML = """\
service: "@quoting"
vars:
  symbol: "{symbol}"
components:
  venue:
    id: exchanges.simulated
    args: {{symbol: "@symbol"}}
  mid:
    id: prices.mid
    args: {{market: "@venue", symbol: "@symbol", max_age_s: !decimal "5"}}
  spread:
    id: marketmaking.inventory_spread
    args:
      base_spread_bps: !decimal "1"
      order_size_quote: !decimal "500"
      num_levels: 2
      level_spacing_bps: !decimal "1"
      max_position_quote: !decimal "500000"
      inventory_skew_factor: !decimal "0.5"
  guard:
    id: risk.guard
    args:
      max_position_quote: !decimal "500000"
      max_loss_quote: !decimal "100000"
      max_order_size_quote: !decimal "5000"
      max_open_notional_quote: !decimal "100000"
      price_band_bps: !decimal "500"
      max_orders_per_s: 50
  manual: {{id: killswitches.manual}}
  kill: {{id: killswitches.any, args: {{switches: ["@manual"]}}}}
  executor: {{id: marketmaking.executors.live, args: {{exchange: "@venue", symbol: "@symbol"}}}}
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
      interval_ms: 250
      price_threshold_bps: !decimal "0.2"
"""


def make() -> dict[str, int]:
    """Four deployments that quote: three resume after a lost host, `careful` does not."""
    from clients.choices import DeskRole, ResumePolicy
    from clients.models import Client, Mandate, User
    from exchanges.choices import VenueKind
    from exchanges.models import ExchangeAccount, Market, Venue
    from strategies.choices import Mode
    from strategies.models import Strategy
    from strategies.services import deployment_create, deployment_start, revision_approve, revision_submit

    author = User.objects.create_user("author", desk_role=DeskRole.ADMIN)
    approver = User.objects.create_user("approver", desk_role=DeskRole.ADMIN)
    venue = Venue.objects.create(
        slug="sim", name="Simulated", kind=VenueKind.SIMULATED, component="exchanges.simulated"
    )
    client = Client.objects.create(slug="acorn", name="Acorn")
    account = ExchangeAccount.objects.create(client=client, venue=venue, name="paper")
    made = {}
    for number, name in enumerate(("first", "second", "third", "careful")):
        base = f"AC{number}"
        symbol = f"{base}/USDT"
        mandate = Mandate.objects.create(
            client=client,
            slug=name,
            name=name,
            base=base,
            quote="USDT",
            resume_policy=ResumePolicy.PAUSE if name == "careful" else ResumePolicy.RESUME,
        )
        market = Market.objects.create(
            venue=venue,
            symbol=symbol,
            base=base,
            quote="USDT",
            tick_size=Decimal("0.01"),
            lot_size=Decimal("0.00001"),
            maker_fee_bps=Decimal("1"),
            component_args={"anchor_price": "60000", "profile": "major", "seed": number},
        )
        strategy = Strategy.objects.create(client=client, mandate=mandate, name=name)
        revision = revision_submit(strategy=strategy, yaml=YAML.format(symbol=symbol), actor=author)
        revision_approve(revision=revision, actor=approver)
        deployment = deployment_create(
            mandate=mandate,
            revision=revision,
            account=account,
            market=market,
            mode=Mode.PAPER,
            funding={base: Decimal(50), "USDT": Decimal(3_000_000)},
            actor=author,
        )
        deployment_start(deployment=deployment, actor=author, reason="the test begins")
        made[name] = deployment.pk
    return made


def command(verb: str, ids: list[int]) -> None:
    from clients.models import User
    from strategies import services
    from strategies.models import Deployment

    for pk in ids:
        act = getattr(services, f"deployment_{verb}")
        act(
            deployment=Deployment.objects.get(pk=pk),
            actor=User.objects.get(username="author"),
            reason=f"{verb} by test",
        )


if __name__ == "__main__":
    django.setup()
    if sys.argv[1] == "make":
        print(json.dumps(make()))
    else:
        command(sys.argv[1], [int(each) for each in sys.argv[2:]])
