"""Accounts emptied by a worker that is no host, at a venue that speaks Binance's wire format: its own books judge."""

from __future__ import annotations

import asyncio
import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from mmplatform.clearing.sweep import sweep
from strategies import clearing, services
from strategies.choices import ClearingState, Mode, Observed, Wanted, Witness
from strategies.clearing import claim, clearings_ask_again
from strategies.models import Clearing, ClearingStep, Deployment, HostSlot, KillSwitch
from tests.mmplatform.host.conftest import Desk
from tests.mmplatform.host.test_host import Watch
from tests.mmplatform.host.test_live_at_a_venue import LONG_S, OURS, S, resting
from tests.venues.binance import Binance
from tests.venues.faults import Drop


def rest(venue: Binance, client_id: str, price: str = "99") -> None:
    venue.books.place(OURS, S, "buy", price=Decimal(price), size=Decimal("0.5"), post_only=True, client_id=client_id)


def left_by(live: Deployment, number: int = 1) -> str:
    return f"mm-{live.pk:x}-1-{number:x}"


def kill(desk: Desk, live: Deployment, scope: str = "firm") -> KillSwitch:
    who = {"actor": desk.author, "reason": "drill"}
    return desk.run(
        {
            "firm": lambda: services.firm_halt(**who),
            "venue": lambda: services.venue_halt(venue=desk.venue, **who),
            "account": lambda: services.account_halt(account=desk.account, **who),
            "mandate": lambda: services.mandate_halt(mandate=desk.mandate, **who),
            "deployment": lambda: services.deployment_halt(deployment=live, **who),
        }[scope]
    )


def last(desk: Desk) -> Clearing:
    return desk.run(lambda: Clearing.objects.order_by("-id")[0])


def evidence(desk: Desk) -> list[str]:
    return desk.run(lambda: list(ClearingStep.objects.order_by("id").values_list("text", flat=True)))


@pytest.mark.parametrize("scope", ["firm", "venue", "account", "mandate", "deployment"])
async def test_what_a_dead_engine_left_is_cancelled_and_proven_gone(
    desk: Desk, live: Deployment, venue: Binance, scope: str
) -> None:
    rest(venue, left_by(live, 1), "99")
    rest(venue, left_by(live, 2), "98")
    rest(venue, "somebody-else", "97")
    kill(desk, live, scope)

    assert await sweep("w") == 1

    assert [order.client_id for order in venue.books.resting(OURS)] == ["somebody-else"]
    cleared = last(desk)
    assert (cleared.state, cleared.witness) == (ClearingState.CLEAN, Witness.VENUE)
    assert (cleared.orders_found, cleared.orders_left_alone) == (2, 1)
    assert cleared.reason == "1 order not placed by this platform left alone."
    told = evidence(desk)
    assert told[0] == "Taken up by w."
    assert told[1] == f"Binance lists 2 of ours, 1 not placed by this platform in {S}."
    assert told[2] == "Told to cancel 2; the venue's word on each is below."
    assert told[-2] == f"Binance lists 1 not placed by this platform in {S}."
    assert told[-1].startswith("Proven clean. The venue lists nothing of ours.")
    listed = desk.run(lambda: ClearingStep.objects.filter(kind="listed").order_by("id")[0].orders)
    assert listed[0] | {"venue_id": ""} == {
        "id": left_by(live, 1), "venue_id": "", "symbol": S, "side": "buy", "price": "99", "size": "0.5",
        "filled": "0", "status": "open", "whose": "ours",
    }  # fmt: skip


async def test_orders_of_a_deployment_that_has_ended_are_cancelled_by_a_kill_of_the_account_alone(
    desk: Desk, live: Deployment, venue: Binance
) -> None:
    rest(venue, "mm-7777-1-1")
    kill(desk, live, "deployment")
    await sweep("w")
    assert (last(desk).state, resting(venue)) == (ClearingState.CLEAN, 1)
    assert last(desk).reason == "1 order of deployments that this kill does not cover left alone."
    desk.run(lambda: Deployment.objects.filter(pk=live.pk).update(ended_at=timezone.now()))
    kill(desk, live, "account")
    await sweep("w")
    assert (last(desk).state, last(desk).orders_found, resting(venue)) == (ClearingState.CLEAN, 1, 0)


