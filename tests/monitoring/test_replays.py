"""Recordings as records, and replays as deployments of their own."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from clients.errors import Refusal
from clients.models import Mandate
from monitoring.demo.rehearsal import rehearsal
from monitoring.models import Recording, ReplayRun
from monitoring.services import recording_register, recordings_scan, replay_start, replayable
from strategies.choices import Mode, Wanted
from strategies.models import Deployment
from tests.world import World

START_NS = 1_723_161_254_000_000_000


def tape(path: Path, symbol: str = "ACORNUSDT", tick: Decimal = Decimal("0.01")) -> Path:
    """A recording in Binance's own format: a book around 2.00, then some trades."""
    levels = [(Decimal("2") - n * tick, Decimal("2") + n * tick) for n in range(1, 40)]
    messages: list[dict[str, object]] = [
        {
            "lastUpdateId": 10,
            "bids": [[str(bid), f"{n}.0"] for n, (bid, _) in enumerate(levels, 1)],
            "asks": [[str(ask), f"{n}.0"] for n, (_, ask) in enumerate(levels, 1)],
        }
    ]
    for n in range(20):
        trade = {"e": "trade", "s": symbol, "t": n, "p": "2.01", "q": "0.5", "T": 1_723_161_255_000 + n, "m": False}
        messages.append({"stream": f"{symbol.lower()}@trade", "data": trade})
    lines = [f"{START_NS + n * 100_000_000} {json.dumps(message)}" for n, message in enumerate(messages)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


@pytest.fixture
def recording(world: World, tmp_path: Path) -> Recording:
    return recording_register(tape(tmp_path / "acorn.gz"))[0]


def test_a_folder_is_registered_once_and_other_files_are_left_out(world: World, tmp_path: Path) -> None:
    (tmp_path / "spot").mkdir()
    tape(tmp_path / "spot" / "acorn.gz")
    tape(tmp_path / "cedar.gz", symbol="CEDARUSDT")
    (tmp_path / "notes.txt").write_text("nothing recorded")
    assert [(r.name, r.symbol) for r in recordings_scan(tmp_path)] == [
        ("cedar.gz", "CEDAR/USDT"),
        ("spot/acorn.gz", "ACORN/USDT"),
    ]
    recordings_scan(tmp_path)
    assert Recording.objects.count() == 2


def test_what_is_no_recording_is_refused_in_words(db: None, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing recorded")
    with pytest.raises(Refusal, match="not a recording that can be played"):
        recording_register(tmp_path / "notes.txt")
    with pytest.raises(Refusal, match="not a recording that can be played"):
        recording_register(tmp_path / "missing.gz")
    with pytest.raises(CommandError, match="no folder"):
        call_command("recordings", str(tmp_path / "missing"))


def test_a_replay_is_a_deployment_of_its_own(world: World, recording: Recording) -> None:
    assert list(replayable(recording)) == [world.acorn.revision]
    run = replay_start(recording=recording, revision=world.acorn.revision, actor=world.rita, speed="10.0")
    deployment = run.deployment
    assert (run.speed, deployment.mode, deployment.wanted) == ("10", Mode.REPLAY, Wanted.ACTIVE)
    assert (str(deployment.market.tick_size), str(deployment.market.lot_size)) == ("0.01", "0.5")
    assert {f.asset: f.amount for f in deployment.funding.all()} == {"ACORN": Decimal(10000), "USDT": Decimal(5000)}
    world.acorn.deployment.refresh_from_db()
    assert world.acorn.deployment.wanted == Wanted.PAUSED


def test_a_market_with_another_tick_is_another_record(world: World, recording: Recording, tmp_path: Path) -> None:
    finer = recording_register(tape(tmp_path / "finer.gz", tick=Decimal("0.001")))[0]
    first = replay_start(recording=recording, revision=world.acorn.revision, actor=world.rita)
    second = replay_start(recording=finer, revision=world.acorn.revision, actor=world.rita)
    again = replay_start(recording=recording, revision=world.acorn.revision, actor=world.rita)
    names = [run.deployment.market.venue.name for run in (first, second, again)]
    assert names == ["Recorded Binance", "Recorded Binance (2)", "Recorded Binance"]
    assert first.deployment.name != again.deployment.name


def test_replays_need_the_right_market_speed_and_person(world: World, recording: Recording) -> None:
    with pytest.raises(Refusal, match=r"holds ACORN/USDT, but Cedar .* is about CEDAR/USDT"):
        replay_start(recording=recording, revision=world.cedar.revision, actor=world.rita)
    for speed in ("0", "-1", "fast", "NaN", "Infinity"):
        with pytest.raises(Refusal, match="positive multiple of real time"):
            replay_start(recording=recording, revision=world.acorn.revision, actor=world.rita, speed=speed)
    with pytest.raises(PermissionDenied):
        replay_start(recording=recording, revision=world.acorn.revision, actor=world.vera)
    assert not ReplayRun.objects.exists()


def test_any_recorded_market_can_be_rehearsed(world: World, tmp_path: Path) -> None:
    recording = recording_register(tape(tmp_path / "x.gz", symbol="FERNBTC"))[0]
    revision, funding = rehearsal(recording)
    assert rehearsal(recording) == (revision, funding)
    run = replay_start(recording=recording, revision=revision, actor=world.rita, funding=funding)
    assert run.deployment.mandate == Mandate.objects.get(slug="rehearsal-fern-btc")
    assert run.deployment.client.is_demo
    # 250,000 dollars at 60,000 a bitcoin, worth as much at the recorded mid of 2.
    assert funding == {"FERN": Decimal("2.5"), "BTC": Decimal("4.2")}
    assert Deployment.objects.filter(mode=Mode.REPLAY).count() == 1
