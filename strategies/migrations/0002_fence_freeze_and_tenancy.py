"""The fencing sequence, what is frozen, and the row-level security of strategies, markets and venues."""

from django.db import migrations

# One sequence for every lease, of slots and of deployments: a later holder always carries the higher token.
FENCE = "CREATE SEQUENCE mm_fence AS bigint;"
NO_FENCE = "DROP SEQUENCE mm_fence;"

FROZEN = """
CREATE FUNCTION mm_revision_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.strategy_id, NEW.client_id, NEW.number, NEW.yaml, NEW.sha256, NEW.author_id, NEW.created_at)
       IS DISTINCT FROM
       (OLD.strategy_id, OLD.client_id, OLD.number, OLD.yaml, OLD.sha256, OLD.author_id, OLD.created_at) THEN
        RAISE EXCEPTION 'Revision % is frozen: submit a new one instead.', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state <> 'submitted' AND (NEW.state, NEW.approver_id, NEW.decided_at, NEW.decision_reason)
       IS DISTINCT FROM (OLD.state, OLD.approver_id, OLD.decided_at, OLD.decision_reason) THEN
        RAISE EXCEPTION 'Revision % was already %: a decision is not taken back.', OLD.number, OLD.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen BEFORE UPDATE ON strategies_revision FOR EACH ROW EXECUTE FUNCTION mm_revision_frozen();
CREATE TRIGGER kept BEFORE DELETE ON strategies_revision FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('A revision is never removed: it says what ran.');

CREATE FUNCTION mm_deployment_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Client, mandate, account, market and mode of deployment % are frozen: create a new deployment.',
        OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER frozen BEFORE UPDATE ON strategies_deployment FOR EACH ROW
    WHEN ((NEW.client_id, NEW.mandate_id, NEW.account_id, NEW.market_id, NEW.mode)
          IS DISTINCT FROM (OLD.client_id, OLD.mandate_id, OLD.account_id, OLD.market_id, OLD.mode))
    EXECUTE FUNCTION mm_deployment_frozen();
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON strategies_paperfunding FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('Paper funding is frozen: positions are counted from it. Create a new deployment.');
"""

NOT_FROZEN = """
DROP TRIGGER frozen ON strategies_paperfunding;
DROP TRIGGER frozen ON strategies_deployment;
DROP FUNCTION mm_deployment_frozen();
DROP TRIGGER kept ON strategies_revision;
DROP TRIGGER frozen ON strategies_revision;
DROP FUNCTION mm_revision_frozen();
"""

# The desk's configurations are its craft: clients see that a revision exists, never its text.
# A client sees a venue where it has an account and a market where something of its runs; the rest of the list would
# tell whom else the desk works for.
POLICIES = """
SELECT mm_tenant_policy('strategies_strategy');
SELECT mm_tenant_policy('strategies_revision');
SELECT mm_tenant_policy('strategies_deployment');
SELECT mm_tenant_policy('strategies_paperfunding');
SELECT mm_tenant_policy('strategies_killswitch');
SELECT mm_tenant_policy('exchanges_market', 'id IN (SELECT market_id FROM strategies_deployment)');
SELECT mm_tenant_policy('exchanges_venue', 'id IN (SELECT venue_id FROM exchanges_exchangeaccount)');
GRANT SELECT (id, client_id, mandate_id, name) ON strategies_strategy TO mm_portal;
GRANT SELECT (id, client_id, strategy_id, number, sha256, state, created_at) ON strategies_revision TO mm_portal;
GRANT SELECT ON strategies_deployment, strategies_paperfunding, strategies_killswitch, exchanges_market,
    exchanges_venue TO mm_portal;
"""

