"""Rooms by the calendar, in virtual time: opened, moved on, ended, forgotten, whatever happens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestrator.domain.brakes import Limits
from orchestrator.domain.policies import Mode
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.ports.desk import DeskError
from tests.component.world import ANNA, HOUR, World, policy, running
from tests.fakes.clock import VirtualClock
from tests.fakes.rooms import Fate

MINUTE = timedelta(minutes=1)
FILE = "all-hands.yaml"
# The virtual clock begins on Monday, the 5th of January 2026, at 9:00 UTC: 10:00 in Berlin.
KEY = "all-hands/2026-01-05T1500"
OPENS, STARTS, ENDS, STAYS = (
    datetime(2026, 1, 5, *clock, tzinfo=UTC) for clock in ((13, 45), (14, 0), (15, 30), (16, 0))
)


def schedule(name: str = "all-hands", *, room: Any = None, **changes: Any) -> bytes:
    """A policy file: Mondays at 15:00 in Berlin, for ninety minutes, unless told otherwise."""
    rest: dict[str, Any] = {
        key: changes.pop(key) for key in ("removal", "formerly", "mode") if key in changes
    }
    document: dict[str, Any] = {
        "version": 1,
        "name": name,
        "on_schedule": {
            "cron": "0 15 * * MON",
            "timezone": "Europe/Berlin",
            "duration": "90m",
            **changes,
        },
        "room": {
            "type": "long_term",
            "display_name": "All hands {{ occurrence.start | date }}",
            **(room or {}),
        },
        "deliver": [{"to": "rooms-json"}],
        **rest,
    }
    return json.dumps(document, indent=1).encode()


def at(world: World) -> datetime:
    """What time it is."""
    return world.clock.now()


async def until(world: World, moment: datetime) -> None:
    """Let time pass until a moment."""
    await world.pass_(moment - at(world))


async def test_a_room_opens_before_its_start_and_ends_after_its_stay() -> None:
    """One room, made at the opening, and nothing left of it afterwards."""
    async with running({FILE: schedule()}) as world:
        await until(world, OPENS - MINUTE)
        assert world.alive == []
        assert await world.store.states() == []
        await until(world, OPENS + MINUTE)
        (room,) = world.alive
        assert (room.display_name, room.expires_at) == ("All hands 5 Jan 2026", STAYS)
        assert await world.ids() == {KEY: room.id}
        assert [shown.key for shown in world.destination.shown] == [KEY]
        await until(world, STAYS + MINUTE)
        assert world.alive == []
        assert await world.store.states() == []
        assert list(world.destination.shown) == []
        assert world.changes == ["create_room"]


async def test_p08_the_second_pass_over_an_open_occurrence_does_nothing() -> None:
    """However often rooms are listed while it is open, nothing is asked for."""
    async with running({FILE: schedule()}, resync=5 * MINUTE) as world:
        await until(world, STARTS)
        world.mark()
        await until(world, STAYS - 21 * MINUTE)
        await world.desk.apply(ANNA)
        assert world.changes == []
        assert world.events == []


async def test_its_end_moves_on_while_somebody_is_inside() -> None:
    """In steps, each told with its reason; once they have left it ends by itself."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        (room,) = world.alive
        world.fake.join(room.id)
        world.mark()
        await until(world, STAYS - 21 * MINUTE)
        assert world.changes == []
        await until(world, STAYS + 2 * HOUR)
        (still,) = world.alive
        assert still.id == room.id
        left = still.expires_at - at(world) if still.expires_at else timedelta()
        assert timedelta(minutes=20) <= left <= timedelta(minutes=50)
        renewed = [fact for fact in world.facts if fact.event == "room.renewed"]
        assert {fact.reason for fact in renewed} == {
            "somebody is inside near the end of the occurrence"
        }
        assert len(renewed) == len(world.changes) == 5
        world.fake.leave(room.id)
        world.mark()
        await until(world, STAYS + 3 * HOUR)
        assert world.alive == []
        assert await world.store.states() == []
        assert world.changes == []


