"""Themes as the API notes tell them (8, 10): over HTTP and in memory, liberal and strict."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.clock import VirtualClock
from tests.meetings import APPLICATION, WAYS, Client, applications, settings

THEME_KEYS = [
    "theme_id", "theme_name", "domain", "account_id", "application_id", "main_color",
    "short_company_url", "brand_text", "brand_image_colored", "brand_image_white",
    "branded_favicon", "brand_image_white_url", "brand_image_colored_url", "branded_favicon_url",
]  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOWHERE = "e8b1d80b-8f78-4578-94f2-328596e01387"


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


def invalid(message: str) -> tuple[int, str, str]:
    """What a broken rule looks like."""
    return 400, "InputValidationError", message


COLOR = "/^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/"
COMPANY = "/^(?=.*[^0-9])[0-9a-zA-Z_~-]+$/"


def mismatched(field: str, value: str, pattern: str) -> str:
    """As Joi words it."""
    return f'"{field}" with value "{value}" fails to match the required pattern: {pattern}'


def missing(theme_id: str) -> tuple[int, str, str]:
    """What is said of a theme that there is not."""
    return 404, "NotFoundError", f"could not find theme {theme_id}"


async def change(client: Client, theme: Any, **fields: Any) -> Any:
    """The answer to a PATCH of a theme."""
    return await client.ask("PATCH", f"/themes/{theme['theme_id']}", {"update_details": fields})


async def set_default(client: Client, theme: Any) -> Any:
    """The answer to a PATCH of the application."""
    wanted = None if theme is None else theme["theme_id"]
    body = {"update_details": {"default_theme_id": wanted}}
    return await client.ask("PATCH", "/applications", body)


# --- the theme object (8.1, 8.2) ---


async def test_a_theme_has_the_documented_keys_in_order(client: Client) -> None:
    """On creating, reading, changing and listing alike."""
    created = await client.create_theme(theme_name="Ours", short_company_url="acme")
    path = f"/themes/{created['theme_id']}"
    changed = (await change(client, created, brand_text="Brand")).json
    listed = (await client.ask("GET", "/themes")).json
    for theme in (created, (await client.ask("GET", path)).json, changed, *listed):
        assert list(theme) == THEME_KEYS
        assert theme == {
            "theme_id": created["theme_id"],
            "theme_name": "Ours",
            "domain": "VCP",
            "account_id": APPLICATION,
            "application_id": APPLICATION,
            "main_color": "#12f64e",
            "short_company_url": "acme",
            "brand_text": "Brand",
        } | dict.fromkeys(THEME_KEYS[8:])
    assert UUID.fullmatch(created["theme_id"])


async def test_a_theme_without_a_name_is_given_one(client: Client) -> None:
    """A UUID that is no other's; null is the same as nothing."""
    one, two = await client.create_theme(), await client.create_theme(theme_name=None)
    names = {one["theme_name"], two["theme_name"]}
    assert all(UUID.fullmatch(name) for name in names)
    assert len(names | {one["theme_id"], two["theme_id"]}) == 4


