"""marketmaking.executors.paper: an account on paper within the executor."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.decimals import ONE
from engine.core.params import Bps, Millis, Share, Size, Symbol
from engine.marketmaking.executors import Live
from engine.venues.base import MarketSource
from engine.venues.paper.exchange import PaperExchange


class Paper(Live):
    """Trade on paper against any public market, with an account of its own: one file needs no `exchanges.paper`.

    Orders go through the same gateway and tracker as real ones, and are matched as `exchanges.paper` matches.
    """

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market to trade, as the public source names it")],
        base_balance: Annotated[Decimal, Size(ge=0, help="Base currency at the very first start")],
        quote_balance: Annotated[Decimal, Size(ge=0, help="Quote currency at the very first start")],
        latency_ms: Annotated[int, Millis(ge=0, le=10_000, help="Until a placed order arrives at the venue")] = 20,
        cancel_latency_ms: Annotated[
            int, Millis(ge=0, le=10_000, help="Until a cancel arrives; before it does, the order may still fill")
        ] = 0,
        maker_fee_bps: Annotated[
            Decimal | None, Bps(help="Empty: as the instrument states; negative is a rebate")
        ] = None,
        taker_fee_bps: Annotated[Decimal | None, Bps(help="Empty: as the instrument states")] = None,
        share: Annotated[Decimal, Share(gt=0, live=True, help="Part of each wanted size that is really sent")] = ONE,
    ) -> None:
        self._paper = PaperExchange(
            market=market,
            symbol=symbol,
            base_balance=base_balance,
            quote_balance=quote_balance,
            latency_ms=latency_ms,
            cancel_latency_ms=cancel_latency_ms,
            maker_fee_bps=maker_fee_bps,
            taker_fee_bps=taker_fee_bps,
        )
        super().__init__(exchange=self._paper, symbol=symbol, share=share)

    async def load(self) -> None:
        self._paper.name, self._paper.runtime = self.name, self.runtime
        await self._paper.load()

    async def unload(self) -> None:
        await super().unload()
        await self._paper.unload()
