"""Events that are lost, sent twice, or overtaken by later ones."""

from collections.abc import Callable, Mapping

from orchestrator.meetings_server.hostile.faults import Fault
from orchestrator.meetings_server.ports import Sender, SendFault

_TAKEN = 204


class HostileSender:
    """`Sender` around another one; `draw` gives the fault of the next event, or none."""

    def __init__(self, sender: Sender, draw: Callable[[], Fault | None]) -> None:
        """The sender stays the caller's."""
        self._sender = sender
        self._draw = draw

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        match self._draw():
            case Fault.LOST:
                return _TAKEN
            case Fault.OUT_OF_ORDER:
                # The courier comes back later, and sends the next one meanwhile.
                message = "held back"
                raise SendFault(message)
            case Fault.TWICE:
                await self._sender.post(url, body, headers)
            case _:
                pass
        return await self._sender.post(url, body, headers)
