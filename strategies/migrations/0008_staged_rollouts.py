"""Roll-outs: stages, deployments with their baselines, and the evidence each look left."""

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = {
    "strategies_rollout": {"strategy_id": "strategies_strategy", "revision_id": "strategies_revision"},
    "strategies_rolloutstage": {"rollout_id": "strategies_rollout"},
    "strategies_rollouttarget": {
        "rollout_id": "strategies_rollout",
        "deployment_id": "strategies_deployment",
        "previous_revision_id": "strategies_revision",
    },
    "strategies_rolloutevidence": {"rollout_id": "strategies_rollout", "deployment_id": "strategies_deployment"},
}
"""Each table of a tenant, and what its rows must share the client with."""

POLICIES = "".join(f"SELECT mm_tenant_policy('{table}');\n" for table in TABLES)
NO_POLICIES = "".join(
    f"DROP POLICY tenant ON {table};\nALTER TABLE {table} DISABLE ROW LEVEL SECURITY;\n" for table in TABLES
)

SAME_CLIENT = "ALTER TABLE strategies_rollout ADD CONSTRAINT rollout_of_client UNIQUE (id, client_id);\n" + "".join(
    f"ALTER TABLE {table} ADD CONSTRAINT {column.removesuffix('_id')}_of_same_client FOREIGN KEY ({column}, client_id) "
    f"REFERENCES {other} (id, client_id) DEFERRABLE INITIALLY DEFERRED;\n"
    for table, others in TABLES.items()
    for column, other in others.items()
)
NOT_SAME_CLIENT = (
    "".join(
        f"ALTER TABLE {table} DROP CONSTRAINT {column.removesuffix('_id')}_of_same_client;\n"
        for table, others in reversed(TABLES.items())
        for column in others
    )
    + "ALTER TABLE strategies_rollout DROP CONSTRAINT rollout_of_client;\n"
)

