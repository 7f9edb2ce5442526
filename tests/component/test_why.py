"""Why, and why not: situations reached by doing them to a running engine, told by the real desk.

Each answer is printed by the command line's own view and stands in ``docs/why.md``, under the title
of its situation, letter by letter but for the ids of operations.  `WRITE_DOCS=1` in the
environment writes that page anew.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from orchestrator.cli.view.screen import Screen
from orchestrator.cli.view.why import show_why, show_why_not
from orchestrator.domain.brakes import Limits
from orchestrator.domain.changetimes import change_times
from orchestrator.domain.keys import Key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.pages import Severity
from orchestrator.domain.policies import Mode
from orchestrator.domain.records import KeyState, Operation, OperationKind, OperationState
from orchestrator.domain.reports import WhyNotReport, WhyReport
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.engine.supervisor import Engine
from orchestrator.ports.deliveries import DeliveryFault
from orchestrator.ports.desk import DeskError
from orchestrator.ports.sources import Provenance
from orchestrator.ports.store import Commit
from tests.component.test_page_links import SCHEME
from tests.component.test_pages import SECOND, closed, opened
from tests.component.test_weather_and_answers import Forgetful
from tests.component.world import ANNA, HOUR, World, alive, key
from tests.fakes.clock import START, VirtualClock
from tests.fakes.messengers import FakeMessenger
from tests.fakes.rooms import Fate

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "why.md"
WIDTH: Final = 100
DAY: Final = timedelta(days=1)
MINUTE: Final = timedelta(minutes=1)
CHECKOUT: Final = "team-rooms/checkout"
_DRAWN: Final = re.compile(r"(?<=fakefake-)[0-9a-z]{16}")  # ids of operations

TEAM_ROOMS: Final = """\
version: 1
name: team-rooms
for_each: {file: teams.yaml, as: team, key: "{{ team.slug }}"}
room:
  type: long_term
  display_name: "{{ team.name }} room"
  lifetime: 365d
"""
DELIVERED: Final = "deliver: [{to: rooms-json}]\n"
ONCALL: Final = """\
version: 1
name: oncall-bridge
on_page:
  sources: [pagerduty]
  when: "page.severity in ['critical', 'high'] and page.service != 'sandbox'"
room: {type: instant, display_name: "{{ page.title }}"}
"""
ALL_HANDS: Final = """\
version: 1
name: all-hands
on_schedule: {cron: "30 2 * * SUN", timezone: Europe/Berlin, duration: 60m}
room: {type: long_term, display_name: "All hands"}
"""


def teams(*slugs: str) -> bytes:
    """The data file: a subject a line."""
    lines = (f"- {{slug: {slug}, name: {slug.title()}}}\n" for slug in slugs)
    return "".join(lines).encode()


@dataclass
class Told:
    """A world, and what was asked of it and answered."""

    world: World
    said: list[str] = field(default_factory=list)

    async def why(self, name: str) -> WhyReport:
        report = await self.world.desk.why(name)
        self._say("why", name, lambda screen: show_why(screen, report))
        return report

    async def why_not(self, name: str) -> WhyNotReport:
        report = await self.world.desk.why_not(name)
        self._say("why-not", name, lambda screen: show_why_not(screen, report))
        return report

    def _say(self, command: str, name: str, show: Callable[[Screen], None]) -> None:
        out = io.StringIO()
        now = self.world.clock.now()
        show(Screen(out, out, terminal=True, width=WIDTH, color=False, now=now, zone=UTC))
        asked = f'"{name}"' if " " in name else name
        text = _DRAWN.sub("…", out.getvalue()).replace("fakefake-", "k3m9x2aa-")
        self.said.append(f"$ room-orchestrator rooms {command} {asked}\n{text}")


Doing = Callable[[Told], Awaitable[None]]


@dataclass(frozen=True)
class Situation:
    """One title of the page: what was done, and how the world was made."""

    title: str
    intro: str
    do: Doing
    world: Callable[[], World]


SITUATIONS: Final[list[Situation]] = []


class Steady(World):
    """A world that does the same at the same times in every run."""

    def build(self) -> Engine:
        engine = super().build()
        engine.jitter = lambda: 0.5
        engine.parts.pages.entropy = Random(1).randbytes
        return engine


def a_world(policy: str = TEAM_ROOMS, *slugs: str, **options: Any) -> World:
    """A company's policies, that lists each day."""
    options = {"resync": DAY, **options}
    world = Steady({"team-rooms.yaml": policy.encode()}, **options)
    world.sources.data["teams.yaml"] = teams(*(slugs or ("checkout", "search")))
    jonas = Provenance(1001, START, "4be12f09aa", "Jonas Meyer")
    anna = Provenance(1002, START, "9a77d01c55", "Anna Nowak")
    world.sources.provenance |= {"team-rooms.yaml": jonas, "data/teams.yaml": anna}
    world.links = SCHEME
    return world


def situation(
    title: str, intro: str, world: Callable[[], World] = a_world
) -> Callable[[Doing], Doing]:
    """Put a situation on the page."""

    def put(do: Doing) -> Doing:
        SITUATIONS.append(Situation(title, intro, do, world))
        return do

    return put


def names(report: WhyNotReport | WhyReport) -> list[str]:
    """What stands in the way, by its words, in order."""
    found = report.obstacles if isinstance(report, WhyNotReport) else report.holds
    return [one.by for one in found]


