"""The check of an account: what a worker asks, what its answer means, and which keys are refused."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from clients.errors import Refusal
from clients.models import AuditEntry
from engine.core.component import Component
from engine.core.errors import AuthRejected, EngineError, NotReady, Refused
from engine.core.plugins import Registry
from engine.market.types import Balance
from engine.venues.account_report import AccountReport, KeyPermissions
from engine.venues.credentials import Credentials
from exchanges.checks import ABANDONED_AFTER_S, check_ask, checks_run, judge
from exchanges.choices import CheckState, KeyVerdict
from exchanges.inspection import ask, visit
from exchanges.models import AccountCheck, ExchangeAccount, SealedCredentials, Venue
from exchanges.services import credentials_seal
from tests.exchanges.conftest import SECRETS, given
from tests.world import World

GOOD = KeyPermissions(trade=True, withdraw=False, bound_to_addresses=True)
HELD = {
    "USDT": Balance(asset="USDT", free=Decimal("1200.50"), locked=Decimal("0.25")),
    "DUST": Balance(asset="DUST", free=Decimal(0), locked=Decimal(0)),
}


def report(permissions: KeyPermissions = GOOD, **facts: object) -> AccountReport:
    return AccountReport(permissions=permissions, **{"balances": HELD, **facts})


def answering(answer: AccountReport | Exception) -> Callable[..., AccountReport]:
    def asked(venue: Venue, account: str, credentials: Credentials) -> AccountReport:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return asked


def checked(world: World, account: ExchangeAccount, answer: AccountReport | Exception) -> AccountCheck:
    check = check_ask(account=account, actor=world.dora)
    assert checks_run(answering(answer)) == 1
    check.refresh_from_db()
    return check


def weight(check: AccountCheck, name: str) -> str:
    return next(finding["weight"] for finding in check.findings if finding["name"] == name)


def test_a_good_key_passes_and_may_trade(world: World, account: ExchangeAccount, sealed: SealedCredentials) -> None:
    check = checked(world, account, report(clock_skew_ms=Decimal(40), budget_left=Decimal("0.9")))
    assert (check.state, check.reason, {each["weight"] for each in check.findings}) == (CheckState.PASSED, "", {"ok"})
    assert check.balances == [{"asset": "USDT", "free": "1200.50", "locked": "0.25"}]
    sealed.refresh_from_db()
    assert sealed.verdict == KeyVerdict.USABLE
    assert AuditEntry.objects.get(verb="credentials.found_usable").new["fingerprint"] == sealed.fingerprint


def test_the_worker_asks_with_the_accounts_own_credentials(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    heard: list[tuple[str, str, str]] = []

    def asked(venue: Venue, name: str, credentials: Credentials) -> AccountReport:
        heard.append((venue.slug, name, credentials.secret))
        return report()

    check_ask(account=account, actor=world.dora)
    checks_run(asked)
    assert heard == [("binance", "main", SECRETS[1])]


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        (KeyPermissions(trade=True, withdraw=True), "can withdraw, which quoting never needs"),
        (KeyPermissions(trade=False, withdraw=False), "may not trade on the spot market"),
        (KeyPermissions(trade=False, withdraw=True), "can withdraw"),
    ],
)
def test_a_key_that_can_withdraw_or_cannot_trade_is_refused(
    world: World, account: ExchangeAccount, sealed: SealedCredentials, permissions: KeyPermissions, words: str
) -> None:
    check = checked(world, account, report(permissions))
    assert check.state == CheckState.REFUSED
    assert words in check.reason
    sealed.refresh_from_db()
    assert (sealed.verdict, sealed.verdict_reason) == (KeyVerdict.REFUSED, check.reason)
    assert words in AuditEntry.objects.get(verb="credentials.refused").reason


def test_what_a_venue_does_not_tell_is_said_to_be_unseen(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    check = checked(world, account, report(KeyPermissions()))
    assert check.state == CheckState.PASSED
    names = ("Withdrawals", "Trading", "Addresses", "Clock", "Requests")
    assert {weight(check, name) for name in names} == {"unseen"}


@pytest.mark.parametrize(
    ("skew_ms", "expected", "words"),
    [
        ("0", "ok", "0 ms behind ours"),
        ("500", "ok", "500 ms ahead of ours"),
        ("-501", "warn", "501 ms behind ours"),
        ("2000", "warn", ""),
        ("-2001", "bad", "time server"),
    ],
)
def test_a_clock_is_judged_by_how_far_it_is_off(skew_ms: str, expected: str, words: str) -> None:
    outcome = judge(report(clock_skew_ms=Decimal(skew_ms)), venue="X")
    clock = next(each for each in outcome.findings if each.name == "Clock")
    assert clock.weight == expected
    assert words in clock.text


def test_a_key_refused_by_the_venue_itself_is_refused(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    check = checked(world, account, AuthRejected("Invalid API-key, IP, or permissions for action."))
    assert check.state == CheckState.REFUSED
    assert "Binance refuses this key: Invalid API-key" in check.reason


@pytest.mark.parametrize("problem", [NotReady("no route to the venue"), EngineError("odd"), ValueError("a bug")])
def test_an_answer_that_did_not_come_says_nothing_about_the_key(
    world: World, account: ExchangeAccount, sealed: SealedCredentials, problem: Exception
) -> None:
    checked(world, account, report())
    check = checked(world, account, problem)
    assert check.state == CheckState.FAILED
    assert str(problem) in check.reason or "ValueError while asking" in check.reason
    sealed.refresh_from_db()
    assert sealed.verdict == KeyVerdict.USABLE


def test_a_key_replaced_during_its_check_does_not_inherit_the_outcome(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    def asked(venue: Venue, name: str, credentials: Credentials) -> AccountReport:
        credentials_seal(account=account, credentials=given(2), actor=world.adam)
        return report()

    check_ask(account=account, actor=world.dora)
    checks_run(asked)
    assert SealedCredentials.objects.get().verdict == KeyVerdict.UNCHECKED


def test_a_new_key_begins_unchecked(world: World, account: ExchangeAccount, sealed: SealedCredentials) -> None:
    checked(world, account, report())
    assert credentials_seal(account=account, credentials=given(2), actor=world.adam).verdict == KeyVerdict.UNCHECKED


def test_asking_twice_is_one_check_and_a_key_changed_before_it_is_not_asked_with(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    first = check_ask(account=account, actor=world.dora)
    assert check_ask(account=account, actor=world.rita) == first
    credentials_seal(account=account, credentials=given(2), actor=world.adam)
    second = check_ask(account=account, actor=world.rita)
    assert second != first
    assert checks_run(answering(report())) == 2
    first.refresh_from_db()
    assert (first.state, first.reason) == (CheckState.FAILED, "The credentials were changed meanwhile.")


def test_a_check_whose_worker_was_lost_ends_and_may_be_asked_for_again(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    lost = check_ask(account=account, actor=world.dora)
    long_ago = timezone.now() - datetime.timedelta(seconds=ABANDONED_AFTER_S + 1)
    AccountCheck.objects.update(state=CheckState.RUNNING, began_at=long_ago)
    assert checks_run(answering(report())) == 0
    lost.refresh_from_db()
    assert (lost.state, "was lost" in lost.reason) == (CheckState.FAILED, True)
    assert check_ask(account=account, actor=world.dora) != lost


def test_only_who_may_asks_and_only_about_an_account_with_a_key(
    world: World, account: ExchangeAccount, key_file: object
) -> None:
    with pytest.raises(Refusal, match="no credentials to ask with yet"):
        check_ask(account=account, actor=world.dora)
    with pytest.raises(Refusal, match="on paper: there is nobody to ask"):
        check_ask(account=world.acorn.account, actor=world.dora)
    with pytest.raises(PermissionDenied, match="have a venue or an account checked"):
        check_ask(account=account, actor=world.vera)


# Asking a venue's component


class Asked(Component):
    """A venue that says what it was given."""

    def __init__(self, *, account: str = "", endpoint_override: str = "") -> None:
        self.account = account
        self.unloaded = False

    async def load(self) -> None:
        self.credentials = self.runtime.credentials(self.account)

    async def account_report(self) -> AccountReport:
        return report(balances={self.credentials.secret: HELD["USDT"]})

    async def unload(self) -> None:
        self.unloaded = True


def test_a_component_is_loaded_alone_asked_and_let_go_of(exchange: Venue) -> None:
    seen: list[Asked] = []

    async def question(component: Asked) -> AccountReport:
        seen.append(component)
        return await component.account_report()

    registry = Registry.installed().with_components({"exchanges.ccxt.binance": Asked})
    answer = visit(exchange, question, account="main", credentials=lambda name: given(), registry=registry)
    assert list(answer.balances) == [SECRETS[1]]
    assert seen[0].unloaded


def test_a_venue_nobody_can_speak_to_says_so(world: World, exchange: Venue) -> None:
    exchange.component = "exchanges.nowhere"
    with pytest.raises(EngineError, match=r"Binance cannot be asked: .*exchanges\.nowhere"):
        ask(exchange, "main", given())
    with pytest.raises(Refused, match=r"exchanges\.simulated needs symbol"):
        ask(world.venue, "main", given())
    exchange.component = "sinks.memory"
    with pytest.raises(Refused, match="cannot be asked about an account"):
        ask(exchange, "main", given())
