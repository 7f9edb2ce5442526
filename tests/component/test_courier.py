"""Couriers: order, waits, deadlines, kills, and what a host's link goes through."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.policies import LinkKind, Policy, RoomWish, Schedule, Template
from orchestrator.domain.rooms import RoomType
from orchestrator.engine.book import Book
from orchestrator.foundation.problems import Place
from orchestrator.ports.deliveries import (
    DeliveredInPartError,
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)
from orchestrator.ports.faults import UnavailableError
from orchestrator.ports.store import Commit, StoreFault
from tests.component.posted import Brisk, Posted, StandingPages, announcement, posted, titles
from tests.fakes.clock import settle
from tests.fakes.messengers import FakeMessenger, Lost
from tests.fakes.meter import FakeMeter, FakeTracer

SILENT = Policy(
    name="oncall",
    file="oncall.yaml",
    version="0" * 16,
    description="",
    made_for=Schedule("0 15 * * THU", "UTC", timedelta(hours=1)),
    room=RoomWish(RoomType.LONG_TERM, Template("x", Place("oncall.yaml")), None),
)
AWAY = DeliveryFault("503 Service Unavailable")


def room(name: str, stage: Stage = Stage.OPEN) -> Announcement:
    """Of no page, as a room of a subject is."""
    return announcement(name, stage, page=None)


async def test_pages_are_told_before_rooms() -> None:
    """However long those wait; one a second, where the messenger does not say otherwise."""
    slack = FakeMessenger("slack")
    async with posted(slack) as one:
        one.standing = {told.id: told for told in (room("a"), room("b"), announcement("down"))}
        await one.say()
        assert titles(slack.posts) == ["down"]
        await one.pass_(0.9)
        assert titles(slack.posts) == ["down"]
        await one.pass_(0.2)
        assert titles(slack.posts) == ["down", "a"]
        await one.say(announcement("up"))
        await one.pass_(2)
        assert titles(slack.posts) == ["down", "a", "up", "b"]


async def test_a_destination_that_is_down_holds_up_no_other() -> None:
    """Each has a courier of its own."""
    down, well = Brisk("down"), Brisk("well")
    down.fault = AWAY
    async with posted(down, well) as one:
        await one.say(announcement("a"), announcement("b"))
        assert titles(well.posts) == ["a", "b"]
        assert down.posts == []


async def test_where_the_destination_fails_all_wait_and_another_goes_to_look() -> None:
    """A poisoned message costs the others a second, not the night."""
    slack = Brisk("slack")

    async def choke() -> None:
        if slack.tries[-1].told.id == "p-a":
            raise DeliveryFault("500 rollup_error")

    slack.before = choke
    async with posted(slack) as one:
        await one.say(announcement("a"))
        await one.say(announcement("b"), announcement("c"))
        assert len(slack.tries) == 1
        await one.pass_(1.3)
        assert titles(slack.posts) == ["b", "c"]
        slack.before = None
        await one.pass_(3)
        assert titles(slack.posts) == ["b", "c", "a"]


async def test_what_is_not_answered_holds_up_itself_alone() -> None:
    """And is tried again as a further attempt, so that the destination can look."""
    slack = Brisk("slack")
    slack.coming.extend([Lost(), None, None])
    async with posted(slack) as one:
        await one.say(announcement("a"), announcement("b"), announcement("c"))
        assert titles(slack.posts) == ["a", "b", "c"]
        await one.pass_(1.3)
        assert [(tried.told.key, tried.attempt) for tried in slack.tries][-1] == ("oncall/a", 2)
        assert titles(slack.posts) == ["a", "b", "c"]
        sent = {fact.detail["message"]: fact.detail for fact in one.facts_of("delivery.sent")}
        assert sent["p-a"]["attempt"] == 2


async def test_where_it_cannot_look_a_doubled_first_message_is_preferred() -> None:
    """A link that nobody has is worse than one that stands twice."""
    slack = Brisk("slack", asks=False)
    slack.coming.append(Lost())
    async with posted(slack) as one:
        await one.say(announcement("a"))
        await one.pass_(5)
        assert titles(slack.posts) == ["a", "a"]


async def test_silence_in_a_row_is_the_destinations() -> None:
    """Two messages without an answer: the third is not risked at once."""
    slack = Brisk("slack")
    slack.fault = DeliveryUnansweredError("timed out")
    async with posted(slack) as one:
        await one.say(announcement("a"))
        await one.say(announcement("b"))
        await one.say(announcement("c"))
        assert len(slack.tries) == 2


async def test_what_the_destination_asks_for_is_waited() -> None:
    """By all of its messages; at most a quarter of an hour."""
    slack = Brisk("slack")
    slack.coming.extend(
        [DeliveryFault("429 Too Many Requests", 30.0), DeliveryFault("429", 90_000.0)]
    )
    async with posted(slack) as one:
        await one.say(room("a"))
        await one.say(room("b"))
        await one.pass_(29.9)
        assert len(slack.tries) == 1
        await one.pass_(8)
        assert len(slack.tries) == 2
        await one.pass_(899)
        assert len(slack.tries) == 2
        await one.pass_(230)
        assert titles(slack.posts) == ["a", "b"] or titles(slack.posts) == ["b", "a"]


async def test_waits_grow_to_five_minutes() -> None:
    """Each with its jitter of up to a quarter."""
    slack = Brisk("slack")
    slack.fault = AWAY
    moments: list[float] = []

    async def note() -> None:
        moments.append(one.clock.monotonic())

    slack.before = note
    async with posted(slack) as one:
        await one.say(room("a"))
        await one.pass_(3 * 3600)
    waits = [later - earlier for earlier, later in pairwise(moments)]
    for wait, least in zip(waits, (1, 2, 4, 8, 16, 32, 64, 128, 256), strict=False):
        assert least <= wait <= least * 1.26
    assert all(300 <= wait <= 376 for wait in waits[9:])


async def test_a_page_that_is_too_late_is_given_up_and_so_are_those_behind_it() -> None:
    """After half an hour; a room's message has a day."""
    slack = Brisk("slack")
    slack.fault = AWAY
    async with posted(slack) as one:
        await one.say(announcement("a"), announcement("b"), room("c"))
        await one.pass_(29 * 60)
        assert one.facts_of("delivery.gave_up") == []
        await one.pass_(6 * 60)
        given_up = one.facts_of("delivery.gave_up")
        assert {fact.key for fact in given_up} == {"oncall/a", "oncall/b"}
        assert {fact.reason for fact in given_up} == {str(AWAY)}
        (row,) = one.messages.rows()
        assert (row.given_up, row.given_up_why) == (("oncall/a", "oncall/b"), str(AWAY))
        slack.fault = None
        await one.pass_(6 * 60)
        assert titles(slack.posts) == ["c"]
        await one.say(announcement("a", Stage.CLOSED), announcement("b", Stage.CLOSED))
        await one.pass_(60)
        assert titles(slack.posts) == ["c"]
        assert one.messages.rows() == ()


