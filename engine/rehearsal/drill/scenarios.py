"""What provokes each kill switch: its limits, and what is done to market, account or desk to break them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from engine.market.types import Side
from engine.rehearsal.drill.stage import Stage

LADDER_BASE = Decimal(600)
"""What rests on one side of the drilled service."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`args` and `others` are YAML: the switch's own arguments, and the switches it is made of, by name."""

    provoked: str
    """What is done, in a few words."""
    provoke: Callable[[Stage], Awaitable[None]]
    args: str = "{}"
    others: dict[str, str] | None = None
    """name -> "id args" of further components."""


async def _sell_to_us(stage: Stage, times: int, *, every_s: float = 1.5) -> None:
    for _ in range(times):
        stage.market.take(Side.SELL, LADDER_BASE)
        await stage.run(every_s)


async def _drift(stage: Stage, bps: int, times: int, *, every_s: float = 1.0) -> None:
    for _ in range(times):
        stage.market.move(bps)
        await stage.run(every_s)


async def _two_sweeps(stage: Stage) -> None:
    await _sell_to_us(stage, 2)


async def _many_sweeps(stage: Stage) -> None:
    await _sell_to_us(stage, 20, every_s=0.6)


async def _long_and_wrong(stage: Stage) -> None:
    await _sell_to_us(stage, 1)
    await _drift(stage, -40, 20)


async def _up_and_down(stage: Stage) -> None:
    await _sell_to_us(stage, 1)
    await _drift(stage, 20, 10)
    await _drift(stage, -20, 20)


async def _halt(stage: Stage) -> None:
    stage.market.halt()


async def _silence(stage: Stage) -> None:
    stage.market.is_silent = True


async def _freeze(stage: Stage) -> None:
    stage.market.is_frozen = True


async def _skew(stage: Stage) -> None:
    stage.activity.skew_s = 3.0  # as whoever measures it would say


async def _refuse(stage: Stage) -> None:
    stage.account.refuses[Side.BUY] = "insufficient balance"
    stage.market.move(20)  # so that quotes are placed anew


async def _dawdle(stage: Stage) -> None:
    stage.account.answers_after_s = 3.0
    await _drift(stage, 20, 10, every_s=4.0)


async def _pick_off(stage: Stage) -> None:
    stage.market.move(-100)


async def _jitter(stage: Stage) -> None:
    for _ in range(30):
        await _drift(stage, 20, 1, every_s=0.5)
        await _drift(stage, -20, 1, every_s=0.5)


async def _crash(stage: Stage) -> None:
    stage.market.move(-350)


async def _widen(stage: Stage) -> None:
    stage.market.widened_bps = Decimal(400)


async def _lose_base(stage: Stage) -> None:
    stage.account.withdrawn["AURORA"] = Decimal(100)


async def _withdraw(stage: Stage) -> None:
    stage.account.withdrawn["USDT"] = Decimal(95_000)


async def _say(stage: Stage) -> None:
    stage.manual = "Drill: a person engages the firm's kill switch."


async def _halt_and_widen(stage: Stage) -> None:
    await _widen(stage)
    await stage.run(2)
    await _halt(stage)


SCENARIOS: dict[str, Scenario] = {
    "killswitches.any": Scenario(
        provoked="the venue halts the market",
        provoke=_halt,
        args='{switches: ["@slow", "@quick"]}',
        others={"slow": "killswitches.data_lag {max_lag_s: 30}", "quick": "killswitches.market_halt {}"},
    ),
    "killswitches.balance_floor": Scenario(
        provoked="95,000 USDT leave the account", provoke=_withdraw, args="{asset: USDT, min_total: 20000}"
    ),
    "killswitches.clock": Scenario(provoked="the venue's clock runs 3 s ahead", provoke=_skew),
    "killswitches.data_lag": Scenario(provoked="the feed falls silent", provoke=_silence),
    "killswitches.drawdown": Scenario(
        provoked="a profit is won and lost again", provoke=_up_and_down, args="{max_drawdown_quote: 20}"
    ),
    "killswitches.exposure": Scenario(
        provoked="all bids are taken twice", provoke=_two_sweeps, args="{max_exposure_quote: 4000}"
    ),
    "killswitches.fill_rate": Scenario(
        provoked="all bids are taken again and again", provoke=_many_sweeps, args="{max_fills: 30}"
    ),
    "killswitches.inventory": Scenario(
        provoked="all bids are taken twice", provoke=_two_sweeps, args="{max_position_quote: 2500}"
    ),
    "killswitches.loss": Scenario(
        provoked="all bids are taken and the market falls", provoke=_long_and_wrong, args="{max_loss_quote: 20}"
    ),
    "killswitches.manual": Scenario(provoked="a person engages a kill switch", provoke=_say),
    "killswitches.market_halt": Scenario(provoked="the venue halts the market", provoke=_halt),
    "killswitches.order_rate": Scenario(
        provoked="the market jumps to and fro", provoke=_jitter, args="{max_requests: 80, window_s: 10}"
    ),
    "killswitches.price_move": Scenario(provoked="the market falls 3.5 % at once", provoke=_crash),
    "killswitches.quorum": Scenario(
        provoked="the spread widens and the venue halts",
        provoke=_halt_and_widen,
        args='{switches: ["@halt", "@wide", "@old"], needed: 2}',
        others={
            "halt": "killswitches.market_halt {}",
            "wide": "killswitches.spread {for_s: 1}",
            "old": "killswitches.data_lag {}",
        },
    ),
    "killswitches.reconciliation": Scenario(
        provoked="100 AURORA leave the account", provoke=_lose_base, args="{max_mismatch_quote: 100}"
    ),
    "killswitches.reject_storm": Scenario(provoked="the venue refuses every bid", provoke=_refuse),
    "killswitches.response_timeout": Scenario(provoked="the venue answers after 3 s", provoke=_dawdle),
    "killswitches.slippage": Scenario(
        provoked="the market falls 1 % through our bids", provoke=_pick_off, args="{max_slippage_bps: 30}"
    ),
    "killswitches.spread": Scenario(provoked="the spread widens to 8 %", provoke=_widen),
    "killswitches.stale_book": Scenario(provoked="the book freezes while trades go on", provoke=_freeze),
}
