"""A person's word about one key: kept over restarts, obeyed at every turn, told by name."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import Any

import pytest
import yaml

from orchestrator.domain.policies import Mode
from orchestrator.domain.reports import SuspendedRow
from orchestrator.domain.rooms import Patch
from orchestrator.foundation.instants import format_instant
from orchestrator.ports.desk import DeskError
from tests.component.world import ANNA, HOUR, World, policy, running

DAY = timedelta(days=1)
CHECKOUT = "team-rooms/checkout"
SOON = {"mode": "delete", "grace": "1h"}


def files(*subjects: object, **rest: Any) -> dict[str, bytes | None]:
    """The policy with these subjects."""
    return {"team-rooms.yaml": policy(subjects=subjects, **rest)}


# --- protect --------------------------------------------------------------------------------------


async def test_a_protected_room_is_neither_removed_nor_replaced() -> None:
    """Also when its subject is gone, and over a restart; until the protection is lifted."""
    async with running({"team-rooms.yaml": policy(removal=SOON)}) as world:
        room_id = (await world.ids())[CHECKOUT]
        world.mark()
        done = await world.desk.protect(CHECKOUT, ANNA)
        assert "neither removed nor replaced" in done.message
        fact = world.one("room.protected")
        assert (fact.actor, fact.reason, fact.room_id) == (ANNA.actor, ANNA.reason, room_id)
        till = {"slug": "checkout", "name": "Till"}
        await world.edit(files(till, "search", removal=SOON, replace="now"))
        assert world.holds(CHECKOUT) == {"protected"}
        await world.restart()
        await world.edit(files("search", removal=SOON))
        await world.pass_(30 * DAY)
        assert world.holds(CHECKOUT) == {"protected"}
        assert (await world.ids())[CHECKOUT] == room_id
        assert world.changes == []
        await world.desk.protect(CHECKOUT, ANNA, on=False)
        assert world.one("room.unprotected").reason == ANNA.reason
        await world.pass_(2 * HOUR)
        assert world.names == ["Search room"]


async def test_a_protected_room_is_renewed() -> None:
    async with running(resync=DAY) as world:
        await world.desk.protect(CHECKOUT, ANNA)
        world.mark()
        await world.pass_(timedelta(days=300))
        assert world.events == ["room.renewed", "room.renewed"]


async def test_the_files_line_protects_and_its_absence_leaves_that() -> None:
    """Only an explicit false lifts it; each change is a fact that names the file."""
    async with running() as world:
        world.mark()
        await world.edit(files("checkout", protect=True))
        fact = next(fact for fact in world.facts if fact.event == "room.protected")
        assert fact.actor.startswith("policy team-rooms@")
        assert fact.reason == "team-rooms.yaml says protect: true"
        world.mark()
        await world.edit(files("checkout"))
        assert (await world.state(CHECKOUT)).protect
        await world.edit(files("checkout", protect=False))
        assert not (await world.state(CHECKOUT)).protect
        assert [fact.reason for fact in world.facts if fact.event == "room.unprotected"] == [
            "team-rooms.yaml says protect: false"
        ]


async def test_a_room_that_its_policy_protects_is_told_so_from_the_start() -> None:
    async with running({"team-rooms.yaml": policy(subjects=["checkout"], protect=True)}) as world:
        events = [fact.event for fact in world.facts if fact.event.startswith("room.")]
        assert events == ["room.protected", "room.created"]


@pytest.mark.parametrize("line", [True, False])
async def test_a_word_that_the_file_would_undo_is_refused(line: bool) -> None:
    async with running(files("checkout", protect=line)) as world:
        world.mark()
        with pytest.raises(DeskError, match=f"protect: {str(line).lower()}, which would undo"):
            await world.desk.protect(CHECKOUT, ANNA, on=not line)
        assert world.events == []


async def test_what_is_so_already_is_no_news() -> None:
    async with running() as world:
        world.mark()
        done = await world.desk.protect(CHECKOUT, ANNA, on=False)
        assert done.message == "team-rooms/checkout is not protected already."
        assert world.events == []


async def test_a_room_that_was_let_go_is_protected_by_its_policy_alone() -> None:
    """Its end is on its way, so no such word is given; the policy takes the room back."""
    text = {"team-rooms.yaml": policy(subjects=["checkout"], removal={"grace": "1h"})}
    async with running(text) as world:
        before = await world.ids()
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(2 * HOUR)
        world.mark()
        with pytest.raises(DeskError, match="was let go and comes to its end"):
            await world.desk.protect(CHECKOUT, ANNA)
        assert world.events == []
        await world.edit(text)
        assert await world.ids() == before
        await world.desk.protect(CHECKOUT, ANNA)
        assert (await world.state(CHECKOUT)).protect


# --- suspend --------------------------------------------------------------------------------------


async def test_a_suspended_key_stands_still_until_its_time() -> None:
    """No change, no removal, no renewal; over a restart; and then all at once."""
    async with running({"team-rooms.yaml": policy(removal=SOON)}) as world:
        room_id = (await world.ids())[CHECKOUT]
        until = world.clock.now() + 2 * DAY
        german = files("checkout", "search", removal=SOON, room={"ui_settings": {"language": "de"}})
        world.mark()
        await world.desk.suspend(CHECKOUT, until, ANNA)
        fact = world.one("room.suspended")
        assert (fact.actor, fact.reason) == (ANNA.actor, ANNA.reason)
        assert fact.detail["until"] == format_instant(until)
        await world.edit(german)
        assert world.changes == ["update_room"]  # of the other one
        await world.restart()
        assert "suspended" in world.holds(CHECKOUT)
        await world.edit(files("search", removal=SOON))
        await world.pass_(DAY)
        assert (await world.ids())[CHECKOUT] == room_id
        assert world.events.count("room.tombstoned") == 0
        await world.pass_(DAY + 3 * HOUR)
        resumed = world.one("room.resumed")
        assert resumed.reason == "its time is over"
        assert resumed.actor.startswith("policy team-rooms@")
        assert world.names == ["Search room"]


async def test_a_suspended_room_is_not_renewed_and_not_made_anew() -> None:
    """It may end: status says so from the day on that it is foreseen."""
    async with running({"team-rooms.yaml": policy(room={"lifetime": "1d"})}) as world:
        now = world.clock.now()
        world.mark()
        done = await world.desk.suspend(CHECKOUT, now + 3 * DAY, ANNA)
        assert "while nothing renews it" in done.lines[0]
        end = (await world.room(CHECKOUT)).expires_at
        status = await world.desk.status()
        assert status.suspended == (
            SuspendedRow(CHECKOUT, now + 3 * DAY, ANNA.actor, ANNA.reason, end),
        )
        assert any(
            CHECKOUT in need and "while it is suspended" in need and "rooms resume" in need
            for need in status.needs_you
        )
        loss = status.loses_first
        assert loss is not None
        assert (loss.key, loss.what, loss.at) == (CHECKOUT, "ends while suspended", end)
        await world.pass_(2 * DAY)
        assert world.names == ["Search room"]
        assert (await world.desk.status()).needs_you == ()
        assert "suspended" in world.holds(CHECKOUT)
        await world.pass_(DAY + HOUR)
        assert world.names == ["Checkout room", "Search room"]


async def test_a_suspension_is_told_by_name_wherever_one_looks() -> None:
    async with running() as world:
        until = world.clock.now() + 2 * DAY
        await world.desk.suspend(CHECKOUT, until, ANNA)
        await world.settle()
        why = await world.desk.why(CHECKOUT)
        assert any(hold.told.startswith("by anna") for hold in why.holds)
        assert why.rooms[0].suspended_until == until
        assert why.next_act is not None
        assert (why.next_act.what, why.next_act.at) == ("resume", until)
        row = next(row for row in (await world.desk.rooms()).rooms if row.key == CHECKOUT)
        assert row.suspended_until == until
        plan = await world.desk.plan(world.folder({"team-rooms.yaml": policy(subjects=["search"])}))
        held = [(line.action, line.held_by, line.hint) for line in plan.held]
        assert held == [
            ("bury", "suspended", f"room-orchestrator rooms resume {CHECKOUT} --reason …")
        ]


async def test_a_command_to_be_pasted_holds_an_odd_key_as_one_word() -> None:
    """Keys come from other people's lists; nothing in one is run by whoever pastes an answer."""
    odd = "team-rooms/a; touch x"
    subject = {"slug": "a; touch x", "name": "A"}
    text = policy(subjects=[subject], room={"lifetime": "10d"})
    async with running({"team-rooms.yaml": text}) as world:
        await world.pass_(HOUR)
        done = await world.desk.protect(odd, ANNA)
        advised = [done.message, (await world.desk.renew(odd, ANNA)).message]
        await world.desk.protect(odd, ANNA, on=False)
        await world.desk.suspend(odd, world.clock.now() + 30 * DAY, ANNA)
        advised.append((await world.desk.why_not(odd)).advice)
        needs = (await world.desk.status()).needs_you
        advised.append(next(told for told in needs if "rooms resume" in told))
        with pytest.raises(DeskError) as refused:
            await world.desk.renew(odd, ANNA)
        advised.append(str(refused.value))
        commands = [told[told.index("room-orchestrator") :] for told in advised]
        assert [shlex.split(one)[1:4] for one in commands] == [
            ["rooms", word, odd] for word in ("protect", "why", "resume", "resume", "resume")
        ]


