from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from clients.access import Action, access_client, access_mandate, may, require, visible_clients, visible_mandates
from clients.models import User
from strategies.access import access_deployment, access_strategy, visible_deployments
from tests.world import World


def test_members_reach_their_own_client_and_mandate(world: World) -> None:
    for member in (world.alice, world.bob):
        assert access_client(member, "acorn") == world.acorn.client
        assert access_mandate(member, "acorn-usdt") == world.acorn.mandate
        assert access_deployment(member, world.acorn.deployment.pk) == world.acorn.deployment


def test_a_stranger_cannot_tell_whether_another_clients_things_exist(world: World) -> None:
    for stranger in (world.charlie, AnonymousUser()):
        with pytest.raises(Http404) as real:
            access_mandate(stranger, "acorn-usdt")
        with pytest.raises(Http404) as invented:
            access_mandate(stranger, "no-such-mandate")
        assert str(real.value) == str(invented.value)
        with pytest.raises(Http404):
            access_client(stranger, "acorn")
        with pytest.raises(Http404):
            access_deployment(stranger, world.acorn.deployment.pk, Action.KILL)


def test_lists_hold_only_what_the_person_may_see(world: World) -> None:
    assert set(visible_clients(world.charlie)) == {world.cedar.client}
    assert set(visible_mandates(world.charlie)) == {world.cedar.mandate}
    assert set(visible_deployments(world.charlie)) == {world.cedar.deployment}
    assert set(visible_clients(world.vera)) == {world.acorn.client, world.cedar.client}
    assert not visible_clients(AnonymousUser())


def test_people_who_left_see_nothing(world: World) -> None:
    for person in (world.alice, world.dora):
        person.is_active = False
        person.save(update_fields=["is_active"])
        with pytest.raises(Http404):
            access_client(person, "acorn")


def test_members_may_look_but_never_act(world: World) -> None:
    for action in set(Action) - {Action.VIEW}:
        with pytest.raises(PermissionDenied, match="you have no role on the desk"):
            access_deployment(world.alice, world.acorn.deployment.pk, action)


def test_a_refusal_names_who_may(world: World) -> None:
    with pytest.raises(PermissionDenied) as refusal:
        require(world.dora, Action.RESET)
    assert str(refusal.value) == (
        "You may not reset a halt: that takes the role of risk or admin, and your role is operator."
    )


def test_a_strategy_is_the_desks_own(world: World) -> None:
    assert access_strategy(world.vera, world.acorn.strategy.pk) == world.acorn.strategy
    with pytest.raises(Http404):
        access_strategy(world.alice, world.acorn.strategy.pk)
    with pytest.raises(PermissionDenied):
        access_strategy(world.vera, world.acorn.strategy.pk, Action.CONFIGURE)


def test_the_first_administrator_comes_from_the_command_line(db: None) -> None:
    User.objects.create_superuser("root", password=None)
    assert may(User.objects.get(username="root"), Action.ADMINISTER)
