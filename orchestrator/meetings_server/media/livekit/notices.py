"""LiveKit's webhooks: whether they are LiveKit's, and what they are about.

A notice carries a token, signed with the key that we share, over the hash of its body. LiveKit
sends it up to five times, and drops it then, or when too many wait: so what it tells is a reason to
look, and never believed. One that came already is no reason any more.
"""

from collections import OrderedDict
from typing import Final

from livekit import api
from livekit.protocol.webhook import WebhookEvent

from orchestrator.meetings_server.media.livekit.values import Notice
from orchestrator.meetings_server.settings import LiveKit

_REMEMBERED: Final = 1000


class NotLiveKits(Exception):
    """Not a notice, or nobody knows whose."""


class Notices:
    """Reads notices of one LiveKit server, and remembers the last thousand."""

    def __init__(self, settings: LiveKit) -> None:
        """`settings` have the key."""
        verifier = api.TokenVerifier(settings.key, settings.secret.reveal())
        self._receiver = api.WebhookReceiver(verifier)
        self._seen: OrderedDict[str, None] = OrderedDict()

    def read(self, body: bytes, authorization: str) -> Notice | None:
        """A notice; None: it came before.

        Args:
            body: as it came, for its very bytes are signed.
            authorization: the header of that name: a token without a word before it.

        Raises:
            NotLiveKits: it was not signed with our key, not so, or too long ago.
        """
        event = self._received(body, authorization)
        if event.id in self._seen:
            return None
        self._seen[event.id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return Notice(event.event, event.room.name or event.egress_info.room_name)

    def _received(self, body: bytes, authorization: str) -> WebhookEvent:
        try:
            return self._receiver.receive(body.decode(), authorization)
        except Exception as error:
            # Anybody may send anything here, and the library raises whatever it met.
            raise NotLiveKits(type(error).__name__) from error
