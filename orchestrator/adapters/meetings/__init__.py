"""The client of one Meetings API.

The law of this package: HTTP has a shape here (`transport`), not a socket, so that the same client
stands on aiohttp, on a read-only transport or on a server in memory.  Requests that change
something are sent once; those that change nothing may be sent again for some seconds.  Every
answer and every silence becomes a fault of `orchestrator.ports.faults` in `faults`, and nothing
else leaves.  Host links and tokens are read, passed on sealed, and kept nowhere.
"""