async def test_what_is_refused_ends_at_once_and_holds_up_nothing() -> None:
    """However often it were sent."""
    slack = Brisk("slack")
    slack.coming.append(DeliveryRefusedError("channel_not_found"))
    async with posted(slack) as one:
        await one.say(announcement("a"))
        await one.say(announcement("b"))
        assert titles(slack.posts) == ["b"]
        await one.pass_(3600)
        assert len(slack.tries) == 2
        (fact,) = one.facts_of("delivery.gave_up")
        assert (fact.reason, fact.detail["attempt"]) == ("channel_not_found", 1)


async def test_only_the_newest_state_is_told() -> None:
    """What changed five times meanwhile is changed once."""
    slack = Brisk("slack")
    async with posted(slack) as one:
        await one.say(announcement("a", Stage.WAITING))
        slack.fault = AWAY
        for number in range(5):
            await one.say(announcement("a", Stage.OPEN, note=f"{number}"))
            await one.pass_(1)
        slack.fault = None
        await one.pass_(60)
        assert [post.note for post in slack.posts] == ["4"]
        assert len(one.facts_of("delivery.sent")) == 2


async def test_what_is_over_before_it_was_told_is_not_told() -> None:
    """Nothing is to be taken back."""
    slack = Brisk("slack")
    slack.fault = AWAY
    async with posted(slack) as one:
        await one.say(announcement("a"))
        await one.say(announcement("a", Stage.CLOSED))
        slack.fault = None
        await one.pass_(3600)
        assert slack.posts == []
        assert await one.store.standing_deliveries() == []


