"""A host on this test's own loop, over real PostgreSQL and Valkey: claims, commands, faults, replays, farewells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from clients.models import Mandate
from exchanges.models import Market
from mmplatform.host.lease import Timing
from mmplatform.host.run import Host
from monitoring.models import SessionReport
from monitoring.services import recording_register, replay_start
from strategies import services
from strategies.models import Deployment, Revision
from tests.engine.venues.tapes import Tape
from tests.mmplatform.host.conftest import Desk, database_url

PATIENCE_S = 15.0
USUAL = Timing(grace_s=0.0)
NEVER_RENEWS = Timing(ttl_s=7200.0, renew_s=3600.0, grace_s=0.0)
"""What happens at a host with this is not brought about by its looking at every row with each renewal."""


class Watch:
    """Reads the record the way a page would, while a host runs."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.hosts: list[Host] = []

    @asynccontextmanager
    async def host(self, slot: str = "engine-1", *, timing: Timing = USUAL, **options: Any) -> AsyncIterator[Host]:
        host = Host(
            slot=slot,
            owner=f"test {slot}",
            database_url=database_url(),
            broker_url=settings.REDIS_URL,
            timing=timing,
            **options,
        )
        running = asyncio.create_task(host.run())
        try:
            yield host
        finally:
            host.stop()
            await asyncio.wait_for(running, 15)

    def one(self, query: str, *values: Any) -> Any:
        with psycopg.connect(database_url(), autocommit=True) as connection:
            row = connection.execute(query, values).fetchone()
        return row if row is None or len(row) > 1 else row[0]

    def state(self, deployment: Deployment) -> tuple[str, str]:
        return self.one("select observed, observed_reason from strategies_deployment where id = %s", deployment.pk)

    def resting(self, deployment: Deployment) -> int:
        return self.one(
            "select count(*) from monitoring_order where deployment_id = %s and status in ('open', 'partially_filled')",
            deployment.pk,
        )

    def events(self, deployment: Deployment) -> str:
        return self.one(
            "select coalesce(string_agg(text, E'\\n' order by id), '') from monitoring_deploymentevent "
            "where deployment_id = %s",
            deployment.pk,
        )

    async def until(self, condition: Callable[[], Any], within_s: float = PATIENCE_S) -> None:
        began = time.monotonic()
        while not (found := condition()):
            assert time.monotonic() - began < within_s, f"still {found!r} after {within_s} s"
            await asyncio.sleep(0.01)

    async def until_state(self, deployment: Deployment, state: str, within_s: float = PATIENCE_S) -> str:
        await self.until(lambda: self.state(deployment)[0] == state, within_s)
        return self.state(deployment)[1]

    def command(self, verb: str, deployment: Deployment, reason: str = "the test says so") -> None:
        act = getattr(services, f"deployment_{verb}")
        self.desk.run(lambda: act(deployment=deployment, actor=self.desk.author, reason=reason))


@pytest.fixture
def watch(desk: Desk) -> Watch:
    desk.slot()
    return Watch(desk)


