"""TRUNCATE fires no row trigger, so what is never changed or removed could still be emptied at one stroke."""

from django.db import migrations

KEPT = (
    "clients_auditentry",
    "clients_obligation",
    "strategies_revision",
    "strategies_paperfunding",
    "monitoring_fill",
    "monitoring_deploymentevent",
    "monitoring_sessionreport",
)

GUARDED = "".join(
    f"""
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT
    EXECUTE FUNCTION mm_refuse('{table} is a record of what happened: it is never emptied.');
"""
    for table in KEPT
)
NOT_GUARDED = "".join(f"DROP TRIGGER never_emptied ON {table};\n" for table in KEPT)


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0004_one_recording_per_symbol"),
        ("strategies", "0002_fence_freeze_and_tenancy"),
        ("clients", "0002_tenancy"),
    ]

    operations = [migrations.RunSQL(GUARDED, NOT_GUARDED)]
