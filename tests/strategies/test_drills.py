"""Kill drills on a schedule: what is planned and by whom, what it takes to pass, what is told of one that did not."""

from __future__ import annotations

import datetime

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.db.models import F
from django.test import Client as Browser
from django.utils import timezone

from clients.errors import Refusal
from clients.models import AuditEntry, User
from strategies.choices import Wanted, Witness
from strategies.clearing import claim, finish
from strategies.drills import alarms, drill_plan_end, drill_plan_set, drills_hold
from strategies.models import Clearing, Deployment, Drill, DrillPlan, KillSwitch
from strategies.services import deployment_halt, deployment_reset, deployment_start, firm_halt
from tests.world import World


def plan_of(world: World, actor: User | None = None, **terms: int) -> DrillPlan:
    return drill_plan_set(
        deployment=world.acorn.deployment,
        actor=actor or world.rita,
        reason="the policy wants one a day",
        **{"every_hours": 24, "within_s": 10, **terms},
    )


def quoting(world: World) -> Deployment:
    deployment_start(deployment=world.acorn.deployment, actor=world.dora, reason="morning")
    return observed(world, "active")


def observed(world: World, state: str, **fields: object) -> Deployment:
    """What a host would write once it has carried out what is wanted."""
    deployment = world.acorn.deployment
    done = {"observed": state, "observed_reason": "as wanted", "command_done": F("command")}
    Deployment.objects.filter(pk=deployment.pk).update(**done, **fields)
    deployment.refresh_from_db()
    return deployment


def engine_proves(world: World) -> None:
    observed(world, "halted", halt_proven=True, halt_ms=31.0)


def path_proves(*, clean: bool = True, reason: str = "") -> None:
    for clearing in claim("w", limit=9):
        finish(clearing, clean=clean, witness=Witness.RECORD, reason=reason)


def later(**back: object) -> None:
    """Let time pass, by having everything begun earlier."""
    Drill.objects.filter(outcome__in=("running", "restarting")).update(
        began_at=timezone.now() - datetime.timedelta(minutes=5)
    )


def verbs_of_the_machine() -> list[str]:
    return list(AuditEntry.objects.filter(actor=None).order_by("id").values_list("verb", flat=True))


def test_a_drill_kills_in_earnest_proves_twice_and_starts_again_what_was_quoting(world: World) -> None:
    deployment = quoting(world)
    plan = plan_of(world)
    drills_hold()
    drill = Drill.objects.get()
    deployment.refresh_from_db()
    assert (drill.outcome, deployment.wanted) == ("running", Wanted.HALTED)
    switch = KillSwitch.objects.get()
    assert (switch.scope, switch.engaged_by, switch.reason) == (
        "deployment",
        None,
        f"kill drill {drill.pk}, planned by rita",
    )
    engine_proves(world)
    drills_hold()
    assert Drill.objects.get().outcome == "running"  # the kill path has not spoken yet
    path_proves()
    drills_hold()
    deployment.refresh_from_db()
    assert (Drill.objects.get().outcome, deployment.wanted) == ("restarting", Wanted.PAUSED)
    observed(world, "paused")
    drills_hold()
    drill, deployment = Drill.objects.get(), observed(world, "active")
    assert (drill.outcome, drill.engine_ms, deployment.wanted) == ("passed", 31.0, Wanted.ACTIVE)
    assert drill.path_ms is not None
    assert not KillSwitch.objects.filter(reset_at=None).exists()
    assert verbs_of_the_machine() == [
        "kill_switch.engaged", "deployment.halted", "drill.begun", "kill_switch.reset", "deployment.reset",
        "deployment.started", "drill.passed",
    ]  # fmt: skip
    plan.refresh_from_db()
    assert plan.next_at > timezone.now() + datetime.timedelta(hours=23)
    assert alarms() == []
    drills_hold()
    assert Drill.objects.count() == 1  # the next one is tomorrow's


def test_what_was_paused_is_left_paused(world: World) -> None:
    plan_of(world)
    drills_hold()
    engine_proves(world)
    path_proves()
    drills_hold()
    assert Drill.objects.get().outcome == "passed"
    assert Deployment.objects.get(pk=world.acorn.deployment.pk).wanted == Wanted.PAUSED


