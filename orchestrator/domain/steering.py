"""Steering: what is remembered of a person's word about one key, and the fact that tells of it.

Each fact tells all that is needed to know the word again from the audit alone: who, why, and until
when.  Nothing here decides what follows from a word: that is the plan's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.records import Ask, KeyState, Suspension
from orchestrator.foundation.instants import format_instant


@dataclass(frozen=True, slots=True)
class Word:
    """Who says something, what made them, and why."""

    actor: str
    cause: str
    reason: str


def protected(state: KeyState, word: Word, *, on: bool) -> tuple[KeyState, Fact]:
    """Protection, by a person or by a policy, or its end."""
    event = "room.protected" if on else "room.unprotected"
    fact = _fact(event, state, word)
    fact = replace(fact, before={"protect": not on}, after={"protect": on})
    return replace(state, protect=on), fact


def suspended(state: KeyState, until: datetime, word: Word) -> tuple[KeyState, Fact]:
    """Nothing is done until a moment of API time; a later word takes the place of an earlier."""
    fact = _fact("room.suspended", state, word, until)
    return replace(state, suspended=Suspension(until, word.actor, word.reason)), fact


def resumed(state: KeyState, word: Word) -> tuple[KeyState, Fact]:
    """A suspension ends, by a person's word or by its time."""
    until = None if state.suspended is None else state.suspended.until
    return replace(state, suspended=None), _fact("room.resumed", state, word, until)


def asked(state: KeyState, now: datetime, word: Word) -> tuple[KeyState, Fact]:
    """A room is to be renewed now; the word stands until that is done, and counts as its use."""
    fact = _fact("room.renew.asked", state, word)
    rooms = tuple(
        replace(room, watched_from=now) if room is state.current else room for room in state.rooms
    )
    return replace(state, asked=Ask(now, word.actor, word.reason), rooms=rooms), fact


def longer(one: Suspension | None, other: Suspension | None) -> Suspension | None:
    """Of two suspensions the one that ends later."""
    there = [each for each in (one, other) if each is not None]
    return max(there, key=lambda each: each.until, default=None)


def fact_of(event: str, state: KeyState, word: Word, detail: Mapping[str, Json]) -> Fact:
    """A fact about a key, and its room if it has one, by a word; it names whom it is about."""
    room = state.current
    wish = "" if state.wish is None else state.wish.display_name
    name = wish if room is None else room.display_name
    return Fact(
        event,
        actor=word.actor,
        key=state.key.encoded,
        room_id="" if room is None else room.id,
        cause=word.cause,
        reason=word.reason,
        detail={"display_name": name, **detail},
    )


def _fact(event: str, state: KeyState, word: Word, until: datetime | None = None) -> Fact:
    return fact_of(event, state, word, {} if until is None else {"until": format_instant(until)})
