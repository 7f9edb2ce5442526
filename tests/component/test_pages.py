"""Pages in virtual time: opened, told again, closed, reopened, merged, in storms and outages."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.brakes import Limits
from orchestrator.domain.pages import (
    Closed,
    Ignored,
    Opened,
    Page,
    Severity,
    Updated,
    digest_of,
)
from orchestrator.domain.policies import Mode
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.engine.pages import WAITING_MOST
from orchestrator.ports.intake import Outcome, OverloadedError
from orchestrator.ports.store import Commit, StoreFault
from tests.component.world import HOUR, World, policy, running
from tests.fakes.rooms import Fate

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
SOURCE = "pagerduty"


def on_page(name: str = "oncall-bridge", **rest: Any) -> bytes:
    """A policy file: an instant room for every page of two sources, unless told otherwise."""
    document: dict[str, Any] = {
        "version": 1,
        "name": name,
        "on_page": {"sources": [SOURCE, "alertmanager"], **rest.pop("on_page", {})},
        "room": {"type": "instant", "display_name": "{{ page.title }}", **rest.pop("room", {})},
        **rest,
    }
    return json.dumps(document, indent=1).encode()


def page(key: str = "Q1", title: str = "Checkout is slow", **more: Any) -> Page:
    source = more.pop("source", SOURCE)
    more.setdefault("severity", Severity.CRITICAL)
    return Page(source, key, digest_of(source, key), title=title, **more)


def opened(key: str = "Q1", **more: Any) -> Opened:
    return Opened(page(key, **more))


def closed(key: str = "Q1", source: str = SOURCE, **more: Any) -> Closed:
    return Closed(source, key, digest_of(source, key), reason="it was resolved", **more)


FILE = "oncall.yaml"


async def test_a_page_gets_a_room_and_the_same_page_no_second() -> None:
    """However often it is told, by whatever message."""
    async with running({FILE: on_page()}) as world:
        (first,) = await world.send(opened())
        assert (first.outcome, first.created) == (Outcome.OPENED, True)
        (room,) = world.alive
        assert (room.display_name, room.type) == ("Checkout is slow", RoomType.INSTANT)
        (again,) = await world.send(replace(opened(), delivery="m2"))
        assert (again.outcome, again.created) == (Outcome.KNOWN, False)
        assert world.changes == ["create_room"]


async def test_p06_one_page_told_ten_times_at_once_makes_one_room() -> None:
    """Also where nothing of it was durable yet when the others came."""
    async with running({FILE: on_page()}) as world:
        pages = world.engine.parts.pages
        async with asyncio.TaskGroup() as group:
            told = [group.create_task(pages.received([opened()])) for _ in range(10)]
            await world.settle()
        outcomes = [task.result()[0].outcome for task in told]
        assert outcomes.count(Outcome.OPENED) == 1
        assert len(world.alive) == 1
        assert len([one for one in world.store.commits if one.episodes]) == 1


async def test_the_answer_can_wait_for_the_room() -> None:
    """Where the sender shows our answer to people, and not for longer than it may."""
    async with running({FILE: on_page()}) as world:
        (receipt,) = await world.send(opened(), wait=2 * SECOND)
        (room,) = world.alive
        assert receipt.room_id == room.id
        (again,) = await world.send(opened(), wait=2 * SECOND)
        assert again.room_id == room.id
        world.fake.script("create_room", Fate.UNSENT)
        task = asyncio.get_running_loop().create_task(
            world.engine.parts.pages.received([opened("Q2")], 2 * SECOND)
        )
        await world.settle()
        assert not task.done()
        await world.pass_(3 * SECOND, step=SECOND)
        assert (await task)[0].room_id


async def test_its_room_ends_with_it_and_is_not_braked() -> None:
    """An empty instant room is deleted once the while after the closing is over."""
    async with running({FILE: on_page()}, limits=Limits(0, 0)) as world:
        await world.send(*(opened(f"Q{number}") for number in range(5)))
        assert len(world.alive) == 5
        receipts = await world.send(*(closed(f"Q{number}") for number in range(5)))
        assert {one.outcome for one in receipts} == {Outcome.CLOSED}
        await world.pass_(11 * MINUTE)
        assert world.alive == []
        assert await world.store.states() == []
        assert await world.store.standing_episodes() == []


@pytest.mark.parametrize("over", [Fate.ACT_THEN_DROP, Fate.ANSWERED])
async def test_a_room_that_was_found_again_ends_with_its_page_like_any_other(over: Fate) -> None:
    """Of its create nobody knew what came of it; then over a restart its page is over."""
    async with running({FILE: on_page(close={"after": "0s"})}, limits=Limits(0, 0)) as world:
        for number in range(5):
            world.fake.script("create_room", over)
            await world.send(opened(f"Q{number}"))
        await world.pass_(MINUTE)
        assert len(world.alive) == 5
        await world.send(*(closed(f"Q{number}") for number in range(3)))
        await world.restart()
        await world.send(*(closed(f"Q{number}") for number in range(3, 5)))
        await world.pass_(MINUTE)
        assert world.alive == []
        assert await world.store.states() == []
        assert not [fact for fact in world.facts if fact.event == "brake.tripped"]


async def test_a_room_whose_end_was_not_answered_is_not_lost() -> None:
    """It was deleted by the last word of a daemon that died: nobody misses it."""
    async with running({FILE: on_page(close={"after": "0s"})}) as world:
        await world.send(opened())
        world.fake.script("delete_room", Fate.ACT_THEN_DROP)
        await world.send(closed())
        assert world.alive == []
        await world.restart()
        await world.pass_(HOUR)
        assert await world.store.states() == []
        events = [fact.event for fact in world.facts]
        assert "room.lost" not in events
        assert "room.expired" in events


@pytest.mark.timeout(60)
async def test_a_page_asks_for_the_verdict_of_the_brakes_and_goes_on() -> None:
    """It asked in a lane that overtakes all others, where none is given, again and again."""
    async with running({FILE: on_page()}) as world:
        brakes = world.engine.parts.brakes
        brakes.unjudged = True
        await world.send(opened())
        await world.pass_(MINUTE)
        assert len(world.alive) == 1
        assert not brakes.unjudged


async def test_people_inside_are_left_alone_when_the_page_is_closed() -> None:
    """The room ends when the last one has left (P5)."""
    long = {"type": "long_term", "lifetime": "12h"}
    async with running({FILE: on_page(room=long, close={"after": "0s"})}) as world:
        await world.send(opened())
        (room,) = world.alive
        world.fake.join(room.id)
        await world.send(closed())
        await world.pass_(HOUR)
        assert [one.id for one in world.alive] == [room.id]
        world.fake.leave(room.id)
        await world.pass_(HOUR)
        assert world.alive == []
        assert await world.store.states() == []


async def test_a_room_that_nobody_joins_ends_and_no_other_is_made() -> None:
    """Nor with keep_open: from Friday to Monday one room, until somebody asks for the next."""
    async with running({FILE: on_page(keep_open=True, close={"max_age": "7d"})}) as world:
        await world.send(opened())
        await world.pass_(timedelta(days=3))
        assert world.changes == ["create_room"]
        assert world.alive == []
        pages = world.engine.parts.pages
        for asked in range(5):
            task = asyncio.get_running_loop().create_task(
                pages.ask(SOURCE, digest_of(SOURCE, "Q1"), "link")
            )
            await world.settle()
            assert await task
            await world.pass_(11 * MINUTE)
            assert world.changes.count("create_room") == 1 + min(asked + 1, 2)
        await world.pass_(HOUR)
        assert world.changes.count("create_room") == 4, "a person is not locked out for ever"


async def test_with_keep_open_another_room_opens_when_the_last_one_was_used() -> None:
    """Ten minutes after the last one left, as the API has it; until then it is the same room."""
    async with running({FILE: on_page(keep_open=True)}) as world:
        await world.send(opened())
        (room,) = world.alive
        world.fake.join(room.id)
        await world.pass_(HOUR)
        world.fake.leave(room.id)
        await world.pass_(8 * MINUTE)
        assert [one.id for one in world.alive] == [room.id]
        await world.pass_(5 * MINUTE)
        (other,) = world.alive
        assert other.id != room.id
        await world.pass_(HOUR)
        assert world.changes == ["create_room"] * 2


async def test_without_keep_open_nobody_can_ask_for_another_room() -> None:
    """The link says that it has ended."""
    async with running({FILE: on_page()}) as world:
        await world.send(opened())
        await world.pass_(11 * MINUTE)
        task = asyncio.get_running_loop().create_task(
            world.engine.parts.pages.ask(SOURCE, digest_of(SOURCE, "Q1"), "link")
        )
        await world.settle()
        assert not await task
        assert world.alive == []


async def test_a_page_that_opens_again_soon_goes_on_in_its_room() -> None:
    """Later it is a new episode, with a new room."""
    async with running({FILE: on_page(close={"after": "5m"})}) as world:
        await world.send(opened())
        (room,) = world.alive
        await world.send(closed())
        await world.pass_(MINUTE)
        again = replace(opened(), reopens=True, delivery="m2")
        assert (await world.send(again))[0].outcome is Outcome.OPENED
        assert [one.id for one in world.alive] == [room.id]
        await world.send(replace(closed(), delivery="m3"))
        await world.pass_(HOUR)
        assert world.alive == []
        await world.send(replace(again, delivery="m4"))
        (other,) = world.alive
        assert other.id != room.id
        (episode,) = await world.store.standing_episodes()
        assert episode.count == 2


async def test_p06_what_was_closed_before_it_was_opened_stays_closed() -> None:
    """And a late opening of a closed page, or a message that was taken in, opens nothing."""
    async with running({FILE: on_page()}) as world:
        assert (await world.send(closed()))[0].outcome is Outcome.CLOSED
        assert (await world.send(opened()))[0].outcome is Outcome.KNOWN
        await world.send(replace(opened("Q2"), delivery="a"))
        await world.send(closed("Q2", delivery="b"))
        late = replace(opened("Q2"), reopens=True, delivery="a")
        assert (await world.send(late))[0].outcome is Outcome.KNOWN
        assert world.changes == ["create_room"]


async def test_a_key_that_is_used_again_is_another_episode() -> None:
    """What fired before it was resolved is not new; what fired since then is."""
    now = World({}).clock.now()
    first = Opened(page("g", source="alertmanager", opened_at=now), once=False)
    async with running({FILE: on_page(close={"after": "0s"})}) as world:
        await world.send(first)
        await world.send(closed("g", source="alertmanager", once=False))
        assert (await world.send(first))[0].outcome is Outcome.KNOWN
        later = replace(first, page=replace(first.page, opened_at=now + HOUR))
        assert (await world.send(later))[0].outcome is Outcome.OPENED
        assert world.changes.count("create_room") == 2


async def test_a_page_that_nobody_closes_is_over_one_day() -> None:
    """Resolves get lost: every room has an end."""
    async with running({FILE: on_page(keep_open=True, close={"max_age": "1h"})}) as world:
        await world.send(opened())
        (room,) = world.alive
        world.fake.join(room.id)
        await world.pass_(2 * HOUR)
        (episode,) = await world.store.latest_episodes(1)
        assert episode.over_at is not None
        assert "older" in episode.reason
        world.fake.leave(room.id)
        await world.pass_(HOUR)
        assert world.alive == []
        assert world.changes.count("create_room") == 1


async def test_a_storm_shares_the_first_ones_room() -> None:
    """Until it calms down; the room stays while any of them is open."""
    storm = {"more_than": 3, "within": "5m"}
    long = {"type": "long_term", "lifetime": "12h"}
    file = on_page(room=long, storm=storm, close={"after": "0s"})
    async with running({FILE: file}) as world:
        for number in range(20):
            await world.send(opened(f"Q{number}"))
        assert len(world.alive) == 3
        first = world.alive[0]
        leader = await world.store.last_episode(SOURCE, digest_of(SOURCE, "Q0"))
        last = await world.store.last_episode(SOURCE, digest_of(SOURCE, "Q19"))
        assert leader is not None
        assert last is not None
        assert leader.key is not None
        assert last.shares == leader.key.encoded
        assert world.engine.parts.pages.leader(last) == leader
        assert world.engine.parts.pages.sharers(leader) == 17
        await world.send(*(closed(f"Q{number}") for number in range(19)))
        await world.pass_(HOUR)
        assert [one.id for one in world.alive] == [first.id], "one is open still"
        await world.send(closed("Q19"))
        await world.pass_(HOUR)
        assert world.alive == []
        assert await world.store.standing_episodes() == []
        await world.send(opened("Q30"))
        assert len(world.alive) == 1


async def test_a_thousand_pages_in_one_message_share_rooms() -> None:
    """As one batch of alert groups may come."""
    storm = {"more_than": 10, "within": "5m"}
    async with running({FILE: on_page(storm=storm)}) as world:
        await world.send(*(opened(f"Q{number}") for number in range(1000)))
        assert len(world.alive) == 10
        assert len(await world.store.standing_episodes()) == 1000


@pytest.mark.parametrize(
    "title", ["", "   ", "x" * 5000, "\u202egnp.exe\n\x00", "{{ 1/0 }}", "🔥" * 300]
)
async def test_whatever_it_is_called_it_becomes_a_room(title: str) -> None:
    """Empty, huge or hostile: the room has a name that people can see."""
    async with running({FILE: on_page()}) as world:
        await world.send(opened(title=title, number="4711"))
        (room,) = world.alive
        assert 1 <= len(room.display_name) <= 200
        assert room.display_name.isprintable()
        if not title.strip():
            assert room.display_name == "pagerduty 4711"


async def test_a_template_that_fails_loses_no_page() -> None:
    """Nor a `when`: the room opens, and somebody is told."""
    broken = on_page(
        on_page={"when": "page.labels.cluster.name == 'eu'"},
        room={"display_name": "{{ page.raw.incident.id }}"},
    )
    async with running({FILE: broken}) as world:
        await world.send(opened())
        (room,) = world.alive
        assert room.display_name == "pagerduty Q1"


async def test_a_page_that_no_policy_takes_opens_nothing_until_one_does() -> None:
    """`when` is asked again when more is told, only ever to open."""
    critical = on_page(on_page={"when": "page.severity == 'critical'"})
    async with running({FILE: critical}) as world:
        (receipt,) = await world.send(opened(severity=Severity.LOW))
        assert receipt.outcome is Outcome.WITHHELD
        assert "when" in receipt.why
        assert world.alive == []
        await world.send(Updated(page(severity=Severity.CRITICAL)))
        (room,) = world.alive
        await world.send(Updated(page(severity=Severity.LOW)))
        assert world.alive == [room]
        (nobody,) = await world.send(opened(source="opsgenie"))
        assert nobody.why == "no policy names the source opsgenie"
        assert world.events.count("page.ignored") == 2


async def test_p06_a_page_that_came_while_policies_were_unreadable_is_asked_about_again() -> None:
    """Once they can be read; what they ask of its body fails by now, and opens no room."""
    strict = on_page("strict", on_page={"sources": ["opsgenie"], "when": "page.raw.team == 'a'"})
    async with running({FILE: b"name: ["}) as world:
        told = [opened("Q1"), opened("Q2"), opened("Q3", source="opsgenie")]
        receipts = await world.send(*told)
        assert {one.outcome for one in receipts} == {Outcome.WITHHELD}
        assert "it is asked again when they can" in receipts[0].why
        await world.send(closed("Q2"))
        await world.restart()
        assert world.alive == []
        await world.edit({FILE: on_page(), "strict.yaml": strict})
        assert world.names == ["Checkout is slow"]
        first, third = await world.store.standing_episodes()
        assert (first.page.key, first.policy) == ("Q1", "oncall-bridge")
        assert (third.page.key, third.policy) == ("Q3", "")
        assert "what strict would know of it is unknown" in third.withheld
        assert world.events.count("page.ignored") == 4
        # It is decided now: another reading of the same says nothing new.
        await world.edit({"other.yaml": policy()})
        assert world.events.count("page.ignored") == 4


async def test_a_page_that_nobody_took_is_decided_where_all_policies_were_read() -> None:
    """A policy that comes later makes no room for what has been open for long."""
    async with running({FILE: on_page(on_page={"sources": ["opsgenie"]})}) as world:
        await world.send(opened("Q1"))
        await world.edit({FILE: on_page()})
        assert world.alive == []


async def test_what_could_not_be_decided_again_is_asked_with_the_next_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store took the policies down, and then nothing more."""
    async with running({FILE: b"name: ["}) as world:
        await world.send(opened("Q1"))
        commit = world.store.commit

        async def full(what: Commit, now: datetime) -> None:
            if what.episodes:
                message = "the disk is full"
                raise StoreFault(message)
            await commit(what, now)

        with monkeypatch.context() as patched:
            patched.setattr(world.store, "commit", full)
            await world.edit({FILE: on_page()})
        assert world.alive == []
        await world.send(opened("Q2"))
        assert len(world.alive) == 2


