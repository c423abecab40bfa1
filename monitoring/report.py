"""A session report as a person reads it: named figures with their unit, in sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.metrics.events import BANDS_BPS
from exchanges.models import Market
from monitoring.templatetags.figures import DASH, duration, figure, percent, signed, words


@dataclass(frozen=True)
class Row:
    name: str
    value: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Section:
    title: str
    rows: tuple[Row, ...]
    source: str = ""
    """Where the figures are from, and how exact that is."""


FROM_FILLS = "from fills, exact"
FROM_SAMPLES = "from samples, rounded"


def rows_of(figures: Mapping[str, Any], market: Market) -> list[Section]:
    """`figures` is `engine.accounting.session.SessionReport` as JSON: decimals are strings, None is not measured."""
    base, quote = market.base, market.quote

    def money(key: str) -> str:
        return signed(figures.get(key), 4)

    def share(key: str) -> str:
        value = figures.get(key)
        return DASH if value is None else percent(Decimal(str(value)))

    def bps(key: str) -> str:
        return figure(figures.get(key), 2)

    sides = {side: figures.get(side) or {} for side in ("bids", "asks")}
    seconds = (figures.get("end_ns", 0) - figures.get("start_ns", 0)) / 1e9
    sections = [
        Section(
            "Session",
            (
                Row("Length", duration(seconds)),
                Row(
                    "Samples", figure(figures.get("samples")), note=f"one every {figures.get('sampling_interval_s')} s"
                ),
                Row("Unobserved", share("unobserved_share"), "%", "counted against us in every share below"),
                Row("Active", share("active_share"), "%"),
            ),
        ),
        Section(
            "Result",
            (
                Row("Volume", figure(figures.get("volume_quote"), 2), quote),
                Row("Fills", figure(figures.get("fills"))),
                Row("Realised", money("realised_quote"), quote, "against average cost, fees excluded"),
                Row("Unrealised", money("unrealised_quote"), quote, "at the last mid, which samples round"),
                Row("Fees", figure(figures.get("fees_quote"), 4), quote),
                Row("Net", money("net_quote"), quote, _net_note(figures.get("fees"))),
                Row("Inventory change", signed(figures.get("inventory_delta_base"), 8), base),
            ),
            FROM_FILLS,
        ),
        *_round_trips(figures.get("round_trips"), quote),
        *_fees(figures.get("fees"), quote),
        *_flows(figures.get("flows")),
        Section(
            "Quotes",
            (
                Row("Own spread", bps("own_spread_bps"), "bps", "time-weighted over two-sided time"),
                Row("Market spread", bps("market_spread_bps"), "bps", "time-weighted"),
                Row("Two-sided", share("two_sided_share"), "%"),
                Row("Bids up", percent(_decimal(sides["bids"].get("uptime_share"))), "%"),
                Row("Asks up", percent(_decimal(sides["asks"].get("uptime_share"))), "%"),
            ),
            FROM_SAMPLES,
        ),
        Section("Depth, bids · asks", tuple(_depth_rows(sides, quote)), FROM_SAMPLES),
        Section(
            "Trading",
            (
                Row(
                    "Captured spread", bps("captured_spread_bps"), "bps", "volume-weighted, twice the distance from mid"
                ),
                Row("Markout after 1 s", bps("markout_1s_bps"), "bps", "positive is a loss to us"),
                Row("Markout after 10 s", bps("markout_10s_bps"), "bps", "positive is a loss to us"),
                Row("Fill rate", share("fill_rate"), "%", "orders filled at least in part, of those that rested"),
                Row("Orders", figure(figures.get("orders"))),
                Row("Cancels", figure(figures.get("cancels"))),
                Row("Rejections", figure(figures.get("rejections"))),
            ),
            "markouts from samples, the rest exact",
        ),
    ]
    findings = figures.get("findings") or {}
    if findings or figures.get("recording_problem"):
        rows = [Row(words(name).capitalize(), figure(count)) for name, count in sorted(findings.items())]
        if problem := figures.get("recording_problem"):
            rows.insert(0, Row("Ended early", "", note=problem))
        sections.append(Section("The recording", tuple(rows)))
    return sections


def _net_note(fees: Sequence[Mapping[str, Any]] | None) -> str:
    missing = [f"{figure(each['unpriced'])} {each['asset']}" for each in fees or () if _decimal(each["unpriced"])]
    note = "realised plus unrealised minus fees"
    return f"{note}; fees of {' and '.join(missing)} are missing, since they have no rate yet" if missing else note


def _round_trips(trips: Mapping[str, Any] | None, quote: str) -> Iterator[Section]:
    """Reports of before round trips were counted have none."""
    if trips is None:
        return
    completed = trips["completed"]
    rows = (
        Row("Completed", figure(completed), note="first in, first out"),
        Row("Earned by them", signed(trips["completed_quote"], 4), quote, "fees excluded"),
        Row("Realised", signed(trips["realised_quote"], 4), quote, "parts of open ones included"),
        Row("With a profit", percent(Decimal(trips["won"]) / completed if completed else None), "%"),
        Row("Held on average", duration(None if (s := trips["average_holding_s"]) is None else float(s))),
    )
    yield Section("Round trips", rows, FROM_FILLS)


def _fees(fees: Sequence[Mapping[str, Any]] | None, quote: str) -> Iterator[Section]:
    rows: list[Row] = []
    for each in fees or ():
        rows.append(Row(f"Paid in {each['asset']}", figure(each["paid"]), each["asset"]))
        rows.append(Row("booked", figure(each["booked_quote"], 4), quote))
        if _decimal(each["unpriced"]):
            rows.append(Row("unpriced", figure(each["unpriced"]), each["asset"], "no rate yet: missing from PnL"))
    if rows:
        yield Section("Fees by asset", tuple(rows), FROM_FILLS)


def _flows(flows: Sequence[Mapping[str, Any]] | None) -> Iterator[Section]:
    rows = tuple(
        Row(
            each["asset"],
            signed(each["change"], 8),
            each["asset"],
            ", ".join(f"{kind} {signed(moved, 8)}" for kind, moved in each["by_kind"].items()),
        )
        for each in flows or ()
    )
    if rows:
        yield Section("Balances moved by fills", rows, FROM_FILLS)


def _depth_rows(sides: Mapping[str, Mapping[str, Any]], quote: str) -> list[Row]:
    bids, asks = (sides[side].get("average_depth_quote") or [] for side in ("bids", "asks"))
    return [
        Row(f"±{figure(band / 100)} %", f"{figure(bid, 2)} · {figure(ask, 2)}", quote)
        for band, bid, ask in zip(BANDS_BPS, bids, asks, strict=False)
    ]


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
