"""Start, pause, kill and reset as a person meets them on a page."""

from __future__ import annotations

import pytest
from django.test import Client

from clients.models import AuditEntry, User
from strategies.choices import KillScope, Wanted
from strategies.models import Deployment, KillSwitch
from tests.world import World

HTMX = {"HX-Request": "true"}


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def control(user: User, deployment: Deployment, verb: str, reason: str = "a good reason", **kwargs):
    return as_user(user).post(f"/deployments/{deployment.pk}/{verb}/", {"reason": reason}, **kwargs)


def wanted(deployment: Deployment) -> str:
    return Deployment.objects.get(pk=deployment.pk).wanted


def test_without_a_script_a_control_is_a_form_that_leads_back(world: World) -> None:
    deployment = world.acorn.deployment
    form = as_user(world.dora).get(f"/deployments/{deployment.pk}/start/")
    assert 'name="reason"' in form.content.decode()
    answer = control(world.dora, deployment, "start")
    assert answer["Location"] == f"/deployments/{deployment.pk}/"
    assert wanted(deployment) == Wanted.ACTIVE
    assert AuditEntry.objects.get(verb="deployment.started").reason == "a good reason"


def test_with_htmx_the_page_stays_and_says_what_was_asked_for(world: World) -> None:
    answer = control(world.dora, world.acorn.deployment, "start", headers=HTMX)
    assert answer.status_code == 200
    assert "Start is asked for" in answer.content.decode()
    assert "<html" not in answer.content.decode()
    assert "mm:changed" in answer["HX-Trigger"]


@pytest.mark.parametrize("verb", ["start", "pause", "reset"])
def test_a_reason_is_asked_for_in_words(world: World, verb: str) -> None:
    answer = control(world.adam, world.acorn.deployment, verb, reason="  ", headers=HTMX)
    assert answer.status_code == 422
    assert answer.content.decode() == "Say why: the reason is kept in the audit."
    assert answer["HX-Retarget"] == f"#{verb} .problem"


def test_a_refusal_is_a_sentence_in_the_dialog_that_asked(world: World) -> None:
    deployment = world.acorn.deployment
    control(world.dora, deployment, "kill")
    answer = control(world.dora, deployment, "start", headers=HTMX)
    assert answer.status_code == 422
    assert "kill switch" in answer.content.decode()
    page = control(world.dora, deployment, "start")
    assert page.status_code == 422
    assert "kill switch" in page.content.decode()
    assert wanted(deployment) == Wanted.HALTED


def test_a_viewer_sees_no_controls_and_is_told_who_may(world: World) -> None:
    deployment = world.acorn.deployment
    page = as_user(world.vera).get(f"/deployments/{deployment.pk}/").content.decode()
    assert 'data-dialog="kill"' not in page
    assert 'id="firm-kill"' not in page
    refused = control(world.vera, deployment, "kill", headers=HTMX)
    assert "You may not use the kill switch" in refused.content.decode()
    assert wanted(deployment) == Wanted.PAUSED


@pytest.mark.parametrize("verb", ["start", "pause", "kill", "reset"])
def test_for_a_client_the_controls_do_not_exist(world: World, verb: str) -> None:
    assert control(world.alice, world.acorn.deployment, verb).status_code == 404
    assert control(world.charlie, world.acorn.deployment, verb).status_code == 404
    assert wanted(world.acorn.deployment) == Wanted.PAUSED


def test_a_control_that_does_not_exist_is_no_page(world: World) -> None:
    assert control(world.adam, world.acorn.deployment, "flatten").status_code == 404


@pytest.mark.parametrize("typed", ["", "kill", "KIL"])
def test_a_firm_wide_kill_takes_the_typed_word(world: World, typed: str) -> None:
    answer = as_user(world.dora).post("/switches/kill/", {"confirm": typed, "reason": "why"}, headers=HTMX)
    assert answer.status_code == 422
    assert "Type KILL" in answer.content.decode()
    assert not KillSwitch.objects.exists()


def test_a_firm_wide_kill_halts_everything_and_its_reset_starts_nothing(world: World) -> None:
    control(world.dora, world.acorn.deployment, "start")
    desk = as_user(world.dora)
    assert desk.post("/switches/kill/", {"confirm": "KILL", "reason": "drill"}).status_code == 302
    switch = KillSwitch.objects.get(scope=KillScope.FIRM)
    assert {wanted(world.acorn.deployment), wanted(world.cedar.deployment)} == {Wanted.HALTED}
    listed = desk.get("/switches/").content.decode()
    assert "the whole firm" in listed
    assert "drill" in listed
    as_user(world.rita).post(f"/switches/{switch.pk}/reset/", {"reason": "over"})
    assert {wanted(world.acorn.deployment), wanted(world.cedar.deployment)} == {Wanted.PAUSED}


def test_whoever_may_not_reset_is_told_so_and_the_switch_stays(world: World) -> None:
    desk = as_user(world.dora)
    desk.post("/switches/kill/", {"confirm": "KILL", "reason": "drill"})
    switch = KillSwitch.objects.get()
    answer = desk.post(f"/switches/{switch.pk}/reset/", {"reason": "over"}, follow=True)
    assert "You may not reset a halt" in answer.content.decode()
    assert KillSwitch.objects.get().is_engaged


def test_controls_want_the_token_of_the_page(world: World) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.dora)
    answer = strict.post(f"/deployments/{world.acorn.deployment.pk}/kill/", {"reason": "x"})
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
