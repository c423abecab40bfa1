"""A part of every size for canaries, and what a host says it runs by, beside what is wanted."""

import decimal

import django.db.models.deletion
from django.db import migrations, models

SAME_CLIENT = """
ALTER TABLE strategies_deployment ADD CONSTRAINT runs_revision_of_same_client
    FOREIGN KEY (runs_revision_id, client_id) REFERENCES strategies_revision (id, client_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
NOT_SAME_CLIENT = "ALTER TABLE strategies_deployment DROP CONSTRAINT runs_revision_of_same_client;"


class Migration(migrations.Migration):
    dependencies = [("strategies", "0005_drafts_with_versions")]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="share",
            field=models.DecimalField(
                decimal_places=4,
                default=decimal.Decimal(1),
                help_text="Part of every wanted size that is sent, 0 to 1; less than one is a canary.",
                max_digits=5,
            ),
        ),
        migrations.AddField(
            model_name="deployment",
            name="runs_revision",
            field=models.ForeignKey(
                blank=True,
                help_text="What a host runs by.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="strategies.revision",
            ),
        ),
        migrations.AddField(
            model_name="deployment",
            name="runs_share",
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=5, null=True),
        ),
        migrations.AddField(
            model_name="deployment",
            name="runs_since",
            field=models.DateTimeField(blank=True, help_text="Since when, by these parameters.", null=True),
        ),
        migrations.AddConstraint(
            model_name="deployment",
            constraint=models.CheckConstraint(
                condition=models.Q(("share__gt", 0), ("share__lte", 1)), name="a_share_is_a_part_of_one"
            ),
        ),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
    ]
