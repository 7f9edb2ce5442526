"""Who stands before a room and who is in it: the meetings that run, while they run.

The law of this package: what a room is and who was in it is the service's and durable; what is kept
here is what only lives as long as a connection does. People are known by their tokens alone, none
of which leaves by a report. It knows no sockets: whoever is connected is a `Line`. One room's
people never wait for another's, and nobody for a slow reader. Inside:
lobby → asks → keeping → halls → frames | pace | passes.
"""

from orchestrator.meetings_server.lobby.asks import Faulty, sending_of
from orchestrator.meetings_server.lobby.frames import Closed, Fault, Frame, closed, fault, text_of
from orchestrator.meetings_server.lobby.halls import Line, Visit, Wish
from orchestrator.meetings_server.lobby.keeping import Around
from orchestrator.meetings_server.lobby.lobby import Lobby
from orchestrator.meetings_server.lobby.pace import Bucket, Pace
from orchestrator.meetings_server.lobby.passes import Passes

__all__ = [
    "Around",
    "Bucket",
    "Closed",
    "Fault",
    "Faulty",
    "Frame",
    "Line",
    "Lobby",
    "Pace",
    "Passes",
    "Visit",
    "Wish",
    "closed",
    "fault",
    "sending_of",
    "text_of",
]
