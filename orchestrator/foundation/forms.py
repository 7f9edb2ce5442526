"""Forms: documents read into pydantic models, with every mistake told at its line and column.

pydantic stops at what it cannot make a value of, and a check that needs two values would then never
be reached.  So what is wrong is told, taken out, and the rest is read again: whoever corrects a
file sees all that is wrong with it at once.  A problem never quotes a value, unless the form's own
check, which knows what it holds, put it into its message.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import UnionType
from typing import (
    Annotated,
    ClassVar,
    Final,
    Generic,
    Literal,
    Protocol,
    TypeGuard,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from orchestrator.foundation.instants import (
    DURATION_PATTERN,
    format_duration,
    parse_duration,
)
from orchestrator.foundation.problems import Place, Problem, did_you_mean, nearest

Tree = str | int | float | bool | None | list["Tree"] | dict[str, "Tree"]
Path = tuple[str | int, ...]
T = TypeVar("T")

_ROUNDS_MAX: Final = 20  # each takes something out; a form is not nested this deep


class Form(BaseModel):
    """What a document, or a part of it, may hold. Unknown keys and silent conversions are refused.

    What `exactly_one` and `together` say is only told to editors (`foundation.schemas`); a reader
    checks it itself, because it can say more of it.

    Attributes:
        not_yet: keys of the language that a later build will know.
        hints: for required keys, what to write.
        exactly_one: keys of which exactly one must be there; those not there yet may be named.
        together: what else JSON Schema can say of more than one key, in its own words.
    """

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True
    )
    not_yet: ClassVar[frozenset[str]] = frozenset()
    hints: ClassVar[Mapping[str, str]] = {}
    exactly_one: ClassVar[tuple[str, ...]] = ()
    together: ClassVar[Mapping[str, object]] = {}


def matching(pattern: str, message: str) -> AfterValidator:
    """A check that takes a text only if all of it is of a pattern, or tells ``message``."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(message)
        return value

    return AfterValidator(check)


def patterned(pattern: str, **more: object) -> WithJsonSchema:
    """What editors are told of a text that a check of a form's own reads.

    Args:
        pattern: takes all that the check takes, in the words that Python and ECMAScript share.
        more: further keywords of JSON Schema.
    """
    return WithJsonSchema({"type": "string", "pattern": pattern, **more})


def _length(value: object) -> timedelta:
    if isinstance(value, bool | int | float):
        message = f"{value} has no unit; write 90s, 15m, 12h or 30d"
        raise ValueError(message)  # noqa: TRY004 (pydantic collects ValueErrors only)
    if not isinstance(value, str):
        message = "must be a length of time such as 90s, 15m, 12h or 30d"
        raise ValueError(message)  # noqa: TRY004
    return parse_duration(value)


_LENGTH: Final = patterned(
    DURATION_PATTERN,
    description="a length of time: 90s, 15m, 12h, 30d, or ISO 8601 without years and months",
    examples=["90s", "15m", "12h", "30d"],
)
# A length of time as people write it.
Length = Annotated[timedelta, BeforeValidator(_length), _LENGTH]


def between(least: timedelta, most: timedelta) -> Callable[[timedelta], timedelta]:
    """A check that refuses a length of time outside of these; it raises ValueError."""

    def check(value: timedelta) -> timedelta:
        if not least <= value <= most:
            message = (
                f"{format_duration(value)} is not between {format_duration(least)} and "
                f"{format_duration(most)}"
            )
            raise ValueError(message)
        return value

    return check


def some(none: str) -> Callable[[list[T]], list[T]]:
    """A check that refuses an empty list; it raises ValueError.

    Args:
        none: what would come of it, and what to write.
    """

    def check(value: list[T]) -> list[T]:
        if not value:
            message = f"names none, {none}"
            raise ValueError(message)
        return value

    return check


class Placed(Protocol):
    """A document whose values have places."""

    @property
    def tree(self) -> Tree:
        """Its plain values."""
        ...

    def value(self, path: Path) -> Tree:
        """The value at a path; None where there is none."""
        ...

    def place(self, path: Path = ()) -> Place:
        """Where a value stands."""
        ...

    def key_place(self, path: Path) -> Place:
        """Where a value's key stands."""
        ...


F = TypeVar("F", bound=Form)


@dataclass(frozen=True, slots=True)
class Filled(Generic[F]):
    """A form that was filled as far as the document allows.

    Attributes:
        value: the form; what was broken has its default, or the stand-in.
        problems: everything that is wrong with single values.
        broken: the paths of what was taken out; nothing may be concluded from their absence.
    """

    value: F | None
    problems: tuple[Problem, ...] = ()
    broken: frozenset[Path] = frozenset()

    def whole(self, *paths: Path) -> bool:
        """Whether nothing at, above or below any of these paths was taken out."""
        return not any(
            broken[: len(path)] == path[: len(broken)] for broken in self.broken for path in paths
        )


