"""What people are told of a link or an alert, in plain parts; each destination lays them out.

One module has the words of every stage, so that a page reads the same wherever it is told.  Nothing
here is escaped: a text of a page may hold anything that its destination takes for markup, and only
the destination knows what that is.  What no destination could show well is taken out: control
characters, marks that turn the direction of writing around, halves of characters, and addresses
that no browser should be sent to.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

from orchestrator.domain.alerts import Alert
from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.pages import Page, Severity
from orchestrator.foundation.secret import Secret

TITLE_MOST: Final = 300  # characters; a page's own title may have a thousand
FIELD_MOST: Final = 300
MESSAGE_MOST: Final = 2_000  # of an alert
URL_MOST: Final = 2_000
# Marks that reorder what stands beside them: a title could make a link look like another.
_TURNING: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SAFE: Final = "%/:?#&=+,;@!~*-._$"  # what stays as it is; the rest is percent-encoded
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")

_HEADLINES: Final = {
    Stage.WAITING: "A room is being opened",
    Stage.OPEN: "The room is open",
    Stage.FALLBACK: "Another room stands in",
    Stage.IDLE: "Nobody came, and the room ended",
    Stage.CLOSED: "The room is closed",
}
_SENTENCES: Final = {
    Stage.WAITING: "The link works now and leads to the room as soon as it is there.",
    Stage.OPEN: "",
    Stage.FALLBACK: "The room could not be made in time. The link leads to another one.",
    Stage.IDLE: "Press Open room behind the link and there is a new one.",
    Stage.CLOSED: "The link says what was.",
}
_DOORS: Final = {
    Stage.WAITING: "Join the room",
    Stage.OPEN: "Join the room",
    Stage.FALLBACK: "Join the other room",
    Stage.IDLE: "Open the link",
    Stage.CLOSED: "Open the link",
}


@dataclass(frozen=True, slots=True)
class Door:
    """A link: what it says and where it leads (an address that is lawful in every layout)."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """What people read, in plain parts, in this order.

    Attributes:
        id: the same for all that is ever told of one thing; lawful in headers and URLs.
        revision: counts what was told of it, from 1.
        about: the key, or the name of an alert's cause.
        headline: in our words; never from outside.
        title: one line from outside, at most `TITLE_MOST` characters; never blank.
        facts: labels in our words, values from outside, at most `FIELD_MOST` characters.
        sentences: what else there is to say.
        doors: links, the main one first; none in an alert.
        host: the host's link; told only where the policy says so, and never once it is over.
        bad: it is about something that should not be.
        over: it is the last of its thing.
    """

    id: str
    revision: int
    about: str
    headline: str
    title: str
    facts: tuple[tuple[str, str], ...] = ()
    sentences: tuple[str, ...] = ()
    doors: tuple[Door, ...] = ()
    host: Secret | None = None
    bad: bool = False
    over: bool = False

    @property
    def subject(self) -> str:
        """Headline and title in one line."""
        return f"{self.headline}: {self.title}"


def message_of(told: Announcement) -> Message:
    """What people are told of a link in its present stage."""
    over = told.stage is Stage.CLOSED
    sentences = (_SENTENCES[told.stage], one_line(told.note, MESSAGE_MOST))
    doors = [Door(_DOORS[told.stage], url)] if (url := address(told.link)) else []
    return Message(
        id=told.id,
        revision=told.revision,
        about=told.key,
        headline=_HEADLINES[told.stage],
        title=one_line(told.title, TITLE_MOST) or told.key,
        facts=tuple(_facts(told)),
        sentences=tuple(filter(None, sentences)),
        doors=tuple(doors + _page_doors(told.page)),
        host=None if over else told.host_link,
        bad=told.page is not None and not over,
        over=over,
    )


def message_of_alert(alert: Alert, revision: int, *, over: bool) -> Message:
    """What operators are told of a cause, while it stands and when it has ended."""
    digest = hashlib.sha256(f"{alert.cause}\n{alert.since.isoformat()}".encode("utf-8", "replace"))
    return Message(
        id=f"alert-{digest.hexdigest()[:16]}",
        revision=revision,
        about=alert.cause,
        headline="Over" if over else "Room Orchestrator needs you",
        title=one_line(alert.message, MESSAGE_MOST) or alert.cause,
        facts=(("Since", _when(alert.since)),),
        sentences=() if over else ("See: room-orchestrator status",),
        bad=not over,
        over=over,
    )


def one_line(text: str, most: int) -> str:
    """A text in one line without what no destination can show, cut with ``…`` at ``most``."""
    whole = text.encode("utf-8", "replace").decode()  # half a character becomes a question mark
    kept = "".join(
        " " if unicodedata.category(letter) in {"Cc", "Zl", "Zp"} else letter
        for letter in whole
        if letter not in _TURNING
    )
    return cut(" ".join(kept.split()), most)


def cut(text: str, most: int) -> str:
    """A text of at most ``most`` characters, the last one ``…`` where it was longer."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def address(url: str) -> str:
    """A web address in ASCII, every mark of a markup language encoded; else an empty text."""
    try:
        parts = urlsplit(url)
        host = parts.netloc
    except ValueError:
        return ""
    lawful = parts.scheme in {"http", "https"} and _HOST.fullmatch(host) is not None
    if not lawful or len(url) > URL_MOST:
        return ""
    before, slashes, rest = url.partition(f"//{host}")
    if not slashes or before.lower() != f"{parts.scheme}:":
        return ""  # something in it was passed over, such as a line break
    return f"{parts.scheme}://{host}{quote(rest, safe=_SAFE, errors='replace')}"


def _facts(told: Announcement) -> list[tuple[str, str]]:
    page = told.page
    facts: list[tuple[str, str]] = []
    if page is not None:
        severity = "" if page.severity is Severity.UNKNOWN else str(page.severity)
        facts += [("Severity", severity), ("Service", page.service), ("Team", page.team)]
        facts.append(("Page", f"{page.source} {page.number}" if page.number else page.source))
    facts += [
        ("Starts", _when(told.starts_at)),
        ("Ends", _when(told.ends_at)),
        ("Opened", _when(told.opened_at)),
        ("Closed", _when(told.closed_at)),
    ]
    return [(label, one_line(value, FIELD_MOST)) for label, value in facts if value.strip()]


def _page_doors(page: Page | None) -> list[Door]:
    url = address(page.url) if page is not None else ""
    return [Door("Open the page", url)] if url else []


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
