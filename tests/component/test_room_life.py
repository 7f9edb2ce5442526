"""One room's life under its policy: made, renewed, changed, replaced, ended, made again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.records import Role
from orchestrator.domain.rooms import Patch
from tests.component.world import ANNA, HOUR, World, alive, policy, running
from tests.fakes.rooms import Fate

DAY = timedelta(days=1)
LISTING = ["list_rooms", "list_sessions"]


async def test_the_first_listing_comes_before_any_create() -> None:
    """Nothing is made while the API cannot be listed; then everything is."""
    world = World()
    world.fake.down = True
    async with alive(world):
        await world.pass_(timedelta(minutes=5), step=timedelta(seconds=5))
        assert set(world.calls) == {"list_rooms"}
        assert world.names == []
        assert world.holds("team-rooms/checkout") == {"first-listing"}
        # Nothing stands in their way: who waits for rooms to settle waits for these.
        assert {row.state for row in (await world.desk.rooms()).rooms} == {"waiting"}
        world.fake.down = False
        await world.pass_(timedelta(minutes=2), step=timedelta(seconds=5))
        assert world.names == ["Checkout room", "Search room"]


async def test_p08_the_second_pass_only_lists() -> None:
    """After a pass that converged, each further one makes list calls and nothing else."""
    async with running() as world:
        world.mark()
        await world.pass_(3 * HOUR)
        await world.desk.apply(ANNA)
        assert set(world.calls) == set(LISTING)
        assert len(world.calls) >= 6
        assert world.events == []


async def test_a_room_is_renewed_before_its_end_and_keeps_its_id() -> None:
    """A year goes by: one PATCH, the same room, an end a year away."""
    async with running(resync=DAY) as world:
        before = await world.ids()
        world.mark()
        await world.pass_(timedelta(days=300))
        assert world.changes == ["update_room", "update_room"]
        assert await world.ids() == before
        assert world.events == ["room.renewed", "room.renewed"]
        for key in before:
            room = await world.room(key)
            assert room.expires_at is not None
            assert room.expires_at - world.clock.now() > timedelta(days=250)


async def test_a_changed_setting_is_one_patch_of_the_same_room() -> None:
    """A line that is added is sent, once; a line that is taken out goes back to the default."""
    async with running() as world:
        before = await world.ids()
        world.mark()
        await world.edit({"team-rooms.yaml": policy(room={"ui_settings": {"language": "de"}})})
        assert world.changes == ["update_room", "update_room"]
        assert {room.settings["ui_settings.language"] for room in world.alive} == {"de"}
        await world.edit({"team-rooms.yaml": policy()})
        assert {room.settings["ui_settings.language"] for room in world.alive} == {"default"}
        assert world.changes == ["update_room"] * 4
        assert await world.ids() == before


async def test_a_changed_lifetime_is_one_patch_of_the_same_room() -> None:
    """Shorter leaves at least the grace; longer is asked for at once."""
    async with running() as world:
        before = await world.ids()
        world.mark()
        await world.edit({"team-rooms.yaml": policy(room={"lifetime": "30d"})})
        assert world.changes == ["update_room", "update_room"]
        left = [room.expires_at - world.clock.now() for room in world.alive if room.expires_at]
        assert all(timedelta(days=29) < one <= timedelta(days=30) for one in left)
        await world.edit({"team-rooms.yaml": policy(room={"lifetime": "60d"})})
        assert world.changes == ["update_room"] * 4
        await world.pass_(3 * HOUR)
        assert world.changes == ["update_room"] * 4
        assert await world.ids() == before


async def test_a_new_name_replaces_the_room_and_the_old_one_stays_for_its_overlap() -> None:
    """New room, link moves, the old one is joinable for a day and then ended."""
    async with running() as world:
        before = await world.ids()
        teams = [{"slug": "checkout", "name": "Till"}, "search"]
        world.mark()
        await world.edit({"team-rooms.yaml": policy(subjects=teams, replace="now")})
        assert world.changes == ["create_room"]
        after = await world.ids()
        assert after["team-rooms/search"] == before["team-rooms/search"]
        assert after["team-rooms/checkout"] != before["team-rooms/checkout"]
        assert world.names == ["Checkout room", "Search room", "Till room"]
        assert [room.room_id for room in world.destination.shown] == [
            after["team-rooms/checkout"],
            after["team-rooms/search"],
        ]
        await world.pass_(timedelta(hours=23))
        assert "Checkout room" in world.names
        await world.pass_(timedelta(hours=2))
        assert world.names == ["Search room", "Till room"]
        assert world.changes == ["create_room", "delete_room"]
        assert world.events == [
            "policy.loaded",
            "room.replaced",
            "room.superseded",
            "room.deleted",
        ]


async def test_when_unused_waits_until_nobody_was_inside_for_a_week() -> None:
    """The default keeps a room that is used, and says so."""
    async with running() as world:
        checkout = (await world.ids())["team-rooms/checkout"]
        world.fake.join(checkout)
        teams = [{"slug": "checkout", "name": "Till"}, "search"]
        await world.edit({"team-rooms.yaml": policy(subjects=teams)})
        assert world.holds("team-rooms/checkout") == {"occupied"}
        world.fake.leave(checkout)
        await world.pass_(timedelta(days=6))
        assert world.holds("team-rooms/checkout") == {"in-use"}
        assert (await world.ids())["team-rooms/checkout"] == checkout
        await world.pass_(timedelta(days=2))
        assert (await world.ids())["team-rooms/checkout"] != checkout


@pytest.mark.parametrize(
    ("removal", "calls", "left"),
    [
        ({"mode": "delete", "grace": "1d"}, ["delete_room"], ["Search room"]),
        ({"mode": "expire", "grace": "1d"}, [], ["Checkout room", "Search room"]),
        ({"mode": "keep"}, [], ["Checkout room", "Search room"]),
    ],
    ids=["delete", "expire", "keep"],
)
async def test_a_subject_that_goes_follows_the_removal(
    removal: dict[str, str], calls: list[str], left: list[str]
) -> None:
    """The grace first, then what the policy said when the room was under it."""
    text = policy(removal=removal)
    async with running({"team-rooms.yaml": text}) as world:
        world.mark()
        await world.edit({"team-rooms.yaml": policy(subjects=["search"], removal=removal)})
        await world.pass_(timedelta(hours=23))
        assert world.changes == []
        await world.pass_(timedelta(hours=2))
        assert world.changes == calls
        assert world.names == left


async def test_an_expiring_room_is_renewed_no_more_and_then_forgotten() -> None:
    """`expire` lets the room live out its life; the destination shows it as ending until then."""
    room = {"lifetime": "10d"}
    async with running(
        {"team-rooms.yaml": policy(subjects=["checkout"], room=room, removal={"grace": "1d"})}
    ) as world:
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(timedelta(days=2))
        (ending,) = (await world.state("team-rooms/checkout")).rooms
        assert ending.role is Role.ENDING
        await world.pass_(timedelta(days=12))
        assert world.names == []
        assert await world.store.states() == []
        assert "update_room" not in world.changes


async def test_a_kept_room_is_renewed_without_its_policy_until_it_is_forgotten() -> None:
    """`keep` goes on; `forget` lets go, and the room is not touched again."""
    text = policy(subjects=["checkout"], removal={"mode": "keep"}, room={"lifetime": "30d"})
    async with running({"team-rooms.yaml": text}, resync=DAY) as world:
        room = await world.room("team-rooms/checkout")
        await world.edit({"team-rooms.yaml": None})
        world.mark()
        await world.pass_(timedelta(days=40))
        assert set(world.changes) == {"update_room"}
        await world.desk.forget("team-rooms/checkout", ANNA)
        await world.settle()
        assert world.events[-1] == "room.forgotten"
        world.mark()
        await world.pass_(timedelta(days=40))
        assert world.changes == []
        assert await world.store.states() == []
        assert not any(shown.room_id == room.id for shown in world.destination.shown)


async def test_taking_the_removal_back_within_the_grace_restores_the_room() -> None:
    """Not a call, the same room, and told as restored."""
    text = policy(removal={"mode": "delete", "grace": "1d"})
    async with running({"team-rooms.yaml": text}) as world:
        before = await world.ids()
        world.mark()
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(timedelta(hours=12))
        await world.edit({"team-rooms.yaml": text})
        assert world.changes == []
        assert await world.ids() == before
        assert world.events.count("room.tombstoned") == 2
        assert world.events.count("room.restored") == 2
        await world.pass_(timedelta(days=3))
        assert await world.ids() == before


async def test_a_room_that_was_let_go_is_taken_back_with_its_link() -> None:
    """After its grace too: while it lives nobody gets another link."""
    text = policy(subjects=["checkout"], removal={"grace": "1d"})
    async with running({"team-rooms.yaml": text}) as world:
        before = await world.ids()
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(timedelta(days=2))
        assert await world.ids() == {}
        world.mark()
        await world.edit({"team-rooms.yaml": text})
        assert world.changes == []
        assert await world.ids() == before


async def test_where_the_api_has_no_delete_the_room_is_retired() -> None:
    """Two DELETEs to find out, remembered for the API; then eleven minutes' notice by PATCH."""
    text = policy(removal={"mode": "delete", "grace": "1d"})
    async with running({"team-rooms.yaml": text}) as world:
        world.fake.deletes = False
        world.mark()
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(timedelta(hours=25))
        assert world.changes.count("update_room") == 2
        assert 2 <= world.changes.count("delete_room") <= 4
        await world.pass_(timedelta(hours=1))
        assert world.names == []
        assert await world.store.states() == []


