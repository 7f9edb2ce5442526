"""Directories asked over real sockets: whole answers count, and nothing else does."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from orchestrator.adapters.directories.fetching import (
    Bounds,
    HeldSecret,
    HttpDirectories,
)
from orchestrator.domain.directories import SecretUse
from orchestrator.domain.policies import Directory, Header
from orchestrator.foundation.problems import Place, Problem
from orchestrator.foundation.reach import Reach, read_reach
from orchestrator.foundation.secret import Secret, SecretFault
from orchestrator.ports.directories import Answered, Failed, Fetched, Unchanged, Validators
from tests.fakes.clock import START, VirtualClock
from tests.fakes.service import (
    Said,
    Service,
    as_json,
    chunked,
    message,
    serving,
    until_closed,
    zipped,
)
from tests.mishaps import ANSWERS, BOUNDS, TEAMS, Mishap
from tests.tls import own_certificate, serving_with

HERE = read_reach(("127.0.0.0/8", "::1"))
NOTHING = Validators()


async def ask(
    directory: Directory,
    known: Validators = NOTHING,
    *,
    reach: Reach = HERE,
    secrets: dict[str, HeldSecret] | None = None,
    bounds: Bounds = BOUNDS,
    resolver: AbstractResolver | None = None,
) -> Fetched:
    client = HttpDirectories(secrets or {}, reach, VirtualClock(), bounds, resolver=resolver)
    try:
        return await client.fetch(directory, known)
    finally:
        await client.close()


def held(value: str | Exception, *hosts: str, unencrypted: bool = False) -> HeldSecret:
    def read() -> Secret:
        if isinstance(value, Exception):
            raise value
        return Secret(value)

    return HeldSecret(SecretUse(frozenset(hosts), unencrypted), read)


@pytest.mark.parametrize(
    "raw",
    [
        message(TEAMS),
        chunked(TEAMS),
        until_closed(TEAMS),
        zipped(TEAMS),
        message(TEAMS, Content_Type="text/plain"),
        message(TEAMS, Content_Type="application/vnd.hr+json; charset=utf-8"),
        message(b"\xef\xbb\xbf" + TEAMS),
    ],
    ids=["length", "chunks", "until closed", "gzip", "as text", "as a kind of its own", "mark"],
)
async def test_a_whole_answer_counts(raw: bytes) -> None:
    """In whatever form it comes."""
    async with serving() as service:
        service.says(raw)
        found = await ask(Directory(service.url))
        assert isinstance(found, Answered)
        assert found.body.removeprefix(b"\xef\xbb\xbf") == TEAMS


@pytest.mark.parametrize("mishap", ANSWERS.values(), ids=ANSWERS)
async def test_anything_else_has_its_reason_and_quotes_nothing(mishap: Mishap) -> None:
    """Each in its own words."""
    async with serving() as service:
        service.says(mishap.said)
        found = await ask(Directory(service.url))
        assert isinstance(found, Failed)
        assert found.reason == mishap.reason
        assert "hunter2" not in repr(found)


async def test_an_answer_at_the_limit_is_read() -> None:
    """And one byte more is not."""
    async with serving() as service:
        body = as_json("x" * (BOUNDS.size - 2))
        service.says(message(body))
        assert await ask(Directory(service.url)) == Answered(body)
        service.says(message(body + b" "))
        assert await ask(Directory(service.url)) == Failed("answered with more than 8192 bytes")


async def test_a_question_is_asked_once() -> None:
    """When to ask again is not for the client to say."""
    async with serving() as service:
        service.says(b"")
        assert isinstance(await ask(Directory(service.url)), Failed)
        assert len(service.asked) == 1


async def test_it_is_asked_for_news_only() -> None:
    """What recognised the last answer is sent back, and 304 means that it still holds."""
    async with serving() as service:
        service.says(message(TEAMS, ETag='"one"', Last_Modified="Mon, 05 Jan 2026 08:00:00 GMT"))
        found = await ask(Directory(service.url))
        assert isinstance(found, Answered)
        assert found.validators == Validators('"one"', "Mon, 05 Jan 2026 08:00:00 GMT")
        assert "if-none-match" not in service.asked[0].headers
        service.says(message(b"", "304 Not Modified"))
        assert await ask(Directory(service.url), found.validators) == Unchanged()
        assert service.asked[1].headers["if-none-match"] == '"one"'
        assert service.asked[1].headers["if-modified-since"] == "Mon, 05 Jan 2026 08:00:00 GMT"


async def test_not_modified_without_a_question_is_doubtful() -> None:
    """There is nothing that it could be the same as."""
    async with serving() as service:
        service.says(message(b"", "304 Not Modified"))
        assert await ask(Directory(service.url)) == Failed(
            "answered 304 Not Modified although nothing was asked for that it could be compared "
            "with"
        )


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("120", timedelta(minutes=2)),
        ("Mon, 05 Jan 2026 09:01:00 GMT", timedelta(minutes=1)),
        ("Mon, 05 Jan 2026 08:00:00 GMT", timedelta()),
        ("soon", None),
        ("9" * 40, None),
        ("Mon, 99 Jan 2026 08:00:00 GMT", None),
        pytest.param(f"Mon, {'9' * 30} Jan 2026 08:00:00 GMT", None, id="a day without end"),
        pytest.param("Mon, 05 Jan 2026 08:00:00 +" + "9" * 30, None, id="a zone without end"),
    ],
)
async def test_it_says_when_to_come_back(text: str, asks: timedelta | None) -> None:
    """In either form; what is none is passed over."""
    assert START.hour == 9
    async with serving() as service:
        service.says(message(b"", "503 Busy", Retry_After=text))
        found = await ask(Directory(service.url))
        assert found == Failed("answered 503 Service Unavailable", asks)


async def test_the_query_goes_as_it_is_written_and_nothing_of_ours_goes_along() -> None:
    """No cookie, no referrer; the policy's own headers win over our polite ones."""
    async with serving() as service:
        service.says(message(b"[]", Set_Cookie="session=1"))
        directory = Directory(
            f"{service.url}?filter=a%2Fb&x=%20", (Header("Accept", "application/vnd.hr+json"),)
        )
        await ask(directory)
        await ask(directory)
        asked = service.asked[1]
        assert asked.path == "/teams?filter=a%2Fb&x=%20"
        assert asked.headers == {
            "host": service.host,
            "accept": "application/vnd.hr+json",
            "user-agent": "room-orchestrator",
            "accept-encoding": "gzip",
            "connection": "close",
        }


