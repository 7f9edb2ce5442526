"""Paging: what templates know of a page, what its room is called, and what a signal makes of it.

`take` is the table of promise P6: it decides from what is remembered of a page, and nothing else,
whether a signal opens an episode, goes on with one, or closes one.  It refuses to lose a page: what
cannot be told apart from an opening is one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, assert_never

from orchestrator.domain.episodes import SEEN_MOST, Episode
from orchestrator.domain.occurrences import cut
from orchestrator.domain.pages import MANUAL, Closed, Opened, Page, Updated
from orchestrator.domain.policies import Tree
from orchestrator.foundation.instants import format_instant

NAME: Final = "page"  # the word by which templates know one
FIELDS: Final = frozenset(field.name for field in fields(Page)) - {"digest"}
# For so long a closing keeps a reusable key shut where no times tell which of it and an opening is
# older: an opening of a new page must not be lost for longer.
EARLY_CLOSE: Final = timedelta(minutes=1)
# So far a sender's clock may be ahead of ours, and its times still tell what came first.
_AHEAD: Final = timedelta(minutes=10)
# Formatting that nobody sees: it could turn a name around or hide a part of it.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def values_of(page: Page) -> Mapping[str, Tree]:
    """What templates and `when` know of a page (design, section 6)."""
    opened = page.opened_at
    return {
        NAME: {
            "source": page.source,
            "key": page.key,
            "title": page.title,
            "severity": str(page.severity),
            "service": page.service,
            "team": page.team,
            "url": page.url,
            "number": page.number,
            "labels": {**page.labels},
            "opened_at": "" if opened is None else format_instant(opened),
            "raw": {**page.raw},
            "bridge": page.bridge,
        }
    }


def name_of(text: str, page: Page) -> str:
    """A room's name from a rendered text: one line, visible, never blank, at most 200 characters.

    Where nothing is left of the text the page is named by its source and number or key.
    """
    return cut(visible(text)) or cut(visible(f"{page.source} {page.number or page.key}"))


def visible(text: str) -> str:
    """The text on one line, without characters that nobody sees."""
    shown = "".join(" " if unicodedata.category(one) in _UNSEEN else one for one in text)
    return " ".join(unicodedata.normalize("NFC", shown).split())


class Turn(Enum):
    """What a signal makes of a page."""

    OPENS = auto()  # a new episode begins
    REOPENS = auto()  # the last episode goes on: its room is still looked after
    TELLS = auto()  # more is known of an open page
    CLOSES = auto()
    REMEMBERS = auto()  # it was closed before it was opened: so that a late opening is known
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Taken:
    """What becomes of one signal; ``episode`` is the one to record, None where nothing changes."""

    turn: Turn
    episode: Episode | None
    why: str = ""


def take(signal: Opened | Updated | Closed, last: Episode | None, now: datetime, id_: str) -> Taken:
    """Decide what a signal makes of a page.

    Args:
        signal: as its source told.
        last: the latest episode of the page, over or not; None for a page that is not known.
        now: wall clock, UTC.
        id_: of a new episode, should one begin.
    """
    if last is not None and signal.delivery and signal.delivery in last.seen:
        return Taken(Turn.NOTHING, None, "this message was taken in before")
    match signal:
        case Opened():
            return _open(signal, last, now, id_)
        case Updated():
            return _update(signal, last)
        case Closed():
            return _close(signal, last, now, id_)
        case _:
            assert_never(signal)


def _open(signal: Opened, last: Episode | None, now: datetime, id_: str) -> Taken:
    if last is None:
        return Taken(Turn.OPENS, _episode(signal, 1, now, id_))
    if last.is_open:
        return Taken(Turn.TELLS, _told(last, signal.page, signal.delivery), "it is open already")
    if not signal.reopens and _came_late(signal, last, now):
        return Taken(Turn.NOTHING, None, "it was closed already")
    if last.over_at is None and not last.merged_into:
        began = signal.page.opened_at or last.page.opened_at
        page = replace(last.page, opened_at=began)
        opened = replace(last, closed_at=None, reason="", page=page)
        return Taken(Turn.REOPENS, _told(opened, signal.page, signal.delivery))
    seen = _remembered(last.seen, signal.delivery)
    return Taken(Turn.OPENS, replace(_episode(signal, last.count + 1, now, id_), seen=seen))


def _came_late(signal: Opened, last: Episode, now: datetime) -> bool:
    """Whether an opening of a closed page is an old one that arrives late."""
    if signal.once:
        return True
    opened, closed = signal.page.opened_at, last.closed_at
    known = last.page.opened_at
    if opened is not None and known is not None:
        # A time that lies ahead of the closing is a wrong one: the key must not stay shut until it.
        if opened < known and closed is not None and known > closed + _AHEAD:
            return False
        if not signal.fires or opened > known:
            return opened <= known
        # It fires on although its sender was told nothing for a while, or what was muted fires from
        # before: only shortly after the closing is it more likely a message that was overtaken.
        return closed is not None and timedelta() <= now - closed < EARLY_CLOSE
    if last.over_at is not None and last.opened_at == closed:
        # Closed before it was opened: its opening is on the way, for a while.
        return timedelta() <= now - last.opened_at < EARLY_CLOSE
    return False


def _update(signal: Updated, last: Episode | None) -> Taken:
    if last is None or not last.is_open:
        return Taken(Turn.NOTHING, None, "no such page is open")
    return Taken(Turn.TELLS, _told(last, signal.page, signal.delivery))


def _close(signal: Closed, last: Episode | None, now: datetime, id_: str) -> Taken:
    if last is None:
        # What opened before it closed there is that same page, arriving late.
        page = Page(signal.source, signal.key, signal.digest, opened_at=signal.closed_at)
        early = Episode(
            id_,
            1,
            page,
            now,
            closed_at=now,
            over_at=now,
            reason=signal.reason or "it was closed before it was opened",
            merged_into=signal.merged_into,
            seen=_remembered((), signal.delivery),
        )
        return Taken(Turn.REMEMBERS, early, "it was not open")
    if not last.is_open:
        return Taken(Turn.NOTHING, None, "it was closed already")
    opened = last.page.opened_at
    if opened is not None and opened > now + _AHEAD:
        opened = None  # a page that is open did not open then
    if not signal.once and signal.closed_at and opened and signal.closed_at < opened:
        why = "it closes an earlier page of this key; this one opened later"
        return Taken(Turn.NOTHING, None, why)
    closed = replace(
        last,
        closed_at=now,
        reason=signal.reason,
        merged_into=signal.merged_into,
        seen=_remembered(last.seen, signal.delivery),
    )
    return Taken(Turn.CLOSES, closed)


def _episode(signal: Opened, count: int, now: datetime, id_: str) -> Episode:
    return Episode(id_, count, signal.page, now, seen=_remembered((), signal.delivery))


def _told(episode: Episode, page: Page, delivery: str) -> Episode:
    """The episode with what is told of its page now; what is not said any more stays known."""
    before = episode.page
    after = replace(
        page,
        title=page.title or before.title,
        service=page.service or before.service,
        team=page.team or before.team,
        url=page.url or before.url,
        number=page.number or before.number,
        labels=page.labels or before.labels,
        raw=page.raw or before.raw,
        opened_at=before.opened_at or page.opened_at,
    )
    return replace(episode, page=after, seen=_remembered(episode.seen, delivery))


def _remembered(seen: tuple[str, ...], delivery: str) -> tuple[str, ...]:
    if not delivery or delivery in seen:
        return seen
    return (*seen, delivery)[-SEEN_MOST:]


def nameable(sources: Iterable[str]) -> frozenset[str]:
    """The sources that policies may name: those of config.yaml, and that of pages by hand."""
    return frozenset({*sources, MANUAL})


def pages_named(name: str, episodes: Iterable[tuple[Episode, str]]) -> Sequence[Episode]:
    """The pages that a person means by a name: of each the latest episode.

    What is written in full comes before a part of a title, and open pages before others.

    Args:
        name: a number, key or address at the source; an episode's id; a key of ours, with or
            without its policy; our link; or a part of the title.
        episodes: that are known, the latest first, each with our link of it.
    """
    wanted = name.strip()
    latest: dict[tuple[str, str], Episode] = {}
    whole: set[tuple[str, str]] = set()
    titled: set[tuple[str, str]] = set()
    for episode, link in episodes:
        place = episode.page.source, episode.page.digest
        latest.setdefault(place, episode)
        if wanted in _names(episode, link):
            whole.add(place)
        elif wanted and wanted.casefold() in episode.page.title.casefold():
            titled.add(place)
    found = [latest[place] for place in latest if place in (whole or titled)]
    return [one for one in found if one.is_open] or found


def _names(episode: Episode, link: str) -> frozenset[str]:
    page, key = episode.page, episode.key
    names = {page.key, page.number, page.url, page.subject, episode.id, link}
    names |= {f"{page.source} {page.number}", f"{page.source} {page.key}"}
    if key is not None:
        names |= {str(key), key.encoded, key.subject, f"{episode.policy}/{page.subject}"}
    return frozenset(names - {""})


def page_of(signal: Opened | Updated | Closed) -> tuple[str, str]:
    """The page that a signal tells of: its source, and its digest there."""
    if isinstance(signal, Closed):
        return signal.source, signal.digest
    return signal.page.source, signal.page.digest
