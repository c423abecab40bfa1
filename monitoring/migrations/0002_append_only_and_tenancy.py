"""What happened stays as it was written, and each client reads its own."""

from django.db import migrations

# Recorded by the desk's machines, once. Orders and balances are states and do change.
FROZEN = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON monitoring_fill FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('A fill is never changed or removed: positions are the sum of fills.');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON monitoring_deploymentevent FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('An event is never changed or removed.');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON monitoring_sessionreport FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('A session report is never changed or removed: a restatement is a new report.');
"""

NOT_FROZEN = """
DROP TRIGGER append_only ON monitoring_fill;
DROP TRIGGER append_only ON monitoring_deploymentevent;
DROP TRIGGER append_only ON monitoring_sessionreport;
"""

# Recordings are the desk's library and carry no client; the portal is not granted them.
POLICIES = """
SELECT mm_tenant_policy('monitoring_order');
SELECT mm_tenant_policy('monitoring_fill');
SELECT mm_tenant_policy('monitoring_balance');
SELECT mm_tenant_policy('monitoring_deploymentevent');
SELECT mm_tenant_policy('monitoring_replayrun');
SELECT mm_tenant_policy('monitoring_sessionreport');
GRANT SELECT ON monitoring_order, monitoring_fill, monitoring_balance, monitoring_deploymentevent,
    monitoring_replayrun, monitoring_sessionreport TO mm_portal;
"""

NO_POLICIES = """
REVOKE ALL ON monitoring_order, monitoring_fill, monitoring_balance, monitoring_deploymentevent,
    monitoring_replayrun, monitoring_sessionreport FROM mm_portal;
DROP POLICY tenant ON monitoring_order;
DROP POLICY tenant ON monitoring_fill;
DROP POLICY tenant ON monitoring_balance;
DROP POLICY tenant ON monitoring_deploymentevent;
DROP POLICY tenant ON monitoring_replayrun;
DROP POLICY tenant ON monitoring_sessionreport;
ALTER TABLE monitoring_order DISABLE ROW LEVEL SECURITY;
ALTER TABLE monitoring_fill DISABLE ROW LEVEL SECURITY;
ALTER TABLE monitoring_balance DISABLE ROW LEVEL SECURITY;
ALTER TABLE monitoring_deploymentevent DISABLE ROW LEVEL SECURITY;
ALTER TABLE monitoring_replayrun DISABLE ROW LEVEL SECURITY;
ALTER TABLE monitoring_sessionreport DISABLE ROW LEVEL SECURITY;
"""

SAME_CLIENT = "".join(
    f"""
ALTER TABLE monitoring_{table} ADD CONSTRAINT {table}_of_same_client
    FOREIGN KEY (deployment_id, client_id) REFERENCES strategies_deployment (id, client_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
    for table in ("order", "fill", "balance", "deploymentevent", "replayrun", "sessionreport")
)
NOT_SAME_CLIENT = "".join(
    f"ALTER TABLE monitoring_{table} DROP CONSTRAINT {table}_of_same_client;\n"
    for table in ("order", "fill", "balance", "deploymentevent", "replayrun", "sessionreport")
)

EXACT = """
ALTER TABLE monitoring_order
    ALTER price TYPE numeric, ALTER size_base TYPE numeric, ALTER filled_base TYPE numeric;
ALTER TABLE monitoring_fill
    ALTER price TYPE numeric, ALTER size_base TYPE numeric, ALTER fee TYPE numeric, ALTER mid TYPE numeric,
    ALTER fee_quote TYPE numeric, ALTER realised_quote TYPE numeric, ALTER position_base TYPE numeric,
    ALTER average_cost TYPE numeric, ALTER realised_total_quote TYPE numeric, ALTER fees_total_quote TYPE numeric,
    ALTER volume_total_quote TYPE numeric;
ALTER TABLE monitoring_balance ALTER total TYPE numeric, ALTER locked TYPE numeric;
ALTER TABLE monitoring_order SET (fillfactor = 70);
ALTER TABLE monitoring_balance SET (fillfactor = 50);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0001_orders_fills_and_events"),
        ("strategies", "0002_fence_freeze_and_tenancy"),
    ]

    operations = [
        migrations.RunSQL(FROZEN, NOT_FROZEN),
        migrations.RunSQL(POLICIES, NO_POLICIES),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
        migrations.RunSQL(EXACT, migrations.RunSQL.noop),
    ]
