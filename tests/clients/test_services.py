from __future__ import annotations

import datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client as Browser
from django.utils import timezone

from clients.choices import Kpi
from clients.errors import Refusal
from clients.models import AuditEntry, OneTimeLink, User
from clients.services import link_consume, obligation_add, one_time_link, person_invite
from tests.world import World


def pieces(path: str) -> dict[str, object]:
    link_id, secret = path.strip("/").split("/")[-2:]
    return {"link_id": UUID(link_id), "secret": secret}


def follow(path: str) -> User | None:
    return link_consume(**pieces(path))  # type: ignore[arg-type]


def test_a_link_signs_in_once(world: World) -> None:
    path = one_time_link(world.alice)
    assert follow(path) == world.alice
    assert follow(path) is None
    verbs = AuditEntry.objects.filter(object_name="alice").order_by("id").values_list("verb", "actor_name")
    assert list(verbs) == [("signin_link.issued", "engine"), ("signin_link.used", "alice")]


def test_the_secret_itself_is_not_kept(world: World) -> None:
    secret = str(pieces(one_time_link(world.alice))["secret"])
    assert secret not in str(list(OneTimeLink.objects.values())) + str(list(AuditEntry.objects.values()))


def test_a_wrong_secret_does_not_spend_the_link(world: World) -> None:
    path = one_time_link(world.alice)
    assert link_consume(link_id=pieces(path)["link_id"], secret="guess") is None  # type: ignore[arg-type]
    assert follow(path) == world.alice


def test_an_expired_link_is_dead(world: World) -> None:
    path = one_time_link(world.alice)
    OneTimeLink.objects.update(expires_at=timezone.now())
    assert follow(path) is None


def test_a_closed_account_neither_gets_nor_follows_a_link(world: World) -> None:
    path = one_time_link(world.alice)
    world.alice.is_active = False
    world.alice.save(update_fields=["is_active"])
    assert follow(path) is None
    with pytest.raises(Refusal, match="is closed"):
        one_time_link(world.alice)


def test_a_changed_threshold_is_a_new_version(world: World) -> None:
    soon = timezone.now() + datetime.timedelta(hours=1)
    terms = {"mandate": world.acorn.mandate, "kpi": Kpi.SPREAD, "target_share": Decimal("0.9"), "actor": world.adam}
    tighter = obligation_add(**terms, max_spread_bps=Decimal("40"), starts_at=soon, reason="renegotiated")
    assert tighter.version == 2
    entry = AuditEntry.objects.get(verb="obligation.added", object_id=str(tighter.pk))
    assert (entry.old["max_spread_bps"], entry.new["max_spread_bps"]) == ("60", "40")
    with pytest.raises(Refusal, match="start after it"):
        obligation_add(**terms, max_spread_bps=Decimal("30"), starts_at=soon)


def test_the_past_is_already_judged(world: World) -> None:
    with pytest.raises(Refusal, match="starts now or later"):
        obligation_add(
            mandate=world.acorn.mandate,
            kpi=Kpi.UPTIME,
            target_share=Decimal("0.5"),
            starts_at=timezone.now() - datetime.timedelta(days=1),
            actor=world.adam,
        )


def test_a_band_that_cannot_be_measured_is_not_promised(world: World) -> None:
    with pytest.raises(Refusal, match="not within ±25"):
        obligation_add(
            mandate=world.acorn.mandate,
            kpi=Kpi.DEPTH,
            band_bps=Decimal("25"),
            min_depth_quote=Decimal("1000"),
            target_share=Decimal("0.9"),
            starts_at=timezone.now(),
            actor=world.adam,
        )


def test_an_operator_does_not_change_what_is_promised(world: World) -> None:
    with pytest.raises(PermissionDenied):
        obligation_add(
            mandate=world.acorn.mandate,
            kpi=Kpi.UPTIME,
            target_share=Decimal("0.5"),
            starts_at=timezone.now(),
            actor=world.dora,
        )


@pytest.mark.parametrize(
    "terms",
    [
        {"kpi": "speed"},
        {"target_share": Decimal("1.5")},
        {"target_share": Decimal("NaN")},
        {"min_depth_quote": Decimal("NaN")},
        {"min_depth_quote": Decimal("Infinity")},
        {"min_depth_quote": Decimal(-1)},
        {"min_depth_quote": None},
        {"max_spread_bps": Decimal(40)},
    ],
)
def test_what_makes_no_sense_is_not_promised(world: World, terms: dict[str, object]) -> None:
    promise = {
        "mandate": world.acorn.mandate,
        "kpi": "depth",
        "band_bps": Decimal(500),
        "min_depth_quote": Decimal(1000),
        "target_share": Decimal("0.9"),
        "starts_at": timezone.now(),
        "actor": world.adam,
    }
    assert obligation_add(**promise).version == 1
    with pytest.raises(Refusal, match="cannot be promised"):
        obligation_add(**promise | {"starts_at": timezone.now()} | terms)


def test_seconds_that_were_judged_already_keep_their_terms(world: World) -> None:
    """A form filled in a moment ago still goes through, but reaches back over no second."""
    asked = timezone.now() - datetime.timedelta(seconds=50)
    before = timezone.now()
    added = obligation_add(
        mandate=world.acorn.mandate, kpi="uptime", target_share=Decimal("0.8"), starts_at=asked, actor=world.adam
    )
    assert added.starts_at >= before


def test_an_invited_person_signs_in_once_with_the_role_they_were_given(world: World) -> None:
    path = person_invite(username="nora", desk_role="approver", actor=world.adam, reason="a second pair of eyes")
    nora = User.objects.get(username="nora")
    assert (nora.desk_role, nora.has_usable_password()) == ("approver", False)
    entry = AuditEntry.objects.get(verb="user.created", object_id=str(nora.pk))
    assert (entry.actor, entry.new, entry.reason) == (world.adam, {"desk_role": "approver"}, "a second pair of eyes")
    browser = Browser()
    assert browser.post(path).status_code == 302
    assert browser.get("/roles/").status_code == 200
    assert Browser().post(path).status_code == 410


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"username": "a b"}, "letters, digits"),
        ({"username": "DORA"}, "already"),
        ({"desk_role": "none"}, "choose one"),
        ({"desk_role": "king"}, "choose one"),
        ({"reason": " "}, "say why"),
    ],
)
def test_who_cannot_be_invited_is_refused_in_words(world: World, given: dict[str, str], sentence: str) -> None:
    values = {"username": "nora", "desk_role": "viewer", "reason": "new", **given}
    with pytest.raises(Refusal, match=sentence):
        person_invite(actor=world.adam, **values)


def test_only_an_administrator_invites(world: World) -> None:
    with pytest.raises(PermissionDenied):
        person_invite(username="nora", desk_role="viewer", actor=world.rita, reason="new")
    browser = Browser()
    browser.force_login(world.rita)
    assert "Invite somebody" not in browser.get("/roles/").content.decode()
    refused = browser.post("/roles/", {"username": "nora", "desk_role": "admin", "reason": "me"})
    assert refused.status_code == 422
    assert not User.objects.filter(username="nora").exists()


def test_the_page_shows_the_link_once(world: World) -> None:
    browser = Browser()
    browser.force_login(world.adam)
    page = browser.post("/roles/", {"username": "nora", "desk_role": "risk", "reason": "new"}).content.decode()
    assert "http://testserver/signin/" in page
    assert "/signin/" not in browser.get("/roles/").content.decode().split("<main")[1]
