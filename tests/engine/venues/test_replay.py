"""Recordings: what is right is played exactly, what is wrong is said aloud."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.clock import SystemClock
from engine.core.errors import NotReady, RecordingDamaged
from engine.market.types import Side
from engine.testing import RecordingRuntime
from engine.venues.recordings import SYMBOLS_FROM, inspect, open_recording
from engine.venues.replay.instrument import unified
from engine.venues.replay.venue import Replay
from tests.engine.venues.playing import Player
from tests.engine.venues.tapes import MS, START_NS, Tape, market_data

D = Decimal


async def test_it_plays_book_and_trades_on_the_recordings_own_clock(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth(bids=[("99.96", "3.000")]).print("100.05", "0.500").depth(asks=[("100.05", "0.000")])
    player = Player(tape.save(tmp_path / "aurusdt.gz"))
    ended = await player.play()
    assert (ended.messages, ended.problem, ended.findings) == (4, "", {})
    assert player.books[1] == (START_NS + 200 * MS, D("99.96"), D("100.05"), "")
    assert player.books[2][2] == D("100.10")
    [trade] = player.trades
    assert (trade.price, trade.size_base, trade.aggressor) == (D("100.05"), D("0.5"), Side.BUY)
    assert trade.ts_ns == START_NS + 300 * MS
    assert player.feed.problem == "the recording is over"


async def test_it_infers_tick_and_lot_from_the_recording_unless_told(tmp_path: Path) -> None:
    path = Tape().snapshot().depth(bids=[("99.96", "0.125")]).save(tmp_path / "a.gz")
    feed = await Player(path).load()
    assert (feed.instrument.symbol, feed.instrument.tick_size, feed.instrument.lot_size) == (
        "AUR/USDT",
        D("0.01"),
        D("0.125"),
    )
    feed = await Player(path, symbol="AUR/USDT", tick_size=D("0.05"), lot_size=D("0.001")).load()
    assert (feed.instrument.tick_size, feed.instrument.lot_size) == (D("0.05"), D("0.001"))


@pytest.mark.parametrize(("factor", "unit"), [(1, "ns"), (1_000, "us"), (1_000_000, "ms"), (1_000_000_000, "s")])
def test_it_tells_the_unit_of_the_stamps_by_their_size(tmp_path: Path, factor: int, unit: str) -> None:
    path = tmp_path / f"{unit}.txt"
    path.write_bytes(b'%d {"lastUpdateId":1,"bids":[["1","1"]],"asks":[["2","1"]]}\n' % (START_NS // factor))
    assert inspect(str(path)).first_ns == START_NS


async def test_updates_before_the_snapshot_wait_for_it_and_old_ones_are_dropped(tmp_path: Path) -> None:
    tape = Tape()
    tape.update = 96
    tape.depth(bids=[("99.90", "7.000")])  # 97..98: older than the snapshot at 99
    tape.depth(bids=[("99.91", "1.000")])  # 99..100: straddles it
    tape.depth(bids=[("99.97", "2.000")])  # 101..102
    tape.snapshot(update=99).save(tmp_path / "a.gz")
    player = Player(str(tmp_path / "a.gz"))
    ended = await player.play()
    assert ended.findings == {}
    book = player.feed.book
    assert (book.best_bid, book.size_at(Side.BUY, D("99.91")), book.size_at(Side.BUY, D("99.90"))) == (
        D("99.97"), D("1"), D("10"),
    )  # fmt: skip


async def test_a_sequence_gap_makes_the_book_untrusted_until_the_next_snapshot(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth().depth(bids=[("99.99", "1.000")], skip=3).depth()
    tape.snapshot(update=tape.update, mid="101.00").depth()
    player = Player(tape.save(tmp_path / "a.gz"))
    ended = await player.play()
    assert ended.findings == {"sequence_gaps": 1}
    problems = [problem for *_, problem in player.books]
    assert problems[1] == ""
    assert problems[2].startswith("depth updates between 102 and 106 are missing")
    assert player.books[2][1] == D("99.95"), "an update after the gap must not touch the book"
    assert problems[-3:] == ["", "", "the recording is over"]
    assert player.books[-1][1] == D("100.95")
    assert any("Sequence gap" in text for text in player.notices)


async def test_a_gap_without_a_later_snapshot_is_never_forgiven(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth(skip=1)
    for _ in range(20):
        tape.depth()
    player = Player(tape.save(tmp_path / "a.gz"))
    feed = await player.load()
    received: list[float | None] = []
    feed.on_book.append(lambda feed: received.append(feed.age_s(player.clock.monotonic())))
    ended = await player.play()
    assert ended.findings == {"sequence_gaps": 1}
    assert received[0] == 0
    assert set(received[1:]) == {None}


async def test_futures_updates_follow_by_the_id_of_the_one_before(tmp_path: Path) -> None:
    def update(tape: Tape, first: int, last: int, previous: int) -> None:
        tape.stream("depth@0ms", {"e": "depthUpdate", "U": first, "u": last, "pu": previous, "b": [], "a": []})

    tape = Tape().snapshot(update=100)
    update(tape, 95, 110, 90)
    update(tape, 150, 160, 110)  # ids jump between messages on futures: only pu links them
    update(tape, 170, 180, 165)
    player = Player(tape.save(tmp_path / "a.gz"))
    ended = await player.play()
    assert ended.findings == {"sequence_gaps": 1}
    assert [bool(problem) for *_, problem in player.books[:4]] == [False, False, False, True]


async def test_a_crossed_book_is_reported_and_not_trusted_while_it_lasts(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth(bids=[("100.10", "1.000")]).depth().depth(bids=[("100.10", "0.000")])
    player = Player(tape.save(tmp_path / "a.gz"))
    ended = await player.play()
    assert ended.findings == {"crossed_books": 1}
    problems = [problem for *_, problem in player.books]
    assert problems[1].startswith("the book is crossed: best bid 100.10 against best ask 100.05")
    assert problems[3] == ""


async def test_prints_off_the_market_are_reported_and_never_fill(tmp_path: Path) -> None:
    tape = Tape().snapshot().print("100.05", "1.000", origin="MARKET").print("102.10", "5.000", origin="INSURANCE_FUND")
    tape.print("97.00", "5.000", origin="MARKET").print("100.00", "0.000", origin="NA")
    player = Player(tape.save(tmp_path / "a.gz"))
    ended = await player.play()
    assert ended.findings == {"off_market_prints": 3}
    assert [trade.price for trade in player.trades] == [D("100.05")]
    assert "the venue marks it INSURANCE_FUND" in player.notices[0]
    assert "the best prices are 99.95 and 100.05" in player.notices[1]


async def test_a_truncated_file_plays_up_to_the_break_and_says_so(tmp_path: Path) -> None:
    tape = Tape().snapshot()
    for step in range(400):
        tape.depth(bids=[(f"99.{step % 90:02d}", f"{step % 7}.{step:03d}")])
    path = tape.save(tmp_path / "a.gz", cut=900)
    assert "truncated" in inspect(path).problem
    player = Player(path)
    ended = await player.play()
    assert "breaks off after line" in ended.problem
    assert ended.findings == {"truncated": 1}
    assert 10 < ended.messages < 401


async def test_damaged_lines_are_counted_and_what_they_held_shows_as_a_gap(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth().depth().depth()
    tape.lines[2] = tape.lines[2][:-20]
    tape.lines.append(b"not a line at all")
    player = Player(tape.save(tmp_path / "a.gz"))
    ended = await player.play()
    assert ended.findings == {"damaged_lines": 2, "sequence_gaps": 1}


async def test_time_that_runs_backwards_is_reported_and_the_clock_stands(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth()
    tape.ts_ns -= 150 * MS
    player = Player(tape.depth().save(tmp_path / "a.gz"))
    ended = await player.play()
    assert ended.findings == {"time_backwards": 1}
    stamps = [stamp for stamp, *_ in player.books]
    assert stamps == sorted(stamps)


async def test_messages_of_another_symbol_are_counted_and_not_played(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth()
    other = Tape("XYZUSDT")
    other.ts_ns = tape.ts_ns
    tape.lines += other.print("1.00", "1.000").lines
    path = tape.save(tmp_path / "a.gz")
    with pytest.raises(RecordingDamaged, match="AURUSDT, XYZUSDT"):
        open_recording(path)
    player = Player(path, symbol="AUR/USDT")
    ended = await player.play()
    assert player.trades == []
    assert ended.findings == {"unnamed_snapshots": 1, "missing_snapshot": 1}


async def test_missing_and_repeated_trades_are_counted(tmp_path: Path) -> None:
    tape = Tape().snapshot().print("100.05", "1.000", number=5).print("100.05", "1.000", number=9)
    player = Player(tape.print("100.05", "1.000", number=9).save(tmp_path / "a.gz"))
    ended = await player.play()
    assert ended.findings == {"missing_prints": 1, "repeated_prints": 1}
    assert len(player.trades) == 2


async def test_mark_prices_of_our_symbol_alone_are_kept(tmp_path: Path) -> None:
    tape = Tape().snapshot().stream("markPrice@1s", {"e": "markPriceUpdate", "p": "100.0512"})
    tape.line({"stream": "othusdt@markPrice", "data": {"s": "OTHUSDT", "p": "7"}})
    path = tape.depth(bids=[("99.96", "1")]).save(tmp_path / "a.gz")
    assert inspect(path).symbols == ("AURUSDT",)
    player = Player(path)
    ended = await player.play()
    assert ended.findings == {}
    mark = player.feed.mark
    assert mark is not None
    assert (mark.value, mark.ts_ns, mark.source) == (D("100.0512"), START_NS + 200 * MS, player.feed.source)
    assert player.feed.mark_received_at is not None


async def test_the_ticker_refines_the_top_and_the_depth_stream_keeps_the_last_word(tmp_path: Path) -> None:
    tape = Tape().snapshot()  # 100
    tape.top("99.97", "4.000", "100.10", "2.000")  # update 101: a better bid, the best ask gone
    tape.depth()  # 101..102 changes nothing: the ticker's view came and went within the interval
    player = Player(tape.save(tmp_path / "a.gz"))
    ended = await player.play()
    assert ended.findings == {}
    assert player.books[1][1:3] == (D("99.97"), D("100.10"))
    assert player.books[2][1:3] == (D("99.95"), D("100.05"))
    assert player.feed.book.size_at(Side.SELL, D("100.10")) == D("10")


async def test_a_ticker_that_contradicts_the_book_at_the_same_update_is_reported(tmp_path: Path) -> None:
    late = Tape().snapshot().depth().top("99.90", "1.000", "100.05", "10.000", update=102)
    early = Tape().snapshot().top("99.90", "1.000", "100.05", "10.000", update=102).depth()
    for number, tape in enumerate((late, early)):
        ended = await Player(tape.save(tmp_path / f"{number}.gz")).play()
        assert ended.findings == {"top_mismatches": 1}


async def test_a_recording_without_a_snapshot_says_so_and_is_never_trusted(tmp_path: Path) -> None:
    player = Player(
        Tape().depth().depth().print("100.00", "1.000").save(tmp_path / "a.gz"), tick_size=D(1), lot_size=D(1)
    )
    ended = await player.play()
    assert ended.findings == {"missing_snapshot": 1}
    assert player.feed.received_at is None


async def test_without_a_snapshot_it_plays_on_the_best_prices_alone_until_one_comes(tmp_path: Path) -> None:
    tape = Tape().top("99.90", "1.000", "100.10", "2.000").depth(bids=[("99.95", "7.000")])
    tape.top("99.95", "7.000", "100.10", "2.000").top("99.80", "1.000", "99.99", "1.000", update=50)
    for _ in range(SYMBOLS_FROM):
        tape.depth()
    player = Player(tape.snapshot().save(tmp_path / "a.gz"))
    feed = await player.load()
    known: list[bool] = []
    feed.on_book.append(lambda feed: known.append(feed.depth_known))
    ended = await player.play()
    assert ended.findings == {"missing_snapshot": 1}
    assert [(bid, ask, problem) for _, bid, ask, problem in player.books[:3]] == [
        (D("99.90"), D("100.10"), ""),
        (D("99.95"), D("100.10"), ""),
        (D("99.95"), D("100.05"), ""),
    ]
    assert known[:3] == [False, False, True]


async def test_a_recording_that_continues_another_takes_its_book_from_there(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth(bids=[("99.97", "2.000")])
    tape.save(tmp_path / "day1.gz")
    tape.lines.clear()
    player = Player(tape.depth(asks=[("100.01", "1.000")]).save(tmp_path / "day2.gz"))
    ended = await player.play()
    assert (ended.messages, ended.findings) == (1, {})
    assert player.books == [
        (tape.ts_ns, D("99.97"), D("100.01"), ""),
        (tape.ts_ns, D("99.97"), D("100.01"), "the recording is over"),
    ]


async def test_a_folder_plays_its_recordings_one_after_another(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth()
    tape.save(tmp_path / "b_first.gz")
    tape.lines.clear()
    tape.depth(bids=[("99.98", "1.000")]).save(tmp_path / "a_second.gz")
    player = Player(str(tmp_path))
    ended = await player.play()
    assert (ended.messages, ended.findings) == (3, {})
    assert player.feed.book.best_bid == D("99.98")


def test_it_names_the_remedy_for_a_recording_it_cannot_play(tmp_path: Path) -> None:
    with pytest.raises(RecordingDamaged, match="there is no recording at"):
        open_recording(str(tmp_path / "nothing.gz"))
    (tmp_path / "letter.txt").write_text("Dear customer,")
    with pytest.raises(RecordingDamaged, match=r"the format of letter\.txt is not recognised"):
        open_recording(str(tmp_path / "letter.txt"))
    path = Tape().snapshot().depth().save(tmp_path / "a.gz")
    with pytest.raises(RecordingDamaged, match="holds AURUSDT, not BTC/USDT"):
        open_recording(path, "BTC/USDT")
    capture = tmp_path / "X.ws.1.gz"
    capture.write_bytes(gzip.compress(b"wss://feed.example.org/ws <-> 1633998511.1\n1633998512.0: {}\n"))
    with pytest.raises(RecordingDamaged, match=r"feed\.example\.org, whose frames are not understood"):
        open_recording(str(capture))


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [("BTCUSDT", "BTC/USDT"), ("btc-usdt", "BTC/USDT"), ("ETHBTC", "ETH/BTC"), ("BTCUSDT_240927", "BTC/USDT"),
     ("BTC-USDT-SWAP", "BTC/USDT"), ("1000PEPEUSDC", "1000PEPE/USDC"), ("EOSUSDT_SPBL", "EOS/USDT")],
)  # fmt: skip
def test_it_reads_the_venues_spelling_of_a_market(spelling: str, symbol: str) -> None:
    assert unified(spelling) == symbol


def test_it_refuses_an_inverse_contract_whose_sizes_are_not_base_currency() -> None:
    with pytest.raises(RecordingDamaged, match="BTCUSD_PERP is an inverse contract"):
        unified("BTCUSD_PERP")
    with pytest.raises(RecordingDamaged, match="give the symbol as BASE/QUOTE"):
        unified("XYZ")


async def test_it_refuses_the_machines_clock(tmp_path: Path) -> None:
    replay = Replay(path=Tape().snapshot().depth().save(tmp_path / "a.gz"))
    RecordingRuntime(SystemClock()).equip(replay, "tape")
    with pytest.raises(NotReady, match="start it with"):
        await replay.load()


# Real recordings


async def test_the_real_spot_recording_plays_without_a_single_finding() -> None:
    player = Player(market_data("binance-raw-2024-08-08", "spot", "btcusdt_20240808.gz"))
    ended = await player.play()
    assert (ended.messages, ended.problem, ended.findings) == (41249, "", {})
    instrument = player.feed.instrument
    assert (instrument.symbol, instrument.tick_size, instrument.lot_size) == ("BTC/USDT", D("0.01"), D("0.00001"))
    assert all(bid < ask for _, bid, ask, problem in player.books if not problem and bid and ask)


async def test_the_insurance_fund_print_in_the_real_futures_recording_is_found() -> None:
    player = Player(market_data("binance-raw-2023-04-05", "usdm"))
    ended = await player.play()
    assert ended.findings == {"off_market_prints": 1}
    assert "28722.5" in player.notices[-1]
    assert max(trade.price for trade in player.trades) < 28300


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("BINANCE.ws.1.0.gz", "NKN/USDT"), ("BITGET.ws.1.0.gz", "EOS/USDT"), ("OKX.ws.1.0.gz", "BTC/USDT"),
     ("COINBASE.ws.28.0.gz", "SKL/USD")],
)  # fmt: skip
async def test_raw_captures_of_other_venues_play_to_a_trusted_book(name: str, symbol: str) -> None:
    player = Player(market_data("cryptofeed-raw-ws", name), symbol=symbol)
    ended = await player.play()
    assert ended.problem == ""
    assert set(ended.findings) <= {"crossed_books", "missing_prints"}
    assert player.feed.received_at is not None
    assert player.feed.book.best_bid < player.feed.book.best_ask  # type: ignore[operator]


async def test_what_is_skipped_leaves_its_book_and_nothing_else(tmp_path: Path) -> None:
    tape = Tape().snapshot().depth(bids=[("99.96", "3.000")]).print("100.05", "0.500")
    tape.depth(asks=[("100.04", "1.000")]).print("100.04", "0.250").depth(bids=[("99.97", "2.000")])
    player = Player(tape.save(tmp_path / "aurusdt.gz"), skip_s=D("0.35"))
    ended = await player.play()
    assert player.books[0] == (START_NS + 600 * MS, D("99.97"), D("100.04"), "")
    assert player.feed.book.size_at(Side.BUY, D("99.96")) == 3
    assert [trade.price for trade in player.trades] == [D("100.04")]
    assert ended.findings == {}


async def test_a_recording_skipped_to_beyond_its_end_is_over_at_once(tmp_path: Path) -> None:
    player = Player(Tape().snapshot().depth().save(tmp_path / "aurusdt.gz"), skip_s=D(60))
    await player.play()
    assert player.trades == []
    assert player.feed.problem == "the recording is over"
