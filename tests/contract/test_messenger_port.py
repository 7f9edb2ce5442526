"""The messenger port: one suite over the fake and every destination that messages are posted to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum, auto

import pytest

from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.domain.pages import Page, Severity, digest_of
from orchestrator.foundation.secret import Secret
from orchestrator.ports.deliveries import (
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
    Messenger,
)
from tests.fakes.messengers import FakeMessenger, Lost

OPENED = datetime(2026, 11, 22, 15, 58, 42, tzinfo=UTC)
LINK = "https://rooms.example/r/oncall-bridge/pagerduty-4f1a-ABCDEFGHIJKLMNOP"
HOST = "https://meet.example/host/hunter2"
PAGE = Page(
    source="pagerduty",
    key="Q2K7XH0P4ZT9VN",
    digest=digest_of("pagerduty", "Q2K7XH0P4ZT9VN"),
    title="Checkout error rate above 14 % in eu1",
    severity=Severity.CRITICAL,
    service="checkout-api",
    url="https://example.pagerduty.com/incidents/Q2K7XH0P4ZT9VN",
    number="4182",
)
WAITING = Announcement(
    id="a1b2c3d4-1",
    revision=1,
    stage=Stage.WAITING,
    policy="oncall-bridge",
    key="oncall-bridge/pagerduty-4f1a",
    title=PAGE.title,
    link=LINK,
    page=PAGE,
    opened_at=OPENED,
)
OPEN = replace(WAITING, revision=2, stage=Stage.OPEN, room_id="b3142c46-d1c1")
CLOSED = replace(OPEN, revision=3, stage=Stage.CLOSED, closed_at=OPENED)


class Mishap(Enum):
    """What the service does wrong from now on."""

    AWAY = auto()  # it answers that it is down
    BUSY = auto()  # it asks to wait seven seconds
    KEY = auto()  # it does not know our secret
    LOST = auto()  # it takes what comes, and breaks the connection


@dataclass
class Stand:
    """A messenger, what people see where it posts, and how to break the service.

    Attributes:
        seen: the messages that people see now, all words of each in one text.
        goes_wrong: from now on, until told None.
        links: a message holds only the link and is told of no stage.
        doubles: a second attempt cannot find out what became of the first.
        has_host: it is told the link of a host.
        knows_busy: the service can say how long to wait.
    """

    messenger: Messenger
    seen: Callable[[], Sequence[str]]
    goes_wrong: Callable[[Mishap | None], None]
    links: bool = False
    doubles: bool = False
    has_host: bool = True
    knows_busy: bool = True


def _faked(*, edits: bool) -> Callable[[], AbstractAsyncContextManager[Stand]]:
    @asynccontextmanager
    async def stand() -> AsyncIterator[Stand]:
        fake = FakeMessenger("here", edits=edits)

        def seen() -> list[str]:
            return [
                f"{post.stage} {post.link} {post.host_link and post.host_link.reveal()}"
                for post in fake.posts
            ]

        def goes_wrong(mishap: Mishap | None) -> None:
            fake.coming.clear()
            fake.fault = None
            if mishap is Mishap.LOST:
                fake.coming.append(Lost())
            elif mishap is not None:
                fake.fault = {
                    Mishap.AWAY: DeliveryFault("is down"),
                    Mishap.BUSY: DeliveryFault("is busy", retry_after=7),
                    Mishap.KEY: DeliveryRefusedError("check the secret"),
                }[mishap]

        yield Stand(fake, seen, goes_wrong)

    return stand


STANDS: dict[str, Callable[[], AbstractAsyncContextManager[Stand]]] = {
    "fake": _faked(edits=True),
    "fake without edits": _faked(edits=False),
}


@pytest.fixture(params=list(STANDS.values()), ids=list(STANDS))
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    """Each implementation, where it can post."""
    async with request.param() as built:
        yield built
        await built.messenger.close()


def test_it_has_the_name_that_policies_know(stand: Stand) -> None:
    """As it was given."""
    assert stand.messenger.name == "here"


async def test_one_message_with_the_link_is_seen(stand: Stand) -> None:
    """And its handle is short and can be kept."""
    handle = await stand.messenger.send(WAITING, 1)
    assert len(handle) <= 1000
    (text,) = stand.seen()
    assert LINK in text


async def test_a_change_is_seen_where_it_can_be(stand: Stand) -> None:
    """In the one message, or as a second one at the end."""
    handle = await stand.messenger.send(WAITING, 1)
    first = stand.seen()
    if stand.messenger.edits:
        handle = await stand.messenger.change(OPEN, handle, 1)
        (text,) = stand.seen()
        assert LINK in text
        assert stand.links or [text] != first
        await stand.messenger.change(CLOSED, handle, 1)
        assert len(stand.seen()) == 1
        assert stand.links or stand.seen() != [text]
    else:
        await stand.messenger.change(CLOSED, handle, 1)
        assert len(stand.seen()) == 2
        assert stand.seen()[0] == first[0]
        assert stand.seen()[1] != first[0]


async def test_the_same_change_twice_is_as_once_where_it_edits(stand: Stand) -> None:
    """An outbox that was killed tells again what it told."""
    handle = await stand.messenger.send(OPEN, 1)
    before = len(stand.seen())
    if stand.messenger.edits:
        handle = await stand.messenger.change(CLOSED, handle, 1)
        shown = stand.seen()
        assert await stand.messenger.change(CLOSED, handle, 2) == handle
        assert stand.seen() == shown
        assert len(shown) == before


async def test_a_service_that_is_down_is_tried_again(stand: Stand) -> None:
    """It is no refusal, nothing is seen, and what was seen still stands."""
    stand.goes_wrong(Mishap.AWAY)
    with pytest.raises(DeliveryFault) as caught:
        await stand.messenger.send(WAITING, 1)
    assert not isinstance(caught.value, DeliveryRefusedError)
    assert not stand.seen()
    stand.goes_wrong(None)
    handle = await stand.messenger.send(OPEN, 2)
    shown = stand.seen()
    assert len(shown) == 1
    stand.goes_wrong(Mishap.AWAY)
    if not stand.links:
        with pytest.raises(DeliveryFault):
            await stand.messenger.change(CLOSED, handle, 1)
    assert stand.seen() == shown


async def test_it_waits_as_long_as_it_is_asked_to(stand: Stand) -> None:
    """In seconds, by the service's own word."""
    stand.goes_wrong(Mishap.BUSY)
    with pytest.raises(DeliveryFault) as caught:
        await stand.messenger.send(WAITING, 1)
    assert not isinstance(caught.value, DeliveryRefusedError)
    assert caught.value.retry_after == (7 if stand.knows_busy else None)


