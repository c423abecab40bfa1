"""One revision, unchanged, in every mode."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.core.config import ConfigError, check_config, dump_config, parse_tree
from engine.core.container import Container
from engine.core.plugins import Registry
from engine.testing.venue import FakeVenue
from strategies.blueprint import BlueprintError, MarketFacts, RecordingFacts, blueprint
from strategies.choices import Mode
from tests.mmplatform.host.conftest import YAML


class Keyed(FakeVenue):
    """A venue that opens an account."""

    def __init__(self, *, account: str = "", endpoint_override: str = "", symbol: str = "AURORA/USDT") -> None:
        super().__init__(symbol=symbol)
        self.account = account


REGISTRY = Registry.installed().with_components({"exchanges.ccxt.keyed": Keyed})
KEYED_YAML = YAML.replace(
    "{id: exchanges.simulated, args: {", '{id: exchanges.ccxt.keyed, args: {account: "theirs", '
).replace("  mid:", '  elsewhere: {id: exchanges.ccxt.keyed, args: {account: "spare", symbol: "X/Y"}}\n  mid:', 1)
MARKET = MarketFacts(
    component="exchanges.simulated",
    symbol="AURORA/USDT",
    base="AURORA",
    quote="USDT",
    tick_size=Decimal("0.0001"),
    lot_size=Decimal("0.1"),
    maker_fee_bps=Decimal("-0.5"),
    args={"anchor_price": "0.0312", "profile": "thin", "seed": 4},
)
LIVE_MARKET = replace(MARKET, component="exchanges.ccxt.keyed", args={}, endpoint_override="http://127.0.0.1:1")
FUNDING = {"AURORA": Decimal("10000"), "USDT": Decimal("5000")}
RECORDING = RecordingFacts(path="/recordings/aurora.gz", speed="2.5")


def laid(mode: Mode, yaml: str = YAML, **more: object) -> dict:
    settings: dict = {"market": MARKET, "registry": REGISTRY, "funding": FUNDING, "recording": RECORDING} | more
    document = blueprint(yaml=yaml, mode=mode, **settings)
    check_config(document, registry=REGISTRY)  # every mode gives a configuration that can run
    return document.tree["components"]


def test_on_paper_the_venue_becomes_a_source_and_an_account_takes_its_name() -> None:
    components = laid(Mode.PAPER)
    assert components["venue"] == {
        "id": "exchanges.paper",
        "args": {
            "market": "@venue_public",
            "symbol": "@symbol",
            "base_balance": Decimal("10000"),
            "quote_balance": Decimal("5000"),
        },
    }
    assert components["venue_public"] == {
        "id": "exchanges.simulated",
        "args": {
            "symbol": "@symbol",
            "tick_size": Decimal("0.0001"),
            "lot_size": Decimal("0.1"),
            "maker_fee_bps": Decimal("-0.5"),
            "taker_fee_bps": Decimal(0),
            "anchor_price": Decimal("0.0312"),
            "profile": "thin",
            "seed": 4,
        },
    }


def test_a_replay_trades_on_paper_over_the_recording() -> None:
    components = laid(Mode.REPLAY)
    assert components["venue"]["id"] == "exchanges.paper"
    public = components["venue_public"]
    assert public["id"] == "exchanges.replay"
    assert (public["args"]["path"], public["args"]["speed"]) == ("/recordings/aurora.gz", Decimal("2.5"))
    assert public["args"]["tick_size"] == Decimal("0.0001")
    fastest = laid(Mode.REPLAY, recording=RecordingFacts(path="a.gz"))["venue_public"]
    assert "speed" not in fastest["args"]


def test_a_shadow_looks_at_the_venue_itself_and_sends_nothing() -> None:
    components = laid(Mode.SHADOW, funding={})
    assert components["venue"]["id"] == "exchanges.simulated"
    assert components["executor"] == {
        "id": "marketmaking.executors.dry_run",
        "args": {"exchange": "@venue", "symbol": "@symbol"},
    }


@pytest.mark.parametrize(
    ("executor", "args"),
    [
        ("canary", {"exchange": "@venue", "symbol": "@symbol", "share": Decimal("0.1")}),
        ("paper", {"market": "@venue", "symbol": "@symbol", "base_balance": 1, "quote_balance": 1}),
    ],
)
def test_no_executor_that_places_orders_is_left_in_a_shadow(executor: str, args: dict) -> None:
    tree = parse_tree(YAML)
    tree["components"]["executor"] = {"id": f"marketmaking.executors.{executor}", "args": args}
    components = laid(Mode.SHADOW, yaml=dump_config(tree), funding={})
    assert components["executor"] == {
        "id": "marketmaking.executors.dry_run",
        "args": {"exchange": "@venue", "symbol": "@symbol"},
    }


def test_a_dead_mans_switch_goes_along_on_paper_and_stays_away_from_a_shadow() -> None:
    yaml = YAML.replace(
        'executor: {id: marketmaking.executors.live, args: {exchange: "@venue", symbol: "@symbol"}}',
        'switch: {id: dead_mans_switch, args: {exchange: "@venue", symbol: "@symbol"}}\n  executor: {id: '
        'marketmaking.executors.live, args: {exchange: "@venue", symbol: "@symbol", dead_mans_switch: "@switch"}}',
    )
    assert "switch" in laid(Mode.PAPER, yaml)
    assert "switch" not in laid(Mode.SHADOW, yaml, funding={})


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.PAPER, Mode.REPLAY])
def test_what_was_approved_stays_as_it_was(mode: Mode) -> None:
    approved = parse_tree(YAML)["components"]
    components = laid(mode)
    for name in set(approved) - {"venue", "executor"}:
        assert components[name] == approved[name]
    sinks = {spec["id"] for spec in components.values() if spec["id"].startswith("sinks.")}
    assert sinks == {"sinks.postgres", "sinks.live"}


def test_every_mode_can_be_built() -> None:
    for mode in (Mode.SHADOW, Mode.PAPER, Mode.REPLAY):
        laid = blueprint(yaml=YAML, mode=mode, market=MARKET, registry=REGISTRY, funding=FUNDING, recording=RECORDING)
        container = Container(check_config(laid, registry=REGISTRY), REGISTRY)
        assert container.service is container.components["quoting"]


def test_what_is_wrong_is_named_by_its_place_in_the_revision() -> None:
    yaml = YAML.replace("num_levels: 2", "num_levels: 0")
    line = 1 + yaml[: yaml.index("num_levels")].count("\n")
    with pytest.raises(ConfigError) as caught:
        laid(Mode.PAPER, yaml, filename="Quotes, revision 3")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.path) == (
        "Quotes, revision 3",
        line,
        "components.spread.args.num_levels",
    )


def test_the_record_of_the_market_wins_over_the_text() -> None:
    yaml = YAML.replace(
        'args: {symbol: "@symbol"}}\n  mid', 'args: {symbol: "@symbol", tick_size: !decimal "1", seed: 99}}\n  mid'
    )
    args = laid(Mode.PAPER, yaml)["venue_public"]["args"]
    assert (args["tick_size"], args["seed"]) == (Decimal("0.0001"), 4)


def test_another_venue_of_the_revision_stays_public() -> None:
    other = '  other: {id: exchanges.simulated, args: {symbol: "OTHER/USDT", anchor_price: !decimal "5", '
    other += 'tick_size: !decimal "0.001", lot_size: !decimal "1"}}\n'
    components = laid(Mode.PAPER, YAML.replace("  mid:", other + "  mid:", 1))
    assert components["other"]["id"] == "exchanges.simulated"
    assert "other_public" not in components


def test_live_the_venue_opens_the_deployments_account_and_every_other_venue_none() -> None:
    components = laid(Mode.LIVE, KEYED_YAML, market=LIVE_MARKET, account="ours", funding={})
    assert components["venue"] == {
        "id": "exchanges.ccxt.keyed",
        "args": {"account": "ours", "symbol": "@symbol", "endpoint_override": "http://127.0.0.1:1"},
    }
    assert components["elsewhere"]["args"] == {"symbol": "X/Y"}
    assert components["executor"]["id"] == "marketmaking.executors.live"


@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.SHADOW])
def test_in_every_other_mode_no_venue_opens_an_account(mode: Mode) -> None:
    components = laid(mode, KEYED_YAML, market=LIVE_MARKET, account="ours")
    assert not [name for name, spec in components.items() if "account" in (spec.get("args") or {})]


def test_names_that_are_taken_do_not_collide() -> None:
    yaml = YAML.replace("  manual:", "  record: {id: sinks.memory}\n  manual:", 1)
    components = laid(Mode.PAPER, yaml)
    assert components["record"]["id"] == "sinks.memory"
    assert components["host_record"]["id"] == "sinks.postgres"


@pytest.mark.parametrize(
    ("yaml", "mode", "more", "words"),
    [
        (YAML, Mode.LIVE, {"account": "main"}, "opens no account, so nothing trades live there"),
        (KEYED_YAML, Mode.LIVE, {"market": LIVE_MARKET}, "Trading live needs an account"),
        (YAML, Mode.PAPER, {"funding": {"USDT": Decimal(1)}}, "needs an opening balance of AURORA"),
        (YAML, Mode.REPLAY, {"recording": None}, "choose one"),
        (YAML, Mode.REPLAY, {"recording": RecordingFacts(path="a", speed="fast")}, "or \"max\", was 'fast'"),
        (YAML.replace("AURORA/USDT", "OTHER/USDT"), Mode.PAPER, {}, "No component of the revision trades AURORA/USDT"),
        (YAML.replace("exchanges.simulated", "exchanges.paper"), Mode.PAPER, {}, "name the venue itself"),
        (YAML.replace("  manual:", "  venue_public: {id: sinks.log}\n  manual:", 1), Mode.PAPER, {}, "in the way"),
        ("service: 5\n", Mode.PAPER, {}, "no map of components"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(yaml: str, mode: Mode, more: dict, words: str) -> None:
    with pytest.raises(BlueprintError, match=words):
        laid(mode, yaml, **more)


def test_a_group_of_services_cannot_be_deployed() -> None:
    """Its members' positions and samples would be told as one."""
    grouped = YAML.replace('service: "@quoting"', 'service: "@all"') + (
        '\n  all: {id: service.group, args: {services: ["@quoting"]}}\n'
    )
    assert 'service: "@all"' in grouped
    with pytest.raises(BlueprintError, match="is a group of several"):
        laid(Mode.PAPER, grouped)


