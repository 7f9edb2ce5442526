"""Pictures of themes as the API notes tell them (8.3): leave, upload, and becoming a theme's."""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
import pytest

from orchestrator.meetings_server import start
from orchestrator.meetings_server.model.logos import LARGEST_LOGO, LARGEST_UPLOAD, MOST_WAITING
from tests.fakes.clock import VirtualClock
from tests.meetings import WAYS, Client, Reply, in_memory, settings
from tests.pictures import FAVICON, LOGO, png

FIELDS: Final = [
    "Content-Type", "key", "logoType", "bucket", "X-Amz-Algorithm", "X-Amz-Credential",
    "X-Amz-Date", "X-Amz-Security-Token", "Policy", "X-Amz-Signature",
]  # fmt: skip
UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
BOUNDARY: Final = "----mark"
BASE: Final = "https://meet.example.org/rooms"
NOWHERE: Final = "e8b1d80b-8f78-4578-94f2-328596e01387"


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
    told = settings(strict_v1=request.param, external_url=BASE)
    async with way(told, clock) as opened:
        yield opened


# --- what the tests ask ---


async def places(client: Client) -> dict[str, Any]:
    """Where to upload, by the type of picture."""
    reply = await client.ask("GET", "/themes/logos-upload-urls")
    assert reply.status == 200
    return {place["fields"]["logoType"]: place for place in reply.json}


def form(fields: Mapping[str, str], content: bytes | None, boundary: str = BOUNDARY) -> bytes:
    """A form with its file last."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if content is not None:
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


async def send(client: Client, body: bytes, kind: str | None = None) -> Reply:
    """A form to the place, without credentials."""
    headers = {"content-type": kind or f"multipart/form-data; boundary={BOUNDARY}"}
    return await client.ask("POST", "/logos", body, headers=headers, base="")


async def upload(client: Client, logo_type: str, content: bytes = LOGO) -> str:
    """A picture that must be taken; gives its key."""
    place = (await places(client))[logo_type]
    reply = await send(client, form(place["fields"], content))
    assert (reply.status, reply.body) == (204, b""), reply.body
    return str(place["fields"]["key"])


async def finalize(client: Client, theme: Any, *keys: Any) -> Reply:
    """The answer to the last step."""
    path = f"/themes/{theme['theme_id']}/finalizeLogos"
    return await client.ask("PUT", path, {"keys": list(keys)})


async def shown(client: Client, url: str, method: str = "GET") -> Reply:
    """What is behind the address of a picture."""
    return await client.ask(method, url.removeprefix(BASE), headers={}, base="")


async def read(client: Client, theme: Any) -> Any:
    """The theme as it is now."""
    return (await client.ask("GET", f"/themes/{theme['theme_id']}")).json


def refused(reply: Reply) -> tuple[int, str]:
    """An error as S3 tells it, after a look at its form."""
    assert reply.headers["content-type"].startswith("application/xml")
    found = re.fullmatch(
        r'<\?xml version="1\.0" encoding="UTF-8"\?>\n'
        r"<Error><Code>(\w+)</Code><Message>[^<>]+</Message></Error>",
        reply.body.decode(),
    )
    assert found is not None, reply.body
    return reply.status, found[1]


def key_not_found(key: str) -> dict[str, str]:
    """What is said of a key under which nothing waits."""
    return {"logoKey": key, "code": "key_not_found"}


UNFINISHED: Final = (400, "BadRequestError", "could not finalize logos")


# --- 1: leave ---


async def test_places_in_their_order(client: Client) -> None:
    """Three, each with the documented fields in order; the keys are new each time."""
    reply = await client.ask("GET", "/themes/logos-upload-urls")
    assert [place["fields"]["logoType"] for place in reply.json] == ["white", "colored", "favicon"]
    for place in reply.json:
        assert list(place) == ["url", "fields"]
        fields = place["fields"]
        assert list(fields) == FIELDS
        assert place["url"] == f"{BASE}/logos"
        assert fields["Content-Type"] == "image/png"
        pattern = f"auto-expiring-temp/logos/{fields['logoType']}/{UUID}"
        assert re.fullmatch(pattern, fields["key"])
        policy = json.loads(base64.b64decode(fields["Policy"]))
        assert policy["expiration"] == "2026-01-05T10:00:00.000Z"
    first = {place["fields"]["key"] for place in reply.json}
    assert first.isdisjoint(place["fields"]["key"] for place in (await places(client)).values())


async def test_leave_is_asked_for_with_credentials(client: Client) -> None:
    """And the other way has none."""
    for method, path, allowed in (
        ("GET", "/themes/logos-upload-urls", "GET"),
        ("PUT", f"/themes/{NOWHERE}/finalizeLogos", "PUT"),
    ):
        assert (await client.ask(method, path, headers={})).status == 401
        wrong = await client.ask("DELETE", path)
        assert (wrong.status, wrong.headers["allow"]) == (405, allowed)


# --- 2: upload ---


async def test_an_upload_as_a_client_library_sends_it(clock: VirtualClock) -> None:
    """By aiohttp's own form, over a socket."""
    server = await start(settings(), clock)
    async with aiohttp.ClientSession() as session:

        async def by_http(method: str, path: str, query: Any, headers: Any, body: Any) -> Reply:
            async with session.request(
                method, server.url + path, params=query, headers=headers, data=body
            ) as response:
                found = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status, found, await response.read())

        client = Client(by_http, clock)
        place = (await places(client))["white"]
        sent = aiohttp.FormData()
        for name, value in place["fields"].items():
            sent.add_field(name, value)
        sent.add_field("file", LOGO, filename="logo.png", content_type="image/png")
        async with session.post(place["url"], data=sent) as response:
            assert (response.status, await response.read()) == (204, b"")
        theme = await client.create_theme()
        assert (await finalize(client, theme, place["fields"]["key"])).body == b"OK"
    await server.close()


