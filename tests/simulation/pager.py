"""Paging systems: what they send, and what must have become of what was acknowledged.

Pages open, are told again, close, close before they open, and open again, and whatever was not
acknowledged is sent again, as such systems do.  What was acknowledged counts from then on, over
every death of the daemon (promise P6); what was not may have been recorded or not.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from orchestrator.domain.episodes import Episode
from orchestrator.domain.marker import Marker
from orchestrator.domain.pages import Closed, Opened, Page, Severity, Signal, digest_of
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.ports.intake import Outcome, Receipt

INCIDENTS: Final = "pagerduty"  # an incident's id is never used again
GROUPS: Final = "alertmanager"  # a group of alerts comes back under its key
POLICIES: Final = frozenset({"bridge", "hotline"})
AFTER: Final = timedelta(minutes=2)  # a room stays for so long after its page is closed
MAX_AGE: Final = timedelta(days=3)
_LOOK: Final = timedelta(hours=1)
_NOTICE: Final = timedelta(minutes=11)
_SOON: Final = timedelta(minutes=5)  # of good weather, until what is due is done
# A fault may have put off what was due by hours, and what nobody noticed is found by a listing.
_IN_TIME: Final = timedelta(hours=8)
_FORGOTTEN: Final = timedelta(days=2)  # rooms that ended stand in the table for a day more


def policies() -> dict[str, bytes]:
    """By file: an instant room for every incident, a long-term one for every group of alerts."""
    shared: dict[str, Any] = {
        "version": 1,
        "close": {"after": "2m", "max_age": "3d"},
        "deliver": [{"to": "rooms-json"}],
    }
    bridge = {
        "name": "bridge",
        "on_page": {"sources": [INCIDENTS]},
        "room": {"type": "instant", "display_name": "{{ page.title }}"},
        "keep_open": True,
        "storm": {"more_than": 2, "within": "5m"},
    }
    hotline = {
        "name": "hotline",
        "on_page": {"sources": [GROUPS]},
        "room": {"type": "long_term", "lifetime": "2d", "display_name": "{{ page.title }}"},
    }
    return {
        f"{one['name']}.yaml": json.dumps({**shared, **one}).encode() for one in (bridge, hotline)
    }


def is_of_page(key: str) -> bool:
    """Whether an encoded key, or one as people write it, is that of a page."""
    return key.partition("/")[0] in POLICIES


@dataclass
class Call:
    """One page as its sender knows it.

    Attributes:
        opened_at: when its opening was acknowledged; None: it was not, or it was closed earlier.
        sent_at: when it was sent first.
        closed_at: when its closing was acknowledged.
        unsure: what was sent last was not acknowledged: it may count or not.
        withheld: nobody could say which policy takes it, and nobody has said so yet.
        asked_since: from when on somebody can.
    """

    source: str
    key: str
    opened_at: datetime | None = None
    sent_at: datetime | None = None
    closed_at: datetime | None = None
    unsure: bool = False
    withheld: bool = False
    asked_since: datetime | None = None

    @property
    def place(self) -> tuple[str, str]:
        return self.source, digest_of(self.source, self.key)

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None and self.closed_at is None and not self.unsure


@dataclass
class Pager:
    """All pages of one run."""

    chance: random.Random
    calls: list[Call] = field(default_factory=list)
    waiting: list[tuple[Call, Signal]] = field(default_factory=list)  # to be sent (again)
    counts: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _users: dict[str, list[Call]] = field(default_factory=dict)  # of a room's key

    # --- what is sent -----------------------------------------------------------------------------

    def open(self, now: datetime, source: str = "") -> None:
        """Another page opens; in a storm several do, and some are told twice or closed first."""
        many = 4 if self.chance.random() < 0.2 else 1
        for _ in range(many):
            self._number += 1
            call = Call(source or self.chance.choice([INCIDENTS, GROUPS]), f"Q{self._number}")
            self.calls.append(call)
            if call.source == INCIDENTS and not source and self.chance.random() < 0.1:
                self._close(call)  # it comes first
            self._open(call, now)
            if self.chance.random() < 0.3:
                self._open(call, now)  # the same message again

    def storm(self, now: datetime) -> tuple[Call, Call]:
        """Four incidents at once: the first, which has a room, and the last, which shares one."""
        first = len(self.calls)
        for _ in range(4):
            self._number += 1
            call = Call(INCIDENTS, f"Q{self._number}")
            self.calls.append(call)
            self._open(call, now)
        return self.calls[first], self.calls[-1]

    def close(self, call: Call) -> None:
        """It is resolved."""
        self._close(call)

    def reopen(self, call: Call, now: datetime) -> None:
        """It is not, after all."""
        self._open(call, now, reopens=True)

    def go_on(self, now: datetime) -> bool:
        """Something happens to a page that is open or was closed lately; false where none is."""
        open_ = [call for call in self.calls if call.is_open]
        closed = [
            one
            for one in self.calls
            if one.closed_at and not one.unsure and now - one.closed_at < 6 * AFTER
        ]
        if closed and self.chance.random() < 0.4:
            self._open(self.chance.choice(closed), now, reopens=True)
        elif open_:
            call = self.chance.choice(open_)
            if self.chance.random() < 0.3:
                self._open(call, now)
            else:
                self._close(call)
                if self.chance.random() < 0.3:
                    self._close(call)
        else:
            return False
        return True

    def close_all(self) -> None:
        """Everything is resolved."""
        waiting = {id(call) for call, _ in self.waiting}
        for call in self.calls:
            if call.is_open or call.unsure or id(call) in waiting:
                self._close(call)

    def _open(self, call: Call, now: datetime, *, reopens: bool = False) -> None:
        source, digest = call.place
        title = f"{call.key} is down"
        page = Page(source, call.key, digest, title=title, severity=Severity.HIGH, opened_at=now)
        once = source == INCIDENTS
        signal = Opened(page, once=once, reopens=reopens, fires=not once)
        self.waiting.append((call, signal))

    def _close(self, call: Call) -> None:
        source, digest = call.place
        signal = Closed(source, call.key, digest, "it was resolved", once=source == INCIDENTS)
        self.waiting.append((call, signal))

    # --- what was acknowledged --------------------------------------------------------------------

    def sent(
        self, now: datetime, receipts: Sequence[Receipt] | None, *, readable: bool = True
    ) -> str:
        """What became of everything that waited; a receipt that may not be, or an empty text.

        While policies are not ``readable`` a page may be withheld until they are.
        """
        taken = {Outcome.OPENED, Outcome.KNOWN, *([] if readable else [Outcome.WITHHELD])}
        waiting = self.waiting
        if receipts is None:
            for call, _ in waiting:
                call.unsure = True
            return ""
        self.waiting = []
        wrong = ""
        for (call, signal), receipt in zip(waiting, receipts, strict=True):
            call.unsure = False
            self.counts[f"page {receipt.outcome}"] += 1
            signal_sent = signal.page.opened_at if isinstance(signal, Opened) else None
            if isinstance(signal, Closed):
                call.closed_at = call.closed_at or now
            elif call.closed_at is not None and not (isinstance(signal, Opened) and signal.reopens):
                # It closed before it opened, or comes late.
                if receipt.outcome is Outcome.OPENED:
                    wrong = f"P6: {call.key} was closed, and what is late opened it"
            else:
                call.opened_at, call.closed_at = call.opened_at or now, None
                call.sent_at = call.sent_at or signal_sent
                call.withheld = receipt.outcome is Outcome.WITHHELD
                if receipt.outcome not in taken:
                    wrong = f"P6: {call.key} opened, and was told to be {receipt.outcome}"
        return wrong

    def doubt(self) -> None:
        """A clock was set: nobody can say any more how old a page is."""
        for call in self.calls:
            call.unsure = True

    # --- what must be so --------------------------------------------------------------------------

    def judge(
        self,
        now: datetime,
        good_since: datetime | None,
        standing: Sequence[Episode],
        table: Collection[tuple[Room, Marker]],
        inside: Callable[[str], bool],
        *,
        readable: bool,
    ) -> Iterator[str]:
        """What is not as it must be: by what the store remembers and by the server's own table.

        ``inside`` tells whether people are in a room, or were lately; while policies are not
        ``readable``, and none ever was, nobody can say which one takes a page.
        """
        known = self.learn(standing)
        if len(known) < len(standing):
            yield "P6: two episodes of one page stand"
        made = {marker.key for _, marker in table}
        for call in self.calls:
            episode = known.get(call.place)
            if call.withheld and episode is not None:
                yield from _waits(call, episode, now, good_since if readable else None)
            if not call.withheld:
                yield from _lacks(call, episode, made, now, good_since)
        if good_since is not None:
            for room, marker in table:
                users = self._users.get(marker.key)
                if users and room.is_available and not inside(room.id):
                    yield from self._outlived(room, users, now, good_since)
        self.calls = [one for one in self.calls if not _is_past(one, now)]
        for key, users in list(self._users.items()):
            if all(_is_past(one, now) for one in users):
                del self._users[key]

    def learn(self, standing: Sequence[Episode]) -> dict[tuple[str, str], Episode]:
        """Which pages use which rooms, as the store has it; the episodes by page."""
        known = {(one.page.source, one.page.digest): one for one in standing}
        for call in self.calls:
            episode = known.get(call.place)
            if episode is not None:
                users = self._users.setdefault(_room_key(episode), [])
                if not any(one is call for one in users):
                    users.append(call)
        return known

    @staticmethod
    def _outlived(
        room: Room, users: Sequence[Call], now: datetime, good: datetime
    ) -> Iterator[str]:
        """No room outlives its pages, but where people are inside."""
        if any(one.closed_at is None or one.unsure for one in users):
            return
        closed = max(one.closed_at for one in users if one.closed_at is not None)
        patience = _patience(good, closed, _NOTICE + _SOON)
        if now - max(closed + AFTER, good) > patience:
            yield f"P6: {[one.key for one in users]} closed at {closed}, and {room.id} lives"


def _waits(call: Call, episode: Episode, now: datetime, good: datetime | None) -> Iterator[str]:
    """A page that no policy could be asked about is one from the moment when they can be."""
    if not episode.undecided:
        call.withheld, call.asked_since = False, None
        call.opened_at = None if call.opened_at is None else now
    elif good is None:
        call.asked_since = None
    else:
        # Nobody was there to ask while the daemon was away.
        call.asked_since = max(call.asked_since or now, good)
        if now - call.asked_since > _IN_TIME:
            yield f"P6: {call.key} waits since {call.asked_since} for a policy to be asked"


def _lacks(
    call: Call, episode: Episode | None, made: Collection[str], now: datetime, good: datetime | None
) -> Iterator[str]:
    """An open page is remembered, and has a room, or had one that ended."""
    opened, sent = call.opened_at, call.sent_at
    if opened is None or sent is None or not call.is_open or now - sent > MAX_AGE - _LOOK:
        return
    if episode is None or not episode.is_open:
        yield f"P6: {call.key} is open since {opened}, and forgotten"
    elif good is not None and now - opened < _FORGOTTEN:
        key, late = _room_key(episode), now - max(opened, good) > _patience(good, opened, _SOON)
        if late and key not in made:
            yield f"P6: {call.key} is open since {opened}, and has no room: {key}"


def _patience(good: datetime, moment: datetime, soon: timedelta) -> timedelta:
    """What is asked for in good weather is done ``soon``; after a storm it may take a listing."""
    return soon if good <= moment - _IN_TIME else _IN_TIME


def _room_key(episode: Episode) -> str:
    return episode.shares or ("" if episode.key is None else episode.key.encoded)


def _is_past(call: Call, now: datetime) -> bool:
    return call.closed_at is not None and now - call.closed_at > _FORGOTTEN
