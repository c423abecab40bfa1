import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("clients", "0001_people_and_mandates"),
        ("strategies", "0001_strategies_and_deployments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Recording",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("path", models.CharField(max_length=500, unique=True)),
                ("symbol", models.CharField(max_length=60)),
                (
                    "starts_at",
                    models.DateTimeField(blank=True, help_text="First message; unknown until inspected.", null=True),
                ),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("messages", models.BigIntegerField(blank=True, null=True)),
                ("size_bytes", models.BigIntegerField()),
                ("problem", models.TextField(blank=True, help_text="Why it cannot be read to its end, in words.")),
                ("added_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="SessionReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("figures", models.JSONField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="reports", to="strategies.deployment"
                    ),
                ),
            ],
            options={
                "ordering": ["-ends_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Balance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asset", models.CharField(max_length=20)),
                ("total", models.DecimalField(decimal_places=18, max_digits=36)),
                ("locked", models.DecimalField(decimal_places=18, max_digits=36)),
                ("at", models.DateTimeField()),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="balances", to="strategies.deployment"
                    ),
                ),
            ],
            options={
                "ordering": ["deployment", "asset"],
                "constraints": [models.UniqueConstraint(fields=("deployment", "asset"), name="one_balance_per_asset")],
            },
        ),
        migrations.CreateModel(
            name="DeploymentEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("token", models.BigIntegerField()),
                ("kind", models.CharField(help_text="state, risk, halt or notice.", max_length=16)),
                ("level", models.CharField(default="info", max_length=8)),
                ("text", models.TextField()),
                ("detail", models.JSONField(default=dict)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="events", to="strategies.deployment"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-id"],
                "indexes": [models.Index(fields=["deployment", "-at", "-id"], name="events_by_time")],
            },
        ),
        migrations.CreateModel(
            name="Fill",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fill_id", models.CharField(max_length=80)),
                ("client_order_id", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                ("symbol", models.CharField(max_length=60)),
                ("side", models.CharField(choices=[("buy", "buy"), ("sell", "sell")], max_length=4)),
                ("price", models.DecimalField(decimal_places=18, max_digits=36)),
                ("size_base", models.DecimalField(decimal_places=18, max_digits=36)),
                ("fee", models.DecimalField(decimal_places=18, max_digits=36)),
                ("fee_asset", models.CharField(max_length=20)),
                ("is_maker", models.BooleanField()),
                ("mid", models.DecimalField(decimal_places=18, max_digits=36, null=True)),
                ("fee_quote", models.DecimalField(decimal_places=18, max_digits=36)),
                ("realised_quote", models.DecimalField(decimal_places=18, max_digits=36)),
                ("position_base", models.DecimalField(decimal_places=18, max_digits=36)),
                ("average_cost", models.DecimalField(decimal_places=18, max_digits=36)),
                ("realised_total_quote", models.DecimalField(decimal_places=18, max_digits=36)),
                ("fees_total_quote", models.DecimalField(decimal_places=18, max_digits=36)),
                ("volume_total_quote", models.DecimalField(decimal_places=18, max_digits=36)),
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="fills", to="strategies.deployment"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-id"],
                "indexes": [models.Index(fields=["deployment", "-at"], name="fills_by_time")],
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "fill_id"), name="a_fill_counts_once"),
                    models.UniqueConstraint(fields=("deployment", "fills_total"), name="fills_are_numbered"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("client_order_id", models.CharField(max_length=64)),
                ("venue_order_id", models.CharField(blank=True, max_length=80)),
                ("token", models.BigIntegerField()),
                ("symbol", models.CharField(max_length=60)),
                ("side", models.CharField(choices=[("buy", "buy"), ("sell", "sell")], max_length=4)),
                ("level", models.PositiveSmallIntegerField()),
                ("price", models.DecimalField(decimal_places=18, max_digits=36)),
                ("size_base", models.DecimalField(decimal_places=18, max_digits=36)),
                ("filled_base", models.DecimalField(decimal_places=18, default=0, max_digits=36)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("open", "open"),
                            ("partially_filled", "partially_filled"),
                            ("cancelling", "cancelling"),
                            ("unknown", "unknown"),
                            ("filled", "filled"),
                            ("cancelled", "cancelled"),
                            ("rejected", "rejected"),
                        ],
                        max_length=20,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="orders", to="strategies.deployment"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["cancelled", "filled", "rejected"]), _negated=True),
                        fields=["deployment"],
                        name="resting_orders",
                    ),
                    models.Index(fields=["deployment", "-created_at"], name="orders_by_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "client_order_id"), name="one_row_per_order")
                ],
            },
        ),
        migrations.CreateModel(
            name="ReplayRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("speed", models.CharField(help_text="A multiple of real time, or max.", max_length=12)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("problem", models.TextField(blank=True, help_text="Why it ended early, in words.")),
                ("progress", models.FloatField(default=0, help_text="0 to 1.")),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "deployment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="replay", to="strategies.deployment"
                    ),
                ),
                (
                    "recording",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="monitoring.recording"
                    ),
                ),
                (
                    "started_by",
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
                "ordering": ["-created_at", "-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("progress__gte", 0), ("progress__lte", 1)), name="progress_is_a_share"
                    )
                ],
            },
        ),
    ]
