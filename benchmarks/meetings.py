"""What a mesh costs the Meetings server: scripted people, and a plain relay beside it.

``python -m benchmarks.meetings`` prints a table in Markdown. People sit in rooms of five and do
what browsers do: each pair agrees by an offer, an answer and ten candidates each way, of the sizes
that a browser's have; then they talk for a while, with a state now and then and some chat. Sound
and picture do not pass here: in a mesh they pass no server.

Measured is the server's process: its CPU time, its resident memory, and what went over its sockets
as its people counted it. CPU time hardly depends on what else the machine does; the times of single
frames would, so none is told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.processes import free_port, running

_APPLICATION: Final = "0e8e5b1c-6c4b-4a55-9f0b-1c3f3a8b7d10"
_IN_A_ROOM: Final = 5
_CANDIDATES: Final = 10
# Bytes, as browsers have them for sound, a camera and a screen.
_OFFER: Final = "v=0\r\n" + "a=rtpmap:96 VP8/90000\r\n" * 260
_ANSWER: Final = _OFFER[:4_000]
_CANDIDATE: Final = {
    "candidate": "candidate:842163049 1 udp 1677729535 192.0.2.17 46154 typ srflx raddr 10.0.0.17",
    "sdpMid": "0",
    "sdpMLineIndex": 0,
    "usernameFragment": "EsAw",
}
_STATE_EVERY: Final = 10.0  # seconds
_CHAT_EVERY: Final = 30.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Load:
    """What the people of one run sent and heard, in bytes, and how many pairs are left to agree."""

    bytes: int = 0
    left: int = 0
    agreed: asyncio.Event = field(default_factory=asyncio.Event)

    def agree(self, pairs: int) -> None:
        """So many more agree; fewer than none: so many more are to."""
        self.left -= pairs
        if self.left == 0:
            self.agreed.set()
        else:
            self.agreed.clear()


@dataclass(frozen=True, slots=True)
class Measured:
    """One run.

    Attributes:
        joining: CPU seconds until all had agreed with all in their rooms.
        joining_bytes: over the sockets meanwhile, both ways.
        talking: CPU seconds a second afterwards.
        talking_bytes: a second.
        memory: bytes that the process grew by.
        base: bytes that it had before.
    """

    people: int
    joining: float
    joining_bytes: int
    talking: float
    talking_bytes: float
    memory: int
    base: int


class Person:
    """A scripted browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, load: Load) -> None:
        self._socket = socket
        self._load = load
        self.id = ""

    async def join(self, link: str) -> list[str]:
        """Come in; who was there before."""
        await self._say({"type": "join", "link": link, "name": "Somebody", "microphone": True})
        welcome = json.loads(await self._socket.receive_str())
        self.id = welcome["you"]
        return [one["id"] for one in welcome["people"] if one["id"] != self.id]

    async def live(self, others: list[str]) -> None:
        """Offer to those who were there, answer those who offer, until cancelled."""
        for other in others:
            await self._signal(other, {"description": {"type": "offer", "sdp": _OFFER}})
            for _ in range(_CANDIDATES):
                await self._signal(other, {"candidate": _CANDIDATE})
        async for message in self._socket:
            self._load.bytes += len(message.data)
            frame = json.loads(message.data)
            if frame["type"] != "signal":
                continue
            description = frame["data"].get("description")
            if description is not None and description["type"] == "offer":
                answer = {"description": {"type": "answer", "sdp": _ANSWER}}
                await self._signal(frame["from"], answer)
                for _ in range(_CANDIDATES):
                    await self._signal(frame["from"], {"candidate": _CANDIDATE})
            elif description is not None:
                self._load.agree(1)

    async def talk(self, number: int) -> None:
        """Change something now and then, and write now and then, until cancelled."""
        on, beat = False, 0
        await asyncio.sleep(_STATE_EVERY * (number % 10) / 10)
        while True:
            on, beat = not on, beat + 1
            await self._say({"type": "state", "microphone": on, "camera": True, "screen": False})
            if beat % round(_CHAT_EVERY / _STATE_EVERY) == 0:
                await self._say({"type": "chat", "text": "Can you hear me now?"})
            await asyncio.sleep(_STATE_EVERY)

    async def _signal(self, other: str, data: dict[str, Any]) -> None:
        await self._say({"type": "signal", "to": other, "data": data})

    async def _say(self, frame: dict[str, Any]) -> None:
        text = json.dumps(frame)
        self._load.bytes += len(text)
        await self._socket.send_str(text)


