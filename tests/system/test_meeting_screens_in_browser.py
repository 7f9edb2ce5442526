"""What the meeting page shows before, beside and after a meeting, with and without devices.

The server's page is the real one. Where a server would have to be brought into a state, what it
says over the socket is said by the test, as docs/meeting-socket.md has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

from playwright.async_api import WebSocketRoute

from tests.system.meeting_stage import NEEDS_CHROMIUM, Person, Place, Stage, staged

pytestmark = NEEDS_CHROMIUM

SCRIPTS: Final = Path("orchestrator/meetings_server/http/meeting")

#: A browser that gives no device of some kinds, for a reason of its own.
WITHOUT: Final = """
(() => {
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (asked) => {
    if (KINDS.some((kind) => asked[kind])) throw new DOMException("no", REASON);
    return real(asked);
  };
})();
"""

Frame: TypeAlias = dict[str, Any]


def without(reason: str, *kinds: str) -> str:
    """A script for such a browser."""
    return WITHOUT.replace("KINDS", json.dumps(kinds)).replace("REASON", json.dumps(reason))


def person_of(number: int, **changes: Any) -> Frame:
    """Somebody in a room, as the server tells it."""
    usual = {"id": f"p{number:02}", "name": f"Person {number}", "role": "guest"}
    return usual | {"microphone": True, "camera": False, "screen": False} | changes


def welcome(count: int, **changes: Any) -> Frame:
    """As the host of so many people, of whom the last is oneself."""
    people = [person_of(number) for number in range(1, count + 1)]
    people[-1]["role"] = "host"
    return {
        "type": "welcome",
        "you": people[-1]["id"],
        "resume": "r",
        "role": "host",
        "room": {
            "name": "Room",
            "features": {"chat": True, "recording": True},
            "initial": {"microphone": "default"},
            "ends_at": None,
        },
        "media": {"kind": "mesh", "most": 16, "ice_servers": []},
        "people": people,
        "waiting": [],
        "chat": [],
        "recording": {"on": False, "since": None, "can": True},
    } | changes


class Server:
    """Says what it is told to say to whoever joins."""

    def __init__(self, *frames: Frame) -> None:
        self.frames = frames
        self.heard: list[Frame] = []
        self.socket: WebSocketRoute | None = None

    async def answer(self, person: Person) -> None:
        """Take the place of the server for somebody."""
        await person.page.route_web_socket(re.compile("/live$"), self._connected)

    def say(self, frame: Frame) -> None:
        """One frame more."""
        assert self.socket is not None
        self.socket.send(json.dumps(frame))

    def _connected(self, socket: WebSocketRoute) -> None:
        self.socket = socket
        socket.on_message(self._said)

    def _said(self, said: str | bytes) -> None:
        frame = json.loads(said)
        self.heard.append(frame)
        if frame["type"] == "join":
            for one in self.frames:
                self.say(one)
        elif frame["type"] == "ping":
            self.say({"type": "pong"})

    def asked(self, kind: str) -> list[Frame]:
        """What was asked of it, of one kind."""
        return [frame for frame in self.heard if frame["type"] == kind]


# Devices that are had once somebody says yes, and not before.
_LATE: Final = """
(() => {
  const devices = navigator.mediaDevices;
  const real = devices.getUserMedia.bind(devices);
  const allowed = new Promise((resolve) => { window.allow = resolve; });
  window.taken = [];
  devices.getUserMedia = async (asked) => {
    await allowed;
    const stream = await real(asked);
    window.taken.push(...stream.getTracks());
    return stream;
  };
})();
"""
_HEARD: Final = "audio live,video ended"


async def test_before_beside_and_after(tmp_path: Path) -> None:
    """All that takes a browser to see, in one."""
    place = Place(tmp_path)
    async with staged(place.url) as stage:
        with place.open():
            await devices_that_are_not_to_be_had(stage)
            await devices_that_are_handed_out_late(stage)
            await in_german_and_in_its_theme(stage)
            await waiting_for_the_host(stage)
            await without_a_script(stage)
            await every_end(stage)
            await tiles_of_any_number(stage)
            await a_host_records(stage)
            await every_word_is_there(stage)


async def link_of(stage: Stage, **fields: Any) -> str:
    """The guests' link of a new room."""
    return str((await stage.client.create_long(**fields))["_links"]["guest_url"]["href"])


