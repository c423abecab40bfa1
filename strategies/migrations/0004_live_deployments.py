"""A live deployment needs an account that holds a key, and keeps it from being removed."""

from django.db import migrations, models

GUARDS = """
CREATE FUNCTION mm_live_needs_a_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM exchanges_sealedcredentials c JOIN exchanges_exchangeaccount a ON a.id = c.account_id
        WHERE a.id = NEW.account_id AND NOT a.is_paper
    ) THEN
        RAISE EXCEPTION 'A live deployment needs a live account that holds a key; account % does not.', NEW.account_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER live_needs_a_key BEFORE INSERT ON strategies_deployment FOR EACH ROW WHEN (NEW.mode = 'live')
    EXECUTE FUNCTION mm_live_needs_a_key();

CREATE FUNCTION mm_key_in_use() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named text;
BEGIN
    SELECT d.name INTO named FROM strategies_deployment d
    WHERE d.account_id = OLD.account_id AND d.mode = 'live' AND d.ended_at IS NULL ORDER BY d.id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The live deployment % has not ended and could not cancel its orders without this key: '
            'end it first, or replace the key.', named USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER in_use BEFORE DELETE ON exchanges_sealedcredentials FOR EACH ROW EXECUTE FUNCTION mm_key_in_use();
"""

NO_GUARDS = """
DROP TRIGGER in_use ON exchanges_sealedcredentials;
DROP FUNCTION mm_key_in_use();
DROP TRIGGER live_needs_a_key ON strategies_deployment;
DROP FUNCTION mm_live_needs_a_key();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0005_venue_facts_and_market_history"),
        ("strategies", "0003_kill_switches_of_venues_and_accounts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="deployment",
            name="mode",
            field=models.CharField(
                choices=[
                    ("shadow", "Shadow: quotes are computed and published, never sent"),
                    ("paper", "Paper: our own matching on the venue's public market"),
                    ("replay", "Replay: paper on a recording"),
                    ("live", "Live: orders go to the venue"),
                ],
                max_length=16,
            ),
        ),
        migrations.RunSQL(GUARDS, NO_GUARDS),
    ]
