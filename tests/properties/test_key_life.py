"""One key through everything that may befall it, with an API that keeps its word or does not."""

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestrator.domain.actions import Delete
from orchestrator.domain.policies import Desired, Mode, Removal, RemovalMode, ReplaceMode
from orchestrator.domain.records import Operation, OperationState, Role
from orchestrator.domain.rooms import Occupancy
from orchestrator.domain.situation import Kept, Unwanted, Use, Wanted
from tests import builders as a
from tests.effort import costly
from tests.key_life import Api, Life, Weather, check, count_current

pytestmark = pytest.mark.timeout(300)  # years of many lives, on whatever machine

_LENGTHS: Final = st.sampled_from(
    [
        timedelta(seconds=1),
        timedelta(seconds=61),
        timedelta(minutes=6),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=8),
    ]
)
_SETTINGS: Final = st.fixed_dictionaries(
    {},
    optional={
        "available_features.is_chat_available": st.booleans(),
        "recording_options.auto_record": st.booleans(),
    },
)
_IGNORED: Final = st.frozensets(
    st.sampled_from(
        [
            "available_features.is_chat_available",
            "recording_options.auto_record",
            "display_name",
            "expires_at",
        ]
    )
)
_CREATES: Final = frozenset({"Create", "Replace"})


class KeyLife(RuleBasedStateMachine):
    """What people, the API and time do to one key; the daemon answers after each."""

    @initialize(
        ignored=_IGNORED,
        echoes=st.booleans(),
        longest=st.sampled_from([timedelta(hours=6), timedelta(days=30), timedelta(days=365)]),
        can_delete=st.booleans(),
        knows_use=st.booleans(),
    )
    def begin(
        self,
        ignored: frozenset[str],
        echoes: bool,
        longest: timedelta,
        can_delete: bool,
        knows_use: bool,
    ) -> None:
        """An API of some kind, and a wish."""
        self.api = Api(
            ignored=ignored,
            echoes=echoes,
            longest=longest,
            can_delete=can_delete,
            knows_use=knows_use,
        )
        self.wish: Desired = a.desired(replace_mode=ReplaceMode.NOW)
        self.versions = 0
        self.life = Life(self.api, Wanted(self.wish))
        self.life.turn()

    # --- people -----------------------------------------------------------------------------------

    @rule(
        name=st.sampled_from([a.NAME, "Another room"]),
        lifetime=st.sampled_from([timedelta(hours=6), timedelta(days=30), timedelta(days=365)]),
        wanted=_SETTINGS,
        mode=st.sampled_from(ReplaceMode),
        removal=st.sampled_from(RemovalMode),
        grace=st.sampled_from([timedelta(), timedelta(hours=1), timedelta(days=7)]),
        protect=st.sampled_from([None, None, True, False]),
    )
    def edit(
        self,
        name: str,
        lifetime: timedelta,
        wanted: dict[str, bool],
        mode: ReplaceMode,
        removal: RemovalMode,
        grace: timedelta,
        protect: bool | None,
    ) -> None:
        """Somebody edits the policy."""
        self.versions += 1
        self.wish = a.desired(
            name,
            lifetime=lifetime,
            settings=wanted,
            replace_mode=mode,
            removal=Removal(removal, grace),
            protect=protect,
            version=f"v{self.versions}",
        )
        self._wish_is(Wanted(self.wish))

    @rule()
    def remove(self) -> None:
        """The subject goes."""
        self._wish_is(Unwanted("its subject is gone"))

    @rule()
    def bring_back(self) -> None:
        """The subject comes again."""
        self._wish_is(Wanted(self.wish))

    @rule()
    def spoil_the_file(self) -> None:
        """The policy cannot be read: its last good spec stays in force."""
        state = self.life.state
        kept = state.wish if state is not None and state.wish is not None else self.wish
        self._wish_is(Kept(kept, "team-rooms.yaml cannot be read"))

    @rule(mode=st.sampled_from(Mode), braked=st.booleans())
    def steer(self, mode: Mode, braked: bool) -> None:
        """A mode or a brake changes."""
        self.life.mode, self.life.braked = mode, braked
        self.life.turn()

    # --- the API ----------------------------------------------------------------------------------

    @rule(doubt=st.sampled_from(["", "the listing was cut short"]))
    def list_rooms(self, doubt: str) -> None:
        """The next listing can be trusted, or not."""
        self.life.doubt = doubt
        self.life.turn()

    @rule(
        weather=st.sampled_from(
            [
                Weather(),
                Weather(),
                Weather(fails=True),
                Weather(unanswered=True),
                Weather(swallowed=True),
            ]
        )
    )
    def weather_turns(self, weather: Weather) -> None:
        """Calls are answered, or fail in their several ways."""
        self.life.weather = weather
        self.life.turn()

    @precondition(lambda self: self.api.rooms)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """A room goes by no act of ours."""
        room_id = data.draw(st.sampled_from(sorted(self.api.rooms)))
        del self.api.rooms[room_id]
        self.api.occupied.discard(room_id)
        self.life.turn()

    @precondition(lambda self: self.api.rooms)
    @rule(data=st.data())
    def hide(self, data: st.DataObject) -> None:
        """The API answers 404 for a room that it has, for less than the time to settle."""
        room_id = data.draw(st.sampled_from(sorted(self.api.rooms)))
        self.api.hidden = {room_id}
        self.life.turn()
        self.life.live(timedelta(seconds=20))
        self.api.hidden = set()
        self.life.turn()

    @precondition(lambda self: self._open())
    @rule(after=st.sampled_from([timedelta(seconds=5), timedelta(hours=2)]))
    def carry_out_late(self, after: timedelta) -> None:
        """An unanswered create is carried out long after its connection ended."""
        (operation, *_) = self._open()
        self.life.late.append((self.life.now + after, operation, self.wish))

    # --- people in rooms, and time ----------------------------------------------------------------

    @precondition(lambda self: self._joinable())
    @rule(data=st.data())
    def join(self, data: st.DataObject) -> None:
        """Somebody joins a room."""
        room_id = data.draw(st.sampled_from(self._joinable()))
        self.api.occupied.add(room_id)
        self.api.used[room_id] = self.life.now
        self.life.turn()

    @precondition(lambda self: self.api.occupied)
    @rule()
    def leave(self) -> None:
        """Everybody leaves."""
        for room_id in self.api.occupied:
            self.api.used[room_id] = self.life.now
        self.api.occupied.clear()
        self.life.turn()

    @rule(length=_LENGTHS)
    def wait(self, length: timedelta) -> None:
        """Time passes; the daemon wakes when its plans said."""
        self.life.live(length)

    # --- the promises -----------------------------------------------------------------------------

    @invariant()
    def p01_one_current_room(self) -> None:
        """Never two, and every room of ours that lives is known or still looked for."""
        state = self.life.state
        assert count_current(state) <= 1

    @invariant()
    def p01_no_room_is_left_alone(self) -> None:
        """After a turn a room of ours that lives is remembered, unless its create is open."""
        state = self.life.state
        known = {room.id for room in state.rooms} if state is not None else set()
        if not isinstance(self.life.wish, Wanted) or self._open() or self.life.weather != Weather():
            return
        now = self.life.now
        # Past its end a room lives by its session alone, which an API need not tell of.
        ends = {room_id: self.api.rooms[room_id].expires_at for room_id in self.api.alive(now)}
        assert {room_id for room_id, end in ends.items() if end is None or end > now} <= known

    @invariant()
    def p07_a_kept_room_does_not_run_out(self) -> None:
        """Where calls are answered and ends are granted, no current room comes to its end."""
        state = self.life.state
        current = state.current if state is not None else None
        if current is None or "expires_at" in self.api.ignored:
            return
        if self.life.weather != Weather() or self.life.mode is Mode.OBSERVE:
            return
        shown = self.api.rooms.get(current.id)
        if shown is None or shown.expires_at is None or current.missing_since is not None:
            return
        assert shown.expires_at > self.life.now

    @invariant()
    def p08_a_second_turn_does_nothing(self) -> None:
        """Nor does it change what is remembered."""
        before = self.life.state
        assert self.life.turn() == 0
        assert self.life.state == before

    @invariant()
    def no_create_is_repeated(self) -> None:
        """For one wish eight rooms an hour at most: 1, 2, 4 … 60 minutes lie between them."""
        hour_ago = self.life.now - timedelta(hours=1)
        made = [at for at, name in self.life.calls if name in _CREATES and at > hour_ago]
        assert len(made) <= 8 * (self.versions + 1)

    @invariant()
    def no_war_of_patches(self) -> None:
        """What does not stay is sent once an hour; renewals keep their floor."""
        hour_ago = self.life.now - timedelta(hours=1)
        updates = [at for at, name in self.life.calls if name == "Update" and at > hour_ago]
        assert len(updates) <= (self.versions + 2) * (len(self.api.rooms) + 2)

    # --- words ------------------------------------------------------------------------------------

    def _wish_is(self, wish: Wanted | Kept | Unwanted) -> None:
        self.life.wish = wish
        self.life.turn()

    def _open(self) -> list[Operation]:
        return [
            operation
            for operation in self.life.journal.values()
            if operation.state is OperationState.OPEN
        ]

    def _joinable(self) -> list[str]:
        return sorted(self.api.alive(self.life.now))