def whole(report: WhyNotReport | WhyReport) -> None:
    """It names policy line, record, observation, and next act with its time."""
    assert report.asked is not None
    assert re.fullmatch(r"[a-z-]+\.yaml:\d+", report.asked.place)
    assert report.asked.seq > 0
    last = report.last if isinstance(report, WhyNotReport) else report.history[-1]
    assert last is not None
    assert last.seq > 0
    assert report.seen.listed_at is not None
    assert report.next_act is not None
    assert report.next_act.what
    assert report.unknown == ()


async def rest(world: World, seconds: float) -> None:
    await world.pass_(seconds * SECOND, step=SECOND / 2)


# --- rooms ----------------------------------------------------------------------------------------

WINDOW: Final = 'renewal: {before: 60d, window: {cron: "0 6 * * *", timezone: UTC, duration: 4h}}\n'


@situation(
    "A room, and its next renewal in a window",
    "The whole chain: the line that asks for it, its version and who wrote it, the call that made "
    "it, what the API shows, who was told, and when it is renewed, why then, and at the latest.",
    lambda: a_world(TEAM_ROOMS + WINDOW + DELIVERED),
)
async def made(told: Told) -> None:
    report = await told.why("900-001-000")
    whole(report)
    assert report.asked is not None
    assert (report.asked.place, report.asked.subject_place) == (
        "team-rooms.yaml:3",
        "data/teams.yaml:1",
    )
    assert report.asked.by == "Jonas Meyer, 4be12f09"
    (line,) = [one for one in report.history if one.event == "room.created"]
    assert (line.method, line.status) == ("POST", 200)
    assert report.trail[0].event == "policy.loaded"
    assert report.trail[-1].event == "room.created"
    act = report.next_act
    assert act is not None
    assert act.what == "renew"
    assert 6 <= act.at.hour < 10
    assert "in its window" in act.why
    assert act.latest is not None
    assert [row.stage for row in report.told] == ["open"]
    assert (await told.why_not("Checkout room")).obstacles == ()


@situation(
    "A change that waits for people inside",
    "A name cannot be patched, so another one means another room, and that waits.",
    lambda: a_world(TEAM_ROOMS + "replace: now\n"),
)
async def occupied(told: Told) -> None:
    world = told.world
    world.fake.join((await world.ids())[CHECKOUT])
    await world.edit(
        {"team-rooms.yaml": (TEAM_ROOMS.replace(" room", " team") + "replace: now\n").encode()}
    )
    report = await told.why_not(CHECKOUT)
    whole(report)
    assert names(report) == ["occupied"]
    assert report.obstacles[0].action == "replace"
    assert report.obstacles[0].until is not None
    assert "team-rooms.yaml:6" in report.obstacles[0].told


@situation(
    "A brake holds removals",
    "More subjects went at once than may. Nothing ends until a person says so, or they come back.",
    lambda: a_world(
        TEAM_ROOMS + "removal: {mode: delete, grace: 1h}\n",
        *("checkout", "data", "mobile", "payments", "search"),
        limits=Limits(max_removals=1, max_removal_percent=10),
    ),
)
async def braked(told: Told) -> None:
    world = told.world
    await world.edit(teams_yaml=teams("search"))
    await world.pass_(2 * HOUR)
    report = await told.why_not("team-rooms/payments")
    whole(report)
    assert names(report) == ["not-wanted", "brake"]
    assert report.obstacles[1].seq > 0
    assert report.advice.startswith("room-orchestrator rooms approve ")
    await told.why("team-rooms/payments")


@situation(
    "A subject left the data, and another came in the same change",
    "Perhaps it is the same team under another name: the one line that says so can be pasted. Here "
    "nothing was made for the new one yet, because the policy only observes.",
)
async def left(told: Told) -> None:
    world = told.world
    await world.edit({"team-rooms.yaml": (TEAM_ROOMS + "mode: observe\n").encode()})
    await world.edit(teams_yaml=teams("checkout-eu", "search"))
    report = await told.why_not(CHECKOUT)
    whole(report)
    assert names(report)[0] == "not-wanted"
    assert report.obstacles[0].since == START + SECOND
    assert report.advice == "team-rooms.yaml:  moved: [{from: checkout, to: checkout-eu}]"


@situation(
    "A subject that was renamed",
    "Its old key still answers: the room serves another one, and people's link is the same.",
)
async def renamed(told: Told) -> None:
    world = told.world
    room = await world.room(CHECKOUT)
    moved = TEAM_ROOMS + "moved: [{from: checkout, to: payments}]\n"
    same_name = b"- {slug: payments, name: Checkout}\n- {slug: search, name: Search}\n"
    await world.edit({"team-rooms.yaml": moved.encode()}, teams_yaml=same_name)
    report = await told.why_not(CHECKOUT)
    whole(report)
    assert names(report)[0] == "renamed"
    assert report.key == "team-rooms/payments"
    assert (await told.why(CHECKOUT)).rooms[0].room_id == room.id


@situation(
    "A policy file with a mistake",
    "The version of before stays in force, and in it nothing asks for the new subject.",
)
async def mistaken(told: Told) -> None:
    world = told.world
    wrong = TEAM_ROOMS.replace("display_name", "displayname")
    await world.edit({"team-rooms.yaml": wrong.encode()})
    await world.pass_(HOUR)
    report = await told.why_not("team-rooms/payments")
    assert names(report) == ["policy", "not-wanted"]
    assert "team-rooms.yaml:6:3" in report.obstacles[0].told
    assert "stays in force" in report.obstacles[0].told
    assert report.obstacles[0].seq > 0
    standing = await told.why_not(CHECKOUT)
    whole(standing)
    assert names(standing) == ["policy"]


