"""The page on which people meet, and what it is made of, as they go over the wire."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server.http.assets import Assets
from orchestrator.meetings_server.model.colors import text_on
from orchestrator.meetings_server.settings import LiveKit, Mesh
from tests.contract.test_meetings_logos import finalize, form, read, send
from tests.fakes.clock import VirtualClock
from tests.meetings import Client, Reply, over_http, settings
from tests.pictures import FAVICON
from tests.unit.meetings_server.test_pages import Outline

BASE = "https://meet.example.org/video"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Behind a proxy that has a path of its own."""
    told = settings(external_url=BASE, media=Mesh())
    async with over_http(told, VirtualClock()) as opened:
        yield opened


async def page(client: Client, room: Any, link: str = "guest_url") -> Reply:
    """What the proxy passes on."""
    return await client.open_link(room["_links"][link]["href"].replace("/video", ""))


def told(reply: Reply) -> Any:
    """What the scripts are told."""
    found = re.search('<body data-page="([^"]*)">', reply.body.decode())
    assert found is not None
    return json.loads(html.unescape(found[1]))


async def test_the_page_can_be_read_without_its_script(client: Client) -> None:
    """Name, state and expiry are in it; so is the way on, for whoever runs no scripts."""
    room = await client.create_long(display_name="<Planning>")
    reply = await page(client, room)
    assert reply.status == 200
    texts = Outline(reply.body.decode()).texts
    assert {"<Planning>", "This room is open.", "It expires on 2026-02-04 at 09:00 UTC."} <= {
        *texts
    }
    assert "To come in, let this page run its script." in texts


async def test_what_the_scripts_are_told(client: Client) -> None:
    """Nothing that the link does not say, and not the host's token, which is in the address."""
    room = await client.create_long(
        display_name='"Planning" & <more>',
        join_approval_level="explicit_approval",
        initial_join_options={"microphone_state": "off"},
        available_features={"is_locale_switcher_available": True},
        ui_settings={"language": "de"},
    )
    guest, host = await page(client, room), await page(client, room, "host_url")
    expected = {
        "base": "/video",
        "link": room["_links"]["guest_url"]["href"].rpartition("/")[2],
        "role": "guest",
        "room": '"Planning" & <more>',
        "language": "de",
        "switcher": True,
        "microphone": "off",
        "approval": "explicit_approval",
    }
    assert told(guest) == expected
    assert told(host) == expected | {"role": "host"}
    token = room["_links"]["host_url"]["href"].partition("participant_token=")[2]
    assert token.split(".")[2] not in host.body.decode()
    assert "Do not pass it on" in host.body.decode()


async def test_the_page_runs_our_scripts_and_no_others(client: Client) -> None:
    """Nothing in the page itself runs, nothing comes from elsewhere; devices are for it alone."""
    reply = await page(client, await client.create())
    assert reply.headers["content-security-policy"] == POLICY.format(styles="")
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"
    permissions = reply.headers["permissions-policy"]
    assert {"camera=(self)", "microphone=(self)", "display-capture=(self)"} <= {
        *permissions.split(", ")
    }
    outline = Outline(reply.body.decode())
    for tag, attributes in outline.tags:
        assert tag != "style"
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "/video/assets/").startswith("/video/assets/")
        if tag == "script":
            assert attributes["type"] == "module"
    assert [tag for tag, _ in outline.tags].count("script") == 1


async def test_everything_that_the_page_asks_for_is_there(client: Client) -> None:
    """From the page on, by what each script imports; of its kind, and to be kept for good."""
    body = (await page(client, await client.create())).body.decode()
    waiting = {path.removeprefix("/video") for path in re.findall('(?:src|href)="([^"]*)"', body)}
    seen = set()
    while waiting:
        path = waiting.pop()
        seen.add(path.rpartition("/")[2])
        reply = await client.ask("GET", path, base="", headers={})
        assert reply.status == 200, path
        assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        kind = path.rpartition(".")[2]
        assert (
            reply.headers["content-type"].partition(";")[0]
            == {
                "js": "text/javascript",
                "css": "text/css",
                "svg": "image/svg+xml",
            }[kind]
        )
        text = reply.body.decode()
        named = {"http://www.w3.org/2000/svg"}
        if path.endswith("/livekit-client.js"):
            # A name of a format, and a service of which the page never asks anything: its policy
            # would not let it.
            named = {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
                "https://cloud-api.livekit.io",
            }
        assert set(re.findall(r"https?://[^\"'`\s]+", text)) <= named
        if kind == "js":
            folder = path.rpartition("/")[0]
            found = re.findall(r'(?:from|import|import\() ?"\./([^"]+)"', text)
            waiting |= {f"{folder}/{name}" for name in found if name not in seen}
    assert seen == {*Assets().names}


