"""Protocols in the domain's words: what we drive, and what drives us.

The law of this package: no behaviour, no vendor.  Every port states meaning, order, units and the
faults that it raises; every fake of one passes the same contract suite as the real adapter.
"""
