"""Live push against a real Valkey: coalescing, fan-out, and what happens when the broker goes away."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.core.states import State, Trigger
from engine.metrics.events import ListenerChanged, Measurement, Notice, Sample, StateChanged, View
from mmplatform.embedded import Valkey
from monitoring.live import (
    Bridge,
    Mailbox,
    deployment_channel,
    last_tile_key,
    last_view_key,
    tile_channel,
)
from monitoring.publisher import Publisher


class Browser:
    """A listener that keeps what it heard."""

    def __init__(self) -> None:
        self.frames: list[dict] = []
        self.broker_words: list[bool] = []
        self.stale_s = 0.0

    def frame(self, channel: str, text: str) -> None:
        self.frames.append(msgspec.json.decode(text))

    def broker(self, *, connected: bool, stale_s: float) -> None:
        self.broker_words.append(connected)
        self.stale_s = stale_s

    def kinds(self) -> list[str]:
        return [frame.get("type", "tile") for frame in self.frames]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Valkey]:
    valkey = Valkey(tmp_path / "valkey", durable=False)
    valkey.start()
    yield valkey
    valkey.stop()


@pytest.fixture
async def publisher(broker: Valkey) -> AsyncIterator[Publisher]:
    publisher = Publisher(broker.url)
    publisher.start()
    yield publisher
    await publisher.stop(drain_s=0)


@pytest.fixture
async def bridge(broker: Valkey) -> AsyncIterator[Bridge]:
    bridge = Bridge(broker.url, silence_s=1.0)
    yield bridge
    await bridge.close()


async def until(condition, *, within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  (another process decides when)
            await asyncio.sleep(0.005)


async def listening(bridge: Bridge, publisher: Publisher, *channels: str) -> Browser:
    """A browser whose subscription is known to work."""
    browser = Browser()
    await bridge.subscribe(browser, channels)

    async def knock() -> None:
        while not browser.frames:
            publisher.emit(1, notice("knock"))
            publisher.state(1, "paused", "knock")
            await asyncio.sleep(0.02)

    await asyncio.wait_for(knock(), 5)
    await asyncio.sleep(0.05)
    browser.frames.clear()
    return browser


def sample(mid: str) -> Sample:
    bands = tuple(Decimal(band) for band in (10, 20, 30, 40, 50, 60))
    return Sample(
        ts_ns=1_700_000_000_000_000_000,
        state=State.ACTIVE,
        mid=Decimal(mid),
        own_bid_depth_quote=bands,
        own_ask_depth_quote=bands,
        realised_quote=Decimal("1.10"),
        unrealised_quote=Decimal("0.05"),
        fees_quote=Decimal("0.15"),
    )


def view(mid: str) -> View:
    return View(ts_ns=1_700_000_000_000_000_000, sample=sample(mid), bids=(), asks=(), orders=())


def notice(text: str) -> Notice:
    return Notice(ts_ns=1, level="info", text=text)


async def test_views_are_coalesced_to_the_newest_while_events_all_arrive_in_order(publisher, bridge) -> None:
    browser = await listening(bridge, publisher, deployment_channel(1))
    for number in range(100):
        publisher.emit(1, view(str(number)))
        publisher.emit(1, notice(str(number)))
    await until(lambda: "view" in browser.kinds() and browser.kinds().count("notice") == 100)
    views = [frame for frame in browser.frames if frame["type"] == "view"]
    assert len(views) == 1
    assert views[0]["data"]["sample"]["mid"] == "99"
    assert [f["data"]["text"] for f in browser.frames if f["type"] == "notice"] == [str(n) for n in range(100)]


async def test_text_that_cannot_be_sent_is_sent_as_far_as_it_can_be_read(publisher, bridge) -> None:
    browser = await listening(bridge, publisher, deployment_channel(1), tile_channel(1))
    publisher.emit(1, notice("half a character: \ud83d"))
    publisher.state(1, "paused", "half a character: \ud83d")
    publisher.emit(1, notice("after it"))
    await until(lambda: "after it" in [f["data"]["text"] for f in browser.frames if f.get("type") == "notice"])
    await until(lambda: "half a character: \ufffd" in [f.get("reason") for f in browser.frames])
    assert browser.frames[0]["data"]["text"] == "half a character: \ufffd"


async def test_what_is_for_the_record_alone_does_not_reach_browsers(publisher, bridge) -> None:
    """A measurement may hold profit and loss, which not every mandate shares with its client's people."""
    browser = await listening(bridge, publisher, deployment_channel(1))
    publisher.emit(1, Measurement(ts_ns=1, name="pnl", source="pnl", values={"total_quote": Decimal(1)}))
    publisher.emit(1, ListenerChanged(ts_ns=1, listener="balances", problem="the venue is away"))
    publisher.emit(1, notice("after it"))
    await until(lambda: bool(browser.frames))
    assert browser.kinds() == ["notice"]


