"""Our links in a real browser: led on by themselves, pressed, and nothing from elsewhere run.

A browser is what holds a form against a page's policy, says whose form it sends, and turns a page
over without its script: no other client shows that.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from orchestrator.domain.announcements import Stage
from orchestrator.domain.links import LinkScheme, LinkView
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
