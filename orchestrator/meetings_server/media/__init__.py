"""What carries sound and picture, one module a medium, all behind the port `Medium`.

The law of this package: a medium is told who was let in and lets in nobody else; it knows nothing
of sockets to browsers, of waiting rooms or of who is host. Without a medium rooms are records, as
the settings have it with `media: None`; there is no class for that. Inside:
opening → livekit | mesh → turn.
"""

from orchestrator.meetings_server.media.mesh import MeshMedium
from orchestrator.meetings_server.media.opening import Hear, Opened, opened

__all__ = ["Hear", "MeshMedium", "Opened", "opened"]
