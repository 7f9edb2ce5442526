"""Small parts with no word of ours in them.

The law of this package: its modules know nothing of rooms, policies or the Meetings API, and each
of them could be lifted into another program as it stands. They read no clock and no configuration.
They import the standard library and what reads formats (yaml, pydantic), and of each other
sparingly.
"""
