"""The sandbox: which expressions there are, what they may touch, and how much they may make.

Jinja2's own sandbox guards Python's attributes; this one has none to guard: a dot gives a field of
a mapping or nothing.  No call, no statement, no global name.  Texts are at most 10,000 characters
long at every step, numbers at most thirty digits, so no chain of filters can grow out of hand.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from orchestrator.foundation.problems import did_you_mean

TEXT_MAX: Final = 10_000  # characters
SOURCE_MAX: Final = 4_000  # characters of a template
NESTING_MAX: Final = 40
_NUMBER_MAX: Final = 10**30

# Everything that a template may be made of.
_ALLOWED: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Keyword,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Pos,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Concat,
    nodes.CondExpr,
)
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_TESTS: Final = frozenset({"boolean", "defined", "none", "number", "string", "undefined"})


class RefusedError(Exception):
    """An expression does, or would do, what is not allowed; the text is safe to show."""


def refused_node(tree: nodes.Template) -> tuple[int, str] | None:
    """The line and the reason of the first thing in a template that is not allowed."""
    for node, depth in _walk(tree, 0):
        if depth > NESTING_MAX:
            return node.lineno, f"is nested deeper than {NESTING_MAX} levels"
        if isinstance(node, nodes.Call):
            return node.lineno, 'calls are not read; use a filter, as in "{{ x | upper }}"'
        if isinstance(node, nodes.Pow):
            return node.lineno, "** is not read"
        if not isinstance(node, _ALLOWED):
            return node.lineno, "only {{ … }} with expressions and filters is read, no {% … %}"
        if isinstance(node, nodes.Const) and _is_too_large(node.value):
            return node.lineno, "names too large a number"
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            near = did_you_mean(node.name, _FILTERS) or f"; there are {', '.join(sorted(_FILTERS))}"
            return node.lineno, f'unknown filter "{node.name}"{near}'
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            return node.lineno, f'unknown test "{node.name}"; there are {", ".join(sorted(_TESTS))}'
    return None


def _walk(tree: nodes.Node, depth: int) -> Sequence[tuple[nodes.Node, int]]:
    """All nodes, outermost first, each with its depth; stops below one that is too deep."""
    found: list[tuple[nodes.Node, int]] = [(tree, depth)]
    for node, level in found:
        if level <= NESTING_MAX:
            found.extend((child, level + 1) for child in node.iter_child_nodes())
    return found


class Missing(StrictUndefined):
    """A name or field that is not there; using it in any way but `default` is a problem."""


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment in which only what this module allows can be said or done."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self, *, key: bool) -> None:
        """Prepare; in a key only text and whole numbers may stand."""
        super().__init__(
            undefined=Missing,
            finalize=_in_key if key else _in_text,
            autoescape=False,
            optimized=False,
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.globals.clear()
        self.filters.clear()
        self.filters.update(_FILTERS)
        self.tests = {name: test for name, test in self.tests.items() if name in _TESTS}

    def getattr(self, obj: object, attribute: str) -> object:
        """A field of a mapping; never an attribute of Python's."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """A field of a mapping or a member of a list."""
        if isinstance(obj, Undefined):
            return obj
        if isinstance(obj, Mapping):
            if isinstance(argument, str) and argument in obj:
                return bounded(obj[argument])
            near = did_you_mean(str(argument), [str(name) for name in obj])
            return self.undefined(hint=f'there is no field "{argument}"{near}')
        if isinstance(obj, str | list | tuple) and isinstance(argument, int):
            if -len(obj) <= argument < len(obj):
                return bounded(obj[argument])
            return self.undefined(hint=f"there is no member {argument}")
        return self.undefined(hint=f'"{argument}" is asked of a value that has no fields')

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Arithmetic on numbers, and ``+`` on texts; nothing that repeats or formats."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return bounded(left + right)
        if not _is_number(left) or not _is_number(right):
            message = f'"{operator}" takes numbers' + (" or two texts" if operator == "+" else "")
            raise RefusedError(message)
        return bounded(super().call_binop(context, operator, left, right))

    def call_unop(self, context: Context, operator: str, arg: object) -> object:
        """A sign before a number."""
        if not _is_number(arg):
            message = f'"{operator}" takes a number'
            raise RefusedError(message)
        return super().call_unop(context, operator, arg)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_too_large(value: object) -> bool:
    return isinstance(value, int | float) and not abs(value) <= _NUMBER_MAX


