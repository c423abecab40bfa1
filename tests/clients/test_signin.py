"""Coming in: by link once, by password, and to the place one belongs."""

from __future__ import annotations

import pytest
from django.test import Client

from clients.models import OneTimeLink
from clients.services import one_time_link
from tests.world import World


def test_opening_a_link_does_not_use_it_up_but_its_button_does(client: Client, world: World) -> None:
    path = one_time_link(world.dora)
    for _ in range(3):
        assert client.get(path).status_code == 200
    assert OneTimeLink.objects.get().used_at is None
    answer = client.post(path)
    assert answer.status_code == 302
    assert answer["Location"] == "/"
    assert client.get("/").status_code == 200


def test_a_spent_link_says_so_and_signs_nobody_in(client: Client, world: World) -> None:
    path = one_time_link(world.dora)
    Client().post(path)
    answer = client.post(path)
    assert answer.status_code == 410
    assert "no longer works" in answer.content.decode()
    assert client.get("/")["Location"].startswith("/signin/")


def test_a_client_comes_to_the_portal_and_the_desk_to_the_desk(client: Client, world: World) -> None:
    assert Client().post(one_time_link(world.alice))["Location"] == "/portal/"
    client.force_login(world.alice)
    assert client.get("/")["Location"] == "/portal/"


def test_a_password_signs_in_and_a_wrong_one_gets_a_sentence(client: Client, world: World) -> None:
    world.dora.set_password("correct horse")
    world.dora.save()
    wrong = client.post("/signin/", {"username": "dora", "password": "battery"})
    assert "correct username and password" in wrong.content.decode()
    right = client.post(
        "/signin/?next=/mandates/", {"username": "dora", "password": "correct horse", "next": "/mandates/"}
    )
    assert right["Location"] == "/mandates/"


def test_signing_out_takes_a_form_not_a_link(client: Client, world: World) -> None:
    client.force_login(world.dora)
    assert client.get("/signout/").status_code == 405
    assert client.post("/signout/")["Location"] == "/signin/"
    assert client.get("/").status_code == 302


def test_pages_let_only_our_own_scripts_run(client: Client, db: None) -> None:
    policy = client.get("/signin/")["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/static/vendor/plotly.min.js", "/static/js/desk.js", "/static/css/tokens.css"])
def test_static_files_are_served_in_one_piece(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert not answer.streaming
    assert int(answer["Content-Length"]) == len(answer.content) > 500
    again = client.get(path, headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
