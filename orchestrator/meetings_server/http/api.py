"""From a request to its answer: the whole server but its sockets."""

import email.utils
from dataclasses import replace
from datetime import timedelta
from typing import Final

from orchestrator.meetings_server.http.assets import Assets
from orchestrator.meetings_server.http.auth import Gate
from orchestrator.meetings_server.http.description import DESCRIPTION_PATH, description
from orchestrator.meetings_server.http.dialling import DialInResources
from orchestrator.meetings_server.http.downloads import Downloads
from orchestrator.meetings_server.http.links import API_PATH, Links
from orchestrator.meetings_server.http.notices import LARGEST_NOTICE, Hear, Notices
from orchestrator.meetings_server.http.pages import Pages
from orchestrator.meetings_server.http.pictures import PublicPictures
from orchestrator.meetings_server.http.problems import (
    Unauthenticated,
    WrongMethod,
    refusal_answer,
    unauthenticated_answer,
    unavailable_answer,
    unexpected_answer,
    wrong_method_answer,
)
from orchestrator.meetings_server.http.recordings import RecordingResources
from orchestrator.meetings_server.http.resources import Resources
from orchestrator.meetings_server.http.routes import Call, Table
from orchestrator.meetings_server.http.testing import TEST_PATH, Latency, RequestLog, TestRoutes
from orchestrator.meetings_server.http.themes import ThemeResources
from orchestrator.meetings_server.http.uploads import LARGEST_FORM, Uploads
from orchestrator.meetings_server.http.wire import (
    Answer,
    Around,
    Carry,
    Request,
    Silence,
    json_answer,
)
from orchestrator.meetings_server.model.refusals import Reason, Refused
from orchestrator.meetings_server.ports import Clock, Report, StoreFault
from orchestrator.meetings_server.service import Acts
from orchestrator.meetings_server.settings import Settings

#: Bytes of a request's body; the largest lawful one has a tenth of it.
LARGEST_BODY: Final = 64 * 1024

# The generations of the API had different bases (the API notes, section 2).
_BASES: Final = (f"{API_PATH}/", "/beta/meetings/", "/meetings/")
_SERVER: Final = "meetings-server"
_SECOND: Final = timedelta(seconds=1)


class Api:
    """Answers every request there can be; `handle` raises `Silence` alone."""

    def __init__(  # noqa: PLR0913 - one parameter a neighbour
        self,
        acts: Acts,
        links: Links,
        settings: Settings,
        clock: Clock,
        report: Report,
        around: Around | None = None,
        *,
        hear: Hear | None = None,
    ) -> None:
        """`around` stands between the request log and all else; `hear` is the medium's.

        Raises:
            ValueError: the public key of an application cannot be read.
        """
        self._meetings = acts.meetings
        self._clock = clock
        self._report = report
        self._gate = Gate(settings.applications)
        self._uploads = Uploads(acts, links)
        self._table = Table(
            Resources(acts, links, strict_v1=settings.strict_v1).routes,
            ThemeResources(acts, links, self._uploads).routes,
            RecordingResources(acts, links).routes,
            DialInResources(settings.dial_in_numbers).routes,
        )
        self._description = json_answer(200, description(links.external_url, self._table.methods))
        self._notices = Notices(hear)
        assets = None if settings.media is None else Assets()
        origins = () if settings.media is None else settings.media.origins
        pages = Pages(acts, links, assets, origins)
        pictures, downloads = PublicPictures(acts), Downloads(acts, links)
        self._readables = (
            (pages, pictures, downloads) if assets is None else (assets, pages, pictures, downloads)
        )
        self._latency = Latency(settings.latency_before, settings.latency_after)
        self._around = around or _nothing_around
        self._log = RequestLog() if settings.test_routes else None
        self._tests = TestRoutes(acts, self._log, self._latency) if self._log is not None else None

    def largest_body(self, path: str) -> int:
        """The most bytes that are of use at a path; of more, one byte more is enough to refuse."""
        if self._notices.has(path):
            return LARGEST_NOTICE
        return LARGEST_FORM if self._uploads.has(path) else LARGEST_BODY

    def unreadable(self) -> Answer:
        """The answer to a request whose body is not packed, or not parted, as it says it is."""
        refused = Refused(Reason.BAD_REQUEST, "The request body cannot be read")
        return self._dated(refusal_answer(refused))

    async def handle(self, request: Request) -> Answer:
        """The answer, with its date by the server's clock.

        Raises:
            Silence: no whole answer is to go out.
        """
        if self._log is None or request.path.startswith(TEST_PATH):
            return self._dated(await self._around(request, self._answer))
        # Pictures are no part of what a test reads, and a log of them would fill the memory.
        seen = replace(request, body=b"") if self._uploads.has(request.path) else request
        entry = self._log.received(seen)
        try:
            answer = self._dated(await self._around(request, self._answer))
        except Silence:
            self._log.answered(entry, 0)
            raise
        self._log.answered(entry, answer.status)
        return answer

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._routed(request)
        except Refused as refused:
            return refusal_answer(refused)
        except Unauthenticated as problem:
            return unauthenticated_answer(problem)
        except WrongMethod as problem:
            return wrong_method_answer(problem)
        except StoreFault as fault:
            self._report("request.unavailable", {"error": str(fault)})
            return unavailable_answer()
        except Exception as error:  # noqa: BLE001 - one bad request must not end the server
            self._report("request.failed", {"path": request.path, "error": repr(error)})
            return unexpected_answer()

    async def _routed(self, request: Request) -> Answer:
        if self._uploads.has(request.path):
            return await self._uploads.answer(request)
        if self._notices.has(request.path):
            return await self._notices.answer(request)
        if len(request.body) > LARGEST_BODY:
            raise Refused(Reason.TOO_LARGE, "The request body is too large")
        if self._tests is not None and request.path.startswith(TEST_PATH):
            return await self._tests.answer(request)
        if request.path == DESCRIPTION_PATH:
            _only_read(request)
            return _headless(request, self._description)
        for readable in self._readables:
            if readable.has(request.path):
                _only_read(request)
                return _headless(request, await readable.answer(request))
        return await self._resource(request)

    async def _resource(self, request: Request) -> Answer:
        found = self._table.find(resource_path(request.path))
        if found is None:
            raise Refused(Reason.NOT_FOUND, "Not Found")
        application_id = self._gate.application(request.headers, self._clock.now())
        if request.method not in found.methods:
            raise WrongMethod(found.methods)
        await self._wait(self._latency.before)
        try:
            call = Call(request, application_id, found.names)
            return await found.methods[request.method](call)
        finally:
            # Errors take as long as answers do.
            await self._wait(self._latency.after)

    async def _wait(self, length: timedelta) -> None:
        if length:
            await self._clock.sleep(length / _SECOND)

    def _dated(self, answer: Answer) -> Answer:
        date = email.utils.format_datetime(self._meetings.now, usegmt=True)
        return replace(answer, headers={"Date": date, "Server": _SERVER, **answer.headers})


def _headless(request: Request, answer: Answer) -> Answer:
    return replace(answer, body=b"") if request.method == "HEAD" else answer


def _only_read(request: Request) -> None:
    if request.method not in {"GET", "HEAD"}:
        raise WrongMethod(("GET", "HEAD"))


async def _nothing_around(request: Request, carry: Carry) -> Answer:
    return await carry(request)


def resource_path(path: str) -> tuple[str, ...]:
    """The parts of a path under the API's base; none where it is not under it."""
    for base in _BASES:
        if path.startswith(base):
            return tuple(path.removeprefix(base).removesuffix("/").split("/"))
    return ()
