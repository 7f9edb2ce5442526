"""Routes: the path of a request with ``{id}`` in place of every id, so that there are few of them.

What is not one of the API's own words is taken for an id: a word that comes later is counted under
``{id}`` rather than that every room is counted by itself.
"""

from __future__ import annotations

from typing import Final

UPLOAD: Final = "(picture upload)"  # at the place that the API named for it

_WORDS: Final = frozenset(
    {
        *("applications", "finalizeLogos", "logos-upload-urls"),
        *("recordings", "rooms", "sessions", "themes"),
    }
)


def route_of(path: str) -> str:
    """The route of a path below the API's root."""
    steps = path.split("/")
    return "/".join(step if step in _WORDS or not step else "{id}" for step in steps)
