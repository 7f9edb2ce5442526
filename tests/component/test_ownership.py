"""Not ours, not touched (P3): look-alikes, adoption, disowning, moving by hand, other owners."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.policies.adopted import AdoptedFile
from orchestrator.domain.keys import key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import Role
from orchestrator.domain.reports import LinkFate
from orchestrator.domain.rooms import NewRoom, Observed, RoomType
from orchestrator.ports.desk import DeskError
from tests.component.test_schedules import STARTS, schedule, until
from tests.component.world import ANNA, HOUR, OWNER, World, alive, policy, running
from tests.fakes.rooms import Fate

DAY = timedelta(days=1)
GONE = {"mode": "delete", "grace": "60s"}
ONE = {"team-rooms.yaml": policy(subjects=["checkout"], removal=GONE)}
CHECKOUT = "team-rooms/checkout"


def by_hand(world: World, name: str = "checkout  ROOM", **changes: Any) -> Observed:
    """A room that a person made, called like ours but for case and spaces."""
    fields: dict[str, Any] = {
        "display_name": name,
        "type": RoomType.LONG_TERM,
        "metadata": None,
        "settings": {},
        "expires_at": world.clock.now() + timedelta(days=300),
        **changes,
    }
    return world.fake.plant(NewRoom(**fields))


def marked(
    owner: str = OWNER, operation: str = "otherone-0123456789abcdef", name: str = "checkout"
) -> str:
    return write_metadata("", new_marker(owner, key("team-rooms", name), 1, operation))


async def test_a_look_alike_holds_the_create_and_is_not_touched() -> None:
    """A person decides; until then nothing is made and the question is told once."""
    async with alive(World({})) as world:
        by_hand(world)
        await world.pass_(2 * HOUR)
        world.mark()
        await world.edit(ONE)
        await world.pass_(2 * DAY)
        assert world.changes == []
        assert world.holds(CHECKOUT) == {"look-alike"}
        assert world.one("act.withheld").detail["by"] == "look-alike"
        (held,) = (await world.desk.plan()).held
        assert "rooms adopt" in held.hint


async def test_adopting_a_look_alike_costs_no_call_and_keeps_its_link() -> None:
    """It is the key's room from now on, as it is: renewed when due, and not renamed."""
    async with alive(World({})) as world:
        room = by_hand(world)
        await world.pass_(2 * HOUR)
        await world.edit(ONE)
        world.mark()
        await world.desk.adopt(room.id, CHECKOUT, ANNA)
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert (await world.room(CHECKOUT)).adopted
        assert world.destination.shown[0].guest_url == room.guest_url
        told = world.one("room.adopted")
        assert (told.actor, told.reason) == (ANNA.actor, ANNA.reason)
        await world.pass_(300 * DAY, step=DAY)
        assert set(world.changes) == {"update_room"}
        assert world.names == ["checkout  ROOM"]


async def test_distinct_gives_the_key_a_room_of_its_own() -> None:
    """The other room is not touched, also when the key's own room goes."""
    async with alive(World({})) as world:
        room = by_hand(world)
        await world.pass_(2 * HOUR)
        await world.edit(ONE)
        await world.desk.distinct(room.id, CHECKOUT, ANNA)
        await world.settle()
        assert world.names == ["Checkout room", "checkout  ROOM"]
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(2 * DAY)
        assert world.names == ["checkout  ROOM"]


Prepare = Callable[[World], Coroutine[Any, Any, tuple[str, str]]]


async def unknown_room(world: World) -> tuple[str, str]:
    return "00000000-0000-4000-8000-00000000dead", CHECKOUT


async def unknown_key(world: World) -> tuple[str, str]:
    return by_hand(world, name="X").id, "team-rooms/nobody"


async def key_with_a_room(world: World) -> tuple[str, str]:
    return by_hand(world, name="X").id, "team-rooms/search"


async def room_of_another_key(world: World) -> tuple[str, str]:
    return (await world.room("team-rooms/search")).id, CHECKOUT


async def of_another_owner(world: World) -> tuple[str, str]:
    return by_hand(world, name="X", metadata=marked("globex")).id, CHECKOUT


async def ended(world: World) -> tuple[str, str]:
    room = by_hand(world, name="X", expires_at=world.clock.now() + timedelta(minutes=20))
    await world.pass_(HOUR)
    return room.id, CHECKOUT


