"""Our own links over HTTP: where they lead, what their pages say, and what nobody learns."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_network

import pytest

from orchestrator.domain.announcements import Stage
from orchestrator.domain.links import Coming, LinkScheme, LinkView, Target
from orchestrator.domain.rooms import Occupancy
from orchestrator.edges.http import saying
from orchestrator.edges.http.links import Entrance, LinkRoutes
from orchestrator.edges.http.proxies import Proxy
from orchestrator.foundation import qr
from orchestrator.foundation.secret import Secret
from tests.http.served import Answer, Served, served

PUBLIC = "https://rooms.example.com"
SCHEME = LinkScheme(PUBLIC, Secret("k" * 32))
ROOM = "https://meet.example.com/j/481?x=1#start"
CHECKOUT = SCHEME.link_of("team-rooms", "checkout").removeprefix(PUBLIC)
HERE = CHECKOUT.rpartition("/")[2]
OURS = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
OPENED = datetime(2026, 12, 3, 14, 45, tzinfo=UTC)


@dataclass
class Desk:
    """A desk that answers as it is told, and keeps what it was asked."""

    view: LinkView | None = field(
        default_factory=lambda: LinkView(Stage.OPEN, "Checkout", room_link=ROOM)
    )
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def look(self, policy: str, subject: str) -> LinkView | None:
        """The view."""
        self.asked.append(("look", policy, subject))
        return self.view

    async def press(self, policy: str, subject: str) -> LinkView | None:
        """The view."""
        self.asked.append(("press", policy, subject))
        return self.view

    async def take_fallback(self, policy: str, subject: str) -> LinkView | None:
        """The view."""
        self.asked.append(("take_fallback", policy, subject))
        return self.view


@asynccontextmanager
async def linked(
    view: LinkView | None = None, entrance: Entrance | None = None
) -> AsyncIterator[tuple[Served, Desk]]:
    """A server that leads on for a desk."""
    desk = Desk() if view is None else Desk(view)
    routes = LinkRoutes(entrance or Entrance(SCHEME))
    async with served(routes.routes()) as here:
        with routes.leading(desk):
            yield here, desk


async def get(here: Served, path: str, **headers: str) -> Answer:
    """Ask for a path, and follow nothing."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(here, "GET", path, named)


async def ask(
    here: Served, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> Answer:
    """Send one request, and follow nothing."""
    async with here.session.request(
        method, here.url + path, data=body, headers=headers, allow_redirects=False
    ) as response:
        return Answer(response.status, dict(response.headers), await response.text())


async def press(here: Served, what: str, **headers: str) -> Answer:
    """Press a button on a link's page."""
    named = OURS | {name.replace("_", "-"): value for name, value in headers.items()}
    given = {name: value for name, value in named.items() if value}
    return await ask(here, "POST", CHECKOUT, given, f"do={what}".encode())


# --- being led on ---


async def test_a_link_leads_to_the_room() -> None:
    """By an answer that nobody keeps, and that tells the room nothing of the link."""
    async with linked() as (here, desk):
        answer = await get(here, CHECKOUT)
        assert (answer.status, answer.headers["Location"]) == (303, ROOM)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.text == ""
        assert desk.asked == [("look", "team-rooms", "checkout")]


async def test_a_robot_that_looks_at_a_link_is_led_on_and_presses_nothing() -> None:
    """HEAD is what many of them send."""
    async with linked() as (here, desk):
        answer = await ask(here, "HEAD", CHECKOUT, {})
        assert (answer.status, answer.headers["Location"]) == (303, ROOM)
        assert {asked[0] for asked in desk.asked} == {"look"}


async def test_a_series_and_a_subject_with_any_characters_are_read() -> None:
    """As the desk spells them."""
    async with linked() as (here, desk):
        series = SCHEME.series_of("all-hands").removeprefix(PUBLIC)
        assert (await get(here, series)).status == 303
        odd = SCHEME.link_of("team-rooms", "größte / Gruppe").removeprefix(PUBLIC)
        assert (await get(here, odd)).status == 303
        assert (
            await here.raw(f"GET {odd.replace('%C3', '%c3')} HTTP/1.0\r\n\r\n".encode())
        ).startswith(b"HTTP/1.0 303")
        subject = "gr%C3%B6%C3%9Fte%20%2F%20Gruppe"
        assert desk.asked[0] == ("look", "all-hands", "")
        assert desk.asked[1] == ("look", "team-rooms", subject)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "https://meet.example/\r\nSet-Cookie: a=b",
        "https://meet.example/ü",
        "",
    ],
)
async def test_nobody_is_led_to_what_is_no_plain_address(address: str) -> None:
    """Whatever an API says; the page offers it neither."""
    async with linked(LinkView(Stage.OPEN, room_link=address)) as (here, _):
        answer = await get(here, CHECKOUT)
        assert answer.status == 200
        assert re.findall(r'href="([^"]*)"', answer.text) == ["data:,", f"./{HERE}?show"]


