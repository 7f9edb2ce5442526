"""Events on their way to those who asked for them.

The law of this package: an event leaves the store only when it was delivered or given up, so a
restart loses none; each may arrive twice, and late ones may overtake. Inside: courier |
sender → letterhead.
"""

from orchestrator.meetings_server.callbacks.courier import Courier
from orchestrator.meetings_server.callbacks.letterhead import Letterhead
from orchestrator.meetings_server.callbacks.sender import HttpSender

__all__ = ["Courier", "HttpSender", "Letterhead"]