async def test_what_may_stand_there_open_is_ended() -> None:
    """It was sent, not answered, and closed before it was tried again."""
    slack = Brisk("slack")
    slack.coming.append(Lost())
    async with posted(slack) as one:
        await one.say(announcement("a"))
        await one.say(announcement("a", Stage.CLOSED))
        await one.pass_(60)
        assert [post.stage for post in slack.posts] == [Stage.CLOSED]
        assert await one.store.standing_deliveries() == []


@pytest.mark.parametrize("edits", [True, False])
async def test_an_end_that_is_not_answered(edits: bool) -> None:
    """A change is made once more, for that is the same; a further message is not risked."""
    slack = Brisk("slack", edits=edits)
    async with posted(slack) as one:
        await one.say(announcement("a"))
        slack.coming.append(Lost())
        await one.say(announcement("a", Stage.CLOSED))
        await one.pass_(3600)
        stages = [post.stage for post in slack.posts]
        assert stages == ([Stage.CLOSED] if edits else [Stage.OPEN, Stage.CLOSED])
        assert len(slack.tries) == (3 if edits else 2)
        assert await one.store.standing_deliveries() == []


@pytest.mark.parametrize("edits", [True, False])
async def test_a_kill_while_the_end_is_told(edits: bool) -> None:
    """The same after SIGKILL."""
    slack = Brisk("slack", edits=edits)
    async with posted(slack) as one:
        await one.say(announcement("a"))
        slack.before = asyncio.Event().wait  # type: ignore[assignment]
        await one.say(announcement("a", Stage.CLOSED))
        await one.kill()
        slack.before = None
        await one.start()
        await one.pass_(60)
        assert len(slack.tries) == (3 if edits else 2)
        assert await one.store.standing_deliveries() == []
        assert len(one.facts_of("delivery.failed")) == (0 if edits else 1)


async def test_a_kill_between_sent_and_recorded_makes_no_second_where_it_can_look() -> None:
    """The next try is a second attempt."""
    slack = Brisk("slack")
    async with posted(slack) as one:

        async def die(commit: Commit) -> None:
            if any(fact.event == "delivery.sent" for fact in commit.facts):
                await asyncio.Event().wait()

        one.store.before = die
        await one.say(announcement("a"))
        await one.kill()
        one.store.before = _nothing
        await one.start()
        assert titles(slack.posts) == ["a"]
        assert [tried.attempt for tried in slack.tries] == [1, 2]


async def _nothing(_: Commit) -> None:
    return


async def test_nothing_leaves_that_cannot_be_recorded() -> None:
    """And what left and could not be recorded is not told again."""
    slack = Brisk("slack")
    async with posted(slack) as one:
        one.store.fault = StoreFault("no space left on device")
        await one.say(announcement("a"))
        await one.pass_(60)
        assert slack.tries == []
        one.store.fault = None
        await one.pass_(20)
        assert titles(slack.posts) == ["a"]

        async def fill(commit: Commit) -> None:
            if any(fact.event == "delivery.sent" for fact in commit.facts):
                raise StoreFault("no space left on device")

        one.store.before = fill
        await one.say(announcement("b"))
        await one.pass_(60)
        assert titles(slack.posts) == ["a", "b"]
        one.store.before = _nothing
        await one.pass_(20)
        assert len(slack.tries) == 2
        row = await one.store.delivery("slack", "p-b")
        assert row is not None
        assert row.shown


async def test_p11_the_hosts_link_is_read_when_it_is_sent_and_kept_nowhere() -> None:
    """Its reading is recorded before the call; a change reads it anew."""
    slack = Brisk("slack")
    async with posted(slack) as one:
        one.link = LinkKind.HOST
        await one.say(announcement("a"))
        (post,) = slack.posts
        assert post.host_link is not None
        assert post.host_link.reveal() == "https://meet.test/host?n=1"
        (fact,) = one.facts_of("room.link.revealed")
        assert (fact.room_id, fact.reason) == ("room of a", "delivered to slack")
        await one.pass_(3600)
        await one.say(announcement("a", note="news"))
        assert slack.posts[0].host_link is not None
        assert slack.posts[0].host_link.reveal() == "https://meet.test/host?n=2"
        await one.say(announcement("a", Stage.CLOSED))
        assert slack.posts[0].host_link is None
        assert len(one.revealed) == 2
        assert "meet.test/host" not in repr(one.store.commits)


