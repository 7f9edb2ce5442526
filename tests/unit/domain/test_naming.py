"""Which key is meant by a name, and what may have been meant."""

from __future__ import annotations

import pytest

from orchestrator.domain.keys import Key
from orchestrator.domain.naming import Names, code_of, keys_named, near_names

CHECKOUT = Key("team-rooms", "checkout")
SEARCH = Key("team-rooms", "search")
OTHER = Key("squads", "search")
KNOWN = (
    Names(
        CHECKOUT,
        frozenset({"team-rooms/checkout", "https://meet.test/j/1"}),
        frozenset({"481 920 374", ""}),
        frozenset({"Checkout room"}),
    ),
    Names(SEARCH, called=frozenset({"Search  Room"})),
    Names(OTHER, called=frozenset({"search"})),
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("team-rooms/checkout", [CHECKOUT]),
        (" https://meet.test/j/1 ", [CHECKOUT]),
        ("481-920-374", [CHECKOUT]),
        ("481920374", [CHECKOUT]),
        ("checkout", [CHECKOUT]),
        ("CHECKOUT  room", [CHECKOUT]),
        ("search room", [SEARCH]),
        ("search", [SEARCH, OTHER]),  # of both the subject, before any name
        ("Search", [OTHER]),
        ("", []),
        ("-", []),
        ("481", []),
    ],
)
def test_a_name_means_what_fits_best(name: str, meant: list[Key]) -> None:
    assert keys_named(name, KNOWN) == meant


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("checkoot", ("team-rooms/checkout",)),
        ("team-rooms/checkoot", ("team-rooms/checkout",)),
        ("team-rooms/payments", ()),  # what the keys have in common is no likeness
        ("team-room/checkout", ("team-rooms/checkout",)),
        ("team-room", ("team-rooms",)),
        ("zzz", ()),
    ],
)
def test_what_may_have_been_meant(name: str, near: tuple[str, ...]) -> None:
    known = ["squads/data", "team-rooms", "team-rooms/checkout", "team-rooms/search"]
    assert near_names(name, known) == near


def test_of_many_like_names_three_are_told() -> None:
    known = [f"team-rooms/team-{number}" for number in range(9)]
    assert len(near_names("team-rooms/team", known)) == 3


@pytest.mark.parametrize(("text", "code"), [("1 2-3", "123"), ("a1", ""), ("", ""), ("- ", "")])
def test_a_code_is_digits(text: str, code: str) -> None:
    assert code_of(text) == code
