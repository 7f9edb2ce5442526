"""LiveKit as a medium: its server carries what people send, ours decides who may.

The law of this package: nothing of LiveKit's library is seen outside it, and it is imported only
where LiveKit is configured. What LiveKit tells is a reason to look; what it holds is put right by
what our own store says. Inside: medium → watch → takes → calls | tokens | notices → values.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from orchestrator.meetings_server.media.livekit.calls import Calls
from orchestrator.meetings_server.media.livekit.medium import LiveKitMedium
from orchestrator.meetings_server.media.livekit.notices import Notices, NotLiveKits
from orchestrator.meetings_server.media.livekit.takes import Takes
from orchestrator.meetings_server.media.livekit.watch import Watch
from orchestrator.meetings_server.ports import Clock, Report
from orchestrator.meetings_server.service import Meetings, Recordings
from orchestrator.meetings_server.settings import LiveKit

__all__ = ["LiveKitMedium", "LiveKitSide", "livekit_side"]


@dataclass(frozen=True, slots=True)
class LiveKitSide:
    """All that stands towards one LiveKit server.

    Attributes:
        medium: what the lobby asks.
        watch: `run` it beside the requests.
    """

    medium: LiveKitMedium
    watch: Watch
    _notices: Notices

    def hear(self, body: bytes, authorization: str) -> bool:
        """Hear what may be a webhook of LiveKit's; whether it is one."""
        try:
            notice = self._notices.read(body, authorization)
        except NotLiveKits:
            return False
        if notice is not None:
            self.watch.noticed(notice)
        return True


@asynccontextmanager
async def livekit_side(
    settings: LiveKit, meetings: Meetings, recordings: Recordings, clock: Clock, report: Report
) -> AsyncIterator[LiveKitSide]:
    """Open it; nothing is asked of LiveKit before somebody comes, so it may be away."""
    async with Calls.opened(settings) as calls:
        takes = None
        if settings.egress is not None:
            takes = Takes(settings.egress, calls, meetings, recordings, report)
        watch = Watch(
            most=settings.most,
            calls=calls,
            takes=takes,
            meetings=meetings,
            clock=clock,
            report=report,
        )
        medium = LiveKitMedium(settings, calls, takes, watch, clock)
        yield LiveKitSide(medium, watch, Notices(settings))
