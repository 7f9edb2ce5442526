"""Operators are told: each cause once, edited while it lasts, ended with it; in log and boards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from orchestrator.domain.brakes import Limits
from orchestrator.domain.policies import Mode
from orchestrator.ports.deliveries import DeliveryFault
from orchestrator.ports.store import StoreFault
from tests.component.world import ANNA, HOUR, World, policy, running
from tests.fakes.rooms import Fate

MINUTE = timedelta(minutes=1)
FILE = "team-rooms.yaml"
TEAMS = [f"team-{number}" for number in range(10)]
GONE = {"mode": "delete", "grace": "7d"}
LIMITS = Limits(max_removals=3, max_removal_percent=10)
ALL = policy(subjects=TEAMS, removal=GONE, room={"lifetime": "30d"})
Deed = Callable[[World], Awaitable[None]]


async def brake(world: World) -> None:
    await world.edit({FILE: policy(subjects=TEAMS[5:], removal=GONE, room={"lifetime": "30d"})})


async def policy_rejected(world: World) -> None:
    await world.edit({FILE: b"version: 1\nname: [\n"})


async def refused(world: World) -> None:
    world.fake.script("update_room", *[Fate.REFUSED] * 99)
    room = {"lifetime": "30d", "ui_settings": {"language": "de"}}
    await world.edit({FILE: policy(subjects=TEAMS, removal=GONE, room=room)})


async def not_taken(world: World) -> None:
    world.fake.ignores = {"ui_settings.language"}
    room = {"lifetime": "30d", "ui_settings": {"language": "de"}}
    await world.edit({FILE: policy(subjects=TEAMS, removal=GONE, room=room)})


async def credentials(world: World) -> None:
    world.fake.unauthorized = True
    await world.pass_(2 * HOUR)


async def away(world: World) -> None:
    world.fake.down = True
    await world.pass_(2 * HOUR)


async def another_backend(world: World) -> None:
    world.fake.elsewhere()
    await world.pass_(2 * HOUR)


async def audit_behind(world: World) -> None:
    world.audit.fail(*[0] * 10_000)
    await world.edit({FILE: policy(subjects=TEAMS[1:], removal=GONE, room={"lifetime": "30d"})})


async def destination_behind(world: World) -> None:
    world.destination.fault = DeliveryFault("rooms.json: no space left")
    await world.edit({FILE: policy(subjects=[*TEAMS, "new"], room={"lifetime": "30d"})})


async def nothing_recorded(world: World) -> None:
    world.store.fault = StoreFault("no space left")
    await world.pass_(2 * MINUTE)


async def overdue(world: World) -> None:
    world.fake.script("update_room", *[Fate.FORBIDDEN] * 999)
    await world.pass_(28 * 24 * HOUR + 14 * HOUR)


async def suspended(world: World) -> None:
    until = world.clock.now() + timedelta(days=60)
    await world.desk.suspend("team-rooms/team-0", until, ANNA)
    await world.pass_(HOUR)


async def mend(world: World) -> None:
    """Everything is as it was."""
    world.fake.unauthorized = world.fake.down = False
    world.fake.ignores = set()
    world.fake.forget_scripts()
    world.audit.heal()
    world.destination.fault = world.store.fault = None
    if not world.alive:
        world.fake.elsewhere()
    await world.edit({FILE: ALL})
    if (await world.state("team-rooms/team-0")).suspended is not None:
        await world.desk.resume("team-rooms/team-0", ANNA)
    await world.pass_(25 * HOUR)


CAUSES: dict[str, tuple[Deed, str, str]] = {
    "brake": (brake, "brake", "rooms approve"),
    "policy": (policy_rejected, f"policy {FILE}", FILE),
    "refused": (refused, "refused", "team-rooms/team-0"),
    "not taken": (not_taken, "not-taken", "ui_settings.language of team-rooms/team-0"),
    "credentials": (credentials, "credentials", "refuses our credentials"),
    "API down": (away, "api", "unreachable since"),
    "another backend": (another_backend, "listing", "it lacks 10 of 10 rooms"),
    "audit behind": (audit_behind, "outbox", "audit is behind"),
    "destination behind": (destination_behind, "outbox", "rooms-json is behind"),
    "nothing recorded": (nothing_recorded, "store", "nothing can be recorded"),
    "overdue": (overdue, "overdue", "team-rooms/team-0"),
    "suspended": (suspended, "suspended", "team-rooms/team-0 ends"),
}


@pytest.mark.parametrize(("deed", "cause", "words"), CAUSES.values(), ids=CAUSES)
async def test_each_cause_is_told_once_and_ended(deed: Deed, cause: str, words: str) -> None:
    """On the board with a sentence, in the log with its priority; and away when it is mended."""
    async with running({FILE: ALL}, limits=LIMITS) as world:
        await world.pass_(10 * MINUTE)
        assert world.board.causes == {}
        with capture_logs() as log:
            await deed(world)
            await world.pass_(3 * MINUTE)
            assert words in world.board.causes[cause]
            await world.pass_(HOUR)
        told = [line for line in log if line["event"] == "alert.began" and line["cause"] == cause]
        assert len(told) == 1
        assert told[0]["log_level"] in {"error", "warning"}
        with capture_logs() as log:
            await mend(world)
        assert world.board.causes == {}
        assert [
            line["cause"]
            for line in log
            if line["event"] == "alert.ended" and line["cause"] == cause
        ] == [cause]


async def test_what_cannot_be_looked_up_just_now_is_not_over() -> None:
    """A store that cannot be read ends no alert: it is one more."""
    async with running({FILE: ALL}, limits=LIMITS) as world:
        await overdue(world)
        await world.pass_(3 * MINUTE)
        before = world.board.causes["overdue"]
        with capture_logs() as log:
            await nothing_recorded(world)
            await world.pass_(HOUR)
            assert world.board.causes["overdue"] == before
            assert "store" in world.board.causes
        assert not any(line["event"] == "alert.ended" for line in log)
        world.store.fault = None


async def test_a_message_is_edited_while_its_cause_lasts() -> None:
    """The brake holds two more: the same alert, since the same moment, with another text."""
    async with running({FILE: ALL}, limits=LIMITS) as world:
        await brake(world)
        await world.pass_(3 * MINUTE)
        (before,) = world.board.alerts
        with capture_logs() as log:
            fewer = policy(subjects=TEAMS[7:], removal=GONE, room={"lifetime": "30d"})
            await world.edit({FILE: fewer})
            await world.pass_(3 * MINUTE)
        (after,) = world.board.alerts
        assert (after.cause, after.since) == (before.cause, before.since)
        assert after.message != before.message
        events = [line["event"] for line in log if str(line["event"]).startswith("alert.")]
        assert set(events) == {"alert.changed"}


async def test_a_restart_tells_nothing_anew_and_ends_what_is_over() -> None:
    """It stands since the same moment; what was mended meanwhile ends, once the API was asked."""
    async with running({FILE: ALL}, limits=LIMITS) as world:
        await brake(world)
        await world.pass_(3 * MINUTE)
        (before,) = world.board.alerts
        with capture_logs() as log:
            await world.restart()
            await world.pass_(3 * MINUTE)
        assert world.board.alerts == (before,)
        assert not [line for line in log if str(line["event"]).startswith("alert.")]
        await world.crash()
        world.sources.policies[FILE] = ALL
        with capture_logs() as log:
            await world.start()
            await world.pass_(3 * MINUTE)
        assert world.board.causes == {}
        assert [line["event"] for line in log if str(line["event"]).startswith("alert.")] == [
            "alert.ended"
        ]


async def test_a_board_that_fails_is_told_again() -> None:
    """What it missed is shown when it can be."""
    async with running({FILE: ALL}, limits=LIMITS) as world:
        world.board.fault = DeliveryFault("rooms.alerts.json: no space left")
        await brake(world)
        await world.pass_(5 * MINUTE)
        world.board.fault = None
        await world.pass_(3 * MINUTE, step=MINUTE / 2)
        assert list(world.board.causes) == ["brake"]
        before = world.board.tries
        await world.pass_(HOUR, step=MINUTE)
        assert world.board.tries == before


async def test_operators_are_told_in_observe() -> None:
    """Links are told to nobody there; a broken policy is told to those who look after it."""
    async with running({FILE: b"version: 1\nname: [\n"}, mode=Mode.OBSERVE) as world:
        await world.pass_(3 * MINUTE)
        assert list(world.board.causes) == [f"policy {FILE}"]
        assert world.destination.shown == ()


async def test_status_says_the_same() -> None:
    """One list for both."""
    async with running({FILE: ALL}, limits=LIMITS) as world:
        await brake(world)
        await world.pass_(3 * MINUTE)
        assert list((await world.desk.status()).needs_you) == list(world.board.causes.values())
