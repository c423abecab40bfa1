"""What people want of deployments: every verb, who may say it, and what it leaves in the record."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from clients.errors import Refusal
from clients.models import AuditEntry
from engine.core.states import State
from exchanges.models import ExchangeAccount, Venue
from strategies.choices import KillScope, Mode, Wanted
from strategies.loading import transition
from strategies.models import Deployment, KillSwitch, Revision
from strategies.selectors import covered_by, covering, halt_reasons
from strategies.services import (
    account_halt,
    client_halt,
    deployment_create,
    deployment_end,
    deployment_halt,
    deployment_pause,
    deployment_reset,
    deployment_start,
    deployment_switch,
    firm_halt,
    kill_switch_reset,
    mandate_halt,
    revision_approve,
    revision_reject,
    revision_submit,
    venue_halt,
)
from tests.world import Holding, World


def observe(deployment: Deployment, state: State) -> None:
    """What a host would write once it has carried out the latest command."""
    deployment.refresh_from_db()
    Deployment.objects.filter(pk=deployment.pk).update(observed=state, command_done=deployment.command)


def create(world: World, holding: Holding, **changes: object) -> Deployment:
    arguments = {
        "mandate": holding.mandate,
        "revision": holding.revision,
        "account": holding.account,
        "market": holding.market,
        "mode": Mode.PAPER,
        "funding": {holding.mandate.base: Decimal("1"), "USDT": Decimal("1")},
        "actor": world.dora,
    }
    return deployment_create(**{**arguments, **changes})  # type: ignore[arg-type]


def verbs() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("verb", flat=True))


# Revisions


def test_a_revision_takes_a_second_person(world: World) -> None:
    revision = revision_submit(strategy=world.acorn.strategy, yaml="a: 1", actor=world.adam)
    with pytest.raises(Refusal, match="second person"):
        revision_approve(revision=revision, actor=world.adam)
    with pytest.raises(PermissionDenied):
        revision_approve(revision=revision, actor=world.dora)
    revision_approve(revision=revision, actor=world.rita)
    assert (revision.state, revision.approver, revision.number) == ("approved", world.rita, 2)


def test_the_database_holds_four_eyes_too(world: World) -> None:
    revision = revision_submit(strategy=world.acorn.strategy, yaml="a: 1", actor=world.dora)
    with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic():
        Revision.objects.filter(pk=revision.pk).update(state="approved", approver=world.dora)


def test_the_same_text_is_submitted_once(world: World) -> None:
    first = revision_submit(strategy=world.acorn.strategy, yaml="a: 1", actor=world.dora)
    assert revision_submit(strategy=world.acorn.strategy, yaml="a: 1", actor=world.dora) == first


def test_a_revision_is_frozen_and_its_decision_final(world: World) -> None:
    revision = world.acorn.revision
    with pytest.raises(IntegrityError, match="is frozen"), transaction.atomic():
        Revision.objects.filter(pk=revision.pk).update(yaml="service: other")
    with pytest.raises(IntegrityError, match="not taken back"), transaction.atomic():
        Revision.objects.filter(pk=revision.pk).update(state="rejected")
    with pytest.raises(IntegrityError, match="never removed"), transaction.atomic():
        revision_submit(strategy=world.acorn.strategy, yaml="a: 1", actor=world.dora).delete()
    with pytest.raises(Refusal, match="already approved"):
        revision_reject(revision=revision, actor=world.rita, reason="second thoughts")


# Creating


def test_a_deployment_is_born_paused_with_its_funding(world: World) -> None:
    deployment = create(world, world.acorn, funding={"ACORN": Decimal("0.10"), "USDT": Decimal("5000")})
    deployment.refresh_from_db()
    assert (deployment.wanted, deployment.observed, deployment.observed_reason) == ("paused", "paused", "not started")
    assert {row.asset: str(row.amount) for row in deployment.funding.all()} == {"ACORN": "0.10", "USDT": "5000"}
    assert deployment.name == "Acorn on Simulated Exchange paper 2"


def test_live_on_a_paper_account_is_refused_with_a_sentence(world: World) -> None:
    with pytest.raises(Refusal, match="acorn-paper is on paper; live trading takes a live account"):
        create(world, world.acorn, mode=Mode.LIVE)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (lambda w: {"account": w.cedar.account}, "does not belong to Acorn"),
        (lambda w: {"market": w.cedar.market}, "The mandate is about ACORN/USDT"),
        (lambda w: {"revision": w.cedar.revision}, "was written for Cedar"),
        (lambda w: {"funding": {"USDT": Decimal("1")}}, "names ACORN and USDT, was USDT"),
        (lambda w: {"funding": {"ACORN": 0.1, "USDT": Decimal("1")}}, "exact amount of zero or more, was 0.1"),
        (lambda w: {"mode": Mode.SHADOW}, "takes no funding"),
    ],
)
def test_pieces_that_do_not_belong_together_are_refused(world: World, changes, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        create(world, world.acorn, **changes(world))


def test_only_an_approved_revision_runs(world: World) -> None:
    revision = revision_submit(strategy=world.acorn.strategy, yaml="a: 1", actor=world.dora)
    with pytest.raises(Refusal, match="not approved"):
        create(world, world.acorn, revision=revision)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("prices.mid", "prices.mdi"), "prices.mdi"),
        (("num_levels: 3", "num_levels: 0"), "num_levels"),
        (('base_spread_bps: !decimal "40"', "base_spread_bps: 0.4"), "base_spread_bps"),
        (('symbol: "ACORN/USDT"', 'symbol: "CEDAR/USDT"'), "No component of the revision trades ACORN/USDT"),
    ],
)
def test_what_no_host_could_load_is_refused_before_it_is_deployed(
    world: World, change: tuple[str, str], sentence: str
) -> None:
    yaml = world.acorn.revision.yaml.replace(*change)
    revision = revision_submit(strategy=world.acorn.strategy, yaml=yaml, actor=world.dora)
    revision_approve(revision=revision, actor=world.rita)
    with pytest.raises(Refusal, match=f"(?s)cannot run on ACORN/USDT.*{sentence}"):
        create(world, world.acorn, revision=revision)


def test_what_ran_under_a_number_stays_what_it_was(world: World) -> None:
    deployments = Deployment.objects.filter(pk=world.acorn.deployment.pk)
    with pytest.raises(IntegrityError, match="are frozen"), transaction.atomic():
        deployments.update(market=world.cedar.market)
    with pytest.raises(IntegrityError, match="are frozen"), transaction.atomic():
        deployments.update(mode=Mode.SHADOW)
    with pytest.raises(IntegrityError, match="is frozen"), transaction.atomic():
        world.acorn.deployment.funding.update(amount=Decimal("1"))


# Start and pause


def test_start_and_pause_are_audited_commands_and_safe_to_repeat(world: World) -> None:
    deployment = world.acorn.deployment
    deployment_start(deployment=deployment, actor=world.dora, reason="open the market")
    deployment_start(deployment=deployment, actor=world.dora, reason="again")
    assert (deployment.wanted, deployment.command, deployment.wanted_by) == ("active", 1, world.dora)
    deployment_pause(deployment=deployment, actor=world.dora, reason="lunch")
    deployment_pause(deployment=deployment, actor=world.dora, reason="lunch")
    assert (deployment.wanted, deployment.command, deployment.wanted_reason) == ("paused", 2, "lunch")
    entries = AuditEntry.objects.filter(object_type="strategies.deployment", object_id=str(deployment.pk))
    assert [(e.verb, e.old, e.new, e.reason) for e in entries.order_by("id")][1:] == [
        ("deployment.started", "paused", "active", "open the market"),
        ("deployment.paused", "active", "paused", "lunch"),
    ]


def test_start_is_a_new_command_after_a_lost_host_left_it_paused(world: World) -> None:
    deployment = world.acorn.deployment
    deployment_start(deployment=deployment, actor=world.dora, reason="open")
    observe(deployment, State.PAUSED)
    deployment_start(deployment=deployment, actor=world.dora, reason="open again")
    assert deployment.command == 2


def test_a_reason_is_asked_for(world: World) -> None:
    with pytest.raises(Refusal, match="say why"):
        deployment_start(deployment=world.acorn.deployment, actor=world.dora, reason="  ")


@pytest.mark.parametrize("name", ["vera", "alice", "rita"])
def test_people_without_the_role_cannot_start(world: World, name: str) -> None:
    with pytest.raises(PermissionDenied):
        deployment_start(deployment=world.acorn.deployment, actor=getattr(world, name), reason="please")
    world.acorn.deployment.refresh_from_db()
    assert world.acorn.deployment.command == 0


def test_a_halted_deployment_neither_starts_nor_pauses(world: World) -> None:
    deployment = world.acorn.deployment
    observe(deployment, State.HALTED)
    with pytest.raises(Refusal, match="must be reset first"):
        deployment_start(deployment=deployment, actor=world.dora, reason="go")
    with pytest.raises(Refusal, match="stronger than a pause"):
        deployment_pause(deployment=deployment, actor=world.dora, reason="stop")


# Kill and reset


def test_a_kill_latches_until_a_person_of_risk_resets_it(world: World) -> None:
    deployment = world.acorn.deployment
    deployment_start(deployment=deployment, actor=world.dora, reason="open")
    switch = deployment_halt(deployment=deployment, actor=world.dora, reason="fat finger")
    assert deployment_halt(deployment=deployment, actor=world.dora, reason="again") == switch
    assert (deployment.wanted, deployment.command, KillSwitch.objects.count()) == ("halted", 2, 1)
    with pytest.raises(Refusal, match="engaged by dora"):
        deployment_start(deployment=deployment, actor=world.dora, reason="go")
    with pytest.raises(PermissionDenied):
        deployment_reset(deployment=deployment, actor=world.dora, reason="go")
    deployment_reset(deployment=deployment, actor=world.rita, reason="checked")
    deployment_reset(deployment=deployment, actor=world.rita, reason="checked")
    switch.refresh_from_db()
    assert (deployment.wanted, deployment.command) == ("paused", 3)
    assert (switch.reset_by, switch.reset_reason, switch.is_engaged) == (world.rita, "checked", False)


def test_a_kill_needs_no_words(world: World) -> None:
    deployment_halt(deployment=world.acorn.deployment, actor=world.rita, reason="")
    assert world.acorn.deployment.wanted == Wanted.HALTED


def test_the_engines_own_trip_is_reset_like_a_persons(world: World) -> None:
    deployment = world.acorn.deployment
    deployment_start(deployment=deployment, actor=world.dora, reason="open")
    KillSwitch.objects.create(
        scope=KillScope.DEPLOYMENT, client=world.acorn.client, deployment=deployment, reason="loss above 500 USDT"
    )
    observe(deployment, State.HALTED)
    with pytest.raises(Refusal, match=r"engaged by the engine at .*: loss above 500 USDT"):
        deployment_start(deployment=deployment, actor=world.dora, reason="go")
    deployment_reset(deployment=deployment, actor=world.rita, reason="limits reviewed")
    assert (deployment.wanted, covering(deployment).count()) == ("paused", 0)


def test_a_fault_is_reset_to_paused(world: World) -> None:
    deployment = world.acorn.deployment
    observe(deployment, State.FAULTED)
    with pytest.raises(Refusal, match="is faulted"):
        deployment_start(deployment=deployment, actor=world.dora, reason="go")
    with pytest.raises(Refusal, match="must be reset first"):
        deployment_pause(deployment=deployment, actor=world.dora, reason="a pause would lift the fault")
    deployment_reset(deployment=deployment, actor=world.rita, reason="mended")
    assert (deployment.wanted, deployment.command) == ("paused", 1)


@pytest.mark.parametrize(
    ("engage", "stops_cedar"),
    [
        (lambda w: firm_halt(actor=w.rita, reason="drill"), True),
        (lambda w: venue_halt(venue=w.venue, actor=w.rita, reason="drill"), True),
        (lambda w: client_halt(client=w.acorn.client, actor=w.rita, reason="drill"), False),
        (lambda w: account_halt(account=w.acorn.account, actor=w.rita, reason="drill"), False),
        (lambda w: mandate_halt(mandate=w.acorn.mandate, actor=w.rita, reason="drill"), False),
    ],
)
def test_a_broad_kill_stops_what_it_covers_and_is_reset_as_a_whole(world: World, engage, stops_cedar: bool) -> None:
    mine, other = world.acorn.deployment, world.cedar.deployment
    for deployment in (mine, other):
        deployment_start(deployment=deployment, actor=world.dora, reason="open")
    switch = engage(world)
    assert engage(world) == switch
    mine.refresh_from_db(), other.refresh_from_db()
    assert (mine.wanted, mine.command) == ("halted", 2)
    assert (other.wanted == Wanted.HALTED) is stops_cedar
    assert set(halt_reasons([mine, other])) == ({mine.pk, other.pk} if stops_cedar else {mine.pk})

    later = create(world, world.acorn)
    with pytest.raises(Refusal, match="may not start"):
        deployment_start(deployment=later, actor=world.dora, reason="go")
    with pytest.raises(Refusal, match="cannot be reset alone"):
        deployment_reset(deployment=mine, actor=world.rita, reason="go")

    kill_switch_reset(switch=switch, actor=world.rita, reason="drill over")
    mine.refresh_from_db(), other.refresh_from_db()
    assert (mine.wanted, mine.command) == ("paused", 3)
    assert other.wanted == ("paused" if stops_cedar else "active")


def test_lifting_a_broad_kill_leaves_a_deployments_own_halt(world: World) -> None:
    deployment = world.acorn.deployment
    deployment_halt(deployment=deployment, actor=world.dora, reason="mine")
    switch = firm_halt(actor=world.rita, reason="drill")
    kill_switch_reset(switch=switch, actor=world.rita, reason="over")
    deployment.refresh_from_db()
    assert (deployment.wanted, deployment.command) == ("halted", 1)


def test_a_deployment_ends_only_at_rest(world: World) -> None:
    deployment = world.acorn.deployment
    deployment_start(deployment=deployment, actor=world.dora, reason="open")
    with pytest.raises(Refusal, match="pause it"):
        deployment_end(deployment=deployment, actor=world.dora, reason="over")
    deployment_pause(deployment=deployment, actor=world.dora, reason="over")
    observe(deployment, State.PAUSED)
    deployment_end(deployment=deployment, actor=world.dora, reason="over")
    with pytest.raises(Refusal, match="ended on"):
        deployment_start(deployment=deployment, actor=world.dora, reason="go")


def test_nothing_is_audited_when_nothing_happened(world: World) -> None:
    before = verbs()
    deployment_pause(deployment=world.acorn.deployment, actor=world.dora, reason="already")
    deployment_reset(deployment=world.acorn.deployment, actor=world.rita, reason="already")
    assert verbs() == before


def test_a_kill_does_not_inherit_the_proof_of_an_earlier_one(world: World) -> None:
    """B2: until the engine has proven this kill, nothing on the page may say that it is proven clean."""
    deployment, other = world.acorn.deployment, world.cedar.deployment
    for each in (deployment, other):
        deployment_start(deployment=each, actor=world.dora, reason="open")
        observe(each, State.ACTIVE)
    Deployment.objects.update(halt_ms=3.2, halt_proven=True)
    deployment_halt(deployment=deployment, actor=world.dora, reason="now")
    firm_halt(actor=world.rita, reason="all of it")
    for each in (deployment, other):
        each.refresh_from_db()
        assert (each.wanted, each.halt_ms, each.halt_proven) == ("halted", None, None)


def test_a_kill_of_what_faulted_may_be_asked_for_again(world: World) -> None:
    """The first attempt may have failed to build the service; a second click must not be answered by silence."""
    deployment = world.acorn.deployment
    deployment_halt(deployment=deployment, actor=world.dora, reason="now")
    observe(deployment, State.FAULTED)
    deployment_halt(deployment=deployment, actor=world.dora, reason="now!")
    deployment.refresh_from_db()
    assert (deployment.wanted, deployment.command, deployment.is_pending) == ("halted", 2, True)
    deployment_halt(deployment=deployment, actor=world.dora, reason="now!!")
    deployment.refresh_from_db()
    assert deployment.command == 2
    assert KillSwitch.objects.count() == 1


def test_lifting_a_switch_frees_what_was_halted_without_a_command(world: World) -> None:
    """The engine's own trip, and a deployment made while the firm was halted: neither was ever told to halt."""
    tripped, made_later = world.acorn.deployment, world.cedar.deployment
    observe(tripped, State.HALTED)
    own = KillSwitch.objects.create(
        scope="deployment", client=tripped.client, deployment=tripped, reason="loss of 501 is over 500"
    )
    kill_switch_reset(switch=own, actor=world.rita, reason="looked at it")
    tripped.refresh_from_db()
    assert (tripped.wanted, tripped.is_pending, tripped.wanted_reason) == ("paused", True, "looked at it")

    firm = KillSwitch.objects.create(scope="firm", reason="by hand")
    observe(made_later, State.HALTED)
    kill_switch_reset(switch=firm, actor=world.rita, reason="over")
    made_later.refresh_from_db()
    assert (made_later.wanted, made_later.is_pending) == ("paused", True)