# --- what nobody learns ---


@pytest.mark.parametrize(
    "path",
    [
        "/r/team-rooms/checkout",
        "/r/team-rooms/checkout-aaaaaaaaaaaaaaaa",
        "/r/team-rooms/search" + CHECKOUT[-17:],
        "/r/team-rooms",
        "/r/",
        "/r/team-rooms/a/b/c",
        "/r/%00%ff-" + "a" * 16,
    ],
)
async def test_a_wrong_link_looks_like_one_whose_key_is_not_there(path: str) -> None:
    """The same page and headers, and nothing is looked up."""
    async with linked() as (here, desk):
        wrong = await get(here, path)
        assert desk.asked == []
        desk.view = None
        unknown = await get(here, CHECKOUT)
        volatile = {"Date"}
        assert wrong.status == unknown.status == 404
        assert wrong.text == unknown.text
        assert {k: v for k, v in wrong.headers.items() if k not in volatile} == {
            k: v for k, v in unknown.headers.items() if k not in volatile
        }
        assert "This link leads nowhere" in wrong.text


async def test_p11_no_link_is_logged() -> None:
    """P11: a link lets in whoever has it. What is told is the pattern of the route."""
    async with linked() as (here, _):
        await get(here, CHECKOUT)
        await get(here, "/r/team-rooms/checkout-aaaaaaaaaaaaaaaa")
        await press(here, "open")
        assert {fields["route"] for _, fields in here.told} == {"/r/{link}"}
        assert "checkout" not in str(here.told)


async def test_without_a_public_address_no_link_is_followed() -> None:
    """None was given out, and the secret is empty."""
    none = LinkScheme("", Secret(""))
    async with linked(entrance=Entrance(none)) as (here, desk):
        target = Target("team-rooms", "checkout")
        assert (await get(here, none.path_of(target))).status == 404
        assert desk.asked == []


async def test_bytes_that_are_no_text_are_a_wrong_link() -> None:
    """And no error."""
    async with linked() as (here, _):
        got = await here.raw(b"GET /r/team-rooms/\xff\xfe-aaaaaaaaaaaaaaaa HTTP/1.0\r\n\r\n")
        assert got.split(b" ", 2)[1] in {b"404", b"400"}


# --- pages ---


def script_and_style(text: str) -> set[str]:
    """The digests of what stands inside a page."""
    parts = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", text, re.DOTALL)
    return {f"'sha256-{b64encode(sha256(part.encode()).digest()).decode()}'" for part in parts}


