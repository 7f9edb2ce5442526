"""Requests that no client sends: each gets its refusal, and nobody is told of a mistake of ours."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes.clock import VirtualClock
from tests.meetings import in_memory, over_http, settings, token

DEEP = urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")


class Reports(list[tuple[str, Mapping[str, object]]]):
    """What the host of a server is told."""

    def __call__(self, name: str, about: Mapping[str, object]) -> None:
        """Keep it."""
        self.append((name, about))


@pytest.mark.parametrize("odd", [{"iat": 10**400}, {"exp": 10**400}, {"nbf": 10**400}])
async def test_a_moment_that_no_number_can_hold(odd: dict[str, Any]) -> None:
    clock, told = VirtualClock(), Reports()
    async with in_memory(settings(), clock, report=told) as client:
        signed = {"authorization": f"Bearer {token(clock.now(), **odd)}"}
        assert (await client.ask("GET", "/rooms", headers=signed)).status == 401
    assert told == []


@pytest.mark.parametrize("bearer", [f"a.{DEEP}.c", f"{DEEP}.e30.c"])
async def test_a_token_that_is_too_deep(bearer: str) -> None:
    """Also one that nobody has signed is read, to know whose key to look for."""
    clock, told = VirtualClock(), Reports()
    async with in_memory(settings(), clock, report=told) as client:
        signed = {"authorization": f"Bearer {bearer}"}
        assert (await client.ask("GET", "/rooms", headers=signed)).status == 401
        room = await client.create()
        guest = room["_links"]["guest_url"]["href"].rpartition("/")[2]
        query = {"room_token": guest, "participant_token": bearer}
        page = await client.ask("GET", "/", query=query, base="", headers={})
        assert page.status == 404
    assert told == []


@pytest.mark.parametrize("path", ["/v1/meetings/rooms", "/logos"])
async def test_a_body_that_is_not_packed_as_it_says(path: str) -> None:
    """It is the sender's mistake, also before anybody knows who that is."""
    async with over_http(settings(), VirtualClock()) as client:
        host, _, port = client.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
            "Content-Length: 3\r\nConnection: close\r\n\r\nabc".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"\r\nServer: meetings-server\r\n" in head
