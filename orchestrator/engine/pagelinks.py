"""Links of pages: what stands behind one, and what destinations are told of it.

A page's link is the page's, not the episode's: it leads to the latest.  It stands from the moment
that the page is recorded, so people may have it before there is a room; while the API makes none it
offers the fallback, and where people went there, it stays the episode's room (or half of them would
sit in another).  A merged page leads to where it was merged into.

It answers from memory wherever it can: a full disk must not keep people from meeting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.episodes import Episode
from orchestrator.domain.instant import may_open
from orchestrator.domain.keys import InvalidKeyError, Key, decode_subject, parse_key
from orchestrator.domain.leading import OBSERVED, Standing
from orchestrator.domain.links import LinkView
from orchestrator.domain.paging import visible
from orchestrator.domain.policies import DeliverTo, Mode, PageWish
from orchestrator.domain.records import KeyState
from orchestrator.engine.links import Links
from orchestrator.engine.pages import HELD, Pages
from orchestrator.ports.clock import Clock
from orchestrator.ports.rooms import Rooms
from orchestrator.ports.store import StoreFault

_log = structlog.get_logger(__name__)
# A page's subject, and what follows it in the key of an episode's room.
_SUBJECT: Final = re.compile(r"([a-z0-9][a-z0-9-]{0,62})-([0-9a-f]{16})(-[0-9a-z]{12})?")
_TOLD: Final = "page-"  # how the ids of these announcements begin
_MERGES_MOST: Final = 8
_WEATHER: Final = timedelta(minutes=1)  # no page waits longer for what is only weather

ENDED: Final = "Its room has ended."
NOT_NOW: Final = "Several rooms in a row ended because nobody came. Try again in an hour."
CLOSED: Final = "What this room was for is over."
FALLS_BACK: Final = "The meeting service did not make a room in time."
STANDS_IN: Final = "People were sent to another room, and that is where everybody is."
MERGED: Final = "This page was merged into another one; its room is this one."


class PageLinks:
    """Implements `orchestrator.ports.links.LinkDesk` for pages, and makes their announcements."""

    def __init__(self, pages: Pages, links: Links, rooms: Rooms, clock: Clock) -> None:
        """Tell of ``pages``; ``links`` knows how it stands with a key."""
        self._pages = pages
        self._links = links
        self._rooms = rooms
        self._clock = clock
        self.changed: Callable[[Iterable[str]], None] = lambda _: None
        """Called with the ids of announcements of which there may be news."""
        pages.changed = lambda ids: self.changed(_told_as(id_) for id_ in ids)
        self.in_page: Mapping[str, frozenset[str]] = {}
        """Destinations that tell a page in the paging system itself: of which sources. All others
        are told of one room once, however many pages share it."""

    # --- links ------------------------------------------------------------------------------------

    async def look(self, policy: str, subject: str) -> LinkView | None:
        """What stands behind a page's link now; None where it is no page's."""
        place = _place(subject)
        if place is None:
            return None
        try:
            episode = await self._pages.latest(*place)
        except StoreFault as fault:
            _log.error("store.failed", error=str(fault))
            return None
        return None if episode is None else await self._view(episode, policy)

    async def view(self, episode: Episode) -> LinkView:
        """What stands behind the link of an episode now. Raises `StoreFault`."""
        return await self._view(episode, episode.policy)

    async def press(self, policy: str, subject: str) -> LinkView | None:
        """Somebody presses *Open room*."""
        place = _place(subject)
        if place is None:
            return None
        try:
            await self._pages.ask(*place, "link")
        except StoreFault as fault:
            _log.error("store.failed", error=str(fault))
        return await self.look(policy, subject)

    async def take_fallback(self, policy: str, subject: str) -> LinkView | None:
        """Somebody is sent to the fallback: from now on it is this episode's room."""
        view = await self.look(policy, subject)
        place = _place(subject)
        if view is None or place is None or not view.fallback_link:
            return view
        try:
            episode = await self._pages.latest(*place)
            if episode is not None:
                await self._pages.divert(episode.id, view.fallback_says)
        except StoreFault as fault:
            # Whoever is on the way is sent there all the same.
            _log.error("store.failed", error=str(fault))
        return view

    def link_of(self, key: Key) -> str | None:
        """The link of the page whose room a key is; None for keys that are no page's."""
        if key not in self._pages.wishes and not self._pages.is_of_page(key.policy):
            return None
        found = _SUBJECT.fullmatch(key.subject)
        subject = key.subject if found is None else f"{found[1]}-{found[2]}"
        return self._links.scheme.link_of(key.policy, subject)

    async def _view(self, episode: Episode, policy: str, merges: int = 0) -> LinkView:
        if episode.merged_into and not episode.is_open and merges < _MERGES_MOST:
            target = await self._pages.latest(episode.page.source, episode.merged_into)
            if target is not None and target.policy:
                view = await self._view(target, policy, merges + 1)
                return replace(view, note=view.note or MERGED)
        title = visible(episode.page.title)
        if episode.wish is not None:
            title = episode.wish.display_name
        shown = LinkView(
            Stage.WAITING, title, opened_at=episode.opened_at, closed_at=episode.closed_at
        )
        key = self._pages.leader(episode).key
        if key is None:
            return replace(shown, stage=Stage.CLOSED, note=episode.reason or CLOSED)
        standing = await self._links.standing(key)
        return await self._stage(shown, episode, standing)

    async def _stage(self, shown: LinkView, episode: Episode, standing: Standing) -> LinkView:
        fallback = episode.fallback
        if fallback is not None and fallback.used_at is not None and episode.over_at is None:
            instead = await self._instead(shown, episode)
            if instead is not None:
                return replace(instead, note=STANDS_IN)
        room = standing.joinable(self._rooms.api_now())
        if room is not None:
            inside = standing.inside(room)
            return replace(shown, stage=Stage.OPEN, room_link=room.guest_url, inside=inside)
        if not episode.is_open:
            return replace(shown, stage=Stage.CLOSED, note=CLOSED)
        if standing.mode is Mode.OBSERVE:
            return replace(shown, note=OBSERVED)
        idle = self._idle(shown, standing.state, self._pages.wish_of(episode))
        if idle is not None:
            return idle
        if standing.state.current is None and self._falls_back(episode, standing.state):
            return await self._instead(shown, episode) or shown
        return shown

    def _idle(self, shown: LinkView, state: KeyState, page: PageWish) -> LinkView | None:
        """What is said where the last room has ended and no other is on its way."""
        if state.current is not None or state.ended_at is None or state.lost:
            return None
        shown = replace(shown, stage=Stage.IDLE)
        if not page.keep_open:
            return replace(shown, note=ENDED)
        if page.asks <= state.asks_met:
            return replace(shown, can_open=True)
        return None if may_open(state, self._rooms.api_now()) else replace(shown, note=NOT_NOW)

    def _falls_back(self, episode: Episode, state: KeyState) -> bool:
        """Whether people have waited long enough, or will not get their room in time."""
        fallback = episode.fallback
        if fallback is None:
            return False
        waited = self._clock.now() - episode.opened_at
        # Where the clock was set back nobody knows how long it was: it must not become a year.
        if waited >= fallback.after or waited < -_WEATHER:
            return True
        # It was refused, not put off by the weather: there is nothing to wait for.
        next_at = state.attempts.next_at
        return next_at is not None and next_at - self._rooms.api_now() > _WEATHER

    async def _instead(self, shown: LinkView, episode: Episode) -> LinkView | None:
        """The view of the fallback; None where there is none that people could use."""
        fallback = episode.fallback
        if fallback is None:
            return None
        link, says = await self._standing_room(fallback.room) if fallback.room else ("", "")
        if not link:
            link, says = fallback.url, "the bridge that always stands"
        if not link:
            return None
        return replace(
            shown,
            stage=Stage.FALLBACK,
            note=FALLS_BACK,
            fallback_link=link,
            fallback_says=says,
        )

    async def _standing_room(self, text: str) -> tuple[str, str]:
        try:
            key = parse_key(text)
        except InvalidKeyError:
            return "", ""
        standing = await self._links.standing(key)
        room = standing.joinable(self._rooms.api_now())
        return ("", "") if room is None else (room.guest_url, room.display_name)

    # --- announcements ----------------------------------------------------------------------------

    def standing(self) -> Sequence[str]:
        """The ids of what is announced of pages that are not over, the latest first."""
        return [_told_as(episode.id) for episode in reversed(self._pages.standing())]

    async def news(self, id_: str) -> Sequence[tuple[DeliverTo, Announcement]]:
        """What is to be told of a page now, by the id of its announcement, and where.

        Nothing where it is over, or there is nothing to tell yet. Raises `StoreFault`.
        """
        episode = self._pages.episode(id_.removeprefix(_TOLD))
        if episode is None:
            return ()
        policy = self._pages.book().policies.get(episode.policy)
        deliver = () if policy is None else policy.deliver
        wanted = [one for one in deliver if self.tells(episode, one.to)]
        told = await self._announcement(episode) if wanted else None
        return [] if told is None else [(one, told) for one in wanted]

    def is_over(self, id_: str) -> bool:
        """Whether a page is over, by the id of its announcement."""
        return self._pages.episode(id_.removeprefix(_TOLD)) is None

    def tells(self, episode: Episode, to: str) -> bool:
        """Whether a destination is told of an episode, where its policy names it."""
        sources = self.in_page.get(to)
        if sources is not None:
            return episode.page.source in sources
        return not episode.shares

    async def _announcement(self, episode: Episode) -> Announcement | None:
        """What people are told of an episode; None while there is nothing to tell yet."""
        view = await self._view(episode, episode.policy)
        held = self._clock.now() < episode.opened_at + HELD
        if view.note == OBSERVED or (view.stage is Stage.WAITING and held):
            return None
        subject = episode.page.subject
        link = self._links.scheme.link_of(episode.policy, subject) or (
            view.room_link or view.fallback_link
        )
        if not link:
            return None
        key = self._pages.leader(episode).key
        state = None if key is None else await self._links.standing(key)
        room = None if state is None or view.stage is not Stage.OPEN else state.state.current
        return Announcement(
            id=_told_as(episode.id),
            revision=0,
            stage=view.stage,
            policy=episode.policy,
            key=str(Key(episode.policy, subject)),
            title=visible(episode.page.title) or view.title,
            link=link,
            page=episode.page,
            note=self._note(episode, view),
            room_id="" if room is None else room.id,
            opened_at=episode.opened_at,
            closed_at=episode.closed_at,
        )

    def _note(self, episode: Episode, view: LinkView) -> str:
        sharers = 0 if episode.shares else self._pages.sharers(episode)
        parts = []
        if sharers:
            parts.append(f"{sharers} more {'page shares' if sharers == 1 else 'pages share'} it.")
        if view.stage is Stage.FALLBACK:
            parts.append(f"Meanwhile: {view.fallback_says}.")
        if not episode.is_open and view.stage is Stage.OPEN:
            stays = "stays for the others" if sharers else "stays until it is empty"
            parts.append(f"The page is closed; the room {stays}.")
        return " ".join(parts)


def _told_as(episode: str) -> str:
    return _TOLD + episode


def _place(subject: str) -> tuple[str, str] | None:
    """The page that an encoded subject names, as a link or as the key of a room has it."""
    decoded = decode_subject(subject)
    found = None if decoded is None else _SUBJECT.fullmatch(decoded)
    return None if found is None else (found[1], found[2])
