"""Pages: each as a row, one with all that became of it, and the systems that send them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class PageRow:
    """One page, by its latest episode.

    Attributes:
        state: one word: open, withheld (open, and no room is made for it), closing (closed, its
            room is still looked after) or closed.
        source: its name in config.yaml.
        page: what the source knows it by.
        number: what people call it by there; or an empty text.
        episode: the id of the latest episode.
        count: how many episodes there were, this one included.
        policy: that took it; empty where none did.
        key: of its own room, as people write it; empty without a policy.
        link: our own link; empty where this daemon has no public address.
        stage: where the link leads now: waiting, open, fallback, idle or closed.
        note: why there is no room to enter, or why it is another one; or an empty text.
        leads_to: the address behind the link; or an empty text.
        room_id, room_name, meeting_code: of the room that it leads to, if it is one of ours.
        use: of that room: occupied, empty or unknown, by the word of ``use_by``.
        link_after: seconds from its arrival until its link was durable; None where nobody measured.
        room_after: seconds from its recording until its first room was known; None where there was
            none, or where nobody knows.
        shares: the key of another page's room, which it shares in a storm.
        sharers: how many open pages share the room of this one.
        fallback: where people are sent without a room: a key of a room that stands, an address, or
            both; or an empty text.
        fallback_at: from when on.
        fallback_used_at: when somebody was sent there first: then it stays this episode's room.
        closes_at: when its room is let go by itself, as things are; None for one that is closed.
        close_after: so long after its closing.
        reason: why it was closed, or why no policy takes it.
    """

    state: str
    source: str
    page: str
    title: str
    severity: str
    opened_at: datetime
    number: str = ""
    service: str = ""
    team: str = ""
    url: str = ""
    episode: str = ""
    count: int = 1
    policy: str = ""
    key: str = ""
    link: str = ""
    stage: str = ""
    note: str = ""
    leads_to: str = ""
    room_id: str = ""
    room_name: str = ""
    meeting_code: str = ""
    use: str = "unknown"
    use_by: str = ""
    link_after: float | None = None
    room_after: float | None = None
    shares: str = ""
    sharers: int = 0
    fallback: str = ""
    fallback_at: datetime | None = None
    fallback_used_at: datetime | None = None
    closed_at: datetime | None = None
    closes_at: datetime | None = None
    close_after: timedelta | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """What people call it by: its source and its number there, or else its key."""
        return f"{self.source} {self.number or self.page}"


@dataclass(frozen=True, slots=True)
class PagesReport:
    """Pages, the latest first.

    Attributes:
        over: those that are over are among them.
    """

    pages: tuple[PageRow, ...] = ()
    over: bool = False


@dataclass(frozen=True, slots=True)
class ToldRow:
    """One destination of a page's link.

    Attributes:
        stage: that was told last; empty before the first time.
        told_at: when that was; None where it was not told, or not remembered.
        fault: why the last try failed; or an empty text.
        next_at: when it is tried again.
        given_up: it is tried no more.
    """

    destination: str
    stage: str = ""
    told_at: datetime | None = None
    fault: str = ""
    next_at: datetime | None = None
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One opening of a page.

    Attributes:
        room_after: seconds from its recording until its first room was known; None as in `PageRow`.
        first_inside: when the API told first that people met in its room.
        last_left: when it told last that all had left.
        fallback_used_at: when somebody was sent to the fallback first.
        shares: the key of another page's room that it shared in a storm.
    """

    episode: str
    count: int
    opened_at: datetime
    closed_at: datetime | None = None
    reason: str = ""
    room_after: float | None = None
    first_inside: datetime | None = None
    last_left: datetime | None = None
    fallback_used_at: datetime | None = None
    shares: str = ""


@dataclass(frozen=True, slots=True)
class PageReport:
    """Everything about one page.

    Attributes:
        page: by its latest episode.
        told: who was told of the latest episode, by name.
        episodes: all that are remembered, the latest first.
        sharing: the names of the open pages that share its room, or whose room it shares.
        max_age: how long it may be open; None without a policy.
    """

    page: PageRow
    told: tuple[ToldRow, ...] = ()
    episodes: tuple[EpisodeRow, ...] = ()
    sharing: tuple[str, ...] = ()
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page that a person sends.

    Attributes:
        source: the name of a source; a policy must name it.
        key: what it is known by; empty: a new one.
        severity: critical, high, medium, low or unknown.
        wait: how long the answer may wait for its room.
    """

    title: str
    source: str
    key: str = ""
    severity: str = "critical"
    service: str = ""
    team: str = ""
    wait: timedelta = field(default=timedelta())


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """What became of a page that a person sent.

    Attributes:
        outcome: opened, known or withheld.
        why: a sentence where it was not opened anew; or an empty text.
        key: what the page is known by, for closing it.
        seconds: until everything was durable.
        room_seconds: until its room was known; None where nobody waited for it, or in vain.
    """

    outcome: str
    source: str
    key: str
    link: str = ""
    why: str = ""
    room_id: str = ""
    guest_url: str = ""
    seconds: float = 0.0
    room_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SenderRow:
    """One source of pages, as the HTTP door saw it since the start.

    Attributes:
        last_at: when a message was let in last; None: none was.
        taken: messages that were let in and answered for.
        refused: messages with a wrong credential, or none.
        put_off: messages that were told to come again.
        refused_at: when one was refused last.
    """

    name: str
    kind: str = ""
    last_at: datetime | None = None
    taken: int = 0
    refused: int = 0
    put_off: int = 0
    refused_at: datetime | None = None
