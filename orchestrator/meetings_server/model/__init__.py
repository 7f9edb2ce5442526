"""Rooms and their life: values, and functions of their arguments.

The law of this package: no I/O, no clock (`now` is an argument), no randomness, no HTTP. Inside:
events → sessions → rooms | logos → life | themes | png | colors →
refusals.
"""
