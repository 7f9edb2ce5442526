"""Our own links: how they are spelled, who can make one, and what stands behind one.

A link is ``/r/<policy>/<subject>-<token>`` for a key, ``/r/<policy>-<token>`` for a schedule as a
series, ``/calendar/<token>.ics`` for a feed, and ``/calendar/<policy>-<token>.ics`` for the feed of
one series.  The token is a part of an HMAC of the key, so
that whoever knows one link can make no other, and so that a wrong one is refused without looking
anything up.  This module knows no HTTP and no store; it refuses what was not spelled by it, but
for the ways in which mail programs and browsers write the same address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from orchestrator.domain.announcements import Stage
from orchestrator.domain.keys import (
    POLICY_NAME,
    InvalidKeyError,
    Key,
    encode_subject,
    is_encoded_key,
    normalise_subject,
)
from orchestrator.domain.rooms import Occupancy
from orchestrator.foundation.secret import Secret

PATH: Final = "/r/"
FEED_PATH: Final = "/calendar/"
FEED_ENDING: Final = ".ics"
TOKEN_DIGITS: Final = 16  # of base32: 80 bits
FEED_DIGITS: Final = 32  # 160 bits: a feed shows every link of a schedule at once
_WEB: Final = re.compile(r"https?://[!-~]+")
_TOKEN: Final = re.compile(f"[a-z2-7]{{{TOKEN_DIGITS}}}")
# What is signed begins with what it is for: no token of a link is one of a feed.
_LINK: Final = b"link\n"
_FEED: Final = b"calendar\n"
_SERIES_FEED: Final = b"calendar of a series\n"
_SCHEME: Final = b"scheme\n"


@dataclass(frozen=True, slots=True)
class Target:
    """What a link leads to.

    Attributes:
        policy: a policy's name, lawful, but perhaps of no policy in force.
        subject: in its encoded form, as in `Key.encoded`; empty for a schedule as a series.
    """

    policy: str
    subject: str = ""

    @property
    def encoded(self) -> str:
        """What is signed: a key in ASCII, or a policy's name."""
        return f"{self.policy}/{self.subject}" if self.subject else self.policy


@dataclass(frozen=True, slots=True)
class Addresses:
    """A link and what belongs to it, as far as whoever has this one link may know it.

    Attributes:
        link: the whole link.
        series: that of the schedule which the link's meeting is of; or an empty text.
        calendar: that of the series' calendar; or an empty text.
    """

    link: str = ""
    series: str = ""
    calendar: str = ""

    @property
    def here(self) -> str:
        """The last part of the link's path, by which its page finds itself."""
        return self.link.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class LinkScheme:
    """How links are made and read in one installation.

    Attributes:
        public_url: what links begin with, without a slash at the end; empty: none are given out.
        secret: what tokens are made with.
        tokened: links carry a token and are refused without one. Otherwise it may be left out,
            because somebody else sees to who may come, or because all may.
    """

    public_url: str
    secret: Secret
    tokened: bool = True

    def link_of(self, policy: str, subject: str) -> str:
        """The whole link of a key, by its subject as it is; empty without a public address.

        Raises:
            InvalidKeyError: policy or subject is not lawful.
        """
        return self._whole(Target(policy, encode_subject(Key(policy, subject).subject)))

    def series_of(self, policy: str) -> str:
        """The whole link of a schedule, whichever of its occurrences is next."""
        return self._whole(Target(policy))

    def feed_of(self, destination: str) -> str:
        """The whole address of a destination's calendar; it is a secret of those who use it."""
        if not self.public_url:
            return ""
        return f"{self.public_url}{FEED_PATH}{self._feed_token(destination)}{FEED_ENDING}"

    def series_feed_of(self, policy: str) -> str:
        """The whole address of the calendar of one schedule alone.

        Whoever has the series' link may have it: it shows no other link than that one.
        """
        if not self.public_url:
            return ""
        return f"{self.public_url}{FEED_PATH}{policy}-{self._series_token(policy)}{FEED_ENDING}"

    def path_of(self, target: Target) -> str:
        """The path of a link, which begins with `PATH`."""
        # A browser takes these two for folders, so they never stand alone.
        tokened = self.tokened or target.subject in {".", ".."}
        token = f"-{self._token(target)}" if tokened else ""
        return f"{PATH}{target.encoded}{token}"

    def addresses(self, target: Target, view: LinkView) -> Addresses:
        """What the page of a link may show.

        A token lets in to one room: whoever has that of one meeting is not told that of all.
        """
        of_series = view.coming and target.subject and not self.tokened
        return Addresses(
            self._whole(target),
            self.series_of(target.policy) if of_series else "",
            self.series_feed_of(target.policy) if view.has_calendar else "",
        )

    def read(self, path: str) -> Target | None:
        """What a link's path leads to; None where it is none, or its token another's.

        Takes as long for a wrong token as for a right one, and looks nothing up.

        Args:
            path: as it came, still percent-encoded, without `PATH`.
        """
        found: Target | None = None
        for target, token in _readings(path):
            # No short cut: how long this takes tells nothing of which part was wrong.
            right = hmac.compare_digest(self._token(target), token)
            if right and found is None:
                found = target
        if found is None and not self.tokened:
            found = next(_targets(path), None)
        return found

    def target_of(self, link: str) -> Target | None:
        """What one of our own whole links leads to; None where it is none."""
        path = link.removeprefix(f"{self.public_url}{PATH}")
        return self.read(path) if self.public_url and path != link else None

    def is_feed(self, name: str, destination: str) -> bool:
        """Whether a feed's path, without `FEED_PATH`, is that of a destination."""
        expected = f"{self._feed_token(destination)}{FEED_ENDING}"
        return hmac.compare_digest(expected.encode(), name.encode("utf-8", "surrogatepass"))

    def series_of_feed(self, name: str) -> str:
        """The schedule whose calendar has this path, without `FEED_PATH`; empty where none has."""
        whole, ending = name[: -len(FEED_ENDING)], name[-len(FEED_ENDING) :]
        policy, _, token = whole.rpartition("-")
        given = token.encode("utf-8", "surrogatepass")
        if ending != FEED_ENDING or POLICY_NAME.fullmatch(policy) is None:
            return ""
        return policy if hmac.compare_digest(self._series_token(policy).encode(), given) else ""

    @property
    def digest(self) -> str:
        """Another one for another public address, secret or form: then every link is another."""
        if not self.public_url:
            return ""
        return self._signed(_SCHEME, f"{self.public_url} {self.tokened}")[:TOKEN_DIGITS]

    def _whole(self, target: Target) -> str:
        return f"{self.public_url}{self.path_of(target)}" if self.public_url else ""

    def _token(self, target: Target) -> str:
        return self._signed(_LINK, target.encoded)[:TOKEN_DIGITS]

    def _feed_token(self, destination: str) -> str:
        return self._signed(_FEED, destination)[:FEED_DIGITS]

    def _series_token(self, policy: str) -> str:
        return self._signed(_SERIES_FEED, policy)[:FEED_DIGITS]

    def _signed(self, purpose: bytes, text: str) -> str:
        secret = self.secret.reveal().encode("utf-8", "surrogatepass")
        digest = hmac.new(secret, purpose + text.encode(), hashlib.sha256).digest()
        return base64.b32encode(digest).decode().lower().rstrip("=")


