"""What pages are made of, each part alone: who is remembered, and who waits for what."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.domain.episodes import Episode
from orchestrator.domain.keys import parse_key
from orchestrator.domain.pages import Page, digest_of
from orchestrator.engine.arrivals import Arrivals
from orchestrator.engine.pagedraft import Draft, place_of, room_key
from orchestrator.engine.pageindex import PageIndex
from orchestrator.engine.pagequeue import PageQueue, drafted
from orchestrator.ports.store import StoreFault
from tests.fakes.clock import VirtualClock, settle
from tests.fakes.store import FakeStore

NOW = VirtualClock().now()


def an_episode(name: str, **more: object) -> Episode:
    """An open page of a policy."""
    episode = Episode(f"id-{name}", 1, Page("pd", name, digest_of("pd", name)), NOW)
    return replace(episode, policy="oncall", **more)  # type: ignore[arg-type]


def test_of_pages_that_are_over_only_the_latest_are_remembered() -> None:
    """Those that stand always are; the store knows the others."""
    index = PageIndex()
    stands = an_episode("stands")
    index.keep(stands)
    for number in range(2_500):
        index.keep(an_episode(f"{number}", closed_at=NOW, over_at=NOW))
    assert index.latest(place_of(stands)) is stands
    assert index.latest(("pd", digest_of("pd", "2499"))) is not None
    assert index.latest(("pd", digest_of("pd", "499"))) is None
    assert index.latest(("pd", digest_of("pd", "500"))) is not None


def test_who_shares_a_room_has_its_leader_until_it_has_another() -> None:
    """And nobody is a member of a room that it left."""
    index = PageIndex()
    first, other = an_episode("first"), an_episode("other")
    second = an_episode("second", shares=room_key(first))
    for one in (first, other, second):
        index.keep(one)
    assert index.leader(second) is first
    assert index.sharers(first) == 1
    moved = replace(second, shares=room_key(other))
    index.keep(moved)
    assert index.leader(moved) is other
    assert [*index.members(room_key(first))] == [first]
    index.keep(replace(other, closed_at=NOW, over_at=NOW))
    assert index.leader(moved) is moved
    assert index.sharers(first) == 0


def test_what_opened_lately_counts_by_either_side_of_now() -> None:
    """What was counted before the clock was set back lies ahead."""
    index, minute = PageIndex(), timedelta(minutes=1)
    for number, at in enumerate((-10, -4, 0, 4, 10)):
        index.count(an_episode(f"{number}", opened_at=NOW + at * minute))
    assert [*index.fresh("oncall", NOW, 5 * minute)] == ["id-1", "id-2", "id-3"]
    assert [*index.fresh("another", NOW, 5 * minute)] == []


async def test_a_queue_that_ended_acknowledges_nothing() -> None:
    """Neither what waits nor what comes: the sender sends it again."""
    queue = PageQueue(asyncio.Event())

    async def work(_: Draft) -> None:
        return None

    waits = asyncio.create_task(queue.recorded(work))
    await settle()
    assert len(queue) == 1
    queue.end()
    with pytest.raises(StoreFault, match="send it again"):
        await asyncio.wait_for(waits, 5)
    with pytest.raises(StoreFault, match="send it again"):
        await queue.recorded(work)


async def test_one_messages_bug_costs_no_other_its_place() -> None:
    """It is told its own error, and what it began to write is not written."""
    wanted = asyncio.Event()
    queue, whole = PageQueue(wanted), Draft()

    async def good(draft: Draft) -> None:
        draft.put(an_episode("good"))

    async def bad(draft: Draft) -> None:
        draft.put(an_episode("bad"))
        raise ZeroDivisionError

    tasks = [asyncio.create_task(queue.recorded(work)) for work in (good, bad, good)]
    await settle()
    assert wanted.is_set()
    waiting = await drafted(queue.take(), whole)
    assert len(waiting) == 2
    assert [*whole.episodes] == ["id-good"]
    with pytest.raises(ZeroDivisionError):
        await tasks[1]
    for one in waiting:
        one.set_result(None)
    await asyncio.gather(tasks[0], tasks[2])
    assert len(queue) == 0


async def test_a_turn_without_a_room_is_waited_out() -> None:
    """Until the time is over, however many turns there are."""
    clock = VirtualClock()
    arrivals, key = Arrivals(FakeStore(), clock), parse_key("oncall/x")
    arrivals.turned(key)  # nobody waits yet
    waits = asyncio.create_task(arrivals.room(key, clock.monotonic() + 10))
    await settle()
    for _ in range(3):
        clock.advance(3)
        arrivals.turned(key)
        await settle()
        assert not waits.done()
    clock.advance(1.5)
    await settle()
    assert await waits == ""
