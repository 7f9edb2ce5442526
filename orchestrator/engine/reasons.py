"""Reasons: why a room is as it is, and why one is not; from policy line to answer and next act.

Everything is gathered by the functions that a turn uses, from what is in memory and in the store:
no call leaves, nothing is changed, and an answer is given during an outage as well.  What cannot be
known here (without a daemon, say) is named instead of guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

from orchestrator.domain.actions import Action, Miss
from orchestrator.domain.announcements import Stage
from orchestrator.domain.chains import (
    Chain,
    author,
    came_into_force,
    end_of,
    history,
    last_of,
    line_of,
    trail,
)
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import RecordedFact
from orchestrator.domain.keys import Key
from orchestrator.domain.marker import Unreadable
from orchestrator.domain.obstacles import LASTING, advice_of, verdict, word_of
from orchestrator.domain.pausing import PAUSED_BY
from orchestrator.domain.policies import Desired, ForEach, OnPage, Policy, RemovalMode, Schedule
from orchestrator.domain.records import KeyState, RoomRecord
from orchestrator.domain.reports import (
    Asked,
    ComparedField,
    NextAct,
    Obstacle,
    RoomRow,
    Seen,
    ToldRow,
    WhyNotReport,
    WhyReport,
)
from orchestrator.domain.rooms import Observed
from orchestrator.domain.shaping import differences
from orchestrator.domain.situation import Gone, Kept, Unwanted, Wanted, Wish
from orchestrator.domain.telling import announcement_id
from orchestrator.domain.usage import heard_of
from orchestrator.engine.book import Book
from orchestrator.engine.finding import FACTS_AT_ONCE, Finding, OfKey, parsed
from orchestrator.engine.gathering import take_in
from orchestrator.engine.hindrances import About, Hindrances
from orchestrator.engine.overview import Overview, Whence
from orchestrator.engine.pagedesk import PageQuestions, told_row
from orchestrator.engine.preview import preview_key
from orchestrator.engine.renewals import RENEW
from orchestrator.engine.showing import plan_line, with_usage
from orchestrator.engine.supervisor import Engine
from orchestrator.engine.weather import PROBE_EVERY
from orchestrator.foundation.pasting import shell_word
from orchestrator.foundation.problems import Place
from orchestrator.ports.desk import DeskError

_INVALID: Final = 2
_KEYS_MOST: Final = 5  # that are named
_OBSTACLES_MOST: Final = 20  # of a policy's keys, that are told
_SUSPECTS_MOST: Final = 200  # of a policy, that are looked at: others are counted
_OF_ALL: Final = frozenset({"policy", "sources"})  # said once for all keys of a policy
_ALONE: Final = (
    "no daemon runs, so nothing is done, and when something would be is not known here",
    "the API was not asked: how its rooms are now is not known here",
)
_ENDS: Final = {
    RemovalMode.EXPIRE: "removal: expire, so it is renewed no more and ends by itself",
    RemovalMode.DELETE: "removal: delete",
    RemovalMode.KEEP: "removal: keep",
}
_CLOSES: Final = "its page is over by then"
_HAS: Final = {
    ForEach: "{there:,} of {all:,} keys have their room. ",
    Schedule: "It opens rooms at their times, {there:,} are there now. ",
    OnPage: "It makes rooms for pages, {there:,} are there now. ",
}
_LISTS: Final = "with the next listing"
_TRIED: Final = frozenset({"back-off", "settle"})
_AWAY: Final = frozenset({"credentials", "weather"})


class Reasons:
    """Answers why, and why not."""

    def __init__(
        self,
        engine: Engine,
        whence: Whence,
        overview: Overview,
        paging: PageQuestions,
        *,
        running: bool,
    ) -> None:
        """Ask ``engine``; ``running`` says whether its loops are at work."""
        self._engine = engine
        self._parts = engine.parts
        self._overview = overview
        self._paging = paging
        self._running = running
        self._finding = Finding(engine, paging)
        self._hindrances = Hindrances(engine, whence.config)

    # --- why --------------------------------------------------------------------------------------

    async def why(self, name: str) -> WhyReport:
        """Everything about one key, or about a page or a room that has none."""
        meant = await self._finding.meant(name)
        if meant is None:
            near = await self._finding.near(name)
            meaning = f"; did you mean {' or '.join(near)}?" if near else ""
            message = f"{name} is neither wanted nor remembered{meaning}"
            raise DeskError(f"{message}: room-orchestrator rooms list", _INVALID)
        match meant:
            case OfKey():
                return await self._of_key(meant)
            case Episode():
                return await self._of_page_alone(meant)
            case Observed():
                return self._of_foreign(meant)
            case Policy(name=policy):
                message = (
                    f"{policy} is a policy: name one of its keys, or ask  "
                    f"room-orchestrator rooms why-not {policy}"
                )
                raise DeskError(message, _INVALID)
            case _:
                assert_never(meant)

    async def _of_key(self, meant: OfKey) -> WhyReport:
        key = meant.key
        about = await self._about(key, meant.episode)
        state, one = about.state, about.one
        policy = self._book.policies.get(key.policy)
        known = await self._parts.gathering.use_known_since()
        holds = self._hindrances.of(about)
        actions = (action for action in one.actions if not _is_held(holds, action))
        lines = [plan_line(one.state, action) for action in actions]
        rows = self._overview.rows(state, known)
        told = history(about.chain)
        named = meant.room_id if meant.room_id not in {room.id for room in state.rooms} else ""
        return WhyReport(
            key=str(key),
            rooms=tuple(self._heard_of(row, about.chain) for row in rows),
            wanted=_wanted(about),
            policy=policy.file if policy is not None else "",
            policy_version=policy.version if policy is not None else "",
            fields=self._compare(state),
            plan=tuple(line for line in lines if line is not None),
            holds=holds,
            next_act=self._next(about, holds),
            renewal=self._overview.planned(state),
            history=told,
            former=state.former,
            recordings=await self._parts.recorder.of(state),
            asked=self._asked(about),
            seen=self._seen(state.current),
            trail=trail(about.chain),
            told=await self._told(about, policy),
            ended=end_of(told, named) if named or not state.rooms else None,
            page="" if about.episode is None else _named(about.episode),
            closes_at=None if about.episode is None else _closes_at(about.episode),
            unknown=self._unknown,
        )

    def _of_foreign(self, room: Observed) -> WhyReport:
        marker = room.marker
        owner = marker.reason if isinstance(marker, Unreadable) else "it bears no marker of ours"
        if marker is not None and not isinstance(marker, Unreadable):
            owner = f"it is marked for {marker.key} by {marker.owner}, and not in this store"
        return WhyReport(
            key=room.id,
            rooms=(),
            wanted=f'nobody here: "{room.display_name}" is not ours and never touched; {owner}',
            policy="",
            policy_version="",
            fields=(),
            plan=(),
            holds=(),
            next_act=None,
            seen=replace(self._seen(None), room="there"),
            unknown=self._unknown,
        )

    async def _of_page_alone(self, episode: Episode) -> WhyReport:
        chain = await self._chain_of("", (), episode.id)
        holds = tuple(self._hindrances.refusals(episode))
        over = episode.over_at is not None or not episode.is_open
        return WhyReport(
            key=_named(episode),
            rooms=(),
            wanted=f"by no policy: {episode.reason or episode.withheld}",
            policy="",
            policy_version="",
            fields=(),
            plan=(),
            holds=() if over else holds,
            next_act=None if over else _forgets(episode),
            history=history(chain),
            seen=self._seen(None),
            page=_named(episode),
            unknown=self._unknown,
        )

    # --- why not ----------------------------------------------------------------------------------

    async def why_not(self, name: str) -> WhyNotReport:
        """What stands in the way of a key, of a policy's rooms, or of a page."""
        meant = await self._finding.meant(name)
        asked = parsed(name)
        if meant is None and asked is not None and self._is_of_a_policy(asked):
            meant = OfKey(asked)
        match meant:
            case OfKey():
                return await self._not_of_key(name, meant)
            case Episode():
                return await self._not_of_page_alone(name, meant)
            case Observed():
                return self._not_of_foreign(name, meant)
            case Policy():
                return await self._of_policy(name, meant)
            case None:
                return await self._of_nothing(name, asked)
            case _:
                assert_never(meant)

    def _is_of_a_policy(self, key: Key) -> bool:
        return key.policy in self._book.policies or bool(self._book.rejected)

    async def _not_of_key(self, name: str, meant: OfKey) -> WhyNotReport:
        about = await self._about(meant.key, meant.episode)
        key, state = about.key, about.state
        holds = self._hindrances.of(about)
        if meant.former:
            moved = last_of(about.chain, "room.rekeyed")
            holds = (_renamed(meant.former, key, moved), *holds)
        wanted = about.wish is not None and not isinstance(about.wish, Unwanted)
        actions = [act for act in about.one.actions if act.calls and not _is_held(holds, act)]
        told = history(about.chain)
        policy = self._book.policies.get(key.policy)
        scheduled = policy is not None and isinstance(policy.made_for, Schedule)
        near: tuple[str, ...] = ()
        if not about.known:
            near = self._next_keys(key) if scheduled else await self._finding.near(name)
        return WhyNotReport(
            name=name,
            key=str(key),
            kind="page" if about.episode is not None else "occurrence" if scheduled else "room",
            verdict=verdict(
                holds,
                has_room=bool(state.rooms),
                wanted=wanted or about.opens is not None,
                under_way=type(actions[0]).__name__.lower() if actions else "",
            ),
            obstacles=holds,
            advice=advice_of(holds),
            asked=self._asked(about),
            last=told[-1] if told else None,
            seen=self._seen(state.current),
            next_act=self._next(about, holds),
            near=near,
            unknown=self._unknown,
        )

    def _next_keys(self, key: Key) -> tuple[str, ...]:
        """The next occurrences of a key's schedule."""
        rows = self._overview.openings(3)
        return tuple(row.key for row in rows if row.key.startswith(f"{key.policy}/"))

    async def _not_of_page_alone(self, name: str, episode: Episode) -> WhyNotReport:
        chain = await self._chain_of("", (), episode.id)
        told = history(chain)
        holds = tuple(self._hindrances.refusals(episode))
        if not episode.is_open:
            closed = Obstacle("not-wanted", "its page is closed", since=episode.closed_at)
            holds = (closed, *holds)
        return WhyNotReport(
            name=name,
            key=_named(episode),
            kind="page",
            verdict="No room: no policy takes this page. In the way:",
            obstacles=holds,
            last=told[-1] if told else None,
            seen=self._seen(None),
            next_act=_forgets(episode) if episode.is_open else None,
            unknown=self._unknown,
        )

    def _not_of_foreign(self, name: str, room: Observed) -> WhyNotReport:
        return WhyNotReport(
            name=name,
            key=room.id,
            kind="foreign",
            verdict=f'Nothing is done to "{room.display_name}" ({room.id}): it is not ours.',
            advice=f"room-orchestrator rooms adopt {shell_word(room.id)} KEY --reason …",
            seen=replace(self._seen(None), room="there"),
            unknown=self._unknown,
        )

    async def _of_nothing(self, name: str, asked: Key | None) -> WhyNotReport:
        why = "no policy asks for it"
        if asked is not None:
            why = f"no policy in force is called {asked.policy}"
        return WhyNotReport(
            name=name,
            key="",
            kind="unknown",
            verdict=f"Nothing is known of it: {why}, and no room, page or record bears that name.",
            obstacles=tuple(self._hindrances.unreadable()),
            seen=self._seen(None),
            near=await self._finding.near(name),
            unknown=self._unknown,
        )

    async def _of_policy(self, name: str, asked: Policy) -> WhyNotReport:
        """What stands in the way of any of a policy's rooms; the policy's own first."""
        policy = asked.name
        chain = await self._chain_of(policy, ())
        states = {state.key: state for state in await self._parts.store.states(policy)}
        book = self._book
        keys = sorted(states.keys() | {key for key in book.wishes if key.policy == policy})
        obstacles = list(self._hindrances.of_policy(policy, chain))
        holds_of = self._engine.reconciler.last_holds
        suspects = [key for key in keys if key in holds_of or not _has_room(states.get(key))]
        waiting: dict[Obstacle, list[str]] = {}
        for key in suspects[:_SUSPECTS_MOST]:
            about = await self._about(key, chain=Chain(frozenset({key.encoded}), policy))
            holds = [one for one in self._hindrances.of(about) if one.by not in _OF_ALL]
            for one in holds[:1]:
                # What stands before many is said once, with their names.
                said = replace(one, seq=0, since=None, until=None)
                waiting.setdefault(said, []).append(key.subject)
        told = [*waiting.items()]
        obstacles += [
            replace(one, told=f"{one.told}: {_named_keys(subjects)}")
            for one, subjects in told[:_OBSTACLES_MOST]
        ]
        more = sum(len(subjects) for _, subjects in told[_OBSTACLES_MOST:])
        more += max(len(suspects) - _SUSPECTS_MOST, 0)
        if more:
            obstacles.append(Obstacle("more", f"{more:,} more keys wait, or have no room"))
        due = [(at, key) for key in keys if (at := self._parts.agenda.due(key)) is not None]
        nearest: NextAct | None = None
        if due:
            about = await self._about(min(due)[1], chain=Chain(frozenset(), policy))
            nearest = self._next(about, self._hindrances.of(about))
        elif obstacles and self._parts.resync.next_at is not None:
            nearest = NextAct(self._parts.resync.next_at, policy, "look again", _LISTS)
        if isinstance(asked.made_for, Schedule):
            opens = (row for row in self._overview.openings(1) if row.key.startswith(f"{policy}/"))
            nearest = next((NextAct(row.opens, row.key, "open") for row in opens), nearest)
        there = sum(state.current is not None for state in states.values())
        begin = _HAS[type(asked.made_for)].format(there=there, all=len(keys))
        return WhyNotReport(
            name=name,
            key=policy,
            kind="policy",
            verdict=begin + ("In the way:" if obstacles else "Nothing is in the way of any."),
            obstacles=tuple(obstacles),
            advice=advice_of(obstacles),
            asked=_asked_of(asked, chain),
            last=line_of(chain.of_policy[-1]) if chain.of_policy else None,
            seen=self._seen(None),
            next_act=nearest,
            unknown=self._unknown,
        )

    # --- gathered ---------------------------------------------------------------------------------

    @property
    def _book(self) -> Book:
        return self._engine.reconciler.book

    @property
    def _unknown(self) -> tuple[str, ...]:
        """What cannot be known without a daemon."""
        if self._running:
            return ()
        return _ALONE[:1] if self._parts.observations.listed_at is not None else _ALONE

    async def _about(
        self, key: Key, episode: Episode | None = None, chain: Chain | None = None
    ) -> About:
        """Gather one key; ``chain`` where no facts need be read."""
        book, store = self._book, self._parts.store
        stored = await store.state(key)
        state = take_in(stored or KeyState(key), book)
        wish = book.wish(key, state)
        known = stored is not None or wish is None or not isinstance(wish, Unwanted)
        opens, ends = self._times(key)
        if episode is None and state.is_of_page:
            named = [one for one in await self._paging.named(str(key)) if one.key == key]
            episode = named[0] if named else None
        return About(
            key=key,
            state=state,
            wish=wish,
            one=await preview_key(key, state, book, self._parts.gathering),
            chain=chain or await self._chain_of(key.policy, {key.encoded, *state.former}),
            known=known or opens is not None,
            episode=episode,
            opens=opens,
            ends=ends,
        )

    def _times(self, key: Key) -> tuple[datetime | None, datetime | None]:
        """When an occurrence that is still to come opens, or one that is over ended."""
        policy = self._book.policies.get(key.policy)
        if policy is None or not isinstance(policy.made_for, Schedule):
            return None, None
        occurrence = self._parts.occurrences.named(policy, policy.made_for, key)
        if occurrence is None:
            return None, None
        now = self._parts.clock.now()
        return (
            occurrence.opens if occurrence.opens > now else None,
            occurrence.ends if occurrence.ends <= now else None,
        )

    async def _chain_of(self, policy: str, names: Collection[str], episode: str = "") -> Chain:
        """What the store still has of facts about these keys, this policy and this page."""
        chain = Chain(frozenset(names), policy, episode)
        last = 0
        while facts := await self._parts.store.facts(last, FACTS_AT_ONCE):
            last = facts[-1].seq
            for recorded in facts:
                chain.take(recorded)
        return chain

    def _next(self, about: About, holds: Sequence[Obstacle]) -> NextAct | None:
        """What comes next, and when; at the latest with the next listing where something waits."""
        act = self._waited_for(about, holds)
        if act is None and all(one.by in LASTING for one in holds):
            act = self._coming(about)
        if act is not None:
            return act
        waiting = bool(holds) or any(not isinstance(one, Miss) for one in about.one.actions)
        at = self._parts.resync.next_at
        if waiting and about.known and at is not None:
            return NextAct(at, str(about.key), "look again", _LISTS)
        return None

    def _waited_for(self, about: About, holds: Sequence[Obstacle]) -> NextAct | None:
        """The end of what stands in the way, where it has one."""
        key, due = str(about.key), self._parts.agenda.due(about.key)
        if about.opens is not None:
            return NextAct(about.opens, key, "open", "as the schedule says")
        if any(one.by in _AWAY for one in holds) and due is not None:
            return NextAct(due, key, "try again", "the API is asked again by then")
        if any(one.by == "canary" for one in holds):
            at = self._parts.clock.now() + PROBE_EVERY
            return NextAct(at, key, "look again", "whether its marker comes back, each minute")
        ends = [(one.until, one.by, one.told) for one in holds if one.until is not None]
        if not ends:
            return None
        at, by, told = min(ends)
        tombstone = about.state.tombstone
        if by == "suspended":
            return NextAct(at, key, "resume", "its suspension ends by itself")
        if by in PAUSED_BY:
            return NextAct(at, key, "resume", told)
        if by == "grace" and tombstone is not None:
            planned = self._overview.planned(about.state)
            if planned is not None and planned.at < at:
                return planned  # until its end a room is renewed like every other
            return NextAct(at, key, "end", _ENDS[tombstone.mode])
        return NextAct(at, key, "try again" if by in _TRIED else "look again", told)

    def _coming(self, about: About) -> NextAct | None:
        """What the agenda holds, with the reason of a renewal; of a page its end."""
        state, episode = about.state, about.episode
        until = self._parts.gathering.to_wall(about.one.made.until)
        act = self._overview.coming(state, until)
        if act is not None and act.what == RENEW:
            planned = self._overview.planned(state)
            return act if planned is None else replace(act, why=planned.why, latest=planned.latest)
        if act is None and episode is not None and episode.over_at is None:
            return NextAct(episode.closes_at, str(about.key), "let its room go", _CLOSES)
        return act

    def _seen(self, room: RoomRecord | None) -> Seen:
        """What the API showed last, of this room and of all."""
        observations = self._parts.observations
        sight = None if room is None else observations.sighting(room.id)
        seen = Seen(
            listed_at=observations.listed_at,
            complete=observations.listed and not observations.doubt,
            doubt=observations.doubt,
            api=self._parts.weather.summary,
        )
        match sight:
            case Observed():
                return replace(seen, room="there")
            case Gone(reason):
                return replace(seen, room="gone", why=reason)
            case None:
                return seen
            case _:
                assert_never(sight)

    def _asked(self, about: About) -> Asked | None:
        """The line that asks for a key, or asked for it last."""
        key, chain, wish = about.key, about.chain, about.state.wish
        policy = self._book.policies.get(key.policy)
        if policy is not None:
            asked = _asked_of(policy, chain)
            place = "" if wish is None or wish.because == asked.place else wish.because
            wanted = not isinstance(about.wish, Unwanted) or about.opens is not None
            return replace(asked, subject=key.subject, subject_place=place, wanted=wanted)
        if wish is None and not chain.of_policy:
            return None
        loaded = [one for one in chain.of_policy if one.fact.event == "policy.loaded"]
        last = loaded[-1] if loaded else None
        told = {} if last is None else last.fact.detail
        return Asked(
            policy=key.policy,
            place=str(told.get("file", key.policy)),
            subject=key.subject,
            subject_place="" if wish is None else wish.because,
            version=str(told.get("version", "" if wish is None else wish.version)),
            since=None if last is None else last.ts,
            by="" if last is None else author(last),
            seq=0 if last is None else last.seq,
            wanted=False,
        )

    def _compare(self, state: KeyState) -> tuple[ComparedField, ...]:
        current, wish = state.current, state.wish
        if current is None or wish is None:
            return ()
        seen = self._parts.observations.sighting(current.id)
        if not isinstance(seen, Observed):
            return ()
        return _compare(current, seen, self._parts.gathering.dress(wish, current))

    def _heard_of(self, row: RoomRow, chain: Chain) -> RoomRow:
        """Where the API has no list of sessions: the meetings that callbacks told of, at least."""
        told = row.sessions is not None or self._parts.observations.sessions_known
        return row if told else with_usage(row, heard_of(row.room_id, chain.of_key))

    async def _told(self, about: About, policy: Policy | None) -> tuple[ToldRow, ...]:
        """Who was told of the link: by messages, or by a list that was shown anew since."""
        if about.episode is not None:
            return await self._paging.told(about.episode)
        rows = await self._messages(about.key)
        told = {row.destination for row in rows}
        last = max((one.seq for one in about.chain.of_key), default=0)
        for deliver in () if policy is None else policy.deliver:
            if deliver.to in told or not about.state.rooms:
                continue
            sent = about.chain.sent.get(deliver.to)
            behind = self._engine.outbox.behind.get(deliver.to, "")
            if sent is not None and sent.seq > last and not behind:
                rows.append(ToldRow(deliver.to, str(Stage.OPEN), sent.ts))
            else:
                rows.append(ToldRow(deliver.to, fault=behind))
        return tuple(sorted(rows, key=lambda row: row.destination))

    async def _messages(self, key: Key) -> list[ToldRow]:
        """What each destination of messages was told last of a key."""
        found: dict[str, Delivery] = {}
        episode, store = 1, self._parts.store
        while rows := await store.deliveries_of(announcement_id(key, episode)):
            found |= {row.destination: row for row in rows if not row.passed_over}
            episode += 1
        return [told_row(row) for row in found.values()]


