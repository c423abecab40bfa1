"""A host for each test, and a venue that remembers nothing of the test before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.engine.listeners.hosts import Answers, Host, Polled, Streaming


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    Polled.answers = Answers()
    Streaming.channels, Streaming.open = {}, 0
    host = Host()
    yield host
    await host.close()


@pytest.fixture
def answers(host: Host) -> Answers:
    return Polled.answers