def test_a_key_keeps_its_promises_all_its_life() -> None:
    run_state_machine_as_test(KeyLife, settings=settings(costly, stateful_step_count=30))


def test_p08_an_api_that_echoes_and_forgets_gets_one_replacement_at_most() -> None:
    """It answers with the name that it was asked for and shows another ever after."""
    life = Life(Api(ignored=frozenset({"display_name"}), echoes=True), Wanted(a.desired()))
    life.turn()
    life.wish = Wanted(a.desired("Another room", replace_mode=ReplaceMode.NOW, version="v2"))
    for _ in range(10):
        life.live(timedelta(days=1))
    assert [name for _, name in life.calls if name == "Replace"] == ["Replace"]


def test_p08_a_setting_that_does_not_stay_is_sent_once_an_hour() -> None:
    quiet = {"available_features.is_chat_available": False}
    life = Life(Api(ignored=frozenset(quiet), echoes=True), Wanted(a.desired(settings=quiet)))
    life.turn()
    for _ in range(6 * 12):
        life.live(timedelta(minutes=5))
    assert [name for _, name in life.calls].count("Update") <= 7


def test_p01_a_create_that_is_carried_out_late_is_ended_and_never_announced() -> None:
    life = Life(Api(), Wanted(a.desired()), weather=Weather(swallowed=True))
    life.turn()
    (operation,) = life.journal.values()
    life.late.append((life.now + timedelta(hours=2), operation, a.desired()))
    life.weather = Weather()
    life.live(timedelta(hours=1))
    assert life.state is not None
    (announced,) = life.state.rooms
    life.live(timedelta(hours=2))
    assert life.state.current is not None
    assert life.state.current.id == announced.id
    assert life.api.alive(life.now) == {announced.id}


