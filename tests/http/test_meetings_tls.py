"""The Meetings server over TLS: a real client, a renewed certificate, files that are bad."""

import asyncio
import base64
import hmac
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.app.embedded import embedded
from orchestrator.app.refusing import StartError
from orchestrator.config.media import MeshMedia
from orchestrator.config.secrets import SecretKind, SecretSource
from orchestrator.config.settings import Calls, EmbeddedMeetings
from orchestrator.foundation.problems import Place
from orchestrator.foundation.replacing import replace_file
from orchestrator.meetings_server import Running, TlsFiles, start
from tests.callers import host
from tests.fakes.clock import VirtualClock
from tests.meetings import BASE, KEY, OTHER_KEY, settings, token
from tests.tls import own_certificate

_END_OF_KEY = b"-----END PRIVATE KEY-----\n"


def parts(folder: Path, serial: int, key: Any = KEY) -> tuple[bytes, bytes]:
    """A certificate and its key, each in PEM."""
    both = own_certificate(folder / f"{serial}.pem", serial, key).read_bytes()
    private, end, certificate = both.partition(_END_OF_KEY)
    return certificate, private + end


@asynccontextmanager
async def serving(
    files: TlsFiles, **changes: Any
) -> AsyncIterator[tuple[Running, list[tuple[str, Mapping[str, object]]]]]:
    """A server that shows these, and what it reports."""
    told: list[tuple[str, Mapping[str, object]]] = []
    server = await start(
        settings(tls=files, **changes),
        VirtualClock(),
        report=lambda name, about: told.append((name, about)),
    )
    yield server, told
    await server.close()


