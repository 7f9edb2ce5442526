"""The status page over HTTP: who sees what, who may do what, and what is told as it happens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html import unescape
from ipaddress import ip_network
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from markupsafe import escape
from yarl import URL

from orchestrator.domain.facts import Fact
from orchestrator.domain.reports import RevealedLink, RoomsReport, StatusReport
from orchestrator.edges.http.proxies import Proxy
from orchestrator.edges.http.status import Access, glance
from orchestrator.edges.http.status.live import Pace
from orchestrator.edges.http.status.routes import StatusRoutes
from orchestrator.foundation.secret import Secret
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import StoreFault
from tests.statuspage import (
    HOSTILE,
    KEYS,
    STATES,
    TOKEN,
    TRIPPED,
    Stage,
    a_day,
    many_rooms,
    staged,
)

OURS: Mapping[str, str] = {"Sec-Fetch-Site": "same-origin"}
PROXIED = Access(proxy=Proxy("X-Remote-User", (ip_network("127.0.0.1/32"),)))
ELSEWHERE = Access(proxy=Proxy("X-Remote-User", (ip_network("10.0.0.0/8"),)))
_HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def words(self) -> str:
        """What a reader sees, without marks."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())


@dataclass
class Reader:
    """A browser without a screen: keeps cookies, follows nothing."""

    stage: Stage
    session: aiohttp.ClientSession

    async def get(self, path: str = "/status", **headers: str) -> Answer:
        """Open an address."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.get(
            self.stage.url + path, headers=given, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.text())

    async def post(
        self, path: str, headers: Mapping[str, str] | None = None, /, **given: str
    ) -> Answer:
        """Send a form; from a page of ours, if nothing else is said."""
        headers = OURS if headers is None else headers
        async with self.session.post(
            self.stage.url + path, data=given, headers=headers, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.text())

    async def log_in(self, token: str = TOKEN) -> Answer:
        """Log in."""
        return await self.post("/status/login", token=token)

    async def csrf(self) -> str:
        """What stands in their forms."""
        found = re.search(r'name="csrf" value="([^"]*)"', (await self.get()).text)
        return found[1] if found else ""

    async def do(self, **given: str) -> Answer:
        """Press a button, with a reason."""
        given = {"csrf": await self.csrf(), "reason": "OPS-4711", **given}
        return await self.post("/status/do", **given)


@asynccontextmanager
async def reader(access: Access | None = None, **options: Any) -> AsyncIterator[Reader]:
    """Somebody before a page."""
    jar = aiohttp.CookieJar(unsafe=True)  # of an address
    async with staged(access, **options) as stage, aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Reader(stage, session)


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report holds for no time."""
    monkeypatch.setattr(glance, "_LEAST", 0.0)
    monkeypatch.setattr(glance, "_SHARE", 0.0)


# --- who may look ---------------------------------------------------------------------------------


async def test_p11_whoever_sits_at_the_machine_may_look_and_not_act() -> None:
    """In no state is there a link, a code or a button for them; and nothing of elsewhere runs."""
    async with reader() as one:
        await one.stage.happen(*a_day())
        for name, (status, rooms) in STATES.items():
            one.stage.show(status, rooms() if rooms else RoomsReport(()))
            for path in ("/", "/status", "/status/parts", f"/status/room?name={KEYS[0]}"):
                answer = await one.get(path)
                assert answer.status == 200, name
                for secret in ("rooms.example/r/", "meet.example", "481 920 37", "/status/do"):
                    assert secret not in answer.text, f"{name} {path} tells {secret}"
                assert "<script>document" not in answer.text
                assert "<img" not in answer.text
                assert "\u202e" not in answer.text
                assert answer.headers["Cache-Control"] == "no-store"
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
                assert " style=" not in answer.text
                assert " on" not in re.sub(r">[^<]*<", "><", answer.text)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rooms.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Host": "[::"},
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"X-Real-IP": "203.0.113.7"},
        {"X-Remote-User": "anna"},
        {"X-Forwarded-User": "anna"},
        {"Via": "1.1 proxy"},
    ],
    ids=str,
)
async def test_another_name_or_a_trace_of_a_proxy_shuts_the_door(headers: dict[str, str]) -> None:
    """A page of elsewhere that made its name lead here sees a form, and nothing of ours."""
    async with reader() as one:
        for path in ("/", "/status/parts", "/status/events", "/status/room?name=x"):
            answer = await one.get(path, **{k.replace("-", "_"): v for k, v in headers.items()})
            assert answer.status == 401
            assert "nordlicht" not in answer.text