async def no_key(world: World) -> tuple[str, str]:
    return by_hand(world, name="X").id, "no key"


@pytest.mark.parametrize(
    "prepare",
    [
        unknown_room,
        unknown_key,
        key_with_a_room,
        room_of_another_key,
        of_another_owner,
        ended,
        no_key,
    ],
    ids=lambda prepare: prepare.__name__,
)
async def test_adopt_refuses(prepare: Prepare) -> None:
    """What would give a room two keys or a key two rooms, or take what is another's."""
    async with alive(World({})) as world:
        by_hand(world)
        await world.pass_(2 * HOUR)
        await world.edit({"team-rooms.yaml": policy(subjects=["checkout", "search"])})
        room_id, name = await prepare(world)
        before = await world.store.states()
        with pytest.raises(DeskError):
            await world.desk.adopt(room_id, name, ANNA)
        assert await world.store.states() == before


async def test_forget_refuses_what_a_policy_would_make_anew_at_once() -> None:
    """The room would have a twin the next second."""
    async with running(ONE) as world:
        with pytest.raises(DeskError, match="take it out"):
            await world.desk.forget(CHECKOUT, ANNA)


async def test_p03_a_forgotten_room_is_foreign_although_it_is_marked() -> None:
    """It is neither ended nor taken back when its key is wanted again, also after a restart."""
    async with running(ONE) as world:
        room = await world.room(CHECKOUT)
        await world.edit({"team-rooms.yaml": None})
        await world.desk.forget(CHECKOUT, ANNA)
        await world.pass_(2 * DAY)
        assert [one.id for one in world.alive] == [room.id]
        await world.restart()
        await world.edit(ONE)
        await world.pass_(2 * DAY)
        assert (await world.room(CHECKOUT)).id != room.id
        assert room.id in {one.id for one in world.alive}


async def test_rekey_moves_a_room_by_hand() -> None:
    """Same room, same link, no call."""
    async with running(ONE) as world:
        room = await world.room(CHECKOUT)
        till = [{"slug": "till", "name": "Checkout"}]
        await world.edit({"team-rooms.yaml": policy(subjects=till, mode="observe")})
        world.mark()
        await world.desk.rekey(CHECKOUT, "team-rooms/till", ANNA)
        await world.edit({"team-rooms.yaml": policy(subjects=till)})
        await world.pass_(2 * DAY)
        assert (await world.room("team-rooms/till")).id == room.id
        assert "create_room" not in world.changes
        assert "delete_room" not in world.changes


async def test_rekey_to_a_key_that_is_not_wanted_yet_keeps_the_terms() -> None:
    """Of a room that is to be kept nothing is decided under its new name either."""
    async with running({"team-rooms.yaml": policy(removal={"mode": "keep"})}) as world:
        room = await world.room(CHECKOUT)
        await world.edit({"team-rooms.yaml": None})
        world.mark()
        await world.desk.rekey(CHECKOUT, "squads/till", ANNA)
        await world.pass_(10 * DAY, step=6 * HOUR)
        assert (await world.room("squads/till")).id == room.id
        assert world.events == ["room.rekeyed"]
        assert world.holds("squads/till") == {"kept"}


async def test_rekey_refuses_two_rooms_for_one_key() -> None:
    """And a source that is still wanted."""
    async with running() as world:
        with pytest.raises(DeskError, match="still wanted"):
            await world.desk.rekey(CHECKOUT, "team-rooms/search", ANNA)
        await world.edit({"team-rooms.yaml": policy(subjects=["search"])})
        with pytest.raises(DeskError, match="room of its own"):
            await world.desk.rekey(CHECKOUT, "team-rooms/search", ANNA)


async def test_p03_rooms_of_others_are_never_touched() -> None:
    """Unmarked, marked by another owner, or with a torn marker: through a whole life of ours."""
    world = World(ONE)
    others = {
        by_hand(world, name="Kitchen").id,
        by_hand(world, name="Hall", metadata=marked("globex")).id,
        by_hand(world, name="Torn", metadata=marked(name="search")[:-9]).id,
        by_hand(world, name="Said", metadata="checkout room of acme").id,
    }
    before = {room.id: room for room in world.alive}
    async with alive(world):
        await world.pass_(2 * DAY)
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(2 * DAY)
        assert {room.id: room for room in world.alive} == before
        assert not others & {asked.room_id for asked in world.fake.changes}