async def test_the_account_where_one_is_told(way: Any, clock: VirtualClock) -> None:
    """As the settings have it."""
    first, *_ = applications()
    known = type(first)(id=first.id, public_key=first.public_key, account_id="1a2b3c4d")
    async with way(settings(applications=(known,)), clock) as client:
        theme = await client.create_theme()
        assert theme["account_id"] == "1a2b3c4d"
        assert (await set_default(client, theme)).json["account_id"] == "1a2b3c4d"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"main_color": None}, '"main_color" is required'),
        ({"main_color": 5}, '"main_color" must be a string'),
        ({"main_color": ""}, '"main_color" is not allowed to be empty'),
        ({"main_color": "12f64e"}, mismatched("main_color", "12f64e", COLOR)),
        ({"main_color": "#12f6"}, mismatched("main_color", "#12f6", COLOR)),
        ({"main_color": "#12f64\n"}, mismatched("main_color", "#12f64\n", COLOR)),
        (
            {"main_color": "#12f64eff"},
            '"main_color" length must be less than or equal to 7 characters long',
        ),
        ({"brand_text": None}, '"brand_text" is required'),
        ({"brand_text": " "}, '"brand_text" is not allowed to be empty'),
        (
            {"brand_text": "x" * 201},
            '"brand_text" length must be less than or equal to 200 characters long',
        ),
        ({"theme_name": ""}, '"theme_name" is not allowed to be empty'),
        (
            {"theme_name": "x" * 201},
            '"theme_name" length must be less than or equal to 200 characters long',
        ),
        (
            {"short_company_url": "x" * 129},
            '"short_company_url" length must be less than or equal to 128 characters long',
        ),
        *(
            ({"short_company_url": text}, mismatched("short_company_url", text, COMPANY))
            for text in ("123456789", "a/b", "a b", "..", "ä", "acme\n")
        ),
    ],
)
async def test_what_breaks_a_rule_is_refused(
    client: Client, fields: dict[str, Any], message: str
) -> None:
    """400 in family A on creating and on changing, and nothing is made or changed."""
    body = {"main_color": "#abc", "brand_text": "x"} | fields
    assert (await client.ask("POST", "/themes", body)).error == invalid(message)
    assert (await client.ask("GET", "/themes")).json == []
    if None in fields.values():
        return
    theme = await client.create_theme()
    inside = '"update_details.' + message[1:]
    assert (await change(client, theme, **fields)).error == invalid(inside)
    assert (await client.ask("GET", "/themes")).json == [theme]


async def test_limits_are_inclusive(client: Client) -> None:
    """Three digits of a colour in either case, and the longest of each text."""
    theme = await client.create_theme(
        main_color="#aBc", brand_text="ñ" * 200, theme_name="n" * 200, short_company_url="~" * 128
    )
    assert (theme["main_color"], len(theme["short_company_url"])) == ("#aBc", 128)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense"])
async def test_bodies_that_are_none(client: Client, body: bytes) -> None:
    """400, whatever it was for."""
    theme = await client.create_theme()
    for method, path in (
        ("POST", "/themes"),
        ("PATCH", f"/themes/{theme['theme_id']}"),
        ("PATCH", "/applications"),
    ):
        assert (await client.ask(method, path, body)).error[0] == 400


# --- names that are to be one's own ---


async def test_a_name_is_unique_in_its_application(client: Client) -> None:
    """409 on creating and on changing; another application may have it."""
    message = "theme_name already exists in application"
    one = await client.create_theme(theme_name="Ours")
    body = {"main_color": "#abc", "brand_text": "x", "theme_name": "Ours"}
    assert (await client.ask("POST", "/themes", body)).error == (409, "ConflictError", message)
    two = await client.create_theme(theme_name="Other")
    assert (await change(client, two, theme_name="Ours")).error == (409, "ConflictError", message)
    assert (await change(client, one, theme_name="Ours")).status == 200
    assert (await client.ask_as_other("POST", "/themes", body)).status == 201


async def test_a_segment_is_unique_everywhere(client: Client) -> None:
    """409 across applications, for our own paths' segments too; free again once let go."""
    message = "short_company_url already exists"
    conflict = (409, "ConflictError", message)
    one = await client.create_theme(short_company_url="acme")
    body = {"main_color": "#abc", "brand_text": "x", "short_company_url": "acme"}
    assert (await client.ask_as_other("POST", "/themes", body)).error == conflict
    assert (await client.ask("POST", "/themes", body)).error == conflict
    two = await client.create_theme()
    assert (await change(client, two, short_company_url="acme")).error == conflict
    for ours in ("j", "v1", "logos", "recordings", "meetings", "beta", "_test"):
        assert (await change(client, two, short_company_url=ours)).error == conflict
    assert (await change(client, one, short_company_url="acme")).status == 200
    assert (await change(client, one, short_company_url=None)).json["short_company_url"] is None
    assert (await change(client, two, short_company_url="acme")).status == 200


# --- reading, changing, deleting ---


async def test_themes_are_listed_in_the_order_in_which_they_were_made(client: Client) -> None:
    """A bare array; an empty one where there is none."""
    empty = await client.ask("GET", "/themes")
    assert (empty.status, empty.body) == (200, b"[]")
    made = [await client.create_theme(theme_name=name) for name in ("c", "a", "b")]
    assert (await client.ask("GET", "/themes/")).json == made


