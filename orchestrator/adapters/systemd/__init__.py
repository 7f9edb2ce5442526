"""What systemd says to us and we to it: a datagram one way, open sockets the other way.

The law of this package: no library; both are a few lines of a documented protocol (sd_notify(3),
sd_listen_fds(3)).  Its variables are taken out of the environment, so that no child speaks for us.
"""

from orchestrator.adapters.systemd.handed import HandedError, handed_sockets, turn_away
from orchestrator.adapters.systemd.notify import Notifier

__all__ = ["HandedError", "Notifier", "handed_sockets", "turn_away"]
