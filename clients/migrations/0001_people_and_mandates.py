import uuid

import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Client",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=120)),
                ("is_demo", models.BooleanField(default=False, help_text="Invented; runs on simulated markets only.")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                (
                    "desk_role",
                    models.CharField(
                        choices=[
                            ("none", "No desk access"),
                            ("viewer", "Viewer"),
                            ("operator", "Operator"),
                            ("risk", "Risk"),
                            ("admin", "Admin"),
                        ],
                        default="none",
                        max_length=16,
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="Mandate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(help_text="Stands in addresses; never names another client.", unique=True)),
                ("name", models.CharField(max_length=120)),
                ("base", models.CharField(max_length=20)),
                ("quote", models.CharField(max_length=20)),
                ("tags", models.CharField(blank=True, help_text="Separated by spaces.", max_length=200)),
                ("shares_pnl", models.BooleanField(default=False, help_text="The client sees the mandate's PnL.")),
                (
                    "resume_policy",
                    models.CharField(
                        choices=[
                            ("pause", "Stay paused until a person starts it"),
                            ("resume", "Resume after a clean reconciliation"),
                        ],
                        default="pause",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="mandates", to="clients.client"
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("member", "Member")], default="member", max_length=16
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="clients.client"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["client", "user"],
            },
        ),
        migrations.AddField(
            model_name="client",
            name="members",
            field=models.ManyToManyField(
                related_name="clients", through="clients.Membership", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.CreateModel(
            name="Obligation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kpi",
                    models.CharField(
                        choices=[
                            ("spread", "Spread-compliant uptime"),
                            ("depth", "Depth in band"),
                            ("uptime", "Uptime per side"),
                        ],
                        max_length=16,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("starts_at", models.DateTimeField()),
                ("max_spread_bps", models.DecimalField(blank=True, decimal_places=4, max_digits=12, null=True)),
                (
                    "band_bps",
                    models.DecimalField(
                        blank=True, decimal_places=4, help_text="Half-width from mid.", max_digits=12, null=True
                    ),
                ),
                (
                    "min_depth_quote",
                    models.DecimalField(blank=True, decimal_places=8, help_text="A side.", max_digits=30, null=True),
                ),
                (
                    "target_share",
                    models.DecimalField(decimal_places=5, help_text="0.95 means 95 % of the period.", max_digits=6),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
                (
                    "mandate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="obligations", to="clients.mandate"
                    ),
                ),
            ],
            options={
                "ordering": ["mandate", "kpi", "band_bps", "version"],
            },
        ),
        migrations.CreateModel(
            name="OneTimeLink",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("secret_hash", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "actor_name",
                    models.CharField(help_text="Kept beside the key; 'engine' for the machine itself.", max_length=150),
                ),
                ("verb", models.CharField(max_length=60)),
                ("object_type", models.CharField(max_length=60)),
                ("object_id", models.CharField(max_length=60)),
                ("object_name", models.CharField(max_length=300)),
                ("old", models.JSONField(null=True)),
                ("new", models.JSONField(null=True)),
                ("reason", models.TextField(blank=True)),
                (
                    "actor",
                    models.ForeignKey(
                        help_text="Null: machine.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clients.client"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "ordering": ["-at", "-id"],
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="audit_by_time"),
                    models.Index(fields=["object_type", "object_id", "-at"], name="audit_by_object"),
                    models.Index(fields=["client", "-at"], name="audit_by_client"),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(fields=("user", "client"), name="one_membership_per_client"),
        ),
        migrations.AddConstraint(
            model_name="obligation",
            constraint=models.UniqueConstraint(
                fields=("mandate", "kpi", "band_bps", "version"), name="one_row_per_version", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="obligation",
            constraint=models.CheckConstraint(
                condition=models.Q(("target_share__gt", 0), ("target_share__lte", 1)), name="target_is_a_share"
            ),
        ),
        migrations.AddConstraint(
            model_name="obligation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("band_bps", None), ("kpi", "spread"), ("max_spread_bps__gt", 0), ("min_depth_quote", None)
                    ),
                    models.Q(
                        ("band_bps__gt", 0), ("kpi", "depth"), ("max_spread_bps", None), ("min_depth_quote__gt", 0)
                    ),
                    models.Q(("kpi", "uptime"), ("max_spread_bps", None), ("min_depth_quote", None)),
                    _connector="OR",
                ),
                name="an_obligation_states_what_its_kpi_needs",
            ),
        ),
    ]
