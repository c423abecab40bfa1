"""A draft the builder calls valid, through every verb there is, onto a host: it quotes or says why not, no fault."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from strategies.builder.layout import sheet_of
from strategies.builder.starters import Owed, begun, starters
from strategies.choices import Mode
from strategies.drafting import draft_submit, ground_of, strategy_create
from strategies.loading import market_facts
from strategies.models import Deployment
from strategies.services import deployment_create, revision_approve
from tests.mmplatform.host.conftest import Desk
from tests.mmplatform.host.test_host import Watch, watch

__all__ = ["watch"]

OWED = Owed(max_spread_bps=Decimal(60), depth_quote=Decimal(1000))
CHANGES: list[tuple[str, Callable[[str], str], bool]] = [
    (slug, lambda text: text, True) for slug in ("ladder", "inventory_spread", "cross_venue", "mirror", "depth")
] + [
    ("ladder", lambda text: text.replace("levels: 4", "levels: 50"), True),
    ("inventory_spread", lambda text: text.replace("interval_ms: 1000", "interval_ms: 100"), True),
    ("ladder", lambda text: _with(text, "max_open_notional_quote", "0.01"), False),
    ("ladder", lambda text: _with(text, "max_age_s", "0.000001"), False),
]
"""A start, what is changed about it, and whether it then quotes."""


def _with(text: str, argument: str, value: str) -> str:
    lines = text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if f"{argument}:" in line)
    lines[at] = f'{lines[at].partition(":")[0]}: !decimal "{value}"\n'
    return "".join(lines)


def deployed(desk: Desk, number: int, slug: str, change: Callable[[str], str]) -> Deployment:
    text = change(begun(starters()[slug], market_facts(desk.market), OWED))
    strategy = strategy_create(
        mandate=desk.mandate, name=f"{slug} {number}", yaml=text, market=desk.market, actor=desk.author, origin="a test"
    )
    sheet = sheet_of(text, ground_of(strategy))
    assert sheet.is_valid, sheet.problems
    revision = draft_submit(strategy=strategy, based_on=1, actor=desk.author)
    revision_approve(revision=revision, actor=desk.approver)
    return deployment_create(
        mandate=desk.mandate,
        revision=revision,
        account=desk.account,
        market=desk.market,
        mode=Mode.PAPER,
        funding={"AURORA": Decimal(100_000), "USDT": Decimal(50_000)},
        actor=desk.author,
    )


def test_every_start_is_among_them() -> None:
    assert {slug for slug, _, _ in CHANGES} == set(starters())


@pytest.mark.usefixtures("transactional_db")
async def test_what_is_called_valid_quotes_on_a_host_or_says_why_not(watch: Watch, desk: Desk) -> None:
    made = [
        (desk.run(lambda n=n, slug=slug, change=change: deployed(desk, n, slug, change)), quotes)  # type: ignore[misc]
        for n, (slug, change, quotes) in enumerate(CHANGES)
    ]
    async with watch.host():
        for deployment, _ in made:
            watch.command("start", deployment)
        for deployment, quotes in made:
            await watch.until_state(deployment, "active")
            if quotes:
                await watch.until(lambda pk=deployment: watch.resting(pk) > 0)  # type: ignore[misc]
        for deployment, _ in made:
            assert watch.state(deployment)[0] == "active", watch.events(deployment)
        for deployment, quotes in made:
            assert quotes or watch.resting(deployment) == 0
