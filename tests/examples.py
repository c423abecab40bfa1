"""How many examples a property is tried with: enough for every run, and twenty times as many when somebody searches.

For properties whose examples are dear; the others take what the profile in `conftest.py` says.
"""

from __future__ import annotations

import os

from hypothesis import settings

SEARCHING = os.environ.get("HYPOTHESIS") == "search"


def examples(count: int) -> settings:
    return settings(max_examples=20 * count if SEARCHING else count)
