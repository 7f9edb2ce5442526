"""The addresses of the status page, for one life of the daemon after another.

Everything that shows something asks first who comes.  What a page of elsewhere loads is refused,
and so is a form that was not sent from a page of ours, without its person's token, or without a
reason.  Answers are kept by nobody, but for the style and the script, which hold nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from aiohttp import hdrs, web

from orchestrator.domain.reports import Done, FactsReport, Person, RoomsReport, StatusReport
from orchestrator.domain.wording import one_line
from orchestrator.edges.http.answers import refusal
from orchestrator.edges.http.status import showing
from orchestrator.edges.http.status.access import (
    SESSION,
    Access,
    Doorkeeper,
    TooManyTriesError,
    Visitor,
)
from orchestrator.edges.http.status.glance import Glance, StartingError
from orchestrator.edges.http.status.lanes import Wanted, view_of
from orchestrator.edges.http.status.live import USUAL, Pace, Streams
from orchestrator.edges.http.status.showing import Look, Said
from orchestrator.foundation.instants import parse_duration
from orchestrator.ports.chronicle import Chronicle
from orchestrator.ports.desk import Desk, DeskError
from orchestrator.ports.health import Health
from orchestrator.ports.store import StoreFault

EVENTS: Final = "/status/events"
HOSTS: Final = "/h/"  # and a key: an address for those who host
ACTOR: Final = "{name} via the status page"
_FACTS: Final = 40  # on a page
_TODAY: Final = 6  # facts of today
_ABOUT: Final = 200  # facts that are looked through for one key
_FIND_MOST: Final = 200  # characters
_REASON_MOST: Final = 500
_REASON_LEAST: Final = 3
_NUMBER: Final = 18  # digits
_SAID_MOST: Final = 200  # persons for whom an answer waits
_TOO_MANY: Final = "Nobody has this token, and many wrong ones came from there. Wait a minute."
_AIM: Final = ("name", "part")  # where somebody goes once they have logged in
_NOWHERE: Final[Mapping[str, str]] = {}
_PAUSES: Final = frozenset({"1h", "8h", "1d", "7d", "30d"})

_HEADERS: Final[Mapping[str, str]] = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": showing.POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    # To ourselves alone: without it a browser would not say whose form it sends.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _Life:
    """One life of the daemon: what is asked, and what is known of it."""

    desk: Desk
    chronicle: Chronicle
    health: Health
    status: Glance[StatusReport]
    rooms: Glance[RoomsReport]


class _Refused(Exception):
    """The request ends here, with this answer."""

    def __init__(self, response: web.Response) -> None:
        super().__init__()
        self.response = response


class StatusRoutes:
    """Answers on /, below /status, and on /h/… for hosts."""

    def __init__(self, access: Access, now: Callable[[], datetime], pace: Pace = USUAL) -> None:
        """Tell everybody to wait, until `showing`.

        Args:
            access: who may look and act.
            now: by which sessions end, and pauses begin (UTC).
            pace: how those who listen are treated.
        """
        self._door = Doorkeeper(access, now)
        self._now = now
        self._streams = Streams(showing.fact, pace)
        self._life: _Life | None = None
        self._said: dict[str, Said] = {}

    @property
    def access(self) -> Access:
        """Who may look and act; another one may be set at any time."""
        return self._door.access

    @access.setter
    def access(self, access: Access) -> None:
        self._door.access = access

    def routes(self) -> tuple[web.AbstractRouteDef, ...]:
        """For the server."""
        return (
            web.get("/", self._page),
            web.get("/status", self._page),
            web.get("/status/parts", self._parts),
            web.get("/status/room", self._room),
            web.get(EVENTS, self._events, allow_head=False),
            web.get("/status/login", self._login),
            web.post("/status/login", self._log_in),
            web.post("/status/logout", self._log_out),
            web.post("/status/do", self._do),
            web.post("/status/host", self._host),
            web.get(f"{HOSTS}{{key:.+}}", self._to_host),
            web.get("/status/status.css", _asset(showing.STYLE)),
            web.get("/status/status.js", _asset(showing.SCRIPT)),
        )

    @contextlib.contextmanager
    def showing(self, desk: Desk, chronicle: Chronicle, health: Health) -> Iterator[None]:
        """Show a life of the daemon for the length of the block; at its end all streams end."""
        self._life = _Life(desk, chronicle, health, Glance(desk.status), Glance(desk.rooms))
        try:
            yield
        finally:
            self._life = None
            self._streams.end()

    # --- looking ----------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return await self._answered(request, self._whole)

    async def _parts(self, request: web.Request) -> web.StreamResponse:
        return await self._answered(request, self._changing)

    async def _room(self, request: web.Request) -> web.StreamResponse:
        return await self._answered(request, self._one)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        try:
            visitor = self._admitted(request)
        except _Refused as refused:
            return refused.response
        if self._life is None:
            return refusal(503, "the daemon is starting or reloading", {hdrs.RETRY_AFTER: "2"})
        return await self._streams.answer(
            request, self._life.chronicle, lambda: self._door.visitor(request) == visitor
        )

    async def _answered(
        self,
        request: web.Request,
        show: Callable[[web.Request, _Life, Visitor], Awaitable[str]],
    ) -> web.StreamResponse:
        """What somebody is shown, or why it is not."""
        try:
            visitor = self._admitted(request)
            if self._life is None:
                raise StartingError
            return _html(await show(request, self._life, visitor))
        except _Refused as refused:
            return refused.response
        except StartingError:
            why = "The daemon is starting or reloading. This page comes by itself."
            return _html(showing.starting_page(why), 503, {hdrs.RETRY_AFTER: "3"})
        except StoreFault as fault:
            why = f"What is remembered cannot be read just now: {one_line(str(fault), 300)}"
            return _html(showing.starting_page(why), 503, {hdrs.RETRY_AFTER: "3"})

    async def _whole(self, request: web.Request, life: _Life, visitor: Visitor) -> str:
        look = await self._look(request, life, visitor)
        return showing.page(look, visitor, self._taken(visitor), can_log_in=self._can_log_in)

    async def _changing(self, request: web.Request, life: _Life, visitor: Visitor) -> str:
        return showing.parts(await self._look(request, life, visitor), visitor)

    async def _one(self, request: web.Request, life: _Life, visitor: Visitor) -> str:
        return await self._of_one(request.query.get("name", ""), life, visitor)

    async def _of_one(
        self, asked: str, life: _Life, visitor: Visitor, said: Said | None = None
    ) -> str:
        name = one_line(asked, 2 * _FIND_MOST)
        status, rooms = await life.status.report(), await life.rooms.report()
        named = RoomsReport(tuple(row for row in rooms.rooms if row.key == name))
        found = await life.chronicle.find(name, None, _ABOUT, secrets=False)
        facts = tuple(row for row in found.rows if row.key == name)[:_FACTS]
        look = Look(
            status,
            life.health.readiness().why_not,
            life.health.health().late,
            view_of(named, status.now, Wanted()),
            await life.chronicle.since(_midnight(status.now), 0),
            FactsReport(facts, found.looked_back_to, found.more),
        )
        told = said or self._taken(visitor)
        return showing.room_page(look, visitor, name, told, can_log_in=self._can_log_in)

    async def _look(self, request: web.Request, life: _Life, visitor: Visitor) -> Look:
        query = request.query
        status = await life.status.report()
        readiness = life.health.readiness()
        rooms = None
        if readiness.ready or readiness.last_pass is not None:
            report = await life.rooms.report()
            rooms = view_of(report, status.now, Wanted.of(query))
        find = one_line(query.get("find", ""), _FIND_MOST)
        before = _number(query.get("before", ""))
        if find:
            facts = await life.chronicle.find(find, before, _FACTS, secrets=visitor.may_act)
        else:
            facts = await life.chronicle.latest(before, _FACTS)
        return Look(
            status=status,
            ready=readiness.why_not,
            late=life.health.health().late,
            rooms=rooms,
            today=await life.chronicle.since(_midnight(status.now), _TODAY),
            facts=facts,
            find=find,
            before=before,
        )

    # --- who comes --------------------------------------------------------------------------------

    @property
    def _can_log_in(self) -> bool:
        return bool(self.access.tokens)

    def _admitted(self, request: web.Request) -> Visitor:
        """Who comes. Raises `_Refused` for what may not look, and for what others load."""
        site = request.headers.get("Sec-Fetch-Site", "none")
        mode = request.headers.get("Sec-Fetch-Mode", "navigate")
        if site not in {"none", "same-origin"} and mode != "navigate":
            raise _Refused(refusal(403, "this page is opened, not loaded by another"))
        visitor = self._door.visitor(request)
        if visitor is None:
            raise _Refused(self._shut(aim=_aim(request)))
        return visitor

    def _shut(
        self, problem: str = "", status: int = 0, aim: Mapping[str, str] = _NOWHERE
    ) -> web.Response:
        """What somebody sees who may not look; ``aim`` is where they wanted to go."""
        html = showing.login_page(
            problem, aim, by_token=self._can_log_in, by_proxy=self.access.proxy is not None
        )
        return _html(html, status or (401 if self._can_log_in else 403))

    async def _login(self, request: web.Request) -> web.StreamResponse:
        visitor, aim = self._door.visitor(request), _aim(request)
        if visitor is not None and visitor.may_act:
            return _sent_to(_address(aim))
        return self._shut(status=200 if self._can_log_in else 403, aim=aim)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        if not self._door.is_ours(request):
            return refusal(403, "log in on the status page itself")
        given = await _form(request)
        aim = _kept(given)
        try:
            id_ = self._door.log_in(request, given.get("token", "").strip())
        except TooManyTriesError:
            return self._shut(_TOO_MANY, 429, aim)
        if id_ is None:
            return self._shut("Nobody has this token.", 401 if self._can_log_in else 403, aim)
        response = _sent_to(_address(aim))
        response.set_cookie(
            self._door.cookie_name(request),
            id_,
            max_age=int(SESSION.total_seconds()),
            httponly=True,
            # Lax: a room's address is opened from calendars and mails.  Nothing is done by GET.
            samesite="Lax",
            secure=self._door.is_encrypted(request),
            path="/",
        )
        return response

    async def _log_out(self, request: web.Request) -> web.StreamResponse:
        try:
            await self._pressed(request)
        except _Refused as refused:
            return refused.response
        self._door.log_out(request)
        response = _sent_to("/status")
        response.del_cookie(self._door.cookie_name(request), path="/")
        return response

    # --- doing ------------------------------------------------------------------------------------

    async def _pressed(self, request: web.Request) -> tuple[Visitor, Mapping[str, str]]:
        """Who pressed a button of ours, and what is in the form. Raises `_Refused`."""
        visitor = self._door.visitor(request)
        if visitor is None or not visitor.may_act:
            raise _Refused(self._shut("Log in first, and press again.", 403))
        given = await _form(request)
        if not self._door.is_ours(request) or not visitor.owns(given.get("csrf", "")):
            raise _Refused(refusal(403, "press the button on the status page itself"))
        return visitor, given

    async def _do(self, request: web.Request) -> web.StreamResponse:
        try:
            visitor, given = await self._pressed(request)
        except _Refused as refused:
            return refused.response
        room = given.get("name", "") if given.get("back") == "room" else ""
        back = f"/status/room?{urlencode({'name': room})}" if room else "/status"
        try:
            if self._life is None:
                raise DeskError("the daemon is starting or reloading; press again in a moment")
            done = await self._obey(self._life.desk, visitor, given)
            said = Said(done.message, done.lines)
        except DeskError as error:
            said = Said(f"Refused: {error}", bad=True)
        except StoreFault as fault:
            said = Said(f"Nothing was done, because it cannot be recorded: {fault}", bad=True)
        self._keep(visitor, said)
        if self._life is not None:
            # What comes next shows what was done.
            with contextlib.suppress(StartingError, StoreFault, DeskError):
                await self._life.status.report(fresh=True)
                await self._life.rooms.report(fresh=True)
        return _sent_to(back)

    async def _to_host(self, request: web.Request) -> web.StreamResponse:
        """A host's address leads to the form: nothing is read for whoever only looks ahead."""
        try:
            self._admitted(request)
        except _Refused as refused:
            return refused.response
        return _sent_to(_address(_aim(request)))

    async def _host(self, request: web.Request) -> web.StreamResponse:
        """The host's link of a room, read now, for the person who asked for it."""
        try:
            visitor, given = await self._pressed(request)
        except _Refused as refused:
            return refused.response
        name = given.get("name", "")
        try:
            if self._life is None:
                raise DeskError("the daemon is starting or reloading; press again in a moment")
            link = await self._life.desk.host_link(name, _person(visitor, given))
        except DeskError as error:
            said = Said(f"Refused: {error}", bad=True)
        except StoreFault as fault:
            said = Said(f"It is not told, because that cannot be recorded: {fault}", bad=True)
        else:
            return _html(showing.host_page(link))
        self._keep(visitor, said)
        return _sent_to(f"/status/room?{urlencode({'name': name})}")

    async def _obey(self, desk: Desk, visitor: Visitor, given: Mapping[str, str]) -> Done:
        """Give the command that a form stands for, as the person who sent it."""
        person = _person(visitor, given)
        name = given.get("name", "")
        match given.get("do"):
            case "approve":
                return await desk.approve(name, person)
            case "renew":
                return await desk.renew(name, person)
            case "suspend":
                return await desk.suspend(name, self._now() + _pause(given), person)
            case "resume":
                return await desk.resume(name, person)
            case "protect":
                return await desk.protect(name, person)
            case "unprotect":
                return await desk.protect(name, person, on=False)
            case _:
                raise DeskError("the button does not say what to do", 2)

    def _keep(self, visitor: Visitor, said: Said) -> None:
        """Keep what somebody is told for the page that they see next."""
        self._said.pop(visitor.csrf, None)
        while len(self._said) >= _SAID_MOST:
            del self._said[next(iter(self._said))]
        self._said[visitor.csrf] = said

    def _taken(self, visitor: Visitor) -> Said | None:
        return self._said.pop(visitor.csrf, None)


