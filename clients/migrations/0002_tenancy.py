"""The portal's role, what a tenant is in the database, and the row-level security of this app's tables.

The role that runs the platform owns the tables and is not under these policies. Requests of clients run as `mm_portal`,
which may only read, and only rows of the client named by the transaction-local setting `app.client_id`.

What production needs: PostgreSQL 14 or later, and either CREATEROLE for the role in DATABASE_URL, or, run once by an
administrator of the server:  CREATE ROLE mm_portal NOLOGIN; GRANT mm_portal TO <that role>;
"""

from django.db import migrations

ROLE = """
DO $$
DECLARE
    privilege text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mm_portal') THEN
        BEGIN
            CREATE ROLE mm_portal NOLOGIN NOBYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;  -- roles belong to the server, so another database's migration may have been faster
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'The role mm_portal is missing and % may not create it.', current_user
                    USING HINT = format('Let an administrator run: CREATE ROLE mm_portal NOLOGIN; GRANT mm_portal TO %I;',
                                        current_user);
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'mm_portal' AND (rolbypassrls OR rolsuper)) THEN
        RAISE EXCEPTION 'The role mm_portal bypasses row-level security, so clients would see each other.'
            USING HINT = 'Let an administrator run: ALTER ROLE mm_portal NOBYPASSRLS NOSUPERUSER;';
    END IF;
    IF NOT pg_has_role(current_user, 'mm_portal', privilege) THEN
        EXECUTE format('GRANT mm_portal TO %I', current_user);
    END IF;
END $$;
GRANT USAGE ON SCHEMA public TO mm_portal;
"""

FUNCTIONS = """
-- The bound client, or NULL: after a transaction-local setting ends it reads '', not NULL, hence nullif.
CREATE FUNCTION mm_tenant() RETURNS bigint LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.client_id', true), '')::bigint;

-- Rows of `target` are visible to the portal where `visible` holds. The sub-select makes the planner ask once a query.
CREATE FUNCTION mm_tenant_policy(target regclass, visible text DEFAULT 'client_id = (SELECT mm_tenant())')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY tenant ON %s FOR SELECT TO mm_portal USING (%s)', target, visible);
END $$;

-- Row trigger: refuses what it is fired for. The argument is the sentence a person reads.
CREATE FUNCTION mm_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$;
"""

NO_FUNCTIONS = """
DROP FUNCTION mm_refuse();
DROP FUNCTION mm_tenant_policy(regclass, text);
DROP FUNCTION mm_tenant();
"""

POLICIES = """
SELECT mm_tenant_policy('clients_client', 'id = (SELECT mm_tenant())');
SELECT mm_tenant_policy('clients_membership');
SELECT mm_tenant_policy('clients_mandate');
SELECT mm_tenant_policy('clients_obligation');
SELECT mm_tenant_policy('clients_auditentry');
-- The audit names the desk's people; the portal has no use for it yet, so it is not granted.
GRANT SELECT ON clients_client, clients_membership, clients_mandate, clients_obligation TO mm_portal;
"""

NO_POLICIES = """
REVOKE ALL ON clients_client, clients_membership, clients_mandate, clients_obligation FROM mm_portal;
DROP POLICY tenant ON clients_client;
DROP POLICY tenant ON clients_membership;
DROP POLICY tenant ON clients_mandate;
DROP POLICY tenant ON clients_obligation;
DROP POLICY tenant ON clients_auditentry;
ALTER TABLE clients_client DISABLE ROW LEVEL SECURITY;
ALTER TABLE clients_membership DISABLE ROW LEVEL SECURITY;
ALTER TABLE clients_mandate DISABLE ROW LEVEL SECURITY;
ALTER TABLE clients_obligation DISABLE ROW LEVEL SECURITY;
ALTER TABLE clients_auditentry DISABLE ROW LEVEL SECURITY;
"""

FROZEN = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON clients_auditentry FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('The audit is append-only: an entry is never changed or removed.');
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON clients_obligation FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('An obligation is never changed or removed: add a version with a new start time.');
"""

NOT_FROZEN = """
DROP TRIGGER append_only ON clients_auditentry;
DROP TRIGGER frozen ON clients_obligation;
"""

# A row's client and its parent's client are one fact written twice, so the database holds them equal.
SAME_CLIENT = """
ALTER TABLE clients_mandate ADD CONSTRAINT mandate_of_client UNIQUE (id, client_id);
ALTER TABLE clients_obligation ADD CONSTRAINT obligation_of_same_client
    FOREIGN KEY (mandate_id, client_id) REFERENCES clients_mandate (id, client_id) DEFERRABLE INITIALLY DEFERRED;
"""

NOT_SAME_CLIENT = """
ALTER TABLE clients_obligation DROP CONSTRAINT obligation_of_same_client;
ALTER TABLE clients_mandate DROP CONSTRAINT mandate_of_client;
"""

# Decimals survive unchanged: a scale would round what is finer and pad what is coarser.
EXACT = """
ALTER TABLE clients_obligation
    ALTER max_spread_bps TYPE numeric, ALTER band_bps TYPE numeric,
    ALTER min_depth_quote TYPE numeric, ALTER target_share TYPE numeric;
"""


class Migration(migrations.Migration):
    dependencies = [("clients", "0001_people_and_mandates")]

    operations = [
        migrations.RunSQL(ROLE, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.RunSQL(POLICIES, NO_POLICIES),
        migrations.RunSQL(FROZEN, NOT_FROZEN),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
        migrations.RunSQL(EXACT, migrations.RunSQL.noop),
    ]
