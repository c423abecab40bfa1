"""Each measure against its limit. Worked figures as in docs/rollouts.md."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from monitoring.rollouts.figures import Figures, Standing
from monitoring.rollouts.judging import Measure, judge, verdict
from strategies.choices import Verdict

FINE, EARLY, MISSING, WORSE = Verdict.FINE, Verdict.EARLY, Verdict.MISSING, Verdict.WORSE


@dataclass
class Terms:
    judge_after_s: int = 60
    max_spread_growth: Decimal = Decimal("0.25")
    max_depth_drop: Decimal = Decimal("0.20")
    max_uptime_drop: Decimal = Decimal("0.02")
    max_loss_quote: Decimal = Decimal(100)
    max_not_quoting_s: int = 30
    max_data_age_s: int = 15


WELL = Standing(age_s=1, not_quoting_s=1, loss_quote=0, trouble="")
BEFORE = Figures(
    span_s=1800,
    sampled_s=1800,
    two_sided_s=1791,
    spread_bps=20,
    depth_quote=10_000,
    attained={"spread owed": 0.99, "depth owed within ±200 bps": 0.98},
)
STAGE = Figures(
    span_s=300,
    sampled_s=300,
    two_sided_s=300,
    spread_bps=20,
    depth_quote=1000,
    attained={"spread owed": 1.0, "depth owed within ±200 bps": 1.0},
)
TENTH = Decimal("0.1")


def look(now: Standing = WELL, stage: Figures = STAGE, before: Figures = BEFORE) -> list[Measure]:
    return judge(Terms(), now=now, stage=stage, before=before, part=TENTH)


def one(measures: list[Measure], name: str) -> Measure:
    (found,) = [each for each in measures if each.name.startswith(name)]
    return found


def test_a_stage_that_is_as_good_as_before_is_fine_measure_by_measure() -> None:
    found = look()
    assert [(each.name, each.verdict) for each in found] == [
        ("stops", FINE),
        ("age of data", FINE),
        ("time without a quote", FINE),
        ("loss since the stage began", FINE),
        ("seconds with a sample", FINE),
        ("both sides quoted", FINE),
        ("own spread", FINE),
        ("own depth within ±2 %, for its size", FINE),
        ("spread owed", FINE),
        ("depth owed within ±200 bps", FINE),
    ]
    assert verdict(found) is FINE


def test_a_tenth_of_the_depth_is_all_of_it_for_a_tenth_of_the_size() -> None:
    depth = one(look(), "own depth")
    assert (depth.value, depth.baseline, depth.limit) == (10_000, 10_000, 8000)


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        ({"spread_bps": 25.1}, "own spread", "The own spread is 25.10 bps, was 20.00 bps, limit 25.00 bps."),
        ({"depth_quote": 799}, "own depth", "7990.0 quote, was 10000.0 quote, at least 8000.0 quote."),
        ({"two_sided_s": 292}, "both sides", "Both sides quoted: 97.3 %, was 99.5 %, at least 97.5 %."),
        (
            {"attained": {"spread owed": 0.96, "depth owed within ±200 bps": 1}},
            "spread owed",
            "Spread owed: 96.0 %, was 99.0 %, at least 97.0 %.",
        ),
    ],
)
def test_a_kpi_that_worsens_by_more_than_its_limit_is_worse(changes: dict[str, object], name: str, text: str) -> None:
    found = look(stage=replace(STAGE, **changes))
    assert [each.name for each in found if each.verdict is WORSE] == [one(found, name).name]
    assert text in one(found, name).text
    assert verdict(found) is WORSE


@pytest.mark.parametrize(
    "changes", [{"spread_bps": 25.0}, {"depth_quote": 800}, {"two_sided_s": 293}, {"spread_bps": 5.0}]
)
def test_what_stays_within_its_limit_is_fine(changes: dict[str, object]) -> None:
    assert verdict(look(stage=replace(STAGE, **changes))) is FINE


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"trouble": "A kill switch tripped at 12:00:00: loss"}, "stops"),
        ({"not_quoting_s": 31}, "time without"),
        ({"loss_quote": 100.01}, "loss since"),
    ],
)
def test_risk_is_judged_at_once(changes: dict[str, object], name: str) -> None:
    found = look(now=replace(WELL, **changes), stage=replace(STAGE, span_s=3, sampled_s=3, two_sided_s=3))
    assert one(found, name).verdict is WORSE
    assert verdict(found) is WORSE


def test_kpis_of_a_stage_that_has_hardly_begun_say_nothing_yet() -> None:
    found = look(stage=replace(STAGE, span_s=59, sampled_s=0, two_sided_s=0, spread_bps=None, depth_quote=None))
    assert verdict(found) is EARLY
    assert "Judged from 60 s on, after 59 s so far." in one(found, "own spread").text


@pytest.mark.parametrize(
    ("now", "stage", "name"),
    [
        ({"age_s": 15.5}, {}, "age of data"),
        ({"age_s": None}, {}, "age of data"),
        ({"loss_quote": None}, {}, "loss since"),
        ({}, {"sampled_s": 269}, "seconds with a sample"),
        ({}, {"spread_bps": None}, "own spread"),
        ({}, {"attained": {"spread owed": 1.0}}, "depth owed"),
    ],
)
def test_what_was_not_seen_is_no_evidence(now: dict[str, object], stage: dict[str, object], name: str) -> None:
    found = look(now=replace(WELL, **now), stage=replace(STAGE, **stage))
    assert one(found, name).verdict is MISSING
    assert verdict(found) is MISSING


def test_worse_outweighs_missing_and_nothing_at_all_is_missing() -> None:
    assert verdict(look(now=replace(WELL, age_s=None, loss_quote=500))) is WORSE
    assert verdict([]) is MISSING


def test_what_the_baseline_did_not_have_is_not_asked_of_the_stage() -> None:
    before = replace(BEFORE, depth_quote=0.0, attained={})
    assert [each.name for each in look(before=before)][5:] == ["both sides quoted", "own spread"]
