"""The Meetings server is asked whatever its own description allows, and much that it does not.

Schemathesis reads the description that the server serves, makes requests of it, lawful and
unlawful, on what is there and what is not, and looks whether each answer is one that is described.
The same requests each time: a test that finds another thing tomorrow helps nobody.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from orchestrator.meetings_server import DialInNumber
from tests.described import document
from tests.fakes.clock import VirtualClock
from tests.meetings import APPLICATION, BASE, Client, over_http, settings, token

EXAMPLES: Final = 20
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OPERATIONS: Final = [
    (path, method)
    for path, item in document()["paths"].items()
    for method in item
    if method in {"get", "post", "patch", "put", "delete"}
]
DOWNLOAD: Final = "/recordings/{application_id}/{recording_id}/archive.mp4"


@dataclass(frozen=True)
class Stage:
    """A server with something of everything in it; the spare ones may be deleted."""

    url: str
    schema: Any
    headers: Mapping[str, str]
    names: Mapping[str, str]
    spare: Mapping[str, str]
    link: Mapping[str, str]


class Theatre(threading.Thread):
    """Runs a server in a loop of its own, so that a test may block while it asks."""

    def __init__(self, *, is_strict: bool) -> None:
        super().__init__(name="meetings-server")
        self._is_strict = is_strict
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._open = threading.Event()
        self._stage: Stage | None = None

    def run(self) -> None:
        """The thread's work."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._play())

    def opened(self) -> Stage:
        """The stage, once it is set."""
        assert self._open.wait(20)
        assert self._stage is not None
        return self._stage

    def close(self) -> None:
        """End the server."""
        self._loop.call_soon_threadsafe(self._over.set)
        self.join(20)

    async def _play(self) -> None:
        told = settings(
            strict_v1=self._is_strict,
            dial_in_numbers=(DialInNumber("442381924626", "en-GB", "London"),),
            max_rooms=40,
            max_themes=40,
        )
        async with over_http(told, VirtualClock()) as client:
            self._stage = await _set(client)
            self._open.set()
            await self._over.wait()


async def _set(client: Client) -> Stage:
    room, spare = [await _furnished(client) for _ in range(2)]
    described = (await client.ask("GET", "/openapi.json", base="", headers={})).json
    found = (await client.ask("GET", f"/recordings/{room['recording_id']}")).json
    query = urlsplit(found["_links"]["url"]["href"]).query
    return Stage(
        url=described["servers"][0]["url"].removesuffix(BASE),
        schema=schemathesis.openapi.from_dict(described),
        headers={"Authorization": f"Bearer {token(client.clock.now())}"},
        names=room,
        spare=spare,
        link=dict(parse_qsl(query)),
    )


async def _furnished(client: Client) -> Mapping[str, str]:
    """A room in use with all that a room can have, by the names of paths."""
    room = await client.create_long(callback_urls={"rooms_callback_url": "http://127.0.0.1:1"})
    await client.join(room)
    recording_id, session_id = await client.record(room)
    await client.ask("POST", f"/_test/recordings/{recording_id}/stop", base="")
    await client.upload(recording_id, bytes(1000))
    theme = await client.create_theme()
    return {
        "room_id": room["id"],
        "session_id": session_id,
        "recording_id": recording_id,
        "theme_id": theme["theme_id"],
        "application_id": APPLICATION,
    }


@pytest.fixture(scope="module", params=[False, True], ids=["usual", "strict"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """One server for all: what one request leaves behind, the next one meets."""
    theatre = Theatre(is_strict=request.param)
    theatre.start()
    yield theatre.opened()
    theatre.close()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_described(stage: Stage, path: str, method: str) -> None:
    """No failure of the server, no status, form or body that nobody was told of."""
    operation = stage.schema[path][method.upper()]
    names = stage.spare if method == "delete" else stage.names
    there = {name: value for name, value in names.items() if f"{{{name}}}" in path}
    lawful, unlawful = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
    cases = [
        operation.as_strategy(generation_mode=lawful),
        operation.as_strategy(generation_mode=unlawful),
        operation.as_strategy(generation_mode=lawful, path_parameters=there or None),
        operation.as_strategy(generation_mode=unlawful, path_parameters=there or None),
    ]
    if path == DOWNLOAD:
        cases.append(operation.as_strategy(path_parameters=there, query=dict(stage.link)))
    base = stage.url if path == DOWNLOAD else f"{stage.url}{BASE}"

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=st.one_of(cases), is_signed=st.sampled_from([*[True] * 7, False]))
    def ask(case: schemathesis.Case, is_signed: bool) -> None:
        headers = dict(stage.headers) if is_signed else {}
        case.call_and_validate(base_url=base, headers=headers, checks=CHECKS)

    ask()
