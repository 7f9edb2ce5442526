"""The store port: one suite over the fake and SQLite, in a file and in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.domain.announcements import Stage
from orchestrator.domain.deliveries import Delivery
from orchestrator.domain.episodes import Episode, Fallback
from orchestrator.domain.facts import Fact, RecordedFact
from orchestrator.domain.keeping import Gone, KeptCopy, KeptRecording, Terms, WatchedSession
from orchestrator.domain.keys import Key
from orchestrator.domain.pages import Page, Severity, digest_of
from orchestrator.domain.policies import KeepRecordings, Mode
from orchestrator.domain.recordings import Copy, RecordingStatus
from orchestrator.domain.records import (
    KeyState,
    Operation,
    OperationKind,
    OperationState,
    Role,
    RoomRecord,
)
from orchestrator.domain.rooms import RoomType
from orchestrator.ports.store import Commit, PolicyText, Pruned, Store, StoreFault
from tests.fakes.store import FakeStore

NOW = datetime(2027, 1, 31, 9, 0, 0, 123456, tzinfo=UTC)
CHECKOUT = Key("team-rooms", "checkout")
PAYMENTS = Key("team-rooms", "payments")


@pytest.fixture(params=["fake", "file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "fake":
        yield FakeStore()
        return
    opened = await SqliteStore.open(tmp_path / "s.db" if request.param == "file" else ":memory:")
    yield opened
    await opened.close()


def a_room(id_: str, role: Role = Role.CURRENT) -> RoomRecord:
    return RoomRecord(
        id=id_,
        generation=1,
        operation="abcdefgh-1",
        role=role,
        display_name="Checkout room",
        type=RoomType.LONG_TERM,
        guest_url="https://meet.example/123456789",
        meeting_code="123456789",
        created_at=NOW,
        expires_at=NOW + timedelta(days=365),
        granted_at=NOW,
        lifetime=timedelta(days=365),
    )


def a_state(key: Key, *rooms: RoomRecord) -> KeyState:
    return KeyState(key, generation=1, rooms=rooms)


def an_operation(id_: str, key: Key = CHECKOUT, started_at: datetime = NOW) -> Operation:
    return Operation(
        id=id_,
        key=key,
        kind=OperationKind.CREATE,
        generation=1,
        room_id=None,
        reason="a new team",
        cause="policy.loaded",
        started_at=started_at,
    )


def a_fact(reason: str) -> Fact:
    return Fact("room.created", key=CHECKOUT.encoded, reason=reason)


async def test_a_new_store_is_empty(store: Store) -> None:
    """Nothing is remembered, and asking for it is no error."""
    assert await store.state(CHECKOUT) is None
    assert list(await store.states()) == []
    assert await store.key_of_room("r1") is None
    assert await store.operation("abcdefgh-1") is None
    assert list(await store.open_operations()) == []
    assert list(await store.facts(0, 10)) == []
    assert list(await store.policies()) == []
    assert await store.note("owner") is None
    await store.check()


async def test_the_incarnation_is_eight_letters_and_digits(store: Store) -> None:
    """Operation ids begin with it, and they stand in markers."""
    assert len(store.incarnation) == 8
    assert store.incarnation.isascii()
    assert store.incarnation.isalnum()
    assert store.incarnation == store.incarnation.lower()


async def test_a_commit_is_seen_whole(store: Store) -> None:
    """Each part of it, by each way of asking."""
    state = a_state(CHECKOUT, a_room("r1"))
    operation = an_operation("abcdefgh-1")
    policy = PolicyText("team-rooms", "team-rooms.yaml", b"version: 1\n\xff", "0123")
    seqs = await store.commit(
        Commit(
            states=[state],
            operations=[operation],
            facts=[a_fact("one"), a_fact("two")],
            policies={"team-rooms": policy},
            notes={"owner": "ours"},
        ),
        NOW,
    )
    assert list(seqs) == [1, 2]
    assert await store.state(CHECKOUT) == state
    assert list(await store.states()) == [state]
    assert await store.key_of_room("r1") == CHECKOUT
    assert await store.operation("abcdefgh-1") == operation
    assert list(await store.open_operations()) == [operation]
    assert list(await store.facts(0, 10)) == [
        RecordedFact(1, NOW, a_fact("one")),
        RecordedFact(2, NOW, a_fact("two")),
    ]
    assert list(await store.policies()) == [policy]
    assert await store.note("owner") == "ours"


async def test_an_empty_commit_is_one_too(store: Store) -> None:
    """And has no facts."""
    assert list(await store.commit(Commit(), NOW)) == []


async def test_a_state_replaces_the_one_before(store: Store) -> None:
    """With its rooms; of two in one commit the later holds."""
    await store.commit(Commit(states=[a_state(CHECKOUT, a_room("r1"))]), NOW)
    later = a_state(CHECKOUT, a_room("r2"), a_room("r1", Role.SUPERSEDED))
    await store.commit(Commit(states=[a_state(CHECKOUT), later]), NOW)
    assert await store.state(CHECKOUT) == later
    await store.commit(Commit(states=[a_state(CHECKOUT, a_room("r2"))]), NOW)
    assert await store.key_of_room("r1") is None
    assert await store.key_of_room("r2") == CHECKOUT


async def test_a_dropped_key_is_forgotten_with_its_rooms(store: Store) -> None:
    """And dropping what is not there is no error."""
    await store.commit(Commit(states=[a_state(CHECKOUT, a_room("r1"))]), NOW)
    await store.commit(Commit(dropped=[CHECKOUT, PAYMENTS]), NOW)
    assert await store.state(CHECKOUT) is None
    assert await store.key_of_room("r1") is None


async def test_a_key_both_dropped_and_written_is_written_anew(store: Store) -> None:
    """Dropping comes first."""
    await store.commit(Commit(states=[a_state(CHECKOUT, a_room("r1"))]), NOW)
    await store.commit(Commit(states=[a_state(CHECKOUT, a_room("r2"))], dropped=[CHECKOUT]), NOW)
    assert await store.key_of_room("r1") is None
    assert await store.key_of_room("r2") == CHECKOUT


@pytest.mark.parametrize("order", [1, -1], ids=["giver first", "taker first"])
async def test_a_room_may_move_to_another_key(store: Store, order: int) -> None:
    """In one commit, whichever state stands first: that is how a key is renamed."""
    room = a_room("r1")
    await store.commit(Commit(states=[a_state(CHECKOUT, room)]), NOW)
    states = [a_state(CHECKOUT), a_state(PAYMENTS, room)][::order]
    await store.commit(Commit(states=states), NOW)
    assert await store.key_of_room("r1") == PAYMENTS


async def test_two_rooms_may_change_places(store: Store) -> None:
    """The replaced one and the new one swap their roles in one commit."""
    old, new = a_room("r1"), a_room("r2", Role.DUPLICATE)
    await store.commit(Commit(states=[a_state(CHECKOUT, old, new)]), NOW)
    swapped = a_state(CHECKOUT, replace(new, role=Role.CURRENT), replace(old, role=Role.SUPERSEDED))
    await store.commit(Commit(states=[swapped]), NOW)
    assert await store.state(CHECKOUT) == swapped


async def test_states_come_in_the_order_of_their_keys(store: Store) -> None:
    """By policy, then subject, each by code point; or those of one policy alone."""
    keys = [Key("b", "z"), Key("a-b", "x"), Key("b", "Z"), Key("b", "é"), Key("b", "😀")]
    await store.commit(Commit(states=[a_state(key) for key in keys]), NOW)
    assert [state.key for state in await store.states()] == sorted(keys)
    found = await store.states("b")
    assert [state.key.subject for state in found] == ["Z", "z", "é", "😀"]
    assert list(await store.states("a")) == []


async def test_p01_one_current_room_a_key(store: Store) -> None:
    """The second is refused, with the key, and nothing of the commit is written."""
    with pytest.raises(StoreFault, match="team-rooms/checkout would have two current rooms"):
        await store.commit(
            Commit(
                states=[a_state(PAYMENTS), a_state(CHECKOUT, a_room("r1"), a_room("r2"))],
                facts=[a_fact("two")],
            ),
            NOW,
        )
    assert list(await store.states()) == []
    assert list(await store.facts(0, 10)) == []


async def test_one_room_under_two_keys_is_refused(store: Store) -> None:
    """With the room and both keys, and nothing of the commit is written."""
    await store.commit(Commit(states=[a_state(CHECKOUT, a_room("r1"))]), NOW)
    with pytest.raises(StoreFault, match=r"room r1 of team-rooms/payments .* team-rooms/checkout"):
        await store.commit(Commit(states=[a_state(PAYMENTS, a_room("r1"))], notes={"a": "b"}), NOW)
    assert await store.key_of_room("r1") == CHECKOUT
    assert await store.note("a") is None


async def test_a_refused_commit_leaves_no_gap(store: Store) -> None:
    """The next fact gets the number that the refused one would have had."""
    twice = a_state(CHECKOUT, a_room("r1"), a_room("r2"))
    await store.commit(Commit(facts=[a_fact("one")]), NOW)
    with pytest.raises(StoreFault):
        await store.commit(Commit(states=[twice], facts=[a_fact("never")]), NOW)
    assert list(await store.commit(Commit(facts=[a_fact("two")]), NOW)) == [2]
    assert [fact.fact.reason for fact in await store.facts(0, 10)] == ["one", "two"]


async def test_one_refused_commit_takes_nobody_with_it(store: Store) -> None:
    """Commits that are made at once succeed and fail each by itself."""
    twice = a_state(CHECKOUT, a_room("r1"), a_room("r2"))
    outcomes = await asyncio.gather(
        store.commit(Commit(facts=[a_fact("before")]), NOW),
        store.commit(Commit(states=[twice], facts=[a_fact("never")]), NOW),
        store.commit(Commit(facts=[a_fact("after")]), NOW),
        return_exceptions=True,
    )
    assert [isinstance(outcome, StoreFault) for outcome in outcomes] == [False, True, False]
    assert [fact.fact.reason for fact in await store.facts(0, 10)] == ["before", "after"]


async def test_facts_are_numbered_in_the_order_of_their_commits(store: Store) -> None:
    """One after the other from 1, also those of commits made at once."""
    seqs = await asyncio.gather(
        *(store.commit(Commit(facts=[a_fact("a"), a_fact("b")]), NOW) for _ in range(20))
    )
    assert [seq for pair in seqs for seq in pair] == list(range(1, 41))


async def test_facts_are_read_on_from_a_number(store: Store) -> None:
    """Above it, at most so many."""
    await store.commit(Commit(facts=[a_fact(f"{number}") for number in range(1, 6)]), NOW)
    assert [fact.seq for fact in await store.facts(2, 2)] == [3, 4]
    assert [fact.seq for fact in await store.facts(4, 10)] == [5]
    assert list(await store.facts(5, 10)) == []


async def test_open_operations_come_oldest_first(store: Store) -> None:
    """In the order in which they were recorded, whatever the clock said; those of one key too."""
    first = an_operation("z", started_at=NOW + timedelta(hours=1))
    second = an_operation("a")
    other = an_operation("m", PAYMENTS)
    for operation in (first, other, second):
        await store.commit(Commit(operations=[operation]), NOW)
    again = replace(first, attempt=2)
    await store.commit(Commit(operations=[again]), NOW)
    assert list(await store.open_operations()) == [again, other, second]
    assert list(await store.open_operations(CHECKOUT)) == [again, second]
    assert list(await store.open_operations(Key("team-rooms", "other"))) == []


@pytest.mark.parametrize("state", [OperationState.DONE, OperationState.FAILED])
async def test_a_finished_operation_is_open_no_more(store: Store, state: OperationState) -> None:
    """It is still known."""
    await store.commit(Commit(operations=[an_operation("a")]), NOW)
    finished = replace(an_operation("a"), state=state, answered=201)
    await store.commit(Commit(operations=[finished]), NOW)
    assert list(await store.open_operations()) == []
    assert list(await store.open_operations(CHECKOUT)) == []
    assert await store.operation("a") == finished


async def test_policies_and_notes_are_replaced_and_forgotten(store: Store) -> None:
    """None forgets one; forgetting what is not there is no error."""
    old = PolicyText("a", "a.yaml", b"old", "1")
    new = PolicyText("a", "moved.yaml", b"new", "2")
    other = PolicyText("0", "0.yaml", b"", "3")
    await store.commit(Commit(policies={"a": old, "0": other}, notes={"n": "1", "m": ""}), NOW)
    await store.commit(Commit(policies={"a": new}, notes={"n": "2"}), NOW)
    assert list(await store.policies()) == [other, new]
    assert (await store.note("n"), await store.note("m")) == ("2", "")
    await store.commit(Commit(policies={"a": None, "?": None}, notes={"n": None, "?": None}), NOW)
    assert list(await store.policies()) == [other]
    assert await store.note("n") is None


async def test_listeners_are_told_of_facts(store: Store) -> None:
    """After the commit that wrote them, each listener once; not of other or refused commits."""
    told: list[str] = []
    store.listen(lambda: told.append("one"))
    store.listen(lambda: told.append("other"))
    await store.commit(Commit(states=[a_state(CHECKOUT)]), NOW)
    twice = a_state(CHECKOUT, a_room("r1"), a_room("r2"))
    with pytest.raises(StoreFault):
        await store.commit(Commit(states=[twice], facts=[a_fact("never")]), NOW)
    assert told == []
    await store.commit(Commit(facts=[a_fact("one"), a_fact("two")]), NOW)
    assert told == ["one", "other"]


async def test_the_last_fact_is_known_by_its_number(store: Store) -> None:
    """None yet is 0; a commit without facts changes nothing."""
    assert await store.last_fact() == 0
    await store.commit(Commit(facts=[a_fact("one"), a_fact("two")]), NOW)
    assert await store.last_fact() == (await store.facts(0, 9))[-1].seq == 2
    await store.commit(Commit(states=[a_state(CHECKOUT)]), NOW)
    assert await store.last_fact() == 2


async def test_a_claim_is_held_by_one_turn_at_a_time(store: Store) -> None:
    """Whoever comes second waits; other keys do not."""
    turns: list[str] = []
    inside = asyncio.Event()
    leave = asyncio.Event()

    async def take(name: str, key: Key) -> None:
        async with store.claim(key) as mine:
            assert mine
            turns.append(f"{name} in")
            inside.set()
            if name == "first":
                await leave.wait()
            turns.append(f"{name} out")

    async with asyncio.TaskGroup() as group:
        group.create_task(take("first", CHECKOUT))
        await inside.wait()
        group.create_task(take("second", CHECKOUT))
        await take("other", PAYMENTS)
        leave.set()
    assert turns == ["first in", "other in", "other out", "first out", "second in", "second out"]


async def test_a_claim_ends_with_an_error_too(store: Store) -> None:
    """And with a cancelled wait."""
    with pytest.raises(LookupError):
        async with store.claim(CHECKOUT):
            raise LookupError
    async with store.claim(CHECKOUT):
        waiting = asyncio.Task(store.claim(CHECKOUT).__aenter__())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.01)
    async with asyncio.timeout(5), store.claim(CHECKOUT) as mine:
        assert mine


async def test_a_closed_store_answers_with_a_fault(store: Store) -> None:
    """And closing twice is no error."""
    await store.close()
    await store.close()
    with pytest.raises(StoreFault, match="closed"):
        await store.commit(Commit(), NOW)
    with pytest.raises(StoreFault, match="closed"):
        await store.state(CHECKOUT)


# --- sessions and recordings ---


def a_session(id_: str, started_at: datetime = NOW) -> WatchedSession:
    return WatchedSession(id_, "r1", CHECKOUT, "Checkout room", started_at, next_at=NOW)


def a_recording(id_: str, key: Key = CHECKOUT, found_at: datetime = NOW) -> KeptRecording:
    return KeptRecording(
        id=id_,
        session_id="s1",
        room_id="r1",
        key=key,
        display_name="Checkout room",
        found_at=found_at,
        status=RecordingStatus.UPLOADED,
        terms=Terms(
            key.policy,
            KeepRecordings("vault", timedelta(days=30)),
            NOW,
            "0123456789abcdef",
            "team-rooms.yaml:14",
            Mode.ENFORCE,
        ),
    )


async def test_recordings_come_back_as_they_were_written(store: Store) -> None:
    """Until they are gone they are standing; afterwards they are found by their key."""
    first, second, other = a_recording("a1"), a_recording("a2"), a_recording("a3", PAYMENTS)
    await store.commit(Commit(recordings=(first, second, other)), NOW)
    assert list(await store.standing_recordings()) == [first, second, other]
    copied = replace(first, copy=KeptCopy("vault", Copy("a1.mp4", 5, "0" * 64), NOW))
    gone = replace(second, gone=Gone.DELETED, gone_at=NOW)
    moved = replace(other, key=CHECKOUT)
    await store.commit(Commit(recordings=(copied, gone, moved)), NOW)
    assert list(await store.standing_recordings()) == [copied, moved]
    assert await store.recording("a2") == gone
    assert await store.recording("a4") is None
    assert list(await store.recordings_of(CHECKOUT, 9)) == [moved, gone, copied]
    assert list(await store.recordings_of(CHECKOUT, 1)) == [moved]
    assert list(await store.recordings_of(PAYMENTS, 9)) == []
    assert await store.last_copied("vault") == copied
    assert await store.last_copied("attic") is None
    later = replace(gone, copy=copied.copy)
    await store.commit(Commit(recordings=(later,)), NOW)
    assert await store.last_copied("vault") == later


async def test_sessions_are_watched_until_they_are_over(store: Store) -> None:
    """And known for a while after that, so that none is looked at anew."""
    old = replace(a_session("s1", NOW - timedelta(days=9)), next_at=None)
    late, lasting = replace(a_session("s2"), next_at=None), a_session("s3", old.started_at)
    await store.commit(Commit(sessions=(old, late, lasting)), NOW)
    assert list(await store.watched_sessions(NOW)) == [late, lasting]
    assert len(await store.watched_sessions(old.started_at)) == 3
    over = replace(lasting, next_at=None, looks=6, ended_at=NOW)
    await store.commit(Commit(sessions=(over,)), NOW)
    assert list(await store.watched_sessions(NOW)) == [late]


async def test_recordings_and_sessions_are_pruned_once_they_are_over(store: Store) -> None:
    """What stands is remembered however old it is."""
    stands, gone = a_recording("a1"), replace(a_recording("a2"), gone=Gone.LOST, gone_at=NOW)
    watched, over = a_session("s1"), replace(a_session("s2"), next_at=None)
    await store.commit(Commit(sessions=(watched, over), recordings=(stands, gone)), NOW)
    nothing = Pruned(operations=0, facts=0)
    assert await store.prune(NOW, taken=0) == nothing
    later = NOW + timedelta(seconds=1)
    assert await store.prune(later, taken=0) == replace(nothing, recordings=1, sessions=1)
    assert list(await store.standing_recordings()) == [stands]
    assert await store.recording("a2") is None
    assert list(await store.watched_sessions(NOW - timedelta(days=1))) == [watched]


async def test_whose_a_room_was_is_known_when_it_is_gone(store: Store) -> None:
    """By the last operation about it, for recordings outlive rooms."""
    assert await store.key_of_former_room("r1") is None
    made = replace(an_operation("abcdefgh-1"), room_id="r1", state=OperationState.DONE)
    ended = replace(made, id="abcdefgh-2", key=PAYMENTS, kind=OperationKind.DELETE)
    await store.commit(Commit(operations=(made,)), NOW)
    assert await store.key_of_former_room("r1") == CHECKOUT
    await store.commit(Commit(operations=(ended, an_operation("abcdefgh-3"))), NOW)
    assert await store.key_of_former_room("r1") == PAYMENTS
    assert await store.key_of_former_room("r2") is None


# --- pages and deliveries ---


def a_page(key: str = "Q1ABC", source: str = "pagerduty") -> Page:
    return Page(
        source,
        key,
        digest_of(source, key),
        title="Checkout error rate above 14 %",
        severity=Severity.CRITICAL,
        labels={"cluster": "eu1"},
        opened_at=NOW,
        raw={"incident": {"id": key, "number": 4711, "tags": ["a", None, True, 1.5]}},
    )


def an_episode(id_: str, page: Page, count: int = 1) -> Episode:
    return Episode(id_, count, page, NOW, policy="oncall-bridge", seen=("m1",))


async def test_episodes_come_back_as_they_were_written(store: Store) -> None:
    """In the order in which they were first recorded; of a page the latest is found."""
    first, second = an_episode("aaa", a_page()), an_episode("bbb", a_page("Q2"))
    await store.commit(Commit(episodes=(first, second)), NOW)
    assert list(await store.standing_episodes()) == [first, second]
    over = replace(
        first, closed_at=NOW, over_at=NOW, fallback=Fallback(timedelta(seconds=20), url="https://x")
    )
    again = an_episode("ccc", a_page(), count=2)
    await store.commit(Commit(episodes=(again, over)), NOW)
    assert list(await store.standing_episodes()) == [second, again]
    assert await store.last_episode("pagerduty", a_page().digest) == again
    assert list(await store.episodes_of("pagerduty", a_page().digest, 5)) == [again, over]
    assert list(await store.episodes_of("pagerduty", a_page().digest, 1)) == [again]
    assert list(await store.episodes_of("pagerduty", "0" * 16, 5)) == []
    assert await store.last_episode("alertmanager", a_page().digest) is None
    assert list(await store.latest_episodes(2)) == [again, second]


async def test_p06_a_page_has_one_open_episode(store: Store) -> None:
    """A second is refused, and with it all of its commit."""
    await store.commit(Commit(episodes=(an_episode("aaa", a_page()),)), NOW)
    with pytest.raises(StoreFault, match="two open episodes"):
        await store.commit(
            Commit(facts=(a_fact("no"),), episodes=(an_episode("bbb", a_page(), count=2),)), NOW
        )
    assert not await store.facts(0, 10)
    closed = replace(an_episode("aaa", a_page()), closed_at=NOW)
    await store.commit(Commit(episodes=(an_episode("bbb", a_page(), count=2), closed)), NOW)
    assert [one.id for one in await store.standing_episodes()] == ["aaa", "bbb"]


async def test_deliveries_come_back_as_they_were_written(store: Store) -> None:
    """Until they ended they are standing; afterwards they are still found."""
    slack = Delivery("slack", "a1", CHECKOUT.encoded, NOW)
    mail = Delivery("mail", "a1", CHECKOUT.encoded, NOW, next_at=NOW, attempts=2, fault="503")
    await store.commit(Commit(deliveries=(slack, mail)), NOW)
    assert list(await store.standing_deliveries()) == [slack, mail]
    told = replace(slack, revision=1, stage=Stage.OPEN, handle="C1 1.2", shown="d", ended=True)
    await store.commit(Commit(deliveries=(told,)), NOW)
    assert list(await store.standing_deliveries()) == [mail]
    assert await store.delivery("slack", "a1") == told
    assert await store.delivery("slack", "a2") is None
    assert list(await store.deliveries_of("a1")) == [told, mail]


OLD = NOW - timedelta(days=500)
BEFORE = NOW - timedelta(days=400)


async def test_pruning_forgets_what_is_finished_and_taken(store: Store) -> None:
    """Open operations, and facts that somebody has not taken yet, stay, however old."""
    made = an_operation("made", started_at=OLD)
    operations = [
        replace(made, id="old-open"),
        replace(made, id="old-done", state=OperationState.DONE),
        replace(made, id="old-failed", state=OperationState.FAILED),
        replace(made, id="new-done", state=OperationState.DONE, started_at=BEFORE),
    ]
    await store.commit(Commit(operations=operations, facts=[a_fact("old")] * 3), OLD)
    await store.commit(Commit(facts=[a_fact("new")] * 2), BEFORE)
    assert await store.prune(BEFORE, taken=2) == Pruned(operations=2, facts=2)
    assert [fact.seq for fact in await store.facts(0, 10)] == [3, 4, 5]
    assert await store.operation("old-done") is None
    assert await store.operation("old-open") is not None
    assert await store.operation("new-done") is not None
    assert await store.prune(BEFORE, taken=5) == Pruned(operations=0, facts=1)


async def test_p03_pruning_leaves_what_made_a_room_that_is_remembered(store: Store) -> None:
    """Its marker names that operation: a room of an unknown one would be a stranger's."""
    made = an_operation("made", started_at=OLD)
    done = replace(made, state=OperationState.DONE, room_id="r1")
    renewed = replace(done, id="renewed", kind=OperationKind.RENEW)
    gone = replace(done, id="gone", room_id="r0")
    state = a_state(CHECKOUT, a_room("r1"))
    await store.commit(Commit(states=(state,), operations=(done, renewed, gone)), OLD)
    assert await store.prune(BEFORE, taken=0) == Pruned(operations=2, facts=0)
    assert await store.operation("made") == done
    await store.commit(Commit(states=(a_state(CHECKOUT),)), NOW)
    assert await store.prune(BEFORE, taken=0) == Pruned(operations=1, facts=0)