def fill(form: type[F], document: Placed, stand_in: Mapping[str, Tree]) -> Filled[F]:
    """Read a document into a form.

    Args:
        form: what the document may hold.
        document: what somebody wrote.
        stand_in: for each required key of the form's top something lawful, to read on with.
    """
    if not isinstance(document.tree, dict):
        problem = Problem(document.place(), 'must be a mapping of the form "key: value"')
        return Filled(None, (problem,), frozenset({()}))
    filling = _Filling(form, document, copy.deepcopy(document.tree), stand_in)
    filling.refuse_empty(form, document.tree, ())
    value: F | None = None
    for _ in range(_ROUNDS_MAX):
        try:
            # By the keys as people write them: `as_` is ours, `as` is the language's.
            value = form.model_validate(filling.tree, by_alias=True, by_name=False)
            break
        except ValidationError as error:
            for details in error.errors(include_url=False):
                filling.take_out(details)
    return Filled(value, tuple(sorted(set(filling.problems))), frozenset(filling.broken))


@dataclass(slots=True)
class _Filling:
    """One document being read, and what was taken out of it."""

    form: type[Form]
    document: Placed
    tree: dict[str, Tree]
    stand_in: Mapping[str, Tree]
    problems: list[Problem] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)

    def refuse_empty(self, annotation: object, tree: Tree, path: Path) -> None:
        """Take out keys without a value: a line that was not finished is no wish for a default."""
        steps = tree.items() if isinstance(tree, dict) else enumerate(_listed(tree))
        for step, value in steps:
            inner, below = _inner(annotation, step, tree), (*path, step)
            if inner is not None and value is None and isinstance(step, str):
                place = self.document.key_place(below)
                self._tell(place, f"{step} is empty; write a value or leave the line out")
                self.broken.add(below)
                self._remove(below)
            elif inner is not None:
                self.refuse_empty(inner, value, below)

    def take_out(self, details: ErrorDetails) -> None:
        """Tell what is wrong, and remove it so that the rest can be read."""
        kind = details["type"]
        if kind == "missing":
            self._missing(details["loc"])
            return
        if kind in {"union_tag_invalid", "union_tag_not_found"}:
            self._untagged(details)
            return
        path = _in_tree(self.document.tree, details["loc"])
        if kind == "extra_forbidden":
            self._tell(self.document.key_place(path), self._unknown(path))
            self._take_meant(path)
        else:
            self._tell(self.document.place(path), f"{_label(path)} {_wrong(details)}")
            self.broken.add(path)
        self._remove(path)

    def _missing(self, location: Path) -> None:
        parent = _in_tree(self.document.tree, location[:-1])
        path = (*parent, location[-1])
        # Otherwise it was there, if misspelt, and what was wrong with it is told.
        taken_out = any(broken[: len(path)] == path for broken in self.broken)
        if not taken_out and not self._is_misspelt(parent, str(path[-1])):
            self._tell(self.document.key_place(parent), self._absent(parent, str(path[-1])))
        self.broken.add(path)
        if len(path) > 1:
            self.broken.add(parent)
            self._remove(parent)
        else:
            name = str(path[0])
            self.tree[name] = copy.deepcopy(self.stand_in[name])

    def _untagged(self, details: ErrorDetails) -> None:
        """Tell which kinds there are, where a form of several does not say which it is."""
        path, context = _in_tree(self.document.tree, details["loc"]), details["ctx"]
        name = str(context["discriminator"]).strip("'")
        if details["type"] == "union_tag_invalid":
            expected, given = str(context["expected_tags"]), self.document.value((*path, name))
            told = f"{name} {_choice(expected.replace(', ', ' or '), given)}"
            self._tell(self.document.place((*path, name)), told)
        else:
            tree = self.document.value(path)
            near = nearest(name, list(tree)) if isinstance(tree, dict) else None
            offer = f'; did you write "{near}" for it?' if near else ""
            told = f'"{name}" is missing in {_label(path)}{offer}'
            self._tell(self.document.key_place(path), told)
        self.broken.add(path)
        self._remove(path)

    def _form(self, path: Path) -> type[Form] | None:
        return _form_at(self.form, path, self.document.tree)

    def _absent(self, parent: Path, name: str) -> str:
        form = self._form(parent)
        hint = form.hints.get(name) if form else None
        where = f" in {_label(parent)}" if parent else ""
        return f'"{name}" is missing{where}' + (f": {hint}" if hint else "")

    def _is_misspelt(self, parent: Path, name: str) -> bool:
        form = self._form(parent)
        tree = self.document.value(parent)
        if form is None or not isinstance(tree, dict):
            return False
        known = _keys(form)
        return name in {nearest(key, known) for key in tree if key not in known}

    def _unknown(self, path: Path) -> str:
        name = str(path[-1])
        form = self._form(path[:-1])
        where = f" in {_label(path[:-1])}" if len(path) > 1 else ""
        if form is not None and name in form.not_yet:
            return f'"{name}"{where} is not yet available'
        known = () if form is None else _keys(form)
        return f'unknown key "{name}"{where}{did_you_mean(name, known)}'

    def _take_meant(self, path: Path) -> None:
        """Count the key that was probably meant as broken: it is not absent, it is misspelt."""
        form = self._form(path[:-1])
        meant = nearest(str(path[-1]), _keys(form)) if form else None
        if meant is not None:
            self.broken.add((*path[:-1], meant))

    def _tell(self, place: Place, message: str) -> None:
        self.problems.append(Problem(place, message))

    def _remove(self, path: Path) -> None:
        """Remove a value; a list goes as a whole, because its members are known by number."""
        names = path[: next((at for at, step in enumerate(path) if isinstance(step, int)), None)]
        inner: Tree = self.tree
        for step in names[:-1]:
            inner = inner.get(str(step)) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and names:
            inner.pop(str(names[-1]), None)


