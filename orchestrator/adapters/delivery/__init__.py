"""Destinations: where people look for their rooms, one module each.

The law of this package: a destination decides nothing.  A file is shown the whole present state, a
messenger is told of one link at a time, in one attempt bounded in time; when to try again is for
whoever asked.  What is told is written out field by field, so that nothing new slips out by
itself, and texts from pages are escaped as the destination's own markup wants it.  A failure is a
`DeliveryFault` and leaves what was shown before.  A host link is shown where the policy says so and
is kept nowhere; it never stands in a file.
"""
