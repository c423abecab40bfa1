"""Who may run what: leases with fencing tokens, decided by the database.

A host process holds one slot and any number of deployments, each with a token from one rising sequence and an expiry.
Everything is renewed each second in one statement. A row whose token changed belongs to somebody else. The `Permit`
is the host's own, pessimistic view of the same lease: it counts from the moment a renewal was *sent*, ends a margin
before the database lets anyone else in, and is asked before every send to a venue.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

from strategies.choices import Mode, SlotKind

Connection = psycopg.AsyncConnection


def boottime() -> float:
    """Seconds that also pass while the machine sleeps: a suspended host must wake up without its permit."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True)
class Timing:
    """Seconds. A host that cannot renew is silent `ttl - margin` after its last renewal was sent, whatever happens."""

    ttl_s: float = 4.0
    renew_s: float = 1.0
    margin_s: float = 0.5
    """How long before the database's expiry our own permit ends."""
    silence_s: float = 1.0
    """How long before the end of the permit resting orders are cancelled, while we still may."""
    grace_s: float = 3.0
    """After a restart of the database an expired lease is left to its holder this long, to write what it still has."""
    settle_s: float = 4.0
    """How long a slot waits for the other slots of its kind before taking more than its own share."""


class Permit:
    """Permission to act on a venue until the lease may belong to somebody else. See engine.core.component.Permit."""

    def __init__(self, timing: Timing, now: Callable[[], float] = boottime) -> None:
        self._life_s = timing.ttl_s - timing.margin_s
        self._now = now
        self._until: float | None = None
        self._over = False

    def valid(self) -> bool:
        return self.remaining_s > 0

    @property
    def remaining_s(self) -> float:
        """Seconds until the permit ends; zero or less once it has, or before the first renewal."""
        if self._over or self._until is None:
            return 0.0
        return self._until - self._now()

    def extend(self, renewal_sent: float) -> None:
        """A renewal sent at this moment succeeded. A permit that has run out once never comes back."""
        if self._until is not None and not self.valid():
            self._over = True
        self._until = max(self._until or renewal_sent, renewal_sent + self._life_s)

    def end(self) -> None:
        self._over = True


@dataclass(frozen=True)
class Slot:
    id: int
    name: str
    kind: str
    token: int


@dataclass(frozen=True)
class Claim:
    """A deployment just taken. `lost_slot` names the holder that disappeared; None for a planned change."""

    id: int
    token: int
    lost_slot: str | None


class Standing(NamedTuple):
    """What a renewal read about one of our deployments. Hundreds of them are read each second."""

    id: int
    token: int
    renewed: bool
    wanted: str
    wanted_reason: str
    command: int
    kill_reason: str
    """Why it may not trade: a kill switch that covers it, a market that does not trade, a key that is refused."""
    facts: str
    """Changes when what the service was built with has changed: facts of its market, credentials of its account. Empty
    while those have not been checked."""
    ended: bool


@dataclass(frozen=True)
class Renewal:
    slot_held: bool
    desired: bool
    standings: Mapping[int, Standing]


MODES: Mapping[str, tuple[str, ...]] = {
    SlotKind.ENGINE: (Mode.SHADOW.value, Mode.PAPER.value, Mode.LIVE.value),
    SlotKind.REHEARSAL: (Mode.REPLAY.value,),
}
"""Replays run in slots of their own, so that no rehearsal can disturb quoting."""

COVERS = """(
    k.scope = 'firm'
    or (k.scope = 'venue' and k.venue_id = (select m.venue_id from exchanges_market m where m.id = d.market_id))
    or (k.scope = 'client' and k.client_id = d.client_id)
    or (k.scope = 'account' and k.account_id = d.account_id)
    or (k.scope = 'mandate' and k.mandate_id = d.mandate_id)
    or (k.scope = 'deployment' and k.deployment_id = d.id))
"""
"""The condition under which a kill switch k covers a deployment d: the rule of `strategies.selectors.covering`."""

COVERING = f"""
    select k.reason from strategies_killswitch k where k.reset_at is null and {COVERS} order by k.id limit 1
"""
"""A scalar subquery over `strategies_deployment d`: the reason of a kill switch that covers it."""

