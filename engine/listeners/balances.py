"""listeners.balances: what the account holds, by the venue's own word."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from engine.core.params import Collaborator, Seconds
from engine.listeners.base import AccountListener
from engine.market.types import Balance
from engine.metrics.events import BalancesChanged
from engine.venues.capabilities import BalanceSource, StreamsBalances
from engine.venues.channel import Reading

Balances = Mapping[str, Balance]


class BalanceListener(AccountListener[Balances]):
    """Keep an account's balances by asset, streamed or polled, and tell when a total changes."""

    def __init__(
        self,
        *,
        exchange: Annotated[BalanceSource | StreamsBalances, Collaborator(help="Account to listen to")],
        interval_s: Annotated[Decimal, Seconds(ge=1, help="Time between two questions, where it is polled")] = Decimal(
            10
        ),
    ) -> None:
        self.exchange = exchange
        self.interval_s = interval_s
        self._told: dict[str, Decimal] = {}

    async def load(self) -> None:
        exchange = self.exchange
        if isinstance(exchange, StreamsBalances):
            self.hear(await exchange.open_balances())
        else:

            async def ask(known: Balances | None) -> Balances:
                return await exchange.balances()

            self.listen("balances", exchange, ask, float(self.interval_s))

    async def unload(self) -> None:
        streamed = self._listening and self._poll is None
        await super().unload()
        if streamed and isinstance(self.exchange, StreamsBalances):
            await self.exchange.close_balances()

    def heard(self, reading: Reading[Balances]) -> None:
        totals = {asset: balance.total for asset, balance in reading.value.items()}
        # An asset the venue no longer lists is gone from the account, and that is a change as well.
        gone = {asset: Balance(asset=asset, free=Decimal(0), locked=Decimal(0)) for asset in self._told}
        changed = [
            balance
            for asset, balance in sorted({**gone, **reading.value}.items())
            if self._told.get(asset, Decimal(0)) != balance.total
        ]
        self._told = totals
        if changed:
            self.tell(BalancesChanged, balances=tuple(changed))
