"""The store: what the daemon remembers, in one SQLite file.

The law of this package: a commit is one transaction, and durable when it returns; what must hold
once at most is a unique index and not an ``if``; every failure leaves as a `StoreFault` whose text
says how to mend it.  SQL stands in ``.sql`` files.  Inside: sqlite → rows | claims | faults, and
rows → queries.
"""
