"""Finding: what a person means by a name, among all that is wanted, remembered, paged or seen.

It reads and changes nothing.  Of several things that fit equally well it chooses none and asks
back; what no name of ours fits is looked for among the facts, so that what is gone is found too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from orchestrator.domain.chains import tells_of
from orchestrator.domain.episodes import Episode
from orchestrator.domain.keys import InvalidKeyError, Key, decode_key, parse_key
from orchestrator.domain.links import PATH
from orchestrator.domain.naming import Names, code_of, folded_name, keys_named, near_names
from orchestrator.domain.policies import Policy
from orchestrator.domain.records import KeyState
from orchestrator.domain.rooms import Observed
from orchestrator.engine.pagedesk import PageQuestions
from orchestrator.engine.supervisor import Engine
from orchestrator.ports.desk import DeskError

FACTS_AT_ONCE: Final = 2_000
_OPENINGS: Final = 3  # of each schedule
_NAMED: Final = 5
_INVALID: Final = 2


@dataclass(frozen=True, slots=True)
class OfKey:
    """A key is meant.

    Attributes:
        room_id: the room that was named, where it was a room.
        former: the key's former name, where that was asked for.
        episode: the page, where that was named.
    """

    key: Key
    room_id: str = ""
    former: str = ""
    episode: Episode | None = None


# A key, a page that has none, all keys of a policy, or a room that is not ours.
Meant = OfKey | Episode | Policy | Observed


class Finding:
    """Finds what is meant."""

    def __init__(self, engine: Engine, paging: PageQuestions) -> None:
        """Look in what ``engine`` knows."""
        self._engine = engine
        self._parts = engine.parts
        self._paging = paging

    async def meant(self, text: str) -> Meant | None:
        """What a name means; None where nothing is known by it.

        Raises:
            DeskError: it may be several things.
        """
        name = text.strip()
        if not name:
            raise DeskError("say what is meant: a key, a room's id, code, link or name", _INVALID)
        store = self._parts.store
        key = await store.key_of_room(name)
        if key is not None:
            return OfKey(key, room_id=name)
        name = self._of_link(name)
        key = parsed(name)
        if key is not None and await store.state(key) is not None:
            return OfKey(key)  # as most are asked for: nothing else need be read
        states = {state.key: state for state in await store.states()}
        found = self._key(name, states) or self._one(name, states)
        if found is not None:
            return found
        policy = self._engine.reconciler.book.policies.get(name)
        if policy is not None:
            return policy
        episodes = await self._paging.named(name)
        if len(episodes) > 1:
            told = "; ".join(
                f"{one.page.source} {one.page.number or one.page.key}" for one in episodes[:_NAMED]
            )
            raise DeskError(f"{name!r} may be the pages {told}; name one of them", _INVALID)
        for episode in episodes:
            return episode if episode.key is None else OfKey(episode.key, episode=episode)
        return await self._gone(name)

    def _of_link(self, name: str) -> str:
        """The key or policy that a link of ours leads to, as it is encoded; else the name."""
        scheme = self._engine.links.scheme
        begin = f"{scheme.public_url}{PATH}"
        target = scheme.read(name.removeprefix(begin)) if name.startswith(begin) else None
        return name if target is None else target.encoded

    def _key(self, name: str, states: Mapping[Key, KeyState]) -> OfKey | None:
        book = self._engine.reconciler.book
        for key in (parsed(name), decode_key(name)):
            if key is None:
                continue
            known = key in states or key in book.wishes or key in book.kept or key in book.paged
            if known or self.is_to_come(key):
                return OfKey(key)
            heirs = [state.key for state in states.values() if key.encoded in state.former]
            if heirs:
                return OfKey(heirs[0], former=str(key))
        return None

    def is_to_come(self, key: Key) -> bool:
        """Whether a key is one of the next occurrences of its schedule."""
        book = self._engine.reconciler.book
        rows = self._parts.occurrences.upcoming(book, _OPENINGS)
        return any(row.key == str(key) for row in rows)

    def _one(self, name: str, states: Mapping[Key, KeyState]) -> OfKey | None:
        keys = keys_named(name, self._known(states))
        if len(keys) > 1:
            more = f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else ""
            told = ", ".join(str(key) for key in keys[:_NAMED])
            raise DeskError(f"{name!r} may be {told}{more}; name one of them", _INVALID)
        return OfKey(keys[0]) if keys else None

    def _known(self, states: Mapping[Key, KeyState]) -> Iterator[Names]:
        book = self._engine.reconciler.book
        for state in states.values():
            links = {room.guest_url for room in state.rooms} - {""}
            names = {room.display_name for room in state.rooms}
            if state.wish is not None:
                names.add(state.wish.display_name)
            codes = {room.meeting_code for room in state.rooms} - {""}
            exact = {state.key.encoded, *links}
            yield Names(state.key, frozenset(exact), frozenset(codes), frozenset(names))
        for key, wish in book.wishes.items():
            if key not in states:
                called = frozenset({wish.display_name})
                yield Names(key, frozenset({key.encoded}), called=called)

    async def _gone(self, name: str) -> Meant | None:
        """What is there no more, or was never ours."""
        key = await self._parts.store.key_of_former_room(name)
        if key is not None:
            return OfKey(key, room_id=name)
        for room in self._parts.observations.rooms():
            codes = {code_of(room.meeting_code)} - {""}
            called = folded_name(room.display_name) == folded_name(name)
            if name in {room.id, room.guest_url} or code_of(name) in codes or called:
                return room
        asked = parsed(name)
        names = {name} if asked is None else {name, asked.encoded}
        last, found = 0, None
        while facts := await self._parts.store.facts(last, FACTS_AT_ONCE):
            last = facts[-1].seq
            for recorded in facts:
                if recorded.fact.key and tells_of(recorded, names):
                    found = recorded
        key = None if found is None else decode_key(found.fact.key)
        if found is None or key is None:
            return None
        return OfKey(key, room_id="" if asked == key else found.fact.room_id)

    async def near(self, name: str) -> tuple[str, ...]:
        """Names that may have been meant."""
        book = self._engine.reconciler.book
        known = {str(key) for key in book.wishes}
        known |= {str(state.key) for state in await self._parts.store.states()}
        known |= book.policies.keys()
        # Over 100,000 names it takes a second, in which nothing else may wait.
        return await asyncio.to_thread(near_names, name, sorted(known))


def parsed(name: str) -> Key | None:
    """A key as people write it; None for what is none."""
    try:
        return parse_key(name)
    except InvalidKeyError:
        return None
