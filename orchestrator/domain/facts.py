"""Facts: what happened, in the past tense, committed with the state change that it tells.

The names and fields are an interface: they are documented in ``docs/audit.md``, which is made from
`CATALOGUE`, and they do not change.  A field that is not listed for its event is refused when the
fact is made, so that nothing secret can slip into the audit by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from orchestrator.domain.rooms import SETTINGS

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """The call that a fact tells of: method, status (0: no answer), milliseconds, attempt."""

    method: str
    status: int
    ms: float
    attempt: int


@dataclass(frozen=True, slots=True)
class FactKind:
    """One row of the catalogue: what the event means, and which detail fields it may carry."""

    meaning: str
    detail: frozenset[str] = frozenset()


def _kind(meaning: str, *detail: str) -> FactKind:
    return FactKind(meaning, frozenset(detail))


CHECKPOINT: Final = "audit.checkpoint"

_ROOM: Final = ("display_name", "meeting_code", "type", "expires_at", "guest_url")
# What our wish named, by path, and the paths that this 2xx did not take: a rebuilt store knows by
# them what is not to be asked for again.
_ASKED: Final = ("asked", "not_taken")
# The page as its source told of it: texts from outside.
_PAGE: Final = (
    *("source", "page", "title", "severity", "service", "number", "episode", "count"),
    "opened_at",
)

# Which message, of which stage (waiting, open, fallback, idle, closed), and which attempt it was.
_MESSAGE: Final = ("message", "stage", "attempt")

# A theme by its name in policies, and by its id at the API.
_THEME: Final = ("theme", "theme_id")

# A recording by its id at the API, its session's, and the name of the room that it was made in.
_RECORDING: Final = ("recording", "session", "display_name")

CATALOGUE: Final[Mapping[str, FactKind]] = MappingProxyType(
    {
        "daemon.started": _kind(
            "the daemon began to work",
            "version",
            "incarnation",
            "mode",
            "api",
            "store",
            "policies",
            "pid",
        ),
        "daemon.stopped": _kind("the daemon ended in order", "why"),
        "config.reloaded": _kind(
            "config.yaml was read anew and is in force, with what it names", "file", "changed"
        ),
        "config.rejected": _kind(
            "config.yaml has problems or needs a restart; what was in force stays in force",
            "file",
            "problems",
        ),
        "policy.loaded": _kind(
            "a version of a policy came into force, or is in force for other subjects: then `data` "
            "is the file of these, and the rest tells of that one",
            "file",
            "version",
            "subjects",
            "data",
            "uid",
            "mtime",
            "commit",
            "author",
        ),
        "policy.rejected": _kind(
            "a policy file has problems; what was in force stays in force", "file", "problems"
        ),
        "policy.removed": _kind(
            "a policy is gone; says what becomes of its rooms", "file", "rooms", "becomes"
        ),
        "room.created": _kind(
            "a room was made and is this key's current room", *_ROOM, "generation", *_ASKED
        ),
        "room.adopted": _kind(
            "a room that exists became this key's current room", *_ROOM, "generation", "marked"
        ),
        "room.renewed": _kind("the room's end was moved on", "display_name", "expires_at"),
        "room.updated": _kind("the room's settings were changed", "display_name", *_ASKED),
        "room.replaced": _kind(
            "a new room took the place of another, which is superseded",
            *_ROOM,
            "generation",
            "replaces",
            *_ASKED,
        ),
        "room.superseded": _kind(
            "the room was replaced and will be ended after its overlap",
            "display_name",
            "end_due",
            "by",
        ),
        "room.rekeyed": _kind(
            "the room serves another key from now on: same room, same link",
            "display_name",
            "from",
            "to",
        ),
        "room.tombstoned": _kind(
            "the removal of the room was decided", "display_name", "due", "mode"
        ),
        "room.restored": _kind("a decided removal was taken back", "display_name"),
        "room.ending": _kind(
            "the room is renewed no more and will end by itself", "display_name", "expires_at"
        ),
        "room.dormant": _kind(
            "nobody uses the room: it is renewed no more, and not made anew by itself",
            "display_name",
            "expires_at",
            "unused_since",
        ),
        "room.woken": _kind(
            "a dormant key is kept again: used, asked for, or its use is not known any more",
            "display_name",
        ),
        "room.retired": _kind(
            "the room's end was brought near: eleven minutes' notice", "display_name", "expires_at"
        ),
        "room.deleted": _kind("the room was deleted at the API", "display_name", "meeting_code"),
        "room.lost": _kind(
            "the room was gone, twice looked for, by no act of ours",
            "display_name",
            "missing_since",
        ),
        "room.expired": _kind("the room came to its end", "display_name", "expires_at"),
        "room.forgotten": _kind(
            "the room is not ours any more and will not be touched", "display_name", "guest_url"
        ),
        "room.duplicated": _kind(
            "a second room of ours was found for the key; it was never announced and will be ended",
            "display_name",
            "generation",
        ),
        "room.conflicted": _kind(
            "a room carries our marker but another store made it; removals stop",
            "rooms",
            "incarnation",
        ),
        "room.distinct": _kind("a person said that a like-named room is not this key's", "other"),
        "room.protected": _kind(
            "the room is neither removed nor replaced from now on", "display_name"
        ),
        "room.unprotected": _kind("the room's protection was lifted", "display_name"),
        "room.suspended": _kind(
            "nothing is done for this key until a moment, by a person's word",
            "display_name",
            "until",
        ),
        "room.resumed": _kind(
            "the key is kept as before: its suspension was ended, or its time is over",
            "display_name",
            "until",
        ),
        "room.renew.asked": _kind(
            "a person asked for the room's end to be moved on now", "display_name"
        ),
        "room.create.failed": _kind("the API did not make the room", "display_name", "next_at"),
        "room.renew.failed": _kind(
            "the API did not move the room's end", "display_name", "next_at"
        ),
        "room.update.failed": _kind("the API did not change the room", "display_name", "next_at"),
        "room.retire.failed": _kind("the API did not retire the room", "display_name", "next_at"),
        "room.delete.failed": _kind("the API did not delete the room", "display_name", "next_at"),
        "room.link.revealed": _kind(
            "the room's host link was read, by a person or for a delivery of `link: host`",
            "display_name",
            "destination",
        ),
        "room.link.changed": _kind("the API gave the room another guest link", "display_name"),
        "page.opened": _kind(
            "a source called for responders, and a policy took the page",
            *_PAGE,
            "shares",
            "again",
        ),
        "page.closed": _kind("a page is over: its source said so, or it grew too old", *_PAGE),
        "page.ignored": _kind(
            "a source called for responders, and no room is made for it", *_PAGE, "undecided"
        ),
        "page.sent": _kind(
            "a person opened or closed a page by hand; what became of it follows", *_PAGE, "signal"
        ),
        "page.asked": _kind("somebody pressed Open room on the link of a page", *_PAGE),
        "page.diverted": _kind(
            "somebody was sent to the fallback of a page, which stays its room from now on",
            *_PAGE,
            "to",
        ),
        "session.started": _kind(
            "the API told that people meet in a room; who they are is not kept",
            "display_name",
            "session",
            "started_at",
        ),
        "session.ended": _kind(
            "the API told that the last one has left a room",
            "display_name",
            "session",
            "started_at",
            "ended_at",
        ),
        "session.counted": _kind(
            "the API listed a meeting that is over; `minutes` are added up over its participants, "
            "and the room's meetings are counted from `since` on",
            "display_name",
            "session",
            "started_at",
            "ended_at",
            "participants",
            "minutes",
            "since",
        ),
        "operation.started": _kind(
            "an intent was recorded; the call follows",
            "kind",
            "watermark",
            "attempt",
            "generation",
        ),
        "operation.unanswered": _kind("nobody knows whether the call was carried out", "kind"),
        "operation.recovered": _kind(
            "an unanswered call was looked up", "kind", "found", "attempt"
        ),
        "act.withheld": _kind(
            "something was due and not done: a mode, a question or a refusal stands before it",
            "action",
            "by",
        ),
        "brake.tripped": _kind(
            "removals and replacements stop until a person approves", "brake", "keys", "limit"
        ),
        "brake.released": _kind(
            "a brake no longer holds; `standing`: by key, what a person let go",
            "brake",
            "keys",
            "standing",
            "until",
        ),
        "freeze.begun": _kind(
            "a person put off all changes until a moment, for some policies or for all; pages, "
            "people's meetings and what keeps links alive go on",
            "freeze",
            "since",
            "until",
            "policies",
            "all_acts",
        ),
        "freeze.ended": _kind("a freeze ended, by a person or by its time", "freeze", "until"),
        "plan.applied": _kind(
            "a person has a reviewed plan carried out, whatever freeze or change window there is; "
            "`approved`: with the brake's approval for exactly its rooms",
            "plan",
            "keys",
            "approved",
        ),
        "api.unavailable": _kind("the API stopped answering", "url"),
        "api.recovered": _kind("the API answers again", "url", "seconds"),
        "api.verified": _kind("the first room's marker came back in answer and listing", "url"),
        "listing.doubted": _kind(
            "a listing is not believed, so nothing is ended, replaced or made for a lost room",
            "name",
            "keys",
            "expected",
        ),
        "listing.believed": _kind(
            "listings are believed again, or a person said that these rooms are gone",
            "name",
            "keys",
        ),
        "directory.unavailable": _kind(
            "a service that subjects come from fails again and again; what is known holds",
            "url",
            "policies",
        ),
        "directory.recovered": _kind(
            "a service that subjects come from answers again", "url", "policies", "seconds"
        ),
        "clock.jumped": _kind("wall clock and API time disagree", "seconds"),
        "delivery.sent": _kind(
            "links reached a destination", "destination", "rooms", *_MESSAGE, "revision"
        ),
        "delivery.failed": _kind(
            "links did not reach a destination; told once, until it is sent or given up",
            "destination",
            "next_at",
            *_MESSAGE,
        ),
        "delivery.gave_up": _kind(
            "a message will not be sent any more: it was refused, or it is too late",
            "destination",
            *_MESSAGE,
        ),
        "delivery.passed_over": _kind(
            "rooms that stood before a destination was named are not announced there",
            "destination",
            "policy",
            "rooms",
        ),
        "theme.started": _kind("an intent was recorded; the call follows", *_THEME, "kind"),
        "theme.created": _kind("a theme was made at the API", *_THEME, "asked"),
        "theme.adopted": _kind(
            "a theme that bears our mark (`marked`) and that the store did not know, or one that "
            "its file names by its id, is kept from now on; of the latter, with its pictures",
            *_THEME,
            "marked",
            "logos",
            "pictures",
        ),
        "theme.updated": _kind("the theme's colour or texts were changed", *_THEME, "asked"),
        "theme.logos_uploaded": _kind(
            "pictures were given to the theme: the digest of each file, and its key at the API",
            *_THEME,
            "logos",
            "pictures",
        ),
        "theme.defaulted": _kind("the theme became the application's default", *_THEME),
        "theme.tombstoned": _kind("the removal of the theme was decided", *_THEME, "due"),
        "theme.restored": _kind("a decided removal was taken back", *_THEME),
        "theme.removed": _kind("the theme was removed at the API", *_THEME),
        "theme.forgotten": _kind(
            "the theme was there before us, no file asks for it any more, and it stays as it is",
            *_THEME,
        ),
        "theme.lost": _kind("the theme was gone, twice looked for, by no act of ours", *_THEME),
        "theme.failed": _kind("the API did not do what was asked", *_THEME, "kind", "next_at"),
        "theme.unanswered": _kind(
            "nobody knows whether the call was carried out; the list of themes will tell",
            *_THEME,
            "kind",
        ),
        "recording.terms": _kind(
            "what becomes of the recordings of a policy's rooms is another thing from now on",
            "policy",
            "recordings",
        ),
        "recording.found": _kind(
            "a recording of a room of ours was found, for which there are terms",
            *_RECORDING,
            "status",
        ),
        "recording.archived": _kind(
            "a copy was made, read back, and is what was received",
            *_RECORDING,
            "archive",
            "name",
            "length",
            "checksum",
            "mark",
        ),
        "recording.archive.failed": _kind(
            "no copy could be made, or it is gone; told once, until there is one",
            *_RECORDING,
            "archive",
            "next_at",
        ),
        "recording.delete.started": _kind("an intent was recorded; the call follows", *_RECORDING),
        "recording.delete.unanswered": _kind(
            "nobody knows whether the recording was deleted; it is looked for", *_RECORDING
        ),
        "recording.delete.failed": _kind(
            "the recording was not deleted; told once, until it is", *_RECORDING, "next_at"
        ),
        "recording.deleted": _kind(
            "the recording was deleted at the API, which does not know it any more",
            *_RECORDING,
            "archive",
            "checksum",
        ),
        "recording.lost": _kind(
            "the recording was gone at the API, twice looked for, by no act of ours",
            *_RECORDING,
            "archive",
        ),
        "state.rebuilt": _kind(
            "the store was made anew from the API's rooms, adopted.yaml and this log",
            "incarnation",
            "rooms",
            "keys",
            "adopted",
            "operations",
            "kept",
            "until",
            "lineage",
            "doubted",
        ),
        "audit.resumed": _kind("the audit log goes on after a cut or a new file", "lines", "why"),
        CHECKPOINT: _kind(
            "written by the log itself, not by an act: vouches for all lines before this one",
            "lines",
            "signed_by",
            "signature",
        ),
    }
)

# What `before` and `after` may tell: the settings of a room by their path, and these. A host link
# can be neither: it is a secret.
CHANGED: Final[frozenset[str]] = frozenset(SETTINGS) | {
    "archive",
    "brand_text",
    "display_name",
    "expires_at",
    "generation",
    "grace",
    "guest_url",
    "keep",
    "key",
    "lifetime",
    "main_color",
    "meeting_code",
    "mode",
    "protect",
    "removal",
    "replace",
    "role",
    "short_company_url",
    "status",
    "text",
    "theme_name",
    "type",
    "version",
}


class UnknownFactError(ValueError):
    """An event or a field that the catalogue does not list."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened.

    Attributes:
        actor: a policy and its version, or a person's command; who, not what.
        key: in its encoded form.
        cause: what woke us, with its id.
        before, after: what changed, by the names in `CHANGED`.
        detail: further fields, each listed for the event in `CATALOGUE`.
    """

    event: str
    actor: str = ""
    key: str = ""
    room_id: str = ""
    operation: str = ""
    cause: str = ""
    reason: str = ""
    before: Mapping[str, Json] | None = None
    after: Mapping[str, Json] | None = None
    api: ApiCall | None = None
    detail: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse events and fields that are not in the catalogue."""
        kind = CATALOGUE.get(self.event)
        if kind is None:
            message = f"no event is called {self.event!r}"
            raise UnknownFactError(message)
        unlisted = set(self.detail) - kind.detail
        if unlisted:
            message = f"{self.event} does not carry {', '.join(sorted(unlisted))}"
            raise UnknownFactError(message)
        unlisted = (set(self.before or ()) | set(self.after or ())) - CHANGED
        if unlisted:
            message = f"before and after do not tell of {', '.join(sorted(unlisted))}"
            raise UnknownFactError(message)


@dataclass(frozen=True, slots=True)
class RecordedFact:
    """A fact with its place in the order and the wall-clock time of its commit (UTC)."""

    seq: int
    ts: datetime
    fact: Fact
