"""What a service was built with may change while it runs: a tick, a market's state, an account's key."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.db.models import F

from engine.core.errors import AuthRejected
from engine.core.plugins import Registry
from engine.testing.venue import FakeVenue
from engine.venues.credentials import Credentials
from exchanges.choices import KeyVerdict, MarketState, VenueKind
from exchanges.models import ExchangeAccount, Market, SealedCredentials, Venue
from exchanges.services import credentials_seal
from exchanges.vault import KEY_FILE, PrivateKey, keep
from mmplatform.host.account import HeldAccount
from strategies.models import Deployment, Revision
from tests.mmplatform.host.conftest import YAML, Desk
from tests.mmplatform.host.test_host import Watch, watch

__all__ = ["watch"]


def change(desk: Desk, **facts: object) -> None:
    """As the synchronisation writes what a venue changed."""
    desk.run(lambda: Market.objects.filter(pk=desk.market.pk).update(facts_version=F("facts_version") + 1, **facts))


def prices(watch: Watch, deployment: Deployment) -> list[Decimal]:
    return watch.one(
        "select coalesce(array_agg(price), '{}') from monitoring_order "
        "where deployment_id = %s and status in ('open', 'partially_filled')",
        deployment.pk,
    )


async def test_a_running_deployment_quotes_on_a_changed_tick_without_being_told(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        await watch.until(lambda: watch.resting(deployment) == 4)
        change(desk, tick_size=Decimal("0.0005"))
        await watch.until(
            lambda: (found := prices(watch, deployment)) and all(price % Decimal("0.0005") == 0 for price in found)
        )
        assert watch.state(deployment)[0] == "active"
        assert "built anew with the market's facts" in watch.events(deployment)


async def test_a_running_deployment_goes_on_with_another_revision_when_it_is_given_one(
    watch: Watch, desk: Desk
) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        await watch.until(lambda: watch.resting(deployment) == 4)
        wider = desk.another_revision(YAML.replace("num_levels: 2", "num_levels: 3"))
        desk.run(lambda: Deployment.objects.filter(pk=deployment.pk).update(revision=wider))
        await watch.until(lambda: watch.resting(deployment) == 6)
        assert watch.state(deployment)[0] == "active"
        desk.run(lambda: Deployment.objects.filter(pk=deployment.pk).update(revision=desk.revision))
        await watch.until(lambda: watch.resting(deployment) == 4)


async def test_a_paused_deployment_takes_the_change_and_stays_paused(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    async with watch.host():
        await watch.until(lambda: watch.one("select observed_at is not null from strategies_deployment"))
        before = watch.one("select token from strategies_deployment")
        change(desk, lot_size=Decimal(1))
        await watch.until(lambda: watch.one("select token from strategies_deployment") > before)
        assert watch.state(deployment) == ("paused", "not started")


@pytest.mark.parametrize(
    ("state", "words"),
    [(MarketState.HALTED, "does not trade AURORA/USDT at present"), (MarketState.DELISTED, "was taken off the list")],
)
async def test_a_market_that_stops_trading_halts_what_runs_there(
    watch: Watch, desk: Desk, state: MarketState, words: str
) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        await watch.until(lambda: watch.resting(deployment) == 4)
        change(desk, state=state)
        assert words in await watch.until_state(deployment, "halted")
        assert watch.resting(deployment) == 0
        change(desk, state=MarketState.TRADING)
        watch.command("reset", deployment, "it trades again")
        assert await watch.until_state(deployment, "paused") == "it trades again"


# Live


OPENED: list[tuple[str, str]] = []
"""Account and secret, as each component was handed them."""


class Keyed(FakeVenue):
    """A venue that opens an account and keeps nothing of what opened it."""

    def __init__(self, *, account: str = "", symbol: str = "AURORA/USDT") -> None:
        super().__init__(symbol=symbol)
        self.account = account

    async def load(self) -> None:
        OPENED.append((self.account, self.runtime.credentials(self.account).secret))
        await super().load()


def registry() -> Registry:
    return Registry.installed().with_components({"exchanges.ccxt.keyed": Keyed})


def sealed_with(desk: Desk, secret: str, verdict: KeyVerdict = KeyVerdict.USABLE) -> None:
    def seal() -> None:
        given = Credentials(api_key=f"key of {secret}", secret=secret)
        credentials_seal(account=desk.account, credentials=given, actor=desk.author)
        SealedCredentials.objects.update(verdict=verdict)

    desk.run(seal)


@pytest.fixture
def live(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """A live deployment at a venue in this process."""
    keep(tmp_path / "vault.key", [PrivateKey.new()])
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "vault.key"))
    OPENED.clear()

    def furnish() -> None:
        desk.venue = Venue.objects.create(
            slug="keyed", name="Keyed", kind=VenueKind.CENTRALISED, component="exchanges.ccxt.keyed"
        )
        desk.market = Market.objects.create(
            venue=desk.venue,
            symbol="AURORA/USDT",
            base="AURORA",
            quote="USDT",
            tick_size=Decimal("0.0001"),
            lot_size=Decimal("0.1"),
        )
        desk.account = ExchangeAccount.objects.create(client=desk.client, venue=desk.venue, name="main", is_paper=False)
        desk.revision = Revision.objects.create(
            client=desk.client,
            strategy=desk.revision.strategy,
            number=2,
            yaml=YAML.replace("exchanges.simulated", "exchanges.ccxt.keyed"),
            sha256="1" * 64,
            author=desk.author,
        )

    desk.run(furnish)
    sealed_with(desk, "first")
    deployment = desk.deployment("live", wanted="paused")
    yield deployment
    OPENED.clear()


async def test_a_live_deployment_is_handed_its_accounts_key_and_a_new_one_when_it_changes(
    watch: Watch, desk: Desk, live: Deployment
) -> None:
    async with watch.host(registry=registry()):
        await watch.until(lambda: OPENED == [("main", "first")])
        sealed_with(desk, "second")
        await watch.until(lambda: OPENED[-1:] == [("main", "second")])


async def test_a_key_that_replaces_another_is_not_traded_with_before_it_has_been_checked(
    watch: Watch, desk: Desk, live: Deployment
) -> None:
    watch.command("start", live)
    async with watch.host(registry=registry()):
        await watch.until_state(live, "active")
        built = len(OPENED)
        sealed_with(desk, "second", KeyVerdict.UNCHECKED)
        change(desk, tick_size=Decimal("0.0005"))
        for _ in range(3):  # what a renewal tells is acted on before the next but one
            seen = watch.one("select expires_at from strategies_deployment where id = %s", live.pk)
            await watch.until(
                lambda seen=seen: (  # type: ignore[misc]
                    watch.one("select expires_at from strategies_deployment where id = %s", live.pk) > seen
                )
            )
        assert OPENED[built:] == []
        assert watch.state(live)[0] == "active"
        assert watch.events(live).count("another key, which has not been checked") == 1
        desk.run(lambda: SealedCredentials.objects.update(verdict=KeyVerdict.USABLE))
        await watch.until(lambda: OPENED[-1:] == [("main", "second")])


async def test_nothing_is_resumed_with_a_key_that_has_not_been_checked(
    watch: Watch, desk: Desk, live: Deployment
) -> None:
    sealed_with(desk, "second", KeyVerdict.UNCHECKED)
    desk.run(lambda: Deployment.objects.update(observed="active", wanted="active"))
    async with watch.host(registry=registry()):
        assert "the key of main has not been checked yet" in await watch.until_state(live, "paused")
        assert watch.one("select wanted from strategies_deployment where id = %s", live.pk) == "paused"


async def test_a_key_found_to_be_dangerous_halts_what_trades_with_it(
    watch: Watch, desk: Desk, live: Deployment
) -> None:
    async with watch.host(registry=registry()):
        await watch.until(lambda: OPENED)
        desk.run(
            lambda: SealedCredentials.objects.update(verdict=KeyVerdict.REFUSED, verdict_reason="It can withdraw.")
        )
        assert await watch.until_state(live, "halted") == "The key of main is refused. It can withdraw."


async def test_without_the_vaults_key_a_live_deployment_faults_and_says_which_one_is_missing(
    watch: Watch, desk: Desk, live: Deployment, tmp_path: Path
) -> None:
    keep(tmp_path / "vault.key", [PrivateKey.new()])
    async with watch.host(registry=registry()):
        assert "sealed under the vault's key" in await watch.until_state(live, "faulted")
    assert OPENED == []


async def test_no_secret_is_written_down_by_a_host(watch: Watch, desk: Desk, live: Deployment) -> None:
    sealed_with(desk, "s3cret-of-aurora")
    async with watch.host(registry=registry()):
        await watch.until(lambda: OPENED)
    tables = watch.one(
        "select string_agg(format('select t::text from %%I t', tablename), ' union all ') "
        "from pg_tables where schemaname = 'public'"
    )
    assert "s3cret-of-aurora" not in watch.one(f"select string_agg(t, ' ') from ({tables}) as everything(t)")


def test_a_deployment_opens_no_other_account_and_none_at_all_unless_it_is_live() -> None:
    held = HeldAccount(name="main")
    with pytest.raises(AuthRejected, match='trades with the account "main" and opens no "other"'):
        held.credentials("other")
    with pytest.raises(AuthRejected, match="only a live deployment opens one"):
        held.credentials("main")
