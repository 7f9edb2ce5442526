"""The daemon's end of the control socket: HTTP on a unix socket, mode 0660.

Whoever may open the socket may ask and command; the file's mode and group are the lock.  Refuses a
path where another daemon answers, and one that holds anything but a socket.  A socket that was
handed to us is answered as it is: it is neither bound, nor its mode changed, nor removed.

The socket stays while the daemon changes lives at a reload; questions wait for the next desk.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, assert_never

from aiohttp import web

from orchestrator.domain.reports import Person
from orchestrator.edges.control import wire
from orchestrator.edges.control.path import problem_with
from orchestrator.edges.control.peer import peer_of
from orchestrator.ports.desk import Desk, DeskError
from orchestrator.ports.store import StoreFault

_MODE: Final = 0o660
_BACKLOG: Final = 64
_DRAIN: Final = 2.0  # seconds that answers under way are given at the end
_FAILED: Final = 1
_INVALID: Final = 2


class ControlSocketError(OSError):
    """The socket cannot be had; the text says why and what to do."""


class ControlServer:
    """Answers with a desk on a unix socket."""

    def __init__(
        self,
        desk: Desk | None,
        path: Path,
        listener: socket.socket | None = None,
        failed: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        """Answer with ``desk``; nothing is opened yet.

        Args:
            desk: None: questions wait until one answers; see `answering_with`.
            path: of the socket.
            listener: the socket itself, where somebody made it for us.
            failed: is told of a bug behind the desk; whoever asked is told its kind alone.
        """
        self._path = path
        self._listener = listener
        self._failed = failed
        self._desk = desk
        self._there = asyncio.Event()
        if desk is not None:
            self._there.set()
        self._asked = 0
        self._answered = asyncio.Event()
        self._answered.set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer for the length of the block, then remove the socket.

        Raises:
            ControlSocketError: the path is too long, taken, or cannot be written.
        """
        listener = _listen(self._path) if self._listener is None else self._listener
        there = self._path.stat() if self._listener is None else None
        application = web.Application(client_max_size=wire.QUESTION_MAX)
        application.router.add_post(wire.ADDRESS, self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_DRAIN)
        try:
            await runner.setup()
            await web.SockSite(runner, listener).start()
            yield
        finally:
            self._there.set()  # whoever still waits for a desk is told that there will be none
            await runner.cleanup()
            listener.close()
            with contextlib.suppress(OSError):
                # Another daemon may have put its own there meanwhile.
                if there is not None and self._path.stat().st_ino == there.st_ino:
                    self._path.unlink()

    @contextlib.asynccontextmanager
    async def answering_with(self, desk: Desk) -> AsyncIterator[None]:
        """Answer with this desk for the length of the block; afterwards questions wait.

        At its end those under way are given some seconds, for what they stand on will be closed.
        """
        self._desk = desk
        self._there.set()
        try:
            yield
        finally:
            self._desk = None
            self._there.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN):
                    await self._answered.wait()

    @contextlib.asynccontextmanager
    async def _counted(self, question: wire.Question) -> AsyncIterator[None]:
        # A reload waits for the next life, and the end of this one must not wait for it.
        if isinstance(question, wire.Reload):
            yield
            return
        self._asked += 1
        self._answered.clear()
        try:
            yield
        finally:
            self._asked -= 1
            if not self._asked:
                self._answered.set()

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            question = wire.read_question(await request.read())
            actor = _actor(request)
            await self._there.wait()
            async with self._counted(question):
                body = wire.write_report(await self._ask(question, actor))
        except DeskError as error:
            body = wire.write_refusal(str(error), error.code)
        except wire.WireError as error:
            body = wire.write_refusal(str(error), _INVALID)
        except StoreFault as error:
            message = f"it cannot be recorded, so nothing is done: {error}"
            body = wire.write_refusal(message, _FAILED)
        except Exception as error:  # noqa: BLE001 (whatever it is, the daemon goes on)
            # The kind alone: a message may quote what must not be shown; the log masks secrets.
            self._failed(error)
            message = f"the daemon failed at this question ({type(error).__name__}); see its log"
            body = wire.write_refusal(message, _FAILED)
        return web.Response(body=body, content_type="application/json")

    def _present(self) -> Desk:
        if self._desk is None:
            raise DeskError("the daemon is ending; ask again when it runs")
        return self._desk

    async def _ask(self, question: wire.Question, actor: str) -> wire.Report:
        desk = self._present()
        match question:
            case wire.AskStatus():
                return await desk.status()
            case wire.AskPlan(candidate):
                return await desk.plan(None if candidate is None else wire.read_folder(candidate))
            case wire.AskRooms(foreign):
                return await desk.rooms(foreign=foreign)
            case wire.AskWhy(name):
                return await desk.why(name)
            case wire.AskWhyNot(name):
                return await desk.why_not(name)
            case wire.AskLink() | wire.AskLinks():
                return await _linked(desk, question)
            case wire.AskPages(over):
                return await desk.pages(over=over)
            case wire.AskPage(name):
                return await desk.page(name)
            case wire.OpenPage() | wire.ClosePage():
                return await _page(desk, question, Person(actor, question.reason))
            case _:
                return await self._obey(question, Person(actor, question.reason))

    async def _obey(self, command: wire.Command, person: Person) -> wire.Report:
        desk = self._present()
        match command:
            case wire.Apply(_, plan, approve):
                return await desk.apply(person, plan, approve=approve)
            case wire.ReadHostLink(name):
                return await desk.host_link(name, person)
            case wire.Adopt(room_id, key):
                return await desk.adopt(room_id, key, person)
            case wire.Distinct(room_id, key):
                return await desk.distinct(room_id, key, person)
            case wire.Forget(name):
                return await desk.forget(name, person)
            case wire.Rekey(old, new):
                return await desk.rekey(old, new, person)
            case wire.Renew() | wire.Protect() | wire.Suspend() | wire.Resume():
                return await _steer(desk, command, person)
            case _:
                return await _steer_all(desk, command, person)


