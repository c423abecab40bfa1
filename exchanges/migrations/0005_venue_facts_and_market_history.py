"""What is known of a venue, and what venues changed about their markets."""

import django.db.models.deletion
from django.db import migrations, models

FROZEN = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON exchanges_marketchange FOR EACH ROW
    EXECUTE FUNCTION mm_refuse('What a venue changed is never changed or removed here.');
"""
NOT_FROZEN = "DROP TRIGGER append_only ON exchanges_marketchange;"


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0004_account_checks"),
    ]

    operations = [
        migrations.AddField(
            model_name="market",
            name="facts_version",
            field=models.BigIntegerField(default=1, help_text="Rises with every change; running services follow it."),
        ),
        migrations.AddField(
            model_name="market",
            name="synced_at",
            field=models.DateTimeField(
                blank=True, help_text="When the venue last listed it; null: by hand.", null=True
            ),
        ),
        migrations.AddField(
            model_name="venue",
            name="abilities",
            field=models.JSONField(blank=True, default=list, help_text="What our component for it can do."),
        ),
        migrations.AddField(
            model_name="venue",
            name="catalogued_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="venue",
            name="claims",
            field=models.JSONField(blank=True, default=dict, help_text="What the library says of it, as last read."),
        ),
        migrations.AddField(
            model_name="venue",
            name="endpoint_override",
            field=models.CharField(
                blank=True, help_text="For sandboxes and proxies: the address that is called instead.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="venue",
            name="is_followed",
            field=models.BooleanField(default=False, help_text="Its markets are synchronised on a schedule."),
        ),
        migrations.AddField(
            model_name="venue",
            name="latency_ms",
            field=models.FloatField(
                blank=True, help_text="A public question and its answer, when last synced.", null=True
            ),
        ),
        migrations.AddField(
            model_name="venue",
            name="skew_ms",
            field=models.FloatField(blank=True, help_text="Its clock less ours, when last synchronised.", null=True),
        ),
        migrations.AddField(
            model_name="venue",
            name="sync_asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="venue",
            name="sync_problem",
            field=models.TextField(blank=True, help_text="Why the last attempt failed, in words."),
        ),
        migrations.AddField(
            model_name="venue",
            name="synced_at",
            field=models.DateTimeField(blank=True, help_text="When its markets were last read.", null=True),
        ),
        migrations.AddField(
            model_name="venue",
            name="tier",
            field=models.CharField(
                blank=True, help_text="How well it is known to behave; see its page.", max_length=16
            ),
        ),
        migrations.CreateModel(
            name="MarketChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("fact", models.CharField(help_text="The field of the market, or listed.", max_length=40)),
                ("old", models.CharField(blank=True, max_length=80)),
                ("new", models.CharField(blank=True, max_length=80)),
                (
                    "market",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="changes", to="exchanges.market"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-id"],
                "indexes": [models.Index(fields=["market", "-at", "-id"], name="changes_by_market")],
            },
        ),
        migrations.RunSQL(FROZEN, NOT_FROZEN),
    ]
