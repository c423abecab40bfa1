from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0003_samples"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="recording",
            options={"ordering": ["name", "symbol"]},
        ),
        migrations.AlterField(
            model_name="recording",
            name="path",
            field=models.CharField(max_length=500),
        ),
        migrations.AlterField(
            model_name="recording",
            name="symbol",
            field=models.CharField(help_text="As BASE/QUOTE.", max_length=60),
        ),
        migrations.AddConstraint(
            model_name="recording",
            constraint=models.UniqueConstraint(fields=("path", "symbol"), name="one_recording_per_symbol_of_a_file"),
        ),
    ]
