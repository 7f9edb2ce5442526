"""What is asked of pages at the desk, and pages that a person sends, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from orchestrator.domain.policies import Mode
from orchestrator.domain.presence import Callback, Event
from orchestrator.domain.reports import NewPage, OpenedPage, PageReport, StatusReport
from orchestrator.engine.causes import causes
from orchestrator.ports.deliveries import DeliveryFault
from orchestrator.ports.desk import DeskError
from orchestrator.ports.intake import OverloadedError
from orchestrator.ports.store import StoreFault
from tests.component.test_page_links import FALLBACK, LINK, doing, living, told, wait
from tests.component.test_pages import FILE, MINUTE, SECOND, SOURCE, closed, on_page, opened
from tests.component.world import ANNA, HOUR, World, running
from tests.fakes.rooms import Fate

ASKED = NewPage("A test", "")
BY_HAND = on_page(on_page={"sources": [SOURCE, "manual"]})
_T = TypeVar("_T")


async def done(world: World, work: Awaitable[_T]) -> _T:
    """What a command comes to, while the engine works."""
    task = asyncio.ensure_future(work)
    await world.settle()
    return await task


async def refused(world: World, work: Awaitable[object]) -> DeskError:
    with pytest.raises(DeskError) as refusal:
        await done(world, work)
    return refusal.value


async def show(world: World, name: str = "Q1") -> PageReport:
    return await world.desk.page(name)


# --- questions ------------------------------------------------------------------------------------


async def test_a_page_is_shown_with_its_room_and_who_was_told() -> None:
    """Its own link, how long both took, and what comes next."""
    async with living(told(fallback=FALLBACK)) as (world, _):
        await world.send(opened(number="4711"))
        await wait(world, 5)
        report = await show(world, "4711")
        row, (room,) = report.page, world.alive
        assert (row.state, row.stage, row.link) == ("open", "open", LINK)
        assert (row.room_id, row.leads_to) == (room.id, room.guest_url)
        assert (row.link_after, row.room_after) == (0.0, 0.0)
        assert (row.fallback, row.fallback_used_at) == ("https://bridge.test/1", None)
        assert row.closes_at == row.opened_at + timedelta(hours=24)
        (one,) = report.told
        assert (one.destination, one.stage, one.fault) == ("chat", "open", "")
        assert one.told_at is not None
        assert one.told_at - row.opened_at < 2 * SECOND


async def test_a_page_is_found_by_whatever_people_know_of_it() -> None:
    """And what could be two is asked back."""
    async with living(told()) as (world, _):
        await world.send(
            opened(number="4711", url="https://pd.test/i/Q1"),
            opened("Q2", title="Checkout is gone", number="4712"),
        )
        (first, _) = world.engine.parts.pages.standing()
        names = [
            *("Q1", "4711", "pagerduty 4711", "https://pd.test/i/Q1", "is SLOW", LINK, first.id),
            *(first.page.subject, f"{first.key}", f"oncall-bridge/{first.page.subject}"),
        ]
        for name in names:
            assert (await show(world, name)).page.page == "Q1", name
        both = await refused(world, world.desk.page("checkout"))
        assert "pagerduty 4711" in str(both)
        assert "name one of them" in str(both)
        nobody = await refused(world, world.desk.page("payments"))
        assert nobody.code == 2
        await world.send(closed("Q2"))
        assert (await show(world, "checkout")).page.page == "Q1", "an open one comes first"


async def test_earlier_episodes_tell_when_their_room_was_known_and_who_was_there() -> None:
    """A slow API is seen there the morning after."""
    async with living(told(close={"after": "0s"})) as (world, _):
        world.fake.script("create_room", *[Fate.UNSENT] * 2)
        await world.send(opened())
        await wait(world, 20)
        (room,) = world.alive
        await world.send(closed())
        await world.pass_(HOUR)
        await world.send(replace(opened(), reopens=True))
        await wait(world, 5)
        report = await show(world)
        assert [one.count for one in report.episodes] == [2, 1]
        assert report.page.count == 2
        first = report.episodes[1]
        assert first.room_after is not None
        assert 0.5 < first.room_after < 20
        assert first.reason == "it was resolved"
        assert report.page.room_id != room.id


async def test_when_a_room_came_is_durable_and_written_once() -> None:
    """With what else is recorded, or two seconds later; never in the way of the page."""
    async with running({FILE: BY_HAND}) as world:
        await world.send(opened())
        written = [one for one in world.store.commits if one.episodes]
        assert [one.episodes[0].room_at for one in written] == [None]
        await wait(world, 5)
        written = [one for one in world.store.commits if one.episodes]
        assert len(written) == 2
        (episode,) = written[1].episodes
        assert episode.room_at == episode.opened_at
        await world.restart()
        await wait(world, 5)
        assert len([one for one in world.store.commits if one.episodes]) == 2
        status = await world.desk.status()
        assert (status.last_link, status.last_room) == (None, 0.0)


async def test_what_nobody_saw_is_not_made_up() -> None:
    """The daemon died between the room and its record: it says nothing rather than a wrong time."""
    async with running({FILE: BY_HAND}) as world:
        await world.send(opened())
        await world.restart()
        await world.pass_(MINUTE)
        row = (await show(world)).page
        assert row.room_id
        assert (row.link_after, row.room_after) == (None, None)
        assert [one for one in causes(world.engine) if one.name == "no-room"] == []


async def test_a_store_that_cannot_be_written_keeps_the_moment() -> None:
    """It is recorded as soon as there is room."""
    async with running({FILE: BY_HAND}) as world:
        await world.send(opened())
        world.store.fault = StoreFault("the disk is full")
        await wait(world, 3)
        world.store.fault = None
        assert (await show(world)).page.room_after == 0.0
        await wait(world, 10)
        (episode,) = await world.store.standing_episodes()
        assert episode.room_at == episode.opened_at


async def test_pages_are_listed_and_those_that_are_over_only_if_asked_for() -> None:
    """The latest first, one row a page."""
    async with living(told(close={"after": "0s"})) as (world, _):
        await world.send(opened("Q1"), opened("Q2"))
        await world.send(opened("Q9", source="grafana"))
        await world.send(closed("Q1"))
        await world.pass_(MINUTE)
        listed = (await world.desk.pages()).pages
        assert [(row.page, row.state) for row in listed] == [("Q9", "withheld"), ("Q2", "open")]
        assert listed[0].reason == "no policy names the source grafana"
        every = await world.desk.pages(over=True)
        assert [row.page for row in every.pages] == ["Q9", "Q2", "Q1"]
        assert (every.pages[2].state, every.pages[2].stage) == ("closed", "closed")
        status = await world.desk.status()
        assert dict(status.page_states) == {"open": 1, "withheld": 1}
        assert len(status.pages) == 2


async def test_a_storm_is_told_with_whose_room_it_is() -> None:
    """From both sides."""
    async with living(told(storm={"more_than": 1, "within": "5m"})) as (world, _):
        await world.send(opened("Q1", number="1"), opened("Q2", number="2"))
        first, second = await show(world, "1"), await show(world, "2")
        assert (first.page.shares, first.page.sharers) == ("", 1)
        assert second.page.shares == first.page.key
        assert second.page.room_id == first.page.room_id
        assert (first.sharing, second.sharing) == (("pagerduty 2",), ("pagerduty 1",))
        assert second.told == (), "a chat is told of the room once"


async def test_what_failed_is_told_with_its_next_try_and_what_is_to_come() -> None:
    """Until it is told, and a destination that was not tried yet."""
    async with living(told()) as (world, fake):
        world.fake.script("create_room", *[Fate.UNSENT] * 9)
        await world.send(opened())
        (one,) = (await show(world)).told
        assert (one.destination, one.stage, one.fault) == ("chat", "", "")
        fake.fault = DeliveryFault("answers 503")
        await wait(world, 6)
        (one,) = (await show(world)).told
        assert (one.stage, one.fault) == ("", "answers 503")
        assert one.next_at is not None


async def test_observe_says_that_nothing_is_opened() -> None:
    """In the page itself, and it is no alarm."""
    async with living(told(), mode=Mode.OBSERVE) as (world, _):
        await world.send(opened())
        await world.pass_(2 * MINUTE)
        report = await show(world)
        assert (report.page.state, report.page.room_id, report.told) == ("open", "", ())
        assert report.page.note.startswith("No room is opened here")
        assert "no-room" not in {one.name for one in causes(world.engine)}


async def test_who_is_inside_is_told_where_the_api_tells() -> None:
    """And when they came and went, of each episode."""
    async with running({FILE: BY_HAND}) as world:
        await world.send(opened())
        (room,) = world.alive
        world.fake.join(room.id)
        await world.pass_(20 * MINUTE)
        row = (await show(world)).page
        assert (row.use, row.use_by) == ("occupied", "GET /sessions")


async def test_callbacks_tell_who_was_there_in_each_episode() -> None:
    """From the facts that the store still has."""
    async with running({FILE: BY_HAND}) as world:
        world.fake.tells_sessions = False
        await world.send(opened())
        (room,) = world.alive
        hints = world.engine.parts.hints
        for event in (Event.SESSION_STARTED, Event.SESSION_ENDED):
            await hints.received(Callback(event, room.id, "s1"))
            await world.settle()
            await world.pass_(MINUTE)
        (episode,) = (await show(world)).episodes
        assert episode.first_inside is not None
        assert episode.last_left is not None
        assert MINUTE <= episode.last_left - episode.first_inside < 2 * MINUTE


# --- by hand --------------------------------------------------------------------------------------


async def by_hand(world: World, page: NewPage = ASKED) -> OpenedPage:
    return await done(world, world.desk.open_page(page, ANNA))


async def test_a_page_by_hand_goes_the_way_of_every_other() -> None:
    """It gets a room and a link; who sent it and why is a fact of the same transaction."""
    async with living(on_page(on_page={"sources": ["manual"]})) as (world, _):
        made = await by_hand(world, replace(ASKED, wait=10 * SECOND, service="checkout"))
        (room,) = world.alive
        assert (made.outcome, made.source, made.room_id) == ("opened", "manual", room.id)
        assert (made.guest_url, made.room_seconds) == (room.guest_url, 0.0)
        assert made.link.startswith("https://rooms.test/r/oncall-bridge/manual-")
        (commit,) = [one for one in world.store.commits if one.episodes]
        sent, taken = commit.facts
        assert (sent.event, taken.event) == ("page.sent", "page.opened")
        assert (sent.actor, sent.reason, sent.cause) == (ANNA.actor, ANNA.reason, "command")
        assert sent.detail["signal"] == "opened"
        again = await by_hand(world, replace(ASKED, key=made.key))
        assert (again.outcome, len(world.alive)) == ("known", 1)
        ended = await done(world, world.desk.close_page(made.key, ANNA))
        assert ended.message == f'manual {made.key} "A test" is closed.'
        assert ended.lines == ("Its room is let go in 10m, once nobody is inside.",)
        row = (await show(world, made.key)).page
        assert (row.state, row.reason) == ("closing", f"closed by hand: {ANNA.reason}")
        twice = await refused(world, world.desk.close_page(made.key, ANNA))
        assert "is closed already" in str(twice)
        await world.pass_(15 * MINUTE)
        assert world.alive == []


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (replace(ASKED, title=" "), "a page needs a title"),
        (replace(ASKED, severity="bad"), "critical, high, medium, low, unknown"),
        (replace(ASKED, source="grafana"), r"on_page: \{sources: \[pagerduty, manual, grafana\]\}"),
        (replace(ASKED, source="Grafana!"), "is no name of a source"),
    ],
    ids=["title", "severity", "source", "name"],
)
async def test_a_page_that_cannot_be_is_refused_with_what_to_mend(page: NewPage, says: str) -> None:
    """Nothing is recorded."""
    async with running({FILE: BY_HAND}) as world:
        before = len(world.store.commits)
        fault = await refused(world, world.desk.open_page(page, ANNA))
        assert fault.code == 2
        with pytest.raises(DeskError, match=says):
            raise fault
        assert len(world.store.commits) == before


async def test_without_a_policy_that_takes_pages_it_says_how_to_get_one() -> None:
    """And without manual among the sources it is another one's page."""
    async with running({}) as world:
        assert "oncall-bridge.yaml" in str(await refused(world, world.desk.open_page(ASKED, ANNA)))
        await world.edit({FILE: on_page()})
        assert (await by_hand(world)).source == SOURCE


