"""Pages: calls for responders from paging systems, as values.

What a paging system sends becomes signals: this page opened, was updated, closed, or nothing for
us.  Signals say what was told, never what is to be done: that is decided from what is remembered
of a page, in `orchestrator.domain.episodes`.  Nothing here trusts a text: titles and keys may be
empty, huge or hostile, and still become a room.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orchestrator.domain.policies import Tree

MANUAL: Final = "manual"  # the source of pages by hand; policies may name it like any other
TITLE_MOST: Final = 1_000  # characters kept of a title; a room's name is cut further
KEY_MOST: Final = 1_000  # characters kept of a key; its digest is that of the whole
FIELD_MOST: Final = 1_000  # of service, team, url, and of a label's value
LABELS_MOST: Final = 64
_DIGEST: Final = 16  # hexadecimal digits: 64 bits tell the pages of one source apart
# What the key of an episode's room is called by, below its policy: page, then episode.
_ROOM_SUBJECT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}-[0-9a-f]{16}-[0-9a-z]{12}")


class Severity(StrEnum):
    """How bad it is, by the table of each source; `UNKNOWN` where it does not say."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Page:
    """One call for responders, as its source told of it last (design section 6).

    Attributes:
        source: the name of the source in config.yaml.
        key: the page's identity at the sender, at most `KEY_MOST` characters of it.
        digest: 16 hexadecimal digits of the source and the whole key; what it is found by.
        number: what people call it by there, such as "4711"; or an empty text.
        url: where people see it at the sender; or an empty text.
        opened_at: when it opened by the sender's clock (UTC); None where it does not say.
        raw: the sender's own body, for templates and `when`; empty where it is too large.
        bridge: a conference that the sender attached already; or an empty text.
    """

    source: str
    key: str
    digest: str
    title: str = ""
    severity: Severity = Severity.UNKNOWN
    service: str = ""
    team: str = ""
    url: str = ""
    number: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    opened_at: datetime | None = None
    raw: Mapping[str, Tree] = field(default_factory=lambda: MappingProxyType({}))
    bridge: str = ""

    @property
    def subject(self) -> str:
        """What our link knows it by, the same for every episode: ``pagerduty-4f1a9c0212345678``."""
        return f"{self.source}-{self.digest}"


def digest_of(source: str, key: str) -> str:
    """What a page is found by: 16 hexadecimal digits, another for another source or key."""
    # A line break cannot stand in a source's name.
    text = f"{source}\n{key}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:_DIGEST]


def is_room_subject(subject: str) -> bool:
    """Whether a key's subject has the form that the rooms of pages have."""
    return _ROOM_SUBJECT.fullmatch(subject) is not None


@dataclass(frozen=True, slots=True)
class Opened:
    """The source says that a page is open.

    Attributes:
        once: the key is never used again for another page (an incident's id): what closed stays
            closed unless `reopens`. Otherwise the same key next week is a new episode.
        reopens: the source says that it was closed and is open again.
        fires: it says what is so at this moment (a group of alerts), not what happened at one: the
            start that it names may be that of a page which closed meanwhile.
        delivery: the id of this one message, the same at every redelivery; or an empty text.
    """

    page: Page
    once: bool = True
    reopens: bool = False
    fires: bool = False
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class Updated:
    """The source tells more of a page that is open (another title, severity); it never opens one.

    A policy's `when` is asked again, only ever to open a room.
    """

    page: Page
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """The source says that a page is over.

    Attributes:
        merged_into: the digest of the page of the same source that it was merged into, whose room
            its link leads to from now on; or an empty text.
        closed_at: by the sender's clock (UTC); None where it does not say.
        once: as in `Opened`.
    """

    source: str
    key: str
    digest: str
    reason: str = ""
    merged_into: str = ""
    closed_at: datetime | None = None
    once: bool = True
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that is nothing for us: a test, a ping, an event that opens and closes nothing.

    Attributes:
        asks: what a person has to do at the sender, for the log; or an empty text.
    """

    source: str
    why: str
    delivery: str = ""
    asks: str = ""


Signal = Opened | Updated | Closed | Ignored
