"""All that can be done, as one value for those who hand it on."""

from dataclasses import dataclass

from orchestrator.meetings_server.service.logos import Logos
from orchestrator.meetings_server.service.meetings import Meetings
from orchestrator.meetings_server.service.recordings import Recordings
from orchestrator.meetings_server.service.themes import Themes


@dataclass(frozen=True, slots=True)
class Acts:
    """The acts of the API, family by family, over one store."""

    meetings: Meetings
    themes: Themes
    recordings: Recordings
    logos: Logos
