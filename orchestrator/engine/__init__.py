"""The engine: events wake keys, a worker for each key reads truth afresh, decides, acts, records.

The law of this package: asyncio yes, vendors no (but for structlog's logger).  It knows the domain
and the ports alone; every wait goes through the clock or the timer port, so that years of it run in
seconds.  No action leaves without a durable intent, and nothing is decided here: `domain.plan` is.
"""