async def test_observe_sends_only_get_and_tells_once() -> None:
    """Days of it: what would be done is in the audit once, and again after a restart not."""
    async with running(mode=Mode.OBSERVE) as world:
        await world.pass_(2 * DAY)
        assert world.names == []
        assert not any(asked.changes for asked in world.fake.asked)
        assert [fact.detail["action"] for fact in world.facts if fact.event == "act.withheld"] == [
            "create",
            "create",
        ]
        world.mark()
        await world.restart()
        await world.pass_(DAY)
        assert "act.withheld" not in world.events
        assert len((await world.desk.plan()).held) == 2


async def test_two_rooms_with_one_operation_leave_one() -> None:
    """A gateway that carried one POST out twice: one stays, the one that was given out."""
    async with running(ONE) as world:
        room = await world.room(CHECKOUT)
        twin = next(one for one in world.alive if one.id == room.id)
        by_hand(world, name="Checkout room", metadata=twin.metadata)
        await world.pass_(2 * DAY)
        assert [one.id for one in world.alive] == [room.id]
        assert (await world.room(CHECKOUT)).role is Role.CURRENT


# --- adopted.yaml ---


async def test_what_was_adopted_and_disowned_stands_in_the_policies_data(tmp_path: Path) -> None:
    """An adopted room, then disowned, then moved ones: the file follows, also after a crash."""
    path = tmp_path / "data" / "adopted.yaml"
    world = World({}, adoptions=AdoptedFile(tmp_path))
    async with alive(world):
        await world.pass_(HOUR)
        assert not path.exists()
        room = by_hand(world)
        await world.pass_(2 * HOUR)
        await world.edit(ONE)
        await world.desk.adopt(room.id, CHECKOUT, ANNA)
        await world.restart()
        line = f'  - {{"room": "{room.id}", "key": "{CHECKOUT}", "name": "checkout  ROOM"}}\n'
        assert path.read_text().endswith(f"adopted:\n{line}disowned: []\n")
        await world.edit(
            {
                "team-rooms.yaml": None,
                "squads.yaml": policy("squads", ["checkout"], formerly=["team-rooms"]),
            }
        )
        await world.pass_(timedelta(seconds=2))
        moved = line.replace("team-rooms", "squads")
        assert path.read_text().endswith(f"adopted:\n{moved}disowned: []\n")
        await world.edit({"squads.yaml": None})
        await world.desk.forget("squads/checkout", ANNA)
        await world.pass_(timedelta(seconds=2))
        assert path.read_text().endswith(f"adopted: []\ndisowned:\n{moved}")


async def test_a_list_that_cannot_be_written_is_behind_and_catches_up(tmp_path: Path) -> None:
    """What a person broke is not written over; status says so; mended, it is caught up with."""
    path = tmp_path / "data" / "adopted.yaml"
    path.parent.mkdir()
    path.write_text("adopted: [{room: 1")
    world = World({}, adoptions=AdoptedFile(tmp_path))
    async with alive(world):
        room = by_hand(world)
        await world.pass_(2 * HOUR)
        await world.edit(ONE)
        await world.desk.adopt(room.id, CHECKOUT, ANNA)
        await world.pass_(timedelta(minutes=5), step=timedelta(seconds=5))
        assert path.read_text() == "adopted: [{room: 1"
        assert "adopted.yaml" in (await world.desk.status()).behind
        path.write_text('adopted: [{"room": "other", "key": "a/b"}]\n')
        await world.pass_(timedelta(minutes=2), step=timedelta(seconds=5))
        assert room.id in path.read_text()
        assert '"other"' in path.read_text()
        assert (await world.desk.status()).behind == {}


# --- a line in adopted.yaml that a person wrote ---


def listed(*pairs: tuple[str, str]) -> bytes:
    """The list with a line for each room and key."""
    lines = [{"room": room_id, "key": key} for room_id, key in pairs]
    return json.dumps({"adopted": lines}).encode()


