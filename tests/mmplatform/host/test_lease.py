"""Leases: never two holders, and a holder that cannot renew knows it before anybody else may take over."""

from __future__ import annotations

import asyncio

import pytest

from mmplatform.host import lease
from mmplatform.host.lease import Permit, Slot, Timing
from strategies.models import Deployment, HostSlot, KillSwitch

TIMING = Timing(grace_s=0.0)
NO_LIFE = Timing(ttl_s=0.0, grace_s=0.0)


async def sit(connection, name="engine-1", timing=TIMING) -> Slot | None:
    return await lease.acquire_slot(connection, name=name, owner="test", timing=timing)


async def test_of_many_hosts_that_race_for_a_slot_one_sits_down(desk, connect) -> None:
    desk.slot()
    connections = [await connect() for _ in range(8)]
    seated = await asyncio.gather(*(sit(each) for each in connections))
    assert sum(slot is not None for slot in seated) == 1


async def test_of_many_slots_that_race_for_deployments_each_gets_others(desk, connect) -> None:
    ids = {desk.deployment().id for _ in range(20)}
    for number in range(4):
        desk.slot(f"engine-{number}")
    connections = [await connect() for _ in range(4)]
    slots = [await sit(each, f"engine-{number}") for number, each in enumerate(connections)]
    claimed: list[int] = []
    for _ in range(3):  # a row another slot is just taking is skipped, and nobody is lost by that
        groups = await asyncio.gather(
            *(lease.claim(c, s, limit=5, timing=TIMING) for c, s in zip(connections, slots, strict=True))
        )
        claimed += [each.id for group in groups for each in group]
    assert sorted(claimed) == sorted(ids)


async def test_a_later_holder_carries_a_higher_token_and_the_former_cannot_renew(desk, connect) -> None:
    desk.slot()
    deployment = desk.deployment()
    connection = await connect()
    old_slot = await sit(connection, timing=NO_LIFE)
    # An expired slot may claim nothing, so the first holder gets its deployment while alive.
    desk.run(lambda: HostSlot.objects.update(expires_at="2100-01-01T00:00Z"))
    (old,) = await lease.claim(connection, old_slot, limit=1, timing=NO_LIFE)
    desk.run(lambda: HostSlot.objects.update(expires_at="2000-01-01T00:00Z"))
    slot = await sit(connection)
    (new,) = await lease.claim(connection, slot, limit=1, timing=TIMING)
    assert new.token > slot.token > old.token > old_slot.token
    assert new.lost_slot == "engine-1"
    renewal = await lease.renew(connection, old_slot, {deployment.id: old.token}, TIMING)
    assert not renewal.slot_held
    mine = await lease.renew(connection, slot, {deployment.id: new.token}, TIMING)
    assert mine.slot_held
    assert mine.standings[deployment.id].renewed


async def test_a_slot_that_keeps_its_lease_hears_which_deployment_it_lost(desk, connect) -> None:
    desk.slot()
    kept, lost = desk.deployment(), desk.deployment()
    connection = await connect()
    slot = await sit(connection)
    held = {each.id: each.token for each in await lease.claim(connection, slot, limit=2, timing=TIMING)}
    desk.run(lambda: Deployment.objects.filter(id=lost.id).update(token=999_999))
    renewal = await lease.renew(connection, slot, held, TIMING)
    assert renewal.standings[kept.id].token == held[kept.id]
    assert renewal.standings[lost.id].token == 999_999
    assert not renewal.standings[lost.id].renewed


async def test_a_row_somebody_locks_delays_its_own_renewal_only(desk, connect) -> None:
    desk.slot()
    locked, free = desk.deployment(), desk.deployment()
    connection, other = await connect(), await connect()
    slot = await sit(connection)
    held = {each.id: each.token for each in await lease.claim(connection, slot, limit=2, timing=TIMING)}
    async with other.transaction():
        await other.execute("select from strategies_deployment where id = %s for update", (locked.id,))
        renewal = await asyncio.wait_for(lease.renew(connection, slot, held, TIMING), 1)
    assert renewal.standings[free.id].renewed
    assert not renewal.standings[locked.id].renewed
    assert renewal.standings[locked.id].token == held[locked.id]


