"""What a rebuilt store is told at its birth: states, journal, and the notes of the engine's parts.

One commit, so that a store is rebuilt whole or not at all.  It refuses to invent: cursors, counts
and what was learnt of the API by trying are left to be learnt again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain.facts import Fact
from orchestrator.domain.freezes import write_freezes
from orchestrator.domain.rebuilding import Rebuilt
from orchestrator.domain.retelling import Memory
from orchestrator.domain.themes import ThemeMemory
from orchestrator.engine.brakes import APPROVAL, RECENT, note_of
from orchestrator.engine.executor import VERIFIED
from orchestrator.engine.freezes import FREEZES
from orchestrator.engine.gathering import DISOWNED
from orchestrator.engine.hints import OPEN_SESSIONS, KeptSessions
from orchestrator.engine.lineage import LINEAGE
from orchestrator.engine.places import MARKS
from orchestrator.engine.themerecords import THEMES
from orchestrator.foundation.instants import format_instant
from orchestrator.foundation.shapes import dumps
from orchestrator.ports.store import Commit, PolicyText


@dataclass(frozen=True, slots=True)
class Terms:
    """What of the past still counts now.

    Attributes:
        now: when the store is made (wall clock, as the facts are dated).
        per: within which brakes count what was ended.
        occupied_max: after which a session without a sign of life holds no room.
        lineage: the incarnations of all stores of this installation, the new one among them.
    """

    now: datetime
    per: timedelta
    occupied_max: timedelta
    lineage: Iterable[str]


def birth(
    rebuilt: Rebuilt, memory: Memory, terms: Terms, policies: Iterable[PolicyText], told: Fact
) -> Commit:
    """The one commit that makes a rebuilt store.

    Args:
        rebuilt: its states and journal.
        memory: what else the facts tell.
        terms: what of it still counts.
        policies: the last good texts that are known.
        told: the fact of the rebuild itself; it comes first.
    """
    return Commit(
        states=tuple(rebuilt.states[key] for key in sorted(rebuilt.states)),
        operations=tuple(rebuilt.operations),
        facts=(told, *rebuilt.facts),
        policies={text.name: text for text in policies},
        notes=_notes(rebuilt, memory, terms),
        episodes=tuple(memory.pages.standing(terms.now)),
    )


def _notes(rebuilt: Rebuilt, memory: Memory, terms: Terms) -> Mapping[str, str | None]:
    notes: dict[str, str | None] = {LINEAGE: json.dumps(sorted(terms.lineage))}
    notes |= {DISOWNED + room_id: actor for room_id, actor in rebuilt.disowned.items()}
    recent = [
        [format_instant(ended.at), ended.key, ended.link, ended.approved]
        for ended in memory.ended
        if terms.now - ended.at < terms.per
    ]
    if recent:
        notes[RECENT] = json.dumps(recent)
    approved = {key: word for key, word in memory.approved.items() if terms.now < word.until}
    if approved:
        notes[APPROVAL] = note_of(approved)
    if memory.freezes:
        notes[FREEZES] = write_freezes(memory.freezes)
    notes |= {MARKS + name: mark for name, mark in memory.archives.items()}
    if memory.verified:
        notes[VERIFIED] = memory.verified
    inside = {
        room_id: holding
        for room_id, sessions in memory.sessions.items()
        if (
            holding := {
                session_id: session
                for session_id, session in sessions.items()
                if terms.now - session.sign_at < terms.occupied_max
            }
        )
    }
    if inside:
        notes[OPEN_SESSIONS] = dumps(KeptSessions, KeptSessions(inside)).decode()
    themes = memory.themes.memory(terms.now - terms.per)
    if themes.records or themes.removed:
        notes[THEMES] = dumps(ThemeMemory, themes).decode()
    return notes
