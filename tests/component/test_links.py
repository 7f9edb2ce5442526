"""Our own links: what stands behind one while rooms come, go, are renamed and are missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain import leading
from orchestrator.domain.announcements import Stage
from orchestrator.domain.brakes import Limits
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import Key, parse_key
from orchestrator.domain.links import LinkScheme, LinkView
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import OurLink
from orchestrator.domain.rooms import NewRoom, Occupancy, RoomType
from orchestrator.engine.desk import EngineDesk
from orchestrator.engine.names import Names
from orchestrator.engine.overview import Whence
from orchestrator.foundation.secret import Secret
from orchestrator.ports.deliveries import DeliveryFault
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit, StoreFault
from tests.component.test_schedules import ENDS, FILE, OPENS, STARTS, STAYS, schedule, until
from tests.component.world import ANNA, HOUR, World, policy, running
from tests.fakes.deliveries import FakeLinkBoard
from tests.fakes.rooms import Fate

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SCHEME = LinkScheme("https://rooms.test", Secret("k" * 32))
CHECKOUT = "team-rooms/checkout"


async def look(world: World, link: str) -> LinkView | None:
    """What stands behind a key's link, or behind a series'."""
    target, _, subject = link.partition("/")
    if not subject:
        return await world.engine.links.look(target, "")
    return await world.engine.links.look(*parse_key(link).encoded.split("/"))


async def seen(world: World, link: str) -> LinkView:
    """The same, where something does."""
    view = await look(world, link)
    assert view is not None
    return view


async def room_link(world: World, key: str) -> str:
    """The guest link of a key's current room."""
    return (await world.room(key)).guest_url


# --- rooms of subjects ---


async def test_a_link_leads_to_the_current_room() -> None:
    """And to nothing where no policy asks for one."""
    async with running() as world:
        view = await seen(world, CHECKOUT)
        assert view == LinkView(
            Stage.OPEN,
            "Checkout room",
            room_link=await room_link(world, CHECKOUT),
            inside=Occupancy.EMPTY,
        )
        assert await look(world, "team-rooms/nobody") is None
        assert await look(world, "others/checkout") is None
        assert await look(world, "team-rooms") is None
        assert await world.engine.links.look("team-rooms", "%ZZ") is None


async def test_a_link_waits_for_its_room() -> None:
    """While the API is away, in words for guests; then it leads on."""
    world = World()
    world.fake.script("list_rooms", *[Fate.UNSENT] * 3)
    await world.start()
    assert await seen(world, CHECKOUT) == LinkView(Stage.WAITING, "Checkout room")
    await world.pass_(2 * HOUR)
    assert (await seen(world, CHECKOUT)).stage is Stage.OPEN
    await world.end()


async def test_a_link_says_why_there_is_no_room() -> None:
    """Which file, key or room stands in the way is nobody's business here."""
    async with running(mode=Mode.OBSERVE) as world:
        view = await seen(world, CHECKOUT)
        assert (view.stage, view.note) == (Stage.WAITING, leading.OBSERVED)


async def test_a_link_says_that_a_person_has_to_decide() -> None:
    """A room that is not ours bears the same name."""
    world = World()
    world.fake.plant(_named("Checkout room"))
    await world.start()
    view = await seen(world, CHECKOUT)
    assert (view.stage, view.note, view.room_link) == (Stage.WAITING, leading.ASKED, "")
    await world.end()


def _named(name: str) -> NewRoom:
    return NewRoom(name, RoomType.LONG_TERM, "", {}, datetime(2026, 6, 1, tzinfo=UTC))


async def test_a_paused_room_without_a_room_says_so() -> None:
    """A person's word holds it."""
    world = World()
    world.fake.plant(_named("Checkout room"))
    await world.start()
    await world.desk.suspend(CHECKOUT, world.clock.now() + DAY, ANNA)
    await world.settle()
    view = await seen(world, CHECKOUT)
    assert (view.stage, view.note) == (Stage.WAITING, leading.PAUSED)
    await world.end()


async def test_a_lost_room_that_a_brake_holds_says_so() -> None:
    """Its link does not lead to a room that nobody can enter."""
    async with running(limits=Limits(max_removals=0, max_removal_percent=0)) as world:
        world.fake.vanish((await world.room(CHECKOUT)).id)
        await world.pass_(2 * HOUR)
        view = await seen(world, CHECKOUT)
        assert (view.stage, view.note, view.room_link) == (Stage.WAITING, leading.ASKED, "")


