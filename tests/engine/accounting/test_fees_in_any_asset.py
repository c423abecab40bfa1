"""A fee in a third asset: converted at the rate of its moment, or kept until there is one, and never forgotten."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.accounting.rates import Rates
from engine.core.service import Restore
from engine.market.types import NoPrice, Price, Side
from engine.metrics.events import FeesPriced, FillRecorded, Notice, View
from engine.testing import AURORA
from tests.engine.desk import Desk

D = Decimal

BNB = """
  bnb_venue: {id: fake.venue, args: {symbol: "BNB/USDT", tick_size: !decimal "0.01", lot_size: !decimal "0.01"}}
  bnb: {id: prices.mid, args: {market: "@bnb_venue", symbol: "BNB/USDT", max_age_s: !decimal "2"}}
"""


async def desk_with_rates(restore: Restore | None = None) -> Desk:
    desk = await Desk(maker_fee="10", components=BNB, args=', rates: {BNB: "@bnb"}', restore=restore).open()
    desk.venue.fee_asset, desk.venue.fee_asset_quote = "BNB", D(600)
    return desk


def show_rate(desk: Desk, mid: str) -> None:
    venue = desk.container.components["bnb_venue"]
    venue.clock = desk.clock  # type: ignore[attr-defined]
    venue.set_book([(D(mid) - 1, D(1))], [(D(mid) + 1, D(1))])  # type: ignore[attr-defined]


async def one_fill(desk: Desk) -> FillRecorded:
    desk.venue.trade(desk.prices(Side.BUY)[0], "0.002", Side.SELL)
    await desk.run(0.1)
    found: FillRecorded = desk.events(FillRecorded)[-1]
    return found


async def test_a_fee_in_a_third_asset_is_booked_at_the_rate_of_its_moment() -> None:
    desk = await desk_with_rates()
    show_rate(desk, "600")
    await desk.service.start("test")
    await desk.run(1)
    told = await one_fill(desk)
    assert told.fill.fee_asset == "BNB"
    assert (told.fee_rate, told.fee_rate_source, told.fee_unpriced) == (D(600), "fake mid", None)
    assert told.fee_rate_ns is not None
    assert told.fill.ts_ns - told.fee_rate_ns <= 2_000_000_000
    assert told.fee_quote == told.fill.fee * 600 == told.fees_total_quote
    assert desk.service.account.missing_from_pnl() == ()
    await desk.close()


async def test_without_a_fresh_rate_the_fee_is_kept_shown_and_booked_when_there_is_one() -> None:
    desk = await desk_with_rates()
    await desk.service.start("test")
    await desk.run(1)
    told = await one_fill(desk)
    assert (told.fee_quote, told.fee_rate, told.fee_unpriced) == (D(0), None, told.fill.fee)
    told = await one_fill(desk)
    waiting = told.fill.fee + desk.events(FillRecorded)[0].fill.fee
    await desk.run(1)
    assert (
        desk.events(View)[-1].notes[-1]
        == f"Fees of {waiting.normalize():f} BNB have no rate yet and are missing from PnL."
    )
    warnings = [each.text for each in desk.events(Notice) if each.level == "warning"]
    assert len(warnings) == 1
    assert warnings[0].startswith("No rate of BNB to USDT: No mid of BNB/USDT: no book from fake yet.")
    before = desk.service.account.total_quote(D(50000))

    show_rate(desk, "610")
    await desk.run(1.5)

    (priced,) = desk.events(FeesPriced)
    assert (priced.number, priced.asset, priced.amount, priced.rate) == (1, "BNB", waiting, D(610))
    assert priced.rate_source == "fake mid"
    assert priced.fee_quote == waiting * 610 == priced.fees_total_quote == desk.service.account.position.fees_quote
    assert priced.fills_total == 2
    assert before is not None
    assert desk.service.account.total_quote(D(50000)) == before - waiting * 610
    assert desk.events(View)[-1].notes == ()
    await desk.close()


async def test_a_rate_that_has_grown_old_is_no_rate() -> None:
    desk = await desk_with_rates()
    show_rate(desk, "600")
    await desk.service.start("test")
    await desk.run(4)
    assert (await one_fill(desk)).fee_unpriced is not None
    await desk.close()


async def test_fees_an_earlier_holder_could_not_price_are_priced_by_the_next() -> None:
    restore = Restore(fees_total_quote=D(7), fills_total=3, unpriced_fees={"BNB": D("0.5")}, conversions_total=2)
    desk = await desk_with_rates(restore)
    assert desk.service.account.missing_from_pnl() == ("Fees of 0.5 BNB have no rate yet and are missing from PnL.",)
    show_rate(desk, "600")
    await desk.run(1.5)
    (priced,) = desk.events(FeesPriced)
    assert (priced.number, priced.fee_quote, priced.fees_total_quote) == (3, D(300), D(307))
    await desk.close()


class Says:
    def __init__(self, answer: Price | NoPrice) -> None:
        self.answer = answer

    def price(self) -> Price | NoPrice:
        return self.answer


@pytest.mark.parametrize("value", ["0", "-1"])
def test_a_rate_that_cannot_be_is_none(value: str) -> None:
    rates = Rates(AURORA, {"BNB": Says(Price(value=D(value), ts_ns=1, source="a broken feed"))})
    assert rates.now("BNB") == NoPrice(f"No rate of BNB to USDT: a broken feed says {value}.")
