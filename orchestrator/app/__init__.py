"""Composition roots: the only place that knows every class.

The law of this package: it slices the configuration, so that parts receive values and never
`Settings`; it builds everything that can fail first; it takes everything down in reverse order.
"""
