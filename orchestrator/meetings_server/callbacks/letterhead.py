"""What goes with an event beside its body: who sent it, and what its room is for.

A signature as Vonage signs webhooks (the API notes, 9.3), where the application has a secret: a
bearer token with the hash of the body, made anew at each attempt. No document says that Meetings
callbacks were signed, and no header of theirs carried a room's metadata (9.4); so both are sent to
those alone who ask for them, the metadata under a name that they choose.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID

import jwt

from orchestrator.meetings_server.model.events import Callback
from orchestrator.meetings_server.ports import Entropy
from orchestrator.meetings_server.settings import Settings

_ISSUER: Final = "Vonage"
# What a header may hold as it is; the rest, and the sign of an escape itself, is percent-encoded.
_PLAIN: Final = "!\"#$&'()*+,/:;<=>?@[]^`{|}"


class Letterhead:
    """Makes the headers of events."""

    def __init__(self, settings: Settings, entropy: Entropy) -> None:
        """`entropy` names tokens."""
        self._applications = {one.id: one for one in settings.applications}
        self._metadata_header = settings.metadata_header
        self._entropy = entropy

    def headers(self, callback: Callback, body: bytes, now: datetime) -> Mapping[str, str]:
        """The headers of one attempt."""
        headers: dict[str, str] = {}
        application = self._applications.get(callback.application_id)
        if application is not None and application.signature_secret is not None:
            claims = {
                "iat": int(now.timestamp()),
                "jti": str(UUID(bytes=self._entropy(16), version=4)),
                "iss": _ISSUER,
                "payload_hash": hashlib.sha256(body).hexdigest(),
                "api_key": application.account_id or application.id,
                "application_id": application.id,
            }
            token = jwt.encode(claims, application.signature_secret.reveal(), algorithm="HS256")
            headers["Authorization"] = f"Bearer {token}"
        if self._metadata_header is not None and callback.metadata is not None:
            headers[self._metadata_header] = quote(callback.metadata, safe=_PLAIN)
        return headers