async def test_fields_may_be_spelt_in_any_case_and_order(client: Client) -> None:
    """What follows the file is not looked at, nor what precedes the first mark."""
    fields = (await places(client))["white"]["fields"]
    turned = {name.lower(): fields[name] for name in reversed(fields)}
    body = (
        b"preamble\r\n" + form(turned, LOGO).replace(b"--\r\n", b"\r\n") + form({"late": "x"}, None)
    )
    assert (await send(client, body)).status == 204
    bare = form(fields, LOGO).replace(b'name="', b"name=").replace(b'"\r\n\r\n', b"\r\n\r\n")
    bare = bare.replace(b'name=file"', b"name=file")
    assert b'key"' not in bare
    assert (await send(client, bare)).status == 204
    quoted = await send(client, form(fields, LOGO, "a b"), 'Multipart/Form-Data; Boundary="a b"')
    assert quoted.status == 204


@pytest.mark.parametrize("name", FIELDS)
async def test_each_field_is_held_to_the_policy(client: Client, name: str) -> None:
    """Changed or missing: 403, or what says that the signature is wrong; nothing is kept."""
    fields = (await places(client))["white"]["fields"]
    other = (await places(client))["white"]["fields"]
    signed = name in {"Policy", "X-Amz-Signature"}
    value = other[name] if signed and other[name] != fields[name] else fields[name] + "x"
    changed = await send(client, form(fields | {name: value}, LOGO))
    # The date's day is part of what the signature is reckoned with, the rest of it is not.
    expected = "SignatureDoesNotMatch" if signed else "AccessDenied"
    assert refused(changed) == (403, expected)
    missing = {one: fields[one] for one in fields if one != name}
    code = "SignatureDoesNotMatch" if name == "X-Amz-Date" else "AccessDenied"
    assert refused(await send(client, form(missing, LOGO))) == (403, code)
    theme = await client.create_theme()
    reply = await finalize(client, theme, fields["key"])
    assert reply.errors == (*UNFINISHED, [key_not_found(fields["key"])])


async def test_a_field_that_the_policy_does_not_know(client: Client) -> None:
    """403, whatever it is."""
    fields = (await places(client))["white"]["fields"]
    reply = await send(client, form({"acl": "public<read>"} | fields, LOGO))
    assert refused(reply) == (403, "AccessDenied")


async def test_another_server_s_leave_is_not_ours(client: Client, clock: VirtualClock) -> None:
    """Each signs with a key of its own."""
    async with in_memory(settings(external_url=BASE), clock) as other:
        fields = (await places(other))["white"]["fields"]
    assert refused(await send(client, form(fields, LOGO))) == (403, "SignatureDoesNotMatch")


