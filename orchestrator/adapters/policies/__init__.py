"""The policies folder: its files read and watched, and the policy language understood.

The law of this package: bytes in, policies or problems out.  Whatever is doubtful is a problem and
never an absence, so that nothing is removed because a file could not be read (promise P4).
"""
