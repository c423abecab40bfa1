"""Roll-outs as the worker leads them, on real records: on, back, and neither. Time is handed in, never waited for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from clients.errors import Refusal
from clients.models import AuditEntry
from engine.core.states import State
from engine.metrics.events import BANDS_BPS
from monitoring.models import DeploymentEvent
from strategies.choices import RollOutState, Verdict
from strategies.models import Deployment, RollOutEvidence
from strategies.rollout import Step, rollout_abort, rollout_promote, rollout_start
from strategies.services import deployment_switch
from tests.monitoring.rollouts.desk import ALL, TENTH, Desk, moment, quoting_desk
from tests.monitoring.samples import empty_the_tables
from tests.world import World

D = Decimal
NOTHING = (D(0),) * len(BANDS_BPS)


@pytest.fixture(autouse=True)
def clean_tables(world: World) -> None:
    empty_the_tables()


@pytest.fixture
def desk(world: World) -> Desk:
    return quoting_desk(world)


# On


def test_nothing_is_touched_before_the_baseline_is_measured(desk: Desk) -> None:
    rollout = desk.start()
    desk.samples(300)
    assert desk.after(1).stage == 0  # the last seconds may still be on their way
    assert desk.runs == (1, D(1))
    assert desk.after(5).stage == 1
    assert desk.runs == (2, D("0.1"))
    (target,) = rollout.targets.all()
    assert target.baseline is not None
    assert (target.baseline["sampled_s"], target.baseline["spread_bps"]) == (300, 40)
    assert target.baseline["attained"]["spread owed"] == 1.0


def test_a_stage_that_holds_leads_on_and_the_last_one_to_the_end(desk: Desk) -> None:
    rollout = desk.begun()
    assert rollout.settled_since == desk.now
    assert desk.quoting(60).stage == 1
    assert desk.quoting(66).stage == 2
    assert desk.runs == (2, D(1))
    desk.obeyed()
    desk.after(1)
    desk.quoting(60)
    assert desk.quoting(66).state == RollOutState.DONE
    assert desk.runs == (2, D(1))
    verdicts = list(RollOutEvidence.objects.order_by("pk").values_list("stage", "verdict"))
    assert verdicts == [(1, "early"), (1, "fine"), (2, "early"), (2, "fine")]
    verbs = AuditEntry.objects.filter(object_type="strategies.rollout").order_by("pk").values_list("verb", "actor_name")
    assert list(verbs) == [
        ("rollout.started", "dora"),
        ("rollout.stage_passed", "engine"),
        ("rollout.stage_passed", "engine"),
        ("rollout.done", "engine"),
    ]
    carried = AuditEntry.objects.filter(verb="deployment.revision_changed").order_by("pk")
    assert [D(each.new["share"]) for each in carried] == [D("0.1"), D(1)]


def test_a_worker_that_was_away_finds_what_it_missed_in_the_samples(desk: Desk) -> None:
    """State is in the database and evidence in the samples, so whichever process looks next goes on from there."""
    desk.begun()
    assert desk.quoting(126).stage == 2


def test_what_no_look_saw_still_counts_at_the_end_of_a_hold(desk: Desk) -> None:
    desk.begun()
    desk.now += moment(60)
    desk.samples(60, own_spread_bps=D(120), own_bid=None)  # nobody looks
    rollout = desk.quoting(66)  # and all is well again when somebody does
    assert rollout.state == RollOutState.ROLLED_BACK
    assert desk.runs == (1, D(1))


def test_a_person_promotes_before_the_hold_is_over_but_not_before_there_is_evidence(desk: Desk) -> None:
    rollout = desk.begun(promotes_itself=False)
    with pytest.raises(Refusal, match="was not looked at within 30 s"):
        rollout_promote(rollout=rollout, actor=desk.world.dora, reason="looks good")
    desk.quoting(30)
    RollOutEvidence.objects.create(**fresh(desk, Verdict.EARLY))
    with pytest.raises(Refusal, match=r"too early to tell\. Own spread: too early\."):
        rollout_promote(rollout=rollout, actor=desk.world.dora, reason="looks good")
    desk.now += moment(1)
    RollOutEvidence.objects.create(**fresh(desk, Verdict.FINE))
    rollout_promote(rollout=rollout, actor=desk.world.dora, reason="looks good")
    assert (rollout.stage, desk.runs) == (2, (2, D(1)))


def fresh(desk: Desk, verdict: Verdict) -> dict[str, Any]:
    assert desk.rollout is not None
    text = {"text": "Own spread: too early.", "verdict": verdict.value}
    return {
        "client": desk.world.acorn.client, "rollout": desk.rollout, "deployment": desk.deployment, "stage": 1,
        "at": desk.now + moment(1), "verdict": verdict, "measures": [text],
    }  # fmt: skip


# Back


def rolled_back(desk: Desk, words: str) -> None:
    assert desk.rollout is not None
    assert desk.rollout.state == RollOutState.ROLLED_BACK
    assert words in desk.rollout.ended_reason
    assert desk.runs == (1, D(1))
    entry = AuditEntry.objects.get(verb="rollout.rolled_back")
    assert (entry.actor, entry.reason) == (None, desk.rollout.ended_reason)
    last = AuditEntry.objects.filter(verb="deployment.revision_changed").order_by("pk").last()
    assert last is not None
    assert last.new == {"revision": "Two-sided r1", "share": "1"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"own_spread_bps": D(51)}, "The own spread is 51.00 bps, was 40.00 bps, limit 50.00 bps."),
        ({"own_ask": None, "open_asks": 0}, "Both sides quoted: 0.0 %"),
        ({"own_bid_depth_quote": NOTHING, "own_ask_depth_quote": NOTHING}, "Own depth within ±2 %"),
        ({"own_spread_bps": D(61)}, "Spread owed: 0.0 %, was 100.0 %, at least 98.0 %."),
        ({"own_bid": None, "own_ask": None}, "The time without a quote is 67 s, limit 30 s."),
    ],
)
def test_a_stage_that_is_worse_than_the_baseline_is_rolled_back_with_the_measure_and_its_limit(
    desk: Desk, changes: dict[str, object], words: str
) -> None:
    desk.begun()
    desk.quoting(66, **changes)
    rolled_back(desk, words)
    assert RollOutEvidence.objects.latest("pk").verdict == Verdict.WORSE


def test_a_loss_leads_back_at_once(desk: Desk) -> None:
    desk.begun(max_loss_quote=D(10))
    desk.quoting(4, unrealised_quote=D(5))
    assert desk.rollout is not None
    assert desk.rollout.is_running
    desk.quoting(4, unrealised_quote=D("-5.5"))
    rolled_back(desk, "The loss since the stage began is 10.50 quote, limit 10.00 quote.")


def test_a_kill_switch_that_trips_leads_back_at_once(desk: Desk) -> None:
    desk.begun()
    event = {"client": desk.world.acorn.client, "deployment": desk.deployment, "token": 1, "kind": "risk"}
    DeploymentEvent.objects.create(at=desk.now, text="the loss is 600, limit 500", **event)
    desk.quoting(2)
    rolled_back(desk, "the loss is 600, limit 500")


@pytest.mark.parametrize("state", [State.HALTED, State.FAULTED])
def test_what_stopped_carries_its_previous_revision_for_its_reset(desk: Desk, state: State) -> None:
    desk.begun()
    Deployment.objects.filter(pk=desk.deployment.pk).update(observed=state, observed_reason="something broke")
    desk.after(1)
    rolled_back(desk, f"It is {state}: something broke")
    assert desk.deployment.observed == state


def test_a_stage_that_does_not_come_to_quote_is_rolled_back(desk: Desk) -> None:
    desk.start()
    desk.samples(300)
    desk.after(6)
    Deployment.objects.filter(pk=desk.deployment.pk).update(observed=State.PAUSED, observed_reason="somebody paused it")
    assert desk.after(59).is_running
    desk.after(1)
    rolled_back(desk, "did not quote by Two-sided r2 within 60 s: it is paused (somebody paused it)")


def test_stale_data_leads_nowhere_and_after_a_while_back(desk: Desk) -> None:
    desk.begun(max_not_quoting_s=600, max_missing_s=60)
    desk.quoting(66)
    assert desk.after(60).stage == 1  # the hold is over, but the samples stopped coming
    assert RollOutEvidence.objects.latest("pk").verdict == Verdict.MISSING
    assert desk.after(59).is_running
    desk.after(1)
    rolled_back(desk, "Evidence has been missing for 60 s.")


def test_evidence_that_comes_back_in_time_is_taken_up_again(desk: Desk) -> None:
    desk.begun(Step(share=D(1), reach=1, hold_s=600), max_not_quoting_s=600, judge_after_s=60)
    desk.quoting(66)
    assert desk.after(30).missing_since is not None
    rollout = desk.quoting(120)
    assert rollout.missing_since is None
    assert rollout.is_running


def test_what_nobody_promotes_in_time_is_rolled_back(desk: Desk) -> None:
    desk.begun(promotes_itself=False, decide_within_s=60)
    desk.quoting(126)
    assert desk.rollout is not None
    assert desk.rollout.stage == 1
    desk.quoting(60)
    rolled_back(desk, "Nobody promoted stage 1 within 60 s after its hold of 120 s.")


def test_without_a_baseline_nothing_is_changed(desk: Desk) -> None:
    desk.start()
    desk.samples(200)
    rollout = desk.after(6)
    assert rollout.state == RollOutState.ABORTED
    assert "There is no baseline, so nothing was changed" in rollout.ended_reason
    assert desk.runs == (1, D(1))
    assert not AuditEntry.objects.filter(verb="deployment.revision_changed").exists()


def test_an_abort_leads_back_from_any_stage_and_may_be_repeated(desk: Desk) -> None:
    rollout = desk.begun()
    for _ in range(2):
        rollout_abort(rollout=rollout, actor=desk.world.rita, reason="not today")
    assert (rollout.state, rollout.ended_by, desk.runs) == (RollOutState.ABORTED, desk.world.rita, (1, D(1)))
    with pytest.raises(Refusal, match="is aborted: not today"):
        rollout_promote(rollout=rollout, actor=desk.world.dora, reason="but still")
    assert desk.after(1).state == RollOutState.ABORTED


def test_a_deployment_given_something_else_meanwhile_is_no_longer_judged(desk: Desk) -> None:
    desk.begun()
    Deployment.objects.filter(pk=desk.deployment.pk).update(share=D("0.5"))
    desk.after(1)
    rolled_back(desk, "was given something else to run by")


def test_measures_that_cannot_be_read_are_missing_evidence(desk: Desk) -> None:
    desk.begun(max_missing_s=60)
    desk.rollout.targets.update(baseline={"nonsense": 1})  # type: ignore[union-attr]
    assert desk.quoting(10).missing_since is not None
    desk.quoting(60)
    rolled_back(desk, "The measures could not be read")


# Refused


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ([], "at least one stage"),
        ([TENTH], "The last stage reaches all 1 deployments at 100 %"),
        ([ALL, TENTH], "at least as large as the one before"),
        ([Step(share=D(1), reach=2, hold_s=60)], "reaches 1 to 1 deployments, was 2"),
        ([Step(share=D(2), reach=1, hold_s=60)], "0.01 to 100 %"),
        ([Step(share=D(1), reach=1, hold_s=0)], "holds for 1 s to a day"),
        ([Step(share=D(1), reach=1, hold_s=59)], "holds for 59 s, but is judged from 60 s on"),
    ],
)
def test_stages_that_lead_nowhere_are_refused(desk: Desk, stages: list[Step], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        rollout_start(
            revision=desk.revision, deployments=[desk.deployment], stages=stages, actor=desk.world.dora, reason="x"
        )


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_loss_quote": D(0)}, "max_loss_quote"),
        ({"max_settle_s": 0}, "max_settle_s"),
        ({"max_depth_drop": D(2)}, "max_depth_drop"),
        ({"speed": 1}, "has no speed"),
    ],
)
def test_limits_that_limit_nothing_are_refused(desk: Desk, limits: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        desk.start(**limits)


def test_what_does_not_quote_has_nothing_to_compare_with(desk: Desk) -> None:
    Deployment.objects.filter(pk=desk.deployment.pk).update(observed=State.PAUSED, observed_reason="lunch")
    with pytest.raises(Refusal, match=r"is paused \(lunch\), so there is nothing to compare with"):
        desk.start()


def test_a_strategy_has_one_roll_out_at_a_time_and_its_deployments_are_switched_by_nothing_else(desk: Desk) -> None:
    desk.start()
    with pytest.raises(Refusal, match="is under way"):
        desk.start()
    with pytest.raises(Refusal, match="is part of the roll-out of Two-sided r2"):
        deployment_switch(deployment=desk.deployment, revision=desk.revision, actor=desk.world.dora, reason="x")


def test_evidence_is_kept_as_it_was(desk: Desk) -> None:
    desk.begun()
    desk.quoting(10)
    for change in ("UPDATE strategies_rolloutevidence SET verdict = 'fine'", "DELETE FROM strategies_rolloutevidence"):
        with pytest.raises(DatabaseError, match="never changed or removed"), transaction.atomic():
            connection.cursor().execute(change)