async def test_a_page_does_not_wait_for_the_hosts_link() -> None:
    """People get in by theirs; the host's follows when the API tells it."""
    slack = Brisk("slack")
    async with posted(slack) as one:
        one.link, one.host_fault = LinkKind.HOST, UnavailableError("away", 503)
        await one.say(announcement("a"), room("b"))
        assert [(post.key, post.host_link) for post in slack.posts] == [("oncall/a", None)]
        one.host_fault = None
        await one.pass_(20)
        assert all(post.host_link is not None for post in slack.posts)
        assert sorted(titles(slack.posts)) == ["a", "b"]


async def test_a_call_that_hangs_holds_up_no_other_and_ends() -> None:
    """After a minute it counts as not answered."""
    slack = Brisk("slack")

    async def hang() -> None:
        if slack.tries[-1].told.id == "p-a" and slack.tries[-1].attempt == 1:
            await asyncio.Event().wait()

    slack.before = hang
    async with posted(slack) as one:
        await one.say(announcement("a"))
        await one.say(announcement("b"))
        assert titles(slack.posts) == ["b"]
        await one.pass_(65)
        assert titles(slack.posts) == ["b", "a"]


async def test_a_messenger_that_breaks_ends_no_daemon_and_tells_no_secret() -> None:
    """Only the kind of its error."""
    slack = Brisk("slack")
    broken = [ValueError("hooks.example.com/secret")]

    async def choke() -> None:
        if broken:
            raise broken.pop()

    slack.before = choke
    with capture_logs() as logs:
        async with posted(slack) as one:
            await one.say(announcement("a"))
            await one.pass_(5)
            assert titles(slack.posts) == ["a"]
            (fact,) = one.facts_of("delivery.failed")
            assert fact.reason == "a fault of this program: ValueError"
    assert "secret" not in repr(logs)


async def test_a_stop_ends_what_is_under_way_and_begins_nothing() -> None:
    """The rest waits for the next start."""
    slack = FakeMessenger("slack")
    going = asyncio.Event()
    slack.before = going.wait  # type: ignore[assignment]
    one = Posted(slack)
    await one.start()
    await one.say(announcement("a"), announcement("b"))
    one.messages.stop()
    await settle()
    going.set()
    await one.stop()
    assert titles(slack.posts) == ["a"]
    row = await one.store.delivery("slack", "p-a")
    assert row is not None
    assert row.shown
    await one.start()
    await one.pass_(2)
    assert titles(slack.posts) == ["a", "b"]
    await one.end()


async def test_a_page_of_which_nobody_tells_any_more_is_over() -> None:
    """Its message was left open by an outage, and its episode is forgotten."""
    slack = Brisk("slack")
    async with posted(slack) as one:
        await one.say(announcement("a"))
        one.standing.clear()
        await one.say()
        assert [(post.stage, post.title) for post in slack.posts] == [(Stage.CLOSED, "a is down")]
        await one.say(announcement("a", note="a late word"))
        await one.pass_(60)
        assert len(slack.tries) == 2


async def test_a_page_that_is_not_delivered_here_any_more_ends_in_silence() -> None:
    """Its policy names another destination now; what was given up is no more to be mended."""
    slack = Brisk("slack")
    slack.coming.extend([None, DeliveryRefusedError("no_text")])
    async with posted(slack) as one:
        await one.say(announcement("a"))
        await one.say(announcement("b"))
        assert len(one.messages.rows()) == 1
        one.messages.book = lambda: Book(policies={"oncall": SILENT})
        one.standing.clear()
        await one.say()
        assert [post.stage for post in slack.posts] == [Stage.OPEN]
        assert await one.store.standing_deliveries() == []
        assert one.messages.rows() == ()


async def test_a_change_that_was_given_up_is_tried_once_more_at_the_end() -> None:
    """And then nobody can mend anything any more."""
    slack = Brisk("slack")
    slack.coming.extend([None, DeliveryRefusedError("gone"), DeliveryRefusedError("gone")])
    async with posted(slack) as one:
        await one.say(announcement("a"))
        await one.say(announcement("a", note="news"))
        assert len(one.messages.rows()) == 1
        await one.say(announcement("a", Stage.CLOSED))
        assert len(slack.tries) == 3
        assert one.messages.rows() == ()
        await one.pass_(3600)
        assert len(slack.tries) == 3


