"""Our own links: what stands behind one, from memory as far as can be.

It acts on nothing: a room is made because a policy asks for it, not because somebody came.  Links
of pages are answered by whoever keeps pages; everything else is answered here, from the book, the
store's states and what the API last said.  A store that cannot record answers all the same, and
while nothing is known yet, nothing is said to have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from orchestrator.domain.announcements import Stage
from orchestrator.domain.feed import HORIZON, MOST_OF_A_POLICY
from orchestrator.domain.keys import Key, decode_key
from orchestrator.domain.leading import NOT_KNOWN, OVER, Standing, running_or_next, view_of
from orchestrator.domain.links import NO_LINKS, Coming, LinkScheme, LinkView
from orchestrator.domain.occurrences import is_subject
from orchestrator.domain.policies import Policy, Schedule
from orchestrator.domain.records import KeyState
from orchestrator.engine.book import Book
from orchestrator.engine.names import Names
from orchestrator.engine.reconciler import Parts, Reconciler
from orchestrator.ports.links import LinkDesk
from orchestrator.ports.store import StoreFault

_log = structlog.get_logger(__name__)
_EVER: Final = timedelta(days=366 * 10)
_CHAIN_MOST: Final = 16  # keys that were renamed one after another
_COMING_MOST: Final = 5  # meetings that a series' page names


class PageDesk(LinkDesk, Protocol):
    """Who answers for links of pages, and knows them from others."""

    def link_of(self, key: Key) -> str | None:
        """The link of the page whose room a key is; None for keys that are no page's."""
        ...


