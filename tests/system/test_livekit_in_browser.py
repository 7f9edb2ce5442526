"""People meet in real browsers over a real LiveKit: one start of each for many checks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrator.meetings_server.media.livekit.calls import Calls
from orchestrator.meetings_server.model.people import Track
from tests.system.meeting_stage import NEEDS_CHROMIUM, Person, Place, Stage, staged
from tests.system.sfu import Sfu, livekit

# In CI it waits until LiveKit is built.
pytestmark = [NEEDS_CHROMIUM[0], pytest.mark.timeout(900)]

#: Seconds in which everybody receives everybody.
PATIENCE: Final = 90.0

# Of each track that arrives, by LiveKit's one connection: bytes of sound, or pictures shown.
_ARRIVES: Final = """
Promise.all(connections.filter((one) => one.connectionState === "connected").map(async (one) => {
  const found = [];
  for (const said of (await one.getStats()).values()) {
    if (said.type !== "inbound-rtp") continue;
    const count = said.kind === "audio" ? said.bytesReceived : said.framesDecoded;
    found.push([said.kind, said.trackIdentifier, count ?? 0]);
  }
  return found;
})).then((all) => all.flat())
"""
# Pictures that were shown of each person, by their names.
_SHOWN: Final = """
Object.fromEntries([...document.querySelectorAll(".tile[data-person]:not(.is-own)")].map((tile) => [
  tile.querySelector("bdi").textContent,
  tile.querySelector("video").getVideoPlaybackQuality().totalVideoFrames,
]))
"""


async def grown(person: Person) -> tuple[int, int]:
    """How many tracks of sound, and of pictures, brought more within half a second."""
    before = {tuple(one[:2]): one[2] for one in await person.page.evaluate(_ARRIVES)}
    await person.page.wait_for_timeout(500)
    found = {tuple(one[:2]): one[2] for one in await person.page.evaluate(_ARRIVES)}
    more = [kind for (kind, name), count in found.items() if count > before.get((kind, name), 0)]
    return more.count("audio"), more.count("video")


async def receives(person: Person, *others: str) -> None:
    """Wait until sound comes of so many, and moving pictures of each are shown."""
    deadline = time.monotonic() + PATIENCE
    while True:
        before = await person.page.evaluate(_SHOWN)
        sounds, pictures = await grown(person)
        shown = await person.page.evaluate(_SHOWN)
        moving = {name for name, count in shown.items() if count > before.get(name, 0)}
        if sounds == pictures == len(others) and moving == set(others):
            return
        told = f"{person.name}: {sounds} sounds, {pictures} pictures, {moving} move"
        assert time.monotonic() < deadline, f"{told}; {person.complaints[-5:]}"


def links(room: Any) -> tuple[str, str]:
    """Of the guests and of the host."""
    return room["_links"]["guest_url"]["href"], room["_links"]["host_url"]["href"]


async def test_people_meet_over_livekit(tmp_path: Path) -> None:
    """Two, then four; chat, a screen, the host's acts; LiveKit and our server are killed."""
    with livekit(tmp_path, "/live/livekit") as sfu:
        place = Place(tmp_path, sfu.hooks, sfu.settings.url)
        async with staged(place.url) as stage, Calls.opened(sfu.settings) as asking:
            with place.open() as process:
                room = await stage.client.create_long(
                    display_name="Planning", join_approval_level="explicit_approval"
                )
                grace, ada, alan, mary = await they_come(stage, room)
                await they_write_and_show(ada, grace)
                await the_host_mutes(asking, room, grace, alan)
                await livekit_dies(sfu, grace, ada, alan, mary)
                process.kill()
                await ada.reads("The connection is lost.")
                # LiveKit goes on carrying.
                await receives(ada, "Grace", "Alan", "Mary")
            with place.open():
                for one in (grace, ada, alan, mary):
                    await one.page.locator(".lost-bar").wait_for(state="hidden")
                await one_is_removed(asking, room, grace, mary, ada)
                await it_is_over(asking, room, grace, ada, alan)


