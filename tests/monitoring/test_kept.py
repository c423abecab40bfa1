"""What hosts keep for pages, over a real Valkey: explained ticks, and how deployments work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal

import pytest
from django.conf import settings
from redis import Redis

from engine.core.legible import to_json
from engine.core.states import State
from engine.metrics.events import Sample, View
from engine.metrics.explained import Cause, TickExplained
from monitoring import kept
from monitoring.kept import Standing
from monitoring.live import changes_key, standing_key, ticks_key
from monitoring.publisher import TICKS_KEPT, Publisher

DEPLOYMENT = 987_001


def tick(second: int, cause: Cause = Cause.ASKED, verdict: str = "1 bid, 1 ask: kept 2.") -> TickExplained:
    return TickExplained(
        ts_ns=second * 1_000_000_000 + 620_000_001,
        symbol="A/B",
        base="A",
        quote="B",
        state=State.ACTIVE,
        cause=cause,
        is_quoting=True,
        verdict=verdict,
    )


@pytest.fixture
def broker() -> Redis:
    broker = Redis.from_url(settings.REDIS_URL)
    yield broker
    broker.delete(*broker.keys(f"live:*{DEPLOYMENT}"))


@pytest.fixture
async def publisher(broker: Redis) -> AsyncIterator[Publisher]:
    publisher = Publisher(settings.REDIS_URL, view_gap_s=0.0)
    publisher.start()
    yield publisher
    await publisher.stop(drain_s=1)


async def until(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("not within ten seconds")


async def test_the_last_ticks_are_kept_and_changes_for_longer(publisher: Publisher, broker: Redis) -> None:
    publisher.emit(DEPLOYMENT, tick(1, Cause.CHANGED, "No price."))
    await until(lambda: kept.ticks(DEPLOYMENT))
    for second in range(2, 2 + TICKS_KEPT):
        publisher.emit(DEPLOYMENT, tick(second))
    await until(lambda: broker.zcard(ticks_key(DEPLOYMENT)) == TICKS_KEPT and len(kept.ticks(DEPLOYMENT)) > TICKS_KEPT)
    told = kept.ticks(DEPLOYMENT)
    assert [each.ts_ns for each in told] == sorted((each.ts_ns for each in told), reverse=True)
    assert told[-1] == tick(1, Cause.CHANGED, "No price.")
    assert broker.ttl(changes_key(DEPLOYMENT)) > broker.ttl(ticks_key(DEPLOYMENT)) > 0


async def test_a_tick_told_again_replaces_what_was_told_before(publisher: Publisher, broker: Redis) -> None:
    publisher.emit(DEPLOYMENT, tick(1, Cause.CHANGED, "placed 1."))
    publisher.emit(DEPLOYMENT, tick(1, Cause.CHANGED, "placed 1, and it rests."))
    await until(lambda: kept.ticks(DEPLOYMENT))
    await until(lambda: kept.ticks(DEPLOYMENT)[0].verdict.endswith("rests."))
    assert (broker.zcard(ticks_key(DEPLOYMENT)), broker.zcard(changes_key(DEPLOYMENT))) == (1, 1)


async def test_a_host_learns_with_its_views_that_somebody_asks_and_that_nobody_does_any_more(
    publisher: Publisher, broker: Redis
) -> None:
    view = View(ts_ns=1, sample=Sample(ts_ns=1, state=State.ACTIVE, mid=Decimal(1)), bids=(), asks=(), orders=())

    async def learns(asked: bool) -> None:
        def shown() -> bool:
            publisher.emit(DEPLOYMENT, view)
            return publisher.asks_why(DEPLOYMENT) is asked

        await until(shown)

    assert not publisher.asks_why(DEPLOYMENT)
    kept.ask_why(DEPLOYMENT)
    await learns(True)
    broker.delete(f"live:why:asked:{DEPLOYMENT}")
    await learns(False)


async def test_how_a_deployment_stands_can_be_read_beside_others_nobody_tells_of(publisher: Publisher) -> None:
    told = Standing(sent_ms=5, token=7, revision="two-sided r3")
    publisher.standing(DEPLOYMENT, to_json(told))
    await until(lambda: kept.standings([DEPLOYMENT]))
    assert kept.standings([DEPLOYMENT + 1, DEPLOYMENT]) == {DEPLOYMENT: told}
    assert kept.standings([]) == {}


def test_a_frame_of_another_release_is_passed_over(broker: Redis) -> None:
    broker.set(standing_key(DEPLOYMENT), b'{"shape": "of old"}')
    broker.zadd(ticks_key(DEPLOYMENT), {b"not json": 1, to_json(tick(2)): 2})
    assert kept.standings([DEPLOYMENT]) == {}
    assert kept.ticks(DEPLOYMENT) == [tick(2)]
