"""Row-level security, tried from the side of Charlie, whose client is not Alice's (A5)."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from clients.models import Client, Mandate
from clients.tenancy import tenant
from exchanges.models import Market, Venue
from strategies.choices import KillScope
from strategies.models import Deployment, KillSwitch, Revision
from tests.world import World

TENANT_TABLES = """
SELECT c.oid::regclass::text, c.relrowsecurity, c.relkind::text
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'client_id' AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
ORDER BY 1
"""
"""From the catalog, not from a list, so that a new table without a policy fails here."""


def rows(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def who() -> tuple[str, str]:
    return rows("SELECT current_user, coalesce(current_setting('app.client_id', true), '')")[0]


def test_every_table_with_a_client_is_under_row_level_security(world: World) -> None:
    tables = {name: secured for name, secured, kind in rows(TENANT_TABLES) if kind in "rp"}
    assert "strategies_deployment" in tables
    assert [name for name, secured in tables.items() if not secured] == []


def test_every_view_with_a_client_reads_with_the_rights_of_its_reader(world: World) -> None:
    views = [name for name, _, kind in rows(TENANT_TABLES) if kind in "vm"]
    for view in views:
        options = rows(f"SELECT reloptions FROM pg_class WHERE oid = '{view}'::regclass")[0][0]
        assert "security_invoker=true" in (options or []), view


def test_a_tenant_sees_no_row_of_another_client_in_any_table(world: World) -> None:
    with tenant(world.cedar.client.pk):
        for table, _, _ in rows(TENANT_TABLES):
            # Keeping a table, or a column, from the portal altogether is as good.
            if rows(f"SELECT has_column_privilege('{table}', 'client_id', 'SELECT')")[0][0]:
                foreign = rows(f"SELECT count(*) FROM {table} WHERE client_id IS DISTINCT FROM {world.cedar.client.pk}")
                assert foreign == [(0,)], table


def test_the_orm_inside_the_block_sees_one_client(world: World) -> None:
    with tenant(world.cedar.client.pk):
        assert list(Client.objects.all()) == [world.cedar.client]
        assert list(Mandate.objects.all()) == [world.cedar.mandate]
        assert list(Deployment.objects.all()) == [world.cedar.deployment]
        assert not Mandate.objects.filter(pk=world.acorn.mandate.pk).exists()


def test_markets_and_venues_of_others_stay_hidden(world: World) -> None:
    Venue.objects.create(slug="other", name="Other", kind="simulated", component="exchanges.simulated")
    with tenant(world.cedar.client.pk):
        assert list(Market.objects.all()) == [world.cedar.market]
        assert list(Venue.objects.all()) == [world.venue]


def test_the_text_of_a_revision_is_kept_from_clients(world: World) -> None:
    with tenant(world.cedar.client.pk):
        assert list(Revision.objects.values_list("number", "state")) == [(1, "approved")]
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            list(Revision.objects.values_list("yaml"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM clients_user",
        "SELECT * FROM django_session",
        "SELECT * FROM clients_onetimelink",
        "SELECT * FROM clients_auditentry",
        "SELECT * FROM strategies_hostslot",
        "UPDATE strategies_deployment SET wanted = 'active'",
        "DELETE FROM monitoring_fill",
        "INSERT INTO clients_client (slug, name, is_demo, created_at) VALUES ('x', 'x', false, now())",
        "COPY monitoring_fill FROM STDIN",
    ],
)
def test_the_portal_only_reads_and_only_what_it_was_granted(world: World, sql: str) -> None:
    with tenant(world.cedar.client.pk), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        rows(sql)


def test_nothing_leaks_after_the_block(world: World) -> None:
    owner = who()
    with tenant(world.cedar.client.pk):
        assert who() == ("mm_portal", str(world.cedar.client.pk))
    assert who() == owner
    assert Client.objects.count() == 2


def test_nothing_leaks_after_an_exception(world: World) -> None:
    owner = who()
    with pytest.raises(ZeroDivisionError), tenant(world.cedar.client.pk):
        _ = 1 / 0
    assert who() == owner
    with pytest.raises(DatabaseError), tenant(world.cedar.client.pk):
        rows("SELECT 1 FROM no_such_table")
    assert who() == owner
    assert Client.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_nothing_leaks_outside_a_transaction_either(transactional_db: None) -> None:
    owner = who()
    with tenant(1):
        assert who() == ("mm_portal", "1")
        assert not Client.objects.exists()
    assert who() == owner
    with pytest.raises(ZeroDivisionError), tenant(1):
        _ = 1 / 0
    assert who() == owner


def test_blocks_do_not_nest(world: World) -> None:
    with tenant(world.cedar.client.pk):
        with pytest.raises(RuntimeError, match="is already bound"), tenant(world.acorn.client.pk):
            pass
        assert list(Client.objects.all()) == [world.cedar.client]


def test_without_a_bound_client_the_portal_sees_nothing(world: World) -> None:
    with transaction.atomic():
        rows("SELECT set_config('role', 'mm_portal', true)")
        assert not Client.objects.exists()
        assert not Deployment.objects.exists()
        rows("SELECT set_config('role', 'none', true)")


def test_a_row_cannot_carry_another_clients_number(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(DatabaseError, match="deployment_of_same_client"), transaction.atomic():
        KillSwitch.objects.create(
            scope=KillScope.DEPLOYMENT, client=world.cedar.client, deployment=world.acorn.deployment, reason="wrong"
        )


def test_partitions_are_never_granted(world: World) -> None:
    granted = rows(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relispartition AND c.relkind = 'r'"
        " AND has_table_privilege('mm_portal', c.oid, 'SELECT')"
    )
    assert granted == []


def test_the_portals_role_cannot_bypass_or_sign_in(world: World) -> None:
    assert rows("SELECT rolcanlogin, rolbypassrls, rolsuper FROM pg_roles WHERE rolname = 'mm_portal'") == [
        (False, False, False)
    ]
