"""A small desk in the database, and connections as a host opens them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TypeVar

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from clients.choices import DeskRole
from clients.models import Client, Mandate, User
from exchanges.choices import VenueKind
from exchanges.models import ExchangeAccount, Market, Venue
from strategies.models import Deployment, HostSlot, PaperFunding, Revision, Strategy

T = TypeVar("T")
YAML = """\
service: "@quoting"
vars:
  symbol: "AURORA/USDT"
components:
  venue: {id: exchanges.simulated, args: {symbol: "@symbol"}}
  mid: {id: prices.mid, args: {market: "@venue", symbol: "@symbol", max_age_s: !decimal "5"}}
  spread:
    id: marketmaking.inventory_spread
    args:
      base_spread_bps: !decimal "20"
      order_size_quote: !decimal "50"
      num_levels: 2
      level_spacing_bps: !decimal "5"
      max_position_quote: !decimal "1000"
      inventory_skew_factor: !decimal "0.5"
  guard:
    id: risk.guard
    args:
      max_position_quote: !decimal "1000"
      max_loss_quote: !decimal "500"
      max_order_size_quote: !decimal "100"
      max_open_notional_quote: !decimal "1000"
      price_band_bps: !decimal "500"
  manual: {id: killswitches.manual}
  executor: {id: marketmaking.executors.live, args: {exchange: "@venue", symbol: "@symbol"}}
  quoting:
    id: marketmaking
    args:
      exchange: "@venue"
      symbol: "@symbol"
      price: "@mid"
      strategy: "@spread"
      guard: "@guard"
      killswitch: "@manual"
      executor: "@executor"
      interval_ms: 100
"""


def database_url() -> str:
    settings = connection.settings_dict
    return make_conninfo(host=settings["HOST"], port=settings["PORT"], user=settings["USER"], dbname=settings["NAME"])


class Desk:
    """Makes the rows a host works on, in a thread of its own, since the tests around it run on a loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self.run(self._furnish)

    def run(self, work: Callable[[], T]) -> T:
        """Do something with the ORM and wait for it."""
        return self._thread.submit(work).result()

    def close(self) -> None:
        self.run(lambda: connection.close())  # of that thread, hence not looked up here
        self._thread.shutdown()

    def _furnish(self) -> None:
        with connection.cursor() as cursor:
            # No models, so no test's end empties them.
            cursor.execute("truncate monitoring_sample_hot, monitoring_measurement_hot, monitoring_outbox")
        self.author = User.objects.create(username="author", desk_role=DeskRole.ADMIN)
        self.approver = User.objects.create(username="approver", desk_role=DeskRole.ADMIN)
        self.client = Client.objects.create(slug="aurora", name="Aurora")
        self.mandate = Mandate.objects.create(
            client=self.client, slug="aurora-usdt", name="AURORA/USDT", base="AURORA", quote="USDT"
        )
        self.venue = Venue.objects.create(
            slug="sim", name="Simulated", kind=VenueKind.SIMULATED, component="exchanges.simulated"
        )
        self.market = Market.objects.create(
            venue=self.venue,
            symbol="AURORA/USDT",
            base="AURORA",
            quote="USDT",
            tick_size=Decimal("0.0001"),
            lot_size=Decimal("0.1"),
            component_args={"anchor_price": "0.5", "profile": "mid", "seed": 3},
        )
        self.account = ExchangeAccount.objects.create(client=self.client, venue=self.venue, name="paper")
        strategy = Strategy.objects.create(client=self.client, mandate=self.mandate, name="two-sided")
        self.revision = Revision.objects.create(
            client=self.client, strategy=strategy, number=1, yaml=YAML, sha256="0" * 64, author=self.author
        )

    def another_revision(self, yaml: str) -> Revision:
        return self.run(
            lambda: Revision.objects.create(
                client=self.client,
                strategy=self.revision.strategy,
                number=self.revision.strategy.revisions.count() + 1,
                yaml=yaml,
                sha256="1" * 64,
                author=self.author,
            )
        )

    def slot(self, name: str = "engine-1", kind: str = "engine") -> HostSlot:
        return self.run(lambda: HostSlot.objects.create(name=name, kind=kind))

    def deployment(self, mode: str = "paper", **fields: object) -> Deployment:
        return self.run(lambda: self._deployment(mode, fields))

    def _deployment(self, mode: str, fields: dict[str, object]) -> Deployment:
        deployment = Deployment.objects.create(
            client=self.client,
            mandate=self.mandate,
            revision=self.revision,
            account=self.account,
            market=self.market,
            name=f"deployment {Deployment.objects.count() + 1}",
            mode=mode,
            **fields,
        )
        for asset, amount in (("AURORA", "10000"), ("USDT", "5000")):
            PaperFunding.objects.create(client=self.client, deployment=deployment, asset=asset, amount=Decimal(amount))
        return deployment


@pytest.fixture
def desk(transactional_db: None) -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


@pytest.fixture
async def connect(transactional_db: None) -> AsyncIterator[Callable[[], object]]:
    opened: list[psycopg.AsyncConnection] = []

    async def open_one() -> psycopg.AsyncConnection:
        opened.append(await psycopg.AsyncConnection.connect(database_url(), autocommit=True))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.close()
