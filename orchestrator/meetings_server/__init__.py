"""Our own server for the Meetings API: embedded default, sandbox, and server on its own.

The law of this package: it knows nothing of the rest of the program; the contract between them is
HTTP. It reads no wall clock and draws no chance of its own: the host lends both. Each answer is
durable before it is sent, and what was answered is seen by the next request (read-your-writes).

Inside: server | memory → assembly → http | storage | callbacks → service → ports → model →
settings.
"""

from orchestrator.meetings_server.http import Answer
from orchestrator.meetings_server.memory import Memory
from orchestrator.meetings_server.ports import (
    Clock,
    Entropy,
    Report,
    Sender,
    SendFault,
    StoreFault,
)
from orchestrator.meetings_server.server import Running, serving, start
from orchestrator.meetings_server.settings import Application, CallbackUrls, Settings

__all__ = [
    "Answer",
    "Application",
    "CallbackUrls",
    "Clock",
    "Entropy",
    "Memory",
    "Report",
    "Running",
    "SendFault",
    "Sender",
    "Settings",
    "StoreFault",
    "serving",
    "start",
]
