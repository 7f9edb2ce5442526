"""The page of a room that has a theme: its colours, its text, its pictures, and nothing run."""

import base64
import hashlib
import itertools
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestrator.meetings_server.model.colors import contrast, text_on
from tests.contract.test_meetings_logos import finalize, form, read, send
from tests.fakes.clock import VirtualClock
from tests.meetings import Client, Reply, in_memory, settings
from tests.pictures import FAVICON, LOGO
from tests.unit.meetings_server.test_pages import Outline

BASE = "https://meet.example.org/video"


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


@pytest.fixture
async def client(clock: VirtualClock) -> AsyncIterator[Client]:
    """Behind a proxy that has a path of its own."""
    async with in_memory(settings(external_url=BASE), clock) as opened:
        yield opened


async def themed(client: Client, *pictures: str, **fields: Any) -> tuple[Any, Any]:
    """A theme with these pictures, as it is then, and a room that has it."""
    theme = await client.create_theme(**fields)
    if pictures:
        places = (await client.ask("GET", "/themes/logos-upload-urls")).json
        keys = []
        for place in places:
            if (kind := place["fields"]["logoType"]) in pictures:
                content = FAVICON if kind == "favicon" else LOGO
                assert (await send(client, form(place["fields"], content))).status == 204
                keys.append(place["fields"]["key"])
        assert (await finalize(client, theme, *keys)).status == 200
    return await read(client, theme), await client.create_long(theme_id=theme["theme_id"])


async def page(client: Client, room: Any, link: str = "guest_url") -> Reply:
    """What the proxy passes on."""
    return await client.open_link(room["_links"][link]["href"].replace("/video", ""))


def images(reply: Reply) -> list[dict[str, str | None]]:
    """All of the page."""
    return [attrs for tag, attrs in Outline(reply.body.decode()).tags if tag == "img"]


@pytest.mark.parametrize("color", ["#123456", "#abc"])
async def test_colour_and_text(client: Client, color: str) -> None:
    """On the guest's page and the host's, in the title too; and at the end of the room."""
    theme, room = await themed(client, main_color=color, brand_text="Acme & <i>Sons</i>")
    del theme
    for link in ("guest_url", "host_url"):
        reply = await page(client, room, link)
        html = reply.body.decode()
        assert f"color: {text_on(color)}; background: {color};" in html
        outline = Outline(html)
        assert "Room · Acme & <i>Sons</i>" in outline.texts
        assert "Acme & <i>Sons</i>" in outline.texts
        assert "i" not in {tag for tag, _ in outline.tags}
    await client.ask("DELETE", f"/rooms/{room['id']}")
    ended = await page(client, room)
    assert ended.status == 410
    assert f"background: {color};" in ended.body.decode()


async def test_the_style_is_the_one_that_is_allowed(client: Client) -> None:
    """By its digest; pictures from this server alone; without a theme not even those."""
    _, room = await themed(client, "white")
    plain = await client.create_long()
    for one, fetched in ((room, "; img-src 'self'"), (plain, "")):
        reply = await page(client, one)
        style = re.search("<style>(.*)</style>", reply.body.decode(), re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert reply.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            f"form-action 'none'; frame-ancestors 'none'{fetched}"
        )
        assert "<header>" in reply.body.decode() or not fetched
        assert reply.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("color", "pictures", "shown", "ground"),
    [
        ("#123", ("white", "colored"), "brand_image_white", None),
        ("#eee", ("white", "colored"), "brand_image_colored", "on-white"),
        ("#123", ("colored",), "brand_image_colored", "on-white"),
        ("#eee", ("white",), "brand_image_white", "on-dark"),
        ("#123", ("favicon",), None, None),
    ],
)
async def test_the_picture_that_goes_with_the_colour(
    client: Client, color: str, pictures: tuple[str, ...], shown: str | None, ground: str | None
) -> None:
    """White on dark, coloured on white; the only one in any case."""
    theme, room = await themed(client, *pictures, main_color=color)
    found = images(await page(client, room))
    if shown is None:
        assert found == []
        return
    source = theme[f"{shown}_url"].removeprefix("https://meet.example.org")
    expected = {"src": source, "alt": ""} | ({} if ground is None else {"class": ground})
    assert found == [expected]
    assert source.startswith("/video/logos/")


async def test_the_icon(client: Client) -> None:
    """In the head, where there is one."""
    theme, room = await themed(client, "favicon")
    tags = Outline((await page(client, room)).body.decode()).tags
    href = theme["branded_favicon_url"].removeprefix("https://meet.example.org")
    assert ("link", {"rel": "icon", "type": "image/png", "href": href}) in tags
    _, other = await themed(client)
    assert "link" not in {tag for tag, _ in Outline((await page(client, other)).body.decode()).tags}


async def test_a_change_shows_at_the_next_look(client: Client) -> None:
    """And a theme that is taken away leaves the page as it was without."""
    theme, room = await themed(client, main_color="#123456")
    path = f"/themes/{theme['theme_id']}"
    await client.ask("PATCH", path, {"update_details": {"main_color": "#fedcba"}})
    assert "background: #fedcba;" in (await page(client, room)).body.decode()
    await client.ask("DELETE", path, query={"force": "true"})
    assert "<header>" not in (await page(client, room)).body.decode()


# --- colours --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("color", "text"),
    [("#000", "#fff"), ("#fff", "#000"), ("#757575", "#fff"), ("#777777", "#000"), ("#00f", "#fff"),
     ("#0f0", "#000"), ("#f00", "#000")],
)  # fmt: skip
def test_text_on_a_colour(color: str, text: str) -> None:
    """Whichever of the two stands out more."""
    assert text_on(color) == text
    other = {"#000": "#fff", "#fff": "#000"}[text]
    assert contrast(color, text) >= contrast(color, other)


def test_contrasts_that_are_known() -> None:
    """Of WCAG's own examples."""
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#fff", "#FFFFFF") == pytest.approx(1)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#0000ff", "#fff") == pytest.approx(8.59, abs=0.005)


def test_every_colour_has_a_text_that_can_be_read() -> None:
    """4.5 to 1 is what small text needs."""
    digits = "0369cf"
    for six in itertools.product(digits, repeat=3):
        color = "#" + "".join(six)
        assert contrast(color, text_on(color)) >= 4.5, color
    for grey in range(256):
        color = f"#{grey:02x}{grey:02x}{grey:02X}"
        assert contrast(color, text_on(color)) >= 4.5, color