async def test_policies_that_come_while_a_page_is_recorded_take_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was nobody's when it was decided, and is recorded when they are in force."""
    async with running({FILE: b"name: ["}) as world:
        commit = world.store.commit

        async def slow(what: Commit, now: datetime) -> None:
            if what.episodes and FILE in world.sources.policies:
                world.sources.policies = {"mended.yaml": on_page()}
                await world.engine.reload.load("policies changed")
            await commit(what, now)

        monkeypatch.setattr(world.store, "commit", slow)
        (receipt,) = await world.send(opened("Q1"))
        assert receipt.outcome is Outcome.WITHHELD
        assert len(world.alive) == 1


async def test_the_policy_with_the_highest_priority_takes_it() -> None:
    """By name where two have the same."""
    files = {
        "a.yaml": on_page("a", on_page={"priority": 1}),
        "b.yaml": on_page("b", on_page={"priority": 2, "when": "page.service == 'search'"}),
        "c.yaml": on_page("c", on_page={"priority": 1}),
    }
    async with running(files) as world:
        await world.send(opened("Q1"), opened("Q2", service="search"))
        policies = [one.policy for one in await world.store.standing_episodes()]
        assert policies == ["a", "b"]


async def test_in_observe_pages_are_recorded_and_open_nothing() -> None:
    """And the answer says so; once it is enforced, what is open gets its room."""
    async with running({FILE: on_page()}, mode=Mode.OBSERVE) as world:
        (receipt,) = await world.send(opened())
        assert receipt.outcome is Outcome.WITHHELD
        assert "observe" in receipt.why
        assert world.alive == []
        await world.crash()
        world.mode = Mode.ENFORCE
        await world.start()
        assert len(world.alive) == 1


