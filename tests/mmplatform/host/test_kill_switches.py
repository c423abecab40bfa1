"""Kill switches on real hosts: trips are latched in the database, and each scope halts exactly what it covers (Q8)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from clients.errors import Refusal
from exchanges.models import ExchangeAccount, Market, Venue
from mmplatform.host import records
from strategies import services
from strategies.models import KillSwitch, Revision
from tests.mmplatform.host.conftest import YAML, Desk
from tests.mmplatform.host.test_host import Watch, watch  # noqa: F401  (a fixture)


def guarded_by(desk: Desk, switch: str) -> None:
    """From here on the desk's deployments run with this kill switch."""
    yaml = YAML.replace("{id: killswitches.manual}", switch)
    assert yaml != YAML
    number = desk.revision.number + 1
    desk.revision = desk.run(
        lambda: Revision.objects.create(
            client=desk.client,
            strategy=desk.revision.strategy,
            number=number,
            yaml=yaml,
            sha256=str(number) * 64,
            author=desk.author,
        )
    )


async def test_a_trip_is_latched_and_a_restart_does_not_forget_it(watch: Watch, desk: Desk) -> None:  # noqa: F811
    guarded_by(desk, "{id: killswitches.order_rate, args: {max_requests: 1}}")
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host():
        reason = await watch.until_state(deployment, "halted")
        assert "orders and cancels were sent within 10 s, over the limit of 1." in reason
        assert watch.resting(deployment) == 0
        await watch.until(lambda: watch.one("select count(*) from strategies_killswitch"))
    assert watch.one("select scope, reason, engaged_by_id from strategies_killswitch") == ("deployment", reason, None)
    kinds = watch.one(
        "select array_agg(kind order by id) from monitoring_deploymentevent where kind in ('risk', 'halt')"
    )
    assert kinds[:2] == ["risk", "halt"]

    async with watch.host():
        proofs = "select count(*) from monitoring_deploymentevent where kind = 'halt'"
        await watch.until(lambda: watch.one(proofs) == 2)  # the new holder has asked the venue for itself
        with pytest.raises(Refusal, match=r"may not start\. Deployment kill switch, engaged by the engine"):
            watch.command("start", deployment)
        assert watch.state(deployment) == ("halted", reason)
        watch.command("reset", deployment, "looked into it")
        assert await watch.until_state(deployment, "paused") == "looked into it"
        assert watch.resting(deployment) == 0


ENGAGE: dict[str, Callable[[Desk], Any]] = {
    "venue": lambda desk: services.venue_halt(venue=desk.venue, actor=desk.author, reason="drill"),
    "client": lambda desk: services.client_halt(client=desk.client, actor=desk.author, reason="drill"),
    "account": lambda desk: services.account_halt(account=desk.account, actor=desk.author, reason="drill"),
    "mandate": lambda desk: services.mandate_halt(mandate=desk.mandate, actor=desk.author, reason="drill"),
}


async def test_each_scope_halts_what_it_covers_and_lets_the_rest_quote(watch: Watch, desk: Desk) -> None:  # noqa: F811
    """Two deployments that differ in venue, account and mandate, of one client: only the client's switch takes both."""
    mine = desk.deployment()
    move_elsewhere(desk)
    other = desk.deployment()
    for each in (mine, other):
        watch.command("start", each)
    async with watch.host():
        await watch.until(lambda: watch.resting(mine) == 4 and watch.resting(other) == 4)
        for scope in ("account", "venue", "mandate"):
            switch = desk.run(lambda scope=scope: ENGAGE[scope](desk.first))  # type: ignore[misc]
            assert "drill" in await watch.until_state(mine, "halted")
            assert (watch.state(other)[0], watch.resting(mine), watch.resting(other)) == ("active", 0, 4)
            with pytest.raises(Refusal, match=f"{scope.capitalize()} kill switch, engaged by author"):
                watch.command("start", mine)
            desk.run(
                lambda switch=switch: services.kill_switch_reset(switch=switch, actor=desk.author, reason="over")  # type: ignore[misc]
            )
            await watch.until_state(mine, "paused")
            watch.command("start", mine)
            await watch.until(lambda: watch.resting(mine) == 4)
        desk.run(lambda: ENGAGE["client"](desk))
        for each in (mine, other):
            await watch.until_state(each, "halted")


def move_elsewhere(desk: Desk) -> None:
    """What the desk makes from here on trades at another venue, with another account, for another mandate."""
    desk.first = Named(venue=desk.venue, account=desk.account, mandate=desk.mandate, author=desk.author)  # type: ignore[attr-defined]

    def furnish() -> None:
        market = desk.market
        desk.venue = Venue.objects.create(
            slug="sim-2", name="Another", kind=desk.venue.kind, component=desk.venue.component
        )
        desk.account = ExchangeAccount.objects.create(client=desk.client, venue=desk.venue, name="paper")
        desk.market = Market.objects.create(
            venue=desk.venue,
            symbol=market.symbol,
            base=market.base,
            quote=market.quote,
            tick_size=market.tick_size,
            lot_size=market.lot_size,
            component_args=market.component_args,
        )
        desk.mandate = type(desk.mandate).objects.create(
            client=desk.client, slug="aurora-2", name="AURORA/USDT 2", base="AURORA", quote="USDT"
        )

    desk.run(furnish)


class Named:
    """The venue, account and mandate of a deployment made earlier."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__ |= fields


async def test_a_new_holder_learns_the_peak_of_pnl_since_the_last_reset(desk: Desk, connect: Any) -> None:
    guarded_by(desk, "{id: killswitches.drawdown, args: {max_drawdown_quote: 10}}")
    deployment = desk.deployment(token=7)
    connection: psycopg.AsyncConnection = await connect()

    async def peak() -> Decimal | None:
        record = await records.read(connection, deployment.pk, 7)
        assert record is not None
        return record.restore.peak_pnl_quote

    async def recorded(table: str, ago: str, realised: float, unrealised: float, fees: float) -> None:
        average = "" if table.endswith("hot") else "_avg"
        extra, value = ("state", "'active'") if table.endswith("hot") else ("samples", "60")
        await connection.execute(
            f"insert into {table} (deployment_id, client_id, ts, {extra}, realised_quote{average}, "
            f"unrealised_quote{average}, fees_quote{average}) "
            f"values (%s, %s, now() - %s::interval, {value}, %s, %s, %s)",
            (deployment.pk, desk.client.pk, ago, realised, unrealised, fees),
        )

    assert await peak() is None
    await recorded("monitoring_sample_1h", "5 hours", 100, 30, 5)
    await recorded("monitoring_sample_1h", "4 hours", 20, 30, 5)
    assert await peak() == Decimal(125)
    await recorded("monitoring_sample_hot", "5 seconds", 100, 50, 5)
    assert await peak() == Decimal(145)

    await connection.execute(
        "insert into strategies_killswitch"
        " (scope, client_id, deployment_id, reason, engaged_at, reset_at, reset_reason)"
        " values ('deployment', %s, %s, 'drawdown', now() - interval '3 hours', now() - interval '1 hour', 'seen')",
        (desk.client.pk, deployment.pk),
    )
    await connection.execute("delete from monitoring_sample_hot")
    assert await peak() is None
    await recorded("monitoring_sample_hot", "4 seconds", 10, 2.5, 1)
    assert await peak() == Decimal("11.5")
    switch = desk.run(lambda: KillSwitch.objects.get())
    assert switch.reset_reason == "seen"
