"""Pages of accounts: who sees them, what they never show, and that a control does what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.views.debug import ExceptionReporter

from clients.models import AuditEntry, User
from exchanges.checks import check_ask, checks_run
from exchanges.models import AccountCheck, ExchangeAccount, SealedCredentials, Venue
from exchanges.services import account_open, credentials_open
from tests.exchanges.conftest import SECRETS
from tests.exchanges.test_checks import answering, report
from tests.world import World

TYPED = dict(zip(("api_key", "secret", "passphrase"), SECRETS, strict=True)) | {"reason": "first key"}


def as_user(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def page_of(account: ExchangeAccount, more: str = "") -> str:
    return f"/accounts/{account.pk}/{more}"


def holds_a_secret(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("more", ["", "check/", "deployments/"])
def test_a_visitor_signs_in_and_for_a_client_there_are_no_accounts(
    world: World, account: ExchangeAccount, more: str
) -> None:
    for path in ("/accounts/", page_of(account, more)):
        assert Browser().get(path)["Location"].startswith("/signin/?next=")
        assert as_user(world.alice).get(path).status_code == 404
        assert as_user(world.vera).get(path).status_code == 200


def test_the_list_shows_each_account_with_the_state_of_its_key(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    page = as_user(world.vera).get("/accounts/").content.decode()
    assert sealed.fingerprint in page
    assert "not checked" in page
    assert page.count(">on paper<") == 2
    assert "Open an account" not in page
    assert "Open an account" in as_user(world.adam).get("/accounts/").content.decode()


def test_an_empty_list_says_what_an_account_is(django_user_model: type[User], db: None) -> None:
    vera = django_user_model.objects.create_user("vera", desk_role="viewer")
    assert "No account yet." in as_user(vera).get("/accounts/").content.decode()


def test_a_key_is_sealed_from_the_page_and_a_check_is_asked_for(
    world: World, account: ExchangeAccount, key_file: Path
) -> None:
    browser = as_user(world.adam)
    answer = browser.post(page_of(account, "credentials/"), TYPED, follow=True)
    page = answer.content.decode()
    assert "is sealed. It is being checked at the venue now." in page
    assert holds_a_secret(page) == []
    assert credentials_open(account).secret == SECRETS[1]
    assert AccountCheck.objects.get().asked_by == world.adam
    assert "Waiting for a worker" in page
    assert answer["Cache-Control"].endswith("private")


@pytest.mark.parametrize(
    ("missing", "words"), [("api_key", "API key is missing"), ("secret", "secret is missing"), ("reason", "Say why")]
)
def test_a_mistake_brings_nothing_of_what_was_typed_back(
    world: World, account: ExchangeAccount, key_file: Path, missing: str, words: str
) -> None:
    typed = {name: text for name, text in TYPED.items() if name != missing}
    answer = as_user(world.adam).post(page_of(account, "credentials/"), typed)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert holds_a_secret(answer.content.decode()) == []


def test_replacing_a_key_takes_the_accounts_name(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    browser = as_user(world.adam)
    typed = {**TYPED, "secret": "another"}
    refused = browser.post(page_of(account, "credentials/"), typed)
    assert refused.status_code == 422
    assert "Type the account&#x27;s name, main, to confirm" in refused.content.decode()
    assert credentials_open(account).secret == SECRETS[1]
    assert browser.post(page_of(account, "credentials/"), {**typed, "confirm": "main"}).status_code == 302
    assert credentials_open(account).secret == "another"


def test_a_key_is_removed_after_its_name_was_typed(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    browser = as_user(world.adam)
    assert browser.post(page_of(account, "credentials/remove/"), {"reason": "x", "confirm": "no"}).status_code == 422
    page = browser.post(page_of(account, "credentials/remove/"), {"reason": "x", "confirm": "main"}, follow=True)
    assert "until it is revoked at the venue" in page.content.decode()
    assert not SealedCredentials.objects.exists()


@pytest.mark.parametrize("name", ["vera", "dora", "rita"])
def test_whoever_may_not_is_told_who_may_and_sees_no_form(
    world: World, account: ExchangeAccount, sealed: SealedCredentials, name: str
) -> None:
    browser = as_user(getattr(world, name))
    page = browser.get(page_of(account)).content.decode()
    assert 'name="secret"' not in page
    for path, typed in (("credentials/", TYPED), ("credentials/remove/", {"reason": "x"})):
        answer = browser.post(page_of(account, path), {**typed, "confirm": "main"})
        assert answer.status_code == 403
        assert "that takes the role of treasurer or admin, and your role is" in answer.content.decode()
    assert credentials_open(account).secret == SECRETS[1]
    assert browser.get("/accounts/new/").status_code == 403


def test_the_panel_looks_again_until_the_check_is_over(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    browser = as_user(world.dora)
    waiting = browser.post(page_of(account, "check/"), headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="load delay:1s"' in waiting
    checks_run(answering(report()))
    over = browser.get(page_of(account, "check/"), headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in over
    assert "This key cannot withdraw." in over
    assert "1,200.5" in over


def test_a_refused_key_is_said_at_the_top_of_the_page(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    check_ask(account=account, actor=world.dora)
    checks_run(answering(report(report().permissions.__class__(withdraw=True))))
    page = as_user(world.vera).get(page_of(account)).content.decode()
    assert page.index("This key can withdraw") < page.index('id="key-title"')


def test_a_viewer_cannot_have_an_account_checked(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    answer = as_user(world.vera).post(page_of(account, "check/"), headers={"HX-Request": "true"})
    assert "You may not have a venue or an account checked" in answer.content.decode()
    assert not AccountCheck.objects.exists()


def test_an_account_is_opened_from_its_form(world: World, exchange: Venue) -> None:
    browser = as_user(world.adam)
    typed = {"client": world.cedar.client.pk, "venue": exchange.pk, "name": "second", "kind": "live"}
    assert browser.post("/accounts/new/", typed).status_code == 302
    assert not ExchangeAccount.objects.get(name="second").is_paper
    again = browser.post("/accounts/new/", typed)
    assert again.status_code == 422
    assert "already has an account called second" in again.content.decode()


def test_an_account_is_on_paper_unless_somebody_says_live(world: World, exchange: Venue) -> None:
    page = as_user(world.adam).get("/accounts/new/").content.decode()
    kinds = [tag for tag in page.split("<input")[1:] if 'name="kind"' in tag.split(">")[0]]
    assert ['value="paper"' in tag.split(">")[0] for tag in kinds] == [True, False]
    assert ["checked" in tag.split(">")[0] for tag in kinds] == [True, False]
    typed = {"client": world.cedar.client.pk, "venue": exchange.pk, "name": "second"}
    assert as_user(world.adam).post("/accounts/new/", typed).status_code == 422
    assert not ExchangeAccount.objects.filter(name="second").exists()


def test_the_page_shows_what_was_done_and_what_runs(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    page = as_user(world.vera).get(page_of(account)).content.decode()
    assert "account.opened" in page
    assert "credentials.sealed" in page
    assert AuditEntry.objects.filter(object_type="exchanges.exchangeaccount", object_id=str(account.pk)).count() == 2
    runs = as_user(world.vera).get(page_of(world.acorn.account, "deployments/")).content.decode()
    assert world.acorn.deployment.name in runs


def test_two_accounts_of_one_name_are_two(world: World, exchange: Venue, account: ExchangeAccount) -> None:
    other = account_open(client=world.cedar.client, venue=exchange, name="main", is_paper=False, actor=world.adam)
    page = as_user(world.vera).get("/accounts/").content.decode()
    assert page_of(account) in page
    assert page_of(other) in page


@pytest.mark.parametrize("debugging", [True, False])
def test_an_error_report_of_the_form_holds_no_secret(
    world: World,
    account: ExchangeAccount,
    key_file: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    debugging: bool,
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the database went away")

    settings.DEBUG = debugging
    monkeypatch.setattr("exchanges.services.audit", broken)
    browser = as_user(world.adam)
    browser.raise_request_exception = False
    answer = browser.post(page_of(account, "credentials/"), TYPED)
    assert answer.status_code == 500
    assert holds_a_secret(answer.content.decode()) == []
    assert not SealedCredentials.objects.exists()
    reported = ExceptionReporter(answer.wsgi_request, *answer.exc_info)
    assert holds_a_secret(reported.get_traceback_text() + reported.get_traceback_html()) == []
    assert "the database went away" in reported.get_traceback_text()
