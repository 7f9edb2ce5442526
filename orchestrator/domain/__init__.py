"""Values and functions of their arguments: what a room should be, and what to do about it.

The law of this package: no I/O, no clock (``now`` is an argument, always aware and in UTC), no
asyncio, no logging, no vendor.  Everything here can be called a million times in a property test.
"""
