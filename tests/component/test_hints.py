"""Callbacks at work: who is inside holds the room, a restart forgets nobody, and each is a hint."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from orchestrator.domain.presence import Callback, Event
from orchestrator.engine.hints import OPEN_SESSIONS
from orchestrator.ports.store import Commit, StoreFault
from tests.component.world import HOUR, World, alive, policy

KEY = "team-rooms/checkout"
MINUTE = timedelta(minutes=1)
# A changed name needs another room, and nothing but people stands before it.
BEFORE = policy(replace="now")
AFTER = policy(room={"display_name": "{{ team.name }} meeting"}, replace="now")


def silent() -> World:
    """A world whose API lists no sessions."""
    world = World({"team-rooms.yaml": BEFORE})
    world.fake.tells_sessions = False
    return world


async def callback(
    world: World, event: Event, session: str = "s", at: datetime | None = None
) -> None:
    """One callback about the current room of the key."""
    room = await world.room(KEY)
    now = at or world.clock.now()
    await world.engine.parts.hints.received(
        Callback(
            event,
            room_id=room.id,
            session_id=session,
            started_at=now if event is Event.SESSION_STARTED else None,
            ended_at=now if event is Event.SESSION_ENDED else None,
        )
    )
    await world.settle()


async def test_p05_who_was_heard_to_be_inside_holds_a_replacement() -> None:
    """Without a listing in between; when the last one left it goes on at once."""
    async with alive(silent()) as world:
        before = await world.room(KEY)
        world.mark()
        await callback(world, Event.SESSION_STARTED)
        assert world.calls == [], "known without asking anybody"
        await world.edit({"team-rooms.yaml": AFTER})
        assert world.holds(KEY) == {"occupied"}
        await world.pass_(5 * HOUR)
        assert (await world.room(KEY)).id == before.id
        await callback(world, Event.SESSION_ENDED)
        assert (await world.room(KEY)).id != before.id
        assert world.one("session.started").cause == "callback session:started"
        assert world.one("session.ended").key == KEY
        replaced = [fact for fact in world.facts if fact.event == "room.replaced"]
        assert [fact.key for fact in replaced].count(KEY) == 1


async def test_p05_a_restart_forgets_nobody_where_the_api_lists_no_sessions() -> None:
    """The session began a moment before the daemon was killed; its end is all that is told."""
    world = silent()
    async with alive(world):
        before = await world.room(KEY)
        await callback(world, Event.SESSION_STARTED)
        await world.restart()
        await world.edit({"team-rooms.yaml": AFTER})
        assert world.holds(KEY) == {"occupied"}
        assert (await world.room(KEY)).id == before.id
        world.mark()
        await callback(world, Event.SESSION_ENDED)
        assert (await world.room(KEY)).id != before.id
        assert world.events.count("session.ended") == 1
        assert "session.started" not in world.events, "it was told in the life before"
        assert await world.store.note(OPEN_SESSIONS) is None


async def test_p05_signs_of_life_outlive_a_restart() -> None:
    """People come and go for longer than a silent session would hold the room."""
    world = silent()
    async with alive(world):
        before = await world.room(KEY)
        await callback(world, Event.SESSION_STARTED)
        await world.pass_(11 * HOUR)
        await callback(world, Event.PARTICIPANT_JOINED)
        await world.restart()
        await world.edit({"team-rooms.yaml": AFTER})
        await world.pass_(11 * HOUR)
        assert (await world.room(KEY)).id == before.id
        await world.pass_(2 * HOUR)
        assert (await world.room(KEY)).id != before.id, "twelve hours without a sign of life"


async def test_p05_a_room_that_is_empty_by_callbacks_alone_is_retired_not_deleted() -> None:
    """The callback that told of the next session may have been lost: eleven minutes' notice."""
    world = silent()
    world.sources.policies["team-rooms.yaml"] = policy(removal={"mode": "delete", "grace": "1h"})
    async with alive(world):
        await callback(world, Event.SESSION_STARTED)
        await callback(world, Event.SESSION_ENDED)
        world.mark()
        await world.edit(
            {
                "team-rooms.yaml": policy(
                    subjects=["search"], removal={"mode": "delete", "grace": "1h"}
                )
            }
        )
        await world.pass_(2 * HOUR)
        assert world.changes == ["update_room"]
        assert "room.retired" in world.events


