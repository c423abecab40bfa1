from __future__ import annotations

import pytest

from tests.engine.prices.told import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()
