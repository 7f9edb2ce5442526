"""Destinations: where people look for their rooms, one module each.

The law of this package: a destination is shown the whole present state and decides nothing; what is
told is written out field by field, so that nothing new slips out by itself; a failure is a
`DeliveryFault` and leaves what was shown before.  A host link never passes here.
"""