# Canaries


@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.LIVE])
def test_every_executor_of_a_canary_sends_a_part_of_every_size(mode: Mode) -> None:
    yaml, market = (KEYED_YAML, LIVE_MARKET) if mode is Mode.LIVE else (YAML, MARKET)
    components = laid(mode, yaml, market=market, account="theirs", share=Decimal("0.25"))
    assert components["executor"]["args"]["share"] == Decimal("0.25")


def test_a_part_of_a_part_is_sent_where_the_revision_says_a_part_itself() -> None:
    """Also where a variable says it, which nothing names any more then."""
    written = 'executor: {id: marketmaking.executors.canary, args: {share: "@part", '
    yaml = YAML.replace("executor: {id: marketmaking.executors.live, args: {", written).replace(
        'symbol: "AURORA/USDT"', 'symbol: "AURORA/USDT"\n  part: !decimal "0.5"'
    )
    assert laid(Mode.PAPER, yaml)["executor"]["args"]["share"] == "@part"
    assert laid(Mode.PAPER, yaml, share=Decimal("0.1"))["executor"]["args"]["share"] == Decimal("0.05")


def test_in_shadow_there_is_nothing_to_send_a_part_of() -> None:
    assert laid(Mode.SHADOW, share=Decimal("0.5")) == laid(Mode.SHADOW)
