"""What is asked of a venue now and then: what a key may do, what is listed, whether it works from here."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from engine.core.errors import AuthRejected
from engine.venues.account_report import UNSEEN, KeyPermissions, ReportsAccount
from engine.venues.ccxt import permissions
from engine.venues.ccxt.permissions import READERS
from engine.venues.ccxt.quality import qualities
from engine.venues.ccxt.venue import Venues
from engine.venues.check import FAILS, UNUSABLE, WORKS, check, main
from engine.venues.credentials import Credentials
from engine.venues.market_listing import ListsMarkets
from tests.engine.venues.ccxt.desk import S, desk_at
from tests.engine.venues.ccxt.keys import TELLS, telling
from tests.venues.every import AURORA, VENUES, opened
from tests.venues.faults import Drop, html
from tests.venues.loopback import Loopback
from tests.venues.wire import Venue

D = Decimal


@pytest.fixture
def venue(loopback: Loopback) -> Venue:
    made = opened(telling("binance"))
    loopback.mount(made)
    return made


SAID: list[tuple[str, Any, KeyPermissions]] = [
    (
        "binance",
        {"ipRestrict": False, "enableReading": True, "enableWithdrawals": True, "enableSpotAndMarginTrading": False},
        KeyPermissions(trade=False, withdraw=True, bound_to_addresses=False),
    ),
    (
        "bybit",
        {
            "result": {
                "readOnly": 0,
                "ips": ["*"],
                "permissions": {"Spot": ["SpotTrade"], "Wallet": ["AccountTransfer", "Withdraw"]},
            }
        },
        KeyPermissions(trade=True, withdraw=True, bound_to_addresses=False),
    ),
    (
        "bybit",
        {
            "result": {
                "readOnly": 1,
                "ips": ["10.0.0.1"],
                "permissions": {"Spot": ["SpotTrade"], "Wallet": ["Withdraw"]},
            }
        },
        KeyPermissions(trade=False, withdraw=False, bound_to_addresses=True),
    ),
    (
        "okx",
        {"code": "0", "data": [{"perm": "read_only,trade", "ip": "10.0.0.1,10.0.0.2"}]},
        KeyPermissions(trade=True, withdraw=False, bound_to_addresses=True),
    ),
    (
        "okx",
        {"code": "0", "data": [{"perm": "read_only,withdraw,trade", "ip": ""}]},
        KeyPermissions(trade=True, withdraw=True, bound_to_addresses=False),
    ),
    (
        "kucoin",
        {"data": {"permission": "General, Spot", "ipWhitelist": "10.0.0.1"}},
        KeyPermissions(trade=True, withdraw=False, bound_to_addresses=True),
    ),
    ("kucoin", {"data": {"permission": "General,Spot,Withdrawal"}}, KeyPermissions(trade=True, withdraw=True)),
    ("kucoin", {"data": {"permission": "General,Transfer"}}, KeyPermissions(trade=False, withdraw=True)),
    (
        "gate",
        [{"perms": [{"name": "spot", "read_only": False}, {"name": "wallet", "read_only": True}], "ip_whitelist": []}],
        KeyPermissions(trade=True, withdraw=False, bound_to_addresses=False),
    ),
    (
        "gate",
        [
            {"perms": [{"name": "spot", "read_only": False}], "ip_whitelist": ["10.0.0.1"]},
            {"perms": [{"name": "wallet", "read_only": False}], "ip_whitelist": ["10.0.0.1"]},
        ],
        KeyPermissions(trade=True, withdraw=True, bound_to_addresses=True),
    ),
    (
        "bitget",
        {"data": {"authorities": ["stow", "wwow"], "ips": "10.0.0.1"}},
        KeyPermissions(trade=True, withdraw=True, bound_to_addresses=True),
    ),
    (
        "kraken",
        {"result": {"permissions": ["query-funds", "modify-trades"], "ipAllowlist": []}},
        KeyPermissions(trade=True, withdraw=False, bound_to_addresses=False),
    ),
    (
        "htx",
        {"data": [{"permission": "readOnly,trade,withdraw", "ipAddresses": "10.0.0.1"}]},
        KeyPermissions(trade=True, withdraw=True, bound_to_addresses=True),
    ),
    (
        "coinbase",
        {"can_view": True, "can_trade": True, "can_transfer": False},
        KeyPermissions(trade=True, withdraw=False),
    ),
    ("bitfinex", [["orders", 1, 1], ["withdraw", 1, 0]], KeyPermissions(trade=True, withdraw=False)),
]


@pytest.mark.parametrize(
    ("venue_id", "said", "expected"), SAID, ids=[f"{venue} {n}" for n, (venue, *_) in enumerate(SAID)]
)
def test_what_a_venue_says_of_a_key_is_read_into_our_words(venue_id: str, said: Any, expected: KeyPermissions) -> None:
    assert READERS[venue_id].read(said) == expected


@pytest.mark.parametrize("venue_id", sorted(READERS))
@pytest.mark.parametrize("said", [{}, [], None, "<html>", {"data": None}, {"result": []}, {"data": [None]}, [[1]]])
def test_what_cannot_be_read_is_not_visible(venue_id: str, said: Any) -> None:
    assert READERS[venue_id].read(said) == UNSEEN


@pytest.mark.parametrize("venue_id", sorted(READERS))
def test_every_question_about_a_key_is_one_the_library_knows(venue_id: str) -> None:
    from engine.venues.ccxt import library

    assert hasattr(library.exact_class(venue_id)(), READERS[venue_id].method)


@pytest.mark.parametrize("withdraws", [False, True])
@pytest.mark.parametrize("venue_id", TELLS)
async def test_an_account_is_asked_what_its_key_may_do_and_what_it_holds(
    loopback: Loopback, venue_id: str, withdraws: bool
) -> None:
    venue: Any = opened(telling(venue_id))
    loopback.mount(venue)
    venue.withdraws = withdraws
    async with desk_at(venue) as desk:
        report = await desk.component.account_report()
    assert report.permissions == KeyPermissions(trade=True, withdraw=withdraws, bound_to_addresses=True)
    assert report.balances["USDT"].total == D(100_000)
    assert abs(report.clock_skew_ms) < 1000
    assert 0 <= report.budget_left < 1


def test_every_loopback_venue_with_a_reader_is_asked_over_its_wire() -> None:
    assert set(TELLS) == set(READERS) & set(VENUES)


async def test_a_venue_that_does_not_tell_leaves_it_unseen(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "READERS", {})
    async with desk_at(venue) as desk:
        assert (await desk.component.account_report()).permissions == UNSEEN


async def test_a_key_the_venue_does_not_know_waits_for_a_person(venue: Venue) -> None:
    stranger = Credentials(api_key="unknown", secret="s3cret-of-a-stranger")
    async with desk_at(venue, keyring=lambda account: stranger) as desk:
        with pytest.raises(AuthRejected) as refusal:
            await desk.component.account_report()
    assert "s3cret" not in str(refusal.value)


async def test_every_market_is_listed_as_the_venue_has_it(venue: Venue) -> None:
    async with desk_at(venue, keyless=True) as desk:
        [listed] = (await desk.component.listing()).markets
    assert (listed.instrument.tick_size, listed.instrument.lot_size) == (AURORA.tick, AURORA.lot)
    assert listed.instrument.min_notional_quote == AURORA.min_quote
    assert listed.is_trading


async def test_a_halted_market_is_listed_as_one_that_does_not_trade(venue: Venue) -> None:
    venue.books.halted.add(S)
    async with desk_at(venue, keyless=True) as desk:
        [listed] = (await desk.component.listing()).markets
    assert not listed.is_trading


def test_every_venue_of_the_family_offers_both() -> None:
    for cls in (Venues.component("binance"), Venues.component("upbit")):
        assert issubclass(cls, ListsMarkets)
        assert issubclass(cls, ReportsAccount)


# ./mm check-venue


async def marks(venue: Venue, **options: Any) -> dict[str, str]:
    component = Venues.component(venue.id)(endpoint_override=venue.address)
    return {step.name: step.mark for step in (await check(component, **options)).steps}


TUNED = {name: kind for name, kind in VENUES.items() if qualities()[name].tier == "tuned"}


@pytest.mark.parametrize("kind", TUNED.values(), ids=TUNED)
async def test_a_venue_that_works_is_said_to_work(loopback: Loopback, kind: type[Venue]) -> None:
    venue = opened(kind)
    loopback.mount(venue)
    component = Venues.component(venue.id)(endpoint_override=venue.address)

    async def bustle() -> None:
        for step in range(400):
            await asyncio.sleep(0.05)
            venue.books.crowd_rests(S, "buy", "99.9", str(D(1) + step % 2))

    busy = asyncio.create_task(bustle())
    verdict = await check(component, symbol=S)
    busy.cancel()
    assert verdict.works
    assert {step.name: step.mark for step in verdict.steps} == dict.fromkeys(
        ("markets", "clock", "book", "stream"), "ok"
    )
    assert verdict.sentence.startswith(f"{component.quality.name} works from here. It is tuned")


async def test_a_clock_that_is_off_is_a_doubt_and_a_halted_market_a_refusal(venue: Venue) -> None:
    venue.clock.move(30)
    venue.books.halted.add(S)
    assert await marks(venue) == {"markets": "bad", "clock": "warn"}


async def test_a_venue_that_answers_nonsense_does_not_work(venue: Venue) -> None:
    venue.faults.always("markets", html())
    assert await marks(venue) == {"reach": "bad"}


async def test_a_venue_nobody_answers_for_does_not_work_and_the_network_is_asked_about(
    venue: Venue,
) -> None:
    venue.faults.always("markets", Drop())
    assert await marks(venue) == {"reach": "bad"}
    verdict = await check(Venues.component("binance")(endpoint_override="http://127.0.0.1:9"))
    assert not verdict.works
    assert "Is this machine online" in verdict.sentence


def test_the_command_says_no_in_words_and_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["binance", "--endpoint", "http://127.0.0.1:9"]) == FAILS
    said = capsys.readouterr().out
    assert "Binance, by exchanges.ccxt.binance at http://127.0.0.1:9, without keys:" in said
    assert "Binance does not work from here" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["binanze"], "There is no venue binanze"),
        (["sinks.memory"], "no venue that can be asked"),
        (["binance", "--endpoint", "ftp://x"], "The endpoint is an address such as"),
    ],
)
def test_what_makes_no_sense_is_refused_as_that(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == UNUSABLE
    assert words in capsys.readouterr().err


def test_the_exit_codes_are_those_of_a_shell() -> None:
    assert (WORKS, FAILS, UNUSABLE) == (0, 1, 2)