class Links:
    """Implements `orchestrator.ports.links.LinkDesk`."""

    def __init__(self, parts: Parts, reconciler: Reconciler, scheme: LinkScheme = NO_LINKS) -> None:
        """Answer from what these know; ``scheme`` says how links are spelled."""
        self._parts = parts
        self._reconciler = reconciler
        self._names = Names(self._parts.store, self._parts.clock)
        self.scheme = scheme
        self.known: Callable[[], bool] = lambda: True
        """Whether the policies were read: until then nothing is said to be unknown."""
        self.pages: PageDesk | None = None
        """Who answers for links of pages."""
        self.calendars: Sequence[str] = ()
        """The destinations that are calendars."""

    def link_of(self, key: Key) -> str:
        """Our link of a key; empty where this daemon has no public address."""
        of_page = None if self.pages is None else self.pages.link_of(key)
        if of_page is not None:
            return of_page
        return self.scheme.link_of(key.policy, key.subject)

    async def former(self) -> Mapping[str, Key]:
        """Names of rooms that are no more, encoded, and what took their place."""
        return await self._names.heirs(self._book)

    async def look(self, policy: str, subject: str) -> LinkView | None:
        """What stands behind a link now."""
        if self.pages is not None:
            page = await self.pages.look(policy, subject)
            if page is not None:
                return page
        try:
            return await self._look(policy, subject)
        except StoreFault as fault:
            _log.error("store.failed", error=str(fault))
            return LinkView(Stage.WAITING, note=NOT_KNOWN)

    async def press(self, policy: str, subject: str) -> LinkView | None:
        """Somebody asks for a room; only a page's link can make one."""
        if self.pages is not None:
            page = await self.pages.press(policy, subject)
            if page is not None:
                return page
        return await self.look(policy, subject)

    async def take_fallback(self, policy: str, subject: str) -> LinkView | None:
        """Somebody is about to be sent to a fallback; only a page's link has one."""
        if self.pages is not None:
            page = await self.pages.take_fallback(policy, subject)
            if page is not None:
                return page
        return await self.look(policy, subject)

    # --- keys -------------------------------------------------------------------------------------

    @property
    def _book(self) -> Book:
        return self._reconciler.book

    async def _look(self, policy: str, subject: str) -> LinkView | None:
        called = self.called_now(policy)
        if not subject:
            view = await self._series(called or policy)
            return replace(view, formerly=True) if view is not None and called else view
        # Its own former name first: that one may have gone further than its policy.
        view = await self._of_key(policy, subject)
        if view is None and called:
            view = await self._of_key(called, subject)
            return None if view is None else replace(view, formerly=True)
        return view

    async def _of_key(self, policy: str, subject: str) -> LinkView | None:
        encoded = f"{policy}/{subject}"
        key = decode_key(encoded) or await self._names.whole(encoded, self._book)
        now = self._parts.rooms.api_now()
        own = None if key is None else await self.standing(key)
        if own is not None and (own.is_wanted or not self.known()):
            return view_of(own, now)
        heir = await self._heir(encoded)
        # A room that lives, the heir's before one's own; then what else there is to say of both.
        found = [one for one in (heir, own) if one is not None]
        found.sort(key=lambda one: one.joinable(now) is None)
        for one in found:
            view = view_of(one, now)
            if view is not None:
                return replace(view, formerly=True) if one is heir else self._with_next(key, view)
        return self._of_occurrence(policy, subject)

    def called_now(self, former: str) -> str:
        """The policy that was called so formerly, unless one is called so now."""
        policies = self._book.policies
        if former in policies:
            return ""
        return next((one.name for one in policies.values() if former in one.formerly), "")

    async def _heir(self, encoded: str) -> Standing | None:
        """The key that a former one's room serves now, or is to: the last of a chain."""
        seen = {encoded}
        found: Standing | None = None
        while len(seen) <= _CHAIN_MOST:
            key = await self._names.heir(encoded, self._book)
            if key is None or key.encoded in seen:
                break
            found = await self.standing(key)
            if found.is_wanted:
                break
            encoded = key.encoded
            seen.add(encoded)
        return found

    async def standing(self, key: Key) -> Standing:
        """How it stands with a key. Raises `StoreFault`."""
        parts, book = self._parts, self._book
        state = await parts.store.state(key) or KeyState(key)
        sights = {room.id: parts.observations.sighting(room.id) for room in state.rooms}
        return Standing(
            state=state,
            wish=book.wish(key, state) if self.known() else None,
            mode=parts.gathering.mode(key.policy, book, state.wish),
            holds=self._reconciler.last_holds.get(key, ()),
            sights={room_id: sight for room_id, sight in sights.items() if sight is not None},
            uses={room.id: parts.gathering.use(room) for room in state.rooms},
        )

    # --- schedules --------------------------------------------------------------------------------

    async def _series(self, name: str) -> LinkView | None:
        """The running or the next occurrence of a schedule."""
        policy = self._book.policies.get(name)
        if not self.known():
            return await self._overrunning(name) or LinkView(Stage.WAITING, note=NOT_KNOWN)
        if policy is None or not isinstance(policy.made_for, Schedule):
            return await self._overrunning(name)
        view = await self._running_or_next(policy, policy.made_for)
        calendars = {deliver.to for deliver in policy.deliver} & set(self.calendars)
        coming = self._meetings(policy, policy.made_for, view.starts_at)
        return replace(view, coming=coming, has_calendar=bool(calendars))

    async def _running_or_next(self, policy: Policy, schedule: Schedule) -> LinkView:
        name, now = policy.name, self._parts.clock.now()
        occurrences = self._parts.occurrences
        open_now = [
            (key.subject, occurrence) for key, occurrence in occurrences.in_life(policy, schedule)
        ]
        chosen = running_or_next(open_now, now)
        if chosen is None:
            return await self._overrunning(name) or self._coming(policy, schedule)
        standing = await self.standing(Key(name, chosen[0]))
        view = view_of(standing, self._parts.rooms.api_now())
        return view or LinkView(Stage.WAITING, policy.description or name)

    def _meetings(
        self, policy: Policy, schedule: Schedule, shown: datetime | None = None
    ) -> tuple[Coming, ...]:
        """The next meetings of a schedule that have no room yet, but for one that is shown."""
        occurrences = self._parts.occurrences
        ahead = occurrences.ahead(policy, schedule, HORIZON, _COMING_MOST + 1)
        found = [
            Coming(occurrences.name_of(policy, schedule, one, key), one.starts)
            for key, one in ahead
            if one.starts != shown
        ]
        return tuple(found[:_COMING_MOST])

    async def _overrunning(self, name: str) -> LinkView | None:
        """A meeting whose time is over, and whose room still stands."""
        now = self._parts.rooms.api_now()
        found: tuple[datetime, LinkView] | None = None
        for state in await self._parts.store.states(name):
            occurrence = None if state.wish is None else state.wish.occurrence
            standing = await self.standing(state.key) if occurrence is not None else None
            if occurrence is None or standing is None or standing.joinable(now) is None:
                continue
            view = view_of(standing, now)
            if view is not None and (found is None or found[0] < occurrence.starts):
                found = (occurrence.starts, view)
        return None if found is None else found[1]

    def _coming(self, policy: Policy, schedule: Schedule, subject: str = "") -> LinkView:
        """One occurrence to come, or the next of all; without any it is over."""
        occurrences = self._parts.occurrences
        far, most = (HORIZON, MOST_OF_A_POLICY) if subject else (_EVER, 1)
        for key, coming in occurrences.ahead(policy, schedule, far, most):
            if subject in {"", key.subject}:
                return LinkView(
                    Stage.WAITING,
                    occurrences.name_of(policy, schedule, coming, key),
                    opens_at=coming.opens,
                    starts_at=coming.starts,
                    ends_at=coming.ends,
                )
        over = LinkView(Stage.CLOSED, policy.description or policy.name, note=OVER)
        return replace(over, coming=self._shown_after(policy, schedule)) if subject else over

    def _with_next(self, key: Key | None, view: LinkView) -> LinkView:
        """What is said of one meeting that is over: when they meet next, if that may be said."""
        policy = None if key is None else self._book.policies.get(key.policy)
        schedule = None if policy is None else policy.made_for
        if policy is None or view.stage is not Stage.CLOSED or not isinstance(schedule, Schedule):
            return view
        return replace(view, coming=self._shown_after(policy, schedule))

    def _shown_after(self, policy: Policy, schedule: Schedule) -> tuple[Coming, ...]:
        """The next meeting, for whoever has the link of an earlier one.

        Where links carry a token it is no business of theirs: they were invited to that one.
        """
        return () if self.scheme.tokened else self._meetings(policy, schedule)[:1]

    def _of_occurrence(self, name: str, subject: str) -> LinkView | None:
        """An occurrence that is not open: one to come, or one that is over."""
        policy = self._book.policies.get(name)
        schedule = None if policy is None else policy.made_for
        if policy is None or not isinstance(schedule, Schedule) or not is_subject(subject):
            return None
        return self._coming(policy, schedule, subject)
