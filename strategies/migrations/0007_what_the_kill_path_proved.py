"""What the kill path did and saw, account by account: kept as it was written."""

import django.db.models.deletion
from django.db import migrations, models

TABLES = ("strategies_clearing", "strategies_clearingstep")

POLICIES = "".join(f"SELECT mm_tenant_policy('{table}');" for table in TABLES)
NO_POLICIES = "".join(
    f"DROP POLICY tenant ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;" for table in TABLES
)

SAME_CLIENT = """
ALTER TABLE strategies_clearing
    ADD CONSTRAINT clearing_of_client UNIQUE (id, client_id),
    ADD CONSTRAINT account_of_same_client
        FOREIGN KEY (account_id, client_id) REFERENCES exchanges_exchangeaccount (id, client_id)
        DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE strategies_clearingstep ADD CONSTRAINT clearing_of_same_client
    FOREIGN KEY (clearing_id, client_id) REFERENCES strategies_clearing (id, client_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
NOT_SAME_CLIENT = """
ALTER TABLE strategies_clearingstep DROP CONSTRAINT clearing_of_same_client;
ALTER TABLE strategies_clearing DROP CONSTRAINT account_of_same_client, DROP CONSTRAINT clearing_of_client;
"""

KEPT = """
CREATE FUNCTION mm_clearing_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Clearing % has ended: what it proved, or did not, stays as it was written.', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER kept_once_over BEFORE UPDATE ON strategies_clearing FOR EACH ROW
    WHEN (OLD.state IN ('clean', 'unproven')) EXECUTE FUNCTION mm_clearing_kept();
CREATE TRIGGER kept BEFORE DELETE ON strategies_clearing FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('A clearing is never removed: it says what a kill proved.');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON strategies_clearing FOR EACH STATEMENT
    EXECUTE FUNCTION mm_refuse('strategies_clearing is a record of what happened: it is never emptied.');
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON strategies_clearingstep FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('Evidence of a kill is append-only: a line is never changed or removed.');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON strategies_clearingstep FOR EACH STATEMENT
    EXECUTE FUNCTION mm_refuse('strategies_clearingstep is a record of what happened: it is never emptied.');
"""
NOT_KEPT = """
DROP TRIGGER never_emptied ON strategies_clearingstep;
DROP TRIGGER kept ON strategies_clearingstep;
DROP TRIGGER never_emptied ON strategies_clearing;
DROP TRIGGER kept ON strategies_clearing;
DROP TRIGGER kept_once_over ON strategies_clearing;
DROP FUNCTION mm_clearing_kept();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0006_roles_of_the_desk"),
        ("exchanges", "0007_changes_are_never_emptied"),
        ("strategies", "0006_what_a_host_runs_by"),
    ]

    operations = [
        migrations.CreateModel(
            name="Clearing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Waiting for a worker"),
                            ("running", "Clearing"),
                            ("clean", "Proven clean"),
                            ("unproven", "Not proven"),
                        ],
                        default="asked",
                        max_length=16,
                    ),
                ),
                (
                    "witness",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("venue", "The venue lists nothing of ours"),
                            ("host", "The engine host that held its orders confirmed it"),
                            ("record", "By our record nothing of ours can rest there"),
                        ],
                        max_length=16,
                    ),
                ),
                ("reason", models.TextField(blank=True, help_text="Why it is not proven, or what was left alone.")),
                ("orders_found", models.PositiveIntegerField(default=0, help_text="Of ours, resting there.")),
                (
                    "orders_left_alone",
                    models.PositiveIntegerField(default=0, help_text="Others' orders, last seen resting there."),
                ),
                ("asked_at", models.DateTimeField()),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("worker", models.CharField(blank=True, max_length=120)),
                ("held_until", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="clearings",
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
                    "switch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="clearings",
                        to="strategies.killswitch",
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ClearingStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("taken", "Taken up"),
                            ("listed", "Listed"),
                            ("cancelled", "Cancelled"),
                            ("held_up", "Held up"),
                            ("ended", "Ended"),
                        ],
                        max_length=16,
                    ),
                ),
                ("text", models.TextField()),
                (
                    "orders",
                    models.JSONField(
                        default=list, help_text="Each with id, symbol, side, price, size and whose; as strings."
                    ),
                ),
                (
                    "clearing",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="strategies.clearing"
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
                "ordering": ["at", "id"],
            },
        ),
        migrations.AddIndex(
            model_name="clearing",
            index=models.Index(fields=["switch", "account", "-id"], name="clearings_by_switch"),
        ),
        migrations.AddConstraint(
            model_name="clearing",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("clean", "unproven")), _negated=True),
                fields=("switch", "account"),
                name="one_clearing_at_a_time",
            ),
        ),
        migrations.AddIndex(
            model_name="clearingstep",
            index=models.Index(fields=["clearing", "id"], name="steps_of_clearing"),
        ),
        migrations.RunSQL(POLICIES, NO_POLICIES),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
        migrations.RunSQL(KEPT, NOT_KEPT),
    ]
