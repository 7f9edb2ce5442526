"""The numbers by which rooms are joined by telephone (the API notes, 7.3)."""

from orchestrator.meetings_server.http.routes import Call, Routes
from orchestrator.meetings_server.http.wire import Answer, json_answer
from orchestrator.meetings_server.settings import DialInNumber


class DialInResources:
    """Tells the numbers that it was given: the same to every application."""

    def __init__(self, numbers: tuple[DialInNumber, ...]) -> None:
        """The order is kept."""
        self._numbers = numbers

    @property
    def routes(self) -> Routes:
        """What answers where."""
        return {"/dial-in-numbers": {"GET": self._list}}

    async def _list(self, _: Call) -> Answer:
        return json_answer(
            200,
            [
                {"number": one.number, "locale": one.locale, "display_name": one.display_name}
                for one in self._numbers
            ],
        )
