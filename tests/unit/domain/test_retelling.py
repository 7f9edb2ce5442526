"""What a store would remember, by its facts alone: each fact does what its act did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.brakes import Approval
from orchestrator.domain.facts import Fact
from orchestrator.domain.freezes import Freeze, begun, ended
from orchestrator.domain.policies import RemovalMode
from orchestrator.domain.records import Ask, Dormancy, OperationState, Role, Suspension, Tally
from orchestrator.domain.retelling import Memory, Told, read_key, retell
from orchestrator.foundation.instants import format_instant, parse_instant, truncate
from tests.fakes.facts import BEGAN

KEY = "team-rooms/checkout"
POLICY = "policy team-rooms@9c1e4b7a"
END = "2027-11-20T10:00:00.000Z"
LATER = "2028-11-20T10:00:00.000Z"


def told(*facts: Fact, store: str = "firstone") -> list[Told]:
    return [
        Told(number, BEGAN + timedelta(minutes=number), store, fact)
        for number, fact in enumerate(facts, 1)
    ]


def at(number: int) -> datetime:
    return BEGAN + timedelta(minutes=number)


def a_fact(event: str, room: str = "r1", key: str = KEY, **rest: Any) -> Fact:
    detail = {"display_name": "Checkout room", **rest.pop("detail", {})}
    if event in {"room.create.failed", "operation.started", "operation.recovered"}:
        del detail["display_name"]
    return Fact(event, key=key, room_id=room, detail=detail, **rest)


def born(room: str = "r1", generation: int = 1, key: str = KEY, **detail: Any) -> Fact:
    event = "room.replaced" if "replaces" in detail else "room.created"
    return a_fact(
        event,
        room,
        key,
        actor=POLICY,
        operation=f"firstone-{room}",
        detail={
            "type": "long_term",
            "meeting_code": "900",
            "guest_url": f"https://meet.test/{room}",
            "expires_at": END,
            "generation": generation,
            **detail,
        },
    )


def remembered(*facts: Fact) -> Memory:
    memory = retell(told(*facts))
    assert memory.unread == 0
    return memory


def roles(memory: Memory, key: str = KEY) -> dict[str, Role]:
    return {room.id: room.role for room in memory.keys[key].rooms.values()}


def test_a_birth_tells_all_of_a_room() -> None:
    """What was asked, what was not taken, by which version, and until when."""
    loaded = Fact("policy.loaded", actor=POLICY, detail={"version": "9c1e4b7a01d2", "file": "t"})
    asked = {"ui_settings.language": "de", "expire_after_use": False, "nonsense": "x"}
    memory = remembered(loaded, born(asked=asked, not_taken=["ui_settings.language", "no"]))
    room = memory.keys[KEY].current
    assert room is not None
    assert (room.id, room.generation, room.operation) == ("r1", 1, "firstone-r1")
    assert room.expires_at == datetime(2027, 11, 20, 10, tzinfo=UTC)
    assert room.granted_at == at(2)
    assert dict(room.applied) == {"ui_settings.language": "de", "expire_after_use": False}
    assert dict(room.not_taken) == {"ui_settings.language": "de"}
    assert room.version == "9c1e4b7a01d2"
    assert memory.policies == {"team-rooms": "9c1e4b7a01d2"}


def test_a_replacement_supersedes_and_counts() -> None:
    """The first is current until its own fact says otherwise; the link counts for brakes."""
    superseded = a_fact("room.superseded", "r1", detail={"end_due": END, "by": "r2"})
    memory = remembered(born(), born("r2", 2, replaces="r1"), superseded)
    assert roles(memory) == {"r2": Role.CURRENT, "r1": Role.SUPERSEDED}
    assert memory.keys[KEY].rooms["r1"].end_due == datetime(2027, 11, 20, 10, tzinfo=UTC)
    assert [(one.key, one.link) for one in memory.ended] == [(KEY, "r1")]


@pytest.mark.parametrize(
    ("event", "after", "link"),
    [
        ("room.ending", Role.ENDING, "r1"),
        ("room.retired", Role.ENDING, "r1"),
        ("room.deleted", None, "r1"),
        ("room.lost", None, ""),
        ("room.expired", None, ""),
    ],
)
def test_how_a_current_room_ends(event: str, after: Role | None, link: str) -> None:
    """By an act of ours, which brakes count, or by itself: then the next is for a lost one."""
    buried = a_fact("room.tombstoned", detail={"due": END, "mode": "delete"}, reason="it is gone")
    memory = remembered(born(), buried, a_fact(event))
    key = memory.keys[KEY]
    assert roles(memory) == ({} if after is None else {"r1": after})
    assert key.tombstone is None
    assert key.lost is (after is None and not link)
    told_of = f"{link} {format_instant(at(2))}"  # one decision, so another one is another link
    assert [one.link for one in memory.ended] == ([told_of] if link else [])


def test_a_removal_is_decided_and_taken_back() -> None:
    """With its terms."""
    buried = a_fact("room.tombstoned", detail={"due": END, "mode": "delete"}, reason="it is gone")
    tombstone = remembered(born(), buried).keys[KEY].tombstone
    assert tombstone is not None
    assert (tombstone.decided_at, tombstone.mode) == (at(2), RemovalMode.DELETE)
    assert (tombstone.due, tombstone.reason) == (
        datetime(2027, 11, 20, 10, tzinfo=UTC),
        "it is gone",
    )
    retired = a_fact("room.retired", detail={"expires_at": LATER})
    memory = remembered(born(), buried, retired, a_fact("room.restored"))
    assert memory.keys[KEY].tombstone is None
    assert roles(memory) == {"r1": Role.CURRENT}
    assert memory.keys[KEY].rooms["r1"].retired_at is None


def test_a_superseded_room_ends_without_counting() -> None:
    """Its link was changed when it was replaced."""
    superseded = a_fact("room.superseded", "r1", detail={"end_due": END, "by": "r2"})
    retired = a_fact("room.retired", "r1", detail={"expires_at": None})
    memory = remembered(born(), born("r2", 2, replaces="r1"), superseded, retired)
    assert roles(memory)["r1"] is Role.SUPERSEDED
    assert memory.keys[KEY].rooms["r1"].retired_at == at(4)
    memory = remembered(
        born(), born("r2", 2, replaces="r1"), superseded, retired, a_fact("room.expired", "r1")
    )
    assert roles(memory) == {"r2": Role.CURRENT}
    assert not memory.keys[KEY].lost
    assert len(memory.ended) == 1


def test_a_room_made_for_a_lost_one_counts() -> None:
    """As brakes name it: by the generation of what was lost."""
    memory = remembered(born(), a_fact("room.lost"), born("r2", 2))
    assert [(one.at, one.link) for one in memory.ended] == [(at(3), "lost 1")]
    assert not memory.keys[KEY].lost


def test_renewals_and_updates() -> None:
    """The end that was granted, and when; an update of an earlier version of ours tells less."""
    renewed = a_fact("room.renewed", detail={"expires_at": LATER})
    room = remembered(born(), renewed).keys[KEY].current
    assert room is not None
    assert (room.granted_at, room.renewed_at) == (at(2), at(2))
    assert room.expires_at == datetime(2028, 11, 20, 10, tzinfo=UTC)
    # A line that was taken out of the policy asked for the default, and was not taken.
    detail = {"asked": {"expire_after_use": True}, "not_taken": ["ui_settings.language"]}
    updated = a_fact(
        "room.updated", actor=POLICY, detail=detail, after={"ui_settings.language": "en"}
    )
    asked = {"ui_settings.language": "de", "theme_id": "t"}
    first = born(asked=asked, not_taken=[*asked])
    room = remembered(first, updated).keys[KEY].current
    assert room is not None
    assert dict(room.applied) == {"expire_after_use": True}
    assert dict(room.not_taken) == {"theme_id": "t", "ui_settings.language": "default"}
    assert room.updated_at == at(2)
    old = remembered(born(asked={"expire_after_use": True}), a_fact("room.updated"))
    room = old.keys[KEY].current
    assert room is not None
    assert (dict(room.applied), room.updated_at) == ({"expire_after_use": True}, at(2))


def test_a_link_changes() -> None:
    """The API gave another."""
    changed = a_fact("room.link.changed", after={"guest_url": "https://meet.test/new"})
    room = remembered(born(), changed).keys[KEY].current
    assert room is not None
    assert room.guest_url == "https://meet.test/new"


def test_a_key_moves_with_all_it_has() -> None:
    """Rooms, names, people's words, and creates under way."""
    distinct = Fact("room.distinct", key=KEY, room_id="other", detail={"other": "other"})
    started = a_fact(
        "operation.started",
        "",
        operation="firstone-open",
        detail={"kind": "create", "watermark": 1200, "attempt": 1, "generation": 2},
    )
    moved = a_fact(
        "room.rekeyed", key="team-rooms/till", detail={"from": KEY, "to": "team-rooms/till"}
    )
    again = a_fact(
        "room.rekeyed", key="squads/till", detail={"from": "team-rooms/till", "to": "squads/till"}
    )
    other = replace(started, key="squads/till", operation="firstone-other")
    memory = remembered(born(), distinct, started, other, moved, again)
    assert set(memory.keys) == {"squads/till"}
    key = memory.keys["squads/till"]
    assert (key.generation, set(key.distinct)) == (2, {"other"})
    assert key.former == (KEY, "team-rooms/till")
    assert key.current is not None
    assert {one.key for one in memory.creates.values()} == {"squads/till"}
    # From a key of which nothing was told, as where the log begins later.
    memory = remembered(moved)
    assert memory.keys["team-rooms/till"].former == (KEY,)