@situation(
    "A room that a person deleted at the API, and that was made again",
    "Between two looks it was gone, by no act of this daemon; another one took its place.",
    lambda: a_world(TEAM_ROOMS + DELIVERED),
)
async def deleted_by_hand(told: Told) -> None:
    world = told.world
    old = await world.room(CHECKOUT)
    world.fake.vanish(old.id)
    await world.pass_(3 * DAY)
    new = await world.room(CHECKOUT)
    assert new.id != old.id
    report = await told.why(CHECKOUT)
    whole(report)
    events = [line.event for line in report.history]
    assert events.index("room.lost") < len(events) - 1
    gone = await told.why(old.id)
    assert gone.ended is not None
    assert gone.ended.event == "room.lost"
    assert gone.ended.room_id == old.id


@situation(
    "A room that is gone: who deleted it, and why",
    "The name of a room that is remembered no more leads to the facts about it.",
    lambda: a_world(TEAM_ROOMS + "removal: {mode: delete, grace: 1h}\n"),
)
async def gone(told: Told) -> None:
    world = told.world
    room = await world.room(CHECKOUT)
    await world.edit(teams_yaml=teams("search"))
    await world.pass_(2 * DAY)
    assert world.names == ["Search room"]
    report = await told.why("Checkout room")
    assert report.key == CHECKOUT
    assert report.ended is not None
    assert (report.ended.event, report.ended.room_id) == ("room.deleted", room.id)
    assert (report.ended.method, report.ended.status) == ("DELETE", 200)
    steps = [line.event for line in report.trail]
    assert steps[0] == "policy.loaded"
    assert "room.tombstoned" in steps
    assert steps[-1] == "room.deleted"
    assert report.asked is not None
    assert report.asked.place == "team-rooms.yaml:3"
    answer = await told.why_not(CHECKOUT)
    assert "(Anna Nowak, 9a77d01c)" in answer.obstacles[0].told


@situation(
    "A policy that is gone, and its rooms",
    "They are kept for the grace that was stored with them, and then let go.",
)
async def policy_gone(told: Told) -> None:
    world = told.world
    await world.edit({"team-rooms.yaml": None})
    report = await told.why_not(CHECKOUT)
    assert names(report) == ["not-wanted", "grace"]
    assert report.obstacles[0].seq > 0
    assert report.obstacles[1].until == START + 7 * DAY + SECOND / 2
    assert report.next_act is not None
    assert report.next_act.what == "end"
    assert report.asked is not None
    assert report.asked.place == "team-rooms.yaml"
    await told.why(CHECKOUT)


@situation(
    "A second room for one key",
    "A create was carried out late; its room was told to nobody, and was ended.",
)
async def duplicate(told: Told) -> None:
    world = told.world
    world.fake.script("create_room", Fate.DROP_THEN_ACT)
    await world.edit(teams_yaml=teams("checkout", "payments", "search"))
    await world.pass_(2 * MINUTE, step=SECOND * 5)
    current = await world.room("team-rooms/payments")
    world.fake.act_late()
    await world.pass_(2 * DAY)
    (other,) = [one for one in world.facts if one.event == "room.duplicated"]
    assert other.room_id != current.id
    report = await told.why(other.room_id)
    whole(report)
    assert report.ended is not None
    assert report.ended.room_id == other.room_id
    assert report.rooms[0].room_id == current.id


# --- what stops everything ------------------------------------------------------------------------


@situation(
    "Nothing is written yet: observe",
    "The room is wanted and would be made; the mode is what stands in the way.",
    lambda: a_world(mode=Mode.OBSERVE),
)
async def observing(told: Told) -> None:
    report = await told.why_not(CHECKOUT)
    whole(report)
    assert names(report) == ["mode"]
    assert report.obstacles[0].seq > 0
    assert report.advice == "config.yaml:  mode: enforce"
    await told.why_not("team-rooms")


@situation(
    "Changes are frozen",
    "By a person, with an end and a reason; it ends by itself.",
)
async def frozen(told: Told) -> None:
    world = told.world
    until = world.clock.now() + 2 * DAY
    await world.desk.freeze(until, ANNA)
    await world.edit(teams_yaml=teams("checkout", "payments", "search"))
    report = await told.why_not("team-rooms/payments")
    whole(report)
    assert names(report) == ["frozen"]
    (one,) = report.obstacles
    assert (one.action, one.until) == ("create", until)
    assert "OPS-4711" in one.told
    assert one.seq > 0
    (freeze,) = (await world.desk.status()).freezes
    assert report.advice == f"room-orchestrator unfreeze {freeze.name} --reason …"
    assert report.next_act is not None
    assert (report.next_act.what, report.next_act.at) == ("resume", until)


def within_hours() -> World:
    """One whose rooms are changed in office hours alone."""
    world = a_world()
    world.change_times = change_times(["MON-THU 13:00-16:00 Europe/Berlin"], ["2026-01-05"])
    return world


@situation(
    "The change window is closed",
    "The hours are told with where they are written; it opens by itself.",
    within_hours,
)
async def closed_window(told: Told) -> None:
    report = await told.why_not(CHECKOUT)
    whole_but_record(report)
    assert names(report) == ["window"]
    opens = datetime(2026, 1, 6, 12, tzinfo=UTC)
    assert report.obstacles[0].until == opens
    assert "(config.yaml: MON-THU 13:00-16:00 Europe/Berlin)" in report.obstacles[0].told
    assert report.next_act is not None
    assert (report.next_act.what, report.next_act.at) == ("resume", opens)


