"""People meet in real browsers, by the real page and the real server.

One browser start for many checks: starting costs more than looking.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.system.meeting_stage import NEEDS_CHROMIUM, Person, Place, Stage, staged

pytestmark = NEEDS_CHROMIUM

PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
    "reduced_motion": "reduce",
}
DARK: dict[str, Any] = {"color_scheme": "dark"}


def links(room: Any) -> tuple[str, str]:
    """Of the guests and of the host."""
    return room["_links"]["guest_url"]["href"], room["_links"]["host_url"]["href"]


async def test_people_meet(tmp_path: Path) -> None:
    """Two, then four: pictures, sound, chat, a screen; the host's acts; a server that dies."""
    place = Place(tmp_path)
    async with staged(place.url) as stage:
        with place.open() as process:
            room = await stage.client.create_long(
                display_name="Planning", join_approval_level="explicit_approval"
            )
            grace, ada = await two_meet(stage, room)
            alan, mary = await four_meet(stage, room, grace, ada)
            await they_write(grace, ada)
            await a_screen_is_shown(ada, grace)
            await the_host_mutes(grace, alan)
            await one_loads_the_page_anew(ada, grace, alan, mary)
            await they_agree_anew(grace, ada, alan, mary)
            await an_offer_is_lost(mary)
            process.kill()
            await ada.reads("The connection is lost.")
        with place.open():
            await they_are_back(grace, ada, alan, mary)
            await one_is_removed(grace, mary, ada)
            await one_leaves_and_comes_back(alan, grace)
            await it_is_over(grace, ada, alan)
        for person in (grace, ada, alan, mary):
            assert [one for one in person.complaints if "WebSocket" not in one] == []


async def two_meet(stage: Stage, room: Any) -> tuple[Person, Person]:
    """The host comes, and lets in a guest who waits."""
    guest, host = links(room)
    grace, ada = await stage.person("Grace"), await stage.person("Ada")
    await grace.come(host)
    await grace.reads("Nobody else is here yet.")
    await ada.page.goto(guest, wait_until="commit")
    await ada.reads("The host lets everybody in one by one.")
    await ada.join()
    await ada.reads("Waiting to be let in")
    await ada.can_be_used()
    await grace.reads("Ada would like to come in.")
    await grace.can_be_used()
    await grace.page.get_by_role("button", name="Let Ada in", exact=True).click()
    await ada.sees("Grace")
    await grace.sees("Ada")
    await grace.receives(1)
    await ada.receives(1)
    return grace, ada


async def four_meet(stage: Stage, room: Any, grace: Person, ada: Person) -> tuple[Person, Person]:
    """Everybody receives everybody; a fifth is told that the room is full."""
    guest, _ = links(room)
    alan = await stage.person("Alan", **PHONE)
    mary = await stage.person("Mary", **DARK)
    await grace.page.click("#tool-people")
    for one in (alan, mary):
        await one.come(guest)
        await grace.page.locator(".waiting-part").locator("[data-act=admit]").click()
        await one.sees(*({"Grace", "Ada", "Alan"} if one is mary else {"Grace", "Ada"}))
    for one in (grace, ada, alan, mary):
        await one.receives(3)
        assert not await one.page.locator("#tool-record").is_visible()
    for one in (grace, alan, mary):
        await one.can_be_used()
    await nothing_is_cut_off(alan)
    await grace.reads("at most 4 people")
    return alan, mary


async def nothing_is_cut_off(person: Person) -> None:
    """On a small screen, too: each button can be reached, and each tile is whole."""
    outside = await person.page.evaluate(
        """[...document.querySelectorAll('.tools button, .tile[data-person]')]
        .filter((one) => one.checkVisibility()).map((one) => [one, one.getBoundingClientRect()])
        .filter(([, box]) => box.left < 0 || box.top < 0 || box.right > innerWidth
          || box.bottom > innerHeight || box.width < 40 || box.height < 40)
        .map(([one, box]) => [one.outerHTML.slice(0, 60), JSON.stringify(box)])"""
    )
    assert outside == []


async def they_write(grace: Person, ada: Person) -> None:
    """By keys alone: the others are told, counted, and read it; markup stays text."""
    words = "Good morning <b>everybody</b>!"
    await ada.page.locator("body").press("c")
    await ada.page.keyboard.type(words)
    await ada.page.keyboard.press("Enter")
    await grace.hears(f"Ada writes: {words}")
    await grace.page.get_by_role("button", name="Chat, 1 new").click()
    await grace.page.get_by_role("log").get_by_text(words).wait_for()
    assert await grace.page.locator("b").count() == 0
    await grace.can_be_used()
    for one in (grace, ada):
        await one.page.keyboard.press("Escape")
        await one.page.locator("#panel").wait_for(state="hidden")
    assert await ada.page.evaluate("document.activeElement.id") == "tool-chat"


