"""The life of a room: the table of moves, whatever happens in whatever order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.meetings_server.model.life import (
    IN_USE,
    MOVES,
    OPEN,
    OVER,
    TEN_MINUTES,
    Effect,
    Event,
    Happened,
    Kind,
    Life,
    Phase,
    advance,
    due,
    step,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
waits = st.integers(min_value=0, max_value=5 * 3600).map(lambda seconds: timedelta(seconds=seconds))
kinds = st.sampled_from(Kind)


def born(kind: Kind, lifetime: timedelta) -> Life:
    """A room of that kind, made at BEGIN."""
    return Life(kind, BEGIN + (TEN_MINUTES if kind is Kind.INSTANT else lifetime))


class RoomLife(RuleBasedStateMachine):
    """One room, people who come and go, an owner, and time; all told events are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.inside = 0
        self.told: list[Happened] = []
        self.life = born(Kind.INSTANT, TEN_MINUTES)

    @initialize(kind=kinds, hours=st.integers(min_value=1, max_value=48))
    def birth(self, kind: Kind, hours: int) -> None:
        self.life = born(kind, timedelta(hours=hours))

    def happen(self, event: Event) -> bool:
        """Whether the room took it; lateness first, as the service does."""
        moved = step(self.life, event, self.now)
        if moved is None:
            return False
        self.life, happened = moved
        self.told.extend(happened)
        return True

    @rule(wait=waits)
    def time_passes(self, wait: timedelta) -> None:
        self.now += wait
        self.life, happened = advance(self.life, self.now)
        self.told.extend(happened)

    @rule()
    def somebody_comes(self) -> None:
        was_over = self.life.phase in OVER
        came = self.happen(Event.ENTERED)
        assert came is not was_over
        self.inside += came

    @precondition(lambda self: self.inside > 0)
    @rule()
    def somebody_leaves(self) -> None:
        self.inside -= 1
        if self.inside == 0:
            assert self.happen(Event.EMPTIED)

    @rule(kind=st.sampled_from([Kind.ONCE, Kind.LASTING]), wait=waits)
    def the_owner_changes_it(self, kind: Kind, wait: timedelta) -> None:
        if self.life.kind is Kind.INSTANT:
            assert not self.happen(Event.CHANGED)
            return
        before = self.life
        expires_at = self.now + TEN_MINUTES + timedelta(seconds=1) + wait
        self.life = replace(self.life, kind=kind, expires_at=expires_at)
        if not self.happen(Event.CHANGED):
            self.life = before

    @rule()
    def the_owner_deletes_it(self) -> None:
        was_deleted = self.life.phase is Phase.DELETED
        assert self.happen(Event.REMOVED) is not was_deleted
        self.inside = 0

    @invariant()
    def nobody_is_cut_off(self) -> None:
        """Whoever is inside is in a running session."""
        assert (self.inside > 0) == (self.life.phase in IN_USE)

    @invariant()
    def nothing_is_overdue(self) -> None:
        """After `advance` the next moment lies ahead; what is over has none."""
        moment = due(self.life)
        assert moment is None or moment > self.now
        if self.life.phase in OVER:
            assert moment is None
            assert self.life.ended_at is not None

    @invariant()
    def sessions_alternate(self) -> None:
        """Started, ended, started, …: as many ends as starts unless one runs."""
        told = [
            happened.effect for happened in self.told if happened.effect is not Effect.ROOM_EXPIRED
        ]
        assert told[::2] == [Effect.SESSION_STARTED] * len(told[::2])
        assert told[1::2] == [Effect.SESSION_ENDED] * len(told[1::2])
        assert len(told) % 2 == (self.life.phase in IN_USE)

    @invariant()
    def it_expires_once(self) -> None:
        """And then it never opens again."""
        expiries = [one for one in self.told if one.effect is Effect.ROOM_EXPIRED]
        assert len(expiries) <= 1
        if expiries:
            assert self.life.phase not in OPEN
            assert self.life.ended_at == expiries[0].at

    @invariant()
    def it_ends_in_time(self) -> None:
        """An empty room is not available beyond its last moment."""
        if self.inside or self.life.phase not in OPEN:
            return
        last = self.life.expires_at
        if self.life.kind is Kind.INSTANT and self.life.emptied_at is not None:
            last = self.life.emptied_at + TEN_MINUTES
        assert self.now < last


TestRoomLife = RoomLife.TestCase


@given(kinds, waits, st.lists(waits, max_size=6))
def test_steps_of_time_do_not_matter(
    kind: Kind, lifetime: timedelta, waits: list[timedelta]
) -> None:
    """Looked at once at the end, or again and again: the same life, the same events."""
    life = born(kind, lifetime)
    end = BEGIN + sum(waits, timedelta())
    at_once = advance(life, end)
    told: tuple[Happened, ...] = ()
    now = BEGIN
    for wait in [timedelta(), *waits]:
        now += wait
        life, happened = advance(life, now)
        told += happened
    assert (life, told) == at_once


@given(kinds, waits)
def test_an_event_is_told_at_its_own_moment(kind: Kind, lifetime: timedelta) -> None:
    """However late somebody looks."""
    life = born(kind, lifetime)
    late, happened = advance(life, BEGIN + timedelta(days=900))
    assert happened == (Happened(Effect.ROOM_EXPIRED, life.expires_at),)
    assert late.ended_at == life.expires_at


POSSIBLE = {
    Event.ENTERED: set(Phase) - OVER,
    Event.EMPTIED: IN_USE,
    Event.CHANGED: OPEN,
    Event.DUE: OPEN,
    Event.REMOVED: set(Phase) - {Phase.DELETED},
}


def is_possible(phase: Phase, event: Event, kind: Kind) -> bool:
    """Instant rooms cannot be changed, and have no end while in use."""
    if kind is Kind.INSTANT:
        in_use_at_the_end = phase is Phase.ENDING or (phase, event) == (Phase.OCCUPIED, Event.DUE)
        if event is Event.CHANGED or in_use_at_the_end:
            return False
    return phase in POSSIBLE[event]


def test_the_table_is_complete() -> None:
    """What is missing is refused on purpose."""
    possible = {
        (phase, event, kind)
        for phase in Phase
        for event in Event
        for kind in Kind
        if is_possible(phase, event, kind)
    }
    assert set(MOVES) == possible
