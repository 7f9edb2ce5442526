"""A fake of the directories port: answers by directory, in memory, and a log of the questions."""

from __future__ import annotations

import asyncio
import hashlib

from orchestrator.domain.policies import Directory
from orchestrator.ports.directories import Answered, Failed, Fetched, Unchanged, Validators


class FakeDirectories:
    """What is put into `bodies` is answered; a text there is why it fails."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes | str | Failed] = {}
        self.asked: list[tuple[str, Validators]] = []
        self.held: asyncio.Event | None = None

    async def fetch(self, directory: Directory, known: Validators) -> Fetched:
        self.asked.append((directory.url, known))
        if self.held is not None:
            await self.held.wait()
        body = self.bodies.get(directory.url, "cannot be reached: nobody is there")
        if isinstance(body, Failed):
            return body
        if isinstance(body, str):
            return Failed(body)
        tag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
        return Unchanged() if known.etag == tag else Answered(body, Validators(etag=tag))