async def test_p06_what_was_acknowledged_outlives_a_crash() -> None:
    """Whatever was under way: after a restart each open page has one room, and no second."""
    async with running({FILE: on_page(keep_open=True)}) as world:
        world.fake.script("create_room", *[Fate.ACT_THEN_DROP] * 3)
        await world.send(*(opened(f"Q{number}") for number in range(6)), closed("Q5"))
        await world.restart()
        await world.pass_(MINUTE)
        current = [state.current for state in await world.store.states()]
        assert len([room for room in current if room is not None]) == 5
        assert {one.id for one in current if one} <= {one.id for one in world.alive}


async def test_pages_do_not_wait_for_a_listing() -> None:
    """Nor for proof that an unanswered create was not carried out: one look is enough."""
    async with running({FILE: on_page()}) as world:
        world.fake.script("list_rooms", *[Fate.UNSENT] * 50)
        await world.restart()
        await world.send(opened())
        assert len(world.alive) == 1
        world.fake.forget_scripts()
        await world.pass_(HOUR)
        world.fake.script("create_room", Fate.LOST)
        await world.send(opened("Q2"))
        await world.pass_(2 * SECOND, step=SECOND)
        assert len(world.alive) == 1


async def test_a_look_alike_does_not_hold_up_a_page() -> None:
    """Nobody can be asked while responders wait."""
    async with running({FILE: on_page()}) as world:
        world.fake.plant(
            NewRoom("Checkout is slow", RoomType.LONG_TERM, "", {}, world.clock.now() + 9 * HOUR)
        )
        await world.pass_(2 * HOUR)
        await world.send(opened())
        assert len([one for one in world.alive if one.type is RoomType.INSTANT]) == 1


