"""Figures and their arithmetic: medians, ratios of what was measured by turns, and targets."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must be: at least, or at most, a number."""

    limit: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a figure is good enough."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        bench: the name of the benchmark.
        work: what was done, in words.
        name: what the value is.
        unit: of the value; empty for a ratio.
        target: what is asked of it, where something is.
        beside: what it was made from, for whoever wants to look closer.
    """

    bench: str
    work: str
    name: str
    value: float
    unit: str = ""
    target: Target | None = None
    beside: dict[str, float] = field(default_factory=dict)

    @property
    def is_short(self) -> bool:
        """Whether it falls short of its target."""
        return self.target is not None and not self.target.is_met(self.value)


def median_ratio(ours: Sequence[float], bare: Sequence[float]) -> float:
    """The median of the ratios of what was measured in the same round.

    Raises:
        ValueError: there are no rounds, or not as many of the one as of the other.
    """
    if not ours or len(ours) != len(bare):
        message = "a ratio needs rounds in which both sides were measured"
        raise ValueError(message)
    return statistics.median(one / other for one, other in zip(ours, bare, strict=True))


def median_difference(ours: Sequence[float], bare: Sequence[float]) -> float:
    """The median of the differences of what was measured in the same round.

    Raises:
        ValueError: there are no rounds, or not as many of the one as of the other.
    """
    if not ours or len(ours) != len(bare):
        message = "a difference needs rounds in which both sides were measured"
        raise ValueError(message)
    return statistics.median(one - other for one, other in zip(ours, bare, strict=True))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many of a hundred do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        message = "no values"
        raise ValueError(message)
    rank = max(math.ceil(percent / 100 * len(values)), 1)
    return sorted(values)[rank - 1]
