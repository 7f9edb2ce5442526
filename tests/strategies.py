"""Hypothesis strategies for the values of the domain, made from their annotations.

A new field of a record is drawn without a change here.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import Final, TypeVar, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from orchestrator.domain.facts import CATALOGUE, CHANGED, ApiCall, Fact, Json
from orchestrator.domain.keys import Key, normalise_subject
from orchestrator.domain.records import KeyState, Operation

_T = TypeVar("_T")

moments: Final = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 (hypothesis asks for naive bounds)
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
lengths: Final = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=4000))
texts: Final = st.text(max_size=20)


def _is_subject(text: str) -> bool:
    try:
        return normalise_subject(text) == text
    except ValueError:
        return False


keys: Final = st.builds(
    Key,
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True),
    st.one_of(
        st.from_regex(r"[a-z0-9 ]{1,8}", fullmatch=True), st.text(min_size=1, max_size=8)
    ).filter(_is_subject),
)

json_values: Final = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts).filter(
        lambda value: not isinstance(value, float) or abs(value) != float("inf")
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def _facts(draw: st.DrawFn) -> Fact:
    event = draw(st.sampled_from(sorted(CATALOGUE)))

    def some(names: frozenset[str]) -> st.SearchStrategy[Mapping[str, Json]]:
        chosen = st.sampled_from(sorted(names)) if names else st.nothing()
        return st.dictionaries(chosen, json_values, max_size=3).map(MappingProxyType)

    return Fact(
        event,
        **{name: draw(texts) for name in ("actor", "key", "room_id", "operation", "cause")},
        reason=draw(texts),
        before=draw(st.none() | some(CHANGED)),
        after=draw(st.none() | some(CHANGED)),
        api=draw(st.none() | values(ApiCall)),
        detail=draw(some(CATALOGUE[event].detail)),
    )


facts: Final = _facts()


def values(type_: type[_T]) -> st.SearchStrategy[_T]:
    """Any value of a dataclass whose fields are annotated with what our codec knows."""
    hints = get_type_hints(type_)
    assert is_dataclass(type_)
    return st.builds(type_, **{field.name: _drawn(hints[field.name]) for field in fields(type_)})


_PLAIN: Final[Mapping[object, st.SearchStrategy]] = {
    str: texts,
    int: st.integers(min_value=-(2**63), max_value=2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    NoneType: st.none(),
    datetime: moments,
    timedelta: lengths,
    date: st.dates(),
    Key: keys,
}


def _drawn(hint: object) -> st.SearchStrategy:
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return st.one_of(*map(_drawn, arguments))
    if origin is tuple:
        return st.lists(_drawn(arguments[0]), max_size=3).map(tuple)
    if origin is frozenset:
        return st.frozensets(_drawn(arguments[0]), max_size=3)
    if origin is Mapping:
        return st.dictionaries(texts, _drawn(arguments[1]), max_size=3).map(MappingProxyType)
    assert isinstance(hint, type)
    return st.sampled_from(hint) if issubclass(hint, Enum) else values(hint)


states: Final = values(KeyState)
operations: Final = values(Operation)