async def test_what_belongs_to_another_application(client: Client) -> None:
    """404, as if it were not there."""
    theme = await client.create_theme()
    path = f"/themes/{theme['theme_id']}"
    for method, body in (
        ("GET", None),
        ("PATCH", {"update_details": {"brand_text": "x"}}),
        ("DELETE", None),
    ):
        error = (await client.ask_as_other(method, path, body)).error
        assert error == missing(theme["theme_id"])
    assert (await client.ask_as_other("GET", f"{path}/rooms")).status == 404
    assert (await client.ask_as_other("GET", "/themes")).json == []
    assert (await client.ask("GET", path)).json == theme


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_theme_that_is_not_there(client: Client, method: str) -> None:
    """404 with its id."""
    body = {"update_details": {"brand_text": "x"}} if method == "PATCH" else None
    reply = await client.ask(method, f"/themes/{NOWHERE}", body)
    assert reply.error == missing(NOWHERE)


async def test_a_change_leaves_the_rest(client: Client) -> None:
    """Field by field; nulls and unknown fields change nothing."""
    theme = await client.create_theme(theme_name="Ours", short_company_url="acme")
    for fields in (
        {"brand_text": "New"},
        {"main_color": "#000"},
        {"theme_name": "Theirs"},
        {"short_company_url": "other"},
    ):
        theme = theme | fields
        assert (await change(client, theme, **fields)).json == theme
    nothing = {"main_color": None, "brand_text": None, "theme_name": None, "domain": "VBC"}
    assert (await change(client, theme, **nothing)).json == theme


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"update_details": {}}, '"update_details" must have at least 1 key'),
        ({"brand_text": "flat"}, '"update_details" is required'),
        ({"update_details": []}, '"update_details" must be of type object'),
    ],
)
async def test_a_change_is_wrapped(client: Client, body: Any, message: str) -> None:
    """And not empty."""
    theme = await client.create_theme()
    reply = await client.ask("PATCH", f"/themes/{theme['theme_id']}", body)
    assert reply.error == invalid(message)


@pytest.mark.parametrize("force", [None, "false", "False", "true", "True", "TRUE"])
async def test_a_theme_that_nobody_uses_is_deleted(client: Client, force: str | None) -> None:
    """Forced or not, however that is spelt."""
    theme = await client.create_theme(short_company_url="acme")
    path = f"/themes/{theme['theme_id']}"
    reply = await client.ask("DELETE", path, query={} if force is None else {"force": force})
    assert (reply.status, reply.body) == (204, b"")
    assert (await client.ask("DELETE", path)).error == missing(theme["theme_id"])
    await client.create_theme(short_company_url="acme")


async def test_force_is_a_boolean(client: Client) -> None:
    """Anything else is told to be none."""
    theme = await client.create_theme()
    reply = await client.ask("DELETE", f"/themes/{theme['theme_id']}", query={"force": "maybe"})
    assert reply.error == invalid('"force" must be a boolean')


async def test_a_theme_in_use_is_deleted_by_force_only(client: Client) -> None:
    """400 tells by how many rooms and as whose default; by force its rooms take the default."""
    theme, other = await client.create_theme(), await client.create_theme(short_company_url="new")
    used = theme["theme_id"]
    path = f"/themes/{used}"
    rooms = [await client.create_long(theme_id=used)]
    problem = (400, "BadRequestError", "could not delete theme")
    for query in ({}, {"force": "False"}):
        refused = await client.ask("DELETE", path, query=query)
        assert refused.errors == (*problem, [f"Theme {used} is used by 1 room"])
    rooms.append(await client.create_long(theme_id=used))
    await set_default(client, theme)
    assert (await client.ask("DELETE", path)).errors == (
        *problem,
        [
            f"Theme {used} is used by 2 rooms",
            f"Theme {used} is used as application {APPLICATION} default theme",
        ],
    )
    await set_default(client, other)
    assert (await client.ask("DELETE", path, query={"force": "True"})).status == 204
    for room in rooms:
        found = await client.get(room)
        assert found["theme_id"] == other["theme_id"]
        assert "/new/" in found["_links"]["guest_url"]["href"]


