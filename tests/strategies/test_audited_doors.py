"""Every verb that can lose money leaves an audit row: who, from what to what, why. None of them can be taken back."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

import mmplatform.celery  # noqa: F401  (some verbs call a worker over our broker)
from clients import services as people
from clients.models import AuditEntry
from engine.core.states import State
from exchanges import markets, opening
from exchanges import services as accounts
from exchanges.models import ExchangeAccount, SealedCredentials
from monitoring import services as replays
from strategies import drafting, drills, rollout, services, shelf
from strategies.builder.starters import Owed, begun, starters
from strategies.choices import Mode, RollOutState, Wanted
from strategies.loading import market_facts
from strategies.models import Deployment, DrillPlan, Revision, RollOut
from tests.engine.venues.tapes import Tape
from tests.exchanges.conftest import account, exchange, given, key_file, sealed
from tests.world import YAML, World

__all__ = ["account", "exchange", "key_file", "sealed"]

APPS = ("clients", "exchanges", "strategies", "monitoring", "mmplatform")
NOT_HERE = (".migrations", ".management", ".demo", ".formats")
Act = Callable[[Any], object]


def verbs() -> Iterator[str]:
    """Every public function of ours that acts in somebody's name, as app.module.function."""
    for app in APPS:
        for module in pkgutil.walk_packages(importlib.import_module(app).__path__, f"{app}."):
            if any(part in module.name for part in NOT_HERE):
                continue
            found = importlib.import_module(module.name)
            for name, function in inspect.getmembers(found, inspect.isfunction):
                own = function.__module__ == module.name and not name.startswith("_")
                if own and "actor" in inspect.signature(function).parameters:
                    yield f"{module.name}.{name}"


LOSES_NOTHING = {
    "clients.audit.audit": "it is the audit",
    "exchanges.checks.check_ask": "asks a venue a question; the record of the check names who asked",
    "exchanges.looks.look_ask": "asks a venue for a public book; the record of the look names who asked",
    "exchanges.markets.sync_ask": "asks a venue for its list",
    "strategies.services.kill_switch_clear_again": "asks again for what a kill, which is audited, has asked for",
    "strategies.rollout.rollout_promote": "acts by rollout_next alone, once the evidence is there",
    "strategies.services.deployment_carry": "the second half of switches that are audited, each under its own verb",
}
"""What acts in somebody's name and needs no row of its own, and why."""


class Scene:
    """The test world, with what some verbs need beside it."""

    def __init__(self, world: World, sealed: SealedCredentials, tmp_path: Path) -> None:
        self.world, self.sealed, self.tmp_path = world, sealed, tmp_path
        self.acorn = world.acorn
        self.deployment = world.acorn.deployment
        self.strategy = world.acorn.strategy

    def observed(self, state: State) -> Deployment:
        Deployment.objects.filter(pk=self.deployment.pk).update(observed=state)
        self.deployment.refresh_from_db()
        return self.deployment

    def another(self, *, approved: bool = True) -> Revision:
        text = YAML.format(symbol="ACORN/USDT").replace('"600"', '"500"')
        revision = services.revision_submit(strategy=self.strategy, yaml=text, actor=self.world.dora)
        if approved:
            services.revision_approve(revision=revision, actor=self.world.rita)
        return revision

    def draft(self, text: str) -> None:
        type(self.strategy).objects.filter(pk=self.strategy.pk).update(draft_yaml=text, market=self.acorn.market)

    def recording(self) -> Any:
        tape = Tape("ACORNUSDT").snapshot().depth().depth()
        return replays.recording_register(Path(tape.save(self.tmp_path / "a.gz")))[0]


def _save_over(s: Scene) -> object:
    s.draft("a: 1")
    return drafting.draft_save(strategy=s.strategy, yaml="b: 1", based_on=1, actor=s.world.dora, overwrite=True)