def _named_keys(subjects: Sequence[str]) -> str:
    more = f" and {len(subjects) - _KEYS_MOST:,} more" if len(subjects) > _KEYS_MOST else ""
    return ", ".join(subjects[:_KEYS_MOST]) + more


def _has_room(state: KeyState | None) -> bool:
    return state is not None and state.current is not None


def _wanted(about: About) -> str:
    wish: Wish | None = about.wish
    if about.opens is not None:
        return f"from {about.opens:%d %b %Y %H:%M:%SZ} on"
    match wish:
        case Wanted(desired):
            return f"asked for by {desired.because}"
        case Kept(_, why):
            return f"kept by its last good spec: {why}"
        case Unwanted(why):
            return f"not wanted: {why}"
        case None:
            return "not known: nothing says what it should be like"
        case _:
            assert_never(wish)


def _asked_of(policy: Policy, chain: Chain) -> Asked:
    """The line of a policy that makes rooms, and since when its version is in force."""
    kinds = ("for_each", "on_schedule", "on_page")
    places = (policy.places.get(kind) for kind in kinds)
    place = next((one for one in places if one is not None), Place(policy.file))
    loaded = came_into_force(chain, policy.version)
    return Asked(
        policy=policy.name,
        place=place.of_line,
        version=policy.version,
        since=None if loaded is None else loaded.ts,
        by="" if loaded is None else author(loaded),
        seq=0 if loaded is None else loaded.seq,
    )


