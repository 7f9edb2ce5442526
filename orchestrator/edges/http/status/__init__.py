"""The status page: the whole at a glance, alive, and what people may do there.

The law of this package: it asks the desk and the chronicle, and steers by the desk alone, as the
command line does.  Whoever is not known sees no link, no code and no button; whoever acts is known
by name, gives a reason, and presses a button of ours.  Nothing on the page comes from elsewhere.
"""

from orchestrator.edges.http.status.access import Access
from orchestrator.edges.http.status.routes import StatusRoutes

__all__ = ["Access", "StatusRoutes"]
