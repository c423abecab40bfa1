"""Trading live: which accounts may, what stops it, and that a key in use is not taken away."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from clients.errors import Refusal
from engine.core.plugins import Registry
from exchanges.choices import KeyVerdict, MarketState
from exchanges.models import ExchangeAccount, Market, SealedCredentials, Venue
from exchanges.services import account_open, credentials_remove
from strategies.choices import Mode
from strategies.models import Deployment, Revision
from strategies.services import (
    deployment_create,
    deployment_end,
    deployment_reset,
    deployment_start,
    revision_approve,
    revision_submit,
)
from tests.exchanges.conftest import account, exchange, key_file, sealed
from tests.strategies.test_blueprint import Keyed
from tests.world import YAML, World

__all__ = ["account", "exchange", "key_file", "sealed"]


@pytest.fixture
def market(world: World, exchange: Venue, monkeypatch: pytest.MonkeyPatch) -> Market:
    registry = Registry.installed().with_components({"exchanges.ccxt.binance": Keyed})
    monkeypatch.setattr("strategies.loading.registry", lambda: registry)
    return Market.objects.create(
        venue=exchange, symbol="ACORN/USDT", base="ACORN", quote="USDT", tick_size="0.01", lot_size="0.1"
    )


@pytest.fixture
def revision(world: World) -> Revision:
    yaml = YAML.format(symbol="ACORN/USDT")
    before, rest = yaml.split("    id: exchanges.simulated\n")
    yaml = before + "    id: exchanges.ccxt.binance\n" + rest[rest.index("  mid:") :]
    made = revision_submit(strategy=world.acorn.strategy, yaml=yaml, actor=world.dora)
    revision_approve(revision=made, actor=world.rita)
    return made


@pytest.fixture
def usable(sealed: SealedCredentials) -> SealedCredentials:
    sealed.verdict = KeyVerdict.USABLE
    sealed.save(update_fields=["verdict"])
    return sealed


def go_live(world: World, revision: Revision, market: Market, account: ExchangeAccount) -> Deployment:
    return deployment_create(
        mandate=world.acorn.mandate,
        revision=revision,
        account=account,
        market=market,
        mode=Mode.LIVE,
        funding={},
        actor=world.dora,
    )


@pytest.fixture
def live(
    world: World, revision: Revision, market: Market, account: ExchangeAccount, usable: SealedCredentials
) -> Deployment:
    return go_live(world, revision, market, account)


def test_with_a_key_that_was_checked_a_live_deployment_is_made_and_may_start(world: World, live: Deployment) -> None:
    deployment_start(deployment=live, actor=world.dora, reason="go")
    live.refresh_from_db()
    assert (live.mode, live.wanted) == ("live", "active")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (KeyVerdict.UNCHECKED, "has not been checked at Binance yet"),
        (KeyVerdict.REFUSED, "is refused. It can withdraw."),
    ],
)
def test_a_key_that_is_unchecked_or_refused_lets_nothing_start(
    world: World,
    live: Deployment,
    revision: Revision,
    market: Market,
    account: ExchangeAccount,
    verdict: KeyVerdict,
    words: str,
) -> None:
    SealedCredentials.objects.update(verdict=verdict, verdict_reason="It can withdraw.")
    with pytest.raises(Refusal, match=words):
        deployment_start(deployment=live, actor=world.dora, reason="go")
    with pytest.raises(Refusal, match=words):
        go_live(world, revision, market, account)


def test_an_account_without_a_key_is_refused_by_the_service_and_by_the_database(
    world: World, revision: Revision, market: Market, account: ExchangeAccount
) -> None:
    with pytest.raises(Refusal, match="holds no key yet; enter one on its page"):
        go_live(world, revision, market, account)
    with pytest.raises(IntegrityError, match="needs a live account that holds a key"), transaction.atomic():
        Deployment.objects.create(
            client=account.client,
            mandate=world.acorn.mandate,
            revision=revision,
            account=account,
            market=market,
            mode=Mode.LIVE,
            name="by hand",
        )


def test_only_venues_whose_orders_are_proven_trade_live(world: World, exchange: Venue, usable: object) -> None:
    exchange.component = "exchanges.elsewhere"
    exchange.save(update_fields=["component"])
    account = account_open(client=world.acorn.client, venue=exchange, name="x", is_paper=False, actor=world.adam)
    market = Market.objects.create(
        venue=exchange, symbol="ACORN/USDT", base="ACORN", quote="USDT", tick_size="0.01", lot_size="0.1"
    )
    with pytest.raises(Refusal, match=r"live trading goes by exchanges\.ccxt\.\* alone"):
        go_live(world, world.acorn.revision, market, account)


def test_a_live_deployment_takes_no_funding(
    world: World, revision: Revision, market: Market, account: ExchangeAccount, usable: SealedCredentials
) -> None:
    with pytest.raises(Refusal, match="trades with what its account holds"):
        deployment_create(
            mandate=world.acorn.mandate,
            revision=revision,
            account=account,
            market=market,
            mode=Mode.LIVE,
            funding=dict.fromkeys(("ACORN", "USDT"), market.tick_size),
            actor=world.dora,
        )


def test_a_key_stays_while_something_live_may_need_it_to_cancel(
    world: World, live: Deployment, account: ExchangeAccount
) -> None:
    with pytest.raises(Refusal, match="Acorn on Simulated Exchange live has not ended"):
        credentials_remove(account=account, actor=world.adam, reason="tidy up")
    assert SealedCredentials.objects.exists()
    deployment_end(deployment=live, actor=world.dora, reason="over")
    credentials_remove(account=account, actor=world.adam, reason="tidy up")
    assert not SealedCredentials.objects.exists()


@pytest.mark.parametrize(
    ("state", "words"), [(MarketState.HALTED, "does not trade ACORN/USDT"), (MarketState.DELISTED, "off the list")]
)
def test_a_market_that_does_not_trade_lets_nothing_start_and_no_halt_be_reset(
    world: World, state: MarketState, words: str
) -> None:
    deployment = world.acorn.deployment
    Market.objects.filter(pk=deployment.market_id).update(state=state)
    with pytest.raises(Refusal, match=words):
        deployment_start(deployment=deployment, actor=world.dora, reason="go")
    Deployment.objects.filter(pk=deployment.pk).update(observed="halted")
    with pytest.raises(Refusal, match=f"would be halted again at once.*{words}"):
        deployment_reset(deployment=deployment, actor=world.rita, reason="try")