async def test_a_page_that_no_policy_takes_is_told_as_withheld() -> None:
    """By its `when`; and in observe."""
    low = on_page(on_page={"sources": ["manual"], "when": "page.severity == 'low'"})
    async with running({FILE: low}) as world:
        made = await by_hand(world)
        assert (made.outcome, made.link) == ("withheld", "")
        assert made.why == "it is not what oncall-bridge takes (when)"
        assert (await show(world, made.key)).page.state == "withheld"
        ended = await done(world, world.desk.close_page(made.key, ANNA))
        assert ended.lines == ()


async def test_without_a_daemon_pages_are_told_and_none_is_sent() -> None:
    """Nobody would make its room."""
    world = World({FILE: BY_HAND})
    await world.start()
    await world.send(opened())
    await world.crash()
    engine, desk = world.offline()
    await engine.look()
    assert [row.page for row in (await desk.pages()).pages] == ["Q1"]
    assert (await desk.page("Q1")).page.policy == "oncall-bridge"
    for work in (desk.open_page(ASKED, ANNA), desk.close_page("Q1", ANNA)):
        with pytest.raises(DeskError, match=r"no daemon runs.*room-orchestrator run"):
            await work


async def test_what_cannot_be_recorded_is_refused() -> None:
    """A full disk in its own words, a crowd with the word to come again."""
    async with running({FILE: BY_HAND}) as world:
        await world.send(opened())
        world.store.fault = StoreFault("the disk is full")
        with pytest.raises(StoreFault):
            await done(world, world.desk.open_page(ASKED, ANNA))
        world.store.fault = None

        async def crowded(*_: object, **__: object) -> None:
            message = "500 messages wait to be recorded"
            raise OverloadedError(message)

        world.engine.parts.pages.received = crowded  # type: ignore[assignment]
        for work in (world.desk.open_page(ASKED, ANNA), world.desk.close_page("Q1", ANNA)):
            assert "try again in some seconds" in str(await refused(world, work))


