"""Our webhook: signed as Standard Webhooks says, verified by its own library."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from orchestrator.adapters.delivery.webhook import Webhook, WebhookAlerts, sign
from orchestrator.domain.alerts import Alert
from orchestrator.domain.announcements import Stage
from orchestrator.domain.wording import message_of_alert
from orchestrator.foundation.secret import Secret
from orchestrator.ports.deliveries import DeliveryFault, DeliveryRefusedError
from tests.contract.messenger_stands import CLOSED, OPEN, SECRET, WAITING, posting, secret
from tests.fakes.chats import Asked, Chat, Reply, serving
from tests.fakes.clock import START, VirtualClock


@pytest.fixture
async def receiver() -> AsyncIterator[Chat]:
    chat = Chat()
    async with serving(chat):
        yield chat


class Now(VirtualClock):
    """The real time: the library compares with it."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def webhook(receiver: Chat, value: str = SECRET, clock: VirtualClock | None = None) -> Webhook:
    return Webhook("any", receiver.url, secret(value), posting(), clock or Now())


def verified(asked: Asked, value: str = SECRET) -> Any:
    """What the library makes of it."""
    return Verifier(value).verify(asked.body, {k.lower(): v for k, v in asked.headers.items()})


async def test_the_librarys_verifier_takes_every_event(receiver: Chat) -> None:
    """Opened, changed and closed."""
    sender = webhook(receiver)
    told = replace(OPEN, title='Ümlaut "\u2028" \ud800')
    handle = await sender.send(replace(WAITING, title=told.title), 1)
    handle = await sender.change(told, handle, 1)
    await sender.change(replace(CLOSED, title=told.title), handle, 1)
    await sender.close()
    events = [verified(asked) for asked in receiver.asked]
    assert [event["type"] for event in events] == ["room.opened", "room.changed", "room.closed"]
    assert [event["data"]["revision"] for event in events] == [1, 2, 3]
    ids = [asked.headers["webhook-id"] for asked in receiver.asked]
    assert ids == ["a1b2c3d4-1-opened", "a1b2c3d4-1-2", "a1b2c3d4-1-3"]
    assert not any("." in one for one in ids)
    tampered = replace(receiver.asked[0], body=receiver.asked[0].body + b" ")
    with pytest.raises(WebhookVerificationError):
        verified(tampered)


async def test_every_field_is_written_out(receiver: Chat) -> None:
    """And nothing else: a new field of a page does not slip out by itself."""
    sender = webhook(receiver, clock=VirtualClock())
    await sender.send(replace(WAITING, starts_at=START, ends_at=START), 1)
    await sender.close()
    assert json.loads(receiver.asked[0].body) == {
        "type": "room.opened",
        "timestamp": "2026-01-05T09:00:00.000Z",
        "data": {
            "id": "a1b2c3d4-1",
            "revision": 1,
            "stage": "waiting",
            "policy": "oncall-bridge",
            "key": "oncall-bridge/pagerduty-4f1a",
            "title": "Checkout error rate above 14 % in eu1",
            "link": WAITING.link,
            "room_id": "",
            "note": "",
            "opened_at": "2026-11-22T15:58:42.000Z",
            "closed_at": None,
            "starts_at": "2026-01-05T09:00:00.000Z",
            "ends_at": "2026-01-05T09:00:00.000Z",
            "page": {
                "source": "pagerduty",
                "key": "Q2K7XH0P4ZT9VN",
                "number": "4182",
                "title": "Checkout error rate above 14 % in eu1",
                "severity": "critical",
                "service": "checkout-api",
                "team": "",
                "url": "https://example.pagerduty.com/incidents/Q2K7XH0P4ZT9VN",
            },
        },
    }


async def test_a_room_without_a_page_and_its_host_link(receiver: Chat) -> None:
    """The host's link only where the policy says so, and not at the end."""
    sender = webhook(receiver)
    told = replace(OPEN, page=None, host_link=Secret("https://host"))
    await sender.send(told, 1)
    await sender.change(replace(told, stage=Stage.CLOSED), "", 1)
    await sender.close()
    first, last = (asked.json["data"] for asked in receiver.asked)
    assert first["page"] is None
    assert first["host_link"] == "https://host"
    assert "host_link" not in last