def test_a_venue_or_an_account_stops_nothing_elsewhere(world: World) -> None:
    """Two accounts of one client at one venue, and another venue: each switch covers exactly what it names."""
    mine = world.acorn.deployment
    elsewhere = Venue.objects.create(
        slug="elsewhere", name="Elsewhere", kind="simulated", component="exchanges.simulated"
    )
    other = ExchangeAccount.objects.create(client=world.acorn.client, venue=world.venue, name="second")
    for switch in (
        venue_halt(venue=elsewhere, actor=world.rita, reason="drill"),
        account_halt(account=other, actor=world.rita, reason="drill"),
    ):
        assert covering(mine).count() == 0
        assert halt_reasons([mine]) == {}
        assert list(covered_by(switch)) == []
    deployment_start(deployment=mine, actor=world.dora, reason="nothing covers it")
    account_halt(account=world.acorn.account, actor=world.rita, reason="drill")
    with pytest.raises(Refusal, match="Account kill switch, engaged by rita"):
        deployment_start(deployment=mine, actor=world.dora, reason="now something does")


@pytest.mark.parametrize(
    ("scope", "names"),
    [("venue", ()), ("account", ("client",)), ("firm", ("venue",)), ("venue", ("venue", "client"))],
)
def test_a_switch_names_what_it_covers_and_nothing_else(world: World, scope: str, names: tuple[str, ...]) -> None:
    fields = {"client": world.acorn.client, "venue": world.venue}
    with pytest.raises(IntegrityError, match="a_switch_names"):
        KillSwitch.objects.create(scope=scope, reason="wrong", **{name: fields[name] for name in names})


