"""The collector goes on collecting, and does not look at what is remembered."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from orchestrator.app.garbage import set_aside


class _Node:
    me: "_Node"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def _cycle() -> "weakref.ref[_Node]":
    node = _Node()
    node.me = node
    return weakref.ref(node)


def test_what_is_remembered_is_set_aside_and_what_is_dropped_later_collected() -> None:
    """A cycle from before goes at once, one from after at the next look."""
    before = _cycle()
    set_aside()
    assert before() is None
    assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    after = _cycle()
    gc.collect()
    assert after() is None


def test_what_an_earlier_life_had_set_aside_can_go() -> None:
    """A reload of the config drops everything that the life before remembered."""
    life = _Node()
    life.me = life
    seen = weakref.ref(life)
    set_aside()
    del life
    gc.collect()
    assert seen() is not None  # set aside: not looked at
    set_aside()
    assert seen() is None
