"""Paging systems: bytes and headers in, signals out.

The law of this package: it is pure.  It opens nothing, reads no clock (`now` is an argument), logs
nothing and knows no server.  One module a system; none knows another.  Only what `authentication`
lets in is read, and reading never raises: what is surely an opening becomes `Opened`, whatever is
missing in it, and what cannot be understood becomes `Ignored` with a why.
"""
