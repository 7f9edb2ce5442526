"""Steering: a person's word about one key, recorded with its fact in one transaction.

Nothing is called: the word stands in the store, and the key's next turn goes by it, in this life of
the daemon or the next.  Refused, with what to do instead: a word that the policy's own line would
undo, protection of a room that was let go, and a suspension without an end.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain import steering
from orchestrator.domain.dormancy import woken
from orchestrator.domain.facts import Fact
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState, Role
from orchestrator.domain.renewal import ASKED_MOST, asked_again, asked_end
from orchestrator.domain.reports import Done, Person
from orchestrator.domain.situation import Unwanted
from orchestrator.domain.steering import Word
from orchestrator.engine.gathering import take_in
from orchestrator.engine.supervisor import Engine
from orchestrator.foundation.pasting import shell_word
from orchestrator.ports.desk import DeskError
from orchestrator.ports.store import Commit

_LONGEST: Final = timedelta(days=365)  # nobody remembers longer why a room stands still
_INVALID: Final = 2


class Steering:
    """What a person says about one key."""

    def __init__(self, engine: Engine) -> None:
        """Record in the store of ``engine``."""
        self._engine = engine
        self._parts = engine.parts

    async def protect(self, key: Key, person: Person, *, on: bool) -> Done:
        """Forbid to remove and to replace the key's room, or allow it again."""
        wish = self._engine.reconciler.book.wishes.get(key)
        if wish is not None and wish.protect is not None and wish.protect is not on:
            policy = self._engine.reconciler.book.policies[key.policy]
            raise DeskError(
                f"{policy.file} says protect: {str(wish.protect).lower()}, which would undo this "
                "at its next change; change that line instead",
                _INVALID,
            )
        async with self._parts.store.claim(key):
            state = await self._state(key)
            if on and self._is_let_go(state):
                raise DeskError(
                    f"the room of {key} was let go and comes to its end, which no protection "
                    f"stops; asked for by a policy again, {key} gets it back with its link",
                    _INVALID,
                )
            if state.protect is on:
                return Done(f"{key} is {'' if on else 'not '}protected already.")
            await self._commit(*steering.protected(state, _word(person), on=on))
        if on:
            return Done(
                f"{key} is protected: neither removed nor replaced until  "
                f"room-orchestrator rooms protect {shell_word(key)} --off --reason …"
            )
        return Done(f"{key} is not protected any more.")

    def _is_let_go(self, state: KeyState) -> bool:
        """Whether all that is left of a key are rooms that end, and nothing takes one back."""
        ending = any(room.role is Role.ENDING for room in state.rooms)
        if state.current is not None or not ending:
            return False
        return isinstance(self._engine.reconciler.book.wish(state.key, state), Unwanted)

    async def suspend(self, key: Key, until: datetime, person: Person) -> Done:
        """Stop every act on a key until a moment."""
        now = self._parts.rooms.api_now()
        if until <= now:
            raise DeskError(f"{_minute(until)} is over; name a moment to come", _INVALID)
        if until > now + _LONGEST:
            raise DeskError("a suspension lasts a year at most; say it again then", _INVALID)
        async with self._parts.store.claim(key):
            state = await self._state(key)
            await self._commit(*steering.suspended(state, until, _word(person)))
        end = state.current.expires_at if state.current is not None else None
        lines: tuple[str, ...] = ()
        if end is not None and end <= until:
            lines = (f"Its room ends {_minute(end)}, while nothing renews it.",)
        return Done(f"Nothing is done for {key} until {_minute(until)}.", lines)

    async def renew(self, key: Key, person: Person) -> Done:
        """Ask for a key's room to be renewed at its next turn, whatever its time says."""
        now = self._parts.rooms.api_now()
        async with self._parts.store.claim(key):
            state = await self._state(key)
            refused = _against_renewing(state, now)
            if refused:
                raise DeskError(refused, _INVALID)
            facts: list[Fact] = []
            if state.dormant is not None:
                state, woke = woken(state, _word(person))
                facts.append(woke)
            if state.current is not None:
                state, asked = steering.asked(state, now, _word(person))
                facts.append(asked)
            await self._commit(state, *facts)
        if state.current is None:
            return Done(f"{key} gets a new room: nobody had used the last one, and it has ended.")
        return Done(
            f"The renewal of {key} is asked for; what became of it:  "
            f"room-orchestrator rooms why {shell_word(key)}"
        )

    async def resume(self, key: Key, person: Person) -> Done:
        """End a suspension before its time."""
        async with self._parts.store.claim(key):
            state = await self._state(key)
            if state.suspended is None:
                raise DeskError(f"{key} is not suspended: room-orchestrator status", _INVALID)
            await self._commit(*steering.resumed(state, _word(person)))
        return Done(f"{key} is kept as before.")

    async def _state(self, key: Key) -> KeyState:
        book, store = self._engine.reconciler.book, self._parts.store
        state = await store.state(key)
        if state is None:
            # It may have moved while its claim was waited for.
            for one in await store.states():
                if key.encoded in one.former:
                    raise DeskError(f"{key} has just become {one.key}; say it of that one", 1)
        return take_in(state or KeyState(key), book)

    async def _commit(self, state: KeyState, *facts: Fact) -> None:
        now = self._parts.clock.now()
        await self._parts.store.commit(Commit(states=(state,), facts=facts), now)
        self._parts.recorder.note(state)  # before the key's turn: what is to wait waits at once
        self._parts.inbox.wake(state.key, "command")


def _against_renewing(state: KeyState, now: datetime) -> str:
    """Why a renewal that a person asks for cannot be, as a sentence; or nothing."""
    key, current, wish = state.key, state.current, state.wish
    if state.suspended is not None:
        return f"{key} is suspended: room-orchestrator rooms resume {shell_word(key)} --reason …"
    if current is None and state.dormant is not None:
        return ""
    if current is None or wish is None:
        return f"{key} has no room now that could be renewed"
    if wish.occurrence is not None or wish.lifetime is None or current.expires_at is None:
        return f"the room of {key} has an end of its own, which is not moved by renewing"
    again = asked_again(current, now)
    if again is not None:
        return f"{key} was renewed {ASKED_MOST} times in a day by wishes; again {_minute(again)}"
    if asked_end(now, wish.lifetime) <= current.expires_at:
        return f"{key} ends {_minute(current.expires_at)}, later than a renewal would ask for"
    return ""


def _minute(moment: datetime) -> str:
    return f"{moment:%d %b %Y %H:%M}Z"


def _word(person: Person) -> Word:
    return Word(person.actor, "command", person.reason)
