"""The links of a room, and what they lead back to.

The guest link carries 128 random bits and no id. The host link adds a token that is made anew at
each reading (the API notes, 6.2), so two readings differ; it grants the host's rights and is a
secret. Its `room_token` is the guest's token, because a meeting code is short enough to be guessed.

The link of a recording is made anew at each reading too (7.1) and needs no credentials: whoever has
it may download until it has expired. What it signs has line breaks, which no token has, so neither
can be taken for the other.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlsplit

import jwt

from orchestrator.meetings_server.http.wire import Json, compact
from orchestrator.meetings_server.model.recordings import Recording
from orchestrator.meetings_server.model.refusals import Reason, Refused
from orchestrator.meetings_server.model.rooms import Room
from orchestrator.meetings_server.model.themes import OWN_SEGMENTS
from orchestrator.meetings_server.service import HostKey

API_PATH: Final = "/v1/meetings"
DOWNLOAD_PATH: Final = "/recordings/"
DOWNLOAD_FILE: Final = "archive.mp4"
LOGO_PATH: Final = "/logos/"
_GUEST_PATH: Final = "/j/"

# A company's segment may stand before both kinds of links; our own first segments are no company's.
_PAGE: Final = re.compile(
    rf"(?:/(?!(?:{'|'.join(sorted(OWN_SEGMENTS))})/)[0-9a-zA-Z_~-]+)?/(?:j/(?P<token>.*))?",
    re.DOTALL,
)

_ALGORITHM: Final = "HS256"


@dataclass(frozen=True, slots=True)
class PageAddress:
    """Where a link leads: to a guest's page by its token, or to a host's, None."""

    guest_token: str | None


def page_address(path: str) -> PageAddress | None:
    """What a path leads to; None: to no page."""
    found = _PAGE.fullmatch(path)
    return None if found is None else PageAddress(found["token"])


class Links:
    """Makes the links of this server, and knows its own again."""

    def __init__(self, external_url: str, key: HostKey, download_life: timedelta) -> None:
        """`external_url` is what people's browsers reach us by, without a slash at the end."""
        self._download_life = download_life
        self._base = external_url.rstrip("/")
        self._key = key
        # A page of rooms needs a thousand tokens: what they share is made once, and the library,
        # which would examine the key each time, only checks them.
        self._signing = hmac.new(key.key, digestmod=hashlib.sha256)
        self._head = _encoded({"alg": _ALGORITHM, "typ": "JWT", "kid": key.id})

    @property
    def external_url(self) -> str:
        """What people's browsers and programs reach us by, without a slash at the end."""
        return self._base

    def api(self, path: str) -> str:
        """An absolute URL of the API; `path` may have a query."""
        return f"{self._base}{API_PATH}{path}"

    def guest(self, room: Room) -> str:
        """For everybody who is invited."""
        return f"{self._themed(room)}{_GUEST_PATH}{room.names.guest_token}"

    def host(self, room: Room, now: datetime) -> str:
        """For the one who has the room."""
        token = self._token({"participantId": room.names.host_id, "iat": int(now.timestamp())})
        query = f"room_token={room.names.guest_token}&participant_token={token}"
        return f"{self._themed(room)}/?{query}"

    def is_host(self, room: Room, token: str) -> bool:
        """Whether the token is one that we made for the host of this room, however long ago."""
        try:
            claims = jwt.decode(
                token, self._key.key, algorithms=[_ALGORITHM], options={"verify_iat": False}
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            return False
        return bool(claims.get("participantId") == room.names.host_id)

    def download(self, recording: Recording, now: datetime) -> str:
        """Where the content of a recording is, from now on for a while."""
        place = f"{recording.application_id}/{recording.id}"
        expires = int((now + self._download_life).timestamp())
        return (
            f"{self._base}{DOWNLOAD_PATH}{quote(place)}/{DOWNLOAD_FILE}"
            f"?Expires={expires}&Signature={self._signed(place, str(expires))}"
        )

    def check_download(self, place: str, query: Mapping[str, str], now: datetime) -> None:
        """Let `place`, an application and a recording, be read, or not.

        Raises:
            Refused: the link is not ours, or has expired.
        """
        expires = query.get("Expires", "")
        signed = self._signed(place, expires)
        if not hmac.compare_digest(signed.encode(), query.get("Signature", "").encode()):
            raise Refused(Reason.FORBIDDEN, "The signature of this link does not match")
        if now.timestamp() >= int(expires):
            raise Refused(Reason.FORBIDDEN, "This link has expired; read the recording again")

    def logo(self, key: str) -> str:
        """Where anybody finds a picture of a theme."""
        return f"{self._base}/{key}"

    def logo_on_page(self, key: str) -> str:
        """The same for our own pages: on whichever host the browser found them."""
        return f"{self.root}/{key}"

    @property
    def root(self) -> str:
        """The path under which our own pages find this server, without a slash at the end."""
        return urlsplit(self._base).path

    @property
    def uploads(self) -> str:
        """Where pictures are uploaded to."""
        return self._base + LOGO_PATH.rstrip("/")

    @property
    def upload_secret(self) -> str:
        """What leave to upload is signed with; nothing else is."""
        signature = self._signing.copy()
        signature.update(b"uploads of logos")
        return signature.hexdigest()

    def _signed(self, place: str, expires: str) -> str:
        signature = self._signing.copy()
        signature.update(f"recording\n{place}\n{expires}".encode())
        return signature.hexdigest()

    def _themed(self, room: Room) -> str:
        # The segment is for people: what a link leads to is told by its token alone, so links that
        # were given out before the theme changed go on leading there.
        company = room.short_company_url
        return self._base if company is None else f"{self._base}/{company}"

    def _token(self, claims: Json) -> str:
        signed = f"{self._head}.{_encoded(claims)}"
        signature = self._signing.copy()
        signature.update(signed.encode("ascii"))
        return f"{signed}.{_base64(signature.digest())}"


def _encoded(part: Json) -> str:
    return _base64(compact(part).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
