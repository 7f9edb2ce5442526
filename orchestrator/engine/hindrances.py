"""Hindrances: everything that stands in the way of one key, gathered from wherever it stands.

A key's plan tells most of it.  What stands before any plan is added: that nobody asks for the key,
a file with a mistake, an API that is away, an occurrence that is still to come.  It acts on nothing
and refuses no key: of one that nobody ever asked for it says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from orchestrator.domain.actions import Create, Hold, Replace
from orchestrator.domain.chains import Chain, author, departure, last_of, newcomer
from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import RecordedFact
from orchestrator.domain.keys import Key, decode_key
from orchestrator.domain.obstacles import expression, in_order, of_hold, values_named
from orchestrator.domain.occurrences import read_subject
from orchestrator.domain.paging import NAME, values_of
from orchestrator.domain.pausing import FROZEN, WINDOW
from orchestrator.domain.policies import Mode, OnPage, Policy, Schedule
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import Obstacle
from orchestrator.domain.situation import Unwanted, Wish
from orchestrator.engine.book import Book
from orchestrator.engine.brakes import is_counted
from orchestrator.engine.preview import Previewed
from orchestrator.engine.showing import hint
from orchestrator.engine.supervisor import Engine
from orchestrator.foundation.pasting import shell_word, yaml_scalar
from orchestrator.foundation.problems import Place

# The facts that tell since when a hold stands, by its word; others are told as withheld.
_SINCE: Final[Mapping[str, tuple[str, ...]]] = {
    "suspended": ("room.suspended",),
    "dormant": ("room.dormant",),
    "grace": ("room.tombstoned",),
    "protected": ("room.protected",),
    "settle": ("operation.unanswered",),
    "not-taken": ("room.updated", "room.created"),
    "back-off": (
        *("room.create.failed", "room.renew.failed", "room.update.failed"),
        *("room.retire.failed", "room.delete.failed", "operation.unanswered"),
    ),
}
_OF_THE_WORLD: Final[Mapping[str, str]] = {
    "credentials": "api.unavailable",
    "weather": "api.unavailable",
    "clock": "clock.jumped",
    FROZEN: "freeze.begun",
}


@dataclass(frozen=True, slots=True)
class About:
    """One key with all that was gathered about it.

    Attributes:
        state: as it is remembered, with the wish of the book taken in.
        known: it is remembered, or something asks for it.
        opens: when it begins, of an occurrence that is still to come.
        ends: when it ended, of one that is over.
    """

    key: Key
    state: KeyState
    wish: Wish | None
    one: Previewed
    chain: Chain
    known: bool = True
    episode: Episode | None = None
    opens: datetime | None = None
    ends: datetime | None = None


class Hindrances:
    """Tells what stands in the way."""

    def __init__(self, engine: Engine, config: str) -> None:
        """Ask ``engine``; ``config`` is the file in which it was told its mode."""
        self._engine = engine
        self._parts = engine.parts
        self._config = config

    def of(self, about: About) -> tuple[Obstacle, ...]:
        """What stands in the way of a key, in the order in which it has to be cleared."""
        return in_order(
            (
                *self._of_world(about),
                *self._of_policy(about),
                *self._of_wish(about),
                *self._of_page(about),
                *(self._of_hold(about, hold) for hold in self._holds(about)),
            )
        )

    # --- what a plan holds ------------------------------------------------------------------------

    def _holds(self, about: About) -> Iterator[Hold]:
        parts, state, one = self._parts, about.state, about.one
        mode = parts.gathering.mode(about.key.policy, self._book, state.wish)
        for hold in one.made.holds:
            if hold.by == "first-listing" and mode is Mode.OBSERVE:
                # What is looked at first is not all that stands in the way.
                yield Hold("mode", f"mode is {mode}", None, hold.action)
            yield hold
        last = self._engine.reconciler.last_holds.get(about.key, ())
        yield from (hold for hold in last if hold.by == "theme" and state.current is None)
        braked = parts.brakes.held(about.key)
        for action in one.actions:
            if not action.calls and not is_counted(action, state):
                continue
            if parts.weather.hold is not None and action.calls:
                yield replace(parts.weather.hold, action=action)
            elif parts.weather.canary and isinstance(action, Create | Replace):
                yield Hold("canary", parts.weather.canary, None, action)
            elif braked is not None and is_counted(action, state):
                yield replace(braked, action=action)

    def _of_hold(self, about: About, hold: Hold) -> Obstacle:
        told = self._told(about.chain, hold)
        if hold.by == WINDOW:
            hold = replace(hold, reason=f"{hold.reason} ({self._hours(about)})")
        return of_hold(
            hold,
            self._parts.gathering.to_wall(hold.until),
            since=self._down_since(hold) if told is None else told.ts,
            seq=0 if told is None else told.seq,
            advice=self._advice(about, hold),
        )

    def _hours(self, about: About) -> str:
        """Where the hours of a key's changes are written, and which they are."""
        name, wish = about.key.policy, about.state.wish
        policy = self._book.policies.get(name)
        place = self._config
        if policy is not None and policy.changes is not None:
            place = policy.places.get("changes", Place(policy.file)).of_line
        elif policy is None and wish is not None and wish.changes is not None:
            place = f"{name}, which is gone"
        return f"{place}: {self._parts.gathering.change_times(name, self._book, wish)}"

    def _down_since(self, hold: Hold) -> datetime | None:
        weather = self._parts.weather
        return weather.down_since if hold.by in {"credentials", "weather"} else None

    def _told(self, chain: Chain, hold: Hold) -> RecordedFact | None:
        """The fact that tells since when a hold stands."""
        if hold.by == "brake":
            tripped = [one for one in chain.of_brakes if one.fact.event == "brake.tripped"]
            return tripped[-1] if tripped else None
        if hold.by in _OF_THE_WORLD:
            return chain.of_world.get(_OF_THE_WORLD[hold.by])
        found = [last_of(chain, event) for event in _SINCE.get(hold.by, ())]
        found.append(last_of(chain, "act.withheld", by=hold.by))
        return max((one for one in found if one is not None), key=lambda one: one.seq, default=None)

    def _advice(self, about: About, hold: Hold) -> str:
        if hold.by == "mode":
            name, place = about.key.policy, self._config
            policy = self._book.policies.get(name)
            # Of two that hold it the stricter, and the config first: the guard of the other stays.
            mode = self._parts.gathering.mode(name, self._book, about.state.wish)
            if policy is not None and self._engine.settings.mode is not mode:
                place = policy.places.get("mode", Place(policy.file)).of_line
            elif self._engine.settings.mode is not mode:
                place = f"{name}, once it is put back"
            return f"{place}:  mode: enforce"
        if hold.by == "protected":
            return f"room-orchestrator rooms protect {shell_word(about.key)} --off --reason …"
        if hold.by == "kept":
            return f"room-orchestrator rooms forget {shell_word(about.key)} --reason …"
        return hint(about.state, hold)

    # --- what stands before a plan ----------------------------------------------------------------

    @property
    def _book(self) -> Book:
        return self._engine.reconciler.book

    def unreadable(self) -> Iterator[Obstacle]:
        """The files that cannot be read: whose policies they are nobody knows."""
        for file, problems in self._book.rejected.items():
            yield Obstacle("policy", str(problems[0]) if problems else f"{file} cannot be read")

    def of_policy(self, name: str, chain: Chain) -> Iterator[Obstacle]:
        """What stands in the way of all keys of a policy."""
        policy = self._book.policies[name]
        yield from self._stale(name, policy, chain)
        if name in self._book.doubtful:
            yield self._doubtful(name)

    def _of_world(self, about: About) -> Iterator[Obstacle]:
        refusal = self._engine.refusal
        if refusal:
            yield Obstacle("store", refusal)
        opens = self._schedule(about.key) is not None and about.ends is None
        if opens and self._parts.occurrences.apart():
            told = about.chain.of_world.get("clock.jumped")
            yield Obstacle(
                "clock",
                "no room opens by a schedule while this machine's clock and the API's disagree: "
                "set the clock",
                since=None if told is None else told.ts,
                seq=0 if told is None else told.seq,
            )

    def _of_policy(self, about: About) -> Iterator[Obstacle]:
        """Files with mistakes: what was in force stays in force."""
        book, name = self._book, about.key.policy
        policy = book.policies.get(name)
        if policy is None:
            # Of a file that cannot be read nobody knows whose policy it is.
            yield from self.unreadable()
            return
        yield from self._stale(name, policy, about.chain)
        if about.key in book.kept:
            told = f"{book.kept[about.key]}; its last good wish stays in force"
            yield self._rejected(about.chain, policy.file, told)
        elif name in book.doubtful:
            yield self._doubtful(name)

    def _doubtful(self, name: str) -> Obstacle:
        told = f"{self._book.doubtful[name]}; until then no subject of it counts as gone"
        return Obstacle("sources", told)

    def _stale(self, name: str, policy: Policy, chain: Chain) -> Iterator[Obstacle]:
        book = self._book
        if name in book.stale:
            problems = book.rejected.get(policy.file, ())
            problem = str(problems[0]) if problems else book.stale[name]
            kept = f"version {policy.version[:8]}, the last good one, stays in force"
            yield self._rejected(chain, policy.file, f"{problem}; {kept}")

    def _rejected(self, chain: Chain, file: str, problem: str) -> Obstacle:
        # The fact names the file with the mistake, which may be that of the subjects.
        names = (file, problem.partition(":")[0])
        told = next((chain.rejected[name] for name in names if name in chain.rejected), None)
        since, seq = (None, 0) if told is None else (told.ts, told.seq)
        return Obstacle("policy", problem, since=since, seq=seq)

    def _of_wish(self, about: About) -> Iterator[Obstacle]:
        key, wish = about.key, about.wish
        if about.opens is not None:
            yield Obstacle(
                "not-yet", "its room opens by itself, as the schedule says", until=about.opens
            )
        elif self._schedule(key) is not None and isinstance(wish, Unwanted):
            yield Obstacle("not-wanted", self._no_occurrence(about), since=about.ends)
        elif about.episode is not None and isinstance(wish, Unwanted):
            episode = about.episode
            reason = f": {episode.reason}" if episode.reason else ""
            yield Obstacle("not-wanted", f"its page is over{reason}", since=episode.closed_at)
        elif isinstance(wish, Unwanted):
            yield self._unwanted(about, wish)

    def _unwanted(self, about: About, wish: Unwanted) -> Obstacle:
        key, chain, book = about.key, about.chain, self._book
        policy = book.policies.get(key.policy)
        if not about.known and not chain.of_key:
            return Obstacle("not-wanted", self._never_wanted(key, policy))
        left = departure(chain)
        if left is None and policy is None and chain.of_policy:
            left = chain.of_policy[-1]
        if left is None:
            return Obstacle("not-wanted", wish.why)
        who = author(left)
        by = f" ({who})" if who else ""
        if policy is None:
            return Obstacle("not-wanted", f"{wish.why}{by}", since=left.ts, seq=left.seq)
        told = f'"{key.subject}" left {self._left_from(about, policy, left)}{by}'
        advice = ""
        came = newcomer(chain, left, key, book.wishes)
        if came is not None and came.encoded in chain.made:
            told += f'; "{came.subject}" came in the same change, and has a room of its own'
        elif came is not None:
            told += f'; "{came.subject}" came in the same change'
            pair = f"from: {yaml_scalar(key.subject)}, to: {yaml_scalar(came.subject)}"
            advice = f"{policy.file}:  moved: [{{{pair}}}]"
        return Obstacle("not-wanted", told, since=left.ts, seq=left.seq, advice=advice)

    def _never_wanted(self, key: Key, policy: Policy | None) -> str:
        if policy is None:
            return f"no policy in force is called {key.policy}"
        if isinstance(policy.made_for, OnPage):
            return f"{policy.file} makes rooms for pages, and none is known by {key.subject}"
        return f'nothing in {self._subjects(policy)} has the key "{key.subject}"'

    def _subjects(self, policy: Policy) -> str:
        """Where the subjects of a policy stand."""
        place = policy.places.get("for_each", Place(policy.file))
        return place.of_line

    def _left_from(self, about: About, policy: Policy, left: RecordedFact) -> str:
        wish = about.state.wish
        data = left.fact.detail.get("data")
        return str(data or self._subjects(policy)) if wish is None else wish.because

    # --- schedules and pages ----------------------------------------------------------------------

    def _schedule(self, key: Key) -> Schedule | None:
        policy = self._book.policies.get(key.policy)
        made_for = None if policy is None else policy.made_for
        return made_for if isinstance(made_for, Schedule) else None

    def _no_occurrence(self, about: About) -> str:
        """Why there is no room for an occurrence that is over, or that never was one."""
        key, schedule = about.key, self._schedule(about.key)
        if about.ends is not None or about.chain.of_key or schedule is None:
            made = "" if about.chain.of_key else ", and no room was made for it"
            return f"its occurrence has ended{made}"
        local = read_subject(key.subject)
        if local is None:
            return f"{key.subject} names no occurrence: one is written as 2026-12-03T1500"
        zone = schedule.timezone
        if not self._parts.occurrences.exists(local, zone):
            return (
                f"{local:%H:%M} is no time of that day in {zone}, where the clocks go forward: the "
                "occurrence moved on"
            )
        return f"{schedule.cron!r} in {zone} has no start at that time"

    def _of_page(self, about: About) -> Iterator[Obstacle]:
        episode = about.episode
        if episode is None or episode.over_at is not None:
            return
        if episode.shares:
            leader = decode_key(episode.shares)
            yield Obstacle(
                "shares",
                f"so many pages came that it shares the room of {leader or episode.shares}",
                since=episode.opened_at,
            )
        yield from self._diverted(about, episode)

    def _diverted(self, about: About, episode: Episode) -> Iterator[Obstacle]:
        """Where people are sent meanwhile."""
        fallback, current = episode.fallback, about.state.current
        if fallback is None or current is not None:
            return
        since = episode.opened_at + fallback.after
        if since <= self._parts.clock.now():
            to = " or ".join(filter(None, (fallback.room, fallback.url)))
            used = "; somebody went there" if fallback.used_at is not None else ""
            yield Obstacle("fallback", f"people are sent to {to} meanwhile{used}", since=since)

    def refusals(self, episode: Episode) -> Iterator[Obstacle]:
        """Why no policy takes a page: each that hears of its source, with what it looks at."""
        page = episode.page
        values = values_of(page)[NAME]
        listening = [
            (policy, policy.made_for)
            for _, policy in sorted(self._book.policies.items())
            if isinstance(policy.made_for, OnPage) and page.source in policy.made_for.sources
        ]
        if not listening:
            named = sorted(
                {
                    source
                    for policy in self._book.policies.values()
                    if isinstance(policy.made_for, OnPage)
                    for source in policy.made_for.sources
                }
            )
            told = f"no policy in force names the source {page.source}"
            known = f"; those that are named: {', '.join(named)}" if named else ""
            yield Obstacle("when", f"{told}{known}", since=episode.opened_at)
        for policy, made_for in listening:
            place = policy.places.get("on_page.when", Place(policy.file)).of_line
            if made_for.when is None:
                told = (
                    f"{policy.file} takes every page of {page.source} now, and this one came before"
                )
                yield Obstacle("when", told, since=episode.opened_at)
                continue
            told = "; ".join(values_named(made_for.when, values))
            written = expression(made_for.when)
            yield Obstacle(
                "when",
                f"{place} takes a page when {written}" + (f"; {told}" if told else ""),
                since=episode.opened_at,
            )