async def test_its_end_moves_on_by_four_hours_at_most() -> None:
    """Whoever stays longer is left alone by us, and the number of steps is bounded."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        (room,) = world.alive
        world.fake.join(room.id)
        await until(world, STAYS + 6 * HOUR)
        patches = [asked.patch for asked in world.fake.asked if asked.patch is not None]
        ends = [patch.expires_at for patch in patches if patch.expires_at is not None]
        assert ends[-1] == STAYS + 4 * HOUR
        assert ends == sorted(set(ends))
        assert len(ends) == 8
        # Nobody can join it any more; those inside are left alone by the API as well.
        assert await world.store.states() == []
        assert world.fake.people(room.id) == 1
        assert len(world.changes) == 9


async def test_who_comes_in_the_last_minutes_is_seen() -> None:
    """Who is inside is asked afresh near the end, however rarely rooms are listed."""
    async with running({FILE: schedule()}, resync=12 * HOUR) as world:
        await until(world, STAYS - 2 * MINUTE)
        (room,) = world.alive
        world.fake.join(room.id)
        await until(world, STAYS + 20 * MINUTE)
        assert [one.id for one in world.alive] == [room.id]
        assert await world.ids() == {KEY: room.id}


async def test_a_move_that_the_api_refuses_is_no_loop() -> None:
    """It is tried a few times and told; the room is left as it is."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        (room,) = world.alive
        world.fake.join(room.id)
        world.fake.script("update_room", *[Fate.REFUSED] * 20)
        world.mark()
        await until(world, STAYS + 4 * HOUR)
        assert 1 <= len(world.changes) <= 4
        assert {*world.events} == {"room.renew.failed", "room.expired"}


async def test_an_outage_near_the_end_does_not_end_the_meeting() -> None:
    """Fifteen minutes without the API, and the end is moved on all the same."""
    async with running({FILE: schedule()}, resync=5 * MINUTE) as world:
        await until(world, STARTS)
        (room,) = world.alive
        world.fake.join(room.id)
        await until(world, STAYS - 21 * MINUTE)
        world.fake.down = True
        await until(world, STAYS - 6 * MINUTE)
        world.fake.down = False
        await until(world, STAYS)
        (still,) = world.alive
        assert still.expires_at is not None
        assert still.expires_at > STAYS


async def test_without_sessions_it_ends_as_planned() -> None:
    """Where nobody tells who is inside, the end is not moved on for ever."""
    async with running({FILE: schedule()}) as world:
        world.fake.tells_sessions = False
        await until(world, STAYS + MINUTE)
        assert world.changes == ["create_room"]
        assert await world.store.states() == []


@pytest.mark.parametrize(
    ("minutes", "ends"),
    [
        pytest.param(1, ENDS, id="the meeting has begun"),
        pytest.param(89, STARTS + 100 * MINUTE, id="its last minute: an end that the API takes"),
    ],
)
async def test_a_daemon_that_starts_late_still_makes_the_room(minutes: int, ends: datetime) -> None:
    """While the meeting itself goes on."""
    clock = VirtualClock(STARTS + minutes * MINUTE)
    async with running({FILE: schedule(stay="0s")}, clock=clock) as world:
        (room,) = world.alive
        assert room.expires_at is not None
        assert abs(room.expires_at - ends) < MINUTE
        await world.pass_(3 * HOUR)
        assert await world.store.states() == []
        assert len(world.changes) == 1


async def test_what_was_missed_is_not_made_up_for() -> None:
    """After its end there is no room, although it would have stayed for a while."""
    async with running({FILE: schedule()}, clock=VirtualClock(ENDS)) as world:
        await world.pass_(HOUR)
        assert world.changes == []
        assert await world.store.states() == []


async def test_a_machine_that_slept_makes_what_is_still_going_on() -> None:
    """Asleep from before the opening until into the meeting."""
    async with running({FILE: schedule()}) as world:
        await until(world, OPENS - HOUR)
        world.clock.advance_to(STARTS + 10 * MINUTE)
        await world.pass_(MINUTE)
        assert await world.ids() != {}


