"""What venues changed is a record: emptying its table is refused, as changing or removing a row is."""

from django.db import migrations

GUARDED = """
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON exchanges_marketchange FOR EACH STATEMENT
    EXECUTE FUNCTION mm_refuse('exchanges_marketchange is a record of what happened: it is never emptied.');
"""
NOT_GUARDED = "DROP TRIGGER never_emptied ON exchanges_marketchange;"


class Migration(migrations.Migration):
    dependencies = [("exchanges", "0006_last_attempt_to_read_markets")]

    operations = [migrations.RunSQL(GUARDED, NOT_GUARDED)]
