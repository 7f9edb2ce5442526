"""Recordings are kept by policy: found, copied, read back, deleted in time, and told in full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.archiving import RecordingAct, RecordingPlan, RecordingStep
from orchestrator.domain.brakes import Limits
from orchestrator.domain.keeping import Gone, KeptCopy, KeptRecording, Terms
from orchestrator.domain.policies import KeepRecordings, Mode
from orchestrator.domain.presence import Callback, Event
from orchestrator.domain.recordings import Copy, RecordingStatus
from orchestrator.domain.rooms import NewRoom, RoomType, Session
from orchestrator.engine.recordingrows import recording_row
from orchestrator.engine.shelf import TERMS
from orchestrator.ports.faults import (
    ForbiddenError,
    MissingError,
    UnauthorizedError,
    UnavailableError,
)
from orchestrator.ports.store import Commit, StoreFault
from tests.component.world import ANNA, HOUR, World, key, policy
from tests.fakes.archives import FakeArchive
from tests.fakes.clock import START
from tests.fakes.recordings import FakeRecordings
from tests.fakes.rooms import Fate

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
VAULT = {"archive": "vault"}
MONTH = {"archive": "vault", "keep": "30d", "then": "delete"}
AT_ONCE = {"archive": "vault", "keep": "0s", "then": "delete", "grace": "0s"}
CONTENT = bytes(range(256)) * 4
CHECKOUT = "team-rooms/checkout"
STRANGE = NewRoom("Somebody's room", RoomType.LONG_TERM, "", {}, START + 300 * DAY)


def recorded(wish: dict[str, Any] | None, **more: Any) -> bytes:
    """A policy of one room that says this of recordings."""
    rest = more if wish is None else {"recordings": wish, **more}
    return policy(subjects=["checkout"], **rest)


class Kept:
    """A world with recordings and an archive."""

    def __init__(self, wish: dict[str, Any] | None, **options: Any) -> None:
        self.world = World({"team-rooms.yaml": recorded(wish)}, **options)
        self.api = FakeRecordings()
        self.vault = FakeArchive()
        self.world.recordings = self.api
        self.world.archives = {"vault": self.vault}

    async def room(self) -> str:
        return (await self.world.room(CHECKOUT)).id

    async def meet(self, *contents: bytes, room_id: str = "") -> list[str]:
        """A meeting of half an hour with so many recordings; their ids."""
        room_id = room_id or await self.room()
        self.world.fake.join(room_id)
        session_id = f"{room_id} at {self.now}"
        ids = [self.api.record(session_id, self.now) for _ in contents]
        self.world.clock.advance(1800)
        self.world.fake.leave(room_id)
        for id_, content in zip(ids, contents, strict=True):
            self.api.upload(id_, content, self.now)
        return ids

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    async def edit(self, wish: dict[str, Any] | None, **more: Any) -> None:
        await self.world.edit({"team-rooms.yaml": recorded(wish, **more)})

    async def record(self, id_: str) -> KeptRecording:
        found = await self.world.store.recording(id_)
        assert found is not None
        return found

    async def next_at(self, id_: str) -> datetime:
        """When the next try is made."""
        found = (await self.record(id_)).attempts.next_at
        assert found is not None
        return found

    @property
    def events(self) -> list[str]:
        """What was told of recordings since the mark."""
        every = self.world.events
        return [one.removeprefix("recording.") for one in every if one.startswith("recording.")]

    @property
    def left(self) -> list[str]:
        """The recordings that are still at the API."""
        return list(self.api.recordings)

    @property
    def methods(self) -> list[str]:
        """Calls about recordings, but for lists."""
        return [one.method for one in self.api.asked if one.method != "list_recordings"]


@asynccontextmanager
async def kept(wish: dict[str, Any] | None = MONTH, **options: Any) -> AsyncIterator[Kept]:
    """Run it."""
    made = Kept(wish, **options)
    await made.world.start()
    try:
        yield made
    finally:
        await made.world.end()


# --- found and copied ---


async def test_a_recording_is_found_copied_and_told() -> None:
    async with kept(VAULT) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        assert made.vault.copies == {f"{id_}.mp4": CONTENT}
        assert made.events == ["terms", "found", "archived"]
        told = made.world.one("recording.archived")
        assert told.key == CHECKOUT
        assert told.room_id == await made.room()
        assert told.actor.startswith("policy team-rooms@")
        assert told.reason.startswith("it is kept in vault (team-rooms.yaml:")
        assert told.detail["recording"] == id_
        assert told.detail["display_name"] == "Checkout room"
        assert (told.detail["archive"], told.detail["length"]) == ("vault", len(CONTENT))
        # Nothing is deleted that the policy does not say so of.
        await made.world.pass_(400 * DAY, step=10 * DAY)
        assert made.left == [id_]


async def test_where_no_policy_says_so_nothing_is_asked() -> None:
    """Not even a list of a session."""
    async with kept(None) as made:
        await made.meet(CONTENT)
        await made.world.pass_(3 * DAY, step=HOUR)
        assert made.api.asked == []
        assert made.events == []
        assert await made.world.store.note(TERMS) is None


async def test_what_was_recorded_before_the_policy_said_so_is_found() -> None:
    """However long ago that was: the beginning of a promise looks back."""
    async with kept(None) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(30 * DAY, step=6 * HOUR)
        await made.edit(VAULT)
        await made.world.pass_(HOUR)
        assert made.vault.copies == {f"{id_}.mp4": CONTENT}


async def test_a_recording_is_copied_once_it_is_uploaded() -> None:
    async with kept(VAULT) as made:
        room_id = await made.room()
        made.world.fake.join(room_id)
        id_ = made.api.record(f"{room_id} at {made.now}", made.now)
        await made.world.pass_(2 * HOUR)
        assert (await made.record(id_)).status is RecordingStatus.STARTED
        assert made.methods == []
        made.world.fake.leave(room_id)
        await made.world.pass_(2 * HOUR)
        made.api.upload(id_, CONTENT, made.now)
        await made.world.pass_(12 * HOUR)
        assert made.vault.copies == {f"{id_}.mp4": CONTENT}


async def test_p03_a_session_of_a_room_that_is_not_ours_is_never_looked_at() -> None:
    async with kept(AT_ONCE) as made:
        stranger = made.world.fake.plant(STRANGE)
        await made.meet(CONTENT, room_id=stranger.id)
        await made.world.pass_(3 * DAY, step=HOUR)
        assert made.api.asked == []


async def test_p03_recordings_of_a_room_that_was_let_go_are_left_alone() -> None:
    async with kept({**AT_ONCE, "keep": "10d"}) as made:
        await made.edit({**AT_ONCE, "keep": "10d"}, removal={"mode": "keep"})
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        await made.world.edit({"team-rooms.yaml": None})
        await made.world.pass_(HOUR)
        await made.world.desk.forget(CHECKOUT, ANNA)
        await made.world.pass_(30 * DAY, step=6 * HOUR)
        assert made.left == [id_]
        assert (await made.record(id_)).terms is None


async def test_a_recording_of_a_room_that_is_gone_is_still_found() -> None:
    """Its operations tell whose it was."""
    async with kept(VAULT) as made:
        room_id = await made.room()
        removal = {"mode": "delete", "grace": "60s"}
        for subject in ("checkout", "search"):
            text = policy(subjects=[subject], recordings=VAULT, removal=removal)
            await made.world.edit({"team-rooms.yaml": text})
            await made.world.pass_(3 * HOUR)
        assert await made.world.store.key_of_room(room_id) is None
        id_ = made.api.record("s9", made.now)
        made.api.upload(id_, CONTENT, made.now)
        recorder = made.world.engine.parts.recorder
        recorder.read([Session(room_id, made.now, made.now, "s9")], made.now)
        recorder.nudge()
        await made.world.settle()
        assert made.vault.copies == {f"{id_}.mp4": CONTENT}
        found = await made.record(id_)
        assert (found.room_id, str(found.key)) == (room_id, CHECKOUT)


# --- deleted ---


async def test_a_recording_is_deleted_when_it_is_old_and_its_copy_is_whole() -> None:
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(29 * DAY, step=6 * HOUR)
        assert made.left == [id_]
        made.world.mark()
        await made.world.pass_(2 * DAY, step=6 * HOUR)
        assert made.left == []
        assert made.vault.found == [f"{id_}.mp4"]
        assert made.events == ["delete.started", "deleted"]
        told = made.world.one("recording.deleted")
        assert (told.before, told.after) == ({"status": "uploaded"}, {"status": "deleted"})
        assert told.api is not None
        assert told.api.method == "DELETE"
        assert told.detail["archive"] == "vault"
        assert (await made.record(id_)).gone is Gone.DELETED
        await made.world.pass_(60 * DAY, step=DAY)
        assert made.methods.count("delete_recording") == 1


async def test_p02_the_intent_is_durable_before_the_delete_leaves() -> None:
    async with kept(AT_ONCE) as made:
        seen: list[bool] = []

        async def before(commit: Commit) -> None:
            if any(fact.event == "recording.delete.started" for fact in commit.facts):
                seen.append("delete_recording" in made.methods)

        made.world.store.before = before
        await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        assert seen == [False]
        assert made.left == []


async def test_p02_nothing_is_deleted_where_nothing_can_be_recorded() -> None:
    async with kept(AT_ONCE) as made:

        async def refuse(commit: Commit) -> None:
            if any(fact.event == "recording.delete.started" for fact in commit.facts):
                raise StoreFault("the disk is full")

        made.world.store.before = refuse
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        assert "delete_recording" not in made.methods
        assert made.left == [id_]


async def test_new_terms_wait_for_their_grace() -> None:
    """Who mistypes 3d for 30d has a week to notice, and operators are told."""
    async with kept({**MONTH, "keep": "300d"}) as made:
        ids = await made.meet(*[CONTENT] * 3)
        await made.world.pass_(40 * DAY, step=DAY)
        await made.edit({**MONTH, "keep": "3d"})
        await made.world.pass_(6 * DAY, step=6 * HOUR)
        assert made.left == ids
        await made.edit({**MONTH, "keep": "300d"})
        await made.world.pass_(10 * DAY, step=6 * HOUR)
        assert made.left == ids
        await made.edit({**MONTH, "keep": "3d"})
        await made.world.pass_(8 * DAY, step=6 * HOUR)
        assert made.left == []
        changed = [one for one in made.world.facts if one.event == "recording.terms"]
        assert [one.after and one.after["keep"] for one in changed] == [
            "300d", "3d", "300d", "3d"
        ]  # fmt: skip
        assert changed[1].detail["recordings"] == 3


async def test_another_line_of_the_policy_is_no_other_promise() -> None:
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        before = (await made.record(id_)).terms
        await made.edit(MONTH, description="Another word.")
        await made.world.pass_(HOUR)
        after = (await made.record(id_)).terms
        assert before is not None
        assert after is not None
        assert (after.since, after.wish) == (before.since, before.wish)
        assert after.version != before.version
        assert made.events.count("terms") == 1


async def test_a_policy_that_is_gone_leaves_its_promise() -> None:
    async with kept(MONTH) as made:
        await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        await made.world.edit({"team-rooms.yaml": None})
        await made.world.restart()
        await made.world.pass_(31 * DAY, step=6 * HOUR)
        assert made.left == []


async def test_a_policy_that_says_nothing_any_more_takes_it_back() -> None:
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        made.world.mark()
        await made.edit(None)
        await made.world.pass_(40 * DAY, step=6 * HOUR)
        assert made.left == [id_]
        told = made.world.one("recording.terms")
        assert (told.before, told.after) == (
            {"archive": "vault", "keep": "30d", "grace": "7d"},
            None,
        )
        # And gives it anew, from the beginning.
        await made.edit(MONTH)
        await made.world.pass_(6 * DAY, step=6 * HOUR)
        assert made.left == [id_]
        await made.world.pass_(2 * DAY, step=6 * HOUR)
        assert made.left == []


async def test_a_policy_that_is_renamed_takes_its_promise_along() -> None:
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        since = (await made.record(id_)).terms
        text = policy("rooms", ["checkout"], recordings=MONTH, formerly="team-rooms")
        await made.world.edit({"team-rooms.yaml": text})
        await made.world.pass_(HOUR)
        terms = (await made.record(id_)).terms
        assert terms is not None
        assert since is not None
        assert (terms.policy, terms.since) == ("rooms", since.since)
        await made.meet(CONTENT, room_id=(await made.world.room("rooms/checkout")).id)
        await made.world.pass_(32 * DAY, step=6 * HOUR)
        assert made.left == []
        assert made.events.count("terms") == 1


async def test_without_a_copy_a_recording_is_deleted_where_that_is_asked_for() -> None:
    async with kept({**MONTH, "archive": "none"}) as made:
        await made.meet(CONTENT)
        await made.world.pass_(32 * DAY, step=6 * HOUR)
        assert made.left == []
        assert (made.vault.kept, made.vault.found) == ([], [])
        assert made.events == ["terms", "found", "delete.started", "deleted"]
        assert made.world.one("recording.deleted").detail["archive"] is None


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.NO_REMOVALS])
async def test_a_mode_withholds(mode: Mode) -> None:
    """`observe` copies nothing, and neither deletes."""
    async with kept(None) as made:
        await made.meet(CONTENT)
        await made.world.crash()
        made.world.sources.policies["team-rooms.yaml"] = recorded(AT_ONCE, mode=str(mode))
        await made.world.start()
        await made.world.pass_(DAY, step=HOUR)
        assert len(made.vault.copies) == (mode is Mode.NO_REMOVALS)
        assert len(made.api.recordings) == 1
        await made.edit(AT_ONCE)
        await made.world.pass_(DAY, step=HOUR)
        assert made.left == []


async def test_in_a_freeze_copies_go_on_and_nothing_is_deleted() -> None:
    """Of the policies that it is for; afterwards it is done."""
    async with kept(AT_ONCE) as made:
        until = made.now + 5 * DAY
        await made.world.desk.freeze(until, ANNA, ("team-rooms",))
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(2 * DAY, step=HOUR)
        assert len(made.vault.copies) == 1
        assert made.left == [id_]
        (row,) = (await made.world.desk.status()).recordings
        assert row.next_at is None or row.next_at <= until
        await made.world.desk.unfreeze("", ANNA)
        await made.world.pass_(DAY, step=HOUR)
        assert made.left == []


async def test_of_a_key_that_is_suspended_nothing_is_deleted() -> None:
    """At once, over a restart, and also where it is called otherwise by now; copies go on."""
    async with kept({**AT_ONCE, "keep": "1d"}) as made:
        wish = {**AT_ONCE, "keep": "1d"}
        await made.meet(CONTENT)
        await made.world.pass_(23 * HOUR)
        await made.world.desk.suspend(CHECKOUT, made.now + 30 * DAY, ANNA)
        (first,) = made.left
        here, (anew, _) = made.world.engine, made.world.offline()
        await anew.parts.recorder.recall()
        for engine in (here, anew):  # before any turn of the key
            made.world.fake.skew = 2 * 86400
            ((_, plan),) = engine.parts.recorder.plans()
            made.world.fake.skew = 0
            assert plan.held_by == "suspended"
        (second,) = await made.meet(CONTENT)
        await made.world.pass_(2 * DAY, step=HOUR)
        assert len(made.vault.copies) == 2
        (row,) = (await made.world.desk.status()).recordings
        assert row.held == (f"suspended by {ANNA.actor}: {ANNA.reason}",)
        await made.world.restart()
        renamed = policy("rooms", ["checkout"], recordings=wish, formerly="team-rooms")
        await made.world.edit({"team-rooms.yaml": renamed})
        await made.world.pass_(2 * DAY, step=HOUR)
        assert made.left == [first, second]
        await made.world.desk.resume("rooms/checkout", ANNA)
        await made.world.pass_(timedelta(minutes=1))
        assert made.left == []


async def test_while_clocks_disagree_nothing_is_deleted() -> None:
    """By a wrong date every recording is old enough."""
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(10 * DAY, step=6 * HOUR)
        made.world.fake.skew = 90 * 86400
        await made.world.pass_(DAY, step=HOUR)
        assert made.left == [id_]
        made.world.fake.skew = 0
        await made.world.pass_(DAY, step=HOUR)
        assert made.left == [id_]


@pytest.mark.parametrize("apart", [-8 * DAY, 90 * DAY], ids=["behind", "ahead"])
async def test_new_terms_have_their_grace_whatever_a_clock_says_meanwhile(
    apart: timedelta,
) -> None:
    """They count at once, as their copies show; their grace is a week of right time."""
    async with kept(None) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(40 * DAY, step=DAY)
        made.world.fake.skew = apart.total_seconds()
        await made.edit(MONTH)
        await made.world.pass_(3 * HOUR)
        assert len(made.vault.copies) == 1
        made.world.fake.skew = 0
        await made.world.pass_(6 * DAY, step=6 * HOUR)
        assert made.left == [id_]
        await made.world.pass_(2 * DAY, step=6 * HOUR)
        assert made.left == []
        assert made.events.count("terms") == 1


# --- what goes wrong at the API ---


async def test_an_unanswered_deletion_is_looked_into() -> None:
    """Carried out or not: GET tells."""
    async with kept(AT_ONCE) as made:
        made.api.script("delete_recording", Fate.ACT_THEN_DROP, Fate.LOST)
        await made.meet(CONTENT, CONTENT)
        await made.world.pass_(6 * HOUR)
        assert made.left == []
        assert made.events.count("deleted") == 2
        assert made.events.count("delete.unanswered") == 2
        assert made.methods.count("delete_recording") == 3


async def test_a_deletion_that_was_answered_is_looked_into_more_than_once() -> None:
    """204 for what was not done, and 404 for what is there."""
    async with kept(AT_ONCE) as made:
        get, delete = made.api.get_recording, made.api.delete_recording
        lies = ["delete", "get", "get"]

        async def untaken(id_: str) -> None:
            if lies[:1] != ["delete"]:
                await delete(id_)
                return
            del lies[0]

        async def hidden(id_: str) -> Any:
            if lies[:1] == ["get"]:
                del lies[0]
                raise MissingError("not found", 404)
            return await get(id_)

        made.api.delete_recording = untaken  # type: ignore[method-assign, assignment]
        made.api.get_recording = hidden  # type: ignore[method-assign, assignment]
        await made.meet(CONTENT)
        await made.world.pass_(6 * HOUR)
        assert (lies, made.left) == ([], [])
        assert made.events.count("deleted") == 1


async def test_what_is_not_found_at_three_looks_is_not_deleted_yet() -> None:
    """A deletion that was lost, and 404 for what is there: it would stay at the API for ever."""
    async with kept(AT_ONCE) as made:
        made.api.script("delete_recording", Fate.LOST)
        get, left = made.api.get_recording, [3]

        async def hidden(id_: str) -> Any:
            if "delete_recording" in made.methods and left[0]:
                left[0] -= 1
                raise MissingError("not found", 404)
            return await get(id_)

        made.api.get_recording = hidden  # type: ignore[method-assign, assignment]
        await made.meet(CONTENT)
        await made.world.pass_(6 * HOUR)
        assert (left, made.left) == ([0], [])
        assert made.events.count("deleted") == 1
        assert made.methods.count("delete_recording") == 2


@pytest.mark.parametrize("age", [timedelta(), 60 * DAY], ids=["known", "forgotten"])
async def test_what_a_list_shows_after_its_deletion_is_deleted_once_more(age: timedelta) -> None:
    """204 for what was not done, and 404 as often as it is looked for: the list has the last word.

    Also that of a session that is remembered no more.
    """
    wish = {**AT_ONCE, "keep": f"{age // DAY}d"}
    async with kept(wish) as made:
        get, delete = made.api.get_recording, made.api.delete_recording
        asked = 0

        async def untaken(id_: str) -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                await delete(id_)

        async def hidden(id_: str) -> Any:
            if asked == 1 and "deleted" not in made.events:
                raise MissingError("not found", 404)
            return await get(id_)

        made.api.delete_recording = untaken  # type: ignore[method-assign, assignment]
        made.api.get_recording = hidden  # type: ignore[method-assign, assignment]
        await made.meet(CONTENT)
        await made.world.pass_(age + 6 * HOUR, step=HOUR if age else MINUTE)
        assert made.left == []
        assert asked == 2
        assert made.events.count("deleted") == 2
        assert made.events.count("archived") == 1


async def test_p02_nothing_is_deleted_while_the_store_is_not_at_its_path() -> None:
    """SQLite goes on committing into a file that was unlinked, and says no word."""
    async with kept(AT_ONCE) as made:
        await made.room()
        store = made.world.store
        whole = store.check

        async def unlinked() -> None:
            message = "state.db: the file was removed"
            raise StoreFault(message)

        store.check = unlinked  # type: ignore[method-assign]
        await made.meet(CONTENT)
        await made.world.pass_(3 * HOUR)
        assert made.vault.copies
        assert "delete_recording" not in made.methods
        assert "delete.started" not in made.events
        store.check = whole  # type: ignore[method-assign]
        await made.world.pass_(2 * HOUR)
        assert made.left == []


async def test_not_yet_is_not_for_ever() -> None:
    """403, and 500 as some answer so; each is told once."""
    async with kept(AT_ONCE) as made:
        made.api.script("delete_recording", Fate.FORBIDDEN, Fate.FORBIDDEN)
        (id_,) = await made.meet(CONTENT)
        while "delete.failed" not in made.events:
            await made.world.pass_(MINUTE)
        assert await made.next_at(id_) - made.now <= 5 * MINUTE / 4
        await made.world.pass_(10 * MINUTE, step=MINUTE)
        assert made.left == []
        assert made.events.count("delete.failed") == 1
        assert made.events.count("delete.started") == 3


async def test_what_is_gone_by_another_hand_is_lost_and_not_deleted() -> None:
    async with kept(MONTH) as made:
        (one,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        made.api.vanish(one)
        await made.world.pass_(31 * DAY, step=6 * HOUR)
        assert made.events == ["terms", "found", "archived", "delete.started", "lost"]
        assert (await made.record(one)).gone is Gone.LOST
        assert made.vault.copies


async def test_what_is_gone_before_it_was_copied_is_lost_by_two_looks() -> None:
    async with kept(VAULT) as made:
        made.vault.fault = "the disk is not mounted"
        (one,) = await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        made.vault.fault = ""
        made.api.script("get_recording", Fate.MISSING)
        await made.world.pass_(2 * HOUR)
        assert made.vault.copies, "one 404 proves nothing"
        assert (await made.record(one)).missing_since is None
    async with kept(VAULT) as made:
        made.vault.fault = "the disk is not mounted"
        (one,) = await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        made.api.vanish(one)
        made.vault.fault = ""
        await made.world.pass_(3 * HOUR)
        assert (await made.record(one)).gone is Gone.LOST


async def test_two_spells_in_which_nothing_is_found_lose_nothing() -> None:
    """Another backend answered twice, and rooms were listed in between."""
    async with kept(VAULT) as made:
        made.vault.fault = "the disk is not mounted"
        (one,) = await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        made.vault.fault = ""
        made.api.script("get_recording", *[Fate.MISSING] * 4)
        await made.world.pass_(3 * HOUR, step=5 * MINUTE)
        assert (await made.record(one)).gone is None
        assert made.vault.copies
        assert "lost" not in made.events


async def test_what_comes_back_is_kept_again() -> None:
    """Two 404s may be wrong as well; a list that shows it is asked about, by GET."""
    async with kept(MONTH) as made:
        (one,) = await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        found = await made.record(one)
        gone = replace(found, gone=Gone.LOST, gone_at=made.now)
        await made.world.store.commit(Commit(recordings=(gone,)), made.now)
        await made.world.restart()
        await made.world.pass_(3 * DAY, step=HOUR)
        back = await made.record(one)
        assert (back.gone, back.copy) == (None, found.copy)


async def test_credentials_that_are_refused_stop_recordings_alone() -> None:
    async with kept(AT_ONCE) as made:
        made.api.script("list_recordings", Fate.UNAUTHORIZED)
        made.api.script("get_recording", Fate.UNAUTHORIZED)
        made.api.script("delete_recording", Fate.UNAUTHORIZED)
        await made.meet(CONTENT)
        await made.world.pass_(6 * HOUR)
        assert made.left == []
        assert made.world.engine.parts.weather.refused == ""


async def test_an_api_that_is_away_is_asked_later() -> None:
    async with kept(AT_ONCE) as made:
        (id_,) = await made.meet(CONTENT)
        made.api.down = True
        await made.world.pass_(3 * HOUR)
        assert made.left == [id_]
        assert made.world.engine.parts.weather.hold is None
        made.api.down = False
        await made.world.pass_(3 * HOUR)
        assert made.left == []


async def test_a_page_in_place_of_a_content_is_no_word_for_a_day() -> None:
    """A proxy says so twice, and the recording is copied some minutes later."""
    async with kept(MONTH) as made:
        made.api.script("get_recording", Fate.REFUSED, Fate.REFUSED)
        (id_,) = await made.meet(CONTENT)
        while "archive.failed" not in made.events:
            await made.world.pass_(15 * MINUTE)
        assert await made.next_at(id_) - made.now <= 5 * MINUTE / 4
        await made.world.pass_(10 * MINUTE, step=MINUTE)
        assert made.vault.copies == {f"{id_}.mp4": CONTENT}
        assert made.events.count("archive.failed") == 1


async def test_a_fault_that_nobody_foresaw_ends_nothing_else() -> None:
    """One recording is put off, for longer and longer; the others and all rooms go on."""
    async with kept(AT_ONCE) as made:
        whole, broken = made.api.download, {"download": True}

        def download(recording: Any, resume: Any = None) -> Any:
            if broken["download"] and recording.id == made.api.recordings[0]:
                raise UnicodeError("label empty or too long: hunter2")
            return whole(recording, resume)

        made.api.download = download  # type: ignore[method-assign]
        odd, other = await made.meet(CONTENT, CONTENT)
        await made.world.pass_(3 * HOUR)
        assert list(made.vault.copies) == [f"{other}.mp4"]
        assert made.left == [odd]
        (failed,) = (one for one in made.world.facts if one.event == "recording.archive.failed")
        assert failed.detail["recording"] == odd
        assert failed.reason == "a fault of this program: UnicodeError"
        assert 2 < (await made.record(odd)).attempts.count < 9
        await made.world.edit({"other.yaml": policy("other", ["search"])})
        await made.world.pass_(HOUR)
        assert (await made.world.room("other/search")).id
        delete, broken["download"] = made.api.delete_recording, False

        async def oddly(recording_id: str) -> None:
            made.api.delete_recording = delete  # type: ignore[method-assign]
            raise RuntimeError("hunter2")

        made.api.delete_recording = oddly  # type: ignore[method-assign]
        await made.world.pass_(6 * HOUR)
        assert made.left == []
        assert "hunter2" not in repr(made.world.facts)


# --- what goes wrong in an archive ---


async def test_a_folder_that_is_missing_loses_nothing() -> None:
    """Each is told once; the place is left alone for longer and longer."""
    async with kept(AT_ONCE) as made:
        made.vault.fault = "/srv/vault is not there, or is no folder"
        ids = await made.meet(*[CONTENT] * 9)
        await made.world.pass_(2 * DAY, step=15 * MINUTE)
        assert made.left == ids
        assert made.events.count("archive.failed") <= 9
        assert "delete_recording" not in made.methods
        made.vault.fault = ""
        await made.world.pass_(3 * HOUR)
        assert len(made.vault.copies) == 9
        assert made.left == []


async def test_a_copy_that_changed_stays_the_only_reason_to_delete_nothing() -> None:
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        made.vault.copies[f"{id_}.mp4"] = CONTENT[::-1]
        await made.world.pass_(40 * DAY, step=6 * HOUR)
        assert made.left == [id_]
        failed = made.world.one("recording.delete.failed")
        assert failed.reason == f"its copy {id_}.mp4 in vault is not the one that was made"
        made.vault.copies[f"{id_}.mp4"] = CONTENT
        await made.world.pass_(DAY, step=HOUR)
        assert made.left == []


async def test_a_copy_that_is_gone_is_made_anew() -> None:
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        made.vault.copies.clear()
        made.world.mark()
        await made.world.pass_(32 * DAY, step=6 * HOUR)
        assert made.left == []
        assert made.vault.copies == {f"{id_}.mp4": CONTENT}
        assert made.events == ["archive.failed", "archived", "delete.started", "deleted"]


async def test_another_disk_under_an_archives_name_gets_no_copy_and_ends_nothing() -> None:
    """A folder at which a disk is mounted is there without the disk too, and empty."""
    async with kept(AT_ONCE) as made:
        await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        assert made.left == []
        disk = made.vault.mark, made.vault.copies
        assert disk[0] == f"{made.world.store.incarnation}-vault"
        assert made.world.one("recording.archived").detail["mark"] == disk[0]
        for mark, told in (("", "their mark is not there"), ("s0-vault", "another mark, s0-vault")):
            made.vault.mark, made.vault.copies = mark, {}
            made.world.mark()
            (id_,) = await made.meet(CONTENT)
            await made.world.pass_(2 * DAY, step=15 * MINUTE)
            await made.world.restart()
            await made.world.pass_(2 * HOUR, step=15 * MINUTE)
            assert made.vault.copies == {}
            assert made.left == [id_]
            assert made.events == ["found", "archive.failed"]
            (cause,) = (one for one in (await made.world.desk.status()).needs_you if "vault" in one)
            assert told in cause
            made.vault.mark, made.vault.copies = disk
            await made.world.pass_(3 * HOUR)
            assert f"{id_}.mp4" in made.vault.copies
            assert made.left == []


async def test_what_was_copied_is_not_taken_for_gone_while_its_disk_is_away() -> None:
    """Or it would be copied beside the disk, and deleted."""
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        disk = made.vault.mark, made.vault.copies
        made.vault.mark, made.vault.copies = "", {}
        made.world.mark()
        await made.world.pass_(40 * DAY, step=6 * HOUR)
        assert made.left == [id_]
        assert made.events == ["delete.failed"]
        assert made.vault.copies == {}
        made.vault.mark, made.vault.copies = disk
        await made.world.pass_(DAY, step=HOUR)
        assert made.left == []


@pytest.mark.parametrize("holds", [True, False], ids=["as it was", "empty"])
@pytest.mark.parametrize("note", [None, ""], ids=["never marked", "store rebuilt"])
async def test_an_archive_from_before_marks_is_marked_where_its_copies_are(
    note: str | None, *, holds: bool
) -> None:
    """Where they are not, a person says that it is the right one, with a mark of their own."""
    async with kept(VAULT) as made:
        await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        copies = made.vault.copies
        made.vault.mark = ""
        made.vault.copies = {**copies} if holds else {}
        await made.world.store.commit(Commit(notes={"archive.mark.vault": note}), made.now)
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=15 * MINUTE)
        assert (f"{id_}.mp4" in made.vault.copies) is holds
        if not holds:
            assert made.vault.mark == ""
            failed = made.world.one("recording.archive.failed")
            assert failed.reason == (
                "vault is empty, and copies were made there: its disk may not be mounted"
            )
            made.vault.mark = "mine"
            await made.world.pass_(3 * HOUR)
            assert f"{id_}.mp4" in made.vault.copies
        assert await made.world.store.note("archive.mark.vault") == made.vault.mark != ""


async def test_an_archive_that_config_does_not_know_any_more_holds() -> None:
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        await made.world.crash()
        made.world.archives = {}
        await made.world.start()
        await made.world.pass_(40 * DAY, step=6 * HOUR)
        assert made.left == [id_]


async def test_a_download_that_breaks_off_is_gone_on_with() -> None:
    async with kept(VAULT) as made:
        made.api.cut_after = 400
        await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        assert made.api.resumed == [0, 400, 800]
        assert list(made.vault.copies.values()) == [CONTENT]


async def test_a_promise_that_changes_during_a_download_is_the_one_that_holds() -> None:
    """What is remembered meanwhile is not written over."""
    async with kept(VAULT) as made:
        gate = asyncio.Event()
        keep = made.vault.keep

        async def slow(item: Any, fetch: Any) -> Any:
            copy = await keep(item, fetch)
            await gate.wait()
            return copy

        made.vault.keep = slow  # type: ignore[method-assign]
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        await made.edit(MONTH)
        gate.set()
        await made.world.pass_(HOUR)
        one = await made.record(id_)
        assert one.copy is not None
        assert one.terms is not None
        assert one.terms.wish.keep == 30 * DAY


# --- crashes ---


async def test_p02_a_crash_at_any_commit_or_call_loses_and_doubles_nothing() -> None:
    """Between copy, journal, DELETE, GET and record: the next life ends the same."""
    for at in range(1, 60):
        made = Kept(AT_ONCE)
        await made.world.start()
        (id_,) = await made.meet(CONTENT)
        moments = 0
        died = asyncio.Event()

        async def moment() -> None:
            nonlocal moments
            moments += 1
            if moments == at:  # noqa: B023
                died.set()  # noqa: B023
                await asyncio.Event().wait()

        async def commit(_: Commit) -> None:
            await moment()

        made.world.store.before = made.world.store.after = commit
        for name in ("get_recording", "delete_recording", "list_recordings"):
            call = getattr(made.api, name)

            async def mortal(about: str, call: Any = call) -> Any:
                await moment()
                result = await call(about)
                await moment()
                return result

            setattr(made.api, name, mortal)
        await made.world.pass_(HOUR)
        if not died.is_set():
            assert at > 15, "it never came that far"
            await made.world.end()
            break
        made.world.store.before = made.world.store.after = _nothing
        await made.world.crash()
        for name in ("get_recording", "delete_recording", "list_recordings"):
            delattr(made.api, name)
        await made.world.start()
        await made.world.pass_(6 * HOUR)
        assert made.left == [], at
        assert made.vault.copies == {f"{id_}.mp4": CONTENT}
        told = [
            one for one in made.world.facts if one.event in {"recording.deleted", "recording.lost"}
        ]
        assert len(told) == 1, at
        assert (await made.record(id_)).over
        assert made.methods.count("delete_recording") <= 2
        await made.world.end()


async def _nothing(_: Commit) -> None:
    return None


# --- hints ---


def callback(event: Event, room_id: str, session_id: str, **more: Any) -> Callback:
    return Callback(event, room_id, session_id, **more)


async def test_where_no_sessions_are_listed_callbacks_tell_of_them() -> None:
    made = Kept(VAULT)
    made.world.fake.tells_sessions = False
    await made.world.start()
    hints, room_id = made.world.engine.parts.hints, await made.room()
    stranger = made.world.fake.plant(STRANGE)
    for room, session in ((room_id, "s1"), (stranger.id, "s2"), ("", "s3")):
        id_ = made.api.record(session, made.now)
        await hints.received(callback(Event.SESSION_STARTED, room, session, started_at=made.now))
        await made.world.settle()
        made.api.upload(id_, CONTENT, made.now)
        for event in (Event.SESSION_ENDED, Event.SESSION_STARTED, Event.RECORDING_UPLOADED):
            await hints.received(callback(event, room, session, recording_id=id_))
        await made.world.settle()
    await made.world.pass_(HOUR)
    assert list(made.vault.copies) == [f"{made.api.recordings[0]}.mp4"]
    assert {one.about for one in made.api.asked if one.method == "list_recordings"} == {"s1"}
    await made.world.end()


async def test_a_hint_spares_the_wait() -> None:
    """Where sessions are listed a callback only says when to look."""
    async with kept(VAULT) as made:
        room_id = await made.room()
        made.world.fake.join(room_id)
        session_id = f"{room_id} at {made.now}"
        id_ = made.api.record(session_id, made.now)
        await made.world.pass_(2 * HOUR)
        made.api.upload(id_, CONTENT, made.now)
        hints = made.world.engine.parts.hints
        await hints.received(callback(Event.RECORDING_UPLOADED, "", session_id))
        await hints.received(callback(Event.RECORDING_UPLOADED, room_id, "another"))
        await made.world.settle()
        assert list(made.vault.copies) == [f"{id_}.mp4"]


async def test_rooms_go_first() -> None:
    """While a key is at work nothing of recordings begins, though not for ever."""
    async with kept(VAULT) as made:
        made.vault.fault = "the disk is not mounted"
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(HOUR)
        made.vault.fault = ""
        gate = asyncio.Event()

        async def wait(asked: Any) -> None:
            if asked.method == "create_room":
                await gate.wait()

        made.world.fake.before = wait
        await made.world.edit({"other.yaml": policy("other", ["search"])})
        seconds = timedelta(seconds=1)
        await made.world.pass_(await made.next_at(id_) - made.now, step=MINUTE)
        await made.world.pass_(20 * seconds, step=10 * seconds)
        assert made.vault.copies == {}
        await made.world.pass_(20 * seconds, step=10 * seconds)
        assert made.vault.copies
        gate.set()


async def test_rooms_that_are_done_hold_nothing() -> None:
    """No longer than they take."""
    async with kept(VAULT) as made:
        made.vault.fault = "the disk is not mounted"
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(HOUR)
        made.vault.fault = ""
        gate = asyncio.Event()

        async def wait(asked: Any) -> None:
            if asked.method == "create_room":
                await gate.wait()

        made.world.fake.before = wait
        await made.world.edit({"other.yaml": policy("other", ["search"])})
        seconds = timedelta(seconds=1)
        await made.world.pass_(await made.next_at(id_) - made.now + 5 * seconds, step=MINUTE)
        gate.set()
        await made.world.pass_(5 * seconds)
        assert made.vault.copies


# --- and what else goes wrong ---


async def test_500_on_delete_is_looked_into() -> None:
    """It may have been carried out all the same."""
    async with kept(AT_ONCE) as made:
        delete = made.api.delete_recording
        answers = iter([True, False])

        async def broken(id_: str) -> None:
            carried_out = next(answers, None)
            if carried_out is None or carried_out:
                await delete(id_)
            if carried_out is not None:
                raise ForbiddenError("Internal Server Error", 500)

        made.api.delete_recording = broken  # type: ignore[method-assign, assignment]
        await made.meet(CONTENT, CONTENT)
        await made.world.pass_(6 * HOUR)
        assert made.left == []
        reasons = {one.reason for one in made.world.facts if one.event == "recording.deleted"}
        assert "its deletion was carried out, though that was not answered" in reasons
        assert len(reasons) == 2


async def test_an_api_that_does_not_know_what_it_shows_is_not_believed() -> None:
    """DELETE says 404, GET says it is there: as some answer to every DELETE."""
    async with kept(AT_ONCE) as made:
        made.api.script("delete_recording", Fate.MISSING)
        await made.meet(CONTENT)
        await made.world.pass_(4 * HOUR)
        failed = made.world.one("recording.delete.failed")
        assert failed.reason == "404: DELETE is answered as if it were not there"
        assert made.left == []


@pytest.mark.parametrize("fate", [Fate.BUSY, Fate.ANSWERED])
async def test_a_deletion_counts_once_the_recording_is_seen_to_be_gone(fate: Fate) -> None:
    """Until then it is open: an API that answers nothing, or shows it for a while."""
    async with kept(AT_ONCE) as made:
        get, left = made.api.get_recording, [2]

        async def stale(id_: str) -> Any:
            if "delete_recording" in made.methods and left[0]:
                left[0] -= 1
                if fate is Fate.BUSY:
                    raise UnavailableError("busy", 429)
                return seen[id_]
            seen[id_] = await get(id_)
            return seen[id_]

        seen: dict[str, Any] = {}
        made.api.get_recording = stale  # type: ignore[method-assign, assignment]
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(4 * HOUR)
        assert (await made.record(id_)).gone is Gone.DELETED
        assert made.events.count("deleted") == 1
        # It may be shown for longer than anybody said, and is deleted once more then.
        assert made.methods.count("delete_recording") == (1 if fate is Fate.BUSY else 2)


@pytest.mark.parametrize("fate", [Fate.BUSY, Fate.REFUSED, Fate.UNAUTHORIZED])
async def test_a_deletion_that_was_surely_not_carried_out_is_tried_again(fate: Fate) -> None:
    async with kept(AT_ONCE) as made:
        made.api.script("delete_recording", fate)
        await made.meet(CONTENT)
        await made.world.pass_(3 * HOUR)
        assert made.left == []
        assert made.methods.count("delete_recording") == 2


async def test_404_on_delete_and_then_no_answer_is_looked_into() -> None:
    async with kept(AT_ONCE) as made:
        made.api.script("delete_recording", Fate.MISSING)
        get, left = made.api.get_recording, [1]

        async def away(id_: str) -> Any:
            if "delete_recording" in made.methods and left[0]:
                left[0] -= 1
                raise UnavailableError("away", 503)
            return await get(id_)

        made.api.get_recording = away  # type: ignore[method-assign, assignment]
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(3 * HOUR)
        assert (await made.record(id_)).gone is Gone.DELETED


async def test_a_look_that_fails_comes_back() -> None:
    async with kept(AT_ONCE) as made:
        made.api.script("delete_recording", Fate.LOST)
        get, left = made.api.get_recording, [UnauthorizedError("no", 401), UnavailableError("x")]

        async def away(id_: str) -> Any:
            if "delete_recording" in made.methods and left:
                raise left.pop()
            return await get(id_)

        made.api.get_recording = away  # type: ignore[method-assign, assignment]
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(3 * HOUR)
        assert (await made.record(id_)).gone is Gone.DELETED


async def test_a_disk_that_fails_when_a_copy_is_read_back_holds_its_deletion() -> None:
    async with kept(MONTH) as made:
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        made.vault.fault = "it cannot be read"
        await made.world.pass_(40 * DAY, step=6 * HOUR)
        assert made.left == [id_]
        assert "delete_recording" not in made.methods
        assert made.events.count("delete.failed") == 1


@pytest.mark.parametrize("word", ["taken back", "suspended", "forgotten"])
async def test_p03_what_is_said_while_the_copy_is_read_holds_the_deletion(word: str) -> None:
    """Reading a copy back takes minutes: a promise is taken back meanwhile, or its room let go."""
    async with kept(MONTH) as made:
        await made.edit(MONTH, removal={"mode": "keep"})
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        find, gate, reached = made.vault.find, asyncio.Event(), asyncio.Event()

        async def slow(item: Any) -> Any:
            reached.set()
            await gate.wait()
            return await find(item)

        made.vault.find = slow  # type: ignore[method-assign]
        if word == "forgotten":
            await made.world.edit({"team-rooms.yaml": None})
        await made.world.pass_(31 * DAY, step=6 * HOUR)
        assert reached.is_set()
        match word:
            case "suspended":
                await made.world.desk.suspend(CHECKOUT, made.now + DAY, ANNA)
            case "forgotten":
                await made.world.desk.forget(CHECKOUT, ANNA)
            case _:
                await made.edit(None)
        gate.set()
        await made.world.pass_(HOUR)
        assert made.left == [id_]
        assert "delete.started" not in made.events


async def test_a_store_that_cannot_record_ends_nothing() -> None:
    """Neither the loop nor its workers; when it can again they go on."""
    async with kept(AT_ONCE) as made:
        full = True

        async def refuse(commit: Commit) -> None:
            if full and (commit.sessions or commit.recordings):
                raise StoreFault("the disk is full")

        made.world.store.before = refuse
        await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        full = False
        await made.world.pass_(2 * HOUR)
        assert made.left == []


async def test_while_the_api_is_away_nothing_is_asked_of_recordings() -> None:
    async with kept(AT_ONCE) as made:
        made.world.fake.unauthorized = True
        await made.meet(CONTENT)
        await made.world.pass_(3 * HOUR)
        assert made.api.asked == []
        made.world.fake.unauthorized = False
        await made.world.pass_(3 * HOUR)
        assert made.left == []


async def test_sessions_that_cannot_be_listed_are_asked_for_later() -> None:
    """The look back to the beginning is made once it can be."""
    async with kept(None) as made:
        await made.meet(CONTENT)
        await made.world.pass_(20 * DAY, step=6 * HOUR)
        made.world.fake.script("list_sessions", Fate.BUSY)
        await made.edit(VAULT)
        await made.world.pass_(HOUR)
        assert made.vault.copies


async def test_a_list_that_is_stale_brings_nothing_back() -> None:
    """What is gone by GET is gone, whatever a list shows."""
    async with kept(AT_ONCE) as made:
        room_id = await made.room()
        made.world.fake.join(room_id)
        session_id = f"{room_id} at {made.now}"
        id_ = made.api.record(session_id, made.now)
        made.api.upload(id_, CONTENT, made.now)
        shown = await made.api.list_recordings(session_id)
        await made.world.pass_(2 * HOUR)
        assert (await made.record(id_)).gone is Gone.DELETED

        async def stale(_: str) -> Any:
            return shown

        made.api.list_recordings = stale  # type: ignore[method-assign, assignment]
        made.world.fake.leave(room_id)
        await made.world.pass_(2 * DAY, step=MINUTE * 10)
        assert (await made.record(id_)).gone is Gone.DELETED
        assert made.events.count("found") == 1


async def test_a_session_of_long_ago_is_forgotten_in_memory() -> None:
    async with kept(VAULT) as made:
        await made.meet(CONTENT)
        await made.world.pass_(2 * HOUR)
        shelf = made.world.engine.parts.recorder.shelf
        assert len(shelf.sessions) == 1
        await made.world.pass_(20 * DAY, step=3 * HOUR)
        assert len(shelf.sessions) == 0


async def test_hints_wait_until_it_is_known_whose_word_counts() -> None:
    """Before the first listing nobody knows whether this API lists its sessions."""
    made = Kept(VAULT)
    made.world.fake.down = True
    await made.world.start()
    made.world.fake.down = False
    hints = made.world.engine.parts.hints
    await hints.received(callback(Event.SESSION_STARTED, "no room of ours", "s1"))
    made.world.engine.parts.recorder.nudge()
    await made.world.pass_(2 * HOUR)
    assert made.api.asked == []
    await made.world.end()


async def test_attempts_are_remembered_over_a_restart() -> None:
    async with kept(AT_ONCE) as made:
        made.api.script("delete_recording", *[Fate.FORBIDDEN] * 9)
        (id_,) = await made.meet(CONTENT)
        await made.world.pass_(HOUR)
        tried, next_at = made.methods.count("delete_recording"), await made.next_at(id_)
        await made.world.restart()
        await made.world.pass_(next_at - made.now - MINUTE, step=MINUTE)
        assert made.methods.count("delete_recording") == tried
        await made.world.pass_(2 * MINUTE, step=MINUTE)
        assert made.methods.count("delete_recording") == tried + 1


# --- what people see ---


async def test_status_tells_what_becomes_of_recordings() -> None:
    async with kept(MONTH) as made:
        (row,) = (await made.world.desk.status()).recordings
        assert (row.policy, row.archive, row.keep, row.here) == ("team-rooms", "vault", "30d", 0)
        made.vault.fault = "/srv/vault is not there, or is no folder"
        await made.meet(*[CONTENT] * 4)
        await made.world.pass_(3 * HOUR)
        (row,) = (await made.world.desk.status()).recordings
        assert (row.here, row.copied, row.waiting, row.due) == (4, 0, 4, 4)
        assert made.vault.fault in row.held
        made.vault.fault = ""
        await made.world.pass_(3 * HOUR)
        (row,) = (await made.world.desk.status()).recordings
        assert (row.copied, row.waiting, row.held) == (4, 0, ())
        found = await made.record(made.left[0])
        assert row.next_at == found.due_at


async def test_operators_are_told_of_an_archive_that_fails_and_of_its_end() -> None:
    async with kept(MONTH) as made:
        made.vault.fault = "/srv/vault is not there, or is no folder"
        await made.meet(*[CONTENT] * 4)
        await made.world.pass_(2 * HOUR)
        told = made.world.board.causes["archive vault"]
        assert "/srv/vault is not there" in told
        assert "nothing is lost yet" in told
        made.vault.fault = ""
        await made.world.pass_(3 * HOUR)
        assert "archive vault" not in made.world.board.causes


async def test_operators_are_told_what_new_terms_would_delete() -> None:
    """More at once than brakes let rooms end: from the first moment, with the line and the day."""
    async with kept({**MONTH, "keep": "300d"}, limits=Limits(3, 10.0)) as made:
        await made.meet(*[CONTENT] * 5)
        await made.world.pass_(40 * DAY, step=DAY)
        await made.edit({**MONTH, "keep": "3d"})
        await made.world.pass_(2 * HOUR)
        told = made.world.board.causes["recordings team-rooms"]
        assert told.startswith("5 recordings are deleted from ")
        assert "because team-rooms.yaml:" in told
        await made.edit({**MONTH, "keep": "300d"})
        await made.world.pass_(HOUR)
        assert "recordings team-rooms" not in made.world.board.causes


async def test_operators_are_told_of_what_fails_again_and_again() -> None:
    async with kept(AT_ONCE) as made:
        made.api.script("delete_recording", *[Fate.FORBIDDEN] * 99)
        await made.meet(CONTENT, CONTENT)
        await made.world.pass_(DAY, step=15 * MINUTE)
        told = made.world.board.causes["recordings"]
        assert told.startswith(f"Recording {made.left[0]} of {CHECKOUT} (and 1 more): ")


async def test_rooms_show_lists_the_recordings_of_a_key() -> None:
    """Those that are gone among them, the latest first; also by a name that the key had before."""
    async with kept(AT_ONCE) as made:
        (gone,) = await made.meet(CONTENT)
        await made.world.pass_(3 * HOUR)
        await made.edit(MONTH)
        (copied,) = await made.meet(CONTENT)
        room_id = await made.room()
        made.world.fake.join(room_id)
        running = made.api.record(f"{room_id} at {made.now}", made.now)
        await made.world.pass_(3 * HOUR)
        rows = (await made.world.desk.why(CHECKOUT)).recordings
        assert [(row.recording_id, row.state) for row in rows] == [
            (running, "running"),
            (copied, "copied"),
            (gone, "deleted"),
        ]
        assert rows[1].copy == f"vault/{copied}.mp4"
        text = policy("rooms", ["checkout"], recordings=MONTH, formerly="team-rooms")
        await made.world.edit({"team-rooms.yaml": text})
        await made.world.pass_(HOUR)
        assert len((await made.world.desk.why("rooms/checkout")).recordings) == 3


async def test_without_recordings_nothing_is_shown() -> None:
    world = World()
    await world.start()
    assert (await world.desk.why(CHECKOUT)).recordings == ()
    assert (await world.desk.status()).recordings == ()
    world.engine.parts.recorder.heard(callback(Event.SESSION_STARTED, "r", "s"))
    await world.engine.parts.recorder.look("nobody")
    await world.end()


async def test_p04_another_backend_for_a_while_loses_and_deletes_nothing() -> None:
    """It answers 404 to everything about recordings, and is told by the rooms that it lacks."""
    async with kept({**MONTH, "keep": "10d"}) as made:
        copied, unanswered = await made.meet(CONTENT, CONTENT)
        await made.world.pass_(DAY, step=HOUR)
        made.api.script("delete_recording", Fate.LOST)
        away: dict[str, Any] = {}

        async def nothing(about: str) -> Any:
            raise MissingError(f"{about} was not found", 404)

        for name in ("get_recording", "delete_recording", "list_recordings"):
            away[name] = getattr(made.api, name)
            setattr(made.api, name, nothing)
        made.world.fake.doubtful = "it lacks rooms"
        await made.world.pass_(12 * DAY, step=6 * HOUR)
        assert made.left == [copied, unanswered]
        assert "lost" not in made.events
        for name, call in away.items():
            setattr(made.api, name, call)
        made.world.fake.doubtful = ""
        await made.world.pass_(DAY, step=HOUR)
        assert made.left == []
        assert made.events.count("deleted") == 2


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"gone": Gone.LOST}, "lost"),
        ({"deleting_since": START}, "deleting"),
        ({"missing_since": START}, "missing"),
        ({"status": RecordingStatus.PAUSED}, "running"),
        ({"status": RecordingStatus.STOPPED}, "uploading"),
        ({"terms": None}, "left alone"),
        ({}, "to copy"),
        ({"copy": KeptCopy("vault", Copy("a1.mp4", 1, "0"), START)}, "copied"),
    ],
)
def test_how_a_recording_is_told(changes: dict[str, Any], state: str) -> None:
    wish = KeepRecordings("vault", 30 * DAY)
    plain = KeptRecording("a1", "s1", "r1", key(CHECKOUT), "", START, RecordingStatus.UPLOADED)
    one = replace(plain, **{"terms": Terms("team-rooms", wish, START), **changes})
    assert recording_row(one, RecordingPlan()).state == state


def test_one_without_a_copy_that_is_to_be_deleted_is_told_so() -> None:
    terms = Terms("team-rooms", KeepRecordings("", 30 * DAY), START)
    plain = KeptRecording("a1", "s1", "r1", key(CHECKOUT), "", START, RecordingStatus.UPLOADED)
    act = RecordingPlan(RecordingAct(RecordingStep.DELETE, "it is old enough"))
    for plan in (RecordingPlan(), act):
        assert recording_row(replace(plain, terms=terms), plan).state == "to delete"


async def test_a_session_without_an_id_and_one_that_is_told_twice_change_nothing() -> None:
    async with kept(VAULT) as made:
        room_id = await made.room()
        recorder = made.world.engine.parts.recorder
        for id_ in ("", "s1", "s1"):
            recorder.read([Session(room_id, made.now, None, id_)], made.now)
            recorder.nudge()
            await made.world.settle()
        assert list(recorder.shelf.sessions) == ["s1"]


async def test_a_recording_of_a_policy_s_former_name_has_its_terms() -> None:
    """Of a room whose key was never moved, because it was gone by then."""
    async with kept(VAULT) as made:
        (id_,) = await made.meet(CONTENT)
        state = await made.world.state(CHECKOUT)
        await made.world.store.commit(Commit(states=(replace(state, rooms=()),)), made.now)
        text = policy("rooms", ["search"], recordings=VAULT, formerly="team-rooms")
        await made.world.edit({"team-rooms.yaml": text})
        await made.world.pass_(3 * HOUR)
        assert made.vault.copies == {f"{id_}.mp4": CONTENT}


async def test_a_recording_that_vanishes_from_memory_while_it_waits_is_passed_over() -> None:
    """Two things that were to be done about one: the first was the last."""
    async with kept(AT_ONCE) as made:
        await made.meet(CONTENT)
        await made.world.pass_(3 * HOUR)
        recorder = made.world.engine.parts.recorder
        recorder._lanes["copies"].fill(["gone by now"])  # noqa: SLF001 - as by an older look
        await made.world.settle()
        assert made.left == []


async def test_p04_between_two_listings_no_404_is_believed() -> None:
    """Until rooms are listed nobody knows whose backend this is."""
    async with kept(VAULT, resync=12 * HOUR) as made:
        made.vault.fault = "the disk is not mounted"
        (id_,) = await made.meet(CONTENT)
        while await made.world.store.recording(id_) is None:
            await made.world.pass_(HOUR)
        made.vault.fault = ""
        made.api.script("get_recording", *[Fate.MISSING] * 9)
        await made.world.pass_(4 * HOUR, step=5 * MINUTE)
        one = await made.record(id_)
        assert one.missing_since is not None
        assert one.gone is None
        await made.world.pass_(14 * HOUR, step=5 * MINUTE)
        assert (await made.record(id_)).gone is Gone.LOST
