"""Which arguments are limits, and which way they loosen: an approver is shown every limit that was loosened."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Loosens(StrEnum):
    """A higher, or a lower, value lets more happen before anything stops it."""

    UP = "up"
    DOWN = "down"


UP, DOWN = Loosens.UP, Loosens.DOWN

GUARDING = ("risk.", "killswitches.", "reconcile", "dead_mans_switch")
"""Ids, or beginnings of them, of components whose absence is itself a loosened limit."""

LIMITS: Mapping[str, Mapping[str, Loosens]] = {
    "dead_mans_switch": {"timeout_s": UP},
    "killswitches.balance_floor": {"min_total": DOWN},
    "killswitches.clock": {"max_skew_s": UP, "max_unmeasured_s": UP},
    "killswitches.data_lag": {"max_lag_s": UP},
    "killswitches.drawdown": {"max_drawdown_quote": UP},
    "killswitches.exposure": {"max_exposure_quote": UP},
    "killswitches.fill_rate": {"max_fills": UP, "max_notional_quote": UP, "window_s": DOWN},
    "killswitches.inventory": {"max_position_quote": UP},
    "killswitches.loss": {"max_loss_quote": UP},
    "killswitches.market_halt": {"grace_s": UP},
    "killswitches.order_rate": {"max_requests": UP, "window_s": DOWN},
    "killswitches.price_move": {"max_move_bps": UP, "window_s": DOWN},
    "killswitches.quorum": {"needed": UP},
    "killswitches.reconciliation": {"max_mismatch_quote": UP},
    "killswitches.reject_storm": {"rejections": UP, "crossed": UP, "window_s": DOWN},
    "killswitches.response_timeout": {"max_response_s": UP, "times": UP, "window_s": DOWN},
    "killswitches.slippage": {"max_slippage_bps": UP, "min_volume_quote": UP},
    "killswitches.spread": {"max_spread_bps": UP, "for_s": UP},
    "killswitches.stale_book": {"max_unchanged_s": UP, "min_trades": UP, "min_move_bps": UP},
    "marketmaking.inventory_spread": {"max_position_quote": UP},
    "marketmaking.mirror": {"max_size_base": UP},
    "marketmaking.modifiers.budget": {"share": UP, "max_quote": UP, "max_base": UP},
    "marketmaking.modifiers.min_profit": {"min_profit_bps": DOWN},
    "marketmaking.modifiers.min_spread": {"min_spread_bps": DOWN},
    "marketmaking.modifiers.not_crossing": {"min_ticks": DOWN},
    "prices.agreeing": {"max_difference_bps": UP, "min_sources": DOWN},
    "prices.fresh": {"max_age_s": UP},
    "prices.weighted_average": {"max_deviation_bps": UP, "min_sources": DOWN},
    "reconcile": {"alert_quote": UP, "every_s": UP},
    "risk.guard": {
        "max_position_quote": UP,
        "max_loss_quote": UP,
        "max_order_size_quote": UP,
        "max_open_notional_quote": UP,
        "price_band_bps": UP,
        "max_orders_per_s": UP,
    },
}

NO_LIMITS: Mapping[str, frozenset[str]] = {
    "killswitches.slippage": frozenset({"window_s"}),
    "reconcile": frozenset({"confirm_after_s"}),
}
"""Numbers of what guards that are no limits. A test wants each number in one table, so that none is forgotten."""


def is_guarding(component: str) -> bool:
    return component.startswith(GUARDING)


def is_loosened(component: str, argument: str, old: Any, new: Any) -> bool:
    """Whether the change lets more happen than before; without a value there is no limit at all."""
    direction = LIMITS.get(component, {}).get(argument)
    if direction is None or old is None:
        return False
    if new is None:
        return True
    if not isinstance(old, Decimal | int) or not isinstance(new, Decimal | int):
        return False
    return new > old if direction is UP else new < old
