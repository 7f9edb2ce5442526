"""Pages where two things meet: one batch, one key, one room, one clock that was wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.episodes import Episode
from orchestrator.domain.pages import Opened, Updated, digest_of
from orchestrator.ports.intake import Outcome
from orchestrator.ports.store import Commit, StoreFault
from tests.component.test_pages import FILE, MINUTE, SECOND, SOURCE, closed, on_page, opened, page
from tests.component.world import HOUR, World, running
from tests.fakes.rooms import Fate

STORM = {"more_than": 1, "within": "5m"}
LONG = {"type": "long_term", "lifetime": "12h"}
YEAR = timedelta(days=365)


async def latest(world: World, key: str) -> Episode:
    """The latest episode of a page."""
    found = await world.engine.parts.pages.latest(SOURCE, digest_of(SOURCE, key))
    assert found is not None
    return found


async def at_once(world: World, *works: Awaitable[Any]) -> None:
    """Do all of it in one transaction, in this order."""
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(_of(work))
        await world.settle()


def jump(world: World, by: timedelta) -> None:
    """Move our clock, and not the API's."""
    world.clock.jump(by.total_seconds())
    world.fake.skew -= by.total_seconds()


async def _of(work: Awaitable[Any]) -> Any:
    return await work


async def test_p06_a_page_of_a_storm_that_is_open_again_has_a_room() -> None:
    """Also where the page is over whose room it shared."""
    file = on_page(storm=STORM, close={"after": "10m"})
    async with running({FILE: file}) as world:
        await world.send(opened("Q0"), opened("Q1"))
        assert len(world.alive) == 1
        await world.send(closed("Q0"))
        await world.pass_(9 * MINUTE)
        await world.send(closed("Q1"))
        await world.pass_(5 * MINUTE)
        assert world.alive == []
        again = [Opened(page(f"Q{number}"), reopens=True) for number in (1,)]
        await world.send(*again)
        (room,) = world.alive
        assert [fact for fact in world.facts if fact.event == "page.opened"][-1].detail == {
            "source": SOURCE,
            "page": "Q1",
            "title": "Checkout is slow",
            "severity": "critical",
            "episode": (await latest(world, "Q1")).id,
            "count": 1,
            "again": True,
        }
        episode = await latest(world, "Q1")
        assert episode.key is not None
        assert (await world.room(str(episode.key))).id == room.id
        await world.send(closed("Q1"))
        await world.pass_(HOUR)
        assert await world.store.standing_episodes() == []
        assert world.engine.parts.pages.wishes == {}


async def test_p06_no_page_of_a_storm_is_led_to_a_room_that_has_ended() -> None:
    """Nobody was in the first one's room, and it is not opened again by itself."""
    storm = {"more_than": 1, "within": "24h"}
    async with running({FILE: on_page(storm=storm)}) as world:
        await world.send(opened("Q0"), opened("Q1"))
        await world.pass_(11 * MINUTE)
        assert world.alive == []
        await world.send(opened("Q2"), opened("Q3"))
        (room,) = world.alive
        assert (await latest(world, "Q3")).shares == world.engine.parts.pages.leader(
            await latest(world, "Q2")
        ).key.encoded  # type: ignore[union-attr]
        assert room.display_name == "Checkout is slow"


async def test_a_press_does_not_open_a_page_that_closes_in_the_same_moment() -> None:
    """Nor does somebody who is sent to the fallback, of one's own page or the one it shares."""
    fallback = {"after": "0s", "url": "https://meet.example.com/bridge"}
    file = on_page(keep_open=True, storm=STORM, fallback=fallback)
    async with running({FILE: file}) as world:
        await world.send(opened("Q0"), opened("Q1"))
        await world.pass_(11 * MINUTE)
        pages = world.engine.parts.pages
        first = await latest(world, "Q0")
        await at_once(
            world,
            pages.received([closed("Q0")]),
            pages.divert(first.id, "a bridge"),
            pages.ask(SOURCE, digest_of(SOURCE, "Q1"), "link"),
        )
        after = await latest(world, "Q0")
        assert not after.is_open
        assert after.asks == 1
        assert after.fallback is not None
        assert after.fallback.used_at is not None