async def test_p05_a_removal_waits_for_the_last_one_and_its_grace_begins_anew() -> None:
    """A room that is used meanwhile is kept for another grace after its last use."""
    world = World({"team-rooms.yaml": policy(removal={"mode": "delete", "grace": "1h"})})
    async with alive(world):
        room = await world.room(KEY)
        await world.edit(
            {
                "team-rooms.yaml": policy(
                    subjects=["search"], removal={"mode": "delete", "grace": "1h"}
                )
            }
        )
        await world.pass_(50 * MINUTE)
        world.fake.join(room.id)
        await callback(world, Event.SESSION_STARTED)
        await world.pass_(50 * MINUTE)
        assert world.holds(KEY) & {"occupied", "grace"}
        world.fake.leave(room.id)
        await callback(world, Event.SESSION_ENDED)
        await world.pass_(50 * MINUTE)
        assert room.id in {one.id for one in world.alive}
        await world.pass_(70 * MINUTE)
        assert room.id not in {one.id for one in world.alive}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([Event.SESSION_STARTED] * 3 + [Event.SESSION_ENDED] * 2, id="doubled"),
        pytest.param(
            [Event.SESSION_ENDED, Event.PARTICIPANT_LEFT, Event.SESSION_STARTED], id="reversed"
        ),
        pytest.param(
            [Event.PARTICIPANT_JOINED, Event.SESSION_ENDED, Event.PARTICIPANT_JOINED], id="lossy"
        ),
    ],
)
async def test_each_session_is_told_once(events: list[Event]) -> None:
    """Whatever order and number its callbacks come in."""
    async with alive(silent()) as world:
        world.mark()
        moment = world.clock.now()
        for event in events:
            await callback(world, event, at=moment)
        assert world.events.count("session.ended") == 1
        assert world.events.count("session.started") == (events[0] is not Event.SESSION_ENDED)


async def test_a_doubled_callback_writes_and_wakes_nothing() -> None:
    """And is counted."""
    async with alive(silent()) as world:
        moment = world.clock.now()
        await callback(world, Event.SESSION_STARTED, at=moment)
        commits = len(world.store.commits)
        await callback(world, Event.SESSION_STARTED, at=moment)
        assert len(world.store.commits) == commits
        status = await world.desk.status()
        assert status.callbacks == {"received": 2, "doubled": 1}
        assert status.callbacks_at == world.clock.now()


async def test_rooms_that_are_not_ours_and_unknown_events_are_counted() -> None:
    """And nothing else: no fact, no wake, no memory."""
    async with alive(silent()) as world:
        world.mark()
        hints = world.engine.parts.hints
        await hints.received(Callback(Event.SESSION_STARTED, "not-ours", "s"))
        await hints.received(Callback(Event.SESSION_STARTED, "", "s"))
        await hints.received(Callback(Event.OTHER, (await world.room(KEY)).id))
        assert hints.counts == {"received": 3, "foreign": 2, "unknown": 1}
        assert (world.events, world.calls) == ([], [])


async def test_room_expired_is_a_hint_and_the_room_is_read() -> None:
    """One that says so wrongly changes nothing; a right one is noticed before the next listing."""
    async with alive(silent()) as world:
        room = await world.room(KEY)
        world.mark()
        await callback(world, Event.ROOM_EXPIRED)
        assert world.calls == ["get_room"]
        assert (await world.room(KEY)).id == room.id
        world.fake.vanish(room.id)
        world.mark()
        await world.engine.parts.hints.received(
            Callback(Event.ROOM_EXPIRED, room.id, ended_at=world.clock.now())
        )
        await world.settle()
        assert world.calls[:1] == ["get_room"]
        assert (await world.room(KEY)).missing_since is not None


async def test_what_cannot_be_recorded_is_not_taken_in() -> None:
    """So that the sender comes again, and then it is news."""
    async with alive(silent()) as world:
        room = await world.room(KEY)
        hints = world.engine.parts.hints
        begun = Callback(Event.SESSION_STARTED, room.id, "s", started_at=world.clock.now())
        world.mark()
        before = world.store.before

        async def fail(_: Commit) -> None:
            message = "disk full"
            raise StoreFault(message)

        world.store.before = fail
        with pytest.raises(StoreFault):
            await hints.received(begun)
        world.store.before = before
        await hints.received(begun)
        assert world.events.count("session.started") == 1


