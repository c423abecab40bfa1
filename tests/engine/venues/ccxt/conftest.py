"""The library is brought in as the engine brings it in: one venue at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from engine.venues.ccxt.narrow import narrow
from tests.venues.loopback import Loopback

narrow()


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    server = await Loopback().open()
    yield server
    await server.close()