@pytest.mark.parametrize(
    "changes",
    [
        {"cron": "0 17 * * MON"},
        {"duration": "30m"},
        {"timezone": "UTC"},
        {"room": {"display_name": "X"}},
        {"room": {"available_features": {"is_chat_available": False}}},
    ],
    ids=["cron", "duration", "timezone", "display_name", "settings"],
)
async def test_what_is_open_is_as_it_was_opened(changes: dict[str, Any]) -> None:
    """A policy that changes is for the next occurrence; the open one lives to its end."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS + MINUTE)
        (room,) = world.alive
        world.mark()
        await world.edit({FILE: schedule(**changes)})
        assert world.changes == []
        assert [one.id for one in world.alive if one.id == room.id] == [room.id]
        await until(world, STAYS - MINUTE)
        kept = [one for one in world.alive if one.id == room.id]
        assert [(one.display_name, one.expires_at) for one in kept] == [
            (room.display_name, room.expires_at)
        ]
        await until(world, STAYS + 6 * HOUR)
        assert world.alive == []
        assert await world.store.states() == []


async def test_a_changed_name_is_the_next_occurrences() -> None:
    """A week later the new name is there."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        await world.edit({FILE: schedule(room={"display_name": "Renamed"})})
        assert world.names == ["All hands 5 Jan 2026"]
        await until(world, STARTS + timedelta(days=7))
        assert world.names == ["Renamed"]


async def test_a_cancelled_occurrence_never_opens() -> None:
    """Its line was changed a minute before."""
    async with running({FILE: schedule()}) as world:
        await until(world, OPENS - MINUTE)
        await world.edit({FILE: schedule(cron="0 15 * * TUE")})
        await until(world, STAYS)
        assert world.changes == []
        await until(world, STARTS + timedelta(days=1))
        assert list(await world.ids()) == ["all-hands/2026-01-06T1500"]


async def test_p09_a_broken_file_changes_nothing() -> None:
    """Neither for what is open nor for what opens next, also over a restart."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        first = await world.ids()
        world.mark()
        await world.edit({FILE: b"version: 1\nname: all-hands\non_schedule: {\n"})
        await world.restart()
        assert await world.ids() == first
        assert world.changes == []
        await until(world, STAYS + MINUTE)
        assert await world.store.states() == []
        await until(world, STARTS + timedelta(days=7))
        assert list(await world.ids()) == ["all-hands/2026-01-12T1500"]


async def test_a_policy_that_is_gone_lets_go_of_what_is_open() -> None:
    """As of every other room: decided, with its grace, and it ends by itself at its end."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        world.mark()
        await world.edit({FILE: None})
        assert world.one("room.tombstoned").reason == "the policy all-hands is gone"
        await until(world, STAYS + MINUTE)
        assert world.changes == []
        assert await world.store.states() == []


