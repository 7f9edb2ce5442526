"""Archives: places that keep copies of recordings for good.

The law of this package: what is called a copy was read back from where it is and is what was
received, byte for byte; whatever else lies there is not.  No copy is
ever written over or removed.
"""
