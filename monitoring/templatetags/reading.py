"""Reading an explained tick."""

from __future__ import annotations

from decimal import Decimal

from django import template

from engine.metrics.explained import Input
from monitoring import opened
from monitoring.templatetags.figures import figure

register = template.Library()

SHOWN_DIGITS = 10
BPS_DIGITS = 5


@register.filter
def thousandths(ts_ns: int) -> str:
    """The milliseconds of a stamp, beside its seconds."""
    return f"{ts_ns // 1_000_000 % 1000:03d}"


@register.filter
def is_old(each: Input) -> bool:
    return opened.is_old(each)


@register.filter
def in_unit(value: Decimal, unit: str) -> str:
    """Exactly, unless that takes more digits than anybody reads: then rounded, and the title says the rest."""
    exact, most = value.normalize(), BPS_DIGITS if unit == "bps" else SHOWN_DIGITS
    return figure(exact if len(exact.as_tuple().digits) <= most else Decimal(f"{exact:.{most}g}"))


@register.filter
def sides(tick: opened.Opened) -> list[tuple[str, tuple[opened.Row, ...]]]:
    """Asks above bids, as in a ladder; a side without rows is left out."""
    return [(name, rows) for name, rows in (("sell", tick.asks), ("buy", tick.bids)) if rows]