async def test_a_started_deployment_quotes_and_a_pause_leaves_nothing_resting(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    async with watch.host():
        await watch.until(lambda: watch.one("select slot_id from strategies_deployment"))
        assert watch.state(deployment) == ("paused", "not started")  # nothing starts by itself (Q9)
        watch.command("start", deployment, "morning")
        assert await watch.until_state(deployment, "active") == "morning"
        await watch.until(lambda: watch.resting(deployment) == 4)
        watch.command("pause", deployment, "lunch")
        assert await watch.until_state(deployment, "paused") == "lunch"
        assert watch.resting(deployment) == 0
        assert watch.one("select command, command_done from strategies_deployment") == (2, 2)


async def test_a_kill_is_heard_as_it_is_committed_and_not_with_the_next_renewal(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host(timing=NEVER_RENEWS):
        await watch.until(lambda: watch.resting(deployment) == 4)
        watch.command("halt", deployment, "drill")
        assert "drill" in await watch.until_state(deployment, "halted")
        assert watch.resting(deployment) == 0
        assert watch.one("select halt_proven from strategies_deployment")
        assert watch.one("select halt_ms from strategies_deployment") is not None
        assert watch.one("select count(*) from strategies_killswitch") == 1
        watch.command("reset", deployment, "drill over")
        assert await watch.until_state(deployment, "paused") == "drill over"


async def test_a_firm_wide_kill_is_heard_by_everything_as_it_is_committed(watch: Watch, desk: Desk) -> None:
    deployments = [desk.deployment() for _ in range(4)]
    for deployment in deployments:
        watch.command("start", deployment)
    async with watch.host(timing=NEVER_RENEWS):
        await watch.until(lambda: all(watch.resting(each) for each in deployments))
        desk.run(lambda: services.firm_halt(actor=desk.author, reason="fire drill"))
        await watch.until(lambda: all(watch.state(each)[0] == "halted" for each in deployments))
        assert not any(watch.resting(each) for each in deployments)


async def test_a_kill_switch_without_a_command_halts_as_well(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        await watch.until_state(deployment, "active")
        # As from a tool that only writes the switch: the row alone must be enough.
        watch.one("insert into strategies_killswitch (scope, reason, engaged_at, reset_reason) "
                  "values ('firm', 'by hand', now(), '') returning id")  # fmt: skip
        assert "by hand" in await watch.until_state(deployment, "halted")


async def test_a_revision_that_cannot_run_is_faulted_with_the_reason_and_reset_builds_it_anew(
    watch: Watch, desk: Desk
) -> None:
    deployment, other = desk.deployment(), desk.deployment()
    market = desk.run(
        lambda: Market.objects.create(
            venue=desk.venue, symbol="X/USDT", base="X", quote="USDT", tick_size=1, lot_size=1
        )
    )
    desk.run(lambda: Mandate.objects.update(base="AURORA"))
    broken = {"anchor_price": "never"}
    desk.run(lambda: Market.objects.exclude(pk=market.pk).update(component_args=broken))
    watch.command("start", deployment)
    async with watch.host():
        reason = await watch.until_state(deployment, "faulted")
        assert "The market's argument anchor_price must be a decimal number, was 'never'" in reason
        await watch.until_state(other, "faulted")  # before the record is mended, or it may come up after all
        desk.run(lambda: Market.objects.update(component_args={"anchor_price": "0.5"}))
        token = watch.one("select token from strategies_deployment where id = %s", deployment.pk)
        watch.command("reset", deployment, "the record is mended")
        assert await watch.until_state(deployment, "paused") == "the record is mended"
        assert watch.one("select token from strategies_deployment where id = %s", deployment.pk) > token
        watch.command("start", deployment)
        await watch.until(lambda: watch.resting(deployment) == 4)
        assert watch.state(other)[0] == "faulted"


async def test_a_component_that_fails_while_quoting_is_faulted_after_its_orders_are_cancelled(
    watch: Watch, desk: Desk
) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host() as host:
        await watch.until(lambda: watch.resting(deployment) == 4)
        container = host.hosted[deployment.pk].container

        async def fail() -> None:
            raise RuntimeError("the disk is on fire")

        container.components["spread"].runtime.spawn(fail(), "failing part")
        assert "the disk is on fire" in await watch.until_state(deployment, "faulted")
        await watch.until(lambda: watch.resting(deployment) == 0)
        watch.command("reset", deployment, "put out")
        await watch.until_state(deployment, "paused")


async def test_a_host_that_is_stopped_hands_over_and_the_next_goes_on(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        await watch.until(lambda: watch.resting(deployment) == 4)
    assert watch.state(deployment) == ("paused", "host stopped")
    assert watch.resting(deployment) == 0
    assert watch.one("select slot_id from strategies_deployment") is None
    assert watch.one("select owner, expires_at <= now() from strategies_hostslot") == ("", True)
    async with watch.host():
        assert await watch.until_state(deployment, "active") == "resumed after a planned change of host"


async def test_what_had_refused_to_start_is_not_started_by_a_change_of_host(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment(wanted="active", command=1, command_done=1, observed_reason="Not started: too thin.")
    async with watch.host() as host:
        await watch.until(lambda: deployment.pk in host.hosted and host.hosted[deployment.pk].service is not None)
        await asyncio.sleep(0.5)
        assert watch.state(deployment) == ("paused", "Not started: too thin.")


async def test_two_hosts_share_and_one_that_comes_late_gets_work(watch: Watch, desk: Desk) -> None:
    desk.slot("engine-2")
    deployments = [desk.deployment() for _ in range(4)]

    def held() -> list[int]:
        return [
            watch.one("select count(*) from strategies_deployment d join strategies_hostslot s on s.id = d.slot_id "
                      "where s.name = %s", name)
            for name in ("engine-1", "engine-2")
        ]  # fmt: skip

    async with watch.host("engine-1"):
        await watch.until(lambda: held() == [2, 0])  # its own share, leaving the rest to the other
        await watch.until(lambda: held() == [4, 0])  # the other does not come
        async with watch.host("engine-2"):
            await watch.until(lambda: held() == [2, 2], within_s=25)
        await watch.until(lambda: all(watch.state(each)[0] == "paused" for each in deployments))


async def test_a_slot_nobody_wants_any_more_is_left_in_order(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host() as host:
        await watch.until(lambda: watch.resting(deployment) == 4)
        watch.one("update strategies_hostslot set desired = false returning id")
        await watch.until(lambda: watch.state(deployment) == ("paused", "host stopped"))
        await watch.until(lambda: not host.hosted)


async def test_an_ended_deployment_is_let_go(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    async with watch.host() as host:
        await watch.until(lambda: deployment.pk in host.hosted)
        await watch.until(lambda: host.hosted[deployment.pk].service is not None)
        watch.command("end", deployment)
        await watch.until(lambda: not host.hosted)
        await asyncio.sleep(1.2)
        assert not host.hosted


async def test_a_host_whose_slot_was_taken_drops_everything_without_a_word(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host() as host:
        await watch.until(lambda: watch.resting(deployment) == 4)
        watch.one("update strategies_hostslot set token = nextval('mm_fence') returning id")
        watch.one("update strategies_deployment set token = nextval('mm_fence'), observed_reason = 'mine' returning id")
        await watch.until(lambda: not host.hosted)
        await asyncio.sleep(0.3)
        assert watch.state(deployment) == ("active", "mine")
        assert watch.resting(deployment) == 4  # for the new holder to cancel


async def test_a_frozen_clock_of_the_lease_silences_the_host(watch: Watch, desk: Desk) -> None:
    """The permit's clock is moved past its end, as a suspended machine would see it on waking."""
    deployment = desk.deployment()
    watch.command("start", deployment)
    offset = 0.0
    async with watch.host(now=lambda: time.monotonic() + offset) as host:
        await watch.until(lambda: watch.resting(deployment) == 4)
        token = watch.one("select token from strategies_deployment")
        permit = host.hosted[deployment.pk].permit
        offset = 60.0
        assert not permit.valid()
        await watch.until(lambda: watch.one("select token from strategies_deployment") > token)
        assert not permit.valid()


async def test_a_recording_is_played_to_its_end_reported_and_ended(watch: Watch, desk: Desk, tmp_path: Path) -> None:
    desk.slot("rehearsal-1", "rehearsal")
    deployment = start_replay(desk, tmp_path / "aurora.gz", seconds=40)
    async with watch.host("rehearsal-1"):
        await watch.until(lambda: watch.one("select finished_at from monitoring_replayrun"))
    assert watch.one("select problem, progress from monitoring_replayrun") == ("", 1.0)
    assert watch.one("select ended_at is not null, slot_id from strategies_deployment") == (True, None)
    assert watch.state(deployment) == ("paused", "the recording is over")
    report = desk.run(lambda: SessionReport.objects.get(deployment=deployment))
    assert report.figures["samples"] == 40
    assert report.figures["orders"] == 4
    assert report.starts_at.year == 2023
    assert watch.resting(deployment) == 0


async def test_a_replay_whose_host_was_lost_says_so_instead_of_starting_over(
    watch: Watch, desk: Desk, tmp_path: Path
) -> None:
    slot = desk.slot("rehearsal-1", "rehearsal")
    deployment = start_replay(desk, tmp_path / "aurora.gz", seconds=40)
    desk.run(lambda: Deployment.objects.update(slot=slot, token=5, expires_at="2020-01-01T00:00Z", observed="active"))
    async with watch.host("rehearsal-1"):
        await watch.until(lambda: watch.one("select finished_at from monitoring_replayrun"))
    problem = watch.one("select problem from monitoring_replayrun")
    assert problem == "The host playing it was lost (slot rehearsal-1); start it again."
    assert watch.state(deployment) == ("paused", problem)


async def test_a_replay_stopped_half_way_keeps_its_figures(watch: Watch, desk: Desk, tmp_path: Path) -> None:
    desk.slot("rehearsal-1", "rehearsal")
    deployment = start_replay(desk, tmp_path / "aurora.gz", seconds=40, speed="4")
    async with watch.host("rehearsal-1"):
        await watch.until(lambda: watch.resting(deployment))
        await asyncio.sleep(0.5)
    assert "stopped before its end" in watch.one("select problem from monitoring_replayrun")
    report = desk.run(lambda: SessionReport.objects.get(deployment=deployment))
    assert 0 < report.figures["samples"] < 40


MEASURED = """
  gap: {id: metrics.spread, args: {market: "@venue", symbol: "@symbol", interval_s: 1}}
  life: {id: metrics.heartbeat, args: {interval_s: 1}}
  tell: {id: sinks.outbox, args: {kinds: [state, order]}}
"""


def measured(desk: Desk) -> None:
    """A second revision of the desk's, which is measured and told of."""
    old = desk.revision
    new = {"client": desk.client, "strategy": old.strategy, "number": 2, "sha256": "1" * 64, "author": desk.author}
    desk.revision = desk.run(lambda: Revision.objects.create(**new, yaml=old.yaml + MEASURED))


async def test_a_deployment_is_measured_and_told_of_in_the_record(watch: Watch, desk: Desk) -> None:
    measured(desk)
    deployment = desk.deployment()
    watch.command("start", deployment)
    figures = "select count(*) from monitoring_figure where deployment_id = %s and field = %s and value is not null"
    async with watch.host():
        await watch.until(lambda: watch.one(figures, deployment.pk, "own_spread_bps"))
        await watch.until(lambda: watch.one(figures + " and value = 1", deployment.pk, "active"))
        told = "select count(*) from monitoring_outbox where deployment_id = %s and kind = %s"
        assert watch.one(told, deployment.pk, "order") >= 4
        assert watch.one(told, deployment.pk, "state") >= 2
        await watch.until(lambda: watch.one("select stats->'outbox_waiting' from strategies_hostslot"))
        assert watch.one("select stats->'outbox_oldest_s' from strategies_hostslot") >= 0


async def test_a_replay_is_measured_and_nobody_outside_is_told(watch: Watch, desk: Desk, tmp_path: Path) -> None:
    measured(desk)
    desk.slot("rehearsal-1", "rehearsal")
    deployment = start_replay(desk, tmp_path / "aurora.gz", seconds=40)
    async with watch.host("rehearsal-1"):
        await watch.until(lambda: watch.one("select finished_at from monitoring_replayrun"))
    assert watch.state(deployment) == ("paused", "the recording is over")
    assert watch.one("select count(*) > 30, min(ts) from monitoring_figure where field = 'own_spread_bps'")[0]
    assert watch.one("select count(*) from monitoring_outbox") == 0


def start_replay(desk: Desk, path: Path, *, seconds: int, speed: str = "max") -> Deployment:
    """A quiet recording of some seconds, played to the desk's own revision."""
    tape = Tape("AURORAUSDT").snapshot(mid="100.00")
    for tenth in range(seconds * 10):
        tape.depth(bids=[("99.95", f"10.00{tenth % 3}")])
    tape.save(path)

    def start() -> Deployment:
        (recording,) = recording_register(path)
        services.revision_approve(revision=desk.revision, actor=desk.approver)
        funding = {"AURORA": Decimal(100), "USDT": Decimal(10_000)}
        return replay_start(
            recording=recording, revision=desk.revision, actor=desk.author, funding=funding, speed=speed
        ).deployment

    return desk.run(start)