async def test_a_page_runs_nothing_but_its_own_script() -> None:
    """Nothing from elsewhere, and nothing that could get into it by a title."""
    hostile = "<script>alert(1)</script>\"'&{{ 7*7 }}"
    view = LinkView(Stage.WAITING, hostile, note=hostile)
    async with linked(view) as (here, _):
        answer = await get(here, CHECKOUT)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert len(script_and_style(answer.text)) == 2
        assert all(digest in policy for digest in script_and_style(answer.text))
        assert answer.text.count("<script>") == 1
        assert "&lt;script&gt;alert(1)" in answer.text
        assert "49" not in answer.text
        outside = re.findall(r"(?:src|href)=\"([^\"]*)\"", answer.text)
        assert outside == ["data:,", f"./{HERE}?show"]
        assert len(answer.text) < 10_000
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("view", "says", "not_said"),
    [
        pytest.param(
            LinkView(Stage.WAITING, "Disk full"),
            ["Disk full", "The room opens in a moment", 'data-every="2"', "refresh", HERE],
            ["<form", "<time"],
            id="waiting",
        ),
        pytest.param(
            LinkView(Stage.WAITING, note="A person has to decide."),
            ["There is no room yet", "A person has to decide.", 'data-every="10"'],
            ["<form"],
            id="held",
        ),
        pytest.param(
            LinkView(Stage.WAITING, room_link=ROOM, note="Not shown."),
            ["The room may be gone", ROOM, "Try the room"],
            ["<form"],
            id="not seen",
        ),
        pytest.param(
            LinkView(Stage.WAITING, "All hands", opens_at=OPENED),
            ["The room is not open yet", 'datetime="2026-12-03T14:45:00',
             "Thursday, 3 December 2026, 14:45 UTC"],
            ["<form"],
            id="not open yet",
        ),
        pytest.param(
            LinkView(Stage.FALLBACK, fallback_link="https://b.example/1", fallback_says="Bridge 7"),
            ["The meeting service does not answer", "meets here: Bridge 7.", 'value="fallback"'],
            ["https://b.example/1"],
            id="fallback",
        ),
        pytest.param(
            LinkView(Stage.FALLBACK, fallback_link="tel:+49301234,,7#"),
            ["tel:+49301234,,7#", "another room"],
            ["<form"],
            id="a telephone",
        ),
        pytest.param(
            LinkView(Stage.FALLBACK, fallback_link="javascript:alert(1)"),
            ["The meeting service does not answer"],
            ["javascript", "<form"],
            id="no address",
        ),
        pytest.param(
            LinkView(Stage.IDLE, "Disk full", can_open=True),
            ["No room is open", 'value="open"', "Open room"],
            [],
            id="idle",
        ),
        pytest.param(
            LinkView(Stage.IDLE, "Checkout room", note="Nobody used it."),
            ["No room is open", "Nobody used it."],
            ["<form"],
            id="dormant",
        ),
        pytest.param(
            LinkView(Stage.CLOSED, "Disk full", note="It was resolved.", closed_at=OPENED),
            ["This is over", "It was resolved.", "Closed <time"],
            ["data-every", "refresh", "<form"],
            id="closed",
        ),
    ],
)  # fmt: skip
async def test_a_page_says_what_is(view: LinkView, says: list[str], not_said: list[str]) -> None:
    """In the words of whoever opens it."""
    async with linked(view) as (here, desk):
        answer = await get(here, CHECKOUT)
        assert answer.status == 200
        body = re.sub(r"<(script|style)>.*?</\1>", "", answer.text, flags=re.DOTALL)
        assert [one for one in says if one not in body] == []
        assert [one for one in not_said if one in body] == []
        assert [asked[0] for asked in desk.asked] == ["look"]


async def test_a_page_asks_by_itself_whether_something_changed() -> None:
    """And is told neither the room's link nor anything that it does not show."""
    async with linked(LinkView(Stage.WAITING, "Disk full")) as (here, desk):
        text = (await get(here, CHECKOUT)).text
        found = re.search(r'data-tag="([0-9a-f]{16})"', text)
        assert found is not None
        state = await get(here, f"{CHECKOUT}?state")
        assert state.text == f'{{"go": false, "tag": "{found[1]}"}}\n'
        desk.view = LinkView(Stage.WAITING, "Disk full", note="Nobody answers.")
        assert found[1] not in (await get(here, f"{CHECKOUT}?state")).text
        desk.view = LinkView(Stage.OPEN, "Disk full", room_link=ROOM)
        state = await get(here, f"{CHECKOUT}?state")
        assert state.text.startswith('{"go": true, ')
        assert "meet.example" not in state.text


COMING = (
    Coming("All hands <b>10 Dec</b>", OPENED + timedelta(days=7)),
    Coming("All hands 17 Dec", OPENED + timedelta(days=14)),
)


