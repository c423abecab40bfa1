"""A deployment that is not up yet: what comes in between must neither be forgotten nor make it quote."""

from __future__ import annotations

import asyncio
import gc

import pytest

from engine.core.plugins import Registry
from engine.marketmaking.inventory_spread import InventorySpread
from engine.marketmaking.service import MarketMaking
from mmplatform.host.run import Host
from strategies.models import Deployment
from tests.mmplatform.host.conftest import Desk
from tests.mmplatform.host.test_host import Watch, watch

__all__ = ["watch"]


class Gate:
    """Lets a test decide when a component has loaded."""

    def __init__(self) -> None:
        self.loading = asyncio.Event()
        self.open = asyncio.Event()


GATE: list[Gate] = []


class SlowSpread(InventorySpread):
    async def load(self) -> None:
        GATE[0].loading.set()
        await GATE[0].open.wait()


@pytest.fixture
def gate() -> Gate:
    GATE[:] = [Gate()]
    return GATE[0]


def slow() -> Registry:
    return Registry.installed().with_components({"marketmaking.inventory_spread": SlowSpread})


def quoting_on_a_lost_host(desk: Desk, watch: Watch) -> Deployment:
    """As a crash leaves it: ACTIVE, the command carried out, the lease run out."""
    deployment = desk.deployment()
    watch.command("start", deployment)
    watch.one(
        "update strategies_deployment set command_done = command, observed = 'active', token = 5, "
        "slot_id = (select id from strategies_hostslot), expires_at = '2020-01-01' returning id"
    )
    return deployment


async def test_a_loss_is_not_forgotten_when_the_next_host_stops_before_it_is_up(
    watch: Watch, desk: Desk, gate: Gate
) -> None:
    """Q9: the mandate says that a person decides after a lost host, also when a planned change comes in between."""
    deployment = quoting_on_a_lost_host(desk, watch)
    async with watch.host(registry=slow()):
        await asyncio.wait_for(gate.loading.wait(), 15)
    async with watch.host():
        await watch.until(lambda: watch.one("select wanted from strategies_deployment") == "paused")
        assert "paused after host loss" in await watch.until_state(deployment, "paused")


async def test_a_deployment_handed_over_while_it_loads_is_neither_faulted_nor_left_running(
    watch: Watch, desk: Desk, gate: Gate
) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host(registry=slow()) as host:
        await asyncio.wait_for(gate.loading.wait(), 15)
        hosted = host.hosted[deployment.pk]
        await hosted.hand_over("handed to another host, which has room")
        gate.open.set()
        await watch.until(lambda: not bringing_up(host))
        assert hosted.container is None
        assert watch.state(deployment)[0] == "paused"
        # It is free again: the same host may take it, and it starts, as a person had asked.
        await watch.until_state(deployment, "active")


async def test_a_deployment_dropped_while_it_is_read_does_not_come_up_behind_our_back(
    watch: Watch, desk: Desk, gate: Gate
) -> None:
    deployment = desk.deployment()
    async with watch.host(registry=slow()) as host:
        await asyncio.wait_for(gate.loading.wait(), 15)
        hosted = host.hosted[deployment.pk]
        # Between two steps of the building: nothing was there yet to be taken down.
        container, hosted.container = hosted.container, None
        await hosted.drop("the test says so")
        gate.open.set()
        await watch.until(lambda: not bringing_up(host))
        assert hosted.container is None
        assert container is not None
        assert container._phase == "unloaded"


async def test_a_deployment_that_fails_while_it_comes_up_is_faulted_and_can_be_killed(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment()

    class Unlucky(MarketMaking):
        async def clear_leftovers(self) -> None:
            if not watch.one("select count(*) from strategies_killswitch"):
                raise KeyError("clientOrderId")

    registry = Registry.installed().with_components({"marketmaking": Unlucky})
    async with watch.host(registry=registry):
        assert "KeyError" in await watch.until_state(deployment, "faulted")
        watch.command("halt", deployment, "drill")
        await watch.until_state(deployment, "halted")


def bringing_up(host: Host) -> bool:
    return bool(host._bringing_up)


async def test_what_runs_is_kept_from_the_garbage_collector_until_something_of_it_leaves(
    watch: Watch, desk: Desk
) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host() as host:
        await watch.until_state(deployment, "active")
        await watch.until(lambda: not bringing_up(host))
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


class Lingering(InventorySpread):
    """Takes its time to let go."""

    async def unload(self) -> None:
        GATE[0].loading.set()
        await GATE[0].open.wait()


async def test_a_farewell_whose_asker_is_cancelled_half_way_goes_on_to_its_end(
    watch: Watch, desk: Desk, gate: Gate
) -> None:
    """As when a host is stopped while it gives a deployment away: it waits for that farewell, which must end."""
    deployment = desk.deployment()
    watch.command("start", deployment)
    registry = Registry.installed().with_components({"marketmaking.inventory_spread": Lingering})
    async with watch.host(registry=registry) as host:
        await watch.until_state(deployment, "active")
        moving = asyncio.create_task(host.hosted[deployment.pk].hand_over("handed to another host"))
        await asyncio.wait_for(gate.loading.wait(), 15)
        moving.cancel()
        asyncio.get_running_loop().call_later(0.5, gate.open.set)
    assert watch.one("select slot_id, expires_at <= now() from strategies_deployment") == (None, True)
    assert watch.resting(deployment) == 0
