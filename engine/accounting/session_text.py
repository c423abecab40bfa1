"""A session report for the terminal."""

from __future__ import annotations

from decimal import Decimal

from engine.accounting.session import SessionReport
from engine.core.clock import utc
from engine.metrics.events import BANDS_BPS

WIDTH = 34
NONE = "—"

FINDINGS = {
    "sequence_gaps": "sequence gaps",
    "crossed_books": "crossed books",
    "off_market_prints": "prints off the market, left out",
    "damaged_lines": "damaged lines",
    "truncated": "file breaks off",
    "time_backwards": "clock running backwards",
    "missing_snapshot": "no snapshot of the book",
    "missing_prints": "gaps in trade numbers",
    "repeated_prints": "repeated trades",
    "repeated_updates": "repeated depth updates",
    "top_mismatches": "ticker and book disagree",
    "other_symbols": "messages of other symbols",
    "unnamed_snapshots": "snapshots naming no symbol",
}
"""What a recording's findings are called."""


def render_report(report: SessionReport, *, title: str = "Session report", base: str = "", quote: str = "") -> str:
    """The report as aligned lines. `base` and `quote` name the currencies where known."""
    lines = [title, "─" * max(len(title), 64)]
    start, end = utc(report.start_ns), utc(report.end_ns)
    lines += [
        _row("From", f"{start:%Y-%m-%d %H:%M:%S} UTC"),
        _row("To", f"{end:%Y-%m-%d %H:%M:%S} UTC", f"{_plain(report.duration_s, 1)} s"),
        _row("Observed", _percent(1 - report.unobserved_share), f"sampled every {report.sampling_interval_s} s"),
        _row("Active", _percent(report.active_share)),
        "",
        _row("Volume", _plain(report.volume_quote, 2), quote),
        _row("Fills", str(report.fills)),
        _row("Realised PnL", _signed(report.realised_quote, 4), quote),
        _row("Unrealised PnL", _signed(report.unrealised_quote, 4), quote),
        _row("Fees", _plain(report.fees_quote, 4), quote),
        _row("Net", _signed(report.net_quote, 4), quote),
        *(
            _row(f"  unpriced, missing from it: {each.asset}", _plain(each.unpriced, 8))
            for each in report.fees
            if each.unpriced
        ),
        _row("Inventory change", _signed(report.inventory_delta_base, 8), base),
        "",
        _row("Round trips", str(report.round_trips.completed), "first in, first out"),
        _row("  their PnL", _signed(report.round_trips.completed_quote, 4), f"{quote}, fees excluded".lstrip(", ")),
        _row("  with a profit", _percent(report.round_trips.won_share)),
        _row("  held on average", _plain(report.round_trips.average_holding_s, 1), "s"),
        "",
        _row("Captured spread", _signed(report.captured_spread_bps, 3), "bps, at the fill"),
        _row("Mark-out after 1 s", _signed(report.markout_1s_bps, 3), "bps, positive is a loss"),
        _row("Mark-out after 10 s", _signed(report.markout_10s_bps, 3), "bps, positive is a loss"),
        "",
        _row("Own spread, time-weighted", _plain(report.own_spread_bps, 3), "bps, while two-sided"),
        _row("Market spread, time-weighted", _plain(report.market_spread_bps, 4), "bps"),
        _row("Uptime bids", _percent(report.bids.uptime_share)),
        _row("Uptime asks", _percent(report.asks.uptime_share)),
        _row("Uptime two-sided", _percent(report.two_sided_share)),
        _row("Unobserved", _percent(report.unobserved_share), "counted against uptime"),
        "",
        f"{'Average depth':<{WIDTH - 16}}{'bids':>16}{'asks':>16}  {quote}".rstrip(),
    ]
    for band, bid, ask in zip(BANDS_BPS, report.bids.average_depth_quote, report.asks.average_depth_quote, strict=True):
        name = f"  within ±{(band / 100).normalize():f} %"
        lines.append(f"{name:<{WIDTH - 16}}{_plain(bid, 0):>16}{_plain(ask, 0):>16}")
    lines += [
        "",
        _row("Orders", str(report.orders), f"{report.rejections} refused"),
        _row("Cancels", str(report.cancels)),
        _row("Fill rate", _percent(report.fill_rate), f"{report.orders_filled} orders filled at least in part"),
    ]
    if report.fills_without_mid:
        lines.append(_row("Fills without a mid", str(report.fills_without_mid), "not in spread and mark-outs"))
    if report.recording_problem or report.findings:
        lines += ["", "Found in the recording"]
        if report.recording_problem:
            lines.append(f"  {report.recording_problem}")
        lines += [_row(f"  {FINDINGS.get(kind, kind)}", str(count)) for kind, count in report.findings.items()]
    else:
        lines += ["", "Nothing wrong was found in the data."]
    return "\n".join(lines)


def _row(name: str, value: str, remark: str = "") -> str:
    return f"{name:<{WIDTH}}{value:>16}  {remark}".rstrip()


def _plain(value: Decimal | None, places: int) -> str:
    return NONE if value is None else f"{value:,.{places}f}"


def _signed(value: Decimal | None, places: int) -> str:
    if value is None:
        return NONE
    return f"{value:+,.{places}f}" if value else f"{value:,.{places}f}"


def _percent(share: Decimal | None) -> str:
    return NONE if share is None else f"{share * 100:.2f} %"
