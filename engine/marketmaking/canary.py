"""marketmaking.executors.canary: the real thing, smaller."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.params import Seconds, Share, Symbol
from engine.marketmaking.executors import Live
from engine.venues.base import Exchange


class Canary(Live):
    """Send orders to the venue at a part of every size, to see a strategy live before it has the whole mandate."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        symbol: Annotated[str, Symbol(help="Market to trade")],
        share: Annotated[Decimal, Share(gt=0, help="Part of each wanted size that is really sent")],
        response_timeout_s: Annotated[
            Decimal, Seconds(gt=0, le=60, help="An order or cancel not answered for this long is unknown")
        ] = Decimal(5),
        audit_every_s: Annotated[
            Decimal, Seconds(ge=1, help="Compare our orders with the venue's list of open orders this often")
        ] = Decimal(15),
    ) -> None:
        super().__init__(
            exchange=exchange, symbol=symbol, response_timeout_s=response_timeout_s, audit_every_s=audit_every_s
        )
        self.share = share