async def _steer_all(desk: Desk, command: wire.SteerAll, person: Person) -> wire.Report:
    match command:
        case wire.Approve(brake):
            return await desk.approve(brake, person)
        case wire.Reload():
            return await desk.reload(person)
        case wire.FreezeChanges(until, policies, all_acts):
            return await desk.freeze(until, person, policies, all_acts=all_acts)
        case wire.Unfreeze(name):
            return await desk.unfreeze(name, person)
        case _:
            assert_never(command)


async def _steer(desk: Desk, command: wire.Steer, person: Person) -> wire.Report:
    match command:
        case wire.Renew(name):
            return await desk.renew(name, person)
        case wire.Protect(name, on):
            return await desk.protect(name, person, on=on)
        case wire.Suspend(name, until):
            return await desk.suspend(name, until, person)
        case wire.Resume(name):
            return await desk.resume(name, person)
        case _:
            assert_never(command)


async def _linked(desk: Desk, question: wire.Linked) -> wire.Report:
    if isinstance(question, wire.AskLinks):
        return await desk.links()
    return await desk.link(question.name, calendar=question.calendar)


async def _page(desk: Desk, command: wire.Paging, person: Person) -> wire.Report:
    match command:
        case wire.OpenPage(page):
            return await desk.open_page(page, person)
        case wire.ClosePage(name):
            return await desk.close_page(name, person)
        case _:
            assert_never(command)


def _actor(request: web.Request) -> str:
    transport = request.transport
    connection = None if transport is None else transport.get_extra_info("socket")
    if connection is None:
        message = "the connection is gone"
        raise DeskError(message)
    return peer_of(connection)


def _listen(path: Path) -> socket.socket:
    problem = problem_with(path)
    if problem:
        raise ControlSocketError(problem)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        listener.bind(str(path))
        # Before it listens: until then nobody gets in, whatever the umask left open.
        path.chmod(_MODE)
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    except ControlSocketError:
        listener.close()
        raise
    except OSError as error:
        listener.close()
        message = f"the control socket {path} cannot be made: {error.strerror or error}"
        raise ControlSocketError(message) from error
    except BaseException:
        listener.close()
        raise
    return listener


def _clear(path: Path) -> None:
    """Remove a socket that a killed daemon left; refuse one on which somebody answers."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        message = f"{path} is there and is no socket; move it away, or change control.socket"
        raise ControlSocketError(message)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    message = (
        f"a daemon answers on {path} already; stop it, or give this one its own control.socket"
    )
    raise ControlSocketError(message)
