"""Our links in a real browser: led on by themselves, pressed, and nothing from elsewhere run.

A browser is what holds a form against a page's policy, says whose form it sends, and turns a page
over without its script: no other client shows that.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from orchestrator.app.links import site
from orchestrator.domain.announcements import Stage
from orchestrator.domain.links import Addresses, Coming, LinkScheme, LinkView
from orchestrator.domain.reports import LinkRow, LinksReport
from orchestrator.domain.rooms import Occupancy
from orchestrator.edges.http.links import Entrance, LinkRoutes
from orchestrator.edges.http.server import HttpServer, listen, url_of
from orchestrator.foundation.secret import Secret

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    # In CI nothing is skipped: it fails, and says what is missing.
    pytest.mark.skipif(
        _CHROMIUM is None and "CI" not in os.environ, reason="no chromium: apt install chromium"
    ),
    pytest.mark.timeout(180),
]
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
NOW = datetime.now(UTC)
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script>'


@dataclass
class Desk:
    """Shows what it is told to; a press or a taken fallback is kept."""

    view: LinkView
    pressed: list[str] = field(default_factory=list)

    async def look(self, policy: str, subject: str) -> LinkView | None:
        """The view."""
        return self.view

    async def press(self, policy: str, subject: str) -> LinkView | None:
        """The room is asked for."""
        self.pressed.append("open")
        self.view = LinkView(Stage.WAITING, "Disk full")
        return self.view

    async def take_fallback(self, policy: str, subject: str) -> LinkView | None:
        """Somebody goes there."""
        self.pressed.append("fallback")
        return self.view


@dataclass
class Browser:
    """A tab, steered by the browser's own protocol."""

    socket: aiohttp.ClientWebSocketResponse
    told: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    async def ask(self, method: str, **given: object) -> dict[str, Any]:
        """One command, and its answer."""
        self.asked += 1
        await self.socket.send_json({"id": self.asked, "method": method, "params": given})
        while True:
            said = await self.socket.receive_json(timeout=60)
            if said.get("id") == self.asked:
                return dict(said.get("result", {}))
            self.told.append(said)

    async def value(self, script: str) -> object:
        """What a script in the page gives; None while the page is being left."""
        result = await self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return result.get("result", {}).get("value")

    async def until(self, words: str) -> None:
        """Wait until the page shows some words."""
        async with asyncio.timeout(60):
            while words not in str(await self.value("document.body && document.body.innerText")):
                await asyncio.sleep(0.1)

    async def faults(self) -> list[str]:
        """What axe-core finds wrong with the page for people who see, hear or move otherwise."""
        await self.value(_AXE)
        told = await self.ask(
            "Runtime.evaluate",
            expression="axe.run().then(found => found.violations.map("
            "one => `${one.id}: ${one.nodes.map(node => node.html).join(' ')}`))",
            returnByValue=True,
            awaitPromise=True,
        )
        return list(told["result"]["value"])

    def complaints(self) -> list[str]:
        """What the browser refused to run or to load."""
        return [json.dumps(said) for said in self.told if said["method"] == "Log.entryAdded"]


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """A tab of a browser of its own."""
    assert _CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        _CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
        *(f"--user-data-dir={folder}", "--no-first-run", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = folder / "DevToolsActivePort"
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while not port.exists() or "\n" not in port.read_text():
                await asyncio.sleep(0.1)
            base = f"http://127.0.0.1:{port.read_text().splitlines()[0]}"
            async with session.get(f"{base}/json/list") as response:
                tabs = await response.json()
            address = next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Browser(socket)
                for part in ("Page", "Runtime", "Log"):
                    await tab.ask(f"{part}.enable")
                async with asyncio.timeout(None):
                    yield tab
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def elsewhere() -> AsyncIterator[str]:
    """A meeting service on another origin; it shows who sent people to it, if they say."""

    async def room(request: web.Request) -> web.Response:
        sent = request.headers.get("Referer", "nobody")
        text = f"<p>You are in {request.match_info['name']}, sent by {sent}.</p>"
        return web.Response(text=text, content_type="text/html")

    listener = listen("127.0.0.1", 0)
    async with HttpServer((web.get("/{name}", room),)).serving(listener):
        yield url_of(listener)


@asynccontextmanager
async def linked(view: LinkView) -> AsyncIterator[tuple[str, Desk]]:
    """A link of ours, and the desk behind it."""
    desk, listener = Desk(view), listen("127.0.0.1", 0)
    scheme = LinkScheme(url_of(listener), Secret("k" * 32))
    routes = LinkRoutes(Entrance(scheme))
    async with HttpServer(routes.routes()).serving(listener):
        with routes.leading(desk):
            yield scheme.link_of("oncall", "pagerduty 4711/ö"), desk


async def test_a_browser_is_led_on_and_presses(tmp_path: Path) -> None:
    """Waiting, the room, *Open room*, a fallback elsewhere; and it complains of nothing."""
    waiting = LinkView(Stage.WAITING, HOSTILE, note=HOSTILE)
    async with elsewhere() as rooms, linked(waiting) as (link, desk), browser(tmp_path) as tab:
        await tab.ask("Page.navigate", url=link)
        await tab.until("<script>document.title=1</script>")
        assert await tab.value("document.title") != "1"
        desk.view = LinkView(Stage.WAITING, "Disk full")
        await tab.until("The room opens in a moment")
        desk.view = LinkView(Stage.OPEN, "Disk full", room_link=f"{rooms}/the-room")
        await tab.until("You are in the-room, sent by nobody.")

        desk.view = LinkView(Stage.IDLE, "Disk full", can_open=True)
        await tab.ask("Page.navigate", url=link)
        await tab.until("No room is open")
        assert desk.pressed == []
        await tab.value("document.querySelector('button').click()")
        await tab.until("The room opens in a moment")
        assert desk.pressed == ["open"]
        desk.view = LinkView(Stage.OPEN, "Disk full", room_link=f"{rooms}/the-next-room")
        await tab.until("You are in the-next-room, sent by nobody.")

        desk.view = LinkView(Stage.FALLBACK, "Disk full", fallback_link=f"{rooms}/the-bridge")
        await tab.ask("Page.navigate", url=link)
        await tab.until("The meeting service does not answer")
        await tab.value("document.querySelector('button').click()")
        await tab.until("You are in the-bridge, sent by nobody.")
        assert desk.pressed == ["open", "fallback"]
        assert [one for one in tab.complaints() if "favicon" not in one] == []


async def test_a_browser_without_scripts_is_led_on_as_well(tmp_path: Path) -> None:
    """The page is turned over by itself."""
    waiting = LinkView(Stage.WAITING, "Disk full")
    async with elsewhere() as rooms, linked(waiting) as (link, desk), browser(tmp_path) as tab:
        await tab.ask("Emulation.setScriptExecutionDisabled", value=True)
        await tab.ask("Page.navigate", url=link)
        await tab.until("The room opens in a moment")
        desk.view = LinkView(Stage.OPEN, "Disk full", room_link=f"{rooms}/the-room")
        await tab.until("You are in the-room, sent by nobody.")


async def test_the_form_of_another_page_opens_nothing(tmp_path: Path) -> None:
    """The browser says whose form it is."""
    idle = LinkView(Stage.IDLE, "Disk full", can_open=True)
    async with elsewhere() as rooms, linked(idle) as (link, desk), browser(tmp_path) as tab:
        await tab.ask("Page.navigate", url=f"{rooms}/a-trap")
        await tab.until("You are in a-trap")
        await tab.value(
            "document.body.innerHTML = '<form method=post><input name=do value=open></form>';"
            f"document.forms[0].action = {json.dumps(link)}; document.forms[0].submit()"
        )
        await tab.until("press the button on the page of the link itself")
        assert desk.pressed == []


SERIES = LinkView(
    Stage.WAITING,
    "All hands 3 Dec",
    opens_at=NOW + timedelta(days=2, hours=3),
    starts_at=NOW + timedelta(days=2, hours=4),
    coming=(Coming("All hands 10 Dec", NOW + timedelta(days=9)),),
    has_calendar=True,
)
IN_ROOM = LinkView(Stage.OPEN, "Checkout", room_link="https://meet.example/1")
STATES = (
    LinkView(Stage.WAITING, "Disk full"),
    LinkView(Stage.WAITING, "Checkout", note="A person has to decide first.", formerly=True),
    SERIES,
    IN_ROOM,
    replace(IN_ROOM, inside=Occupancy.EMPTY, starts_at=NOW, ends_at=NOW),
    LinkView(Stage.FALLBACK, "Disk full", fallback_link="https://b.example/1"),
    LinkView(Stage.IDLE, "Disk full", can_open=True),
    LinkView(Stage.CLOSED, "Disk full", opened_at=NOW, closed_at=NOW),
)


async def test_every_state_is_shown_well(tmp_path: Path) -> None:
    """To axe-core in dark and light, narrow and wide; a page to look at stays, and changes."""
    async with linked(STATES[0]) as (link, desk), browser(tmp_path) as tab:

        async def opened(view: LinkView, query: str, width: int, scheme: str) -> None:
            desk.view = view
            metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
            await tab.ask("Emulation.setDeviceMetricsOverride", **metrics)
            dressed = [{"name": "prefers-color-scheme", "value": scheme}]
            await tab.ask("Emulation.setEmulatedMedia", features=dressed)
            await tab.ask("Page.navigate", url=f"{link}{query}")
            await tab.until(view.title)

        for number, view in enumerate(STATES):
            query = "?show" if view.stage is Stage.OPEN or number % 2 else ""
            width, scheme = (360, "dark") if number % 3 else (1280, "light")
            await opened(view, query, width, scheme)
            assert (await tab.faults(), view, query) == ([], view, query)
            wide = "document.documentElement.scrollWidth > innerWidth"
            assert await tab.value(wide) is False

        # In the reader's own time, counted down; where motion is not wanted, by the minute.
        soon = replace(SERIES, opens_at=datetime.now(UTC) + timedelta(minutes=5))
        await opened(soon, "?show", 1280, "light")
        words = "document.querySelector('.count').innerText"
        assert re.fullmatch(r"Opens in \d min \d\d s", str(await tab.value(words)))
        calm = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        await tab.ask("Emulation.setEmulatedMedia", features=calm)
        await tab.ask("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
        await tab.ask("Page.reload")
        await tab.until("GMT+5:30")
        assert re.fullmatch(r"Opens in \d min", str(await tab.value(words)))

        # It opens by itself and stays; who comes in is seen.
        desk.view = replace(soon, opens_at=datetime.now(UTC) + timedelta(seconds=1))
        await tab.ask("Page.reload")
        await tab.until("Opens")
        desk.view = IN_ROOM
        await tab.until("The room is open")
        assert "?show" in str(await tab.value("location.search"))
        sign = "document.querySelector('figure svg').getBoundingClientRect().width > 100"
        assert await tab.value(sign) is True

        # On paper: the name and the code, and nothing that is only true now.
        await tab.ask("Emulation.setEmulatedMedia", media="print", features=[])
        said = str(await tab.value("document.body.innerText"))
        assert "Checkout" in said
        assert "Scan to join" in said
        assert "The room is open" not in said
        assert "Join\n" not in said
        assert [one for one in tab.complaints() if "favicon" not in one] == []


async def test_files_lead_on_while_we_are_away(tmp_path: Path) -> None:
    """Served by a plain server of files, which knows nothing of rooms."""
    async with elsewhere() as rooms, browser(tmp_path / "browser") as tab:
        folder = tmp_path / "links"
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1"),
            *("--directory", str(folder / "site"), "0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert server.stdout is not None
            port = re.search(rb"port (\d+)", await server.stdout.readline())
            assert port is not None
            public = f"http://127.0.0.1:{port[1].decode()}"
            scheme, pages = LinkScheme(public, Secret("k" * 32)), site(folder)
            views = {
                scheme.link_of("team-rooms", "größte Gruppe"): replace(
                    IN_ROOM, room_link=f"{rooms}/the-room"
                ),
                scheme.series_of("all-hands"): SERIES,
                scheme.link_of("team-rooms", "search"): LinkView(
                    Stage.FALLBACK, "Search", fallback_link=f"{rooms}/the-bridge"
                ),
            }

            def written(links: dict[str, LinkView]) -> None:
                rows = [LinkRow("x", Addresses(link), view) for link, view in links.items()]
                pages.write(LinksReport(public, tuple(rows)), datetime.now(UTC))

            written(views)
            checkout, series, search = views
            await tab.ask("Page.navigate", url=checkout)
            await tab.until("You are in the-room, sent by nobody.")
            await tab.ask("Page.navigate", url=series)
            await tab.until("The room is not open yet")
            await tab.until("Opens in 2 days")
            assert await tab.faults() == []
            await tab.ask("Page.navigate", url=search)
            await tab.until("The meeting service does not answer")
            await tab.value("document.querySelector('a.button').click()")
            await tab.until("You are in the-bridge, sent by nobody.")
            # A page that is read sees by itself that another was put at its place.
            # By seconds such a server tells versions apart, which is too coarse for a test.
            await tab.ask("Network.enable")
            await tab.ask("Network.setCacheDisabled", cacheDisabled=True)
            (page,) = (folder / "site/r").glob("all-hands-*/index.html")
            hasty = page.read_text().replace('data-again="30"', 'data-again="1"')
            page.write_text(hasty)
            await tab.ask("Page.navigate", url=series)
            await tab.until("Opens in 2 days")
            written(views | {series: replace(SERIES, title="All hands moved")})
            await tab.until("All hands moved")
            # Gone from the rooms that are told: it says so, and no listing tells of any other.
            written({series: SERIES})
            await tab.ask("Emulation.setScriptExecutionDisabled", value=True)
            await tab.ask("Page.navigate", url=checkout)
            await tab.until("This is over")
            for bare in ("", "/r/", "/r/team-rooms/"):
                await tab.ask("Page.navigate", url=public + bare)
                await tab.until("This link leads nowhere")
            assert [one for one in tab.complaints() if "favicon" not in one] == []
        finally:
            server.kill()
            await server.wait()
