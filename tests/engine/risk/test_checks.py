"""The limits told one by one agree with what the guard does."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.core.states import State
from engine.market.types import Quote, QuoteSet
from engine.metrics.explained import Verdict
from tests.engine.risk.moments import D, Moment, quote, wanted
from tests.engine.risk.test_guard import BOTH, ORDERS, guard


def told(limits: object, asked: QuoteSet, **changes: object) -> dict[str, tuple[str, Decimal | None, Decimal | None]]:
    state = Moment().state(**changes)
    checks = limits.checks(asked, limits.review(asked, state), state)  # type: ignore[attr-defined]
    return {check.name: (check.verdict.value, check.value, check.limit) for check in checks}


def test_every_limit_is_told_with_its_value_and_its_bound() -> None:
    assert told(guard(), BOTH) == {
        "state": ("passed", None, None),
        "market": ("passed", None, None),
        "total PnL": ("passed", D(0), D(-50)),
        "the venue's grid and minimums": ("passed", None, None),
        "largest order": ("passed", D("100.1000"), D(300)),
        "furthest from the reference price": ("passed", D(10), D(500)),
        "position if every bid fills": ("passed", D(100), D(1000)),
        "short position if every ask fills": ("passed", D(100), D(1000)),
        "resting orders together": ("passed", D("200.0000"), D(800)),
        "own orders apart": ("passed", None, None),
        "orders sent within a second": ("passed", D(0), D(10)),
    }


def test_a_limit_that_lets_some_through_cuts_and_one_that_lets_none_through_refuses() -> None:
    assert told(guard(), BOTH, position_base=D(950))["position if every bid fills"] == ("cut", D(1050), D(1000))
    one_sided = wanted(quote("buy", 0, "0.9990"))
    assert told(guard(), one_sided, position_base=D(950))["position if every bid fills"][0] == "refused"


def test_a_moment_that_allows_nothing_is_told_without_the_limits_of_orders() -> None:
    assert told(guard(), BOTH, state=State.PAUSING)["state"][0] == "refused"
    assert told(guard(), BOTH, total_pnl_quote=D(-51))["total PnL"] == ("refused", D(-51), D(-50))
    assert set(told(guard(), BOTH, total_pnl_quote=None)) == {"state", "market", "total PnL"}


@given(
    resting=ORDERS,
    asked=ORDERS,
    position=st.decimals("-1500", "1500", places=1),
    reference=st.sampled_from(["0.98", "1", "1.03"]),
)
def test_every_check_passes_exactly_when_the_guard_allows_everything(
    resting: list[Quote], asked: list[Quote], position: Decimal, reference: str
) -> None:
    limits, state = guard(), Moment().resting(*resting).state(position_base=position, reference=D(reference))
    asked_for = wanted(*asked)
    allowed = limits.review(asked_for, state)
    verdicts = {check.verdict for check in limits.checks(asked_for, allowed, state)}
    assert (verdicts == {Verdict.PASSED}) == (allowed.quotes == asked_for.quotes)
