"""The Meetings API as the API notes tell it, over HTTP and in memory: one suite for both."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from orchestrator.meetings_server import Clock, DialInNumber
from tests.fakes.clock import VirtualClock
from tests.meetings import APPLICATION, KEY, OTHER_KEY, WAYS, Client, claims, settings, token

ROOM_KEYS = [
    "id", "display_name", "metadata", "type", "expires_at", "recording_options", "meeting_code",
    "_links", "created_at", "is_available", "expire_after_use", "theme_id", "initial_join_options",
    "join_approval_level", "ui_settings", "available_features",
]  # fmt: skip
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def clock() -> VirtualClock:
    """Stands still unless a test moves it."""
    return VirtualClock()


@pytest.fixture(params=sorted(WAYS))
def way(request: pytest.FixtureRequest) -> Any:
    """How the server is asked."""
    return WAYS[request.param]


@pytest.fixture(params=[False, True], ids=["usual", "strict"])
async def client(
    request: pytest.FixtureRequest, way: Any, clock: VirtualClock
) -> AsyncIterator[Client]:
    """A server with usual settings, or one that does as the final API did."""
    async with way(settings(strict_v1=request.param), clock) as opened:
        yield opened


@pytest.fixture
async def deleting(way: Any, clock: VirtualClock) -> AsyncIterator[Client]:
    """A server that deletes rooms, as the final API did not."""
    async with way(settings(), clock) as opened:
        yield opened


def later(clock: Clock, **length: float) -> str:
    """A moment that far ahead, as clients spell it."""
    return (clock.now() + timedelta(**length)).isoformat()


def problem_of(message: str) -> tuple[int, str, str]:
    """What a broken rule looks like."""
    return 400, "InputValidationError", message


# --- the room object (6.1 to 6.4) ---


async def test_a_room_has_the_documented_keys_in_order(client: Client) -> None:
    """On creating, reading and listing alike; nothing more, and no callback_urls when unset."""
    created = await client.create()
    listed = (await client.ask("GET", "/rooms")).json["_embedded"][0]
    for room in (created, await client.get(created), listed):
        assert list(room) == ROOM_KEYS


async def test_defaults_of_a_new_room(client: Client, clock: VirtualClock) -> None:
    """As they were captured."""
    room = await client.create(display_name="Stand-up")
    assert INSTANT.fullmatch(room["created_at"])
    assert INSTANT.fullmatch(room["expires_at"])
    assert re.fullmatch(r"\d{9}", room["meeting_code"])
    assert list(room["_links"]) == ["host_url", "guest_url"]
    fixed = {key: room[key] for key in ROOM_KEYS if key not in {"id", "meeting_code", "_links"}}
    assert fixed == {
        "display_name": "Stand-up",
        "metadata": None,
        "type": "instant",
        "expires_at": "2026-01-05T09:10:00.000Z",
        "recording_options": {"auto_record": False, "record_only_owner": False},
        "created_at": "2026-01-05T09:00:00.000Z",
        "is_available": True,
        "expire_after_use": False,
        "theme_id": None,
        "initial_join_options": {"microphone_state": "default"},
        "join_approval_level": "none",
        "ui_settings": {"language": "default"},
        "available_features": {
            "is_recording_available": True,
            "is_chat_available": True,
            "is_whiteboard_available": True,
            "is_locale_switcher_available": False,
            "is_captions_available": False,
        },
    }


async def test_what_is_asked_for_is_kept(client: Client) -> None:
    """Every field, unknown ones ignored, booleans and languages spelt as some clients do."""
    room = await client.create_long(
        metadata="ref 17",
        recording_options={"auto_record": "True", "unknown": 1},
        expire_after_use="true",
        join_approval_level="explicit_approval",
        initial_join_options={"microphone_state": "off"},
        callback_urls={"rooms_callback_url": "https://example.org/r"},
        available_features={"is_chat_available": False},
        ui_settings={"language": "PT-BR"},
        colour="blue",
    )
    assert await client.get(room) | {"_links": 0} == room | {"_links": 0}
    assert room["metadata"] == "ref 17"
    assert room["recording_options"] == {"auto_record": True, "record_only_owner": False}
    assert room["expire_after_use"] is True
    assert room["join_approval_level"] == "explicit_approval"
    assert room["initial_join_options"] == {"microphone_state": "off"}
    assert room["callback_urls"] == {"rooms_callback_url": "https://example.org/r"}
    assert list(room).index("callback_urls") == list(room).index("ui_settings") - 1
    assert room["available_features"]["is_chat_available"] is False
    assert room["available_features"]["is_recording_available"] is True
    assert room["ui_settings"] == {"language": "pt-br"}


@pytest.mark.parametrize(
    ("spelt", "granted"),
    [
        ("2026-05-01T16:00:00.000Z", "2026-05-01T16:00:00.000Z"),
        ("2026-05-01T00:47:04+0000", "2026-05-01T00:47:04.000Z"),
        ("2026-05-01T12:00:00.123987", "2026-05-01T12:00:00.123Z"),
        ("2026-05-01 20:10:05", "2026-05-01T20:10:05.000Z"),
        ("2026-05-01T00:00:00", "2026-05-01T00:00:00.000Z"),
    ],
)
async def test_expiry_in_every_spelling(client: Client, spelt: str, granted: str) -> None:
    """Those of official clients; cut to the millisecond, naive is UTC."""
    room = await client.create(type="long_term", expires_at=spelt)
    assert room["expires_at"] == granted


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"display_name": None}, '"display_name" is required'),
        ({"display_name": "  "}, '"display_name" is not allowed to be empty'),
        ({"display_name": 7}, '"display_name" must be a string'),
        ({"display_name": "\ud800"}, '"display_name" must be valid Unicode'),
        (
            {"display_name": "x" * 201},
            '"display_name" length must be less than or equal to 200 characters long',
        ),
        (
            {"metadata": "x" * 501},
            '"metadata" length must be less than or equal to 500 characters long',
        ),
        ({"type": "forever"}, '"type" must be one of [instant, long_term]'),
        ({"type": "long_term"}, '"expires_at" is required'),
        ({"expires_at": "2026-05-01"}, '"expires_at" is not allowed'),
        (
            {"type": "long_term", "expires_at": "soon"},
            '"expires_at" must be a valid ISO 8601 date',
        ),
        (
            {"type": "long_term", "expires_at": 1767603600},
            '"expires_at" must be a valid ISO 8601 date',
        ),
        (
            {"type": "long_term", "expires_at": "2026-01-05T09:10:00.000Z"},
            '"expires_at" must be more than 10 minutes in the future',
        ),
        (
            {"type": "long_term", "expires_at": "2026-01-05T09:10:00.000999Z"},
            '"expires_at" must be more than 10 minutes in the future',
        ),
        (
            {"type": "long_term", "expires_at": "2027-01-05T09:00:00.001Z"},
            '"expires_at" must be at most one year in the future',
        ),
        (
            {"recording_options": {"auto_record": "perhaps"}},
            '"recording_options.auto_record" must be a boolean',
        ),
        ({"recording_options": []}, '"recording_options" must be of type object'),
        (
            {"join_approval_level": "abc123"},
            '"join_approval_level" must be one of [none, after_owner_only, explicit_approval]',
        ),
        (
            {"initial_join_options": {"microphone_state": "loud"}},
            '"initial_join_options.microphone_state" must be one of [on, off, default]',
        ),
        (
            {"callback_urls": {"rooms_callback_url": "ftp://example.org"}},
            (
                '"callback_urls.rooms_callback_url" must be a valid uri with a scheme matching '
                "the http|https pattern"
            ),
        ),
        (
            {"ui_settings": {"language": "tlh"}},
            (
                '"ui_settings.language" must be one of [ar, pt-br, ca, zh-tw, zh-cn, en, fr, de, '
                "he, it, es, pt, default]"
            ),
        ),
    ],
)
async def test_what_breaks_a_rule_is_refused(
    client: Client, fields: dict[str, Any], message: str
) -> None:
    """400 in family A, the field named first, and no room made."""
    reply = await client.ask("POST", "/rooms", {"display_name": "Room"} | fields)
    assert reply.error == problem_of(message)
    assert (await client.ask("GET", "/rooms")).json["total_items"] == 0


async def test_a_theme_that_does_not_exist_is_refused(client: Client) -> None:
    """And null, which detaches one, is not."""
    body = {"display_name": "Room", "theme_id": "t1", "type": "long_term"}
    reply = await client.ask("POST", "/rooms", body | {"expires_at": later(client.clock, days=1)})
    message = "Failed to create room because theme id t1 not found"
    assert reply.error == (400, "BadRequestError", message)
    await client.create(theme_id=None)


async def test_limits_are_inclusive(client: Client) -> None:
    """The longest name, the longest metadata, and exactly a year."""
    await client.create_long(days=365, display_name="ñ" * 200, metadata="x" * 500)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "BadRequestError", "The request body is not valid JSON")),
        (b"", (400, "BadRequestError", "The request body is not valid JSON")),
        (b"\xff\xfe\xfd", (400, "BadRequestError", "The request body is not valid JSON")),
        (b"[" * 50_000, (400, "BadRequestError", "The request body is not valid JSON")),
        (b"[1]", problem_of('"value" must be of type object')),
        (b" " * 70_000, (413, "PayloadTooLargeError", "The request body is too large")),
    ],
    ids=["cut", "empty", "no text", "deep", "a list", "too large"],
)
async def test_bodies_that_cannot_be_read(
    client: Client, body: bytes, expected: tuple[int, str, str]
) -> None:
    """Each gets an answer that says so."""
    assert (await client.ask("POST", "/rooms", body)).error == expected


async def test_one_year_can_be_switched_off(way: Any, clock: VirtualClock) -> None:
    """Nobody knows whether the service enforced it."""
    async with way(settings(enforce_one_year=False), clock) as client:
        await client.create_long(days=1000)


async def test_the_maximum_of_rooms(way: Any, clock: VirtualClock) -> None:
    """403 in family A; ended rooms do not count, and others' rooms do not either."""
    async with way(settings(max_rooms=2), clock) as client:
        await client.create_long()
        await client.create()
        reply = await client.ask("POST", "/rooms", {"display_name": "one too many"})
        assert reply.error == (403, "ForbiddenError", "The maximum of 2 rooms has been reached")
        body = {"display_name": "of somebody else"}
        assert (await client.ask_as_other("POST", "/rooms", body)).status == 201
        clock.advance(600)
        await client.create()


