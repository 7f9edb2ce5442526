"""Our own links: sent on to the room, or shown a page that says what is and leads on by itself.

Whoever has no right link learns nothing: a wrong token and a key that is not there get the same
page, and for a wrong token nothing is looked up.  Nothing but a press of a button changes
anything, and only one on our own page: the robots that look at every link in a message, and pages
of others, open no room.  Answers are kept by nobody and name us to nobody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from orchestrator.domain.links import PATH, LinkScheme, LinkView, Target, led_to
from orchestrator.edges.http.answers import answer, refusal
from orchestrator.edges.http.proxies import Proxy, is_from_here
from orchestrator.edges.http.saying import (
    NOT_LET_IN,
    NOWHERE,
    STARTING,
    Said,
    page,
    page_of,
    page_to_look_at,
    tag,
)
from orchestrator.ports.links import LinkDesk

_METHODS: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_POST})
_ROBOTS: Final = "X-Robots-Tag"
_NO_ROBOT: Final = "noindex, nofollow"
_KEPT_BY_NOBODY: Final = {
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    _ROBOTS: _NO_ROBOT,
}
_RETRY_AFTER: Final[Mapping[str, str]] = {hdrs.RETRY_AFTER: "2"}  # seconds


@dataclass(frozen=True, slots=True)
class Entrance:
    """Whose links are followed.

    Attributes:
        scheme: how they are spelled.
        proxy: who lets people in; None: the link itself does.
    """

    scheme: LinkScheme
    proxy: Proxy | None = None


class LinkRoutes:
    """Answers on /r/…, for one desk after another."""

    def __init__(self, entrance: Entrance) -> None:
        """Show whoever has a link of ``entrance`` a page that waits, until `leading`."""
        self.entrance = entrance
        self._desk: LinkDesk | None = None

    def routes(self) -> tuple[web.AbstractRouteDef, ...]:
        """For the server; its pattern is what is logged, never a link."""
        return (web.route(hdrs.METH_ANY, f"{PATH}{{link:.*}}", self._answer),)

    @contextlib.contextmanager
    def leading(self, desk: LinkDesk) -> Iterator[None]:
        """Lead people on for a desk for the length of the block; outside of it they wait."""
        self._desk = desk
        try:
            yield
        finally:
            self._desk = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method not in _METHODS:
            return refusal(405, "links are opened", {hdrs.ALLOW: ", ".join(sorted(_METHODS))})
        proxy = self.entrance.proxy
        if proxy is not None and not proxy.let_in(request):
            return _shown(page(NOT_LET_IN), 403)
        path = request.rel_url.raw_path.removeprefix(PATH)
        scheme = self.entrance.scheme
        target = scheme.read(path) if scheme.public_url else None
        if target is None:
            return self._otherwise_spelled(path)
        here = scheme.path_of(target).rpartition("/")[2]
        if self._desk is None:
            return _shown(page(STARTING, here), 503, _RETRY_AFTER)
        if request.method == hdrs.METH_POST:
            return await self._pressed(self._desk, request, target, here)
        view = await self._desk.look(target.policy, target.subject)
        if view is None:
            return self._otherwise_spelled(path)
        room = led_to(view.leads_to)
        if "state" in request.query:
            return answer(200, {"go": bool(room), "tag": tag(view)})
        where = scheme.addresses(target, view)
        if "show" in request.query:
            return _shown(page_to_look_at(view, where), 200)
        if room and "wait" not in request.query:
            return _sent_to(room)
        return _shown(page_of(view, where), 200)

    def _otherwise_spelled(self, path: str) -> web.Response:
        """Servers of files end a folder's address in a slash, and people keep that one."""
        scheme = self.entrance.scheme
        target = scheme.read(path[:-1]) if scheme.public_url and path.endswith("/") else None
        if target is None:
            return _shown(page(NOWHERE), 404)
        return _sent_to(f"../{scheme.path_of(target).rpartition('/')[2]}")

    async def _pressed(
        self, desk: LinkDesk, request: web.Request, target: Target, here: str
    ) -> web.StreamResponse:
        if not is_from_here(request, self.entrance.scheme.public_url):
            return refusal(403, "press the button on the page of the link itself")
        try:
            given = (await request.post()).get("do")
        except (ValueError, LookupError):  # no form, or one in an alphabet that is not known
            given = None
        if given == "fallback":
            view = await desk.take_fallback(target.policy, target.subject)
            return _sent_to(_instead(view) or f"./{here}")
        if given == "open":
            view = await desk.press(target.policy, target.subject)
            if view is None:
                return _shown(page(NOWHERE), 404)
            # Shown first, and led on from there: what a form leads to may not be elsewhere.
            return _sent_to(f"./{here}?wait")
        return refusal(400, "the button does not say what to do")


def is_link_page(headers: Mapping[str, str]) -> bool:
    """Whether an answer is one of these, by what proxies pass on and no server of files says."""
    return headers.get(_ROBOTS) == _NO_ROBOT


def _instead(view: LinkView | None) -> str:
    """Where somebody is sent who takes the fallback; to the room, if it came meanwhile."""
    return "" if view is None else led_to(view.leads_to) or led_to(view.fallback_link)


def _sent_to(where: str) -> web.Response:
    headers = {
        **_KEPT_BY_NOBODY,
        hdrs.LOCATION: where,
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(status=303, headers=headers)


def _shown(said: Said, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        text=said.html,
        content_type="text/html",
        charset="utf-8",
        headers={
            **_KEPT_BY_NOBODY,
            "Content-Security-Policy": said.policy,
            # To ourselves alone: without it a browser would not say whose form it sends.
            "Referrer-Policy": "same-origin" if said.asks else "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            **(headers or {}),
        },
    )
