"""Rooms follow what a directory answers; what is no answer removes nothing and makes nothing (P4).

The daemon in virtual time asks a service on a real socket through the real client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import pytest

from orchestrator.adapters.directories.fetching import HeldSecret, HttpDirectories
from orchestrator.domain.brakes import Limits
from orchestrator.domain.directories import SecretUse
from orchestrator.domain.policies import Directory
from orchestrator.domain.reports import StatusReport
from orchestrator.foundation.reach import Reach, read_reach
from orchestrator.foundation.secret import Secret
from orchestrator.ports.directories import Fetched, Validators
from orchestrator.ports.store import StoreFault
from tests.component.world import ANNA, HOUR, World, policy
from tests.fakes.clock import START
from tests.fakes.directories import FakeDirectories
from tests.fakes.service import Asked, Said, Service, as_json, message, serving, whole
from tests.mishaps import ANSWERS, BOUNDS, SHAPES, Mishap

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
GONE: Final = {"mode": "delete", "grace": "60s"}
BOTH: Final = ["Checkout room", "Search room"]
HERE: Final = read_reach(("127.0.0.0/8",))


def teams(*slugs: str) -> Said:
    """A good answer with these teams."""
    return whole({"teams": [{"slug": slug, "name": slug.title()} for slug in slugs]})


class Watched:
    """The client, with a count of what is under way: virtual time does not wait for sockets."""

    def __init__(self, inner: HttpDirectories) -> None:
        self._inner = inner
        self._under_way = 0
        self._answered = asyncio.Event()

    async def fetch(self, directory: Directory, known: Validators) -> Fetched:
        self._under_way += 1
        try:
            return await self._inner.fetch(directory, known)
        finally:
            self._under_way -= 1
            self._answered.set()

    async def answered(self) -> bool:
        """Wait until nothing is under way; false if nothing was."""
        if not self._under_way:
            return False
        while self._under_way:
            self._answered.clear()
            await self._answered.wait()
        return True


class Company(World):
    """A world whose teams stand in a directory."""

    def __init__(self, service: Service, *, reach: Reach = HERE, **options: Any) -> None:
        super().__init__(policies={}, **options)
        self.service = service
        self.sources.policies["team-rooms.yaml"] = self.policy()
        use = SecretUse(frozenset({service.host}))
        self.secrets = {"hr": use}
        client = HttpDirectories(
            {"hr": HeldSecret(use, lambda: Secret("hunter2"))}, reach, self.clock, BOUNDS
        )
        self.watched = Watched(client)
        self.directories = self.watched
        self.client = client

    def policy(
        self,
        name: str = "team-rooms",
        *,
        for_each: Mapping[str, Any] | None = None,
        http: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> bytes:
        """A policy for the teams of the service."""
        request = {"url": self.service.url, "select": "teams", **(http or {})}
        source = {"http": request, **(for_each or {})}
        return policy(name, for_each=source, **{"removal": GONE, **rest})

    async def working(self) -> bool:
        return await self.watched.answered()

    async def status(self) -> StatusReport:
        return await self.desk.status()

    async def end(self) -> None:
        await super().end()
        await self.client.close()

    async def poll(self, length: timedelta = timedelta(minutes=13)) -> None:
        """Let at least one turn of asking pass, minute by minute."""
        await self.pass_(length, step=MINUTE)


@asynccontextmanager
async def company(*slugs: str, start: bool = True, **options: Any) -> AsyncIterator[Company]:
    """A company whose daemon runs, and whose directory knows these teams."""
    async with serving() as service:
        service.says(teams(*slugs))
        world = Company(service, **options)
        try:
            if start:
                await world.start()
            yield world
        finally:
            await world.end()


async def still_the_same(world: Company, before: Mapping[str, str], length: timedelta) -> None:
    """Time passes, and nothing is made, ended or changed."""
    world.mark()
    await world.pass_(length)
    assert world.changes == []
    assert await world.ids() == before


# --- rooms follow ---------------------------------------------------------------------------------


async def test_rooms_follow_what_the_directory_answers() -> None:
    """A team comes, a team goes, and one is called something else."""
    async with company("checkout", "search") as world:
        assert world.names == BOTH
        world.service.says(teams("checkout", "search", "payments"))
        await world.poll()
        assert world.names == ["Checkout room", "Payments room", "Search room"]
        world.service.says(teams("checkout", "payments"))
        await world.poll()
        await world.pass_(HOUR)
        assert world.names == ["Checkout room", "Payments room"]


async def test_what_has_not_changed_costs_one_question_and_nothing_else() -> None:
    """304, or the same bytes again: the book is not made anew."""

    def reply(asked: Asked) -> Said:
        if asked.headers.get("if-none-match") == '"1"':
            return Said(message(b"", "304 Not Modified"))
        return Said(message(as_json({"teams": [{"slug": "a", "name": "A"}]}), ETag='"1"'))

    async with company() as world:
        for answer in (reply, lambda _: teams("checkout")):
            world.service.reply = answer
            await world.poll()
            reads, asked = world.sources.reads, len(world.service.asked)
            world.mark()
            await world.pass_(DAY, step=MINUTE)
            assert 120 < len(world.service.asked) - asked < 145  # every ten minutes and a little
            assert world.sources.reads == reads
            assert world.changes == []


async def test_p08_an_answer_in_another_order_writes_nothing() -> None:
    """Many services list in no order: not a key is written anew for where it stands."""
    async with company("checkout", "search", "data") as world:
        commits = len(world.store.commits)
        for slugs in (("data", "search", "checkout"), ("search", "data", "checkout")):
            reads = world.sources.reads
            world.service.says(teams(*slugs))
            await world.poll()
            assert world.sources.reads > reads
        assert world.store.commits[commits:] == []


async def test_scalars_stay_as_they_are_written() -> None:
    """Numbers are compared as numbers and become keys in their own spelling."""
    async with company(start=False) as world:
        world.service.says(
            Said(
                message(
                    b'{"teams": [{"slug": 007, "n": 9}, {"slug": 1.50, "n": 10}, '
                    b'{"slug": "010", "n": 11}]}'
                )
            )
        )
        select = {"select": "teams[?n >= `10`]"}
        room = {"display_name": "Team {{ team.slug }}"}
        world.sources.policies["team-rooms.yaml"] = world.policy(http=select, room=room)
        await world.start()
        assert world.names == ["Team 010", "Team 1.50"]


async def test_one_question_serves_all_policies_that_ask_it() -> None:
    """As often as the one that wants it most often."""
    async with company("checkout", start=False) as world:
        world.sources.policies["zones.yaml"] = world.policy("zones", http={"every": "1m"})
        await world.start()
        assert len(world.service.asked) == 1
        assert len(world.names) == 2
        await world.pass_(10 * MINUTE, step=timedelta(seconds=5))
        assert 9 <= len(world.service.asked) <= 11


async def test_a_directory_that_is_to_be_asked_more_often_is_asked_more_often_at_once() -> None:
    """Not only after the long time that was agreed before."""
    async with company("checkout", start=False) as world:
        world.sources.policies["team-rooms.yaml"] = world.policy(http={"every": "24h"})
        await world.start()
        await world.pass_(HOUR, step=5 * MINUTE)
        assert len(world.service.asked) == 1
        await world.edit({"team-rooms.yaml": world.policy(http={"every": "1m"})})
        await world.pass_(10 * MINUTE, step=timedelta(seconds=5))
        assert 9 <= len(world.service.asked) <= 11


async def test_nobody_asks_for_a_policy_that_is_gone() -> None:
    """The questions end with it."""
    async with company("checkout") as world:
        await world.edit({"team-rooms.yaml": None})
        asked = len(world.service.asked)
        await world.pass_(DAY)
        assert len(world.service.asked) == asked
        assert (await world.status()).directories == ()


async def test_an_empty_answer_counts_where_the_policy_says_so() -> None:
    """`min_items: 0`: then the last team may go, too."""
    async with company("checkout", start=False) as world:
        world.sources.policies["team-rooms.yaml"] = world.policy(for_each={"min_items": 0})
        await world.start()
        world.service.says(teams())
        await world.poll()
        await world.pass_(HOUR)
        assert world.names == []


async def test_a_sudden_shrink_is_the_brakes_business() -> None:
    """A whole answer with few of many teams: nothing ends until somebody approves."""
    many = [f"team-{number}" for number in range(10)]
    async with company(*many, limits=Limits(max_removals=3)) as world:
        world.service.says(teams("team-0"))
        await world.poll()
        await world.pass_(HOUR)
        assert len(world.names) == 10
        assert (await world.status()).brakes[0].wished == 9


# --- unknown is not empty -------------------------------------------------------------------------


@pytest.mark.parametrize("mishap", ANSWERS.values(), ids=ANSWERS)
async def test_p04_a_directory_that_fails_changes_nothing(mishap: Mishap) -> None:
    """What was known holds; after a restart, when nothing is, each room stays as it is."""
    async with company("checkout", "search") as world:
        before = await world.ids()
        world.service.says(mishap.said)
        await still_the_same(world, before, 2 * HOUR)
        status = await world.status()
        url = world.service.url
        assert status.directories[0].reason == mishap.reason
        assert status.directories[0].last_good == START
        assert status.needs_you[0].startswith(f"{url} {mishap.reason}, since 05 Jan 09:")
        told = "For team-rooms: the subjects of 05 Jan 09:00:00Z stay in force"
        assert status.needs_you[0].endswith(told)
        assert status.problems == ()
        assert f"{url} {mishap.reason}" in world.engine.headline()
        await world.restart()
        await still_the_same(world, before, 2 * HOUR)
        status = await world.status()
        assert status.policies[0].stale == f"{url} {mishap.reason}"
        told = "For team-rooms: their rooms stay as they are, and new ones are not made"
        assert status.needs_you[0].endswith(told)
        assert (await world.desk.plan()).unknown == (f"team-rooms: {url} {mishap.reason}",)
        world.service.says(teams("checkout", "payments"))
        await world.poll(timedelta(minutes=20))
        await world.pass_(HOUR)
        assert world.names == ["Checkout room", "Payments room"]
        assert (await world.status()).needs_you == ()


@pytest.mark.parametrize(("said", "problem"), SHAPES.values(), ids=SHAPES)
async def test_p04_an_answer_without_a_list_of_subjects_changes_nothing(
    said: Said, problem: str
) -> None:
    """It came whole and is not believed; the problem stands where the policy says `select`."""
    async with company("checkout", "search") as world:
        before = await world.ids()
        world.service.says(said)
        await still_the_same(world, before, 2 * HOUR)
        (told,) = (await world.status()).problems
        assert told.place.file == "team-rooms.yaml"
        assert told.message == problem.format(url=world.service.url)
        assert "hunter2" not in str(told)
        await world.restart()
        await still_the_same(world, before, 2 * HOUR)
        world.service.says(teams("checkout", "payments"))
        await world.poll()
        await world.pass_(HOUR)
        assert world.names == ["Checkout room", "Payments room"]
        assert (await world.status()).problems == ()


async def test_p09_a_member_without_its_field_is_seen_where_select_names_the_field() -> None:
    """`teams[*].slug` would leave it out without a word; a mapping keeps its place."""
    async with company("checkout", "search", start=False) as world:
        world.sources.policies["team-rooms.yaml"] = world.policy(
            http={"select": "teams[*].{slug: slug}"}, room={"display_name": "{{ team.slug }}"}
        )
        await world.start()
        await world.poll(MINUTE)
        before = await world.ids()
        assert len(before) == 2
        world.service.says(whole({"teams": [{"slug": "checkout"}, {"id": "search"}]}))
        await still_the_same(world, before, HOUR)
        assert "a value is empty (null)" in (await world.status()).problems[0].message


@pytest.mark.parametrize(
    "said",
    [*(mishap.said for mishap in ANSWERS.values()), *(said for said, _ in SHAPES.values())],
    ids=[*ANSWERS, *SHAPES],
)
async def test_p04_a_new_policy_whose_directory_fails_makes_nothing(said: Said) -> None:
    """Nothing was ever known of its subjects."""
    async with company(start=False) as world:
        world.service.says(said)
        await world.start()
        await world.pass_(HOUR)
        assert world.names == []
        world.service.says(teams("checkout"))
        await world.poll(timedelta(minutes=20))
        assert world.names == ["Checkout room"]


async def test_p04_a_service_that_is_down() -> None:
    """Nobody listens at all, then somebody does again."""
    async with company("checkout", "search") as world:
        before = await world.ids()
        url = world.service.url
        world.sources.policies["team-rooms.yaml"] = world.policy()
        world.service.port = 9  # where nobody is
        down = world.policy()
        await world.edit({"team-rooms.yaml": down})
        await still_the_same(world, before, DAY)
        assert (await world.status()).directories[0].reason == (
            "cannot be reached: Connection refused"
        )
        world.service.port = int(url.rpartition(":")[2].removesuffix("/teams"))
        await world.edit({"team-rooms.yaml": world.policy()})
        await still_the_same(world, before, HOUR)


async def test_p04_a_private_address_that_nobody_allowed() -> None:
    """Neither asked nor taken for empty."""
    async with company("checkout", reach=Reach()) as world:
        assert world.names == []
        assert (await world.status()).directories[0].reason == (
            "is not asked: 127.0.0.1 is private and not among those that requests may go to; "
            "config.yaml can allow it: directories.allow_private"
        )
        assert world.service.asked == []


async def test_p04_renewals_go_on_while_the_directory_is_away() -> None:
    """By what was known, and after a restart by each key's last good spec."""
    async with company("checkout", start=False) as world:
        world.sources.policies["team-rooms.yaml"] = world.policy(room={"lifetime": "1d"})
        await world.start()
        before = await world.ids()
        world.service.says(message(b"", "500 Internal Server Error"))
        for _ in range(2):
            world.mark()
            await world.pass_(DAY)
            assert "room.renewed" in world.events
            await world.restart()
        assert await world.ids() == before


