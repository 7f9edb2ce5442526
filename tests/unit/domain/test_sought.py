"""What a searched text is found in."""

from __future__ import annotations

import pytest

from orchestrator.domain.facts import Json
from orchestrator.domain.sought import tells_of, texts


@pytest.mark.parametrize(
    ("told", "text", "found"),
    [
        ("Checkout room", "checkout", True),
        ("Checkout  room", "CHECKOUT ROOM", True),
        ("Zoe\u0308", "zo\u00eb", True),
        ("481 920 374", "481-920-374", True),
        ("481920374", "481 920 374", True),
        ("481920374", "481 920 37", False),
        ("Checkout room", "payments", False),
        ("Room 12", "1 2", False),
    ],
)
def test_a_text_is_found_however_it_was_typed(told: str, text: str, found: bool) -> None:
    """Case, spacing and Unicode form do not matter; a code is found whole."""
    assert tells_of([told], text) is found
    assert tells_of(["something else", told], text) is found


def test_every_text_within_values_is_looked_into() -> None:
    """However deep; numbers and the like are none."""
    values: dict[str, Json] = {
        "a": "one",
        "b": ["two", {"c": "three"}],
        "d": 4,
        "e": None,
        "f": True,
    }
    assert list(texts(values)) == ["one", "two", "three"]
