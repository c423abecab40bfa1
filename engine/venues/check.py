"""`./mm check-venue ID`: whether a venue works from here, without keys and in under a minute.

Loads the venue's component by itself and asks what a service would need: markets, clock, a book, and that news of it
goes on. Exit codes: 0 it works, 1 it does not, 2 what was asked for makes no sense.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from engine.core.alone import alone
from engine.core.clock import Clock, within
from engine.core.errors import EngineError
from engine.core.log import configure
from engine.core.params import parameters_of
from engine.core.plugins import Registry, UnknownComponent
from engine.venues.base import MarketFeed
from engine.venues.market_listing import Listing, ListsMarkets

WORKS, FAILS, UNUSABLE = 0, 1, 2
FAMILY = "exchanges.ccxt."
PATIENCE_S = 50.0
BOOK_WITHIN_S = 15.0
UPDATE_WITHIN_S = 10.0
SKEW_WARN_MS = Decimal(1000)
LIKELY = ("BTC/USDT", "BTC/USD", "BTC/USDC", "BTC/EUR", "ETH/USDT", "BTC/KRW", "BTC/JPY")
"""Markets that are never quiet, in the order in which one is looked for."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. mark: ok, warn, bad."""

    name: str
    mark: str
    text: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    steps: tuple[Step, ...]
    sentence: str

    @property
    def works(self) -> bool:
        return not any(step.mark == "bad" for step in self.steps)


_NO_NETWORK = ("connection failed", "cannot connect", "name resolution", "name or service", "network is unreachable")

Tell = Callable[[Step], None]


async def check(component: Any, *, symbol: str = "", tell: Tell = lambda step: None) -> Verdict:
    """Look at one venue. `tell` hears of every step as it is taken."""
    steps: list[Step] = []

    def took(name: str, mark: str, text: str) -> None:
        steps.append(Step(name=name, mark=mark, text=text))
        tell(steps[-1])

    try:
        async with asyncio.timeout(PATIENCE_S), alone(component, name=component.venue_id) as venue:
            clock = venue.runtime.clock
            listing = await venue.listing()
            took("markets", *_markets(listing))
            took("clock", *_clock(listing))
            chosen = symbol or _liveliest(listing)
            if chosen:
                await _follow(venue, chosen, clock, took)
    except TimeoutError:
        took("answer", "bad", f"It was not through after {PATIENCE_S:g} s.")
    except EngineError as error:
        took("answer" if steps else "reach", "bad", _reached(str(error)))
    return Verdict(steps=tuple(steps), sentence=_sentence(component, steps))


def _markets(listing: Listing) -> tuple[str, str]:
    trading = sum(market.is_trading for market in listing.markets)
    left_out = f"; {len(listing.left_out)} cannot be traded exactly" if listing.left_out else ""
    mark = "ok" if trading else "bad"
    return mark, f"{len(listing.markets)} markets, {trading} of them trading{left_out}."


def _clock(listing: Listing) -> tuple[str, str]:
    skew, took = listing.clock_skew_ms, listing.round_trip_ms
    if skew is None:
        return "warn", "It does not tell its time, so a wrong clock here would show only in refused orders."
    way = "ahead of" if skew > 0 else "behind"
    mark = "warn" if abs(skew) > SKEW_WARN_MS else "ok"
    return mark, f"Its clock is {abs(skew):.0f} ms {way} ours; a question takes {took:.0f} ms."


def _liveliest(listing: Listing) -> str:
    trading = [market.instrument.symbol for market in listing.markets if market.is_trading]
    return next((symbol for symbol in LIKELY if symbol in trading), trading[0] if trading else "")