# --- links (6.2) ---


async def test_another_host_link(way: Any, clock: VirtualClock) -> None:
    """Host links that were given out before lead nowhere; the guest link and all else stay."""
    async with way(settings(), clock) as client:
        room = await client.create_long()
        reply = await client.ask("POST", f"/rooms/{room['id']}/host_url")
        assert reply.status == 200
        renewed = reply.json
        assert renewed | {"_links": 0} == room | {"_links": 0}
        assert renewed["_links"]["guest_url"] == room["_links"]["guest_url"]
        assert (await client.open_link(room["_links"]["host_url"]["href"])).status == 404
        for found in (renewed, await client.get(room)):
            assert (await client.open_link(found["_links"]["host_url"]["href"])).status == 200
        path = f"/rooms/{room['id']}/host_url"
        assert (await client.ask_as_other("POST", path)).error[0] == 404


async def test_the_final_api_had_no_other_host_link(way: Any, clock: VirtualClock) -> None:
    """So a strict server has none."""
    async with way(settings(strict_v1=True), clock) as client:
        room = await client.create_long()
        reply = await client.ask("POST", f"/rooms/{room['id']}/host_url")
        assert reply.error[:2] == (404, "NotFoundError")


async def test_the_host_link_is_made_anew_at_each_reading(
    client: Client, clock: VirtualClock
) -> None:
    """Its moment moves, its participant stays, and the guest link stays as a whole."""
    created = await client.create_long()
    clock.advance(60)
    read = await client.get(created)
    assert created["_links"]["guest_url"] == read["_links"]["guest_url"]
    tokens = [
        parse_qs(urlsplit(room["_links"]["host_url"]["href"]).query)["participant_token"][0]
        for room in (created, read)
    ]
    seen = [jwt.decode(one, options={"verify_signature": False}) for one in tokens]
    assert list(seen[0]) == ["participantId", "iat"]
    assert seen[1]["iat"] - seen[0]["iat"] == 60
    assert seen[0]["participantId"] == seen[1]["participantId"]
    head = jwt.get_unverified_header(tokens[0])
    assert (list(head), head["alg"]) == (["alg", "typ", "kid"], "HS256")


