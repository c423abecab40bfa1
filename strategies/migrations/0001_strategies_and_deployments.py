import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("clients", "0001_people_and_mandates"),
        ("exchanges", "0001_venues_markets_accounts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HostSlot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40, unique=True)),
                ("kind", models.CharField(choices=[("engine", "Engine"), ("rehearsal", "Rehearsal")], max_length=16)),
                ("desired", models.BooleanField(default=True)),
                ("owner", models.CharField(blank=True, max_length=120)),
                ("token", models.BigIntegerField(default=0)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("dispatched_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("beats", models.BigIntegerField(default=0)),
                (
                    "stats",
                    models.JSONField(
                        default=dict, help_text="CPU, memory, lateness: the host's last word about itself."
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Revision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("yaml", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("submitted", "Waiting for approval"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                        ],
                        default="submitted",
                        max_length=16,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decision_reason", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "approver",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
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
                "ordering": ["strategy", "-number"],
            },
        ),
        migrations.CreateModel(
            name="Deployment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("shadow", "Shadow: quotes are computed and published, never sent"),
                            ("paper", "Paper: our own matching on the venue's public market"),
                            ("replay", "Replay: paper on a recording"),
                            ("live", "Live"),
                        ],
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "wanted",
                    models.CharField(
                        choices=[("paused", "Paused"), ("active", "Active"), ("halted", "Halted")],
                        default="paused",
                        max_length=16,
                    ),
                ),
                ("wanted_reason", models.TextField(blank=True)),
                ("wanted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "command",
                    models.BigIntegerField(default=0, help_text="Rises with every command; none is carried out twice."),
                ),
                (
                    "observed",
                    models.CharField(
                        choices=[
                            ("paused", "Paused"),
                            ("starting", "Starting"),
                            ("active", "Active"),
                            ("pausing", "Pausing"),
                            ("halting", "Halting"),
                            ("halted", "Halted"),
                            ("faulted", "Faulted"),
                        ],
                        default="paused",
                        max_length=16,
                    ),
                ),
                ("observed_reason", models.TextField(blank=True, default="not started")),
                ("observed_at", models.DateTimeField(blank=True, null=True)),
                ("command_done", models.BigIntegerField(default=0)),
                (
                    "halt_ms",
                    models.FloatField(
                        blank=True, help_text="Last kill or pause: command read to nothing resting.", null=True
                    ),
                ),
                ("halt_proven", models.BooleanField(blank=True, null=True)),
                ("token", models.BigIntegerField(default=0)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="exchanges.exchangeaccount",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="clients.client"
                    ),
                ),
                (
                    "mandate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="clients.mandate"
                    ),
                ),
                (
                    "market",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="exchanges.market"
                    ),
                ),
                (
                    "wanted_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "slot",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="deployments",
                        to="strategies.hostslot",
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="strategies.revision",
                    ),
                ),
            ],
            options={
                "ordering": ["mandate", "name"],
            },
        ),
        migrations.CreateModel(
            name="Strategy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("draft_yaml", models.TextField(blank=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="strategies", to="clients.client"
                    ),
                ),
                (
                    "mandate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="strategies", to="clients.mandate"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "strategies",
                "ordering": ["mandate", "name"],
            },
        ),
        migrations.AddField(
            model_name="revision",
            name="strategy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="revisions", to="strategies.strategy"
            ),
        ),
        migrations.CreateModel(
            name="KillSwitch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("firm", "Firm"),
                            ("client", "Client"),
                            ("mandate", "Mandate"),
                            ("deployment", "Deployment"),
                        ],
                        max_length=16,
                    ),
                ),
                ("reason", models.TextField()),
                ("engaged_at", models.DateTimeField(auto_now_add=True)),
                ("reset_at", models.DateTimeField(blank=True, null=True)),
                ("reset_reason", models.TextField(blank=True)),
                (
                    "client",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="kill_switches",
                        to="clients.client",
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="kill_switches",
                        to="strategies.deployment",
                    ),
                ),
                (
                    "engaged_by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Null: engine.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "mandate",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="kill_switches",
                        to="clients.mandate",
                    ),
                ),
                (
                    "reset_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "kill switches",
                "ordering": ["-engaged_at", "-id"],
                "indexes": [
                    models.Index(condition=models.Q(("reset_at", None)), fields=["scope"], name="engaged_switches")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("client", None), ("deployment", None), ("mandate", None), ("scope", "firm")),
                            models.Q(
                                ("client__isnull", False), ("deployment", None), ("mandate", None), ("scope", "client")
                            ),
                            models.Q(
                                ("client__isnull", False),
                                ("deployment", None),
                                ("mandate__isnull", False),
                                ("scope", "mandate"),
                            ),
                            models.Q(("client__isnull", False), ("deployment__isnull", False), ("scope", "deployment")),
                            _connector="OR",
                        ),
                        name="a_switch_names_what_it_covers",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PaperFunding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asset", models.CharField(max_length=20)),
                ("amount", models.DecimalField(decimal_places=18, max_digits=36)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="funding", to="strategies.deployment"
                    ),
                ),
            ],
            options={
                "ordering": ["deployment", "asset"],
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "asset"), name="one_funding_per_asset"),
                    models.CheckConstraint(condition=models.Q(("amount__gte", 0)), name="funding_is_not_negative"),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="deployment",
            constraint=models.UniqueConstraint(fields=("mandate", "name"), name="one_deployment_per_name"),
        ),
        migrations.AddConstraint(
            model_name="strategy",
            constraint=models.UniqueConstraint(fields=("mandate", "name"), name="one_strategy_per_name"),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.UniqueConstraint(fields=("strategy", "number"), name="one_revision_per_number"),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("approver", None), ("state", "submitted")),
                    models.Q(models.Q(("state", "submitted"), _negated=True), ("approver__isnull", False)),
                    _connector="OR",
                ),
                name="a_decision_has_a_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "approved"), _negated=True),
                    models.Q(("approver", models.F("author")), _negated=True),
                    _connector="OR",
                ),
                name="four_eyes",
            ),
        ),
    ]
