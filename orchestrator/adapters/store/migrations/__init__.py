"""The steps to the store's tables, by number; one that was released is never edited.

A change of a value's shape needs a step too, an empty one if need be: its number is what makes an
older daemon refuse a newer store.
"""