async def test_an_api_that_had_no_delete_is_asked_again_after_a_week() -> None:
    """It may only have said so twice; within the week it is believed."""
    removal = {"mode": "delete", "grace": "1d"}

    def text(*subjects: str) -> bytes:
        return policy(subjects=subjects, removal=removal)

    async with running({"team-rooms.yaml": text("checkout", "search", "data")}) as world:
        world.fake.deletes = False
        await world.edit({"team-rooms.yaml": text("search", "data")})
        await world.pass_(timedelta(hours=25))
        world.fake.deletes = True
        world.mark()
        await world.edit({"team-rooms.yaml": text("data")})
        await world.pass_(timedelta(hours=25))
        assert world.changes == ["update_room"]
        await world.pass_(timedelta(days=5))
        world.mark()
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(timedelta(hours=25))
        assert world.changes == ["delete_room"]


async def test_one_404_to_a_delete_does_not_mean_that_the_api_has_none() -> None:
    """A slip of the API, now and then: rooms go on being deleted, not retired for ever after."""
    removal = {"mode": "delete", "grace": "1d"}
    text = policy(removal=removal)
    async with running({"team-rooms.yaml": text}) as world:
        for left in (policy(subjects=["search"], removal=removal), None):
            world.mark()
            world.fake.script("delete_room", Fate.MISSING)
            await world.edit({"team-rooms.yaml": left})
            await world.pass_(timedelta(hours=25))
            assert world.changes == ["delete_room", "delete_room"]
        assert world.names == []


