"""Links of pages and what is told of them, in virtual time: before, with and without a room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.announcements import Stage
from orchestrator.domain.keys import parse_key
from orchestrator.domain.leading import OBSERVED
from orchestrator.domain.links import LinkScheme, LinkView
from orchestrator.domain.pages import digest_of
from orchestrator.domain.policies import Mode
from orchestrator.engine import pagelinks
from orchestrator.foundation.secret import Secret
from orchestrator.ports.store import StoreFault
from tests.component.test_pages import FILE, MINUTE, SECOND, SOURCE, closed, on_page, opened
from tests.component.world import HOUR, World, policy
from tests.fakes.messengers import FakeMessenger
from tests.fakes.rooms import Asked, Fate

SCHEME = LinkScheme("https://rooms.test", Secret("s" * 32))
POLICY = "oncall-bridge"
BRIDGE = "https://bridge.test/1"
FALLBACK = {"after": "20s", "url": BRIDGE}
SUBJECT = f"{SOURCE}-{digest_of(SOURCE, 'Q1')}"
LINK = SCHEME.link_of(POLICY, SUBJECT)


@asynccontextmanager
async def living(file: bytes, **options: Any) -> AsyncIterator[tuple[World, FakeMessenger]]:
    """A world with our own links and one destination that can change its messages."""
    more = options.pop("files", {})
    edits = options.pop("edits", True)
    world = World({FILE: file, **more}, **options)
    fake = FakeMessenger("chat", edits=edits)
    world.links, world.messengers["chat"] = SCHEME, fake
    await world.start()
    try:
        yield world, fake
    finally:
        await world.end()


def told(**rest: Any) -> bytes:
    return on_page(deliver=[{"to": "chat"}], **rest)


async def look(world: World, subject: str = SUBJECT) -> LinkView:
    view = await world.engine.links.look(POLICY, subject)
    assert view is not None
    return view


async def doing(world: World, what: str) -> LinkView:
    """A button on the link's page is pressed."""
    link = getattr(world.engine.links, what)
    task = asyncio.get_running_loop().create_task(link(POLICY, SUBJECT))
    await world.settle()
    view = await task
    assert isinstance(view, LinkView)
    return view


async def wait(world: World, seconds: float) -> None:
    await world.pass_(seconds * SECOND, step=SECOND / 2)


async def test_the_link_stands_before_the_room_and_leads_to_it() -> None:
    """The answer to the sender has it; whoever opens it waits and is led on."""
    async with living(told()) as (world, fake):
        world.fake.script("create_room", *[Fate.UNSENT] * 3)
        (receipt,) = await world.send(opened())
        assert receipt.link == LINK
        view = await look(world)
        assert (view.stage, view.title, view.leads_to) == (Stage.WAITING, "Checkout is slow", "")
        await wait(world, 6)
        (room,) = world.alive
        view = await look(world)
        assert (view.stage, view.leads_to) == (Stage.OPEN, room.guest_url)
        key = next(iter(world.engine.parts.pages.wishes))
        assert world.engine.links.link_of(key) == LINK
        assert (await look(world, key.subject)).leads_to == room.guest_url
        assert [(post.stage, post.link) for post in fake.posts] == [(Stage.OPEN, LINK)]


async def test_what_is_told_is_told_once_and_changed_until_its_end() -> None:
    """At once with the room, or two seconds after the page; one message, whatever follows."""
    async with living(told(keep_open=True)) as (world, fake):
        await world.send(opened())
        await world.settle()
        (post,) = fake.posts
        (room,) = world.alive
        assert (post.stage, post.link, post.room_id) == (Stage.OPEN, LINK, room.id)
        assert (post.key, post.title) == (f"{POLICY}/{SUBJECT}", "Checkout is slow")
        await world.pass_(11 * MINUTE)
        assert [one.stage for one in fake.posts] == [Stage.IDLE]
        await doing(world, "press")
        await wait(world, 5)
        assert [one.stage for one in fake.posts] == [Stage.OPEN]
        await world.send(closed())
        await world.pass_(15 * MINUTE)
        assert [one.stage for one in fake.posts] == [Stage.CLOSED]
        await world.restart()
        await world.pass_(HOUR)
        assert len(fake.posts) == 1


async def test_a_slow_api_has_the_link_told_without_the_room() -> None:
    """After two seconds; it is changed when the room comes."""
    async with living(told()) as (world, fake):
        world.fake.script("create_room", *[Fate.UNSENT] * 4)
        await world.send(opened())
        await wait(world, 1.5)
        assert fake.posts == []
        await wait(world, 1.5)
        assert [post.stage for post in fake.posts] == [Stage.WAITING]
        await wait(world, 30)
        assert [post.stage for post in fake.posts] == [Stage.OPEN]


