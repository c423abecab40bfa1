"""Every role tries every action, and the doors behind the pages decide as the table says."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone

from clients.access import SENTENCES, Action, require
from clients.choices import DeskRole, Kpi
from clients.errors import Refusal
from clients.models import User
from clients.services import obligation_add
from engine.venues.credentials import Credentials
from exchanges.services import credentials_seal
from strategies.choices import Mode
from strategies.drills import drill_plan_set
from strategies.models import RollOut
from strategies.rollout import rollout_abort, rollout_start
from strategies.services import (
    deployment_create,
    deployment_pause,
    deployment_reset,
    deployment_start,
    firm_halt,
    revision_approve,
    revision_submit,
)
from tests.world import World, person

ALLOWED = {
    DeskRole.NONE: "",
    DeskRole.VIEWER: "view",
    DeskRole.OPERATOR: "view start pause kill abort roll_out replay configure check",
    DeskRole.RISK: "view pause kill abort reset drill replay approve check",
    DeskRole.APPROVER: "view pause kill abort replay approve",
    DeskRole.TREASURER: "view pause kill abort check credentials",
    DeskRole.ADMIN: " ".join(Action),
}


def look(world: World, who: User) -> None:
    browser = Browser()
    browser.force_login(who)
    if browser.get("/deployments/").status_code == 404:
        raise PermissionDenied


def replay(world: World, who: User) -> None:
    held = world.acorn
    deployment_create(
        mandate=held.mandate, revision=held.revision, account=held.account, market=held.market, mode=Mode.REPLAY,
        funding={"ACORN": Decimal(1), "USDT": Decimal(1)}, actor=who,
    )  # fmt: skip


def configure(world: World, who: User) -> None:
    revision_submit(strategy=world.acorn.strategy, yaml=world.acorn.revision.yaml + "# again", actor=who)


def approve(world: World, who: User) -> None:
    revision = revision_submit(strategy=world.acorn.strategy, yaml=world.acorn.revision.yaml + "# 2", actor=world.dora)
    revision_approve(revision=revision, actor=who)


def roll_out(world: World, who: User) -> None:
    rollout_start(revision=world.acorn.revision, deployments=[world.acorn.deployment], stages=[], actor=who, reason="x")


def abort(world: World, who: User) -> None:
    held = world.acorn
    rollout = RollOut.objects.create(
        client=held.client, strategy=held.strategy, revision=held.revision, reason="x", started_by=world.dora
    )
    rollout_abort(rollout=rollout, actor=who, reason="x")


def promise(world: World, who: User) -> None:
    obligation_add(
        mandate=world.acorn.mandate, kpi=Kpi.SPREAD, starts_at=timezone.now(), target_share=Decimal("0.9"),
        max_spread_bps=Decimal(50), actor=who,
    )  # fmt: skip


ATTEMPTS: dict[Action, Callable[[World, User], object]] = {
    Action.VIEW: look,
    Action.START: lambda world, who: deployment_start(deployment=world.acorn.deployment, actor=who, reason="x"),
    Action.PAUSE: lambda world, who: deployment_pause(deployment=world.acorn.deployment, actor=who, reason="x"),
    Action.KILL: lambda world, who: firm_halt(actor=who, reason="x"),
    Action.RESET: lambda world, who: deployment_reset(deployment=world.acorn.deployment, actor=who, reason="x"),
    Action.DRILL: lambda world, who: drill_plan_set(
        deployment=world.acorn.deployment, every_hours=24, within_s=10, actor=who, reason="x"
    ),
    Action.REPLAY: replay,
    Action.CONFIGURE: configure,
    Action.APPROVE: approve,
    Action.ROLL_OUT: roll_out,
    Action.ABORT: abort,
    Action.CHECK: lambda world, who: require(who, Action.CHECK),
    Action.CREDENTIALS: lambda world, who: credentials_seal(
        account=world.acorn.account, credentials=Credentials(api_key="k", secret="s"), actor=who
    ),
    Action.ADMINISTER: promise,
}


@pytest.mark.parametrize("action", list(Action))
def test_each_role_can_do_what_the_table_says_and_nothing_else(world: World, action: Action) -> None:
    for role, allowed in ALLOWED.items():
        who = person(f"a-{role}", role)
        assert attempt(world, who, action) == (action in allowed.split()), f"{role}: {action}"
    gone = person("gone", DeskRole.ADMIN)
    gone.is_active = False
    assert action is Action.VIEW or not attempt(world, gone, action)


def attempt(world: World, who: User, action: Action) -> bool:
    """Whether the door let the person through; what is refused behind it was let through. Nothing stays done."""
    try:
        with transaction.atomic():
            ATTEMPTS[action](world, who)
            transaction.set_rollback(True)
    except PermissionDenied:
        return False
    except Refusal:
        return True
    return True


def test_the_page_of_roles_shows_the_table_and_who_holds_each(world: World) -> None:
    browser = Browser()
    browser.force_login(world.vera)
    page = browser.get("/roles/").content.decode()
    for sentence in SENTENCES.values():
        assert sentence.replace("'", "&#x27;") in page
    assert page.count("<strong>yes</strong>") == sum(len(allowed.split()) for allowed in ALLOWED.values())
    assert "rita" in page
    browser.force_login(world.alice)
    assert browser.get("/roles/").status_code == 404
