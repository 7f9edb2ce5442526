"""The post of one destination: under which message each link is told there, and what is put to it.

A link has one message from its first telling to its end, over renames; if it lives again after its
end, that is another message.  It refuses to take up what ended in order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.keys import Key, decode_key
from orchestrator.domain.policies import DeliverTo, LinkKind, Mode, Policy
from orchestrator.domain.records import KeyState
from orchestrator.domain.telling import Wanted, announcement_id, taken_up
from orchestrator.engine.announcing import LinkOf, Standing, actor_of, announce, is_ours, over
from orchestrator.engine.book import Book
from orchestrator.engine.courier import Courier
from orchestrator.ports.clock import Clock
from orchestrator.ports.store import Store

Lives = Callable[[str], Awaitable[bool]]


class Post:
    """A courier, and what it carries for which link."""

    def __init__(self, courier: Courier, store: Store, clock: Clock, lives: Lives) -> None:
        """Put to ``courier``; ``lives`` says whether a former key is a key of its own by now."""
        self.courier = courier
        self.name = courier.name
        self.ids: dict[str, str] = {}
        """The id under which the link of each encoded key is told."""
        self._over: set[str] = set()  # ids of pages of which nothing more is told
        self._store = store
        self._clock = clock
        self._lives = lives

    def know(self, row: Delivery) -> None:
        """Remember a row that the store holds."""
        self.courier.know(row)
        if is_ours(row.id):
            self.ids[row.key] = row.id

    def ended(self, row: Delivery) -> None:
        """A message came to its end."""
        if not is_ours(row.id):
            self._over.add(row.id)
        elif self.ids.get(row.key) == row.id:
            del self.ids[row.key]

    # --- pages ------------------------------------------------------------------------------------

    async def put_page(self, deliver: DeliverTo, told: Announcement, book: Book) -> None:
        """This stands of a page."""
        courier = self.courier
        if told.id in self._over:
            return
        if not (told.id in courier.rows or courier.is_wanted(told.id)):
            row = await self._store.delivery(self.name, told.id)
            if row is not None and not self._goes_on(row):
                self._over.add(told.id)
                return
        policy = book.policies.get(told.policy)
        host = deliver.link is LinkKind.HOST
        courier.put(Wanted(told, _encoded(told.key), host=host, actor=actor_of(policy)))

    def page_ids(self) -> list[str]:
        """The ids of what is told, or was to be told, of pages."""
        wanted = (id_ for id_ in self.courier.wants() if not is_ours(id_))
        return [*(id_ for id_ in self.courier.rows if not is_ours(id_)), *wanted]

    def forget_over(self, standing: Collection[str]) -> None:
        """Of pages that are over nobody asks any more."""
        self._over &= {*standing}

    async def end_page(self, id_: str, book: Book, *, is_over: bool = True) -> None:
        """Nothing is told of a page any more: it is over, or not delivered here.

        Where its policy is gone, or tells nothing for a while, the page stands all the same, and so
        does what was told of it.
        """
        courier = self.courier
        row = courier.rows.get(id_)
        if row is not None:
            policy = book.policies.get(row.key.partition("/")[0])
            if policy is not None and deliver_of(policy, self.name) is None:
                await courier.let_go(id_)
            elif is_over:
                courier.put(over(row))
        elif courier.is_wanted(id_):
            courier.withdraw(id_)
            courier.given_up.pop(id_, None)

    # --- rooms of subjects and occurrences --------------------------------------------------------

    async def put_room(
        self, state: KeyState, book: Book, since: datetime | None, link_of: LinkOf | None
    ) -> None:
        """This is remembered of a key: what is to be told of it here, by the book?"""
        encoded = state.key.encoded
        policy = book.policies.get(state.key.policy)
        deliver = None if policy is None else deliver_of(policy, self.name)
        known = self.ids.get(encoded)
        if policy is not None and policy.mode is Mode.OBSERVE:
            self._withdraw(known)
            return
        if policy is not None and deliver is None:
            if known is not None:
                del self.ids[encoded]
                await self.courier.let_go(known)
            return
        if known is None and policy is not None:
            known = await self._begun(Standing(state, book, deliver, None, since), link_of)
        if known is None:
            return
        standing = Standing(state, book, deliver, self.courier.rows.get(known), since)
        wanted = announce(standing, known, link_of)
        if wanted is None:
            self._withdraw(known)
        else:
            self.courier.put(wanted)

    async def end_cut(self, policy: str, known: set[str], book: Book) -> None:
        """End what was told of keys that were cut and of which nothing is remembered any more.

        Their rows hold no more of the key than facts do, so no state is found by them.

        Args:
            policy: whose keys.
            known: those that are wanted or remembered, encoded.
            book: in force.
        """
        made = book.policies.get(policy)
        if made is not None and made.mode is Mode.OBSERVE:
            return
        for encoded, id_ in list(self.ids.items()):
            cut = encoded.partition("/")[0] == policy and decode_key(encoded) is None
            row = self.courier.rows.get(id_)
            if not cut or encoded in known or row is None:
                continue
            if made is not None and deliver_of(made, self.name) is None:
                del self.ids[encoded]
                await self.courier.let_go(id_)
            else:
                self.courier.put(over(row))

    async def _begun(self, standing: Standing, link_of: LinkOf | None) -> str | None:
        """The id of a link of which nothing was told yet; None where there is nothing to tell."""
        moved = await self._moved(standing.state)
        if moved is None:
            wanted = announce(standing, "", link_of)
            if wanted is None or wanted.announcement.stage is Stage.CLOSED:
                return None
        known = moved or await self.identify(standing.state)
        self.ids[standing.state.key.encoded] = known
        return known

    def _withdraw(self, known: str | None) -> None:
        if known is not None:
            self.courier.withdraw(known)

    async def identify(self, state: KeyState) -> str:
        """The id under which a key's link is told next: the first whose end was not told."""
        episode = 1
        while True:
            id_ = announcement_id(state.key, episode)
            row = await self._store.delivery(self.name, id_)
            if row is None or row.passed_over or self._goes_on(row):
                return id_
            episode += 1

    async def _moved(self, state: KeyState) -> str | None:
        """The id under which the link was told while it was another key's."""
        for former in state.former:
            if former in self.ids and not await self._lives(former):
                return self.ids.pop(former)
        return None

    def _goes_on(self, row: Delivery) -> bool:
        """Whether a message that ended is told again: it was given up, or let go, not told over."""
        if not row.ended:
            return True
        if row.passed_over or row.stage is Stage.CLOSED:
            return False
        if row.given_up or row.shown:
            self.courier.know(taken_up(row, self._clock.now()))
        return True


def deliver_of(policy: Policy, to: str) -> DeliverTo | None:
    """What a policy says of a destination."""
    return next((deliver for deliver in policy.deliver if deliver.to == to), None)


def _encoded(key: str) -> str:
    """The encoded form of a key as people write it."""
    policy, _, subject = key.partition("/")
    return Key(policy, subject).encoded
