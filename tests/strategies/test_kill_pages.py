"""The kill console, and the kill control under stress: no words, too many words, many switches at once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client as Browser
from pytest_django import DjangoAssertNumQueries

from strategies.choices import Mode, Wanted
from strategies.console import tree
from strategies.models import Deployment, KillSwitch
from strategies.services import deployment_create, deployment_halt, firm_halt
from tests.world import World


def browser_of_the_operator(world: World) -> Browser:
    browser = Browser()
    browser.force_login(world.dora)
    return browser


@pytest.mark.parametrize(("typed", "kept"), [("", "no reason given"), ("x" * 400, "x" * 300)])
def test_a_kill_is_never_refused_for_its_words(world: World, typed: str, kept: str) -> None:
    browser = browser_of_the_operator(world)
    browser.post(f"/deployments/{world.acorn.deployment.pk}/kill/", {"reason": typed})
    browser.post("/switches/kill/", {"reason": typed, "confirm": "KILL"})
    for held in (world.acorn, world.cedar):
        held.deployment.refresh_from_db()
        assert held.deployment.wanted == Wanted.HALTED
    assert set(KillSwitch.objects.values_list("scope", "reason")) == {("deployment", kept), ("firm", kept)}


def test_the_page_of_many_switches_takes_few_queries(
    world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    held = world.acorn
    for _ in range(20):
        deployment = deployment_create(
            mandate=held.mandate,
            revision=held.revision,
            account=held.account,
            market=held.market,
            mode=Mode.PAPER,
            funding={"ACORN": Decimal(1), "USDT": Decimal(1)},
            actor=world.dora,
        )
        deployment_halt(deployment=deployment, actor=world.dora, reason="drill")
    browser = browser_of_the_operator(world)
    with django_assert_max_num_queries(8):
        page = browser.get("/switches/")
    assert page.content.decode().count("data-engaged><td>") == 20


SCOPES = {"venue": "both", "client": "acorn", "account": "acorn", "mandate": "acorn", "deployment": "acorn"}


def address_of(world: World, kind: str) -> str:
    held = world.acorn
    of = {"venue": world.venue, "client": held.client, "account": held.account, "mandate": held.mandate}
    return f"/switches/kill/{kind}/{of.get(kind, held.deployment).pk}/"


@pytest.mark.parametrize(("kind", "stops"), SCOPES.items())
def test_every_scope_of_the_tree_leads_to_a_kill_of_exactly_that(world: World, kind: str, stops: str) -> None:
    browser = browser_of_the_operator(world)
    address = address_of(world, kind)
    assert f'href="{address}"' in browser.get("/switches/").content.decode()
    assert f"Kill {2 if stops == 'both' else 1} deployment" in browser.get(address).content.decode()

    answer = browser.post(address, {"reason": "the client asked for it"}, follow=True)

    assert answer.redirect_chain == [("/switches/", 302)]
    assert f"{kind.capitalize()}: kill engaged for" in answer.content.decode()
    assert f'href="{address}"' not in answer.content.decode()  # engaged is engaged
    assert KillSwitch.objects.get().scope == kind
    assert KillSwitch.objects.get().reason == "the client asked for it"
    halted = {held.client.slug for held in (world.acorn, world.cedar) if wanted(held.deployment) == Wanted.HALTED}
    assert halted == ({"acorn", "cedar"} if stops == "both" else {"acorn"})


def wanted(deployment: Deployment) -> str:
    return Deployment.objects.get(pk=deployment.pk).wanted


@pytest.mark.parametrize("kind", SCOPES)
def test_only_who_may_kill_can_kill_a_scope(world: World, kind: str) -> None:
    address = address_of(world, kind)
    for person, status in ((world.vera, 403), (world.alice, 404)):
        browser = Browser()
        browser.force_login(person)
        assert browser.get(address).status_code == status
        assert browser.post(address, {"reason": "mischief"}).status_code == status
    assert not KillSwitch.objects.exists()
    viewer = Browser()
    viewer.force_login(world.vera)
    assert "/switches/kill/" not in viewer.get("/switches/").content.decode()


@pytest.mark.parametrize("address", ["planet/1", "firm/0", "client/999999", "mandate/0"])
def test_what_is_no_scope_or_runs_nothing_is_not_found(world: World, address: str) -> None:
    assert browser_of_the_operator(world).post(f"/switches/kill/{address}/", {"reason": "x"}).status_code == 404
    assert not KillSwitch.objects.exists()


def test_the_tree_counts_what_each_scope_holds_and_what_is_proven_of_it(world: World) -> None:
    Deployment.objects.filter(pk=world.acorn.deployment.pk).update(observed="halted", halt_proven=True, halt_ms=41)
    running = {"observed": "active", "halt_proven": True, "halt_ms": 99}  # proven long ago, and quoting again
    Deployment.objects.filter(pk=world.cedar.deployment.pk).update(**running)

    rows = {(row.kind, row.name): row for row in tree()}

    assert [(row.kind, row.depth) for row in rows.values()] == [
        ("firm", 0),
        *[("client", 1), ("account", 2), ("mandate", 2), ("deployment", 3)] * 2,
        ("venue", 1),
    ]
    firm, acorn = rows["firm", "The whole firm"], rows["client", "Acorn"]
    assert (firm.quoting, firm.stopped, firm.to_prove, firm.proven, firm.slowest_ms) == (1, 1, 1, 1, 41)
    assert (acorn.quoting, acorn.stopped, acorn.proven) == (0, 1, 1)

    firm_halt(actor=world.dora, reason="drill")
    firm = tree()[0]
    assert firm.switch is not None
    assert (firm.to_prove, firm.proven) == (2, 0)  # a new kill is proven by nothing yet