def test_adopted_forgotten_and_taken_back() -> None:
    """Whose it is; a room serves the key that was told last."""
    adopted = a_fact("room.adopted", "hand", detail={"generation": 1, "marked": False})
    memory = remembered(adopted)
    assert [room.adopted for room in memory.keys[KEY].rooms.values()] == [True]
    forgotten = a_fact("room.forgotten", "hand", actor="anna (uid 1001)")
    memory = remembered(adopted, forgotten)
    assert memory.disowned == {"hand": "anna (uid 1001)"}
    assert roles(memory) == {}
    elsewhere = a_fact(
        "room.adopted", "hand", "team-rooms/other", detail={"generation": 1, "marked": True}
    )
    memory = remembered(adopted, forgotten, elsewhere)
    assert memory.disowned == {}
    memory = remembered(adopted, elsewhere)
    assert roles(memory) == {}
    assert [room.adopted for room in memory.keys["team-rooms/other"].rooms.values()] == [False]


def test_a_duplicate_is_remembered_as_one() -> None:
    """It is ended, and was never announced."""
    duplicated = a_fact("room.duplicated", "r9", detail={"generation": 3})
    memory = remembered(born(), duplicated)
    assert roles(memory) == {"r1": Role.CURRENT, "r9": Role.DUPLICATE}
    assert memory.keys[KEY].generation == 3


