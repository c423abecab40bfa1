from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exchanges", "0005_venue_facts_and_market_history")]

    operations = [
        migrations.AddField(
            model_name="venue", name="sync_tried_at", field=models.DateTimeField(blank=True, null=True)
        ),
    ]
