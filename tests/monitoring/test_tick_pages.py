"""Why this quote, and how a deployment works: what the pages show, to whom, and that old words look old."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.conf import settings
from django.test import Client
from msgspec.structs import replace
from redis import Redis

from clients.models import User
from engine.core.legible import to_json
from engine.core.parts import Part, PartState
from engine.core.states import State
from engine.market.types import Side
from engine.metrics.events import Vitals
from engine.metrics.explained import (
    Act,
    Action,
    Cause,
    Check,
    Input,
    Kind,
    Rung,
    Stage,
    TickExplained,
    Verdict,
)
from monitoring.kept import Standing
from monitoring.live import asked_key, changes_key, standing_key, ticks_key
from monitoring.opened import opened, runs
from tests.world import World

D = Decimal
NS = 1_000_000_000
STAMP = 1_800_000_000 * NS + 125_000_001
EXACT = "99.800399840063974410235905637744902039184"


def rungs(*prices: str, size: str = "5") -> tuple[Rung, ...]:
    half = len(prices) // 2
    return tuple(
        Rung(Side.BUY if index < half else Side.SELL, index % half, D(price), D(size))
        for index, price in enumerate(prices)
    )


TICK = TickExplained(
    ts_ns=STAMP,
    symbol="ACORN/USDT",
    base="ACORN",
    quote="USDT",
    state=State.ACTIVE,
    cause=Cause.ASKED,
    is_quoting=True,
    verdict="1 bid, 1 ask: kept 1, replaced 1.",
    inputs=(
        Input(name="reference price", value=D(100), unit="USDT", source="sim mid", age_ms=7_100),
        Input(name="best bid", value=None, unit="USDT", source="sim", age_ms=None),
    ),
    stages=(
        Stage(kind=Kind.STRATEGY, by="spread", does="Quote a spread.", rungs=rungs("99.9", "100.1")),
        Stage(
            kind=Kind.MODIFIER,
            by="shade",
            does="Lean against the inventory.",
            rungs=rungs(EXACT, "100.000399840063974410235905637744902039184"),
            because=("The base is 0.9 of the account's value, the target 0.5.",),
        ),
        Stage(kind=Kind.MODIFIER, by="least", does="Never narrower than this.", rungs=None),
        Stage(kind=Kind.ROUNDING, by="", rungs=rungs("99.80", "100.01")),
        Stage(kind=Kind.RISK, by="guard", rungs=rungs("99.80", "100.01")[:1], because=("Ask 1 refused: too large.",)),
    ),
    checks=(
        Check(name="largest order", verdict=Verdict.CUT, value=D("500.05"), limit=D(500), unit="USDT"),
        Check(name="state", verdict=Verdict.PASSED, text="the deployment is active"),
    ),
    actions=(
        Action(
            act=Act.REPLACED,
            side=Side.BUY,
            level=0,
            wanted_price=D("99.80"),
            resting_price=D("99.70"),
            resting_size_base=D(5),
            because="The wanted price is 10.03 bps from the resting one.",
            placed_id="mm-1-2-9",
            ended_id="mm-1-2-8",
            outcome="rests; the old one cancelled",
        ),
    ),
)


@pytest.fixture
def broker() -> Iterator[Redis]:
    broker = Redis.from_url(settings.REDIS_URL)
    yield broker
    broker.delete(*broker.keys("live:why:*"), *broker.keys("live:last:standing:*"), "none")


def keep(broker: Redis, world: World, *ticks: TickExplained) -> int:
    pk = world.acorn.deployment.pk
    broker.delete(ticks_key(pk), changes_key(pk), standing_key(pk))
    for told in ticks:
        broker.zadd(ticks_key(pk), {to_json(told): told.ts_ns})
    return pk


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(page: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.decode()))


# Whose they are


@pytest.mark.parametrize("path", ["ticks/", f"ticks/{STAMP}/", "working/", "../working.json"])
def test_the_way_of_a_quote_is_the_desks_alone(world: World, broker: Redis, path: str) -> None:
    pk = keep(broker, world, TICK)
    address = "/deployments/working.json" if path.startswith("..") else f"/deployments/{pk}/{path}"
    assert Client().get(address)["Location"].startswith("/signin/?next=")
    for stranger in (world.alice, world.bob, world.charlie):
        assert as_user(stranger).get(address).status_code == 404
    assert as_user(world.vera).get(address).status_code == 200


def test_nothing_of_a_strategy_reaches_its_clients_pages(world: World, broker: Redis) -> None:
    keep(broker, world, TICK)
    for path in ("/portal/", "/portal/acorn-usdt/"):
        page = as_user(world.alice).get(path).content.decode()
        assert "/ticks/" not in page
        assert "why.js" not in page


def test_only_who_reads_the_list_has_ticks_explained(world: World, broker: Redis) -> None:
    pk = keep(broker, world)
    broker.delete(asked_key(pk))
    as_user(world.alice).get(f"/deployments/{pk}/ticks/")
    assert not broker.exists(asked_key(pk))
    as_user(world.vera).get(f"/deployments/{pk}/ticks/")
    assert 0 < broker.ttl(asked_key(pk)) <= 15


# What they say


def test_ticks_that_say_the_same_are_one_line(world: World, broker: Redis) -> None:
    same = [replace(TICK, ts_ns=STAMP + second * NS) for second in range(4)]
    stop = replace(
        TICK, ts_ns=STAMP + 9 * NS, is_quoting=False, cause=Cause.CHANGED, verdict="No price: the book is 6 s old."
    )
    pk = keep(broker, world, *same, stop)
    assert [(run.newest.ts_ns, run.oldest_ns, run.count) for run in runs([stop, *reversed(same)])] == [
        (stop.ts_ns, stop.ts_ns, 1),
        (same[-1].ts_ns, STAMP, 4),
    ]
    page = text(as_user(world.vera).get(f"/deployments/{pk}/ticks/").content)
    assert page.index("Not quoting No price: the book is 6 s old.") < page.index("Quoting 1 bid, 1 ask")
    assert "× 4" in page


def test_one_tick_is_told_in_full_and_exactly(world: World, broker: Redis) -> None:
    pk = keep(broker, world, TICK)
    page = as_user(world.vera).get(f"/deployments/{pk}/ticks/{STAMP}/")
    said = text(page.content)
    assert EXACT in page.content.decode()
    for part in (
        "08:00:00.125",
        "7.1 s old",
        "bids −9.96 bps",
        "The base is 0.9 of the account&#x27;s value",
        "leaves out 1 of 2",
        "Ask 1 refused: too large.",
        "500.05 USDT",
        "✕ cut",
        "✓ passed",
        "replaced",
        "rests; the old one cancelled",
        "mm-1-2-9",
    ):
        assert part in said, part


def test_an_input_that_was_old_when_it_was_used_looks_old(world: World, broker: Redis) -> None:
    pk = keep(broker, world, TICK)
    page = as_user(world.vera).get(f"/deployments/{pk}/ticks/{STAMP}/").content.decode()
    assert '<span class="age--old">7.1 s old</span>' in page


def test_from_one_tick_a_way_leads_to_the_next_and_a_forgotten_one_says_so(world: World, broker: Redis) -> None:
    ticks = [replace(TICK, ts_ns=STAMP + second * NS) for second in range(3)]
    pk = keep(broker, world, *ticks)
    browser = as_user(world.vera)
    page = browser.get(f"/deployments/{pk}/ticks/{ticks[1].ts_ns}/").content.decode()
    assert f"/ticks/{ticks[0].ts_ns}/" in page
    assert f"/ticks/{ticks[2].ts_ns}/" in page
    assert browser.get(f"/deployments/{pk}/ticks/5/").status_code == 404
    panel = browser.get(f"/deployments/{pk}/ticks/5/", headers={"HX-Request": "true"})
    assert "not kept any more" in panel.content.decode()


def test_each_stage_says_what_it_did_to_the_orders() -> None:
    tick = opened(TICK)
    assert [(step.by, step.effect) for step in tick.steps] == [
        ("spread", "1 bid and 1 ask"),
        ("shade", "bids −9.96 bps, asks −9.96 bps"),
        ("least", "changes nothing"),
        ("", "bids −0.04 bps, asks +0.96 bps"),
        ("guard", "leaves out 1 of 2"),
    ]
    assert [column.by for column in tick.columns] == ["spread", "shade", "", "guard"]
    (ask,), (bid,) = tick.asks, tick.bids
    assert [cell.price for cell in bid.cells] == ["99.9000", "99.8004", "99.80", "99.80"]
    assert [cell.is_gone for cell in ask.cells] == [False, False, False, True]
    assert bid.action is TICK.actions[0]


@pytest.mark.parametrize(
    ("after", "effect"),
    [
        (rungs("99.9", "100.1", size="2.5"), "sizes × 0.5"),
        (rungs("99.8", "99.7", "100.1", "100.4"), "adds 2, bids −10.00 bps"),
        ((), "leaves out all 2"),
        (rungs("99.9", "100.1")[:1], "leaves out 1 of 2"),
    ],
)
def test_an_effect_is_said_in_a_few_words(after: tuple[Rung, ...], effect: str) -> None:
    told = replace(TICK, stages=(TICK.stages[0], Stage(kind=Kind.MODIFIER, by="any", rungs=after)))
    assert opened(told).steps[1].effect == effect


# How it works


VITALS = Vitals(
    ts_ns=STAMP,
    tick_late_p50_ms=0.41,
    tick_late_p99_ms=12.34,
    tick_us_p50=123.0,
    answer_p50_ms=21.0,
    answer_p99_ms=187.2,
    answers=40,
    orders_per_min=55,
    cancels_per_min=50,
    refused_per_min=2,
    orders_budget_per_min=600,
    feed_problem="sequence gap",
)


def stand(broker: Redis, world: World, *, seconds_ago: float = 1.0) -> int:
    pk = keep(broker, world)
    standing = Standing(
        sent_ms=int((time.time() - seconds_ago) * 1000),
        token=3,
        revision="two-sided r1",
        vitals=VITALS,
        parts=(
            Part(name="mid", id="prices.mid", state=PartState.FAILED, problem="there is no market NO/NE"),
            Part(name="guard", id="risk.guard", state=PartState.LET_GO),
        ),
    )
    broker.set(standing_key(pk), to_json(standing))
    return pk


def test_latency_rates_and_components_are_told_with_their_units(world: World, broker: Redis) -> None:
    pk = stand(broker, world)
    said = text(as_user(world.vera).get(f"/deployments/{pk}/working/").content)
    for part in ("0.41 · 12.3 ms", "21.0 · 187 ms", "of 40 answers", "55 of 600 a minute", "2 refused", "sequence gap"):
        assert part in said, part
    assert "mid prices.mid Failed there is no market NO/NE" in said
    assert "Not heard" not in said


def test_a_host_that_has_fallen_silent_leaves_figures_that_look_old(world: World, broker: Redis) -> None:
    pk = stand(broker, world, seconds_ago=42)
    page = as_user(world.vera).get(f"/deployments/{pk}/working/").content.decode()
    assert "Not heard for 42 s: these are its last figures." in page
    assert 'class="is-old"' in page
    told = as_user(world.vera).get("/deployments/working.json").json()["deployments"][str(pk)]
    assert told["is_stale"]
    assert 41_000 < told["age_ms"] < 60_000


def test_a_deployment_no_host_has_spoken_of_has_no_figures_rather_than_zeros(world: World, broker: Redis) -> None:
    pk = keep(broker, world)
    told = as_user(world.vera).get("/deployments/working.json").json()["deployments"][str(pk)]
    assert (told["late_p50_ms"], told["orders_per_min"], told["lease_left_ms"]) == (None, None, None)
    assert told["is_stale"]
    assert "No host has said anything" in as_user(world.vera).get(f"/deployments/{pk}/working/").content.decode()


def test_the_list_is_told_of_failed_components_by_name(world: World, broker: Redis) -> None:
    pk = stand(broker, world)
    told = as_user(world.vera).get("/deployments/working.json").json()["deployments"][str(pk)]
    assert (told["parts"], told["failed"]) == ("1 failed, 1 let go", ["mid: there is no market NO/NE"])
    assert (told["answer_p99_ms"], told["orders_budget_per_min"], told["revision"]) == (187.2, 600, 1)