def test_p07_a_room_is_the_same_for_ten_years() -> None:
    life = Life(Api(), Wanted(a.desired()))
    life.turn()
    for _ in range(120):
        life.live(timedelta(days=31))
        assert life.api.alive(life.now) == {"room-1"}
    assert life.state is not None
    assert [room.role for room in life.state.rooms] == [Role.CURRENT]
    renewals = [name for _, name in life.calls].count("Renew")
    assert 10 <= renewals <= 24


def test_p04_after_a_removal_a_file_in_doubt_brings_no_room_back() -> None:
    life = Life(Api(), Wanted(a.desired(removal=Removal(grace=timedelta()))))
    life.turn()
    life.wish = Unwanted("its subject is gone")
    life.turn()
    life.live(timedelta(days=1))
    life.wish = Kept(a.desired(), "unreadable")
    for _ in range(20):
        life.live(timedelta(days=31))
    assert [name for _, name in life.calls] == ["Create"]
    assert life.state is None or life.state.current is None


def test_p10_a_room_behind_a_brake_lives_on() -> None:
    life = Life(Api(), Wanted(a.desired(removal=Removal(RemovalMode.DELETE))))
    life.turn()
    life.wish, life.braked = Unwanted("its subject is gone"), True
    for _ in range(36):
        life.live(timedelta(days=31))
    assert life.api.alive(life.now) == {"room-1"}
    life.braked = False
    life.turn()
    assert life.api.alive(life.now) == set()


@pytest.mark.parametrize(
    "use",
    [Use(Occupancy.OCCUPIED), Use(Occupancy.UNKNOWN), Use(Occupancy.EMPTY, heard=True)],
    ids=["occupied", "unknown", "empty-by-callbacks"],
)
def test_a_life_refuses_what_no_plan_may_ask_for(use: Use) -> None:
    """What all these tests lean on must be able to fail."""
    situation = a.situation(
        Unwanted("gone"), a.state(a.room(), tombstone=a.tombstone()), uses={a.ROOM: use}
    )
    with pytest.raises(AssertionError, match="P5"):
        check(situation, Delete(a.ROOM, "unwanted"))