# --- what needs a person --------------------------------------------------------------------------


def needs(status: StatusReport, words: str) -> bool:
    return any(words in told for told in status.needs_you)


async def test_a_page_without_a_room_needs_a_person() -> None:
    """From when its fallback is offered, or after half a minute; until there is a room."""
    async with living(told(fallback=FALLBACK)) as (world, _):
        world.fake.down = True
        await world.send(opened(number="4711"))
        await wait(world, 10)
        assert not needs(await world.desk.status(), "no room yet")
        await wait(world, 15)
        assert needs(await world.desk.status(), "pagerduty 4711 has no room yet")
        await doing(world, "take_fallback")
        status = await world.desk.status()
        assert needs(status, "sent to the fallback of pagerduty 4711")
        world.fake.down = False
        await world.pass_(5 * MINUTE)
        status = await world.desk.status()
        assert not needs(status, "no room yet")
        assert needs(status, "sent to the fallback")
        row = (await show(world)).page
        assert row.fallback_used_at is not None
        await world.send(closed())
        assert not needs(await world.desk.status(), "fallback")


async def test_many_pages_without_a_room_are_one_sentence() -> None:
    """A storm with the API away is one message to the operators."""
    async with running({FILE: BY_HAND}) as world:
        world.fake.down = True
        await world.send(*(opened(f"Q{number}") for number in range(8)))
        await world.pass_(MINUTE)
        (one,) = [one for one in causes(world.engine) if one.name == "no-room"]
        assert "Q4 and 3 more have no room yet: room-orchestrator page list" in one.message


