"""For how long a turn may be silent: never shorter than a lawful listing, or an API restarts us."""

from datetime import timedelta

import pytest

from orchestrator.app.build import longest_turn
from orchestrator.config.settings import Calls


@pytest.mark.parametrize("page_size", [100, 200, 1000])
@pytest.mark.parametrize("timeout", [timedelta(seconds=1), timedelta(minutes=5)], ids=str)
@pytest.mark.parametrize("rate", [1.0, 200.0])
def test_a_listing_of_many_slow_pages_is_no_hang(
    page_size: int, timeout: timedelta, rate: float
) -> None:
    """A hundred thousand rooms, each page answered just in time."""
    pages = 100_000 / page_size
    listing = pages * max(timeout, timedelta(seconds=1 / rate))
    assert longest_turn(Calls(rate, 8, timeout, page_size, timedelta())) > listing
