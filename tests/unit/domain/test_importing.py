"""An estate becomes policies: few, whole, and the same whatever order its rooms are told in."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain import importing
from orchestrator.domain.importing import Import, Known, Terms, Why, import_rooms
from orchestrator.domain.keys import key, normalise_subject
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.rooms import Observed, RoomType, Setting
from tests import builders as a
from tests.builders import NOW

DAY = timedelta(days=1)
TERMS = Terms(NOW)


def room(
    room_id: str,
    name: str = "Team",
    *,
    age: timedelta = 10 * DAY,
    left: timedelta = 355 * DAY,
    **settings: Setting,
) -> Observed:
    """A long_term room without a marker; settings by their paths, with __ for the dot."""
    seen = a.observed(room_id, marked=None, created_at=NOW - age)
    told = {name.replace("__", "."): value for name, value in settings.items()}
    return replace(
        seen,
        display_name=name,
        metadata=None,
        type=RoomType.LONG_TERM,
        expires_at=NOW + left,
        settings=told,
    )


def subjects(made: Import) -> dict[str, str]:
    return {row.room_id: row.subject for _, row in made.rows}


def test_rooms_that_are_alike_are_one_policy_and_the_most_common_comes_first() -> None:
    """What differs by settings or lifetime is another; the name of a single one is the prefix."""
    recorded: dict[str, Any] = {"recording_options__auto_record": True}
    rooms = [
        *(room(f"a{n}", f"A {n}") for n in range(3)),
        room("b", "B", age=5 * DAY, left=25 * DAY),
        *(room(f"c{n}", f"C {n}", **recorded) for n in range(2)),
    ]
    made = import_rooms(rooms, Known(), TERMS)
    assert [(one.name, len(one.rows)) for one in made.groups] == [
        ("imported-365d", 3),
        ("imported-365d-2", 2),
        ("imported-30d", 1),
    ]
    assert made.groups[1].shape.settings == (("recording_options.auto_record", True),)
    (only,) = import_rooms(rooms[:3], Known(), Terms(NOW, "estate")).groups
    assert (only.name, only.shape.before) == ("estate", 30 * DAY)


LIVES = {
    "an hour": (timedelta(minutes=50), "1h"),
    "a day and a moment": (DAY + timedelta(minutes=5), "1d"),
    "a month": (30 * DAY, "30d"),
    "five weeks": (35 * DAY, "90d"),
    "renewed for years": (900 * DAY, "365d"),
}


@pytest.mark.parametrize(("life", "named"), LIVES.values(), ids=LIVES)
def test_a_lifetime_is_the_least_that_the_life_fits_in(life: timedelta, named: str) -> None:
    rooms = [room("1", age=life - timedelta(minutes=40), left=timedelta(minutes=40)), room("2")]
    names = {one.rows[0].room_id: one.name for one in import_rooms(rooms, Known(), TERMS).groups}
    expected = "imported" if named == "365d" else f"imported-{named}"
    assert names["1"] == expected


def test_a_room_of_unknown_age_is_renewed_by_what_is_left_of_it() -> None:
    made = import_rooms([replace(room("1", left=20 * DAY), created_at=None)], Known(), TERMS)
    assert made.groups[0].shape.lifetime == 30 * DAY
    unborn = replace(room("1", left=20 * DAY), created_at=NOW + 900 * DAY)
    assert import_rooms([unborn], Known(), TERMS) == made
    assert not made.groups[0].rows[0].due


def test_those_near_their_end_are_told() -> None:
    """A twelfth of the life before it, and up to a quarter of that more, by the key."""
    rooms = [room("1", "A", age=336 * DAY, left=29 * DAY), room("2", "B", left=38 * DAY, age=DAY)]
    rooms = [rooms[0], replace(rooms[1], created_at=NOW - 327 * DAY)]
    made = import_rooms(rooms, Known(), TERMS)
    assert {row.room_id: row.due for _, row in made.rows} == {"1": True, "2": False}


MARKER = new_marker("acme", key("team-rooms", "a"), 1, "k3m9x2aa-0000000000000001")
LEFT_OUT = {
    "instant": (replace(room("1"), type=RoomType.INSTANT), Why.INSTANT),
    "past its end": (room("1", left=-DAY), Why.ENDED),
    "not available": (replace(room("1"), is_available=False), Why.ENDED),
    "remembered": (room("ours"), Why.OURS),
    "marked": (replace(room("1"), metadata=write_metadata("", MARKER)), Why.OURS),
    "let go": (room("disowned"), Why.DISOWNED),
    "listed for nobody": (room("listed"), Why.LISTED),
    "another's": (
        replace(room("1"), metadata=write_metadata("", replace(MARKER, owner="other"))),
        Why.FOREIGN,
    ),
    "damaged": (replace(room("1"), metadata="[ro1 o=acme"), Why.UNREADABLE),
    "without an end": (replace(room("1"), expires_at=None), Why.NO_END),
}


@pytest.mark.parametrize(("seen", "why"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_nobodys_to_take_is_left_out_with_its_reason(seen: Observed, why: Why) -> None:
    known = Known("acme", frozenset({"ours"}), frozenset({"disowned"}), frozenset({"listed"}))
    made = import_rooms([seen, room("taken")], known, TERMS)
    assert {why: [room.id for room in rooms] for why, rooms in made.left_out.items()} == {
        why: [seen.id]
    }
    assert (made.read, [row.room_id for _, row in made.rows]) == (2, ["taken"])


def test_where_no_owner_is_known_every_marker_is_anothers() -> None:
    made = import_rooms([LEFT_OUT["marked"][0]], Known(), TERMS)
    assert (list(made.left_out), made.groups) == ([Why.FOREIGN], ())


def test_what_a_policy_cannot_ask_for_is_kept_and_counted() -> None:
    """A theme by its id, guests who wait where no host is told, a language that is none."""
    odd: dict[str, Any] = {
        "join_approval_level": "explicit_approval",
        "ui_settings__language": "pt",
    }
    rooms = [room("1", theme_id="5f0c", **odd), room("2", "B")]
    (group,) = import_rooms(rooms, Known(), TERMS).groups
    assert (group.shape.settings, group.shape.theme) == ((), "")
    assert group.kept == {"join_approval_level": 1, "ui_settings.language": 1, "theme_id": 1}
    terms = Terms(NOW, hosts_told=True, themes={"5f0c": "corporate"})
    named = {one.rows[0].room_id: one for one in import_rooms(rooms, Known(), terms).groups}
    assert named["1"].shape.settings == (("join_approval_level", "explicit_approval"),)
    assert named["1"].shape.theme == "corporate"
    assert named["1"].kept == {"ui_settings.language": 1}


NAMES = {
    "accents": ("Küche Süd", "kuche-sud", "Küche Süd"),
    "syntax": ("{{ x }}: - #", "x", "{{ x }}: - #"),
    "none": ("", "room-6b86b273", "room-6b86b273"),
    "space": (" \t ", "room-6b86b273", "room-6b86b273"),
    "no latin": ("会议室", "room-6b86b273", "会议室"),
    "controls": ("a\x00b\u2028c\ufeff", "a-bc", "abc"),
    "huge": ("Ab " * 5000, "ab-" * 19 + "ab", ("Ab " * 67)[:200].strip()),
}


@pytest.mark.parametrize(("name", "subject", "kept"), NAMES.values(), ids=NAMES)
def test_a_name_becomes_a_subject_and_a_name_that_can_be_asked_for(
    name: str, subject: str, kept: str
) -> None:
    (row,) = [row for _, row in import_rooms([room("1", name)], Known(), TERMS).rows]
    assert (row.subject, row.name, row.shown) == (subject, kept, name)


def test_namesakes_are_told_apart_by_their_ids_and_a_name_of_its_own_stays() -> None:
    """Also where somebody's name looks like what another would be called."""
    rooms = [room("1", "Standup"), room("2", "STANDUP!"), room("3", "Standup 6b86b273")]
    found = subjects(import_rooms(rooms, Known(), TERMS))
    assert found == {
        "1": "standup-6b86b273ff34fce1",
        "2": "standup-d4735e3a",
        "3": "standup-6b86b273",
    }