async def devices_that_are_not_to_be_had(stage: Stage) -> None:
    """Told why, in words for each; one may join all the same, and hears it again at the button."""
    link = await link_of(stage)
    denied = await stage.person("Ada", without("NotAllowedError", "audio", "video"))
    await denied.page.goto(link)
    await denied.reads("Your browser keeps microphone and camera from this page.")
    await denied.page.get_by_role("button", name="Start camera").wait_for()
    await denied.can_be_used()
    await denied.page.fill("#name", "Ada")
    await denied.page.get_by_role("button", name="Join without microphone and camera").click()
    await denied.sees()
    await denied.page.click("#tool-microphone")
    await denied.hears("Your browser keeps the microphone from this page.")
    await denied.page.context.close()
    missing = await stage.person("Bob", without("NotFoundError", "audio"))
    await missing.page.goto(link)
    await missing.reads("No microphone was found.")
    await missing.until("document.querySelector('.preview video').videoWidth > 0")
    await missing.page.context.close()


async def devices_that_are_handed_out_late(stage: Stage) -> None:
    """Whoever has changed their mind while the browser asked sends nothing, and no light is on."""
    link = await link_of(stage)
    ada, bob = await stage.person("Ada", _LATE), await stage.person("Bob", _LATE)
    await ada.page.goto(link)
    await ada.page.get_by_role("button", name="Stop camera").click()
    await ada.page.evaluate("allow()")
    await ada.until("taken.map((one) => `${one.kind} ${one.readyState}`).sort().join()", _HEARD)
    await ada.page.get_by_role("button", name="Start camera").wait_for()
    await ada.page.context.close()
    await bob.come(link)
    await bob.sees()
    await bob.page.click("#tool-leave")
    await bob.reads("You have left")
    await bob.page.evaluate("allow()")
    await bob.until("taken.length === 2 && taken.every((one) => one.readyState === 'ended')")
    await bob.page.context.close()


async def in_german_and_in_its_theme(stage: Stage) -> None:
    """The room's language; its colours, dark, on a telephone; and everybody muted at first."""
    theme = await stage.client.create_theme(main_color="#ffe45c", brand_text="Werk & Sohn")
    link = await link_of(
        stage,
        theme_id=theme["theme_id"],
        ui_settings={"language": "de"},
        available_features={"is_locale_switcher_available": True},
        initial_join_options={"microphone_state": "off"},
    )
    screen: dict[str, Any] = {
        "color_scheme": "dark",
        "viewport": {"width": 360, "height": 740},
    }
    person = await stage.person("Ada", **screen)
    await person.page.goto(link)
    await person.reads("In diesem Raum sind")
    assert await person.page.evaluate("document.documentElement.lang") == "de"
    colours = """(() => { const join = getComputedStyle(document.querySelector('#join'));
      const band = getComputedStyle(document.querySelector('header'));
      return [join.backgroundColor, join.color, band.backgroundColor]; })()"""
    yellow = "rgb(255, 228, 92)"
    assert await person.page.evaluate(colours) == [yellow, "rgb(0, 0, 0)", yellow]
    await person.can_be_used()
    await person.page.select_option("#language", "en")
    await person.reads("In this room everybody comes in muted.")
    await person.join()
    await person.page.locator("#tool-microphone", has_text="Unmute").wait_for()
    await person.can_be_used()
    assert person.complaints == []
    await person.page.context.close()


