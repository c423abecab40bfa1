"""What collectors measured: one row a measurement, its figures by field, written and aged like samples.

    monitoring_measurement_hot   the last minute or so, in order of arrival
    monitoring_measurement       daily partitions, made on demand; rows move here sorted, so that one figure's day lies together
    monitoring_measurement_all   both, each row once
    monitoring_figure            the same, one row a field: what a dashboard or a person asks in SQL

A row a measurement, and not a row a field: a service has some ninety figures, and each as a row of its own takes four
times the space (measured: 65 MB for 16), since key and row header are longer than the number. A day of one figure is
read in some 50 ms instead of 3. Figures keep their decimals: a JSON number is NUMERIC inside. They say how things are; money of record is in orders and fills.

No foreign keys, and partitions are never granted, for the reasons given for samples. The portal is granted nothing here:
figures of a collector may be profit, which a mandate does not always share.
"""

from django.db import migrations

ROW = (
    "deployment_id integer NOT NULL, client_id integer NOT NULL, ts timestamptz NOT NULL, name text NOT NULL, "
    "source text NOT NULL, symbol text NOT NULL, figures jsonb NOT NULL"
)
KEY = "(deployment_id, name, source, symbol, ts)"

TABLES = f"""
CREATE TABLE monitoring_measurement_hot ({ROW}, PRIMARY KEY {KEY});
CREATE TABLE monitoring_measurement ({ROW}, PRIMARY KEY {KEY}) PARTITION BY RANGE (ts);
ALTER TABLE monitoring_measurement_hot SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
CREATE VIEW monitoring_measurement_all WITH (security_invoker = true) AS
    SELECT * FROM monitoring_measurement_hot UNION ALL SELECT * FROM monitoring_measurement;
CREATE VIEW monitoring_figure WITH (security_invoker = true) AS
    SELECT m.deployment_id, m.client_id, m.ts, m.name, m.source, m.symbol, f.key AS field,
           (f.value #>> '{{}}')::numeric AS value
    FROM monitoring_measurement_all m CROSS JOIN LATERAL jsonb_each(m.figures) f;
SELECT mm_tenant_policy('monitoring_measurement_hot');
SELECT mm_tenant_policy('monitoring_measurement');
"""

NO_TABLES = """
DROP VIEW monitoring_figure;
DROP VIEW monitoring_measurement_all;
DROP TABLE monitoring_measurement_hot, monitoring_measurement;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0007_fees_in_any_asset")]

    operations = [migrations.RunSQL(TABLES, NO_TABLES)]
