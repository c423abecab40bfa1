"""A loopback server for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.venues.loopback import Loopback


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    server = await Loopback().open()
    yield server
    await server.close()