async def test_links_carry_neither_id_nor_code(client: Client) -> None:
    """A guest link is 128 random bits; ids appear in lists, and codes are short."""
    room = await client.create()
    for link in room["_links"].values():
        assert room["id"] not in link["href"]
        assert room["meeting_code"] not in link["href"]
    guest = urlsplit(room["_links"]["guest_url"]["href"]).path
    assert re.fullmatch(r"/j/[A-Za-z0-9_-]{22}", guest)


async def test_links_begin_with_the_external_url(way: Any, clock: VirtualClock) -> None:
    """Behind a proxy the address that we listen on means nothing."""
    async with way(settings(external_url="https://meet.example.org/"), clock) as client:
        room = await client.create()
        page = (await client.ask("GET", "/rooms")).json
        links = (*room["_links"].values(), *page["_links"].values())
        assert all(link["href"].startswith("https://meet.example.org/") for link in links)
        assert not any("org//" in link["href"] for link in links)


# --- one room (6.5, 6.6, 6.8) ---


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_room(client: Client, method: str) -> None:
    """404 in family A, and the same for a room of another application."""
    own = await client.create_long()
    body = {"update_details": {"expire_after_use": True}}
    for room_id in ("b3142c46-d1c1-4405-baa6-85683827ed69", "x"):
        reply = await client.ask(method, f"/rooms/{room_id}", body)
        assert reply.error == (404, "NotFoundError", f"Room {room_id} was not found")
    reply = await client.ask_as_other(method, f"/rooms/{own['id']}", body)
    assert reply.error[:2] == (404, "NotFoundError")


