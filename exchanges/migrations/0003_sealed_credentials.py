"""Accounts may be live, and hold their credentials sealed."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Clients have no business with the blobs, sealed as they are: a policy, and no right to the table.
POLICIES = "SELECT mm_tenant_policy('exchanges_sealedcredentials');"
NO_POLICIES = """
DROP POLICY tenant ON exchanges_sealedcredentials;
ALTER TABLE exchanges_sealedcredentials DISABLE ROW LEVEL SECURITY;
"""

SAME_CLIENT = """
ALTER TABLE exchanges_sealedcredentials ADD CONSTRAINT account_of_same_client
    FOREIGN KEY (account_id, client_id) REFERENCES exchanges_exchangeaccount (id, client_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
NOT_SAME_CLIENT = "ALTER TABLE exchanges_sealedcredentials DROP CONSTRAINT account_of_same_client;"

FROZEN = """
CREATE TRIGGER frozen BEFORE UPDATE ON exchanges_exchangeaccount FOR EACH ROW
    WHEN ((NEW.client_id, NEW.venue_id, NEW.is_paper) IS DISTINCT FROM (OLD.client_id, OLD.venue_id, OLD.is_paper))
    EXECUTE FUNCTION mm_refuse('Client, venue and kind of an account are frozen: open another account.');

CREATE FUNCTION mm_credentials_of_live_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT is_paper FROM exchanges_exchangeaccount WHERE id = NEW.account_id) THEN
        RAISE EXCEPTION 'Account % is on paper and holds no credentials.', NEW.account_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER of_live_account BEFORE INSERT OR UPDATE OF account_id ON exchanges_sealedcredentials FOR EACH ROW
    EXECUTE FUNCTION mm_credentials_of_live_account();
"""
NOT_FROZEN = """
DROP TRIGGER of_live_account ON exchanges_sealedcredentials;
DROP FUNCTION mm_credentials_of_live_account();
DROP TRIGGER frozen ON exchanges_exchangeaccount;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0005_obligations_state_their_terms"),
        ("exchanges", "0002_tenancy"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="exchangeaccount", name="only_paper_until_the_vault_exists"),
        migrations.CreateModel(
            name="SealedCredentials",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("serial", models.UUIDField(default=uuid.uuid4, unique=True)),
                (
                    "fingerprint",
                    models.CharField(help_text="Tells two keys apart and nothing else about them.", max_length=16),
                ),
                (
                    "label",
                    models.CharField(blank=True, help_text="How the venue's own list calls this key.", max_length=80),
                ),
                ("key_id", models.CharField(help_text="The vault's key that wraps the data key.", max_length=16)),
                ("version", models.PositiveSmallIntegerField()),
                ("wrapped_key", models.BinaryField()),
                ("sealed", models.JSONField(help_text="Ciphertext by field.")),
                ("sealed_at", models.DateTimeField()),
                ("rewrapped_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credentials",
                        to="exchanges.exchangeaccount",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "sealed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "sealed credentials",
                "ordering": ["account"],
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.RunSQL(POLICIES, NO_POLICIES),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
        migrations.RunSQL(FROZEN, NOT_FROZEN),
    ]
