"""A venue's request budget, counted by the broker for every worker process that spends from it.

Each count is one script, which the broker carries out whole, by the broker's own clock: two workers never both take
what is left. While the broker cannot be reached each worker goes on with a fair, fixed share of what was left when it
went: together they never ask more than the venue allows, at the price of what those leave unused who need less.
"""

from __future__ import annotations

import logging
from itertools import count
from secrets import token_hex
from typing import Any, cast

from redis.asyncio import Redis

from engine.core.clock import Clock
from engine.execution.rates import Budget, KeyTurns, SlidingWindow
from mmplatform.host.turns import SharedTurns
from monitoring.live import BROKER_ERRORS

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 0.25
"""An order that waits for its turn is priced in the past; a broker this slow is as good as gone."""
ASK_AGAIN_AFTER_S = 2.0

_COUNT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
for _, spent in ipairs(gone) do redis.call('DECRBY', KEYS[2], string.match(spent, ':(%d+)$')) end
if #gone > 0 then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) end
local used = tonumber(redis.call('GET', KEYS[2]) or '0')
local configured, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit = math.min(tonumber(redis.call('GET', KEYS[3]) or configured), configured)
local function spend(weight, name, for_ms)
    redis.call('ZADD', KEYS[1], now + for_ms, name .. ':' .. weight)
    redis.call('INCRBY', KEYS[2], weight)
    redis.call('PEXPIRE', KEYS[1], window * 2)
    redis.call('PEXPIRE', KEYS[2], window * 2)
end
"""
"""KEYS: what was spent by when it no longer counts, its sum, the venue's limit, a ban. ARGV: limit, window in ms, …"""

_TAKE = (
    _COUNT
    + """
local name, weight, ceiling_share = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local banned = redis.call('PTTL', KEYS[4])
if banned > 0 then return {banned, used, limit} end
local reserved = math.ceil(ceiling_share * limit / configured)
local excess = used + weight - (limit - reserved)
if excess <= 0 then
    spend(weight, name, window)
    return {0, used + weight, limit}
end
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for at = 1, #all, 2 do
    excess = excess - tonumber(string.match(all[at], ':(%d+)$'))
    if excess <= 0 then return {math.max(1, all[at + 1] - now), used, limit} end
end
return {window, used, limit}
"""
)

_OBSERVE = (
    _COUNT
    + """
local name, told, told_limit, reset = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if told_limit > 0 then redis.call('SET', KEYS[3], math.min(told_limit, configured), 'PX', 3600000) end
if told > used then spend(told - used, name, reset) end
return {used, limit}
"""
)

_BAN = """
if redis.call('PTTL', KEYS[4]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[4], '1', 'PX', ARGV[1]) end
return 0
"""


class SharedBudget:
    """One worker's hand in a budget that several spend from. A `Budget` of the engine.

    workers   how many may spend from it at once: each one's share while the broker is away
    """

    def __init__(
        self, broker: Redis, name: str, *, limit: int, window_s: float, reserve: int, workers: int, clock: Clock
    ) -> None:
        self._broker = broker
        self._name = name
        self._configured = self._limit = limit
        self._window_ms = max(1, round(window_s * 1000))
        self._reserve = reserve
        self._workers = max(1, workers)
        self._clock = clock
        self._keys = [f"budget:{{{name}}}:{what}" for what in ("spent", "used", "limit", "ban")]
        self._numbers = count()
        self._who = token_hex(6)
        share = max(1, limit // self._workers)
        self._own = SlidingWindow(clock, limit=share, window_s=window_s, reserve=reserve * share // limit)
        """What this worker spent itself, by which it goes on alone."""
        self._used = 0
        self._away = False
        self._ask_at = float("-inf")

    async def capacity(self, *, with_reserve: bool) -> int:
        if self._away:
            return await self._own.capacity(with_reserve=with_reserve)
        return self._limit if with_reserve else self._limit - -(-self._reserve * self._limit // self._configured)

    async def used(self) -> int:
        return await self._own.used() if self._away else self._used

    async def take(self, weight: int, *, with_reserve: bool) -> float:
        answer = await self._ask(_TAKE, weight, 0 if with_reserve else self._reserve)
        if answer is None:
            return await self._own.take(weight, with_reserve=with_reserve)
        wait_ms, self._used, self._limit = (int(number) for number in answer)
        if not wait_ms:
            self._own.note(weight)
        return wait_ms / 1000

    async def observe(self, used: int, *, limit: int | None = None, reset_s: float | None = None) -> None:
        reset_ms = self._window_ms if reset_s is None else max(1, round(reset_s * 1000))
        if await self._ask(_OBSERVE, used, limit or 0, reset_ms) is None:
            await self._own.observe(used // self._workers, reset_s=reset_s)

    async def ban(self, seconds: float) -> None:
        await self._own.ban(seconds)
        await self._run(_BAN, [max(1, round(seconds * 1000))])

    async def _ask(self, script: str, *arguments: int) -> list[Any] | None:
        name = f"{self._who}-{next(self._numbers)}"
        return await self._run(script, [self._configured, self._window_ms, name, *arguments])

    async def _run(self, script: str, arguments: list[Any]) -> list[Any] | None:
        """The broker's answer; None while it is away, which is not asked about with every request."""
        if self._clock.monotonic() < self._ask_at:
            return None
        try:
            answer = await self._broker.eval(script, len(self._keys), *self._keys, *arguments)
        except BROKER_ERRORS as error:
            await self._go_on_alone(error)
            return None
        if self._away:
            self._away = False
            log.info("the budget %s is shared again", self._name)
        return cast(list[Any], answer)

    async def _go_on_alone(self, error: BaseException) -> None:
        self._ask_at = self._clock.monotonic() + ASK_AGAIN_AFTER_S
        if self._away:
            return
        self._away = True
        share = await self._own.capacity(with_reserve=True)
        left = max(0, self._limit - self._used) // self._workers
        self._own.note(share - left - await self._own.used())
        log.warning("the budget %s is not shared for now, since the broker is away: %s", self._name, error)


class SharedBudgets:
    """Opens the budgets of one host: a `NewBudget` of the engine."""

    def __init__(self, broker_url: str, *, workers: int, clock: Clock) -> None:
        self._broker = Redis.from_url(
            broker_url,
            socket_timeout=ANSWER_WITHIN_S,
            socket_connect_timeout=ANSWER_WITHIN_S,
            retry=None,
            retry_on_error=[],
        )
        self._workers = workers
        self._clock = clock

    def __call__(self, name: str, *, limit: int, window_s: float, reserve: int) -> Budget:
        return SharedBudget(
            self._broker,
            name,
            limit=limit,
            window_s=window_s,
            reserve=reserve,
            workers=self._workers,
            clock=self._clock,
        )

    def turns(self, name: str, *, longest_s: float) -> KeyTurns:
        return SharedTurns(self._broker, name, longest_s=longest_s, clock=self._clock)

    async def close(self) -> None:
        await self._broker.aclose()
