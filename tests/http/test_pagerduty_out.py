"""Links back to PagerDuty and Opsgenie: bridges and notes, and nobody's own overwritten."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from orchestrator.adapters.delivery.opsgenie import Opsgenie
from orchestrator.adapters.delivery.pagerduty import PagerDuty
from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.foundation.secret import Secret
from orchestrator.ports.deliveries import (
    DeliveryFault,
    DeliveryRefusedError,
    DeliveryUnansweredError,
)
from tests.contract.messenger_stands import CLOSED, LINK, OPEN, PAGE, WAITING, posting, secret
from tests.fakes import chats
from tests.fakes.chats import TOKEN, Asked, Mishap, Reply, serving

OTHER = "https://meet.example/guest/2"
HOSTILE = "</note> [room a1b2c3d4-1] <!here> @channel"


@pytest.fixture
async def pagerduty() -> AsyncIterator[chats.PagerDuty]:
    service = chats.PagerDuty()
    async with serving(service):
        yield service


@pytest.fixture
async def messenger(pagerduty: chats.PagerDuty) -> AsyncIterator[PagerDuty]:
    made = PagerDuty("pd", pagerduty.url, secret(TOKEN), "anna@example.com", posting())
    yield made
    await made.close()


def calls(service: chats.Chat) -> list[str]:
    return [f"{asked.method} {asked.path}" for asked in service.asked]


async def test_the_bridge_is_looked_at_and_then_set(
    pagerduty: chats.PagerDuty, messenger: PagerDuty
) -> None:
    """Both of its fields, because nobody says what becomes of one that is left out."""
    handle = await messenger.send(WAITING, 1)
    assert pagerduty.bridge == {"conference_url": LINK, "conference_number": ""}
    assert handle == f"bridge {LINK}"
    assert calls(pagerduty) == ["GET /incidents/Q2K7XH0P4ZT9VN", "PUT /incidents/Q2K7XH0P4ZT9VN"]
    assert messenger.edits


async def test_a_stage_of_the_same_link_asks_nobody(
    pagerduty: chats.PagerDuty, messenger: PagerDuty
) -> None:
    """The link itself says how far it is; a resolved incident takes no changes anyway."""
    handle = await messenger.send(WAITING, 1)
    before = len(pagerduty.asked)
    assert await messenger.change(OPEN, handle, 1) == handle
    assert await messenger.change(replace(CLOSED, link=OTHER), handle, 1) == handle
    assert len(pagerduty.asked) == before


async def test_another_link_takes_the_place_of_ours(
    pagerduty: chats.PagerDuty, messenger: PagerDuty
) -> None:
    """Where the daemon has no address of its own, every room has another."""
    handle = await messenger.send(WAITING, 1)
    handle = await messenger.change(replace(OPEN, link=OTHER), handle, 1)
    assert pagerduty.bridge == {"conference_url": OTHER, "conference_number": ""}
    assert handle == f"bridge {OTHER}"


@pytest.mark.parametrize(
    "bridge",
    [
        {"conference_url": "https://zoom.example/j/1", "conference_number": ""},
        {"conference_url": None, "conference_number": "+1 415-555-1212,,,,1234#"},
    ],
    ids=["url", "number"],
)
async def test_a_bridge_of_somebodys_own_stays(
    pagerduty: chats.PagerDuty, messenger: PagerDuty, bridge: dict[str, str]
) -> None:
    """Ours goes into a note, which says so."""
    pagerduty.bridge = dict(bridge)
    handle = await messenger.send(WAITING, 1)
    assert pagerduty.bridge == bridge
    assert handle == f"note {LINK}"
    (note,) = pagerduty.notes
    assert LINK in note
    assert "another conference bridge" in note


async def test_somebody_who_puts_his_own_into_the_place_of_ours_keeps_it(
    pagerduty: chats.PagerDuty, messenger: PagerDuty
) -> None:
    """At every later change too."""
    handle = await messenger.send(WAITING, 1)
    pagerduty.bridge = {"conference_url": "https://zoom.example/j/1", "conference_number": ""}
    await messenger.change(replace(OPEN, link=OTHER), handle, 1)
    assert pagerduty.bridge["conference_url"] == "https://zoom.example/j/1"
    assert len(pagerduty.notes) == 1


async def test_ours_that_is_there_already_is_left(
    pagerduty: chats.PagerDuty, messenger: PagerDuty
) -> None:
    """An earlier try, whose answer was lost."""
    pagerduty.bridge = {"conference_url": LINK, "conference_number": ""}
    await messenger.send(WAITING, 2)
    assert calls(pagerduty) == ["GET /incidents/Q2K7XH0P4ZT9VN"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(402, {"error": {"code": 2014}}),
        Reply(403, {"error": {"code": 2010}}),
        Reply(402, b"no json"),
        Reply(403, b"no json"),
        Reply(400, {"error": {"code": 2014}}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_account_without_the_feature_has_a_note(
    pagerduty: chats.PagerDuty, messenger: PagerDuty, reply: Reply, method: str
) -> None:
    """Whichever call says so."""
    incident = f"/incidents/{pagerduty.incident}"

    def lacks(asked: Asked) -> Reply | None:
        return reply if (asked.method, asked.path) == (method, incident) else None

    pagerduty.reply = lacks
    assert await messenger.send(WAITING, 1) == f"note {LINK}"
    (note,) = pagerduty.notes
    assert note.splitlines() == [
        f"A room is being opened: {LINK}",
        "The link works now and leads to the room as soon as it is there.",
        "[room a1b2c3d4-1]",
    ]


async def test_a_note_is_looked_for_before_it_is_written_again(
    pagerduty: chats.PagerDuty,
) -> None:
    """By its mark and its link, which nothing of a page can be taken for."""
    messenger = PagerDuty(
        "pd", pagerduty.url, secret(TOKEN), "anna@example.com", posting(), bridge=False
    )
    pagerduty.notes = [HOSTILE]
    pagerduty.mishap = Mishap.LOST
    with pytest.raises(DeliveryUnansweredError):
        await messenger.send(replace(WAITING, title=HOSTILE), 1)
    pagerduty.mishap = None
    await messenger.send(replace(WAITING, title=HOSTILE), 2)
    assert len(pagerduty.notes) == 2
    assert HOSTILE not in pagerduty.notes[1]
    await messenger.change(replace(OPEN, link=OTHER), f"note {LINK}", 2)
    assert len(pagerduty.notes) == 3
    pagerduty.reply = lambda asked: Reply(500) if asked.method == "GET" else None
    with pytest.raises(DeliveryFault):
        await messenger.change(replace(OPEN, link=OTHER), f"note {LINK}", 2)
    pagerduty.reply = lambda asked: Reply(200, {"notes": 7}) if asked.method == "GET" else None
    await messenger.change(replace(OPEN, link=OTHER), f"note {LINK}", 2)
    assert len(pagerduty.notes) == 4
    await messenger.close()


async def test_a_host_link_stands_in_a_note_only(
    pagerduty: chats.PagerDuty, messenger: PagerDuty
) -> None:
    """A bridge has one address, for everybody."""
    told = replace(OPEN, host_link=Secret("https://host"))
    await messenger.send(told, 1)
    assert "https://host" not in json.dumps(pagerduty.bridge)
    pagerduty.bridge = {"conference_url": "https://zoom.example", "conference_number": ""}
    handle = await messenger.send(told, 1)
    assert "For the host: https://host" in pagerduty.notes[0]
    assert "host" not in handle.replace(LINK, "")


@pytest.mark.parametrize(
    "told",
    [
        replace(WAITING, page=None),
        replace(WAITING, page=replace(PAGE, key="4711")),
        replace(WAITING, page=replace(PAGE, key="../users/P1")),
        replace(WAITING, page=replace(PAGE, key='{}:{alertname="X"}')),
        replace(WAITING, link="javascript:alert(1)"),
        replace(WAITING, link="https://r.example/" + "x" * 900),
    ],
)
async def test_what_is_none_of_its_pages_is_refused(
    pagerduty: chats.PagerDuty, messenger: PagerDuty, told: Announcement
) -> None:
    """And nothing is asked: a key is part of an address."""
    with pytest.raises(DeliveryRefusedError):
        await messenger.send(told, 1)
    assert not pagerduty.asked


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(404, {"error": {"code": 2100}}), "answered 404 Not Found (2100); there is no such"),
        (Reply(400, {"error": {"code": 1008}}), "`from` must be the email of a user"),
        (Reply(401, {"error": {"code": 2006}}), "check the key"),
        (Reply(400, {"error": "hunter2"}), "answered 400 Bad Request; check the url"),
    ],
)
async def test_refusals_say_what_to_mend(
    pagerduty: chats.PagerDuty, messenger: PagerDuty, reply: Reply, told: str
) -> None:
    """By PagerDuty's own numbers."""
    pagerduty.reply = lambda _: reply
    with pytest.raises(DeliveryRefusedError) as caught:
        await messenger.send(WAITING, 1)
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(DeliveryRefusedError):
        await messenger.check()


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (Reply(429, {"error": {"code": 2020}}, {"ratelimit-reset": "12"}), 12.0),
        (Reply(429, b"", {"Retry-After": "3", "ratelimit-reset": "12"}), 3.0),
        (Reply(429, {"error": {"code": 2020}}, {"Retry-After": "5"}), 5.0),
        (Reply(429, b""), None),
        (Reply(400, {"error": {"code": 2020}}, {"ratelimit-reset": "4"}), 4.0),
        (Reply(503, b"", {"ratelimit-reset": "12"}), None),
        (Reply(429, b"", {"ratelimit-reset": "soon"}), None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_weather_is_tried_again(
    pagerduty: chats.PagerDuty, messenger: PagerDuty, reply: Reply, wait: float | None, method: str
) -> None:
    """After the time that one of two headers says."""
    pagerduty.reply = lambda asked: reply if asked.method == method else None
    with pytest.raises(DeliveryFault) as caught:
        await messenger.send(WAITING, 1)
    assert not isinstance(caught.value, DeliveryRefusedError)
    assert caught.value.retry_after == wait


async def test_a_note_that_is_refused_is_told(
    pagerduty: chats.PagerDuty, messenger: PagerDuty
) -> None:
    """There is nothing left to fall back to."""
    pagerduty.reply = lambda _: Reply(403, {"error": {"code": 2010}})
    with pytest.raises(DeliveryRefusedError, match="2010"):
        await messenger.send(WAITING, 1)


async def test_a_look_finds_a_sender_that_nobody_is(
    pagerduty: chats.PagerDuty, messenger: PagerDuty
) -> None:
    """Notes would be refused."""
    assert "may read incidents" in await messenger.check()
    assert [asked.method for asked in pagerduty.asked] == ["GET", "GET"]
    pagerduty.users = []
    with pytest.raises(DeliveryRefusedError, match=r"knows no user anna@example\.com"):
        await messenger.check()


# --- Opsgenie ---------------------------------------------------------------------------------


@pytest.fixture
async def opsgenie() -> AsyncIterator[chats.Opsgenie]:
    service = chats.Opsgenie()
    async with serving(service):
        yield service


@pytest.fixture
async def noting(opsgenie: chats.Opsgenie) -> AsyncIterator[Opsgenie]:
    made = Opsgenie("og", f"{opsgenie.url}/v2", secret(TOKEN), posting())
    yield made
    await made.close()


ALERT = replace(WAITING, page=replace(PAGE, key=chats.Opsgenie.alert))


async def test_a_note_is_written_with_our_words_only(
    opsgenie: chats.Opsgenie, noting: Opsgenie
) -> None:
    """And its fate asked after once."""
    told = replace(ALERT, title=HOSTILE, host_link=Secret("https://host"))
    assert await noting.send(told, 1) == LINK
    assert opsgenie.notes[0].splitlines() == [
        f"A room is being opened: {LINK}",
        "For the host: https://host",
        "The link works now and leads to the room as soon as it is there.",
        "[room a1b2c3d4-1]",
    ]
    assert [asked.path for asked in opsgenie.asked][-1] == "/v2/alerts/requests/r-1"
    assert opsgenie.asked[0].json["source"] == "room-orchestrator"


@pytest.mark.parametrize(
    ("fate", "refused"),
    [
        (Reply(200, {"data": {"success": True, "status": "Added"}}), None),
        (Reply(200, {"data": {"success": False, "status": "Alert does not exist"}}), True),
        (Reply(200, {"data": {"success": False, "status": "hunter2 failed"}}), False),
        (Reply(404, {"message": "Request not found"}), None),
        (Reply(200, {"data": 7}), None),
        (Reply(500), None),
    ],
)
async def test_the_fate_of_a_note_counts_where_it_is_known(
    opsgenie: chats.Opsgenie, noting: Opsgenie, fate: Reply, refused: bool | None
) -> None:
    """202 only says that it was taken."""
    opsgenie.fate = fate
    if refused is None:
        await noting.send(ALERT, 1)
        return
    with pytest.raises(DeliveryFault) as caught:
        await noting.send(ALERT, 1)
    assert isinstance(caught.value, DeliveryRefusedError) == refused
    assert "hunter2" not in str(caught.value)


async def test_a_fate_that_nobody_tells_is_no_failure(
    opsgenie: chats.Opsgenie, noting: Opsgenie
) -> None:
    """The note was taken all the same."""
    note = f"/v2/alerts/{opsgenie.alert}/notes"
    opsgenie.reply = lambda asked: Reply(202, b"{}") if asked.path == note else None
    assert await noting.send(ALERT, 1) == LINK
    assert len(opsgenie.asked) == 1


async def test_a_broken_question_after_the_fate_is_no_failure(
    opsgenie: chats.Opsgenie, noting: Opsgenie
) -> None:
    """Nothing is written twice because of it."""
    real = opsgenie.handle

    async def breaking(request: object) -> object:
        if "requests" in request.raw_path:  # type: ignore[attr-defined]
            request.transport.abort()  # type: ignore[attr-defined]
        return await real(request)  # type: ignore[arg-type]

    opsgenie.handle = breaking  # type: ignore[method-assign,assignment]
    async with serving(opsgenie) as url:
        made = Opsgenie("og", f"{url}/v2", secret(TOKEN), posting())
        assert await made.send(ALERT, 1) == LINK
        await made.close()


async def test_a_note_of_another_link_is_a_further_one(
    opsgenie: chats.Opsgenie, noting: Opsgenie
) -> None:
    """And of the same link none, whatever its stage."""
    handle = await noting.send(ALERT, 1)
    assert await noting.change(replace(ALERT, stage=Stage.OPEN), handle, 1) == handle
    assert await noting.change(replace(ALERT, link=OTHER, stage=Stage.CLOSED), handle, 1) == handle
    assert len(opsgenie.notes) == 1
    assert await noting.change(replace(ALERT, link=OTHER), handle, 1) == OTHER
    assert await noting.change(replace(ALERT, link=OTHER), handle, 2) == OTHER
    assert len(opsgenie.notes) == 2


@pytest.mark.parametrize(("status", "notes"), [(404, 1), (405, 1), (500, 0)])
async def test_where_notes_cannot_be_asked_for_one_is_written(
    opsgenie: chats.Opsgenie, noting: Opsgenie, status: int, notes: int
) -> None:
    """Jira Service Management may have no such question."""
    opsgenie.reply = lambda asked: (
        Reply(status) if asked.method == "GET" and asked.path.endswith("notes") else None
    )
    if notes:
        await noting.send(ALERT, 2)
    else:
        with pytest.raises(DeliveryFault):
            await noting.send(ALERT, 2)
    assert len(opsgenie.notes) == notes


@pytest.mark.parametrize(
    "told",
    [
        replace(ALERT, page=None),
        WAITING,
        replace(ALERT, page=replace(PAGE, key="a/../b")),
        replace(ALERT, link="data:x"),
    ],
)
async def test_what_is_none_of_its_alerts_is_refused(
    opsgenie: chats.Opsgenie, noting: Opsgenie, told: Announcement
) -> None:
    """And nothing is asked."""
    with pytest.raises(DeliveryRefusedError):
        await noting.send(told, 1)
    assert not opsgenie.asked


async def test_an_alert_that_is_not_there_is_told(
    opsgenie: chats.Opsgenie, noting: Opsgenie
) -> None:
    """Perhaps it is another account's."""
    key = "70413a06-38d6-4c85-92b8-5ebc900d42e3"
    with pytest.raises(DeliveryRefusedError, match="there is no such alert"):
        await noting.send(replace(ALERT, page=replace(PAGE, key=key)), 1)


@pytest.mark.parametrize(
    ("status", "told"), [(200, "may read alerts"), (404, "nothing harmless"), (401, None)]
)
async def test_a_look(
    opsgenie: chats.Opsgenie, noting: Opsgenie, status: int, told: str | None
) -> None:
    """One alert, or what is to be said instead."""
    opsgenie.reply = lambda _: Reply(status, b"{}")
    if told is None:
        with pytest.raises(DeliveryRefusedError, match="check the secret"):
            await noting.check()
    else:
        assert told in await noting.check()
