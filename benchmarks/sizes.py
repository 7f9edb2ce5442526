"""How much each benchmark does: `NORMAL` in five minutes, `ALL` in more, `QUICK` for a test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of one run.

    Attributes:
        rooms: created in one round of `converge`.
        concurrencies: of `converge`.
        rounds: of everything that is measured by turns.
        passes: rooms of the estates of `pass`.
        estates: rooms of the estates of `change` and `start`.
        repeats: saves of `change`.
        facts: of `audit`.
        pages: of `page`, while the daemon is idle; ten times as many at most while it is not.
        renewals: rooms that are renewed meanwhile.
    """

    rooms: int
    concurrencies: tuple[int, ...]
    rounds: int
    passes: tuple[int, ...]
    estates: tuple[int, ...]
    repeats: int
    facts: int
    pages: int
    renewals: int


NORMAL = Sizes(
    rooms=2_000,
    concurrencies=(16, 64),
    rounds=3,
    passes=(1_000, 10_000),
    estates=(10_000,),
    repeats=7,
    facts=20_000,
    pages=300,
    renewals=10_000,
)
ALL = Sizes(
    rooms=2_000,
    concurrencies=(16, 64),
    rounds=5,
    passes=(1_000, 10_000, 100_000),
    estates=(10_000, 100_000),
    repeats=11,
    facts=50_000,
    pages=1_000,
    renewals=10_000,
)
QUICK = Sizes(
    rooms=10,
    concurrencies=(2,),
    rounds=1,
    passes=(10,),
    estates=(10,),
    repeats=1,
    facts=10,
    pages=3,
    renewals=10,
)
