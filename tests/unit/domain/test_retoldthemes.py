"""Themes by their facts alone: what a rebuilt store remembers of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.facts import Fact
from orchestrator.domain.retelling import Memory, Told, retell
from orchestrator.domain.themes import ThemeRecord
from orchestrator.foundation.instants import format_instant, parse_instant
from tests.fakes.facts import BEGAN

FIELDS = {"theme_name": "corporate~0a1b2c3d", "main_color": "#000", "short_company_url": None}


def at(number: int) -> datetime:
    return BEGAN + timedelta(minutes=number)


def a_fact(event: str, theme: str = "corporate", theme_id: str = "t1", **detail: Any) -> Fact:
    return Fact(event, detail={"theme": theme, "theme_id": theme_id, **detail})


def lived(*facts: Fact) -> Memory:
    return retell(Told(number, at(number), "first", fact) for number, fact in enumerate(facts, 1))


def remembered(*facts: Fact) -> ThemeRecord:
    (record,) = lived(*facts).themes.memory(BEGAN).records
    return record


CREATED = a_fact("theme.created", asked=FIELDS)
UPLOADED = a_fact(
    "theme.logos_uploaded", logos={"white": "d1", "favicon": "d2"}, pictures={"white": "k1"}
)


def test_a_theme_and_its_pictures() -> None:
    """A later upload changes what it tells of, and leaves the rest."""
    again = a_fact("theme.logos_uploaded", logos={"white": "d3"}, pictures={"white": "k3"})
    record = remembered(CREATED, UPLOADED, again)
    assert (record.name, record.id, dict(record.fields)) == ("corporate", "t1", FIELDS)
    assert dict(record.uploaded) == {"white": "d3", "favicon": "d2"}
    assert dict(record.pictures) == {"white": "k3"}
    assert record.painted_at == at(3)


def test_a_theme_that_was_found_again_or_changed() -> None:
    assert remembered(a_fact("theme.adopted")) == ThemeRecord("corporate", "t1")
    changed = remembered(CREATED, a_fact("theme.updated", asked=FIELDS | {"main_color": "#abc"}))
    assert changed.fields["main_color"] == "#abc"
    assert changed.updated_at == at(2)
    assert remembered(CREATED, a_fact("theme.updated")).fields == FIELDS, "of an earlier version"


def test_a_theme_that_was_there_before_us() -> None:
    """With its pictures, until it is forgotten; with our name it is ours."""
    pictures: dict[str, Any] = {"logos": {"white": "d1"}, "pictures": {"white": "k1"}}
    adopted = a_fact("theme.adopted", marked=False, **pictures)
    record = remembered(adopted)
    assert (record.adopted, dict(record.uploaded), dict(record.pictures)) == (
        True,
        {"white": "d1"},
        {"white": "k1"},
    )
    marked = remembered(UPLOADED, a_fact("theme.adopted", marked=True))
    assert (marked.adopted, dict(marked.pictures)) == (False, {"white": "k1"})
    changed = a_fact("theme.updated", asked={"main_color": "#abc"})
    assert remembered(adopted, changed).adopted is True
    assert remembered(adopted, a_fact("theme.updated", asked=FIELDS)).adopted is False
    memory = lived(adopted, a_fact("theme.forgotten")).themes.memory(BEGAN)
    assert (memory.records, memory.removed) == ((), ())


def test_one_theme_is_the_default() -> None:
    memory = lived(
        CREATED,
        a_fact("theme.created", "other", "t2", asked=FIELDS),
        a_fact("theme.defaulted"),
        a_fact("theme.defaulted", "other", "t2"),
    )
    assert [one.default for one in memory.themes.memory(BEGAN).records] == [False, True]


def test_a_decided_removal_stands_until_it_is_taken_back() -> None:
    decided = a_fact("theme.tombstoned", due=format_instant(at(99)))
    record = remembered(CREATED, decided)
    assert record.decided_at == at(2)
    assert record.due == parse_instant(format_instant(at(99)))
    record = remembered(CREATED, decided, a_fact("theme.restored"))
    assert (record.decided_at, record.due) == (None, None)


def test_a_theme_that_is_gone() -> None:
    """Removed by us it counts for the brake; lost it is to be made anew."""
    themes = lived(CREATED, UPLOADED, a_fact("theme.removed")).themes
    assert themes.memory(BEGAN).records == ()
    assert themes.memory(BEGAN).removed == (at(3),)
    assert themes.memory(at(4)).removed == ()
    assert remembered(CREATED, UPLOADED, a_fact("theme.lost")) == ThemeRecord("corporate")


@pytest.mark.parametrize(
    "fact",
    [
        Fact("theme.created", detail={"theme": "corporate"}),
        a_fact("theme.logos_uploaded", logos={"banner": "d"}, pictures={}),
        a_fact("theme.logos_uploaded", logos="white", pictures={}),
        a_fact("theme.tombstoned", due="soon"),
    ],
)
def test_what_cannot_be_read_is_counted_and_passed_over(fact: Fact) -> None:
    memory = lived(fact)
    assert memory.unread == 1
    assert memory.themes.memory(BEGAN).records == ()


def test_intents_and_failures_change_nothing() -> None:
    assert lived(
        a_fact("theme.started", kind="create"),
        a_fact("theme.failed", kind="create", next_at=None),
        a_fact("theme.unanswered", kind="create"),
    ).themes.memory(BEGAN) == Memory().themes.memory(BEGAN)
