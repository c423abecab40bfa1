from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from clients.models import AuditEntry, Client, Mandate, Obligation, User
from engine.core.config import load_config
from engine.core.plugins import Registry
from monitoring.demo import desk
from monitoring.demo.mandates import MANDATES, DemoMandate
from strategies.models import Deployment, Revision
from strategies.services import deployment_halt, deployment_pause


def counts() -> dict[str, int]:
    return {
        model.__name__: model.objects.count() for model in (User, Client, Mandate, Obligation, Revision, Deployment)
    }


def test_it_is_built_once(db: None) -> None:
    desk.build()
    before = counts(), AuditEntry.objects.count()
    assert before[0] == {"User": 9, "Client": 3, "Mandate": 5, "Obligation": 16, "Revision": 5, "Deployment": 5}
    desk.build()
    assert (counts(), AuditEntry.objects.count()) == before


def test_everything_is_plainly_a_demo_and_nobody_has_a_password(db: None) -> None:
    desk.build()
    assert all(client.is_demo and client.name.startswith("Demo ") for client in Client.objects.all())
    assert not any(user.has_usable_password() for user in User.objects.all())


def test_nothing_starts_until_somebody_says_so(db: None) -> None:
    desk.build()
    assert set(Deployment.objects.values_list("wanted", "command")) == {("paused", 0)}


def test_starting_is_the_demo_operators_audited_act(db: None) -> None:
    call_command("demo", "--start")
    assert set(Deployment.objects.values_list("wanted", "command")) == {("active", 1)}
    entries = AuditEntry.objects.filter(verb="deployment.started")
    assert {(entry.actor_name, entry.reason) for entry in entries} == {("demo-operator", desk.START_REASON)}
    assert len(entries) == 5


def test_starting_again_leaves_what_a_person_paused_or_killed(db: None) -> None:
    call_command("demo", "--start")
    operator = User.objects.get(username="demo-operator")
    paused, killed, *_ = Deployment.objects.order_by("pk")
    deployment_pause(deployment=paused, actor=operator, reason="looking")
    deployment_halt(deployment=killed, actor=operator, reason="drill")
    call_command("demo", "--start")
    assert [d.wanted for d in Deployment.objects.order_by("pk")] == ["paused", "halted", "active", "active", "active"]


def test_revisions_were_approved_by_a_second_person(db: None) -> None:
    desk.build()
    people = set(Revision.objects.values_list("author__username", "approver__username", "state"))
    assert people == {("demo-operator", "demo-risk", "approved")}


@pytest.mark.parametrize("demo", MANDATES, ids=lambda demo: demo.symbol)
def test_every_configuration_is_sound(demo: DemoMandate) -> None:
    """Read as in shadow mode, which needs no account: paper puts one behind the public market."""
    shadow = demo.yaml().replace("marketmaking.executors.live", "marketmaking.executors.dry_run")
    config = load_config(shadow, filename=f"{demo.slug}.yaml", registry=Registry.installed())
    assert config.components["venue"].args["symbol"] == demo.symbol


def test_a_sign_in_link_is_printed_for_whoever_may_do_most(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="no active person of the desk"):
        call_command("signin_link")
    desk.build()
    call_command("signin_link")
    call_command("signin_link", "--portal")
    call_command("signin_link", "--user", "demo-risk")
    assert all(line.startswith("/signin/") for line in capsys.readouterr().out.splitlines())
    issued = AuditEntry.objects.filter(verb="signin_link.issued").order_by("id")
    assert [entry.object_name for entry in issued] == ["demo-admin", "demo-aurora", "demo-risk"]
