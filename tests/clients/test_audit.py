from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from clients.audit import audit
from clients.models import AuditEntry, Obligation
from tests.world import World


def test_it_says_who_what_when_from_what_to_what_and_why(world: World) -> None:
    audit("mandate.renamed", world.acorn.mandate, actor=world.dora, old={"name": "A"}, new={"name": "B"}, reason="typo")
    entry = AuditEntry.objects.get(verb="mandate.renamed")
    assert (entry.actor, entry.actor_name, entry.client) == (world.dora, "dora", world.acorn.client)
    assert (entry.object_type, entry.object_id) == ("clients.mandate", str(world.acorn.mandate.pk))
    assert (entry.old, entry.new, entry.reason) == ({"name": "A"}, {"name": "B"}, "typo")


def test_decimals_survive_unchanged(world: World) -> None:
    audit(
        "limit.changed", world.acorn.mandate, actor=None, old=Decimal("0.00000010"), new={"limits": [Decimal("1E+3")]}
    )
    entry = AuditEntry.objects.get(verb="limit.changed")
    assert (entry.actor_name, entry.old, entry.new) == ("engine", "0.00000010", {"limits": ["1000"]})


def test_a_float_has_no_place_in_the_audit(world: World) -> None:
    with pytest.raises(TypeError, match="float"):
        audit("limit.changed", world.acorn.mandate, actor=None, new=0.1)


def test_entries_are_never_changed_or_removed(world: World) -> None:
    entries = AuditEntry.objects.all()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        entries.update(reason="another story")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        entries.delete()


def test_obligations_are_versioned_never_edited(world: World) -> None:
    with pytest.raises(IntegrityError, match="add a version"), transaction.atomic():
        Obligation.objects.update(max_spread_bps=Decimal("500"))
    with pytest.raises(IntegrityError, match="add a version"), transaction.atomic():
        Obligation.objects.all().delete()


TAMPERED = """
SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname = 'mm_refuse' AND t.tgtype & 8 > 0 ORDER BY 1
"""
"""Every table that refuses DELETE, from the catalog."""


def test_what_is_never_removed_is_never_emptied_either(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(TAMPERED)
        tables = [table for (table,) in cursor.fetchall()]
        assert "clients_auditentry" in tables
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER never_emptied")
            with pytest.raises(DatabaseError, match=f"{table} is a record"), transaction.atomic():
                cursor.execute(f"TRUNCATE {table} CASCADE")
