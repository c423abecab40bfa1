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


MADE_BY_MIGRATING = {"django_migrations", "django_content_type", "auth_permission"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Tests that commit are cleaned up after by DELETE, which costs milliseconds where Django's TRUNCATE of every
    table, and asking every app for its permissions anew, cost most of a second.
    """
    from django.db import connection, transaction
    from django.test import TransactionTestCase

    with django_db_blocker.unblock():
        tables = sorted({*connection.introspection.table_names()} - MADE_BY_MIGRATING)
    # As a replica: neither the order of foreign keys nor the triggers that keep records of what happened matter.
    emptying = "SET LOCAL session_replication_role = replica;" + "".join(f"DELETE FROM {each};" for each in tables)

    def empty(_: TransactionTestCase) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(emptying)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


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
