"""JMESPath: an expression that makes one value of a document, bounded.

Scalars stay as they are written: an expression compares and counts numbers, and what it passes on
is text in the document's own spelling.  Refused at load is what is no JMESPath, a function that
there is not, and an expression that could make very much of little.  Nothing of a document is ever
quoted in a problem.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, cast

import jmespath
from jmespath import exceptions
from jmespath.functions import TYPES_MAP, Functions

from orchestrator.foundation.problems import did_you_mean

Tree = str | int | float | bool | None | list["Tree"] | dict[str, "Tree"]

SELECT_MAX: Final = 1_000  # characters
GROWTH_MAX: Final = 200  # how many times as large as the answer what is selected may be
VALUES_MAX: Final = 2_000_000  # in what is selected
_DEPTH_MAX: Final = 40
_DIGITS_MAX: Final = 30  # of a number that is more than text
_QUOTED: Final = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`""", re.DOTALL)
_COPIES: Final = frozenset({"multi_select_list", "multi_select_dict", "function_expression"})
_CHAINS: Final = frozenset(
    "pipe subexpression index_expression projection value_projection filter_projection".split()  # noqa: SIM905 (a sentence reads better)
)


class SelectError(ValueError):
    """An expression cannot be used, or not on this answer; the text is safe to show."""


class _Whole(int):
    """A whole number that remembers how it was written."""

    written: str


class _Fraction(float):
    """Any other number that remembers how it was written."""

    written: str


# JMESPath knows numbers by the names of their classes.
_Whole.__name__, _Fraction.__name__ = "int", "float"


def numeral(written: str) -> str | int | float:
    """Make a number of its spelling, for `read_json`; one that is none, or is long, stays text."""
    if len(written) > _DIGITS_MAX:
        return written
    try:
        if written.lstrip("-").isdigit():
            whole = _Whole(written)
            whole.written = written
            return whole
        fraction = _Fraction(written)
    except ValueError:
        return written
    fraction.written = written
    return fraction


@dataclass(frozen=True, slots=True)
class Select:
    """A compiled expression."""

    _parsed: jmespath.parser.ParsedResult

    def of(self, tree: Tree) -> Tree:
        """What the expression makes of an answer; every number as text.

        Raises:
            SelectError: it does not fit this answer.
        """
        try:
            found = self._parsed.search(tree)
        except exceptions.JMESPathTypeError as error:
            kind = TYPES_MAP.get(error.actual_type, error.actual_type)
            message = f"{error.function_name}() is given a value of the type {kind}"
            raise SelectError(message) from None
        except (exceptions.JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError):
            # Their texts may quote the answer.
            message = "cannot be worked out for this answer"
            raise SelectError(message) from None
        return _Writing().plain(found, 0)


def compile_select(expression: str) -> Select:
    """Read an expression.

    Raises:
        SelectError: with the character where it goes wrong.
    """
    if len(expression) > SELECT_MAX:
        message = f"has {len(expression)} characters; at most {SELECT_MAX} are read"
        raise SelectError(message)
    _check_literals(expression)
    try:
        parsed = jmespath.compile(expression)
    except exceptions.EmptyExpressionError:
        message = 'is empty; write "@" for the whole answer'
        raise SelectError(message) from None
    except exceptions.IncompleteExpressionError:
        message = "is no JMESPath: it ends too early"
        raise SelectError(message) from None
    except exceptions.LexerError as error:
        raise SelectError(_at(error.lexer_position, expression)) from None
    except exceptions.ParseError as error:
        raise SelectError(_at(error.lex_position, expression)) from None
    except RecursionError:
        message = "is nested too deep"
        raise SelectError(message) from None
    growth = _growth(cast("dict[str, Any]", parsed.parsed), 0)
    if growth > GROWTH_MAX:
        message = (
            f"could make {growth} times as much of an answer as there is; select fewer things side "
            "by side"
        )
        raise SelectError(message)
    return Select(parsed)


def _check_literals(expression: str) -> None:
    """Refuse text without quotes in backticks: JMESPath takes it, and only warns."""
    for token in _QUOTED.finditer(expression):
        if not token[0].startswith("`"):
            continue
        try:
            json.loads(token[0][1:-1].replace("\\`", "`"))
        except (ValueError, RecursionError):
            message = (
                f"has a literal in backticks that is no JSON, at character {token.start() + 1}; "
                "write text as 'text'"
            )
            raise SelectError(message) from None


def _at(position: int, expression: str) -> str:
    rest = expression[position : position + 10]
    shown = f', at "{rest}"' if rest else ""
    return f"is no JMESPath from its character {position + 1} on{shown}"


def _growth(node: dict[str, Any], depth: int) -> int:
    """How many copies of the answer an expression can make; checks its functions on the way."""
    if depth > _DEPTH_MAX:
        message = f"is nested deeper than {_DEPTH_MAX} levels"
        raise SelectError(message)
    kind = node["type"]
    if kind == "function_expression":
        _check_function(node)
    parts = [_growth(child, depth + 1) for child in node["children"] if isinstance(child, dict)]
    if kind in _COPIES:
        return sum(parts) or 1
    if kind in _CHAINS:
        product = 1
        for part in parts:
            product *= part
        return product
    return max(parts, default=1)


def _check_function(node: dict[str, Any]) -> None:
    name, given = str(node["value"]), len(node["children"])
    known = Functions.FUNCTION_TABLE
    if name not in known:
        near = did_you_mean(name, known)
        message = f'uses "{name}()", which JMESPath does not have{near}'
        raise SelectError(message)
    signature = known[name]["signature"]
    open_ended = bool(signature) and signature[-1].get("variadic", False)
    if given < len(signature) or (given > len(signature) and not open_ended):
        message = f"gives {name}() {given} values; it takes {len(signature)}"
        raise SelectError(message)


@dataclass(slots=True)
class _Writing:
    """Numbers becoming text again, and a bound on how much of it there may be."""

    values: int = 0

    def plain(self, found: object, depth: int) -> Tree:
        self.values += 1
        if self.values > VALUES_MAX or depth > 2 * _DEPTH_MAX + 100:
            message = "makes too much of this answer"
            raise SelectError(message)
        match found:
            case None | bool() | str():
                return found
            case _Whole() | _Fraction():
                return found.written
            case int() | float():
                return str(found)  # made by a function such as length()
            case list():
                return [self.plain(one, depth + 1) for one in found]
            case dict():
                return {str(name): self.plain(one, depth + 1) for name, one in found.items()}
            case _:
                message = "makes something that is no value"  # an expression: &field
                raise SelectError(message)
