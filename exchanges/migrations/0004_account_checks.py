"""What venues say about accounts when they are asked, and what that means for a key."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

POLICIES = "SELECT mm_tenant_policy('exchanges_accountcheck');"
NO_POLICIES = """
DROP POLICY tenant ON exchanges_accountcheck;
ALTER TABLE exchanges_accountcheck DISABLE ROW LEVEL SECURITY;
"""
SAME_CLIENT = """
ALTER TABLE exchanges_accountcheck ADD CONSTRAINT account_of_same_client
    FOREIGN KEY (account_id, client_id) REFERENCES exchanges_exchangeaccount (id, client_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
NOT_SAME_CLIENT = "ALTER TABLE exchanges_accountcheck DROP CONSTRAINT account_of_same_client;"


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0003_sealed_credentials"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="sealedcredentials",
            name="verdict",
            field=models.CharField(
                choices=[("unchecked", "Not checked yet"), ("usable", "May trade"), ("refused", "Refused")],
                default="unchecked",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="sealedcredentials", name="verdict_reason", field=models.TextField(blank=True, default="")
        ),
        migrations.AlterField(
            model_name="sealedcredentials", name="verdict_reason", field=models.TextField(blank=True)
        ),
        migrations.CreateModel(
            name="AccountCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("serial", models.UUIDField(help_text="Of the credentials that were used.")),
                ("fingerprint", models.CharField(max_length=16)),
                ("asked_at", models.DateTimeField(auto_now_add=True)),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Waiting for a worker"),
                            ("running", "Asking the venue"),
                            ("passed", "Passed"),
                            ("refused", "Refused"),
                            ("failed", "Could not be finished"),
                        ],
                        default="asked",
                        max_length=16,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                (
                    "findings",
                    models.JSONField(
                        default=list, help_text="Each with name, weight (ok, warn, bad, unseen) and text."
                    ),
                ),
                (
                    "balances",
                    models.JSONField(default=list, help_text="Each with asset, free and locked; decimals as strings."),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="checks",
                        to="exchanges.exchangeaccount",
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at", "-id"],
                "indexes": [
                    models.Index(condition=models.Q(("state", "asked")), fields=["state"], name="checks_asked")
                ],
            },
        ),
        migrations.RunSQL(POLICIES, NO_POLICIES),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
    ]
