"""Addresses of the platform. Each app names its own; the order matters where one extends another's."""

from django.contrib import admin
from django.urls import include, path

from mmplatform.health import healthz, readyz

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("readyz", readyz),
    path("", include("clients.urls")),
    path("", include("exchanges.urls")),
    path("", include("monitoring.urls")),
    path("", include("strategies.urls")),
]