async def test_p04_a_lost_room_is_made_anew_only_once_the_directory_answers() -> None:
    """Its subject was known; whether it still is wanted is not."""
    async with company("checkout", "search") as world:
        room = await world.room("team-rooms/checkout")
        world.service.says(message(b"", "500 Internal Server Error"))
        await world.poll()
        world.fake.vanish(room.id)
        await world.pass_(5 * HOUR)
        assert world.names == ["Search room"]
        assert world.holds("team-rooms/checkout") == {"doubt"}
        world.service.says(teams("checkout", "search"))
        await world.poll(timedelta(minutes=20))
        await world.pass_(3 * HOUR)
        assert world.names == BOTH


async def test_p04_a_decided_removal_waits_for_the_directory() -> None:
    """A whole answer let a team go; before its grace is over the directory fails."""
    async with company("checkout", "search", start=False) as world:
        removal = {"mode": "delete", "grace": "2h"}
        world.sources.policies["team-rooms.yaml"] = world.policy(removal=removal)
        await world.start()
        world.service.says(teams("checkout"))
        await world.poll()
        world.service.says(message(b"", "500 Internal Server Error"))
        await world.pass_(DAY)
        assert world.names == BOTH
        world.service.says(teams("checkout"))
        await world.poll(timedelta(minutes=20))
        await world.pass_(3 * HOUR)
        assert world.names == ["Checkout room"]


