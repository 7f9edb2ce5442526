"""The control socket: one unix socket by which the command line asks the daemon and steers it.

The law of this package: `wire` alone spells questions and answers; server and client only carry
them.  Who asks is told by the kernel, never by the client.
"""

from orchestrator.edges.control.client import NoDaemonError, SocketDesk, answers
from orchestrator.edges.control.peer import actor_of
from orchestrator.edges.control.server import ControlServer, ControlSocketError

__all__ = [
    "ControlServer",
    "ControlSocketError",
    "NoDaemonError",
    "SocketDesk",
    "actor_of",
    "answers",
]