async def test_a_retry_has_the_same_id_and_a_fresh_timestamp(receiver: Chat) -> None:
    """And where another state is told by it, that state is an event of its own."""
    clock = VirtualClock()
    sender = webhook(receiver, clock=clock)
    receiver.reply = lambda _: Reply(500)
    with pytest.raises(DeliveryFault):
        await sender.send(WAITING, 1)
    clock.advance(61)
    receiver.reply = lambda _: None
    await sender.send(OPEN, 2)
    await sender.close()
    first, second, third = receiver.asked
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "a1b2c3d4-1-opened"
    apart = int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"])
    assert apart == 61
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert third.headers["webhook-id"] == "a1b2c3d4-1-2"
    assert third.json["type"] == "room.changed"


async def test_gone_is_for_good(receiver: Chat) -> None:
    """It is asked nothing more."""
    sender = webhook(receiver)
    receiver.reply = lambda _: Reply(410)
    for _ in range(2):
        with pytest.raises(DeliveryRefusedError, match="it wants no more"):
            await sender.send(WAITING, 1)
    await sender.close()
    assert len(receiver.asked) == 1


@pytest.mark.parametrize(
    ("status", "refused"), [(400, False), (404, False), (503, False), (302, True), (413, True)]
)
async def test_other_answers(receiver: Chat, status: int, refused: bool) -> None:
    """A receiver that is being deployed answers anything; a redirect it never mends itself."""
    sender = webhook(receiver)
    receiver.reply = lambda _: Reply(status, b"", {"Retry-After": "9"})
    with pytest.raises(DeliveryFault) as caught:
        await sender.send(WAITING, 1)
    await sender.close()
    assert isinstance(caught.value, DeliveryRefusedError) == refused
    assert refused or caught.value.retry_after == 9.0


@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        "whsec_hunter2!",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        base64.b64encode(b"x" * 32).decode(),
    ],
)
async def test_a_secret_of_another_form_is_refused(receiver: Chat, value: str) -> None:
    """Before anything leaves, and by a look too."""
    sender = webhook(receiver, value)
    for call in (sender.send(WAITING, 1), sender.check()):
        with pytest.raises(DeliveryRefusedError) as caught:
            await call
        assert "must be whsec_" in str(caught.value)
        assert value not in str(caught.value)
    assert not receiver.asked


def test_a_signature_that_others_worked_out() -> None:
    """The vector of the webhooks guide, made by OpenSSL and by the library of the standard."""
    body = b"""{
  "type": "room.opened",
  "timestamp": "2026-11-22T15:58:42.002311Z",
  "data": {
    "room_id": "7f3k-quiet-otter",
    "page_key": "pagerduty:Q2K7XH0P4ZT9VN",
    "title": "Checkout error rate above 14 % in eu1",
    "join_url": "https://meet.nordlicht.example/r/7f3k-quiet-otter",
    "dial_in": {
      "number": "+493055551234",
      "pin": "483920"
    },
    "expires_at": "2026-11-23T03:58:42Z"
  }
}"""
    key = "whsec_5Agxg10LasW83paXWtxeo8E1/2NAvqFF"
    signature = sign(key, "msg_room_7f3k_opened", 1795363198, body)
    assert signature == "v1,iHGUx/gqSOago29Zz8CCx9yhViwg+1hqHMkgzd/tlAk="


def test_a_secret_without_its_padding_is_the_same() -> None:
    """People lose it when they copy."""
    padded = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert sign(padded, "a", 1, b"{}") == sign(padded.rstrip("="), "a", 1, b"{}")


async def test_a_look_asks_nobody(receiver: Chat) -> None:
    """Any request is an event to a receiver."""
    assert "it is not asked" in await webhook(receiver).check()
    assert not receiver.asked


async def test_alerts_are_events_too(receiver: Chat) -> None:
    """With the same ids over retries, and none twice as new."""
    sender = WebhookAlerts(receiver.url, secret(SECRET), posting(), Now())
    assert "it is not asked" in await sender.check()
    alert = Alert("brake", "A brake holds 4 rooms.", START)
    handle = await sender.post(message_of_alert(alert, 1, over=False), 1)
    await sender.amend(message_of_alert(alert, 2, over=False), handle, 1)
    await sender.amend(message_of_alert(alert, 3, over=True), handle, 1)
    await sender.post(message_of_alert(alert, 2, over=False), 2)
    await sender.close()
    events = [verified(asked) for asked in receiver.asked]
    kinds = [event["type"].removeprefix("alert.") for event in events]
    assert kinds == ["opened", "changed", "closed", "opened", "changed"]
    assert events[0]["data"] == {
        "id": handle,
        "revision": 1,
        "cause": "brake",
        "message": "A brake holds 4 rooms.",
        "over": False,
    }
    ids = [asked.headers["webhook-id"] for asked in receiver.asked]
    assert ids[0] == ids[3]