async def test_leave_ends(client: Client, clock: VirtualClock) -> None:
    """After an hour."""
    fields = (await places(client))["white"]["fields"]
    clock.advance(3599)
    assert (await send(client, form(fields, LOGO))).status == 204
    clock.advance(1)
    assert refused(await send(client, form(fields, LOGO))) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"{}", "application/json", "MalformedPOSTRequest"),
        (form({}, LOGO), "multipart/form-data", "MalformedPOSTRequest"),
        (b"", None, "MalformedPOSTRequest"),
        (form({"key": "x"}, LOGO)[:-20], None, "MalformedPOSTRequest"),
        (f"--{BOUNDARY}\r\nX: y\r\n\r\nz\r\n--{BOUNDARY}--".encode(), None, "MalformedPOSTRequest"),
        (
            f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nz\r\n--{BOUNDARY}--".encode(),
            None,
            "MalformedPOSTRequest",
        ),
        (form({f"a{n}": "x" for n in range(33)}, LOGO), None, "MalformedPOSTRequest"),
        (form({"a": "x" * 8193}, LOGO), None, "MalformedPOSTRequest"),
        (form({"key": "x"}, None), None, "InvalidArgument"),
    ],
)
async def test_what_is_no_form(client: Client, body: bytes, kind: str | None, code: str) -> None:
    """400 in XML."""
    assert refused(await send(client, body, kind)) == (400, code)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "EntityTooSmall"),
        (b"x" * (LARGEST_UPLOAD + 1), "EntityTooLarge"),
        (b"x" * (2 * LARGEST_UPLOAD), "EntityTooLarge"),
    ],
    ids=["empty", "large", "not even read"],
)
async def test_sizes(client: Client, content: bytes, code: str) -> None:
    """Neither nothing nor more than twice what a picture may have."""
    fields = (await places(client))["white"]["fields"]
    assert refused(await send(client, form(fields, content))) == (400, code)


async def test_the_place_takes_nothing_but_forms(client: Client) -> None:
    """405 in XML."""
    for method in ("GET", "PUT", "DELETE"):
        reply = await client.ask(method, "/logos", headers={}, base="")
        assert refused(reply) == (405, "MethodNotAllowed")
        assert reply.headers["allow"] == "POST"


async def test_what_waits_is_bounded(client: Client, clock: VirtualClock) -> None:
    """503 for the application that has too much waiting, until it has less; others go on."""
    key = await upload(client, "white")
    for _ in range(MOST_WAITING - 1):
        await upload(client, "white")
    fields = (await places(client))["white"]["fields"]
    assert refused(await send(client, form(fields, LOGO))) == (503, "SlowDown")
    assert (await finalize(client, await client.create_theme(), key)).status == 200
    assert (await send(client, form(fields, LOGO))).status == 204
    # The same again takes no more room.
    assert (await send(client, form(fields, FAVICON))).status == 204
    theirs = await client.ask_as_other("GET", "/themes/logos-upload-urls")
    assert (await send(client, form(theirs.json[0]["fields"], LOGO))).status == 204
    clock.advance(86_400)
    await upload(client, "white")


async def test_uploads_are_no_part_of_the_request_log(client: Client) -> None:
    """But that they came is."""
    await upload(client, "white")
    log = (await client.ask("GET", "/_test/requests", base="")).json["requests"]
    told = [(one["path"], one["status"], one["body"]) for one in log if one["method"] == "POST"]
    assert told == [("/logos", 204, "")]


# --- 3: becoming a theme's ---


