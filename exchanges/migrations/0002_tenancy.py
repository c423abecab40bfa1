"""Row-level security of accounts, and exact decimals. Markets and venues get theirs once deployments exist."""

from django.db import migrations

POLICIES = """
SELECT mm_tenant_policy('exchanges_exchangeaccount');
GRANT SELECT ON exchanges_exchangeaccount TO mm_portal;
"""

NO_POLICIES = """
REVOKE ALL ON exchanges_exchangeaccount FROM mm_portal;
DROP POLICY tenant ON exchanges_exchangeaccount;
ALTER TABLE exchanges_exchangeaccount DISABLE ROW LEVEL SECURITY;
"""

SAME_CLIENT = "ALTER TABLE exchanges_exchangeaccount ADD CONSTRAINT account_of_client UNIQUE (id, client_id);"
NOT_SAME_CLIENT = "ALTER TABLE exchanges_exchangeaccount DROP CONSTRAINT account_of_client;"

# A padded tick such as 0.010000000000000000 would lend its eighteen places to every price rounded with it.
EXACT = """
ALTER TABLE exchanges_market
    ALTER tick_size TYPE numeric, ALTER lot_size TYPE numeric,
    ALTER min_size_base TYPE numeric, ALTER min_notional_quote TYPE numeric,
    ALTER maker_fee_bps TYPE numeric, ALTER taker_fee_bps TYPE numeric;
"""


class Migration(migrations.Migration):
    dependencies = [("exchanges", "0001_venues_markets_accounts"), ("clients", "0002_tenancy")]

    operations = [
        migrations.RunSQL(POLICIES, NO_POLICIES),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
        migrations.RunSQL(EXACT, migrations.RunSQL.noop),
    ]