@situation(
    "The API refuses our credentials",
    "No call leaves but one probe a minute.",
)
async def refused(told: Told) -> None:
    world = told.world
    world.fake.unauthorized = True
    await world.edit(teams_yaml=teams("checkout", "payments", "search"))
    await world.pass_(10 * MINUTE)
    report = await told.why_not("team-rooms/payments")
    whole(report)
    assert names(report) == ["credentials"]
    assert report.obstacles[0].since is not None
    assert report.next_act is not None
    assert report.next_act.what == "try again"
    assert report.next_act.at <= world.clock.now() + 2 * MINUTE


@situation(
    "The API fails, and the call is tried again at a moment",
    "A call that fails is tried again, later each time.",
)
async def failing(told: Told) -> None:
    world = told.world
    world.fake.script("create_room", *[Fate.UNSENT] * 3)
    await world.edit(teams_yaml=teams("checkout", "payments", "search"))
    report = await told.why_not("team-rooms/payments")
    whole(report)
    assert names(report) == ["back-off"]
    assert report.obstacles[0].until is not None
    assert report.next_act is not None
    assert (report.next_act.what, report.next_act.at) == ("try again", report.obstacles[0].until)


@situation(
    "This machine's clock and the API's disagree",
    "Until they agree nothing is removed, and no schedule opens a room.",
    lambda: a_world(TEAM_ROOMS + "removal: {mode: delete, grace: 1h}\n"),
)
async def apart(told: Told) -> None:
    world = told.world
    world.fake.skew = 600.0
    await world.pass_(DAY + HOUR)
    await world.edit(teams_yaml=teams("search"))
    report = await told.why_not(CHECKOUT)
    whole(report)
    assert "doubt" in names(report)
    assert any("clock" in one.told for one in report.obstacles)


def forgetful() -> World:
    """One whose API loses our marker."""
    world = a_world()
    world.rooms = world.fake = Forgetful(world.clock, "both")
    return world


@situation(
    "The first room is not verified yet",
    "An API that loses our marker gets one room of us, and no second.",
    forgetful,
)
async def canary(told: Told) -> None:
    report = await told.why_not("team-rooms/search")
    whole(report)
    assert names(report) == ["canary"]
    assert report.next_act is not None


# --- questions to people, and their words ---------------------------------------------------------


@situation(
    "A room that is not ours bears the name",
    "Is it the same room? A person says so, or that it is another one.",
)
async def look_alike(told: Told) -> None:
    world = told.world
    world.fake.plant(
        NewRoom("Payments room", RoomType.LONG_TERM, "", {}, world.clock.now() + 90 * DAY)
    )
    await world.pass_(DAY + HOUR)
    await world.edit(teams_yaml=teams("checkout", "payments", "search"))
    report = await told.why_not("team-rooms/payments")
    whole(report)
    assert names(report) == ["look-alike"]
    assert "rooms adopt" in report.advice
    assert "rooms distinct" in report.advice


@situation(
    "Suspended until a moment, and protected",
    "A person's word, told with who said it and why.",
    lambda: a_world(TEAM_ROOMS + "removal: {mode: delete, grace: 1h}\n"),
)
async def suspended(told: Told) -> None:
    world = told.world
    until = world.clock.now() + 2 * DAY
    await world.desk.suspend(CHECKOUT, until, ANNA)
    await world.desk.protect("team-rooms/search", ANNA)
    await world.edit(teams_yaml=teams("payments"))
    report = await told.why_not(CHECKOUT)
    whole(report)
    assert names(report)[:2] == ["not-wanted", "suspended"]
    assert report.obstacles[1].until == until
    assert "OPS-4711" in report.obstacles[1].told
    assert report.next_act is not None
    assert (report.next_act.what, report.next_act.at) == ("resume", until)
    protected = await told.why_not("team-rooms/search")
    whole(protected)
    assert names(protected) == ["not-wanted", "protected"]
    assert protected.advice == "room-orchestrator rooms protect team-rooms/search --off --reason …"


@situation(
    "A room that nobody uses",
    "It is renewed no more, and has ended; none is made anew by itself.",
    lambda: a_world(
        TEAM_ROOMS.replace("365d", "60d") + "renewal: {only_if_used_within: 20d}\n", "checkout"
    ),
)
async def dormant(told: Told) -> None:
    await told.world.pass_(70 * DAY)
    report = await told.why_not(CHECKOUT)
    whole(report)
    assert names(report) == ["dormant"]
    assert report.advice == "room-orchestrator rooms renew team-rooms/checkout --reason …"


# --- pages and schedules --------------------------------------------------------------------------


def paged(policy: str = ONCALL, **options: Any) -> World:
    """One that makes rooms for pages."""
    world = Steady({"oncall-bridge.yaml": policy.encode()}, resync=DAY, **options)
    world.links = SCHEME
    return world


@situation(
    "A page that no policy takes",
    "What the policies look at, and what this page says there.",
    paged,
)
async def ignored(told: Told) -> None:
    await told.world.send(opened(number="4711", service="sandbox"))
    report = await told.why_not("4711")
    assert report.kind == "page"
    assert names(report) == ["when"]
    (one,) = report.obstacles
    assert one.told.startswith("oncall-bridge.yaml:5 takes a page when page.severity in [")
    assert "page.severity is 'critical'; page.service is 'sandbox'" in one.told
    assert report.last is not None
    assert report.last.event == "page.ignored"
    assert report.next_act is not None


