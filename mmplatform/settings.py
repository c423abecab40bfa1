"""Settings of the platform. Everything a deployment may change comes from the environment; see .env.example."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("MM_VAR", BASE_DIR / "var"))

DEBUG = os.environ.get("MM_DEBUG") == "1"
SECRET_KEY = os.environ.get("MM_SECRET_KEY", "")
ALLOWED_HOSTS = os.environ.get("MM_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("MM_TRUSTED_ORIGINS", "").split(",") if origin]

BEHIND_TLS = os.environ.get("MM_TLS") == "1"
"""A proxy of ours ends TLS in front of the web process and is the only way to it: cookies never travel in the clear."""
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SESSION_COOKIE_AGE = 12 * 3600  # a shift: whoever is signed in may be able to kill
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = int(os.environ.get("MM_HSTS_S") or 0) if BEHIND_TLS else 0

DATABASE_URL = os.environ.get("DATABASE_URL", "")
REDIS_URL = os.environ.get("REDIS_URL", "")

ENGINE_SLOTS = int(os.environ.get("MM_ENGINE_SLOTS") or os.cpu_count() or 1)
SHARED_BUDGETS = "mmplatform.host.budget.SharedBudgets"
"""What whoever asks a venue beside the hosts shares its requests by, and a key's turns."""
REHEARSAL_SLOTS = int(os.environ.get("MM_REHEARSAL_SLOTS") or 1)


def _database(url: str) -> dict[str, Any]:
    parts = urlparse(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/") or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
        "OPTIONS": {"connect_timeout": 5},
    }


DATABASES = {"default": _database(DATABASE_URL)}
if DATABASE_POOL := int(os.environ.get("MM_DATABASE_POOL") or 0):
    # A new connection costs more than most pages ask of it. Only the web process keeps a pool: workers fork, and hosts
    # hold connections of their own. After an outage the next request tries at once instead of waiting out a backoff.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 2,
        "max_size": DATABASE_POOL,
        "timeout": 5,
        "reconnect_timeout": 2,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "clients.apps.DeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "django_htmx",
    "clients",
    "exchanges",
    "strategies",
    "monitoring",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "mmplatform.middleware.content_security",
    "mmplatform.middleware.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "mmplatform.urls"
ASGI_APPLICATION = "mmplatform.asgi.application"
AUTH_USER_MODEL = "clients.User"
LOGIN_URL = "clients:signin"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
    )
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "clients.context.frame",
            ]
        },
    }
]

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "mmplatform.finders.PackageFinder",
]
WHITENOISE_USE_FINDERS = True
"""Static files are served from where they lie too, so that tests and a fresh checkout need no collecting."""

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = ["mmplatform.formats"]

DEFAULT_EXCEPTION_REPORTER_FILTER = "mmplatform.middleware.AlwaysHiding"

LOG_JSON = os.environ.get("MM_LOG") == "json"
"""Logs as JSON lines; otherwise for people. Either way one line an event."""

SAMPLE_DAYS = int(os.environ.get("MM_SAMPLE_DAYS", "45"))
"""How long raw samples are kept; rollups and the counted seconds of obligations stay."""
