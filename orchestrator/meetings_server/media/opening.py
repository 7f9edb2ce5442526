"""The medium that the settings name, opened, with what it needs beside the lobby."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.meetings_server.media.mesh import MeshMedium
from orchestrator.meetings_server.ports import Clock, Medium, Report
from orchestrator.meetings_server.service import Meetings, Recordings
from orchestrator.meetings_server.settings import LiveKit, Mesh

#: Hears what a medium's own server sends: the body and the header `Authorization`; whether it is
#: believed to come from there.
Hear: TypeAlias = Callable[[bytes, str], bool]


@dataclass(frozen=True, slots=True)
class Opened:
    """A medium that can be asked.

    Attributes:
        work: runs beside the requests, until cancelled; None: nothing does.
        hear: None: nobody sends anything.
    """

    medium: Medium
    work: Callable[[], Coroutine[None, None, None]] | None = None
    hear: Hear | None = None


@asynccontextmanager
async def opened(
    told: Mesh | LiveKit, meetings: Meetings, recordings: Recordings, clock: Clock, report: Report
) -> AsyncIterator[Opened]:
    """Open it for the length of the block; a server of its own need not be there yet."""
    if isinstance(told, Mesh):
        yield Opened(MeshMedium(told, clock))
        return
    from orchestrator.meetings_server.media.livekit import livekit_side  # noqa: PLC0415 - rarely

    async with livekit_side(told, meetings, recordings, clock, report) as side:
        yield Opened(side.medium, side.watch.run, side.hear)