def body_of(text: str) -> str:
    """A page without its script and style."""
    return re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("view", "says", "not_said"),
    [
        pytest.param(
            LinkView(Stage.OPEN, "Checkout", room_link=ROOM, inside=Occupancy.OCCUPIED),
            ["The room is open", "People are inside.", 'class="open shown"', ">Join<"],
            ["Nobody"],
            id="occupied",
        ),
        pytest.param(
            LinkView(Stage.OPEN, "Checkout", room_link=ROOM, inside=Occupancy.EMPTY),
            ["Nobody is inside yet."],
            ["People"],
            id="empty",
        ),
        pytest.param(
            LinkView(Stage.OPEN, "Checkout", room_link=ROOM, formerly=True),
            ["The name in this link is an earlier one."],
            ["People", "Nobody"],
            id="not known, and moved",
        ),
        pytest.param(
            LinkView(Stage.OPEN, "Checkout", room_link=ROOM, starts_at=OPENED,
                     ends_at=OPENED + timedelta(hours=1)),
            ["From <time", "Until <time", "15:45 UTC", "dated"],
            ["data-until"],
            id="a meeting that goes on",
        ),
        pytest.param(
            LinkView(Stage.WAITING, "All hands", opens_at=OPENED, coming=COMING,
                     has_calendar=True),
            ["The room is not open yet", 'data-until="2026-12-03T14:45:00', "Coming",
             "&lt;b&gt;10 Dec", "Thursday, 17 December 2026", "Subscribe to the calendar",
             'href="webcal://rooms.example.com/calendar/team-rooms-',
             'href="webcal://rooms.example.com/calendar/team-rooms-',
             "/calendar/team-rooms-"],
            ["The next one", "Join"],
            id="a series",
        ),
        pytest.param(
            LinkView(Stage.CLOSED, "All hands", note="It is over."),
            ["This is over", "ask whoever gave you this link"],
            ["this same link", "Coming", "Join"],
            id="over",
        ),
        pytest.param(
            LinkView(Stage.CLOSED, "Disk full", opened_at=OPENED),
            ["If it begins again, this same link leads to its next room."],
            ["ask whoever"],
            id="a page that is over",
        ),
    ],
)  # fmt: skip
async def test_whoever_wants_to_look_is_shown_a_page(
    view: LinkView, says: list[str], not_said: list[str]
) -> None:
    """With a QR code of the link, whatever state the room is in; nobody is led on from it."""
    async with linked(view) as (here, _):
        answer = await get(here, f"{CHECKOUT}?show")
        assert answer.status == 200
        body = body_of(answer.text)
        assert [one for one in says if one not in body] == []
        assert [one for one in not_said if one in body] == []
        assert qr.drawing(PUBLIC + CHECKOUT) in body
        assert PUBLIC + CHECKOUT in body
        assert "data-stays" in body
        assert f"url=./{HERE}?show" in body
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_what_a_preview_shows_is_the_title_alone() -> None:
    """Neither an address nor a picture; what is not called anything is a meeting room."""
    async with linked(LinkView(Stage.WAITING, '"><meta x="', note="Secret")) as (here, desk):
        text = (await get(here, CHECKOUT)).text
        assert re.findall(r'property="og:([^"]*)" content="([^"]*)"', text) == [
            ("title", "&#34;&gt;&lt;meta x=&#34;")
        ]
        desk.view = LinkView(Stage.WAITING)
        assert 'og:title" content="Meeting room"' in (await get(here, CHECKOUT)).text


async def test_a_page_with_a_button_alone_says_to_us_where_it_came_from() -> None:
    """A browser would not name the sender of its form otherwise."""
    async with linked(LinkView(Stage.IDLE, "Disk full", can_open=True)) as (here, desk):
        assert (await get(here, CHECKOUT)).headers["Referrer-Policy"] == "same-origin"
        desk.view = LinkView(Stage.WAITING, "Disk full")
        assert (await get(here, CHECKOUT)).headers["Referrer-Policy"] == "no-referrer"


async def test_who_is_inside_changes_what_a_page_shows() -> None:
    """It looks by itself."""
    async with linked(LinkView(Stage.OPEN, room_link=ROOM)) as (here, desk):
        before = (await get(here, f"{CHECKOUT}?state")).text
        desk.view = LinkView(Stage.OPEN, room_link=ROOM, inside=Occupancy.OCCUPIED)
        assert (await get(here, f"{CHECKOUT}?state")).text != before


async def test_a_slash_too_many_is_no_wrong_link() -> None:
    """Servers of files add one, and people keep the address that they were led to."""
    async with linked() as (here, desk):
        answer = await get(here, f"{CHECKOUT}/")
        assert (answer.status, answer.headers["Location"]) == (303, f"../{HERE}")
        assert desk.asked == []
        assert (await get(here, f"{CHECKOUT}//")).status == 404
    names = LinkScheme(PUBLIC, Secret("k" * 32), tokened=False)
    async with linked(LinkView(Stage.WAITING), entrance=Entrance(names)) as (here, desk):
        desk.view = None
        answer = await get(here, "/r/team-rooms/checkout/")
        assert (answer.status, answer.headers["Location"]) == (303, "../checkout")


async def test_a_meeting_that_is_over_leads_to_the_next_where_names_are_no_secret() -> None:
    """Elsewhere its link lets in to that one meeting."""
    names = LinkScheme(PUBLIC, Secret("k" * 32), tokened=False)
    over = LinkView(Stage.CLOSED, "All hands", coming=COMING[:1])
    async with linked(over, Entrance(names)) as (here, _):
        body = body_of((await get(here, "/r/all-hands/2026-12-03T1545")).text)
        assert "The next one" in body
        assert f'href="{PUBLIC}/r/all-hands"' in body
    async with linked(over) as (here, _):
        assert "The link of all of them" not in (await get(here, CHECKOUT)).text


