"""The messenger port: one suite over the fake and every destination that messages are posted to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from orchestrator.foundation.secret import Secret
from orchestrator.ports.deliveries import (
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)
from tests.contract.messenger_stands import CLOSED, HOST, LINK, OPEN, STANDS, WAITING, Stand
from tests.fakes.chats import Mishap


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
    handle = await stand.messenger.send(stand.of(WAITING), 1)
    assert len(handle) <= 1000
    (text,) = stand.seen()
    assert LINK in text


async def test_a_change_is_seen_where_it_can_be(stand: Stand) -> None:
    """In the one message, or as a second one at the end."""
    handle = await stand.messenger.send(stand.of(WAITING), 1)
    first = stand.seen()
    if stand.messenger.edits:
        handle = await stand.messenger.change(stand.of(OPEN), handle, 1)
        (text,) = stand.seen()
        assert LINK in text
        assert stand.links or [text] != first
        await stand.messenger.change(stand.of(CLOSED), handle, 1)
        assert len(stand.seen()) == 1
        assert stand.links or stand.seen() != [text]
    else:
        await stand.messenger.change(stand.of(CLOSED), handle, 1)
        assert len(stand.seen()) == 2
        assert stand.seen()[0] == first[0]
        assert stand.seen()[1] != first[0]


async def test_the_same_change_twice_is_as_once_where_it_edits(stand: Stand) -> None:
    """An outbox that was killed tells again what it told."""
    handle = await stand.messenger.send(stand.of(OPEN), 1)
    before = len(stand.seen())
    if stand.messenger.edits:
        handle = await stand.messenger.change(stand.of(CLOSED), handle, 1)
        shown = stand.seen()
        assert await stand.messenger.change(stand.of(CLOSED), handle, 2) == handle
        assert stand.seen() == shown
        assert len(shown) == before


async def test_a_service_that_is_down_is_tried_again(stand: Stand) -> None:
    """It is no refusal, nothing is seen, and what was seen still stands."""
    stand.goes_wrong(Mishap.AWAY)
    with pytest.raises(DeliveryFault) as caught:
        await stand.messenger.send(stand.of(WAITING), 1)
    assert not isinstance(caught.value, DeliveryRefusedError)
    assert not stand.seen()
    stand.goes_wrong(None)
    handle = await stand.messenger.send(stand.of(OPEN), 2)
    shown = stand.seen()
    assert len(shown) == 1
    stand.goes_wrong(Mishap.AWAY)
    if not stand.links:
        with pytest.raises(DeliveryFault):
            await stand.messenger.change(stand.of(CLOSED), handle, 1)
    assert stand.seen() == shown


async def test_it_waits_as_long_as_it_is_asked_to(stand: Stand) -> None:
    """In seconds, by the service's own word."""
    stand.goes_wrong(Mishap.BUSY)
    with pytest.raises(DeliveryFault) as caught:
        await stand.messenger.send(stand.of(WAITING), 1)
    assert not isinstance(caught.value, DeliveryRefusedError)
    assert caught.value.retry_after == (7 if stand.knows_busy else None)


async def test_a_wrong_secret_is_refused_and_not_quoted(stand: Stand) -> None:
    """The text says what to mend (P11)."""
    stand.goes_wrong(Mishap.KEY)
    with pytest.raises(DeliveryRefusedError) as caught:
        await stand.messenger.send(stand.of(WAITING), 1)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(stand.messenger)


async def test_a_lost_answer_is_told_apart_and_asked_for(stand: Stand) -> None:
    """Where the service can be asked, a second attempt makes no second message."""
    stand.goes_wrong(Mishap.LOST)
    with pytest.raises(DeliveryUnansweredError) as caught:
        await stand.messenger.send(stand.of(WAITING), 1)
    assert "hunter2" not in str(caught.value)
    assert len(stand.seen()) == 1
    stand.goes_wrong(None)
    await stand.messenger.send(stand.of(OPEN), 2)
    assert len(stand.seen()) == (2 if stand.doubles else 1)


async def test_a_host_link_is_told_only_where_it_is_there(stand: Stand) -> None:
    """The policy says ``link: host``; at the end nobody needs it (P11)."""
    handle = await stand.messenger.send(stand.of(replace(OPEN, host_link=Secret(HOST))), 1)
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
