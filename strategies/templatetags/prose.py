"""Docstrings on pages."""

from __future__ import annotations

import re
from decimal import Decimal

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def words(text: str) -> SafeString:
    """One line of prose: what stands in backticks becomes code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))


@register.filter
def prose(text: str) -> SafeString:
    """A docstring: paragraphs flow, what is indented or laid out in columns stays as it was written."""
    blocks = []
    for block in filter(None, text.split("\n\n")):
        laid_out = any(line.startswith(" ") or "  " in line for line in block.splitlines())
        blocks.append(f"<pre>{escape(block)}</pre>" if laid_out else f"<p>{words(' '.join(block.split()))}</p>")
    return mark_safe("\n".join(blocks))


@register.filter
def get(mapping: dict[str, object], key: str) -> object:
    return mapping.get(key, "")


@register.filter
def percent(share: Decimal, unit: str = " %") -> str:
    """0.25 as "25 %"."""
    return f"{(share * 100).normalize():f}{unit}"


@register.filter
def clock(seconds: int) -> str:
    """605 as "10:05"."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def measured(value: float | None, unit: str = "") -> str:
    """A measure as short as it says something: 40.0 bps, 9,981 quote."""
    if value is None:
        return "–"
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if unit in ("bps", "%") else f"{value:.2f}"
    return shown.removesuffix(".00")