def bounded(value: object) -> object:
    """The value itself, if it is not too large to go on with."""
    if isinstance(value, str) and len(value) > TEXT_MAX:
        message = f"makes a text of more than {TEXT_MAX} characters"
        raise RefusedError(message)
    if _is_too_large(value):
        message = "makes too large a number"
        raise RefusedError(message)
    return value


def _in_text(value: object) -> object:
    """What ``{{ … }}`` writes: text, numbers, and true or false as data files spell them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | Undefined):
        return value
    what = "is empty (null)" if value is None else "is a list or mapping, not a text"
    message = f"a value {what}"
    raise RefusedError(message)


def _in_key(value: object) -> object:
    """What ``{{ … }}`` writes into a key, where 1.0 and true would not keep their identity."""
    if isinstance(value, Undefined) or (
        isinstance(value, str | int) and not isinstance(value, bool)
    ):
        return value
    kinds = {bool: "true or false", float: "a number with a fraction", type(None): "empty (null)"}
    kind = kinds.get(type(value), "a list or mapping")
    message = f"a value is {kind}; a key is made of text and whole numbers"
    raise RefusedError(message)


# --- filters -----------------------------------------------------------------------------------


def _text(value: object) -> str:
    """What a filter for texts works on."""
    if isinstance(value, Undefined):
        str(value)  # raises with its own message
    return str(bounded(_in_text(value)))


def _default(value: object, other: object = "", boolean: object = False) -> object:  # noqa: FBT002 (Jinja2's own signature)
    return (
        other if isinstance(value, Undefined) or value is None or (boolean and not value) else value
    )


def _replace(value: object, old: object, new: object) -> str:
    text, gone, put = _text(value), _text(old), _text(new)
    if len(text) + text.count(gone) * max(len(put) - len(gone), 0) > TEXT_MAX:
        message = f"makes a text of more than {TEXT_MAX} characters"
        raise RefusedError(message)
    return text.replace(gone, put)


def _truncate(value: object, length: object = 200, end: object = "…") -> str:
    text, ending = _text(value), _text(end)
    if not isinstance(length, int) or length < len(ending):
        message = "truncate takes a whole number of characters"
        raise RefusedError(message)
    return text if len(text) <= length else text[: length - len(ending)].rstrip() + ending


def _slug(value: object) -> str:
    """Lower-case ASCII letters, digits and hyphens; accents are taken off."""
    plain = unicodedata.normalize("NFKD", _text(value)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def _join(value: object, between: object = "") -> str:
    separator = _text(between)
    parts = [_text(part) for part in value] if isinstance(value, list | tuple) else [_text(value)]
    if sum(len(part) + len(separator) for part in parts) > TEXT_MAX:
        message = f"makes a text of more than {TEXT_MAX} characters"
        raise RefusedError(message)
    return separator.join(parts)


def _member(value: object, at: int) -> object:
    if isinstance(value, str | list | tuple) and value:
        return bounded(value[at])
    message = "first and last take a text or list that is not empty"
    raise RefusedError(message)


def _length(value: object) -> int:
    if isinstance(value, str | list | tuple | dict):
        return len(value)
    return len(_text(value))


def _int(value: object) -> int:
    text = _text(value).strip()
    if re.fullmatch(r"[-+]?[0-9]{1,30}", text) is None:
        message = "int takes a whole number"
        raise RefusedError(message)
    return int(text)


def _moment(value: object, what: str) -> datetime:
    text = _text(value).strip()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        message = f"{what} takes a moment such as 2026-11-26T15:00"
        raise RefusedError(message) from None


def _date(value: object) -> str:
    """The day as everybody reads it alike, without a locale: ``26 Nov 2026``."""
    moment = _moment(value, "date")
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _time(value: object) -> str:
    """Hours and minutes of 24 hours: ``15:00``."""
    moment = _moment(value, "time")
    return f"{moment.hour:02}:{moment.minute:02}"


_FILTERS: Final = {
    "capitalize": lambda value: _text(value).capitalize(),
    "d": _default,
    "date": _date,
    "default": _default,
    "first": lambda value: _member(value, 0),
    "int": _int,
    "join": _join,
    "last": lambda value: _member(value, -1),
    "length": _length,
    "lower": lambda value: _text(value).lower(),
    "replace": _replace,
    "slug": _slug,
    "time": _time,
    "title": lambda value: _text(value).title(),
    "trim": lambda value: _text(value).strip(),
    "truncate": _truncate,
    "upper": lambda value: _text(value).upper(),
}

__all__ = ["Missing", "RefusedError", "Sandbox", "UndefinedError", "refused_node"]