async def test_p05_an_occupied_room_is_not_deleted_until_it_is_empty() -> None:
    """Somebody inside begins the grace anew."""
    text = policy(subjects=["checkout"], removal={"mode": "delete", "grace": "1d"})
    async with running({"team-rooms.yaml": text}) as world:
        room = await world.room("team-rooms/checkout")
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(timedelta(hours=23))
        world.fake.join(room.id)
        world.mark()
        await world.pass_(timedelta(hours=10))
        assert world.changes == []
        world.fake.leave(room.id)
        await world.pass_(timedelta(hours=23))
        assert world.changes == []
        await world.pass_(timedelta(hours=3))
        assert world.changes == ["delete_room"]


async def test_where_use_is_never_seen_a_room_is_retired_and_never_deleted() -> None:
    """Without sessions nobody knows who is inside: notice is given instead."""
    text = policy(subjects=["checkout"], removal={"mode": "delete", "grace": "1d"})
    world = World({"team-rooms.yaml": text})
    world.fake.tells_sessions = False
    async with alive(world):
        await world.edit({"team-rooms.yaml": None})
        world.mark()
        await world.pass_(timedelta(hours=25))
        assert world.changes == ["update_room"]


async def test_p04_a_room_that_is_gone_is_made_anew_after_a_second_look() -> None:
    """Once is not enough; twice, a minute apart, is."""
    async with running() as world:
        room = await world.room("team-rooms/checkout")
        world.fake.vanish(room.id)
        world.mark()
        while (await world.room("team-rooms/checkout")).missing_since is None:
            await world.pass_(timedelta(seconds=30))
        assert world.changes == []
        await world.pass_(timedelta(seconds=50))
        assert world.changes == []
        await world.pass_(timedelta(seconds=20))
        assert world.changes == ["create_room"]
        assert world.events == ["room.lost", "room.created"]
        assert (await world.room("team-rooms/checkout")).generation == 2