@pytest.mark.parametrize(
    ("engine", "path", "words"),
    [
        (True, None, "The kill path: waiting for a worker."),
        (True, "Binance is down.", "The kill path: Binance is down."),
        (False, "", "The engine has it active: as wanted."),
    ],
)
def test_a_drill_that_is_not_proven_in_time_fails_and_stays_halted(
    world: World, engine: bool, path: str | None, words: str
) -> None:
    quoting(world)
    plan_of(world)
    drills_hold()
    if engine:
        engine_proves(world)
    if path is not None:
        path_proves(clean=not path, reason=path)
    later()
    drills_hold()
    drill = Drill.objects.get()
    assert drill.outcome == "failed"
    assert drill.reason == f"Not proven clean within 10 s; it stays halted until a person resets it. {words}"
    assert KillSwitch.objects.get().is_engaged
    assert alarms() == [f"The last kill drill of {world.acorn.deployment} failed. {drill.reason}"]


def test_a_person_who_kills_meanwhile_takes_the_drill_over(world: World) -> None:
    quoting(world)
    plan_of(world)
    drills_hold()
    deployment_halt(deployment=world.acorn.deployment, actor=world.dora, reason="in earnest")
    engine_proves(world)
    path_proves()
    drills_hold()
    assert Drill.objects.get().reason == (
        "dora used the kill switch meanwhile; it stays halted until a person resets it."
    )
    assert KillSwitch.objects.get().is_engaged
    assert Deployment.objects.get(pk=world.acorn.deployment.pk).wanted == Wanted.HALTED


def test_a_broader_kill_meanwhile_outlives_the_drill(world: World) -> None:
    quoting(world)
    plan_of(world)
    drills_hold()
    firm_halt(actor=world.dora, reason="all of it")
    engine_proves(world)
    path_proves()
    drills_hold()
    drill = Drill.objects.get()
    assert drill.outcome == "passed"
    assert drill.reason.startswith("It stays halted. Firm kill switch, engaged by dora")
    assert Deployment.objects.get(pk=world.acorn.deployment.pk).wanted == Wanted.HALTED


def test_a_reset_in_the_middle_ends_it(world: World) -> None:
    plan_of(world)
    drills_hold()
    observed(world, "halted", halt_proven=False)
    deployment_reset(deployment=world.acorn.deployment, actor=world.rita, reason="enough")
    drills_hold()
    assert Drill.objects.get().outcome == "failed"


def test_what_may_not_start_again_is_left_paused_and_said_so(world: World) -> None:
    quoting(world)
    plan_of(world)
    drills_hold()
    engine_proves(world)
    path_proves()
    drills_hold()
    observed(world, "paused")
    firm_halt(actor=world.dora, reason="all of it")
    Deployment.objects.update(command_done=F("command"), observed="paused")
    drills_hold()
    drill = Drill.objects.get()
    assert drill.outcome == "passed"
    assert drill.reason.startswith("It was not started again. Acorn on Simulated Exchange paper may not start.")


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("late", "It was due 60 minutes before anybody could hold it."),
        ("killed", "was stopped already. Deployment kill switch, engaged by dora"),
        ("faulted", "was faulted: as wanted."),
        ("ended", "has ended, and its plan with it."),
    ],
)
def test_a_drill_that_cannot_begin_is_a_record_and_an_alarm(world: World, before: str, words: str) -> None:
    plan = plan_of(world)
    if before == "late":
        DrillPlan.objects.update(next_at=timezone.now() - datetime.timedelta(hours=1))
        assert "has been due for 3600 s: are beat and" in alarms()[0]
    elif before == "killed":
        deployment_halt(deployment=world.acorn.deployment, actor=world.dora, reason="in earnest")
    elif before == "faulted":
        observed(world, "faulted")
    else:
        Deployment.objects.filter(pk=world.acorn.deployment.pk).update(ended_at=timezone.now())
    drills_hold()
    drill = Drill.objects.get()
    assert (drill.outcome, drill.began_at) == ("missed", None)
    assert words in drill.reason
    assert len(alarms()) == (0 if before == "ended" else 1)
    plan.refresh_from_db()
    assert plan.next_at > timezone.now()


