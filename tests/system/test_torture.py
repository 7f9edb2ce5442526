"""A short kill test; `make torture` is the long one, which goes on until every state was hit."""

import asyncio
import random
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.domain.keys import Key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.pages import digest_of
from orchestrator.domain.records import KeyState, Role
from tests.builders import room as a_room
from tests.system.torture import WISHES, Options, Tally, main, torture
from tests.system.torture_oracle import Snapshot, State
from tests.system.torture_pages import POLICY, SOURCE, Pager, are_settled, pages_are_right
from tests.system.torture_tap import Moment, Tap

SHORT = Options(
    rounds=2, least=0, kills=2, limit=45, deaths=2, seed=7, wishes=(WISHES[0], WISHES[2]), hurry=0
)


@pytest.mark.timeout(240)
def test_p02_sigkill_loses_nothing() -> None:
    """Killed while it makes forty rooms and while it replaces them, it loses and doubles none."""

    def unheard(_: Tally, __: str) -> None: ...

    tally = asyncio.run(torture(SHORT, unheard))
    assert tally.violations == []
    assert (tally.rounds, tally.installations) == (2, 1)
    assert tally.kills > tally.idle
    assert min(tally.pages["opened"], tally.pages["came again"]) > 0
    assert sum(tally.acts[state, True] for state in State) > 0


def test_help_tells_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` and nothing else: no process is begun."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(option in shown for option in ("--rounds", "--seed", "--hits", "--limit"))


async def test_a_moment_that_has_come_strikes_nobody_once_the_tap_is_disarmed() -> None:
    """Its delay was not over when the life was ended otherwise: another process has its number."""

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)  # closed before, it would reset the connection under the word
        writer.close()

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server, Tap.opened(f"http://{host}:{port}") as tap:
        with subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
        ) as bystander:
            struck = tap.arm(Moment(frozenset({"POST"}), False, 1, 0.2), bystander.pid)
            tap.passed("POST", of_answers=False)
            (strike,) = [one for one in threading.enumerate() if one.name == "strike"]
            assert tap.disarm()
            await asyncio.to_thread(strike.join)
            assert bystander.poll() is None
            assert not struck.is_set()
            tap.arm(Moment(frozenset({"POST"}), False, 1, 0.0), bystander.pid)
            tap.passed("POST", of_answers=False)
            (strike,) = [one for one in threading.enumerate() if one.name == "strike"]
            await asyncio.to_thread(strike.join)
            assert not tap.disarm()
            assert bystander.wait() == -signal.SIGKILL


def test_the_oracle_of_pages_misses_nothing() -> None:
    """Each way in which the rooms of pages can be wrong is told."""
    pager = Pager("", random.Random(0))
    pager.open["a"] = 0.0

    def seen(*rooms: tuple[str, str]) -> Snapshot:
        states = {}
        for page, room in rooms:
            key = Key(POLICY, f"{SOURCE}-{digest_of(SOURCE, page)}-{room:a<12}")
            states[str(key)] = KeyState(key, rooms=(a_room(room),))
        return Snapshot(states, {}, (), ())

    def table(*rooms: tuple[str, str]) -> list[dict[str, Any]]:
        rows = []
        for page, room in rooms:
            key = Key(POLICY, f"{SOURCE}-{digest_of(SOURCE, page)}-{room:a<12}")
            marker = new_marker("me", key, 1, "aaaaaaaa-0000000000000000")
            rows.append({"id": room, "metadata": write_metadata("", marker), "ended_at": None})
        return rows

    right = ("a", "r1")
    assert pages_are_right(table(right), seen(right), pager) == []
    for rows, states, what in (
        ((), (), "page a is open and has 0"),
        ((right, ("a", "r2")), (right, ("a", "r2")), "page a is open and has 2"),
        ((), (right,), "r1 of own-"),
        ((right, ("a", "r2")), (right,), "room r2 of own-"),
        ((right, ("b", "r2")), (right, ("b", "r2")), "is closed and has a current room"),
        ((right, ("b", "r2")), (right,), "room r2 of"),
    ):
        found = pages_are_right(table(*rows), seen(*states), pager)
        assert any(what in one for one in found), (what, found)
    ending = seen(right, ("b", "r2"))
    (key,) = [key for key, one in ending.states.items() if one.rooms[0].id == "r2"]
    ends = replace(ending.states[key], rooms=(a_room("r2", role=Role.ENDING),))
    ending = replace(ending, states={**ending.states, key: ends})
    assert not are_settled(ending, pager)
    there = table(right, ("b", "r2"))
    assert any("room r2 of" in one for one in pages_are_right(there, ending, pager))
    # Where the server said that it has no DELETE they end by themselves.
    ending = replace(ending, denied=True)
    assert are_settled(ending, pager)
    assert pages_are_right(there, ending, pager) == []
