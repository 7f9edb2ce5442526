"""What facts tell of a key and of its policy, as one chain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.chains import (
    Chain,
    author,
    became,
    came_into_force,
    changes_of,
    departure,
    end_of,
    history,
    last_of,
    line_of,
    newcomer,
    policy_of,
    tells_of,
    trail,
)
from orchestrator.domain.facts import ApiCall, Fact, Json, RecordedFact
from orchestrator.domain.keys import Key
from orchestrator.domain.reports import ChangeLine

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = Key("team-rooms", "checkout")
NAME = KEY.encoded
ACTOR = "policy team-rooms@9c1e44d2"


def chain(*facts: Fact, policy: str = "team-rooms", episode: str = "") -> Chain:
    """The chain of these facts, numbered from 1, a minute apart."""
    found = Chain(frozenset({NAME}), policy, episode)
    for seq, fact in enumerate(facts, start=1):
        found.take(RecordedFact(seq, START + timedelta(minutes=seq), fact))
    return found


def fact(event: str, *, key: str = NAME, actor: str = ACTOR, **more: Any) -> Fact:
    return Fact(event, actor=actor, key=key, **more)


def loaded(version: str = "9c1e", actor: str = ACTOR, **more: Json) -> Fact:
    detail = {"file": "team-rooms.yaml", "version": version, **more}
    return Fact("policy.loaded", actor=actor, detail=detail)


CREATED = fact("room.created", room_id="1", reason="teams.yaml:1 asks for it")
BURIED = fact("room.tombstoned", room_id="1", reason="its subject is gone")
WITHHELD = fact("act.withheld", detail={"action": "bury", "by": "mode"})
DELETED = fact("room.deleted", room_id="1", operation="op-1", reason="its grace is over")


def test_a_chain_keeps_what_is_about_its_key_and_policy() -> None:
    """And of the world what stands for every key; of other keys only when they began."""
    other = fact("room.adopted", key="team-rooms/search")
    foreign = fact("room.created", key="squads/search", actor="policy squads@1")
    brake = Fact("brake.tripped", detail={"brake": "b7", "keys": [NAME]})
    not_ours = Fact("brake.released", detail={"brake": "b8", "keys": ["squads/search"]})
    keyless = Fact("brake.released", detail={"brake": "b9"})
    rejected = Fact("policy.rejected", detail={"file": "team-rooms.yaml", "problems": []})
    away = Fact("api.unavailable", detail={"url": "u"})
    frozen = Fact("freeze.begun", detail={"freeze": "f1", "policies": ["team-rooms"]})
    elsewhere = Fact("freeze.begun", detail={"freeze": "f2", "policies": ["squads"]})
    sent = Fact("delivery.sent", detail={"destination": "rooms-json", "rooms": 1})
    removed = Fact("policy.removed", actor=ACTOR, detail={"file": "team-rooms.yaml"})
    theirs = loaded(actor="policy squads@1")
    found = chain(
        *(loaded(), CREATED, other, foreign, brake, not_ours, keyless, rejected, away, sent),
        *(removed, theirs, Fact("daemon.started"), frozen, elsewhere),
    )
    assert [one.seq for one in found.of_key] == [2]
    assert [one.seq for one in found.of_policy] == [1, 11]
    assert [one.seq for one in found.of_brakes] == [5]
    assert {name: one.seq for name, one in found.rejected.items()} == {"team-rooms.yaml": 8}
    assert {name: one.seq for name, one in found.of_world.items()} == {
        "api.unavailable": 9,
        "freeze.begun": 14,
    }
    assert chain(Fact("freeze.begun", detail={"policies": []})).of_world.keys() == {"freeze.begun"}
    assert {name: one.seq for name, one in found.sent.items()} == {"rooms-json": 10}
    assert found.firsts == {NAME: 2, "team-rooms/search": 3}
    assert found.made == {NAME, "team-rooms/search"}


def test_facts_of_a_page_without_a_key_are_found_by_its_episode() -> None:
    ignored = Fact("page.ignored", detail={"episode": "e1", "title": "Slow"})
    other = Fact("page.ignored", detail={"episode": "e2"})
    found = chain(ignored, other, policy="", episode="e1")
    assert [one.seq for one in found.of_key] == [1]


@pytest.mark.parametrize(
    ("actor", "policy"),
    [(ACTOR, "team-rooms"), ("policy squads", "squads"), ("anna", ""), ("", "")],
)
def test_the_policy_that_acted(actor: str, policy: str) -> None:
    assert policy_of(actor) == policy


def test_a_line_has_the_call_and_what_it_changed() -> None:
    renewed = fact(
        "room.renewed",
        room_id="1",
        operation="op-2",
        cause="agenda",
        reason="its renewal is due",
        before={"expires_at": "2026", "protect": False},
        after={"expires_at": "2027", "protect": False},
        api=ApiCall("PATCH", 200, 12.5, 1),
    )
    (line,) = history(chain(renewed))
    assert (line.seq, line.event, line.cause) == (1, "room.renewed", "agenda")
    assert (line.method, line.status, line.ms) == ("PATCH", 200, 12.5)
    assert line.changes == (ChangeLine("expires_at", "2026", "2027"),)
    plain = line_of(RecordedFact(9, START, CREATED))
    assert (plain.method, plain.status, plain.ms, plain.changes) == ("", 0, 0.0, ())


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {}, ()),
        ({"protect": False}, {"protect": True}, (ChangeLine("protect", "false", "true"),)),
        ({"text": None}, {"text": "x"}, (ChangeLine("text", "", "x"),)),
        ({"keep": 1}, {}, (ChangeLine("keep", "1", ""),)),
    ],
)
def test_what_changed(
    before: Mapping[str, Json], after: Mapping[str, Json], told: tuple[ChangeLine, ...]
) -> None:
    assert changes_of(before, after) == told


def test_a_version_is_in_force_since_it_came_last() -> None:
    """It may have been in force before, and then for other subjects again."""
    found = chain(loaded("a"), loaded("b"), loaded("a"), loaded("a"))
    last = came_into_force(found, "a")
    assert last is not None
    assert last.seq == 3
    assert came_into_force(found, "b") is None
    assert came_into_force(chain(), "a") is None


@pytest.mark.parametrize(
    ("detail", "who"),
    [
        ({"author": "Jonas", "commit": "4be12f09aa", "uid": 1}, "Jonas, 4be12f09"),
        ({"uid": 1001}, "uid 1001"),
        ({}, ""),
    ],
)
def test_who_wrote_it(detail: dict[str, Any], who: str) -> None:
    assert author(RecordedFact(1, START, loaded(**detail))) == who


@pytest.mark.parametrize(
    ("facts", "seq"),
    [
        pytest.param((loaded(), CREATED, loaded(), BURIED), 3, id="the load before"),
        pytest.param((loaded(), CREATED, loaded(), WITHHELD), 3, id="withheld"),
        pytest.param((loaded(), CREATED, BURIED, loaded()), 3, id="while no daemon ran"),
        pytest.param((loaded(), CREATED, loaded(), BURIED, BURIED), 3, id="decided twice"),
        pytest.param(
            (CREATED, loaded(), BURIED, fact("room.restored"), loaded(), BURIED), 5, id="again"
        ),
        pytest.param((CREATED, loaded()), 2, id="not decided yet"),
        pytest.param((CREATED, loaded(), loaded()), None, id="of two loads nobody knows"),
        pytest.param((loaded(),), None, id="never wanted"),
        pytest.param((CREATED,), None, id="wanted"),
    ],
)
def test_when_a_key_ceased_to_be_wanted(facts: tuple[Fact, ...], seq: int | None) -> None:
    left = departure(chain(*facts))
    assert (None if left is None else left.seq) == seq


@pytest.mark.parametrize(
    ("wanted", "came"),
    [
        (["payments"], "payments"),
        (["payments", "checkout-eu"], "checkout-eu"),
        (["payments", "mobile"], None),
        (["search"], None),
        ([], None),
    ],
)
def test_who_came_in_the_same_change(wanted: list[str], came: str | None) -> None:
    """The only one, or the one with the nearest name; not who was there before."""
    search = fact("room.created", key="team-rooms/search")
    found = chain(search, CREATED, loaded(), BURIED)
    left = departure(found)
    assert left is not None
    keys = [Key("team-rooms", name) for name in wanted] + [Key("squads", "new")]
    other = newcomer(found, left, KEY, keys)
    assert other == (None if came is None else Key("team-rooms", came))


def test_the_last_fact_of_a_name_and_its_details() -> None:
    other = fact("act.withheld", detail={"action": "create", "by": "brake"})
    found = chain(WITHHELD, other)
    told = last_of(found, "act.withheld", by="mode")
    assert told is not None
    assert told.seq == 1
    assert last_of(found, "act.withheld", by="theme") is None


def test_a_trail_leads_from_the_first_cause_to_the_last_act() -> None:
    """With the brakes that held it, and without meetings and messages."""
    started = fact("operation.started", operation="op-1")
    brake = Fact("brake.tripped", detail={"brake": "b7", "keys": [NAME]})
    session = fact("session.ended", room_id="1")
    found = chain(loaded(), CREATED, loaded(), BURIED, brake, session, started, DELETED, session)
    assert [line.seq for line in trail(found)] == [3, 4, 5, 7, 8]
    decided = chain(loaded(), CREATED, loaded(), BURIED)
    assert [line.event for line in trail(decided)] == ["policy.loaded", "room.tombstoned"]
    assert [line.event for line in trail(chain(CREATED))] == ["room.created"]
    assert trail(chain(loaded(), session)) == ()


def test_a_long_trail_is_cut_at_its_beginning() -> None:
    failed = fact("room.create.failed", reason="no answer")
    found = trail(chain(loaded(), *[failed] * 20, CREATED))
    assert (len(found), found[0].seq, found[-1].event) == (9, 1, "room.created")


def test_the_end_of_a_room_is_told_in_the_catalogues_words() -> None:
    lines = history(chain(CREATED, DELETED, fact("room.expired", room_id="2")))
    last, first = end_of(lines), end_of(lines, "1")
    assert last is not None
    assert first is not None
    assert (last.seq, first.seq) == (3, 2)
    assert end_of(lines, "9") is None
    assert became(first) == "The room was deleted at the API, because its grace is over"
    assert became(last) == "The room came to its end"


def test_a_fact_is_found_by_what_was_true_then() -> None:
    made = fact(
        "room.created", room_id="1", detail={"display_name": "Fax", "guest_url": "https://x"}
    )
    told = RecordedFact(1, START, made)
    assert all(tells_of(told, {name}) for name in (NAME, "1", "Fax", "https://x"))
    assert not tells_of(told, {"fax", "2"})
