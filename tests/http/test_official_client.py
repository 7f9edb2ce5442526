"""The last official client that has the Meetings API, unchanged, against our server.

It is told another host and whom to trust, as its documents allow; all else is its own: paths,
bodies, tokens by the real clock, and https, which it speaks alone. What it raises is what programs
that were written for the API catch.
"""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from vonage_jwt import verify_signature

from orchestrator.adapters.clock import SystemClock
from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server import Application, CallbackUrls, DialInNumber, TlsFiles
from tests.fakes.clock import settle
from tests.meetings import (
    APPLICATION,
    BASE,
    KEY,
    OTHER_KEY,
    Client,
    in_memory,
    over_http,
    public_pem,
    settings,
)
from tests.pictures import LOGO
from tests.tls import own_certificate

with warnings.catch_warnings():
    # It says that a newer one is out, which has no Meetings any more.
    warnings.simplefilter("ignore")
    import vonage
    from vonage.errors import AuthenticationError, ClientError

SECRET = "s" * 32


class Stand:
    """The official client, and our own way to the same server for what the API cannot do."""

    def __init__(self, sdk: Any, client: Client) -> None:
        self.sdk = sdk
        self.client = client

    async def ask(self, name: str, *arguments: Any, **named: Any) -> Any:
        """Call one method of its Meetings class, in a thread, because it blocks."""
        return await asyncio.to_thread(getattr(self.sdk.meetings, name), *arguments, **named)

    async def refused(self, name: str, *arguments: Any) -> str:
        """What it raises, as text."""
        with pytest.raises(ClientError) as caught:
            await self.ask(name, *arguments)
        return str(caught.value)


def official(url: str, certificate: Path, key: Any = KEY) -> Any:
    """The official client of our application."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    sdk = vonage.Client(application_id=APPLICATION, private_key=pem.decode())
    sdk.meetings_api_host(f"{url.removeprefix('https://')}{BASE}")
    sdk.meetings = vonage.Meetings(sdk)
    sdk.session.verify = str(certificate)
    return sdk


@pytest.fixture
async def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    """A server that speaks TLS, with a telephone number and a maximum of rooms."""
    certificate = own_certificate(tmp_path / "own.pem")
    # It uploads logos by a session of its own, which looks here for whom to trust.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    told = settings(
        tls=TlsFiles(certificate),
        inside=True,
        dial_in_numbers=(DialInNumber("442381924626", "en-GB", "United Kingdom"),),
        max_rooms=3,
    )
    async with over_http(told, SystemClock()) as client:
        sdk = official(client.url, certificate)
        yield Stand(sdk, client)
        sdk.session.close()
        gc.collect()  # what it raises holds on to its connection
        await settle()
    # What says farewell over TLS may take longer than a busy machine leaves it.
    loop: Any = asyncio.get_running_loop()
    for transport in tuple(loop._transports.values()):  # noqa: SLF001
        transport.abort()
    await settle()


def later(stand: Stand, **length: float) -> str:
    """A moment that far ahead, as its documents have it."""
    return (stand.client.clock.now() + timedelta(**length)).isoformat()


async def test_rooms(stand: Stand) -> None:
    """Made, listed, read and changed."""
    instant = await stand.ask("create_room", {"display_name": "Instant"})
    assert instant["type"] == "instant"
    long = await stand.ask(
        "create_room",
        {
            "display_name": "Long",
            "type": "long_term",
            "expires_at": later(stand, days=30),
            "join_approval_level": "explicit_approval",
            "initial_join_options": {"microphone_state": "on"},
            "ui_settings": {"language": "ES"},
        },
    )
    page = await stand.ask("list_rooms", page_size="1")
    assert (page["page_size"], page["total_items"]) == (1, 2)
    assert [room["id"] for room in page["_embedded"]] == [instant["id"]]
    assert (await stand.ask("get_room", long["id"]))["ui_settings"] == {"language": "es"}
    changed = await stand.ask(
        "update_room",
        long["id"],
        {"update_details": {"available_features": {"is_chat_available": False}}},
    )
    assert changed["available_features"]["is_chat_available"] is False
    assert changed["available_features"]["is_recording_available"] is True


async def test_what_it_raises(stand: Stand) -> None:
    """In the words that were captured, where they were."""
    room = await stand.ask("create_room", {"display_name": "Instant"})
    details = {"update_details": {"expire_after_use": True}}
    assert await stand.refused("update_room", room["id"], details) == (
        f"Status Code 400: BadRequestError: The room with id: {room['id']} could not be updated "
        "because of its type: temporary"
    )
    assert await stand.refused("update_room", room["id"], {"update_details": {}}) == (
        'Status Code 400: InputValidationError: "update_details" must have at least 1 key'
    )
    assert await stand.refused("get_recording", "x") == (
        "Status Code 404: NotFoundError: Recording x was not found"
    )
    assert await stand.refused("delete_recording", "x") == (
        "Status Code 404: NotFoundError: Could not find recording"
    )
    assert await stand.refused("get_session_recordings", "x") == (
        "Status Code 404: NotFoundError: Failed to find session recordings by id: x"
    )
    assert await stand.refused("list_rooms_with_theme_id", "x") == (
        "Status Code 404: NotFoundError: Failed to get rooms because theme id x not found"
    )
    for number in range(2):
        await stand.ask("create_room", {"display_name": f"{number}"})
    assert (await stand.refused("create_room", {"display_name": "one too many"})).startswith(
        "Status Code 403: ForbiddenError: "
    )


async def test_somebody_else(stand: Stand, tmp_path: Path) -> None:
    """A key that is not the application's."""
    stranger = official(stand.client.url, tmp_path / "own.pem", OTHER_KEY)
    with pytest.raises(AuthenticationError, match=r"Authentication failed\."):
        await asyncio.to_thread(stranger.meetings.list_rooms)
    stranger.session.close()


