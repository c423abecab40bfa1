"""A stage against its baseline: each measure with its limit, and one verdict on all of them (docs/rollouts.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any, Protocol

from monitoring.rollouts.figures import Figures, Standing
from strategies.choices import Verdict

COVERED = 0.9
"""Of the seconds that are judged, so many must have a sample: what was not seen is no evidence."""

SEVERITY = (Verdict.WORSE, Verdict.MISSING, Verdict.EARLY, Verdict.FINE)


class Limits(Protocol):
    """The fields of `strategies.models.RollOut` that say how it is judged."""

    judge_after_s: int
    max_spread_growth: Decimal
    max_depth_drop: Decimal
    max_uptime_drop: Decimal
    max_loss_quote: Decimal
    max_not_quoting_s: int
    max_data_age_s: int


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One line: what was measured, what it was before, and what it may be at most, or at least."""

    name: str
    value: float | None
    limit: float
    unit: str
    verdict: Verdict
    text: str
    baseline: float | None = None
    at_least: bool = False

    def kept(self) -> dict[str, Any]:
        """As a record keeps it."""
        return asdict(self)


def verdict(measures: Iterable[Measure]) -> Verdict:
    """The worst of all; of nothing at all there is no evidence."""
    found = {measure.verdict for measure in measures}
    return next((each for each in SEVERITY if each in found), Verdict.MISSING)


def judge(limits: Limits, *, now: Standing, stage: Figures, before: Figures, part: Decimal) -> list[Measure]:
    """Risk at once, KPIs as soon as the stage has lasted long enough to have any.

    before: the same deployment's figures by its previous revision, at the size it had
    part: how much of that size it sends now; depth is compared size for size
    """
    return [*_risk(limits, now), *_kpis(limits, stage, before, float(part))]


def _risk(limits: Limits, now: Standing) -> Iterator[Measure]:
    yield Measure(
        name="stops",
        value=1 if now.trouble else 0,
        limit=0,
        unit="",
        verdict=Verdict.WORSE if now.trouble else Verdict.FINE,
        text=now.trouble or "No kill switch tripped, no halt, no fault.",
    )
    oldest = float(limits.max_data_age_s)
    is_known = now.age_s is not None and now.age_s <= oldest
    age = "There is no sample of this stage" if now.age_s is None else f"The newest sample is {now.age_s:.0f} s old"
    yield Measure(
        name="age of data",
        value=now.age_s,
        limit=oldest,
        unit="s",
        verdict=Verdict.FINE if is_known else Verdict.MISSING,
        text=f"{age}, limit {oldest:.0f} s.",
    )
    yield _at_most("time without a quote", now.not_quoting_s, float(limits.max_not_quoting_s), "s", 0)
    yield _at_most("loss since the stage began", now.loss_quote, float(limits.max_loss_quote), "quote", 2)


def _kpis(limits: Limits, stage: Figures, before: Figures, part: float) -> Iterator[Measure]:
    is_early = stage.span_s < limits.judge_after_s
    found = [_covered(stage), *_compared(limits, stage, before, part)]
    for measure in found:
        if is_early:
            text = f"{measure.text} Judged from {limits.judge_after_s} s on, after {stage.span_s:.0f} s so far."
            yield replace(measure, verdict=Verdict.EARLY, text=text)
        else:
            yield measure


def _covered(stage: Figures) -> Measure:
    return Measure(
        name="seconds with a sample",
        value=100 * stage.sampled,
        limit=100 * COVERED,
        unit="%",
        at_least=True,
        verdict=Verdict.FINE if stage.sampled >= COVERED else Verdict.MISSING,
        text=f"{100 * stage.sampled:.1f} % of the seconds have a sample, at least {100 * COVERED:.0f} % must.",
    )


def _compared(limits: Limits, stage: Figures, before: Figures, part: float) -> Iterator[Measure]:
    drop = float(limits.max_uptime_drop)
    yield _share("both sides quoted", stage.two_sided, before.two_sided or 0.0, drop)
    if before.spread_bps is not None:
        limit = before.spread_bps * (1 + float(limits.max_spread_growth))
        yield _at_most("own spread", stage.spread_bps, limit, "bps", 2, baseline=before.spread_bps)
    if before.depth_quote:
        least = before.depth_quote * (1 - float(limits.max_depth_drop))
        depth = None if stage.depth_quote is None else stage.depth_quote / part
        yield _at_least("own depth within ±2 %, for its size", depth, least, "quote", before.depth_quote)
    for line, was in before.attained.items():
        yield _share(line, stage.attained.get(line), was, drop)


def _share(name: str, value: float | None, baseline: float, drop: float) -> Measure:
    return _at_least(
        name, None if value is None else 100 * value, max(100 * (baseline - drop), 0.0), "%", 100 * baseline
    )


def _at_most(
    name: str, value: float | None, limit: float, unit: str, digits: int, *, baseline: float | None = None
) -> Measure:
    said = "is not known" if value is None else f"is {value:.{digits}f} {unit}"
    was = "" if baseline is None else f"was {baseline:.{digits}f} {unit}, "
    return Measure(
        name=name,
        value=value,
        limit=limit,
        unit=unit,
        baseline=baseline,
        verdict=Verdict.MISSING if value is None else Verdict.WORSE if value > limit else Verdict.FINE,
        text=f"The {name} {said}, {was}limit {limit:.{digits}f} {unit}.",
    )


def _at_least(name: str, value: float | None, least: float, unit: str, baseline: float) -> Measure:
    said = "not known" if value is None else f"{value:.1f} {unit}"
    return Measure(
        name=name,
        value=value,
        limit=least,
        unit=unit,
        baseline=baseline,
        at_least=True,
        verdict=Verdict.MISSING if value is None else Verdict.WORSE if value < least else Verdict.FINE,
        text=f"{name[0].upper()}{name[1:]}: {said}, was {baseline:.1f} {unit}, at least {least:.1f} {unit}.",
    )