async def test_a_link_lives_as_long_as_its_room() -> None:
    """Policy or subject are gone: until its end people meet there; then the link says so."""
    removal = {"mode": "expire", "grace": "60s"}
    async with running({"t.yaml": policy(removal=removal, room={"lifetime": "3d"})}) as world:
        link = await room_link(world, CHECKOUT)
        await world.edit({"t.yaml": None})
        await world.pass_(HOUR)
        assert (await seen(world, CHECKOUT)).room_link == link
        await world.pass_(4 * DAY)
        assert world.alive == []
        assert await look(world, CHECKOUT) is None


# --- renames ---


SAME = {"display_name": "Room"}  # a room that keeps its name is not replaced


async def test_links_of_former_keys_answer_for_ever() -> None:
    """Renamed by `moved`, and by a policy's new name: one chain, and the last lives."""
    async with running({"team-rooms.yaml": policy(subjects=("checkout",), room=SAME)}) as world:
        link = await room_link(world, CHECKOUT)
        moved = [{"from": "checkout", "to": "till"}]
        await world.edit({"team-rooms.yaml": policy(subjects=("till",), room=SAME, moved=moved)})
        assert (await seen(world, CHECKOUT)).room_link == link
        renamed = policy("squads", subjects=("till",), room=SAME, formerly=["team-rooms"])
        await world.edit({"team-rooms.yaml": renamed})
        names = (CHECKOUT, "team-rooms/till", "squads/till")
        assert [(await seen(world, name)).formerly for name in names] == [True, True, False]
        assert [(await seen(world, name)).room_link for name in names] == [link] * 3
        # Its policy is gone, and its room lives.
        await world.edit({"team-rooms.yaml": None})
        assert [(await seen(world, name)).room_link for name in names] == [link] * 3


async def test_the_link_of_a_former_key_waits_with_its_heir() -> None:
    """There was no room yet when it was renamed."""
    world = World(mode=Mode.OBSERVE)
    await world.start()
    moved = [{"from": "checkout", "to": "till"}]
    await world.edit({"team-rooms.yaml": policy(subjects=("till",), moved=moved)})
    view = await seen(world, CHECKOUT)
    assert (view.stage, view.title) == (Stage.WAITING, "Till room")
    await world.end()


async def test_a_room_that_lives_goes_before_an_heir_without_one() -> None:
    """The heir's own room was lost, and a brake holds the next; the old team's still stands."""
    limits = Limits(max_removals=0, max_removal_percent=0)
    async with running(limits=limits) as world:
        link = await room_link(world, CHECKOUT)
        moved = [{"from": "checkout", "to": "search"}]
        await world.edit({"team-rooms.yaml": policy(subjects=("search",), moved=moved)})
        assert (await seen(world, CHECKOUT)).room_link == await room_link(
            world, "team-rooms/search"
        )
        world.fake.vanish((await world.room("team-rooms/search")).id)
        await world.pass_(2 * HOUR)
        assert (await seen(world, "team-rooms/search")).note == leading.ASKED
        assert (await seen(world, CHECKOUT)).room_link == link


async def test_a_merged_team_s_link_leads_to_the_room_of_both() -> None:
    """Also while its own room still lives."""
    async with running() as world:
        link = await room_link(world, "team-rooms/search")
        moved = [{"from": "checkout", "to": "search"}]
        await world.edit({"team-rooms.yaml": policy(subjects=("search",), moved=moved)})
        assert (await world.state(CHECKOUT)).current is not None
        assert (await seen(world, CHECKOUT)).room_link == link


async def test_a_key_that_is_wanted_again_is_no_more_a_former_one() -> None:
    """Somebody else is called so now."""
    async with running() as world:
        moved = [{"from": "checkout", "to": "till"}]
        await world.edit({"team-rooms.yaml": policy(subjects=("till",), moved=moved)})
        assert (await seen(world, CHECKOUT)).room_link == await room_link(world, "team-rooms/till")
        await world.edit({"team-rooms.yaml": policy(subjects=("checkout", "till"))})
        await world.pass_(MINUTE)
        assert (await seen(world, CHECKOUT)).room_link == await room_link(world, CHECKOUT)
        assert await room_link(world, "team-rooms/till") != await room_link(world, CHECKOUT)