async def test_a_policy_that_comes_back_keeps_its_room() -> None:
    """The decided removal is taken back."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        first = await world.ids()
        await world.edit({FILE: None})
        world.mark()
        await world.edit({FILE: schedule()})
        assert world.events == ["policy.loaded", "room.restored"]
        assert await world.ids() == first


async def test_p10_ended_occurrences_are_not_counted_and_gone_policies_are() -> None:
    """Five rooms that end together trip no brake; five that lose their policy do."""
    files = {f"p{n}.yaml": schedule(f"p{n}", removal={"grace": "1m"}) for n in range(5)}
    limits = Limits(max_removals=3, max_removal_percent=0)
    async with running(files, limits=limits) as world:
        await until(world, STAYS + HOUR)
        assert "brake.tripped" not in world.events
        assert await world.store.states() == []
        await until(world, STARTS + timedelta(days=7))
        assert len(await world.ids()) == 5
        await world.edit(dict.fromkeys(files, None))
        await world.pass_(5 * MINUTE)
        assert world.one("brake.tripped").detail["keys"] == [
            f"p{n}/2026-01-12T1500" for n in range(5)
        ]


async def test_clocks_that_disagree_open_nothing_until_they_agree() -> None:
    """Nobody knows which of the two is right; what is open stays open."""
    daily = schedule("daily", cron="30 14 * * *", duration="2h")
    async with running({FILE: schedule(), "daily.yaml": daily}) as world:
        await until(world, OPENS - 10 * MINUTE)
        first = await world.ids()
        assert list(first) == ["daily/2026-01-05T1430"]
        world.fake.skew = 300
        await until(world, STARTS)
        assert await world.ids() == first
        world.fake.skew = 30
        await world.pass_(2 * MINUTE)
        assert sorted(await world.ids()) == [KEY, "daily/2026-01-05T1430"]


def set_wall(world: World, length: timedelta) -> None:
    """Set this machine's clock, and not the API's."""
    world.clock.jump(length.total_seconds())
    world.fake.skew -= length.total_seconds()


@pytest.mark.parametrize("ahead", [HOUR, timedelta(days=7)], ids=["an hour", "a week"])
@pytest.mark.parametrize("restart", [False, True], ids=["set while it runs", "wrong at boot"])
async def test_a_clock_that_was_ahead_is_set_back_and_no_meeting_is_missed(
    ahead: timedelta, restart: bool
) -> None:
    """What the wrong clock said of the next opening counts no more."""
    async with running({FILE: schedule()}, resync=10 * MINUTE) as world:
        await until(world, OPENS - 30 * MINUTE)
        set_wall(world, ahead)
        if restart:
            await world.restart()
        await world.pass_(25 * MINUTE)
        assert world.alive == []
        set_wall(world, -ahead)
        await until(world, OPENS + MINUTE)
        assert list(await world.ids()) == [KEY]


async def test_a_clock_that_is_set_back_does_not_end_a_meeting() -> None:
    """The next look at who is inside was to come an hour after the end."""
    async with running({FILE: schedule()}, resync=HOUR) as world:
        await until(world, STAYS - 25 * MINUTE)
        (room,) = world.alive
        world.fake.join(room.id)
        set_wall(world, HOUR)
        await world.pass_(10 * MINUTE)
        set_wall(world, -HOUR)
        await until(world, STAYS + HOUR)
        assert [one.id for one in world.alive] == [room.id]


@pytest.mark.parametrize("fate", [Fate.ACT_THEN_DROP, Fate.LOST, Fate.UNSENT, Fate.BUSY])
async def test_p01_an_unanswered_create_leaves_one_room(fate: Fate) -> None:
    """Looked up, adopted or tried again: one room for the occurrence."""
    async with running({FILE: schedule()}, resync=5 * MINUTE) as world:
        world.fake.script("create_room", fate)
        await until(world, STARTS)
        (room,) = world.alive
        assert await world.ids() == {KEY: room.id}
        await until(world, STAYS + MINUTE)
        assert await world.store.states() == []


async def test_a_create_that_nobody_answered_in_time_is_given_up() -> None:
    """After the meeting it is looked up no more, and nothing is remembered of it."""
    async with running({FILE: schedule()}, resync=5 * MINUTE) as world:
        await until(world, OPENS - MINUTE)
        world.fake.script("create_room", *[Fate.BUSY] * 200)
        await until(world, ENDS + MINUTE)
        assert world.alive == []
        assert await world.store.states() == []
        assert await world.store.open_operations() == []


async def test_a_lost_room_is_made_anew_while_the_meeting_goes_on() -> None:
    """After two looks, as for every other room; but not where the API shows nothing at all."""
    async with running({FILE: schedule()}, resync=5 * MINUTE) as world:
        await until(world, STARTS)
        (room,) = world.alive
        world.fake.vanish(room.id)
        await world.pass_(10 * MINUTE)
        assert world.alive == []
        long = NewRoom("Kitchen", RoomType.LONG_TERM, "", {}, STAYS)
        kitchen = world.fake.plant(long, created_at=STARTS)
        await world.pass_(20 * MINUTE)
        (other,) = (one for one in world.alive if one.id != kitchen.id)
        assert other.id != room.id
        assert other.expires_at == STAYS
        await until(world, STAYS + MINUTE)
        assert await world.store.states() == []


async def test_a_room_that_is_lost_after_the_end_is_not_made_anew() -> None:
    """Nobody meets any more."""
    async with running({FILE: schedule()}, resync=5 * MINUTE) as world:
        await until(world, ENDS + MINUTE)
        (room,) = world.alive
        world.fake.vanish(room.id)
        await until(world, STAYS)
        assert world.alive == []
        assert await world.store.states() == []


async def test_a_room_of_the_same_name_holds_nothing_up() -> None:
    """Nobody could answer the question in a quarter of an hour, and again next week."""
    async with running({FILE: schedule(room={"display_name": "All hands"})}) as world:
        await until(world, OPENS - MINUTE)
        new = NewRoom("All hands", RoomType.LONG_TERM, "", {}, at(world) + timedelta(days=9))
        world.fake.plant(new)
        await until(world, STARTS)
        assert world.names == ["All hands", "All hands"]
        assert list(await world.ids()) == [KEY]


async def test_occurrences_that_overlap_have_a_room_each() -> None:
    """Daily, for thirty hours: two at a time, and each goes at its own end."""
    async with running({FILE: schedule(cron="0 15 * * *", duration="30h")}) as world:
        await world.pass_(timedelta(days=3))
        await until(world, STARTS + timedelta(days=3, minutes=1))
        assert sorted(await world.ids()) == [
            "all-hands/2026-01-07T1500",
            "all-hands/2026-01-08T1500",
        ]


async def test_a_schedule_that_is_renamed_takes_its_room_along() -> None:
    """With `formerly`: no call, same link, and its end stays as it was planned."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        (room,) = world.alive
        world.mark()
        await world.edit({FILE: schedule("everybody", formerly="all-hands")})
        assert await world.ids() == {"everybody/2026-01-05T1500": room.id}
        assert world.changes == []
        await until(world, STAYS + MINUTE)
        assert world.changes == []
        assert await world.store.states() == []


