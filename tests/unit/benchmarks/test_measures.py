"""The arithmetic of the benchmarks: what was measured in one round is compared with itself."""

from collections.abc import Callable

import pytest

from benchmarks.measures import Figure, Target, median_difference, median_ratio, percentile


def test_a_ratio_is_that_of_the_middle_round() -> None:
    """Not the ratio of two medians, which may come of two different minutes."""
    assert median_ratio([90.0, 10.0, 80.0], [100.0, 20.0, 100.0]) == 0.8


def test_a_difference_is_that_of_the_middle_round() -> None:
    assert median_difference([3.0, 10.0, 2.5], [1.0, 9.5, 2.0]) == 0.5


@pytest.mark.parametrize("compare", [median_ratio, median_difference])
@pytest.mark.parametrize(("ours", "bare"), [([], []), ([1.0], [1.0, 2.0])], ids=["none", "uneven"])
def test_rounds_of_one_side_alone_are_refused(
    compare: Callable[[list[float], list[float]], float], ours: list[float], bare: list[float]
) -> None:
    with pytest.raises(ValueError, match="both sides"):
        compare(ours, bare)


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1.0), (50, 2.0), (51, 3.0), (99, 4.0), (100, 4.0)]
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == value


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("target", "value", "is_short"),
    [
        (Target(1.0), 1.0, False),
        (Target(1.0), 1.1, True),
        (Target(0.85, at_least=True), 0.85, False),
        (Target(0.85, at_least=True), 0.84, True),
        (None, 9.0, False),
    ],
    ids=["at-most", "above", "at-least", "below", "nothing-asked"],
)
def test_what_falls_short(target: Target | None, value: float, is_short: bool) -> None:
    assert Figure("pass", "a pass", "seconds", value, "s", target).is_short is is_short
