"""Messages about rooms: one a link, changed while it stands, ended with it, none for old ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.domain.announcements import Stage
from orchestrator.domain.facts import Fact
from orchestrator.domain.policies import Mode
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.ports.deliveries import DeliveryFault, DeliveryRefusedError
from orchestrator.ports.store import StoreFault
from tests.component.world import ANNA, World, alive, policy
from tests.fakes.messengers import FakeMessenger, Partly
from tests.fakes.rooms import Fate

TEAMS = "teams"
A_WHILE = timedelta(seconds=20)
SECOND = timedelta(seconds=1)


def told_world(
    subjects: tuple[str, ...] = ("checkout",), *, edits: bool = True, **options: Any
) -> tuple[World, FakeMessenger]:
    """A world whose policy tells its links to a messenger."""
    world = World({"team-rooms.yaml": told_policy(*subjects)}, **options)
    fake = FakeMessenger(TEAMS, edits=edits)
    world.messengers[TEAMS] = fake
    return world, fake


def told_policy(*subjects: str, **rest: Any) -> bytes:
    return policy(subjects=subjects, **{"deliver": [{"to": TEAMS}], **rest})


def stages(fake: FakeMessenger) -> list[tuple[str, Stage]]:
    return [(post.key, post.stage) for post in fake.posts]


def deliveries(facts: list[Fact], event: str = "delivery.sent") -> list[Fact]:
    return [fact for fact in facts if fact.event == event and "message" in fact.detail]


async def rest(world: World, length: timedelta = A_WHILE) -> None:
    await world.pass_(length, step=SECOND / 2)


async def test_a_room_is_told_once_with_its_link() -> None:
    """And a restart, a listing and a renewal tell nothing further."""
    world, fake = told_world()
    async with alive(world):
        await rest(world)
        room = await world.room("team-rooms/checkout")
        (post,) = fake.posts
        assert (post.key, post.stage, post.link) == (
            "team-rooms/checkout",
            Stage.OPEN,
            room.guest_url,
        )
        assert (post.title, post.room_id, post.revision) == ("Checkout room", room.id, 1)
        (fact,) = deliveries(world.facts)
        assert dict(fact.detail) == {
            "destination": TEAMS,
            "message": post.id,
            "stage": "open",
            "attempt": 1,
            "revision": 1,
        }
        assert (fact.key, fact.room_id) == ("team-rooms/checkout", room.id)
        await world.restart()
        await rest(world)
        await world.desk.renew("team-rooms/checkout", ANNA)
        await rest(world)
        assert len(fake.tries) == 1


async def test_rooms_of_before_are_not_announced() -> None:
    """A destination that is added to a policy hears of what comes after; one fact tells of it."""
    world, fake = told_world(("checkout", "search"))
    world.sources.policies["team-rooms.yaml"] = policy(subjects=("checkout", "search"))
    async with alive(world):
        await rest(world)
        world.mark()
        await world.edit({"team-rooms.yaml": told_policy("checkout", "search", "billing")})
        await rest(world)
        assert stages(fake) == [("team-rooms/billing", Stage.OPEN)]
        fact = world.one("delivery.passed_over")
        assert dict(fact.detail) == {"destination": TEAMS, "policy": "team-rooms", "rooms": 2}
        await world.restart()
        await rest(world)
        assert len(fake.tries) == 1


async def test_a_replaced_room_of_before_is_not_announced_either() -> None:
    """Its link is no news to those who were never told of it."""
    world, fake = told_world()
    world.sources.policies["team-rooms.yaml"] = policy(subjects=("checkout",))
    async with alive(world):
        await rest(world)
        first = await world.room("team-rooms/checkout")
        renamed = {"type": "long_term", "display_name": "{{ team.name }}!", "lifetime": "365d"}
        await world.edit({"team-rooms.yaml": told_policy("checkout", room=renamed, replace="now")})
        await rest(world)
        assert (await world.room("team-rooms/checkout")).id != first.id
        assert fake.tries == []


async def test_a_replaced_room_changes_its_message() -> None:
    """One link, one message."""
    world, fake = told_world()
    async with alive(world):
        await rest(world)
        renamed = {"type": "long_term", "display_name": "{{ team.name }}!", "lifetime": "365d"}
        await world.edit({"team-rooms.yaml": told_policy("checkout", room=renamed, replace="now")})
        await rest(world)
        room = await world.room("team-rooms/checkout")
        (post,) = fake.posts
        assert (post.title, post.link, post.revision) == ("Checkout!", room.guest_url, 2)


async def test_where_messages_cannot_be_changed_only_first_and_end_are_told() -> None:
    """A replaced room is no message there; the end is a further one."""
    world, fake = told_world(edits=False)
    gone = {"removal": {"mode": "delete", "grace": "0s"}}
    async with alive(world):
        await rest(world)
        renamed = {"type": "long_term", "display_name": "{{ team.name }}!", "lifetime": "365d"}
        await world.edit(
            {"team-rooms.yaml": told_policy("checkout", room=renamed, replace="now", **gone)}
        )
        await rest(world)
        assert stages(fake) == [("team-rooms/checkout", Stage.OPEN)]
        other = told_policy("search", room=renamed, replace="now", **gone)
        await world.edit({"team-rooms.yaml": other})
        await world.pass_(timedelta(days=3))
        assert stages(fake) == [
            ("team-rooms/checkout", Stage.OPEN),
            ("team-rooms/search", Stage.OPEN),
            ("team-rooms/checkout", Stage.CLOSED),
        ]


async def test_a_room_that_is_let_go_says_so_and_ends() -> None:
    """Its policy is gone: the message tells until when it stays, and then that it is over."""
    world, fake = told_world()
    world.sources.policies["team-rooms.yaml"] = told_policy(
        "checkout", "search", removal={"mode": "delete", "grace": "1h"}
    )
    async with alive(world):
        await rest(world)
        await world.edit({"team-rooms.yaml": None})
        await rest(world)
        assert [post.note for post in fake.posts] == [
            "This room is to be let go, 05 Jan 2026 10:00 UTC at the earliest."
        ] * 2
        await world.pass_(timedelta(days=1))
        assert stages(fake) == [
            ("team-rooms/checkout", Stage.CLOSED),
            ("team-rooms/search", Stage.CLOSED),
        ]
        assert await world.store.standing_deliveries() == []


async def test_a_link_that_lives_again_is_another_message() -> None:
    """Its first one was ended."""
    world, fake = told_world()
    world.sources.policies["team-rooms.yaml"] = told_policy(
        "checkout", "search", removal={"mode": "delete", "grace": "0s"}
    )
    async with alive(world):
        await rest(world)
        for subjects in (("search",), ("search", "checkout"), ("search",), ("search", "checkout")):
            text = told_policy(*subjects, removal={"mode": "delete", "grace": "0s"})
            await world.edit({"team-rooms.yaml": text})
            await world.pass_(timedelta(days=1))
        of_checkout = [post for post in fake.posts if post.key == "team-rooms/checkout"]
        assert [post.stage for post in of_checkout] == [Stage.CLOSED, Stage.CLOSED, Stage.OPEN]
        first, second, third = (post.id for post in of_checkout)
        assert (second, third) == (f"{first}-2", f"{first}-3")


async def test_a_renamed_key_keeps_its_message() -> None:
    """Nobody is told that the old link ended, nor of a new one."""
    world, fake = told_world()
    async with alive(world):
        await rest(world)
        await world.edit(
            {
                "team-rooms.yaml": told_policy(
                    "checkout-2", moved=[{"from": "checkout", "to": "checkout-2"}]
                )
            }
        )
        await rest(world)
        assert stages(fake) == [("team-rooms/checkout-2", Stage.OPEN)]
        await world.restart()
        await world.edit(
            {
                "team-rooms.yaml": told_policy(
                    "checkout-2", "checkout", moved=[{"from": "checkout", "to": "checkout-2"}]
                )
            }
        )
        await rest(world)
        assert stages(fake)[0] == ("team-rooms/checkout-2", Stage.OPEN)


async def test_a_policy_that_names_a_destination_no_more_ends_in_silence() -> None:
    """The room lives on; named again later, what came in between is not announced."""
    world, fake = told_world()
    async with alive(world):
        await rest(world)
        await world.edit({"team-rooms.yaml": policy(subjects=("checkout", "search"))})
        await rest(world)
        await world.edit({"team-rooms.yaml": told_policy("checkout", "search")})
        await rest(world)
        assert stages(fake) == [("team-rooms/checkout", Stage.OPEN)]
        assert len(fake.tries) == 1


async def test_in_observe_nothing_is_told_and_everything_waits() -> None:
    """The end of a room that was told earlier is told when the mode is another one."""
    world, fake = told_world()
    async with alive(world):
        await rest(world)
        await world.stop()
        world.mode = Mode.OBSERVE
        world.sources.policies["team-rooms.yaml"] = told_policy("checkout", "search")
        await world.start()
        await rest(world)
        assert len(fake.tries) == 1
        await world.stop()
        world.mode = Mode.ENFORCE
        await world.start()
        await rest(world)
        assert stages(fake) == [
            ("team-rooms/checkout", Stage.OPEN),
            ("team-rooms/search", Stage.OPEN),
        ]


async def test_a_policy_in_observe_tells_nothing() -> None:
    """What was told stands as it is."""
    world, fake = told_world()
    async with alive(world):
        await rest(world)
        observed = told_policy("checkout", "search", mode="observe")
        await world.edit({"team-rooms.yaml": observed})
        await rest(world)
        assert len(fake.tries) == 1
        await world.edit({"team-rooms.yaml": told_policy("checkout", "search")})
        await rest(world)
        assert [key for key, _ in stages(fake)] == ["team-rooms/checkout", "team-rooms/search"]


async def test_what_is_given_up_needs_a_person_and_a_reload_tries_it_again() -> None:
    """Status says of which key, why, and what to do."""
    world, fake = told_world(("checkout", "search"))
    fake.coming.append(DeliveryRefusedError("channel_not_found: invite the app to #rooms"))
    async with alive(world):
        await rest(world)
        assert len(fake.posts) == 1
        status = await world.desk.status()
        (row,) = status.deliveries
        assert (row.destination, row.behind, len(row.given_up)) == (TEAMS, 0, 1)
        (told,) = [one for one in status.needs_you if TEAMS in one]
        assert told == (
            f"teams was not told of {row.given_up[0]}: channel_not_found: invite the app to "
            "#rooms. Tried again by:  room-orchestrator reload"
        )
        assert "delivery teams" in world.engine.parts.alerts.standing
        await world.engine.reload.load("reload")
        await rest(world)
        assert len(fake.posts) == 2
        assert (await world.desk.status()).deliveries == ()


async def test_a_restart_tries_again_what_was_given_up() -> None:
    """The operator may have mended the other side."""
    world, fake = told_world()
    fake.coming.append(DeliveryRefusedError("no_text"))
    async with alive(world):
        await rest(world)
        assert fake.posts == []
        await world.restart()
        await rest(world)
        assert stages(fake) == [("team-rooms/checkout", Stage.OPEN)]


async def test_status_tells_what_is_behind_since_when_and_why() -> None:
    """And nothing any more when all was told."""
    world, fake = told_world(("checkout", "search"))
    fake.fault = DeliveryFault("503 from hooks.example.com")
    async with alive(world):
        await rest(world)
        (row,) = (await world.desk.status()).deliveries
        assert (row.destination, row.behind, row.why) == (TEAMS, 2, "503 from hooks.example.com")
        assert row.since is not None
        fake.fault = None
        await rest(world, timedelta(minutes=10))
        assert (await world.desk.status()).deliveries == ()
        assert len(fake.posts) == 2
        assert len(deliveries(world.facts, "delivery.failed")) == 2


async def test_an_occurrence_is_told_when_it_opens_and_when_it_is_over() -> None:
    """Each one is a message of its own, with its times."""
    world = World({"all-hands.yaml": scheduled()})
    fake = world.messengers[TEAMS] = FakeMessenger(TEAMS)
    async with alive(world):
        await world.pass_(timedelta(days=7))
        assert [post.stage for post in fake.posts] == [Stage.CLOSED] * 5
        assert len({post.id for post in fake.posts}) == 5
        first = fake.tries[0].told
        assert first.stage is Stage.OPEN
        assert (first.starts_at, first.ends_at) == (at(15), at(16))


async def test_an_occurrence_whose_room_does_not_come_is_told_by_our_own_link() -> None:
    """After a while, and changed when the room is there."""
    world = World({"all-hands.yaml": scheduled()})
    fake = world.messengers[TEAMS] = FakeMessenger(TEAMS)
    async with alive(world):
        link = "https://rooms.test/r/all-hands"
        world.engine.parts.messages.link_of = lambda _: link
        world.fake.script("create_room", *[Fate.BUSY] * 400)
        await world.pass_(timedelta(hours=5, minutes=46), step=SECOND * 20)
        assert [(post.stage, post.link) for post in fake.posts] == [(Stage.WAITING, link)]
        world.fake.forget_scripts()
        await world.pass_(timedelta(minutes=30), step=SECOND * 20)
        assert [(post.stage, post.link) for post in fake.posts] == [(Stage.OPEN, link)]


async def test_rooms_of_a_renamed_policy_are_not_announced_for_its_new_name() -> None:
    """Neither where they were told already, nor where nobody was told of them."""
    world, fake = told_world()
    other = world.messengers["others"] = FakeMessenger("others")
    async with alive(world):
        await rest(world)
        renamed = told_policy(
            "checkout",
            name="teams",
            formerly=["team-rooms"],
            deliver=[{"to": TEAMS}, {"to": "others"}],
        )
        await world.edit({"team-rooms.yaml": renamed})
        await rest(world)
        assert stages(fake) == [("teams/checkout", Stage.OPEN)]
        assert other.tries == []
        assert world.one("delivery.passed_over").detail["destination"] == "others"


async def test_a_room_that_is_adopted_and_was_there_before_is_not_announced() -> None:
    """People have its link already."""
    world, fake = told_world(())
    async with alive(world):
        await rest(world)
        named = {"display_name": "Checkout room", "type": RoomType.LONG_TERM, "metadata": ""}
        expires = world.clock.now() + timedelta(days=90)
        room = world.fake.plant(
            NewRoom(**named, expires_at=expires, settings={}),  # type: ignore[arg-type]
            created_at=world.clock.now() - timedelta(days=3),
        )
        await world.pass_(timedelta(hours=2))
        await world.edit({"team-rooms.yaml": told_policy("checkout")})
        await rest(world)
        await world.desk.adopt(room.id, "team-rooms/checkout", ANNA)
        await rest(world)
        assert (await world.room("team-rooms/checkout")).id == room.id
        assert fake.tries == []
        await world.restart()
        await rest(world)
        assert fake.tries == []


async def test_a_room_that_is_renewed_no_more_says_so() -> None:
    """With its end, while people can join it."""
    world, fake = told_world()
    world.sources.policies["team-rooms.yaml"] = told_policy(
        "checkout", "search", removal={"grace": "1h"}
    )
    async with alive(world):
        await rest(world)
        await world.edit({"team-rooms.yaml": None})
        await world.pass_(timedelta(hours=3))
        ends = (await world.state("team-rooms/checkout")).rooms[0].expires_at
        assert fake.posts[0].stage is Stage.OPEN
        assert fake.posts[0].note == (
            f"This room is not renewed any more. It ends {ends:%d %b %Y %H:%M} UTC."
        )


async def test_a_subject_that_is_long_is_told_and_ended_like_any_other() -> None:
    """Its key is cut in facts, so it is found by its policy."""
    long = "ü" * 90
    world, fake = told_world((long,))
    gone = {"removal": {"mode": "delete", "grace": "0s"}}
    world.sources.policies["team-rooms.yaml"] = told_policy(long, **gone)
    async with alive(world):
        await rest(world)
        for subjects in (("search",), ("search", long), ("search",)):
            await world.edit({"team-rooms.yaml": told_policy(*subjects, **gone)})
            await world.pass_(timedelta(days=1))
        of_it = [post for post in fake.posts if post.title == f"{long.title()} room"]
        assert [post.stage for post in of_it] == [Stage.CLOSED, Stage.CLOSED]
        assert fake.tries[0].told.key == f"team-rooms/{long}"


async def test_hosts_are_told_their_link_and_the_audit_says_by_which_policy() -> None:
    """So a room may ask its host to let guests in."""
    host = [{"to": TEAMS, "link": "host"}]
    room = {"join_approval_level": "explicit_approval"}
    world, fake = told_world()
    world.sources.policies["team-rooms.yaml"] = told_policy("checkout", room=room, deliver=host)
    async with alive(world):
        await rest(world)
        (post,) = fake.posts
        kept = await world.room("team-rooms/checkout")
        fact = world.one("room.link.revealed")
        version = world.engine.reconciler.book.policies["team-rooms"].version
        assert (fact.actor, fact.room_id) == (f"policy team-rooms@{version[:8]}", kept.id)
        assert post.host_link is not None
        assert post.host_link.reveal() not in repr(world.store.commits)


async def test_a_store_that_cannot_be_read_holds_messages_up_and_loses_none() -> None:
    """What changed meanwhile is told afterwards."""
    world, fake = told_world()
    async with alive(world):
        await rest(world)
        world.store.fault = StoreFault("no space left on device")
        world.sources.policies["team-rooms.yaml"] = told_policy("checkout", "search")
        world.sources.announce()
        world.engine.parts.messages.nudge()
        await rest(world)
        world.store.fault = None
        await world.pass_(timedelta(minutes=2), step=SECOND)
        assert [key for key, _ in stages(fake)] == ["team-rooms/checkout", "team-rooms/search"]


def at(hour: int) -> datetime:
    return datetime(2026, 1, 5, hour, tzinfo=UTC)


def scheduled(**rest: Any) -> bytes:
    return json.dumps(
        {
            "version": 1,
            "name": "all-hands",
            "on_schedule": {"cron": "0 15 * * MON-FRI", "timezone": "UTC", "duration": "60m"},
            "room": {"type": "long_term", "display_name": "All hands"},
            "deliver": [{"to": TEAMS}],
            **rest,
        }
    ).encode()


async def test_what_some_did_not_take_is_told_and_not_sent_again() -> None:
    """The audit says who."""
    world, fake = told_world(edits=False)
    fake.coming.append(Partly())
    async with alive(world):
        await rest(world)
        assert [stage for _, stage in stages(fake)] == [Stage.OPEN]
        (fact,) = deliveries(world.facts)
        assert "bert@example.com" in fact.reason
        await world.restart()
        await rest(world)
        assert len(fake.tries) == 1
