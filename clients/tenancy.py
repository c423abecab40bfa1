"""The second wall between clients: PostgreSQL itself refuses their neighbours' rows. The first is `clients.access`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

PORTAL_ROLE = "mm_portal"

BIND = "SELECT set_config('app.client_id', %s, true), set_config('role', %s, true)"


@contextmanager
def tenant(client_id: int) -> Iterator[None]:
    """Read as a client: inside the block the database shows that client's rows only, and refuses every write.

    Everything is bound to the transaction, since a setting of the session would outlive the request in a connection
    pool. Evaluate querysets inside the block: a lazy one that leaves it is read with the platform's own rights.
    Blocks do not nest, so that no code deep inside can change for whom the caller reads.
    Raises RuntimeError inside another tenant block.
    """
    if getattr(connection, "tenant_client_id", None) is not None:
        raise RuntimeError(
            f"client {connection.tenant_client_id} is already bound; leave its block before binding client {client_id}"
        )
    with transaction.atomic():
        _bind(str(int(client_id)), PORTAL_ROLE)
        connection.tenant_client_id = client_id
        try:
            yield
        finally:
            connection.tenant_client_id = None
        # Only a savepoint may have ended, not the transaction; after an error its rollback has undone the settings.
        _bind("", "none")


def _bind(client_id: str, role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(BIND, [client_id, role])