async def a_screen_is_shown(ada: Person, grace: Person) -> None:
    """Large, moving, and gone again."""
    await ada.page.click("#tool-share")
    await grace.reads("Screen of Ada")
    await grace.until(
        "document.querySelector('.featured video')?.getVideoPlaybackQuality().totalVideoFrames > 3"
    )
    assert max(screen for _, _, screen in await grace.arrived(3)) > 0
    await grace.can_be_used()
    await ada.page.click("#tool-share")
    await grace.page.locator(".featured").wait_for(state="hidden")


async def the_host_mutes(grace: Person, alan: Person) -> None:
    """Who is muted is told, and all see it; with a key they are back."""
    await grace.page.click("#tool-people")
    await grace.page.get_by_role("button", name="Mute Alan").click()
    await alan.hears("The host has muted you.")
    muted = grace.page.locator(".tile", has_text="Alan").locator(".muted")
    await muted.wait_for()
    await alan.page.locator("body").press("m")
    await muted.wait_for(state="detached")
    await grace.page.get_by_role("button", name="Stop the camera of Alan").click()
    await alan.hears("The host has stopped your camera.")
    await grace.page.locator(".tile:not(.has-picture)", has_text="Alan").wait_for()
    await alan.page.click("#tool-camera")
    await grace.page.locator(".tile.has-picture", has_text="Alan").wait_for()


async def one_loads_the_page_anew(ada: Person, *others: Person) -> None:
    """They are the same person, and need not be let in again."""
    await ada.page.reload(wait_until="commit")
    await ada.join()
    await ada.sees(*(one.name for one in others))
    for one in (ada, *others):
        await one.receives(3)
        assert await one.page.get_by_text("has left").count() == 0


async def they_agree_anew(*people: Person) -> None:
    """All at once, so that offers cross, as after a change of networks."""
    for one in people:
        await one.page.evaluate("connections.forEach((one) => one.restartIce())")
    for one in people:
        await one.until("connections.every((one) => /stable|closed/.test(one.signalingState))")
        await one.receives(3)


async def an_offer_is_lost(mary: Person) -> None:
    """Of people who are connected and agree anew: it is sent again, or it would wait for ever."""
    await mary.page.evaluate(
        """() => {
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function (said) {
                if (window.lost || !said.includes('"offer"')) return send.call(this, said);
                window.lost = true;
            };
            connections.at(-1).restartIce();
        }"""
    )
    await mary.until("window.lost === true")
    await mary.until("connections.every((one) => /stable|closed/.test(one.signalingState))")


async def they_are_back(grace: Person, *others: Person) -> None:
    """By themselves, the same people, nobody told of as gone; and pictures never stopped."""
    for one in (grace, *others):
        await one.page.locator(".lost-bar").wait_for(state="hidden")
        await one.receives(3)
    await grace.sees(*(one.name for one in others))
    assert await grace.page.get_by_text("has left").count() == 0


async def one_is_removed(grace: Person, mary: Person, ada: Person) -> None:
    """After a question; the pass that they have brings them back no more."""
    await grace.page.get_by_role("button", name="Remove Mary").click()
    await grace.reads("Remove Mary from the meeting?")
    await grace.can_be_used()
    await grace.page.locator("dialog").get_by_role("button", name="Remove").click()
    await mary.reads("You were removed")
    await mary.can_be_used()
    await ada.sees("Grace", "Alan")
    await ada.receives(2)


async def one_leaves_and_comes_back(alan: Person, grace: Person) -> None:
    """Devices are given back; whoever comes back meets the others again."""
    await alan.page.click("#tool-leave")
    await alan.reads("You have left")
    await alan.until("taken.every((one) => one.readyState === 'ended')")
    await grace.hears("Alan has left.")
    await alan.page.get_by_role("button", name="Join again").click()
    await alan.join()
    await grace.page.locator(".waiting-part").locator("[data-act=admit]").click()
    await alan.sees("Grace", "Ada")
    await alan.receives(2)


async def it_is_over(grace: Person, *others: Person) -> None:
    """For everybody."""
    await grace.page.click("#tool-leave")
    await grace.page.get_by_role("button", name="End for everybody").click()
    for one in (grace, *others):
        await one.reads("The meeting is over")
    await grace.can_be_used()
