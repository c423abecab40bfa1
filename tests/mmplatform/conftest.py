from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.mmplatform.desks import desk_directory, running


@pytest.fixture
def var():
    return desk_directory()


@pytest.fixture
def up(var):
    """Start `./mm up` with arguments; what still runs at the end of the test is stopped."""
    with ExitStack() as desks:
        yield lambda *arguments: desks.enter_context(running(var, *arguments))
