"""Where a draft is tried: books of real venues as they were seen, and recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from engine.market.types import Instrument, Level
from engine.venues.still import SeenBook
from strategies.blueprint import RecordingFacts
from strategies.builder import stages
from strategies.builder.prediction import Prediction, predict
from strategies.builder.stages import CannotStage, Place
from strategies.builder.starters import begun, starters
from tests.engine.venues.tapes import Tape, market_data
from tests.strategies.builder.test_edits import MARKET, ON_A_MARKET
from tests.strategies.builder.test_starters import OWED

KRAKEN, OKX = "exchanges.ccxt.kraken", "exchanges.ccxt.okx"
AT_KRAKEN = replace(MARKET, component=KRAKEN)
GROUND = replace(ON_A_MARKET, market=AT_KRAKEN)
FUNDING = {"ACORN": Decimal(10_000), "USDT": Decimal(20_000)}


def book(mid: str = "2", symbol: str = "ACORN/USDT") -> SeenBook:
    """Twenty levels a side of 5,000, a tick apart, two ticks around a mid."""
    tick = Decimal("0.0001")
    instrument = Instrument(symbol=symbol, base="ACORN", quote="USDT", tick_size=tick, lot_size=Decimal("0.1"))
    return SeenBook(
        instrument=instrument,
        ts_ns=1,
        bids=tuple(Level(Decimal(mid) - (k + 1) * tick, Decimal(5000)) for k in range(20)),
        asks=tuple(Level(Decimal(mid) + (k + 1) * tick, Decimal(5000)) for k in range(20)),
    )


def on_books(slug: str, books: Mapping[Place, SeenBook]) -> Prediction:
    text = begun(starters()[slug], AT_KRAKEN, OWED)
    return predict(lambda: stages.seen(text, GROUND, FUNDING, books))


def test_a_book_keeps_every_digit_on_its_way_through_a_record() -> None:
    seen = book("2.00050")
    assert SeenBook.from_plain(seen.plain()) == seen
    assert seen.plain()["bids"][0]["price"] == "2.00040"


def test_a_draft_is_tried_in_the_book_its_venue_showed() -> None:
    prediction = on_books("ladder", {(KRAKEN, "ACORN/USDT"): book()})
    assert prediction.reason == ""
    assert prediction.mid == 2
    assert prediction.market_spread_bps == 1
    assert {order.side for order in prediction.orders} == {"buy", "sell"}
    assert max(order.price for order in prediction.side("buy")) < 2 < min(o.price for o in prediction.side("sell"))
    assert sum(1 for _ in prediction.market) == 40


def test_every_market_a_draft_reads_is_looked_at() -> None:
    text = begun(starters()["cross_venue"], AT_KRAKEN, OWED)
    assert stages.places(text, GROUND) == ((KRAKEN, "ACORN/USDT"), (OKX, "ACORN/USDT"))
    books = {(KRAKEN, "ACORN/USDT"): book(), (OKX, "ACORN/USDT"): book("2.003")}
    near = on_books("cross_venue", books)
    assert near.orders
    far = on_books("cross_venue", books | {(OKX, "ACORN/USDT"): book("3")})
    assert far.orders == ()
    assert far.was_tried
    assert "200" in far.reason


def test_a_market_that_was_not_looked_at_is_named() -> None:
    prediction = on_books("cross_venue", {(KRAKEN, "ACORN/USDT"): book()})
    assert "was looked at for no market, not for ACORN/USDT" in prediction.reason
    assert not prediction.was_tried


def recording(tmp_path: Path, *, seconds: int = 40) -> str:
    """A market at 2.00 that jumps to 4.00 half-way, a word every second."""
    tape = Tape("ACORNUSDT")
    tape.snapshot(mid="2.00")
    for second in range(seconds):
        if second == seconds // 2:
            tape.snapshot(update=tape.update, mid="4.00")
        tape.depth(bids=[("1.50", f"{second + 1}.000")])
        tape.line({"nothing": 1}, after_ms=900)
    return tape.save(tmp_path / "acornusdt.gz")


def on_tape(path: str, skip_s: int = 0) -> Prediction:
    text = begun(starters()["ladder"], AT_KRAKEN, OWED)
    return predict(lambda: stages.recorded(text, GROUND, FUNDING, RecordingFacts(path=path, skip_s=Decimal(skip_s))))


def test_a_draft_is_tried_on_a_recording_from_any_moment_of_it(tmp_path: Path) -> None:
    path = recording(tmp_path)
    begins, later = on_tape(path), on_tape(path, skip_s=22)
    assert (begins.mid, later.mid) == (2, 4), begins.reason
    assert begins.orders
    assert later.orders
    assert begins.waited_s == later.waited_s == 15
    assert later.seen_ns > begins.seen_ns
    assert on_tape(path) == begins


def test_a_recording_that_ends_early_is_judged_as_far_as_it_goes(tmp_path: Path) -> None:
    prediction = on_tape(recording(tmp_path), skip_s=38)
    assert prediction.waited_s < 15
    assert prediction.orders or prediction.reason


def test_a_recording_that_cannot_be_played_says_so(tmp_path: Path) -> None:
    assert "there is no recording at" in on_tape(str(tmp_path / "gone.gz")).reason
    text = begun(starters()["cross_venue"], AT_KRAKEN, OWED)
    with pytest.raises(CannotStage, match="reads 2 markets of this pair"):
        stages.recorded(text, GROUND, FUNDING, RecordingFacts(path=recording(tmp_path)))


def test_where_a_recording_stands_sizes_the_funding(tmp_path: Path) -> None:
    assert stages.price_of(recording(tmp_path), "ACORN/USDT") == 2
    assert stages.price_of(str(tmp_path / "gone.gz"), "ACORN/USDT") is None


def test_a_real_recording_carries_a_book() -> None:
    path = market_data("binance-raw-2024-08-08", "spot", "btcusdt_20240809.gz")
    facts = replace(AT_KRAKEN, symbol="BTC/USDT", base="BTC")
    ground = replace(GROUND, market=facts)
    text = begun(starters()["inventory_spread"], facts, OWED)
    funding = {"BTC": Decimal(1), "USDT": Decimal(60_000)}
    prediction = predict(lambda: stages.recorded(text, ground, funding, RecordingFacts(path=path, skip_s=Decimal(150))))
    assert prediction.orders, prediction.reason
    assert 50_000 < prediction.mid < 70_000
