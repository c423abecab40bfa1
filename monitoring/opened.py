"""An explained tick laid out for reading: what each stage did, level by level, and what was done about every slot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from engine.core.decimals import BPS, WIDE
from engine.market.types import Side
from engine.marketmaking.draft import LANE
from engine.metrics.explained import Act, Action, Input, Kind, Rung, Stage, TickExplained
from monitoring.templatetags.figures import figure, signed

OLD_MS = 5000
"""An input this old when it was used is pointed out."""

Slot = tuple[Side, int]

_TITLES = {Kind.STRATEGY: "Strategy", Kind.MODIFIER: "Modifier", Kind.ROUNDING: "Rounding", Kind.RISK: "Risk"}
_UNMOVED = Decimal("0.005")


@dataclass(frozen=True)
class Cell:
    """One slot after one stage. `moved` is how far the price went, in words; both empty where nothing changed."""

    price: str
    exact: str
    size: str
    moved: str = ""
    is_gone: bool = False
    is_same: bool = False


@dataclass(frozen=True)
class Step:
    """One stage of the way: who, what it did to the orders, and why."""

    title: str
    by: str
    does: str
    effect: str
    because: tuple[str, ...]
    has_acted: bool


@dataclass(frozen=True)
class Row:
    side: str
    name: str
    cells: tuple[Cell, ...]
    action: Action | None


@dataclass(frozen=True)
class Opened:
    told: TickExplained
    steps: tuple[Step, ...]
    columns: tuple[Step, ...]
    """The stages that changed something, the strategy first: one column each."""
    asks: tuple[Row, ...]
    """Outermost first, so that the mid stands between asks and bids as in a ladder."""
    bids: tuple[Row, ...]
    left_out: int
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Told:
    """A run of ticks that say the same: the newest, and how many."""

    newest: TickExplained
    oldest_ns: int
    count: int


def runs(ticks: Sequence[TickExplained]) -> list[Told]:
    """Ticks newest first as runs of those that say the same, so that a change stands out."""
    found = []
    for _, same in groupby(ticks, key=lambda told: (told.verdict, told.cause, told.state)):
        run = list(same)
        found.append(Told(run[0], run[-1].ts_ns, len(run)))
    return found


def opened(told: TickExplained) -> Opened:
    reference = next((each.value for each in told.inputs if each.name == "reference price"), None)
    places = _places(told)
    steps: list[Step] = []
    columns: list[tuple[Step, dict[Slot, Cell]]] = []
    before: dict[Slot, Rung] = {}
    for stage in told.stages:
        after = before if stage.rungs is None else {(rung.side, rung.level): rung for rung in stage.rungs}
        step = _step(stage, before, after, reference)
        steps.append(step)
        if step.has_acted or stage.kind is Kind.STRATEGY:
            columns.append((step, _cells(stage, before, after, reference, places, told)))
        before = after
    actions = {(action.side, action.level): action for action in told.actions}
    slots = {slot for _, cells in columns for slot in cells} | set(actions)

    def rows(side: Side, *, outermost_first: bool) -> tuple[Row, ...]:
        levels = sorted((level for where, level in slots if where is side), reverse=outermost_first)
        return tuple(
            Row(
                side.value,
                _name(side, level),
                tuple(cells.get((side, level), _NOTHING) for _, cells in columns),
                actions.get((side, level)),
            )
            for level in levels
        )

    return Opened(
        told=told,
        steps=tuple(steps),
        columns=tuple(step for step, _ in columns),
        asks=rows(Side.SELL, outermost_first=True),
        bids=rows(Side.BUY, outermost_first=False),
        left_out=max((stage.left_out for stage in told.stages), default=0),
        counts=tuple((act.value, count) for act in Act if (count := sum(action.act is act for action in told.actions))),
    )


_NOTHING = Cell("", "", "", is_same=True)


def is_old(each: Input) -> bool:
    return each.age_ms is not None and each.age_ms > OLD_MS


def _step(stage: Stage, before: dict[Slot, Rung], after: dict[Slot, Rung], reference: Decimal | None) -> Step:
    acted = stage.rungs is not None and after != before
    effect = _effect(stage, before, after, reference) if acted else "changes nothing"
    return Step(
        title=_TITLES[stage.kind],
        by=stage.by,
        does=stage.does,
        effect="wants no orders" if stage.kind is Kind.STRATEGY and not after else effect,
        because=stage.because,
        has_acted=acted,
    )


def _effect(stage: Stage, before: dict[Slot, Rung], after: dict[Slot, Rung], reference: Decimal | None) -> str:
    if stage.kind is Kind.STRATEGY:
        counts = ((Side.BUY, "bid"), (Side.SELL, "ask"))
        return " and ".join(_count(sum(where is side for where, _ in after), what) for side, what in counts)
    words = [
        *_left_out(before, after),
        *(_moved(what, side, before, after, reference) for side, what in ((Side.BUY, "bids"), (Side.SELL, "asks"))),
        _resized(stage, before, after),
    ]
    return ", ".join(filter(None, words))


def _left_out(before: dict[Slot, Rung], after: dict[Slot, Rung]) -> Iterable[str]:
    if gone := sum(slot not in after for slot in before):
        yield f"leaves out {gone} of {len(before)}" if after else f"leaves out all {gone}"
    if new := sum(slot not in before for slot in after):
        yield f"adds {new}"


def _moved(what: str, side: Side, before: dict[Slot, Rung], after: dict[Slot, Rung], reference: Decimal | None) -> str:
    """How far a side went, in basis points of the reference price; a range where not all went equally far."""
    if not reference:
        return ""
    shared = [slot for slot in after if slot in before and slot[0] is side]
    moves = [WIDE.subtract(after[slot].price, before[slot].price) for slot in shared]
    if not any(moves):
        return ""
    low, high = (_bps(move, reference) for move in (min(moves), max(moves)))
    return f"{what} {low} bps" if low == high else f"{what} {low} to {high} bps"


def _resized(stage: Stage, before: dict[Slot, Rung], after: dict[Slot, Rung]) -> str:
    if stage.kind is Kind.ROUNDING:
        return ""
    pairs = [(before[slot].size, rung.size) for slot, rung in after.items() if slot in before]
    changed = [(old, new) for old, new in pairs if old != new and old]
    if not changed:
        return ""
    factors = {f"{new / old:.4g}" for old, new in changed}
    return f"sizes × {factors.pop()}" if len(factors) == 1 else f"{len(changed)} sizes changed"


def _cells(
    stage: Stage,
    before: dict[Slot, Rung],
    after: dict[Slot, Rung],
    reference: Decimal | None,
    places: int,
    told: TickExplained,
) -> dict[Slot, Cell]:
    cells = {slot: Cell("left out", "", "", is_gone=True) for slot in before if slot not in after}
    for slot, rung in after.items():
        old = before.get(slot)
        moved = WIDE.subtract(rung.price, old.price) if old is not None else Decimal(0)
        # A price that is not rounded yet shows two places more than the market has; its title shows all of them.
        shown = places if stage.kind in (Kind.ROUNDING, Kind.RISK) else places + 2
        cells[slot] = Cell(
            price=figure(rung.price, shown),
            exact=f"{rung.price:f}",
            size=f"{figure(rung.size)} {told.quote if rung.in_quote else told.base}",
            moved=f"{_bps(moved, reference)} bps" if moved and reference else "",
            is_same=old == rung,
        )
    return cells


def _bps(moved: Decimal, reference: Decimal) -> str:
    bps = moved / reference * BPS
    return signed(bps, 2) if abs(bps) >= _UNMOVED else ("<0.01" if bps else "0")


def _places(told: TickExplained) -> int:
    """The decimals of the market's prices, as rounding left them."""
    rounded = [rung for stage in told.stages if stage.kind is Kind.ROUNDING for rung in stage.rungs or ()]
    prices = [rung.price for rung in rounded] or [each.value for each in told.inputs if each.name.startswith("best")]
    exponents = [-int(price.as_tuple().exponent) for price in prices if price is not None]
    return max(0, *exponents) if exponents else 2


def _name(side: Side, level: int) -> str:
    """As notes call it: "Bid 1" is the innermost. A second slot of one level is marked, see `hanging_orders`."""
    lane, number = divmod(level, LANE)
    return f"{'Bid' if side is Side.BUY else 'Ask'} {number + 1}{'′' * lane}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
