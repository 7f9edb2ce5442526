"""A real LiveKit server on this machine, and guests of it without a browser.

A guest holds LiveKit's own socket and sends no media: enough to be connected, seen, and sent out.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from livekit.protocol import models, rtc

from orchestrator.foundation.secret import Secret
from orchestrator.meetings_server.settings import LiveKit
from tests.system.processes import ROOT, free_port, leashed, until

KEY: Final = "tests"
SECRET: Final = Secret("a secret of tests, 32 bytes long!")
# What a leashed Python becomes.
_BECOME: Final = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
_TRIES: Final = 5
_BUILD: Final = ROOT / "tools" / "livekit-server"


def binary() -> str:
    """The path of a LiveKit server. In CI it is waited for; elsewhere its absence skips."""
    is_ci = "CI" in os.environ
    arguments = [str(_BUILD)] if is_ci else [str(_BUILD), "--built"]
    built = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        message = built.stderr.strip()
        if not is_ci:
            pytest.skip(message)
        pytest.fail(message)
    return built.stdout.strip()


@dataclass
class Sfu:
    """LiveKit at one port, up or down; what it is configured with stays.

    Attributes:
        webhooks: the path at `hooks` that it sends its notices to; None: it sends none.
        hooks: a port of this machine for whoever hears them.
        metrics: the port at which it counts what it does, for Prometheus; None: it does not.
    """

    program: str
    folder: Path
    webhooks: str | None = None
    port: int = field(default_factory=free_port)
    hooks: int = field(default_factory=free_port)
    metrics: int | None = None
    pid: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _up: ExitStack = field(default_factory=ExitStack)

    @property
    def settings(self) -> LiveKit:
        """What our server is told of it."""
        return LiveKit(url=f"ws://127.0.0.1:{self.port}", key=KEY, secret=SECRET)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # Browsers and other tests take ports of UDP as they like, so one may be gone by now.
        for _ in range(_TRIES):
            process = self._begin()
            until(lambda: answers(self.port) or self._ended(), "LiveKit answers, or ends")
            if process.poll() is None:
                self.pid = process.pid
                return
            self.kill()
        pytest.fail((self.folder / "livekit.log").read_text(encoding="utf-8"))

    def _begin(self) -> subprocess.Popen[bytes]:
        config: dict[str, object] = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "rtc": {
                "tcp_port": free_port(),
                "udp_port": free_port(),
                "use_external_ip": False,
                "node_ip": "127.0.0.1",
                "enable_loopback_candidate": True,
                "interfaces": {"includes": ["lo"]},
            },
            "room": {"auto_create": False},
            "keys": {KEY: SECRET.reveal()},
            "logging": {"level": "warn"},
        }
        if self.webhooks is not None:
            told = f"http://127.0.0.1:{self.hooks}{self.webhooks}"
            config["webhook"] = {"api_key": KEY, "urls": [told]}
        if self.metrics is not None:
            config["prometheus_port"] = self.metrics
        file = self.folder / "livekit.yaml"
        file.write_text(json.dumps(config), encoding="utf-8")  # which is YAML too
        arguments = ["-ISc", _BECOME, self.program, "--config", str(file)]
        with (self.folder / "livekit.log").open("wb") as log:
            self._process = self._up.enter_context(
                leashed(arguments, stdout=log.fileno(), stderr=log.fileno())
            )
        return self._process

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL: nobody is told."""
        self._up.close()


def answers(port: int) -> bool:
    """Whether LiveKit does, at that port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@contextmanager
def livekit(folder: Path, webhooks: str | None = None) -> Iterator[Sfu]:
    """A running LiveKit server for the length of the block."""
    sfu = Sfu(binary(), folder, webhooks)
    sfu.start()
    try:
        yield sfu
    finally:
        sfu.kill()


@dataclass
class Guest:
    """Somebody's connection to LiveKit."""

    #: LiveKit's word for why it ended.
    sent_out: asyncio.Future[str] = field(default_factory=asyncio.Future)


@asynccontextmanager
async def guest(url: str, token: str) -> AsyncIterator[Guest]:
    """Connected for the length of the block.

    Raises:
        aiohttp.WSServerHandshakeError: LiveKit does not let them in.
    """
    address = f"{url}/rtc?access_token={token}&protocol=15&auto_subscribe=1"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        came = Guest()
        first = rtc.SignalResponse.FromString(await socket.receive_bytes())
        assert first.WhichOneof("message") == "join"

        async def listen() -> None:
            async for message in socket:
                told = rtc.SignalResponse.FromString(message.data)
                if told.WhichOneof("message") == "leave" and not came.sent_out.done():
                    came.sent_out.set_result(models.DisconnectReason.Name(told.leave.reason))

        listening = asyncio.create_task(listen())
        try:
            yield came
        finally:
            listening.cancel()
