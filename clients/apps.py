from django.apps import AppConfig
from django.contrib.admin import apps as admin


class ClientsConfig(AppConfig):
    name = "clients"
    default_auto_field = "django.db.models.BigAutoField"


class DeskAdminConfig(admin.AdminConfig):
    """Django's admin, with our own doorkeeper; named in INSTALLED_APPS."""

    default = False
    default_site = "clients.admin_site.DeskAdminSite"