def test_one_that_is_still_under_way_is_not_begun_again(world: World) -> None:
    plan_of(world)
    drills_hold()
    DrillPlan.objects.update(next_at=timezone.now())
    drills_hold()
    assert list(Drill.objects.order_by("id").values_list("outcome", flat=True)) == ["running", "missed"]


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"every_hours": 0}, "every 1 to 2160 hours, not every 0"),
        ({"every_hours": 2161}, "not every 2161"),
        ({"within_s": 0}, "within 1 to 300 s, not 0"),
        ({"within_s": 301}, "not 301"),
    ],
)
def test_a_plan_with_impossible_times_is_refused(world: World, terms: dict, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        plan_of(world, **terms)


def test_only_paper_and_shadow_are_drilled_and_a_reason_is_asked_for(world: World) -> None:
    deployment = world.acorn.deployment
    with pytest.raises(Refusal, match="Please say why"):
        drill_plan_set(deployment=deployment, every_hours=1, within_s=1, actor=world.rita, reason=" ")
    deployment.mode = "live"
    with pytest.raises(Refusal, match="is live; only a deployment on paper or in shadow is drilled"):
        plan_of(world)


def test_a_new_plan_replaces_the_old_one_and_both_are_audited(world: World) -> None:
    plan_of(world)
    plan = plan_of(world, every_hours=6)
    assert list(DrillPlan.objects.filter(ended_at=None)) == [plan]
    entry = AuditEntry.objects.filter(verb="drill_plan.set").latest("id")
    assert (entry.actor_name, entry.reason) == ("rita", "the policy wants one a day")
    assert (entry.old, entry.new) == ({"every_hours": 24, "within_s": 10}, {"every_hours": 6, "within_s": 10})
    drill_plan_end(plan=plan, actor=world.adam, reason="the deployment is retired")
    drill_plan_end(plan=plan, actor=world.adam, reason="again")
    assert AuditEntry.objects.filter(verb="drill_plan.ended").count() == 1
    drills_hold()
    assert not Drill.objects.exists()


def test_who_may_not_plan_drills_is_refused(world: World) -> None:
    plan = plan_of(world)
    for who in (world.vera, world.dora, world.alice):
        with pytest.raises(PermissionDenied):
            plan_of(world, actor=who)
        with pytest.raises(PermissionDenied):
            drill_plan_end(plan=plan, actor=who, reason="x")


def test_how_a_drill_went_stays_as_it_was_written(world: World) -> None:
    plan_of(world)
    DrillPlan.objects.update(next_at=timezone.now() - datetime.timedelta(hours=1))
    drills_hold()
    for change in (lambda: Drill.objects.update(outcome="passed"), lambda: Drill.objects.all()._raw_delete("default")):
        with pytest.raises(DatabaseError, match=r"stays as it was|never removed"), transaction.atomic():
            change()


# Pages


def browser_of(who: User) -> Browser:
    browser = Browser()
    browser.force_login(who)
    return browser


def test_a_drill_is_planned_seen_and_ended_on_its_page(world: World) -> None:
    rita = browser_of(world.rita)
    typed = {"deployment": world.acorn.deployment.pk, "every_hours": 12, "within_s": 5, "reason": "policy"}
    page = rita.post("/switches/drills/", typed, follow=True).content.decode()
    assert "Planned: kill drill of Acorn on Simulated Exchange paper every 12 h. The first is held now." in page
    drills_hold()
    later()
    drills_hold()
    page = rita.get("/switches/drills/").content.decode()
    assert "Failed" in page
    assert "Not proven clean within 5 s" in page
    console = rita.get("/switches/").content.decode()
    assert 'role="alert">The last kill drill of Acorn on Simulated Exchange paper failed.' in console
    page = rita.post(f"/switches/drills/{DrillPlan.objects.get().pk}/end/", {"reason": "over"}, follow=True)
    assert "No kill is drilled on a schedule." in page.content.decode()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"deployment": ""}, "Say which deployment is to be drilled."),
        ({"deployment": "999999"}, "Select a valid choice"),
        ({"every_hours": "often"}, "Enter a whole number"),
        ({"every_hours": "9999"}, "not every 9999"),
        ({"reason": ""}, "Say why"),
    ],
)
def test_what_is_typed_wrongly_is_said(world: World, typed: dict, words: str) -> None:
    good = {"deployment": world.acorn.deployment.pk, "every_hours": 12, "within_s": 5, "reason": "policy"}
    page = browser_of(world.rita).post("/switches/drills/", good | typed, follow=True).content.decode()
    assert words in page
    assert not DrillPlan.objects.exists()


def test_who_may_not_plan_sees_what_is_planned_and_no_form(world: World) -> None:
    plan = plan_of(world)
    page = browser_of(world.dora).get("/switches/drills/").content.decode()
    assert "24 h" in page
    assert "Plan, and hold" not in page
    browser_of(world.dora).post(f"/switches/drills/{plan.pk}/end/", {"reason": "x"})
    plan.refresh_from_db()
    assert plan.ended_at is None
    assert browser_of(world.alice).get("/switches/drills/").status_code == 404
    assert not Clearing.objects.exists()