async def shown(server: Running, certificate: bytes, name: str | None = None) -> int:
    """The serial number of the certificate that a client sees who trusts that one alone."""
    context = ssl.create_default_context(cadata=certificate.decode())
    context.check_hostname = name is None
    host, _, port = server.url.removeprefix("https://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=name)
    found = writer.get_extra_info("ssl_object").getpeercert()
    writer.close()
    await writer.wait_closed()
    return int(found["serialNumber"], 16)


async def test_requests_over_tls(tmp_path: Path) -> None:
    """Answered to a client that checks the certificate; links begin with https."""
    both = own_certificate(tmp_path / "both.pem")
    async with serving(TlsFiles(both)) as (server, told), aiohttp.ClientSession() as session:
        assert server.url.startswith("https://127.0.0.1:")
        assert server.inside_url == server.url
        context = ssl.create_default_context(cafile=both)
        headers = {"Authorization": f"Bearer {token(VirtualClock().now())}"}
        async with session.post(
            f"{server.url}{BASE}/rooms", json={"display_name": "R"}, headers=headers, ssl=context
        ) as response:
            room = await response.json()
            assert response.status == 201
        link = room["_links"]["guest_url"]["href"]
        assert link.startswith(f"{server.url}/j/")
        async with session.get(link, ssl=context) as response:
            assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(link)
        with pytest.raises(aiohttp.ClientError):
            await session.get(link.replace("https", "http"))
        assert told == []


@pytest.mark.parametrize("name", [None, "meet.example.org"], ids=["address", "name"])
async def test_a_certificate_that_is_renewed(tmp_path: Path, name: str | None) -> None:
    """Is shown from the next connection on, whether it asks by name or not; open ones stay."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    old, new = parts(tmp_path, 11), parts(tmp_path, 12, OTHER_KEY)
    certificate.write_bytes(old[0])
    key.write_bytes(old[1])
    async with serving(TlsFiles(certificate, key)) as (server, told):
        assert await shown(server, old[0], name) == 11
        async with aiohttp.ClientSession() as session:
            trusted = ssl.create_default_context(cadata=old[0].decode())
            async with session.get(f"{server.url}/j/x", ssl=trusted) as response:
                await response.read()
            # The new certificate with the old key is no pair: the old one is shown on.
            replace_file(certificate, new[0], 0o600)
            assert await shown(server, old[0], name) == 11
            assert await shown(server, old[0], name) == 11
            ((event, about),) = told
            assert event == "certificate.refused"
            assert about["error"] == (
                f"{key}: it is not the key of the certificate in {certificate}; "
                "put both of one pair there; the certificate of before stays"
            )
            replace_file(key, new[1], 0o600)
            assert await shown(server, new[0], name) == 12
            with pytest.raises(ssl.SSLCertVerificationError):
                await shown(server, old[0], name)
            async with session.get(f"{server.url}/j/x", ssl=trusted) as response:
                assert response.status == 404
        assert len(told) == 1


async def test_files_that_go_away_or_bad(tmp_path: Path) -> None:
    """What was shown before is shown on, until they are good again."""
    both = own_certificate(tmp_path / "both.pem", 21)
    old, new = both.read_bytes(), own_certificate(tmp_path / "new.pem", 22).read_bytes()
    async with serving(TlsFiles(both)) as (server, told):
        both.unlink()
        assert await shown(server, old) == 21
        assert str(told[-1][1]["error"]).startswith(f"{both}: No such file or directory; ")
        both.write_bytes(new[: len(new) // 2])
        assert await shown(server, old) == 21
        assert "is no certificate with its private key" in str(told[-1][1]["error"])
        both.write_bytes(new)
        assert await shown(server, new) == 22
        assert len(told) == 2


async def test_inside_in_plain_http(tmp_path: Path) -> None:
    """For the process itself, which cannot check a certificate that is made for others."""
    both = own_certificate(tmp_path / "both.pem")
    async with serving(TlsFiles(both), inside=True) as (server, _):
        assert server.inside_url.startswith("http://127.0.0.1:")
        rooms = f"{server.inside_url}{BASE}/rooms"
        async with aiohttp.ClientSession() as session, session.get(rooms) as response:
            assert response.status == 401
        assert await shown(server, both.read_bytes().partition(_END_OF_KEY)[2]) == 1
    server = await start(settings(inside=True), VirtualClock())
    assert server.inside_url == server.url
    await server.close()


def locked() -> bytes:
    """A key with a password."""
    return KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        (None, b"good", "{certificate}: No such file or directory"),
        (b"good", None, "{key}: No such file or directory"),
        (
            b"nonsense",
            b"good",
            "{certificate}: it is no certificate, or {key} no private key",
        ),
        (
            b"good",
            b"nonsense",
            "{certificate}: it is no certificate, or {key} no private key",
        ),
        (b"good", b"other", "{key}: it is not the key of the certificate in {certificate}"),
        (b"good", b"locked", "{key}: the key has a password; write it without one"),
    ],
)
async def test_files_that_cannot_be_used(
    tmp_path: Path, certificate: bytes | None, key: bytes | None, message: str
) -> None:
    """The start fails and says which, and what; nobody is asked for a password."""
    good = parts(tmp_path, 1)
    private = {b"good": good[1], b"other": parts(tmp_path, 2, OTHER_KEY)[1], b"locked": locked()}
    files = TlsFiles(tmp_path / "certificate.pem", tmp_path / "key.pem")
    assert files.key is not None
    if certificate is not None:
        files.certificate.write_bytes(good[0] if certificate == b"good" else certificate)
    if key is not None:
        files.key.write_bytes(private.get(key, key))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at below
        await start(settings(tls=files), VirtualClock())
    told = message.format(certificate=files.certificate, key=files.key)
    assert str(caught.value).startswith(told)


async def test_a_folder_in_the_place_of_both(tmp_path: Path) -> None:
    """One file for both: it is named."""
    with pytest.raises(ValueError, match=f"^{tmp_path}: Is a directory"):
        await start(settings(tls=TlsFiles(tmp_path)), VirtualClock())


# --- embedded in the daemon -----------------------------------------------------------------------


def embedded_with(folder: Path, certificate: Path | None) -> EmbeddedMeetings:
    """Settings of an embedded server."""
    calls = Calls(100.0, 8, timedelta(seconds=5), 100, timedelta())
    return EmbeddedMeetings(
        "127.0.0.1", 0, None, folder / "m.db", folder / "keys", calls, certificate
    )


async def test_the_embedded_server_speaks_tls_to_others(tmp_path: Path) -> None:
    """And plain HTTP to the daemon that it runs in."""
    both = own_certificate(tmp_path / "both.pem")
    clock = VirtualClock()
    async with (
        embedded(embedded_with(tmp_path, both), "acme", clock) as api,
        aiohttp.ClientSession() as session,
    ):
        assert api.url.startswith("http://127.0.0.1:")
        private = serialization.load_pem_private_key(api.private_key.reveal().encode(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        bearer = token(clock.now(), private, application_id=api.application_id)
        async with session.post(
            f"{api.url}/rooms",
            json={"display_name": "R"},
            headers={"Authorization": f"Bearer {bearer}"},
        ) as response:
            link = (await response.json())["_links"]["guest_url"]["href"]
        assert link.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=both)
        async with session.get(link, ssl=trusted) as response:
            assert response.status == 200


async def test_people_meet_over_tls_with_the_relays_of_the_config(tmp_path: Path) -> None:
    """Their tokens and names for relays are read by nobody on the way."""
    both = own_certificate(tmp_path / "both.pem")
    (tmp_path / "turn.key").write_text("north\n")
    secret = SecretSource(SecretKind.FILE, str(tmp_path / "turn.key"), Place("config.yaml"))
    media = MeshMedia(4, ("stun:a",), ("turn:b",), secret, timedelta(hours=1))
    meetings = replace(embedded_with(tmp_path, both), media=media)
    clock = VirtualClock()
    async with embedded(meetings, "acme", clock) as api, aiohttp.ClientSession() as session:
        private = serialization.load_pem_private_key(api.private_key.reveal().encode(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        bearer = token(clock.now(), private, application_id=api.application_id)
        headers = {"Authorization": f"Bearer {bearer}"}
        body = {"display_name": "R"}
        async with session.post(f"{api.url}/rooms", json=body, headers=headers) as response:
            room = await response.json()
        origin = room["_links"]["guest_url"]["href"].rpartition("/j/")[0]
        trusted = ssl.create_default_context(cafile=both)
        async with session.ws_connect(
            f"{origin}/live", ssl=trusted, protocols=("meeting.1",), headers={"Origin": origin}
        ) as socket:
            await socket.send_json({"type": "join", **host(room), "name": "Ada"})
            told = (await socket.receive_json())["media"]
        assert told["most"] == 4
        assert [server["urls"] for server in told["ice_servers"]] == [["stun:a"], ["turn:b"]]
        name = told["ice_servers"][1]["username"]
        digest = hmac.digest(b"north", name.encode(), "sha1")
        assert told["ice_servers"][1]["credential"] == base64.b64encode(digest).decode()


async def test_a_daemon_does_not_start_with_a_certificate_that_cannot_be_used(
    tmp_path: Path,
) -> None:
    """It says which file, and what."""
    missing = tmp_path / "missing.pem"
    with pytest.raises(StartError, match=f"{missing}: No such file"):
        async with embedded(embedded_with(tmp_path, missing), "acme", VirtualClock()):
            pass