@situation(
    "A page whose room does not come",
    "People are sent to the fallback, and the call is tried again.",
    lambda: paged(ONCALL + "fallback: {after: 20s, url: https://bridge.test/1}\n"),
)
async def awaited(told: Told) -> None:
    world = told.world
    world.fake.script("create_room", *[Fate.UNSENT] * 30)
    await world.send(opened(number="4711"))
    await rest(world, 25)
    report = await told.why_not("4711")
    whole(report)
    assert names(report) == ["fallback", "back-off"]
    assert report.obstacles[0].since is not None
    assert report.next_act is not None
    assert report.next_act.what == "try again"
    chain = await told.why("4711")
    assert chain.closes_at == START + DAY + SECOND / 2
    await world.send(closed())


def scheduled(start: str = "2026-03-20T09:00+00:00") -> World:
    """One that makes rooms by a schedule, from a Friday on."""
    world = Steady(
        {"all-hands.yaml": ALL_HANDS.encode()},
        resync=DAY,
        clock=VirtualClock(datetime.fromisoformat(start)),
    )
    world.links = SCHEME
    return world


@situation(
    "An occurrence that is still to come, and one that there is not",
    "A room opens by itself at its time. Where the clocks go forward, a time may not exist.",
    scheduled,
)
async def occurrences(told: Told) -> None:
    report = await told.why_not("all-hands/2026-03-22T0230")
    whole_but_record(report)
    assert names(report) == ["not-yet"]
    assert report.obstacles[0].until == datetime(2026, 3, 22, 1, 15, tzinfo=UTC)
    assert report.next_act is not None
    assert (report.next_act.what, report.next_act.at) == ("open", report.obstacles[0].until)
    skipped = await told.why_not("all-hands/2026-03-29T0230")
    assert "02:30 is no time of that day in Europe/Berlin" in skipped.obstacles[0].told
    assert "all-hands/2026-03-29T0330" in skipped.near
    none = await told.why_not("all-hands/2026-03-23T0230")
    assert "has no start at that time" in none.obstacles[0].told


@situation(
    "Nothing is known of the word",
    "Also an answer, with the nearest names.",
)
async def unknown(told: Told) -> None:
    report = await told.why_not("checkoot")
    assert (report.kind, report.near) == ("unknown", (CHECKOUT,))
    with pytest.raises(DeskError, match="did you mean team-rooms/checkout"):
        await told.world.desk.why("checkoot")


# --- beside the page ------------------------------------------------------------------------------


async def test_without_a_daemon_it_says_what_cannot_be_known() -> None:
    """From the store alone: the chain is there, and what is now is not."""
    world = a_world(TEAM_ROOMS + WINDOW + DELIVERED)
    async with alive(world):
        room = await world.room(CHECKOUT)
        running = await world.desk.why(CHECKOUT)
        await world.stop()
        engine, desk = world.offline()
        await engine.look()
        report = await desk.why(room.id)
        assert report.asked == running.asked
        assert report.renewal == running.renewal
        assert [line.event for line in report.trail] == [line.event for line in running.trail]
        assert report.seen.listed_at is None
        assert report.fields == ()
        assert "no daemon runs" in report.unknown[0]
        assert "the API was not asked" in report.unknown[1]
        answer = await desk.why_not("team-rooms/payments")
        assert names(answer) == ["not-wanted"]
        assert len(answer.unknown) == 2
        await engine.parts.resync.full()
        assert len((await desk.why(CHECKOUT)).unknown) == 1


async def test_a_name_that_may_be_two_is_asked_back() -> None:
    """And a policy is no key."""
    world = a_world()
    world.sources.data["teams.yaml"] = b"- {slug: a, name: Same}\n- {slug: b, name: Same}\n"
    async with alive(world):
        with pytest.raises(DeskError, match="may be team-rooms/a, team-rooms/b; name one of them"):
            await world.desk.why_not("same ROOM")
        with pytest.raises(DeskError, match="is a policy: name one of its keys"):
            await world.desk.why("team-rooms")
        link = world.engine.links.link_of(key("team-rooms/a"))
        assert (await world.desk.why(link)).key == "team-rooms/a"
        assert (await world.desk.why("a")).key == "team-rooms/a"
        with pytest.raises(DeskError, match="say what is meant"):
            await world.desk.why_not("  ")


async def test_a_room_that_is_not_ours_is_told_as_such() -> None:
    """Whoever marked it; and how it would become ours."""
    world = a_world()
    end = world.clock.now() + 90 * DAY
    other = new_marker("someone-else", key(CHECKOUT), 1, "k3m9x2ab-0123456789abcdef")
    unmarked = world.fake.plant(NewRoom("Board room", RoomType.LONG_TERM, "", {}, end))
    marked = world.fake.plant(
        NewRoom("Their room", RoomType.LONG_TERM, write_metadata("", other), {}, end)
    )
    async with alive(world):
        told = await world.desk.why("board room")
        assert "bears no marker of ours" in told.wanted
        assert (told.key, told.seen.room) == (unmarked.id, "there")
        assert "by someone-else" in (await world.desk.why(marked.id)).wanted
        answer = await world.desk.why_not(unmarked.meeting_code)
        assert (answer.kind, answer.key) == ("foreign", unmarked.id)
        assert answer.advice == f"room-orchestrator rooms adopt {unmarked.id} KEY --reason …"


