"""What one transaction about pages writes, and what is told of it: facts, and the answer's word."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.pages import Opened, Signal
from orchestrator.domain.paging import Taken, Turn
from orchestrator.domain.reports import Person
from orchestrator.foundation.instants import format_instant
from orchestrator.ports.intake import Outcome

Place = tuple[str, str]  # a page: its source, and its digest there


@dataclass(slots=True)
class Draft:
    """What one transaction is going to write, and what it will be then."""

    episodes: dict[str, Episode] = field(default_factory=dict)
    latest: dict[Place, Episode] = field(default_factory=dict)
    opened: list[Episode] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def put(self, episode: Episode) -> None:
        """An episode in its new state."""
        self.episodes[episode.id] = episode
        _note_latest(self.latest, episode)

    def now(self, episode: Episode) -> Episode:
        """What this transaction makes of an episode."""
        changed = self.latest.get(place_of(episode))
        return changed if changed is not None and changed.id == episode.id else episode

    def grow(self, other: Draft) -> None:
        """Take in what another part of the same transaction writes."""
        self.episodes |= other.episodes
        self.latest |= other.latest
        self.opened += other.opened
        self.facts += other.facts


def _note_latest(latest: dict[Place, Episode], episode: Episode) -> None:
    """Know an episode as its page's latest, unless a later one is known."""
    known = latest.get(place_of(episode))
    if known is None or known.count <= episode.count:
        latest[place_of(episode)] = episode


def place_of(episode: Episode) -> Place:
    """The page of an episode."""
    return episode.page.source, episode.page.digest


def room_key(episode: Episode) -> str:
    """The encoded key of the room that an episode has for itself; or an empty text."""
    key = episode.key
    return "" if key is None else key.encoded


_OUTCOMES: Final = {
    Turn.OPENS: Outcome.OPENED,
    Turn.REOPENS: Outcome.OPENED,
    Turn.TELLS: Outcome.KNOWN,
    Turn.CLOSES: Outcome.CLOSED,
    Turn.REMEMBERS: Outcome.CLOSED,
}


def outcome_of(taken: Taken, signal: Signal) -> Outcome:
    """What the sender is told: nothing new of an opening is known, of anything else ignored."""
    known = Outcome.KNOWN if isinstance(signal, Opened) else Outcome.IGNORED
    return _OUTCOMES.get(taken.turn, known)


def sent_fact(signal: Signal, episode: Episode, person: Person) -> Fact:
    """A person sent a signal by hand."""
    fact = fact_of("page.sent", episode, person.reason, signal=type(signal).__name__.lower())
    return replace(fact, actor=person.actor, cause="command")


def fact_of(event: str, episode: Episode, reason: str, **more: Json) -> Fact:
    """A fact about an episode."""
    page = episode.page
    detail: dict[str, Json] = {
        "source": page.source,
        "page": page.key,
        "title": page.title,
        "severity": str(page.severity),
        "service": page.service,
        "number": page.number,
        "episode": episode.id,
        "count": episode.count,
        "opened_at": "" if page.opened_at is None else format_instant(page.opened_at),
    }
    shown = {name: value for name, value in {**detail, **more}.items() if value != ""}
    return Fact(event, key=room_key(episode), reason=reason, detail=shown)