# --- pages that another server shows ---


@pytest.mark.parametrize(
    ("view", "says", "not_said"),
    [
        pytest.param(
            LinkView(Stage.OPEN, "Checkout", room_link=ROOM + '"x', inside=Occupancy.OCCUPIED),
            ['content="0;url=https://meet.example.com/j/481?x=1#start&#34;x"', ">Join<"],
            ["People are inside"],
            id="open",
        ),
        pytest.param(
            LinkView(Stage.OPEN, "Checkout", room_link="javascript:alert(1)"),
            ['data-again="30"', '<noscript><meta http-equiv="refresh" content="30">'],
            ["javascript:"],
            id="no address",
        ),
        pytest.param(
            LinkView(Stage.WAITING, "Checkout", note="The meeting service does not answer"),
            ["There is no room yet", "It opens under this same link.",
             'data-again="30"'],
            ["does not answer"],
            id="what is true of a moment is not written down",
        ),
        pytest.param(
            LinkView(Stage.WAITING, "All hands", opens_at=OPENED, has_calendar=True),
            ["It opens <time", "data-until"],
            ["calendar"],
            id="not open yet",
        ),
        pytest.param(
            LinkView(Stage.WAITING, "Checkout", room_link=ROOM, note="Not shown."),
            ["The room may be gone", "Not shown.", ROOM],
            [],
            id="not seen",
        ),
        pytest.param(
            LinkView(Stage.FALLBACK, fallback_link="https://b.example/1", fallback_says="Bridge"),
            ['href="https://b.example/1"', "Join here instead"],
            ["<form"],
            id="a fallback is a link",
        ),
        pytest.param(
            LinkView(Stage.FALLBACK, fallback_link="tel:+49301234"),
            ['href="tel:+49301234"', ">Call<"],
            ["<form"],
            id="a telephone",
        ),
        pytest.param(
            LinkView(Stage.IDLE, "Disk full", can_open=True),
            ["No room is open"],
            ["<form", "<button"],
            id="nothing can be pressed",
        ),
        pytest.param(
            LinkView(Stage.CLOSED, "Disk full"), ["This is over"], ['"refresh"'], id="over"
        ),
    ],
)  # fmt: skip
def test_a_page_alone_sends_nothing(view: LinkView, says: list[str], not_said: list[str]) -> None:
    """It has its policy in itself, and no form; whether it changed it looks at itself alone."""
    where = SCHEME.addresses(Target("team-rooms", "checkout"), view)
    text = saying.page_alone(view, where)
    body = body_of(text)
    assert [one for one in says if one not in body] == []
    assert [one for one in not_said if one in body] == []
    assert "data-every" not in body
    policy = html.unescape(re.findall(r'Security-Policy" content="([^"]*)"', body)[0])
    assert all(digest in policy for digest in script_and_style(text))
    assert "connect-src 'self'" in policy
    assert "form-action 'none'" in policy


def test_the_page_of_no_link_is_the_same_alone() -> None:
    """In other words nothing is said."""
    assert "This link leads nowhere" in saying.nowhere_alone()


# --- starting ---


async def test_while_nobody_can_tell_people_wait() -> None:
    """The daemon starts, or reads its config anew."""
    routes = LinkRoutes(Entrance(SCHEME))
    async with served(routes.routes()) as here:
        answer = await get(here, CHECKOUT)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert "One moment, please" in answer.text
        assert f"url=./{HERE}" in answer.text
        assert (await get(here, "/r/team-rooms/checkout")).status == 404
        assert (await press(here, "open")).status == 503


# --- buttons ---