async def test_pages_that_are_over_that_share_and_that_nobody_hears() -> None:
    """A storm, a source that no policy names, and a page that was closed."""
    storm = ONCALL + "storm: {more_than: 2, within: 5m}\n"
    async with alive(paged(storm)) as world:
        await world.send(*(opened(f"Q{number}", number=str(number)) for number in range(4)))
        report = await world.desk.why_not("3")
        assert "shares" in names(report)
        with pytest.raises(DeskError, match="may be the pages pagerduty"):
            await world.desk.why_not("is SLOW")
        await world.send(opened("X1", number="77", source="grafana"))
        unheard = await world.desk.why_not("77")
        assert unheard.obstacles[0].told == (
            "no policy in force names the source grafana; those that are named: pagerduty"
        )
        await world.send(opened("Q9", number="99", severity=Severity.LOW))
        alone = await world.desk.why("99")
        assert alone.page == "pagerduty 99"
        assert names(alone) == ["when"]
        assert alone.next_act is not None
        await world.send(closed("Q9"), *(closed(f"Q{number}") for number in range(4)))
        over = await world.desk.why_not("99")
        assert names(over)[0] == "not-wanted"
        assert over.next_act is None
        assert (await world.desk.why("99")).holds == ()
        await world.pass_(HOUR)
        gone = await world.desk.why_not("pagerduty 0")
        assert names(gone)[0] == "not-wanted"
        assert "its page is over" in gone.obstacles[0].told
        pages = await world.desk.why_not("oncall-bridge")
        assert pages.verdict.startswith("It makes rooms for pages")
        nothing = await world.desk.why_not("oncall-bridge/nobody")
        assert "makes rooms for pages, and none is known by nobody" in nothing.obstacles[0].told


async def test_of_many_different_things_the_first_twenty_are_told() -> None:
    """Twenty-five rooms of others bear the names that are wanted: each is a question of its own."""
    slugs = [f"team-{number:02}" for number in range(25)]
    world = a_world(TEAM_ROOMS, *slugs)
    end = world.clock.now() + 90 * DAY
    for slug in slugs:
        world.fake.plant(NewRoom(f"{slug.title()} room", RoomType.LONG_TERM, "", {}, end))
    async with alive(world):
        report = await world.desk.why_not("team-rooms")
        assert names(report) == ["look-alike"] * 20 + ["more"]
        assert report.obstacles[-1].told.startswith("5 more keys")
        assert "rooms adopt" in report.advice


async def test_what_stands_before_many_keys_is_said_once() -> None:
    """With the first of their names, and how many more; what is not looked at is counted."""
    slugs = [f"team-{number}" for number in range(210)]
    async with alive(a_world(TEAM_ROOMS, *slugs, mode=Mode.OBSERVE)) as world:
        report = await world.desk.why_not("team-rooms")
        assert report.verdict.startswith("0 of 210 keys have their room.")
        assert names(report) == ["mode", "more"]
        assert report.obstacles[0].told.endswith("team-100, team-101 and 195 more")
        assert report.obstacles[1].told.startswith("10 more keys")
        await world.edit({"team-rooms.yaml": TEAM_ROOMS.replace("name:", "naem:", 1).encode()})
        assert names(await world.desk.why_not("team-rooms"))[0] == "policy"
        other = await world.desk.why_not("nobody/a")
        assert names(other)[0] == "policy"


async def test_subjects_that_cannot_be_read_keep_their_rooms() -> None:
    """The file of the subjects has the mistake; one subject alone, or all of them."""
    async with alive(a_world()) as world:
        await world.edit(teams_yaml=b"- {slug: checkout}\n- {slug: search, name: Search}\n")
        report = await world.desk.why_not(CHECKOUT)
        assert names(report) == ["policy"]
        assert "its last good wish stays in force" in report.obstacles[0].told
        assert (await world.desk.why(CHECKOUT)).wanted.startswith("kept by its last good spec")
        await world.edit(teams_yaml=b"- {slug: [}\n")
        assert names(await world.desk.why_not(CHECKOUT)) == ["sources"]
        assert names(await world.desk.why_not("team-rooms")) == ["sources"]
        unknown = await world.desk.why("team-rooms/checkout")
        assert unknown.next_act is not None


async def test_a_store_that_cannot_record_stands_before_everything() -> None:
    async with alive(a_world()) as world:
        world.engine.refusal = "Nothing is done, because nothing can be recorded: disk full"
        report = await world.desk.why_not(CHECKOUT)
        assert names(report) == ["store"]
        assert report.verdict.startswith("Its room is there")


async def test_a_policy_that_alone_observes_is_where_the_mode_is_changed() -> None:
    async with alive(a_world(TEAM_ROOMS + "mode: observe\n")) as world:
        report = await world.desk.why_not(CHECKOUT)
        assert report.advice == "team-rooms.yaml:8:  mode: enforce"
    # Where the config is the stricter one, the policy's own guard stays as it is.
    guarded = a_world(TEAM_ROOMS + "mode: no-removals\n", mode=Mode.OBSERVE)
    async with alive(guarded) as world:
        report = await world.desk.why_not(CHECKOUT)
        assert report.obstacles[0].told == "mode is observe"
        assert report.advice == "config.yaml:  mode: enforce"


async def test_schedules_that_are_over_and_clocks_that_disagree() -> None:
    """What was made is told, and what was never made as well; nonsense is named as such."""
    async with alive(scheduled()) as world:
        over = await world.desk.why_not("all-hands/2026-03-15T0230")
        assert over.obstacles[0].told == "its occurrence has ended, and no room was made for it"
        assert over.obstacles[0].since == datetime(2026, 3, 15, 2, 30, tzinfo=UTC)
        policy = await world.desk.why_not("all-hands")
        assert policy.verdict.startswith("It opens rooms at their times, 0 are there now")
        assert policy.next_act is not None
        assert (policy.next_act.what, policy.next_act.key) == ("open", "all-hands/2026-03-22T0230")
        nonsense = await world.desk.why_not("all-hands/tuesday")
        assert "names no occurrence" in nonsense.obstacles[0].told
        await world.pass_(datetime(2026, 3, 22, 1, 20, tzinfo=UTC) - world.clock.now())
        there = await world.desk.why_not("all-hands/2026-03-22T0230")
        assert (there.kind, there.obstacles) == ("occurrence", ())
        world.fake.skew = 600.0
        await world.engine.parts.resync.full()
        await world.pass_(5 * MINUTE)
        report = await world.desk.why_not("all-hands/2026-03-29T0330")
        assert names(report) == ["not-yet", "clock"]
        assert report.obstacles[1].seq > 0
        world.fake.skew = 0.0
        await world.pass_(DAY)
        ended = await world.desk.why_not("all-hands/2026-03-22T0230")
        assert ended.obstacles[0].told == "its occurrence has ended"


