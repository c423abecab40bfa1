"""marketmaking.executors.canary: the real thing, smaller."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.params import Collaborator, Flag, Seconds, Share, Symbol
from engine.execution.dead_mans_switch import DeadMansSwitch
from engine.marketmaking.executors import Live
from engine.venues.base import Exchange


class Canary(Live):
    """Send orders to the venue at a part of every size, to see a strategy live before it has the whole mandate."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        symbol: Annotated[str, Symbol(help="Market to trade")],
        share: Annotated[Decimal, Share(gt=0, live=True, help="Part of each wanted size that is really sent")],
        response_timeout_s: Annotated[
            Decimal, Seconds(gt=0, le=60, help="An order or cancel not answered for this long is unknown")
        ] = Decimal(5),
        audit_every_s: Annotated[
            Decimal, Seconds(ge=1, help="Compare our orders with the venue's list of open orders this often")
        ] = Decimal(15),
        max_order_age_s: Annotated[
            Decimal, Seconds(ge=1, help="Replace an order that has rested for this long")
        ] = Decimal(1800),
        dead_mans_switch: Annotated[
            DeadMansSwitch | None, Collaborator(help="Clears the venue when this process falls silent")
        ] = None,
        amend_in_place: Annotated[
            bool,
            Flag(help="Reduce an order that is too large without losing its place, where the venue can", live=True),
        ] = False,
    ) -> None:
        super().__init__(
            exchange=exchange,
            symbol=symbol,
            response_timeout_s=response_timeout_s,
            audit_every_s=audit_every_s,
            max_order_age_s=max_order_age_s,
            dead_mans_switch=dead_mans_switch,
            amend_in_place=amend_in_place,
            share=share,
        )
