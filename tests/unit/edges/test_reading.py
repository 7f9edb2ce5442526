"""Reading callbacks: the forms on record, what may be missing, and what is refused."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.presence import Callback, Event
from orchestrator.edges.http.reading import (
    UnreadableCallbackError,
    WrongSignatureError,
    check_signature,
    read_callback,
)
from orchestrator.foundation.secret import Secret

ROOM, SESSION, WHO, FILM = "3f1c", "1_MX40NjMzOTg5Mn5-~", "7ab1", "9d54"
BEGUN, OVER = "2026-01-05T09:00:00.000Z", "2026-01-05T10:30:00.000Z"
AT_BEGUN, AT_OVER = datetime(2026, 1, 5, 9, tzinfo=UTC), datetime(2026, 1, 5, 10, 30, tzinfo=UTC)
SECRET = Secret("a secret of at least thirty-two bytes")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            {
                "event": "room:expired",
                "room_id": ROOM,
                "room_type": "instant",
                "expires_at": "2022-10-05T21:24:01.194Z",
                "created_at": "2022-10-05T21:14:01.195Z",
            },
            Callback(Event.ROOM_EXPIRED, ROOM),
            id="room-expired",
        ),
        pytest.param(
            {
                "event": "session:started",
                "session_id": SESSION,
                "room_id": ROOM,
                "started_at": BEGUN,
            },
            Callback(Event.SESSION_STARTED, ROOM, SESSION, started_at=AT_BEGUN),
            id="session-started",
        ),
        pytest.param(
            {
                "event": "session:ended",
                "session_id": SESSION,
                "room_id": ROOM,
                "started_at": BEGUN,
                "ended_at": OVER,
            },
            Callback(Event.SESSION_ENDED, ROOM, SESSION, started_at=AT_BEGUN, ended_at=AT_OVER),
            id="session-ended",
        ),
        pytest.param(
            {
                "event": "session:participant:joined",
                "participant_id": WHO,
                "session_id": SESSION,
                "room_id": ROOM,
                "name": "Ada Lovelace",
                "type": "Guest",
                "is_host": True,
            },
            Callback(Event.PARTICIPANT_JOINED, ROOM, SESSION, WHO),
            id="joined",
        ),
        pytest.param(
            {
                "event": "session:participant:left",
                "participant_id": WHO,
                "session_id": SESSION,
                "room_id": ROOM,
            },
            Callback(Event.PARTICIPANT_LEFT, ROOM, SESSION, WHO),
            id="left-without-name-and-type",
        ),
        pytest.param(
            {"event": "participant:joined", "room_id": ROOM, "session_id": SESSION},
            Callback(Event.PARTICIPANT_JOINED, ROOM, SESSION),
            id="a-slip-of-the-documentation",
        ),
        pytest.param(
            {
                "event": "recording:uploaded",
                "recording_id": FILM,
                "session_id": SESSION,
                "started_at": BEGUN,
                "ended_at": OVER,
                "duration": 5400,
                "url": "https://films.example/archive.mp4?Signature=abc",
            },
            Callback(
                Event.RECORDING_UPLOADED,
                "",
                SESSION,
                recording_id=FILM,
                started_at=AT_BEGUN,
                ended_at=AT_OVER,
            ),
            id="uploaded-without-room",
        ),
        pytest.param(
            {"event": "recording:ready", "recording_id": FILM, "session_id": SESSION},
            Callback(Event.RECORDING_UPLOADED, "", SESSION, recording_id=FILM),
            id="its-older-name",
        ),
        pytest.param({"event": "room:painted", "colour": 7}, Callback(Event.OTHER), id="unknown"),
        pytest.param({"event": "", "room_id": None}, Callback(Event.OTHER), id="no-name"),
        pytest.param(
            {"event": "session:started", "room_id": ROOM, "session_id": SESSION, "started_at": 5},
            Callback(Event.SESSION_STARTED, ROOM, SESSION),
            id="a-moment-that-is-none",
        ),
        pytest.param(
            {"event": "session:started", "room_id": ROOM, "started_at": "yesterday"},
            Callback(Event.SESSION_STARTED, ROOM),
            id="a-moment-that-cannot-be-read",
        ),
    ],
)
def test_what_is_on_record_is_read(document: dict[str, Any], expected: Callback) -> None:
    """Names of people and links to recordings stay behind."""
    assert read_callback(json.dumps(document).encode()) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "the body is empty", id="empty"),
        pytest.param(b" \n", "the body is empty", id="blank"),
        pytest.param(b'{"event": "room:exp', "the body is not JSON", id="cut"),
        pytest.param(b"event=room:expired", "the body is not JSON", id="a-form"),
        pytest.param(b"\xff\xfe{", "the body is not JSON", id="not-utf-8"),
        pytest.param(b"[" * 100_000, "the body is not JSON", id="too-deep"),
        pytest.param(b'["room:expired"]', "the body is not a JSON object", id="a-list"),
        pytest.param(b"{}", '"event" is missing', id="no-event"),
        pytest.param(b'{"event": 7}', '"event" is not text', id="event-a-number"),
        pytest.param(
            b'{"event": "room:expired", "room_id": 7}', '"room_id" is not an id', id="id-a-number"
        ),
        pytest.param(
            b'{"event": "session:ended", "session_id": "\\ud800"}',
            '"session_id" is not an id',
            id="half-a-surrogate-pair",
        ),
        pytest.param(
            b'{"event": "session:ended", "session_id": "a\\u0000b\\n"}',
            '"session_id" is not an id',
            id="control-characters",
        ),
        pytest.param(
            b'{"event": "room:expired", "session_id": "' + b"s" * 201 + b'"}',
            '"session_id" is not an id',
            id="id-too-long",
        ),
    ],
)
def test_what_is_no_callback_is_refused(body: bytes, message: str) -> None:
    """In a few words that quote nothing of it."""
    with pytest.raises(UnreadableCallbackError) as refused:
        read_callback(body)
    assert str(refused.value) == message


@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["event", "room_id", "session_id", "started_at", "x"]), inner
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_body_is_a_callback_or_refused(body: bytes) -> None:
    """And nothing else ever happens."""
    try:
        read = read_callback(body)
    except UnreadableCallbackError:
        return
    assert isinstance(read.event, Event)


def signed(body: bytes, secret: str = SECRET.reveal(), **changes: Any) -> str:
    """The header that a signed callback comes with; a change to None leaves a claim out."""
    claims = {
        "iat": 1_700_000_000,
        "jti": "1",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": "k",
        "application_id": "a",
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"


BODY = b'{"event": "room:expired"}'


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(signed(BODY), id="as-documented"),
        pytest.param(signed(BODY).replace("Bearer", "bearer"), id="scheme-in-lower-case"),
        pytest.param(signed(BODY, iat=4_000_000_000), id="from-tomorrow"),
        pytest.param(signed(BODY, exp=1, aud="others"), id="old-and-for-others"),
        pytest.param(
            signed(BODY, payload_hash=hashlib.sha256(BODY).hexdigest().upper()), id="upper-case"
        ),
    ],
)
def test_a_signature_that_holds(header: str) -> None:
    """Its age is no matter: what comes again tells nothing new."""
    check_signature(BODY, header, SECRET)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        pytest.param("Basic YTpi", "Authorization is not a bearer token", id="another-scheme"),
        pytest.param("Bearer nonsense", "the signature does not hold", id="no-token"),
        pytest.param(
            signed(BODY, "another secret of thirty-two bytes or more"),
            "the signature does not hold",
            id="another-secret",
        ),
        pytest.param(signed(BODY, payload_hash=None), "the signature does not hold", id="no-hash"),
        pytest.param(
            signed(b"another body"), "the body is not the one that was signed", id="another-body"
        ),
        pytest.param(
            f"Bearer {jwt.encode({'payload_hash': hashlib.sha256(BODY).hexdigest()}, '', 'none')}",
            "the signature does not hold",
            id="unsigned",
        ),
    ],
)
def test_a_signature_that_does_not_hold(header: str, message: str) -> None:
    """Told without quoting it."""
    with pytest.raises(WrongSignatureError) as refused:
        check_signature(BODY, header, SECRET)
    assert str(refused.value) == message
    assert refused.value.__cause__ is None