async def test_what_was_decided_and_not_begun_is_told_without_a_daemon() -> None:
    """The data changed while none ran: what would be done is under way, and nothing in its way."""
    world = a_world()
    async with alive(world):
        await world.stop()
        world.sources.data["teams.yaml"] = teams("payments", "search")
        engine, desk = world.offline()
        await engine.parts.resync.full()
        await engine.look()
        new = await desk.why_not("team-rooms/payments")
        assert new.obstacles == ()
        assert new.verdict.startswith("No room yet, and nothing is in the way")
        old = await desk.why_not(CHECKOUT)
        assert names(old) == ["not-wanted", "grace"]
        assert [line.action for line in (await desk.why(CHECKOUT)).plan] == ["bury"]


async def test_what_is_kept_for_good_says_how_it_is_let_go() -> None:
    """`removal: keep`, and a protected room of a policy that is gone."""
    async with alive(a_world(TEAM_ROOMS + "removal: {mode: keep}\n")) as world:
        await world.desk.protect("team-rooms/search", ANNA)
        await world.edit(teams_yaml=teams("search"))
        kept = await world.desk.why_not(CHECKOUT)
        assert names(kept) == ["not-wanted", "kept"]
        assert kept.advice == "room-orchestrator rooms forget team-rooms/checkout --reason …"
        assert kept.next_act is not None
        assert kept.next_act.what == "renew"
        await world.edit(teams_yaml=teams("payments", "search"))
        later = await world.desk.why_not(CHECKOUT)
        assert later.obstacles[0].told == "its subject is gone from team-rooms.yaml"
        await world.edit({"team-rooms.yaml": None})
        protected = await world.desk.why_not("team-rooms/search")
        assert names(protected) == ["not-wanted", "protected"]
        assert protected.obstacles[0].seq > 0


async def test_a_room_that_is_renewed_before_its_grace_is_over_says_so() -> None:
    """What comes next is what comes first."""
    short = TEAM_ROOMS.replace("365d", "20d") + "removal: {mode: delete, grace: 60d}\n"
    async with alive(a_world(short)) as world:
        await world.edit(teams_yaml=teams("search"))
        report = await world.desk.why_not(CHECKOUT)
        assert names(report) == ["not-wanted", "grace"]
        assert report.next_act is not None
        assert report.next_act.what == "renew"
        assert report.next_act.at < START + 20 * DAY


async def test_without_a_daemon_the_mode_is_told_before_the_listing() -> None:
    """No listing was made, and the mode would hold the room all the same."""
    world = a_world(mode=Mode.OBSERVE)
    async with alive(world):
        await world.stop()
        engine, desk = world.offline()
        await engine.look()
        report = await desk.why_not(CHECKOUT)
        assert names(report) == ["mode", "first-listing"]
        assert report.advice == "config.yaml:  mode: enforce"


async def test_a_room_that_is_missed_is_told_as_gone() -> None:
    async with alive(a_world()) as world:
        room = await world.room(CHECKOUT)
        world.fake.vanish(room.id)
        await world.engine.parts.resync.full()
        report = await world.desk.why_not(CHECKOUT)
        assert report.seen.room == "gone"
        assert report.seen.why


async def test_who_was_told_of_a_link_and_who_was_not() -> None:
    """By messages, and by a list that cannot be written."""
    world = a_world(TEAM_ROOMS + "deliver: [{to: rooms-json}, {to: chat}]\n")
    world.messengers["chat"] = FakeMessenger("chat", edits=True)
    world.destination.fault = DeliveryFault("disk full")
    async with alive(world):
        await rest(world, 5)
        told = {row.destination: row for row in (await world.desk.why(CHECKOUT)).told}
        assert told["chat"].stage == "open"
        assert told["chat"].told_at is not None
        assert (told["rooms-json"].stage, "disk full" in told["rooms-json"].fault) == ("", True)


async def test_an_occurrence_that_is_to_come_has_a_why() -> None:
    async with alive(scheduled()) as world:
        report = await world.desk.why("all-hands/2026-03-22T0230")
        assert report.wanted == "from 22 Mar 2026 01:15:00Z on"
        assert names(report) == ["not-yet"]


async def test_a_page_in_whose_room_people_are_needs_no_fallback() -> None:
    """Nor does one whose time for that has not come."""
    policy = ONCALL + "fallback: {after: 20s, room: team-rooms/checkout}\n"
    async with alive(paged(policy)) as world:
        await world.send(opened(number="4711"))
        await rest(world, 25)
        assert (await world.desk.why_not("4711")).obstacles == ()
        world.fake.script("create_room", *[Fate.UNSENT] * 30)
        await world.send(opened("Q2", number="4712"))
        await rest(world, 5)
        assert names(await world.desk.why_not("4712")) == ["back-off"]
        key_ = str(next(one.key for one in world.engine.parts.pages.standing() if one.key))
        assert (await world.desk.why_not(key_)).kind == "page"