async def test_deleting_the_default_theme_by_force_leaves_none(client: Client) -> None:
    """Neither for the rooms that have it nor for new ones."""
    theme = await client.create_theme()
    await set_default(client, theme)
    path = f"/themes/{theme['theme_id']}"
    named = f"Theme {theme['theme_id']} is used as application {APPLICATION} default theme"
    assert (await client.ask("DELETE", path)).errors[3] == [named]
    room = await client.create_long()
    assert room["theme_id"] == theme["theme_id"]
    assert (await client.ask("DELETE", path, query={"force": "true"})).status == 204
    assert (await client.get(room))["theme_id"] is None
    assert (await client.create())["theme_id"] is None


async def test_rooms_that_are_over_hold_no_theme(client: Client, clock: VirtualClock) -> None:
    """Though they are still told of; they have none afterwards."""
    theme = await client.create_theme()
    room = await client.create_long(days=1, theme_id=theme["theme_id"])
    clock.advance(86_400)
    assert (await client.ask("DELETE", f"/themes/{theme['theme_id']}")).status == 204
    found = await client.get(room)
    assert (found["is_available"], found["theme_id"]) == (False, None)


async def test_the_maximum_of_themes(way: Any, clock: VirtualClock) -> None:
    """403 for the application that has reached it; a deletion makes room."""
    body = {"main_color": "#abc", "brand_text": "x"}
    async with way(settings(max_themes=2), clock) as client:
        theme, _ = await client.create_theme(), await client.create_theme()
        reply = await client.ask("POST", "/themes", body)
        assert reply.error == (403, "ForbiddenError", "The maximum of 2 themes has been reached")
        assert (await client.ask_as_other("POST", "/themes", body)).status == 201
        await client.ask("DELETE", f"/themes/{theme['theme_id']}")
        await client.create_theme()


# --- themes on rooms (6.1, 6.2, 8.2) ---


async def test_the_links_of_a_themed_room(client: Client) -> None:
    """Have the segment before what they had; both lead to the page, with it and without."""
    plain = await client.create_long()
    theme = await client.create_theme(short_company_url="acme")
    room = await client.create_long(theme_id=theme["theme_id"])
    assert room["theme_id"] == theme["theme_id"]
    guest, host = (room["_links"][name]["href"] for name in ("guest_url", "host_url"))
    base = plain["_links"]["guest_url"]["href"].rpartition("/j/")[0]
    assert guest.startswith(f"{base}/acme/j/")
    assert host.startswith(f"{base}/acme/?room_token=")
    for link in (guest, host):
        for spelt in (link, link.replace("/acme", ""), link.replace("/acme", "/other-one")):
            assert (await client.open_link(spelt)).status == 200, spelt
    assert (await client.open_link(f"{base}/acme/")).status == 404
    assert (await client.open_link(f"{base}/acme/j/nothing")).status == 404


async def test_links_follow_the_theme_at_the_next_read(client: Client) -> None:
    """When it is set, when its segment changes, and when it is taken away; old ones stay good."""
    theme = await client.create_theme()
    room = await client.create_long()
    plain = room["_links"]["guest_url"]["href"]
    path = f"/rooms/{room['id']}"

    async def told() -> str:
        listed = (await client.ask("GET", "/rooms")).json["_embedded"][0]
        found = await client.get(room)
        assert listed["_links"]["guest_url"] == found["_links"]["guest_url"]
        return str(found["_links"]["guest_url"]["href"])

    body = {"update_details": {"theme_id": theme["theme_id"]}}
    changed = await client.ask("PATCH", path, body)
    assert changed.json["theme_id"] == theme["theme_id"]
    assert await told() == plain
    for segment in ("acme", "new-name"):
        await change(client, theme, short_company_url=segment)
        assert await told() == plain.replace("/j/", f"/{segment}/j/")
    detached = await client.ask("PATCH", path, {"update_details": {"theme_id": None}})
    assert (detached.status, detached.json["theme_id"]) == (200, None)
    assert await told() == plain
    assert (await client.open_link(plain.replace("/j/", "/acme/j/"))).status == 200


