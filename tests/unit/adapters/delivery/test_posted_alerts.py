"""Alerts as messages: one a cause, changed while it lasts where that is possible, and ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.adapters.delivery.telling import PostedAlerts
from orchestrator.domain.alerts import Alert
from orchestrator.domain.wording import Message
from orchestrator.ports.deliveries import (
    DeliveredInPartError,
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)
from tests.fakes.clock import START
from tests.fakes.deliveries import FakeKeepsake

API = Alert("api", "The API is away.", START)
BRAKE = Alert("brake", "A brake holds 4 rooms.", START)
MINUTE = timedelta(minutes=1)


class Wall:
    """A poster: what hangs there, by handle; faults come in turn, each at the call it is for."""

    spacing = 0.0

    def __init__(self, *, edits: bool = True) -> None:
        self.edits = edits
        self.hung: dict[str, Message] = {}
        self.calls: list[tuple[str, str, int]] = []
        self.coming: list[DeliveryFault | None] = []
        self.closed = 0

    async def post(self, message: Message, attempt: int) -> str:
        handle = f"post-{len(self.hung)}"
        await self._call("post", message, attempt)
        self.hung[handle] = message
        return handle

    async def amend(self, message: Message, handle: str, attempt: int) -> str:
        await self._call("amend", message, attempt)
        if handle not in self.hung:
            raise DeliveryRefusedError("the message was deleted")
        self.hung[handle if self.edits else f"{handle}-end"] = message
        return handle

    async def check(self) -> str:
        return "in order"

    async def close(self) -> None:
        self.closed += 1

    async def _call(self, what: str, message: Message, attempt: int) -> None:
        self.calls.append((what, message.about, attempt))
        fault = self.coming.pop(0) if self.coming else None
        if fault is not None:
            raise fault

    def shown(self) -> list[tuple[str, bool]]:
        return [(message.title, message.over) for message in self.hung.values()]


async def test_a_cause_is_one_message_edited_and_ended() -> None:
    """However often it is shown."""
    wall, kept = Wall(), FakeKeepsake()
    board = PostedAlerts(wall, kept)
    await board.show([API, BRAKE], START)
    await board.show([API, BRAKE], START)
    assert wall.shown() == [(API.message, False), (BRAKE.message, False)]
    assert len(wall.calls) == 2
    await board.show([replace(API, message="Still away."), BRAKE], START)
    assert wall.shown() == [("Still away.", False), (BRAKE.message, False)]
    await board.show([BRAKE], START)
    assert wall.shown() == [("Still away.", True), (BRAKE.message, False)]
    await board.show([], START)
    assert wall.shown() == [("Still away.", True), (BRAKE.message, True)]
    assert len(wall.calls) == 5
    assert kept.text is None


async def test_without_edits_only_beginning_and_end_are_told() -> None:
    """And the end is that of what was told."""
    wall = Wall(edits=False)
    board = PostedAlerts(wall, FakeKeepsake())
    await board.show([API], START)
    await board.show([replace(API, message="Still away.")], START)
    assert wall.shown() == [(API.message, False)]
    await board.show([], START)
    assert wall.shown() == [(API.message, False), (API.message, True)]


async def test_a_restart_tells_nothing_twice() -> None:
    """The handles outlive the process."""
    wall, kept = Wall(), FakeKeepsake()
    await PostedAlerts(wall, kept).show([API], START)
    board = PostedAlerts(wall, kept)
    await board.show([API], START)
    assert len(wall.calls) == 1
    await board.show([], START)
    assert wall.shown() == [(API.message, True)]


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"api": 7}', '{"api": {"x": 1}}'])
async def test_what_cannot_be_understood_is_told_anew(text: str) -> None:
    """Rather twice than never."""
    wall = Wall()
    await PostedAlerts(wall, FakeKeepsake(text)).show([API], START)
    assert wall.shown() == [(API.message, False)]


async def test_what_ended_and_began_again_unseen_is_another_message() -> None:
    """The first is ended."""
    wall = Wall()
    board = PostedAlerts(wall, FakeKeepsake())
    await board.show([API], START)
    again = replace(API, since=START + MINUTE)
    await board.show([again], START + MINUTE)
    assert wall.shown() == [(API.message, True), (API.message, False)]


async def test_what_fails_is_told_next_time_and_the_rest_with_it() -> None:
    """It stops at the first, because the service is away."""
    wall = Wall()
    board = PostedAlerts(wall, FakeKeepsake())
    wall.coming = [None, DeliveryFault("is down")]
    with pytest.raises(DeliveryFault, match="is down"):
        await board.show([API, BRAKE], START)
    assert wall.shown() == [(API.message, False)]
    await board.show([API, BRAKE], START)
    assert wall.shown() == [(API.message, False), (BRAKE.message, False)]
    assert [about for _, about, _ in wall.calls] == ["api", "brake", "brake"]


async def test_it_asks_no_sooner_than_it_may() -> None:
    """Whoever shows it more often is told why."""
    wall = Wall()
    board = PostedAlerts(wall, FakeKeepsake())
    wall.coming = [DeliveryFault("is busy", retry_after=90)]
    with pytest.raises(DeliveryFault, match="is busy"):
        await board.show([API], START)
    with pytest.raises(DeliveryFault, match="is busy"):
        await board.show([API], START + MINUTE)
    assert len(wall.calls) == 1
    await board.show([API], START + 2 * MINUTE)
    assert wall.shown() == [(API.message, False)]


async def test_a_refusal_holds_no_other_back_and_waits_longer() -> None:
    """A quarter of an hour, or until config.yaml is read anew."""
    wall = Wall()
    board = PostedAlerts(wall, FakeKeepsake())
    wall.coming = [DeliveryRefusedError("check the token")]
    with pytest.raises(DeliveryRefusedError, match="check the token"):
        await board.show([API, BRAKE], START)
    assert wall.shown() == [(BRAKE.message, False)]
    with pytest.raises(DeliveryRefusedError):
        await board.show([API, BRAKE], START + 14 * MINUTE)
    assert len(wall.calls) == 2
    await board.show([API, BRAKE], START + 15 * MINUTE)
    assert len(wall.hung) == 2


async def test_a_message_that_may_be_there_is_asked_for_and_ended() -> None:
    """With the attempt, so that the service can find it, and as another state."""
    wall, kept = Wall(), FakeKeepsake()
    board = PostedAlerts(wall, kept)
    wall.coming = [DeliveryUnansweredError("silence")]
    with pytest.raises(DeliveryUnansweredError):
        await board.show([API], START)
    await PostedAlerts(wall, kept).show([API], START)
    assert wall.calls == [("post", "api", 1), ("post", "api", 2)]
    assert wall.hung["post-0"].revision == 2

    wall.coming = [DeliveryUnansweredError("silence")]
    with pytest.raises(DeliveryUnansweredError):
        await board.show([BRAKE], START)  # this one does not know of the other's handle
    board = PostedAlerts(wall, kept := FakeKeepsake())
    wall.coming = [DeliveryUnansweredError("silence")]
    with pytest.raises(DeliveryUnansweredError):
        await board.show([BRAKE], START)
    await board.show([], START)
    assert wall.calls[-1] == ("post", "brake", 2)
    assert wall.shown()[-1] == (BRAKE.message, True)
    assert kept.text is None


async def test_what_was_told_in_part_is_told() -> None:
    """Sending it again would tell the others twice."""
    wall = Wall()
    board = PostedAlerts(wall, FakeKeepsake())
    wall.coming = [DeliveredInPartError("anna is unknown", "mine")]
    with pytest.raises(DeliveryRefusedError, match="anna is unknown"):
        await board.show([API, BRAKE], START)
    wall.hung["mine"] = wall.hung["post-0"]
    later = START + 15 * MINUTE
    await board.show([API, BRAKE], later)
    assert len(wall.calls) == 2
    wall.coming = [DeliveredInPartError("anna is unknown", "mine")]
    with pytest.raises(DeliveryRefusedError, match="anna is unknown"):
        await board.show([BRAKE], later)
    await board.show([BRAKE], later + 15 * MINUTE)
    assert len(wall.calls) == 3


async def test_what_somebody_deleted_is_told_anew_while_it_stands() -> None:
    """And is let be once it is over."""
    wall = Wall()
    board = PostedAlerts(wall, FakeKeepsake())
    await board.show([API], START)
    wall.hung.clear()
    await board.show([replace(API, message="Still away.")], START)
    assert wall.shown() == [("Still away.", False)]
    wall.hung.clear()
    for late in range(2):
        with pytest.raises(DeliveryRefusedError):
            await board.show([], START + late * 15 * MINUTE)
    await board.show([], START + 30 * MINUTE)
    calls = len(wall.calls)
    await board.show([], START + 45 * MINUTE)
    assert len(wall.calls) == calls