async def waiting_for_the_host(stage: Stage) -> None:
    """It is told, and one may go."""
    person = await stage.person("Ada")
    await person.come(await link_of(stage, join_approval_level="after_owner_only"))
    await person.reads("Waiting for the host")
    await person.can_be_used()
    await person.page.get_by_role("button", name="Leave").click()
    await person.reads("You have left")
    await person.page.context.close()


async def without_a_script(stage: Stage) -> None:
    """What the room is; and a room that is over."""
    room = await stage.client.create(display_name="Planning")
    link = room["_links"]["guest_url"]["href"]
    person = await stage.person("Ada", script="", java_script_enabled=False)
    await person.page.goto(link)
    await person.reads("This room is open.")
    await person.page.context.close()
    await stage.client.ask("DELETE", f"/rooms/{room['id']}")
    person = await stage.person("Ada")
    await person.page.goto(link)
    await person.reads("This room has ended.")
    await person.can_be_used()
    await person.page.context.close()


async def every_end(stage: Stage) -> None:
    """Each reason has words of its own; what passes is tried again."""
    person = await stage.person("Ada")
    server = Server()
    await server.answer(person)
    await person.page.goto(await link_of(stage))
    for reason, words in {
        "unknown": "Room not found",
        "expired": "This room has ended",
        "full": "This room is full",
        "denied": "You were not let in",
        "removed": "You were removed",
        "ended": "The meeting is over",
        "replaced": "You are here somewhere else",
        "refused": "You could not come in",
    }.items():
        server.frames = ({"type": "closed", "reason": reason, "message": "…"},)
        await person.join()
        await person.page.get_by_role("heading", name=words, exact=True).wait_for()
        assert await person.page.evaluate("document.activeElement.textContent") == words
        if reason == "full":
            await person.can_be_used()
        await person.page.reload()
    server.heard.clear()
    server.frames = ({"type": "closed", "reason": "busy", "message": "…", "retry_after": 1},)
    await person.join()
    await person.reads("Many people come in at once. Trying again in 1 s…")
    server.frames = (welcome(1),)
    await person.reads("Nobody else is here yet.")
    assert len(server.asked("join")) >= 2
    assert server.asked("join")[0]["resume"] == ""
    await person.page.context.close()


async def tiles_of_any_number(stage: Stage) -> None:
    """All whole, on any screen; so many that they would be too small can be scrolled."""
    person = await stage.person("Ada")
    server = Server(welcome(1))
    await server.answer(person)
    await person.page.goto(await link_of(stage))
    await person.join()
    for count in (1, 2, 3, 5, 6, 9, 16):
        if count > 1:
            newest = await person.page.locator(".tile[data-person]").count()
            for number in range(newest, count):
                server.say({"type": "joined", "person": person_of(number + 20)})
        await person.until("document.querySelectorAll('.tile[data-person]').length", count)
        for width, height in ((1280, 720), (360, 740), (740, 360), (1920, 1080)):
            await person.page.set_viewport_size({"width": width, "height": height})
            await person.until(_ALL_WHOLE)
    for number in range(16, 60):
        server.say({"type": "joined", "person": person_of(number + 20)})
    await person.page.set_viewport_size({"width": 360, "height": 740})
    await person.until(
        """(() => { const grid = document.querySelector('.tiles');
        const tile = grid.firstChild.getBoundingClientRect();
        return [grid.children.length, tile.width >= 80, grid.tabIndex,
          grid.scrollHeight > grid.clientHeight, grid.scrollWidth > grid.clientWidth]; })()""",
        [60, True, 0, True, False],
    )
    await person.can_be_used()
    await person.page.context.close()


