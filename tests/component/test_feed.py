"""Calendars of scheduled rooms: eight weeks ahead, changed by number, cancelled and remembered."""

from __future__ import annotations

import json
from datetime import timedelta

from orchestrator.domain.feed import FeedEvent
from orchestrator.domain.links import LinkScheme
from orchestrator.domain.policies import Mode
from orchestrator.foundation.secret import Secret
from orchestrator.ports.store import StoreFault
from tests.component.test_schedules import FILE, OPENS, STARTS, schedule, until
from tests.component.world import World, policy

SCHEME = LinkScheme("https://rooms.test", Secret("k" * 32))
WEEK = timedelta(weeks=1)
HOUR = timedelta(hours=1)


def world_of(text: bytes) -> World:
    """A world whose schedule is shown in a calendar."""
    world = World({FILE: text, "team-rooms.yaml": policy()})
    world.links, world.calendars = SCHEME, ("calendar",)
    return world


def shown_in(name: str = "calendar", text: bytes | None = None) -> bytes:
    """A schedule that is delivered to a calendar."""
    document = json.loads(text or schedule())
    return json.dumps({**document, "deliver": [{"to": name}]}).encode()


async def feed(world: World) -> list[FeedEvent]:
    """What the calendar shows."""
    events = await world.engine.feeds.feed("calendar")
    assert events is not None
    return list(events)


async def test_a_calendar_shows_eight_weeks_with_the_series_link() -> None:
    """Of the policies that deliver to it, and of no other."""
    world = world_of(shown_in())
    await world.start()
    events = await feed(world)
    assert [event.starts for event in events] == [STARTS + week * WEEK for week in range(8)]
    assert {event.link for event in events} == {SCHEME.series_of("all-hands")}
    assert {(event.sequence, event.cancelled) for event in events} == {(0, False)}
    assert events[0].title == "All hands 5 Jan 2026"
    assert events[0].uid == "2026-01-05T1500.all-hands@acme.room-orchestrator"
    assert await world.engine.feeds.feed("another") is None
    await world.edit({FILE: schedule()})
    assert {event.cancelled for event in await feed(world)} == {True}
    await world.end()


async def test_a_series_is_shown_alone() -> None:
    """Also by its former name; nothing while the policies were not read."""
    world = world_of(shown_in())
    other = {**json.loads(shown_in()), "name": "others"}
    await world.start()
    await world.edit({"o.yaml": json.dumps(other).encode()})
    feeds = world.engine.feeds
    everything = await feed(world)
    alone = await feeds.series("all-hands")
    assert alone == tuple(one for one in everything if one.link == SCHEME.series_of("all-hands"))
    assert len(alone) == len(everything) // 2
    renamed = {**json.loads(shown_in()), "name": "everybody", "formerly": ["all-hands"]}
    await world.edit({FILE: json.dumps(renamed).encode()})
    assert await feeds.series("all-hands") == await feeds.series("everybody")
    assert len(await feeds.series("everybody") or ()) == 8
    assert await feeds.series("nobody") == ()
    world.engine.links.known = lambda: False
    assert await feeds.series("all-hands") is None
    await world.end()


async def test_what_was_shown_is_remembered_over_a_restart() -> None:
    """Nothing is written where nothing changed; a change counts one up."""
    world = world_of(shown_in())
    await world.start()
    before = await feed(world)
    commits = len(world.store.commits)
    assert await feed(world) == before
    assert len(world.store.commits) == commits
    await world.end()
    await world.start()
    await world.edit({FILE: shown_in(text=schedule(duration="2h"))})
    after = await feed(world)
    assert [(event.uid, event.sequence) for event in after] == [(one.uid, 1) for one in before]
    assert after[0].ends - after[0].starts == 2 * HOUR
    await world.end()


async def test_the_running_one_stays_and_the_next_comes_in() -> None:
    """Week by week; what took place is not cancelled."""
    world = world_of(shown_in())
    await world.start()
    await feed(world)
    await until(world, OPENS + HOUR)
    assert len(await feed(world)) == 9
    await until(world, OPENS + WEEK - HOUR)
    events = await feed(world)
    assert [event.starts for event in events] == [STARTS + week * WEEK for week in range(9)]
    assert not any(event.cancelled for event in events)
    await world.end()


async def test_what_moved_is_cancelled_and_shown_anew() -> None:
    """Another weekday is another occurrence."""
    world = world_of(shown_in())
    await world.start()
    await feed(world)
    await world.edit({FILE: shown_in(text=schedule(cron="0 15 * * TUE"))})
    events = await feed(world)
    assert sum(event.cancelled for event in events) == 8
    assert sum(not event.cancelled for event in events) == 8
    await world.end()


async def test_a_bad_file_cancels_nothing() -> None:
    """P9: the last good one stays in force."""
    world = world_of(shown_in())
    await world.start()
    before = await feed(world)
    await world.edit({FILE: b"version: 1\nname: [\n"})
    assert await feed(world) == before
    await world.end()


async def test_in_observe_nobody_is_told_a_change() -> None:
    """Of one policy, or of all; what was shown stays."""
    world = world_of(shown_in())
    await world.start()
    before = await feed(world)
    await world.edit({FILE: shown_in(text=schedule(cron="0 15 * * TUE", mode="observe"))})
    assert await feed(world) == before
    await world.end()
    world.mode = Mode.OBSERVE
    await world.start()
    await world.edit({FILE: None})
    assert await feed(world) == before
    await world.end()


async def test_a_calendar_is_not_known_before_the_policies_are() -> None:
    """An empty one would take all meetings out of people's days."""
    world = world_of(shown_in())
    assert await world.build().feeds.feed("calendar") is None


async def test_a_full_disk_keeps_no_calendar_back() -> None:
    """It is remembered in memory, and written with the next change."""
    world = world_of(shown_in())
    await world.start()
    world.store.fault = StoreFault("the disk is full")
    events = await feed(world)
    assert len(events) == 8
    assert await feed(world) == events
    world.store.fault = None
    await world.edit({FILE: shown_in(text=schedule(duration="2h"))})
    assert {event.sequence for event in await feed(world)} == {1}
    await world.end()