async def test_scripts_may_connect_to_livekit_where_people_meet_over_it() -> None:
    """To its address alone, by its socket, and to ask why that did not come about."""
    livekit = LiveKit(
        url="wss://livekit.example.org:7443/of/ours", key="k", secret=Secret("s" * 32)
    )
    async with over_http(settings(media=livekit), VirtualClock()) as opened:
        reply = await opened.open_link((await opened.create())["_links"]["guest_url"]["href"])
    there = "'self' wss://livekit.example.org:7443 https://livekit.example.org:7443;"
    assert reply.headers["content-security-policy"] == POLICY.format(styles="").replace(
        "connect-src 'self';", f"connect-src {there}"
    )


async def test_packed_for_whoever_can_unpack(client: Client) -> None:
    """And told so, because what lies between may keep it."""
    path = Assets().path("page.js")
    memory_of = {}
    for accepted in ("gzip, deflate, br", "identity"):
        reply = await client.ask("GET", path, base="", headers={"accept-encoding": accepted})
        assert reply.headers["vary"] == "Accept-Encoding"
        memory_of[accepted] = reply
    packed, plain = memory_of["gzip, deflate, br"], memory_of["identity"]
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.body == plain.body  # the client has unpacked it
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.body, mtime=0))
    assert int(packed.headers["content-length"]) < len(plain.body) / 2


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets/page.js",
        f"/assets/{'0' * 20}/page.js",
        Assets().path("page.js").replace("page.js", "secrets.js"),
        Assets().path("page.js").replace("page.js", "../pages.py"),
        Assets().path("page.js") + "/",
    ],
)
async def test_assets_that_are_none(client: Client, path: str) -> None:
    """Neither what is not there nor what belongs to another version."""
    assert (await client.ask("GET", path, base="", headers={})).status == 404


def test_only_assets_have_a_path() -> None:
    """So a page that names another is found at once."""
    with pytest.raises(KeyError, match="nothing"):
        Assets().path("nothing.js")


async def test_assets_are_read_only(client: Client) -> None:
    """HEAD has no body, and nothing else is allowed."""
    path = Assets().path("meeting.css")
    head = await client.ask("HEAD", path, base="", headers={})
    assert (head.status, head.body) == (200, b"")
    assert (await client.ask("POST", path, {}, base="", headers={})).status == 405


async def test_a_theme_gives_its_colours_and_its_icon(client: Client) -> None:
    """By one style, whose digest the policy has; a colour may be any."""
    theme = await client.create_theme(main_color="#fedcba", brand_text="Acme & <Sons>")
    places = (await client.ask("GET", "/themes/logos-upload-urls")).json
    fields = next(one["fields"] for one in places if one["fields"]["logoType"] == "favicon")
    assert (await send(client, form(fields, FAVICON))).status == 204
    assert (await finalize(client, theme, fields["key"])).status == 200
    room = await client.create_long(theme_id=theme["theme_id"])
    reply = await page(client, room)
    body = reply.body.decode()
    style = re.search("<style>(.*)</style>", body, re.DOTALL)
    assert style is not None
    assert f"--brand: #fedcba; --on-brand: {text_on('#fedcba')};" in style[1]
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = POLICY.format(styles=f" 'sha256-{digest}'")
    assert reply.headers["content-security-policy"] == policy
    icon = (await read(client, theme))["branded_favicon_url"].removeprefix(BASE)
    assert f'<link rel="icon" type="image/png" href="/video{icon}">' in body
    assert "Room · Acme & <Sons>" in Outline(body).texts
    plain = (await page(client, await client.create())).body.decode()
    assert f'href="/video{Assets().path("icon.svg")}"' in plain


async def test_a_room_that_is_over_has_nothing_to_run(client: Client) -> None:
    """410, and the page that tells it; as for links that lead nowhere."""
    room = await client.create()
    await client.ask("DELETE", f"/rooms/{room['id']}")
    for reply in (await page(client, room), await client.open_link("http://x/j/nothing")):
        assert reply.status in {404, 410}
        assert "<script" not in reply.body.decode()
        assert "script-src" not in reply.headers["content-security-policy"]


async def test_without_a_medium_nobody_meets() -> None:
    """The page tells what the room is, as before; there are no assets."""
    async with over_http(settings(), VirtualClock()) as client:
        reply = await client.open_link((await client.create())["_links"]["guest_url"]["href"])
        assert "<script" not in reply.body.decode()
        assert "script-src" not in reply.headers["content-security-policy"]
        path = Assets().path("page.js")
        assert (await client.ask("GET", path, base="", headers={})).status == 404