# Also: none over another, and together they use a fair share of the room there is.
_ALL_WHOLE: Final = """(() => {
  const stage = document.querySelector('.stage').getBoundingClientRect();
  const boxes = [...document.querySelectorAll('.tile[data-person]')]
    .map((one) => one.getBoundingClientRect());
  const whole = boxes.every((box) => box.width > 30 && box.height > 30
    && box.left >= stage.left && box.right <= stage.right + 1
    && box.top >= stage.top && box.bottom <= stage.bottom + 1);
  const apart = boxes.every((one, at) => boxes.slice(at + 1).every((other) =>
    one.right <= other.left + 1 || other.right <= one.left + 1
    || one.bottom <= other.top + 1 || other.bottom <= one.top + 1));
  const used = boxes.reduce((sum, box) => sum + box.width * box.height, 0);
  return whole && apart && used > 0.4 * stage.width * stage.height;
})()"""


async def a_host_records(stage: Stage) -> None:
    """Where it can be; how long is told, and that it has ended."""
    person = await stage.person("Ada")
    server = Server(welcome(2))
    await server.answer(person)
    await person.page.goto(await link_of(stage))
    await person.join()
    await person.page.click("#tool-record")
    await person.page.wait_for_timeout(200)
    assert server.asked("record") == [{"type": "record", "on": True}]
    server.say({"type": "recording", "on": True})
    await person.hears("This meeting is being recorded.")
    await person.until(
        "/^Recording 0:0[1-9]$/.test(document.querySelector('.record-mark')?.textContent ?? '')"
    )
    await person.can_be_used()
    server.say({"type": "recording", "on": False})
    await person.hears("The recording has ended.")
    late = await stage.person("Bob")
    since = (datetime.now(UTC) - timedelta(hours=1, minutes=2)).isoformat()
    recording = {"on": True, "since": since, "can": True}
    await Server(welcome(2, recording=recording)).answer(late)
    await late.page.goto(await link_of(stage))
    await late.join()
    await late.until(
        "/^Recording 1:02:/.test(document.querySelector('.record-mark')?.textContent ?? '')"
    )
    await late.page.context.close()
    await person.page.click("#tool-settings")
    await person.reads("Single keys steer the meeting")
    await person.can_be_used()
    await person.page.keyboard.press("Escape")
    await person.page.locator("dialog").wait_for(state="detached")
    for title in ("Unmute", "Mute"):
        await person.page.keyboard.press("m")
        await person.until("document.querySelector('#tool-microphone').title", title)
    await person.page.click("#tool-settings")
    await person.page.uncheck("#single-keys")
    await person.page.keyboard.press("Escape")
    await person.page.locator("dialog").wait_for(state="detached")
    asked = len(server.asked("state"))
    await person.page.keyboard.press("m")
    await person.page.wait_for_timeout(300)
    assert len(server.asked("state")) == asked
    await person.page.context.close()


async def every_word_is_there(stage: Stage) -> None:
    """In all languages, with the same gaps; and all that scripts say."""
    person = await stage.person("Ada")
    await person.page.goto(await link_of(stage))
    path = await person.page.evaluate("document.querySelector('script').src")
    words = await person.page.evaluate(
        "async (path) => (await import(path)).ALL", path.replace("page.js", "texts.js")
    )
    english = flat(words["en"])
    for language in words:
        found = flat(words[language])
        assert found.keys() == english.keys()
        for name, text in found.items():
            gaps = sorted(re.findall(r"\{\w+\}", text))
            assert gaps == sorted(re.findall(r"\{\w+\}", english[name])), name
    for script in SCRIPTS.glob("*.js"):
        for name in re.findall(r'say\("([\w.]+)"', script.read_text()):
            assert {name, f"{name}.0"} & english.keys(), f"{script.name} says {name}"
    await person.page.context.close()


def flat(words: Any, before: str = "") -> dict[str, str]:
    """Texts by their whole name."""
    items: Callable[[Any], Any] = lambda some: (  # noqa: E731
        some.items() if isinstance(some, dict) else enumerate(some)
    )
    if isinstance(words, str):
        return {before.removeprefix("."): words}
    return {
        name: text
        for key, inner in items(words)
        for name, text in flat(inner, f"{before}.{key}").items()
    }