async def test_a_change_is_merged(client: Client, clock: VirtualClock) -> None:
    """What is named changes, the rest stays, at every depth; the whole room is the answer."""
    room = await client.create_long(
        available_features={"is_chat_available": False},
        callback_urls={
            "rooms_callback_url": "http://a.example/",
            "sessions_callback_url": "http://b.example/",
        },
    )
    details = {
        "expires_at": later(clock, days=90),
        "expire_after_use": True,
        "join_approval_level": "after_owner_only",
        "initial_join_options": {"microphone_state": "on"},
        "callback_urls": {"rooms_callback_url": "http://c.example/"},
        "available_features": {"is_whiteboard_available": "false"},
        "ui_settings": {"language": "DE"},
        "theme_id": None,
        "display_name": "cannot be changed",
        "metadata": "neither",
    }
    reply = await client.ask("PATCH", f"/rooms/{room['id']}", {"update_details": details})
    assert reply.status == 200
    changed = reply.json
    assert changed | {"_links": 0} == (await client.get(room)) | {"_links": 0}
    expected = room | {
        "expires_at": "2026-04-05T09:00:00.000Z",
        "expire_after_use": True,
        "join_approval_level": "after_owner_only",
        "initial_join_options": {"microphone_state": "on"},
        "callback_urls": {
            "rooms_callback_url": "http://c.example/",
            "sessions_callback_url": "http://b.example/",
        },
        "available_features": room["available_features"] | {"is_whiteboard_available": False},
        "ui_settings": {"language": "de"},
    }
    assert changed | {"_links": 0} == expected | {"_links": 0}


async def test_callback_urls_can_be_taken_away(client: Client) -> None:
    """With the last of them the whole object goes."""
    room = await client.create_long(callback_urls={"rooms_callback_url": "http://a.example/"})
    body = {"update_details": {"callback_urls": {"rooms_callback_url": None}}}
    reply = await client.ask("PATCH", f"/rooms/{room['id']}", body)
    assert "callback_urls" not in reply.json


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"update_details": {}}, '"update_details" must have at least 1 key'),
        ({}, '"update_details" is required'),
        ({"expire_after_use": True}, '"update_details" is required'),
        ({"update_options": {"expire_after_use": True}}, '"update_details" is required'),
        ({"update_details": 1}, '"update_details" must be of type object'),
        (
            {"update_details": {"expires_at": "2026-01-05T09:10:00Z"}},
            '"expires_at" must be more than 10 minutes in the future',
        ),
        (
            {"update_details": {"expires_at": "2028-01-05T09:10:00Z"}},
            '"expires_at" must be at most one year in the future',
        ),
    ],
)
async def test_changes_that_break_a_rule(client: Client, body: Any, message: str) -> None:
    """400, and the room is as it was."""
    room = await client.create_long()
    assert (await client.ask("PATCH", f"/rooms/{room['id']}", body)).error == problem_of(message)
    assert await client.get(room) == room


async def test_an_instant_room_cannot_be_changed(client: Client) -> None:
    """In the service's own words."""
    room = await client.create()
    body = {"update_details": {"expire_after_use": True}}
    reply = await client.ask("PATCH", f"/rooms/{room['id']}", body)
    assert reply.error == (
        400,
        "BadRequestError",
        f"The room with id: {room['id']} could not be updated because of its type: temporary",
    )


async def test_an_expired_room_cannot_be_changed(client: Client, clock: VirtualClock) -> None:
    """Its end was announced: it does not come back to life."""
    room = await client.create_long(days=1)
    clock.advance(86_400)
    body = {"update_details": {"expires_at": later(clock, days=30)}}
    reply = await client.ask("PATCH", f"/rooms/{room['id']}", body)
    assert reply.error == (
        400,
        "BadRequestError",
        f"The room with id: {room['id']} could not be updated because it has expired",
    )


async def test_deleting(deleting: Client) -> None:
    """204 without a body; then it is gone from everywhere, and a second time is 404."""
    room = await deleting.create_long()
    reply = await deleting.ask("DELETE", f"/rooms/{room['id']}")
    assert (reply.status, reply.body) == (204, b"")
    assert (await deleting.ask("GET", f"/rooms/{room['id']}")).status == 404
    assert (await deleting.ask("DELETE", f"/rooms/{room['id']}")).status == 404
    page = (await deleting.ask("GET", "/rooms")).json
    assert (page["_embedded"], page["total_items"]) == ([], 0)


async def test_an_occupied_room_is_deleted_by_force_only(deleting: Client) -> None:
    """409 otherwise; a cooling room is not occupied."""
    room = await deleting.create_long()
    await deleting.join(room)
    reply = await deleting.ask("DELETE", f"/rooms/{room['id']}")
    message = f"Room {room['id']} could not be deleted because it is in use"
    assert reply.error == (409, "ConflictError", message)
    for spelt, status in (("False", 409), ("perhaps", 400), ("True", 204)):
        reply = await deleting.ask("DELETE", f"/rooms/{room['id']}", query={"force": spelt})
        assert reply.status == status
    instant = await deleting.create()
    await deleting.leave(instant, await deleting.join(instant))
    assert (await deleting.ask("DELETE", f"/rooms/{instant['id']}")).status == 204


