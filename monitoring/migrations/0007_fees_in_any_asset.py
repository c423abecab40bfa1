"""What a fee was converted at, and fees booked later. Reports say where they are from.

Rows are never changed, so the columns are nullable or have a default: what was written before stays as it was.
"""

import django.db.models.deletion
from django.db import migrations, models

MONEY = {"max_digits": 36, "decimal_places": 18}

EXACT = """
ALTER TABLE monitoring_fill
    ALTER cost_quote TYPE numeric, ALTER fee_rate TYPE numeric, ALTER fee_unpriced TYPE numeric;
ALTER TABLE monitoring_feeconversion
    ALTER amount TYPE numeric, ALTER rate TYPE numeric, ALTER fee_quote TYPE numeric,
    ALTER fees_total_quote TYPE numeric;
"""

GUARDED = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON monitoring_feeconversion FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('A conversion of fees is never changed or removed: PnL is the sum of what was booked.');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON monitoring_feeconversion FOR EACH STATEMENT
    EXECUTE FUNCTION mm_refuse('monitoring_feeconversion is a record of what happened: it is never emptied.');
SELECT mm_tenant_policy('monitoring_feeconversion');
GRANT SELECT ON monitoring_feeconversion TO mm_portal;
ALTER TABLE monitoring_feeconversion ADD CONSTRAINT feeconversion_of_same_client
    FOREIGN KEY (deployment_id, client_id) REFERENCES strategies_deployment (id, client_id)
    DEFERRABLE INITIALLY DEFERRED;
"""

NOT_GUARDED = """
ALTER TABLE monitoring_feeconversion DROP CONSTRAINT feeconversion_of_same_client;
REVOKE ALL ON monitoring_feeconversion FROM mm_portal;
DROP POLICY tenant ON monitoring_feeconversion;
ALTER TABLE monitoring_feeconversion DISABLE ROW LEVEL SECURITY;
DROP TRIGGER never_emptied ON monitoring_feeconversion;
DROP TRIGGER append_only ON monitoring_feeconversion;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0006_latest_events"),
        ("strategies", "0002_fence_freeze_and_tenancy"),
        ("clients", "0002_tenancy"),
    ]

    operations = [
        migrations.AddField(
            "fill",
            "cost_quote",
            models.DecimalField(null=True, help_text="Paid for the open position, exact.", **MONEY),
        ),
        migrations.AddField(
            "fill",
            "fee_rate",
            models.DecimalField(null=True, help_text="Quote per unit of the fee's asset.", **MONEY),
        ),
        migrations.AddField("fill", "fee_rate_source", models.TextField(null=True)),
        migrations.AddField("fill", "fee_rate_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "fill",
            "fee_unpriced",
            models.DecimalField(null=True, help_text="The fee, when there was no rate for its asset.", **MONEY),
        ),
        migrations.AddIndex(
            "fill",
            models.Index(fields=["deployment"], name="unpriced_fees", condition=models.Q(fee_unpriced__isnull=False)),
        ),
        migrations.CreateModel(
            name="FeeConversion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("asset", models.CharField(max_length=20)),
                ("amount", models.DecimalField(**MONEY)),
                ("rate", models.DecimalField(**MONEY)),
                ("rate_source", models.TextField()),
                ("rate_at", models.DateTimeField()),
                ("fee_quote", models.DecimalField(**MONEY)),
                ("fees_total_quote", models.DecimalField(**MONEY)),
                ("fills_total", models.BigIntegerField()),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="conversions",
                        to="strategies.deployment",
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "number"), name="conversions_are_numbered")
                ],
            },
        ),
        migrations.AddField(
            "sessionreport",
            "origin",
            models.CharField(
                choices=[("tallied", "tallied while it ran"), ("records", "built from the records")],
                default="tallied",
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            "sessionreport",
            models.UniqueConstraint(
                condition=models.Q(origin="records"), fields=("deployment", "starts_at"), name="a_session_reports_once"
            ),
        ),
        migrations.RunSQL(EXACT, migrations.RunSQL.noop),
        migrations.RunSQL(GUARDED, NOT_GUARDED),
    ]
