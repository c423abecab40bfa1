"""Kill drills: what is planned, and what each one showed, kept as it ended."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = ("strategies_drillplan", "strategies_drill")

POLICIES = "".join(f"SELECT mm_tenant_policy('{table}');" for table in TABLES)
NO_POLICIES = "".join(
    f"DROP POLICY tenant ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;" for table in TABLES
)

SAME_CLIENT = "".join(
    f"""
    ALTER TABLE {table} ADD CONSTRAINT deployment_of_same_client
        FOREIGN KEY (deployment_id, client_id) REFERENCES strategies_deployment (id, client_id)
        DEFERRABLE INITIALLY DEFERRED;
    """
    for table in TABLES
)
NOT_SAME_CLIENT = "".join(f"ALTER TABLE {table} DROP CONSTRAINT deployment_of_same_client;" for table in TABLES)

KEPT = """
CREATE FUNCTION mm_drill_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Kill drill % has ended: how it went stays as it was written.', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER kept_once_over BEFORE UPDATE ON strategies_drill FOR EACH ROW
    WHEN (OLD.outcome IN ('passed', 'failed', 'missed')) EXECUTE FUNCTION mm_drill_kept();
CREATE TRIGGER kept BEFORE DELETE ON strategies_drill FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('A kill drill is never removed: it says how a kill went.');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON strategies_drill FOR EACH STATEMENT
    EXECUTE FUNCTION mm_refuse('strategies_drill is a record of what happened: it is never emptied.');
"""
NOT_KEPT = """
DROP TRIGGER never_emptied ON strategies_drill;
DROP TRIGGER kept ON strategies_drill;
DROP TRIGGER kept_once_over ON strategies_drill;
DROP FUNCTION mm_drill_kept();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0006_roles_of_the_desk"),
        ("strategies", "0009_templates_and_retirement"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DrillPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("every_hours", models.PositiveSmallIntegerField()),
                (
                    "within_s",
                    models.PositiveSmallIntegerField(help_text="A drill that is not proven clean by then has failed."),
                ),
                ("next_at", models.DateTimeField()),
                ("set_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
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
                        related_name="drill_plans",
                        to="strategies.deployment",
                    ),
                ),
                (
                    "set_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["next_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="Drill",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("due_at", models.DateTimeField()),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "was_quoting",
                    models.BooleanField(default=False, help_text="It is started again once it is proven clean."),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("running", "Under way"),
                            ("restarting", "Proven clean, being started again"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("missed", "Missed"),
                        ],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                (
                    "engine_ms",
                    models.FloatField(blank=True, help_text="The engine: command read to nothing resting.", null=True),
                ),
                (
                    "path_ms",
                    models.FloatField(blank=True, help_text="The kill path: asked to proven clean.", null=True),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="drills", to="strategies.deployment"
                    ),
                ),
                (
                    "switch",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drills",
                        to="strategies.killswitch",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="drills", to="strategies.drillplan"
                    ),
                ),
            ],
            options={
                "ordering": ["-due_at", "-id"],
            },
        ),
        migrations.AddConstraint(
            model_name="drillplan",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("deployment",), name="one_drill_plan"
            ),
        ),
        migrations.AddConstraint(
            model_name="drillplan",
            constraint=models.CheckConstraint(
                condition=models.Q(("every_hours__gt", 0), ("within_s__gt", 0)), name="a_plan_has_times"
            ),
        ),
        migrations.AddConstraint(
            model_name="drill",
            constraint=models.UniqueConstraint(
                condition=models.Q(("outcome__in", ("passed", "failed", "missed")), _negated=True),
                fields=("deployment",),
                name="one_drill_at_a_time",
            ),
        ),
        migrations.RunSQL(POLICIES, NO_POLICIES),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
        migrations.RunSQL(KEPT, NOT_KEPT),
    ]
