"""The Meetings API on the wire, and the pages that its links lead to.

The law of this package: a request is a value and so is its answer (`wire`); only `web`, `live` and
`doors` know of sockets, so that the in-memory twin goes the very same way. Input is read liberally,
output is strict: the keys, in the order, that the API notes give. What stands around (`Around`) may
be silent or wrong; this package never is. Inside:
certificates | doors → web → live; web → api → description → shapes; api → testing | resources |
recordings | themes | dialling | downloads | notices | pages | pictures → assets | uploads → auth |
bodies | render | routes → fields | looks → links | multipart | problems → wire. In `meeting/` lies
what the page of a meeting is made of: scripts and a style, as browsers get them.
"""

from orchestrator.meetings_server.http.api import Api, resource_path
from orchestrator.meetings_server.http.certificates import Certificates, tls_context
from orchestrator.meetings_server.http.doors import answering, open_door
from orchestrator.meetings_server.http.live import Live
from orchestrator.meetings_server.http.wire import Answer, Around, Carry, Request, Silence, held

__all__ = [
    "Answer",
    "Api",
    "Around",
    "Carry",
    "Certificates",
    "Live",
    "Request",
    "Silence",
    "answering",
    "held",
    "open_door",
    "resource_path",
    "tls_context",
]
