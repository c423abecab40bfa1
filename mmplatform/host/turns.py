"""One key's turns at a venue, kept by the broker for every process that uses the key.

Some venues take a request only with a higher number than any before it. Two processes that count for themselves, a host
and a check of the account, or two hosts, would have one overtake the other and be refused. So whoever asks in a key's
name holds its turn until the answer has come, and learns the last number that anybody used.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Any

from redis.asyncio import Redis

from engine.core.clock import Clock
from engine.execution.rates import Turn
from monitoring.live import BROKER_ERRORS

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 0.002, 0.02
ASK_AGAIN_AFTER_S = 2.0
NUMBER_KEPT_MS = 7 * 86_400_000

_TAKE = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
    return tonumber(redis.call('GET', KEYS[2]) or '0')
end
return -1
"""

_GIVE = """
if tonumber(ARGV[2]) > tonumber(redis.call('GET', KEYS[2]) or '0') then
    redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""
"""KEYS: who has the turn, the last number. ARGV: who asks, …"""


class SharedTurns:
    """One process's hand in the turns of a key: a `KeyTurns` of the engine.

    longest_s   how long a turn may last. Whoever had it is gone by then, and another may have it
    While the broker is away, or when a turn does not come in that time, the process goes on by its own numbers: better
    a request that is refused than a cancel that is not sent.
    """

    def __init__(self, broker: Redis, name: str, *, longest_s: float, clock: Clock) -> None:
        self._broker = broker
        self._name = name
        self._longest_s = longest_s
        self._clock = clock
        self._keys = [f"turn:{{{name}}}:{what}" for what in ("taken", "last")]
        self._ask_at = float("-inf")

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Turn]:
        who = token_hex(8)
        turn = Turn()
        try:
            turn.last = await self._wait(who)
            yield turn
        finally:
            await self._run(_GIVE, [who, turn.last, NUMBER_KEPT_MS])

    async def _wait(self, who: str) -> int:
        until, wait_s = self._clock.monotonic() + self._longest_s, FIRST_WAIT_S
        while True:
            last: int | None = await self._run(_TAKE, [who, round(self._longest_s * 1000)])
            if last is None:
                return 0
            if last >= 0:
                return last
            if self._clock.monotonic() > until:
                log.warning("the turn of %s did not come in %g s; going on without it", self._name, self._longest_s)
                return 0
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _run(self, script: str, arguments: list[Any]) -> Any:
        """The broker's answer; None while it is away, which is not asked about with every request."""
        if self._clock.monotonic() < self._ask_at:
            return None
        try:
            return await self._broker.eval(script, len(self._keys), *self._keys, *arguments)
        except BROKER_ERRORS as error:
            self._ask_at = self._clock.monotonic() + ASK_AGAIN_AFTER_S
            log.warning("the turns of %s are not shared for now, since the broker is away: %s", self._name, error)
            return None