def _submit(s: Scene) -> object:
    market = s.acorn.market
    market.component_args = {"anchor_price": "2", "seed": 7}
    market.save(update_fields=["component_args"])
    s.draft(begun(starters()["ladder"], market_facts(market), Owed()))
    return drafting.draft_submit(strategy=s.strategy, based_on=1, actor=s.world.dora)


def _market(s: Scene) -> object:
    s.draft("")
    type(s.strategy).objects.filter(pk=s.strategy.pk).update(market=None)
    ExchangeAccount.objects.create(client=s.acorn.client, venue=s.sealed.account.venue, name="more")
    other = type(s.acorn.market).objects.create(
        venue=s.sealed.account.venue, symbol="ACORN/USDT", base="ACORN", quote="USDT", tick_size="0.1", lot_size="1"
    )
    return drafting.draft_market(strategy=s.strategy, market=other, actor=s.world.dora)


def _reset_switch(s: Scene) -> object:
    switch = services.firm_halt(actor=s.world.dora, reason="first")
    return services.kill_switch_reset(switch=switch, actor=s.world.rita, reason="why")


def _reset(s: Scene) -> object:
    services.deployment_halt(deployment=s.deployment, actor=s.world.dora, reason="first")
    return services.deployment_reset(deployment=s.observed(State.HALTED), actor=s.world.rita, reason="why")


def _pause(s: Scene) -> object:
    services.deployment_start(deployment=s.deployment, actor=s.world.dora, reason="first")
    return services.deployment_pause(deployment=s.deployment, actor=s.world.dora, reason="why")


def _revive(s: Scene) -> object:
    shelf.strategy_retire(strategy=s.strategy, actor=s.world.dora, reason="first")
    return shelf.strategy_revive(strategy=s.strategy, actor=s.world.dora, reason="why")


def _template(s: Scene) -> Any:
    s.draft("a: 1")
    return shelf.template_save(strategy=s.strategy, name="Ours", about="", actor=s.world.dora)


def _roll_out(s: Scene) -> RollOut:
    running = s.observed(State.ACTIVE)
    Deployment.objects.filter(pk=running.pk).update(wanted=Wanted.ACTIVE)
    stages = [rollout.Step(share=Decimal(1), reach=1, hold_s=3600)]
    return rollout.rollout_start(
        revision=s.another(), deployments=[running], stages=stages, actor=s.world.dora, reason="why"
    )


def _drills(s: Scene, reason: str) -> DrillPlan:
    return drills.drill_plan_set(
        deployment=s.deployment, every_hours=24, within_s=60, actor=s.world.rita, reason=reason
    )


def _next_stage(s: Scene) -> object:
    begun_one = _roll_out(s)
    rollout.rollout_next(begun_one, actor=s.world.dora, reason="first")
    return rollout.rollout_next(begun_one, actor=s.world.dora, reason="why")


def _decide(s: Scene, act: Callable[..., None]) -> object:
    return act(revision=s.another(approved=False), actor=s.world.rita, reason="why")


def _create(s: Scene) -> object:
    return services.deployment_create(
        mandate=s.acorn.mandate,
        revision=s.acorn.revision,
        account=s.acorn.account,
        market=s.acorn.market,
        mode=Mode.PAPER,
        funding={"ACORN": Decimal(1), "USDT": Decimal(1)},
        actor=s.world.dora,
    )


def _open(s: Scene) -> object:
    promises = opening.Promises(max_spread_bps=Decimal(50))
    return opening.mandate_open(
        client_name="New", base="N", quote="USDT", promises=promises, venue=None, start_price=Decimal(1),
        actor=s.world.adam,
    )  # fmt: skip


def _owe(s: Scene) -> object:
    return people.obligation_add(
        mandate=s.acorn.mandate,
        kpi="spread",
        max_spread_bps=Decimal(20),
        target_share=Decimal("0.9"),
        starts_at=timezone.now(),
        actor=s.world.adam,
        reason="why",
    )


