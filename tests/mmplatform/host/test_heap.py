"""The collector is kept away from what stays, and finds what has left."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from mmplatform.host.heap import Heap


class Circle:
    """What a reference count alone cannot free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_up_is_no_longer_walked() -> None:
    heap, deployment = Heap(), Circle()
    heap.has_settled()
    assert gc.get_freeze_count() > 0
    assert not any(each is deployment for each in gc.get_objects())


def test_what_has_left_is_found_although_it_had_been_set_aside() -> None:
    heap, deployment = Heap(), Circle()
    heap.has_settled()
    gone = weakref.ref(deployment)
    del deployment
    gc.collect()
    assert gone() is not None
    heap.is_left()
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert gone() is None


def test_what_has_left_is_not_set_aside_with_what_comes_up_next() -> None:
    heap, deployment = Heap(), Circle()
    heap.has_settled()
    gone = weakref.ref(deployment)
    del deployment
    heap.is_left()
    heap.has_settled()
    assert gone() is None
    assert gc.get_freeze_count() > 0
