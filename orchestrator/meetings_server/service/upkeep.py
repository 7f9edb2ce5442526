"""What happens by itself: rooms expire, and are forgotten when nobody needs them any more."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.meetings_server.model.life import Effect, advance
from orchestrator.meetings_server.ports import Records
from orchestrator.meetings_server.service.announcing import Announcer

#: Rooms in one transaction: enough to be quick, few enough that nobody waits long behind them.
CHUNK: Final = 500


def catch_up(records: Records, announcer: Announcer, retention: timedelta, now: datetime) -> bool:
    """Carry out what came due until `now`, a chunk of it; whether there may be more."""
    due = records.rooms.due(now, CHUNK)
    for room in due:
        life, happened = advance(room.life, now)
        moved = replace(room, life=life)
        records.rooms.save(moved)
        # Only rooms expire by themselves; sessions end when somebody leaves.
        if any(one.effect is Effect.ROOM_EXPIRED for one in happened):
            announcer.expired(records, moved, now)
    purged = records.rooms.purge(now - retention, CHUNK)
    return len(due) == CHUNK or purged == CHUNK