async def test_pages_overtake_what_waits() -> None:
    """A page that comes behind a hundred subjects has its room before them."""
    many = policy("teams", [f"team-{number}" for number in range(100)])
    async with running({FILE: on_page()}) as world:
        slow = asyncio.Event()
        order: list[str] = []

        async def before(asked: Any) -> None:
            if asked.method == "create_room":
                order.append(asked.new.display_name)
                if len(order) == 4:
                    slow.set()
                    await world.engine.parts.pages.received([opened()])

        world.fake.before = before
        await world.edit({"teams.yaml": many})
        await world.pass_(MINUTE)
        assert slow.is_set()
        assert "Checkout is slow" in order[:20]
        assert len(order) == 101


async def test_what_cannot_be_recorded_is_not_acknowledged() -> None:
    """The sender comes again; nothing was done."""
    async with running({FILE: on_page()}) as world:
        world.store.fault = StoreFault("the disk is full")
        with pytest.raises(StoreFault, match="full"):
            await world.send(opened())
        world.store.fault = None
        assert world.alive == []
        await world.send(opened())
        assert len(world.alive) == 1


async def test_too_many_that_wait_are_told_to_come_again() -> None:
    """Before anything of them is read."""
    async with running({FILE: on_page()}) as world:
        pages = world.engine.parts.pages
        world.store.before = lambda _: asyncio.Event().wait()  # type: ignore[assignment,return-value]
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(pages.received([opened("first")]))]
            await world.settle()
            waiting += [
                group.create_task(pages.received([opened(f"Q{number}")]))
                for number in range(WAITING_MOST)
            ]
            await world.settle()
            with pytest.raises(OverloadedError):
                await pages.received([opened("one more")])
            for task in waiting:
                task.cancel()


