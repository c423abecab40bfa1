"""Kill switches that cover a venue, or one account."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# A switch is read by the tenant it names: it must not name another one's account.
SAME_CLIENT = """
ALTER TABLE strategies_killswitch ADD CONSTRAINT account_of_same_client
    FOREIGN KEY (account_id, client_id) REFERENCES exchanges_exchangeaccount (id, client_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
NOT_SAME_CLIENT = "ALTER TABLE strategies_killswitch DROP CONSTRAINT account_of_same_client;"


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0005_obligations_state_their_terms"),
        ("exchanges", "0002_tenancy"),
        ("strategies", "0002_fence_freeze_and_tenancy"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="killswitch",
            name="a_switch_names_what_it_covers",
        ),
        migrations.AddField(
            model_name="killswitch",
            name="account",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="kill_switches",
                to="exchanges.exchangeaccount",
            ),
        ),
        migrations.AddField(
            model_name="killswitch",
            name="venue",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="kill_switches",
                to="exchanges.venue",
            ),
        ),
        migrations.AlterField(
            model_name="killswitch",
            name="scope",
            field=models.CharField(
                choices=[
                    ("firm", "Firm"),
                    ("venue", "Venue"),
                    ("client", "Client"),
                    ("account", "Account"),
                    ("mandate", "Mandate"),
                    ("deployment", "Deployment"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="killswitch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("client", None), ("deployment", None), ("mandate", None), ("scope", "firm")),
                    models.Q(
                        ("client", None),
                        ("deployment", None),
                        ("mandate", None),
                        ("scope", "venue"),
                        ("venue__isnull", False),
                    ),
                    models.Q(("client__isnull", False), ("deployment", None), ("mandate", None), ("scope", "client")),
                    models.Q(
                        ("account__isnull", False),
                        ("client__isnull", False),
                        ("deployment", None),
                        ("mandate", None),
                        ("scope", "account"),
                    ),
                    models.Q(
                        ("client__isnull", False),
                        ("deployment", None),
                        ("mandate__isnull", False),
                        ("scope", "mandate"),
                    ),
                    models.Q(("client__isnull", False), ("deployment__isnull", False), ("scope", "deployment")),
                    _connector="OR",
                ),
                name="a_switch_names_what_it_covers",
            ),
        ),
        migrations.AddConstraint(
            model_name="killswitch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scope", "venue"), ("venue", None), _connector="OR"),
                    models.Q(("scope", "account"), ("account", None), _connector="OR"),
                ),
                name="a_switch_names_nothing_else",
            ),
        ),
        migrations.RunSQL(SAME_CLIENT, NOT_SAME_CLIENT),
    ]
