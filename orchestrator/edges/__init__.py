"""The edges: where others reach us.

The law of this package: an edge turns what comes in into the words of a port and what goes out
into bytes.  It decides nothing, keeps nothing, and knows no other edge.
"""
