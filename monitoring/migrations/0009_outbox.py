"""What the outside is to be told, written in the transaction of the rows that say it happened.

A relay reads in order of id and removes what it has delivered: what stands here is what waits. Several hosts write at
once, so a lower id may be committed after a higher one; a relay that remembered "the last id" would lose such a row.
Within a deployment the order is (token, sequence), and a gap in sequence is a row given up.
"""

from django.db import migrations

TABLE = """
CREATE TABLE monitoring_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id integer NOT NULL,
    deployment_id integer NOT NULL,
    token bigint NOT NULL,
    sequence bigint NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT outbox_written_once UNIQUE (deployment_id, token, sequence)
);
-- Every row is deleted once it is delivered: clean up by count, not by share of the table.
ALTER TABLE monitoring_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE TRIGGER never_changed BEFORE UPDATE ON monitoring_outbox FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('What the outside is to be told is delivered and removed, never changed.');
SELECT mm_tenant_policy('monitoring_outbox');
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0008_measurements")]

    operations = [migrations.RunSQL(TABLE, "DROP TABLE monitoring_outbox;")]