async def test_p06_who_joins_a_storm_while_its_first_page_closes_has_a_room() -> None:
    """Though nobody had shared it until then, and no while is left."""
    file = on_page(room=LONG, storm=STORM, close={"after": "0s"})
    async with running({FILE: file}) as world:
        await world.send(opened("Q0"))
        pages = world.engine.parts.pages
        await at_once(world, pages.received([opened("Q1")]), pages.received([closed("Q0")]))
        await world.pass_(HOUR)
        assert len(world.alive) == 1
        leader = pages.leader(await latest(world, "Q1"))
        assert leader.key in pages.wishes
        await world.send(closed("Q1"))
        await world.pass_(HOUR)
        assert world.alive == []


async def test_p06_a_merged_page_that_opens_again_is_not_hidden_by_its_end() -> None:
    """The old episode stands for a while beside the new one."""
    async with running({FILE: on_page()}) as world:
        await world.send(opened("Q0"), opened("Q1"))
        await world.send(closed("Q1", merged_into=digest_of(SOURCE, "Q0")))
        await world.send(Opened(page("Q1"), reopens=True))
        await world.pass_(15 * MINUTE)
        episode = await latest(world, "Q1")
        assert (episode.count, episode.is_open) == (2, True)
        (again,) = await world.send(Opened(page("Q1"), reopens=True))
        assert again.outcome is Outcome.KNOWN
        (receipt,) = await world.send(closed("Q1"))
        assert receipt.outcome is Outcome.CLOSED


