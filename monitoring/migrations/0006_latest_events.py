from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0005_obligations_state_their_terms"),
        ("monitoring", "0005_never_emptied"),
        ("strategies", "0002_fence_freeze_and_tenancy"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="deploymentevent",
            index=models.Index(fields=["-at", "-id"], name="latest_events"),
        ),
    ]