async def test_strict_v1_deletes_nothing(way: Any, clock: VirtualClock) -> None:
    """As the final API: 404, and the room is still there."""
    async with way(settings(strict_v1=True), clock) as client:
        room = await client.create_long()
        reply = await client.ask("DELETE", f"/rooms/{room['id']}", query={"force": "true"})
        assert reply.error[:2] == (404, "NotFoundError")
        await client.get(room)


# --- the life of rooms (6.4) ---


async def test_an_unjoined_instant_room_lives_ten_minutes(
    client: Client, clock: VirtualClock
) -> None:
    """Then it is still listed and still found, but not available."""
    room = await client.create()
    clock.advance(599.999)
    assert (await client.get(room))["is_available"] is True
    clock.advance(0.001)
    assert (await client.get(room))["is_available"] is False
    listed = (await client.ask("GET", "/rooms")).json["_embedded"]
    assert [one["is_available"] for one in listed] == [False]


async def test_a_used_instant_room_lives_ten_minutes_longer(
    client: Client, clock: VirtualClock
) -> None:
    """However long it was in use; its expires_at does not move."""
    room = await client.create()
    clock.advance(300)
    who = await client.join(room)
    clock.advance(7200)
    assert (await client.get(room))["is_available"] is True
    await client.leave(room, who)
    clock.advance(599)
    again = await client.join(room)
    clock.advance(3600)
    await client.leave(room, again)
    clock.advance(599)
    assert (await client.get(room))["is_available"] is True
    clock.advance(1)
    ended = await client.get(room)
    assert ended["is_available"] is False
    assert ended["expires_at"] == room["expires_at"]


async def test_a_long_term_room_lives_until_it_expires(client: Client, clock: VirtualClock) -> None:
    """Used or not."""
    room = await client.create_long(days=2)
    await client.leave(room, await client.join(room))
    clock.advance(2 * 86_400 - 1)
    assert (await client.get(room))["is_available"] is True
    clock.advance(1)
    assert (await client.get(room))["is_available"] is False


async def test_expire_after_use(client: Client, clock: VirtualClock) -> None:
    """Ten minutes after the last one left."""
    room = await client.create_long(expire_after_use=True)
    clock.advance(86_400)
    await client.leave(room, await client.join(room))
    clock.advance(599)
    assert (await client.get(room))["is_available"] is True
    clock.advance(1)
    assert (await client.get(room))["is_available"] is False


async def test_a_running_session_may_finish(client: Client, clock: VirtualClock) -> None:
    """At expiry no new session can start; whoever lost the connection may come back."""
    room = await client.create_long(days=1)
    first = await client.join(room)
    clock.advance(86_400)
    assert (await client.get(room))["is_available"] is False
    second = await client.join(room, "Ben")
    await client.leave(room, first)
    await client.leave(room, second)
    reply = await client.ask("POST", f"/_test/rooms/{room['id']}/join", {"name": "Cy"}, base="")
    message = f"Room {room['id']} is no longer available"
    assert reply.error == (409, "ConflictError", message)


async def test_ended_rooms_are_purged(way: Any, clock: VirtualClock) -> None:
    """After `retention`, and not before."""
    async with way(settings(retention=timedelta(days=3)), clock) as client:
        ended, lasting = await client.create(), await client.create_long(days=30)
        clock.advance(600)
        await client.get(ended)
        clock.advance(3 * 86_400 - 1)
        await client.create()
        clock.advance(600)
        await client.get(lasting)
        assert (await client.ask("GET", f"/rooms/{ended['id']}")).status == 404
        assert (await client.ask("GET", "/rooms")).json["total_items"] == 2


# --- lists (6.7) ---


async def names(client: Client, **query: str) -> list[str]:
    """The names on one page."""
    reply = await client.ask("GET", "/rooms", query=query)
    assert reply.status == 200, reply.body
    return [room["display_name"] for room in reply.json["_embedded"]]


async def test_the_envelope(client: Client) -> None:
    """Flat, in order, whole numbers, absolute links under /v1/meetings."""
    empty = (await client.ask("GET", "/rooms")).json
    assert list(empty) == ["page_size", "_embedded", "_links", "total_items"]
    assert (empty["page_size"], empty["_embedded"], empty["total_items"]) == (20, [], 0)
    assert sorted(empty["_links"]) == ["first", "self"]
    for number in range(5):
        await client.create(display_name=f"{number}")
    page = (await client.ask("GET", "/rooms", query={"page_size": "2"})).json
    assert (page["page_size"], len(page["_embedded"]), page["total_items"]) == (2, 2, 5)
    assert sorted(page["_links"]) == ["first", "next", "self"]
    for link in page["_links"].values():
        parts = urlsplit(link["href"])
        assert parts.scheme == "http"
        assert parts.path == "/v1/meetings/rooms"
        assert parse_qs(parts.query)["page_size"] == ["2"]