async def test_a_line_has_its_room_taken_over_without_a_call_that_changes_anything() -> None:
    """Before the policy is there, with it, or after it: the room is its key's, link unchanged."""
    async with alive(World({})) as world:
        room = by_hand(world, "another name")
        await world.pass_(2 * HOUR)
        world.mark()
        await world.edit(adopted_yaml=listed((room.id, CHECKOUT)))
        assert world.events == []
        (line,) = (await world.desk.plan(world.folder(ONE))).lines
        assert (line.action, line.room_id, line.link) == ("adopt", room.id, LinkFate.STAYS)
        await world.edit(ONE)
        assert (await world.room(CHECKOUT)).id == room.id
        told = world.one("room.adopted")
        assert (told.reason, told.detail["marked"]) == ("adopted.yaml names it for this key", False)
        assert (await world.desk.plan()).lines == ()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert world.names == ["another name"]


async def test_p03_in_observe_a_line_takes_a_room_over_by_get_alone() -> None:
    """To know it is no change at the API; renewing it is, and is withheld."""
    async with alive(World({}, mode=Mode.OBSERVE)) as world:
        room = by_hand(world)
        await world.pass_(2 * HOUR)
        await world.edit(ONE, adopted_yaml=listed((room.id, CHECKOUT)))
        await world.pass_(290 * DAY, step=DAY)
        assert (await world.room(CHECKOUT)).id == room.id
        assert world.changes == []
        assert "mode" in world.holds(CHECKOUT)


async def test_a_line_that_comes_later_is_noticed_and_one_for_a_room_of_ours_says_nothing() -> None:
    """A look-alike is held until the line is there; the line then stays, and means no more."""
    async with alive(World({})) as world:
        room = by_hand(world)
        await world.pass_(2 * HOUR)
        await world.edit(ONE)
        assert world.holds(CHECKOUT) == {"look-alike"}
        await world.edit(adopted_yaml=listed((room.id, CHECKOUT)))
        assert (await world.room(CHECKOUT)).id == room.id
        other = by_hand(world, "second")
        await world.pass_(2 * HOUR)
        world.mark()
        await world.edit(adopted_yaml=listed((room.id, CHECKOUT), (other.id, CHECKOUT)))
        await world.pass_(2 * HOUR)
        assert (world.events, world.changes) == ([], [])
        await world.edit({"team-rooms.yaml": None})
        await world.desk.forget(CHECKOUT, ANNA)
        await world.edit(ONE, adopted_yaml=listed((room.id, CHECKOUT)))
        await world.pass_(2 * HOUR)
        assert world.holds(CHECKOUT) == {"look-alike"}  # who let go of it must take it again


async def test_two_lines_for_one_key_are_a_question() -> None:
    """Neither is taken, and no third is made; one line less answers it."""
    async with alive(World({})) as world:
        first, second = by_hand(world, "one"), by_hand(world, "two")
        await world.pass_(2 * HOUR)
        world.mark()
        await world.edit(ONE, adopted_yaml=listed((first.id, CHECKOUT), (second.id, CHECKOUT)))
        await world.pass_(2 * HOUR)
        assert (world.changes, world.holds(CHECKOUT)) == ([], {"conflict"})
        (held,) = (await world.desk.plan()).held
        assert f"{first.id} and {second.id}" in held.held_why
        await world.edit(adopted_yaml=listed((second.id, CHECKOUT)))
        assert (await world.room(CHECKOUT)).id == second.id


async def test_p04_a_room_that_the_api_does_not_show_is_not_made_anew_by_its_line() -> None:
    """Another API, or another account: a person says that it is gone, by taking the line out."""
    async with alive(World({})) as world:
        await world.pass_(2 * HOUR)
        world.mark()
        await world.edit(ONE, adopted_yaml=listed(("elsewhere", CHECKOUT)))
        await world.pass_(2 * DAY)
        assert (world.changes, world.holds(CHECKOUT)) == ([], {"not-shown"})
        (held,) = (await world.desk.plan()).held
        assert "adopted.yaml names room elsewhere" in held.held_why
        await world.edit(adopted_yaml=listed())
        await world.pass_(timedelta(minutes=5))
        assert world.changes == ["create_room"]