async def test_a_page_that_came_before_a_policy_took_all_is_told_so() -> None:
    async with alive(paged()) as world:
        await world.send(opened(number="4711", service="sandbox"))
        every = "\n".join(line for line in ONCALL.splitlines() if "when:" not in line) + "\n"
        await world.edit({"oncall-bridge.yaml": every.encode()})
        report = await world.desk.why_not("4711")
        (one,) = report.obstacles
        assert one.told == (
            "oncall-bridge.yaml takes every page of pagerduty now, and this one came before"
        )


async def test_a_room_by_an_operation_alone_and_a_key_of_nobody() -> None:
    """The facts are forgotten; what is known is said, and nothing else."""
    async with alive(a_world()) as world:
        nobody = Key("nobody", "x")
        made = Operation("fakefake-1", nobody, OperationKind.CREATE, 1, "r9", "", "", START)
        done = replace(made, state=OperationState.DONE)
        await world.store.commit(Commit(operations=(done,)), world.clock.now())
        report = await world.desk.why_not("r9")
        assert report.obstacles[0].told == "no policy in force is called nobody"
        unknown = await world.desk.why_not("nobody/y")
        assert "no policy in force is called nobody" in unknown.verdict
        await world.edit(teams_yaml=b"- {slug: [}\n")
        bare = KeyState(Key("team-rooms", "x"), distinct=frozenset({"1"}))
        await world.store.commit(Commit(states=(bare,)), world.clock.now())
        assert (await world.desk.why("team-rooms/x")).wanted.startswith("not known")


async def test_a_wanted_name_without_a_room_is_found() -> None:
    world = a_world()
    world.fake.down = True
    async with alive(world):
        assert await world.store.states() == []
        assert (await world.desk.why_not("checkout ROOM")).key == CHECKOUT


async def test_hours_of_a_policys_own_are_told_with_its_line_and_other_freezes_are_not() -> None:
    """A freeze of another policy holds nothing here."""
    own = TEAM_ROOMS + "changes: {allow: []}\n"
    async with alive(a_world(own)) as world:
        world.sources.policies["labs.yaml"] = TEAM_ROOMS.replace("team-rooms", "labs").encode()
        await world.edit({})
        await world.desk.freeze(world.clock.now() + DAY, ANNA, ("labs",))
        report = await world.desk.why_not(CHECKOUT)
        assert names(report) == ["window"]
        told = "it waits for a reviewed plan (team-rooms.yaml:8: by reviewed plans alone)"
        assert report.obstacles[0].told == told
        assert report.obstacles[0].until is None
        assert names(await world.desk.why_not("labs/checkout")) == []


# --- the page -------------------------------------------------------------------------------------


def whole_but_record(report: WhyNotReport) -> None:
    """As `whole`, of what was never done anything about."""
    assert report.asked is not None
    assert report.asked.seq > 0
    assert report.seen.listed_at is not None
    assert report.next_act is not None


HEAD: Final = """\
# Why, and why not

`room-orchestrator rooms why NAME` tells the whole chain of one room: the line that asks for it, what was done and how the API answered, what it shows now, who was told, and what comes next and when. `rooms why-not NAME` tells what stands in the way of what did not happen, in the order in which it has to be cleared, and until when; at most one line is advised, and it can be pasted.

NAME is a key (`team-rooms/checkout`), a room's id, meeting code, link or name, or what a page is known by: its number, address or title. For `why-not` it may be a policy's name, or a key that nothing asks for. What is gone is found by the facts that the store has of it (400 days, see `store.retention`), and after that in the audit log.

Both answer from memory and store, so they answer during an outage too. Without a daemon they say what cannot be known. `--json` has the same as values, with times in UTC. A number such as #12 is a fact: `room-orchestrator audit show 12`.

Each situation below is a test that does it to a running engine; what stands here is what it answered, with ids shortened. The first word of a line that stands in the way is the same in `--json` (`by`).
"""  # noqa: E501 - a paragraph a line


def section(one: Situation, said: list[str]) -> str:
    """A situation on the page."""
    return f"## {one.title}\n\n{one.intro}\n\n```\n{chr(10).join(said)}```\n"


def sections(page: str) -> list[str]:
    """The page in its parts: what stands before the first title, then each situation."""
    return re.split(r"\n(?=## )", page)


@pytest.mark.parametrize("one", SITUATIONS, ids=[one.do.__name__ for one in SITUATIONS])
async def test_a_situation_is_told_as_the_page_says(one: Situation) -> None:
    """What stands in the way, policy line, record, observation, next act and time."""
    world = one.world()
    told = Told(world)
    async with alive(world):
        await one.do(told)
    page = PAGE.read_text(encoding="utf-8")
    made = section(one, told.said)
    if os.environ.get("WRITE_DOCS"):
        parts = {part.partition("\n")[0]: part for part in sections(page)}
        parts[f"## {one.title}"] = made
        order = [f"## {one.title}" for one in SITUATIONS]
        texts = [parts[title].rstrip() + "\n" for title in order if title in parts]
        PAGE.write_text("\n".join([HEAD, *texts]), encoding="utf-8")
        return
    assert made.rstrip() in {part.rstrip() for part in sections(page)}, "run: WRITE_DOCS=1 pytest"


def test_the_page_has_these_situations_and_no_other() -> None:
    head, *parts = sections(PAGE.read_text(encoding="utf-8"))
    assert head == HEAD.rstrip() + "\n"
    assert [part.partition("\n")[0] for part in parts] == [f"## {one.title}" for one in SITUATIONS]
