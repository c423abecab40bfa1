"""The kill control under stress: no words, too many words, many switches at once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client as Browser
from pytest_django import DjangoAssertNumQueries

from strategies.choices import Mode, Wanted
from strategies.models import KillSwitch
from strategies.services import deployment_create, deployment_halt
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
    assert page.content.decode().count("1 deployment<") == 20
