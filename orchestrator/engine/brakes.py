"""The brake at work: knows every standing removal and replacement, and judges them as one set.

Keys ask for a permit in the inbox's last lane, which is served only when nothing else waits: so
whatever one cause wishes to end has been planned, and is judged, before any of it is done.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.domain.actions import (
    Action,
    Create,
    Delete,
    Hold,
    LetGo,
    Plan,
    Replace,
    Retire,
    Sleep,
)
from orchestrator.domain.brakes import (
    Approval,
    Limits,
    Standing,
    Verdict,
    approve,
    approved,
    ended_link,
    judge,
    lost_link,
    replaced_by,
)
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState, Role
from orchestrator.foundation.instants import format_duration, format_instant, parse_instant
from orchestrator.ports.store import Store

RECENT: Final = (
    "brakes.recent"  # note: [[instant, key, link, approved], …] of removals in the last `per`
)
APPROVAL: Final = "brakes.approvals"  # note: {key: [link, until, actor, reason]}


def note_of(approvals: Mapping[str, Approval]) -> str:
    """The note in which approvals are kept."""
    told = {
        key: [word.link, format_instant(word.until), word.actor, word.reason]
        for key, word in sorted(approvals.items())
    }
    return json.dumps(told)


@dataclass(frozen=True, slots=True)
class _Removal:
    """One link that was ended or changed; `link` tells it from others of the same key."""

    at: datetime
    key: str
    link: str = ""
    approved: bool = False  # by a person, so it does not count against the next


def standing_of(state: KeyState, acts: Iterable[Action] = ()) -> Standing:
    """What ends or changes: the link of the room, by a decision or one of these acts.

    Or that of the room that was lost.
    """
    current, tombstone = state.current, state.tombstone
    if current is None:
        return Standing(lost_link(state.generation))
    due = None if tombstone is None else tombstone.due
    return Standing(ended_link(current.id, tombstone), due, _act_of(acts))


def _act_of(acts: Iterable[Action]) -> str:
    for act in acts:
        if isinstance(act, Replace):
            return replaced_by(act.desired.digest)
        if isinstance(act, Sleep):
            return "sleep"
    return ""


def is_counted(action: Action, state: KeyState) -> bool:
    """Whether an action ends or changes a link that people have (the design, section 5).

    Rooms of pages come and go with them: no brake holds those.
    """
    if state.is_of_page:
        return False
    match action:
        case Replace() | LetGo() | Sleep():
            return True
        case Create():
            return action.lost
        case Delete() | Retire():
            current = state.current
            return current is not None and current.id == action.room_id
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Said:
    """A person's word about a brake, to be recorded before it holds."""

    approvals: dict[str, Approval]
    fact: Fact
    brake: str


def told_of(standing: Mapping[str, Standing]) -> dict[str, Json]:
    """What a person lets go, by key, as the fact of it tells."""
    return {key: one.shown for key, one in sorted(standing.items())}


