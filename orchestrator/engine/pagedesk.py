"""The desk's part about pages: which there are, what became of one, and those sent by hand.

Questions change nothing.  A page that a person sends goes the way of every other one, through
`orchestrator.engine.pages`; it refuses one that no policy could take, and tells how to mend that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.episodes import Episode
from orchestrator.domain.keys import POLICY_NAME
from orchestrator.domain.leading import Standing
from orchestrator.domain.links import LinkView
from orchestrator.domain.pages import (
    FIELD_MOST,
    KEY_MOST,
    MANUAL,
    TITLE_MOST,
    Closed,
    Opened,
    Page,
    Severity,
    digest_of,
)
from orchestrator.domain.paging import pages_named, visible
from orchestrator.domain.policies import OnPage
from orchestrator.domain.reports import (
    Done,
    EpisodeRow,
    NewPage,
    OpenedPage,
    PageReport,
    PageRow,
    PagesReport,
    Person,
    ToldRow,
)
from orchestrator.engine.supervisor import Engine
from orchestrator.foundation.instants import format_duration
from orchestrator.ports.desk import DeskError
from orchestrator.ports.intake import OverloadedError

_INVALID: Final = 2
_KNOWN_MOST: Final = 2_000  # episodes among which a page is looked for
_OVER_MOST: Final = 100  # pages that are over, in a list
_EPISODES_MOST: Final = 50  # of one page
_NAMED: Final = 5
_FACTS_AT_ONCE: Final = 2_000
_KEY_BYTES: Final = 5
_NO_POLICY: Final = (
    "no policy in force takes pages: write one with on_page, such as policies/oncall-bridge.yaml "
    "of the examples"
)
_ALONE: Final = (
    "no daemon runs, so nobody would make a room for it; start it: room-orchestrator run"
)


class PageQuestions:
    """Answers for an engine what is asked of pages, and sends what a person sends."""

    def __init__(self, engine: Engine, *, running: bool) -> None:
        """Ask ``engine``; ``running`` says whether its loops are at work."""
        self._engine = engine
        self._parts = engine.parts
        self._pages = engine.parts.pages
        self._running = running
        self._links = engine.page_links

    # --- questions --------------------------------------------------------------------------------

    async def all(self, *, over: bool = False, most: int = _KNOWN_MOST) -> PagesReport:
        """The pages that are not over, the latest first; with ``over`` also some that are.

        A page that nobody takes is over when its source closes it.
        """
        standing = self._pages.standing()[-most:]
        rows = [await self.row(episode) for episode in reversed(standing)]
        if over:
            shown = {(one.page.source, one.page.digest) for one in standing}
            for episode in await self._parts.store.latest_episodes(_KNOWN_MOST):
                place = episode.page.source, episode.page.digest
                if place not in shown and len(shown) < len(standing) + _OVER_MOST:
                    shown.add(place)
                    rows.append(await self.row(episode))
        return PagesReport(tuple(rows), over)

    def states(self) -> dict[str, int]:
        """How many pages there are that are not over, by state."""
        return {state: many for state, many in page_states(self._pages.standing()).items() if many}

    async def show(self, name: str) -> PageReport:
        """Everything about one page."""
        episode = await self._find(name)
        page = episode.page
        store = self._parts.store
        known = await store.episodes_of(page.source, page.digest, _EPISODES_MOST)
        episodes = [episode, *(one for one in known if one.id != episode.id)]
        sessions = await self._sessions(episodes)
        wish = None if episode.wish is None else episode.wish.page
        return PageReport(
            page=await self.row(episode),
            told=await self.told(episode),
            episodes=tuple(self._episode_row(one, sessions.get(one.id, ())) for one in episodes),
            sharing=tuple(self._sharing(episode)),
            max_age=None if wish is None else wish.max_age,
        )

    async def row(self, episode: Episode) -> PageRow:
        """One page as a row, by its latest episode."""
        page, key, links = episode.page, episode.key, self._engine.links
        row = PageRow(
            state=_state(episode),
            source=page.source,
            page=page.key,
            title=visible(page.title),
            severity=str(page.severity),
            opened_at=episode.opened_at,
            number=page.number,
            service=page.service,
            team=page.team,
            url=page.url,
            episode=episode.id,
            count=episode.count,
            policy=episode.policy,
            key="" if key is None else str(key),
            link_after=self._pages.firsts.link_after.get(episode.id),
            room_after=self._room_after(episode),
            closed_at=episode.closed_at,
            closes_at=None if episode.over_at is not None or key is None else episode.closes_at,
            reason=episode.reason or episode.withheld,
        )
        if key is None:
            return row
        leader = self._pages.leader(episode)
        row = replace(
            row,
            link=links.scheme.link_of(episode.policy, page.subject),
            shares="" if leader is episode or leader.key is None else str(leader.key),
            sharers=0 if episode.shares else self._pages.sharers(episode),
            close_after=self._pages.wish_of(leader).close_after,
        )
        row = _with_fallback(row, episode)
        if episode.over_at is not None:
            return replace(row, stage="closed")
        view = await self._links.view(episode)
        standing = await links.standing(leader.key or key)
        return self._with_room(row, view, standing)

    def _with_room(self, row: PageRow, view: LinkView, standing: Standing) -> PageRow:
        row = replace(
            row,
            stage=str(view.stage),
            note=view.note,
            leads_to=view.room_link or view.fallback_link,
        )
        room = standing.joinable(self._parts.rooms.api_now())
        if room is None or room.guest_url != view.room_link:
            return row
        use = standing.uses.get(room.id)
        row = replace(
            row,
            room_id=room.id,
            room_name=room.display_name,
            meeting_code=room.meeting_code,
        )
        if use is None or str(use.occupancy) == "unknown":
            return row
        return replace(
            row,
            use=str(use.occupancy),
            use_by="callbacks" if use.heard else "GET /sessions",
        )

    def _room_after(self, episode: Episode) -> float | None:
        room_at = self._pages.firsts.room_at(episode)
        return None if room_at is None else (room_at - episode.opened_at).total_seconds()

    async def told(self, episode: Episode) -> tuple[ToldRow, ...]:
        """Who was told of an episode's link, by name."""
        rows = [
            told_row(row) for row in await self._parts.store.deliveries_of(f"page-{episode.id}")
        ]
        policy = self._pages.book().policies.get(episode.policy)
        told = {row.destination for row in rows}
        if policy is not None and episode.over_at is None:
            names = self._parts.messages.names
            rows += [
                ToldRow(one.to)
                for one in policy.deliver
                if one.to in names - told and self._links.tells(episode, one.to)
            ]
        return tuple(sorted(rows, key=lambda row: row.destination))

    async def _sessions(self, episodes: Iterable[Episode]) -> dict[str, list[tuple[str, datetime]]]:
        """When people came and went, by episode, as far as the store still has the facts."""
        by_key = {one.key.encoded: one.id for one in episodes if one.key is not None}
        found: dict[str, list[tuple[str, datetime]]] = {}
        last = 0
        while facts := await self._parts.store.facts(last, _FACTS_AT_ONCE):
            last = facts[-1].seq
            for one in facts:
                if one.fact.key in by_key and one.fact.event.startswith("session."):
                    found.setdefault(by_key[one.fact.key], []).append((one.fact.event, one.ts))
        return found

    def _episode_row(
        self, episode: Episode, sessions: Iterable[tuple[str, datetime]]
    ) -> EpisodeRow:
        came = [at for event, at in sessions if event == "session.started"]
        left = [at for event, at in sessions if event == "session.ended"]
        return EpisodeRow(
            episode=episode.id,
            count=episode.count,
            opened_at=episode.opened_at,
            closed_at=episode.closed_at,
            reason=episode.reason or episode.withheld,
            room_after=self._room_after(episode),
            first_inside=min(came, default=None),
            last_left=max(left, default=None),
            fallback_used_at=None if episode.fallback is None else episode.fallback.used_at,
            shares=episode.shares,
        )

    def _sharing(self, episode: Episode) -> Iterable[str]:
        """The names of the open pages with the same room."""
        leader = self._pages.leader(episode)
        for one in self._pages.standing():
            same = one is leader or (leader.key is not None and one.shares == leader.key.encoded)
            if same and one.id != episode.id and one.is_open:
                yield _name(one)

    async def named(self, name: str) -> Sequence[Episode]:
        """The pages that a person may mean by a name, each by its latest episode."""
        known = [*reversed(self._pages.standing())]
        ids = {one.id for one in known}
        remembered = await self._parts.store.latest_episodes(_KNOWN_MOST)
        known.extend(one for one in remembered if one.id not in ids)
        scheme = self._engine.links.scheme
        return pages_named(
            name,
            (
                (one, scheme.link_of(one.policy, one.page.subject) if one.policy else "")
                for one in known
            ),
        )

    async def _find(self, name: str) -> Episode:
        found = await self.named(name)
        if not found:
            message = f"no page is known by {name!r}: room-orchestrator page list --over"
            raise DeskError(message, _INVALID)
        if len(found) > 1:
            told = "; ".join(f'{_name(one)} "{visible(one.page.title)}"' for one in found[:_NAMED])
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            message = f"{name!r} may be {told}{more}; name one of them"
            raise DeskError(message, _INVALID)
        return found[0]

    # --- by hand ----------------------------------------------------------------------------------

    async def open(self, page: NewPage, person: Person) -> OpenedPage:
        """Send a page as a source would."""
        if not self._running:
            raise DeskError(_ALONE)
        source = self._source(page.source)
        key = page.key.strip() or f"by-hand-{self._pages.entropy(_KEY_BYTES).hex()}"
        if not page.title.strip():
            raise DeskError("a page needs a title: it is what its room is called", _INVALID)
        try:
            severity = Severity(page.severity.strip().lower())
        except ValueError:
            message = f"{page.severity!r} is no severity; they are: {', '.join(Severity)}"
            raise DeskError(message, _INVALID) from None
        sent = Page(
            source=source,
            key=key[:KEY_MOST],
            digest=digest_of(source, key),
            title=page.title[:TITLE_MOST],
            severity=severity,
            service=page.service[:FIELD_MOST],
            team=page.team[:FIELD_MOST],
            opened_at=self._parts.clock.now(),
        )
        began = self._parts.clock.monotonic()
        try:
            (receipt,) = await self._pages.received([Opened(sent, once=False)], page.wait, person)
        except OverloadedError as error:
            raise DeskError(f"{error}; try again in some seconds") from error
        seconds = self._parts.clock.monotonic() - began
        opened = OpenedPage(
            outcome=str(receipt.outcome),
            source=source,
            key=sent.key,
            link=receipt.link,
            why=receipt.why,
            room_id=receipt.room_id,
            seconds=seconds,
        )
        episode = await self._pages.latest(source, sent.digest)
        if episode is None:
            return opened
        measured = self._pages.firsts.link_after.get(episode.id)
        opened = replace(opened, seconds=seconds if measured is None else measured)
        if not receipt.room_id:
            return opened
        view = await self._links.view(episode)
        return replace(opened, guest_url=view.room_link, room_seconds=self._room_after(episode))

    def _source(self, asked: str) -> str:
        """The source of a page by hand: as asked for, else one that a policy names."""
        wishes = [
            (policy.made_for.priority, policy.name, policy.made_for.sources)
            for policy in self._pages.book().policies.values()
            if isinstance(policy.made_for, OnPage)
        ]
        named = [source for _, _, sources in sorted(wishes, reverse=True) for source in sources]
        if not named:
            raise DeskError(_NO_POLICY, _INVALID)
        if not asked:
            return MANUAL if MANUAL in named else named[0]
        if asked in named:
            return asked
        if POLICY_NAME.fullmatch(asked) is None:
            message = f"{asked!r} is no name of a source: 1 to 63 of a-z, 0-9 and -"
            raise DeskError(message, _INVALID)
        known = ", ".join(dict.fromkeys(named))
        message = (
            f"no policy in force names the source {asked}, so no room would be made; those that "
            f"are named: {known}. To add it, write in a policy:  on_page: {{sources: "
            f"[{known}, {asked}]}}"
        )
        raise DeskError(message, _INVALID)

    async def close(self, name: str, person: Person) -> Done:
        """Close a page as its source would."""
        if not self._running:
            raise DeskError(_ALONE.replace("make a room for it", "let its room go"))
        episode = await self._find(name)
        page = episode.page
        if not episode.is_open:
            raise DeskError(f"{_name(episode)} is closed already", _INVALID)
        closed = Closed(
            page.source, page.key, page.digest, reason=f"closed by hand: {person.reason}"
        )
        try:
            await self._pages.received([closed], person=person)
        except OverloadedError as error:
            raise DeskError(f"{error}; try again in some seconds") from error
        lines: tuple[str, ...] = ()
        if episode.policy:
            after = format_duration(self._pages.wish_of(episode).close_after)
            lines = (f"Its room is let go in {after}, once nobody is inside.",)
        return Done(f'{_name(episode)} "{visible(page.title)}" is closed.', lines)


def told_row(row: Delivery) -> ToldRow:
    """What is remembered of one message."""
    return ToldRow(
        destination=row.destination,
        stage=str(row.stage or "") if row.shown else "",
        told_at=row.told_at,
        fault=row.fault,
        next_at=None if row.ended else row.next_at,
        given_up=row.given_up,
    )


def _name(episode: Episode) -> str:
    page = episode.page
    return f"{page.source} {page.number or page.key}"


def page_states(episodes: Iterable[Episode]) -> dict[str, int]:
    """How many pages of these there are that are not over, by state."""
    counts = Counter(_state(episode) for episode in episodes)
    return {state: counts[state] for state in ("open", "withheld", "closing")}


def _state(episode: Episode) -> str:
    if episode.over_at is not None:
        return "closed"
    if not episode.is_open:
        return "closing" if episode.policy else "closed"
    return "open" if episode.policy else "withheld"


def _with_fallback(row: PageRow, episode: Episode) -> PageRow:
    fallback = episode.fallback
    if fallback is None:
        return row
    return replace(
        row,
        fallback=" or ".join(filter(None, (fallback.room, fallback.url))),
        fallback_at=episode.opened_at + fallback.after,
        fallback_used_at=fallback.used_at,
    )
