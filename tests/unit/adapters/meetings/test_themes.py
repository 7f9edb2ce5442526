"""The client of themes: what it tolerates, what it refuses, and the three steps of an upload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.adapters.meetings.readonly import ReadOnly
from orchestrator.adapters.meetings.themes import MeetingsThemes
from orchestrator.adapters.meetings.themewire import read_theme, read_themes, read_uploads
from orchestrator.adapters.meetings.transport import NoAnswer, NotSent
from orchestrator.adapters.meetings.wire import UnreadableError
from orchestrator.domain.themes import LogoType, Theme
from orchestrator.ports.faults import (
    Fault,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnansweredError,
    UnavailableError,
    WithheldError,
)
from orchestrator.ports.rooms import LAST_CALL
from tests.fakes.clock import VirtualClock, finish
from tests.fakes.transport import Said, ScriptedTransport, client, said
from tests.pictures import FAVICON, LOGO

ID = "90a21428-b74a-4221-adc3-783935d654db"
FIELDS = {"theme_name": "corporate~0a1b2c3d", "main_color": "#12f64e", "brand_text": "Acme"}
PLACES = [
    {
        "url": "https://pictures.test/bucket",
        "fields": {
            "Content-Type": "image/png",
            "key": f"temp/{kind}/1",
            "logoType": kind,
            "Policy": "p",
        },
    }
    for kind in ("white", "colored", "favicon")
]


def document(**changes: Any) -> dict[str, Any]:
    """A theme as the API writes it."""
    usual = {
        "theme_id": ID,
        "theme_name": "corporate~0a1b2c3d",
        "domain": "VCP",
        "account_id": "1234",
        "application_id": "39f9",
        "main_color": "#12F64E",
        "short_company_url": "short",
        "brand_text": "Acme",
        "brand_image_colored": None,
        "brand_image_white": "logos/w",
        "branded_favicon": None,
        "brand_image_white_url": "https://x.test/w",
    }
    return {key: value for key, value in (usual | changes).items() if value is not ...}


class Store:
    """Takes pictures."""

    def __init__(self, *turns: Said | Exception) -> None:
        self.turns = list(turns)
        self.heard: list[tuple[str, Mapping[str, str], bytes]] = []

    async def upload(self, url: str, fields: Mapping[str, str], content: bytes) -> Said:
        self.heard.append((url, fields, content))
        turn = self.turns.pop(0) if self.turns else Said(204)
        if isinstance(turn, Exception):
            raise turn
        return turn


def themes(transport: ScriptedTransport, store: Store | None = None) -> MeetingsThemes:
    return MeetingsThemes(client(transport, VirtualClock()).session, store or Store())


def test_a_theme_is_read() -> None:
    """The colour in lower case, so that it can be compared; links that expire are passed over."""
    theme = read_theme(document())
    assert theme == Theme(ID, {**FIELDS, "short_company_url": "short"}, {LogoType.WHITE: "logos/w"})
    bare = read_theme({"theme_id": ID})
    assert dict(bare.fields) == dict.fromkeys((*FIELDS, "short_company_url"))
    assert bare.name == ""


@pytest.mark.parametrize("body", [b"", b"  ", b"{}", b"[]"], ids=repr)
def test_no_themes_in_each_of_their_shapes(body: bytes) -> None:
    assert list(read_themes(body)) == []


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"null", b'{"themes": []}', b"[1]", b'[{"theme_id": "a/b"}]', b"[{}]",
     b'[{"theme_id": "a", "brand_text": 7}]'],
    ids=repr,
)  # fmt: skip
def test_a_list_with_a_gap_is_no_list(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_themes(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[{}]",
        b'[{"fields": {"logoType": "white", "key": "k"}, "url": "file:///etc/passwd"}]',
        b'[{"fields": {"logoType": "white"}, "url": "https://x.test"}]',
    ],
    ids=["no fields", "no web address", "no key"],
)
def test_a_place_to_upload_to_that_is_none(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_uploads(body)


def test_types_of_pictures_that_are_not_known_are_passed_over() -> None:
    assert not read_uploads(b'[{"url": "https://x.test", "fields": {"logoType": "banner"}}]')


async def test_the_answer_must_be_about_the_theme() -> None:
    transport = ScriptedTransport(said(document(theme_id="other")))
    with pytest.raises(UnansweredError, match="another theme"):
        await themes(transport).update_theme(ID, {"main_color": "#abc"})


async def test_no_theme_can_have_an_id_that_leads_elsewhere() -> None:
    transport = ScriptedTransport(said(document()))
    with pytest.raises(MissingError, match="no theme can have"):
        await themes(transport).get_theme("../rooms/x")
    assert transport.heard == []


@pytest.mark.parametrize(
    ("turn", "fault"),
    [
        (NoAnswer("cut"), UnansweredError),
        (NotSent("refused"), UnavailableError),
        (Said(500), UnansweredError),
        (Said(201, b"{"), UnansweredError),
        (Said(409, b'{"message": "theme_name already exists in application"}'), ForbiddenError),
        (Said(400), RefusedError),
    ],
    ids=repr,
)
async def test_a_create_is_sent_once(turn: Any, fault: type[Fault]) -> None:
    transport = ScriptedTransport(turn)
    with pytest.raises(fault):
        await themes(transport).create_theme(FIELDS)
    assert len(transport.heard) == 1
    assert transport.heard[0].json == FIELDS


async def test_a_change_is_wrapped() -> None:
    transport = ScriptedTransport(said(document()))
    await themes(transport).update_theme(ID, {"short_company_url": None})
    assert transport.heard[0].json == {"update_details": {"short_company_url": None}}
    await themes(transport).set_default_theme(ID)
    heard = transport.heard[1]
    assert (heard.method, heard.path) == ("PATCH", "/applications")
    assert heard.json == {"update_details": {"default_theme_id": ID}}


@pytest.mark.parametrize(("force", "query"), [(False, {}), (True, {"force": "true"})])
async def test_force_is_said_where_it_is_meant(force: bool, query: dict[str, str]) -> None:
    transport = ScriptedTransport(Said(204))
    await themes(transport).delete_theme(ID, force=force)
    assert (transport.heard[0].path, transport.heard[0].query) == (f"/themes/{ID}", query)


async def test_a_picture_goes_to_its_place_and_the_api_is_told() -> None:
    """Fields verbatim and in order; ``OK`` is no JSON and is an answer."""
    transport, store = ScriptedTransport(said(PLACES), Said(200, b"OK")), Store()
    await themes(transport, store).upload_logos(
        ID, {LogoType.FAVICON: FAVICON, LogoType.WHITE: LOGO}
    )
    assert [(url, fields["logoType"], content) for url, fields, content in store.heard] == [
        ("https://pictures.test/bucket", "favicon", FAVICON),
        ("https://pictures.test/bucket", "white", LOGO),
    ]
    assert list(store.heard[0][1]) == ["Content-Type", "key", "logoType", "Policy"]
    assert (transport.heard[1].method, transport.heard[1].path) == (
        "PUT",
        f"/themes/{ID}/finalizeLogos",
    )
    assert transport.heard[1].json == {"keys": ["temp/favicon/1", "temp/white/1"]}


@pytest.mark.parametrize(
    ("turn", "fault"),
    [
        (NotSent("refused"), UnavailableError),
        (NoAnswer("cut"), UnansweredError),
        (Said(401), RefusedError),
        (Said(404), RefusedError),
        (Said(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"), ForbiddenError),
        (Said(503), UnavailableError),
    ],
    ids=repr,
)
async def test_what_the_store_of_pictures_says(turn: Any, fault: type[Fault]) -> None:
    """It speaks of the picture alone, not of our credentials or the theme; and is not repeated."""
    transport = ScriptedTransport(said(PLACES), Said(200, b"OK"))
    store = Store(turn)
    with pytest.raises(fault, match="upload of the white picture") as caught:
        await themes(transport, store).upload_logos(ID, {LogoType.WHITE: LOGO})
    assert "Signature" not in str(caught.value)
    assert len(store.heard) == 1
    assert transport.methods == ["GET"]
    call = LAST_CALL.get()
    assert call is not None
    assert call.status == (turn.status if isinstance(turn, Said) else 0)


async def test_a_picture_that_the_api_does_not_take() -> None:
    body = (
        b'{"message": "could not finalize logos", "name": "BadRequestError", "errors": '
        b'[{"logoKey": "k", "code": "invalid_logo_properties", "invalidProperty": "dimensions"}]}'
    )
    transport = ScriptedTransport(said(PLACES), Said(400, body))
    with pytest.raises(RefusedError, match="dimensions"):
        await themes(transport).upload_logos(ID, {LogoType.WHITE: LOGO})


async def test_a_place_that_is_not_named_and_a_picture_that_is_not() -> None:
    transport = ScriptedTransport(said(PLACES[1:]))
    with pytest.raises(UnavailableError, match="no place is named for white"):
        await themes(transport).upload_logos(ID, {LogoType.WHITE: LOGO})
    with pytest.raises(RefusedError, match="no picture"):
        await themes(transport).upload_logos(ID, {})
    with pytest.raises(RefusedError, match="change something"):
        await themes(transport).update_theme(ID, {})


async def test_reading_is_repeated_and_observe_sends_no_picture() -> None:
    transport, clock = ScriptedTransport(Said(503), said([document()])), VirtualClock()
    way = ReadOnly(transport)
    port = MeetingsThemes(client(way, clock).session, way)
    assert [one.id for one in await finish(clock, port.list_themes())] == [ID]
    transport.turns = [said(PLACES)]
    with pytest.raises(WithheldError):
        await port.upload_logos(ID, {LogoType.WHITE: LOGO})