# Another revision


def test_a_deployment_goes_on_with_another_approved_revision_and_back(world: World) -> None:
    deployment, first = world.acorn.deployment, world.acorn.revision
    deployment_start(deployment=deployment, actor=world.dora, reason="open")
    second = revision_submit(
        strategy=world.acorn.strategy, yaml=first.yaml.replace("num_levels: 3", "num_levels: 2"), actor=world.dora
    )
    with pytest.raises(Refusal, match="not approved"):
        deployment_switch(deployment=deployment, revision=second, actor=world.dora, reason="tighter")
    revision_approve(revision=second, actor=world.rita)
    with pytest.raises(PermissionDenied):
        deployment_switch(deployment=deployment, revision=second, actor=world.rita, reason="tighter")
    with pytest.raises(Refusal, match="say why"):
        deployment_switch(deployment=deployment, revision=second, actor=world.dora, reason=" ")
    for revision in (second, second, first):
        deployment_switch(deployment=deployment, revision=revision, actor=world.dora, reason="try it")
    deployment.refresh_from_db()
    assert (deployment.revision, deployment.wanted, deployment.command) == (first, "active", 1)
    entries = AuditEntry.objects.filter(verb="deployment.revision_changed").order_by("id")
    assert [(each.old, each.new, each.reason) for each in entries] == [
        ({"revision": "Two-sided r1", "share": "1"}, {"revision": "Two-sided r2", "share": "1"}, "try it"),
        ({"revision": "Two-sided r2", "share": "1"}, {"revision": "Two-sided r1", "share": "1"}, "try it"),
    ]


