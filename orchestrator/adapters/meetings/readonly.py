"""The transport of `observe`: requests that change something do not leave."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.adapters.meetings.transport import Answer, Transport
from orchestrator.ports.faults import WithheldError


class ReadOnly:
    """Lets only GET through to the transport inside; `WithheldError` for everything else."""

    def __init__(self, inside: Transport) -> None:
        self._inside = inside

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        if method != "GET" or body is not None:
            raise WithheldError(f"{method} {path} was not sent: in this mode nothing is changed")
        return await self._inside.send(method, path, query, headers, None)

    async def upload(self, url: str, fields: Mapping[str, str], content: bytes) -> Answer:
        del url, fields, content
        raise WithheldError("a picture was not sent: in this mode nothing is changed")
