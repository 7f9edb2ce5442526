"""The server on a socket, embedded in another process or alone."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from orchestrator.meetings_server.assembly import Assembly, Host, assembled, unreported
from orchestrator.meetings_server.callbacks import Courier, HttpSender, Letterhead
from orchestrator.meetings_server.hostile import Hostility
from orchestrator.meetings_server.http import Certificates, Live, answering, open_door
from orchestrator.meetings_server.ports import Clock, Entropy, Medium, Report, Sender
from orchestrator.meetings_server.service import Bell, tick
from orchestrator.meetings_server.settings import Settings, is_loopback


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server answers, as `Running` has it."""

    url: str
    inside_url: str


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. `close` ends it and leaves nothing behind."""

    #: http://host:port, or https, as it is reached on this machine; the API is under /v1/meetings.
    url: str
    #: The same for the process that it runs in: plain HTTP where `Settings.inside` asks for it.
    inside_url: str
    _stack: AsyncExitStack

    async def close(self) -> None:
        """Finish the requests under way, stop the tasks, close the store."""
        await self._stack.aclose()


async def start(
    settings: Settings,
    clock: Clock,
    *,
    entropy: Entropy = os.urandom,
    report: Report = unreported,
    hostility: Hostility | None = None,
    medium: Medium | None = None,
) -> Running:
    """Start a server; call `close` from the task that called this.

    A `medium` stands in for that of the settings.

    Raises:
        OSError: the address cannot be had.
        StoreFault: the database cannot be opened.
        ValueError: the public key of an application or the certificate cannot be read, or a hostile
            server would be reached from elsewhere.
    """
    host = Host(clock=clock, entropy=entropy, report=report, hostility=hostility, medium=medium)
    stack = AsyncExitStack()
    addresses = await stack.enter_async_context(serving(settings, host))
    return Running(addresses.url, addresses.inside_url, stack)


@asynccontextmanager
async def serving(settings: Settings, host: Host) -> AsyncIterator[Addresses]:
    """A server for the length of the block. Raises as `start` does."""
    if host.hostility is not None and not is_loopback(settings.host):
        message = (
            f"a hostile server is for tests, and {settings.host} is not a loopback address; "
            "listen on 127.0.0.1, or leave the hostility out"
        )
        raise ValueError(message)
    tls = None
    if settings.tls is not None:
        tls = Certificates(settings.tls, host.report).listening
    listener = _listen(settings.host, settings.port)
    bells = _Bells()

    url = _url(listener, "http" if tls is None else "https")
    async with AsyncExitStack() as stack:
        stack.callback(listener.close)
        inside = None
        if tls is not None and settings.inside:
            inside = _listen("127.0.0.1", 0)
            stack.callback(inside.close)
        external = settings.external_url or url
        parts = await stack.enter_async_context(assembled(settings, external, host, bells.ring))
        sender: Sender = await stack.enter_async_context(
            HttpSender.opened(settings.callbacks, settings.reach_of_rooms)
        )
        if host.hostility is not None:
            sender = host.hostility.sender(sender)
        letterhead = Letterhead(settings, host.entropy)
        deliveries = Courier(parts.store, sender, letterhead, host.clock, host.entropy, host.report)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work, name=f"meetings-server: {name}")
                for name, work in _chores(parts, host, deliveries, bells).items()
            ]
            live = None
            if parts.lobby is not None:
                live = Live(parts.lobby, external, host.clock, host.report)
            runner = answering(parts.api, host.report, live)
            doors = AsyncExitStack()
            await runner.setup()
            try:
                doors.callback((await open_door(runner, listener, tls)).close)
                if inside is None:
                    yield Addresses(url, url)
                else:
                    doors.callback((await open_door(runner, inside, is_ours=True)).close)
                    yield Addresses(url, _url(inside, "http"))
            finally:
                await doors.aclose()
                if parts.lobby is not None:
                    # First: those who are connected would be waited for.
                    await parts.lobby.close()
                await runner.cleanup()
                for task in tasks:
                    task.cancel()


@dataclass(frozen=True, slots=True)
class _Bells:
    """One for each that works beside the requests."""

    ticker: Bell = field(default_factory=Bell)
    courier: Bell = field(default_factory=Bell)
    logos: Bell = field(default_factory=Bell)
    lobby: Bell = field(default_factory=Bell)

    def ring(self) -> None:
        for bell in (self.ticker, self.courier, self.logos, self.lobby):
            bell.ring()


def _chores(
    parts: Assembly, host: Host, deliveries: Courier, bells: _Bells
) -> dict[str, Coroutine[None, None, None]]:
    """What goes on beside the requests, by its name."""
    chores = {
        "ticker": tick(parts.acts.meetings, host.clock, bells.ticker, host.report),
        "logos": tick(parts.acts.logos, host.clock, bells.logos, host.report),
        "courier": deliveries.run(bells.courier),
    }
    if host.hostility is not None:
        chores["late calls"] = host.hostility.run()
    if parts.lobby is not None:
        chores["lobby"] = parts.lobby.run(bells.lobby)
    if parts.media_work is not None:
        chores["medium"] = parts.media_work()
    return chores


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    except BaseException:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