async def test_paging_there_and_back(client: Client) -> None:
    """`next` visits every room once, in order of creation; `prev` goes back the same way."""
    for number in range(7):
        await client.create(display_name=f"{number}")
    await client.ask_as_other("POST", "/rooms", {"display_name": "of somebody else"})

    async def walk(link: str, query: dict[str, str]) -> list[list[str]]:
        pages = []
        while True:
            page = (await client.ask("GET", "/rooms", query=query)).json
            pages.append([room["display_name"] for room in page["_embedded"]])
            own = dict(parse_qs(urlsplit(page["_links"]["self"]["href"]).query))
            assert own["start_id"]
            if link not in page["_links"]:
                return pages
            found = parse_qs(urlsplit(page["_links"][link]["href"]).query)
            query = {name: values[0] for name, values in found.items()}

    pages = [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert await walk("next", {"page_size": "3"}) == pages
    assert await walk("prev", {"page_size": "3", "start_id": "7"}) == [["6"], *pages[1::-1]]


async def test_the_ends_of_a_range(client: Client) -> None:
    """start_id is inclusive, end_id exclusive; numbers without end are no error."""
    for number in range(1, 6):
        await client.create(display_name=f"{number}")
    assert await names(client, start_id="2", end_id="4") == ["2", "3"]
    assert await names(client, end_id="2") == ["1"]
    assert await names(client, start_id="6") == []
    assert await names(client, start_id="-1", end_id="9" * 29) == ["1", "2", "3", "4", "5"]
    page = (await client.ask("GET", "/rooms", query={"end_id": "4", "page_size": "2"})).json
    assert parse_qs(urlsplit(page["_links"]["next"]["href"]).query)["end_id"] == ["4"]


async def test_serials_are_never_given_twice(way: Any, clock: VirtualClock) -> None:
    """A new room stands behind one that was purged, so a listing under way misses nothing."""
    async with way(settings(retention=timedelta()), clock) as client:
        room = await client.create(display_name="1")
        await client.ask("DELETE", f"/rooms/{room['id']}")
        await client.create(display_name="2")
        assert await names(client, start_id="2") == ["2"]
        assert await names(client, end_id="2") == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"start_id": "b3142c46"}, '"start_id" must be a number'),
        ({"end_id": "1.5"}, '"end_id" must be a number'),
        ({"page_size": "many"}, '"page_size" must be a number'),
        ({"page_size": "0"}, '"page_size" must be greater than or equal to 1'),
        ({"page_size": "-3"}, '"page_size" must be greater than or equal to 1'),
    ],
)
async def test_queries_that_break_a_rule(
    client: Client, query: dict[str, str], message: str
) -> None:
    """400 in family A."""
    assert (await client.ask("GET", "/rooms", query=query)).error == problem_of(message)


async def test_large_pages_are_cut(client: Client) -> None:
    """To a thousand, and the answer says so."""
    page = (await client.ask("GET", "/rooms", query={"page_size": "5000"})).json
    assert page["page_size"] == 1000


# --- sessions (7.2) ---


async def test_sessions_are_told(client: Client, clock: VirtualClock) -> None:
    """Open ones without an end; minutes added up over the participants."""
    room = await client.create_long(display_name="Planning")
    ada = await client.join(room)
    clock.advance(60)
    ben = await client.join(room, "Ben", is_host=True)
    clock.advance(90)
    page = (await client.ask("GET", "/sessions")).json
    assert list(page) == ["page_size", "total_items", "_embedded", "_links"]
    session = page["_embedded"]["sessions"][0]
    assert session == {
        "id": session["id"],
        "room_id": room["id"],
        "room_display_name": "Planning",
        "start_time": "2026-01-05T09:00:00.000Z",
        "end_time": None,
        "is_recorded": False,
        "participants_number": 2,
        "billed_time": 4.0,
        "recordings_time": 0.0,
    }
    await client.leave(room, ada)
    await client.leave(room, ben)
    session = (await client.ask("GET", "/sessions")).json["_embedded"]["sessions"][0]
    assert session["end_time"] == "2026-01-05T09:02:30.000Z"