KILL_REASON = f"""
    coalesce(({COVERING}), (
        select case
            when d.mode = 'replay' then null
            when m.state = 'delisted' then format('%%s was taken off the list of %%s.', m.symbol, v.name)
            when m.state = 'halted' then format('%%s does not trade %%s at present.', v.name, m.symbol)
            when d.mode = 'live' and c.verdict = 'refused' then
                format('The key of %%s is refused. %%s', a.name, c.verdict_reason)
        end
        from exchanges_market m
        join exchanges_venue v on v.id = m.venue_id
        join exchanges_exchangeaccount a on a.id = d.account_id
        left join exchanges_sealedcredentials c on c.account_id = d.account_id
        where m.id = d.market_id
    ), '')
"""
"""Over `strategies_deployment d`: why it may not trade, or an empty string. Twin of `strategies.selectors.barred`."""

FACTS = """
    (select case
        when c.verdict = 'unchecked' then ''
        else format('%%s/%%s/%%s/%%s/%%s', d.revision_id, d.share, m.facts_version, c.serial, v.endpoint_override)
     end
     from exchanges_market m
     join exchanges_venue v on v.id = m.venue_id
     left join exchanges_sealedcredentials c on c.account_id = d.account_id and d.mode = 'live'
     where m.id = d.market_id)
"""
"""Over `strategies_deployment d`: another text whenever what its service was built with has changed; empty while its
key waits to be checked, with which nothing is built anew."""

STANDING = f"d.wanted, d.wanted_reason, d.command, {KILL_REASON}, {FACTS}, d.ended_at is not null"
"""Over `strategies_deployment d`: the fields of `Standing` from `wanted` on."""


def _free(expires_at: str, held: str) -> str:
    """The condition under which a lease may be taken; `held` says that somebody has it without having released it."""
    return f"""
        ({expires_at} is null or ({expires_at} < clock_timestamp() and (
            ({held}) is not true
            or clock_timestamp() > pg_postmaster_start_time() + make_interval(secs => %(grace_s)s))))
    """


async def acquire_slot(connection: Connection, *, name: str, owner: str, timing: Timing) -> Slot | None:
    """Take a slot whose lease has run out; None when somebody holds it or nobody wants it filled."""
    async with connection.cursor(row_factory=class_row(Slot)) as cursor:
        await cursor.execute(
            f"""
            update strategies_hostslot
            set owner = %(owner)s, token = nextval('mm_fence'), beats = 0, stats = '{{}}',
                started_at = clock_timestamp(),
                expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s)
            where name = %(name)s and desired and {_free("expires_at", "owner <> ''")}
            returning id, name, kind, token
            """,
            {"name": name, "owner": owner, "ttl_s": timing.ttl_s, "grace_s": timing.grace_s},
        )
        return await cursor.fetchone()


async def renew(connection: Connection, slot: Slot, held: Mapping[int, int], timing: Timing) -> Renewal:
    """Extend the slot and every deployment `held` (id -> token) in one statement, and read what people want of them.

    A deployment whose row is locked by somebody else just now is left for the next second; its token still tells
    whether it is ours.
    """
    async with connection.cursor() as cursor:
        await cursor.execute(
            f"""
            with slot as (
                update strategies_hostslot
                set expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s), beats = beats + 1
                where id = %(slot)s and token = %(token)s
                returning desired
            ), ours as (
                select * from unnest(%(ids)s::bigint[], %(tokens)s::bigint[]) as ours(id, token)
            ), free as (
                select d.id from strategies_deployment d join ours using (id, token)
                where exists (select from slot)
                order by d.id for no key update of d skip locked
            ), renewed as (
                update strategies_deployment d
                set expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s)
                from free where d.id = free.id
                returning d.id
            )
            select slot.desired, d.id, d.token, renewed.id is not null as renewed, {STANDING}
            from slot
            left join ours on true
            left join strategies_deployment d on d.id = ours.id
            left join renewed on renewed.id = d.id
            """,
            {
                "slot": slot.id,
                "token": slot.token,
                "ids": list(held),
                "tokens": list(held.values()),
                "ttl_s": timing.ttl_s,
            },
        )
        rows = await cursor.fetchall()
    return Renewal(
        slot_held=bool(rows),
        desired=bool(rows and rows[0][0]),
        standings={row[1]: Standing(*row[1:]) for row in rows if row[1] is not None},
    )


async def read_standings(connection: Connection, ids: list[int]) -> list[Standing]:
    """What people want of some deployments, read when notifications name them."""
    async with connection.cursor() as cursor:
        await cursor.execute(
            f"""
            select d.id, d.token, false as renewed, {STANDING}
            from strategies_deployment d where d.id = any(%s)
            """,
            (ids,),
        )
        return [Standing(*row) for row in await cursor.fetchall()]