async def test_p04_an_edit_while_the_directory_is_away_counts_for_what_is_known() -> None:
    """And after a restart, when nothing is, only once the directory answers."""
    async with company("checkout") as world:
        world.service.says(message(b"", "500 Internal Server Error"))
        await world.poll()
        await world.edit(
            {"team-rooms.yaml": world.policy(room={"ui_settings": {"language": "de"}})}
        )
        room = (await world.state("team-rooms/checkout")).wish
        assert room is not None
        assert room.settings["ui_settings.language"] == "de"
        await world.restart()
        before = await world.ids()
        await world.edit(
            {"team-rooms.yaml": world.policy(room={"ui_settings": {"language": "fr"}})}
        )
        await still_the_same(world, before, DAY)
        world.service.says(teams("checkout"))
        await world.poll(timedelta(minutes=20))
        wish = (await world.state("team-rooms/checkout")).wish
        assert wish is not None
        assert wish.settings["ui_settings.language"] == "fr"


async def test_p09_a_renamed_policy_without_a_word_is_held_while_subjects_are_unknown() -> None:
    """Nobody can say whether it is the same policy, so it is taken for the same."""
    async with company("checkout") as world:
        before = await world.ids()
        world.service.says(message(b"", "500 Internal Server Error"))
        await world.restart()
        await world.edit({"team-rooms.yaml": world.policy("squad-rooms")})
        await still_the_same(world, before, DAY)
        (problem,) = (await world.status()).problems
        assert 'this policy was called "team-rooms"' in problem.message


