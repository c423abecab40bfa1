"""A live deployment at a venue that speaks Binance's wire format, through a real host: the venue's own books judge."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.execution.ids import parse
from engine.venues.credentials import Credentials
from exchanges.choices import KeyVerdict, VenueKind
from exchanges.inspection import read_markets
from exchanges.markets import write
from exchanges.models import ExchangeAccount, Market, SealedCredentials
from exchanges.models import Venue as VenueRecord
from exchanges.services import credentials_seal
from exchanges.vault import KEY_FILE, PrivateKey, keep
from strategies.models import Deployment, Revision
from tests.mmplatform.host.conftest import YAML, Desk
from tests.mmplatform.host.test_host import Watch, watch
from tests.venues.binance import Binance
from tests.venues.conftest import loopback
from tests.venues.every import AURORA, opened
from tests.venues.faults import Drop
from tests.venues.loopback import Loopback

__all__ = ["loopback", "watch"]

LONG_S = 60.0
"""The library of venues is imported meanwhile, which takes its time where Python keeps no bytecode."""
S = AURORA.symbol
OURS = Binance.keys.account


@pytest.fixture
async def venue(loopback: Loopback) -> Binance:
    made = opened(Binance)
    loopback.mount(made)
    return made


@pytest.fixture
def live(desk: Desk, venue: Binance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    keep(tmp_path / "vault.key", [PrivateKey.new()])
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "vault.key"))

    def furnish() -> Deployment:
        desk.mandate.base, desk.mandate.quote = AURORA.base, AURORA.quote
        desk.mandate.save()
        desk.venue = VenueRecord.objects.create(
            slug="binance",
            name="Binance",
            kind=VenueKind.CENTRALISED,
            component="exchanges.ccxt.binance",
            endpoint_override=venue.address,
        )
        desk.market = Market.objects.create(
            venue=desk.venue,
            symbol=S,
            base=AURORA.base,
            quote=AURORA.quote,
            tick_size=AURORA.tick,
            lot_size=AURORA.lot,
        )
        desk.account = ExchangeAccount.objects.create(client=desk.client, venue=desk.venue, name="main", is_paper=False)
        given = Credentials(api_key=Binance.keys.api_key, secret=Binance.keys.secret)
        credentials_seal(account=desk.account, credentials=given, actor=desk.author)
        SealedCredentials.objects.update(verdict=KeyVerdict.USABLE)
        yaml = YAML.replace('"AURORA/USDT"', f'"{S}"')
        yaml = yaml.replace('{id: exchanges.simulated, args: {symbol: "@symbol"}}', "{id: exchanges.ccxt.binance}")
        desk.revision = Revision.objects.create(
            client=desk.client,
            strategy=desk.revision.strategy,
            number=2,
            yaml=yaml,
            sha256="1" * 64,
            author=desk.author,
        )
        return Deployment.objects.create(
            client=desk.client,
            mandate=desk.mandate,
            revision=desk.revision,
            account=desk.account,
            market=desk.market,
            name="live",
            mode="live",
        )

    return desk.run(furnish)


def resting(venue: Binance) -> int:
    return len(venue.books.resting(OURS))


async def test_it_quotes_there_and_a_kill_is_proven_by_the_venues_own_books(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    watch.command("start", live)
    async with watch.host():
        await watch.until(lambda: resting(venue) == 4, LONG_S)
        quotes = venue.books.resting(OURS)
        assert all(quote.post_only and not quote.price % AURORA.tick for quote in quotes)
        mine = [parse(quote.client_id) for quote in quotes]
        assert {each.deployment_id for each in mine if each} == {live.pk}
        assert len([each for each in mine if each]) == 4
        watch.command("halt", live, "drill")
        await watch.until(lambda: watch.state(live)[0] == "halted")
        assert resting(venue) == 0
        assert watch.one("select halt_proven from strategies_deployment where id = %s", live.pk)
    assert resting(venue) == 0


async def test_a_fill_at_the_venue_is_written_down_to_the_last_digit(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    watch.command("start", live)
    async with watch.host():
        await watch.until(lambda: resting(venue) == 4, LONG_S)
        best = max((order for order in venue.books.resting(OURS) if order.side == "buy"), key=lambda order: order.price)
        venue.books.crowd_takes(S, "sell", str(best.price), "100")
        await watch.until(lambda: watch.one("select count(*) from monitoring_fill"), LONG_S)
        price, size = watch.one("select price, size_base from monitoring_fill order by at limit 1")
        truth = venue.books.fills(OURS)[0]
        assert (price, size) == (truth.price, truth.size)
        watch.command("pause", live, "over")
        await watch.until_state(live, "paused")
    assert resting(venue) == 0


async def test_a_kill_is_proven_too_where_the_venue_loses_the_answers_to_cancels(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    watch.command("start", live)
    async with watch.host():
        await watch.until(lambda: resting(venue) == 4, LONG_S)
        venue.faults.next("cancel", *[Drop(acts=False)] * 4)
        watch.command("halt", live, "the venue misbehaves")
        await watch.until(lambda: watch.state(live)[0] == "halted", LONG_S)
        assert resting(venue) == 0
        assert watch.one("select halt_proven from strategies_deployment where id = %s", live.pk)


async def test_what_a_lost_host_left_at_the_venue_is_cleared_before_the_next_quotes(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    venue.books.place(
        OURS,
        S,
        "buy",
        price=Decimal("99.00"),
        size=Decimal("0.5"),
        post_only=True,
        client_id=f"mm-{live.pk:x}-1-1",
    )
    watch.command("start", live)
    async with watch.host():
        await watch.until(lambda: watch.state(live)[0] == "active" and resting(venue) == 4, LONG_S)
        assert Decimal("99.00") not in {order.price for order in venue.books.resting(OURS)}


async def test_a_tick_the_venue_changes_is_noticed_and_quoted_on(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    watch.command("start", live)
    async with watch.host():
        await watch.until(lambda: resting(venue) == 4, LONG_S)
        assert any(each.price % Decimal("0.04") for each in venue.books.resting(OURS))
        coarser = msgspec.structs.replace(venue.books.markets[S], tick=Decimal("0.04"))
        venue.books.markets[S] = coarser
        found = await asyncio.to_thread(read_markets, desk.venue)
        assert desk.run(lambda: write(desk.venue, found)).changes >= 1
        await watch.until(
            lambda: resting(venue) and not any(each.price % coarser.tick for each in venue.books.resting(OURS)), LONG_S
        )
        assert watch.state(live)[0] == "active"
        assert "AUR/USDT changed at binance, " in watch.events(live)
        assert "tick size 0.01 → 0.04" in watch.events(live)


async def test_a_market_the_venue_halts_is_noticed_and_left_with_nothing_resting(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    watch.command("start", live)
    async with watch.host():
        await watch.until(lambda: resting(venue) == 4, LONG_S)
        venue.books.halted.add(S)
        found = await asyncio.to_thread(read_markets, desk.venue)
        desk.run(lambda: write(desk.venue, found))
        assert "does not trade AUR/USDT at present" in await watch.until_state(live, "halted", LONG_S)
        assert resting(venue) == 0
        assert watch.one("select halt_proven from strategies_deployment where id = %s", live.pk)


async def test_what_a_fault_left_at_a_venue_out_of_reach_is_cleared_once_it_is_in_reach(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    watch.command("start", live)
    async with watch.host() as host:
        await watch.until(lambda: resting(venue) == 4, LONG_S)
        for call in ("cancel", "cancel_all", "order", "open_orders"):
            venue.faults.always(call, Drop(acts=False))
        await host.hosted[live.pk].fail("a part of it broke")
        reason = await watch.until_state(live, "faulted", LONG_S)
        assert "Orders may still rest" in reason
        assert resting(venue) == 4
        venue.faults.clear()
        await watch.until(lambda: watch.state(live)[0] == "halted", LONG_S)
        assert resting(venue) == 0
        assert watch.one("select halt_proven from strategies_deployment where id = %s", live.pk)
        assert "a part of it broke" in watch.state(live)[1]


async def test_what_a_lost_host_left_is_cleared_also_when_the_venue_is_out_of_reach_at_first(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    ours = f"mm-{live.pk:x}-1-1"
    venue.books.place(OURS, S, "buy", price=Decimal(99), size=Decimal("0.5"), post_only=True, client_id=ours)
    desk.run(lambda: Deployment.objects.update(observed="active", wanted="active"))
    venue.faults.always("markets", Drop(acts=False))
    async with watch.host():
        assert "could not be started" in await watch.until_state(live, "faulted", LONG_S)
        assert resting(venue) == 1
        venue.faults.clear()
        await watch.until(lambda: resting(venue) == 0, LONG_S)
        assert watch.state(live)[0] in ("faulted", "paused", "halting", "halted")
