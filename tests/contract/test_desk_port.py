"""What every desk keeps, the fake's included; the socket's desk asks a fake one."""

import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.domain.reports import NewPage, Person
from orchestrator.edges.control import ControlServer, SocketDesk
from orchestrator.foundation.problems import Place, Problem
from orchestrator.ports.desk import Desk, DeskError
from orchestrator.ports.sources import Folder, Provenance
from tests.fakes.desk import FakeDesk
from tests.reports import (
    APPLIED,
    LINKS,
    NOW,
    OPENED,
    PAGE,
    PAGES,
    PLAN,
    ROOMS,
    STATUS,
    WHY,
    WHY_NOT,
    desk,
)

ANNA = Person("anna (uid 1001)", "OPS-4711")
ME = f"{pwd.getpwuid(os.getuid()).pw_name} (uid {os.getuid()})"


@dataclass(frozen=True)
class Asked:
    """A desk, the fake that answers behind it, and who it says that commands."""

    desk: Desk
    behind: FakeDesk
    actor: str


@pytest.fixture(params=["fake", "socket"])
async def asked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Asked]:
    """One desk of each kind."""
    behind = desk()
    if request.param == "fake":
        yield Asked(behind, behind, ANNA.actor)
        return
    path = tmp_path / "c.sock"
    async with ControlServer(behind, path).serving(), SocketDesk.opened(path) as client:
        yield Asked(client, behind, login())


def login() -> str:
    """Who this process is to the kernel: behind sudo, the one who logged in."""
    try:
        told = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ME
    if told in {os.getuid(), 0xFFFFFFFF}:
        return ME
    return f"{pwd.getpwuid(told).pw_name} (uid {told}, as {pwd.getpwuid(os.getuid()).pw_name})"


async def test_reports_arrive_whole(asked: Asked) -> None:
    """Every field of every report is as it was."""
    assert await asked.desk.status() == STATUS
    assert await asked.desk.plan() == PLAN
    assert await asked.desk.rooms(foreign=True) == ROOMS
    assert await asked.desk.why(WHY.key) == WHY
    assert await asked.desk.why_not(WHY_NOT.name) == WHY_NOT
    assert await asked.desk.link(WHY.key) == await asked.behind.link(WHY.key)
    assert await asked.desk.link("", calendar=True) == await asked.behind.link("", calendar=True)
    asked.behind.links_report = LINKS
    assert await asked.desk.links() == LINKS
    assert await asked.desk.apply(ANNA) == APPLIED
    assert await asked.desk.pages() == PAGES
    assert await asked.desk.page("4711") == PAGE
    assert await asked.desk.open_page(SENT, ANNA) == OPENED


async def test_what_is_asked_of_pages_arrives(asked: Asked) -> None:
    """Whether those that are over are wanted, and a page by hand in all its parts."""
    assert not (await asked.desk.pages()).over
    assert (await asked.desk.pages(over=True)).over
    await asked.desk.open_page(SENT, ANNA)
    assert asked.behind.ordered == [SENT]


async def test_foreign_rooms_are_told_only_when_asked_for(asked: Asked) -> None:
    """Without `foreign` there are ours alone."""
    assert (await asked.desk.rooms()).foreign == ()


async def test_a_candidate_folder_arrives_byte_by_byte(asked: Asked) -> None:
    """Files that are no text, files that could not be read, and where they came from."""
    missing = Problem(Place("b.yaml"), "cannot be read: Permission denied")
    folder = Folder(
        policies={"a.yaml": b"version: 1\r\n\xff\x00", "b.yaml": missing},
        data={"teams.yaml": bytes(range(256)) * 300, "empty.csv": b""},
        problem=Problem(Place("policies"), "half of it"),
        provenance={"a.yaml": Provenance(1001, NOW, "4be12f", "Jonas")},
    )
    report = await asked.desk.plan(folder)
    assert report.candidate
    assert asked.behind.candidates == [folder]


SENT = NewPage("A test", "manual", "Q1", "high", "checkout", "shop", timedelta(seconds=60))
COMMANDS: list[tuple[tuple[str, ...], Callable[[Desk], Awaitable[object]]]] = [
    (("apply",), lambda desk: desk.apply(ANNA)),
    (("host_link", "k/1"), lambda desk: desk.host_link("k/1", ANNA)),
    (("adopt", "7", "k/1"), lambda desk: desk.adopt("7", "k/1", ANNA)),
    (("distinct", "7", "k/1"), lambda desk: desk.distinct("7", "k/1", ANNA)),
    (("forget", "k/1"), lambda desk: desk.forget("k/1", ANNA)),
    (("rekey", "k/1", "k/2"), lambda desk: desk.rekey("k/1", "k/2", ANNA)),
    (("renew", "k/1"), lambda desk: desk.renew("k/1", ANNA)),
    (("protect", "k/1", "on"), lambda desk: desk.protect("k/1", ANNA)),
    (("protect", "k/1", "off"), lambda desk: desk.protect("k/1", ANNA, on=False)),
    (("suspend", "k/1", NOW.isoformat()), lambda desk: desk.suspend("k/1", NOW, ANNA)),
    (("resume", "k/1"), lambda desk: desk.resume("k/1", ANNA)),
    (("approve", "7"), lambda desk: desk.approve("7", ANNA)),
    (
        ("freeze", NOW.isoformat(), "", "changes"),
        lambda desk: desk.freeze(NOW, ANNA),
    ),
    (
        ("freeze", NOW.isoformat(), "a,b", "all"),
        lambda desk: desk.freeze(NOW, ANNA, ("a", "b"), all_acts=True),
    ),
    (("unfreeze", "7"), lambda desk: desk.unfreeze("7", ANNA)),
    (("reload",), lambda desk: desk.reload(ANNA)),
    (("open_page", "A test"), lambda desk: desk.open_page(SENT, ANNA)),
    (("close_page", "4711"), lambda desk: desk.close_page("4711", ANNA)),
]


@pytest.mark.parametrize(
    ("words", "command"), COMMANDS, ids=["-".join(words[::2]) for words, _ in COMMANDS]
)
async def test_a_command_arrives_with_its_person(
    asked: Asked, words: tuple[str, ...], command: Callable[[Desk], Awaitable[object]]
) -> None:
    """The values in their places, the reason as given, and the actor as the kernel tells it."""
    await command(asked.desk)
    assert asked.behind.commands == [words]
    assert asked.behind.persons == [Person(asked.actor, "OPS-4711")]


@pytest.mark.parametrize("code", [1, 2, 4])
async def test_a_refusal_keeps_its_sentence_and_code(asked: Asked, code: int) -> None:
    """What the desk refuses is refused in its words."""
    asked.behind.refuses = DeskError("brake 7 holds: “ask” anna", code)
    with pytest.raises(DeskError, match="brake 7 holds: “ask” anna") as refused:
        await asked.desk.status()
    assert refused.value.code == code
    with pytest.raises(DeskError):
        await asked.desk.forget("k/1", ANNA)
    assert asked.behind.commands == []


async def test_an_unknown_name_is_refused(asked: Asked) -> None:
    """The desk knows what it knows."""
    with pytest.raises(DeskError, match="neither wanted nor remembered"):
        await asked.desk.why("team-rooms/nobody")


async def test_why_not_of_what_nobody_knows_is_an_answer(asked: Asked) -> None:
    """And no refusal."""
    report = await asked.desk.why_not("team-rooms/nobody")
    assert (report.kind, report.key) == ("unknown", "")