async def test_a_line_to_be_pasted_holds_odd_subjects_as_they_are() -> None:
    """Of a file: as YAML reads them back."""
    async with running(files({"slug": "a: b", "name": "A"})) as world:
        odd = {"slug": "c, d}", "name": "A"}
        await world.edit(files({"slug": "a: b", "name": "A"}, mode="observe"))
        await world.edit(files(odd, mode="observe"))
        advice = (await world.desk.why_not("team-rooms/a: b")).advice
        line = advice.removeprefix("team-rooms.yaml:  ")
        assert yaml.safe_load(line) == {"moved": [{"from": "a: b", "to": "c, d}"}]}


async def test_resume_ends_it_before_its_time() -> None:
    async with running() as world:
        await world.desk.suspend(CHECKOUT, world.clock.now() + 2 * DAY, ANNA)
        world.fake.change((await world.ids())[CHECKOUT], Patch({"ui_settings.language": "de"}))
        await world.edit(files("checkout", "search", room={"ui_settings": {"language": "fr"}}))
        world.mark()
        await world.desk.resume(CHECKOUT, ANNA)
        await world.settle()
        assert world.events == ["room.resumed", "room.updated"]
        with pytest.raises(DeskError, match="is not suspended"):
            await world.desk.resume(CHECKOUT, ANNA)