async def test_a_room_s_theme_must_be_there(client: Client) -> None:
    """400 on creating and on changing, with its id; another application's is not there."""
    expires_at = "2026-03-01T00:00:00Z"
    theirs = (
        await client.ask_as_other("POST", "/themes", {"main_color": "#abc", "brand_text": "x"})
    ).json
    room = await client.create_long()
    for theme_id in (NOWHERE, "null", "", theirs["theme_id"]):
        body = {"display_name": "R", "type": "long_term", "expires_at": expires_at}
        reply = await client.ask("POST", "/rooms", body | {"theme_id": theme_id})
        message = f"Failed to create room because theme id {theme_id} not found"
        assert reply.error == (400, "BadRequestError", message)
        reply = await client.ask(
            "PATCH", f"/rooms/{room['id']}", {"update_details": {"theme_id": theme_id}}
        )
        message = f"Failed to update room because theme id {theme_id} not found"
        assert reply.error == (400, "BadRequestError", message)
    assert (await client.ask("GET", "/rooms")).json["total_items"] == 1
    assert (await client.get(room))["theme_id"] is None


async def test_the_theme_of_an_instant_room(way: Any, clock: VirtualClock) -> None:
    """Taken when it is made; strictly, only from the default. It cannot be changed either way."""
    for strict in (False, True):
        async with way(settings(strict_v1=strict), clock) as client:
            theme = await client.create_theme()
            body = {"display_name": "R", "theme_id": theme["theme_id"]}
            reply = await client.ask("POST", "/rooms", body)
            if strict:
                assert reply.error == invalid('"theme_id" is not allowed')
                await set_default(client, theme)
                reply = await client.ask("POST", "/rooms", {"display_name": "R"})
            assert (reply.status, reply.json["theme_id"]) == (201, theme["theme_id"])
            patch = {"update_details": {"theme_id": None}}
            refused = await client.ask("PATCH", f"/rooms/{reply.json['id']}", patch)
            assert "its type: temporary" in refused.error[2]


async def test_the_rooms_of_a_theme_are_paged_as_rooms_are(client: Client) -> None:
    """Only its own, with links that stay with the theme."""
    theme = await client.create_theme()
    path = f"/themes/{theme['theme_id']}/rooms"
    empty = (await client.ask("GET", path)).json
    assert list(empty) == ["page_size", "_embedded", "_links", "total_items"]
    assert (empty["_embedded"], empty["total_items"], list(empty["_links"])) == (
        [],
        0,
        ["first", "self"],
    )
    ours = []
    for _ in range(5):
        await client.create_long()
        ours.append((await client.create_long(theme_id=theme["theme_id"]))["id"])
    await client.ask("DELETE", f"/rooms/{ours[0]}", query={"force": "true"})
    listed = [room["id"] for room in (await client.ask("GET", path)).json["_embedded"]]
    assert listed in (ours, ours[1:])  # strictly, nothing is deleted
    seen: list[str] = []
    query = {"page_size": "2"}
    prev: list[Any] = []
    while True:
        page = (await client.ask("GET", path, query=query)).json
        assert page["total_items"] == len(listed)
        assert page["page_size"] == 2
        seen += [room["id"] for room in page["_embedded"]]
        assert all(f"/v1/meetings{path}?" in link["href"] for link in page["_links"].values())
        prev.append("prev" in page["_links"])
        following = page["_links"].get("next")
        if following is None:
            break
        query = dict(pair.split("=") for pair in following["href"].partition("?")[2].split("&"))
    assert seen == listed
    assert prev == [False] + [True] * (len(prev) - 1)


async def test_the_rooms_of_a_theme_that_is_not_there(client: Client) -> None:
    """404, in words of its own; a bad query is refused as for rooms."""
    reply = await client.ask("GET", f"/themes/{NOWHERE}/rooms")
    message = f"Failed to get rooms because theme id {NOWHERE} not found"
    assert reply.error == (404, "NotFoundError", message)
    theme = await client.create_theme()
    reply = await client.ask("GET", f"/themes/{theme['theme_id']}/rooms", query={"page_size": "0"})
    assert reply.error == invalid('"page_size" must be greater than or equal to 1')


# --- the application's default (8.4) ---


