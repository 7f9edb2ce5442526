"""Leave to connect to LiveKit: for one participant, to one room, for long enough to come in.

LiveKit lets whoever has such a token in, and renews it while they are connected. So it says as
little as it can: who hosts, who waits and who was sent out is for this server alone to know.
"""

from datetime import timedelta
from typing import Final

from livekit import api

from orchestrator.meetings_server.settings import LiveKit

#: A new one is brought at half of it, so that whoever has to connect anew always can.
GOOD_FOR: Final = timedelta(minutes=10)

_SOURCES: Final = ("microphone", "camera", "screen_share", "screen_share_audio")


def join_token(settings: LiveKit, room_id: str, participant_id: str) -> str:
    """A token for the browser of somebody who was let in."""
    grants = api.VideoGrants(
        room_join=True,
        room=room_id,
        can_publish_sources=list(_SOURCES),
        # Chat goes through our own socket, where it is counted and kept.
        can_publish_data=False,
        can_update_own_metadata=False,
    )
    token = api.AccessToken(settings.key, settings.secret.reveal())
    return token.with_identity(participant_id).with_ttl(GOOD_FOR).with_grants(grants).to_jwt()
