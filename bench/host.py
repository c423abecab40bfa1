"""Mandates a core: one engine host on one shared real book, at 1 s and at 100 ms, records and live push on.

Ten levels a side each, on paper, on a recording of BTCUSDT played in real time in a loop. More mandates are added step
by step; what a step measures is what the host's own samples say of their ticks. The largest step of whose ticks 99 in a
hundred begin less than 100 ms late, those counted that never began, is what a core carries. Database, broker, web
process and browsers share the machine with it.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psutil

from bench import Figure, _tape, percentile
from bench._stage import open_desk, session_cookie, wait_until_active
from bench.desk import watch
from bench.markets import recording
from mmplatform.desk import Address

if TYPE_CHECKING:
    from strategies.models import Deployment

STEPS = {1000: (100, 200, 300), 100: (30, 60, 100)}
"""Mandates on the host, by the interval of their ticks in milliseconds."""
SETTLE_S, MEASURE_S = 5.0, 12.0
SPEAKS_S = 6.0
"""A host says how it is every five seconds."""
BROWSERS = 10
LATE_MS = 100
SYMBOL = "BTC/USDT"
FUNDING = {"BTC": Decimal(1), "USDT": Decimal(60_000)}
YAML = """\
service: "@quoting"
vars:
  symbol: "BTC/USDT"
components:
  venue: {id: @venue@, args: {@market@}}
  mid: {id: prices.mid, args: {market: "@venue", symbol: "@symbol", max_age_s: !decimal "5"}}
  spread:
    id: marketmaking.inventory_spread
    args:
      base_spread_bps: !decimal "10"
      order_size_quote: !decimal "500"
      max_position_quote: !decimal "20000"
      inventory_skew_factor: !decimal "0.5"
      num_levels: 10
      level_spacing_bps: !decimal "2"
  guard:
    id: risk.guard
    args:
      max_position_quote: !decimal "30000"
      max_loss_quote: !decimal "5000"
      max_order_size_quote: !decimal "1000"
      max_open_notional_quote: !decimal "30000"
      max_orders_per_s: 500
  lag: {id: killswitches.data_lag, args: {max_lag_s: !decimal "10"}}
  manual: {id: killswitches.manual}
  kill: {id: killswitches.any, args: {switches: ["@lag", "@manual"]}}
  executor: {id: marketmaking.executors.live, args: {exchange: "@venue", symbol: "@symbol"}}
  quoting:
    id: marketmaking
    args:
      exchange: "@venue"
      symbol: "@symbol"
      price: "@mid"
      strategy: "@spread"
      guard: "@guard"
      killswitch: "@kill"
      executor: "@executor"
      interval_ms: @interval_ms@
      price_threshold_bps: !decimal "1"
"""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a host with so many mandates showed."""

    mandates: int
    late_p50_ms: float
    late_p99_ms: float
    overdue_share: float
    """Of all ticks that were due, how many began LATE_MS late or later, or not at all."""
    left_out: int
    """Runs that did not take place, of ticks, samples and views."""
    written_share: float
    """Samples written, of those that were due."""
    cores: float
    machine_percent: float
    memory_mb: float


def run() -> list[Figure]:
    figures: list[Figure] = []
    seats, os.environ["MM_ENGINE_SLOTS"] = os.environ.get("MM_ENGINE_SLOTS"), "1"
    try:
        for interval_ms, counts in STEPS.items():
            with _tape.installed(), open_desk() as address:
                figures += _figures(interval_ms, _ramp(address, interval_ms, counts))
    finally:
        del os.environ["MM_ENGINE_SLOTS"]
        if seats is not None:
            os.environ["MM_ENGINE_SLOTS"] = seats
    return figures


def _figures(interval_ms: int, steps: list[Step]) -> list[Figure]:
    figures = []
    for step in steps:
        name = f"{step.mandates} at {interval_ms} ms"
        figures += [
            Figure(name=f"{name}: tick lateness p50", value=step.late_p50_ms, unit="ms"),
            Figure(name=f"{name}: tick lateness p99", value=step.late_p99_ms, unit="ms"),
            Figure(name=f"{name}: overdue or left out", value=100 * step.overdue_share, unit="%"),
            Figure(name=f"{name}: samples written of those due", value=100 * step.written_share, unit="%"),
            Figure(name=f"{name}: the host", value=step.cores, unit="cores"),
            Figure(name=f"{name}: whole machine", value=step.machine_percent, unit="%"),
        ]
    carried = max((step.mandates for step in steps if step.overdue_share < 0.01), default=0)
    figures.append(Figure(name=f"a core carries at {interval_ms} ms", value=carried, unit="mandates"))
    first, last = steps[0], steps[-1]
    memory_mb = (last.memory_mb - first.memory_mb) / (last.mandates - first.mandates)
    figures.append(Figure(name=f"memory a further mandate at {interval_ms} ms", value=memory_mb, unit="MB"))
    return figures


def _ramp(address: Address, interval_ms: int, counts: tuple[int, ...]) -> list[Step]:
    """Add mandates step by step and measure each; the desk, its host with it, is thrown away afterwards."""
    deployments: list[Deployment] = []
    steps = []
    for count in counts:
        more = _deployments(count - len(deployments), interval_ms)
        _start(more)
        wait_until_active(more)
        deployments += more
        time.sleep(SETTLE_S)
        steps.append(_measure(address, deployments, interval_ms))
        step = steps[-1]
        print(
            f"   {count} at {interval_ms} ms: late {step.late_p50_ms:.1f} / {step.late_p99_ms:.1f} ms, "
            f"{step.left_out} left out, {step.cores:.2f} cores of a machine {step.machine_percent:.0f} % busy, "
            f"{step.memory_mb:.0f} MB",
            flush=True,
        )
    return steps