@pytest.mark.parametrize(
    ("facts", "state", "room"),
    [
        ([], OperationState.OPEN, None),
        ([a_fact("room.create.failed", "", operation="firstone-op")], OperationState.FAILED, None),
        (
            [
                a_fact(
                    "operation.recovered",
                    "",
                    operation="firstone-op",
                    detail={"kind": "create", "found": False},
                )
            ],
            OperationState.FAILED,
            None,
        ),
        (
            [
                a_fact(
                    "operation.recovered",
                    "r7",
                    operation="firstone-op",
                    detail={"kind": "create", "found": True},
                ),
                Fact(
                    "room.created",
                    key=KEY,
                    room_id="r7",
                    detail={"generation": 1, "display_name": "x"},
                ),
            ],
            OperationState.DONE,
            "r7",
        ),
    ],
    ids=["open", "failed", "not-found", "found"],
)
def test_what_became_of_a_create(
    facts: list[Fact], state: OperationState, room: str | None
) -> None:
    """The journal again; a second try keeps the first one's beginning."""
    detail = {"kind": "create", "watermark": None, "attempt": 1}
    first = a_fact("operation.started", "", operation="firstone-op", reason="why", detail=detail)
    second = a_fact(
        "operation.started", "", operation="firstone-op", detail={**detail, "attempt": 2}
    )
    renew = a_fact("operation.started", "r1", operation="firstone-x", detail={"kind": "renew"})
    memory = remembered(first, second, renew, *facts)
    key = read_key(KEY, {})
    assert key is not None
    (operation,) = [one.operation(name, key) for name, one in memory.creates.items()]
    assert (operation.state, operation.room_id) == (state, room)
    assert (operation.attempt, operation.generation, operation.started_at) == (2, 1, at(1))
    if room is not None:
        current = memory.keys[KEY].current
        assert current is not None
        assert current.operation == "firstone-op"


