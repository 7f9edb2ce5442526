"""Recordings are deleted in time, and only when their copy is whole and nothing is unclear."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.keeping import Gone
from orchestrator.domain.policies import Mode
from orchestrator.domain.presence import Callback, Event
from orchestrator.domain.recordings import Recording
from orchestrator.ports.faults import (
    ForbiddenError,
    MissingError,
    UnauthorizedError,
    UnavailableError,
)
from orchestrator.ports.store import Commit, StoreFault
from tests.component.recordings import (
    AT_ONCE,
    CHECKOUT,
    CONTENT,
    DAY,
    MINUTE,
    MONTH,
    VAULT,
    Kept,
    kept,
    recorded,
)
from tests.component.world import ANNA, HOUR, policy
from tests.fakes.rooms import Fate

SOON = {"archive": "vault", "keep": "1d", "then": "delete", "grace": "0s"}

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


def slowed(made: Kept) -> tuple[list[str], asyncio.Event]:
    """Deletions that take a minute, and those that began; lists take five once that is set."""
    clock, api, begun, lists_slowly = made.world.clock, made.api, list[str](), asyncio.Event()
    delete, list_ = api.delete_recording, api.list_recordings

    async def deletes(recording_id: str) -> None:
        begun.append(recording_id)
        await clock.sleep(60.0)
        await delete(recording_id)

    async def lists(session_id: str) -> Sequence[Recording]:
        found = await list_(session_id)
        if lists_slowly.is_set():
            await clock.sleep(300.0)
        return found

    api.delete_recording, api.list_recordings = deletes, lists  # type: ignore[method-assign]
    return begun, lists_slowly


async def test_terms_that_are_in_force_hold_while_sessions_are_looked_at() -> None:
    """The list of a session is slow, and another deletion waits for its worker meanwhile."""
    async with kept(SOON) as made:
        world = made.world
        room_id = await made.room()
        ids = await made.meet(CONTENT, CONTENT, CONTENT, CONTENT)
        await world.pass_(2 * HOUR)
        assert made.left == ids
        begun, lists_slowly = slowed(made)
        while not begun:
            await world.pass_(MINUTE)
        assert len(begun) == 2
        lists_slowly.set()
        session = next(iter(world.engine.parts.recorder.shelf.sessions))
        await world.engine.parts.hints.received(
            Callback(Event.RECORDING_UPLOADED, room_id=room_id, session_id=session)
        )
        await world.settle()
        world.mark()
        await made.edit({**SOON, "keep": "300d", "grace": "9d"})
        assert "policy.loaded" in world.events
        assert len(begun) == 2
        await world.pass_(10 * MINUTE, step=timedelta(seconds=1))
        assert len(begun) == 2


async def test_a_recording_that_is_found_while_its_policy_is_renamed_has_its_terms() -> None:
    async with kept(SOON) as made:
        world, api = made.world, made.api
        room_id = await made.room()
        await made.meet(CONTENT, CONTENT, CONTENT, CONTENT)
        await world.pass_(2 * HOUR)
        begun, lists_slowly = slowed(made)
        while not begun:
            await world.pass_(MINUTE)
        lists_slowly.set()
        session = next(iter(world.engine.parts.recorder.shelf.sessions))
        late = api.record(session, made.now)
        api.upload(late, CONTENT, made.now)
        await world.engine.parts.hints.received(
            Callback(Event.RECORDING_UPLOADED, room_id=room_id, session_id=session)
        )
        await world.settle()
        await world.edit(
            {
                "team-rooms.yaml": None,
                "squads.yaml": policy(
                    "squads", subjects=["checkout"], recordings=SOON, formerly="team-rooms"
                ),
            }
        )
        await world.pass_(20 * MINUTE, step=timedelta(seconds=1))
        await world.pass_(10 * DAY)
        assert late not in made.left


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


# --- deletions that go wrong ---


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


# --- another backend ---


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


async def _nothing(_: Commit) -> None:
    return None