def _in_tree(tree: Tree, location: Path) -> Path:
    """The part of a location that the document has; the rest names pydantic's own parts."""
    path: list[str | int] = []
    for step in location:
        match tree, step:
            case dict(), str() if step in tree:
                tree = tree[step]
            case list(), int() if step < len(tree):
                tree = tree[step]
            case _:
                continue
        path.append(step)
    return tuple(path)


def _label(path: Path) -> str:
    """The last name of a path, with the numbers after it: ``deliver[0]``."""
    label = ""
    for step in path:
        label = f"{label}[{step}]" if isinstance(step, int) else step
    return label


def _keys(form: type[Form]) -> list[str]:
    return [info.alias or name for name, info in form.model_fields.items()]


def _form_at(form: type[Form], path: Path, tree: Tree) -> type[Form] | None:
    """The form that a path of the document is read by; of several kinds the one that it names."""
    annotation: object = form
    for step in path:
        annotation = _inner(annotation, step, tree)
        tree = _step(tree, step)
    return next(_forms(annotation, tree), None)


def _step(tree: Tree, step: str | int) -> Tree:
    match tree, step:
        case dict(), str():
            return tree.get(step)
        case list(), int() if step < len(tree):
            return tree[step]
        case _:
            return None


def _forms(annotation: object, tree: Tree) -> Iterator[type[Form]]:
    """The forms of an annotation that this part of a document may be of, by what its kinds say."""
    forms = [part for part in _parts(annotation) if _is_form(part)]
    # Where there is but one, nothing that the document says makes it another.
    return (form for form in forms if len(forms) == 1 or _is_of_kind(form, tree))


def _is_of_kind(form: type[Form], tree: Tree) -> bool:
    """Whether nothing that a form's kind is told by says otherwise: a field with one choice."""
    if not isinstance(tree, dict):
        return True
    for name, info in form.model_fields.items():
        only = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
        if len(only) == 1 and tree.get(info.alias or name, only[0]) != only[0]:
            return False
    return True


def _inner(annotation: object, step: str | int, tree: Tree = None) -> object:
    """The annotation of one member of a form, a mapping or a list; None where there is none."""
    for form in _forms(annotation, tree):
        for name, info in form.model_fields.items():
            if step in {name, info.alias}:
                return info.annotation
    for part in _parts(annotation):
        if get_origin(part) is dict and isinstance(step, str):
            return get_args(part)[1]
        if get_origin(part) is list and isinstance(step, int):
            return get_args(part)[0]
    return None


def _parts(annotation: object) -> Iterator[object]:
    """An annotation without ``| None`` and ``Annotated``."""
    if get_origin(annotation) is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for argument in get_args(annotation):
            yield from _parts(argument)
    else:
        yield annotation


def _is_form(part: object) -> TypeGuard[type[Form]]:
    return isinstance(part, type) and get_origin(part) is None and issubclass(part, Form)


def _listed(tree: Tree) -> list[Tree]:
    return tree if isinstance(tree, list) else []


_MUST_BE: Final = {
    "bool_type": "must be true or false",
    "dict_type": 'must be a mapping of the form "key: value"',
    "float_type": "must be a number",
    "frozen_set_type": "must be a list",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_attributes_type": 'must be a mapping of the form "key: value"',
    "model_type": 'must be a mapping of the form "key: value"',
    "tuple_type": "must be a list",
}


def _wrong(details: ErrorDetails) -> str:
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    if kind in _MUST_BE:
        return _MUST_BE[kind]
    if kind == "string_type":
        scalar = isinstance(given, bool | int | float)
        return "must be text" + ("; put it in quotes" if scalar else "")
    if kind == "literal_error":
        return _choice(str(context["expected"]), given)
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']:g}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']:g}"
    if kind == "value_error":
        return str(context["error"])
    return details["msg"]


def _choice(expected: str, given: object) -> str:
    choices = expected.replace("'", "").replace(" or ", ", ").split(", ")
    if given in choices:
        return f"must be {given}, without quotes"
    listed = ", ".join(choices[:-1]) + f" or {choices[-1]}" if choices[1:] else choices[0]
    return f"must be {listed}" + (did_you_mean(given, choices) if isinstance(given, str) else "")
