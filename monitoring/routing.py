"""Addresses of the live sockets."""

from channels.routing import URLRouter
from django.urls import path, re_path

from monitoring.consumers import DeploymentConsumer, DeskConsumer, Nowhere

router = URLRouter(
    [
        path("ws/desk/", DeskConsumer.as_asgi()),
        path("ws/deployments/<int:pk>/", DeploymentConsumer.as_asgi()),
        re_path("", Nowhere.as_asgi()),
    ]
)
