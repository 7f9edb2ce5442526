"""What a link's page says, as HTML: one small page without anything from elsewhere.

Titles and notes come from outside and are escaped; addresses are shown as links only where they
are plain ones of the web.  The page's own script and style are named by their digests, so that
nothing else that might get into it would run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from orchestrator.domain.announcements import Stage
from orchestrator.domain.links import LinkView
from orchestrator.foundation.instants import format_instant

_TITLE_MOST: Final = 200  # characters
_WEB: Final = re.compile(r"https?://[!-~]+")
_PHONE: Final = re.compile(r"tel:[0-9+*#,;().-]{3,60}")
_SOON: Final = 2  # seconds between two looks at what comes any moment, …
_LATER: Final = 10  # … at what a person has to do first, …
_FAR: Final = 30  # … and at what opens at a moment that is known
_FORWARD: Final = "This page leads on by itself."
_OPENS: Final = "This page leads on by itself once the room is open."


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


_POLICY: Final = (
    f"default-src 'none'; script-src {_digest(_SCRIPT)}; style-src {_digest(_STYLE)}; "
    "img-src data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Said:
    """A page.

    Attributes:
        policy: its Content-Security-Policy.
    """

    html: str
    policy: str


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
        every: seconds between two looks whether something changed; 0: it does not look.
    """

    headline: str
    lines: tuple[str, ...] = ()
    moment: _Moment | None = None
    room_link: str = ""
    room_says: str = ""
    press: _Press | None = None
    every: int = 0
    goes_on: str = _FORWARD


NOWHERE: Final = Content(
    "This link leads nowhere",
    ("It may be cut off or mistyped, or its room is no more. Ask for it again where you got it.",),
)
STARTING: Final = Content("One moment, please", ("The service is just starting.",), every=_SOON)
NOT_LET_IN: Final = Content(
    "Please sign in first",
    ("This link opens only by way of your organisation's sign-in. Open it from there.",),
)


def led_to(address: str) -> str:
    """An address that people may be sent to: a plain one of the web; or an empty text."""
    return address if _WEB.fullmatch(address) else ""


def tag(view: LinkView) -> str:
    """Another one wherever the page would say something else."""
    shown = json.dumps([str(getattr(view, name)) for name in LinkView.__slots__])
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def page_of(view: LinkView, here: str) -> Said:
    """The page of what stands behind a link.

    Args:
        view: what does.
        here: the last part of the link's path, as an address of this same page.
    """
    return _page(_content(view), here, view.title[:_TITLE_MOST], tag(view))


def page(content: Content, here: str = "") -> Said:
    """A page that is the same for every link."""
    return _page(content, here, "", "")


def _page(content: Content, here: str, title: str, shown: str) -> Said:
    html = _TEMPLATE.render(
        headline=content.headline,
        title=title,
        lines=content.lines,
        moment=content.moment,
        room_link=content.room_link,
        room_says=content.room_says,
        press=content.press,
        every=content.every,
        goes_on=content.goes_on,
        tag=shown,
        here=f"./{here}",
        style=Markup(_STYLE),  # noqa: S704 (files of ours)
        script=Markup(_SCRIPT),  # noqa: S704
    )
    # A browser holds all that a form leads on to against form-action, a bridge elsewhere as well.
    leads_away = content.press is not None and content.press.does == "fallback"
    return Said(html, _POLICY if leads_away else f"{_POLICY}; form-action 'self'")


def _content(view: LinkView) -> Content:
    lines = (view.note,) if view.note else ()
    match view.stage:
        case Stage.OPEN:
            link = led_to(view.room_link)
            return Content("The room is open", lines, room_link=link, room_says="Join", every=_SOON)
        case Stage.FALLBACK:
            return _fallback(view, lines)
        case Stage.IDLE:
            press = _Press("open", "Open room") if view.can_open else None
            said = lines or ("Nobody is in this room, so it was closed.",)
            return Content("No room is open", said, press=press, every=_LATER, goes_on=_OPENS)
        case Stage.CLOSED:
            return Content("This is over", lines, moment=_moment("Closed", view.closed_at))
        case Stage.WAITING:
            return _waiting(view, lines)


def _waiting(view: LinkView, lines: tuple[str, ...]) -> Content:
    if view.opens_at is not None:
        opens = _moment("It opens", view.opens_at)
        return Content("The room is not open yet", lines, opens, every=_FAR, goes_on=_OPENS)
    link = led_to(view.room_link)
    headline = "There is no room yet" if lines else "The room opens in a moment"
    if link:
        headline = "The room may be gone"
    return Content(
        headline,
        lines,
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
        room_link=phone,
        room_says="Call",
        press=press,
        every=_LATER,
        goes_on="When the room itself is there, this page leads on to it.",
    )


def _moment(label: str, at: datetime | None) -> _Moment | None:
    if at is None:
        return None
    return _Moment(label, format_instant(at), f"{at:%A}, {at.day} {at:%B %Y, %H:%M} UTC")
