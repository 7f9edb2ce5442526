"""The one codec of values: frozen dataclasses to JSON and back, by their annotations alone.

What is written is plain: objects, arrays, text, numbers; a moment is UTC with microseconds and
``Z``, a length of time and a day ISO 8601, a frozenset a sorted array.  What is read is checked
strictly, and arrives immutable again (tuples, frozensets, read-only mappings).

Old rows load for ever: a field that is missing takes its default.  A field that is not known is
refused, because whoever wrote it was newer, and writing the value back would lose it.  Refused
already when the codec is made: secrets, and every annotation whose JSON could not be told apart
from another's.  Refused when written: moments without a zone and numbers that are none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    ForwardRef,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic_core import (
    PydanticSerializationError,
    SchemaSerializer,
    SchemaValidator,
    ValidationError,
    core_schema,
    to_json,
)

from orchestrator.foundation.instants import (
    format_duration,
    format_instant_exactly,
    parse_duration,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T")
Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_ANY_JSON: Final = "any-json"
_SHOWN_ERRORS: Final = 3
# The second: what stands where a dataclass should is of another class.
_UNWRITABLE: Final = (PydanticSerializationError, AttributeError)
_FIELD: Final = re.compile(r"field_name='(\w+)'")


class ShapeError(ValueError):
    """A value and its JSON do not fit; the text names the field and never shows what it held."""


def dumps(type_: type[_T], value: _T) -> bytes:
    """Write a value as JSON.

    Raises:
        ShapeError: the value is not what its annotations say.
        TypeError: the type cannot be written at all.
    """
    codec = _codec(type_)
    try:
        return codec.serializer.to_json(value, warnings="error")
    except _UNWRITABLE as error:
        # Here and below nothing is chained: pydantic's errors hold values, and logs show a chain.
        raise ShapeError(_unwritable(type_, error)) from None


def loads(type_: type[_T], text: bytes | str) -> _T:
    """Read a value from JSON.

    Raises:
        ShapeError: the text is not JSON, or not of this shape.
        TypeError: the type cannot be read at all.
    """
    codec = _codec(type_)
    try:
        value: _T = codec.validator.validate_json(text, strict=True)
    except ValidationError as error:
        raise ShapeError(_unreadable(type_, error)) from None
    return value


def dump(type_: type[_T], value: _T) -> Json:
    """Turn a value into plain JSON values; raises as `dumps`."""
    codec = _codec(type_)
    try:
        plain: Json = codec.serializer.to_python(value, mode="json", warnings="error")
    except _UNWRITABLE as error:
        raise ShapeError(_unwritable(type_, error)) from None
    return plain


def load(type_: type[_T], plain: Json) -> _T:
    """Make a value of plain JSON values; raises as `loads`."""
    # By way of text, so that there is one reading: strict about Python's types and JSON's at once
    # is not to be had (a moment is text here and never text there).
    return loads(type_, to_json(plain))


@dataclass(frozen=True, slots=True)
class _Codec:
    validator: SchemaValidator
    serializer: SchemaSerializer


_CODECS: Final[dict[type[object], _Codec]] = {}


def _codec(type_: type[object]) -> _Codec:
    codec = _CODECS.get(type_)
    if codec is None:
        codec = _CODECS[type_] = _new_codec(type_)
    return codec


def _new_codec(type_: type[object]) -> _Codec:
    schema = core_schema.definitions_schema(_schema(type_), [_any_json()])
    return _Codec(SchemaValidator(schema), SchemaSerializer(schema))


def _schema(hint: object) -> core_schema.CoreSchema:
    """The schema of one annotation."""
    if _is_any_json(hint):
        return core_schema.definition_reference_schema(_ANY_JSON)
    plain = _PLAIN.get(hint)
    if plain is not None:
        return plain()
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return _union(get_args(hint))
    if origin in _CONTAINERS:
        return _CONTAINERS[origin](get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return core_schema.enum_schema(hint, list(hint), sub_type="str")
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint)
    message = f"{hint!r} cannot be written as JSON and read back"
    raise TypeError(message)


def _dataclass(kind: type[DataclassInstance]) -> core_schema.CoreSchema:
    hints = get_type_hints(kind)
    arguments = [
        core_schema.dataclass_field(field.name, _with_default(field, _schema(hints[field.name])))
        for field in fields(kind)
    ]
    names = [field.name for field in fields(kind)]
    return core_schema.dataclass_schema(
        kind,
        core_schema.dataclass_args_schema(kind.__name__, arguments, extra_behavior="forbid"),
        names,
        post_init=hasattr(kind, "__post_init__"),
        slots="__slots__" in vars(kind),
    )


def _with_default(field: Field[object], schema: core_schema.CoreSchema) -> core_schema.CoreSchema:
    if field.default is not MISSING:
        return core_schema.with_default_schema(schema, default=field.default)
    if field.default_factory is not MISSING:
        return core_schema.with_default_schema(schema, default_factory=field.default_factory)
    return schema


def _union(members: tuple[object, ...]) -> core_schema.CoreSchema:
    others = [member for member in members if member is not NoneType]
    if len(others) > 1 and not set(others) <= {str, int, float, bool}:
        message = f"{members!r} cannot be told apart in JSON"
        raise TypeError(message)
    schema = (
        _schema(others[0])
        if len(others) == 1
        else core_schema.union_schema([_schema(member) for member in others])
    )
    return core_schema.nullable_schema(schema) if len(others) < len(members) else schema


def _float() -> core_schema.CoreSchema:
    return core_schema.float_schema(
        serialization=core_schema.plain_serializer_function_ser_schema(_finite)
    )


def _finite(number: float) -> float:
    if not math.isfinite(number):
        message = "JSON has no such number"
        raise ValueError(message)
    return number


def _datetime() -> core_schema.CoreSchema:
    return _as_text(_read_moment, format_instant_exactly)


def _read_moment(text: str) -> datetime:
    # Not `parse_instant`: this reads what we wrote ourselves, a hundred thousand times at a start.
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not UTC:
        message = "a moment must be in UTC"
        raise ValueError(message)
    return moment


def _timedelta() -> core_schema.CoreSchema:
    return _as_text(_read_length, _write_length)


# A store holds few different lengths, each of them many times.
_read_length: Final = lru_cache(maxsize=256)(parse_duration)
_write_length: Final = lru_cache(maxsize=256)(format_duration)


def _date() -> core_schema.CoreSchema:
    return _as_text(date.fromisoformat, date.isoformat)


def _path() -> core_schema.CoreSchema:
    return _as_text(Path, str)


def _as_text(read: Callable[[str], object], write: Callable[[Any], str]) -> core_schema.CoreSchema:
    return core_schema.no_info_after_validator_function(
        read,
        core_schema.str_schema(),
        serialization=core_schema.plain_serializer_function_ser_schema(write),
    )


def _tuple(arguments: tuple[object, ...]) -> core_schema.CoreSchema:
    if len(arguments) == 2 and arguments[1] is ...:
        return core_schema.tuple_schema([_schema(arguments[0])], variadic_item_index=0)
    return core_schema.tuple_schema([_schema(argument) for argument in arguments])


def _frozenset(arguments: tuple[object, ...]) -> core_schema.CoreSchema:
    item = _schema(arguments[0])
    # Sorted, so that equal values are equal text.
    return core_schema.frozenset_schema(
        item,
        serialization=core_schema.wrap_serializer_function_ser_schema(
            lambda values, write: write(sorted(values)), schema=core_schema.list_schema(item)
        ),
    )


def _list(arguments: tuple[object, ...]) -> core_schema.CoreSchema:
    return core_schema.list_schema(_schema(arguments[0]))


def _dict(arguments: tuple[object, ...]) -> core_schema.CoreSchema:
    if arguments[0] is not str:
        message = f"the keys of a JSON object are text, not {arguments[0]!r}"
        raise TypeError(message)
    return core_schema.dict_schema(core_schema.str_schema(), _schema(arguments[1]))


def _mapping(arguments: tuple[object, ...]) -> core_schema.CoreSchema:
    plain = _dict(arguments)
    return core_schema.no_info_after_validator_function(
        MappingProxyType,
        plain,
        serialization=core_schema.wrap_serializer_function_ser_schema(
            lambda value, write: write(dict(value)), schema=plain
        ),
    )


def _any_json() -> core_schema.CoreSchema:
    # A number that is none becomes null here: this is what facts tell, and telling must not fail.
    again = core_schema.definition_reference_schema(_ANY_JSON)
    return core_schema.nullable_schema(
        core_schema.union_schema(
            [
                core_schema.str_schema(),
                core_schema.bool_schema(),
                core_schema.int_schema(),
                core_schema.float_schema(),
                core_schema.list_schema(again),
                core_schema.dict_schema(core_schema.str_schema(), again),
            ]
        ),
        ref=_ANY_JSON,
    )


_PLAIN: Final[Mapping[object, Callable[[], core_schema.CoreSchema]]] = {
    str: core_schema.str_schema,
    int: core_schema.int_schema,
    bool: core_schema.bool_schema,
    float: _float,
    datetime: _datetime,
    date: _date,
    timedelta: _timedelta,
    Path: _path,
}
_CONTAINERS: Final[Mapping[object, Callable[[tuple[object, ...]], core_schema.CoreSchema]]] = {
    tuple: _tuple,
    frozenset: _frozenset,
    list: _list,
    dict: _dict,
    Mapping: _mapping,
}


def _is_any_json(hint: object) -> bool:
    # How `get_type_hints` leaves the alias `Json`: unrolled once or twice, then its bare name.
    return get_origin(hint) in {Union, UnionType} and any(
        get_origin(member) in {list, dict} and _names_something(member) for member in get_args(hint)
    )


def _names_something(hint: object) -> bool:
    return isinstance(hint, ForwardRef | str) or any(map(_names_something, get_args(hint)))


def _unreadable(type_: type[object], error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'text'}: {problem['msg']}"
        for problem in problems[:_SHOWN_ERRORS]
    ]
    return f"no {type_.__name__}: {'; '.join(told)}"


def _unwritable(type_: type[object], error: Exception) -> str:
    # pydantic's own text quotes the values.
    named = dict.fromkeys(_FIELD.findall(str(error)))
    reason = f"{', '.join(named)} cannot be written" if named else _first_line(error)
    return f"no {type_.__name__}: {reason}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
