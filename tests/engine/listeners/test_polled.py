"""Public data that is asked for: once a host, patiently, and through somebody who is still there. E10"""

from __future__ import annotations

from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from engine.core.clock import NS
from engine.core.container import ServiceFailed
from engine.core.errors import AuthRejected, EngineError, NotReady, Refused
from engine.market.summaries import Candle, Ticker
from engine.market.types import MarketStatus
from engine.metrics.events import CandleClosed, FundingHeard, InstrumentStatusChanged, Notice, TickerHeard
from engine.venues.channel import NoReading
from tests.engine.listeners.hosts import SYMBOL, Answers, Host, part, problems, told

TICKER = f"""\
  venue: {{id: polled}}
  ear: {{id: listeners.ticker, args: {{market: "@venue", symbol: "{SYMBOL}", interval_s: 5}}}}
"""


async def test_a_ticker_is_asked_for_at_once_and_then_at_its_interval(host: Host, answers: Answers) -> None:
    await host.open(TICKER)
    await host.run(0.1)
    assert answers.asked == ["ticker"]
    await host.run(60)
    assert len(answers.asked) == 13


async def test_two_services_of_a_host_are_answered_by_one_question(host: Host, answers: Answers) -> None:
    first, second = await host.open(TICKER), await host.open(TICKER)
    await host.run(60)
    assert len(answers.asked) == 13
    assert part(first).ticker(5).last == part(second).ticker(5).last == Decimal(1)
    assert len(told(second, TickerHeard)) == 1


async def test_the_shortest_interval_anybody_wants_is_the_one_kept(host: Host, answers: Answers) -> None:
    await host.open(TICKER)
    eager = await host.open(TICKER.replace("interval_s: 5", "interval_s: 1"))
    await host.run(10)
    assert 10 <= len(answers.asked) <= 12
    answers.asked.clear()
    await eager.unload()
    await host.run(20)
    assert 3 <= len(answers.asked) <= 5


async def test_when_the_service_that_asks_leaves_another_ones_venue_is_asked(host: Host, answers: Answers) -> None:
    first, second = await host.open(TICKER), await host.open(TICKER)
    await host.run(1)
    await first.unload()
    answers.last = Decimal(2)
    await host.run(6)
    assert part(second).ticker(6).last == Decimal(2)
    assert host.faults == []


async def test_when_the_last_service_leaves_nobody_is_asked(host: Host, answers: Answers) -> None:
    await (await host.open(TICKER)).unload()
    answers.asked.clear()
    await host.run(60)
    assert answers.asked == []


async def test_a_venue_that_is_not_ready_is_asked_at_growing_waits(host: Host, answers: Answers) -> None:
    answers.error = NotReady("the venue is under maintenance")
    await host.open(TICKER)
    await host.run(300)
    assert 7 <= len(answers.asked) <= 10  # not 61


async def test_a_venue_that_says_how_long_it_wants_to_be_left_alone_is_left_alone(host: Host, answers: Answers) -> None:
    answers.error = NotReady("too many requests", retry_after_s=200)
    await host.open(TICKER)
    await host.run(199)
    assert len(answers.asked) == 1
    await host.run(10)
    assert len(answers.asked) == 2


async def test_refused_credentials_are_not_tried_again(host: Host, answers: Answers) -> None:
    answers.error = AuthRejected("the key is not known")
    container = await host.open(TICKER)
    await host.run(3600)
    assert len(answers.asked) == 1
    assert problems(container) == ["the key is not known; it is not asked again before a person has mended that"]


@pytest.mark.parametrize("error", [NotReady("it is away"), Refused("there is no such market"), EngineError("odd")])
async def test_a_break_is_logged_once_and_its_end_once(host: Host, answers: Answers, error: EngineError) -> None:
    with capture_logs() as logs:
        container = await host.open(TICKER)
        await host.open(TICKER)
        await host.run(1)
        answers.error = error
        await host.run(200)
        answers.error = None
        await host.run(200)
    assert [(line["event"], line.get("reason")) for line in logs if "of" in line] == [
        ("nothing is heard", str(error)),
        ("it is heard again", None),
    ]
    assert problems(container) == [str(error), ""]


async def test_a_reader_is_told_why_there_is_no_ticker_young_enough(host: Host, answers: Answers) -> None:
    container = await host.open(TICKER)
    ear = part(container)
    assert ear.ticker(5) == NoReading(f"No ticker of {SYMBOL} from Polled yet.")
    await host.run(1)
    answers.error = NotReady("it is away")
    assert isinstance(ear.ticker(5), Ticker)
    await host.run(30)
    refusal = ear.ticker(5)
    assert isinstance(refusal, NoReading)
    assert refusal.reason.endswith("longer than 5 s: it is away.")


async def test_a_mistake_in_one_services_venue_faults_that_service_and_the_next_one_asks(
    host: Host, answers: Answers
) -> None:
    first, second = await host.open(TICKER), await host.open(TICKER)
    answers.mistake = KeyError("lastPrice")
    await host.run(20)
    assert host.faults == ["ear failed: KeyError 'lastPrice'"]
    assert first.fault
    assert not second.fault
    assert part(second).ticker(6).last == Decimal(1)