async def test_a_schedule_is_not_renamed_without_a_word() -> None:
    """What is open would be let go and made anew under the new name."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        first = await world.ids()
        await world.edit({FILE: schedule("everybody")})
        assert await world.ids() == first
        (problem,) = world.engine.reconciler.book.problems
        assert "write  formerly: all-hands" in problem.message


async def test_in_observe_nothing_is_made_and_nothing_remembered() -> None:
    """It is told once that it was due."""
    async with running({FILE: schedule()}, mode=Mode.OBSERVE) as world:
        await until(world, STARTS)
        assert world.events.count("act.withheld") == 1
        await until(world, STAYS)
        assert world.changes == []
        assert await world.store.states() == []


async def test_a_restart_changes_nothing() -> None:
    """Neither while it is open nor near its end."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        first = await world.ids()
        world.mark()
        await world.restart()
        assert await world.ids() == first
        await until(world, STAYS - 3 * MINUTE)
        await world.restart()
        assert world.changes == []
        await until(world, STAYS + MINUTE)
        assert await world.store.states() == []


async def test_subjects_that_give_way_to_a_schedule_are_let_go_as_usual() -> None:
    """A key that no schedule made is no ended occurrence: it is decided, and counted."""
    async with running({FILE: policy("all-hands", ["checkout"])}) as world:
        world.mark()
        await world.edit({FILE: schedule()})
        assert world.one("room.tombstoned").key == "all-hands/checkout"


@pytest.mark.parametrize(
    ("template", "name"),
    [
        pytest.param("{{ '' }}", KEY, id="blank: its key"),
        pytest.param("A{{ '' }}" * 201, "A" * 199 + "…", id="too long: cut"),
        pytest.param("{{ occurrence.start }}", "2026-01-05T15:00+01:00", id="in its own zone"),
        pytest.param("{{ occurrence.opens | time }}", "14:45", id="opens"),
        pytest.param("{{ occurrence.end | time }}", "16:30", id="end"),
    ],
)
async def test_names_of_occurrences(template: str, name: str) -> None:
    """From a template, never blank, at most 200 characters."""
    async with running({FILE: schedule(room={"display_name": template})}) as world:
        await until(world, STARTS)
        assert world.names == [name]


# --- what people are told -------------------------------------------------------------------------