def _measure(address: Address, deployments: list[Deployment], interval_ms: int) -> Step:
    host = psutil.Process(_said("pid"))
    ids = [deployment.pk for deployment in deployments]
    left_out, used_s, began = _said("runs_left_out"), sum(host.cpu_times()[:2]), time.monotonic()
    asyncio.run(watch(address, session_cookie(), ids, browsers=BROWSERS, for_s=MEASURE_S))
    took_s = time.monotonic() - began
    cores, machine_percent = (sum(host.cpu_times()[:2]) - used_s) / took_s, psutil.cpu_percent()
    late_ms = _lateness(ids)
    time.sleep(SPEAKS_S)  # what it says by then is about the whole time
    left_out = _said("runs_left_out") - left_out
    due = len(ids) * took_s * 1000 / interval_ms
    return Step(
        mandates=len(ids),
        late_p50_ms=percentile(late_ms, 0.5),
        late_p99_ms=percentile(late_ms, 0.99),
        overdue_share=sum(late >= LATE_MS for late in late_ms) / len(late_ms) + left_out / due,
        left_out=left_out,
        written_share=len(late_ms) / (len(ids) * MEASURE_S),
        cores=cores,
        machine_percent=machine_percent,
        memory_mb=host.memory_full_info().uss / 1e6,
    )


def _lateness(ids: list[int]) -> list[float]:
    """How late each tick was that a sample tells of, over the seconds just measured."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "select tick_late_ms from monitoring_sample_all where deployment_id = any(%s) and tick_late_ms is not null "
            "and ts between now() - make_interval(secs => %s) and now() - make_interval(secs => 2)",
            [ids, MEASURE_S + 2],
        )
        return [late for (late,) in cursor.fetchall()]


def _said(name: str) -> int:
    """A figure of the one host, as it said last."""
    from strategies.models import HostSlot

    while name not in (stats := HostSlot.objects.get(desired=True, kind="engine").stats):
        time.sleep(0.5)  # it speaks every few seconds
    return stats[name]


# The records


def _deployments(count: int, interval_ms: int) -> list[Deployment]:
    """So many mandates of one client on one market, each with a strategy, a revision and a deployment of its own.

    Written in bulk, since the services that a person would use take their time over each.
    """
    from clients.choices import DeskRole, ResumePolicy
    from clients.models import Client, Mandate, User
    from exchanges.choices import VenueKind
    from exchanges.models import ExchangeAccount, Market, Venue
    from monitoring.demo.desk import OPERATOR, RISK
    from strategies.choices import Mode, RevisionState
    from strategies.models import Deployment, PaperFunding, Revision, Strategy

    path = recording()
    component, args = (_tape.ID, {"path": str(path)}) if path else ("exchanges.simulated", SIMULATED)
    author, _ = User.objects.get_or_create(username=OPERATOR, defaults={"desk_role": DeskRole.OPERATOR})
    approver, _ = User.objects.get_or_create(username=RISK, defaults={"desk_role": DeskRole.RISK})
    client, _ = Client.objects.get_or_create(slug="bench", defaults={"name": "Bench", "is_demo": True})
    venue, _ = Venue.objects.get_or_create(
        slug="bench", defaults={"name": "Bench", "kind": VenueKind.REPLAY, "component": component}
    )
    market, _ = Market.objects.get_or_create(
        venue=venue,
        symbol=SYMBOL,
        defaults={
            "base": "BTC",
            "quote": "USDT",
            "tick_size": Decimal("0.01"),
            "lot_size": Decimal("0.00001"),
            "component_args": args,
        },
    )
    account, _ = ExchangeAccount.objects.get_or_create(
        client=client, venue=venue, name="Paper", defaults={"is_paper": True}
    )
    yaml = _yaml(component, interval_ms)
    first = Mandate.objects.count()
    names = [f"bench-{number}" for number in range(first, first + count)]
    mandates = Mandate.objects.bulk_create(
        Mandate(client=client, slug=name, name=name, base="BTC", quote="USDT", resume_policy=ResumePolicy.PAUSE)
        for name in names
    )
    strategies = Strategy.objects.bulk_create(
        Strategy(client=client, mandate=mandate, name="Bench", draft_yaml=yaml) for mandate in mandates
    )
    revisions = Revision.objects.bulk_create(
        Revision(
            client=client,
            strategy=strategy,
            number=1,
            yaml=yaml,
            sha256="0" * 64,
            state=RevisionState.APPROVED,
            author=author,
            approver=approver,
        )
        for strategy in strategies
    )
    deployments = Deployment.objects.bulk_create(
        Deployment(
            client=client,
            mandate=mandate,
            revision=revision,
            account=account,
            market=market,
            name=mandate.name,
            mode=Mode.PAPER,
        )
        for mandate, revision in zip(mandates, revisions, strict=True)
    )
    PaperFunding.objects.bulk_create(
        PaperFunding(client=client, deployment=deployment, asset=asset, amount=amount)
        for deployment in deployments
        for asset, amount in FUNDING.items()
    )
    return deployments


SIMULATED: dict[str, Any] = {"profile": "major", "seed": 11, "anchor_price": "61000"}


def _yaml(component: str, interval_ms: int) -> str:
    """The host lays the facts of the market over this, the recording's path among them."""
    named = 'symbol: "@symbol"'
    return YAML.replace("@venue@", component).replace("@market@", named).replace("@interval_ms@", str(interval_ms))


def _start(deployments: list[Deployment]) -> None:
    from monitoring.demo import desk

    desk.start(deployments)