async def test_a_renamed_policy_for_other_subjects_is_another_policy() -> None:
    """What the directory answered tells the two apart."""
    async with company("checkout", "search", start=False) as world:
        only = {"select": "teams[?slug == 'checkout']"}
        world.sources.policies["team-rooms.yaml"] = world.policy(http=only)
        await world.start()
        other = {"select": "teams[?slug == 'search']"}
        await world.edit({"team-rooms.yaml": world.policy("labs", http=other)})
        assert (await world.status()).problems == ()
        await world.pass_(HOUR)
        assert world.names == ["Search room"]


# --- what is told ---------------------------------------------------------------------------------


async def test_a_failure_that_lasts_is_two_facts() -> None:
    """One when it begins and one when it ends; a restart in between is no news."""
    async with company("checkout") as world:
        world.mark()
        world.service.says(message(b"", "500 Internal Server Error"))
        await world.poll(HOUR)
        await world.restart()
        await world.poll(HOUR)
        world.service.says(teams("checkout"))
        await world.poll(timedelta(minutes=20))
        assert [event for event in world.events if event.startswith("directory.")] == [
            "directory.unavailable",
            "directory.recovered",
        ]
        begun, ended = (fact for fact in world.facts if fact.event.startswith("directory."))
        assert begun.reason == "answered 500 Internal Server Error"
        assert begun.detail == {"url": world.service.url, "policies": ["team-rooms"]}
        assert 6_500 < float(str(ended.detail["seconds"])) < 8_500
        assert "policy.rejected" not in world.events


