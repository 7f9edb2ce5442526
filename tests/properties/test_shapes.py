"""Every value that the store keeps survives its codec."""

import json

import pytest
from hypothesis import given

from orchestrator.domain.facts import Fact
from orchestrator.domain.records import KeyState, Operation
from orchestrator.foundation import shapes
from tests import strategies


@given(strategies.states)
def test_a_key_state_comes_back(state: KeyState) -> None:
    """As it was: by text and by plain values."""
    assert shapes.loads(KeyState, shapes.dumps(KeyState, state)) == state
    assert shapes.load(KeyState, shapes.dump(KeyState, state)) == state


@given(strategies.operations)
def test_an_operation_comes_back(operation: Operation) -> None:
    """As it was."""
    assert shapes.loads(Operation, shapes.dumps(Operation, operation)) == operation


@given(strategies.facts)
def test_a_fact_comes_back(fact: Fact) -> None:
    """As it was, with whatever JSON it tells of."""
    assert shapes.loads(Fact, shapes.dumps(Fact, fact)) == fact


@given(strategies.states)
def test_equal_values_are_equal_text(state: KeyState) -> None:
    """Also after a way through the codec, sets included; and the text is JSON to others too."""
    text = shapes.dumps(KeyState, state)
    assert shapes.dumps(KeyState, shapes.loads(KeyState, text)) == text
    assert json.loads(text) == shapes.dump(KeyState, state)


@given(strategies.json_values)
def test_no_other_json_is_taken_for_a_state(value: shapes.Json) -> None:
    """Whatever is read is a state or a clear error."""
    with pytest.raises(shapes.ShapeError, match="no KeyState: "):
        shapes.load(KeyState, value)
