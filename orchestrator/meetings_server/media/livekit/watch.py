"""Holds LiveKit to who is in our rooms: its notices wake it, and it looks by itself as well.

A notice may be lost, doubled or late, so it only says where to look; every `POLL` seconds each room
is looked at without one. What is there is compared with who is in the session that runs:

- a session whose room LiveKit lost (it was restarted) gets it anew, so that people come back;
- a room that LiveKit keeps of a session that is over is ended;
- who is connected and not in the session is sent out;
- what is recorded is looked after (`takes`).

A LiveKit that is away is told once, and once when it is back.
"""

from datetime import datetime, timedelta
from typing import Final

from orchestrator.meetings_server.media.livekit.calls import Calls
from orchestrator.meetings_server.media.livekit.takes import Takes
from orchestrator.meetings_server.media.livekit.tokens import GOOD_FOR
from orchestrator.meetings_server.media.livekit.values import LiveKitFault, Notice
from orchestrator.meetings_server.ports import Clock, MediumFault, Records, Report, StoreFault
from orchestrator.meetings_server.service import Bell, Meetings

#: Seconds between two looks without a notice.
POLL: Final = 5.0

# Leave to come in may be used until then, and is not in the session before it is.
_ADMITTED: Final = GOOD_FOR + timedelta(minutes=1)
_EVERY: Final = timedelta(seconds=POLL)
# Seconds from one look to the next, however many notices come.
_PAUSE: Final = 0.5
# Seconds between two looks at a LiveKit that is away: people wait for their room.
_AWAY: Final = 1.5


class Watch:
    """Looks at one LiveKit server, for as long as `run` runs."""

    def __init__(
        self,
        *,
        most: int,
        calls: Calls,
        takes: Takes | None,
        meetings: Meetings,
        clock: Clock,
        report: Report,
    ) -> None:
        """`meetings` know who is in which room; `most` people can be in one."""
        self._most = most
        self._calls = calls
        self._takes = takes
        self._meetings = meetings
        self._clock = clock
        self._report = report
        self._bell = Bell()
        self._noticed: set[str] = set()
        # By room: who was let in, and until when their token is good. In the session they are
        # somewhat later, and after a restart nobody is on their way.
        self._admitted: dict[str, dict[str, datetime]] = {}
        self._is_away = False
        self._news: dict[str, Bell] = {}

    def admitted(self, room_id: str, participant_id: str) -> None:
        """Somebody is about to come in."""
        until = self._clock.now() + _ADMITTED
        self._admitted.setdefault(room_id, {})[participant_id] = until

    def sent_out(self, room_id: str, participant_id: str) -> None:
        """Somebody is not to come in any more."""
        self._admitted.get(room_id, {}).pop(participant_id, None)
        self._wake(room_id)

    def closed(self, room_id: str) -> None:
        """Nobody is."""
        self._admitted.pop(room_id, None)
        self._wake(room_id)

    def noticed(self, notice: Notice) -> None:
        """LiveKit has something to tell of a room."""
        self._wake(notice.room_id)

    async def wait_for_news(self, room_id: str, seconds: float) -> None:
        """Return at the next notice of a room, or after that long."""
        bell = self._news.setdefault(room_id, Bell())
        try:
            await bell.wait(self._clock, seconds)
        finally:
            self._news.pop(room_id, None)

    async def host(self, room_id: str) -> str | None:
        """Who of those inside has the room; None: nobody."""

        def work(records: Records, _: datetime) -> str | None:
            session = records.sessions.running(room_id)
            present = () if session is None else records.sessions.present(session)
            return next((who.id for who in present if who.is_host), None)

        return await self._meetings.look(work)

    async def run(self) -> None:
        """Look until cancelled."""
        began: datetime | None = None
        while True:
            self._bell.silence()
            noticed = frozenset(self._noticed)
            self._noticed.clear()
            now = self._clock.now()
            # Notices may come without end; the wall clock may be set back.
            if began is None or not noticed or not began <= now < began + _EVERY:
                began = now
                await self.look()
            else:
                await self.look(noticed)
            await self._clock.sleep(_PAUSE)
            await self._bell.wait(self._clock, _AWAY if self._is_away else POLL)

    async def look(self, only: frozenset[str] | None = None) -> None:
        """Compare once, and put right; None: all rooms, otherwise those alone."""
        try:
            await self._hold_rooms(only)
            if only is None and self._takes is not None:
                await self._takes.tidy()
        except LiveKitFault as fault:
            if not self._is_away:
                self._report("livekit.away", {"error": str(fault)})
            self._is_away = True
        except (MediumFault, StoreFault, OSError) as fault:
            self._report("livekit.not_watched", {"error": str(fault)})
        except Exception as error:  # noqa: BLE001 - a look that fails must not end the server
            self._report("livekit.not_watched", {"error": type(error).__name__})
        else:
            if self._is_away:
                self._report("livekit.back", {})
            self._is_away = False

    async def _hold_rooms(self, only: frozenset[str] | None) -> None:
        there = await self._calls.rooms()
        wanted = await self._meetings.look(_sessions)
        looked_at = (there | wanted.keys()) if only is None else only
        for room_id in sorted(looked_at):
            allowed = wanted.get(room_id, frozenset()) | self._on_their_way(room_id)
            if room_id in there:
                await self._hold(room_id, allowed)
            elif room_id in wanted:
                await self._calls.keep_room(room_id, self._most)

    async def _hold(self, room_id: str, allowed: frozenset[str]) -> None:
        # LiveKit may serve others too, whose rooms are none of our business.
        if not await self._meetings.look(lambda records, _: records.rooms.kept(room_id)):
            return
        if not allowed:
            if not self._on_their_way(room_id):  # nobody since
                await self._calls.end_room(room_id)
            return
        for one in await self._calls.people(room_id):
            if one.participant_id not in allowed | self._on_their_way(room_id):
                await self._calls.remove(room_id, one.participant_id)

    def _on_their_way(self, room_id: str) -> frozenset[str]:
        now = self._clock.now()
        admitted = self._admitted.get(room_id, {})
        for participant_id in [one for one, until in admitted.items() if until <= now]:
            del admitted[participant_id]
        if not admitted:
            self._admitted.pop(room_id, None)
        return frozenset(admitted)

    def _wake(self, room_id: str) -> None:
        self._noticed.add(room_id)
        self._bell.ring()
        if room_id in self._news:
            self._news[room_id].ring()


def _sessions(records: Records, _: datetime) -> dict[str, frozenset[str]]:
    """Who is in the session of each room where people meet."""
    found: dict[str, frozenset[str]] = {}
    for room_id in records.sessions.with_live():
        session = records.sessions.running(room_id)
        if session is not None:
            found[room_id] = frozenset(who.id for who in records.sessions.present(session))
    return found