@pytest.mark.parametrize(
    ("length", "told"),
    [(timedelta(), "is over"), (-DAY, "is over"), (366 * DAY, "a year at most")],
)
async def test_a_suspension_without_an_end_to_come_is_refused(length: timedelta, told: str) -> None:
    async with running() as world:
        world.mark()
        with pytest.raises(DeskError, match=told):
            await world.desk.suspend(CHECKOUT, world.clock.now() + length, ANNA)
        assert world.events == []


async def test_a_word_that_is_given_while_no_daemon_runs_holds_for_the_next() -> None:
    """Recorded by a command alone; the daemon finds it in the store."""
    world = World(mode=Mode.ENFORCE)
    await world.start()
    await world.stop()
    engine, desk = world.offline()
    await engine.prepare()
    await desk.suspend(CHECKOUT, world.clock.now() + 2 * DAY, ANNA)
    await desk.protect("team-rooms/search", ANNA)
    await world.start()
    try:
        assert "suspended" in world.holds(CHECKOUT)
        assert (await world.state("team-rooms/search")).protect
    finally:
        await world.end()


async def test_who_is_not_known_cannot_be_steered() -> None:
    async with running() as world:
        with pytest.raises(DeskError, match="neither wanted nor remembered"):
            await world.desk.suspend("team-rooms/nobody", world.clock.now() + DAY, ANNA)