async def test_sessions_are_filtered_and_paged(client: Client, clock: VirtualClock) -> None:
    """By the time in which they ran, by room (our own extension), and by offset."""
    rooms = [await client.create_long(display_name=name) for name in "abc"]
    for room in rooms:
        who = await client.join(room)
        clock.advance(3600)
        if room is not rooms[2]:
            await client.leave(room, who)

    async def found(**query: str) -> str:
        names = {name.rstrip("_"): value for name, value in query.items()}
        reply = await client.ask("GET", "/sessions", query=names)
        assert reply.status == 200, reply.body
        sessions = reply.json["_embedded"]["sessions"]
        return "".join(session["room_display_name"] for session in sessions)

    assert await found() == "abc"
    assert await found(from_="2026-01-05T10:30:00Z") == "bc"
    assert await found(to="2026-01-05T10:30:00Z") == "ab"
    assert await found(from_="2026-01-05T13:00:00Z") == "c"
    assert await found(recorded="true") == ""
    assert await found(recorded="False") == "abc"
    assert await found(room_id=rooms[1]["id"]) == "b"
    assert await found(offset="1", page_size="1") == "b"
    page = (await client.ask("GET", "/sessions", query={"offset": "1", "page_size": "1"})).json
    assert page["total_items"] == 3
    offsets = {
        name: parse_qs(urlsplit(link["href"]).query)["offset"]
        for name, link in page["_links"].items()
    }
    assert offsets == {"first": ["0"], "self": ["1"], "prev": ["0"], "next": ["2"]}
    assert (await client.ask_as_other("GET", "/sessions")).json["total_items"] == 0
    reply = await client.ask("GET", "/sessions", query={"offset": "-1"})
    assert reply.error == problem_of('"offset" must be greater than or equal to 0')


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"from": "soon"}, '"from" must be a valid ISO 8601 date'),
        ({"to": "1.5"}, '"to" must be a valid ISO 8601 date'),
        (
            {"from": "2026-01-05T09:00:00Z", "to": "2026-01-05T08:59:59Z"},
            '"to" must be greater than or equal to "from"',
        ),
        ({"recorded": "perhaps"}, '"recorded" must be a boolean'),
        ({"offset": "1.5"}, '"offset" must be a number'),
        ({"offset": "-1"}, '"offset" must be greater than or equal to 0'),
        ({"page_size": "0"}, '"page_size" must be greater than or equal to 1'),
    ],
)
async def test_queries_for_sessions_that_break_a_rule(
    client: Client, query: dict[str, str], message: str
) -> None:
    """400 in family A."""
    assert (await client.ask("GET", "/sessions", query=query)).error == problem_of(message)


async def test_large_pages_of_sessions_are_cut(client: Client) -> None:
    """To a thousand, and the answer says so; an offset beyond the end is an empty page."""
    query = {"page_size": "5000", "offset": "9" * 25, "from": "2026-01-05 09:00", "to": ""}
    page = (await client.ask("GET", "/sessions", query=query)).json
    assert (page["page_size"], page["_embedded"]) == (1000, {"sessions": []})


# --- dialling in (7.3) ---


async def test_dial_in_numbers(way: Any, clock: VirtualClock) -> None:
    """A bare array, in the configured order; none by default, which is no error."""
    numbers = (
        DialInNumber("541139862166", "es-AR", "Argentina"),
        DialInNumber("442381924626", "en-GB", "United Kingdom"),
    )
    async with way(settings(dial_in_numbers=numbers), clock) as client:
        found = (await client.ask("GET", "/dial-in-numbers")).json
        assert [list(one.items()) for one in found] == [
            [("number", "541139862166"), ("locale", "es-AR"), ("display_name", "Argentina")],
            [("number", "442381924626"), ("locale", "en-GB"), ("display_name", "United Kingdom")],
        ]
    async with way(settings(), clock) as client:
        assert (await client.ask("GET", "/dial-in-numbers")).json == []


# --- who asks (3) ---


async def test_without_a_header(client: Client) -> None:
    """Family B, with nothing but title and detail."""
    reply = await client.ask("GET", "/rooms", headers={})
    assert reply.status == 401
    assert list(reply.json.items()) == [
        ("title", "Missing Auth"),
        ("detail", "Auth header is required"),
    ]


def _unsigned(clock: VirtualClock) -> str:
    return jwt.encode(claims(clock.now()), "", algorithm="none")


