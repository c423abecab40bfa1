"""The admin: every record can be read, what may lose money cannot be edited there, and every change is audited."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client as Browser
from django.urls import reverse

from clients.models import AuditEntry, Membership, Obligation, User
from tests.world import World

RECORDS = sorted(model._meta.label_lower for model in admin.site._registry)
APPS = ("clients", "exchanges", "strategies", "monitoring")


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def at(label: str, page: str, *args: object) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{page}", args=args)


def test_every_kind_of_record_is_there() -> None:
    from django.apps import apps

    ours = {model._meta.label_lower for app in APPS for model in apps.get_app_config(app).get_models()}
    assert ours <= set(RECORDS)


@pytest.mark.parametrize("label", RECORDS)
def test_a_viewer_reads_every_list_and_adds_nothing(world: World, label: str) -> None:
    browser = browser_of(world.vera)
    assert browser.get(at(label, "changelist")).status_code == 200
    assert browser.get(at(label, "add")).status_code == 403


def test_a_record_of_every_kind_opens(world: World) -> None:
    browser = browser_of(world.vera)
    for model, model_admin in admin.site._registry.items():
        if record := model._default_manager.first():
            page = browser.get(at(model._meta.label_lower, "change", record.pk))
            assert page.status_code == 200, model_admin
            assert b'name="_save"' not in page.content


def test_visitors_are_sent_to_sign_in_and_for_a_client_there_is_no_admin(world: World) -> None:
    for path in ("/admin/", "/admin/clients/mandate/", "/admin/login/?next=/admin/"):
        assert Browser().get(path, follow=True).redirect_chain[-1][0].startswith(reverse("clients:signin"))
        assert browser_of(world.alice).get(path, follow=True).status_code == 404


@pytest.mark.parametrize(
    "query", ["clients/user/?password__startswith=pbkdf2", "clients/onetimelink/?secret_hash__startswith=a"]
)
def test_a_hash_cannot_be_spelled_out_by_filtering(world: World, query: str) -> None:
    world.adam.set_password("correct horse battery staple")
    world.adam.save(update_fields=["password"])
    assert browser_of(world.vera).get(f"/admin/{query}").status_code == 400


@pytest.mark.parametrize(
    "label",
    [
        "strategies.deployment",
        "strategies.revision",
        "strategies.killswitch",
        "strategies.paperfunding",
        "monitoring.fill",
        "clients.auditentry",
    ],
)
def test_not_even_an_administrator_edits_what_runs_or_happened(world: World, label: str) -> None:
    browser = browser_of(world.adam)
    assert browser.get(at(label, "add")).status_code == 403
    record = next(m for m in admin.site._registry if m._meta.label_lower == label)._default_manager.first()
    if record is not None:
        assert browser.post(at(label, "change", record.pk), {"wanted": "active"}).status_code == 403
        assert browser.post(at(label, "delete", record.pk), {"post": "yes"}).status_code == 403


def test_a_change_by_hand_is_audited_with_old_and_new(world: World) -> None:
    mandate = world.acorn.mandate
    page = browser_of(world.adam).post(
        at("clients.mandate", "change", mandate.pk),
        {"name": mandate.name, "tags": "priority", "resume_policy": "resume", "base": "OTHER"},
    )
    assert page.status_code == 302
    mandate.refresh_from_db()
    assert (mandate.tags, mandate.base) == ("priority", "ACORN")
    entry = AuditEntry.objects.get(verb="mandate.changed")
    assert (entry.actor, entry.old, entry.new) == (
        world.adam,
        {"tags": "", "resume_policy": "pause"},
        {"tags": "priority", "resume_policy": "resume"},
    )


def test_an_operator_looks_but_does_not_change(world: World) -> None:
    mandate = world.acorn.mandate
    page = browser_of(world.dora).post(at("clients.mandate", "change", mandate.pk), {"name": "mine"})
    assert page.status_code == 403


def test_a_membership_can_be_taken_away_at_once(world: World) -> None:
    membership = Membership.objects.get(user=world.bob)
    browser_of(world.adam).post(at("clients.membership", "delete", membership.pk), {"post": "yes"})
    assert not Membership.objects.filter(user=world.bob).exists()
    assert AuditEntry.objects.get(verb="membership.removed").client == world.acorn.client


def test_a_new_threshold_added_by_hand_is_a_new_version(world: World) -> None:
    browser = browser_of(world.adam)
    form = {
        "mandate": world.acorn.mandate.pk,
        "kpi": "spread",
        "starts_at_0": "2100-01-01",
        "starts_at_1": "00:00",
        "max_spread_bps": "45.5",
        "target_share": "0.95",
    }
    assert browser.post(at("clients.obligation", "add"), form).status_code == 302
    added = Obligation.objects.get(kpi="spread", version=2)
    assert (str(added.max_spread_bps), added.client) == ("45.5", world.acorn.client)
    past = browser.post(at("clients.obligation", "add"), {**form, "starts_at_0": "2020-01-01"}, follow=True)
    assert "the past is already judged" in past.content.decode()


def test_people_made_by_hand_have_no_password(world: World) -> None:
    browser_of(world.adam).post(
        at("clients.user", "add"), {"username": "nina", "desk_role": "viewer", "is_active": "on"}
    )
    nina = User.objects.get(username="nina")
    assert (nina.has_usable_password(), nina.desk_role) == (False, "viewer")


def test_lists_show_decimals_and_times_as_the_desk_writes_them(world: World) -> None:
    page = browser_of(world.vera).get(at("exchanges.market", "changelist")).content.decode()
    assert ">0.0001<" in page
    assert "0.00010" not in page
    audits = browser_of(world.vera).get(at("clients.auditentry", "changelist")).content.decode()
    assert "a.m." not in audits
    assert "p.m." not in audits