@dataclass(frozen=True)
class Load:
    """How much there is to hold for one kind of slot, and how many share it."""

    deployments: int
    desired_slots: int
    live_slots: int
    """Slots with a living host that has been there long enough to count on."""

    def own_share(self) -> int:
        """What a slot takes at once, leaving their part to slots that are only just starting."""
        return -(-self.deployments // max(self.desired_slots, 1))

    def full_share(self) -> int:
        """What a slot takes when the others do not come."""
        return -(-self.deployments // max(self.live_slots, 1))


async def read_load(connection: Connection, slot: Slot, timing: Timing) -> Load:
    async with connection.cursor(row_factory=class_row(Load)) as cursor:
        await cursor.execute(
            """
            select
                (select count(*) from strategies_deployment
                 where mode = any(%(modes)s) and ended_at is null) as deployments,
                (select count(*) from strategies_hostslot where kind = %(kind)s and desired) as desired_slots,
                (select count(*) from strategies_hostslot
                 where kind = %(kind)s and desired and expires_at > clock_timestamp()
                   and (id = %(slot)s or beats > %(steady_beats)s)) as live_slots
            """,
            {
                "modes": list(MODES[slot.kind]),
                "kind": slot.kind,
                "slot": slot.id,
                "steady_beats": int(2 * timing.settle_s / timing.renew_s),
            },
        )
        load = await cursor.fetchone()
        assert load is not None
        return load


async def claim(
    connection: Connection, slot: Slot, *, limit: int, timing: Timing, free_for_s: float = 0.0
) -> list[Claim]:
    """Take up to `limit` deployments nobody holds, oldest first, each under a new token.

    `for update` waits out (here: skips) a write in flight under the old token, since writers hold the row by key share.
    """
    if limit <= 0:
        return []
    async with connection.cursor(row_factory=class_row(Claim)) as cursor:
        await cursor.execute(
            f"""
            with free as (
                select d.id, s.name as lost_slot
                from strategies_deployment d left join strategies_hostslot s on s.id = d.slot_id
                where d.mode = any(%(modes)s) and d.ended_at is null
                  and {_free("d.expires_at", "d.slot_id is not null")}
                  and (%(free_for_s)s = 0 or coalesce(d.expires_at, d.created_at)
                                             < clock_timestamp() - make_interval(secs => %(free_for_s)s))
                  and exists (select from strategies_hostslot mine
                              where mine.id = %(slot)s and mine.token = %(token)s
                                and mine.expires_at > clock_timestamp())
                order by d.id limit %(limit)s
                for update of d skip locked
            )
            update strategies_deployment d
            set slot_id = %(slot)s, token = nextval('mm_fence'),
                expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s)
            from free where d.id = free.id
            returning d.id, d.token, free.lost_slot
            """,
            {
                "modes": list(MODES[slot.kind]),
                "free_for_s": free_for_s,
                "grace_s": timing.grace_s,
                "slot": slot.id,
                "token": slot.token,
                "limit": limit,
                "ttl_s": timing.ttl_s,
            },
        )
        return await cursor.fetchall()


async def renew_token(connection: Connection, *, deployment_id: int, token: int, timing: Timing) -> int | None:
    """Give one of our deployments a new token, for a component tree built anew; None when it is no longer ours."""
    cursor = await connection.execute(
        """
        update strategies_deployment
        set token = nextval('mm_fence'), expires_at = clock_timestamp() + make_interval(secs => %s)
        where id = %s and token = %s returning token
        """,
        (timing.ttl_s, deployment_id, token),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def release_deployment(connection: Connection, *, deployment_id: int, token: int, in_order: bool = True) -> None:
    """Hand a deployment back. In order means: nothing rests, everything is written, whoever comes next may go on."""
    await connection.execute(
        """
        update strategies_deployment
        set slot_id = case when %s then null else slot_id end, expires_at = clock_timestamp()
        where id = %s and token = %s
        """,
        (in_order, deployment_id, token),
    )


async def release_slot(connection: Connection, slot: Slot) -> None:
    """Leave the slot free at once. Deployments not released before count as left by a lost host."""
    await connection.execute(
        "update strategies_hostslot set owner = '', expires_at = clock_timestamp() where id = %s and token = %s",
        (slot.id, slot.token),
    )