TEXTS = {
    "a text": (" cost centre 12 ", "cost centre 12"),
    "lines": ("a\nb", "a\nb"),
    "too long": ("x" * 191, ""),
    "unwritable": ("a\u2028b", ""),
    "a host's link": ("https://m.test/?room_token=1&participant_token=x.y", ""),
}


@pytest.mark.parametrize(("metadata", "text"), TEXTS.values(), ids=TEXTS)
def test_the_text_of_the_metadata_is_asked_for_where_it_can_be(metadata: str, text: str) -> None:
    made = import_rooms([replace(room("1"), metadata=metadata)], Known(), TERMS)
    assert [row.text for _, row in made.rows] == [text]


def test_a_policy_that_is_too_long_for_a_file_is_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PART_MOST", 140)
    made = import_rooms([room(str(n), f"Room number {n}") for n in range(5)], Known(), TERMS)
    assert [(one.name, len(one.rows)) for one in made.groups] == [
        ("imported-365d", 2),
        ("imported-365d-2", 2),
        ("imported-365d-3", 1),
    ]


@given(
    st.lists(st.tuples(st.text(max_size=30), st.booleans()), max_size=12),
    st.integers(0, 99),
)
def test_every_room_has_one_lawful_key_whatever_the_order(
    told: list[tuple[str, bool]], seed: int
) -> None:
    """Hostile names make keys that can be told apart, and the same ones again."""
    rooms = [room(str(n), name, expire_after_use=used) for n, (name, used) in enumerate(told)]
    made = import_rooms(rooms, Known(), TERMS)
    shuffled = random.Random(seed).sample(rooms, len(rooms))
    assert import_rooms([*shuffled, *rooms], Known(), TERMS) == made
    found = subjects(made)
    assert len(set(found.values())) == len(found) == len(rooms)
    for _, row in made.rows:
        assert normalise_subject(row.subject) == row.subject
        assert row.name.strip() == row.name
        assert 1 <= len(row.name) <= 200
