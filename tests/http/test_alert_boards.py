"""Operators are told by every destination that messages go to: one a cause, and its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from orchestrator.adapters.delivery.telling import PostedAlerts, Poster, Teller
from orchestrator.adapters.delivery.webhook import WebhookAlerts
from orchestrator.domain.alerts import Alert
from orchestrator.ports.deliveries import DeliveryFault
from tests.contract.messenger_stands import SECRET, STANDS, Receiver, posting, secret
from tests.fakes.chats import Mishap, serving
from tests.fakes.clock import START, VirtualClock
from tests.fakes.deliveries import FakeKeepsake

BRAKE = Alert("brake", "A brake holds 4 rooms of team-rooms.", START)
API = Alert("api", "The API is away.", START)


@dataclass
class Hall:
    """A poster, and what people see where it posts."""

    poster: Poster
    seen: Callable[[], Sequence[str]]
    goes_wrong: Callable[[Mishap | None], None]


def _of(name: str) -> Callable[[], AbstractAsyncContextManager[Hall]]:
    @asynccontextmanager
    async def hall() -> AsyncIterator[Hall]:
        async with STANDS[name]() as stand:
            assert isinstance(stand.messenger, Teller)
            yield Hall(stand.messenger._poster, stand.seen, stand.goes_wrong)  # noqa: SLF001
            await stand.messenger.close()

    return hall


@asynccontextmanager
async def _webhook() -> AsyncIterator[Hall]:
    service = Receiver()
    async with serving(service) as url:

        def goes_wrong(mishap: Mishap | None) -> None:
            service.mishap = mishap

        poster = WebhookAlerts(url, secret(SECRET), posting(), VirtualClock())
        yield Hall(poster, service.seen, goes_wrong)
        await poster.close()


CHATS = ["slack", "slack-webhook", "mattermost", "teams", "matrix", "email"]


@pytest.fixture(params=[*map(_of, CHATS), _webhook], ids=[*CHATS, "webhook"])
async def hall(request: pytest.FixtureRequest) -> AsyncIterator[Hall]:
    async with request.param() as built:
        yield built


async def test_a_cause_is_told_changed_and_ended(hall: Hall) -> None:
    """In one message where that is possible, else in two."""
    board = PostedAlerts(hall.poster, FakeKeepsake())
    await board.show([BRAKE, API], START)
    assert len(hall.seen()) == 2
    assert "brake holds 4 rooms of team" in hall.seen()[0]
    await board.show([replace(BRAKE, message="A brake holds 5 rooms now."), API], START)
    assert len(hall.seen()) == 2
    assert ("holds 5 rooms" in hall.seen()[0]) == hall.poster.edits
    before = hall.seen()
    await board.show([API], START)
    if hall.poster.edits:
        assert len(hall.seen()) == 2
        assert hall.seen()[0] != before[0]
    else:
        assert len(hall.seen()) == 3
        assert "Over" in hall.seen()[2]
        assert "brake holds 4 rooms of team" in hall.seen()[2]
    assert hall.seen()[1] == before[1]


async def test_what_cannot_be_told_is_told_later(hall: Hall) -> None:
    """And is said to the engine, which logs it."""
    board = PostedAlerts(hall.poster, FakeKeepsake())
    hall.goes_wrong(Mishap.AWAY)
    with pytest.raises(DeliveryFault):
        await board.show([API], START)
    assert not hall.seen()
    hall.goes_wrong(None)
    await board.show([API], START)
    assert len(hall.seen()) == 1