async def test_a_long_subject_is_found_by_what_its_link_shows_of_it() -> None:
    """It is cut there, and ends in its digest."""
    name = "größte " * 20 + "Gruppe"
    async with running({"t.yaml": policy(subjects=({"slug": name, "name": "All"},))}) as world:
        key = f"team-rooms/{name}"
        assert "~" in parse_key(key).encoded
        assert (await seen(world, key)).room_link == await room_link(world, key)
        assert await look(world, f"{key}n") is None


async def test_names_are_read_no_more_often_than_they_cost() -> None:
    """Whoever asks for what is not there, and however often."""
    world = World()
    await world.start()
    store, book = world.store, world.engine.reconciler.book
    read = 0
    states = store.states

    async def counted(policy: str | None = None) -> Sequence[KeyState]:
        nonlocal read
        read += 1
        world.clock.advance(0.5)
        return await states(policy)

    store.states = counted  # type: ignore[method-assign]
    names = Names(store, world.clock)
    for _ in range(5):
        assert await names.heir("team-rooms/nobody", book) is None
        await store.commit(Commit(facts=(Fact("daemon.started"),)), world.clock.now())
    assert read == 1
    world.clock.advance(11)
    await names.heir("team-rooms/nobody", book)
    assert read == 2
    await world.end()


# --- schedules ---


async def test_a_series_leads_to_the_running_or_the_next_occurrence() -> None:
    """For ever: it is the link of a calendar's series."""
    async with running({FILE: schedule()}) as world:
        await until(world, OPENS - HOUR)
        view = await seen(world, "all-hands")
        assert (view.stage, view.opens_at, view.starts_at) == (Stage.WAITING, OPENS, STARTS)
        weeks = [STARTS + week * 7 * DAY for week in range(1, 6)]
        assert [one.starts for one in view.coming] == weeks
        assert view.coming[0].title == "All hands 12 Jan 2026"
        assert view.title == "All hands 5 Jan 2026"
        for moment in (OPENS + MINUTE, STARTS + MINUTE, ENDS + MINUTE, STAYS - MINUTE):
            await until(world, moment)
            (room,) = world.alive
            view = await seen(world, "all-hands")
            assert (view.room_link, view.starts_at, view.ends_at) == (room.guest_url, STARTS, ENDS)
            assert [one.starts for one in view.coming] == weeks
            assert (await seen(world, "all-hands/2026-01-05T1500")).room_link == room.guest_url
        await until(world, STAYS + HOUR)
        view = await seen(world, "all-hands")
        assert (view.stage, view.opens_at) == (Stage.WAITING, OPENS + 7 * DAY)


async def test_a_series_leads_to_the_meeting_that_goes_on() -> None:
    """The room of the next is open already, and nobody is asked to leave."""
    lines = schedule(cron="0 15,16 * * MON", duration="60m", open_before="30m")
    async with running({FILE: lines}) as world:
        await until(world, STARTS + 45 * MINUTE)
        assert len(world.alive) == 2
        first = await room_link(world, "all-hands/2026-01-05T1500")
        assert (await seen(world, "all-hands")).room_link == first
        await until(world, STARTS + HOUR + MINUTE)
        second = await room_link(world, "all-hands/2026-01-05T1600")
        assert (await seen(world, "all-hands")).room_link == second


async def test_an_occurrence_s_own_link_says_when_it_opens_and_that_it_is_over() -> None:
    """What is no moment of the schedule is no link."""
    async with running({FILE: schedule()}) as world:
        view = await seen(world, "all-hands/2026-01-12T1500")
        assert (view.stage, view.opens_at) == (Stage.WAITING, OPENS + 7 * DAY)
        view = await seen(world, "all-hands/2025-12-29T1500")
        assert (view.stage, view.note, view.coming) == (Stage.CLOSED, leading.OVER, ())
        assert await look(world, "all-hands/thursday") is None