async def test_what_is_nothing_for_us_changes_nothing() -> None:
    """Tests, pings and echoes of our own acts."""
    async with running({FILE: on_page()}) as world:
        commits = len(world.store.commits)
        (receipt,) = await world.send(Ignored(SOURCE, "a ping"))
        assert (receipt.outcome, receipt.why) == (Outcome.IGNORED, "a ping")
        assert (await world.send(Updated(page())))[0].outcome is Outcome.IGNORED
        assert len(world.store.commits) == commits


async def test_a_refused_room_is_not_asked_for_without_end() -> None:
    """An API that says no is asked again as for every other key."""
    async with running({FILE: on_page()}) as world:
        world.fake.script("create_room", *[Fate.REFUSED] * 10)
        await world.send(opened())
        await world.pass_(HOUR)
        assert 1 <= world.changes.count("create_room") <= 3


async def test_weather_is_waited_out_by_the_second() -> None:
    """Responders wait: a quarter of a second, a half, … thirty."""
    async with running({FILE: on_page()}) as world:
        world.fake.script("create_room", *[Fate.UNSENT] * 3)
        began = world.clock.now()
        await world.send(opened())
        while not world.alive:
            await world.pass_(SECOND / 10, step=SECOND / 10)
        assert world.clock.now() - began <= 3 * SECOND