async def test_a_tile_sums_up_a_sample_with_exact_decimals(publisher, bridge) -> None:
    browser = await listening(bridge, publisher, tile_channel(1))
    publisher.emit(
        1, StateChanged(ts_ns=1, old=State.STARTING, new=State.ACTIVE, trigger=Trigger.STARTED, reason="by Ann")
    )
    publisher.emit(1, sample("0.03123450"))
    await until(lambda: any(frame["mid"] for frame in browser.frames))
    tile = browser.frames[-1]
    assert (tile["dep"], tile["state"], tile["reason"]) == (1, "active", "by Ann")
    assert (tile["mid"], tile["own_bid_depth"], tile["pnl_quote"]) == ("0.03123450", "30", "1.00")


async def test_the_newest_view_and_tile_can_be_read_without_listening(publisher, bridge) -> None:
    publisher.emit(7, view("5"))
    publisher.emit(7, sample("5"))
    await until(lambda: publisher.sent >= 4)
    stored_view, stored_tile, nothing = await bridge.last([last_view_key(7), last_tile_key(7), last_view_key(8)])
    assert msgspec.json.decode(stored_view)["data"]["sample"]["mid"] == "5"
    assert msgspec.json.decode(stored_tile)["mid"] == "5"
    assert nothing is None


async def test_a_publisher_knows_whether_anybody_watches(publisher, bridge) -> None:
    async def views_until(watched: bool) -> None:
        while publisher.is_watched(1) is not watched:
            publisher.emit(1, view("1"))
            await asyncio.sleep(0.02)

    assert publisher.is_watched(1)  # nothing has been sent, so somebody may
    await asyncio.wait_for(views_until(False), 5)
    browser = await listening(bridge, publisher, deployment_channel(1))
    await asyncio.wait_for(views_until(True), 5)
    await bridge.unsubscribe(browser)
    await asyncio.wait_for(views_until(False), 5)
    publisher.forget(1)
    assert publisher.is_watched(1)


async def test_what_happens_in_quick_succession_leaves_together(broker, bridge) -> None:
    publisher = Publisher(broker.url, gather_s=0.3)
    publisher.start()
    browser = await listening(bridge, publisher, *map(tile_channel, range(1, 6)))
    for number in range(1, 6):
        publisher.emit(number, sample("5"))
        await asyncio.sleep(0.01)
    await until(lambda: len({frame["dep"] for frame in browser.frames if frame["mid"]}) == 5)
    assert len({frame["sent_ms"] for frame in browser.frames if frame["mid"]}) <= 2
    await publisher.stop(drain_s=1)


async def test_a_channel_is_shared_and_dropped_with_its_last_listener(publisher, bridge) -> None:
    first = await listening(bridge, publisher, deployment_channel(1))
    second = Browser()
    await bridge.subscribe(second, [deployment_channel(1)])
    publisher.emit(1, notice("both"))
    await until(lambda: first.frames and second.frames)
    await bridge.unsubscribe(second)
    publisher.emit(1, notice("only the first"))
    await until(lambda: len(first.frames) == 2)
    assert len(second.frames) == 1


async def test_both_sides_recover_from_a_restarted_broker(broker, publisher, bridge) -> None:
    browser = await listening(bridge, publisher, deployment_channel(1), tile_channel(1))
    publisher.emit(1, view("1"))
    await until(lambda: "view" in browser.kinds())
    port = broker.port
    broker.stop()
    await until(lambda: browser.broker_words == [False])
    assert bridge.stale_s > 0
    for number in range(3000):
        publisher.emit(1, notice(str(number)))
    broker.start(port=port)
    await until(lambda: browser.broker_words == [False, True])
    assert browser.stale_s > 0
    assert bridge.stale_s == 0
    publisher.emit(1, notice("after"))
    await until(lambda: any(f.get("type") == "notice" and f["data"]["text"] == "after" for f in browser.frames))
    assert publisher.given_up >= 1000  # memory is bounded: the oldest were given up
    stored_view, _ = await bridge.last([last_view_key(1), last_tile_key(1)])
    assert stored_view is not None  # a broker that forgot everything is told the newest again


async def test_a_frozen_broker_counts_as_lost(broker, publisher, bridge) -> None:
    browser = await listening(bridge, publisher, deployment_channel(1))
    broker.process.send_signal(signal.SIGSTOP)
    try:
        await until(lambda: browser.broker_words == [False])
    finally:
        broker.process.send_signal(signal.SIGCONT)
    await until(lambda: browser.broker_words == [False, True])


async def test_a_mailbox_keeps_the_newest_state_and_the_last_events() -> None:
    mailbox = Mailbox(events=3)
    for number in range(10):
        mailbox.put(f"view {number}", key="view")
        mailbox.put(f"event {number}")
    assert await mailbox.take() == ["event 7", "event 8", "event 9", "view 9"]
    assert mailbox.dropped == 7