class Brakes:
    """All standing wishes to end or change a link, and what a person approved."""

    def __init__(self, store: Store, limits: Limits) -> None:
        """Judge by these limits; remember in ``store`` what was done lately."""
        self._store = store
        self._limits = limits
        self._standing: dict[str, Standing] = {}
        self._shown: dict[str, Standing] = {}  # what the last verdict holds
        self._current: set[str] = set()
        self._recent: list[_Removal] = []
        self._approvals: dict[str, Approval] = {}
        self.one_by_one = asyncio.Lock()
        """Held from `let_go` until what it says is recorded and taken: each note holds all."""
        self.verdict = Verdict(frozenset(), 0, 0)
        self.told = ""
        """The brake of which facts tell; set back by whoever could not record them."""
        self.unjudged = False
        """What stands has changed since the last verdict."""

    async def recall(self) -> None:
        """Read from the store what was done and approved before."""
        recent = await self._store.note(RECENT)
        self._recent = [
            _Removal(parse_instant(at), key, *link) for at, key, *link in json.loads(recent or "[]")
        ]
        text = await self._store.note(APPROVAL)
        if text:
            self._approvals = {
                key: Approval(link, parse_instant(until), actor, reason)
                for key, (link, until, actor, reason) in json.loads(text).items()
            }

    def note(self, key: Key, state: KeyState | None, planned: Plan) -> bool:
        """Take in one key's state and plan, made anew at each of its turns.

        True where it wishes to end or change a link that did not stand before: no verdict counts
        it yet.  Rooms of pages are neither held nor counted: many of them must not raise the limit.
        """
        if state is not None and state.is_of_page:
            state = None
        stands = None
        if state is not None and (state.tombstone is not None or _wishes(state, planned)):
            stands = standing_of(state, _wished(planned))
        changed = stands != self._standing.get(key.encoded)
        self.unjudged |= changed
        if stands is None:
            self._standing.pop(key.encoded, None)
        else:
            self._standing[key.encoded] = stands
        has_room = state is not None and any(room.role is Role.CURRENT for room in state.rooms)
        # A key whose room is lost still counts as an estate of one: the limit must not shrink
        # while rooms vanish.
        _set(self._current, key.encoded, present=has_room or (state is not None and state.lost))
        return changed and stands is not None

    def judge(self, now: datetime) -> tuple[Verdict, tuple[Fact, ...]]:
        """Judge everything that stands; the facts tell of a brake that tripped or let go.

        ``now`` is API time, here and wherever something is counted.
        """
        self.unjudged = False
        verdict = judge(
            self._standing,
            self._fresh_removals(now),
            len(self._current),
            self._limits,
            approved(self._standing, self._approvals, now),
        )
        facts: list[Fact] = []
        if verdict.brake != self.told:
            if self.told:
                facts.append(
                    Fact(
                        "brake.released",
                        reason="another set stands" if verdict.brake else "its cause is gone",
                        detail={"brake": self.told},
                    )
                )
            if verdict.brake:
                facts.append(
                    Fact(
                        "brake.tripped",
                        reason=f"{verdict.wished} links would end or change, {verdict.limit} may",
                        detail={
                            "brake": verdict.brake,
                            "keys": [*sorted(verdict.held)],
                            "limit": verdict.limit,
                        },
                    )
                )
        self.verdict, self.told = verdict, verdict.brake
        self._shown = {key: self._standing[key] for key in verdict.held}
        return verdict, tuple(facts)

    def _fresh_removals(self, now: datetime) -> int:
        """Removals of the last `per` that no approval covered.

        What is older is passed over and not forgotten: a clock that is ahead for an hour would
        forget all.
        """
        links = {key: standing.link for key, standing in self._standing.items()}
        # One that still stands (its call failed, say) is counted as standing, not twice. A key
        # that got another room meanwhile has lost a link, and may be about to lose the next.
        return sum(
            1
            for done in self._recent
            if not done.approved
            and now - done.at < self._limits.per
            and links.get(done.key) != done.link
        )

    def held(self, key: Key) -> Hold | None:
        """The hold of a key that the last verdict stopped."""
        if key.encoded not in self.verdict.held:
            return None
        return Hold(
            "brake",
            f"brake {self.verdict.brake}: {self.verdict.wished} links would end or change, "
            f"{self.verdict.limit} may in {format_duration(self._limits.per)}",
        )

    def done(self, state: KeyState, act: Action, now: datetime) -> dict[str, str | None]:
        """Count a removal or replacement that is about to be carried out; the notes to commit."""
        key, stands = state.key.encoded, standing_of(state, (act,))
        word = bool(approved({key: stands}, self._approvals, now))
        removal = _Removal(now, key, stands.link, word)
        again = (removal.key, removal.link)  # its call failed, and is tried once more
        # Nothing is done while clocks disagree, so here is the moment to forget what is over.
        self._recent = [
            done
            for done in self._recent
            if (done.key, done.link) != again and now - done.at < self._limits.per
        ]
        self._recent.append(removal)
        kept = [
            [format_instant(done.at), done.key, done.link, done.approved] for done in self._recent
        ]
        return {RECENT: json.dumps(kept)}

    def approve(self, brake: str, now: datetime, actor: str, reason: str) -> Said | None:
        """A person lets go exactly what a brake holds; None if no such brake holds.

        Nor where something else is to become of one of its links since it was judged: that was
        shown to nobody.
        """
        if not brake or brake != self.verdict.brake:
            return None
        keys = sorted(self.verdict.held)
        stands = {key: self._standing[key] for key in keys if key in self._standing}
        if any(one.shown != self._shown[key].shown for key, one in stands.items()):
            return None
        approvals = self.let_go(stands, now, actor, reason)
        until = max((approvals[key].until for key in stands), default=now)
        fact = Fact(
            "brake.released",
            actor=actor,
            reason=reason,
            detail={
                "brake": brake,
                "keys": [*keys],
                "standing": told_of(stands),
                "until": format_instant(until),
            },
        )
        return Said(approvals, fact, brake)

    def let_go(
        self, standing: Mapping[str, Standing], now: datetime, actor: str, reason: str
    ) -> dict[str, Approval]:
        """A person lets go exactly these, now or once they stand: all approvals to be kept.

        They hold from `take` on, when they are recorded: what ends by a word that nobody kept
        could never be told (P2).
        """
        kept = {key: word for key, word in self._approvals.items() if now < word.until}
        return kept | {key: approve(one, now, actor, reason) for key, one in standing.items()}

    def take(self, approvals: dict[str, Approval], brake: str = "") -> None:
        """Go by approvals that are recorded; ``brake`` is the one that they release."""
        self._approvals = approvals
        if brake and brake == self.verdict.brake:
            self.verdict = Verdict(frozenset(), self.verdict.wished, self.verdict.limit)
            self.told = ""

    def would_hold(self, standing: Mapping[str, Standing], rooms: int, now: datetime) -> Verdict:
        """What a brake would say if just this stood, in an estate of so many rooms."""
        words = approved(standing, self._approvals, now)
        return judge(standing, self._fresh_removals(now), rooms, self._limits, words)

    def preview(self, plans: Collection[tuple[KeyState, Plan]], now: datetime) -> Verdict:
        """What a brake would say of these plans, without taking them in."""
        standing = {
            state.key.encoded: standing_of(state, _wished(planned))
            for state, planned in plans
            if state.tombstone is not None or _wishes(state, planned)
        }
        rooms = sum(1 for state, _ in plans if state.current is not None or state.lost)
        return self.would_hold(standing, rooms, now)


def _wishes(state: KeyState, planned: Plan) -> bool:
    """Whether a key's plan ends or changes a link."""
    return any(is_counted(action, state) for action in _wished(planned))


def _wished(planned: Plan) -> tuple[Action, ...]:
    """What a plan does, or would if a brake did not hold it."""
    held = (hold.action for hold in planned.holds if hold.by == "brake")
    return (*planned.actions, *(action for action in held if action is not None))


def _set(keys: set[str], key: str, *, present: bool) -> None:
    if present:
        keys.add(key)
    else:
        keys.discard(key)