def test_a_canary_sends_a_part_of_every_size_and_may_be_made_whole(world: World) -> None:
    holding = world.acorn
    canary = deployment_create(
        mandate=holding.mandate, revision=holding.revision, account=holding.account, market=holding.market,
        mode=Mode.PAPER, funding={"ACORN": Decimal(1), "USDT": Decimal(1)}, actor=world.dora, share=Decimal("0.1"),
    )  # fmt: skip
    assert canary.is_canary
    assert AuditEntry.objects.get(verb="deployment.created", object_id=str(canary.pk)).new["share"] == "0.1"
    deployment_switch(deployment=canary, revision=holding.revision, share=Decimal(1), actor=world.dora, reason="fine")
    canary.refresh_from_db()
    assert not canary.is_canary


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (Decimal(0), "0.01 to 100 %, was 0"),
        (Decimal("1.5"), "was 1.5"),
        (Decimal("NaN"), "was NaN"),
        (Decimal("0.00015"), "is kept to 0.01 %"),
    ],
)
def test_no_part_of_a_size_is_refused(world: World, share: Decimal, words: str) -> None:
    held = world.acorn
    with pytest.raises(Refusal, match=words):
        deployment_switch(deployment=held.deployment, revision=held.revision, share=share, actor=world.dora, reason="x")


