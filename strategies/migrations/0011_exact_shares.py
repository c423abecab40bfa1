"""Shares and limits of roll-outs as they were given: a numeric of fixed places would round them without a word."""

from __future__ import annotations

from django.db import migrations

EXACT = """
ALTER TABLE strategies_deployment ALTER share TYPE numeric, ALTER runs_share TYPE numeric;
ALTER TABLE strategies_rollout
    ALTER max_spread_growth TYPE numeric, ALTER max_depth_drop TYPE numeric,
    ALTER max_uptime_drop TYPE numeric, ALTER max_loss_quote TYPE numeric;
ALTER TABLE strategies_rolloutstage ALTER share TYPE numeric;
ALTER TABLE strategies_rollouttarget ALTER previous_share TYPE numeric;
"""


class Migration(migrations.Migration):
    dependencies = [("strategies", "0010_kill_drills")]

    operations = [migrations.RunSQL(EXACT, migrations.RunSQL.noop)]
