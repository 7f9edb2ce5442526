"""The pages behind the links."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import pytest

from tests.fakes.clock import VirtualClock
from tests.meetings import Client, Reply, in_memory, settings


@pytest.fixture
def clock() -> VirtualClock:
    """Moved by the tests."""
    return VirtualClock()


@pytest.fixture
async def client(clock: VirtualClock) -> AsyncIterator[Client]:
    """The pages do not know how they were asked for; in memory is enough."""
    async with in_memory(settings(), clock) as opened:
        yield opened


class Outline(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Collect."""
        self.texts.append(data.strip())


def text(reply: Reply) -> str:
    """What a person reads."""
    return " ".join(filter(None, Outline(reply.body.decode()).texts[1:]))


async def test_an_open_room(client: Client) -> None:
    """Named, with its state and its expiry, behind both links; the host is told to be careful."""
    room = await client.create_long(display_name="Planning")
    guest = await client.open_link(room["_links"]["guest_url"]["href"])
    host = await client.open_link(room["_links"]["host_url"]["href"])
    assert (guest.status, host.status) == (200, 200)
    assert "Planning This room is open." in text(guest)
    assert "It expires on 2026-02-04 at 09:00 UTC." in text(guest)
    assert "Do not pass it on" in text(host)
    assert "Do not pass it on" not in text(guest)


async def test_states(client: Client, clock: VirtualClock) -> None:
    """In use, ending, ended: 200, 200, 410."""
    room = await client.create_long(days=1)
    link = room["_links"]["guest_url"]["href"]
    who = await client.join(room)
    assert "a session is running" in text(await client.open_link(link))
    clock.advance(86_400)
    ending = await client.open_link(link)
    assert ending.status == 200
    assert "may finish" in text(ending)
    await client.leave(room, who)
    ended = await client.open_link(link)
    assert ended.status == 410
    assert "This room has ended." in text(ended)


async def test_a_deleted_room_is_gone(client: Client) -> None:
    """410 by both links, so that people know that the link was right."""
    room = await client.create()
    assert "ten minutes after" in text(await client.open_link(room["_links"]["guest_url"]["href"]))
    await client.ask("DELETE", f"/rooms/{room['id']}")
    for link in room["_links"].values():
        assert (await client.open_link(link["href"])).status == 410


async def test_what_is_purged_was_never_there(client: Client, clock: VirtualClock) -> None:
    """After the retention of thirty days its links are unknown, though nothing else came due."""
    room = await client.create_long(days=300)
    await client.ask("DELETE", f"/rooms/{room['id']}")
    link = room["_links"]["guest_url"]["href"]
    clock.advance(30 * 86_400 - 1)
    assert (await client.open_link(link)).status == 410
    clock.advance(1)
    assert (await client.open_link(link)).status == 404


async def test_links_that_lead_nowhere(client: Client) -> None:
    """404; a host link of one room does not open another, nor with a token of its own making."""
    one, other = await client.create(), await client.create()
    token = one["_links"]["host_url"]["href"].partition("participant_token=")[2]
    others_token = other["_links"]["host_url"]["href"].partition("participant_token=")[2]
    swapped = other["_links"]["host_url"]["href"].replace(others_token, token)
    guest = one["_links"]["guest_url"]["href"].rpartition("/")[2]
    forged = f"http://x/?room_token={guest}&participant_token={token[:-4]}AAAA"
    for link in (
        "http://x/j/nothing",
        f"http://x/j/{one['id']}",
        f"http://x/j/{one['meeting_code']}",
        "http://x/",
        f"http://x/?room_token={guest}",
        f"http://x/?room_token={guest}&participant_token=x",
        swapped,
        forged,
    ):
        reply = await client.open_link(link)
        assert reply.status == 404, link
        assert "There is no room behind this link." in text(reply)


async def test_names_are_text(client: Client) -> None:
    """Whatever they hold, no markup comes of it."""
    name = "</title><script>alert(1)</script><img src=x onerror=y>&amp; \"'"
    room = await client.create(display_name=name)
    reply = await client.open_link(room["_links"]["guest_url"]["href"])
    outline = Outline(reply.body.decode())
    assert name in outline.texts
    assert not {"script", "img"} & {tag for tag, _ in outline.tags}


async def test_the_page_keeps_to_itself(client: Client) -> None:
    """No request to others, no script, no trace; robots stay out; the style is the one allowed."""
    room = await client.create()
    reply = await client.open_link(room["_links"]["host_url"]["href"])
    html = reply.body.decode()
    style = re.search("<style>(.*)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = reply.headers["content-security-policy"]
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in policy
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert "noindex" in reply.headers["x-robots-tag"]
    assert not re.search(r"https?:|//|url\(|src=|href=", html)


async def test_the_page_is_accessible(client: Client) -> None:
    """A language, a title, one heading in a main, room for narrow screens, and both schemes."""
    room = await client.create()
    html = (await client.open_link(room["_links"]["guest_url"]["href"])).body.decode()
    tags = Outline(html).tags
    assert ("html", {"lang": "en"}) in tags
    assert [tag for tag, _ in tags].count("h1") == 1
    assert {"title", "main"} <= {tag for tag, _ in tags}
    assert any(attrs.get("name") == "viewport" for _, attrs in tags)
    assert "color-scheme: light dark" in html


async def test_head(client: Client) -> None:
    """The same answer without its body."""
    room = await client.create()
    reply = await client.open_link(room["_links"]["guest_url"]["href"], method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
