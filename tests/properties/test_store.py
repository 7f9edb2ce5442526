"""SQLite does what the fake does, whatever is asked in whatever order: the fake is its model."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.domain.keys import Key
from orchestrator.domain.records import KeyState, RoomRecord
from orchestrator.ports.store import Commit, PolicyText, Store, StoreFault
from tests import strategies
from tests.fakes.store import FakeStore

_T = TypeVar("_T")

NOW = datetime(2027, 1, 31, 9, tzinfo=UTC)

# Few names, so that they meet: most commits touch what an earlier one wrote.
keys = st.sampled_from([Key("a", "x"), Key("a", "y"), Key("a-b", "x"), Key("b", "é😀")])
names = st.sampled_from(["n", "m", "ö"])
rooms = st.builds(
    lambda room, number: replace(room, id=f"r{number}"),
    strategies.values(RoomRecord),
    st.integers(1, 5),
)
states = st.builds(
    lambda state, key, some: replace(state, key=key, rooms=tuple(some)),
    strategies.values(KeyState),
    keys,
    st.lists(rooms, max_size=3, unique_by=lambda room: room.id),
)
operations = st.builds(
    lambda operation, number: replace(operation, id=f"o{number}", key=Key("a", "xy"[number % 2])),
    strategies.operations,
    st.integers(1, 6),
)
texts = st.builds(PolicyText, names, strategies.texts, st.binary(max_size=20), strategies.texts)
commits = st.builds(
    Commit,
    states=st.lists(states, max_size=3),
    dropped=st.lists(keys, max_size=1),
    operations=st.lists(operations, max_size=3),
    facts=st.lists(strategies.facts, max_size=2),
    policies=st.lists(texts, max_size=2).map(lambda some: {text.name: text for text in some}),
    notes=st.dictionaries(names, st.none() | strategies.texts, max_size=2),
)


class StoreMachine(RuleBasedStateMachine):
    """One store of each kind, told the same and asked the same."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.real: Store = self.runner.run(SqliteStore.open(":memory:"))
        self.model = FakeStore()
        self.committed = 0

    def both(self, ask: Coroutine[None, None, _T], expect: Coroutine[None, None, _T]) -> None:
        """The same answer, or a refusal by both."""
        assert self.outcome(ask) == self.outcome(expect)

    def outcome(self, asked: Coroutine[None, None, _T]) -> object:
        """An answer, or that it was refused: of two reasons either may be told."""
        try:
            answer = self.runner.run(asked)
        except StoreFault:
            return StoreFault
        return list(answer) if isinstance(answer, list | tuple) else answer

    @rule(commit=commits)
    def commit(self, commit: Commit) -> None:
        """Write something."""
        self.committed += 1
        now = NOW + timedelta(microseconds=self.committed)
        self.both(self.real.commit(commit, now), self.model.commit(commit, now))

    @rule(policy=st.sampled_from([None, "a", "a-b", "z"]))
    def walk(self, policy: str | None) -> None:
        """Ask for many."""
        self.both(self.real.states(policy), self.model.states(policy))

    @rule(key=keys, number=st.integers(0, 6), name=names)
    def look(self, key: Key, number: int, name: str) -> None:
        """Ask for one of each."""
        self.both(self.real.state(key), self.model.state(key))
        self.both(self.real.key_of_room(f"r{number}"), self.model.key_of_room(f"r{number}"))
        self.both(self.real.operation(f"o{number}"), self.model.operation(f"o{number}"))
        self.both(self.real.open_operations(key), self.model.open_operations(key))
        self.both(self.real.note(name), self.model.note(name))
        self.both(self.real.facts(number, 3), self.model.facts(number, 3))

    @invariant()
    def nothing_differs(self) -> None:
        """What is remembered in all is the same."""
        self.both(self.real.states(), self.model.states())
        self.both(self.real.open_operations(), self.model.open_operations())
        self.both(self.real.facts(0, 1_000), self.model.facts(0, 1_000))
        self.both(self.real.policies(), self.model.policies())

    def teardown(self) -> None:
        """Leave no thread behind."""
        self.runner.run(self.real.close())
        self.runner.close()


TestStore = StoreMachine.TestCase
# Each step asks two stores about everything: a hundred such lives are enough for any profile.
TestStore.settings = settings(
    stateful_step_count=15, max_examples=min(100, settings().max_examples)
)
