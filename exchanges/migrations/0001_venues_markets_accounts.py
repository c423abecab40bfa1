import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("clients", "0001_people_and_mandates"),
    ]

    operations = [
        migrations.CreateModel(
            name="Venue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("simulated", "Simulated market"),
                            ("replay", "Recorded market"),
                            ("centralised", "Centralised exchange"),
                            ("decentralised", "Decentralised exchange"),
                        ],
                        max_length=16,
                    ),
                ),
                ("component", models.CharField(help_text="Entry point, such as exchanges.simulated.", max_length=80)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Market",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("symbol", models.CharField(max_length=60)),
                ("base", models.CharField(max_length=20)),
                ("quote", models.CharField(max_length=20)),
                ("tick_size", models.DecimalField(decimal_places=18, max_digits=30)),
                ("lot_size", models.DecimalField(decimal_places=18, max_digits=30)),
                ("min_size_base", models.DecimalField(blank=True, decimal_places=18, max_digits=30, null=True)),
                ("min_notional_quote", models.DecimalField(blank=True, decimal_places=18, max_digits=30, null=True)),
                ("maker_fee_bps", models.DecimalField(decimal_places=4, default=0, max_digits=10)),
                ("taker_fee_bps", models.DecimalField(decimal_places=4, default=0, max_digits=10)),
                (
                    "state",
                    models.CharField(
                        choices=[("trading", "Trading"), ("halted", "Halted"), ("delisted", "Delisted")],
                        default="trading",
                        max_length=16,
                    ),
                ),
                ("component_args", models.JSONField(blank=True, default=dict, help_text="Decimals as strings.")),
                (
                    "venue",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="markets", to="exchanges.venue"
                    ),
                ),
            ],
            options={
                "ordering": ["venue", "symbol"],
                "constraints": [
                    models.UniqueConstraint(fields=("venue", "symbol"), name="one_market_per_symbol"),
                    models.CheckConstraint(
                        condition=models.Q(("lot_size__gt", 0), ("tick_size__gt", 0)), name="tick_and_lot_are_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExchangeAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("is_paper", models.BooleanField(default=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="accounts", to="clients.client"
                    ),
                ),
                (
                    "venue",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="accounts", to="exchanges.venue"
                    ),
                ),
            ],
            options={
                "ordering": ["client", "name"],
                "constraints": [
                    models.UniqueConstraint(fields=("client", "venue", "name"), name="one_account_per_name"),
                    models.CheckConstraint(
                        condition=models.Q(("is_paper", True)), name="only_paper_until_the_vault_exists"
                    ),
                ],
            },
        ),
    ]
