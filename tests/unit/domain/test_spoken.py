"""Spans and numbers as one says them; moments and longer spans are tested with the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.spoken import length, plural, seconds


@pytest.mark.parametrize(
    ("span", "said"),
    [(0.0091, "0.009 s"), (0.314, "0.31 s"), (52.14, "52.1 s"), (119.0, "119.0 s"), (240, "4 min")],
)
def test_short_spans(span: float, said: str) -> None:
    """As many digits as tell something."""
    assert seconds(span) == said


def test_lengths_and_numbers() -> None:
    """The largest unit, hours in two; a noun of one or many."""
    assert length(timedelta(hours=6, minutes=4)) == "6 h 4 min"
    assert length(timedelta(hours=6, seconds=4)) == "6 h"
    assert length(timedelta()) == "0 s"
    assert [plural(1, "room"), plural(2000, "room"), plural(2, "policy", "policies")] == [
        "1 room",
        "2,000 rooms",
        "2 policies",
    ]
