"""The pages of staged roll-outs: asked for, followed, promoted, aborted; the worker is tested beside it."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.utils import timezone

from clients.models import User
from engine.core.states import State
from strategies.choices import RollOutState, Verdict, Wanted
from strategies.models import Deployment, Revision, RollOut, RollOutEvidence
from strategies.rollout import rollout_next
from strategies.services import revision_approve, revision_submit
from tests.world import World

MEASURES = [
    {"name": "own spread", "value": 41.26, "baseline": 40.0, "limit": 50.0, "unit": "bps", "at_least": False,
     "verdict": "fine", "text": "The own spread is 41.26 bps."},
    {"name": "own depth", "value": 9981.4, "baseline": 10000.0, "limit": 8000.0, "unit": "quote", "at_least": True,
     "verdict": "fine", "text": "Own depth."},
]  # fmt: skip


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def revision(world: World) -> Revision:
    held = world.acorn
    text = held.revision.yaml.replace("num_levels: 3", "num_levels: 2")
    revision = revision_submit(strategy=held.strategy, yaml=text, actor=world.dora)
    revision_approve(revision=revision, actor=world.rita)
    Deployment.objects.filter(pk=held.deployment.pk).update(wanted=Wanted.ACTIVE, observed=State.ACTIVE)
    return revision


@pytest.fixture
def dora(world: World) -> Browser:
    return browser_of(world.dora)


def asked(world: World, **changes: str) -> dict[str, str]:
    """The form as it is offered, with changes."""
    return {
        "percent_1": "10", "reach_1": "1", "minutes_1": "5", "percent_2": "100", "reach_2": "1", "minutes_2": "30",
        "promotes_itself": "on", "decide_within_s": "900", "baseline_s": "1800", "judge_after_s": "60",
        "judge_over_s": "300", "max_spread_growth": "0.25", "max_depth_drop": "0.2", "max_uptime_drop": "0.02",
        "max_loss_quote": "50", "max_not_quoting_s": "30", "max_data_age_s": "15", "max_missing_s": "60",
        "max_settle_s": "120", "first": str(world.acorn.deployment.pk), "reason": "fewer levels", **changes,
    }  # fmt: skip


def page_of(browser: Browser, rollout: RollOut) -> str:
    return browser.get(f"/strategies/{rollout.strategy_id}/rollouts/{rollout.pk}/").content.decode()


@pytest.fixture
def rollout(world: World, revision: Revision, dora: Browser) -> RollOut:
    where = f"/strategies/{world.acorn.strategy.pk}/r2/rollout/"
    answer = dora.post(where, asked(world))
    found = RollOut.objects.get()
    assert answer["Location"] == f"/strategies/{found.strategy_id}/rollouts/{found.pk}/"
    return found


def test_it_is_offered_with_stages_limits_and_what_each_deployment_will_go_through(
    world: World, revision: Revision, dora: Browser
) -> None:
    strategy = world.acorn.strategy
    assert "Roll out r2" in dora.get(f"/strategies/{strategy.pk}/r2/").content.decode()
    page = dora.get(f"/strategies/{strategy.pk}/r2/rollout/").content.decode()
    assert "spread.num_levels 3 → 2" in page
    assert "Growth of the average own spread, as a part of the baseline." in page
    assert 'name="percent_1" value="10"' in page
    assert 'name="percent_4" value=""' in page  # one deployment has no stage that others join


def test_what_was_asked_for_is_what_is_kept(rollout: RollOut) -> None:
    assert [(each.share, each.reach, each.hold_s) for each in rollout.stages.all()] == [
        (Decimal("0.1"), 1, 300),
        (Decimal(1), 1, 1800),
    ]
    assert (rollout.max_loss_quote, rollout.promotes_itself, rollout.reason) == (Decimal(50), True, "fewer levels")
    assert rollout.targets.get().previous_revision.number == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"percent_1": "lots"}, "Enter a number."),
        ({"minutes_1": ""}, "A stage takes a part of each size, a number of deployments and minutes."),
        ({"percent_2": "90"}, "The last stage reaches all 1 deployments at 100 % of each size."),
        ({"max_settle_s": "1"}, "greater than or equal to 5"),
        ({"reason": ""}, "Say why"),
        ({"first": "0"}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_rolled_out_says_why(
    world: World, revision: Revision, dora: Browser, changes: dict[str, str], sentence: str
) -> None:
    answer = dora.post(f"/strategies/{world.acorn.strategy.pk}/r2/rollout/", asked(world, **changes))
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not RollOut.objects.exists()


def test_its_page_shows_stage_clock_and_measures_against_their_limits(
    world: World, rollout: RollOut, dora: Browser
) -> None:
    assert "Waits for the baseline" in page_of(dora, rollout)
    rollout_next(rollout, actor=None, reason="the baseline is measured")
    page = page_of(dora, rollout)
    assert "Stage 1 of 2" in page
    assert "every deployment of the stage to quote by it" in page
    assert "wanted r2 at 10 %" in page
    RollOut.objects.update(settled_since=timezone.now(), looked_at=timezone.now())
    RollOutEvidence.objects.create(
        client=world.acorn.client, rollout=rollout, deployment=world.acorn.deployment, stage=1, at=timezone.now(),
        verdict=Verdict.FINE, measures=MEASURES,
    )  # fmt: skip
    page = page_of(dora, rollout)
    assert "the hold of 5 min to end; then on by itself" in page
    assert '41.3<span class="unit">bps</span>' in page
    assert "≥ 8,000" in page
    refreshed = dora.get(f"/strategies/{rollout.strategy_id}/rollouts/{rollout.pk}/", headers={"HX-Request": "true"})
    assert "<html" not in refreshed.content.decode()
    promoted = dora.post(f"/strategies/{rollout.strategy_id}/rollouts/{rollout.pk}/promote/", {"reason": "it holds"})
    assert promoted.status_code == 302
    assert "Stage 2 of 2" in page_of(dora, rollout)


def test_a_promotion_without_evidence_says_what_is_missing(rollout: RollOut, dora: Browser) -> None:
    rollout_next(rollout, actor=None, reason="the baseline is measured")
    answer = dora.post(f"/strategies/{rollout.strategy_id}/rollouts/{rollout.pk}/promote/", {"reason": "now"})
    assert answer.status_code == 422
    assert "nothing to judge it by" in answer.content.decode()


def test_anybody_who_acts_may_abort_and_only_who_starts_may_promote(world: World, rollout: RollOut) -> None:
    rita = browser_of(world.rita)
    page = page_of(rita, rollout)
    assert "Abort and return" in page
    assert "Promote the stage" not in page
    where = f"/strategies/{rollout.strategy_id}/rollouts/{rollout.pk}"
    assert "You may not roll a revision out" in rita.post(f"{where}/promote/", {"reason": "x"}).content.decode()
    rita.post(f"{where}/abort/", {"reason": "not before the listing"})
    rollout.refresh_from_db()
    assert (rollout.state, rollout.ended_reason) == (RollOutState.ABORTED, "not before the listing")
    page = page_of(rita, rollout)
    assert "not before the listing" in page
    assert "Abort and return" not in page
    assert rita.get(f"{where}/", headers={"HX-Request": "true"})["HX-Refresh"] == "true"


def test_strangers_find_nothing_and_viewers_change_nothing(world: World, rollout: RollOut) -> None:
    where = f"/strategies/{rollout.strategy_id}/rollouts/{rollout.pk}/"
    for path in (where, f"{where}abort/", f"/strategies/{rollout.strategy_id}/r2/rollout/"):
        assert browser_of(world.alice).get(path).status_code == 404
    vera = browser_of(world.vera)
    assert "Abort and return" not in page_of(vera, rollout)
    assert vera.post(f"{where}abort/", {"reason": "x"}).status_code == 422
    assert vera.get(f"/strategies/{rollout.strategy_id}/r2/rollout/").status_code == 403
    assert vera.get(f"{where}nonsense/").status_code == 404
    assert vera.get(f"/strategies/{world.cedar.strategy.pk}/rollouts/{rollout.pk}/").status_code == 404


def test_a_page_says_when_nobody_looks(rollout: RollOut, dora: Browser) -> None:
    assert "No worker has looked for a while" not in page_of(dora, rollout)
    RollOut.objects.update(looked_at=timezone.now() - datetime.timedelta(minutes=2))
    assert "No worker has looked for a while" in page_of(dora, rollout)