DOORS: dict[str, tuple[str, Act]] = {
    "clients.services.obligation_add": ("obligation.added", _owe),
    "clients.services.one_time_link": (
        "signin_link.issued",
        lambda s: people.one_time_link(s.world.alice, actor=s.world.adam),
    ),
    "clients.services.person_invite": (
        "user.created",
        lambda s: people.person_invite(username="n", desk_role="risk", actor=s.world.adam, reason="why"),
    ),
    "exchanges.markets.venue_follow": (
        "venue.followed",
        lambda s: markets.venue_follow(venue=s.sealed.account.venue, is_followed=True, actor=s.world.dora),
    ),
    "exchanges.opening.mandate_open": ("mandate.created", _open),
    "exchanges.services.account_open": (
        "account.opened",
        lambda s: accounts.account_open(
            client=s.acorn.client, venue=s.world.venue, name="b", is_paper=True, actor=s.world.adam
        ),
    ),
    "exchanges.services.credentials_seal": (
        "credentials.replaced",
        lambda s: accounts.credentials_seal(
            account=s.sealed.account, credentials=given(1), actor=s.world.adam, reason="why"
        ),
    ),
    "exchanges.services.credentials_remove": (
        "credentials.removed",
        lambda s: accounts.credentials_remove(account=s.sealed.account, actor=s.world.adam, reason="why"),
    ),
    "strategies.drafting.draft_market": ("strategy.market_chosen", _market),
    "strategies.drafting.draft_save": ("draft.replaced", _save_over),
    "strategies.drafting.draft_submit": ("revision.submitted", _submit),
    "strategies.drafting.strategy_create": (
        "strategy.created",
        lambda s: drafting.strategy_create(
            mandate=s.acorn.mandate, name="x", yaml="", market=None, actor=s.world.dora, origin="a test"
        ),
    ),
    "strategies.services.revision_submit": ("revision.submitted", lambda s: s.another(approved=False)),
    "strategies.services.revision_approve": ("revision.approved", lambda s: _decide(s, services.revision_approve)),
    "strategies.services.revision_reject": ("revision.rejected", lambda s: _decide(s, services.revision_reject)),
    "strategies.services.deployment_create": ("deployment.created", _create),
    "strategies.services.deployment_start": (
        "deployment.started",
        lambda s: services.deployment_start(deployment=s.deployment, actor=s.world.dora, reason="why"),
    ),
    "strategies.services.deployment_pause": ("deployment.paused", _pause),
    "strategies.services.deployment_halt": (
        "deployment.halted",
        lambda s: services.deployment_halt(deployment=s.deployment, actor=s.world.dora, reason="why"),
    ),
    "strategies.services.deployment_reset": ("deployment.reset", _reset),
    "strategies.services.deployment_end": (
        "deployment.ended",
        lambda s: services.deployment_end(deployment=s.deployment, actor=s.world.dora, reason="why"),
    ),
    "strategies.services.deployment_switch": (
        "deployment.revision_changed",
        lambda s: services.deployment_switch(
            deployment=s.deployment, revision=s.another(), actor=s.world.dora, reason="why"
        ),
    ),
    "strategies.services.firm_halt": (
        "kill_switch.engaged",
        lambda s: services.firm_halt(actor=s.world.dora, reason="why"),
    ),
    "strategies.services.client_halt": (
        "kill_switch.engaged",
        lambda s: services.client_halt(client=s.acorn.client, actor=s.world.dora, reason="why"),
    ),
    "strategies.services.mandate_halt": (
        "kill_switch.engaged",
        lambda s: services.mandate_halt(mandate=s.acorn.mandate, actor=s.world.dora, reason="why"),
    ),
    "strategies.services.venue_halt": (
        "kill_switch.engaged",
        lambda s: services.venue_halt(venue=s.world.venue, actor=s.world.dora, reason="why"),
    ),
    "strategies.services.account_halt": (
        "kill_switch.engaged",
        lambda s: services.account_halt(account=s.acorn.account, actor=s.world.dora, reason="why"),
    ),
    "strategies.services.kill_switch_reset": ("kill_switch.reset", _reset_switch),
    "strategies.drills.drill_plan_set": ("drill_plan.set", lambda s: _drills(s, "why")),
    "strategies.drills.drill_plan_end": (
        "drill_plan.ended",
        lambda s: drills.drill_plan_end(plan=_drills(s, "first"), actor=s.world.rita, reason="why"),
    ),
    "strategies.rollout.rollout_start": ("rollout.started", _roll_out),
    "strategies.rollout.rollout_next": ("rollout.stage_passed", _next_stage),
    "strategies.rollout.rollout_return": (
        "rollout.rolled_back",
        lambda s: rollout.rollout_return(_roll_out(s), RollOutState.ROLLED_BACK, actor=s.world.dora, reason="why"),
    ),
    "strategies.rollout.rollout_abort": (
        "rollout.aborted",
        lambda s: rollout.rollout_abort(rollout=_roll_out(s), actor=s.world.dora, reason="why"),
    ),
    "strategies.shelf.strategy_rename": (
        "strategy.renamed",
        lambda s: shelf.strategy_rename(strategy=s.strategy, name="y", actor=s.world.dora),
    ),
    "strategies.shelf.strategy_retire": (
        "strategy.retired",
        lambda s: shelf.strategy_retire(strategy=s.strategy, actor=s.world.dora, reason="why"),
    ),
    "strategies.shelf.strategy_revive": ("strategy.revived", _revive),
    "strategies.shelf.template_save": ("template.saved", _template),
    "strategies.shelf.template_remove": (
        "template.removed",
        lambda s: shelf.template_remove(template=_template(s), actor=s.world.dora, reason="why"),
    ),
    "monitoring.services.replay_start": (
        "replay.started",
        lambda s: replays.replay_start(
            recording=s.recording(), revision=s.acorn.revision, actor=s.world.dora, reason="why"
        ),
    ),
}
"""Every other verb: the row it leaves, and a way to have it leave one."""