async def test_nothing_is_taken_in_before_what_was_known_is_recalled() -> None:
    """Or it would be overwritten."""
    world = silent()
    async with alive(world):
        room = await world.room(KEY)
        engine, _ = world.offline()
        with pytest.raises(StoreFault, match="not known yet"):
            await engine.parts.hints.received(Callback(Event.SESSION_STARTED, room.id, "s"))


async def test_notes_that_cannot_be_read_do_not_stop_a_start() -> None:
    """They are hints."""
    world = silent()
    async with alive(world):
        await callback(world, Event.SESSION_STARTED)
        world.store._notes[OPEN_SESSIONS] = '{"another": "version"}'  # noqa: SLF001
        await world.restart()
        assert (await world.desk.status()).rooms == {"open": 2}


async def test_use_is_shown_with_its_source_and_recorded() -> None:
    """Unknown, then inside by callbacks, then last used; after a restart it is still known."""
    world = silent()
    async with alive(world):

        async def shown() -> tuple[str, str, datetime | None]:
            row = (await world.desk.why(KEY)).rooms[0]
            return row.use, row.use_by, row.last_used_at

        assert await shown() == ("unknown", "", None)
        await callback(world, Event.SESSION_STARTED)
        assert (await shown())[:2] == ("occupied", "callbacks")
        assert (await world.desk.why(KEY)).rooms[0].state == "occupied"
        await world.pass_(HOUR)
        left = world.clock.now()
        await callback(world, Event.SESSION_ENDED)
        assert await shown() == ("empty", "callbacks", left)
        assert (await world.room(KEY)).last_used_at == left
        await world.restart()
        assert await shown() == ("unknown", "", left), "nothing came since the start"
        search = await world.room("team-rooms/search")
        hints = world.engine.parts.hints
        await hints.received(Callback(Event.SESSION_STARTED, search.id, "t"))
        assert await shown() == ("empty", "callbacks", left)
        assert (await world.desk.status()).occupancy_known


async def test_without_a_list_the_meetings_that_were_heard_of_are_told_as_the_least() -> None:
    """Any callback may have been lost, and none tells how long who was there."""
    world = silent()
    async with alive(world):
        (row,) = (await world.desk.why(KEY)).rooms
        assert (row.sessions, row.counted_since) == (None, None)
        for session in ("a", "b"):
            await callback(world, Event.SESSION_STARTED, session)
            await world.pass_(HOUR)
            await callback(world, Event.SESSION_ENDED, session)
        (row,) = (await world.desk.why(KEY)).rooms
        assert (row.sessions, row.participant_minutes, row.counted_whole) == (2, None, False)
        assert row.counted_since is not None
        assert "session.counted" not in world.events


async def test_listed_sessions_wake_the_rooms_that_they_concern() -> None:
    """Where no callbacks come, the next listing notices who came and went, and records it."""
    async with alive(World({"team-rooms.yaml": BEFORE})) as world:
        room = await world.room(KEY)
        world.fake.join(room.id)
        await world.pass_(2 * HOUR)
        row = (await world.desk.why(KEY)).rooms[0]
        assert (row.use, row.use_by) == ("occupied", "GET /sessions")
        world.fake.leave(room.id)
        left = world.clock.now()
        await world.pass_(2 * HOUR)
        assert (await world.room(KEY)).last_used_at == left


async def test_p04_unused_is_only_what_was_heard_of() -> None:
    """`when_unused` waits seven days after the last use, and for ever where nothing is known."""
    world = World({"team-rooms.yaml": policy()})
    world.fake.tells_sessions = False
    async with alive(world):
        ids = await world.ids()
        await callback(world, Event.SESSION_STARTED)
        await callback(world, Event.SESSION_ENDED)
        changed = policy(room={"display_name": "{{ team.name }} meeting"})
        await world.edit({"team-rooms.yaml": changed})
        assert world.holds(KEY) == {"in-use"}
        assert world.holds("team-rooms/search") == {"unknown-use"}
        await world.pass_(timedelta(days=8), step=HOUR)
        now = await world.ids()
        assert now[KEY] != ids[KEY]
        assert now["team-rooms/search"] == ids["team-rooms/search"]
