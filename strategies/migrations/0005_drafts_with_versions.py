"""A draft knows its version, who saved it last, and the market it is for."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0002_tenancy"),
        ("strategies", "0004_live_deployments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="strategy",
            name="market",
            field=models.ForeignKey(
                blank=True,
                help_text="What the draft is checked against.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="exchanges.market",
            ),
        ),
        migrations.AddField(
            model_name="strategy",
            name="draft_version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="strategy",
            name="draft_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="strategy",
            name="draft_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