async def test_recordings_and_dialling_in(stand: Stand) -> None:
    """Listed by session, read, and deleted once uploaded."""
    room = await stand.ask("create_room", {"display_name": "Recorded"})
    await stand.client.join(room)
    recording_id, session_id = await stand.client.record(room)
    assert (await stand.refused("delete_recording", recording_id)).startswith("Status Code 403")
    await stand.client.ask("POST", f"/_test/recordings/{recording_id}/stop", base="")
    await stand.client.upload(recording_id, b"content")
    found = await stand.ask("get_session_recordings", session_id)
    assert [one["id"] for one in found["_embedded"]["recordings"]] == [recording_id]
    recording = await stand.ask("get_recording", recording_id)
    href = recording["_links"]["url"]["href"]
    download = await asyncio.to_thread(stand.sdk.session.get, href)
    assert download.content == b"content"
    assert await stand.ask("delete_recording", recording_id) is None
    assert await stand.ask("list_dial_in_numbers") == [
        {"number": "442381924626", "locale": "en-GB", "display_name": "United Kingdom"}
    ]


async def test_themes(stand: Stand, tmp_path: Path) -> None:
    """Made, changed, given to a room and to new ones, with a logo, and deleted by force."""
    assert await stand.ask("list_themes") == []
    theme = await stand.ask(
        "create_theme", {"theme_name": "ours", "main_color": "#12f64e", "brand_text": "Ours"}
    )
    theme_id = theme["theme_id"]
    changes = {"update_details": {"theme_name": "renamed", "short_company_url": "our-firm"}}
    assert (await stand.ask("update_theme", theme_id, changes))["theme_name"] == "renamed"
    picture = tmp_path / "logo.png"
    picture.write_bytes(LOGO)
    # It leaves its file to the collector of garbage.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        said = await stand.ask("upload_logo_to_theme", theme_id, str(picture), "white")
    assert said == f"Logo upload to theme: {theme_id} was successful."
    assert (await stand.ask("get_theme", theme_id))["brand_image_white_url"] is not None
    room = await stand.ask(
        "create_room",
        {"display_name": "Long", "type": "long_term", "expires_at": later(stand, days=30)},
    )
    dressed = await stand.ask("add_theme_to_room", room["id"], theme_id)
    assert "/our-firm/" in dressed["_links"]["guest_url"]["href"]
    page = await stand.ask("list_rooms_with_theme_id", theme_id)
    assert [one["id"] for one in page["_embedded"]] == [room["id"]]
    told = await stand.ask("update_application_theme", theme_id)
    assert told["default_theme_id"] == theme_id
    message = await stand.refused("delete_theme", theme_id)
    assert message.splitlines()[:2] == [
        "Status Code 400: BadRequestError: could not delete theme",
        f"Error: Theme {theme_id} is used by 1 room",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        assert await stand.ask("delete_theme", theme_id, force=True) is None
    assert await stand.ask("list_themes") == []


async def test_its_check_of_signatures() -> None:
    """By which receivers of signed webhooks tell who sent them."""
    sent: list[str] = []

    class Sender:
        async def post(self, _: str, __: bytes, headers: Any) -> int:
            sent.append(headers["Authorization"].removeprefix("Bearer "))
            return 204

    application = Application(
        id=APPLICATION,
        public_key=public_pem(KEY),
        callback_urls=CallbackUrls(sessions_callback_url="http://s.example/"),
        signature_secret=Secret(SECRET),
    )
    told = settings(applications=(application,))
    async with in_memory(told, SystemClock(), sender=Sender()) as client:
        await client.join(await client.create())
        await client.memory.deliver()
    assert [verify_signature(token, SECRET) for token in sent] == [True, True]
    assert verify_signature(sent[0], "t" * 32) is False