async def test_without_a_public_address_the_rooms_own_link_is_told() -> None:
    """Once it is there."""
    world = World({FILE: told()})
    fake = world.messengers["chat"] = FakeMessenger("chat")
    await world.start()
    world.fake.script("create_room", *[Fate.UNSENT] * 4)
    await world.send(opened())
    await wait(world, 3)
    assert fake.posts == []
    await wait(world, 30)
    assert [post.link for post in fake.posts] == [world.alive[0].guest_url]
    await world.end()


async def test_people_are_sent_elsewhere_when_the_room_does_not_come() -> None:
    """And to the room when it comes, if nobody went there."""
    async with living(told(fallback=FALLBACK)) as (world, fake):
        world.fake.script("create_room", *[Fate.LOST] * 40)
        await world.send(opened())
        await wait(world, 19)
        assert (await look(world)).stage is Stage.WAITING
        await wait(world, 2)
        view = await look(world)
        assert (view.stage, view.fallback_link, view.leads_to) == (Stage.FALLBACK, BRIDGE, "")
        assert [post.stage for post in fake.posts] == [Stage.FALLBACK]
        world.fake.forget_scripts()
        await world.pass_(2 * MINUTE)
        assert (await look(world)).stage is Stage.OPEN
        assert [post.stage for post in fake.posts] == [Stage.OPEN]


async def test_where_people_went_stays_the_room_of_this_episode() -> None:
    """Or half of them would sit in another; the late room ends by itself."""
    async with living(told(fallback=FALLBACK)) as (world, fake):
        world.fake.script("create_room", *[Fate.LOST] * 40)
        await world.send(opened())
        await wait(world, 21)
        assert (await doing(world, "take_fallback")).fallback_link == BRIDGE
        assert world.events.count("page.diverted") == 1
        await doing(world, "take_fallback")
        assert world.events.count("page.diverted") == 1
        world.fake.forget_scripts()
        await world.pass_(2 * MINUTE)
        view = await look(world)
        assert (view.stage, view.fallback_link) == (Stage.FALLBACK, BRIDGE)
        assert view.note == pagelinks.STANDS_IN
        assert [post.stage for post in fake.posts] == [Stage.FALLBACK]
        await world.restart()
        assert (await look(world)).stage is Stage.FALLBACK


async def test_the_fallback_may_be_the_teams_own_room() -> None:
    """The address is for when that one is not there either."""
    wish = {**FALLBACK, "room": "team-rooms/{{ page.service }}"}
    files = {"teams.yaml": policy("team-rooms", ["checkout"])}
    async with living(told(fallback=wish), files=files) as (world, _):
        team = await world.room("team-rooms/checkout")
        world.fake.script("create_room", *[Fate.LOST] * 80)
        await world.send(opened(service="checkout"), opened("Q2", service="nobody"))
        await wait(world, 21)
        view = await look(world)
        assert (view.fallback_link, view.fallback_says) == (team.guest_url, "Checkout room")
        other = f"{SOURCE}-{digest_of(SOURCE, 'Q2')}"
        assert (await look(world, other)).fallback_link == BRIDGE


async def test_a_room_that_is_refused_sends_people_elsewhere_at_once() -> None:
    """There is nothing to wait for."""
    async with living(told(fallback=FALLBACK)) as (world, fake):
        world.fake.script("create_room", *[Fate.REFUSED] * 9)
        await world.send(opened())
        await wait(world, 1)
        assert (await look(world)).stage is Stage.FALLBACK
        await wait(world, 1)
        assert [post.stage for post in fake.posts] == [Stage.FALLBACK]


async def test_a_full_disk_keeps_nobody_from_the_fallback() -> None:
    """It is not recorded that they went, but they go."""
    async with living(told(fallback=FALLBACK)) as (world, _):
        world.fake.script("create_room", *[Fate.LOST] * 40)
        await world.send(opened())
        await wait(world, 21)

        async def full(_: object) -> None:
            raise StoreFault("the disk is full")

        world.store.before = full
        assert (await doing(world, "take_fallback")).fallback_link == BRIDGE
        assert (await doing(world, "press")).stage is Stage.FALLBACK


