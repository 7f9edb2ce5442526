"""The status page in a real browser: each of its states, an approval, facts as they happen.

States are a desk's canned reports behind the real routes; the approval and the facts are a real
daemon's.  With STATUS_PAGE_SHOTS naming a folder, pictures of all states are left there.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from orchestrator.domain.facts import Fact
from orchestrator.domain.reports import RoomsReport
from orchestrator.edges.http.status import glance
from tests.statuspage import HOSTILE, KEYS, STATES, TOKEN, TRIPPED, a_day, many_rooms, staged
from tests.system.installation import Installation

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    # In CI nothing is skipped: it fails, and says what is missing.
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ, reason="no chromium: apt install chromium"
    ),
    pytest.mark.timeout(480),
]
PATIENCE: Final = 60_000  # milliseconds
SHOTS: Final = os.environ.get("STATUS_PAGE_SHOTS", "")
SCREENS: Final = {"desk": (1280, 900), "phone": (320, 700)}
ROOMS: Final = 8  # of which all are looked at; more are more of the same
MANY: Final = 60

#: Keeps for each fact that comes how many milliseconds after its commit it stood on the page.
WATCH: Final = """
(() => {
  window.late = [];
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver((changes) => {
      for (const change of changes) for (const added of change.addedNodes) {
        if (!added.classList?.contains("fresh")) continue;
        const at = Date.parse(added.querySelector("time").dateTime);
        window.late.push([added.querySelector(".event").textContent, Date.now() - at]);
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
})();
"""
BRAKED: Final = """\
version: 1
name: team-rooms
for_each: {items: [%s], as: team, key: "{{ team }}"}
room: {type: long_term, display_name: "{{ team }} room", lifetime: 365d}
removal: {mode: delete, grace: 1d}
"""


@dataclass
class Tab:
    """A page before somebody."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    async def reads(self, words: str) -> None:
        """Wait until some words are to be seen."""
        await self.page.get_by_text(words).first.wait_for(state="visible")

    async def fits(self) -> None:
        """Nothing is wider than the screen."""
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await self.page.evaluate(wide) == 0, self.page.url

    async def can_be_used(self) -> None:
        """Nothing of what is shown shuts anybody out, as far as a program can tell."""
        results = await Axe().run(self.page)
        assert results.violations_count == 0, results.generate_report()


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """The machine's own chromium."""
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield found
        finally:
            await found.close()


async def tab(within: Browser, **screen: Any) -> Tab:
    """A profile of its own."""
    usual: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}}
    context = await within.new_context(**(usual | screen))
    context.set_default_timeout(PATIENCE)
    one = Tab(await context.new_page())
    one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
    one.page.on(
        "console",
        lambda said: one.complaints.append(said.text) if said.type == "error" else None,
    )
    return one


async def test_every_state_can_be_read_and_used_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a desk and on a telephone, in the dark and in the light, with hostile names in it."""
    monkeypatch.setattr(glance, "_LEAST", 0.0)
    monkeypatch.setattr(glance, "_SHARE", 0.0)
    async with staged() as stage, browser() as within:
        await stage.happen(*a_day())
        for screen, (width, height) in SCREENS.items():
            for scheme in ("light", "dark"):
                one = await tab(
                    within, color_scheme=scheme, viewport={"width": width, "height": height}
                )
                if scheme == "dark":
                    await one.page.goto(f"{stage.url}/status/login")
                    await one.can_be_used()
                    await one.page.fill("#token", TOKEN)
                    await one.page.keyboard.press("Enter")
                    await one.reads("Log out")
                # Colours differ by scheme, the rest by screen: each is looked at in one of two.
                whole = (screen == "desk") is (scheme == "light")
                for name, (status, rooms) in STATES.items():
                    if not (whole or SHOTS or name == "bad"):
                        continue
                    stage.show(status, rooms(ROOMS) if rooms else RoomsReport(()))
                    await one.page.goto(f"{stage.url}/status")
                    await one.page.locator("#live-says", has_text="live").wait_for()
                    await one.fits()
                    if whole or name == "bad":
                        await one.can_be_used()
                    if SHOTS:
                        shot = Path(SHOTS) / f"{name}-{screen}-{scheme}.png"
                        await one.page.screenshot(path=shot, full_page=True)
                await one.page.goto(f"{stage.url}/status/room?name=team-rooms/team-room-0000")
                await one.fits()
                if scheme == "dark":
                    await one.can_be_used()
                assert await one.page.title() != "1"
                assert one.complaints == []
                await one.page.context.close()


async def test_by_keyboard_and_while_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed stays typed; what changed is shown and said; nothing of elsewhere runs."""
    monkeypatch.setattr(glance, "_LEAST", 0.0)
    monkeypatch.setattr(glance, "_SHARE", 0.0)
    async with staged() as stage, browser() as within:
        status, _ = STATES["healthy"]
        stage.show(status, many_rooms(MANY))
        one = await tab(within, reduced_motion="reduce")
        page = one.page
        await page.goto(f"{stage.url}/")
        await page.locator("#live-says", has_text="live").wait_for()
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "To the content"
        await page.keyboard.press("Enter")
        await page.get_by_label("Name or key").focus()
        await page.keyboard.type("team-room-0024")
        stage.show(TRIPPED, many_rooms(MANY))
        await stage.happen(Fact("room.lost", key=KEYS[0], detail={"display_name": HOSTILE}))
        await page.get_by_role("heading", name="One thing needs you").wait_for()
        assert await page.locator("#aloud").text_content() == "One thing needs you"
        assert (await page.title()).startswith("One thing needs you · ")
        assert await page.get_by_label("Name or key").input_value() == "team-room-0024"
        assert await page.locator("#facts .fact").count() == 1
        await page.locator("#lanes-table summary").click()
        await page.get_by_label("Name or key").focus()
        await page.keyboard.press("Enter")
        await one.reads("1 of 60 rooms")
        assert one.complaints == []
        assert await page.title() != "1"

        plain = await tab(within, java_script_enabled=False)
        await plain.page.goto(f"{stage.url}/status")
        await plain.reads("One thing needs you")
        await plain.page.fill("#fact-text", "room.lost")
        await plain.page.get_by_role("button", name="Find").click()
        await plain.reads("1 fact of")

        # A page of elsewhere, as a mail program on the web is one, leads to a room.
        key = "team-rooms/team-room-0000"
        await page.goto(f"{stage.url}/status/login?name={key}")
        await page.fill("#token", TOKEN)
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Come in as host").wait_for()
        await page.goto("about:blank")
        await page.set_content(f'<a href="{stage.url}/h/{key}">Host</a>')
        await page.get_by_role("link", name="Host").click()
        await page.get_by_role("heading", name="Come in as host").wait_for()


async def test_p12_an_approval_and_live_facts_of_a_real_daemon(tmp_path: Path) -> None:
    """The name of who approved is in the audit; facts stand on the page within a second."""
    own = Installation.made(tmp_path / "rooms")
    own.configure("max_removals: 1000", "max_removals: 1")
    own.put("team-rooms.yaml", BRAKED % "a, b, c, d")
    token = (own.folder / "secrets" / "status.token").read_text().strip()
    async with browser() as within:
        with own.daemon() as process:
            own.a_fact("room.created", count=4)
            url = (await asyncio.to_thread(own.ask, "status", "--json")).json["page"]
            one = await tab(within)
            await one.page.add_init_script(WATCH)
            await one.page.goto(url)
            await one.page.locator("#live-says", has_text="live").wait_for()

            own.put("more.yaml", (BRAKED % "e, f").replace("team-rooms", "more"))
            await one.page.locator("#facts").get_by_text("more/f").first.wait_for()
            await one.page.locator("#part-rooms").get_by_text("more/f").first.wait_for()
            late = await one.page.evaluate("window.late")
            assert any(event == "room.created" for event, _ in late)
            # The quickest tells what the page is worth, the slowest what this machine is.
            assert min(ms for _, ms in late) < 1_000, late
            assert max(ms for _, ms in late) < 10_000, late

            own.put("team-rooms.yaml", BRAKED % "a")
            await one.page.locator("#brake-head").wait_for()
            assert await one.page.locator("#approve").count() == 0
            await one.page.get_by_role("link", name="Log in to act").click()
            await one.page.fill("#token", token)
            await one.page.get_by_role("button", name="Log in").click()
            await one.reads("Log out")
            await one.page.get_by_label("Why?").fill("OPS-4711, teams merged")
            await one.page.get_by_role("button", name="Let these 3 rooms end").click()
            await one.reads("3 rooms may end or be replaced until")
            assert await one.page.locator("#brake-head").count() == 0
            released = own.a_fact("brake.released")
            name = own.config.read_text().partition('tokens: {"')[2].partition('"')[0]
            assert released["actor"] == f"{name} via the status page"
            assert released["reason"] == "OPS-4711, teams merged"
            assert one.complaints == []

            began = time.monotonic()
            assert own.end(process) == 0
            assert time.monotonic() - began < 10
            await one.page.locator("#live-says", has_text="reconnecting").wait_for()
        log = own.log
        assert token not in log