NO_LINKS: Final = LinkScheme("", Secret(""))


def led_to(address: str) -> str:
    """An address that people may be sent to: a plain one of the web; or an empty text."""
    return address if _WEB.fullmatch(address) else ""


def _readings(path: str) -> Iterator[tuple[Target, str]]:
    """Every way to read a path as a target and a token."""
    whole, dash, token = path.rpartition("-")
    token = token.lower()
    if dash and _TOKEN.fullmatch(token):
        for target in _targets(whole):
            yield target, token


def _targets(path: str) -> Iterator[Target]:
    """Every way to read a path without a token as a target: as we spell it, or as others do."""
    policy, slash, subject = path.partition("/")
    if POLICY_NAME.fullmatch(policy) is None:
        return
    if not slash:
        yield Target(policy)
        return
    if is_encoded_key(path):
        yield Target(policy, subject)
    # Browsers and mail programs write some characters plainly, or %c3 for %C3, or %7E for ~.
    again = _spelled_again(subject)
    if again and again != subject:
        yield Target(policy, again)
    cut = re.sub("%7[Ee]", "~", subject)
    if cut != subject and is_encoded_key(f"{policy}/{cut}"):
        yield Target(policy, cut)


def _spelled_again(subject: str) -> str:
    """A subject that others encoded, in our own spelling; empty where it cannot be one."""
    try:
        return encode_subject(normalise_subject(unquote(subject, errors="strict")))
    except (InvalidKeyError, UnicodeDecodeError):
        return ""


@dataclass(frozen=True, slots=True)
class Coming:
    """One meeting of a schedule that is to come.

    Attributes:
        title: what its room is to be called.
        starts: when people meet (UTC).
    """

    title: str
    starts: datetime


@dataclass(frozen=True, slots=True)
class LinkView:
    """What stands behind a link now, for whoever opens it.

    Attributes:
        stage: how far it is; `OPEN` leads on to `room_link`.
        title: of the room, page or schedule; comes from outside and may hold anything.
        room_link: the room's guest link, never a host's; empty while there is none.
        note: a sentence for people about why it is as it is; or an empty text.
        fallback_link: where to meet meanwhile, by a button that says so; or an empty text.
        fallback_says: what that is, for people.
        can_open: pressing *Open room* makes a room.
        opened_at, closed_at: of the page (UTC).
        opens_at: when the next room of a schedule opens (UTC).
        starts_at: when that occurrence starts, or the one that the room is for (UTC).
        ends_at: when that one is planned to end (UTC).
        inside: whether somebody is in the room; `Occupancy.EMPTY` by the API's own word alone.
        formerly: the link is of a name that is no more; this is what took its place.
        coming: the meetings after this one, where the link is of all of them, the next first.
        has_calendar: there is a calendar of the series.
    """

    stage: Stage
    title: str = ""
    room_link: str = ""
    note: str = ""
    fallback_link: str = ""
    fallback_says: str = ""
    can_open: bool = False
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    opens_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    inside: Occupancy = Occupancy.UNKNOWN
    formerly: bool = False
    coming: tuple[Coming, ...] = ()
    has_calendar: bool = False

    @property
    def leads_to(self) -> str:
        """Where whoever opens the link is sent at once; empty: they are shown a page."""
        return self.room_link if self.stage is Stage.OPEN else ""
