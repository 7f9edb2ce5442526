"""Where the medium's own server tells that something happened, as LiveKit does by its webhooks."""

from collections.abc import Callable
from typing import Final, TypeAlias

from orchestrator.meetings_server.http.problems import WrongMethod
from orchestrator.meetings_server.http.wire import Answer, Request, empty_answer, text_answer

#: Below the path of the meeting socket, so that no company's links begin so.
NOTICES_PATH: Final = "/live/livekit"

#: Bytes; the longest tells of a recording with all that was asked for.
LARGEST_NOTICE: Final = 256 * 1024

#: Hears a body and the header `Authorization`; whether it is believed.
Hear: TypeAlias = Callable[[bytes, str], bool]


class Notices:
    """Answers at `NOTICES_PATH`, if there is a medium that is told anything."""

    def __init__(self, hear: Hear | None) -> None:
        """`hear` checks who sent it."""
        self._hear = hear

    def has(self, path: str) -> bool:
        """Whether the path is that of the place."""
        return self._hear is not None and path == NOTICES_PATH

    async def answer(self, request: Request) -> Answer:
        """200, or 401 where it came from somebody else.

        Raises:
            WrongMethod: it was not sent.
        """
        if request.method != "POST":
            raise WrongMethod(("POST",))
        too_large = len(request.body) > LARGEST_NOTICE
        authorization = request.headers.get("authorization", "")
        if self._hear is None or too_large or not self._hear(request.body, authorization):
            return text_answer(401, "This is no notice of our medium.\n")
        return empty_answer(200)
