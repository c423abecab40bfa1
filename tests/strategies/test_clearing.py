"""Which accounts a kill must leave clean, who may ask for it, and what of it is kept."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client as Browser
from django.utils import timezone

from clients.errors import Refusal
from clients.models import AuditEntry
from engine.execution.clearing import Whose
from engine.market.types import OrderReport, OrderStatus, Side
from exchanges.models import ExchangeAccount, SealedCredentials
from strategies import clearing as clearings
from strategies.choices import ClearingState, KillScope, StepKind, Witness
from strategies.clearing import Errand, accounts_of, claim, clearings_ask_again, errand_of, finish, ground_of, step
from strategies.evidence import proof
from strategies.models import Clearing, ClearingStep, Deployment, KillSwitch
from strategies.services import (
    account_halt,
    client_halt,
    deployment_halt,
    firm_halt,
    kill_switch_clear_again,
    kill_switch_reset,
    mandate_halt,
    venue_halt,
)
from tests.exchanges.conftest import account, exchange, key_file, sealed
from tests.world import World

__all__ = ["account", "exchange", "key_file", "sealed"]


def live_account(world: World, name: str = "live") -> ExchangeAccount:
    return ExchangeAccount.objects.create(client=world.acorn.client, venue=world.venue, name=name, is_paper=False)


def halt(world: World, scope: str) -> KillSwitch:
    held, who = world.acorn, {"actor": world.dora, "reason": "drill"}
    match scope:
        case "venue":
            return venue_halt(venue=world.venue, **who)
        case "client":
            return client_halt(client=held.client, **who)
        case "account":
            return account_halt(account=held.account, **who)
        case "mandate":
            return mandate_halt(mandate=held.mandate, **who)
        case "deployment":
            return deployment_halt(deployment=held.deployment, **who)
    return firm_halt(**who)


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("firm", "acorn cedar live"),
        ("venue", "acorn cedar live"),
        ("client", "acorn live"),
        ("account", "acorn"),
        ("mandate", "acorn"),
        ("deployment", "acorn"),
    ],
)
def test_a_kill_asks_for_every_account_in_its_scope(world: World, scope: str, names: str) -> None:
    live_account(world)  # on which nothing runs
    ExchangeAccount.objects.create(client=world.acorn.client, venue=world.venue, name="idle paper", is_paper=True)
    switch = halt(world, scope)
    known = {world.acorn.account.pk: "acorn", world.cedar.account.pk: "cedar"}
    asked = {known.get(each.account_id, each.account.name) for each in Clearing.objects.filter(switch=switch)}
    assert asked == set(names.split())
    assert {each.client_id for each in Clearing.objects.filter(account=world.acorn.account)} == {world.acorn.client.pk}


def test_two_operators_at_once_have_one_clearing_of_each_account(world: World) -> None:
    first = firm_halt(actor=world.dora, reason="what I saw")
    second = firm_halt(actor=world.rita, reason="what she saw")
    assert first == second
    assert Clearing.objects.count() == accounts_of(first).count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Clearing.objects.create(
            client=world.acorn.client, switch=first, account=world.acorn.account, asked_at=timezone.now()
        )


def over(clearing: Clearing, *, clean: bool = True, reason: str = "") -> None:
    claim("w", limit=9)
    clearing.refresh_from_db()
    finish(clearing, clean=clean, witness=Witness.RECORD, reason=reason)


def test_pressing_again_after_the_end_gives_new_evidence(world: World) -> None:
    switch = halt(world, "deployment")
    over(Clearing.objects.get())
    kill_switch_clear_again(switch=switch, actor=world.dora)
    assert [each.state for each in Clearing.objects.order_by("id")] == [ClearingState.CLEAN, ClearingState.ASKED]
    entry = AuditEntry.objects.get(verb="kill_switch.looked_again")
    assert (entry.actor_name, entry.new) == ("dora", {"accounts": 1})


def test_who_may_not_kill_may_not_have_it_looked_at_again(world: World) -> None:
    switch = halt(world, "deployment")
    with pytest.raises(PermissionDenied):
        kill_switch_clear_again(switch=switch, actor=world.vera)
    kill_switch_reset(switch=switch, actor=world.rita, reason="over")
    with pytest.raises(Refusal, match="was reset"):
        kill_switch_clear_again(switch=switch, actor=world.dora)


def test_what_an_engine_tripped_and_what_was_not_proven_is_asked_for_by_the_beat(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = world.acorn
    KillSwitch.objects.create(
        scope=KillScope.DEPLOYMENT, client=held.client, deployment=held.deployment, reason="loss", engaged_by=None
    )
    assert clearings_ask_again() == 1
    assert clearings_ask_again() == 0  # under way
    over(Clearing.objects.get(), clean=False, reason="out of reach")
    assert clearings_ask_again() == 0  # not at once
    monkeypatch.setattr(clearings, "ASK_AGAIN_AFTER_S", 0)
    assert clearings_ask_again() == 1
    over(Clearing.objects.order_by("-id")[0])
    assert clearings_ask_again() == 0


def test_a_reset_ends_what_is_under_way(world: World) -> None:
    switch = halt(world, "deployment")
    assert ground_of(Clearing.objects.get()).stands
    kill_switch_reset(switch=switch, actor=world.rita, reason="over")
    assert not ground_of(Clearing.objects.get()).stands
    assert clearings_ask_again() == 0


def test_what_was_proven_and_every_line_of_evidence_stay_as_they_are(world: World) -> None:
    halt(world, "deployment")
    clearing = Clearing.objects.get()
    over(clearing)
    changes = [
        "update strategies_clearing set reason = 'better'",
        "delete from strategies_clearing",
        "update strategies_clearingstep set text = 'better'",
        "delete from strategies_clearingstep",
        "truncate strategies_clearingstep",
        "truncate strategies_clearing cascade",
    ]
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        for change in changes:
            with pytest.raises(DatabaseError, match=r"stays as it was|never"), transaction.atomic():
                cursor.execute(change)
    assert ClearingStep.objects.filter(clearing=clearing).count() == 2


def test_a_worker_that_was_taken_for_lost_has_no_last_word(world: World) -> None:
    halt(world, "deployment")
    [slow] = claim("slow", limit=9)
    Clearing.objects.update(held_until=timezone.now() - timezone.timedelta(minutes=1))
    [taken] = claim("next", limit=9)
    finish(slow, clean=True, witness=Witness.RECORD, reason="")
    assert Clearing.objects.get().state == ClearingState.RUNNING
    finish(taken, clean=False, witness="", reason="it was not")
    assert Clearing.objects.get().state == ClearingState.UNPROVEN


OURS, OTHERS, STRANGE = "mm-1-2-3", "mm-9-2-3", "V77"


@pytest.mark.parametrize(
    ("id", "covered", "knows_own", "whose"),
    [
        (OURS, None, True, Whose.OURS),
        (OTHERS, None, True, Whose.OURS),
        (OURS, {1}, True, Whose.OURS),
        (OTHERS, {1}, True, Whose.UNCOVERED),
        (STRANGE, None, True, Whose.FOREIGN),
        (STRANGE, {1}, True, Whose.FOREIGN),
        (STRANGE, None, False, Whose.OURS),
        (STRANGE, {1}, False, Whose.UNTOLD),
        (OTHERS, {1}, False, Whose.UNCOVERED),
    ],
)
def test_whose_an_order_is(id: str, covered: set[int] | None, knows_own: bool, whose: Whose) -> None:
    report = OrderReport(
        ts_ns=0, client_order_id=id, venue_order_id="V77", symbol="A/B", side=Side.BUY, price=Decimal(1),
        size_base=Decimal(1), filled_base=Decimal(0), status=OrderStatus.OPEN,
    )  # fmt: skip
    errand = Errand(covered=None if covered is None else frozenset(covered))
    assert errand.whose(report, knows_own=knows_own) is whose


def deployed(world: World, account: ExchangeAccount, mode: str, **fields: object) -> Deployment:
    held = world.acorn
    return Deployment.objects.create(
        client=held.client, mandate=held.mandate, revision=held.revision, account=account, market=held.market,
        name="tried", mode=mode, **fields,
    )  # fmt: skip


def clearing_of(world: World, account: ExchangeAccount) -> Clearing:
    who = {"client": world.acorn.client, "account": account}
    switch = KillSwitch.objects.create(scope="account", reason="drill", engaged_by=world.dora, **who)
    return Clearing.objects.create(switch=switch, asked_at=timezone.now(), **who)


def test_an_account_that_never_traded_live_need_not_be_asked_and_one_without_a_key_cannot(
    world: World, account: ExchangeAccount, sealed: SealedCredentials
) -> None:
    clearing = clearing_of(world, account)
    assert errand_of(clearing).why == "Nothing covered has ever traded live with this account."
    deployed(world, account, "live", ended_at=timezone.now())
    assert errand_of(clearing) == Errand(symbols=(world.acorn.market.symbol,))
    SealedCredentials.objects.all().delete()
    assert errand_of(clearing).trouble.startswith("The account holds no key, so Binance cannot be asked about ACORN")


def minutes(count: float) -> timezone.timedelta:
    return timezone.timedelta(minutes=count)


@pytest.mark.parametrize(
    ("mode", "fields", "moves", "settles"),
    [
        ("live", {"observed": "active", "expires_at": 1}, True, False),
        ("live", {"observed": "paused", "expires_at": 1}, True, False),
        ("live", {"observed": "halting", "expires_at": 1, "observed_at": -1}, False, False),
        ("live", {"observed": "halting", "expires_at": 1, "observed_at": 0}, False, True),
        ("live", {"observed": "halted", "halt_proven": True, "expires_at": 1, "observed_at": 0}, False, False),
        ("live", {"observed": "faulted", "expires_at": 1, "observed_at": 0}, False, True),
        ("live", {"observed": "active", "expires_at": -1}, False, False),
        ("live", {"observed": "active", "expires_at": 0}, False, True),
        ("live", {"observed": "active"}, False, False),
        ("paper", {"observed": "active", "expires_at": 1}, True, False),
        ("paper", {"observed": "halting", "expires_at": 1}, True, False),
        ("paper", {"observed": "halted", "halt_proven": False, "expires_at": 1}, True, False),
        ("paper", {"observed": "halted", "halt_proven": True, "expires_at": 1}, False, False),
        ("paper", {"observed": "faulted", "expires_at": 1}, False, False),
        ("paper", {"observed": "active", "expires_at": -1}, False, False),
        ("shadow", {"observed": "active", "expires_at": 1}, False, False),
        ("replay", {"observed": "active", "expires_at": 1}, False, False),
    ],
)
def test_who_may_still_place(
    world: World,
    account: ExchangeAccount,
    sealed: SealedCredentials,
    mode: str,
    fields: dict,
    moves: bool,
    settles: bool,
) -> None:
    now = timezone.now()
    stamped = {name: now + minutes(value) if name.endswith("_at") else value for name, value in fields.items()}
    on = account if mode == "live" else world.acorn.account
    deployed(world, on, mode, command=1, wanted="halted", **stamped)
    Deployment.objects.exclude(name="tried").update(ended_at=now)
    ground = ground_of(clearing_of(world, on))
    assert (bool(ground.moving), ground.settles_in_s > 0) == (moves, settles)
    if moves:
        assert ground.moving.startswith(f"tried is {fields['observed']} on ")


# Pages


def browser_of(who: object) -> Browser:
    browser = Browser()
    browser.force_login(who)
    return browser


def test_the_console_shows_what_venues_say_beside_what_engines_say(world: World) -> None:
    switch = halt(world, "deployment")
    page = browser_of(world.vera).get("/switches/").content.decode()
    assert "0 of 1 proven clean, 1 under way" in page
    assert f'hx-get="/switches/{switch.pk}/accounts/"' in page
    over(Clearing.objects.get())
    cell = browser_of(world.vera).get(f"/switches/{switch.pk}/accounts/").content.decode()
    assert "1 of 1 proven clean, slowest" in cell
    assert "hx-get" not in cell  # nothing more to ask
    assert f'href="/switches/{switch.pk}/evidence/"' in cell


def test_the_evidence_of_an_account_is_shown_line_by_line(world: World) -> None:
    switch = halt(world, "deployment")
    [clearing] = claim("w", limit=9)
    listed = {"id": "mm-1-2-3", "symbol": "A/B", "side": "buy", "price": "99.5", "size": "1", "whose": "ours"}
    step(clearing, StepKind.LISTED, "Binance lists 1 of ours in A/B.", [listed])
    finish(clearing, clean=False, witness="", reason="The venue still lists 1 order of ours.", found=1)
    page = browser_of(world.vera).get(f"/switches/{switch.pk}/evidence/").content.decode()
    for words in ("Not proven", "The venue still lists 1 order of ours.", "Taken up by w.", "mm-1-2-3", "99.5"):
        assert words in page
    assert proof(switch).verdict == "unproven"
    assert "Look again" not in page  # a viewer
    assert "Look again" in browser_of(world.dora).get(f"/switches/{switch.pk}/evidence/").content.decode()


@pytest.mark.parametrize("page", ["accounts", "evidence", "again"])
def test_a_client_sees_nothing_of_it(world: World, page: str) -> None:
    switch = halt(world, "deployment")
    ask = browser_of(world.alice).post if page == "again" else browser_of(world.alice).get
    assert ask(f"/switches/{switch.pk}/{page}/").status_code == 404
    assert browser_of(world.dora).post(f"/switches/999999/{page}/").status_code in (404, 405)


def test_looking_again_from_the_page(world: World) -> None:
    switch = halt(world, "deployment")
    over(Clearing.objects.get())
    browser_of(world.vera).post(f"/switches/{switch.pk}/again/")
    assert Clearing.objects.count() == 1
    browser_of(world.dora).post(f"/switches/{switch.pk}/again/")
    assert Clearing.objects.count() == 2