def _compare(room: RoomRecord, seen: Observed, wish: Desired) -> tuple[ComparedField, ...]:
    changes = differences(room, seen, wish)
    wanted: dict[str, object] = {"display_name": wish.display_name, "type": str(wish.type)}
    wanted |= wish.settings
    shown: dict[str, object] = {"display_name": seen.display_name, "type": str(seen.type)}
    shown |= seen.settings
    return tuple(
        ComparedField(path, str(value), str(shown.get(path)), path not in changes)
        for path, value in wanted.items()
    )


def _is_held(holds: Sequence[Obstacle], action: Action) -> bool:
    return any(one.action == word_of(action) for one in holds)


def _renamed(former: str, key: Key, moved: RecordedFact | None) -> Obstacle:
    return Obstacle(
        "renamed",
        f"{former} is {key} now: same room, same link",
        since=None if moved is None else moved.ts,
        seq=0 if moved is None else moved.seq,
    )


def _forgets(episode: Episode) -> NextAct:
    return NextAct(episode.closes_at, _named(episode), "forget it", "it counts as closed then")


def _closes_at(episode: Episode) -> datetime | None:
    return None if episode.over_at is not None else episode.closes_at


def _named(episode: Episode) -> str:
    page = episode.page
    return f"{page.source} {page.number or page.key}"