async def test_open_room_is_pressed_on_our_own_page() -> None:
    """And shown there first: a form may not lead elsewhere."""
    async with linked(LinkView(Stage.IDLE, can_open=True)) as (here, desk):
        page = await get(here, CHECKOUT)
        assert "form-action 'self'" in page.headers["Content-Security-Policy"]
        answer = await press(here, "open")
        assert (answer.status, answer.headers["Location"]) == (303, f"./{HERE}?wait")
        assert desk.asked[-1] == ("press", "team-rooms", "checkout")
        desk.view = LinkView(Stage.OPEN, "Disk full", room_link=ROOM)
        shown = await get(here, f"{CHECKOUT}?wait")
        assert shown.status == 200
        assert "The room is open" in shown.text
        assert "https://meet.example.com/j/481?x=1#start" in shown.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "same-origin"}, 303),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Origin": PUBLIC}, 403),
        ({"Sec_Fetch_Site": "", "Origin": PUBLIC}, 303),
        ({"Sec_Fetch_Site": "", "Origin": "https://evil.example"}, 403),
        ({"Sec_Fetch_Site": "", "Origin": "null"}, 403),
        ({"Sec_Fetch_Site": ""}, 403),
    ],
    ids=str,
)
async def test_a_press_from_elsewhere_is_refused(headers: dict[str, str], status: int) -> None:
    """A page of others, or a robot that sends forms."""
    async with linked(LinkView(Stage.IDLE, can_open=True)) as (here, desk):
        assert (await press(here, "open", **headers)).status == status
        assert bool(desk.asked) is (status == 303)


async def test_a_press_on_what_is_gone_or_unknown_opens_nothing() -> None:
    """The answer is that of the link."""
    async with linked() as (here, desk):
        assert (await press(here, "everything")).status == 400
        desk.view = None
        assert (await press(here, "open")).status == 404
        answer = await ask(here, "POST", "/r/team-rooms/checkout", OURS, b"do=open")
        assert answer.status == 404
        answer = await ask(here, "DELETE", CHECKOUT, {})
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("application/x-www-form-urlencoded; charset=nope", b"do=open"),
        ("application/x-www-form-urlencoded", b"do=\xff\xfe"),
    ],
    ids=["no boundary", "no alphabet", "no text"],
)
async def test_what_is_no_form_presses_nothing(kind: str, body: bytes) -> None:
    """It is a mistake of whoever sent it, and nothing for the log."""
    async with linked(LinkView(Stage.IDLE, can_open=True)) as (here, desk):
        answer = await ask(here, "POST", CHECKOUT, OURS | {"Content-Type": kind}, body)
        assert answer.status == 400
        assert desk.asked == []
        assert [event for event, _ in here.told if event == "http.failed"] == []


async def test_taking_the_fallback_leads_there() -> None:
    """It is told first, so that all go to the same place; a room that came meanwhile wins."""
    bridge = LinkView(Stage.FALLBACK, fallback_link="https://b.example/1")
    async with linked(bridge) as (here, desk):
        page = await get(here, CHECKOUT)
        assert "form-action" not in page.headers["Content-Security-Policy"]
        answer = await press(here, "fallback")
        assert (answer.status, answer.headers["Location"]) == (303, "https://b.example/1")
        assert desk.asked[-1] == ("take_fallback", "team-rooms", "checkout")
        desk.view = LinkView(Stage.OPEN, room_link=ROOM)
        assert (await press(here, "fallback")).headers["Location"] == ROOM
        desk.view = None
        assert (await press(here, "fallback")).headers["Location"] == f"./{HERE}"


# --- who is let in ---


@pytest.mark.parametrize(
    ("trusted", "headers", "status"),
    [
        ("127.0.0.1", {"X_User": "anna"}, 303),
        ("127.0.0.0/8", {"X_User": "anna"}, 303),
        ("127.0.0.1", {}, 403),
        ("127.0.0.1", {"X_User": " "}, 403),
        ("10.0.0.0/8", {"X_User": "anna"}, 403),
        ("::1", {"X_User": "anna"}, 403),
    ],
    ids=str,
)
async def test_a_proxy_lets_people_in(trusted: str, headers: dict[str, str], status: int) -> None:
    """Its header counts from its own address alone: anybody can write a header."""
    scheme = LinkScheme(PUBLIC, Secret("k" * 32), tokened=False)
    entrance = Entrance(scheme, Proxy("X-User", (ip_network(trusted),)))
    async with linked(entrance=entrance) as (here, desk):
        known = await get(here, "/r/team-rooms/checkout", **headers)
        assert known.status == status
        if status == 403:
            assert desk.asked == []
            assert "Please sign in first" in known.text
            assert (await get(here, "/r/nothing", **headers)).text == known.text


async def test_an_open_installation_needs_no_token() -> None:
    """Whoever knows the names may come."""
    scheme = LinkScheme(PUBLIC, Secret("k" * 32), tokened=False)
    async with linked(entrance=Entrance(scheme)) as (here, _):
        assert (await get(here, "/r/team-rooms/checkout")).status == 303
        assert (await get(here, CHECKOUT)).status == 303
        assert (await get(here, "/r/Team%20Rooms/checkout")).status == 404