async def measure(url: str, pid: int, links: list[str], people: int, seconds: float) -> Measured:
    """Let people meet, and look at the process that they meet in."""
    load, base = Load(), _memory(pid)
    began = _cpu(pid)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = []
        callers: list[Person] = []
        for number in range(people):
            socket = await session.ws_connect(
                f"{url}/live", protocols=("meeting.1",), headers={"Origin": url}
            )
            caller = Person(socket, load)
            others = await caller.join(links[number // _IN_A_ROOM])
            load.agree(-len(others))
            callers.append(caller)
            tasks.append(group.create_task(caller.live(others), name="person"))
        await load.agreed.wait()
        joining, joining_bytes = _cpu(pid) - began, load.bytes
        tasks += [
            group.create_task(caller.talk(number), name="talk")
            for number, caller in enumerate(callers)
        ]
        before, then, bytes_then = _cpu(pid), time.monotonic(), load.bytes
        await asyncio.sleep(seconds)
        passed = time.monotonic() - then
        talking = (_cpu(pid) - before) / passed
        memory = _memory(pid)
        for task in tasks:
            task.cancel()
    return Measured(
        people=people,
        joining=joining,
        joining_bytes=joining_bytes,
        talking=talking,
        talking_bytes=(load.bytes - bytes_then) / passed,
        memory=memory - base,
        base=base,
    )


def ours(folder: Path, people: int, seconds: float) -> Measured:
    """In our server, with a store on the disk."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "public.pem").write_bytes(public)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = [
        *("orchestrator", "meetings-server", "--listen", f"127.0.0.1:{port}"),
        *("--database", str(folder / "meetings.db")),
        *("--application", f"{_APPLICATION}={folder / 'public.pem'}"),
    ]
    with running(words, folder / "ours.log", "Meetings server on") as process:
        claims = {"application_id": _APPLICATION, "iat": int(datetime.now(UTC).timestamp())}
        token = jwt.encode({**claims, "jti": "bench"}, key, algorithm="RS256")
        links = asyncio.run(_rooms(url, token, -(-people // _IN_A_ROOM)))
        return asyncio.run(measure(url, process.pid, links, people, seconds))


async def _rooms(url: str, token: str, count: int) -> list[str]:
    links: list[str] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for number in range(count):
            body = {"display_name": f"Room {number}"}
            async with session.post(f"{url}/v1/meetings/rooms", json=body) as answer:
                room = await answer.json()
                links.append(room["_links"]["guest_url"]["href"].rpartition("/")[2])
    return links


def bare(folder: Path, people: int, seconds: float) -> Measured:
    """In the plain relay."""
    port = free_port()
    words = ["benchmarks.relay", "--port", str(port)]
    links = [f"{number}" for number in range(-(-people // _IN_A_ROOM))]
    with running(words, folder / "relay.log", "ready") as process:
        url = f"http://127.0.0.1:{port}"
        return asyncio.run(measure(url, process.pid, links, people, seconds))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _middle(rounds: list[Measured]) -> Measured:
    """Each figure's median."""
    values = [asdict(one) for one in rounds]
    middle = {name: statistics.median_low([one[name] for one in values]) for name in values[0]}
    return Measured(**middle)


def _row(name: str, one: Measured) -> str:
    cells = (
        f"{one.people}",
        name,
        f"{one.joining / one.people * 1000:.1f} ms",
        f"{one.joining_bytes / one.people / 1000:.0f} kB",
        f"{one.talking * 100:.2f} %",
        f"{one.talking_bytes / one.people:.0f} B/s",
        f"{one.base / 1e6:.0f} MB",
        f"{one.memory / one.people / 1000:.0f} kB",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--people", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--seconds", type=float, default=30.0, help="of talking in each run")
    parser.add_argument("--rounds", type=int, default=3, help="the middle one is told")
    told = parser.parse_args()
    print(f"Measured on: cores {len(os.sched_getaffinity(0))}, Python {platform.python_version()}.")
    print()
    print(
        "| People | In | CPU to come in, a person | over sockets | CPU while they talk "
        "| over sockets, a person | memory before | a person |"
    )
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    ways = {"our server": ours, "a bare relay": bare}
    for people in told.people:
        rounds: dict[str, list[Measured]] = {name: [] for name in ways}
        for _ in range(told.rounds):
            for name, meet in ways.items():
                with tempfile.TemporaryDirectory() as folder:
                    rounds[name].append(meet(Path(folder), people, told.seconds))
        for name, found in rounds.items():
            print(_row(name, _middle(found)), flush=True)


if __name__ == "__main__":
    main()
