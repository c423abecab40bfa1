"""Coming in by force: passwords tried without end, and one link pressed twice at once."""

from __future__ import annotations

import datetime
import threading
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client as Browser
from pytest_django import Settings

from clients.models import SignInAttempt, User
from clients.services import link_consume, one_time_link
from clients.signin import OF_ADDRESS, OF_BOTH, WINDOW
from tests.world import World, person


@pytest.fixture
def dora(world: World, settings: Settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # hashing well is slow on purpose
    world.dora.set_password("correct horse battery")
    world.dora.save(update_fields=["password"])
    return world.dora


def comes_in(name: str = "dora", password: str = "correct horse battery", **place: str) -> bool:
    return Browser().post("/signin/", {"username": name, "password": password}, **place).status_code == 302


def test_after_a_few_wrong_passwords_not_even_the_right_one_is_looked_at(dora: User) -> None:
    for _ in range(OF_BOTH):
        assert not comes_in(password="wrong")
    page = Browser().post("/signin/", {"username": "Dora", "password": "correct horse battery"})
    assert "Too many passwords were tried" in page.content.decode()
    SignInAttempt.objects.update(at=SignInAttempt.objects.first().at - WINDOW)
    assert comes_in()


def test_a_stranger_elsewhere_does_not_lock_a_colleague_out(dora: User) -> None:
    for _ in range(OF_BOTH + 1):
        assert not comes_in(password="wrong", REMOTE_ADDR="203.0.113.9")
    assert comes_in(REMOTE_ADDR="198.51.100.1")


def test_one_machine_does_not_try_everybody(dora: User) -> None:
    for number in range(OF_ADDRESS):
        assert not comes_in(name=f"person{number}", password="wrong")
    assert not comes_in()
    assert comes_in(REMOTE_ADDR="198.51.100.1")


def test_mistyping_now_and_then_is_forgiven(dora: User) -> None:
    for _ in range(OF_BOTH * 2):
        assert not comes_in(password="wrong")
        assert comes_in()


def test_a_form_without_a_password_forgives_nothing(dora: User) -> None:
    for _ in range(OF_BOTH):
        assert not comes_in(password="wrong")
        assert not comes_in(password="")
    assert not comes_in()


def test_a_link_works_when_passwords_no_longer_do(dora: User) -> None:
    for _ in range(OF_BOTH + 1):
        comes_in(password="wrong")
    assert Browser().post(one_time_link(dora)).status_code == 302


@pytest.mark.parametrize(
    ("behind_tls", "forwarded", "counted"),
    [(False, "203.0.113.9", "127.0.0.1"), (True, "10.9.9.9, 203.0.113.9", "203.0.113.9")],
)
def test_only_our_own_proxy_says_where_somebody_comes_from(
    dora: User, settings: Settings, behind_tls: bool, forwarded: str, counted: str
) -> None:
    settings.BEHIND_TLS = behind_tls
    assert not comes_in(password="wrong", HTTP_X_FORWARDED_FOR=forwarded)
    assert SignInAttempt.objects.get().address == counted


def test_yesterdays_attempts_are_forgotten(dora: User) -> None:
    comes_in(password="wrong")
    SignInAttempt.objects.update(at=SignInAttempt.objects.get().at - datetime.timedelta(days=2))
    comes_in(password="wrong")
    assert SignInAttempt.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_link_pressed_twice_at_once_works_once() -> None:
    path = one_time_link(person("dora", "operator"))
    _, _, pk, secret, _ = path.split("/")
    together = threading.Barrier(2)
    signed_in = []

    def press() -> None:
        together.wait(5)
        signed_in.append(link_consume(link_id=UUID(pk), secret=secret))
        connection.close()

    pressing = [threading.Thread(target=press) for _ in range(2)]
    for each in pressing:
        each.start()
    for each in pressing:
        each.join(10)
    assert sorted(user is not None for user in signed_in) == [False, True]