async def test_callbacks_hear_changes_alone(host: Host, answers: Answers) -> None:
    container = await host.open(TICKER)
    heard: list[Decimal | None] = []
    part(container).on_change.append(lambda reading: heard.append(reading.value.last))
    await host.run(30)
    answers.last = Decimal(2)
    await host.run(30)
    assert heard == [Decimal(1), Decimal(2)]


async def test_sinks_hear_of_a_ticker_that_changes_all_the_time_only_now_and_then(host: Host, answers: Answers) -> None:
    container = await host.open(TICKER.replace("interval_s: 5", "interval_s: 1"))
    for _ in range(60):
        answers.last += 1
        await host.run(1)
    assert 6 <= len(told(container, TickerHeard)) <= 7


# Candles

CANDLES = f"""\
  venue: {{id: polled}}
  ear: {{id: listeners.candles, args: {{market: "@venue", symbol: "{SYMBOL}", candle_s: 60, interval_s: 5}}}}
"""


def candle(minute: int, close: str, *, is_closed: bool = True) -> Candle:
    price = Decimal(close)
    return Candle(
        open_ns=minute * 60 * NS,
        interval_s=60,
        open=price,
        high=price,
        low=price,
        close=price,
        volume_base=Decimal(1),
        is_closed=is_closed,
    )


async def test_candles_are_merged_and_only_what_closes_while_listening_is_told(host: Host, answers: Answers) -> None:
    now = host.clock.now_ns() // (60 * NS)
    answers.candles = [candle(now - 1, "1"), candle(now, "2", is_closed=False)]
    container = await host.open(CANDLES)
    await host.run(1)
    answers.candles = [candle(now, "3"), candle(now + 1, "4", is_closed=False)]
    await host.run(10)
    assert [c.close for c in part(container).channel.value] == [Decimal(1), Decimal(3), Decimal(4)]
    assert [c.close for c in part(container).closed()] == [Decimal(1), Decimal(3)]
    assert [event.candle.close for event in told(container, CandleClosed)] == [Decimal(3)]


async def test_after_the_first_answer_only_the_open_candle_is_asked_for_again(host: Host, answers: Answers) -> None:
    now = host.clock.now_ns() // (60 * NS)
    answers.candles = [candle(now - 1, "1"), candle(now, "2", is_closed=False)]
    await host.open(CANDLES)
    await host.run(12)
    assert answers.asked[0] == f"candles since {(now - 499) * 60 * NS}"
    assert set(answers.asked[1:]) == {f"candles since {now * 60 * NS}"}


# Status

STATUS = f"""\
  venue: {{id: polled}}
  ear: {{id: listeners.instrument_status, args: {{market: "@venue", symbol: "{SYMBOL}", interval_s: 5}}}}
"""


async def test_a_halt_is_told_to_sinks_and_to_people_and_so_is_its_end(host: Host, answers: Answers) -> None:
    container = await host.open(STATUS)
    await host.run(6)
    answers.status = MarketStatus.HALTED
    await host.run(6)
    assert part(container).status() is MarketStatus.HALTED
    answers.status = MarketStatus.TRADING
    await host.run(6)
    assert [event.status for event in told(container, InstrumentStatusChanged)] == ["trading", "halted", "trading"]
    texts = [event.text for event in told(container, Notice)]
    assert texts == [f"{SYMBOL} is halted at Polled.", f"{SYMBOL} trades again."]


async def test_the_feeds_word_of_a_halt_counts_before_the_venue_is_asked(host: Host) -> None:
    container = await host.open(STATUS)
    await host.run(1)
    feed = part(container, "venue").feed(SYMBOL)
    feed.status = MarketStatus.HALTED
    for hear in feed.on_status:
        hear(feed.status)
    assert part(container).status() is MarketStatus.HALTED
    assert told(container, InstrumentStatusChanged)[-1].status is MarketStatus.HALTED


# Funding

FUNDING = f"""\
  venue: {{id: polled}}
  ear: {{id: listeners.funding, args: {{market: "@venue", symbol: "{SYMBOL}"}}}}
"""


async def test_a_funding_rate_is_told_when_it_changes(host: Host, answers: Answers) -> None:
    container = await host.open(FUNDING)
    await host.run(300)
    answers.rate = Decimal("-0.0002")
    await host.run(300)
    rates = [event.funding.rate for event in told(container, FundingHeard)]
    assert rates == [Decimal("0.0001"), Decimal("-0.0002")]


async def test_an_account_on_paper_offers_the_funding_rate_of_the_market_behind_it(host: Host) -> None:
    paper = f'  venue: {{id: exchanges.paper, args: {{market: "@public", symbol: "{SYMBOL}", '
    paper += "base_balance: 1, quote_balance: 1}}\n"
    container = await host.open("  public: {id: polled}\n" + paper + FUNDING.splitlines(keepends=True)[1])
    await host.run(1)
    assert part(container).latest.value.rate == Decimal("0.0001")


async def test_a_venue_without_funding_is_refused_at_load_by_name(host: Host) -> None:
    with pytest.raises((Refused, ServiceFailed)) as refusal:
        await host.open(FUNDING.replace("{id: polled}", "{id: fake.venue}"))
    assert str(refusal.value) == (
        f"ear cannot listen: venue (FakeVenue) offers no funding rate of {SYMBOL}; "
        "name a venue of perpetuals, or leave the listener out"
    )