async def test_a_meeting_that_is_over_says_when_the_next_is_where_names_are_no_secret() -> None:
    """With a token its link lets in to that one meeting."""
    world = World({FILE: schedule()})
    world.links = replace(SCHEME, tokened=False)
    await world.start()
    planned = await seen(world, "all-hands/2025-12-29T1500")
    assert [one.starts for one in planned.coming] == [STARTS]
    await until(world, STAYS + HOUR)
    for subject in ("2026-01-05T1500", "2025-12-29T1500"):
        view = await seen(world, f"all-hands/{subject}")
        assert view.stage is Stage.CLOSED
        assert [one.starts for one in view.coming] == [STARTS + 7 * DAY]
    world.engine.links.scheme = SCHEME
    assert (await seen(world, "all-hands/2026-01-05T1500")).coming == ()
    await world.end()


async def test_a_series_says_whether_there_is_a_calendar_of_it() -> None:
    """Where its policy delivers to one."""
    world = World({FILE: schedule()})
    world.links, world.calendars = SCHEME, ("calendar",)
    await world.start()
    assert not (await seen(world, "all-hands")).has_calendar
    document = {**json.loads(schedule()), "deliver": [{"to": "calendar"}]}
    await world.edit({FILE: json.dumps(document).encode()})
    assert (await seen(world, "all-hands")).has_calendar
    assert not (await seen(world, "all-hands/2026-01-12T1500")).has_calendar
    await world.end()


