"""Numbers as people read them: exact where the figure is money of record, rounded where only its size matters."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from engine.core.clock import utc

register = template.Library()

DASH = "–"
MINUS = "−"


@register.filter
def figure(value: Decimal | int | float | str | None, places: int | None = None) -> str:
    """The number with thousands separated; without `places` exactly as stored, less its trailing zeros."""
    if value in (None, ""):
        return DASH
    number = Decimal(str(value))
    text = f"{number:,f}" if places is None else f"{number:,.{places}f}"
    if places is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


@register.filter
def moment(ts_ns: int) -> datetime.datetime:
    """A stamp in nanoseconds as a time in UTC."""
    return utc(ts_ns)


@register.filter
def seconds(milliseconds: float | None) -> str:
    """An age: 0.3 s, 42 s, 12 min."""
    if milliseconds is None:
        return DASH
    return f"{milliseconds / 1000:.1f} s" if milliseconds < 9_950 else duration(milliseconds / 1000)


@register.filter
def millis(value: float | None) -> str:
    """Milliseconds to three digits that count: 0.04, 2.35, 187."""
    if value is None:
        return DASH
    return figure(value, 2 if value < 10 else 1 if value < 100 else 0)


@register.filter
def at_least(value: Decimal | None, step: Decimal) -> str:
    """The exact number with no fewer decimals than a tick or lot has, so that a column of them aligns."""
    if value is None:
        return DASH
    places = max(-Decimal(each).normalize().as_tuple().exponent for each in (value, step))
    return figure(value, max(0, places))


@register.filter
def signed(value: Decimal | int | float | str | None, places: int = 2) -> str:
    """The number with its sign, since direction is the message; zero has none."""
    if value in (None, ""):
        return DASH
    text = figure(value, places)
    return text if text.startswith(MINUS) or not re.search("[1-9]", text) else f"+{text}"


@register.filter
def compact(value: Decimal | int | float | str | None) -> str:
    """1,234,567 as 1.23m: for figures whose order of magnitude is the message."""
    if value in (None, ""):
        return DASH
    number = Decimal(str(value))
    for size, suffix, places in ((Decimal("1e9"), "bn", 2), (Decimal("1e6"), "m", 2), (Decimal("1e4"), "k", 1)):
        if abs(number) >= size:
            scaled = number / (size if suffix != "k" else Decimal(1000))
            return figure(scaled.quantize(Decimal(1).scaleb(-places))) + suffix
    return figure(number.quantize(Decimal("0.01")))


@register.filter
def significant(value: Decimal | None, digits: int = 6) -> str:
    """The number to so many digits that count, whatever its size: for figures to watch, not to account by."""
    return DASH if value is None else figure(Decimal(f"{value:.{digits}g}"))


@register.filter
def percent(share: Decimal | float | None, places: int = 2) -> str:
    """A share of 0 to 1 as percent, without the sign. Rounded down, so that nearly met never reads as met."""
    if share is None:
        return DASH
    scale = Decimal(1).scaleb(-places)
    return figure((Decimal(str(share)) * 100).quantize(scale, rounding="ROUND_FLOOR"), places)


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds in the unit a person would use: 42 s, 12 min, 3.5 h."""
    if seconds is None:
        return DASH
    size = abs(seconds)
    if size < 120:
        text = f"{seconds:.0f} s"
    elif size < 7200:
        text = f"{seconds / 60:.0f} min"
    else:
        text = f"{seconds / 3600:.1f} h"
    return text.replace("-", MINUS)


_YAML = re.compile(
    r"""(?P<c>\#[^\n]*)
      | (?P<t>![a-z]+)
      | (?P<s>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
      | (?P<k>[\w.-]+(?=\s*:(?:\s|$)))""",
    re.VERBOSE | re.MULTILINE,
)


@register.filter(name="yaml")
def highlight_yaml(text: str) -> SafeString:
    """YAML with its keys, strings, tags and comments marked for the eye. The text itself is unchanged."""
    parts, last = [], 0
    for match in _YAML.finditer(text):
        parts.append(escape(text[last : match.start()]))
        parts.append(format_html('<span class="{}">{}</span>', match.lastgroup, match.group()))
        last = match.end()
    parts.append(escape(text[last:]))
    return mark_safe("".join(parts))


@register.filter
def band_percent(bps: Decimal) -> str:
    """The half-width of a band in percent: 200 bps as 2."""
    return figure(Decimal(bps) / 100)


@register.filter
def words(name: str) -> str:
    """A name from code as words: partially_filled as "partially filled"."""
    return name.replace("_", " ")
