"""The directories port: one suite over the fake and the HTTP client against a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from orchestrator.adapters.directories.fetching import HttpDirectories
from orchestrator.domain.policies import Directory
from orchestrator.foundation.reach import read_reach
from orchestrator.ports.directories import Answered, Directories, Failed, Unchanged, Validators
from tests.fakes.clock import VirtualClock
from tests.fakes.directories import FakeDirectories
from tests.fakes.service import Asked, Said, message, serving
from tests.mishaps import BOUNDS

ONE, TWO = b'["checkout"]', b'["checkout", "search"]'


@dataclass
class Stand:
    """A port, a directory that it can ask, and how to change what that answers."""

    port: Directories
    directory: Directory
    holds: Callable[[bytes], None]
    fails: Callable[[], None]


@pytest.fixture(params=["fake", "http"])
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    if request.param == "fake":
        fake = FakeDirectories()
        url = "https://hr.example.com/teams"

        def put(body: bytes) -> None:
            fake.bodies[url] = body

        def fail() -> None:
            fake.bodies[url] = "answered 500"

        yield Stand(fake, Directory(url), put, fail)
        return
    async with serving() as service:

        def holds(body: bytes) -> None:
            tag = f'"{len(body)}"'

            def reply(asked: Asked) -> Said:
                if asked.headers.get("if-none-match") == tag:
                    return Said(message(b"", "304 Not Modified"))
                return Said(message(body, ETag=tag))

            service.reply = reply

        client = HttpDirectories({}, read_reach(("127.0.0.1",)), VirtualClock(), BOUNDS)
        yield Stand(
            client,
            Directory(service.url),
            holds,
            lambda: service.says(message(b"", "500 Internal Server Error")),
        )
        await client.close()


async def test_an_answer_is_its_bytes(stand: Stand) -> None:
    """As they are, with something to recognise them by."""
    stand.holds(ONE)
    found = await stand.port.fetch(stand.directory, Validators())
    assert isinstance(found, Answered)
    assert found.body == ONE
    assert found.validators


async def test_what_is_known_is_not_told_again(stand: Stand) -> None:
    """Until it is another."""
    stand.holds(ONE)
    found = await stand.port.fetch(stand.directory, Validators())
    assert isinstance(found, Answered)
    assert await stand.port.fetch(stand.directory, found.validators) == Unchanged()
    stand.holds(TWO)
    again = await stand.port.fetch(stand.directory, found.validators)
    assert isinstance(again, Answered)
    assert again.body == TWO


async def test_a_failure_is_a_value(stand: Stand) -> None:
    """It is never raised, and its reason goes on after the address."""
    stand.fails()
    found = await stand.port.fetch(stand.directory, Validators('"1"'))
    assert isinstance(found, Failed)
    assert found.reason.startswith("answered 500")
