"""The predicted book: what a draft would post, judged by what is owed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from strategies.builder.ground import Ground
from strategies.builder.layout import sheet_of
from strategies.builder.prediction import Order, Prediction
from strategies.builder.prediction import predict as predicted
from strategies.builder.stages import simulated
from strategies.builder.starters import begun, starters
from strategies.builder.verdicts import Promise, Verdict, picture, verdicts
from tests.strategies.builder.test_edits import MARKET, ON_A_MARKET, TEXT
from tests.strategies.builder.test_starters import GROUND, OWED, SIMULATED

FUNDING = {"ACORN": Decimal(10_000), "USDT": Decimal(5_000)}
SPREAD = Promise(kpi="spread", max_spread_bps=Decimal(60))
DEPTH = Promise(kpi="depth", band_bps=Decimal(200), min_depth_quote=Decimal(1000))
UPTIME = Promise(kpi="uptime", band_bps=Decimal(50))


def predict(text: str, ground: Ground, funding: dict[str, Decimal]) -> Prediction:
    return predicted(lambda: simulated(text, ground, funding))


def judged(prediction: Prediction, *promises: Promise) -> list[Verdict]:
    return verdicts(prediction, promises, sheet_of(TEXT, ON_A_MARKET), "USDT")


@pytest.mark.parametrize("slug", starters())
def test_what_a_start_would_post_keeps_the_promises_it_was_sized_by(slug: str) -> None:
    prediction = predict(begun(starters()[slug], SIMULATED, OWED), GROUND, FUNDING)
    assert prediction.reason == ""
    assert prediction.market
    spread, *_ = judged(prediction, SPREAD, UPTIME)
    assert spread.holds, spread


def test_the_same_draft_is_predicted_the_same() -> None:
    assert predict(TEXT, ON_A_MARKET, FUNDING) == predict(TEXT, ON_A_MARKET, FUNDING)


def test_a_promise_that_would_fail_says_by_how_much_and_which_field_to_change() -> None:
    prediction = predict(TEXT, ON_A_MARKET, FUNDING)
    spread, depth = judged(
        prediction, replace(SPREAD, max_spread_bps=Decimal(10)), replace(DEPTH, min_depth_quote=Decimal(2000))
    )
    assert not spread.holds
    assert spread.by.endswith("bps too wide")
    assert [each.label for each in spread.change] == ["base_spread_bps"]
    assert not depth.holds
    assert depth.by.endswith("USDT short")
    assert depth.change[0].label == "order_size_quote"


def test_verdicts_from_worked_figures() -> None:
    orders = (
        Order(side="buy", price=Decimal("99.9"), size=Decimal(6), distance_bps=Decimal(10)),
        Order(side="buy", price=Decimal(97), size=Decimal(9), distance_bps=Decimal(300)),
        Order(side="sell", price=Decimal("100.2"), size=Decimal(11), distance_bps=Decimal(20)),
    )
    prediction = Prediction(mid=Decimal(100), orders=orders)
    assert prediction.spread_bps == 30
    assert prediction.depth_quote("buy", Decimal(200)) == Decimal("599.4")
    assert (prediction.capital_quote, prediction.capital_base) == (Decimal("1472.4"), 11)
    shown = [(verdict.owed, verdict.shown, verdict.holds, verdict.by) for verdict in judged(prediction, SPREAD, DEPTH)]
    assert shown == [
        ("Spread ≤ 60 bps", "30 bps", True, ""),
        ("Depth ±2 % ≥ 1,000 USDT a side", "bids 599, asks 1,102", False, "401 USDT short"),
    ]
    one_sided = Prediction(mid=Decimal(100), orders=orders[:1])
    assert [verdict.shown for verdict in judged(one_sided, SPREAD, UPTIME)] == ["a side is empty", "no asks"]


def test_what_does_not_quote_says_why() -> None:
    stale = TEXT.replace('max_loss_quote: !decimal "500"', 'max_loss_quote: !decimal "500"').replace(
        'max_open_notional_quote: !decimal "8000"', 'max_open_notional_quote: !decimal "1"'
    )
    prediction = predict(stale, ON_A_MARKET, FUNDING)
    assert prediction.orders == ()
    assert prediction.reason


@pytest.mark.parametrize(
    ("text", "market", "sentence"),
    [
        (TEXT, replace(MARKET, component="exchanges.ccxt.kraken"), "no simulated market here"),
        (TEXT + "  web: {id: http.session, args: {base_url: 'https://x.example'}}\n", MARKET, "would reach out"),
        (TEXT + "  far: {id: exchanges.ccxt.okx}\n", MARKET, "would reach out"),
        ("[", MARKET, "would not run"),
    ],
)
def test_what_would_reach_out_is_not_run(text: str, market, sentence: str) -> None:
    assert sentence in predict(text, replace(ON_A_MARKET, market=market), FUNDING).reason


def test_a_file_is_never_written_by_looking(tmp_path) -> None:
    path = tmp_path / "events.jsonl"
    text = TEXT + f'  file: {{id: sinks.jsonl, args: {{path: "{path}"}}}}\n'
    assert predict(text, ON_A_MARKET, FUNDING).orders
    assert not path.exists()


def test_the_drawing_stays_within_its_frame() -> None:
    prediction = predict(TEXT, ON_A_MARKET, FUNDING)
    drawn = picture(prediction, [Decimal(200)])
    assert {bar.kind for bar in drawn.bars} == {"buy", "sell", "market"}
    for bar in drawn.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= drawn.width
        assert bar.y >= 0
        assert bar.y + bar.height <= drawn.height + 0.01
        assert (bar.x < drawn.width / 2) or bar.kind != "buy"
