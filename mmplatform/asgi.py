"""The web process: HTTP through Django, WebSockets through Channels."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmplatform.settings")
os.environ.setdefault("MM_DATABASE_POOL", "16")
django_application = get_asgi_application()

from mmplatform.weblog import configure_web_log  # noqa: E402  (settings must be ready first)

configure_web_log()

from channels.auth import AuthMiddlewareStack  # noqa: E402  (models must be ready first)
from channels.routing import ProtocolTypeRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

import mmplatform.celery  # noqa: E402, F401  (pages call tasks, over our broker)
from monitoring.routing import router  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(router)),
    }
)