async def test_a_policy_that_cannot_be_worked_out_for_a_page_is_told_until_it_is_mended() -> None:
    """The page has its room all the same."""
    bad = on_page(on_page={"when": "page.labels.owner == 'a'"})
    async with running({FILE: bad}) as world:
        await world.send(opened())
        assert len(world.alive) == 1
        (one,) = [one for one in causes(world.engine) if one.name.startswith("page-policy")]
        assert one.message.startswith("For a page oncall-bridge could not be worked out: oncall")
        await world.edit({FILE: on_page()})
        assert [one for one in causes(world.engine) if one.name.startswith("page-p")] == []


async def test_a_page_that_names_nobodys_room_has_no_fallback_room_and_nobody_is_alarmed() -> None:
    """A page without a service is lawful; the address that always stands is left."""
    room = {"room": "team-rooms/{{ page.service }}", "url": "https://bridge.test/1"}
    async with running({FILE: on_page(fallback=room)}) as world:
        await world.send(opened())
        assert (await show(world)).page.fallback == "https://bridge.test/1"
        assert list(world.engine.parts.pages.flaws()) == []


async def test_rooms_of_pages_are_neither_losses_nor_what_comes_next() -> None:
    """They come and go with their pages, which status tells by themselves."""
    async with running({FILE: on_page()}) as world:
        await world.send(opened())
        status = await world.desk.status()
        assert status.rooms == {"open": 1}
        assert (status.loses_first, status.next_acts) == (None, ())
