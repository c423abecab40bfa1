"""What listens to the shared feed of a market, and to a stream: books, trades, status, a streamed ticker. E10"""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from engine.core.config import ConfigError
from engine.market.summaries import Ticker
from engine.market.types import MarketStatus, Side
from engine.metrics.events import InstrumentStatusChanged, TickerHeard, TradesSummed
from engine.testing import book_around
from engine.venues.channel import Channel
from tests.engine.listeners.hosts import SYMBOL, Host, Streaming, part, problems, told

VENUE = "  venue: {id: fake.venue, args: {book_levels: 3}}\n"
BOOK = VENUE + f'  ear: {{id: listeners.order_book, args: {{market: "@venue", symbol: "{SYMBOL}", max_age_s: 5}}}}\n'
TRADES = VENUE + f'  ear: {{id: listeners.trades, args: {{market: "@venue", symbol: "{SYMBOL}", keep: 3}}}}\n'
STATUS = VENUE + f'  ear: {{id: listeners.instrument_status, args: {{market: "@venue", symbol: "{SYMBOL}"}}}}\n'


async def test_a_book_that_is_no_longer_confirmed_is_told_once_and_so_is_its_return(host: Host) -> None:
    container = await host.open(BOOK)
    await host.run(60)
    (problem,) = problems(container)
    assert re.fullmatch(r"the book is 5\.\d s old, older than 5 s", problem)
    part(container, "venue").set_book(*book_around("1"))
    assert problems(container)[1:] == [""]
    assert part(container).fresh(5).bid == part(container).feed.book.best_bid


async def test_a_crossed_book_is_not_heard(host: Host) -> None:
    container = await host.open(BOOK)
    part(container, "venue").set_book([(Decimal(2), Decimal(1))], [(Decimal(1), Decimal(1))])
    assert problems(container) == ["the book is crossed, best bid 2 and best ask 1"]


async def test_a_thousand_updates_of_a_book_are_not_a_thousand_events(host: Host) -> None:
    container = await host.open(BOOK)
    heard: list[Decimal | None] = []
    part(container).on_change.append(lambda reading: heard.append(reading.value.bid))
    before = len(told(container, object))
    for number in range(1000):
        part(container, "venue").set_book(*book_around(str(2 - number % 2)))
    assert len(told(container, object)) == before
    assert len(heard) == 1000


async def test_public_trades_are_kept_and_summed_up(host: Host) -> None:
    container = await host.open(TRADES)
    await host.run(11)
    venue = part(container, "venue")
    for price, size, side in (
        ("1.0", "3", Side.BUY),
        ("1.2", "5", Side.SELL),
        ("0.9", "1", Side.BUY),
        ("1", "1", Side.BUY),
    ):
        venue.trade(price, size, side)
        await host.run(1)
    await host.run(20)
    (total,) = told(container, TradesSummed) or [None]
    assert (total.count, total.buy_base, total.sell_base) == (4, 5, 5)
    assert (total.low, total.high, total.notional_quote) == (Decimal("0.9"), Decimal("1.2"), Decimal("10.9"))
    assert [trade.price for trade in part(container).trades] == [Decimal("1.2"), Decimal("0.9"), Decimal("1")]
    assert part(container).within(1) == []


async def test_a_halted_market_is_heard_at_once_and_a_status_stays_young_while_the_feed_lives(host: Host) -> None:
    container = await host.open(STATUS)
    await host.run(60)
    assert part(container).fresh(2) is MarketStatus.TRADING
    part(container, "venue").set_status(MarketStatus.HALTED)
    assert [event.status for event in told(container, InstrumentStatusChanged)] == ["trading", "halted"]


@pytest.mark.parametrize("file", [BOOK, TRADES, STATUS])
async def test_a_listener_that_was_unloaded_hears_no_more(host: Host, file: str) -> None:
    container = await host.open(file)
    feed = part(container, "venue").feed(SYMBOL)
    await container.unload()
    await part(container).unload()
    assert feed.on_book == feed.on_trade == feed.on_status == []


# Streams

STREAM = (
    f'  venue: {{id: streaming}}\n  ear: {{id: listeners.ticker, args: {{market: "@venue", symbol: "{SYMBOL}"}}}}\n'
)


async def test_a_venue_that_streams_is_not_polled_and_its_stream_is_closed_at_unload(host: Host) -> None:
    channel = Streaming.channels[SYMBOL] = Channel(name="ticker", source="stream", clock=host.clock)
    container = await host.open(STREAM)
    channel.put(Ticker(ts_ns=1, symbol=SYMBOL, last=Decimal(3)))
    channel.fail("the connection was lost")
    await host.run(10)
    assert part(container).latest.value.last == Decimal(3)
    assert len(told(container, TickerHeard)) == 1
    assert problems(container) == ["the connection was lost"]
    assert Streaming.open == 1
    await container.unload()
    await part(container).unload()
    assert Streaming.open == 0
    assert channel.on_change == channel.on_problem == []


async def test_a_component_that_is_no_venue_is_refused_when_the_file_is_read(host: Host) -> None:
    with pytest.raises(ConfigError, match="feed"):
        await host.open(STREAM.replace("id: streaming", "id: sinks.memory"))