async def test_a_renamed_schedule_keeps_its_series() -> None:
    """The old link stands in everybody's calendar."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        link = (await seen(world, "all-hands")).room_link
        await world.edit({FILE: schedule("everybody", formerly=["all-hands"])})
        assert (await seen(world, "all-hands")).room_link == link
        assert (await seen(world, "all-hands/2026-01-05T1500")).room_link == link
        assert (await seen(world, "all-hands/2026-01-12T1500")).opens_at == OPENS + 7 * DAY
        await until(world, STAYS + HOUR)
        view = await seen(world, "all-hands")
        assert (view.opens_at, view.formerly) == (OPENS + 7 * DAY, True)


async def test_a_series_without_its_policy_leads_to_the_room_that_lives() -> None:
    """And then nowhere."""
    async with running({FILE: schedule()}) as world:
        await until(world, STARTS)
        (room,) = world.alive
        await world.edit({FILE: None})
        assert (await seen(world, "all-hands")).room_link == room.guest_url
        await world.pass_(30 * DAY)
        assert await look(world, "all-hands") is None


async def test_a_series_waits_while_its_room_is_being_made() -> None:
    """The API is away at the very moment."""
    async with running({FILE: schedule()}) as world:
        await until(world, OPENS - MINUTE)
        world.fake.script("create_room", *[Fate.UNSENT] * 50)
        world.fake.script("list_rooms", *[Fate.UNSENT] * 50)
        await until(world, OPENS + MINUTE)
        view = await seen(world, "all-hands")
        assert (view.stage, view.note) == (Stage.WAITING, leading.AWAY)
        world.fake.forget_scripts()


# --- when little is known ---


async def test_until_the_policies_are_read_nothing_is_said_to_have_ended() -> None:
    """A room that is remembered is led to at once."""
    async with running({"t.yaml": policy(), FILE: schedule()}) as world:
        await until(world, STARTS)
        link, series = await room_link(world, CHECKOUT), (await seen(world, "all-hands")).room_link
        await world.crash()
        engine = world.build()  # not started
        links = engine.links
        view = await links.look("team-rooms", "checkout")
        assert view is not None
        assert view.room_link == link
        assert await links.look("team-rooms", "nobody") == LinkView(
            Stage.WAITING, note=leading.NOT_KNOWN
        )
        running_one = await links.look("all-hands", "")
        assert running_one is not None
        assert running_one.room_link == series
        assert await links.look("other", "") == LinkView(Stage.WAITING, note=leading.NOT_KNOWN)
        await world.start()


async def test_a_store_that_cannot_be_read_is_no_error() -> None:
    """Whoever opened the link waits."""
    async with running() as world:
        world.store.fault = StoreFault("gone")
        assert await look(world, CHECKOUT) == LinkView(Stage.WAITING, note=leading.NOT_KNOWN)
        world.store.fault = None
        assert (await seen(world, CHECKOUT)).stage is Stage.OPEN


async def test_a_press_makes_no_room_for_a_subject() -> None:
    """Policies ask for those; nobody else does."""
    async with running({"t.yaml": policy(removal={"mode": "delete", "grace": "60s"})}) as world:
        world.mark()
        view = await world.engine.links.press("team-rooms", "checkout")
        assert view is not None
        assert view.stage is Stage.OPEN
        assert await world.engine.links.take_fallback("team-rooms", "checkout") == view
        await world.settle()
        assert world.changes == []


class Pages:
    """Answers for one page."""

    view = LinkView(Stage.IDLE, "Disk full", can_open=True)

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def look(self, policy: str, subject: str) -> LinkView | None:
        """The view, of the page alone."""
        self.asked.append("look")
        return self.view if (policy, subject) == ("oncall", "pd-4711") else None

    def link_of(self, key: Key) -> str | None:
        """None of its keys is asked for here."""

    async def press(self, policy: str, subject: str) -> LinkView | None:
        """The same."""
        return await self.look(policy, subject)

    async def take_fallback(self, policy: str, subject: str) -> LinkView | None:
        """The same."""
        return await self.look(policy, subject)


@pytest.mark.parametrize("what", ["look", "press", "take_fallback"])
async def test_links_of_pages_are_answered_by_who_keeps_pages(what: str) -> None:
    """First, because they are in a hurry; the others are answered here all the same."""
    async with running() as world:
        links = world.engine.links
        links.pages = Pages()
        assert await getattr(links, what)("oncall", "pd-4711") == Pages.view
        view = await getattr(links, what)("team-rooms", "checkout")
        assert view.stage is Stage.OPEN


# --- what operators are told ---


async def test_operators_are_told_our_own_links() -> None:
    """Of what there is: a misspelt name has none."""
    world = World({"t.yaml": policy(), FILE: schedule()})
    world.links, world.calendars = SCHEME, ("rooms",)
    await world.start()
    desk = world.desk
    checkout = await desk.link(CHECKOUT)
    assert checkout == OurLink(CHECKOUT, SCHEME.link_of("team-rooms", "checkout"), "open")
    assert await desk.link((await world.room(CHECKOUT)).id) == checkout
    series = await desk.link("all-hands")
    assert (series.url, series.stage) == (SCHEME.series_of("all-hands"), "waiting")
    calendar = OurLink("rooms", SCHEME.feed_of("rooms"))
    assert await desk.link("", calendar=True) == await desk.link("rooms", calendar=True) == calendar
    for name, why in (
        ("team-rooms/nobody", "neither wanted nor remembered"),
        ("team-rooms", "schedules are: all-hands"),
        ("Team Rooms/x", "cannot name a policy"),
    ):
        with pytest.raises(DeskError, match=why) as refused:
            await desk.link(name)
        assert refused.value.code == 2
    with pytest.raises(DeskError, match="other is no calendar; calendars are: rooms"):
        await desk.link("other", calendar=True)
    rows = {row.key: row for row in (await desk.rooms()).rooms}
    assert rows[CHECKOUT].link == checkout.url
    assert (await desk.why(CHECKOUT)).rooms[0].link == checkout.url
    await world.end()


async def test_all_links_are_told_at_once() -> None:
    """Of what is wanted, remembered or renamed, with what a visitor would be told; and no other."""
    world = World({"t.yaml": policy(room=SAME), FILE: schedule()})
    world.links = SCHEME
    await world.start()
    moved = [{"from": "checkout", "to": "till"}]
    await world.edit({"t.yaml": policy(subjects=("till", "search"), room=SAME, moved=moved)})
    report = await world.desk.links()
    assert report.public_url == SCHEME.public_url
    assert [row.name for row in report.links] == [
        "all-hands", CHECKOUT, "team-rooms/search", "team-rooms/till",
    ]  # fmt: skip
    for row in report.links:
        assert row.view == await seen(world, row.name)
    links = {row.name: row.where.link for row in report.links}
    assert links["all-hands"] == SCHEME.series_of("all-hands")
    assert links[CHECKOUT] == SCHEME.link_of("team-rooms", "checkout")
    world.engine.links.known = lambda: False
    with pytest.raises(DeskError, match="the policies are still being read"):
        await world.desk.links()
    with pytest.raises(DeliveryFault, match="the policies are still being read"):
        await world.engine.outbox.listing("static")
    await world.end()


async def test_a_board_of_links_is_told_of_its_policies_whenever_rooms_change() -> None:
    """Also of the links of former names; what is gone is over there."""
    told: dict[str, Any] = {
        "deliver": [{"to": "static"}],
        "removal": {"mode": "delete", "grace": "60s"},
    }
    world = World({"t.yaml": policy(room=SAME, **told), FILE: schedule()})
    board = FakeLinkBoard("static")
    world.links, world.link_boards = SCHEME, {"static": board}
    await world.start()
    checkout, search, till = (
        SCHEME.link_of("team-rooms", one) for one in ("checkout", "search", "till")
    )
    room = await room_link(world, CHECKOUT)
    assert {link: view and view.room_link for link, view in board.leads.items()} == {
        checkout: room,
        search: await room_link(world, "team-rooms/search"),
    }
    moved = [{"from": "checkout", "to": "till"}]
    await world.edit({"t.yaml": policy(subjects=("till",), room=SAME, moved=moved, **told)})
    await world.pass_(HOUR)
    leads = {link: view and view.room_link for link, view in board.leads.items()}
    assert leads[checkout] == leads[till] == room
    gone = board.leads[search]
    assert gone is None or gone.stage is Stage.CLOSED
    board.fault = DeliveryFault("the disk is full")
    await world.edit({"t.yaml": policy(subjects=("till", "new"), room=SAME, **told)})
    assert "static is behind: the disk is full" in world.engine.outbox.needs
    board.fault = None
    await world.pass_(HOUR)
    new = board.leads[SCHEME.link_of("team-rooms", "new")]
    assert new is not None
    assert new.stage is Stage.OPEN
    await world.end()


async def test_in_observe_no_board_of_links_is_told() -> None:
    """Nobody is told anything."""
    world = World({"t.yaml": policy(deliver=[{"to": "static"}])}, mode=Mode.OBSERVE)
    board = FakeLinkBoard("static")
    world.links, world.link_boards = SCHEME, {"static": board}
    await world.start()
    assert board.tries == 0
    await world.end()


async def test_without_a_public_address_operators_are_told_what_to_write() -> None:
    """And with two calendars, that they have to say which."""
    async with running() as world:
        with pytest.raises(DeskError, match="public_url: https://rooms"):
            await world.desk.link(CHECKOUT)
        world.engine.links.scheme = SCHEME
        with pytest.raises(DeskError, match="say which calendar; calendars are: none"):
            await world.desk.link("", calendar=True)


async def test_a_replaced_room_is_not_shown_with_our_link() -> None:
    """It leads to the new one."""
    world = World()
    world.links = SCHEME
    await world.start()
    await world.edit({"team-rooms.yaml": policy(room={"display_name": "A {{ team.name }}"})})
    await world.pass_(MINUTE)
    rows = [row for row in (await world.desk.rooms()).rooms if row.key == CHECKOUT]
    told = {row.state: row.link for row in rows}
    assert told == {"open": SCHEME.link_of("team-rooms", "checkout"), "superseded": ""}
    await world.end()


async def test_a_command_without_a_daemon_knows_the_policies() -> None:
    """It reads them, and nothing more."""
    world = World()
    world.links = SCHEME
    engine = world.build()
    await engine.look()
    desk = EngineDesk(engine, Whence("config.yaml", "1", world.clock.now()), running=False)
    assert (await desk.link(CHECKOUT)).stage == "waiting"
    with pytest.raises(DeskError, match="neither wanted"):
        await desk.link("team-rooms/nobody")


# --- what is delivered ---


async def test_what_is_delivered_is_our_own_link() -> None:
    """The room's own where nobody could follow ours; and all are told when that changes."""
    world = World()
    await world.start()
    shown = {room.key: room for room in world.destination.shown}
    assert shown[CHECKOUT].link == shown[CHECKOUT].guest_url
    await world.end()

    world.links = SCHEME
    await world.start()
    await world.pass_(MINUTE)
    shown = {room.key: room for room in world.destination.shown}
    assert shown[CHECKOUT].link == SCHEME.link_of("team-rooms", "checkout")
    assert shown[CHECKOUT].guest_url == await room_link(world, CHECKOUT)
    assert world.engine.links.link_of(parse_key(CHECKOUT)) == shown[CHECKOUT].link
    await world.end()

    told = world.destination.deliveries
    await world.start()
    await world.pass_(MINUTE)
    assert world.destination.deliveries == told
    await world.end()