def _symmetric(clock: VirtualClock) -> str:
    return jwt.encode(claims(clock.now()), "s" * 64, algorithm="HS256")


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(lambda _: "Basic abc", id="basic"),
        pytest.param(lambda _: "Bearer", id="no token"),
        pytest.param(lambda _: "Bearer not.a.token", id="no token either"),
        pytest.param(lambda clock: "Bearer " + _unsigned(clock), id="unsigned"),
        pytest.param(lambda clock: "Bearer " + _symmetric(clock), id="HS256"),
        pytest.param(lambda clock: "Bearer " + token(clock.now(), OTHER_KEY), id="wrong key"),
        *(
            pytest.param(
                lambda clock, changes=changes: "Bearer " + token(clock.now(), **changes(clock)),
                id=name,
            )
            for name, changes in {
                "unknown application": lambda _: {"application_id": "nobody"},
                "no application": lambda _: {"application_id": None},
                "application is a list": lambda _: {"application_id": [APPLICATION]},
                "no jti": lambda _: {"jti": None},
                "empty jti": lambda _: {"jti": ""},
                "no iat": lambda _: {"iat": None},
                "iat is a boolean": lambda _: {"iat": True},
                "exp is text": lambda _: {"exp": "tomorrow"},
                "nbf is text": lambda _: {"nbf": "now"},
                "expired": lambda c: {"exp": int(c.now().timestamp()) - 60},
                "from the future": lambda c: {"iat": int(c.now().timestamp()) + 61},
                "not yet": lambda c: {"nbf": int(c.now().timestamp()) + 61},
                "16 minutes old, no exp": lambda c: {
                    "exp": None,
                    "iat": int(c.now().timestamp()) - 960,
                },
                "a day old, exp in 2100": lambda c: {
                    "exp": 4102444800,
                    "iat": int(c.now().timestamp()) - 86_460,
                },
            }.items()
        ),
    ],
)
async def test_bad_credentials(client: Client, clock: VirtualClock, credentials: Any) -> None:
    """All alike: the reason is not told."""
    reply = await client.ask("GET", "/rooms", headers={"authorization": credentials(clock)})
    assert reply.status == 401
    assert list(reply.json.items()) == [
        ("title", "Unauthorized"),
        ("detail", "You did not provide correct credentials"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": None}, id="no exp"),
        pytest.param({"jti": "fixed", "sub": "x", "acl": {}, "extra": 1}, id="more claims"),
        pytest.param({"exp": 4102444800}, id="exp in 2100"),
        pytest.param({"iat": 1767603600 + 59}, id="a clock that is ahead"),
        pytest.param({"iat": 1767603600 - 959, "exp": None}, id="a clock that is behind"),
        pytest.param({"nbf": 1767603600}, id="nbf"),
    ],
)
async def test_good_credentials(
    client: Client, clock: VirtualClock, changes: dict[str, Any]
) -> None:
    """What official clients send, and a minute of skew; a jti may come twice."""
    assert int(clock.now().timestamp()) == 1767603600
    signed = token(clock.now(), KEY, **changes)
    for scheme in ("Bearer", "bearer"):
        reply = await client.ask("GET", "/rooms", headers={"authorization": f"{scheme} {signed}"})
        assert reply.status == 200


async def test_a_token_wears_out(client: Client, clock: VirtualClock) -> None:
    """Also one that was seen before."""
    headers = {"authorization": f"Bearer {token(clock.now())}"}
    assert (await client.ask("GET", "/rooms", headers=headers)).status == 200
    clock.advance(960)
    assert (await client.ask("GET", "/rooms", headers=headers)).status == 401


# --- paths, methods, headers (2, 4, 10) ---


@pytest.mark.parametrize("base", ["/v1/meetings", "/beta/meetings", "/meetings"])
@pytest.mark.parametrize(
    "path", ["/rooms", "/rooms/", "/sessions/", "/dial-in-numbers", "/themes/", "/recordings/x/"]
)
async def test_every_generation_of_the_base_path(client: Client, base: str, path: str) -> None:
    """With and without a slash at the end; links lead to the newest."""
    reply = await client.ask("GET", path, base=base)
    if path == "/recordings/x/":
        assert reply.error == (404, "NotFoundError", "Recording x was not found")
        return
    assert reply.status == 200
    if path.startswith("/rooms"):
        assert "/v1/meetings/rooms?" in reply.json["_links"]["self"]["href"]


@pytest.mark.parametrize(
    "path", ["/v1/meetings", "/v1/meetings/", "/v1/meetings/Rooms", "/v2/meetings/rooms",
             "/v1/meetings/rooms/a/b", "/v1/meetings/rooms%0A", "/v1/meetings/themes/a/b",
             "/favicon.ico", "/_test/nothing"],
)  # fmt: skip
async def test_unknown_paths(client: Client, path: str) -> None:
    """404 in family A, signed or not."""
    unsigned: dict[str, str] = {}
    for headers in (None, unsigned):
        reply = await client.ask("GET", path, base="", headers=headers)
        assert reply.error == (404, "NotFoundError", "Not Found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/meetings/rooms", "GET, POST"),
        ("PUT", "/v1/meetings/rooms/x", "DELETE, GET, PATCH"),
        ("POST", "/v1/meetings/sessions", "GET"),
        ("POST", "/j/abc", "GET, HEAD"),
        ("POST", "/_test/rooms", "GET"),
    ],
)
async def test_wrong_methods(client: Client, method: str, path: str, allowed: str) -> None:
    """405 with the right ones."""
    reply = await client.ask(method, path, base="")
    assert reply.error == (405, "MethodNotAllowedError", "Method Not Allowed")
    assert reply.headers["allow"] == allowed


async def test_headers(client: Client, clock: VirtualClock) -> None:
    """JSON says that it is; the date is that of the server's clock, on errors too."""
    clock.advance(12_345)
    for path in ("/rooms", "/rooms/x"):
        reply = await client.ask("GET", path)
        assert reply.headers["content-type"] == "application/json; charset=utf-8"
        assert parsedate_to_datetime(reply.headers["date"]) == clock.now()
