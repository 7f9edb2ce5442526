"""A key that is replaced under the daemon: taken up at the first 401, kept where it cannot be read.

The API of these tests checks signatures, by whichever public key it trusts at the moment.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.adapters.meetings.rooms import Account, Limits, MeetingsRooms, connect
from orchestrator.adapters.meetings.token import UnusableKeyError
from orchestrator.domain.rooms import NewRoom, RoomType
from orchestrator.foundation.secret import Secret
from orchestrator.ports.faults import UnauthorizedError
from tests.fakes.clock import START, VirtualClock
from tests.fakes.transport import ROOM_ID, Heard, Said, ScriptedTransport, room_document, said
from tests.meetings import APPLICATION, KEY, OTHER_KEY, public_pem

ROOM = said(room_document())
NEW = NewRoom("Team", RoomType.LONG_TERM, "", {}, START.replace(month=3))


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@dataclass
class Stand:
    """An API that trusts one key, and a client whose key is in a file."""

    file: Path
    trusted: rsa.RSAPrivateKey = KEY
    reads: int = 0
    transport: ScriptedTransport = field(init=False)
    rooms: MeetingsRooms = field(init=False)

    def __post_init__(self) -> None:
        self.file.write_text(pem(KEY))
        self.transport = ScriptedTransport(self._answer)
        account = Account(APPLICATION, KEY, self._read)
        self.rooms = connect(self.transport, account, VirtualClock(), Limits(None))

    def _answer(self, heard: Heard) -> Said:
        token = heard.headers["Authorization"].removeprefix("Bearer ")
        try:
            jwt.decode(
                token,
                public_pem(self.trusted),
                ["RS256"],
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return Said(401)
        return ROOM

    def _read(self) -> Secret:
        self.reads += 1
        try:
            return Secret(self.file.read_text())
        except OSError as error:
            raise UnusableKeyError(f"config.yaml:5:16: {error.strerror}") from error


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path / "api.pem")


async def test_the_file_is_read_when_the_api_refuses_and_not_before(stand: Stand) -> None:
    """Both rotated, API and file: one 401, and the same request is answered by the new key."""
    await stand.rooms.get_room(ROOM_ID)
    assert stand.reads == 0
    stand.trusted = OTHER_KEY
    stand.file.write_text(pem(OTHER_KEY))
    await stand.rooms.create_room(NEW)
    assert stand.transport.methods == ["GET", "POST", "POST"]
    assert stand.reads == 1
    await stand.rooms.get_room(ROOM_ID)
    assert stand.reads == 1


async def test_a_key_that_comes_later_is_found_by_the_next_call(stand: Stand) -> None:
    """The API first, the file an hour after it: a fault until then, and no restart."""
    stand.trusted = OTHER_KEY
    with pytest.raises(UnauthorizedError):
        await stand.rooms.get_room(ROOM_ID)
    stand.file.write_text(pem(OTHER_KEY))
    await stand.rooms.get_room(ROOM_ID)


def garbage(file: Path) -> None:
    file.write_text(pem(OTHER_KEY)[:300])


def gone(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [(garbage, "it is damaged"), (gone, "No such file")],
    ids=["half-written", "gone"],
)
async def test_a_file_that_cannot_be_used_is_told_beside_the_refusal(
    spoil: Callable[[Path], None], told: str, stand: Stand
) -> None:
    """The old key stays; nothing of what the file holds is quoted; a whole one is taken later."""
    stand.trusted = OTHER_KEY
    spoil(stand.file)
    with pytest.raises(UnauthorizedError, match=f"401: GET .*; and .*{told}") as refused:
        await stand.rooms.get_room(ROOM_ID)
    assert refused.value.status == 401
    assert "BEGIN" not in str(refused.value)
    stand.trusted = KEY
    await stand.rooms.get_room(ROOM_ID)
    stand.trusted = OTHER_KEY
    stand.file.write_text(pem(OTHER_KEY))
    await stand.rooms.get_room(ROOM_ID)
    stand.trusted = KEY
    with pytest.raises(UnauthorizedError) as refused:
        await stand.rooms.get_room(ROOM_ID)
    assert told not in str(refused.value)