async def test_pictures_become_a_theme_s(client: Client) -> None:
    """All three at once; told by key and address, and there for everybody."""
    theme = await client.create_theme(brand_text="Brand")
    pictures = {"white": LOGO, "colored": png(300, 1), "favicon": FAVICON}
    keys = [await upload(client, one, content) for one, content in pictures.items()]
    reply = await finalize(client, theme, *keys)
    assert (reply.status, reply.body) == (200, b"OK")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    found = await read(client, theme)
    for logo_type, name in (
        ("white", "brand_image_white"),
        ("colored", "brand_image_colored"),
        ("favicon", "branded_favicon"),
    ):
        assert re.fullmatch(f"logos/{logo_type}/{UUID}", found[name])
        assert found[f"{name}_url"] == f"{BASE}/{found[name]}"
        picture = await shown(client, found[f"{name}_url"])
        assert (picture.status, picture.body) == (200, pictures[logo_type])
        assert picture.headers["content-type"] == "image/png"
        assert picture.headers["x-content-type-options"] == "nosniff"
        assert picture.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert "immutable" in picture.headers["cache-control"]
        head = await shown(client, found[f"{name}_url"], "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert (await shown(client, found[f"{name}_url"], "POST")).status == 405
    rest = {name: value for name, value in found.items() if "brand" not in name}
    assert rest == {name: theme[name] for name in rest}
    assert (await client.ask("GET", "/themes")).json == [found]


async def test_a_key_is_good_once(client: Client) -> None:
    """What became a theme's waits no more, for it or for another."""
    theme, other = await client.create_theme(), await client.create_theme()
    key = await upload(client, "white")
    assert (await finalize(client, theme, key)).status == 200
    for one in (theme, other):
        assert (await finalize(client, one, key)).errors == (*UNFINISHED, [key_not_found(key)])


async def test_a_new_picture_takes_the_place_of_the_old(client: Client) -> None:
    """Whose address leads nowhere then; pictures of other types stay."""
    theme = await client.create_theme()
    await finalize(
        client, theme, await upload(client, "white"), await upload(client, "favicon", FAVICON)
    )
    before = await read(client, theme)
    assert (await finalize(client, theme, await upload(client, "white", png(2, 2)))).status == 200
    after = await read(client, theme)
    assert after["brand_image_white"] != before["brand_image_white"]
    assert after["branded_favicon"] == before["branded_favicon"]
    assert (await shown(client, before["brand_image_white_url"])).status == 404
    assert (await shown(client, after["brand_image_white_url"])).body == png(2, 2)


async def test_of_two_of_one_type_the_later_stays(client: Client) -> None:
    """And neither waits any more; keys may be told as objects, as one schema has it."""
    theme = await client.create_theme()
    keys = [await upload(client, "white", png(side, side)) for side in (1, 2)]
    assert (await finalize(client, theme, keys[0], {"key": keys[1]})).status == 200
    found = await read(client, theme)
    assert (await shown(client, found["brand_image_white_url"])).body == png(2, 2)
    reply = await finalize(client, theme, *keys)
    assert reply.errors == (*UNFINISHED, [key_not_found(key) for key in keys])


@pytest.mark.parametrize(
    ("logo_type", "content", "flaw"),
    [
        ("white", png(padding=LARGEST_LOGO - len(LOGO) - 12), "exceeds_size"),
        ("colored", b"\xff\xd8\xff\xe0 a JPEG", "type"),
        ("white", LOGO[:-1], "type"),
        ("white", LOGO + b"<script>", "type"),
        ("white", png(301, 300), "dimensions"),
        ("white", png(300, 301), "dimensions"),
        ("white", png(100_000, 1), "dimensions"),
        ("favicon", png(32, 31), "dimensions"),
        ("favicon", png(15, 15), "dimensions"),
        ("favicon", png(33, 33), "dimensions"),
        ("white", png(colour_type=2), "transparent_bg"),
        ("favicon", png(16, 16, colour_type=3), "transparent_bg"),
    ],
)
async def test_what_a_picture_has_to_be_like(
    client: Client, logo_type: str, content: bytes, flaw: str
) -> None:
    """The first thing that is wrong is told, and of several keys none becomes the theme's."""
    theme = await client.create_theme()
    good, bad = await upload(client, "colored"), await upload(client, logo_type, content)
    told = {"logoKey": bad, "code": "invalid_logo_properties", "invalidProperty": flaw}
    reply = await finalize(client, theme, good, bad, "not-a-key")
    assert reply.errors == (*UNFINISHED, [told, key_not_found("not-a-key")])
    assert await read(client, theme) == theme
    assert (await finalize(client, theme, good)).status == 200


@pytest.mark.parametrize(
    ("logo_type", "content"),
    [
        ("white", png(padding=LARGEST_LOGO - len(LOGO) - 20)),
        ("white", png(1, 1)),
        ("white", png(300, 300)),
        ("colored", png(colour_type=4)),
        ("colored", png(colour_type=3, palette_alpha=True)),
        ("colored", png(colour_type=2, palette_alpha=True)),
        ("favicon", png(16, 16)),
        ("favicon", png(32, 32)),
    ],
)
async def test_limits_are_inclusive(client: Client, logo_type: str, content: bytes) -> None:
    """To the byte and to the pixel."""
    theme = await client.create_theme()
    assert (await finalize(client, theme, await upload(client, logo_type, content))).body == b"OK"


async def test_another_application_s_keys_and_themes(client: Client) -> None:
    """Are not there."""
    theirs = await client.ask_as_other("GET", "/themes/logos-upload-urls")
    fields = theirs.json[0]["fields"]
    assert (await send(client, form(fields, LOGO))).status == 204
    theme = await client.create_theme()
    reply = await finalize(client, theme, fields["key"])
    assert reply.errors == (*UNFINISHED, [key_not_found(fields["key"])])
    path = f"/themes/{theme['theme_id']}/finalizeLogos"
    reply = await client.ask_as_other("PUT", path, {"keys": [fields["key"]]})
    assert reply.error == (404, "NotFoundError", f"could not find theme {theme['theme_id']}")


async def test_a_theme_that_is_not_there(client: Client) -> None:
    """404, before its keys are looked at; the upload goes on waiting."""
    key = await upload(client, "white")
    reply = await finalize(client, {"theme_id": NOWHERE}, key)
    assert reply.error == (404, "NotFoundError", f"could not find theme {NOWHERE}")
    assert (await finalize(client, await client.create_theme(), key)).status == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, '"keys" is required'),
        ({"keys": "x"}, '"keys" must be an array'),
        ({"keys": []}, '"keys" must contain at least 1 items'),
        ({"keys": ["x"] * 13}, '"keys" must contain less than or equal to 12 items'),
        ({"keys": [5]}, '"keys[0]" must be a string'),
        ({"keys": ["x", None]}, '"keys[1]" is required'),
        ({"keys": [{}]}, '"keys[0].key" is required'),
        (
            {"keys": ["x" * 201]},
            '"keys[0]" length must be less than or equal to 200 characters long',
        ),
    ],
)
async def test_what_is_no_list_of_keys(client: Client, body: Any, message: str) -> None:
    """400 in family A."""
    theme = await client.create_theme()
    reply = await client.ask("PUT", f"/themes/{theme['theme_id']}/finalizeLogos", body)
    assert reply.error == (400, "InputValidationError", message)


