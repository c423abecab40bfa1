"""A separately installed package adds a strategy, a price provider and a kill switch without touching the core. E2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from engine.core.catalog import Catalog
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.example import Examples
from engine.core.jsonschema import json_schema
from engine.core.plugins import Registry
from engine.core.states import State
from engine.market.types import NoPrice, Price, Side
from engine.testing import ManualClock
from strategies import loading
from strategies.builder.sheet import key_of
from strategies.builder.starters import Owed, begun, starters
from strategies.models import Deployment, Strategy
from strategies.views import catalog as pages
from tests.engine.risk.moments import Moment, quote
from tests.world import World

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tests" / "sample_plugin"
IDS = ("killswitches.open_orders", "marketmaking.one_sided", "prices.peg")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which the package was installed: its wheel, built offline and unpacked as an installer does."""
    wheels = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = wheels.glob("sample_desk-1.2.3-*.whl")
    into = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(into)
    return into


@pytest.fixture
def registry(site: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.syspath_prepend(str(site))
    return Registry.installed()


def engine(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`./mm engine …` in an installation that has the package."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])}
    command = [sys.executable, "-m", "engine.core.runner", *arguments]
    return subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, check=False)


def test_without_it_installed_nothing_of_it_is_known() -> None:
    assert not set(IDS) & set(Registry.installed().ids())


def test_it_is_listed_like_our_own_and_says_which_package_it_is_from(registry: Registry) -> None:
    catalog = Catalog.of(registry)
    assert catalog.broken == {}
    for id in IDS:
        entry = catalog.entries[id]
        assert (entry.package, entry.is_plugin) == ("sample-desk 1.2.3", True)
    assert not catalog.entries["prices.mid"].is_plugin
    assert {use.parameter for use in catalog.uses("prices.peg") if use.id == "marketmaking"} >= {"price"}
    assert "marketmaking" in {use.id for use in catalog.uses("marketmaking.one_sided")}


@pytest.mark.parametrize("id", IDS)
def test_its_example_can_be_built(registry: Registry, id: str) -> None:
    text = Examples(Catalog.of(registry)).text(id)
    Container(load_config(text, filename=f"{id}.yaml", registry=registry), registry)


def test_a_form_can_be_made_of_it(registry: Registry) -> None:
    schema = json_schema(registry.get("marketmaking.one_sided"))
    assert schema["required"] == ["side", "distance_bps", "size_quote"]
    assert schema["properties"]["side"] == {"enum": ["buy", "sell"], "description": "The side to post on"}
    assert schema["properties"]["distance_bps"]["x-unit"] == "bps"


def test_the_terminal_shows_it(site: Path) -> None:
    shown = engine(site, "--catalog", "prices.peg")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("prices.peg  (sample_desk.peg:Peg, sample-desk 1.2.3)")


def test_the_pages_show_it(world: World, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Catalog.of(registry)
    monkeypatch.setattr(pages, "installed", lambda: found)
    browser = Browser()
    browser.force_login(world.vera)
    listed = browser.get("/catalog/").content.decode()
    assert listed.count('<span class="badge">sample-desk 1.2.3</span>') == len(IDS)
    shown = browser.get("/catalog/prices.peg/").content.decode()
    assert '<span class="badge">plugin</span>' in shown
    assert "sample_desk.peg:Peg" in shown


@pytest.fixture
def desk_with_it(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The web process of an installation that has the package: what is installed is read anew, and nothing else."""
    monkeypatch.syspath_prepend(str(site))
    for known in (loading.registry, loading.installed):
        known.cache_clear()
    yield
    for known in (loading.registry, loading.installed):
        known.cache_clear()


@pytest.mark.usefixtures("desk_with_it")
def test_it_is_built_submitted_approved_and_deployed_through_the_pages(world: World) -> None:
    strategy, market = world.acorn.strategy, world.acorn.market
    market.component_args = {"anchor_price": "2", "seed": 7}
    market.save(update_fields=["component_args"])
    strategy.draft_yaml = begun(starters()["ladder"], loading.market_facts(market), Owed())
    strategy.market = market
    strategy.save(update_fields=["draft_yaml", "market"])
    dora, rita = Browser(), Browser()
    dora.force_login(world.dora)
    rita.force_login(world.rita)
    url = f"/strategies/{strategy.pk}"

    assert "sample-desk 1.2.3" in dora.get("/catalog/killswitches.open_orders/").content.decode()
    page = dora.get(f"{url}/").content.decode()
    for id in IDS:
        assert f'data-op="add" data-value="{id}"' in page

    def edit(op: str, **values: str) -> str:
        version = str(Strategy.objects.get(pk=strategy.pk).draft_version)
        posted = {"op": op, "version": version, **values}
        answer = dora.post(f"{url}/edit/", posted, headers={"X-Builder": "1"})
        assert answer.status_code == 200, answer.content.decode()
        return answer.content.decode()

    def field(*path: str | int) -> str:
        return f"f{key_of(('components', *path))}"

    edit("add", value="killswitches.open_orders")
    shown = edit("set", **{field("quoting", "args", "strategy"): "+marketmaking.one_sided"})
    assert 'id="f-components-one_sided-args-distance_bps"' in shown
    assert "The side to post on" in shown
    edit("set", **{field("quoting", "args", "price"): "+prices.peg"})
    assert "problem" in edit("set", **{field("one_sided", "args", "side"): "sideways"})
    edit("item", path=json.dumps(["components", "kill", "args", "switches"]), value="@open_orders")
    values = {
        ("open_orders", "max_orders"): "9",
        ("one_sided", "side"): "buy",
        ("one_sided", "distance_bps"): "15",
        ("one_sided", "size_quote"): "300",
        ("peg", "price"): "@mid",
        ("peg", "peg_price"): "2",
        ("peg", "max_distance_bps"): "2000",
    }
    shown = edit("set", **{field(name, "args", key): text for (name, key), text in values.items()})
    assert ">Valid<" in shown, shown
    assert "our bids" in dora.get(f"{url}/prediction/").content.decode()

    version = str(Strategy.objects.get(pk=strategy.pk).draft_version)
    assert dora.post(f"{url}/review/", {"version": version})["Location"] == f"{url}/r2/"
    assert rita.post(f"{url}/r2/approve/", {"reason": "fine"}).status_code == 302
    place = {"place": "0", "mode": "paper", "base": "100", "quote": "1000", "name": "with a plugin"}
    assert dora.post(f"{url}/r2/deploy/", place).status_code == 302
    assert Deployment.objects.get(name="with a plugin").revision.number == 2


def test_its_file_can_run_where_it_is_installed_and_is_refused_elsewhere(site: Path, tmp_path: Path) -> None:
    file = str(SOURCE / "service.yaml")
    here = engine(site, file, "--check")
    assert here.returncode == 0, here.stderr
    assert 'can run: 10 components, service "quoting" (marketmaking).' in here.stdout
    elsewhere = engine(tmp_path, file, "--check")
    assert elsewhere.returncode == 2
    assert 'no component is called "prices.peg"' in elsewhere.stderr


async def running(registry: Registry, clock: ManualClock, **changed: str) -> Container:
    """The package's own service, started."""
    text = (SOURCE / "service.yaml").read_text()
    for old, new in changed.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    container = Container(load_config(text, filename="service.yaml", registry=registry), registry, clock=clock)
    await container.load()
    await container.begin()
    await container.service.start("a test asked for it")
    await clock.advance(5)
    return container


async def test_all_three_quote_a_simulated_market_together(registry: Registry) -> None:
    container = await running(registry, ManualClock())
    service: Any = container.service
    assert service.machine.state is State.ACTIVE
    (wanted,) = service.quotes.quotes
    mid = container.components["mid"].price().value  # type: ignore[attr-defined]
    assert mid * Decimal("0.995") < wanted.price < mid
    assert wanted.price * wanted.size_base <= 50
    resting = await container.components["venue"].open_orders("EURX/USDT")  # type: ignore[attr-defined]
    assert [order.side for order in resting] == [Side.BUY]
    assert mid * Decimal("0.995") < resting[0].price < mid
    await container.unload()


async def test_off_its_peg_nothing_is_quoted_and_it_says_why(registry: Registry) -> None:
    container = await running(registry, ManualClock(), **{"max_distance_bps: 2000": "max_distance_bps: !decimal '0.1'"})
    service: Any = container.service
    price = container.components["near_peg"].price()  # type: ignore[attr-defined]
    assert isinstance(price, NoPrice)
    assert "bps away from the peg of 1.1000, over 0.1 bps." in price.reason
    assert service.quotes.quotes == ()
    await container.unload()


class Given:
    def __init__(self, value: str) -> None:
        self.value = Decimal(value)

    def price(self) -> Price:
        return Price(value=self.value, ts_ns=1, source="given")


@pytest.mark.parametrize(("value", "there"), [("1.0099", True), ("1.01", True), ("1.0101", False), ("0.98", False)])
def test_the_peg_holds_up_to_its_distance_and_no_further(registry: Registry, value: str, there: bool) -> None:
    peg = registry.get("prices.peg")(price=Given(value), peg_price=Decimal(1), max_distance_bps=Decimal(100))
    assert isinstance(peg.price(), Price) is there


def test_the_switch_trips_on_one_order_more_than_its_limit(registry: Registry) -> None:
    switch = registry.get("killswitches.open_orders")(max_orders=2)
    switch.name = "too_many"
    moment = Moment().resting(quote("buy", 0, "0.99"), quote("buy", 1, "0.98"))
    assert switch.check(moment.state()) is None
    trip = switch.check(moment.resting(quote("buy", 2, "0.97")).state())
    assert trip.reason == "3 of our orders may still fill, more than the limit of 2."
    assert (trip.switch, trip.value, trip.limit) == ("too_many", 3, 2)


@pytest.mark.parametrize(("side", "price"), [("buy", "99.9"), ("sell", "100.1")])
def test_one_order_stands_on_its_side(registry: Registry, side: str, price: str) -> None:
    strategy = registry.get("marketmaking.one_sided")(side=side, distance_bps=Decimal(10), size_quote=Decimal(50))

    class Context:
        reference = Given("100").price()

    draft = strategy.draft(Context)
    (rung,) = draft.bids or draft.asks
    assert (rung.price, bool(draft.bids)) == (Decimal(price), side == "buy")