async def test_p04_a_doubtful_listing_makes_nothing_anew() -> None:
    """A listing that contradicts itself proves nothing."""
    async with running() as world:
        room = await world.room("team-rooms/checkout")
        world.fake.vanish(room.id)
        world.fake.doubtful = "it counts 7 and shows 1"
        world.mark()
        await world.pass_(5 * HOUR)
        assert world.changes == []
        assert (await world.room("team-rooms/checkout")).id == room.id
        world.fake.doubtful = ""
        await world.pass_(3 * HOUR)
        assert world.changes == ["create_room"]


async def test_a_room_that_was_missed_once_and_is_there_is_kept() -> None:
    """A stale listing alone leads to nothing: the room is read by its id."""
    async with running() as world:
        room = await world.room("team-rooms/checkout")
        world.fake.hidden.add(room.id)
        world.mark()
        await world.pass_(5 * HOUR)
        assert world.changes == []
        assert world.events == []
        assert await world.room("team-rooms/checkout") == room


async def test_what_the_api_does_not_take_is_not_sent_twice() -> None:
    """A 2xx that passed over a setting is remembered, until the policy changes."""
    async with running() as world:
        world.fake.ignores = {"ui_settings.language"}
        world.mark()
        await world.edit({"team-rooms.yaml": policy(room={"ui_settings": {"language": "de"}})})
        assert world.changes == ["update_room"] * 2
        await world.pass_(5 * HOUR)
        assert world.changes == ["update_room"] * 2
        assert world.holds("team-rooms/checkout") == {"not-taken"}
        await world.restart()
        await world.pass_(5 * HOUR)
        assert world.changes == ["update_room"] * 2
        await world.edit({"team-rooms.yaml": policy(room={"ui_settings": {"language": "fr"}})})
        assert world.changes == ["update_room"] * 4


async def test_a_guest_link_that_the_api_changed_is_delivered() -> None:
    """The change is a fact and reaches the destination; no call answers it."""
    async with running() as world:
        room = await world.room("team-rooms/checkout")
        world.fake.relink(room.id, "https://meetings.test/j/other")
        world.mark()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert world.events == ["room.link.changed"]
        assert "https://meetings.test/j/other" in {
            shown.guest_url for shown in world.destination.shown
        }


async def test_an_end_that_somebody_moved_away_is_taken_note_of() -> None:
    """A person's PATCH at the API is no reason for one of ours, until renewal falls due."""
    async with running() as world:
        room = await world.room("team-rooms/checkout")
        sooner = world.clock.now() + timedelta(days=200)
        world.fake.change(room.id, Patch(expires_at=sooner))
        world.mark()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert (await world.room("team-rooms/checkout")).expires_at == sooner


async def test_a_protected_room_is_neither_removed_nor_replaced() -> None:
    """`protect: true` outlives its line and its file; `false` lifts it."""
    async with running(
        {"team-rooms.yaml": policy(protect=True, removal={"mode": "delete", "grace": "1d"})}
    ) as world:
        before = await world.ids()
        teams = [{"slug": "checkout", "name": "Till"}, "search"]
        await world.edit({"team-rooms.yaml": policy(subjects=teams, replace="now")})
        assert world.holds("team-rooms/checkout") == {"protected"}
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(3 * DAY)
        assert await world.ids() == before
        await world.edit({"team-rooms.yaml": policy(subjects=teams, replace="now", protect=False)})
        assert (await world.ids())["team-rooms/checkout"] != before["team-rooms/checkout"]
