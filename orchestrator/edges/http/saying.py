"""What a link's page says, as HTML: one small page without anything from elsewhere.

Titles and notes come from outside and are escaped; addresses are shown as links only where they
are plain ones of the web.  The page's own script and style are named by their digests, so that
nothing else that might get into it would run.

There are three ways to say the same: to whoever waits, who is led on; to whoever wants to look (a
screen at a door, a printed sign), with a QR code and for as long as the page is open; and as a file
that another server shows while we are away (`page_alone`), which sends nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from importlib.resources import files
from typing import Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from orchestrator.domain.announcements import Stage
from orchestrator.domain.links import Addresses, Coming, LinkView, led_to
from orchestrator.domain.rooms import Occupancy
from orchestrator.foundation import qr
from orchestrator.foundation.instants import format_instant

_TITLE_MOST: Final = 200  # characters
_PHONE: Final = re.compile(r"tel:[0-9+*#,;().-]{3,60}")
_SOON: Final = 2  # seconds between two looks at what comes any moment, …
_LATER: Final = 10  # … at what a person has to do first, …
_FAR: Final = 30  # … and at what opens at a moment that is known
_SHOWN: Final = 10  # … and at a room that somebody looks at from outside
_FORWARD: Final = "This page leads on by itself."
_OPENS: Final = "This page leads on by itself once the room is open."
_STAYS: Final = "This page stays, and changes when the room does."
_FORMERLY: Final = "The name in this link is an earlier one. The link goes on working."
_INSIDE: Final = {
    Occupancy.OCCUPIED: "People are inside.",
    Occupancy.EMPTY: "Nobody is inside yet.",
}
_SOME_DAY: Final = "It opens under this same link."
_ASK_AGAIN: Final = "If you still need to meet, ask whoever gave you this link."
_SAME_LINK: Final = "If it begins again, this same link leads to its next room."


def _asset(name: str) -> str:
    return (files("orchestrator.edges.http") / name).read_text(encoding="utf-8").strip()


_STYLE: Final = _asset("link.css")
_SCRIPT: Final = _asset("link.js")
_TEMPLATE: Final = Environment(
    loader=DictLoader({"link": _asset("link.html.j2")}),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("link")


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


_SOURCES: Final = (
    f"default-src 'none'; script-src {_digest(_SCRIPT)}; style-src {_digest(_STYLE)}; "
    "img-src data:; connect-src 'self'; base-uri 'none'"
)
_POLICY: Final = f"{_SOURCES}; frame-ancestors 'none'"
# A page cannot say by itself who frames it; and this one sends no form.
_ALONE: Final = f"{_SOURCES}; form-action 'none'"


class _Way(Enum):
    """To whom a page speaks."""

    WAITS = auto()
    LOOKS = auto()
    ALONE = auto()
    BARE = auto()  # the same for every link


@dataclass(frozen=True, slots=True)
class Said:
    """A page.

    Attributes:
        policy: its Content-Security-Policy.
        asks: it has a form, whose sender the browser has to name to us.
    """

    html: str
    policy: str
    asks: bool = False


@dataclass(frozen=True, slots=True)
class _Press:
    does: str
    says: str


@dataclass(frozen=True, slots=True)
class _Moment:
    label: str
    exact: str
    shown: str


@dataclass(frozen=True, slots=True)
class Content:
    """What differs between pages.

    Attributes:
        kind: how it looks: open, soon, later, trouble or over.
        counts: the first moment is what everybody waits for.
        every: seconds between two looks whether something changed; 0: it does not look.
        again: seconds between two looks of a file whether it says something else by now; 0: none.
        leads_on: where a file leads at once; or an empty text.
    """

    headline: str
    lines: tuple[str, ...] = ()
    kind: str = "later"
    moments: tuple[_Moment, ...] = ()
    counts: bool = False
    coming: tuple[_Moment, ...] = ()
    coming_says: str = "Coming"
    room_link: str = ""
    room_says: str = ""
    press: _Press | None = None
    every: int = 0
    again: int = 0
    leads_on: str = ""
    goes_on: str = _FORWARD


NOWHERE: Final = Content(
    "This link leads nowhere",
    ("It may be cut off or mistyped, or its room is no more. Ask for it again where you got it.",),
    goes_on="",
)
STARTING: Final = Content(
    "One moment, please", ("The service is just starting.",), kind="soon", every=_SOON
)
NOT_LET_IN: Final = Content(
    "Please sign in first",
    ("This link opens only by way of your organisation's sign-in. Open it from there.",),
    goes_on="",
)


def tag(view: LinkView) -> str:
    """Another one wherever the page would say something else."""
    shown = json.dumps([str(getattr(view, name)) for name in LinkView.__slots__])
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def page_of(view: LinkView, where: Addresses) -> Said:
    """The page of what stands behind a link, for whoever waits: it leads on by itself."""
    return _page(_content(view), where, view)


def page_to_look_at(view: LinkView, where: Addresses) -> Said:
    """The same for a screen or a sign: with a QR code of the link, and it stays where it is."""
    content = _content(view)
    every = _SHOWN if view.stage is Stage.OPEN else content.every or _FAR
    stays = replace(content, every=every, goes_on=_STAYS)
    return _page(stays, where, view, _Way.LOOKS)


def page_alone(view: LinkView, where: Addresses) -> str:
    """The same as a file: it leads to an open room at once, and else is loaded anew by itself.

    Nothing can be pressed there, so a fallback is a link, and a room that would open at a press is
    asked for elsewhere.
    """
    link = led_to(view.leads_to)
    # What is true this moment alone is not written down: who is inside, and what is waited for.
    lasting = replace(view, inside=Occupancy.UNKNOWN)
    if view.stage is Stage.WAITING and not view.room_link:
        lasting = replace(lasting, note="" if view.opens_at else _SOME_DAY)
    content = _content(lasting)
    if view.stage is Stage.FALLBACK and led_to(view.fallback_link):
        content = replace(content, room_link=view.fallback_link, room_says="Join here instead")
    again = _FAR if content.every and not link else 0
    alone = replace(content, press=None, leads_on=link, again=again, every=0)
    return _page(alone, replace(where, calendar=""), lasting, _Way.ALONE).html


def page(content: Content, link: str = "") -> Said:
    """A page that is the same for every link; ``link`` is the whole of it, or an empty text."""
    return _page(content, Addresses(link), None, _Way.BARE)


def nowhere_alone() -> str:
    """The page of a link that leads nowhere, as a file."""
    return _page(NOWHERE, Addresses(), None, _Way.ALONE).html


def _page(
    content: Content, where: Addresses, view: LinkView | None, way: _Way = _Way.WAITS
) -> Said:
    # A browser holds all that a form leads on to against form-action, a bridge elsewhere as well.
    leads_away = content.press is not None and content.press.does == "fallback"
    html = _TEMPLATE.render(
        headline=content.headline,
        title="" if view is None else view.title[:_TITLE_MOST],
        kind=f"{content.kind} dated" if content.moments else content.kind,
        lines=content.lines,
        moments=content.moments,
        counts=content.counts,
        coming=content.coming,
        coming_says=content.coming_says,
        room_link=content.room_link,
        room_says=content.room_says,
        press=content.press,
        every=content.every,
        again=content.again,
        leads_on=content.leads_on,
        goes_on=content.goes_on if content.every or content.again else "",
        tag="" if view is None else tag(view),
        here=f"./{where.here}" if where.here else "",
        offers=way is _Way.WAITS,
        link=where.link,
        series=where.series if content.coming else "",
        calendar=where.calendar,
        # Drawn by us; nothing of the link stands in it.
        qr=Markup(qr.drawing(where.link)) if way is _Way.LOOKS else "",  # noqa: S704
        policy=_ALONE if way is _Way.ALONE else "",
        style=Markup(_STYLE),  # noqa: S704 (files of ours)
        script=Markup(_SCRIPT),  # noqa: S704
    )
    policy = _POLICY if leads_away else f"{_POLICY}; form-action 'self'"
    return Said(html, policy, asks=content.press is not None)


def _content(view: LinkView) -> Content:
    content = _staged(view)
    if view.formerly:
        content = replace(content, lines=(*content.lines, _FORMERLY))
    coming = tuple(_row(one) for one in view.coming)
    says = "The next one" if view.stage is Stage.CLOSED else "Coming"
    return replace(content, coming=coming, coming_says=says)


def _staged(view: LinkView) -> Content:
    lines = (view.note,) if view.note else ()
    match view.stage:
        case Stage.OPEN:
            return _open(view, lines)
        case Stage.FALLBACK:
            return _fallback(view, lines)
        case Stage.IDLE:
            press = _Press("open", "Open room") if view.can_open else None
            said = lines or ("Nobody is in this room, so it was closed.",)
            return Content("No room is open", said, press=press, every=_LATER, goes_on=_OPENS)
        case Stage.CLOSED:
            what_now = _ASK_AGAIN if view.opened_at is None else _SAME_LINK
            moments = _moments(("Closed", view.closed_at))
            return Content("This is over", (*lines, what_now), kind="over", moments=moments)
        case Stage.WAITING:
            return _waiting(view, lines)


def _open(view: LinkView, lines: tuple[str, ...]) -> Content:
    inside = _INSIDE.get(view.inside)
    return Content(
        "The room is open",
        lines if inside is None else (*lines, inside),
        kind="open",
        moments=_moments(("From", view.starts_at), ("Until", view.ends_at)),
        room_link=led_to(view.room_link),
        room_says="Join",
        every=_SOON,
    )


def _waiting(view: LinkView, lines: tuple[str, ...]) -> Content:
    if view.opens_at is not None:
        return Content(
            "The room is not open yet",
            lines,
            moments=_moments(("It opens", view.opens_at), ("The meeting starts", view.starts_at)),
            counts=True,
            every=_FAR,
            goes_on=_OPENS,
        )
    link = led_to(view.room_link)
    headline = "There is no room yet" if lines else "The room opens in a moment"
    if link:
        headline = "The room may be gone"
    return Content(
        headline,
        lines,
        kind="trouble" if lines else "soon",
        moments=_moments(("The meeting starts", view.starts_at)),
        room_link=link,
        room_says="Try the room",
        every=_LATER if lines else _SOON,
        goes_on=_OPENS,
    )


def _fallback(view: LinkView, lines: tuple[str, ...]) -> Content:
    says = view.fallback_says or "another room"
    phone = view.fallback_link if _PHONE.fullmatch(view.fallback_link) else ""
    press = _Press("fallback", "Join here instead") if led_to(view.fallback_link) else None
    return Content(
        "The meeting service does not answer",
        (*lines, f"For now, everybody with this link meets here: {says}."),
        kind="trouble",
        room_link=phone,
        room_says="Call",
        press=press,
        every=_LATER,
        goes_on="When the room itself is there, this page leads on to it.",
    )


def _moments(*given: tuple[str, datetime | None]) -> tuple[_Moment, ...]:
    return tuple(_moment(label, at) for label, at in given if at is not None)


def _row(one: Coming) -> _Moment:
    return _moment(one.title[:_TITLE_MOST], one.starts)


def _moment(label: str, at: datetime) -> _Moment:
    return _Moment(label, format_instant(at), f"{at:%A}, {at.day} {at:%B %Y, %H:%M} UTC")
