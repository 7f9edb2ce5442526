"""Measures what a meeting costs the servers: processor, memory, bandwidth.

Run by hand, on an otherwise quiet machine, with how many people are in the room and how many of
them send: `python -m tools.measure_meetings 10 2`.  They are clients of LiveKit's own library for
Python, which is no dependency of ours: `pip install livekit` first.  With `--browsers` they are
Chromium, and all of them send; with `--mesh` these send to each other, at most four of them, and
there is no LiveKit.  What is printed is told in docs/capacity.md.

Senders of the library send 320 by 180 pixels, ten times a second, and a tone; browsers 320 by 240.
Processor time is what the kernel counts for the process, so another load on the machine slows the
meeting down but is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.callers import Caller, calling, guest, host
from tests.system.meeting_stage import Place, Stage, staged
from tests.system.processes import free_port
from tests.system.sfu import Sfu, binary

SETTLE: Final = 15.0  # seconds until sizes and rates have settled
WINDOW: Final = 30.0  # seconds that are measured
WIDTH, HEIGHT, FRAMES = 320, 180, 10
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_BYTES: Final = re.compile(
    r'^livekit_packet_bytes\{.*direction="(incoming|outgoing)".*\} ([0-9.e+]+)$', re.MULTILINE
)

_CARRIED: Final = re.compile(r"bytes_(?:sent|received):(\d+)")


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one moment: seconds of processor, and bytes: over our sockets, and of LiveKit's media."""

    at: float
    livekit: float
    ours: float
    carried: int
    incoming: float
    outgoing: float


def processor(pid: int) -> float:
    """Seconds that a process has had, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(pid: int) -> float:
    """Megabytes that it holds."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else 0.0


def read(metrics: int, livekit: int, ours: int, port: int) -> Reading:
    """All of it; `port` is ours."""
    url = f"http://127.0.0.1:{metrics}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    total = {"incoming": 0.0, "outgoing": 0.0}
    for direction, count in _BYTES.findall(text):
        total[direction] += float(count)
    carried = over_sockets(port)
    return Reading(time.monotonic(), processor(livekit), processor(ours), carried, **total)


@asynccontextmanager
async def programs(people: list[Caller], senders: int) -> AsyncIterator[None]:
    """Everybody connected to LiveKit by its library; the first ones send."""
    rtc: Any = importlib.import_module("livekit.rtc")
    rooms: list[Any] = []
    tasks: list[asyncio.Task[None]] = []
    for number, person in enumerate(people):
        room = rtc.Room()
        media = person.welcome["media"]
        options = rtc.RoomOptions(connect_timeout=120.0)
        await room.connect(media["url"], media["token"], options)
        rooms.append(room)
        if number < senders:
            source = rtc.VideoSource(WIDTH, HEIGHT)
            track = rtc.LocalVideoTrack.create_video_track("camera", source)
            told = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False)
            await room.local_participant.publish_track(track, told)
            tone = rtc.AudioSource(48_000, 1)
            sound = rtc.LocalAudioTrack.create_audio_track("microphone", tone)
            told = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            await room.local_participant.publish_track(sound, told)
            tasks += [asyncio.create_task(_film(rtc, source)), asyncio.create_task(_hum(rtc, tone))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for room in rooms:
            await room.disconnect()


async def _film(rtc: Any, source: Any) -> None:
    while True:
        # What moves costs bits: noise that changes with each picture.
        grey = os.urandom(WIDTH * HEIGHT // 4) * 4
        picture = grey + bytes([128]) * (WIDTH * HEIGHT // 2)
        frame = rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, picture)
        source.capture_frame(frame)
        await asyncio.sleep(1 / FRAMES)


async def _hum(rtc: Any, tone: Any) -> None:
    quiet = bytes(range(240)) * 8
    while True:
        await tone.capture_frame(rtc.AudioFrame(quiet, 48_000, 1, 960))


async def measure(people: int, senders: int, *, browsers: bool) -> None:
    """Print one line of the table of LiveKit."""
    metrics = free_port()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sfu = Sfu(binary(), folder, "/live/livekit", metrics=metrics)
        sfu.start()
        stack.callback(sfu.kill)
        place = Place(folder, sfu.hooks, sfu.settings.url)
        process = stack.enter_context(place.open())
        idle = memory(sfu.pid), memory(process.pid)
        stage = await stack.enter_async_context(staged(place.url))
        room = await stage.client.create_long(display_name="Measured")
        if browsers:
            await _browse(stage, room, people)
        else:
            calls = await stack.enter_async_context(calling(place.url))
            inside = [
                await calls.enter(guest(room) if number else host(room), f"P{number}")
                for number in range(people)
            ]
            await stack.enter_async_context(programs(inside, senders))
        await asyncio.sleep(SETTLE)
        before = read(metrics, sfu.pid, process.pid, place.port)
        await asyncio.sleep(WINDOW)
        after = read(metrics, sfu.pid, process.pid, place.port)
        seconds = after.at - before.at
        line = {
            "people": people,
            "senders": people if browsers else senders,
            "livekit_core": round((after.livekit - before.livekit) / seconds, 3),
            "livekit_mb": round(memory(sfu.pid)),
            "livekit_mb_before": round(idle[0]),
            "in_mbit": round((after.incoming - before.incoming) * 8e-6 / seconds, 2),
            "out_mbit": round((after.outgoing - before.outgoing) * 8e-6 / seconds, 2),
            "ours_core": round((after.ours - before.ours) / seconds, 4),
            "ours_bytes_a_second": round((after.carried - before.carried) / seconds),
            "ours_mb": round(memory(process.pid)),
            "ours_mb_before": round(idle[1]),
        }
        print(json.dumps(line))


async def measure_mesh(people: int) -> None:
    """Print one line of the table of browsers that send to each other."""
    async with AsyncExitStack() as stack:
        place = Place(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        process = stack.enter_context(place.open())
        idle, begun = memory(process.pid), processor(process.pid)
        stage = await stack.enter_async_context(staged(place.url))
        room = await stage.client.create_long(display_name="Measured")
        await _browse(stage, room, people)
        await asyncio.sleep(SETTLE)
        came = processor(process.pid) - begun
        before, carried = processor(process.pid), over_sockets(place.port)
        await asyncio.sleep(WINDOW)
        line = {
            "people": people,
            "to_come_in_s": round(came, 2),
            "ours_core": round((processor(process.pid) - before) / WINDOW, 4),
            "ours_bytes_a_second": round((over_sockets(place.port) - carried) / WINDOW),
            "ours_mb": round(memory(process.pid)),
            "ours_mb_before": round(idle),
        }
        print(json.dumps(line))


def over_sockets(port: int) -> int:
    """Bytes that the connections which a server has now took in and sent out, by the kernel."""
    told = subprocess.run(
        ["ss", "-tinH", "state", "established", f"( sport = :{port} )"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sum(int(count) for count in _CARRIED.findall(told))


async def _browse(stage: Stage, room: Any, people: int) -> None:
    links = room["_links"]
    for number in range(people):
        person = await stage.person(f"P{number}")
        await person.come(links["guest_url" if number else "host_url"]["href"])


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=int)
    parser.add_argument("senders", type=int, nargs="?", default=0)
    parser.add_argument("--browsers", action="store_true")
    parser.add_argument("--mesh", action="store_true")
    told = parser.parse_args()
    if told.mesh:
        asyncio.run(measure_mesh(told.people))
        return
    asyncio.run(measure(told.people, told.senders, browsers=told.browsers))


if __name__ == "__main__":
    main()
