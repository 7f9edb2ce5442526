"""A person's word that nothing is changed: kept, told, and known again from what was told."""

from datetime import timedelta

import pytest

from orchestrator.domain.facts import Fact
from orchestrator.domain.freezes import (
    Freeze,
    begun,
    ended,
    read_freezes,
    replacing,
    retold,
    write_freezes,
)
from tests.builders import NOW

ALL = Freeze(NOW, NOW + timedelta(days=2), "anna (uid 1001)", "quarter end")
SOME = Freeze(NOW, NOW + timedelta(days=1), "ben (uid 1002)", "audit", ("a", "b"), all_acts=True)


@pytest.mark.parametrize("freeze", [ALL, SOME])
def test_its_fact_and_its_note_tell_all_of_it(freeze: Freeze) -> None:
    fact = begun(freeze)
    assert (fact.event, fact.actor, fact.reason) == ("freeze.begun", freeze.actor, freeze.reason)
    assert retold(fact) == freeze
    assert read_freezes(write_freezes([freeze])) == (freeze,)


def test_without_any_there_is_no_note() -> None:
    assert write_freezes([]) is None
    assert read_freezes(None) == ()


def test_its_end_names_it() -> None:
    by_time, by_ben = ended(ALL, "", "its time is over"), ended(ALL, "ben", "closed")
    assert (by_time.cause, by_ben.cause) == ("time", "command")
    assert by_time.detail["freeze"] == ALL.name == by_ben.detail["freeze"]
    assert len({ALL.name, SOME.name}) == 2


def test_what_a_fact_does_not_tell_whole_is_no_freeze() -> None:
    with pytest.raises(KeyError):
        retold(Fact("freeze.begun", detail={"freeze": "x"}))
    odd = Fact("freeze.begun", detail={**begun(ALL).detail, "policies": None})
    assert retold(odd).policies == ()


def test_whom_it_covers() -> None:
    assert [ALL.covers(name) for name in ("a", "c", "")] == [True, True, True]
    assert [SOME.covers(name) for name in ("a", "c", "")] == [True, False, False]


def test_a_later_word_takes_the_place_of_one_for_the_same_policies() -> None:
    later = Freeze(NOW, NOW + timedelta(days=3), "ben", "longer")
    assert replacing([ALL, SOME], later) == (SOME, later)