async def test_what_another_page_loads_is_refused_and_a_link_is_followed() -> None:
    """Neither stream nor page is for frames, pictures or scripts of others."""
    async with reader() as one:
        for site in ("cross-site", "same-site"):
            for path in ("/status", "/status/events", "/status/parts"):
                answer = await one.get(path, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")
                assert answer.status == 403
            assert (await one.get(Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")).status == 200


async def test_a_closed_page_tells_how_to_come_in() -> None:
    """By token, by proxy, or by nothing that is set up."""
    async with reader(Access(loopback=False, tokens={"anna": Secret(TOKEN)})) as one:
        answer = await one.get()
        assert (answer.status, "Your token" in answer.text) == (401, True)
    async with reader(Access(loopback=False)) as one:
        answer = await one.get()
        assert (answer.status, "http.status.tokens" in answer.text) == (403, True)
        assert (await one.get("/status/login")).status == 403
        assert (await one.log_in()).status == 403
    async with reader(replace(ELSEWHERE, loopback=False)) as one:
        assert "organisation's sign-in" in (await one.get()).text


async def test_a_proxy_that_is_believed_tells_who_comes() -> None:
    """From its address alone; a header that stands there twice, or names nobody, tells nothing."""
    async with reader(PROXIED) as one:
        answer = await one.get(X_Remote_User="anna", Host="rooms.example")
        assert (answer.status, "anna" in answer.words) == (200, True)
        assert (await one.get("/status/login", X_Remote_User="anna")).status == 303
        for name in ("", " ", "a" * 101, "an\tna"):
            assert (await one.get(X_Remote_User=name)).status == 403
        port = one.stage.url.rpartition(":")[2]
        connection, writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(
            b"GET /status HTTP/1.1\r\nHost: x\r\nX-Remote-User: anna\r\nX-Remote-User: eve\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert b" 403 " in await connection.readline()
        writer.close()
    async with reader(ELSEWHERE) as one:
        assert (await one.get(X_Remote_User="anna")).status == 403
        assert (await one.get()).status == 200  # as anybody of this machine


# --- logging in -----------------------------------------------------------------------------------


async def test_a_token_opens_a_session_that_ends() -> None:
    """By logging out, by another token in its place, or after twelve hours."""
    async with reader() as one:
        assert "Log in to act" in (await one.get()).words
        assert (await one.get("/status/login")).status == 200
        answer = await one.log_in()
        assert (answer.status, answer.headers["Location"]) == (303, "/status")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie
        assert "anna Log out" in (await one.get()).words
        assert (await one.get("/status/login")).status == 303
        assert (await one.post("/status/logout", csrf="wrong")).status == 403
        assert (await one.post("/status/logout", csrf=await one.csrf())).status == 303
        assert "Log out" not in (await one.get()).words

        await one.log_in()
        one.stage.now += timedelta(hours=11, minutes=59)
        assert "Log out" in (await one.get()).words
        one.stage.now += timedelta(minutes=1)
        assert "Log out" not in (await one.get()).words

        await one.log_in()
        one.stage.routes.access = Access(tokens={"anna": Secret("n" * 40)})
        assert "Log out" not in (await one.get()).words


async def test_whoever_logs_in_comes_to_the_room_that_they_opened() -> None:
    """By an address for hosts or of a room; after a wrong token, too; and never elsewhere."""
    async with reader(Access(loopback=False, tokens={"anna": Secret(TOKEN)})) as one:
        for opened, led in (
            ("/h/team-rooms/gr%C3%B6%C3%9Fte", "?name=team-rooms%2Fgr%C3%B6%C3%9Fte#host"),
            ("/h//evil.example", "?name=%2Fevil.example#host"),
            ("/status/room?name=https://evil.example", "?name=https%3A%2F%2Fevil.example"),
            ("/status/login?name=%5C%5Cevil.example&part=%0A", "?name=%5C%5Cevil.example"),
            ("/status/room?name=%22%3E%3Cscript%3E", "?name=%22%3E%3Cscript%3E"),
        ):
            form = await one.get(opened, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
            assert "<script>" not in form.text
            for token, status in (("wrong" * 10, 401), (TOKEN, 303)):
                given = {name: unescape(value) for name, value in _HIDDEN.findall(form.text)}
                form = await one.post("/status/login", token=token, **given)
                assert form.status == status
            assert form.headers["Location"] == f"/status/room{led}"
            assert (await one.get(opened)).status in {200, 303}
            one.session.cookie_jar.clear()
            one.stage.now += timedelta(minutes=1)
        assert (await one.log_in()).headers["Location"] == "/status"


async def test_nothing_is_done_by_get() -> None:
    """For a browser sends the cookie along when a page of elsewhere leads here."""
    async with reader() as one:
        await one.log_in()
        for path in ("do", "host", "logout"):
            assert (await one.get(f"/status/{path}?do=renew&name={KEYS[0]}")).status == 405
        assert "Log out" in (await one.get()).words
        assert one.stage.desk.commands == []


async def test_a_session_is_kept_from_the_open_where_the_page_is_encrypted() -> None:
    """The cookie is Secure where the proxy's name is asked for."""
    access = Access(tokens={"anna": Secret(TOKEN)}, public_url="https://rooms.example")
    async with reader(access) as one:
        headers = {"Origin": "https://rooms.example", "Host": "rooms.example"}
        answer = await one.post("/status/login", headers, token=TOKEN)
        assert "Secure" in answer.headers["Set-Cookie"]


async def test_wrong_tokens_are_counted() -> None:
    """Five in a row, then one every ten seconds; the right one opens, whoever else tries."""
    async with reader() as one:
        for _ in range(5):
            answer = await one.log_in("wrong" * 10)
            assert (answer.status, "Nobody has this token" in answer.text) == (401, True)
        for _ in range(2):
            assert (await one.log_in("wrong" * 10)).status == 429
        assert (await one.log_in()).status == 303
        one.stage.now += timedelta(seconds=10)
        for status in (401, 429):
            assert (await one.log_in("wrong" * 10)).status == status


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}], ids=str
)
async def test_the_form_of_another_page_logs_nobody_in(headers: dict[str, str]) -> None:
    """Or somebody would act as whoever made them log in."""
    async with reader() as one:
        assert (await one.post("/status/login", headers, token=TOKEN)).status == 403


async def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes."""
    monkeypatch.setattr("orchestrator.edges.http.status.access._SESSIONS_MOST", 1)
    async with reader() as one:
        await one.log_in()
        first = {cookie.key: cookie.value for cookie in one.session.cookie_jar}
        await one.log_in()
        assert "Log out" in (await one.get()).words
        one.session.cookie_jar.clear()
        one.session.cookie_jar.update_cookies(first, URL(one.stage.url))
        assert "Log out" not in (await one.get()).words


# --- doing ----------------------------------------------------------------------------------------


async def test_p12_whoever_acts_on_the_page_is_known_and_says_why() -> None:
    """Each button is one command of the desk, by the person who pressed it."""
    async with reader() as one:
        one.stage.show(TRIPPED, many_rooms(60))
        await one.log_in()
        for given, command in (
            ({"do": "approve", "name": "7f3a"}, ("approve", "7f3a")),
            ({"do": "renew", "name": KEYS[0]}, ("renew", KEYS[0])),
            ({"do": "resume", "name": KEYS[0]}, ("resume", KEYS[0])),
            ({"do": "protect", "name": KEYS[0]}, ("protect", KEYS[0], "on")),
            ({"do": "unprotect", "name": KEYS[0]}, ("protect", KEYS[0], "off")),
            (
                {"do": "suspend", "name": KEYS[0], "for": "8h"},
                ("suspend", KEYS[0], "2026-11-22T20:00:00+00:00"),
            ),
        ):
            answer = await one.do(**given)
            assert (answer.status, answer.headers["Location"]) == (303, "/status")
            assert one.stage.desk.commands[-1] == command
            person = one.stage.desk.persons[-1]
            assert (person.actor, person.reason) == ("anna via the status page", "OPS-4711")
            assert f"done: {command[0]}" in (await one.get()).words
            assert "done:" not in (await one.get()).words  # once
        answer = await one.do(do="renew", name=KEYS[0], back="room")
        assert answer.headers["Location"] == "/status/room?name=team-rooms%2Fcheckout"
        assert "done: renew" in (await one.get(answer.headers["Location"])).words


async def test_a_person_of_the_proxy_acts_by_their_name() -> None:
    """Its csrf token is theirs alone."""
    async with reader(PROXIED) as one:
        one.stage.show(TRIPPED)
        shown = await one.get(X_Remote_User="anna")
        found = re.search(r'name="csrf" value="([^"]*)"', shown.text)
        assert found is not None
        given = {"csrf": found[1], "do": "approve", "name": "7f3a", "reason": "OPS-4711"}
        eve = await one.post("/status/do", {**OURS, "X-Remote-User": "eve"}, **given)
        assert (eve.status, one.stage.desk.commands) == (403, [])
        anna = await one.post("/status/do", {**OURS, "X-Remote-User": "anna"}, **given)
        assert (anna.status, one.stage.desk.persons[0].actor) == (303, "anna via the status page")


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        ({}, {}),
        ({"Sec-Fetch-Site": "cross-site"}, {}),
        ({"Sec-Fetch-Site": "same-site"}, {}),
        ({"Origin": "null"}, {}),
        (OURS, {"csrf": ""}),
        (OURS, {"csrf": "ö" * 32}),
        (OURS, {"csrf": "0" * 32}),
    ],
    ids=str,
)
async def test_a_button_of_another_page_does_nothing(
    headers: dict[str, str], changes: dict[str, str]
) -> None:
    """Neither without its person's token, nor from elsewhere."""
    async with reader() as one:
        one.stage.show(TRIPPED)
        await one.log_in()
        given = {"csrf": await one.csrf(), "do": "approve", "name": "7f3a", "reason": "OPS-4711"}
        answer = await one.post("/status/do", headers, **(given | changes))
        assert (answer.status, one.stage.desk.commands) == (403, [])


async def test_who_is_not_known_does_nothing() -> None:
    """Looking is all that this machine may do."""
    async with reader() as one:
        answer = await one.post("/status/do", do="approve", name="7f3a", reason="OPS-4711", csrf="")
        assert (answer.status, one.stage.desk.commands) == (403, [])
        assert (await one.post("/status/logout")).status == 403


async def test_a_form_by_its_origin() -> None:
    """A browser that does not say Sec-Fetch-Site says Origin."""
    async with reader() as one:
        one.stage.show(TRIPPED)
        await one.log_in()
        given = {"csrf": await one.csrf(), "do": "approve", "name": "7f3a", "reason": "OPS-4711"}
        assert (await one.post("/status/do", {"Origin": one.stage.url}, **given)).status == 303


async def test_what_is_refused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the desk, by a full disk, by a form that says too little; each in a sentence."""
    async with reader() as one:
        one.stage.show(TRIPPED)
        await one.log_in()
        for given, words in (
            ({"do": "approve", "reason": " x "}, "Refused: say why"),
            ({"do": "dance"}, "Refused: the button does not say what to do"),
            ({"do": "suspend", "for": "100y"}, "Refused: the form does not say for how long"),
        ):
            assert (await one.do(**given)).status == 303
            assert words in (await one.get()).words
        assert one.stage.desk.commands == []

        csrf, desk = await one.csrf(), one.stage.desk

        async def refuse(*_: object) -> Any:
            raise DeskError("no brake is called '7f3a' now: room-orchestrator status", 2)

        async def full(*_: object) -> Any:
            raise StoreFault("the disk is full")

        for failing, words in (
            (refuse, "Refused: no brake is called '7f3a' now"),
            (full, "Nothing was done, because it cannot be recorded: the disk is full"),
        ):
            monkeypatch.setattr(desk, "approve", failing)
            await one.post("/status/do", csrf=csrf, do="approve", name="7f3a", reason="why")
            assert words in (await one.get()).words
        nothing = {**OURS, "Content-Type": "application/x-www-form-urlencoded; charset=no-such"}
        async with one.session.post(
            f"{one.stage.url}/status/do", data=b"csrf=1", headers=nothing
        ) as response:
            assert response.status == 403


# --- what is shown --------------------------------------------------------------------------------


async def test_p11_links_and_codes_are_for_those_who_are_known() -> None:
    """Our own links alone, never those of the rooms themselves; and a search tells none of them."""
    async with reader() as one:
        one.stage.show(TRIPPED, many_rooms(3))
        await one.stage.happen(*a_day())
        for text in ("very-secret", "481 920 371"):
            assert "Nothing there tells of it." in (await one.get(f"/status?find={text}")).words
        await one.log_in()
        shown = (await one.get()).text
        assert 'href="https://rooms.example/r/team-rooms/team-room-0000-abcdefgh"' in shown
        assert "meet.example" not in shown
        for text in ("very-secret", "481 920 371", "481-920-371"):
            answer = await one.get(f"/status?find={text}")
            assert "fact" in answer.words
            assert "meet.example" not in answer.text
            assert "Nothing there tells of it." not in answer.words


async def test_rooms_are_found_and_turned_over() -> None:
    """However many there are, twenty-five are sent."""
    async with reader() as one:
        one.stage.show(TRIPPED, many_rooms(5000))
        answer = await one.get()
        assert answer.text.count('<th scope="row"><a href="/status/room') == 25
        assert len(answer.text) < 100_000
        assert "5,000 rooms · page 1 of 200" in answer.words
        for query, words in (
            ("page=200", "page 200 of 200"),
            ("page=201", "page 200 of 200"),
            ("page=0", "page 1 of 200"),
            ("page=x", "page 1 of 200"),
            ("policy=team-rooms", "417 of 5,000 rooms"),
            ("state=occupied", "25 of 5,000 rooms"),
            ("room=person-0001", "0 of 5,000 rooms"),
            ("room=PEOPL-0001", "1 of 5,000 rooms"),
            ("room=Room+of+0002&policy=people", "1 of 5,000 rooms"),
            ("room=%3Cscript%3E", "1 of 5,000 rooms"),
        ):
            assert words in (await one.get(f"/status?{query}")).words, query
        assert "No room fits." in (await one.get("/status?room=nobody")).words
        turned = (await one.get("/status?policy=people&room=o&page=2")).text
        assert "/status?policy=people&amp;room=o&amp;page=3#rooms" in turned
        assert "/status?policy=people&amp;room=o#rooms" in turned


async def test_facts_are_found_and_turned_over() -> None:
    """The latest first; by what was true then; as far as the store remembers."""
    async with reader() as one:
        await one.stage.happen(*(Fact("room.renewed", key=f"a/{n}") for n in range(100)))
        await one.stage.happen(*a_day())
        first = await one.get()
        assert first.text.count('class="fact ') == 40
        before = re.search(r"before=(\d+)#audit", first.text)
        assert before is not None
        assert before[1] == "71"
        second = await one.get("/status?before=71")
        assert "Facts before #71" in second.words
        assert 'data-seq="70"' in second.text
        assert "data-still" in second.text
        assert "Earlier" not in (await one.get("/status?before=9")).words
        for text, count in (("Checkout room", 1), ("room.renewed", 40), ("A/99", 1), ("zzz", 0)):
            answer = await one.get(f"/status?find={text}")
            assert answer.text.count('class="fact ') == count, text
        assert "That is all that the store remembers" in (await one.get("/status?find=zzz")).words
        assert "Look further back" in (await one.get("/status?find=room.renewed")).words
        assert (await one.get("/status?before=x")).status == 200
        room = await one.get(f"/status/room?name={KEYS[0]}")
        assert room.text.count('class="fact ') == 2


async def test_a_command_holds_an_odd_key_as_one_word() -> None:
    """As a shell would read it, and marked as one command to the end."""
    async with reader() as one:
        name = "team-rooms/a; touch x"
        page = (await one.get(f"/status/room?name={quote(name)}")).text
        why = f"room-orchestrator rooms why '{name}'"
        assert f"<code>{escape(why)}</code>" in page
        need = f"It ends: room-orchestrator rooms resume '{name}' --reason …; really"
        one.stage.show(replace(TRIPPED, needs_you=(need,)))
        command = f"room-orchestrator rooms resume '{name}' --reason …"
        assert f"It ends: <code>{escape(command)}</code> ; really" in (await one.get()).text


async def test_what_hangs_and_what_is_not_ready_is_told() -> None:
    """In the first line."""
    async with reader() as one:
        one.stage.patient.late = ("resync", "pages")
        assert "hanging: resync, pages" in (await one.get()).words
        one.stage.patient.late = ()
        one.stage.patient.ready = "the policies are not loaded yet"
        answer = await one.get()
        assert "not ready: the policies are not loaded yet" in answer.words
        assert "One moment, please" in answer.words


async def test_the_link_that_ends_first_is_told_with_what_that_depends_on() -> None:
    """What is foreseen, and what only would be."""
    async with reader() as one:
        for name, words in (
            ("away", "Lost first in 17 h team-rooms/checkout , tomorrow 05:00Z , if the API stays"),
            ("observe", "Lost first in 20 d team-rooms/checkout , 12 Dec 12:00Z , for observe"),
            ("healthy", "22 Jan 2027 , if the API stayed away"),
            ("fresh", "Lost first nothing no link is foreseen to end"),
        ):
            one.stage.show(*_state(name))
            assert words in (await one.get()).words


async def test_freezes_and_change_windows_are_told() -> None:
    """By whom, why, until when, and how they end sooner."""
    async with reader() as one:
        one.stage.show(*_state("problems"))
        words = re.sub(r"\s+([.;,:)])", r"\1", (await one.get()).words)
        assert "frozen until Tue 24 Nov 12:00Z by anna (uid 1001): <img" in words
        assert "frozen people until Wed 25 Nov 12:00Z by jonas: audit; meetings and lost" in words
        assert "Sooner: room-orchestrator unfreeze f2 --reason" in words
        assert "Changes held until tomorrow 09:00Z" in words
        assert "Changes people: allowed" in words


def _state(name: str) -> tuple[StatusReport, RoomsReport]:
    """One of the page's states, with a few rooms."""
    status, rooms = STATES[name]
    return status, rooms(3) if rooms else RoomsReport(())


async def test_while_nothing_can_be_told_the_page_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two lives, with a store that cannot be read, and while the desk takes its time."""
    async with reader(showing=False) as one:
        for path in ("/status", "/status/parts", "/status/events"):
            answer = await one.get(path)
            assert (answer.status, "Retry-After" in answer.headers) == (503, True)
        await one.log_in()
        assert (await one.post("/status/do", csrf="x")).status == 403
    async with reader() as one:
        await one.log_in()
        csrf = await one.csrf()
        routes: Any = one.stage.routes
        life = routes._life  # noqa: SLF001
        routes._life = None  # noqa: SLF001
        given = {"csrf": csrf, "do": "renew", "name": "a/b", "reason": "why"}
        assert (await one.post("/status/do", **given)).status == 303
        routes._life = life  # noqa: SLF001
        assert "Refused: the daemon is starting or reloading" in (await one.get()).words
        one.stage.store.fault = StoreFault("the disk is gone")
        answer = await one.get()
        assert (answer.status, "the disk is gone" in answer.words) == (503, True)
        one.stage.store.fault = None
        monkeypatch.setattr(glance, "_PATIENCE", 0.01)

        async def never() -> Any:
            await asyncio.Event().wait()

        life.status._ask = never  # noqa: SLF001
        assert (await one.get()).status == 503
        # It is done all the same; what it looks like now is told later.
        assert (await one.post("/status/do", **given)).status == 303
        assert one.stage.desk.commands == [("renew", "a/b")]


async def test_style_and_script_may_be_kept_and_hold_nothing() -> None:
    """By their digests for good, otherwise asked for again."""
    async with reader(Access(loopback=False)) as one:
        for name in ("css", "js"):
            path = f"/status/status.{name}"
            plain = await one.get(path)
            assert plain.headers["Cache-Control"] == "no-cache"
            tag = plain.headers["ETag"]
            assert (await one.get(path, If_None_Match=tag)).status == 304
            kept = await one.get(f"{path}?{tag.strip(chr(34))}")
            assert "immutable" in kept.headers["Cache-Control"]


# --- as it happens --------------------------------------------------------------------------------


@dataclass
class Listener:
    """What comes by a stream."""

    response: aiohttp.ClientResponse
    heard: list[str] = field(default_factory=list)

    async def event(self) -> tuple[str, str, str]:
        """The next: its name, number and content."""
        found: dict[str, str] = {}
        async with asyncio.timeout(10):
            while True:
                line = (await self.response.content.readline()).decode()
                if not line:
                    raise EOFError
                if line == "\n":
                    if "event" in found:
                        return found["event"], found["id"], found.get("data", "")
                    continue
                self.heard.append(line)
                name, _, value = line.rstrip("\n").partition(": ")
                found[name] = found.get(name, "") + value

    async def end(self) -> None:
        """Take what still comes, until the end."""
        while True:
            await self.event()


@asynccontextmanager
async def listening(one: Reader, query: str = "", **headers: str) -> AsyncIterator[Listener]:
    """A stream that is listened to."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with one.session.get(f"{one.stage.url}/status/events{query}", headers=given) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        yield Listener(response)


async def test_a_fact_is_told_as_it_happens() -> None:
    """As HTML of the server, escaped; and whoever comes back is told what they missed."""
    async with reader() as one:
        await one.stage.happen(*a_day())
        last = await one.stage.store.last_fact()
        async with listening(one) as listener:
            while one.stage.routes._streams.count == 0:  # noqa: SLF001
                await asyncio.sleep(0)
            await one.stage.happen(Fact("room.lost", key="a/b", reason=HOSTILE))
            name, number, html = await listener.event()
            assert (name, number) == ("fact", str(last + 1))
            assert "room.lost" in html
            assert "<script>" not in html
        async with listening(one, Last_Event_ID=str(last - 1)) as listener:
            assert [(await listener.event())[1] for _ in range(2)] == [str(last), str(last + 1)]
        async with listening(one, f"?after={last}") as listener:
            assert (await listener.event())[1] == str(last + 1)
        # Who was at another store, or too far behind, begins anew.
        await one.stage.happen(*(Fact("room.renewed", key=f"a/{n}") for n in range(120)))
        for said in ("999999", "1"):
            async with listening(one, Last_Event_ID=said) as listener:
                assert (await listener.event())[0] == "reset"


async def test_streams_give_signs_of_life_and_are_bounded() -> None:
    """And end at once with the life that they listen to."""
    async with reader(pace=Pace(most=1, beat=0.02)) as one:
        async with listening(one, "?after=nonsense") as listener:
            assert (await listener.event())[0] == "beat"
            async with one.session.head(f"{one.stage.url}/status/events") as answer:
                assert answer.status == 405
            refused = await one.get("/status/events")
            assert (refused.status, refused.headers["Retry-After"]) == (503, "15")
            one.stage.routes._streams.end()  # noqa: SLF001
            with pytest.raises(EOFError):
                await listener.end()
        assert one.stage.routes._streams.count == 0  # noqa: SLF001


@pytest.mark.parametrize("beat", [0.02, 10.0], ids=["silence", "facts"])
async def test_a_stream_ends_with_its_session(beat: float) -> None:
    """By logging out, and after twelve hours: at the next beat, and before anything is told."""
    async with reader(pace=Pace(beat=beat)) as one:
        for by_time in (False, True):
            await one.log_in()
            csrf = await one.csrf()
            last = await one.stage.store.last_fact()
            async with listening(one, f"?after={last}") as listener:
                await one.stage.happen(Fact("room.renewed", key="a/b"))
                while (await listener.event())[0] != "fact":
                    pass
                if by_time:
                    one.stage.now += timedelta(hours=12)
                else:
                    assert (await one.post("/status/logout", csrf=csrf)).status == 303
                if beat > 1:
                    await one.stage.happen(Fact("room.lost", key="a/secret"))
                with pytest.raises(EOFError):
                    await listener.end()
                assert "secret" not in "".join(listener.heard)


async def test_whoever_takes_nothing_is_let_go() -> None:
    """A stream that is not read fills up, and ends."""
    async with reader(pace=Pace(beat=10, patience=0.05)) as one:
        port = int(one.stage.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /status/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        streams: Any = one.stage.routes._streams  # noqa: SLF001
        async with asyncio.timeout(30):
            while not streams.count:
                await asyncio.sleep(0)
            while streams.count:
                await one.stage.happen(*(Fact("room.lost", reason="x" * 400) for _ in range(90)))
                await asyncio.sleep(0)
        writer.close()


def test_the_routes_are_as_the_logs_name_them() -> None:
    """None holds anything that is not to be told."""
    routes: Any = StatusRoutes(Access(), lambda: None).routes()  # type: ignore[arg-type, return-value]
    assert {one.path for one in routes} >= {"/", "/status", "/status/do"}


# --- hosts ----------------------------------------------------------------------------------------

_HOST_LINK = "https://meet.example/room-1?participant_token=host"


async def test_a_host_s_link_is_read_for_a_person_and_a_reason() -> None:
    """By the press of a button; who it was and why goes into the audit log, the link nowhere."""
    async with reader() as one:
        key = KEYS[0]
        one.stage.show(TRIPPED, RoomsReport((replace(many_rooms(1).rooms[0], key=key),)))
        await one.log_in()
        room = await one.get(f"/status/room?name={key}")
        assert "Read the host's link" in room.words
        given = {"csrf": await one.csrf(), "name": key, "reason": "the host is ill"}
        answer = await one.post("/status/host", **given)
        assert answer.status == 200
        assert f'href="{_HOST_LINK}" rel="noreferrer"' in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Whoever has it is the host" in answer.words
        (person,) = one.stage.desk.persons
        assert (person.actor, person.reason) == ("anna via the status page", "the host is ill")
        assert one.stage.desk.commands == [("host_link", key)]
        # It is not kept for the next page, and not told to whoever watches over the server.
        assert "participant_token" not in (await one.get(f"/status/room?name={key}")).text
        assert "participant_token" not in str(one.stage.told)


@pytest.mark.parametrize(
    ("headers", "changes", "status"),
    [
        ({}, {}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, {}, 403),
        (OURS, {"csrf": ""}, 403),
        (OURS, {"reason": "x"}, 303),
    ],
    ids=str,
)
async def test_p11_no_host_s_link_is_read_for_anybody_else(
    headers: dict[str, str], changes: dict[str, str], status: int
) -> None:
    """Neither for a form of elsewhere nor without a word why; and nothing is asked for it."""
    async with reader() as one:
        one.stage.show(TRIPPED)
        await one.log_in()
        given = {"csrf": await one.csrf(), "name": KEYS[0], "reason": "the host is ill"}
        answer = await one.post("/status/host", headers, **(given | changes))
        assert answer.status == status
        assert "participant_token" not in answer.text
        assert one.stage.desk.commands == []


async def test_an_address_for_hosts_reads_nothing_by_itself() -> None:
    """It leads to the form, whoever looks ahead; and to no form those who are not known."""
    async with reader() as one:
        one.stage.show(TRIPPED, many_rooms(1))
        for path in ("/h/team-rooms/gr%C3%B6%C3%9Fte%20%2F", "/h/team-rooms%2Fx"):
            answer = await one.get(path)
            assert answer.status == 303
            assert answer.headers["Location"].startswith("/status/room?name=team-rooms%2F")
            assert answer.headers["Location"].endswith("#host")
        assert "Read the host's link" not in (await one.get("/status/room?name=x")).words
        assert "/status/login?name=x" in (await one.get("/status/room?name=x")).text
        answer = await one.post("/status/host", name=KEYS[0], reason="I would like to", csrf="")
        assert answer.status == 403
        assert one.stage.desk.commands == []
    async with reader(ELSEWHERE) as one:
        assert (await one.get("/h/team-rooms/checkout", X_Forwarded_For="192.0.2.1")).status == 403


async def test_a_host_s_link_that_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No room, an API that is away, a full disk, an address that is none; and no link by then."""
    async with reader() as one:
        one.stage.show(TRIPPED)
        await one.log_in()
        given = {"csrf": await one.csrf(), "name": KEYS[0], "reason": "the host is ill"}

        async def refuse(*_: object) -> Any:
            raise DeskError("the API did not tell the host link: it is away")

        async def full(*_: object) -> Any:
            raise StoreFault("the disk is full")

        async def odd(*_: object) -> Any:
            return RevealedLink(KEYS[0], "room-1", "javascript:alert(1)")

        for failing, words in (
            (refuse, "Refused: the API did not tell the host link: it is away"),
            (full, "It is not told, because that cannot be recorded: the disk is full"),
        ):
            monkeypatch.setattr(one.stage.desk, "host_link", failing)
            assert (await one.post("/status/host", **given)).status == 303
            assert words in (await one.get(f"/status/room?name={KEYS[0]}")).words
        monkeypatch.setattr(one.stage.desk, "host_link", odd)
        answer = await one.post("/status/host", **given)
        assert "none that a browser could open" in answer.words
        assert "javascript" not in answer.text
        assert one.stage.desk.commands == []
        routes: Any = one.stage.routes
        life, routes._life = routes._life, None  # noqa: SLF001
        assert (await one.post("/status/host", **given)).status == 303
        routes._life = life  # noqa: SLF001
        assert "the daemon is starting or reloading" in (await one.get()).words