def test_what_sends_nothing_is_no_canary(world: World) -> None:
    held = world.acorn
    with pytest.raises(Refusal, match="A shadow deployment is no canary"):
        deployment_create(
            mandate=held.mandate, revision=held.revision, account=held.account, market=held.market, mode=Mode.SHADOW,
            funding={}, actor=world.dora, share=Decimal("0.5"),
        )  # fmt: skip


def another(world: World, old: str, new: str) -> Revision:
    held = world.acorn
    assert old in held.revision.yaml
    revision = revision_submit(strategy=held.strategy, yaml=held.revision.yaml.replace(old, new), actor=world.dora)
    revision_approve(revision=revision, actor=world.rita)
    return revision


def test_it_is_known_beforehand_whether_a_revision_takes_a_restart(world: World) -> None:
    deployment = world.acorn.deployment
    live = transition(deployment, another(world, "num_levels: 3", "num_levels: 2"))
    assert live.is_live
    assert [each.in_words() for each in live.changes] == ["spread.num_levels 3 → 2"]
    restart = transition(deployment, another(world, "profile: mid", "profile: thin"))
    assert not restart.is_live
    assert restart.restart == "venue_public.profile cannot be changed while the service runs"
    resized = transition(deployment, world.acorn.revision, Decimal("0.5"))
    assert [each.in_words() for each in resized.changes] == ["executor.share 1 → 0.5"]


def test_what_runs_now_is_what_a_host_said_it_runs(world: World) -> None:
    deployment, more = world.acorn.deployment, another(world, "num_levels: 3", "num_levels: 2")
    Deployment.objects.filter(pk=deployment.pk).update(runs_revision=more, runs_share=1)
    deployment.refresh_from_db()
    assert transition(deployment, more).changes == ()


def test_a_deployment_takes_no_revision_that_is_anothers_or_would_not_load(world: World) -> None:
    deployment = world.acorn.deployment
    with pytest.raises(Refusal, match="is of another strategy"):
        deployment_switch(deployment=deployment, revision=world.cedar.revision, actor=world.dora, reason="x")
    broken = revision_submit(strategy=world.acorn.strategy, yaml="a: 1", actor=world.dora)
    revision_approve(revision=broken, actor=world.rita)
    with pytest.raises(Refusal, match="cannot run on ACORN/USDT"):
        deployment_switch(deployment=deployment, revision=broken, actor=world.dora, reason="x")
    observe(deployment, State.HALTED)
    with pytest.raises(Refusal, match="must be reset first"):
        deployment_switch(deployment=deployment, revision=broken, actor=world.dora, reason="x")