async def test_what_waits_expires(client: Client, clock: VirtualClock) -> None:
    """After a day; what became a theme's does not."""
    theme = await client.create_theme()
    kept, late = await upload(client, "white"), await upload(client, "colored")
    await finalize(client, theme, kept)
    clock.advance(86_400)
    assert (await finalize(client, theme, late)).errors == (*UNFINISHED, [key_not_found(late)])
    found = await read(client, theme)
    assert (await shown(client, found["brand_image_white_url"])).status == 200


async def test_pictures_go_with_their_theme(client: Client) -> None:
    """Deleted by force or not."""
    theme = await client.create_theme()
    await finalize(client, theme, await upload(client, "white"))
    found = await read(client, theme)
    assert (await client.ask("DELETE", f"/themes/{theme['theme_id']}")).status == 204
    assert (await shown(client, found["brand_image_white_url"])).status == 404


async def test_only_pictures_of_themes_are_shown(client: Client) -> None:
    """What waits is not, nor anything else on this machine."""
    key = await upload(client, "white")
    for path in (
        f"/{key}",
        f"/logos/{key}",
        f"/logos/white/{NOWHERE}",
        "/logos/../meetings.db",
        "/logos/%2e%2e/meetings.db",
        "/logos//etc/passwd",
    ):
        assert (await client.ask("GET", path, headers={}, base="")).status == 404, path


async def test_pictures_outlive_a_restart(way: Any, clock: VirtualClock, tmp_path: Any) -> None:
    """Beside the database, whole, for nobody else; what a kill left there is swept away."""
    told = settings(database=tmp_path / "meetings.db", external_url=BASE)
    folder = tmp_path / "meetings.db-logos"
    async with way(told, clock) as client:
        theme = await client.create_theme()
        await finalize(client, theme, await upload(client, "white"))
        waiting = await upload(client, "colored")
        theme = await read(client, theme)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        grant = (await places(client))["favicon"]["fields"]
    (folder / "logos.white.left-by-a-kill.png").write_bytes(b"x")
    (folder / ".half.new").write_bytes(b"x")
    async with way(told, clock) as client:
        assert len(list(folder.iterdir())) == 2
        assert (await shown(client, theme["brand_image_white_url"])).body == LOGO
        assert (await finalize(client, theme, waiting)).status == 200
        assert len(list(folder.iterdir())) == 2
        assert (await send(client, form(grant, FAVICON))).status == 204
        clock.advance(86_400)
        assert (await finalize(client, theme, waiting)).status == 400
        assert len(list(folder.iterdir())) == 2