def _aim(request: web.Request) -> Mapping[str, str]:
    """Where somebody wants to go, as the form to log in keeps it: to a room, or nowhere special."""
    if "key" in request.match_info:
        return _kept({"name": request.match_info["key"], "part": "host"})
    return _kept(request.query)


def _kept(given: Mapping[str, str]) -> Mapping[str, str]:
    return {field: one_line(given[field], 2 * _FIND_MOST) for field in _AIM if field in given}


def _address(aim: Mapping[str, str]) -> str:
    """Where whoever has logged in is sent: the page of a room or the whole, never elsewhere."""
    name = aim.get("name", "")
    part = "#host" if aim.get("part") == "host" else ""
    return f"/status/room?{urlencode({'name': name})}{part}" if name else "/status"


def _person(visitor: Visitor, given: Mapping[str, str]) -> Person:
    """Who gives a command, and why. Raises `DeskError` without a reason."""
    reason = one_line(given.get("reason", ""), _REASON_MOST)
    if len(reason) < _REASON_LEAST:
        raise DeskError("say why: the reason stands in the audit log", 2)
    return Person(ACTOR.format(name=visitor.name), reason)


def _pause(given: Mapping[str, str]) -> timedelta:
    length = given.get("for", "")
    if length not in _PAUSES:
        raise DeskError("the form does not say for how long", 2)
    return parse_duration(length)


async def _form(request: web.Request) -> Mapping[str, str]:
    """What a form holds; nothing of what is no form, or one in an alphabet that is not known."""
    try:
        given = await request.post()
    except (ValueError, LookupError):
        return {}
    return {name: value for name, value in given.items() if isinstance(value, str)}


def _number(text: str) -> int | None:
    plain = text.isascii() and text.isdecimal() and len(text) <= _NUMBER
    return int(text) if plain else None


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _html(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        text=text,
        content_type="text/html",
        charset="utf-8",
        headers={**_HEADERS, **(headers or {})},
    )


def _sent_to(where: str) -> web.Response:
    return web.Response(status=303, headers={**_HEADERS, hdrs.LOCATION: where})


def _asset(file: showing.Asset) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        tag = f'"{file.digest}"'
        headers = {
            **_HEADERS,
            # Asked for by its digest it is this one for good; otherwise it may be another.
            hdrs.CACHE_CONTROL: _FOR_GOOD if request.query_string == file.digest else "no-cache",
            hdrs.ETAG: tag,
        }
        if request.headers.get(hdrs.IF_NONE_MATCH) == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(
            text=file.text, content_type=file.kind, charset="utf-8", headers=headers
        )

    return answer