KEPT = """
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON strategies_rolloutevidence FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('Evidence of a roll-out is never changed or removed: it says why it went on or back.');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON strategies_rolloutevidence FOR EACH STATEMENT
    EXECUTE FUNCTION mm_refuse('strategies_rolloutevidence is a record of what happened: it is never emptied.');
"""
NOT_KEPT = """
DROP TRIGGER never_emptied ON strategies_rolloutevidence;
DROP TRIGGER kept ON strategies_rolloutevidence;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0006_roles_of_the_desk"),
        ("strategies", "0007_what_the_kill_path_proved"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RollOut",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Under way"),
                            ("done", "Done"),
                            ("rolled back", "Rolled back"),
                            ("aborted", "Aborted"),
                        ],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("reason", models.TextField()),
                ("started_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("ended_reason", models.TextField(blank=True)),
                ("stage", models.PositiveSmallIntegerField(default=0, help_text="0 until the baseline is measured.")),
                ("stage_since", models.DateTimeField(blank=True, null=True)),
                (
                    "settled_since",
                    models.DateTimeField(blank=True, help_text="Since when all of the stage quotes by it.", null=True),
                ),
                (
                    "missing_since",
                    models.DateTimeField(blank=True, help_text="Since when evidence is missing.", null=True),
                ),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "promotes_itself",
                    models.BooleanField(default=True, help_text="Go on by itself after a hold in which all was fine."),
                ),
                (
                    "decide_within_s",
                    models.PositiveIntegerField(
                        default=900,
                        help_text="Where it does not: back when nobody promotes it so long after the hold.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "baseline_s",
                    models.PositiveIntegerField(
                        default=1800,
                        help_text="How far back the baseline is measured.",
                        validators=[
                            django.core.validators.MinValueValidator(60),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "judge_after_s",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="KPIs of a stage are judged from so many seconds on.",
                        validators=[
                            django.core.validators.MinValueValidator(10),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "judge_over_s",
                    models.PositiveIntegerField(
                        default=300,
                        help_text="KPIs are judged over so many seconds, at the end over the whole stage.",
                        validators=[
                            django.core.validators.MinValueValidator(10),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "max_spread_growth",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("0.25"),
                        help_text="Growth of the average own spread, as a part of the baseline.",
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0.0001")),
                            django.core.validators.MaxValueValidator(Decimal("10")),
                        ],
                    ),
                ),
                (
                    "max_depth_drop",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("0.20"),
                        help_text="Drop of the average own depth for its share, as a part of the baseline.",
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0.0001")),
                            django.core.validators.MaxValueValidator(Decimal("1")),
                        ],
                    ),
                ),
                (
                    "max_uptime_drop",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("0.02"),
                        help_text="Drop of an obligation's attainment and of two-sided quoting, in parts of time.",
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0.0001")),
                            django.core.validators.MaxValueValidator(Decimal("1")),
                        ],
                    ),
                ),
                (
                    "max_loss_quote",
                    models.DecimalField(
                        decimal_places=8,
                        default=Decimal("100"),
                        help_text="Largest loss of a deployment since its stage began, in quote currency.",
                        max_digits=24,
                        validators=[django.core.validators.MinValueValidator(Decimal("1E-8"))],
                    ),
                ),
                (
                    "max_not_quoting_s",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="Longest time without any quote.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "max_data_age_s",
                    models.PositiveIntegerField(
                        default=15,
                        help_text="Oldest sample that says anything.",
                        validators=[
                            django.core.validators.MinValueValidator(5),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "max_missing_s",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="Back when evidence is missing for so long.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "max_settle_s",
                    models.PositiveIntegerField(
                        default=120,
                        help_text="Back when a stage does not quote by the revision within so long.",
                        validators=[
                            django.core.validators.MinValueValidator(5),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Null: the worker.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rollouts", to="strategies.revision"
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "strategy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rollouts", to="strategies.strategy"
                    ),
                ),
            ],
            options={
                "ordering": ["-started_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="RollOutEvidence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stage", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("fine", "Fine"),
                            ("early", "Too early to tell"),
                            ("missing", "Evidence missing"),
                            ("worse", "Worse"),
                        ],
                        max_length=8,
                    ),
                ),
                ("measures", models.JSONField()),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="strategies.deployment"
                    ),
                ),
                (
                    "rollout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="evidence", to="strategies.rollout"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "roll-out evidence",
                "ordering": ["-at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="RollOutStage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("share", models.DecimalField(decimal_places=4, max_digits=5)),
                ("reach", models.PositiveSmallIntegerField(help_text="How many of the deployments, in order.")),
                ("hold_s", models.PositiveIntegerField()),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "rollout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="stages", to="strategies.rollout"
                    ),
                ),
            ],
            options={
                "ordering": ["rollout", "number"],
            },
        ),
        migrations.CreateModel(
            name="RollOutTarget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(help_text="1 goes first.")),
                ("previous_share", models.DecimalField(decimal_places=4, max_digits=5)),
                ("baseline", models.JSONField(blank=True, null=True)),
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
                        related_name="rollout_targets",
                        to="strategies.deployment",
                    ),
                ),
                (
                    "previous_revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="strategies.revision"
                    ),
                ),
                (
                    "rollout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="targets", to="strategies.rollout"
                    ),
                ),
            ],
            options={
                "ordering": ["rollout", "position"],
            },
        ),
        migrations.AddConstraint(
            model_name="rollout",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "running")), fields=("strategy",), name="one_rollout_of_a_strategy"
            ),
        ),
        migrations.AddConstraint(
            model_name="rollout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("state", "running")),
                    models.Q(models.Q(("state", "running"), _negated=True), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="an_ended_rollout_says_when",
            ),
        ),
        migrations.AddIndex(
            model_name="rolloutevidence",
            index=models.Index(fields=["rollout", "deployment", "-at"], name="evidence_by_time"),
        ),
        migrations.AddConstraint(
            model_name="rolloutstage",
            constraint=models.UniqueConstraint(fields=("rollout", "number"), name="one_stage_per_number"),
        ),
        migrations.AddConstraint(
            model_name="rolloutstage",
            constraint=models.CheckConstraint(
                condition=models.Q(("hold_s__gt", 0), ("reach__gt", 0), ("share__gt", 0), ("share__lte", 1)),
                name="a_stage_is_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="rollouttarget",
            constraint=models.UniqueConstraint(fields=("rollout", "deployment"), name="a_deployment_once_per_rollout"),
        ),
        migrations.AddConstraint(
            model_name="rollouttarget",
            constraint=models.UniqueConstraint(fields=("rollout", "position"), name="one_target_per_position"),
        ),
        migrations.RunSQL(POLICIES, NO_POLICIES),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
        migrations.RunSQL(KEPT, NOT_KEPT),
    ]
