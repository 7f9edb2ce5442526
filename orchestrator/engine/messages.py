"""Messages: the outbox of what is told once a link and changed later, a courier a destination.

Level-triggered: what stands now is compared with what was told, so a lost wake-up costs time and
nothing else.  Rooms that stood before a policy named a destination are not announced there.  In
observe there are no couriers, and the outbox waits.  It refuses to take what it does not know for
over: nothing is closed before policies and pages were read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final, Protocol

import structlog

from orchestrator.domain.announcements import Announcement
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.facts import Fact, Json
from orchestrator.domain.keys import Key, decode_key
from orchestrator.domain.policies import DeliverTo, Mode, Policy
from orchestrator.domain.records import KeyState
from orchestrator.domain.reports import DeliveryRow
from orchestrator.engine.announcing import LinkOf, actor_of, is_standing, room_of
from orchestrator.engine.attempt import ReadHostLink
from orchestrator.engine.book import Book
from orchestrator.engine.courier import Courier
from orchestrator.engine.health import Pulse, Vitals
from orchestrator.engine.inbox import Hurry
from orchestrator.engine.outbox import AUDIT_HEAD
from orchestrator.engine.post import Post, deliver_of
from orchestrator.foundation.instants import format_instant_exactly, parse_instant
from orchestrator.ports.clock import Clock
from orchestrator.ports.deliveries import Messenger
from orchestrator.ports.meter import Meter
from orchestrator.ports.store import Commit, Store, StoreFault
from orchestrator.ports.tracing import Tracer

_log = structlog.get_logger(__name__)
NAMED: Final = "deliveries.named"  # note: since when which policy names which destination
_GATHER: Final = 0.2  # seconds in which changes of rooms are gathered; pages are looked at at once
_RETRY: Final = 15.0
_HEAL: Final = 300.0  # seconds after which all pages are looked at, whatever was told of them
_BATCH: Final = 200
_DRAIN: Final = 30.0  # seconds for one command to carry what may leave now
_PAGES: Final = "messages-of-pages"
_ROOMS: Final = "messages-of-rooms"


class PageNews(Protocol):
    """What is announced of pages, by the ids of announcements."""

    def standing(self) -> Sequence[str]:
        """Of all pages that are not over, the latest first."""
        ...

    async def news(self, id_: str, /) -> Sequence[tuple[DeliverTo, Announcement]]:
        """What is to be told now, and where; nothing where the page is over."""
        ...

    def is_over(self, id_: str, /) -> bool:
        """Whether the page is over."""
        ...


class _NoPages:
    """Nobody pages."""

    def standing(self) -> Sequence[str]:
        return ()

    async def news(self, _: str, /) -> Sequence[tuple[DeliverTo, Announcement]]:
        return ()

    def is_over(self, _: str, /) -> bool:
        """None stands."""
        return True


class Messages:
    """Everything that is told by messages."""

    def __init__(
        self,
        store: Store,
        messengers: Mapping[str, Messenger],
        clock: Clock,
        host_link: ReadHostLink,
    ) -> None:
        """Carry by ``messengers``; in observe there are none."""
        self._store = store
        self._clock = clock
        self._posts: dict[str, Post] = {}
        for name, messenger in messengers.items():
            courier = Courier(messenger, store, clock, host_link)
            self._posts[name] = post = Post(courier, store, clock, self._lives)
            courier.on_end = partial(self._ended, post)
        self.book: Callable[[], Book] = Book
        """The book in force."""
        self.pages: PageNews = _NoPages()
        """What stands of pages."""
        self._hurry = Hurry()
        self.link_of: LinkOf | None = None
        """Our own link of a key; None: rooms' guest links are told."""
        self._seen = Book()
        self._named: dict[str, dict[str, datetime]] = {}
        self._dirty: set[Key] = set()
        self._dirty_policies: set[str] = set()
        self._cursor: int | None = None
        self._pages_nudged = asyncio.Event()
        self._pages_dirty: dict[str, None] = {}  # ids of announcements, in order
        self._pages_all = True
        self._rooms_nudged = asyncio.Event()
        self._stopping = asyncio.Event()
        self._reading = asyncio.Lock()
        store.listen(self._rooms_nudged.set)

    def hasten(self, hurry: Hurry) -> None:
        """Let messages of pages press with this: other work waits for them."""
        self._hurry = hurry
        for post in self._posts.values():
            post.courier.hurry = hurry

    def measured_by(self, meter: Meter, tracer: Tracer) -> None:
        """Let these count and follow every call to a destination."""
        for post in self._posts.values():
            post.courier.attempts.meter, post.courier.attempts.tracer = meter, tracer

    # --- beginning and end ------------------------------------------------------------------------

    async def recall(self) -> None:
        """Read what was told. Raises `StoreFault`."""
        if not self._posts:
            return
        named = json.loads(await self._store.note(NAMED) or "{}")
        self._named = {
            to: {policy: parse_instant(since) for policy, since in policies.items()}
            for to, policies in named.items()
        }
        for row in await self._store.standing_deliveries():
            post = self._posts.get(row.destination)
            if post is not None:
                post.know(row)

    def nudge(self) -> None:
        """Something changed: a key, the book, a page."""
        self._pages_all = True
        self._pages_nudged.set()
        self._rooms_nudged.set()

    def nudge_pages(self, ids: Iterable[str]) -> None:
        """There may be news of the pages of these announcements."""
        before = len(self._pages_dirty)
        self._pages_dirty.update(dict.fromkeys(ids))
        if len(self._pages_dirty) > before:
            self._pages_nudged.set()

    def stop(self) -> None:
        """Begin nothing more; what is under way ends, and the rest waits for the next start."""
        self._stopping.set()
        self.nudge()
        for post in self._posts.values():
            post.courier.stop()

    async def run(self, vitals: Vitals | None = None) -> None:
        """Carry until `stop`; ``vitals`` are told of each turn."""
        vitals = vitals or Vitals(self._clock)
        if not self._posts:
            await self._stopping.wait()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_pages(vitals.expect(_PAGES)), name=_PAGES)
            group.create_task(self._follow_rooms(vitals.expect(_ROOMS)), name=_ROOMS)
            for name, post in self._posts.items():
                pulse = vitals.expect(f"messages-{name}")
                group.create_task(post.courier.run(pulse), name=f"messages-{name}")
            await self._stopping.wait()
            # The last calls may take their time, and nobody waits for a turn any more.
            for name in (_PAGES, _ROOMS, *(f"messages-{one}" for one in self._posts)):
                vitals.release(name)

    async def carry_out(self) -> None:
        """Carry what may leave now, and return. For one command without a daemon."""
        if not self._posts:
            return
        try:
            await self.look()
            async with asyncio.TaskGroup() as group:
                for name, post in self._posts.items():
                    group.create_task(post.courier.carry(_DRAIN), name=f"messages-{name}")
        except* StoreFault as fault:
            _log.error("deliveries.unrecorded", error=str(fault.exceptions[0]))

    async def _follow_pages(self, pulse: Pulse) -> None:
        """Keep the couriers in step with what stands of pages, at once."""
        while not self._stopping.is_set():
            pulse.works()
            self._pages_nudged.clear()
            wait: float | None = None
            try:
                await self.look_at_pages()
            except StoreFault as fault:
                _log.error("deliveries.unread", error=str(fault))
                wait = _RETRY
            pulse.waits(wait)
            await self._pause(self._pages_nudged, wait or _HEAL)
            self._pages_all |= not self._pages_nudged.is_set()

    async def _follow_rooms(self, pulse: Pulse) -> None:
        """Keep the couriers in step with rooms; many changes in a row are taken in together."""
        while not self._stopping.is_set():
            pulse.works()
            self._rooms_nudged.clear()
            began = self._clock.monotonic()
            try:
                await self.look_at_rooms()
                wait = max(_GATHER, 2 * (self._clock.monotonic() - began))
            except StoreFault as fault:
                _log.error("deliveries.unread", error=str(fault))
                self._dirty_policies |= self._relevant(self._seen)
                self._rooms_nudged.set()
                wait = _RETRY
            pulse.waits(None)
            await self._pause(self._rooms_nudged, None)
            await self._pause(self._stopping, wait)

    async def _pause(self, event: asyncio.Event, seconds: float | None) -> None:
        """Wait for something to happen, so many seconds at most."""
        if seconds is None:
            await event.wait()
            return
        async with asyncio.TaskGroup() as group:
            sleeping = group.create_task(self._clock.sleep(seconds), name="messages-pause")
            nudged = group.create_task(event.wait(), name="messages-nudge")
            await asyncio.wait((sleeping, nudged), return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
            nudged.cancel()

    # --- first contact ----------------------------------------------------------------------------

    async def meet(self, book: Book) -> None:
        """Take in which policies name which destinations, before any room is made by this book.

        Rooms that stand already when a policy first names a destination are not announced there:
        five hundred messages would tell nobody anything new.  What was given up is tried again.

        Raises:
            StoreFault: it could not be recorded.
        """
        async with self._reading:
            for to, post in self._posts.items():
                for policy in book.policies.values():
                    if deliver_of(policy, to) is None or not is_standing(policy):
                        continue
                    if policy.mode is Mode.OBSERVE or policy.name in self._named.get(to, {}):
                        continue
                    await self._first_contact(post, policy)
                await self._forget_unnamed(to, book)
                post.courier.take_up()
        self.nudge()

    async def _first_contact(self, post: Post, policy: Policy) -> None:
        now, to = self._clock.now(), post.name
        old: list[Delivery] = []
        names = (policy.name, *policy.formerly)  # whose rooms become this policy's
        for state in [state for name in names for state in await self._store.states(name)]:
            room = room_of(state)
            if room is None or any(one in post.ids for one in (state.key.encoded, *state.former)):
                continue
            id_ = await post.identify(state)
            if id_ in post.courier.rows:
                continue
            row = Delivery(to, id_, state.key.encoded, now, title=room.display_name)
            old.append(replace(row, link=room.guest_url, passed_over=True))
        for at in range(0, len(old), _BATCH):
            await self._store.commit(Commit(deliveries=old[at : at + _BATCH]), now)
        named = {**self._named, to: {**self._named.get(to, {}), policy.name: now}}
        facts: tuple[Fact, ...] = ()
        if old:
            detail: dict[str, Json] = {
                "destination": to,
                "policy": policy.name,
                "rooms": len(old),
            }
            facts = (Fact("delivery.passed_over", actor=actor_of(policy), detail=detail),)
        await self._store.commit(Commit(facts=facts, notes={NAMED: _written(named)}), now)
        self._named = named
        for row in old:
            post.know(row)

    async def _forget_unnamed(self, to: str, book: Book) -> None:
        """A policy that names a destination again later meets it anew."""
        known = self._named.get(to, {})
        policies = book.policies
        kept = {
            name: since
            for name, since in known.items()
            if name in policies and deliver_of(policies[name], to) is not None
        }
        if kept != known:
            named = {**self._named, to: kept}
            notes: dict[str, str | None] = {NAMED: _written(named)}
            await self._store.commit(Commit(notes=notes), self._clock.now())
            self._named = named

    # --- what stands ------------------------------------------------------------------------------

    async def look(self) -> None:
        """Take in all that changed. Raises `StoreFault`."""
        await self.look_at_pages()
        await self.look_at_rooms()

    async def look_at_pages(self) -> None:
        """Take in what stands of pages, or what changed of it. Raises `StoreFault`."""
        everything, self._pages_all = self._pages_all, False
        dirty, self._pages_dirty = self._pages_dirty, {}
        try:
            if everything:
                standing = self.pages.standing()
                for post in self._posts.values():
                    dirty |= dict.fromkeys(post.page_ids())
                    post.forget_over(standing)
                dirty = dict.fromkeys((*standing, *dirty))
            with self._hurry.on(page=bool(dirty) and not everything):
                for id_ in dirty:
                    await self._tell_page(id_)
        except BaseException:
            self._pages_all = True
            raise

    async def _tell_page(self, id_: str) -> None:
        book = self.book()
        news = {deliver.to: (deliver, told) for deliver, told in await self.pages.news(id_)}
        for name, post in self._posts.items():
            if name in news:
                await post.put_page(*news[name], book)
            else:
                await post.end_page(id_, book, is_over=self.pages.is_over(id_))

    async def look_at_rooms(self) -> None:
        """Take in which keys changed since the last look, and what is to be told of them now."""
        async with self._reading:
            book = self.book()
            relevant = self._relevant(book)
            self._compare(book, relevant)
            await self._read_facts(relevant)
            policies, self._dirty_policies = self._dirty_policies & relevant, set()
            dirty, self._dirty = self._dirty, set()
            states: dict[Key, KeyState] = {}
            for name in sorted(policies):
                states |= {state.key: state for state in await self._store.states(name)}
                dirty |= {key for key in book.wishes if key.policy == name}
                dirty |= self._told_keys(name)
            dirty |= states.keys()
            for key in [key for key in dirty if key.policy in relevant and key not in states]:
                state = await self._store.state(key)
                states[key] = state or KeyState(key)
            # Those that have rooms first: whose room moved on takes its message along.
            for state in sorted(states.values(), key=lambda one: (not one.rooms, one.key)):
                for to, post in self._posts.items():
                    since = self._named.get(to, {}).get(state.key.policy)
                    await post.put_room(state, book, since, self.link_of)
            known = {key.encoded for key in (*states, *book.wishes)} if policies else set()
            for name in policies:
                for post in self._posts.values():
                    await post.end_cut(name, known, book)

    def _relevant(self, book: Book) -> set[str]:
        """The policies whose rooms are, or were, announced somewhere."""
        told = {encoded.partition("/")[0] for post in self._posts.values() for encoded in post.ids}
        return told | {
            policy.name
            for policy in book.policies.values()
            if is_standing(policy) and any(one.to in self._posts for one in policy.deliver)
        }

    def _compare(self, book: Book, relevant: set[str]) -> None:
        before, self._seen = self._seen, book
        if book is before or not relevant:
            return
        for name in relevant:
            old, new = before.policies.get(name), book.policies.get(name)
            if old is None or new is None or (old.deliver, old.mode) != (new.deliver, new.mode):
                self._dirty_policies.add(name)
        self._dirty |= {key for key in before.changed_keys(book) if key.policy in relevant}

    async def _read_facts(self, relevant: set[str]) -> None:
        """Note the keys that facts tell of since the last look."""
        if not relevant:
            self._cursor = None
            return
        if self._cursor is None:
            # What was written out before is in the states, which are read afterwards.
            head = json.loads(await self._store.note(AUDIT_HEAD) or "{}")
            self._cursor = int(head.get("seq", 0))
        while facts := await self._store.facts(self._cursor, _BATCH):
            self._cursor = facts[-1].seq
            for recorded in facts:
                encoded = recorded.fact.key
                name = encoded.partition("/")[0]
                if name not in relevant or recorded.fact.event.startswith("delivery."):
                    continue
                key = decode_key(encoded)
                if key is None:
                    self._dirty_policies.add(name)  # a long subject is cut in facts
                else:
                    self._dirty.add(key)

    def _told_keys(self, policy: str) -> set[Key]:
        encoded = {one for post in self._posts.values() for one in post.ids}
        keys = {decode_key(one) for one in encoded if one.partition("/")[0] == policy}
        return {key for key in keys if key is not None}

    async def _lives(self, encoded: str) -> bool:
        key = decode_key(encoded)
        return key is None or key in self.book().wishes or await self._store.state(key) is not None

    def _ended(self, post: Post, row: Delivery) -> None:
        """A message came to its end: if its link lives again, that is another message."""
        post.ended(row)
        key = decode_key(row.key)
        if key is None:
            self._dirty_policies.add(row.key.partition("/")[0])
        else:
            self._dirty.add(key)
        self.nudge()

    @property
    def names(self) -> frozenset[str]:
        """The destinations that are told by messages; in observe there are none."""
        return frozenset(self._posts)

    @property
    def taken(self) -> int | None:
        """The last fact that was looked at; None where none need be."""
        return self._cursor

    # --- what is told of it -----------------------------------------------------------------------

    def rows(self) -> tuple[DeliveryRow, ...]:
        """The destinations that were not told everything, by name."""
        found = (post.courier.report() for _, post in sorted(self._posts.items()))
        return tuple(row for row in found if row is not None)


def _written(named: Mapping[str, Mapping[str, datetime]]) -> str:
    return json.dumps(
        {
            to: {policy: format_instant_exactly(since) for policy, since in policies.items()}
            for to, policies in named.items()
        }
    )