def test_the_rest_of_what_counts() -> None:
    """Approvals, sessions, policies, the API that was verified, the stores."""
    facts = told(
        Fact("brake.released", detail={"brake": "b1"}),
        Fact(
            "brake.released",
            actor="anna",
            reason="reorganisation",
            detail={"brake": "b2", "keys": [KEY], "until": END},
        ),
        a_fact("session.started", detail={"session": "s1", "started_at": END}),
        a_fact("session.started", detail={"session": "s2", "started_at": None}),
        a_fact("session.ended", detail={"session": "s1"}),
        Fact("policy.loaded", actor=POLICY, detail={"version": "9c1e4b7a01d2", "file": "t"}),
        Fact("policy.removed", actor=POLICY, detail={"file": "t"}),
        Fact("api.verified", detail={"url": "https://meet.test"}),
        Fact("daemon.stopped"),
    )
    memory = retell([*facts, *told(Fact("daemon.stopped"), store="othertwo")])
    assert memory.approved == {
        KEY: Approval("lost 0", at(2) + timedelta(days=1), "anna", "reorganisation")
    }
    assert list(memory.sessions["r1"]) == ["s2"]
    assert memory.policies == {}
    assert memory.verified == "https://meet.test"
    assert memory.stores == {"firstone", "othertwo"}


def test_an_approved_replacement_is_known_by_what_was_shown() -> None:
    """A fact of an earlier version of ours tells only whose it was: a person is asked again."""

    def released(**more: Any) -> Fact:
        detail = {"brake": "b1", "keys": [KEY], "until": END, **more}
        return Fact("brake.released", actor="anna", reason="new names", detail=detail)

    done, shown = born("r2", 2, replaces="r1"), "r1 replace 0123"
    memory = remembered(born(), released(standing={KEY: shown}), done)
    assert memory.approved[KEY].link == shown
    assert [one.approved for one in memory.ended] == [True]
    memory = remembered(born(), released(), done)
    assert memory.approved[KEY].link == "r1"
    assert [one.approved for one in memory.ended] == [False]
    # A removal is known by its decision, as this log dates it.
    buried = a_fact("room.tombstoned", detail={"due": END, "mode": "delete"}, reason="it is gone")
    memory = remembered(born(), buried, released(standing={KEY: "r1 2026-01-05T09:00:00Z"}))
    assert memory.approved[KEY].link == f"r1 {format_instant(at(2))}"


def test_meetings_are_counted_again() -> None:
    """So that a rebuilt store counts none of them twice; of a room that is not known, none."""
    met = {"session": "s1", "ended_at": at(5).isoformat(), "since": END}
    memory = retell(
        told(
            a_fact("room.created", detail={"display_name": "x", "generation": 1}),
            a_fact("session.counted", detail={**met, "minutes": 30.5, "participants": 2}),
            a_fact("session.counted", detail={**met, "session": "s2", "minutes": None}),
            Fact("session.counted", key=KEY, room_id="r9", detail={**met, "minutes": 1}),
        )
    )
    assert memory.keys[KEY].rooms["r1"].tally == Tally(
        parse_instant(END), at(5), 2, 30.5, 1, {"s1": at(5), "s2": at(5)}
    )
    assert list(memory.keys[KEY].rooms) == ["r1"]


def test_who_believes_a_listing_approves_that_its_rooms_are_gone() -> None:
    """Of the present links, whatever is known of a key."""
    other = "team-rooms/gone"
    believed = Fact(
        "listing.believed", actor="anna", reason="the backend is new", detail={"keys": [KEY, other]}
    )
    memory = remembered(born(generation=3), believed, Fact("listing.believed", detail={}))
    until = at(2) + timedelta(days=1)
    assert memory.approved == {
        KEY: Approval("lost 3", until, "anna", "the backend is new"),
        other: Approval("lost 0", until, "anna", "the backend is new"),
    }


def test_what_cannot_be_understood_is_counted_and_passed_over() -> None:
    """Of another version of ours, altered, or about a room that was never told of."""
    broken = [
        Fact("room.created", room_id="r1", detail={"generation": 1}),
        Fact("room.created", key=KEY, room_id="r1", detail={"display_name": "x"}),
        Fact("room.tombstoned", key=KEY, room_id="r1", detail={"due": "soon", "mode": "delete"}),
        Fact("room.link.changed", key=KEY, room_id="r1"),
    ]
    memory = retell(told(*broken, a_fact("room.renewed", "unknown", detail={"expires_at": END})))
    assert memory.unread == len(broken)
    assert all(not key.rooms for key in memory.keys.values())