async def _follow(venue: Any, symbol: str, clock: Clock, took: Callable[[str, str, str], None]) -> None:
    """A book, and then news of it: the one by asking or streaming, the other shows that it goes on."""
    feed = venue.feed(symbol)
    streams = venue.quality.can("book_stream")
    how = "over its WebSocket" if streams else "by asking again and again: it has no stream of books"
    if not await _until(lambda: feed.received_at is not None and not feed.problem, BOOK_WITHIN_S, clock):
        took("book", "bad", f"No book of {symbol} within {BOOK_WITHIN_S:g} s: {feed.problem or 'nothing came'}.")
        return
    took("book", "ok", _shown(feed, symbol))
    first = feed.received_at
    if await _until(lambda: feed.received_at != first and not feed.problem, UPDATE_WITHIN_S, clock):
        took("stream", "ok", f"{symbol} goes on {how}.")
    elif feed.problem:
        took("stream", "bad", f"{symbol} broke off: {feed.problem}.")
    else:
        text = f"Nothing changed in {symbol} for {UPDATE_WITHIN_S:g} s; a livelier one, by --symbol, would tell more."
        took("stream", "warn", text)


def _shown(feed: MarketFeed, symbol: str) -> str:
    book = feed.book
    return f"{symbol} is {book.best_bid} / {book.best_ask}, in steps of {feed.instrument.tick_size}."


async def _until(happened: Callable[[], bool], within_s: float, clock: Clock) -> bool:
    async def waiting() -> None:
        while not happened():
            await clock.sleep_until(clock.monotonic() + 0.02)

    try:
        await within(within_s, waiting(), clock=clock)
    except TimeoutError:
        return False
    return True


def _reached(problem: str) -> str:
    hints = (
        "connection failed",
        "cannot connect",
        "name resolution",
        "name or service",
        "network is unreachable",
        "nodename",
    )
    if any(hint in problem.lower() for hint in hints):
        return f"{problem.removesuffix('.')}. Is this machine online, and may it reach the venue from its country?"
    return problem


def _sentence(component: Any, steps: Sequence[Step]) -> str:
    name = component.quality.name
    if bad := next((step for step in steps if step.mark == "bad"), None):
        return f"{name} does not work from here: {bad.text}"
    unsure = [step.name for step in steps if step.mark == "warn"]
    but = f", with a doubt about its {' and '.join(unsure)}" if unsure else ""
    return f"{name} works from here{but}. It is {component.quality.worth()}."


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    configure(level="CRITICAL")  # what goes wrong is said in the steps
    registry = Registry.installed()
    component_id = options.venue if "." in options.venue else FAMILY + options.venue
    try:
        cls = registry.get(component_id)
    except UnknownComponent as error:
        return _stop(f"There is no venue {options.venue}. {error.suggestion}".strip())
    if not issubclass(cls, ListsMarkets):
        return _stop(f"{component_id} is no venue that can be asked what it trades.")
    given = {"endpoint_override": options.endpoint, "symbols": (options.symbol,) if options.symbol else ()}
    known = {parameter.name for parameter in parameters_of(cls)}
    if options.endpoint and not re.fullmatch(r"https?://[^\s?#]+", options.endpoint):
        return _stop(f"The endpoint is an address such as http://127.0.0.1:8080, not {options.endpoint!r}.")
    component: Any = cls(**{name: value for name, value in given.items() if value and name in known})
    print(f"{component.quality.name}, by {component_id}{_at(options.endpoint)}, without keys:", flush=True)
    verdict = asyncio.run(check(component, symbol=options.symbol, tell=_print))
    print(verdict.sentence)
    return WORKS if verdict.works else FAILS


def _at(endpoint: str) -> str:
    return f" at {endpoint}" if endpoint else ""


def _print(step: Step) -> None:
    print(f"  {step.mark:4}  {step.name:8} {step.text}", flush=True)


def _stop(sentence: str) -> int:
    print(f"mm: {sentence}", file=sys.stderr)
    return UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./mm check-venue",
        description="Tell whether a venue works from here: markets, clock, a book and its stream. No key is needed.",
        epilog="Exit codes: 0 it works, 1 it does not, 2 the venue is not known or an option makes no sense.",
    )
    parser.add_argument("venue", metavar="ID", help="such as binance; ./mm engine --catalog lists all of them")
    parser.add_argument("--symbol", default="", help="the market to look at (default: a lively one)")
    parser.add_argument("--endpoint", default="", metavar="URL", help="the address of a sandbox or proxy instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
