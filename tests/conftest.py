"""What every test may use. The servers themselves are started by tests/servers.py."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis

# The same examples in every run, so that a red test is red for everybody; and no judgement on a busy machine's speed.
# HYPOTHESIS=search looks for new ones.
hypothesis.register_profile("suite", derandomize=True, deadline=None)
hypothesis.register_profile("search", deadline=None)
hypothesis.load_profile(os.environ.get("HYPOTHESIS", "suite"))

pytest_plugins = ["tests.world"]

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pytest_django import DjangoDbBlocker


NEVER_EMPTIED = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'never_emptied' ORDER BY 1"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests that commit are cleaned up by TRUNCATE, which the records of what happened refuse."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(NEVER_EMPTIED)
        for (table,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER never_emptied")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium to open pages in: the one named by MM_CHROMIUM, or found on the PATH; without one the test is skipped.

    Only in tests marked `browser`, which run in a process of their own.
    """
    names = ["chromium", "chromium-browser", "google-chrome"]
    binary = os.environ.get("MM_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not binary:
        pytest.skip("no Chromium on the PATH; install one or name it in MM_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The sandbox needs a user other than root; the pages are our own.
        browser = playwright.chromium.launch(executable_path=binary, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()
