"""The preview: what every key's plan says, without an act; the same functions as a turn uses.

Notes, which only change what we remember, are followed in memory, so that what comes after them is
seen as well.  It refuses to guess how an API would answer: it stops at the first call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from orchestrator.domain import outcomes
from orchestrator.domain.actions import Action, Adopt, Hold, Miss, Plan
from orchestrator.domain.keys import Key
from orchestrator.domain.outcomes import Teller
from orchestrator.domain.plan import plan, withhold
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import LinkFate, PlanLine
from orchestrator.domain.situation import Situation
from orchestrator.engine.book import Book
from orchestrator.engine.brakes import Brakes, is_counted
from orchestrator.engine.gathering import Gathering, heir, take_in
from orchestrator.engine.reload import moves
from orchestrator.engine.showing import held_line, in_order, plan_line, standing_line
from orchestrator.ports.clock import Clock
from orchestrator.ports.store import Store

_STEPS_MOST: Final = 8
Reviewed = Callable[[Key], frozenset[str] | None]


@dataclass(frozen=True, slots=True)
class Previewed:
    """One key: its state now, what would be done, and what is held."""

    state: KeyState
    actions: tuple[Action, ...]
    made: Plan


@dataclass(frozen=True, slots=True)
class Preview:
    """All keys, as lines."""

    lines: tuple[PlanLine, ...]
    held: tuple[PlanLine, ...]
    standing: tuple[PlanLine, ...]
    unchanged: int
    states: tuple[KeyState, ...] = ()  # of the rooms that stay, with the wish that they will have


async def preview(
    book: Book,
    store: Store,
    gathering: Gathering,
    brakes: Brakes,
    clock: Clock,
    reviewed: Reviewed | None = None,
) -> Preview:
    """Plan every key that is wanted or remembered.

    ``reviewed`` are the marks of the acts that a pause would let through, by key.
    """
    states = {state.key: state for state in await store.states()}
    moved = moves(book, states)
    overlay = _move(states, moved, book)
    keys = sorted(overlay.keys() | book.wishes.keys())
    all_keys = [
        await preview_key(key, overlay.get(key) or KeyState(key), book, gathering, reviewed)
        for key in keys
    ]
    # With what was followed: a decision that only changes our memory may end a link as well.
    plans = [(one.state, replace(one.made, actions=one.actions)) for one in all_keys]
    verdict = brakes.preview(plans, clock.now())
    lines = [_moved_line(new, old, overlay) for new, old in moved]
    held: list[PlanLine] = []
    unchanged = 0
    for one in all_keys:
        braked = one.state.key.encoded in verdict.held
        mine = _lines_of(one, verdict.brake if braked else "")
        lines.extend(line for line in mine if not line.held_by)
        held.extend(line for line in mine if line.held_by)
        unchanged += not mine and one.state.current is not None
    standing = [standing_line(state) for state in overlay.values()]
    return Preview(
        in_order(lines),
        in_order(held),
        in_order([line for line in standing if line is not None]),
        unchanged,
        tuple(one.state for one in all_keys if not any(act.calls for act in one.actions)),
    )


def _move(
    states: Mapping[Key, KeyState], moved: Iterable[tuple[Key, Key]], book: Book
) -> dict[Key, KeyState]:
    overlay = dict(states)
    for new, old in moved:
        before = overlay.pop(old)
        into = heir(overlay.get(new) or KeyState(new), before, book)
        teller = Teller("", "", before.rooms[0].granted_at)
        after = outcomes.rekeyed(before, into, teller, "").state
        if after is not None:
            overlay[new] = after
    return overlay


def _moved_line(new: Key, old: Key, overlay: Mapping[Key, KeyState]) -> PlanLine:
    room = overlay[new].current
    return PlanLine(
        action="move",
        key=str(new),
        reason=f"formerly {old}: same room, same link",
        room_id=room.id if room is not None else "",
        display_name=room.display_name if room is not None else "",
        link=LinkFate.STAYS,
    )


async def preview_key(
    key: Key, state: KeyState, book: Book, gathering: Gathering, reviewed: Reviewed | None = None
) -> Previewed:
    """Plan one key, following what only changes our memory."""
    state = take_in(state, book)
    marks = None if reviewed is None else reviewed(key)
    situation = await gathering.situation(key, state, book, reviewed=marks)
    if situation is None:
        return Previewed(state, (), Plan(holds=(Hold("doubt", "what is wanted is not known"),)))
    # Its theme is made in the same pass, before it.
    situation = replace(situation, awaits="")
    mode = gathering.mode(key.policy, book, state.wish)
    followed: list[Action] = []
    made = withhold(plan(situation), mode)
    for _ in range(_STEPS_MOST):
        first = made.actions[0] if made.actions else None
        if first is None or first.calls or isinstance(first, Miss):
            break
        followed.append(first)
        after = _follow(situation, first)
        if after is None:
            made = replace(made, actions=())
            break
        situation = after
        made = withhold(plan(situation), mode)
    return Previewed(state, (*followed, *made.actions), made)


def _follow(situation: Situation, action: Action) -> Situation | None:
    """The situation after a note; None where nothing is left of it."""
    teller = Teller("", "", situation.now)
    state = outcomes.noted(situation.state, action, teller).state
    if state is None:
        return None
    if not isinstance(action, Adopt):
        return replace(situation, state=state)
    claims = tuple(claim for claim in situation.claims if claim.room.id != action.room.id)
    sightings = {**situation.sightings, action.room.id: action.room}
    pending = None if action.recovers is not None else situation.pending
    return replace(situation, state=state, claims=claims, sightings=sightings, pending=pending)


def _lines_of(one: Previewed, brake: str) -> Sequence[PlanLine]:
    lines: list[PlanLine] = []
    for action in one.actions:
        if brake and is_counted(action, one.state):
            hold = Hold("brake", f"brake {brake}: too many links would end or change", None, action)
            line = held_line(one.state, hold)
        else:
            line = plan_line(one.state, action)
        if line is not None:
            lines.append(line)
    held = (held_line(one.state, hold) for hold in one.made.holds)
    lines.extend(line for line in held if line is not None)
    return lines