async def test_a_redirect_is_not_followed() -> None:
    """Neither the request nor its secret goes where an answer points."""
    async with serving() as one, serving() as other:
        one.says(message(b"", "302 Found", Location=other.url))
        directory = Directory(one.url, (Header("Authorization", "Bearer ", "hr"),))
        await ask(directory, secrets={"hr": held("hunter2", one.host)})
        assert len(one.asked) == 1
        assert other.asked == []


# --- where it may go --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "127.1"]
)
async def test_a_private_address_is_not_asked_unless_it_is_allowed(host: str) -> None:
    """Not one byte leaves; the reason says where it can be allowed."""
    found = await ask(Directory(f"http://{host}:9/teams"), reach=Reach())
    assert isinstance(found, Failed)
    assert found.reason.startswith("is not asked: ")
    assert found.reason.endswith("; config.yaml can allow it: directories.allow_private")


async def test_localhost_is_a_private_address_too() -> None:
    """A name is judged by what it resolves to, just when it is connected to."""
    async with serving() as service:
        found = await ask(Directory(f"http://localhost:{service.port}/teams"), reach=Reach())
        assert isinstance(found, Failed)
        assert "localhost has the address" in found.reason
        assert service.asked == []
        allowed = read_reach(("localhost",))
        again = await ask(
            Directory(f"http://localhost:{service.port}/teams"),
            reach=allowed,
            resolver=Names(["127.0.0.1"]),
        )
        assert again == Answered(b"[]")


class Names(AbstractResolver):
    """Resolves every name to what it was told, another time another."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["::ffff:127.0.0.1"], ["fd00::1"]],
    ids=["private", "one of two", "mapped", "local"],
)
async def test_a_name_that_turns_to_a_private_address_is_not_asked(addresses: list[str]) -> None:
    """What counts is what is connected to: rebinding a name gains nothing."""
    async with serving() as service:
        directory = Directory(f"http://hr.example.com:{service.port}/teams")
        found = await ask(directory, reach=Reach(), resolver=Names(addresses))
        assert isinstance(found, Failed)
        assert "which is private and not among those" in found.reason
        assert service.asked == []


async def test_a_name_is_resolved_anew_for_every_request() -> None:
    """Nothing is remembered of an address that was lawful a moment ago."""
    async with serving() as service:
        client = HttpDirectories(
            {},
            read_reach(("127.0.0.1",)),
            VirtualClock(),
            BOUNDS,
            resolver=Names(["127.0.0.1"], ["127.0.0.2"]),
        )
        directory = Directory(f"http://hr.example.com:{service.port}/teams")
        assert await client.fetch(directory, NOTHING) == Answered(b"[]")
        assert isinstance(await client.fetch(directory, NOTHING), Failed)
        await client.close()
        assert len(service.asked) == 1


async def test_nobody_at_home() -> None:
    """A refused connection is told by its reason, without the request."""
    async with serving() as service:
        url = service.url
    assert await ask(Directory(url)) == Failed("cannot be reached: Connection refused")


async def test_a_certificate_that_nobody_signed(tmp_path: Path) -> None:
    """The secret does not leave for a stranger; an authority of one's own can be trusted."""
    own = own_certificate(tmp_path / "own.pem")
    async with serving(tls=serving_with(own)) as service:
        url = service.url.replace("http:", "https:")
        directory = Directory(url, (Header("Authorization", "Bearer ", "hr"),))
        secrets = {"hr": held("hunter2", service.host)}
        found = await ask(directory, secrets=secrets)
        assert found == Failed("has a certificate that is not trusted")
        assert service.asked == []
        trusted = ssl.create_default_context(cafile=str(own))
        client = HttpDirectories(secrets, HERE, VirtualClock(), tls=trusted)
        assert await client.fetch(directory, NOTHING) == Answered(b"[]")
        await client.close()


