"""Our own server for the Meetings API: embedded default, sandbox, and server on its own.

The law of this package: it knows nothing of the rest of the program; the contract between them is
HTTP. It reads no wall clock and draws no chance of its own: the host lends both. Each answer is
durable before it is sent, and what was answered is seen by the next request (read-your-writes).

Inside: server | memory → assembly → hostile → http | storage | media | callbacks → lobby → service
→ ports → model → settings.
"""

from orchestrator.meetings_server.hostile import DEFAULT, Fault, Hostility, Profile, Route
from orchestrator.meetings_server.http import Answer, Silence, tls_context
from orchestrator.meetings_server.memory import Memory
from orchestrator.meetings_server.model.rooms import Dates
from orchestrator.meetings_server.ports import (
    Clock,
    Entropy,
    Medium,
    MediumFault,
    Report,
    Sender,
    SendFault,
    StoreFault,
)
from orchestrator.meetings_server.server import Running, serving, start
from orchestrator.meetings_server.settings import (
    Application,
    CallbackUrls,
    DialInNumber,
    LiveKit,
    Mesh,
    Settings,
    TlsFiles,
)

__all__ = [
    "DEFAULT",
    "Answer",
    "Application",
    "CallbackUrls",
    "Clock",
    "Dates",
    "DialInNumber",
    "Entropy",
    "Fault",
    "Hostility",
    "LiveKit",
    "Medium",
    "MediumFault",
    "Memory",
    "Mesh",
    "Profile",
    "Report",
    "Route",
    "Running",
    "SendFault",
    "Sender",
    "Settings",
    "Silence",
    "StoreFault",
    "TlsFiles",
    "serving",
    "start",
    "tls_context",
]