NO_POLICIES = """
REVOKE ALL ON strategies_strategy, strategies_revision, strategies_deployment, strategies_paperfunding,
    strategies_killswitch, exchanges_market, exchanges_venue FROM mm_portal;
DROP POLICY tenant ON strategies_strategy;
DROP POLICY tenant ON strategies_revision;
DROP POLICY tenant ON strategies_paperfunding;
DROP POLICY tenant ON strategies_killswitch;
DROP POLICY tenant ON exchanges_market;
DROP POLICY tenant ON exchanges_venue;
DROP POLICY tenant ON strategies_deployment;
ALTER TABLE strategies_strategy DISABLE ROW LEVEL SECURITY;
ALTER TABLE strategies_revision DISABLE ROW LEVEL SECURITY;
ALTER TABLE strategies_deployment DISABLE ROW LEVEL SECURITY;
ALTER TABLE strategies_paperfunding DISABLE ROW LEVEL SECURITY;
ALTER TABLE strategies_killswitch DISABLE ROW LEVEL SECURITY;
ALTER TABLE exchanges_market DISABLE ROW LEVEL SECURITY;
ALTER TABLE exchanges_venue DISABLE ROW LEVEL SECURITY;
"""

SAME_CLIENT = """
ALTER TABLE strategies_strategy
    ADD CONSTRAINT strategy_of_client UNIQUE (id, client_id),
    ADD CONSTRAINT strategy_of_same_client
        FOREIGN KEY (mandate_id, client_id) REFERENCES clients_mandate (id, client_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE strategies_revision
    ADD CONSTRAINT revision_of_client UNIQUE (id, client_id),
    ADD CONSTRAINT revision_of_same_client
        FOREIGN KEY (strategy_id, client_id) REFERENCES strategies_strategy (id, client_id)
        DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE strategies_deployment
    ADD CONSTRAINT deployment_of_client UNIQUE (id, client_id),
    ADD CONSTRAINT mandate_of_same_client
        FOREIGN KEY (mandate_id, client_id) REFERENCES clients_mandate (id, client_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT revision_of_same_client
        FOREIGN KEY (revision_id, client_id) REFERENCES strategies_revision (id, client_id)
        DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT account_of_same_client
        FOREIGN KEY (account_id, client_id) REFERENCES exchanges_exchangeaccount (id, client_id)
        DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE strategies_paperfunding ADD CONSTRAINT funding_of_same_client
    FOREIGN KEY (deployment_id, client_id) REFERENCES strategies_deployment (id, client_id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE strategies_killswitch
    ADD CONSTRAINT mandate_of_same_client
        FOREIGN KEY (mandate_id, client_id) REFERENCES clients_mandate (id, client_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT deployment_of_same_client
        FOREIGN KEY (deployment_id, client_id) REFERENCES strategies_deployment (id, client_id)
        DEFERRABLE INITIALLY DEFERRED;
"""

NOT_SAME_CLIENT = """
ALTER TABLE strategies_killswitch DROP CONSTRAINT mandate_of_same_client, DROP CONSTRAINT deployment_of_same_client;
ALTER TABLE strategies_paperfunding DROP CONSTRAINT funding_of_same_client;
ALTER TABLE strategies_deployment DROP CONSTRAINT mandate_of_same_client, DROP CONSTRAINT revision_of_same_client,
    DROP CONSTRAINT account_of_same_client, DROP CONSTRAINT deployment_of_client;
ALTER TABLE strategies_revision DROP CONSTRAINT revision_of_same_client, DROP CONSTRAINT revision_of_client;
ALTER TABLE strategies_strategy DROP CONSTRAINT strategy_of_same_client, DROP CONSTRAINT strategy_of_client;
"""

# Leases are renewed every second: room in the page keeps those updates off the indexes (HOT).
STORAGE = """
ALTER TABLE strategies_paperfunding ALTER amount TYPE numeric;
ALTER TABLE strategies_deployment SET (fillfactor = 50);
ALTER TABLE strategies_hostslot SET (fillfactor = 50);
"""

NO_STORAGE = """
ALTER TABLE strategies_deployment RESET (fillfactor);
ALTER TABLE strategies_hostslot RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("strategies", "0001_strategies_and_deployments"), ("exchanges", "0002_tenancy")]

    operations = [
        migrations.RunSQL(FENCE, NO_FENCE),
        migrations.RunSQL(FROZEN, NOT_FROZEN),
        migrations.RunSQL(POLICIES, NO_POLICIES),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
        migrations.RunSQL(STORAGE, NO_STORAGE),
    ]