async def test_a_policy_that_goes_takes_no_room_from_an_open_page() -> None:
    """The page keeps what it was opened by."""
    async with running({FILE: on_page(keep_open=True)}) as world:
        await world.send(opened())
        (room,) = world.alive
        world.fake.join(room.id)
        await world.edit({FILE: None})
        await world.pass_(2 * HOUR)
        assert [one.id for one in world.alive] == [room.id]
        await world.send(closed())
        world.fake.leave(room.id)
        await world.pass_(HOUR)
        assert world.alive == []
        assert await world.store.states() == []


async def test_a_merged_page_closes_and_remembers_into_which() -> None:
    """Its link leads there; nobody is ejected."""
    target = digest_of(SOURCE, "Q2")
    async with running({FILE: on_page()}) as world:
        await world.send(opened("Q1"), opened("Q2"))
        await world.send(closed("Q1", merged_into=target))
        episode = await world.store.last_episode(SOURCE, digest_of(SOURCE, "Q1"))
        assert episode is not None
        assert (episode.is_open, episode.merged_into) == (False, target)


async def test_p08_an_open_page_makes_the_engine_do_nothing_again() -> None:
    """Between its opening and its end there is nothing but looking."""
    long = {"type": "long_term", "lifetime": "12h"}
    async with running({FILE: on_page(room=long)}, resync=5 * MINUTE) as world:
        await world.send(opened())
        await world.pass_(MINUTE)
        world.mark()
        await world.pass_(2 * HOUR)
        assert world.changes == []
        assert world.events == []


async def test_after_the_first_room_of_an_api_the_others_come_together() -> None:
    """They waited until its marker had come back, and then not for each other as well."""

    async def slow(_: object) -> None:
        await world.clock.sleep(2)

    async with running({FILE: on_page()}) as world:
        world.fake.before = slow
        await world.send(*(opened(f"Q{number}") for number in range(8)))
        await world.pass_(3 * SECOND, step=SECOND)
        assert len(world.alive) == 1
        await world.pass_(4 * SECOND, step=SECOND)
        assert len(world.alive) == 8
