"""What happens by itself: rooms expire, and are forgotten when nobody needs them any more."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.meetings_server.model.life import OVER, Effect, Life, advance, due
from orchestrator.meetings_server.ports import Records
from orchestrator.meetings_server.service.announcing import Announcer

#: Rooms in one transaction: enough to be quick, few enough that nobody waits long behind them.
CHUNK: Final = 500


def moment_of(life: Life, retention: timedelta) -> datetime | None:
    """When a room expires or is forgotten, whichever comes next."""
    if life.phase in OVER and life.ended_at is not None:
        return life.ended_at + retention
    return due(life)


def next_moment(records: Records, retention: timedelta) -> datetime | None:
    """When the next of all rooms expires or is forgotten; None: there is none."""
    ended = records.rooms.first_ended()
    moments = (records.rooms.next_due(), None if ended is None else ended + retention)
    return min((moment for moment in moments if moment is not None), default=None)


def catch_up(records: Records, announcer: Announcer, retention: timedelta, now: datetime) -> None:
    """Carry out what came due until `now`, a chunk of it; `next_moment` tells what is left."""
    for room in records.rooms.due(now, CHUNK):
        life, happened = advance(room.life, now)
        moved = replace(room, life=life)
        records.rooms.save(moved)
        # Only rooms expire by themselves; sessions end when somebody leaves.
        if any(one.effect is Effect.ROOM_EXPIRED for one in happened):
            announcer.expired(records, moved, now)
    records.rooms.purge(now - retention, CHUNK)