async def test_open_room_is_offered_only_where_it_opens_one() -> None:
    """With keep_open, when the last room has ended."""
    async with living(told()) as (world, _):
        await world.send(opened())
        assert not (await look(world)).can_open
        await world.pass_(11 * MINUTE)
        view = await look(world)
        assert (view.stage, view.can_open, view.note) == (Stage.IDLE, False, pagelinks.ENDED)
    async with living(told(keep_open=True)) as (world, _):
        await world.send(opened())
        await world.pass_(11 * MINUTE)
        assert (await look(world)).can_open
        assert (await doing(world, "press")).stage is not Stage.IDLE
        assert (await look(world)).leads_to == world.alive[0].guest_url


async def test_a_closed_pages_link_says_so_and_a_new_episode_is_led_to() -> None:
    """The link is the page's."""
    async with living(told(close={"after": "0s"})) as (world, fake):
        await world.send(opened())
        await world.send(closed())
        await world.pass_(11 * MINUTE)
        view = await look(world)
        assert (view.stage, view.closed_at is not None) == (Stage.CLOSED, True)
        await world.send(replace(opened(), reopens=True, delivery="m2"))
        await wait(world, 3)
        (room,) = world.alive
        assert (await look(world)).leads_to == room.guest_url
        assert [post.stage for post in fake.posts] == [Stage.CLOSED, Stage.OPEN]


async def test_a_merged_pages_link_leads_to_where_it_was_merged() -> None:
    """Those who have it meet the others."""
    async with living(told(close={"after": "0s"})) as (world, _):
        await world.send(opened("Q1"), opened("Q2"))
        await world.send(closed("Q1", merged_into=digest_of(SOURCE, "Q2")))
        await world.pass_(MINUTE)
        (other,) = [room for room in world.alive if room.id == (await room_of(world, "Q2"))]
        view = await look(world)
        assert (view.leads_to, view.note) == (other.guest_url, pagelinks.MERGED)


async def room_of(world: World, key: str) -> str:
    episode = await world.store.last_episode(SOURCE, digest_of(SOURCE, key))
    assert episode is not None
    assert episode.key is not None
    state = await world.store.state(episode.key)
    assert state is not None
    assert state.current is not None
    return state.current.id


async def test_in_a_storm_a_channel_is_told_of_rooms_and_a_system_of_pages() -> None:
    """Every page's link leads to the shared room."""
    storm = {"more_than": 2, "within": "5m"}
    deliver = [{"to": "chat"}, {"to": "pd"}]
    world = World({FILE: on_page(storm=storm, deliver=deliver)})
    chat, pd = FakeMessenger("chat"), FakeMessenger("pd")
    world.links = SCHEME
    world.messengers |= {"chat": chat, "pd": pd}
    world.in_page = {"pd": frozenset({SOURCE})}
    await world.start()
    await world.send(*(opened(f"Q{number}") for number in range(5)))
    await world.send(opened("A1", source="alertmanager"))
    await wait(world, 20)
    assert len(chat.posts) == 2
    assert {post.note for post in chat.posts} == {"", "4 more pages share it."}
    assert len(pd.posts) == 5
    shared = {
        (await look(world, f"{SOURCE}-{post.page.digest}")).leads_to
        for post in pd.posts
        if post.page
    }
    assert shared == {room.guest_url for room in world.alive}
    await world.end()


async def test_in_observe_nothing_is_told_and_the_link_says_why() -> None:
    """A policy may observe for itself."""
    async with living(told(mode="observe")) as (world, fake):
        await world.send(opened())
        await wait(world, 5)
        view = await look(world)
        assert (view.stage, view.note) == (Stage.WAITING, OBSERVED)
        assert fake.posts == []


async def test_links_of_nothing_are_none() -> None:
    """Of no page, of one that is not known, and of one that no policy took."""
    nobodys = on_page(on_page={"when": "false"})
    async with living(nobodys) as (world, _):
        assert await world.engine.links.look(POLICY, SUBJECT) is None
        await world.send(opened())
        assert (await look(world)).stage is Stage.CLOSED
        assert await world.engine.links.press(POLICY, "checkout") is None
        assert world.engine.links.link_of(parse_key("team-rooms/checkout")).endswith(
            SCHEME.link_of("team-rooms", "checkout")
        )


@pytest.mark.parametrize("edits", [True, False])
async def test_from_friday_to_monday_one_message_is_sent(*, edits: bool) -> None:
    """With nobody joining: at most an edit, and never a second message."""
    long = {"keep_open": True, "close": {"max_age": "7d"}}
    async with living(told(**long), edits=edits) as (world, fake):
        await world.send(opened())
        await world.pass_(timedelta(days=3))
        assert len(fake.posts) == 1
        assert world.changes.count("create_room") == 1
        assert Mode.ENFORCE is world.mode