async def test_new_rooms_take_the_default_theme(client: Client) -> None:
    """Of either type, unless they name one; rooms that are there stay as they are."""
    before = await client.create_long()
    theme, other = await client.create_theme(short_company_url="acme"), await client.create_theme()
    reply = await set_default(client, theme)
    assert reply.status == 200
    assert list(reply.json) == ["application_id", "account_id", "default_theme_id"]
    assert reply.json == {
        "application_id": APPLICATION,
        "account_id": APPLICATION,
        "default_theme_id": theme["theme_id"],
    }
    for made in (
        await client.create(),
        await client.create_long(),
        await client.create(theme_id=None),
    ):
        assert made["theme_id"] == theme["theme_id"]
        assert "/acme/j/" in made["_links"]["guest_url"]["href"]
    named = await client.create_long(theme_id=other["theme_id"])
    assert named["theme_id"] == other["theme_id"]
    assert (await client.get(before))["theme_id"] is None
    theirs = await client.ask_as_other("POST", "/rooms", {"display_name": "R"})
    assert theirs.json["theme_id"] is None
    assert (await set_default(client, other)).json["default_theme_id"] == other["theme_id"]
    assert (await client.create())["theme_id"] == other["theme_id"]
    assert (await set_default(client, None)).json["default_theme_id"] is None
    assert (await client.create())["theme_id"] is None


async def test_the_default_theme_may_be_named_flat(client: Client) -> None:
    """As one specification has it."""
    theme = await client.create_theme()
    body = {"default_theme_id": theme["theme_id"]}
    assert (await client.ask("PATCH", "/applications", body)).status == 200
    assert (await client.create())["theme_id"] == theme["theme_id"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, '"update_details" is required'),
        ({"update_details": {}}, '"update_details" must have at least 1 key'),
        ({"update_details": {"name": "x"}}, '"update_details.default_theme_id" is required'),
        (
            {"update_details": {"default_theme_id": 5}},
            '"update_details.default_theme_id" must be a string',
        ),
    ],
)
async def test_an_application_is_told_a_theme(client: Client, body: Any, message: str) -> None:
    """Nothing else can be changed."""
    assert (await client.ask("PATCH", "/applications", body)).error == invalid(message)


async def test_a_default_theme_that_is_not_there(client: Client) -> None:
    """400; another application's is not there."""
    theirs = (
        await client.ask_as_other("POST", "/themes", {"main_color": "#abc", "brand_text": "x"})
    ).json["theme_id"]
    for theme_id in (NOWHERE, theirs):
        reply = await set_default(client, {"theme_id": theme_id})
        message = f"Failed to update application because theme id {theme_id} not found"
        assert reply.error == (400, "BadRequestError", message)
    assert (await client.create())["theme_id"] is None


async def test_wrong_methods_and_no_credentials(client: Client) -> None:
    """405 with the right ones; 401 in family B."""
    theme = await client.create_theme()
    path = f"/themes/{theme['theme_id']}"
    for method, asked, allowed in (
        ("PUT", "/themes", "GET, POST"),
        ("POST", path, "DELETE, GET, PATCH"),
        ("POST", f"{path}/rooms", "GET"),
        ("GET", "/applications", "PATCH"),
    ):
        reply = await client.ask(method, asked)
        assert (reply.status, reply.headers["allow"]) == (405, allowed)
        unsigned = await client.ask(method, asked, headers={})
        assert unsigned.json == {"title": "Missing Auth", "detail": "Auth header is required"}
        assert unsigned.status == 401


async def test_themes_outlive_a_restart(way: Any, clock: VirtualClock, tmp_path: Any) -> None:
    """With the rooms that have them and the application's default."""
    told = settings(database=tmp_path / "meetings.db", external_url="https://meet.example.org")
    async with way(told, clock) as client:
        theme = await client.create_theme(short_company_url="acme")
        await set_default(client, theme)
        room = await client.create_long()
    async with way(told, clock) as client:
        assert (await client.ask("GET", "/themes")).json == [theme]
        found = await client.get(room)
        assert found["_links"]["guest_url"] == room["_links"]["guest_url"]
        assert (await client.create())["theme_id"] == theme["theme_id"]