def test_a_key_that_was_cut_is_read_by_those_that_are_known() -> None:
    """Its encoded form alone does not tell the whole."""
    key = read_key(KEY, {})
    assert key is not None
    assert key.subject == "checkout"
    cut = f"team-rooms/{'x' * 103}~0123456789abcdef"
    assert read_key(cut, {}) is None
    assert read_key(cut, {cut: key}) == key


def test_freezes_stand_until_somebody_or_time_ended_them() -> None:
    """One for the same policies takes the place of an earlier one."""
    end = truncate(at(9))
    first = Freeze(truncate(at(1)), end, "anna", "audit")
    longer = Freeze(truncate(at(2)), end, "anna", "a longer audit")
    other = Freeze(truncate(at(3)), end, "ben", "quarter end", ("team-rooms",), all_acts=True)
    every = [begun(one) for one in (first, longer, other)]
    assert remembered(*every).freezes == (longer, other)
    assert remembered(*every, ended(longer, "", "its time is over")).freezes == (other,)
    unread = retell(told(Fact("freeze.begun", actor="anna"), Fact("freeze.ended")))
    assert (unread.freezes, unread.unread) == ((), 2)


def test_archives_are_known_by_the_mark_that_was_told_last() -> None:
    """Also where an earlier version of ours copied there, which told none."""

    def copied(archive: str, **mark: str) -> Fact:
        return Fact("recording.archived", detail={"archive": archive, **mark})

    facts = [copied("vault", mark="s1-vault"), copied("attic"), copied("vault")]
    assert remembered(*facts).archives == {"vault": "s1-vault", "attic": ""}
    assert remembered(*facts, copied("vault", mark="s2-vault")).archives["vault"] == "s2-vault"


def test_peoples_words_about_one_key() -> None:
    """Protection, a suspension, a renewal that was asked for; each until it is taken back."""
    suspended = a_fact("room.suspended", actor="anna", reason="audit", detail={"until": END})
    asked = a_fact("room.renew.asked", actor="ben", reason="a fair")
    key = remembered(born(), a_fact("room.protected"), suspended, asked).keys[KEY]
    assert key.protect
    assert key.suspended == Suspension(datetime(2027, 11, 20, 10, tzinfo=UTC), "anna", "audit")
    assert key.asked == Ask(at(4), "ben", "a fair")
    renewed = a_fact("room.renewed", detail={"expires_at": LATER}, before={"expires_at": END})
    facts = (a_fact("room.unprotected"), a_fact("room.resumed", detail={"until": END}), renewed)
    key = remembered(born(), a_fact("room.protected"), suspended, asked, *facts).keys[KEY]
    assert (key.protect, key.suspended, key.asked) == (False, None, None)
    assert key.current is not None
    assert key.current.renewed_from == datetime(2027, 11, 20, 10, tzinfo=UTC)
    assert key.current.granted_until == key.current.expires_at
    moved = a_fact("room.rekeyed", key="a/b", detail={"from": KEY, "to": "a/b"})
    key = remembered(born(), a_fact("room.protected"), suspended, asked, moved).keys["a/b"]
    assert key.protect
    assert key.suspended is not None
    assert key.asked is not None


SLEPT = a_fact("room.dormant", detail={"expires_at": END, "unused_since": END})


def test_dormancy_outlives_its_room_until_it_is_woken() -> None:
    """What nobody used is not missed, and not made anew by a store that was rebuilt."""
    since = datetime(2027, 11, 20, 10, tzinfo=UTC)
    key = remembered(born(), SLEPT).keys[KEY]
    assert key.dormant == Dormancy(at(2), since)
    over = remembered(born(), SLEPT, a_fact("room.expired")).keys[KEY]
    assert (over.rooms, over.lost, over.dormant) == ({}, False, Dormancy(at(2), since))
    moved = a_fact("room.rekeyed", key="a/b", detail={"from": KEY, "to": "a/b"})
    assert remembered(born(), SLEPT, moved).keys["a/b"].dormant is not None


@pytest.mark.parametrize(
    "fact",
    [
        a_fact("room.woken"),
        born("r2", 2),
        a_fact("room.ending", detail={"expires_at": END}),
        a_fact("room.deleted"),
    ],
    ids=["woken", "made anew", "let go", "deleted"],
)
def test_what_ends_dormancy(fact: Fact) -> None:
    assert remembered(born(), SLEPT, fact).keys[KEY].dormant is None
