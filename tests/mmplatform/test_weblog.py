from __future__ import annotations

import os
import subprocess
import sys

from mmplatform.desk import ROOT

PROGRAM = """
import asyncio
import logging

import mmplatform.asgi
from django.test import AsyncClient

link = "/signin/0f8fad5b-d9cb-469f-a165-70867728950e/the-secret-of-a-link/"


async def visit():
    browser = AsyncClient(enforce_csrf_checks=True, raise_request_exception=False)
    assert (await browser.post(link)).status_code == 403
    assert (await browser.get("/no-such-page/")).status_code == 404


asyncio.run(visit())
try:
    raise ZeroDivisionError("a page that fails")
except ZeroDivisionError:
    logging.getLogger("django.request").exception("Internal Server Error: %s", link)
"""


def test_a_page_that_fails_leaves_a_trace_and_a_link_does_not() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=os.environ | {"MM_ALLOWED_HOSTS": "testserver"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "ZeroDivisionError: a page that fails" in ran.stderr
    assert "CSRF" in ran.stderr
    assert "/signin/***/" in ran.stderr
    assert "the-secret-of-a-link" not in ran.stderr
    assert "no-such-page" not in ran.stderr