async def test_one_failure_alone_is_no_news() -> None:
    """The next try comes within seconds."""
    async with company("checkout") as world:
        world.mark()
        replies = iter([Said(message(b"", "500 Internal Server Error"))])
        world.service.reply = lambda _: next(replies, teams("checkout"))
        await world.poll(HOUR)
        assert next(replies, None) is None
        assert world.events == []


async def test_not_asked_yet_is_a_state_and_no_problem() -> None:
    """At the start nothing is wrong; a restart is no news either."""
    fake = FakeDirectories()
    fake.held = asyncio.Event()
    fake.bodies["https://hr.example.com/teams"] = as_json(["checkout"])
    text = policy(
        for_each={"http": {"url": "https://hr.example.com/teams"}, "key": "{{ team }}"},
        room={"display_name": "{{ team }}"},
    )
    world = World({"team-rooms.yaml": text})
    world.directories = fake
    await world.start()
    status = await world.desk.status()
    assert status.policies[0].stale == "https://hr.example.com/teams has not been asked yet"
    assert (status.needs_you, status.problems) == ((), ())
    assert (await world.desk.plan()).unknown == (
        "team-rooms: https://hr.example.com/teams has not been asked yet",
    )
    version = world.engine.reconciler.book.policies["team-rooms"].version
    fake.held.set()
    await world.settle()
    assert world.names == ["checkout"]
    assert [fact.detail for fact in world.facts if fact.event == "policy.loaded"] == [
        {"file": "team-rooms.yaml", "version": version},
        {"file": "team-rooms.yaml", "version": version, "subjects": 1},
    ]
    world.mark()
    await world.restart()
    assert "policy.loaded" not in world.events
    await world.end()


async def test_a_whole_answer_that_is_not_believed_is_told_once_each_time() -> None:
    """Again when it comes again, and not again over a restart."""
    async with company("checkout") as world:
        world.mark()
        for _ in range(2):
            world.service.says(teams())
            await world.poll()
            await world.restart()
            await world.poll()
            world.service.says(teams("checkout"))
            await world.poll()
        assert [event for event in world.events if event == "policy.rejected"] == [
            "policy.rejected",
            "policy.rejected",
        ]
        assert not [
            fact
            for fact in world.facts
            if fact.event == "policy.loaded" and fact.detail.get("subjects") == 0
        ]


async def test_a_retry_after_is_kept() -> None:
    """Up to a quarter of an hour."""
    async with company("checkout") as world:
        world.service.says(message(b"", "429 Slow Down", Retry_After="600"))
        await world.poll()
        asked = len(world.service.asked)
        await world.pass_(9 * MINUTE, step=MINUTE)
        assert len(world.service.asked) <= asked + 1
        world.service.says(message(b"", "503 Busy", Retry_After="864000"))
        await world.poll()
        asked = len(world.service.asked)
        await world.pass_(HOUR, step=MINUTE)
        assert 3 <= len(world.service.asked) - asked <= 5


async def test_a_store_that_cannot_record_delays_and_loses_nothing() -> None:
    """What changed is loaded once the store takes it."""
    async with company("checkout") as world:
        world.service.says(teams("checkout", "search"))
        world.store.fault = StoreFault("disk full")
        await world.poll()
        assert world.names == ["Checkout room"]
        world.store.fault = None
        await world.poll()
        assert world.names == BOTH