@pytest.mark.parametrize("file", [None, "other"], ids=["removed", "renamed"])
async def test_a_page_whose_policy_goes_is_told_as_over_when_it_is(file: str | None) -> None:
    """Its room stands, and so does what was told of it; the audit says what becomes of it."""
    async with living(told()) as (world, fake):
        await world.send(opened())
        await world.pass_(5 * SECOND)
        await world.edit({FILE: None if file is None else told(name=file)})
        await world.pass_(5 * MINUTE)
        becomes = world.one("policy.removed").detail["becomes"]
        assert becomes == "1 stay until their pages are over"
        assert (await look(world)).stage is Stage.OPEN
        assert [one.stage for one in fake.posts] == [Stage.OPEN]
        await world.send(closed())
        await world.pass_(15 * MINUTE)
        assert [one.stage for one in fake.posts] == [Stage.CLOSED]


async def test_who_shares_a_room_keeps_it_when_the_first_page_closes_and_is_told_so() -> None:
    """Not that it stays until it is empty; and a room that has ended stays for nobody."""
    file = told(storm={"more_than": 1, "within": "5m"}, close={"after": "0s"})
    async with living(file) as (world, fake):
        await world.send(opened(), opened("Q2"))
        await world.send(closed())
        await world.pass_(5 * SECOND)
        assert [one.note for one in fake.posts] == [
            "1 more page shares it. The page is closed; the room stays for the others."
        ]
        await world.pass_(15 * MINUTE)
        assert [(one.stage, one.note) for one in fake.posts] == [
            (Stage.CLOSED, "1 more page shares it.")
        ]


async def test_a_listing_that_was_begun_before_its_room_was_made_hides_no_room() -> None:
    """The create takes long, and a listing that overtook it is read once both are over."""
    seconds = {"create_room": 3.0, "list_sessions": 5.0}

    async def slow(asked: Asked) -> None:
        await world.clock.sleep(seconds.get(asked.method, 0.0))

    async with living(told()) as (world, _):
        await world.send(opened("first"))
        world.fake.before = slow
        await world.send(opened())
        await wait(world, 1)
        listing = asyncio.get_running_loop().create_task(world.engine.parts.resync.full())
        stages = []
        for _ in range(20):
            await wait(world, 0.5)
            stages.append((await look(world)).stage)
        await listing
        opened_at = stages.index(Stage.OPEN)
        assert set(stages[opened_at:]) == {Stage.OPEN}
        assert opened_at < 5


async def test_a_clock_that_was_set_back_keeps_nobody_from_the_fallback() -> None:
    """People would wait until it is as late again as it was."""
    async with living(told(fallback=FALLBACK)) as (world, _):
        world.fake.script("create_room", *[Fate.LOST] * 40)
        await world.send(opened())
        assert (await look(world)).stage is Stage.WAITING
        world.clock.jump(-HOUR.total_seconds())
        world.fake.skew = HOUR.total_seconds()
        await wait(world, 21)
        assert (await look(world)).fallback_link == BRIDGE


async def test_what_was_told_stands_while_its_policy_observes() -> None:
    """The page is open: nobody is told that it is over."""
    async with living(told(keep_open=True)) as (world, fake):
        await world.send(opened())
        await wait(world, 3)
        assert [post.stage for post in fake.posts] == [Stage.OPEN]
        await world.edit({FILE: told(keep_open=True, mode="observe")})
        await world.pass_(15 * MINUTE)
        assert [post.stage for post in fake.posts] == [Stage.OPEN]
        await world.send(closed())
        await world.pass_(15 * MINUTE)
        assert [post.stage for post in fake.posts] == [Stage.CLOSED]


async def test_links_of_pages_are_among_all_links() -> None:
    """Before there is a room and with one, under one link; and those of its board's policies."""
    files = {"team-rooms.yaml": policy()}
    async with living(told(), files=files) as (world, _):
        world.fake.script("create_room", *[Fate.UNSENT] * 3)
        await world.send(opened())
        for stage in (Stage.WAITING, Stage.OPEN):
            report = await world.desk.links()
            views = {row.where.link: row.view for row in report.links}
            assert views[LINK] == await look(world)
            assert views[LINK].stage is stage
            assert len(views) == len(report.links) == 3
            chat = await world.engine.outbox.listing("chat")
            assert [row.where.link for row in chat.links] == [LINK]
            await wait(world, 6)
