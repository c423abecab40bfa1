"""The small desk of the host's tests, with a live deployment at a loopback venue."""

from collections.abc import AsyncIterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from tests.mmplatform.host.conftest import desk
from tests.mmplatform.host.test_host import watch
from tests.mmplatform.host.test_live_at_a_venue import live, venue
from tests.venues.conftest import loopback

__all__ = ["desk", "live", "loopback", "venue", "watch"]


@pytest.fixture(autouse=True)
async def _let_go_of_the_record() -> AsyncIterator[None]:
    yield
    await sync_to_async(lambda: connection.close())()  # of the thread beside the loop, which outlives the test
