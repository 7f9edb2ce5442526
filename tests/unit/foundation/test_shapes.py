"""The codec of values: what is written, what is read, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import pytest

from orchestrator.foundation.secret import Secret
from orchestrator.foundation.shapes import Json, ShapeError, dump, dumps, load, loads

NOON = datetime(2027, 1, 31, 12, 0, 0, 5, tzinfo=UTC)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0

    def __post_init__(self) -> None:
        if self.x < 0:
            message = "x may not be negative"
            raise ValueError(message)


@dataclass(frozen=True)
class Everything:
    """One field of each kind; not slotted, to show that this does not matter."""

    text: str
    point: Point
    at: datetime
    length: timedelta
    colour: Colour
    path: Path
    ratio: float = 0.5
    setting: bool | str | None = None
    points: tuple[Point, ...] = ()
    pair: tuple[str, int] = ("a", 1)
    names: frozenset[str] = frozenset()
    numbers: list[int] = field(default_factory=list)
    table: dict[str, int] = field(default_factory=dict)
    settings: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    told: Mapping[str, Json] | None = None
    days: frozenset[date] = frozenset()


FULL = Everything(
    text="ä\n\u2028",
    point=Point(1, 2),
    at=NOON,
    length=timedelta(hours=36),
    colour=Colour.RED,
    path=Path("/etc/rooms"),
    points=(Point(3),),
    names=frozenset("fedcba"),
    numbers=[1],
    table={"a": 1},
    settings=MappingProxyType({"b": 2}),
    told=MappingProxyType({"a": [1, {"b": None}], "c": 1.5}),
    days=frozenset({date(2027, 2, 1), date(2027, 1, 31)}),
)


def test_what_is_written() -> None:
    """Plain JSON, in the order of the fields, that a person can read."""
    assert dumps(Everything, FULL).decode() == (
        '{"text":"ä\\n\u2028","point":{"x":1,"y":2},"at":"2027-01-31T12:00:00.000005Z",'
        '"length":"36h","colour":"red","path":"/etc/rooms","ratio":0.5,"setting":null,'
        '"points":[{"x":3,"y":0}],"pair":["a",1],"names":["a","b","c","d","e","f"],"numbers":[1],'
        '"table":{"a":1},"settings":{"b":2},"told":{"a":[1,{"b":null}],"c":1.5},'
        '"days":["2027-01-31","2027-02-01"]}'
    )


def test_what_is_written_comes_back() -> None:
    """Equal, and of the same immutable kinds."""
    back = loads(Everything, dumps(Everything, FULL))
    assert back == FULL
    assert isinstance(back.settings, MappingProxyType)
    assert isinstance(back.told, MappingProxyType)
    assert isinstance(back.names, frozenset)
    assert back.at.tzinfo is UTC
    assert load(Everything, dump(Everything, FULL)) == FULL


def test_a_missing_field_takes_its_default() -> None:
    """So that rows of an older version load for ever."""
    assert loads(Point, '{"x": 1}') == Point(1, 0)


def test_any_moment_is_written_in_utc() -> None:
    """Whatever zone it came in."""
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    moved = Everything(**{**vars(FULL), "at": berlin})
    assert dumps(Everything, moved) == dumps(Everything, FULL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{"x": 1', "no Point: text: Invalid JSON: EOF", id="cut"),
        pytest.param("[]", "no Point: text: Input should be an object", id="array"),
        pytest.param("{}", "no Point: x: Field required", id="missing"),
        pytest.param('{"x": "secret"}', "no Point: x: Input should be a valid integer", id="text"),
        pytest.param('{"x": true}', "no Point: x: Input should be a valid integer", id="bool"),
        pytest.param('{"x": 1.0}', "no Point: x: Input should be a valid integer", id="float"),
        pytest.param('{"x": 1, "z": 2}', "no Point: z: Unexpected keyword", id="unknown"),
        pytest.param('{"x": -1}', "no Point: text: Value error, x may not", id="refused by itself"),
    ],
)
def test_a_misshapen_text_is_refused(text: str, message: str) -> None:
    """With the field and without what it held."""
    with pytest.raises(ShapeError) as caught:
        loads(Point, text)
    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("at", "2027-01-31T12:00:00", id="moment without a zone"),
        pytest.param("at", "2027-01-31T12:00:00+01:00", id="moment of another zone"),
        pytest.param("at", "noon", id="no moment"),
        pytest.param("length", "1y", id="length with years"),
        pytest.param("days", ["2027-02-30"], id="no day"),
        pytest.param("length", 3, id="length as number"),
        pytest.param("colour", "blue", id="unknown member"),
        pytest.param("setting", 3, id="outside of a union"),
        pytest.param("settings", {"a": "1"}, id="in a mapping"),
    ],
)
def test_a_misshapen_field_is_named(name: str, value: Json) -> None:
    """By its path."""
    plain = dump(Everything, FULL)
    assert isinstance(plain, dict)
    with pytest.raises(ShapeError, match=f"no Everything: {name}"):
        load(Everything, {**plain, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("at", datetime(2027, 1, 31), id="moment without a zone"),  # noqa: DTZ001
        pytest.param("ratio", float("nan"), id="not a number"),
        pytest.param("length", timedelta(-1), id="negative length"),
        pytest.param("text", 7, id="another type"),
        pytest.param("text", "\ud800", id="half a character"),
        pytest.param("point", FULL, id="another dataclass"),
    ],
)
def test_a_value_that_could_not_come_back_is_not_written(name: str, value: object) -> None:
    """The error comes where the value is written, not years later where it is read."""
    broken = Everything(**{**vars(FULL), name: value})
    for write in (dumps, dump):
        if write is dump and value == "\ud800":
            continue  # plain values hold any text; it is `dumps` that needs UTF-8
        with pytest.raises(ShapeError, match="no Everything: "):
            write(Everything, broken)


def test_an_error_of_writing_names_the_field_alone() -> None:
    """The value might be anything."""
    with pytest.raises(ShapeError) as caught:
        dumps(Point, Point(1, "hunter2"))  # type: ignore[arg-type]
    assert str(caught.value) == "no Point: y cannot be written"


def test_a_number_that_is_none_is_null_where_anything_goes() -> None:
    """Telling of it must not fail."""
    odd = Everything(**{**vars(FULL), "told": {"a": float("inf")}})
    assert loads(Everything, dumps(Everything, odd)).told == {"a": None}


@dataclass(frozen=True)
class Sealed:
    token: Secret


@dataclass(frozen=True)
class Ambiguous:
    shape: Point | Everything


@dataclass(frozen=True)
class Numbered:
    table: Mapping[int, str]


@pytest.mark.parametrize("kind", [Sealed, Ambiguous, Numbered])
def test_a_type_that_cannot_be_told_is_refused(kind: type[object]) -> None:
    """When its codec is made, whatever the value."""
    with pytest.raises(TypeError, match=r"cannot be|keys of a JSON object"):
        loads(kind, "{}")