async def test_whoever_waits_is_told_at_once_that_the_daemon_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also those whose message is just being looked up, and who press a button meanwhile."""
    async with running({FILE: on_page()}) as world:
        pages = world.engine.parts.pages
        monkeypatch.setattr(world.store, "last_episode", lambda *_: asyncio.Event().wait())
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(pages.received([opened("Q0")]))]
        await world.settle()
        tasks += [loop.create_task(pages.received([opened(f"Q{one}")])) for one in range(1, 4)]
        tasks.append(loop.create_task(_of(pages.ask(SOURCE, digest_of(SOURCE, "Q0"), "link"))))
        await world.settle()
        assert not any(task.done() for task in tasks)
        await world.crash()
        await world.settle()
        for task in tasks:
            assert task.done()
            assert isinstance(task.exception(), StoreFault)


async def test_the_senders_body_is_kept_no_longer_than_a_policy_needs_it() -> None:
    """`when` sees it, also that of an update; thousands of them would fill the memory."""
    file = on_page(on_page={"when": "page.raw.loud"})
    async with running({FILE: file}) as world:
        await world.send(opened("Q0", raw={"loud": False}), opened("Q1", raw={"loud": True}))
        assert len(world.alive) == 1
        await world.send(Updated(page("Q0", raw={"loud": True})))
        assert len(world.alive) == 2
        for key in ("Q0", "Q1"):
            assert (await latest(world, key)).page.raw == {}


async def test_no_page_is_too_old_while_the_clock_is_in_doubt() -> None:
    """It would be lost by a clock that was wrong for a moment; later it ends after all."""
    file = on_page(room=LONG, close={"max_age": "3h"})
    async with running({FILE: file}) as world:
        await world.send(opened("Q0"))
        jump(world, 5 * HOUR)
        world.engine.parts.pages.look_again()
        await world.pass_(10 * MINUTE)
        assert (await latest(world, "Q0")).is_open
        world.fake.skew = 0.0  # the API has told its time: it was ours that was behind
        await world.pass_(10 * MINUTE)
        assert not (await latest(world, "Q0")).is_open


async def test_what_closed_by_a_clock_that_was_ahead_is_over_when_it_is_set_back() -> None:
    """Its room would stand for a year."""
    async with running({FILE: on_page(room=LONG)}) as world:
        await world.send(opened("Q0"))
        jump(world, YEAR)
        await world.send(closed("Q0"))
        jump(world, -YEAR)
        world.engine.parts.pages.look_again()
        await world.settle()
        assert (await latest(world, "Q0")).over_at is not None
        await world.pass_(15 * MINUTE)
        assert world.alive == []


async def test_pages_of_a_clock_that_was_ahead_make_no_storm() -> None:
    """Else every page of a year would share one room."""
    async with running({FILE: on_page(storm=STORM)}) as world:
        jump(world, YEAR)
        await world.send(opened("Q0"))
        jump(world, -YEAR)
        await world.send(opened("Q1"))
        assert len(world.alive) == 2


@pytest.mark.parametrize("back", [timedelta(), YEAR], ids=["late", "set back"])
async def test_p06_an_early_closing_keeps_a_key_shut_for_a_minute_by_any_clock(
    back: timedelta,
) -> None:
    """Not until the clock that was ahead is reached again."""
    async with running({FILE: on_page()}) as world:
        await world.send(closed("Q0", once=False))
        jump(world, -back)
        await world.pass_(SECOND)
        (receipt,) = await world.send(replace(opened("Q0"), once=False))
        assert receipt.outcome is (Outcome.OPENED if back else Outcome.KNOWN)


async def test_p06_pages_of_a_storm_whose_first_one_is_not_known_any_more_share_another_room() -> (
    None
):
    """As after a rebuild: what was closed is over there."""
    async with running({FILE: on_page(storm=STORM)}) as world:
        await world.send(*(opened(f"Q{number}") for number in range(4)))
        first = await latest(world, "Q0")
        await world.crash()
        now = world.clock.now()
        over = replace(first, closed_at=now, over_at=now)
        await world.store.commit(Commit(episodes=(over,)), now)
        await world.start()
        second = await latest(world, "Q1")
        assert second.key is not None
        assert second.key in world.engine.parts.pages.wishes
        assert {(await latest(world, f"Q{number}")).shares for number in (2, 3)} == {
            second.key.encoded
        }
        assert (await world.room(str(second.key))).id in {one.id for one in world.alive}


async def test_a_page_that_is_told_again_and_again_is_looked_at_no_more_often() -> None:
    """Its moments are remembered once, however much is told of it until they come."""
    async with running({FILE: on_page()}) as world:
        await world.send(opened("Q0"))
        pages = world.engine.parts.pages
        before = len(pages._moments)  # noqa: SLF001 - how much is remembered shows nowhere else
        for number in range(50):
            await world.send(Updated(page("Q0", title=f"Slow by {number}")))
        assert len(pages._moments) <= before + 2  # noqa: SLF001


async def test_p06_a_lost_room_that_comes_back_ends_with_its_page() -> None:
    """Nobody has to decide between it and the room that took its place."""
    async with running({FILE: on_page(room=LONG)}) as world:
        await world.send(opened("Q0"), opened("Q1"), opened("Q2"))
        first = world.alive[0]
        kept = world.fake.vanish(first.id)
        await world.pass_(2 * HOUR)
        standing = {room.id for room in world.alive}
        assert len(standing) == 3
        world.fake.bring_back(kept)
        await world.pass_(2 * HOUR)
        assert {room.id for room in world.alive} == standing
        await world.send(closed("Q0"), closed("Q1"), closed("Q2"))
        await world.pass_(HOUR)
        assert world.alive == []


async def test_p01_what_a_create_made_late_is_not_announced_after_the_first_ones_end() -> None:
    async with running({FILE: on_page()}) as world:
        world.fake.script("create_room", Fate.DROP_THEN_ACT)
        await world.send(opened())
        await world.pass_(MINUTE)
        (first,) = world.alive
        await world.pass_(HOUR)
        assert first.id not in {room.id for room in world.alive}
        world.fake.act_late()
        assert await world.engine.parts.resync.full()
        (episode,) = await world.store.latest_episodes(1)
        assert episode.key is not None
        world.engine.parts.inbox.wake(episode.key, "listing")
        await world.pass_(MINUTE)
        assert world.events.count("room.duplicated") >= 1
        assert "room.adopted" not in world.events
