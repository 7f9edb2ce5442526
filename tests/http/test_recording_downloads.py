"""Downloads of recordings over real sockets: a whole recording, its rest, or a reason."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.meetings.downloads import HttpDownloads
from orchestrator.adapters.meetings.overhttp import Patience
from orchestrator.adapters.meetings.recordings import MeetingsRecordings
from orchestrator.domain.recordings import Recording, RecordingStatus, Resume
from orchestrator.foundation.reach import Reach, read_reach
from orchestrator.foundation.secret import Secret
from orchestrator.ports.faults import Fault, ForbiddenError, RefusedError, UnavailableError
from tests.fakes.clock import VirtualClock
from tests.fakes.service import Asked, Said, Service, chunked, message, serving
from tests.fakes.transport import ScriptedTransport, client, said
from tests.tls import own_certificate, serving_with

HERE = read_reach(("127.0.0.0/8",))
BODY = bytes(range(256)) * 40
TAG = '"a1"'
QUICK = Patience(timedelta(seconds=5), timedelta.max, timedelta(seconds=0.2))
LINK = "/p/r/archive.mp4?Expires=1&Signature=hunter2%2Fx%7E&response=attachment%3B%20a"


def recording(url: str) -> Recording:
    return Recording("r1", "s1", RecordingStatus.UPLOADED, link=Secret(url))


def there(service: Service) -> Recording:
    return recording(f"http://{service.host}{LINK}")


async def fetch(
    wanted: Recording,
    resume: Resume | None = None,
    *,
    reach: Reach = HERE,
    unencrypted: bool = True,
    inside: tuple[str, str] | None = None,
) -> tuple[int, bytes]:
    """Where it begins, and what comes."""
    session = client(ScriptedTransport(said({})), VirtualClock()).session
    downloads = HttpDownloads(reach, unencrypted=unencrypted, patience=QUICK, inside=inside)
    try:
        async with MeetingsRecordings(session, downloads).download(wanted, resume) as content:
            pieces = [piece async for piece in content.pieces]
            assert content.length == content.begin + sum(map(len, pieces))
            return content.begin, b"".join(pieces)
    finally:
        await downloads.close()


def video(body: bytes = BODY, status: str = "200 OK", **headers: Any) -> bytes:
    return message(body, status, **{"Content_Type": "video/mp4", "ETag": TAG, **headers})


async def test_a_link_is_followed_as_it_is_and_without_our_token() -> None:
    """Whoever signed it signed each of its characters."""
    async with serving() as service:
        service.says(video())
        assert await fetch(there(service)) == (0, BODY)
        (asked,) = service.asked
        assert asked.path == LINK
        assert "authorization" not in asked.headers
        assert "cookie" not in asked.headers
        assert asked.headers["accept-encoding"] == "identity"
        assert "range" not in asked.headers


async def test_our_own_server_is_asked_directly() -> None:
    """Its public address may lead through a proxy, or to nowhere from here; so no other is."""
    async with serving() as service:
        service.says(video())
        inside = ("https://meet.example.com", f"http://{service.host}")
        assert await fetch(recording(f"https://meet.example.com{LINK}"), inside=inside) == (0, BODY)
        assert service.asked[0].path == LINK
        with pytest.raises(UnavailableError):
            await fetch(recording(f"https://meet.example.com.invalid{LINK}"), inside=inside)


async def test_only_the_rest_is_asked_for() -> None:
    async with serving() as service:
        span = f"bytes 100-{len(BODY) - 1}/{len(BODY)}"
        service.says(video(BODY[100:], "206 Partial Content", Content_Range=span))
        assert await fetch(there(service), Resume(100, TAG, len(BODY))) == (100, BODY[100:])
        (asked,) = service.asked
        assert asked.headers["range"] == "bytes=100-"
        assert asked.headers["if-range"] == TAG


@pytest.mark.parametrize(
    ("span", "tag"),
    [
        (f"bytes 99-{len(BODY) - 1}/{len(BODY)}", TAG),
        (f"bytes 100-{len(BODY) - 2}/{len(BODY)}", TAG),
        (f"bytes 100-{len(BODY) - 1}/{len(BODY) + 1}", TAG),
        (f"bytes 100-{len(BODY) - 1}/*", TAG),
        ("", TAG),
        (f"bytes 100-{len(BODY) - 1}/{len(BODY)}", '"a2"'),
        (f"bytes 100-{len(BODY) - 1}/{len(BODY)}", f"W/{TAG}"),
    ],
    ids=["begins", "ends", "length", "no length", "no span", "another tag", "a weak tag"],
)
async def test_a_part_that_is_not_the_rest_is_not_taken(span: str, tag: str) -> None:
    """The whole is asked for instead."""

    def reply(asked: Asked) -> Said:
        if "range" not in asked.headers:
            return Said(video())
        return Said(video(BODY[100:], "206 Partial Content", Content_Range=span, ETag=tag))

    async with serving(reply) as service:
        assert await fetch(there(service), Resume(100, TAG, len(BODY))) == (0, BODY)
        assert len(service.asked) == 2


async def test_a_place_that_knows_no_ranges_sends_the_whole() -> None:
    async with serving() as service:
        service.says(video())
        assert await fetch(there(service), Resume(100, TAG, len(BODY))) == (0, BODY)
        assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("said", "kind", "text"),
    [
        (Said(video(length=len(BODY) + 1)), UnavailableError, "cut off"),
        (Said(video(length=len(BODY) + 1), stays=True), UnavailableError, "in time"),
        (Said(b""), UnavailableError, "closed before an answer"),
        (Said(b"\x16\x03\x01 what?\r\n\r\n"), UnavailableError, "broke"),
        (Said(chunked(BODY)), RefusedError, "is a page"),
        (Said(chunked(BODY).replace(b"application/json", b"video/mp4")), RefusedError, "how long"),
        (Said(video(Content_Type="text/html; charset=utf-8")), RefusedError, "is a page"),
        (Said(video(Content_Type="application/xml")), RefusedError, "is a page"),
        (Said(video(Content_Encoding="gzip")), RefusedError, "encoded"),
        (Said(video(b"")), RefusedError, "empty"),
        (Said(video(b"no", "403 Forbidden")), ForbiddenError, "Forbidden"),
        (Said(video(b"no", "401 Unauthorized")), ForbiddenError, "Unauthorized"),
        (Said(video(b"no", "404 Not Found")), ForbiddenError, "Not Found"),
        (Said(video(b"no", "400 Bad Request")), RefusedError, "Bad Request"),
        (Said(video(b"no", "503 Service Unavailable")), UnavailableError, "Unavailable"),
        (Said(video(b"", "302 Found", Location="http://evil.test/")), RefusedError, "elsewhere"),
    ],
)
async def test_anything_else_has_its_reason(said: Said, kind: type[Fault], text: str) -> None:
    """None of them stops the calls to the API, and none quotes the link."""
    async with serving() as service:
        service.says(said)
        with pytest.raises(kind, match=text) as caught:
            await fetch(there(service))
        assert type(caught.value) is kind
        assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_what_a_place_says_is_not_repeated() -> None:
    """Stores of files quote what they were asked."""
    async with serving() as service:
        service.says(video(b"<StringToSign>hunter2</StringToSign>", "403 Forbidden"))
        with pytest.raises(ForbiddenError) as caught:
            await fetch(there(service))
        assert "hunter2" not in str(caught.value)


async def test_private_addresses_are_not_asked_unless_allowed() -> None:
    async with serving() as service:
        service.says(video())
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(ForbiddenError, match="is private"):
                await fetch(recording(f"http://{host}:{service.port}{LINK}"), reach=Reach())
        assert service.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "ftp://127.0.0.1/x",
        "https://me:hunter2@127.0.0.1/x",
        "https:///x",
        "/x",
        "https://127.0.0.1:hunter2/x",
        "https://[::1]@/x",
        # Of these name resolution says neither an address nor that there is none.
        "https://.hunter2.example/x",
        f"https://{'hunter2' * 10}.example/x",
    ],
)
async def test_what_is_no_safe_link_is_not_followed(url: str) -> None:
    with pytest.raises(ForbiddenError, match="not followed") as caught:
        await fetch(recording(url), unencrypted=False)
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__!r}"


async def test_nobody_there_is_weather() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(UnavailableError, match="no connection"):
        await fetch(recording(f"http://127.0.0.1:{port}{LINK}"))


async def test_a_certificate_that_is_not_trusted_is_weather_too(tmp_path: Path) -> None:
    async with serving(tls=serving_with(own_certificate(tmp_path / "pem"))) as service:
        service.says(video())
        with pytest.raises(UnavailableError, match="not trusted"):
            await fetch(recording(f"https://127.0.0.1:{service.port}{LINK}"), unencrypted=False)