async def test_a_host_that_lives_and_the_kill_path_prove_it_each_for_itself(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    watch.command("start", live)
    async with watch.host():
        await watch.until(lambda: resting(venue) == 4, LONG_S)
        kill(desk, live)
        await sweep("w")
        assert resting(venue) == 0
        assert watch.state(live)[0] == "halted"
        assert watch.one("select halt_proven from strategies_deployment where id = %s", live.pk)
    assert (last(desk).state, last(desk).witness) == (ClearingState.CLEAN, Witness.VENUE)


def on_a_host_that_hangs(desk: Desk, live: Deployment, lease_s: float) -> None:
    until = timezone.now() + datetime.timedelta(seconds=lease_s)
    slot = desk.run(lambda: HostSlot.objects.get_or_create(name="engine-1", kind="engine")[0])
    fields = {"observed": Observed.ACTIVE, "wanted": Wanted.ACTIVE, "expires_at": until, "slot": slot}
    desk.run(lambda: Deployment.objects.filter(pk=live.pk).update(**fields))


async def test_nothing_is_proven_while_the_lease_of_a_host_that_hangs_still_runs(
    desk: Desk, live: Deployment, venue: Binance
) -> None:
    rest(venue, left_by(live))
    on_a_host_that_hangs(desk, live, lease_s=60)
    kill(desk, live)
    await sweep("w", within_s=0.6)
    assert resting(venue) == 0  # what rested is gone all the same
    assert last(desk).state == ClearingState.UNPROVEN
    assert last(desk).reason == "live is active on engine-1, which has not confirmed the kill."


async def test_what_a_host_that_hangs_still_gets_out_is_cancelled_before_anything_is_proven(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    rest(venue, left_by(live, 1))
    on_a_host_that_hangs(desk, live, lease_s=60)
    kill(desk, live)
    round_ = asyncio.create_task(sweep("w"))
    await watch.until(lambda: not resting(venue), LONG_S)
    rest(venue, left_by(live, 2))
    ran_out = timezone.now() - datetime.timedelta(seconds=10)
    desk.run(lambda: Deployment.objects.filter(pk=live.pk).update(expires_at=ran_out))
    await round_
    assert resting(venue) == 0
    assert (last(desk).state, last(desk).orders_found) == (ClearingState.CLEAN, 2)


async def test_what_a_lost_worker_began_is_taken_up_by_the_next(desk: Desk, live: Deployment, venue: Binance) -> None:
    rest(venue, left_by(live))
    kill(desk, live)
    assert len(desk.run(lambda: claim("first", limit=9))) == 1
    assert await sweep("second") == 0  # it may still be there
    desk.run(lambda: Clearing.objects.update(held_until=timezone.now() - datetime.timedelta(seconds=1)))
    assert await sweep("second") == 1
    assert resting(venue) == 0
    assert last(desk).state == ClearingState.CLEAN
    assert "Taken up by second, since first was lost." in evidence(desk)


async def test_a_venue_out_of_reach_leaves_it_unproven_and_is_asked_again(
    desk: Desk, live: Deployment, venue: Binance
) -> None:
    rest(venue, left_by(live))
    venue.faults.always("open_orders", Drop(acts=False))
    kill(desk, live)
    await sweep("w", within_s=0.1)
    assert last(desk).state == ClearingState.UNPROVEN
    assert last(desk).reason.startswith("The venue could not be asked:")
    assert desk.run(clearings_ask_again) == 0  # not at once

    venue.faults.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clearing, "ASK_AGAIN_AFTER_S", 0)
        assert desk.run(clearings_ask_again) == 1
    await sweep("w")
    assert (last(desk).state, resting(venue)) == (ClearingState.CLEAN, 0)
    assert desk.run(clearings_ask_again) == 0


async def test_a_venue_that_is_down_at_first_is_waited_for(
    watch: Watch, desk: Desk, live: Deployment, venue: Binance
) -> None:
    rest(venue, left_by(live))
    venue.faults.always("markets", Drop(acts=False))
    kill(desk, live)
    round_ = asyncio.create_task(sweep("w"))
    await watch.until(lambda: len(evidence(desk)) > 1, LONG_S)
    assert evidence(desk)[1].startswith("The venue could not be asked: binance: load_markets failed")
    venue.faults.clear()
    await round_
    assert (last(desk).state, resting(venue)) == (ClearingState.CLEAN, 0)


async def test_an_account_whose_key_does_not_open_is_not_proven(desk: Desk, live: Deployment, venue: Binance) -> None:
    kill(desk, live)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MM_VAULT_KEY_FILE", "/nowhere")
        await sweep("w")
    assert last(desk).state == ClearingState.UNPROVEN
    assert "/nowhere" in last(desk).reason


async def test_a_paper_account_is_clean_by_record_when_no_host_holds_it(desk: Desk) -> None:
    deployment = desk.deployment(Mode.PAPER)
    kill(desk, deployment)
    await sweep("w")
    assert (last(desk).state, last(desk).witness) == (ClearingState.CLEAN, Witness.RECORD)
    assert last(desk).reason == "The account is on paper: its orders live in the engine host that runs the deployment."


async def test_a_paper_account_is_clean_by_its_host_while_one_holds_it(watch: Watch, desk: Desk) -> None:
    deployment = desk.deployment(Mode.PAPER)
    watch.command("start", deployment)
    async with watch.host():
        await watch.until_state(deployment, "active")
        kill(desk, deployment)
        await sweep("w")
    assert (last(desk).state, last(desk).witness) == (ClearingState.CLEAN, Witness.HOST)
