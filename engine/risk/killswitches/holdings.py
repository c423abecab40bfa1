"""What we hold and could come to hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import ZERO
from engine.core.params import Asset, Money, Size
from engine.market.types import Side
from engine.marketmaking.base import Trip
from engine.risk.base import RiskState


class Inventory(Component):
    """Trip when the position is worth more than the limit, either way."""

    def __init__(
        self,
        *,
        max_position_quote: Annotated[
            Decimal, Money(gt=0, live=True, help="Largest position either way, at mid", example=2500)
        ],
    ) -> None:
        self.max_position_quote = max_position_quote

    def check(self, state: RiskState) -> Trip | None:
        if state.mark is None:
            return None
        position = abs(state.position_base * state.mark)
        if position <= self.max_position_quote:
            return None
        quote = state.feed.instrument.quote
        return Trip(
            switch=self.name,
            reason=f"The position is worth {position:.2f} {quote}, over the limit of {self.max_position_quote}.",
            value=position,
            limit=self.max_position_quote,
        )


class Exposure(Component):
    """Trip when the position would be worth more than the limit if every order of one side filled.

    The guard keeps orders within such a limit as it places them. This is the second line, for what rests although it
    should not: give it some room above the guard's, since a resting order grows in worth with the price.
    """

    def __init__(
        self,
        *,
        max_exposure_quote: Annotated[
            Decimal, Money(gt=0, live=True, help="Position and open orders of the worse side, at mid", example=3000)
        ],
    ) -> None:
        self.max_exposure_quote = max_exposure_quote

    def check(self, state: RiskState) -> Trip | None:
        if state.mark is None:
            return None
        bought = sold = ZERO
        for order in state.orders:
            if order.side is Side.BUY:
                bought += order.exposure_base
            else:
                sold += order.exposure_base
        long, short = state.position_base + bought, sold - state.position_base
        exposure = max(long, short) * state.mark
        if exposure <= self.max_exposure_quote:
            return None
        quote, way = state.feed.instrument.quote, "long" if long >= short else "short"
        return Trip(
            switch=self.name,
            reason=f"With every order filled the position would be {exposure:.2f} {quote} {way}, "
            f"over the limit of {self.max_exposure_quote}.",
            value=exposure,
            limit=self.max_exposure_quote,
        )


class BalanceFloor(Component):
    """Trip when the account holds less of an asset than the floor, open orders included: what fees are paid in, too."""

    def __init__(
        self,
        *,
        asset: Annotated[str, Asset(help="Asset to watch", example="USDT")],
        min_total: Annotated[
            Decimal, Size(gt=0, live=True, unit="of the asset", help="Least to hold of it", example=1000)
        ],
    ) -> None:
        self.asset = asset
        self.min_total = min_total

    def check(self, state: RiskState) -> Trip | None:
        if not state.balances:
            return None  # not read yet, or no account: nothing is known
        balance = state.balances.get(self.asset)
        total = balance.total if balance else ZERO  # venues leave out what is zero
        if total >= self.min_total:
            return None
        return Trip(
            switch=self.name,
            reason=f"The account holds {total.normalize():f} {self.asset}, under the floor of {self.min_total}.",
            value=total,
            limit=self.min_total,
        )
