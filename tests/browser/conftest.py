"""Two servers for browsers: a whole desk as `./mm up` opens it, and a bare web process on the test's own records."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from django.db import connection
from playwright.sync_api import Browser, BrowserContext, Page, expect

from clients.models import User
from clients.services import one_time_link
from exchanges.vault import PUBLIC_KEY_FILE, PrivateKey, keep
from mmplatform.desk import ROOT
from mmplatform.embedded import free_port
from tests.mmplatform.desks import PATIENCE_S, desk_directory, environment_for, read_until, running
from tests.world import World, make_world

T = TypeVar("T")

LAPTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Desk:
    """A running desk: its address, and what a person at its terminal could do."""

    url: str
    var: Path
    process: subprocess.Popen[str]

    def manage(self, *arguments: str) -> str:
        known = json.loads((self.var / "desk.json").read_text())
        command = [sys.executable, "manage.py", *arguments]
        environment = {**environment_for(self.var), **known["environment"]}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def link(self, user: str = "demo-admin") -> str:
        return self.url + self.manage("signin_link", "--user", user)

    def child(self, command: str) -> psutil.Process:
        """The first process of the desk whose command line holds these words."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        return next(each for each in family if command in " ".join(each.cmdline()))


@pytest.fixture(scope="session")
def desk() -> Iterator[Desk]:
    """The demo desk, quoting, with one engine."""
    var = desk_directory()
    with running(var) as process:
        said = read_until(process, "first live quotes on screen")
        address = re.search(r"http://localhost:\d+", said)
        assert address, said
        yield Desk(url=address[0], var=var, process=process)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=LAPTOP)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page whose script errors fail the test."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []


@pytest.fixture
def desk_page(context: BrowserContext, page: Page, desk: Desk, admin_cookies: list[Any]) -> Page:
    """The demo desk's first page, signed in as its admin."""
    context.add_cookies(admin_cookies)
    page.goto(desk.url)
    return page


@pytest.fixture(scope="session")
def admin_cookies(chromium: Browser, desk: Desk) -> list[Any]:
    """The session of the demo desk's admin: signed in once for all tests, which takes a link from its terminal."""
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE_MS)
    sign_in(context.new_page(), desk.link())
    cookies = context.cookies()
    context.close()
    return cookies


def sign_in(page: Page, link: str) -> Page:
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/(portal/)?$"))
    return page


@dataclass
class Web:
    url: str
    world: World

    def link(self, user: User) -> str:
        return self.url + one_time_link(user)


@pytest.fixture(scope="session")
def vault_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The vault's key, and the public one that the web process seals with."""
    directory = tmp_path_factory.mktemp("vault")
    secret, public = directory / "vault.key", directory / "vault.pub"
    keep(secret, [PrivateKey.new()], public)
    return secret, public


@pytest.fixture(scope="session")
def web_process(django_db_setup: None, vault_files: tuple[Path, Path]) -> Iterator[str]:
    """The address of a web process on the tests' database, without engines. One for all tests: it keeps nothing of
    what it was asked."""
    port = free_port()
    name = connection.settings_dict["NAME"]
    url = re.sub(r"/[^/]*$", f"/{name}", os.environ["DATABASE_URL"])
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "mmplatform.settings"}
    environment[PUBLIC_KEY_FILE] = str(vault_files[1])
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "mmplatform.asgi:application",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        address = f"http://localhost:{port}"
        wait_until(lambda: answers(f"{address}/signin/"), timeout_s=PATIENCE_S)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=15)


@pytest.fixture
def web(transactional_db: None, web_process: str) -> Web:
    """A web process on this test's own records."""
    return Web(url=web_process, world=beside_the_loop(make_world))


def beside_the_loop(work: Callable[[], T]) -> T:
    """Do something in a thread of its own: Playwright runs a loop in this one, and so does whoever tries a draft."""

    def done() -> T:
        try:
            return work()
        finally:
            connection.close()  # of that thread

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(done).result()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
