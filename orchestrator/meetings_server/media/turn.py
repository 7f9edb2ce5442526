"""Names and passwords for relays (TURN) that both sides can work out from a secret of theirs.

The way that coturn calls `use-auth-secret`, after the Internet-Draft "A REST API for Access To TURN
Services" (draft-uberti-behave-turn-rest-00): the name is the end of its life in Unix seconds, a
colon and whose it is; the password is the name's HMAC-SHA1 in base64. SHA-1 is what relays speak.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from orchestrator.foundation.secret import Secret


@dataclass(frozen=True, slots=True)
class TurnPass:
    """What a browser shows a relay."""

    username: str
    credential: Secret


def turn_pass(secret: Secret, user: str, expires_at: datetime) -> TurnPass:
    """The name and password of `user` until `expires_at`, to the second."""
    username = f"{int(expires_at.timestamp())}:{user}"
    digest = hmac.new(secret.reveal().encode(), username.encode(), hashlib.sha1).digest()
    return TurnPass(username, Secret(base64.b64encode(digest).decode("ascii")))