# --- secrets --------------------------------------------------------------------------------------


async def test_p11_a_secret_goes_to_its_host_and_nowhere_else(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither log, facts, status, plan nor store know it, also when the service is wrong."""
    header = {"headers": {"Authorization": {"secret": "hr", "prefix": "Bearer "}}}
    async with company("checkout", start=False) as world:
        world.sources.policies["team-rooms.yaml"] = world.policy(http=header)
        await world.start()
        assert world.service.asked[-1].headers["authorization"] == "Bearer hunter2"
        for mishap in ANSWERS.values():
            world.service.says(mishap.said)
            await world.poll()
        seen = [
            repr(await world.status()),
            repr(await world.desk.plan()),
            repr(world.facts),
            repr(world.store.commits),
            repr(world.engine.polling.answers),
            caplog.text,
            *capsys.readouterr(),
        ]
        assert "directory.unavailable" in seen[2]
        for text in seen:
            assert "hunter2" not in text


async def test_p11_a_policy_cannot_send_a_secret_elsewhere() -> None:
    """It is refused when it is loaded, with what config.yaml would have to say."""
    async with company("checkout") as world, serving() as other:
        header = {
            "url": other.url,
            "headers": {"Authorization": {"secret": "hr", "prefix": "Bearer "}},
        }
        await world.edit({"evil.yaml": world.policy("evil", http=header)})
        (problem,) = (await world.status()).problems
        assert f'the secret "hr" may not be sent to {other.host}' in problem.message
        await world.poll()
        assert other.asked == []


# --- plans and single commands --------------------------------------------------------------------


async def test_a_plan_stands_on_what_the_daemon_was_answered() -> None:
    """It asks nobody by itself."""
    async with company("checkout") as world:
        asked = len(world.service.asked)
        candidate = world.folder(
            {"team-rooms.yaml": world.policy(room={"ui_settings": {"language": "de"}})}
        )
        report = await world.desk.plan(candidate)
        assert [line.action for line in report.lines] == ["update"]
        assert report.unknown == ()
        assert len(world.service.asked) == asked


async def test_a_candidate_with_a_directory_of_its_own_is_asked_once() -> None:
    """By the same rules; what fails is told as not known, and nothing is remembered."""
    async with company("checkout") as world, serving() as other:
        other.says(teams("alpha"))
        text = world.policy("labs", http={"url": other.url})
        files = {"team-rooms.yaml": world.policy(), "labs.yaml": text}
        report = await world.desk.plan(world.folder(files))
        assert [(line.action, line.key) for line in report.lines] == [("create", "labs/alpha")]
        assert len(other.asked) == 1
        other.says(message(b"", "500 Internal Server Error"))
        report = await world.desk.plan(world.folder(files))
        assert report.lines == ()
        assert report.unknown == (f"labs: {other.url} answered 500 Internal Server Error",)
        await world.poll()
        assert len(other.asked) == 2
        assert [row.url for row in (await world.status()).directories] == [world.service.url]


async def test_one_pass_without_a_daemon_asks_first() -> None:
    """`apply` and `plan` by themselves see the same subjects as a daemon would."""
    async with company("checkout", start=False) as world:
        engine, desk = world.offline()
        await engine.look()
        report = await desk.plan()
        assert [(line.action, line.key) for line in report.lines] == [
            ("create", "team-rooms/checkout")
        ]
        assert world.facts == []
        engine, desk = world.offline()
        await engine.prepare()
        await desk.apply(ANNA)
        assert world.names == ["Checkout room"]
        assert len(world.service.asked) == 2
        world.service.says(message(b"", "500 Internal Server Error"))
        engine, desk = world.offline()
        await engine.prepare()
        left = (await desk.apply(ANNA)).left
        assert world.names == ["Checkout room"]
        assert left.unknown == (
            f"team-rooms: {world.service.url} answered 500 Internal Server Error",
        )


async def test_all_directories_are_asked_at_once() -> None:
    """A slow one holds up no other."""
    fake = FakeDirectories()
    fake.held = asyncio.Event()
    world = World(
        {
            f"{name}.yaml": policy(name, for_each={"http": {"url": f"https://{name}.example.com/"}})
            for name in ("one", "two", "three")
        }
    )
    world.directories = fake
    await world.start()
    assert sorted(url for url, _ in fake.asked) == [
        "https://one.example.com/",
        "https://three.example.com/",
        "https://two.example.com/",
    ]
    await world.end()
