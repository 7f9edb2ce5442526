"""The page of a themed room in a real browser: what its own policy lets through of it.

Only a browser holds styles and pictures against a page's policy.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.contract.test_meetings_logos import finalize, form, send
from tests.fakes.clock import VirtualClock
from tests.meetings import over_http, settings
from tests.pictures import FAVICON, LOGO
from tests.system.test_links_in_browser import HOSTILE, browser, pytestmark

__all__ = ["pytestmark"]

_LOOK = """(() => {
  const band = getComputedStyle(document.querySelector('header'));
  const image = document.querySelector('header img');
  return [band.backgroundColor, band.color, image.complete && image.naturalWidth, document.title];
})()"""


async def test_a_browser_shows_the_theme_and_runs_nothing(tmp_path: Path) -> None:
    """Colour, readable text, a loaded picture; texts stay texts; it complains of nothing."""
    async with over_http(settings(), VirtualClock()) as client, browser(tmp_path) as tab:
        theme = await client.create_theme(main_color="#123456", brand_text=HOSTILE)
        keys = []
        for place in (await client.ask("GET", "/themes/logos-upload-urls")).json:
            fields = place["fields"]
            content = FAVICON if fields["logoType"] == "favicon" else LOGO
            assert (await send(client, form(fields, content))).status == 204
            keys.append(fields["key"])
        assert (await finalize(client, theme, *keys)).status == 200
        room: Any = await client.create_long(display_name=HOSTILE, theme_id=theme["theme_id"])
        await tab.ask("Page.navigate", url=room["_links"]["host_url"]["href"])
        await tab.until("This room is open")
        async with asyncio.timeout(60):
            while not await tab.value("document.querySelector('header img').complete"):
                await asyncio.sleep(0.1)
        shown = await tab.value(_LOOK)
        title = f"{HOSTILE} · {HOSTILE}"
        assert shown == ["rgb(18, 52, 86)", "rgb(255, 255, 255)", 120, title]
        assert tab.complaints() == []