async def test_a_line_is_not_believed_of_rooms_that_are_marked_or_have_ended() -> None:
    """Another owner's room stays another's (P3); where a link is dead already a new one is made."""
    async with alive(World({})) as world:
        theirs = by_hand(world, metadata=marked("their-team"))
        over = by_hand(world, "over", expires_at=world.clock.now() + timedelta(minutes=11))
        await world.pass_(2 * HOUR)
        both = policy(subjects=["checkout", "search"])
        lines = listed((theirs.id, CHECKOUT), (over.id, "team-rooms/search"))
        world.mark()
        await world.edit({"team-rooms.yaml": both}, adopted_yaml=lines)
        await world.pass_(timedelta(minutes=5))
        assert "room.adopted" not in world.events
        assert world.holds(CHECKOUT) == {"look-alike"}
        assert (await world.room("team-rooms/search")).id != over.id


async def test_a_list_that_cannot_be_read_stays_as_it_was_and_is_told_of() -> None:
    """Half a list is no list (P9): what was read of it holds, and no policy is in doubt for it."""
    async with alive(World({})) as world:
        room = by_hand(world, "another name")
        await world.pass_(2 * HOUR)
        await world.edit(adopted_yaml=listed((room.id, CHECKOUT)))
        await world.edit(adopted_yaml=b'adopted: [{"room": ')
        (problem,) = (await world.desk.plan()).problems
        assert problem.place.file == "data/adopted.yaml"
        await world.edit(ONE)
        assert (await world.room(CHECKOUT)).id == room.id


async def test_p04_a_list_that_was_never_read_has_no_room_made_beside_one_it_may_name() -> None:
    """A start with a list that was cut off: unknown is not empty. Mended, it names its rooms."""
    world = World(ONE)
    room = by_hand(world, "another name")
    world.sources.data["adopted.yaml"] = b'adopted: [{"room": '
    async with alive(world):
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert world.holds(CHECKOUT) == {"doubt"}
        (held,) = (await world.desk.plan()).held
        assert "adopted.yaml cannot be read" in held.held_why
        both = {"team-rooms.yaml": policy(subjects=["checkout", "search"])}
        await world.edit(both, adopted_yaml=listed((room.id, CHECKOUT)))
        await world.pass_(timedelta(minutes=5))
        assert (await world.room(CHECKOUT)).id == room.id
        assert sorted(world.names) == ["Search room", "another name"]


async def test_a_list_that_can_be_read_at_last_lets_go_of_those_that_it_does_not_name() -> None:
    """Mended or taken away: whoever waited for it is looked at anew."""
    world = World(ONE)
    world.sources.data["adopted.yaml"] = b'adopted: [{"room": '
    async with alive(world):
        await world.pass_(2 * HOUR)
        assert world.holds(CHECKOUT) == {"doubt"}
        await world.edit(adopted_yaml=None)
        assert world.changes == ["create_room"]


async def test_a_list_that_was_never_read_holds_no_room_of_a_schedule() -> None:
    """No list names one before it is made, and people are about to meet. What it names ends not."""
    world = World({"all-hands.yaml": schedule()})
    world.sources.data["adopted.yaml"] = b'adopted: [{"room": '
    async with alive(world):
        await until(world, STARTS)
        assert world.changes == ["create_room"]


async def test_p04_a_start_without_the_folder_makes_no_room_that_a_line_may_name() -> None:
    """The policies are in force by their last good text; the list with its line is not there."""
    world = World(ONE)
    room = by_hand(world, "another name")
    world.sources.data["adopted.yaml"] = listed(("elsewhere", CHECKOUT))
    async with alive(world):
        await world.pass_(2 * HOUR)
        assert world.holds(CHECKOUT) == {"not-shown"}
    world.sources.vanish()
    async with alive(world):
        await world.pass_(2 * HOUR)
        assert world.holds(CHECKOUT) == {"doubt"}
        world.sources.problem = None
        await world.edit(adopted_yaml=listed((room.id, CHECKOUT)))
        assert (await world.room(CHECKOUT)).id == room.id
    assert world.changes == []


async def test_an_unanswered_create_is_no_look_alike_of_itself() -> None:
    """Nor is a room that we made under an operation that is still open."""
    async with alive(World({})) as world:
        await world.pass_(HOUR)
        world.fake.script("create_room", Fate.ACT_THEN_DROP)
        await world.edit(ONE)
        await world.pass_(HOUR)
        assert world.names == ["Checkout room"]
        assert (await world.room(CHECKOUT)).generation == 1
