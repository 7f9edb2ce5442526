"""A Meetings server on which people meet, as a process, and the browsers of these people.

Playwright steers the machine's own chromium, with a camera and a microphone that are made up.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from orchestrator.adapters.clock import SystemClock
from tests.meetings import APPLICATION, KEY, Client, Reply, public_pem
from tests.system.processes import free_port, leashed, until
from tests.system.sfu import KEY as LIVEKIT_KEY
from tests.system.sfu import SECRET

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
NEEDS_CHROMIUM: Final = [
    # In CI nothing is skipped: it fails, and says what is missing.
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ, reason="no chromium: apt install chromium"
    ),
    pytest.mark.timeout(480),
]

#: Milliseconds that a person waits for what they look for.
PATIENCE: Final = 60_000

_ARGUMENTS: Final = (
    "--use-fake-device-for-media-stream=fps=10",
    "--use-fake-ui-for-media-stream",
    "--auto-select-desktop-capture-source=Entire screen",
    "--allow-loopback-in-peer-connection",
    "--no-sandbox",
    "--disable-gpu",
    "--mute-audio",
)

# A small picture and a plain sound, so that four people fit on a small machine; and a look at what
# arrives.
_SMALL: Final = """
(() => {
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  const small = { width: 320, height: 240, frameRate: 10 };
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  window.taken = [];
  devices.getUserMedia = async (asked) => {
    const stream = await real({
      video: asked.video && { ...asked.video, ...small },
      audio: asked.audio && { ...asked.audio, ...plain },
    });
    window.taken.push(...stream.getTracks());
    return stream;
  };
  const Connection = window.RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Connection {
    constructor(...given) {
      super(...given);
      window.connections.push(this);
    }
  };
})();
"""

_CONNECTED: Final = "connections.filter((one) => one.connectionState === 'connected').length"
_NAMES: Final = """
[...document.querySelectorAll('.tile[data-person] bdi')].map((one) => one.textContent).sort()
"""

# For each connection that is up: bytes of sound, and pictures shown of the camera and the screen.
_ARRIVES: Final = """
Promise.all(connections.filter((one) => one.connectionState === "connected").map(async (one) => {
  const places = one.getTransceivers();
  const found = [0, 0, 0];
  for (const said of (await one.getStats()).values()) {
    if (said.type !== "inbound-rtp") continue;
    const place = places.findIndex((place) => place.receiver.track.id === said.trackIdentifier);
    if (place < 3) found[place] = said.kind === "audio" ? said.bytesReceived : said.framesDecoded;
  }
  return found;
}))
"""


@dataclass
class Person:
    """Somebody before a browser."""

    name: str
    page: Page
    complaints: list[str] = field(default_factory=list)

    async def come(self, link: str) -> None:
        """Follow a link, and press Join."""
        await self.page.goto(link, wait_until="commit")
        await self.join()

    async def join(self) -> None:
        """Say who they are, and press Join."""
        await self.page.fill("#name", self.name)
        await self.page.click("#join")

    async def sees(self, *others: str) -> None:
        """Wait until the tiles are those of the others and their own."""
        names = sorted([*others, f"{self.name} (you)"])
        await self.until(_NAMES, names)

    async def until(self, script: str, value: object = True) -> None:
        """Wait until a script in the page gives a value.

        Playwright's own way would evaluate a text in the page, which the page's policy forbids.
        """
        deadline = time.monotonic() + PATIENCE / 1000
        while (found := await self.page.evaluate(script)) != value:
            assert time.monotonic() < deadline, f"{self.name} has {found}, not {value}: {script}"
            await self.page.wait_for_timeout(50)

    async def reads(self, words: str) -> None:
        """Wait until some words are to be seen."""
        await self.page.get_by_text(words).first.wait_for(state="visible")

    async def hears(self, words: str) -> None:
        """Wait until something is said in passing."""
        await self.page.locator(".notices").get_by_text(words).first.wait_for()

    async def receives(self, count: int) -> None:
        """Wait until sound and moving pictures of so many others arrive, all at once."""
        before = await self.arrived(count)
        deadline = time.monotonic() + PATIENCE / 1000
        while True:
            await self.page.wait_for_timeout(200)
            now = await self.arrived(count)
            grown = [
                sound > old_sound and pictures > old_pictures
                for (sound, pictures, _), (old_sound, old_pictures, _) in zip(
                    now, before, strict=True
                )
            ]
            if all(grown):
                return
            assert time.monotonic() < deadline, f"{self.name} received {before}, then {now}"

    async def arrived(self, count: int) -> list[list[int]]:
        """What came of each of so many others: bytes of sound, pictures, pictures of a screen."""
        await self.until(_CONNECTED, count)
        found: list[list[int]] = await self.page.evaluate(_ARRIVES)
        return found

    async def can_be_used(self) -> None:
        """Nothing of what is shown shuts anybody out, as far as a program can tell."""
        results = await Axe().run(self.page)
        assert results.violations_count == 0, results.generate_report()


@dataclass
class Stage:
    """A server that answers, and a browser."""

    browser: Browser
    client: Client

    async def person(self, name: str, script: str = _SMALL, **screen: Any) -> Person:
        """Somebody with a profile of their own."""
        usual: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 900, "height": 500}}
        context = await self.browser.new_context(**(usual | screen))
        context.set_default_timeout(PATIENCE)
        if script:
            await context.add_init_script(script)
        person = Person(name, await context.new_page())
        person.page.on("pageerror", lambda error: person.complaints.append(str(error)))
        person.page.on(
            "console",
            lambda said: person.complaints.append(said.text) if said.type == "error" else None,
        )
        return person


@asynccontextmanager
async def staged(url: str) -> AsyncIterator[Stage]:
    """A browser, and a client of the server at `url`."""
    async with aiohttp.ClientSession() as session, async_playwright() as playwright:

        async def way(method: str, path: str, query: Any, headers: Any, body: Any) -> Reply:
            asked = session.request(method, url + path, params=query, headers=headers, data=body)
            async with asked as answer:
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status, found, await answer.read())

        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield Stage(browser, Client(way, SystemClock(), url=url))
        finally:
            await browser.close()


@dataclass
class Place:
    """Where a server is: always the same address, and the same database."""

    folder: Path
    port: int = field(default_factory=free_port)
    #: Where people meet over LiveKit; None: they send to each other.
    livekit: str | None = None

    @property
    def url(self) -> str:
        """What links begin with."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def open(self) -> Iterator[subprocess.Popen[bytes]]:
        """A server that answers, killed at the end."""
        key = self.folder / "application.pem"
        key.write_text(public_pem(KEY))
        medium: tuple[str, ...] = ("--mesh-most", "4")
        if self.livekit is not None:
            secret = self.folder / "livekit.secret"
            secret.write_text(SECRET.reveal())
            medium = (
                *("--media", "livekit", "--livekit-url", self.livekit),
                *("--livekit-key", f"{LIVEKIT_KEY}={secret}"),
            )
        told = (
            *("-m", "orchestrator", "meetings-server", "--listen", f"127.0.0.1:{self.port}"),
            *("--database", str(self.folder / "meetings.sqlite3")),
            *("--application", f"{APPLICATION}={key}", *medium),
        )
        with leashed(told, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            line = process.stdout
            until(lambda: line.readline().startswith(b"Meetings server on"), "the server is there")
            yield process
