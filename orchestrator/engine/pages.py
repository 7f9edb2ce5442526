"""Pages: signals come in, episodes open and close, and each open one has a wish for a room.

What is acknowledged is durable (promise P6): an episode and its fact are one transaction, and the
turn of its key follows in a lane that overtakes everything.  All that changes an episode goes
through one queue, so that nothing is decided twice; whatever waits there is recorded together, with
one look at the disk.  What ends by time (a page's age, the while after it was closed) ends here.

It makes no room and calls no API: that is the reconciler's work, as for every other key.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Final

import structlog

from orchestrator.domain.episodes import Episode
from orchestrator.domain.facts import Json
from orchestrator.domain.instant import is_idle
from orchestrator.domain.keys import Key
from orchestrator.domain.pages import Ignored, Signal
from orchestrator.domain.paging import Taken, Turn, page_of, take
from orchestrator.domain.policies import Desired, Mode, OnPage, PageWish, Policy, Tree, stricter
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import Person
from orchestrator.engine.arrivals import Arrivals
from orchestrator.engine.book import Book
from orchestrator.engine.firstrooms import FirstRooms
from orchestrator.engine.health import Pulse
from orchestrator.engine.inbox import Inbox, Lane
from orchestrator.engine.moments import Moments
from orchestrator.engine.pagedraft import Draft, fact_of, outcome_of, room_key, sent_fact
from orchestrator.engine.pageindex import RECENT, PageIndex
from orchestrator.engine.pagequeue import PageQueue, Waiting, drafted, fail, let_down
from orchestrator.engine.taking import Found, Taking
from orchestrator.ports.clock import Clock
from orchestrator.ports.intake import Outcome, OverloadedError, Receipt
from orchestrator.ports.store import Commit, Store
from orchestrator.ports.templates import Templates
from orchestrator.ports.timer import Timer

_log = structlog.get_logger(__name__)
_NAME: Final = "pages"
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # 32: a byte's five low bits choose
_ID_LENGTH: Final = 12
WAITING_MOST: Final = 500  # messages that wait to be recorded; then senders are told to come again
# A message waits so long for the room, so that most are told once and need no change.
HELD: Final = timedelta(seconds=2)
_AGAIN: Final = timedelta(seconds=5)  # what could not be ended is tried again
_PUT_OFF: Final = timedelta(minutes=1)  # what the clock does not allow is looked at again
_AHEAD: Final = timedelta(minutes=2)  # a moment that lies so far ahead is one of a wrong clock
_NO_BODY: Final[Mapping[str, Tree]] = MappingProxyType({})
_PATIENCE: Final = timedelta(seconds=30)  # without a fallback: then people should be told
_UNDECIDED: Final = "not all policies can be read; it is asked again when they can"


class Pages:
    """Knows every page that is not over; implements `orchestrator.ports.intake.PageDesk`."""

    def __init__(
        self,
        store: Store,
        templates: Templates,
        inbox: Inbox,
        clock: Clock,
        timer: Timer,
        mode: Mode = Mode.ENFORCE,
    ) -> None:
        """Record in ``store``, name rooms by ``templates``, wake keys in ``inbox``."""
        self._store = store
        self._inbox = inbox
        self._clock = clock
        self._timer = timer
        self.mode = mode
        self._taking = Taking(templates)
        self.firsts = FirstRooms(store, clock)
        """How long pages waited for their link and their room."""
        self._flaws: dict[str, tuple[str, str]] = {}  # by policy: its version, what went wrong
        self.book: Callable[[], Book] = Book
        """What is in force; set by whoever puts it in force."""
        self.entropy: Callable[[int], bytes] = secrets.token_bytes
        """What ids of episodes are drawn from; seeded where runs are to be repeated."""
        self.link_of: Callable[[str, str], str] = lambda _policy, _subject: ""
        """Our own link of a page, by policy and subject; set by whoever knows our address."""
        self.apart: Callable[[], bool] = bool
        """Whether our clock is in doubt, or unproven yet: then nothing ends by its age."""
        self.behind: Callable[[], timedelta] = timedelta
        """How far our clock is behind API time, where that is too far."""
        self.changed: Callable[[Iterable[str]], None] = lambda _: None
        """Called with the ids of episodes of which people may be told something else now."""
        self.wishes: dict[Key, Desired] = {}
        """The wishes of pages that are not over: books look into it."""
        self._index = PageIndex()
        self._wanted = asyncio.Event()  # something waits to be recorded, or may be due
        self._queue = PageQueue(self._wanted)
        self._due: set[str] = set()  # episodes that are to be looked at now
        self._asks_again = False  # some came while policies were unreadable
        self._moments = Moments()  # when to look at which episode
        self._set_for: datetime | None = None
        self._arrivals = Arrivals(store, clock)
        inbox.is_urgent = self.wishes.__contains__

    # --- what is asked ----------------------------------------------------------------------------

    @property
    def next_moment(self) -> datetime | None:
        """When something is due next."""
        return self._moments.next

    def episode(self, id_: str) -> Episode | None:
        """An episode that is not over."""
        return self._index.standing.get(id_)

    def standing(self) -> Sequence[Episode]:
        """The episodes that are not over, in the order in which they opened."""
        return tuple(self._index.standing.values())

    async def latest(self, source: str, digest: str) -> Episode | None:
        """The latest episode of a page, over or not. Raises `StoreFault`."""
        known = self._index.latest((source, digest))
        return known or await self._store.last_episode(source, digest)

    def leader(self, episode: Episode) -> Episode:
        """The episode whose room it has: itself, or the one that it shares a room with."""
        return self._index.leader(episode)

    def sharers(self, episode: Episode) -> int:
        """How many open pages share the room of this one."""
        return self._index.sharers(episode)

    def wish_of(self, episode: Episode) -> PageWish:
        """What of a page decides about its room now."""
        key = self.leader(episode).key
        wish = None if key is None else self.wishes.get(key)
        return (wish.page if wish is not None else None) or PageWish()

    def is_of_page(self, policy: str) -> bool:
        """Whether a policy in force makes rooms for pages."""
        found = self.book().policies.get(policy)
        return found is not None and isinstance(found.made_for, OnPage)

    def roomless(self) -> Sequence[Episode]:
        """Open pages whose first room did not come in time: within their fallback, or so long."""
        now = self._clock.now()
        return [
            one
            for one in self._index.standing.values()
            if one.is_open
            and one.policy
            and not one.shares
            and self.firsts.has_none(one)
            and now - one.opened_at >= (_PATIENCE if one.fallback is None else one.fallback.after)
            and not self._observes(one.policy)
        ]

    def flaws(self) -> Sequence[tuple[str, str]]:
        """What of the policies in force could not be worked out for a page: policy and problem."""
        policies = self.book().policies
        return [
            (name, problem)
            for name, (version, problem) in sorted(self._flaws.items())
            if name in policies and policies[name].version == version
        ]

    # --- taking in --------------------------------------------------------------------------------

    async def recall(self) -> None:
        """Read from the store what is not over. Raises `StoreFault`."""
        for episode in await self._store.standing_episodes():
            self._keep(episode)
        latest = await self._store.latest_episodes(RECENT)
        for episode in reversed(latest):
            if episode.policy:
                self._index.count(episode)
        self._lead_orphans()
        for episode in self._index.standing.values():
            self._wish(episode)
            self._arm(episode)
        await self.firsts.recall(self._index.standing.values(), latest)
        self.look_again()

    async def complete(self) -> None:
        """Work out the wishes of pages that were told by a log and not by a store.

        Once the policies are read; raises `StoreFault`.
        """
        draft = Draft()
        for episode in self._index.standing.values():
            if episode.wish is not None or not episode.policy or not episode.is_open:
                continue
            found = self._taking.by(self.book(), episode.page)
            if found.policy is not None:
                after = replace(episode, policy=found.policy.name, wish=found.wish)
                draft.put(replace(after, fallback=found.fallback))
        if draft.episodes:
            commit = Commit(episodes=tuple(draft.episodes.values()))
            await self._store.commit(commit, self._clock.now())
            self._take_up(draft)

    def _lead_orphans(self) -> None:
        """Pages of a storm whose first one is over in this store, as after a rebuild: one leads."""
        heads: dict[str, str] = {}
        for episode in tuple(self._index.standing.values()):
            if episode.shares and self.leader(episode) is episode:
                head = heads.get(episode.shares, "")
                heads.setdefault(episode.shares, room_key(episode))
                self._keep(replace(episode, shares=head))

    async def received(
        self,
        signals: Sequence[Signal],
        wait: timedelta = timedelta(),
        person: Person | None = None,
    ) -> Sequence[Receipt]:
        """Record signals durably, in one transaction; returns a receipt for each, in their order.

        Where a ``person`` sends them by hand, that is a fact of the same transaction.

        Raises:
            StoreFault: nothing was recorded.
            OverloadedError: nothing was recorded.
        """
        if len(self._queue) >= WAITING_MOST:
            message = f"{len(self._queue)} messages wait to be recorded"
            raise OverloadedError(message)
        receipts: list[Receipt] = []
        taken: list[Episode | None] = []
        began = self._clock.monotonic()

        async def record(draft: Draft) -> None:
            for signal in signals:
                told = len(draft.facts)
                receipt, episode = await self._take(signal, draft)
                if person is not None and episode is not None:
                    draft.facts.insert(told, sent_fact(signal, episode, person))
                receipts.append(receipt)
                taken.append(episode)

        with self._inbox.hurry.on():
            await self._queue.recorded(record)
        for receipt, one in zip(receipts, taken, strict=True):
            if one is not None and receipt.created:
                self.firsts.linked(one, self._clock.monotonic() - began)
        if wait <= timedelta():
            return receipts
        deadline = self._clock.monotonic() + wait.total_seconds()
        return [
            await self._with_room(receipt, episode, deadline)
            for receipt, episode in zip(receipts, taken, strict=True)
        ]

    async def _take(self, signal: Signal, draft: Draft) -> tuple[Receipt, Episode | None]:
        if isinstance(signal, Ignored):
            _log.debug("page.nothing", source=signal.source, why=signal.why)
            return Receipt(Outcome.IGNORED, signal.why), None
        place = page_of(signal)
        last = draft.latest.get(place) or await self.latest(*place)
        now = self._clock.now()
        taken = take(signal, last, now, self._new_id())
        episode = taken.episode
        if episode is None:
            return self._receipt(outcome_of(taken, signal), taken.why, last), last
        if taken.turn is Turn.CLOSES:
            draft.facts.append(fact_of("page.closed", episode, episode.reason))
            if not episode.policy:
                episode = self._over_if_due(episode, now)
        elif taken.turn is not Turn.REMEMBERS:
            if episode.opened_at == now:
                episode = replace(episode, behind=self.behind())
            episode = await self._welcomed(taken, episode, draft)
        # Its policy has seen the body; kept for thousands of pages it would fill the memory.
        episode = replace(episode, page=replace(episode.page, raw=_NO_BODY))
        if episode != last:
            draft.put(episode)
        return self._receipt(outcome_of(taken, signal), taken.why, episode), episode

    async def _welcomed(self, taken: Taken, episode: Episode, draft: Draft) -> Episode:
        """A page opens, opens again or tells more: find its policy, where none has it yet."""
        opens = taken.turn is not Turn.TELLS
        if episode.policy:
            if opens:
                episode = await self._with_a_room(episode, draft)
                why, shares = "it is open again", episode.shares
                draft.facts.append(fact_of("page.opened", episode, why, again=True, shares=shares))
            return episode
        found = self._taking.by(self.book(), episode.page)
        for name, problem in found.flaws:
            _log.error("page.policy", source=episode.page.source, problem=problem)
            self._flaws[name] = self.book().policies[name].version, problem
        policy = found.policy
        if policy is None or not isinstance(policy.made_for, OnPage):
            unreadable = self.book().unreadable
            why = f"{found.why}, but {_UNDECIDED}: {unreadable}" if unreadable else found.why
            if opens or episode.withheld != why:
                known: dict[str, Json] = {"undecided": True} if unreadable else {}
                draft.facts.append(fact_of("page.ignored", episode, why, **known))
            return replace(episode, withheld=why, undecided=bool(unreadable))
        return await self._taken_by(policy, policy.made_for, found, episode, draft)

    async def _taken_by(
        self, policy: Policy, wish: OnPage, found: Found, episode: Episode, draft: Draft
    ) -> Episode:
        after = replace(
            episode,
            policy=policy.name,
            wish=found.wish,
            withheld="",
            undecided=False,
            fallback=found.fallback,
            shares=await self._shared_room(policy.name, wish, draft),
        )
        draft.opened.append(after)
        fact = fact_of("page.opened", after, found.why, shares=after.shares)
        actor = f"policy {policy.name}@{policy.version[:8]}"
        draft.facts.append(replace(fact, actor=actor))
        return after

    def policies_changed(self) -> None:
        """Other policies are in force: ask again for pages that came while some were unreadable."""
        if self._asks_again and not self.book().unreadable:
            self._wanted.set()

    async def _decide(self, draft: Draft) -> None:
        """Ask for the policies of pages of which nothing could be said when they came.

        Their bodies are gone: what a policy asks of them fails, and must not open rooms for
        everything that came meanwhile.  A person can open one by hand.
        """
        for one in tuple(self._index.standing.values()):
            episode = draft.now(one)
            if not episode.undecided or not episode.is_open:
                continue
            found = self._taking.by(self.book(), episode.page)
            policy = found.policy
            if policy is None or found.flaws or not isinstance(policy.made_for, OnPage):
                askers = ", ".join(sorted({name for name, _ in found.flaws}))
                lost = f"what {askers} would know of it is unknown until its source tells it again"
                why = lost if askers else found.why
                draft.facts.append(fact_of("page.ignored", episode, why))
                draft.put(replace(episode, withheld=why, undecided=False))
                continue
            draft.put(await self._taken_by(policy, policy.made_for, found, episode, draft))

    async def _with_a_room(self, episode: Episode, draft: Draft) -> Episode:
        """A page that is open again after the page was over whose room it shared."""
        if not episode.shares or self.leader(episode) is not episode:
            return episode
        policy, shares = self.book().policies.get(episode.policy), ""
        if policy is not None and isinstance(policy.made_for, OnPage):
            shares = await self._shared_room(policy.name, policy.made_for, draft)
        after = replace(episode, shares=shares)
        draft.opened.append(after)
        return after

    async def _shared_room(self, policy: str, wish: OnPage, draft: Draft) -> str:
        """In a storm, the key of the room of its first page; or an empty text."""
        storm = wish.storm
        if storm is None:
            return ""
        fresh = [*self._index.fresh(policy, self._clock.now(), storm.within)]
        fresh += [one.id for one in draft.opened if one.policy == policy]
        if len(fresh) < storm.more_than:
            return ""
        known = {**self._index.standing, **{one.id: one for one in draft.opened}}
        for id_ in dict.fromkeys((*fresh, *known)):
            one = known.get(id_)
            if one is None or one.policy != policy or one.shares or one.key is None:
                continue
            if not is_idle(await self._store.state(one.key), self.wish_of(one)):
                return one.key.encoded
        return ""

    def _over_if_due(self, episode: Episode, now: datetime) -> Episode:
        """A closed episode whose while is over, unless open pages share its room."""
        is_over = not episode.is_open and self._is_due(episode)
        return replace(episode, over_at=now) if is_over else episode

    # --- recording --------------------------------------------------------------------------------

    async def run(self, pulse: Pulse) -> None:
        """Record what comes in and end what is due; runs until it is cancelled."""
        try:
            while True:
                pulse.waits(None)
                await self._wanted.wait()
                pulse.works()
                await self.work()
        finally:
            self._queue.end()

    async def work(self) -> None:
        """Record what waits, in one transaction, and end what is due by now."""
        self._wanted.clear()
        batch = self._queue.take()
        decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._asks_again and not self.book().unreadable:
            self._asks_again = False
            batch.append((self._decide, decided))
        try:
            await self._record(batch)
        finally:
            let_down(batch)  # recorded or not: the sender comes again
        if decided.done() and decided.exception() is not None:
            self._asks_again = True  # with whatever is recorded next
        elif self._asks_again and not self.book().unreadable:
            self._wanted.set()  # they came while a page was recorded that nobody took
        moment = self.next_moment
        if self._due or (moment is not None and moment <= self._clock.now()):
            await self._look()

    async def _record(self, batch: Sequence[Waiting]) -> None:
        whole = Draft()
        waiting = await drafted(batch, whole)
        for episode in tuple(self.firsts.unrecorded(whole.episodes, self._index.standing)):
            whole.put(episode)
        try:
            if whole.episodes or whole.facts:
                await self._store.commit(
                    Commit(facts=tuple(whole.facts), episodes=tuple(whole.episodes.values())),
                    self._clock.now(),
                )
        except Exception as error:  # noqa: BLE001 - told to everybody who waits
            for done in waiting:
                fail(done, error)
            return
        self._take_up(whole)
        for done in waiting:
            if not done.done():
                done.set_result(None)

    def _take_up(self, draft: Draft) -> None:
        """What was recorded is so from now on: wishes change, and their keys are woken."""
        for episode in draft.episodes.values():
            self._keep(episode)
        for episode in draft.opened:
            self._index.count(episode)
        told = set(draft.episodes)
        for episode in draft.episodes.values():
            self._wish(episode)
            if episode.shares:
                leader = self.leader(episode)
                self._wish(leader)
                self._arm(leader)  # it may be over now
                told.add(leader.id)
            self._arm(episode)
        self.changed(told)

    def _keep(self, episode: Episode) -> None:
        """Remember an episode as it is durable now."""
        self._asks_again = self._asks_again or (episode.undecided and episode.is_open)
        self.firsts.recorded(episode)
        self._index.keep(episode)

    def _wish(self, episode: Episode) -> None:
        key = episode.key
        if key is None or episode.wish is None or episode.shares:
            return
        before = self.wishes.get(key)
        if episode.over_at is not None:
            self.wishes.pop(key, None)
        else:
            closing = not episode.is_open and not self.sharers(episode)
            page = replace(episode.wish.page or PageWish(), asks=episode.asks, closing=closing)
            self.wishes[key] = replace(episode.wish, page=page)
        if self.wishes.get(key) != before:
            self._inbox.wake(key, f"page {episode.page.subject}", Lane.PAGE)

    # --- time -------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """End what is due now, and be called when something is due next."""
        now = self._clock.now()
        looked, self._due = self._due | self._moments.come(now), set()
        there = [self._index.standing[id_] for id_ in looked if id_ in self._index.standing]
        due = [episode for episode in there if self._is_due(episode)]
        for episode in there:
            if episode.closes_at > now:
                # That moment had come by a clock that was set back since.
                self._moments.add(episode.closes_at, episode.id)
            elif episode.is_open and self.apart():
                self._moments.add(now + _PUT_OFF, episode.id)
        if due or self.firsts.noticed:
            done = asyncio.get_running_loop().create_future()
            await self._record([(partial(self._end, due), done)])
            if done.exception() is not None:
                _log.error("page.unended", error=str(done.exception()))
                for id_ in {*self.firsts.noticed, *(episode.id for episode in due)}:
                    self._moments.add(now + _AGAIN, id_)
        self._call()
        self.changed(looked)  # a moment after which people are sent elsewhere may have come

    def look_again(self) -> None:
        """Look at every page: its moment may have been told by a wrong clock."""
        self._due |= self._index.standing.keys()
        self._wanted.set()

    def _call(self) -> None:
        """Be called at the next moment."""
        moment = self.next_moment
        if moment is not None and moment != self._set_for:
            self._timer.call_at(_NAME, moment, self._wanted.set)
        self._set_for = moment

    def _is_due(self, episode: Episode) -> bool:
        now = self._clock.now()
        if episode.is_open:
            return (episode.closes_at <= now or _opens_ahead(episode, now)) and not self.apart()
        # What was closed by a clock that was ahead would otherwise stand until that moment comes.
        is_ahead = episode.closed_at is not None and episode.closed_at > now + _AHEAD
        return (episode.closes_at <= now or is_ahead) and not self.sharers(episode)

    async def _end(self, due: Sequence[Episode], draft: Draft) -> None:
        now = self._clock.now()
        for episode in due:
            after = episode
            if episode.is_open and _opens_ahead(episode, now):
                # It came while the clock was ahead, and would stand until that moment came.
                after = replace(episode, opened_at=now, behind=timedelta())
            elif episode.is_open:
                reason = "nobody closed it, and it is older than its policy allows"
                after = replace(episode, closed_at=now, reason=reason)
                draft.facts.append(fact_of("page.closed", after, reason))
            after = self._over_if_due(after, now)
            if after != episode:
                draft.put(after)

    def _arm(self, episode: Episode) -> None:
        """Look at an episode when something of it is due."""
        if episode.over_at is not None:
            return
        now, moments = self._clock.now(), [episode.closes_at, episode.opened_at + HELD]
        if episode.fallback is not None:
            moments.append(episode.opened_at + episode.fallback.after)
        if self._is_due(episode):
            self._due.add(episode.id)
            self._wanted.set()
        for moment in moments:
            if moment > now:
                self._moments.add(moment, episode.id)
        self._call()

    # --- rooms ------------------------------------------------------------------------------------

    async def turned(self, key: Key) -> None:
        """A turn of a page's key is over: what people are told of it may have changed."""
        for one in self._index.members(key.encoded):
            if await self.firsts.look(one):
                # Nobody waits for it: it is recorded with what else comes, or alone a little later.
                self._moments.add(self._clock.now() + HELD, one.id)
                self._call()
        self._arrivals.turned(key)
        self.changed([one.id for one in self._index.members(key.encoded)])

    async def _with_room(
        self, receipt: Receipt, episode: Episode | None, deadline: float
    ) -> Receipt:
        """The receipt with the room of its page, if that comes in time."""
        waits = receipt.outcome in {Outcome.OPENED, Outcome.KNOWN}
        if not waits or episode is None or not episode.is_open:
            return receipt
        key = self.leader(episode).key
        if key is None or key not in self.wishes:
            return receipt
        room_id = await self._arrivals.room(key, deadline)
        return replace(receipt, room_id=room_id) if room_id else receipt

    async def ask(self, source: str, digest: str, cause: str) -> bool:
        """Somebody pressed *Open room* on a page's link: whether a room is on its way, or there.

        Raises `StoreFault`.
        """
        opens = False

        async def ask_for_one(draft: Draft) -> None:
            nonlocal opens
            episode = draft.latest.get((source, digest)) or await self.latest(source, digest)
            leader = None if episode is None else draft.now(self.leader(episode))
            if episode is None or leader is None or not episode.is_open or leader.key is None:
                return
            state = await self._store.state(leader.key) or KeyState(leader.key)
            there = state.current is not None or state.ended_at is None
            opens = there or leader.asks > state.asks_met
            wish = self.wishes.get(leader.key)
            if opens or wish is None or wish.page is None or not wish.page.keep_open:
                return
            opens = True
            asked = replace(leader, asks=state.asks_met + 1)
            fact = fact_of("page.asked", asked, "people need a room")
            draft.facts.append(replace(fact, cause=cause))
            draft.put(asked)

        await self._queue.recorded(ask_for_one)
        return opens

    async def divert(self, id_: str, to: str) -> None:
        """Somebody is sent to the fallback: from now on that is this episode's room.

        Raises `StoreFault`; whoever is on the way is sent there all the same.
        """

        async def record(draft: Draft) -> None:
            standing = self._index.standing.get(id_)
            episode = None if standing is None else draft.now(standing)
            if episode is None or episode.fallback is None or episode.fallback.used_at:
                return
            used = replace(episode.fallback, used_at=self._clock.now())
            after = replace(episode, fallback=used)
            draft.facts.append(
                fact_of("page.diverted", after, "the API made no room in time", to=to)
            )
            draft.put(after)

        await self._queue.recorded(record)

    # --- small things -----------------------------------------------------------------------------

    def _receipt(self, outcome: Outcome, why: str, episode: Episode | None) -> Receipt:
        if episode is None or not episode.policy:
            withheld = episode.withheld if episode is not None and episode.is_open else ""
            return Receipt(Outcome.WITHHELD if withheld else outcome, withheld or why)
        link = self.link_of(episode.policy, episode.page.subject)
        if episode.is_open and self._observes(episode.policy):
            why = "mode is observe: it is recorded, and opens nothing"
            return Receipt(Outcome.WITHHELD, why, link)
        return Receipt(outcome, why, link, created=outcome is Outcome.OPENED)

    def _observes(self, policy_name: str) -> bool:
        policy = self.book().policies.get(policy_name)
        return stricter(self.mode, policy.mode if policy is not None else None) is Mode.OBSERVE

    def _new_id(self) -> str:
        return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in self.entropy(_ID_LENGTH))


def _opens_ahead(episode: Episode, now: datetime) -> bool:
    return episode.opened_at + episode.behind > now + _AHEAD