def test_every_verb_is_a_door_that_is_watched_or_loses_nothing() -> None:
    assert set(verbs()) == set(DOORS) | set(LOSES_NOTHING)


def test_every_door_leaves_who_what_and_why(world: World, sealed: SealedCredentials, tmp_path: Path) -> None:
    for name, (verb, act) in DOORS.items():
        module, _, function = name.rpartition(".")
        takes_reason = "reason" in inspect.signature(getattr(importlib.import_module(module), function)).parameters
        with transaction.atomic():
            began = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            act(Scene(world, sealed, tmp_path))
            rows = AuditEntry.objects.filter(verb=verb, pk__gt=began)
            assert rows.exists(), f"{name} left no row {verb}"
            row = rows.latest("pk")
            assert row.actor is not None, name
            assert row.old is not None or row.new is not None or row.reason, name
            assert not takes_reason or row.reason == "why", f"{name} lost its reason"
            transaction.set_rollback(True)
        for record in (world.acorn.deployment, world.acorn.strategy, world.acorn.market, sealed):
            record.refresh_from_db()


GRANTS = """
SELECT rolname, privilege
FROM pg_roles, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) privilege
WHERE rolname LIKE 'mm\\_%%' AND has_table_privilege(rolname, %s, privilege)
"""


@pytest.mark.parametrize("table", ["clients_auditentry", "exchanges_sealedcredentials", "strategies_strategytemplate"])
def test_no_role_of_the_application_has_any_right_to_the_audit_or_to_what_the_desk_keeps_for_itself(
    world: World, table: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'mm\\_%%'")
        assert cursor.fetchone()[0] >= 1
        cursor.execute(GRANTS, [table])
        assert cursor.fetchall() == []


@pytest.mark.parametrize("change", ["UPDATE clients_auditentry SET reason = 'x'", "DELETE FROM clients_auditentry"])
def test_who_may_write_the_audit_may_still_not_rewrite_it(world: World, change: str) -> None:
    with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
