"""The HTTP server: where the network reaches us.

The law of this package: `server` listens, bounds what comes in and makes every error JSON; each
further module answers one subject behind a port, and none knows another.  Nothing here logs a
path: some of them are secrets.
"""

from orchestrator.edges.http.server import HttpServer, listen, url_of

__all__ = ["HttpServer", "listen", "url_of"]