async def test_an_address_at_which_the_library_breaks() -> None:
    """It is a failure like any other."""
    assert await ask(Directory("http://[::1]@")) == Failed("is not asked: its url is no address")


async def test_a_name_that_nobody_knows() -> None:
    """The resolver's word for it."""
    found = await ask(Directory("http://nowhere.invalid/teams"), resolver=Nobody())
    assert found == Failed("cannot be reached: Name or service not known")


class Nobody(ThreadedResolver):
    """Knows no name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_a_connection_that_never_comes_about() -> None:
    """The time for it is its own."""

    class Slow(Names):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            await asyncio.Event().wait()
            return []

    bounds = Bounds(connect=timedelta(milliseconds=100), total=timedelta(seconds=20))
    found = await ask(
        Directory("http://hr.example.com/teams"), resolver=Slow(["127.0.0.1"]), bounds=bounds
    )
    assert found == Failed("cannot be reached within 0.1s")


# --- secrets ----------------------------------------------------------------------------------


async def test_a_secret_is_read_when_it_is_sent() -> None:
    """A new one in the same place is taken at the next request."""
    values = iter(["one", "two"])
    async with serving() as service:
        secret = HeldSecret(SecretUse(frozenset({service.host})), lambda: Secret(next(values)))
        client = HttpDirectories({"hr": secret}, HERE, VirtualClock(), BOUNDS)
        directory = Directory(service.url, (Header("Authorization", "Bearer ", "hr"),))
        await client.fetch(directory, NOTHING)
        await client.fetch(directory, NOTHING)
        await client.close()
        sent = [asked.headers["authorization"] for asked in service.asked]
        assert sent == ["Bearer one", "Bearer two"]
        assert repr(client) == "HttpDirectories(secrets=['hr'])"


Table = Callable[[Service], tuple[dict[str, HeldSecret], str]]


UNREADABLE = SecretFault(Problem(Place("config.yaml", 9, 1), "is not there"))


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        (lambda _: {}, 'is not asked: config.yaml has no secret "hr"'),
        (
            lambda _: {"hr": held("hunter2", "hr.example.com")},
            (
                'is not asked: the secret "hr" may not be sent to {host}; config.yaml says where: '
                "directories: {{secrets: {{hr: {{hosts: [{host}]}}}}}}"
            ),
        ),
        (
            lambda _: {"hr": held("hunter2", "127.0.0.1")},
            (
                'is not asked: the secret "hr" may not be sent to {host}; config.yaml says where: '
                "directories: {{secrets: {{hr: {{hosts: [{host}]}}}}}}"
            ),
        ),
        (
            lambda host: {"hr": held(UNREADABLE, host)},
            "is not asked: config.yaml:9:1  is not there",
        ),
        (
            lambda host: {"hr": held("hunter2\r\nX-Evil: 1", host)},
            'is not asked: the secret "hr" holds characters that no header may',
        ),
    ],
    ids=["unknown", "another host", "another port", "unreadable", "two lines"],
)
async def test_a_secret_that_cannot_go_stops_the_request(
    secrets: Callable[[str], dict[str, HeldSecret]], reason: str
) -> None:
    """Not one byte leaves, and the secret is not in the reason."""
    async with serving() as service:
        directory = Directory(service.url, (Header("Authorization", "Bearer ", "hr"),))
        found = await ask(directory, secrets=secrets(service.host))
        assert found == Failed(reason.format(host=service.host))
        assert service.asked == []
        assert "hunter2" not in repr(found)


async def test_errors_do_not_hold_the_secret() -> None:
    """Some of aiohttp's carry the whole request in their text."""
    for said in (Said(b"nonsense\r\n\r\n"), Said(b""), Said(b"", stays=True)):
        async with serving() as service:
            service.says(said)
            directory = Directory(service.url, (Header("Authorization", "Bearer ", "hr"),))
            found = await ask(directory, secrets={"hr": held("hunter2", service.host)})
            assert isinstance(found, Failed)
            assert "hunter2" not in found.reason
