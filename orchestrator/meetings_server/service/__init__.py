"""What can be done: the only place that puts clock, chance, model and store together.

The law of this package: each act is one transaction with the callbacks that it causes, `now` is
read once an act, and nothing of HTTP is known. Inside: ticking | acts → themes | recordings →
logos | meetings → presence | upkeep → announcing | naming | theming | waiting.
"""

from orchestrator.meetings_server.service.acts import Acts
from orchestrator.meetings_server.service.logos import Grant, Logos, TooManyWaiting
from orchestrator.meetings_server.service.meetings import HostKey, Inside, Meetings
from orchestrator.meetings_server.service.recordings import Recordings
from orchestrator.meetings_server.service.themes import Themes
from orchestrator.meetings_server.service.ticking import tick
from orchestrator.meetings_server.service.waiting import Bell

__all__ = [
    "Acts",
    "Bell",
    "Grant",
    "HostKey",
    "Inside",
    "Logos",
    "Meetings",
    "Recordings",
    "Themes",
    "TooManyWaiting",
    "tick",
]