async def test_a_wrong_secret_is_refused_and_not_quoted(stand: Stand) -> None:
    """The text says what to mend (P11)."""
    stand.goes_wrong(Mishap.KEY)
    with pytest.raises(DeliveryRefusedError) as caught:
        await stand.messenger.send(WAITING, 1)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(stand.messenger)


async def test_a_lost_answer_is_told_apart_and_asked_for(stand: Stand) -> None:
    """Where the service can be asked, a second attempt makes no second message."""
    stand.goes_wrong(Mishap.LOST)
    with pytest.raises(DeliveryUnansweredError) as caught:
        await stand.messenger.send(WAITING, 1)
    assert "hunter2" not in str(caught.value)
    assert len(stand.seen()) == 1
    stand.goes_wrong(None)
    await stand.messenger.send(OPEN, 2)
    assert len(stand.seen()) == (2 if stand.doubles else 1)


async def test_a_host_link_is_told_only_where_it_is_there(stand: Stand) -> None:
    """The policy says ``link: host``; at the end nobody needs it (P11)."""
    handle = await stand.messenger.send(replace(OPEN, host_link=Secret(HOST)), 1)
    (text,) = stand.seen()
    assert (HOST in text) == stand.has_host
    assert HOST not in handle
    assert "hunter2" not in handle


async def test_a_look_tells_nobody(stand: Stand) -> None:
    """For ``doctor``."""
    found = await stand.messenger.check()
    assert found
    assert "hunter2" not in found
    assert not stand.seen()
