"""The time series: one row a second and deployment, its rollups, and the seconds of every obligation.

Samples are double precision: they draw charts and judge seconds. Money of record stays NUMERIC in orders and fills.

    monitoring_sample_hot   the last minute or so, appended in order of arrival, not yet rolled up
    monitoring_sample       daily partitions, made on demand; rows move here sorted by deployment, since rows in order of
                            arrival make a day's chart 25 times slower when cold
    monitoring_sample_all   both, each row once
    monitoring_sample_1m    average, lowest and highest of the main series; monthly partitions
    monitoring_sample_1h    the same, by the hour
    monitoring_kpi_1m, _1h  how many seconds of each obligation were observed and met

No foreign keys: a row a second and deployment is written under the lease of its deployment, by COPY, which must not wait
for anybody's lock. Partitions are never granted: the policy of the parent does not guard a partition read by its name.
"""

from django.db import migrations

SERIES = """
    mid best_bid best_ask market_spread_bps reference_price own_bid own_ask own_spread_bps
    own_bid_depth_50 own_bid_depth_100 own_bid_depth_200 own_bid_depth_500 own_bid_depth_1000 own_bid_depth_2000
    own_ask_depth_50 own_ask_depth_100 own_ask_depth_200 own_ask_depth_500 own_ask_depth_1000 own_ask_depth_2000
    market_bid_depth_quote market_ask_depth_quote position_base base_total quote_total inventory_ratio
    realised_quote unrealised_quote fees_quote volume_quote fills open_bids open_asks orders_sent cancels_sent
    book_age_ms tick_late_ms tick_us
""".split()
ROLLED = [name for name in SERIES if name not in ("fills", "orders_sent", "cancels_sent", "tick_us")]

KEY = "deployment_id integer NOT NULL, client_id integer NOT NULL, ts timestamptz NOT NULL"
SAMPLE = f"{KEY}, state text NOT NULL, {', '.join(f'{name} double precision' for name in SERIES)}, quoting_reason text"
ROLLUP = f"{KEY}, samples integer NOT NULL, " + ", ".join(
    f"{name}_{what} double precision" for name in ROLLED for what in ("avg", "min", "max")
)
KPI = (
    f"{KEY}, obligation_id bigint NOT NULL, observed_s double precision NOT NULL, met_s double precision NOT NULL, "
    "met_bid_s double precision NOT NULL, met_ask_s double precision NOT NULL"
)
KEY_OF_SAMPLES, KEY_OF_KPI = "(deployment_id, ts)", "(deployment_id, obligation_id, ts)"

TABLES = f"""
CREATE TABLE monitoring_sample_hot ({SAMPLE}, PRIMARY KEY {KEY_OF_SAMPLES});
CREATE TABLE monitoring_sample ({SAMPLE}, PRIMARY KEY {KEY_OF_SAMPLES}) PARTITION BY RANGE (ts);
CREATE TABLE monitoring_sample_1m ({ROLLUP}, PRIMARY KEY {KEY_OF_SAMPLES}) PARTITION BY RANGE (ts);
CREATE TABLE monitoring_sample_1h ({ROLLUP}, PRIMARY KEY {KEY_OF_SAMPLES});
CREATE TABLE monitoring_kpi_1m ({KPI}, PRIMARY KEY {KEY_OF_KPI}) PARTITION BY RANGE (ts);
CREATE TABLE monitoring_kpi_1h ({KPI}, PRIMARY KEY {KEY_OF_KPI});
-- Every row lives here for a minute and is then deleted: clean up by count, not by share of the table.
ALTER TABLE monitoring_sample_hot SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
CREATE VIEW monitoring_sample_all WITH (security_invoker = true) AS
    SELECT * FROM monitoring_sample_hot UNION ALL SELECT * FROM monitoring_sample;
"""

NO_TABLES = """
DROP VIEW monitoring_sample_all;
DROP TABLE monitoring_sample_hot, monitoring_sample, monitoring_sample_1m, monitoring_sample_1h,
    monitoring_kpi_1m, monitoring_kpi_1h;
"""

POLICIES = """
SELECT mm_tenant_policy('monitoring_sample_hot');
SELECT mm_tenant_policy('monitoring_sample');
SELECT mm_tenant_policy('monitoring_sample_1m');
SELECT mm_tenant_policy('monitoring_sample_1h');
SELECT mm_tenant_policy('monitoring_kpi_1m');
SELECT mm_tenant_policy('monitoring_kpi_1h');
GRANT SELECT ON monitoring_sample_hot, monitoring_sample, monitoring_sample_all, monitoring_sample_1m,
    monitoring_sample_1h, monitoring_kpi_1m, monitoring_kpi_1h TO mm_portal;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0002_append_only_and_tenancy")]

    operations = [
        migrations.RunSQL(TABLES, NO_TABLES),
        migrations.RunSQL(POLICIES, migrations.RunSQL.noop),
    ]