async def test_what_opens_next_is_told_before_it_opens() -> None:
    """In plan, status and list; and `why` answers for it although there is nothing yet."""
    async with running({FILE: schedule()}) as world:
        await world.pass_(MINUTE)
        plan = await world.desk.plan()
        assert not plan.pending
        assert [(row.key, row.opens, row.starts, row.ends) for row in plan.openings[:1]] == [
            (KEY, OPENS, STARTS, ENDS)
        ]
        assert [row.display_name for row in plan.openings] == [
            "All hands 5 Jan 2026",
            "All hands 12 Jan 2026",
            "All hands 19 Jan 2026",
        ]
        status = await world.desk.status()
        assert [(act.at, act.key, act.what) for act in status.next_acts] == [(OPENS, KEY, "open")]
        rooms = await world.desk.rooms()
        assert (rooms.rooms, [row.key for row in rooms.openings]) == ((), [KEY])
        why = await world.desk.why(KEY)
        assert why.wanted == "from 05 Jan 2026 13:45:00Z on"
        assert why.next_act is not None
        assert (why.next_act.at, why.next_act.what) == (OPENS, "open")
        with pytest.raises(DeskError, match="neither wanted nor remembered"):
            await world.desk.why("all-hands/2026-01-06T1500")


async def test_an_open_room_tells_when_it_ends_and_what_opens_next() -> None:
    """It is not renewed, and nothing says so."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        (row,) = (await world.desk.rooms()).rooms
        assert row.next_act is not None
        assert (row.state, row.next_act.what, row.next_act.at) == ("open", "end", STAYS)
        assert (await world.desk.plan()).openings[0].key == "all-hands/2026-01-12T1500"
        assert (await world.desk.why(KEY)).wanted == "asked for by all-hands.yaml:4"


async def test_a_candidate_tells_what_it_would_open() -> None:
    """For review: what it opens at once, and what next; nothing of it is put in force."""
    async with running({}) as world:
        await until(world, STARTS)
        plan = await world.desk.plan(world.folder({FILE: schedule()}))
        (line,) = plan.lines
        assert (line.action, line.key) == ("create", KEY)
        assert line.changes[0].after == "long_term until 2026-01-05 16:00Z"
        assert plan.openings[0].key == "all-hands/2026-01-12T1500"
        await world.pass_(HOUR)
        assert world.changes == []


async def test_clocks_that_disagree_are_told() -> None:
    """With what it means for schedules, and only where there are any."""
    async with running({FILE: schedule()}) as world:
        world.fake.skew = 300
        needs = (await world.desk.status()).needs_you
        assert any(one.startswith("No room opens by a schedule") for one in needs)
        await world.edit({FILE: policy()})
        needs = (await world.desk.status()).needs_you
        assert not any(one.startswith("No room opens") for one in needs)


async def test_what_was_missed_is_told_at_the_start() -> None:
    """The daemon was down for three weeks: how many there were, and the last."""
    async with running({FILE: schedule()}) as world:
        await until(world, OPENS - HOUR)
        await world.stop()
        world.clock.advance_to(STARTS + timedelta(days=20))
        with capture_logs() as logs:
            await world.start()
        (told,) = [line for line in logs if line["event"] == "occurrence.missed"]
        assert (told["policy"], told["count"], told["last"]) == (
            "all-hands",
            3,
            "2026-01-19T1500",
        )
        with capture_logs() as logs:
            await world.restart()
        assert "occurrence.missed" not in [line["event"] for line in logs]


async def test_a_text_that_cannot_be_made_does_not_keep_the_room() -> None:
    """A template that fails on some days only: the key is the name, and the text is left out."""
    text = "{{ 1 // (occurrence.start | truncate(10, '') | last | int - 5) }}"  # the 5th
    room = {"display_name": f"x{text}", "metadata": text}
    async with running({FILE: schedule(room=room)}) as world:
        await until(world, STARTS)
        (made,) = world.alive
        assert (made.display_name, made.text) == (KEY, "")


async def test_a_text_that_is_too_long_is_left_out() -> None:
    """The metadata's own text; the room is made."""
    async with running({FILE: schedule(room={"metadata": "{{ 'x' }}" * 191})}) as world:
        await until(world, STARTS)
        (made,) = world.alive
        assert made.text == ""


async def test_the_calendar_ends() -> None:
    """Nothing comes after the last year, and nothing fails for it."""
    clock = VirtualClock(datetime(9999, 12, 20, tzinfo=UTC))
    async with running({FILE: schedule(cron="0 15 1 1 *")}, clock=clock) as world:
        assert (await world.desk.plan()).openings == ()
