"""How many examples a costly property is worth: years of a life are not a line of text."""

from typing import Final

from hypothesis import settings

_MOST: Final = 100

#: For properties whose one example takes tens of milliseconds; the profile's number, capped.
costly: Final = settings(max_examples=min(settings().max_examples, _MOST))