async def test_pruning_forgets_pages_and_deliveries_that_are_over(store: Store) -> None:
    """What stands stays, however old."""
    over = replace(an_episode("aaa", a_page()), opened_at=OLD, closed_at=OLD, over_at=OLD)
    stands = replace(an_episode("bbb", a_page("Q2")), opened_at=OLD)
    told = Delivery("slack", "a1", CHECKOUT.encoded, OLD, ended=True)
    waits = Delivery("slack", "a2", CHECKOUT.encoded, OLD)
    await store.commit(Commit(episodes=(over, stands), deliveries=(told, waits)), OLD)
    pruned = await store.prune(BEFORE, taken=0)
    assert pruned == Pruned(operations=0, facts=0, episodes=1, deliveries=1)
    assert list(await store.latest_episodes(10)) == [stands]
    assert await store.delivery("slack", "a1") is None
    assert list(await store.standing_deliveries()) == [waits]


async def test_pruning_leaves_no_hole(store: Store) -> None:
    """A fact that bears a later time (the clock had jumped) keeps those after it."""
    for days in (500, 1, 499):
        await store.commit(Commit(facts=[a_fact("x")]), NOW - timedelta(days=days))
    await store.prune(BEFORE, taken=3)
    assert [fact.seq for fact in await store.facts(0, 10)] == [2, 3]
