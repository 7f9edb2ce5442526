"""Answers of which nobody knows what they mean, through the real client: a table of what is done.

Whatever comes back, at the end each key has one room at the API and it is current (P1), every
change was journalled before it left (P2), nothing was ended or replaced (P4), and a further pass
only lists (P8).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from orchestrator.adapters.meetings.transport import NoAnswer, NotSent
from orchestrator.foundation.instants import parse_instant
from tests.component.world import HOUR, World, policy
from tests.fakes.backend import (
    GATEWAY,
    PAGE,
    Backend,
    Twist,
    act_then,
    changed,
    cut,
    drop_then_act,
    echoed,
    instead,
    unmoved,
)
from tests.fakes.clock import VirtualClock
from tests.fakes.transport import Said, client

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=5)
FILE = "team-rooms.yaml"
SILENCE = NoAnswer("the connection was reset")
GONE = {"mode": "delete", "grace": "60s"}
MISSING = Said(404, b'{"message": "not found", "name": "NotFoundError", "status": 404}')
Made = Callable[[Backend], Twist]


def as_it_is(twist: Twist) -> Made:
    """A twist that needs no backend."""
    return lambda _: twist


def by_another(name: str) -> Twist:
    """Carry it out, and answer with the room of somebody else, whole and lawful."""
    return changed(id="b3142c46-d1c1-4405-baa6-85683827ed69", display_name=name, metadata=None)


class Stage:
    """A world on a backend whose answers are twisted."""

    def __init__(self) -> None:
        clock = VirtualClock()
        self.lifetime = "4d"
        self.backend = Backend(clock)
        files = {FILE: self.text("kitchen")}
        self.world = World(
            files, clock=clock, api=lambda clock: client(self.backend, clock), resync=6 * HOUR
        )

    def text(self, *subjects: str, **room: object) -> bytes:
        """The policy that asks for these rooms."""
        return policy(subjects=subjects, room={"lifetime": self.lifetime, **room}, removal=GONE)

    async def wants(self, *subjects: str, **room: object) -> None:
        """The policy asks for these rooms from now on."""
        await self.world.edit({FILE: self.text(*subjects, **room)})

    async def is_well(self, *subjects: str) -> None:
        """What must hold at the end, whatever happened."""
        world, backend = self.world, self.backend
        assert sorted(one["display_name"] for one in backend.alive) == sorted(
            f"{subject.title()} room" for subject in subjects
        )
        ids = await world.ids()
        assert set(ids.values()) == {one["id"] for one in backend.alive}
        for state in await world.store.states():
            assert len(state.rooms) == 1
            assert state.rooms[0].missing_since is None
        assert await world.store.open_operations() == []
        facts = [fact for commit in world.store.commits for fact in commit.facts]
        started = [fact for fact in facts if fact.event == "operation.started"]
        assert len(started) == len(backend.changes)
        before = len(backend.heard)
        await world.pass_(9 * HOUR)
        assert {one.method for one in backend.heard[before:]} == {"GET"}
        assert {one.path for one in backend.heard[before:]} == {"/rooms", "/sessions"}
        assert not {"room.lost", "room.replaced", "room.tombstoned"} & set(world.events)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """One room stands, so that the API is verified."""
    found = Stage()
    await found.world.start()
    assert [one["display_name"] for one in found.backend.alive] == ["Kitchen room"]
    await found.world.pass_(10 * MINUTE)
    found.world.mark()
    try:
        yield found
    finally:
        await found.world.end()


CREATES = {
    "act, then no answer": (as_it_is(act_then(SILENCE)), 1),
    "no answer, never carried out": (as_it_is(instead(SILENCE)), 2),
    "no answer, carried out after half a minute": (drop_then_act, 1),
    "no connection": (as_it_is(instead(NotSent("refused"))), 2),
    "the body is cut": (as_it_is(cut), 1),
    "a page of a proxy, carried out": (as_it_is(act_then(PAGE)), 1),
    "a page of a proxy, never carried out": (as_it_is(instead(PAGE)), 2),
    "502 of a proxy, carried out": (as_it_is(act_then(GATEWAY)), 1),
    "502 of a proxy, never carried out": (as_it_is(instead(GATEWAY)), 2),
    "503": (as_it_is(instead(Said(503))), 2),
    "an empty 201": (as_it_is(act_then(Said(201))), 1),
    "an empty object": (as_it_is(act_then(Said(201, b"{}"))), 1),
    "a list": (as_it_is(act_then(Said(201, b"[]"))), 1),
    "null": (as_it_is(act_then(Said(200, b"null"))), 1),
    "the room of somebody else": (as_it_is(by_another("Search room")), 1),
    "without metadata": (as_it_is(changed(metadata=None)), 1),
    "with the marker of another": (as_it_is(changed(metadata="ro1 acme x 1 y z")), 1),
    "204": (as_it_is(act_then(Said(204))), 1),
}


@pytest.mark.parametrize(("twist", "posts"), CREATES.values(), ids=CREATES)
async def test_p01_p02_p08_an_unclear_create(stage: Stage, twist: Made, posts: int) -> None:
    """It is looked up, and sent again only where it surely was not carried out."""
    stage.backend.twist("POST", twist(stage.backend))
    before = len(stage.backend.changes)
    await stage.wants("kitchen", "search")
    await stage.world.pass_(30 * timedelta(seconds=1), step=STEP)
    stage.backend.act_late()
    await stage.world.pass_(HOUR, step=MINUTE)
    assert stage.backend.changes[before:] == ["POST"] * posts
    await stage.is_well("kitchen", "search")


@pytest.mark.parametrize(("twist", "posts"), CREATES.values(), ids=CREATES)
async def test_p01_p02_p08_an_unclear_create_over_a_restart(
    stage: Stage, twist: Made, posts: int
) -> None:
    """The daemon is killed before it could look: the next life finds the room, or makes it."""
    stage.backend.twist("POST", twist(stage.backend))
    stage.backend.twist("LIST", *[instead(NotSent("refused"))] * 4)
    before = len(stage.backend.changes)
    await stage.wants("kitchen", "search")
    await stage.world.restart()
    stage.backend.act_late()
    await stage.world.pass_(2 * HOUR, step=MINUTE)
    assert stage.backend.changes[before:] == ["POST"] * posts
    await stage.is_well("kitchen", "search")


async def test_p01_a_room_that_is_listed_only_after_settling(stage: Stage) -> None:
    """The create is sent again, as it must be; of the two rooms the one that was told stays."""
    backend = stage.backend
    backend.twist("POST", act_then(SILENCE))
    backend.hidden.add("00000000-0000-0000-0000-0000000003e9")
    await stage.wants("kitchen", "search")
    await stage.world.pass_(5 * MINUTE, step=STEP)
    assert len(backend.alive) == 3
    told = (await stage.world.ids())["team-rooms/search"]
    backend.hidden.clear()
    await stage.world.pass_(9 * HOUR)
    assert "room.duplicated" in stage.world.events
    assert (await stage.world.ids())["team-rooms/search"] == told
    await stage.is_well("kitchen", "search")


async def test_p01_a_listing_skips_a_serial_that_is_not_committed_yet(stage: Stage) -> None:
    """Another room with a higher serial is listed before: the look-up does not begin behind it."""
    backend = stage.backend
    backend.twist("POST", act_then(SILENCE))
    backend.hidden.add("00000000-0000-0000-0000-0000000003e9")
    await stage.wants("kitchen", "search")
    await stage.wants("kitchen", "search", "tills")
    await stage.world.pass_(20 * timedelta(seconds=1), step=STEP)
    backend.hidden.clear()
    await stage.world.pass_(2 * HOUR, step=MINUTE)
    assert backend.changes == ["POST"] * 3
    await stage.is_well("kitchen", "search", "tills")


CHANGES = {
    "act, then no answer": (as_it_is(act_then(SILENCE)), 1),
    "no answer, never carried out": (as_it_is(instead(SILENCE)), 2),
    "no answer, carried out after half a minute": (drop_then_act, 1),
    "the body is cut": (as_it_is(cut), 1),
    "a page of a proxy, carried out": (as_it_is(act_then(PAGE)), 1),
    "a page of a proxy, never carried out": (as_it_is(instead(PAGE)), 2),
    "502 of a proxy, carried out": (as_it_is(act_then(GATEWAY)), 1),
    "an empty object": (as_it_is(act_then(Said(200, b"{}"))), 1),
    "the room of somebody else": (as_it_is(by_another("Kitchen room")), 1),
    "204": (as_it_is(act_then(Said(204))), 1),
    "404 of a room that is there": (as_it_is(instead(MISSING)), 2),
}


@pytest.mark.parametrize(("twist", "patches"), CHANGES.values(), ids=CHANGES)
async def test_p02_p08_an_unclear_change(stage: Stage, twist: Made, patches: int) -> None:
    """The room itself is asked what it is like before anything is sent again."""
    backend = stage.backend
    backend.twist("PATCH", twist(backend))
    before = len(backend.changes)
    await stage.wants("kitchen", ui_settings={"language": "de"})
    backend.act_late()
    await stage.world.pass_(2 * HOUR, step=MINUTE)
    assert backend.changes[before:] == ["PATCH"] * patches
    (room,) = backend.alive
    assert room["ui_settings"]["language"] == "de"
    await stage.is_well("kitchen")


@pytest.mark.parametrize(("twist", "patches"), CHANGES.values(), ids=CHANGES)
async def test_p02_p07_an_unclear_renewal(stage: Stage, twist: Made, patches: int) -> None:
    """One renewal, or a second one where the first surely did nothing; and the next in its time."""
    backend = stage.backend
    backend.twist("PATCH", twist(backend))
    (room,) = backend.alive
    first = room["expires_at"]
    while room["expires_at"] == first:
        await stage.world.pass_(HOUR)
        backend.act_late()
    await stage.world.pass_(DAY)
    # Carried out late means: after it was looked for in vain and sent again.
    patches += twist is drop_then_act
    assert backend.changes == ["POST", *["PATCH"] * patches]
    await stage.is_well("kitchen")


async def test_p07_a_renewal_answered_with_the_old_end_is_neither_believed_nor_repeated(
    stage: Stage,
) -> None:
    """An API that says 200 and moves nothing: the end is what it says, and the floor holds."""
    backend, world = stage.backend, stage.world
    (room,) = backend.alive
    first = room["expires_at"]
    backend.twist("PATCH", *[unmoved(backend)] * 1000)
    while "PATCH" not in backend.changes:
        await world.pass_(HOUR, step=MINUTE)
    assert (await world.room("team-rooms/kitchen")).expires_at == parse_instant(first)
    await world.pass_(parse_instant(first) - world.clock.now() - 12 * HOUR)
    sent = backend.changes.count("PATCH")
    assert (await world.room("team-rooms/kitchen")).expires_at == parse_instant(first)
    assert "room.renewed" not in world.events
    assert 2 <= sent <= 20
    backend.twists.clear()
    await world.pass_(9 * HOUR)
    assert room["expires_at"] != first
    await stage.is_well("kitchen")


async def test_p08_a_setting_answered_with_the_old_value_is_told_and_not_repeated(
    stage: Stage,
) -> None:
    """200 with the value as it was: recorded as not taken, until the policy changes."""
    backend = stage.backend
    backend.twist("PATCH", unmoved(backend))
    await stage.wants("kitchen", ui_settings={"language": "de"})
    await stage.world.pass_(12 * HOUR)
    assert backend.changes == ["POST", "PATCH"]
    assert stage.world.one("room.updated").detail["not_taken"] == ["ui_settings.language"]
    await stage.is_well("kitchen")
    await stage.wants("kitchen", ui_settings={"language": "fr"})
    assert backend.changes == ["POST", "PATCH", "PATCH"]


async def test_p08_an_echo_of_what_was_not_taken_is_looked_at(stage: Stage) -> None:
    """200 with the new value, and the room shows the old one: sent again, at last once a day."""
    backend = stage.backend
    stage.lifetime = "300d"
    await stage.wants("kitchen")
    backend.twist("PATCH", *[echoed(backend)] * 1000)
    await stage.wants("kitchen", ui_settings={"language": "de"})
    await stage.world.pass_(10 * DAY)
    assert 2 <= backend.changes.count("PATCH") <= 6 + 10
    await stage.wants("kitchen", ui_settings={"language": "fr"})
    assert backend.changes.count("PATCH") <= 7 + 10


ENDS = {
    "act, then no answer": (as_it_is(act_then(SILENCE)), 1),
    "no answer, never carried out": (as_it_is(instead(SILENCE)), 2),
    "a page of a proxy, carried out": (as_it_is(act_then(PAGE)), 1),
    "a page of a proxy, never carried out": (as_it_is(instead(PAGE)), 2),
    "502 of a proxy, never carried out": (as_it_is(instead(GATEWAY)), 2),
    "404, carried out": (as_it_is(act_then(MISSING)), 1),
}


@pytest.mark.parametrize(("twist", "deletes"), ENDS.values(), ids=ENDS)
async def test_p02_an_unclear_end(stage: Stage, twist: Made, deletes: int) -> None:
    """It ends once, and is told as ended only when it is gone; nobody is told of a loss."""
    backend = stage.backend
    await stage.wants("kitchen", "search")
    before = len(backend.changes)
    backend.twist("DELETE", twist(backend))
    await stage.wants("kitchen")
    await stage.world.pass_(4 * HOUR, step=MINUTE)
    assert backend.changes[before:] == ["DELETE"] * deletes
    assert [one["display_name"] for one in backend.alive] == ["Kitchen room"]
    assert [str(state.key) for state in await stage.world.store.states()] == ["team-rooms/kitchen"]
    assert "room.lost" not in stage.world.events


LISTINGS = {
    "a page of a proxy": PAGE,
    "502": GATEWAY,
    "an empty object": Said(200, b"{}"),
    "null": Said(200, b"null"),
    "nothing": Said(200),
    "half": Said(200, b'{"_embedded": {"rooms": [{"id": "'),
    "no room at all": Said(200, b'{"_embedded": {"rooms": []}, "total_items": 0, "_links": {}}'),
    "fewer than it says": Said(200, b'{"_embedded": {"rooms": []}, "total_items": 9}'),
    "404": MISSING,
}


@pytest.mark.parametrize("answer", LISTINGS.values(), ids=LISTINGS)
async def test_p04_an_unclear_listing(stage: Stage, answer: Said) -> None:
    """For a day every listing is like this, and every room answers 404: nothing is done."""
    backend = stage.backend
    before = list(backend.changes)
    backend.twist("LIST", *[instead(answer)] * 5000)
    backend.twist("GET", *[instead(MISSING)] * 5000)
    for _ in range(4):
        for room_id in (await stage.world.ids()).values():
            stage.world.engine.parts.observations.doubted.add(room_id)
        await stage.world.engine.wake_all("a callback")
        await stage.world.pass_(6 * HOUR, step=10 * MINUTE)
    assert backend.changes == before
    backend.twists.clear()
    await stage.world.pass_(3 * HOUR)
    assert backend.changes == before
    await stage.is_well("kitchen")