async def test_a_released_deployment_is_a_planned_change_for_the_next_holder(desk, connect) -> None:
    desk.slot()
    deployment = desk.deployment()
    connection = await connect()
    slot = await sit(connection)
    (first,) = await lease.claim(connection, slot, limit=1, timing=TIMING)
    await lease.release_deployment(connection, deployment_id=deployment.id, token=first.token)
    await lease.release_slot(connection, slot)
    (second,) = await lease.claim(connection, await sit(connection), limit=1, timing=TIMING)
    assert second.lost_slot is None
    assert second.token > first.token


async def test_engine_slots_never_take_a_replay_and_nobody_takes_ended_ones(desk, connect) -> None:
    desk.slot()
    desk.slot("rehearsal-1", "rehearsal")
    paper, replay = desk.deployment(), desk.deployment("replay")
    desk.deployment(ended_at="2026-01-01T00:00Z")
    connection = await connect()
    engine, rehearsal = await sit(connection), await sit(connection, "rehearsal-1")
    assert [c.id for c in await lease.claim(connection, engine, limit=9, timing=TIMING)] == [paper.id]
    assert [c.id for c in await lease.claim(connection, rehearsal, limit=9, timing=TIMING)] == [replay.id]


async def test_after_a_database_restart_an_expired_lease_is_left_to_its_holder_for_a_moment(desk, connect) -> None:
    desk.slot()
    long_grace = Timing(grace_s=1e9)
    connection = await connect()
    await sit(connection, timing=NO_LIFE)
    assert await sit(connection, timing=long_grace) is None
    assert await sit(connection, timing=TIMING) is not None


@pytest.mark.parametrize("scope", ["firm", "venue", "client", "account", "mandate", "deployment"])
async def test_a_renewal_reads_the_kill_switch_that_covers_a_deployment(desk, connect, scope) -> None:
    desk.slot()
    deployment = desk.deployment()
    connection = await connect()
    slot = await sit(connection)
    (claimed,) = await lease.claim(connection, slot, limit=1, timing=TIMING)
    names = {
        "firm": {},
        "venue": {"venue": desk.venue},
        "client": {"client": desk.client},
        "account": {"client": desk.client, "account": desk.account},
        "mandate": {"client": desk.client, "mandate": desk.mandate},
        "deployment": {"client": desk.client, "deployment": deployment},
    }
    switch = desk.run(lambda: KillSwitch.objects.create(scope=scope, reason=f"{scope} drill", **names[scope]))
    held = {deployment.id: claimed.token}
    assert (await lease.renew(connection, slot, held, TIMING)).standings[deployment.id].kill_reason == f"{scope} drill"
    switch.reset_at = "2026-01-01T00:00Z"
    desk.run(switch.save)
    assert (await lease.renew(connection, slot, held, TIMING)).standings[deployment.id].kill_reason == ""


async def test_slots_share_fairly_and_make_room_for_one_that_is_missing(desk, connect) -> None:
    desk.slot("engine-1")
    desk.slot("engine-2")
    for _ in range(5):
        desk.deployment()
    connection = await connect()
    slot = await sit(connection)
    load = await lease.read_load(connection, slot, TIMING)
    assert (load.own_share(), load.full_share()) == (3, 5)


class MovedClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_permit_counts_from_when_the_renewal_was_sent() -> None:
    clock = MovedClock()
    permit = Permit(Timing(ttl_s=4, margin_s=0.5), clock)
    assert not permit.valid()
    sent = clock.now
    clock.now += 2  # the answer took two seconds
    permit.extend(sent)
    assert permit.remaining_s == pytest.approx(1.5)
    clock.now += 1.49
    assert permit.valid()
    clock.now += 0.02
    assert not permit.valid()


def test_a_permit_that_ran_out_never_comes_back() -> None:
    clock = MovedClock()
    permit = Permit(Timing(), clock)
    permit.extend(clock.now)
    clock.now += 10  # frozen: the renewal that was under way now succeeds
    permit.extend(clock.now)
    assert not permit.valid()


def test_an_older_renewal_does_not_shorten_a_permit() -> None:
    clock = MovedClock()
    permit = Permit(Timing(), clock)
    permit.extend(clock.now)
    permit.extend(clock.now - 2)
    assert permit.remaining_s == pytest.approx(3.5)
