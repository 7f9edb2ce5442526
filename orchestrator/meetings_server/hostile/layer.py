"""The layer itself: draws what goes wrong with each request, and lets it."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Final

import jwt

from orchestrator.meetings_server.hostile import answers, listings
from orchestrator.meetings_server.hostile.callbacks import HostileSender
from orchestrator.meetings_server.hostile.calls import Call, Kind, call_of
from orchestrator.meetings_server.hostile.faults import DEFAULT, Fault, Place, Profile, Route
from orchestrator.meetings_server.hostile.history import History
from orchestrator.meetings_server.http import Answer, Carry, Request, Silence
from orchestrator.meetings_server.http.wire import Json, empty_answer, json_answer, text_answer
from orchestrator.meetings_server.ports import Clock, Sender
from orchestrator.meetings_server.service import Bell

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Late:
    due: datetime
    call: Call


class Hostility:
    """Stands around one server's request handling; see the package for how to use it."""

    def __init__(self, chance: Random, clock: Clock, profile: Profile = DEFAULT) -> None:
        """`clock` is the server's own; `chance` is drawn from by nobody else."""
        self._chance = chance
        self._clock = clock
        self._hits: Counter[Place] = Counter()
        self._is_calm = False
        self._spell: tuple[Fault, datetime] | None = None
        self._late: list[_Late] = []
        self._bell = Bell()
        # By application, each kind apart.
        self._histories: defaultdict[tuple[str, Kind], History] = defaultdict(History)
        # Those of which it was said that they are not there, since the truth was last told.
        self._denied: set[str] = set()
        self.profile = profile

    @property
    def profile(self) -> Profile:
        """What goes wrong how often; may be set at any time."""
        return self._profile

    @profile.setter
    def profile(self, profile: Profile) -> None:
        self._profile = profile
        self._tables = {route: tuple(profile.of(route).items()) for route in Route}

    @property
    def lasting(self) -> Fault | None:
        """What hits every request for a while now, if something does."""
        if self._spell is not None and self._spell[1] <= self._clock.now():
            self._spell = None
        return None if self._spell is None else self._spell[0]

    @property
    def hits(self) -> Mapping[Place, int]:
        """How often each fault did hit, by route and fault; one that lasts, once a request."""
        return MappingProxyType(self._hits)

    @property
    def late(self) -> int:
        """Calls whose connection is closed and that are still to be carried out."""
        return len(self._late)

    def calm(self) -> None:
        """Be honest until `rage`; what lasts is over. Late calls are still carried out."""
        self._is_calm = True
        self._spell = None

    def rage(self) -> None:
        """Be hostile again."""
        self._is_calm = False

    def begin(self, fault: Fault, length: timedelta) -> None:
        """Let `UNAUTHORIZED` or `EMPTY` last from now on.

        Raises:
            ValueError: the fault is not one that lasts.
        """
        if fault not in {Fault.UNAUTHORIZED, Fault.EMPTY}:
            message = f"{fault} is over with one request"
            raise ValueError(message)
        self._spell = fault, self._clock.now() + length

    def sender(self, sender: Sender) -> Sender:
        """A way to callback URLs that loses, doubles and holds back."""
        return HostileSender(sender, self._drawn_for_callback)

    async def carry_out(self, *, everything: bool = False) -> None:
        """Carry out the calls that were to be late until now, or all at once.

        A server does so by itself; in memory it is done before each request and by `advance`.
        """
        now = self._clock.now()
        due = [one for one in self._late if everything or one.due <= now]
        self._late = [one for one in self._late if one not in due]
        for one in sorted(due, key=lambda late: late.due):
            await self._carried_out(one.call)

    async def run(self) -> None:
        """Carry out late calls in time, until cancelled."""
        while True:
            self._bell.silence()
            await self.carry_out()
            due = min((one.due for one in self._late), default=None)
            left = None if due is None else max((due - self._clock.now()) / _SECOND, 0.0)
            await self._bell.wait(self._clock, left)

    async def answer(self, request: Request, carry: Carry) -> Answer:
        """Answer one request, or raise `Silence`; `carry` does what is asked, honestly."""
        await self.carry_out()
        call = call_of(request, carry)
        if call is None or self._is_calm:
            return await carry(request)
        self._history(call).forget(self._clock.now(), self._profile.lag)
        fault = self._lasting(call.route) or self._drawn(call.route)
        if fault is None:
            return await self._carried_out(call)
        return await self._let(fault, call)

    # --- what goes wrong ----------------------------------------------------------------------

    def _drawn(self, route: Route) -> Fault | None:
        mark = self._chance.random()
        for fault, rate in self._tables[route]:
            mark -= rate
            if mark < 0:
                return fault
        return None

    def _drawn_for_callback(self) -> Fault | None:
        fault = None if self._is_calm else self._drawn(Route.CALLBACK)
        if fault is not None:
            self._hits[Route.CALLBACK, fault] += 1
        return fault

    def _lasting(self, route: Route) -> Fault | None:
        # Where logos are uploaded to, and recordings come from, is another place.
        return None if route in {Route.UPLOAD, Route.DOWNLOAD} else self.lasting

    def _hit(self, fault: Fault, call: Call) -> None:
        self._hits[call.route, fault] += 1

    async def _let(self, fault: Fault, call: Call) -> Answer:
        """Let a fault happen; where it cannot be, nothing does."""
        match fault:
            case Fault.UNAUTHORIZED | Fault.EMPTY:
                return await self._while_it_lasts(fault, call)
            case Fault.STALE | Fault.SKIPPED | Fault.FEWER | Fault.NO_NEXT:
                return await self._mistold(fault, call)
            case Fault.WRONG_BODY | Fault.NO_METADATA | Fault.CUT | Fault.WRONG_DATE:
                return await self._garbled(fault, call)
            case Fault.NOT_DONE | Fault.OLD_VALUE | Fault.MISSING:
                return await self._denied_or_undone(fault, call)
            case Fault.CHANGED_TAG | Fault.SHORT:
                return await self._sent_otherwise(fault, call)
            case _:
                self._hit(fault, call)
                return await self._disturbed(fault, call)

    async def _disturbed(self, fault: Fault, call: Call) -> Answer:
        """Latency, errors and silence: what needs no look at the answer."""
        chance, now = self._chance, self._clock.now()
        wait = self._profile.latency / _SECOND * chance.random()
        match fault:
            case Fault.SLOW:
                await self._clock.sleep(wait)
                return await self._carried_out(call)
            case Fault.SLOW_AFTER:
                answer = await self._carried_out(call)
                await self._clock.sleep(wait)
                return answer
            case Fault.TOO_MANY | Fault.UNAVAILABLE | Fault.FORBIDDEN:
                return self._refused(fault, call)
            case Fault.BROKEN:
                if chance.random() < 0.5:
                    await self._carried_out(call)
                return answers.failed(chance.choice([500, 502]), chance)
            case Fault.DENIED_BUT_DONE:
                await self._carried_out(call)
                status = chance.choice([401, 429, 503])
                return answers.unauthorized() if status == 401 else answers.failed(status, chance)
            case Fault.LATE:
                self._late.append(_Late(now + self._profile.late * chance.random(), call))
                self._bell.ring()
            case Fault.DONE_THEN_DROPPED:
                await self._carried_out(call)
            case _:
                pass  # lost for ever
        raise Silence

    def _refused(self, fault: Fault, call: Call) -> Answer:
        """What says, and truly, that nothing was done."""
        if fault is Fault.FORBIDDEN:
            return answers.refused(call.barred)
        if fault is Fault.UNAVAILABLE:
            return answers.failed(503, self._chance)
        now, absurd = self._clock.now(), self._profile.absurd
        return answers.too_many(now, self._chance, absurd=absurd)

    async def _while_it_lasts(self, fault: Fault, call: Call) -> Answer:
        if self._spell is None:
            longest = self._profile.empty if fault is Fault.EMPTY else self._profile.refusing
            self.begin(fault, longest * self._chance.uniform(0.1, 1))
        self._hit(fault, call)
        if fault is Fault.UNAUTHORIZED:
            return answers.unauthorized()
        match call.route:
            case Route.LIST | Route.SESSIONS:
                answer = await call.carry(call.request)
                if answer.status != 200:
                    return answer
                return answers.with_document(answer, listings.empty(answers.document(answer)))
            case Route.THEMES:
                answer = await call.carry(call.request)
                return answers.with_document(answer, []) if answer.status == 200 else answer
            case Route.CREATE | Route.CREATE_THEME | Route.DEFAULT_THEME | Route.LOGO_PLACES:
                return answers.failed(503, self._chance)
            case _:
                return answers.refused(call.unknown)

    async def _mistold(self, fault: Fault, call: Call) -> Answer:
        """A listing that is not the truth."""
        answer = await self._carried_out(call)
        if answer.status != 200:
            return answer
        page, since = _page(call, answer), self._since()
        changes = self._history(call).since(since)
        told: Json | None
        match fault:
            case Fault.STALE:
                of_it = listings.of_session(changes, call.about)
                told = listings.stale(page, of_it if call.route is Route.RECORDINGS else changes)
            case Fault.SKIPPED if call.route is Route.RECORDINGS:
                told = listings.without_young(page, since, self._chance)
            case Fault.SKIPPED:
                told = listings.skipping(page, changes, self._chance)
            case Fault.FEWER:
                told = listings.fewer(page, self._chance)
            case _:
                told = listings.last(page)
        if told is None:
            return answer
        self._hit(fault, call)
        match call.kind:
            case Kind.THEMES:
                return answers.with_document(answer, listings.listed(told))
            case Kind.RECORDINGS:
                return answers.with_document(answer, listings.recorded(told))
            case _:
                return answers.with_document(answer, told)

    def _since(self) -> datetime:
        """From when on what changed is told as it was before."""
        return self._clock.now() - self._profile.lag * self._chance.random()

    async def _garbled(self, fault: Fault, call: Call) -> Answer:
        """An answer that does not come as it was."""
        answer, chance = await self._carried_out(call), self._chance
        if fault is Fault.WRONG_DATE:
            self._hit(fault, call)
            return answers.dated_wrongly(answer, self._clock.now(), chance)
        if not 200 <= answer.status < 300:
            return answer
        if fault is Fault.CUT:
            self._hit(fault, call)
            raise answers.cut(answer, chance)
        if fault is Fault.WRONG_BODY:
            self._hit(fault, call)
            others = self._history(call).others(_subject(call, answer))
            other = _as_told(call, chance.choice(others)) if others else None
            # A 204 has no body.
            whole = answer if answer.body else replace(answer, status=200)
            return answers.wrong(whole, other, chance)
        told: Json | None = answers.document(answer)
        if call.route in {Route.LIST, Route.THEME_ROOMS}:
            told = listings.unsigned(answers.document(answer), chance)
        else:
            told = answers.stripped(answers.document(answer), chance)
        if told is None:
            return answer
        self._hit(fault, call)
        return answers.with_document(answer, told)

    async def _denied_or_undone(self, fault: Fault, call: Call) -> Answer:
        """An answer that tells of one room, theme or recording what is not so."""
        if call.route is Route.DOWNLOAD:
            return await self._lacking(fault, call)
        before = await call.look()
        if before is None or (fault is Fault.MISSING and call.about in self._denied):
            return await self._carried_out(call)
        if fault is Fault.OLD_VALUE:
            answer = await self._carried_out(call)
            if answer.status != 200:
                return answer
            self._hit(fault, call)
            return answers.with_document(answer, _as_told(call, before))
        self._hit(fault, call)
        if fault is Fault.MISSING:
            self._denied.add(call.about)
            return answers.refused(call.unknown)
        if call.route in {Route.DELETE, Route.DELETE_THEME, Route.DELETE_RECORDING}:
            return empty_answer(204)
        if call.route is Route.FINALIZE:
            return text_answer(200, "OK")
        return json_answer(200, _as_told(call, before))

    async def _lacking(self, fault: Fault, call: Call) -> Answer:
        """404 for a content that is there."""
        answer, place = await self._carried_out(call), f"content of {call.about}"
        if answer.part is None or place in self._denied:
            self._denied.discard(place)
            return answer
        self._hit(fault, call)
        self._denied.add(place)
        return answers.refused(call.unknown)

    async def _sent_otherwise(self, fault: Fault, call: Call) -> Answer:
        """A download that is not what it was when it began."""
        answer = await self._carried_out(call)
        if answer.part is None or (fault is Fault.SHORT and answer.status != 206):
            # Of a whole one nobody else knows how long it is.
            return answer
        self._hit(fault, call)
        if fault is Fault.SHORT:
            return answers.shortened(answer, answer.part, self._chance)
        if self._chance.random() < 0.5:
            asked = {name: it for name, it in call.request.headers.items() if name != "range"}
            answer = await call.carry(replace(call.request, headers=asked))
        return answers.tagged_otherwise(answer, self._chance)

    # --- the truth ----------------------------------------------------------------------------

    async def _carried_out(self, call: Call) -> Answer:
        """Do what is asked, and remember what it changed."""
        history = self._history(call)
        before = await call.look() if call.changes else None
        answer = await call.carry(call.request)
        now = self._clock.now()
        match call.route, answer.status:
            case ((Route.CREATE | Route.CREATE_THEME), 201):
                history.made(call.told(answer), now)
            case ((Route.GET | Route.THEME | Route.RECORDING), 200):
                history.saw(call.told(answer))
                self._denied.discard(call.about)
            case ((Route.PATCH | Route.PATCH_THEME | Route.FINALIZE), 200) if before is not None:
                history.changed(before, now)
            case (
                (Route.DELETE | Route.DELETE_THEME | Route.DELETE_RECORDING),
                204,
            ) if before is not None:
                history.removed(before, now)
        return answer

    def _history(self, call: Call) -> History:
        return self._histories[_application(call.request), call.kind]


def _page(call: Call, answer: Answer) -> Json:
    """A listing of ours, of whatever kind, as a page."""
    match call.kind:
        case Kind.THEMES:
            return listings.paged(listings.named(answers.documents(answer)))
        case Kind.RECORDINGS:
            return listings.paged(listings.rows_of(answers.document(answer)))
        case _:
            return answers.document(answer)


def _as_told(call: Call, known: Json) -> Json:
    """What is known of a room, theme or recording, as the API tells it."""
    return listings.unnamed(known) if call.kind is Kind.THEMES else known


def _application(request: Request) -> str:
    """Who asks; whether it is true is checked where the request is carried out."""
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return ""
    return str(claims.get("application_id", ""))


def _subject(call: Call, answer: Answer) -> str:
    if call.route in {Route.CREATE, Route.CREATE_THEME}:
        return str(call.told(answer)["id"])
    return call.about