async def they_come(stage: Stage, room: Any) -> list[Person]:
    """The host first, who lets in the others; everybody receives everybody."""
    guest, host = links(room)
    grace = await stage.person("Grace")
    await grace.come(host)
    await grace.reads("Nobody else is here yet.")
    inside = [grace]
    for name in ("Ada", "Alan", "Mary"):
        person = await stage.person(name)
        await person.come(guest)
        await grace.page.get_by_role("button", name=f"Let {name} in", exact=True).click()
        inside.append(person)
        if name != "Alan":
            for one in inside:
                await receives(one, *(other.name for other in inside if other is not one))
    assert await grace.page.get_by_text("send to each other").count() == 0
    return inside


async def they_write_and_show(ada: Person, grace: Person) -> None:
    """By our own socket, as with every medium; the screen by LiveKit."""
    await ada.page.locator("body").press("c")
    await ada.page.keyboard.type("Good morning!")
    await ada.page.keyboard.press("Enter")
    await grace.hears("Ada writes: Good morning!")
    await ada.page.keyboard.press("Escape")
    await ada.page.click("#tool-share")
    await grace.reads("Screen of Ada")
    await grace.until(
        "document.querySelector('.featured video')?.getVideoPlaybackQuality().totalVideoFrames > 3"
    )
    await ada.page.click("#tool-share")
    await grace.page.locator(".featured").wait_for(state="hidden")


async def the_host_mutes(asking: Calls, room: Any, grace: Person, alan: Person) -> None:
    """At LiveKit as well as in the browser; and who was muted can be heard again."""

    async def is_sent(count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                people = await asking.people(room["id"])
                if sum(len(one.tracks) for one in people) == count:
                    return
                await asyncio.sleep(0.1)

    await is_sent(8)
    # Past the browser, which would obey: it hears of it, and is heard again by its own switch.
    him = await alan.page.locator(".tile.is-own").get_attribute("data-person")
    assert him is not None
    await asking.mute(room["id"], him, Track.CAMERA)
    await asking.mute(room["id"], him, Track.MICROPHONE)
    await is_sent(6)
    await receives_less(grace)
    for _ in ("off", "on"):
        await alan.page.locator("body").press("v")
        await alan.page.locator("body").press("m")
    await is_sent(8)
    await grace.page.click("#tool-people")
    await grace.page.get_by_role("button", name="Mute Alan").click()
    await alan.hears("The host has muted you.")
    await is_sent(7)
    await grace.page.get_by_role("button", name="Stop the camera of Alan").click()
    await alan.hears("The host has stopped your camera.")
    await is_sent(6)
    await receives_less(grace)
    await alan.page.locator("body").press("m")
    await alan.page.click("#tool-camera")
    await is_sent(8)
    await receives(grace, "Ada", "Alan", "Mary")


async def receives_less(grace: Person) -> None:
    """Two of three are heard and seen."""
    deadline = time.monotonic() + PATIENCE
    while await grown(grace) != (2, 2):
        assert time.monotonic() < deadline


async def livekit_dies(sfu: Sfu, *people: Person) -> None:
    """And comes back without its rooms: everybody receives everybody again, nobody has left."""
    sfu.kill()
    await people[0].page.locator(".tile.is-apart").first.wait_for()
    sfu.start()
    for one in people:
        await receives(one, *(other.name for other in people if other is not one))
    assert await people[0].page.get_by_text("has left").count() == 0


async def one_is_removed(
    asking: Calls, room: Any, grace: Person, mary: Person, ada: Person
) -> None:
    """From LiveKit as well."""
    await grace.page.get_by_role("button", name="Remove Mary").click()
    await grace.page.locator("dialog").get_by_role("button", name="Remove").click()
    await mary.reads("You were removed")
    await receives(ada, "Grace", "Alan")
    assert len(await asking.people(room["id"])) == 3


async def it_is_over(asking: Calls, room: Any, grace: Person, *others: Person) -> None:
    """For everybody, and LiveKit has no such room any more."""
    await grace.page.click("#tool-leave")
    await grace.page.get_by_role("button", name="End for everybody").click()
    for one in (grace, *others):
        await one.reads("The meeting is over")
    assert room["id"] not in await asking.rooms()
