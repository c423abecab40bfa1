"""What the environment makes of the settings: cookies and headers in production, and what a password must be."""

from __future__ import annotations

import re
import runpy
from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.test import override_settings

from mmplatform.desk import ROOT
from tests.mmplatform.test_compose import SERVICES


def settings_with(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    for name in ("MM_TLS", "MM_HSTS_S"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "mmplatform" / "settings.py"))


def test_behind_tls_cookies_never_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_with(monkeypatch, MM_TLS="1", MM_HSTS_S="31536000")
    assert found["SESSION_COOKIE_SECURE"]
    assert found["CSRF_COOKIE_SECURE"]
    assert found["SECURE_HSTS_SECONDS"] == 31_536_000
    with override_settings(**{name: found[name] for name in ("SECURE_PROXY_SSL_HEADER", "SECURE_HSTS_SECONDS")}):
        page = Browser().get("/healthz", headers={"X-Forwarded-Proto": "https"})
    assert page["Strict-Transport-Security"] == "max-age=31536000"


def test_without_a_proxy_a_visitor_cannot_claim_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_with(monkeypatch, MM_HSTS_S="31536000")
    assert not found["SESSION_COOKIE_SECURE"]
    assert (found["SECURE_PROXY_SSL_HEADER"], found["SECURE_HSTS_SECONDS"]) == (None, 0)


def test_production_has_tls_unless_somebody_says_otherwise() -> None:
    assert SERVICES["web"]["environment"]["MM_TLS"] == "${MM_TLS:-1}"


def test_the_container_asks_after_itself_by_a_name_it_answers_to() -> None:
    """With a public name alone in MM_ALLOWED_HOSTS, a check by the name localhost would always fail."""
    check = SERVICES["web"]["healthcheck"]["test"][-1]
    assert re.search(r"MM_ALLOWED_HOSTS.*'Host': host", check)
    compile(check, "healthcheck", "exec")
    with override_settings(ALLOWED_HOSTS=["desk.example"]):
        assert Browser().get("/healthz", headers={"Host": "localhost:8000"}).status_code == 400
        assert Browser().get("/healthz", headers={"Host": "desk.example"}).status_code == 200


@pytest.mark.parametrize("password", ["short", "password1234", "administrator"])
def test_an_easy_password_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)
