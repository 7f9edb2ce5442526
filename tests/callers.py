"""People in a meeting as a test plays them: a link, a connection to the meeting socket, frames.

They are browsers as far as the server can tell, but for what browsers would send each other.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp

PROTOCOL: Final = "meeting.1"

#: By which the socket closes after a last frame.
CLOSED_CODE: Final = 4000

#: Seconds of the real clock: for what must come, and comes at once.
PATIENCE: Final = 10.0


def guest(room: Any) -> dict[str, str]:
    """What the guest's page reads from its own address."""
    return {"link": urlsplit(room["_links"]["guest_url"]["href"]).path.rpartition("/")[2]}


def host(room: Any) -> dict[str, str]:
    """The same of the host's page."""
    query = parse_qs(urlsplit(room["_links"]["host_url"]["href"]).query)
    return {"link": query["room_token"][0], "host": query["participant_token"][0]}


class Caller:
    """One connection, which answers pings all the time; `Calls` makes it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.welcome: dict[str, Any] = {}
        self._heard: asyncio.Queue[aiohttp.WSMessage] = asyncio.Queue()
        self._listening = asyncio.get_running_loop().create_task(self._listen(), name="caller")

    async def _listen(self) -> None:
        message = None
        while message is None or message.type is aiohttp.WSMsgType.TEXT:
            message = await self.socket.receive()
            self._heard.put_nowait(message)

    @property
    def id(self) -> str:
        """Who they are to the others, once they are inside."""
        return str(self.welcome["you"])

    @property
    def resume(self) -> str:
        """By which they come back."""
        return str(self.welcome["resume"])

    @property
    def people(self) -> dict[str, Any]:
        """Who was inside when they came in, by their names."""
        return {person["name"]: person for person in self.welcome["people"]}

    async def say(self, kind: str, /, **fields: Any) -> None:
        """Send a frame."""
        await self.raw(json.dumps({"type": kind, **fields}))

    async def raw(self, text: str) -> None:
        """Send what may be no frame."""
        await self.socket.send_str(text)

    async def _message(self) -> aiohttp.WSMessage:
        return await asyncio.wait_for(self._heard.get(), PATIENCE)

    async def next(self) -> dict[str, Any]:
        """The next frame, whatever it is."""
        message = await self._message()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        found: dict[str, Any] = json.loads(message.data)
        return found

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next frame, which must be of a kind."""
        frame = await self.next()
        assert frame["type"] == kind, frame
        return frame

    async def await_(self, kind: str) -> dict[str, Any]:
        """The next frame of a kind, whatever comes before it."""
        while (frame := await self.next())["type"] != kind:
            pass
        return frame

    async def error(self) -> str:
        """The code of the next frame, which must be an error."""
        return str((await self.hear("error"))["code"])

    @property
    def has_heard(self) -> bool:
        """Whether there is a frame that the test did not look at."""
        return not self._heard.empty()

    async def come_in(self) -> Self:
        """Wait for the welcome, and keep it."""
        self.welcome = await self.hear("welcome")
        return self

    async def closed(self) -> dict[str, Any]:
        """The last frame, which must be the next, and the end after it."""
        last = await self.hear("closed")
        message = await self._message()
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        assert message.data == CLOSED_CODE
        return last

    async def reason(self) -> str:
        """Why it was closed."""
        return str((await self.closed())["reason"])

    async def over(self) -> aiohttp.WSMessage:
        """How the connection ended, whatever was told before."""
        while (message := await self._message()).type is aiohttp.WSMsgType.TEXT:
            pass
        return message

    async def vanish(self) -> None:
        """Lose the connection, without a word."""
        connection = self.socket._response.connection  # noqa: SLF001 - nobody else is so rude
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        await self.over()

    async def hang_up(self) -> None:
        """Leave as the page does."""
        await self.say("leave")
        await self.over()

    async def end(self) -> None:
        """Clean up after the test."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self.socket.close()


class Calls:
    """Connections to one server; all end with it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session
        self._callers: list[Caller] = []

    async def connect(self, **changes: Any) -> aiohttp.ClientWebSocketResponse:
        """A connection on which nothing was said yet."""
        usual: dict[str, Any] = {
            "protocols": (PROTOCOL,),
            "headers": {"Origin": self.url},
            "max_msg_size": 0,
        }
        return await self._session.ws_connect(f"{self.url}/live", **usual | changes)

    async def dial(self, **changes: Any) -> Caller:
        """The same, with somebody who listens."""
        caller = Caller(await self.connect(**changes))
        self._callers.append(caller)
        return caller

    async def call(self, who: Mapping[str, str], name: str = "Ada", **fields: Any) -> Caller:
        """Come to a door: `who` is a guest or a host."""
        caller = await self.dial()
        await caller.say("join", **{**who, "name": name, **fields})
        return caller

    async def enter(self, who: Mapping[str, str], name: str = "Ada", **fields: Any) -> Caller:
        """Come to a door and be let in at once."""
        return await (await self.call(who, name, **fields)).come_in()

    async def end(self) -> None:
        """Close all that are open."""
        for caller in self._callers:
            await caller.end()


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[Calls]:
    """Connections to the server at an address."""
    async with aiohttp.ClientSession() as session:
        calls = Calls(url, session)
        try:
            yield calls
        finally:
            await calls.end()
