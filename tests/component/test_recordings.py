"""Recordings are found, copied into an archive, read back, and told of in full."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.archiving import RecordingAct, RecordingPlan, RecordingStep
from orchestrator.domain.brakes import Limits
from orchestrator.domain.keeping import Gone, KeptCopy, KeptRecording, Terms
from orchestrator.domain.policies import KeepRecordings
from orchestrator.domain.presence import Event
from orchestrator.domain.recordings import Copy, RecordingStatus
from orchestrator.domain.rooms import Session
from orchestrator.engine.recordingrows import recording_row
from orchestrator.engine.shelf import TERMS
from orchestrator.ports.store import Commit, StoreFault
from tests.component.recordings import (
    AT_ONCE,
    CHECKOUT,
    CONTENT,
    DAY,
    MINUTE,
    MONTH,
    STRANGE,
    VAULT,
    Kept,
    callback,
    kept,
)
from tests.component.world import ANNA, HOUR, World, key, policy
from tests.fakes.clock import START
from tests.fakes.rooms import Fate

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


# --- what goes wrong at the API ---


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


# --- hints ---


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


# --- sessions, stores and waits ---


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


async def _nothing(_: Commit) -> None:
    return None