async def test_many_that_begin_at_once_are_recorded_before_they_wait() -> None:
    """A full disk holds them up, and the next turn begins them anew."""
    slack = FakeMessenger("slack")
    async with posted(slack) as one:
        one.store.fault = StoreFault("no space left on device")
        one.messages.pages = StandingPages(one, *(announcement(name) for name in "abc"))
        one.messages.nudge()
        await one.pass_(20)
        one.store.fault = None
        await one.pass_(20)
        assert titles(slack.posts) == ["a", "b", "c"]


async def test_a_stop_with_a_full_disk_ends_all_the_same() -> None:
    """What could not be recorded is a second attempt after the next start."""
    slack = Brisk("slack")
    one = Posted(slack)
    await one.start()

    async def fill(commit: Commit) -> None:
        if any(fact.event == "delivery.sent" for fact in commit.facts):
            raise StoreFault("no space left on device")

    one.store.before = fill
    await one.say(announcement("a"))
    await one.stop()
    one.store.before = _nothing
    await one.start()
    assert [tried.attempt for tried in slack.tries] == [1, 2]
    assert titles(slack.posts) == ["a"]
    await one.end()


async def test_one_command_carries_what_may_leave_and_returns() -> None:
    """Without a daemon; what fails waits for the next one."""
    well, down = FakeMessenger("well"), Brisk("down")
    down.fault = AWAY
    one = Posted(well, down)
    await one.messages.recall()
    one.standing = {told.id: told for told in (announcement("a"), announcement("b"))}
    carrying = asyncio.get_running_loop().create_task(one.messages.carry_out(), name="command")
    await one.pass_(31)
    assert carrying.done()
    assert titles(well.posts) == ["a", "b"]
    assert len(down.tries) >= 1
    one.store.fault = StoreFault("gone")
    await one.messages.carry_out()


async def test_an_outbox_without_messengers_rests() -> None:
    """Most installations have none."""
    one = Posted()
    await one.start()
    await one.messages.carry_out()
    await one.say(replace(announcement("a")))
    assert one.messages.rows() == ()
    await one.stop()


async def test_answers_that_come_at_once_are_each_recorded_once() -> None:
    """While one is being recorded the next wants to be: neither is lost, none is doubled."""
    slack = Brisk("slack")
    names = ["a", "b", "c", "d", "e", "f"]
    async with posted(slack) as one:

        async def slow(commit: Commit) -> None:
            if any(fact.event == "delivery.sent" for fact in commit.facts):
                await one.clock.sleep(0.5)

        slack.before = lambda: one.clock.sleep(1)
        one.store.before = slow
        await one.say(*map(announcement, names))
        await one.pass_(20)
        sent = [fact.detail["message"] for fact in one.facts_of("delivery.sent")]
        assert sorted(sent) == [f"p-{name}" for name in names]
        rows = await one.store.standing_deliveries()
        assert {row.id: bool(row.shown) for row in rows} == {f"p-{name}": True for name in names}


async def test_calls_are_counted_and_followed_by_destination() -> None:
    """Those that were taken and those that were not; by the kind of a fault, and no link."""
    down, well = Brisk("down"), Brisk("well")
    down.fault = AWAY
    meter, tracer = FakeMeter(), FakeTracer()
    async with posted(down, well) as one:
        one.messages.measured_by(meter, tracer)
        await one.say(announcement("a"))
        assert meter.counts["delivered", "well", "sent"] == 1
        assert meter.counts["delivered", "down", "failed"] == 1
    spans = {str(seen.attributes["destination"]): seen for seen in tracer.named("delivery")}
    assert (spans["well"].why, spans["down"].why) == ("", "DeliveryFault")
    assert spans["well"].attributes["attempt"] == 1
    assert "https://" not in repr(tracer.spans)


async def test_what_reached_some_counts_as_sent() -> None:
    """It is not told again."""
    mail, meter = Brisk("mail"), FakeMeter()
    mail.fault = DeliveredInPartError("anna was refused", "m-1")
    async with posted(mail) as one:
        one.messages.measured_by(meter, FakeTracer())
        await one.say(announcement("a"))
    assert meter.counts["delivered", "mail", "sent"] == 1
