"""The audit log in a file: written by the daemon, read and checked by people.

The law of this package: a line is written once and never changed; what is written twice is the same
to the byte; whoever reads takes bytes as they stand. Writing and checking know nothing of each
other. Inside: log | search | tail → verify | writing → draft | ending → reading → lines | signing.
"""
