"""Which metrics a query of Prometheus names, and by which labels: read token by token.

Whether a query is lawful at all is for promtool to say; this takes lawful ones apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]*
      | (?P<text> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*` )
      | (?P<range> \[ [^\]]* \] )
      | (?P<number> 0x[0-9a-fA-F]+
            | (?:\d+\.?\d*|\.\d+) (?:[eE][+-]?\d+)? (?:ms|[smhdwy])? (?:\d+(?:ms|[smhdwy]))* )
      | (?P<name> [a-zA-Z_:$][a-zA-Z0-9_:.]* )
      | (?P<sign> =~ | !~ | != | == | <= | >= | [-+*/%^(){}<>=,@] )
    """,
    re.VERBOSE,
)
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan", "atan2", "start", "end"})


@dataclass(frozen=True, slots=True)
class Named:
    """What a query names.

    Attributes:
        metrics: each selector's metric, and the labels that it is narrowed by.
        labels: that it groups or matches by, anywhere.
    """

    metrics: tuple[tuple[str, frozenset[str]], ...]
    labels: frozenset[str]


def named(query: str) -> Named:
    """Take a query apart. Raises ValueError where that cannot be done."""
    tokens = list(_tokens(query))
    metrics: list[tuple[str, frozenset[str]]] = []
    labels: set[str] = set()
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        at += 1
        if kind != "name" or text.lower() in _WORDS:
            continue
        if text.lower() in _LISTS:
            if following == "(":
                found, at = _listed(tokens, at + 1, ")")
                labels |= found
            continue
        if following == "(" or (following in _LISTS and _is_call(tokens, at)):
            continue  # a function, or an aggregation
        if following == "{":
            found, at = _listed(tokens, at + 1, "}")
            metrics.append((text, frozenset(found)))
        else:
            metrics.append((text, frozenset()))
    return Named(tuple(metrics), frozenset(labels))


def _tokens(query: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None:
            message = f"not understood from here on: {query[at:]}"
            raise ValueError(message)
        at = match.end()
        if match.lastgroup is not None:
            yield match.lastgroup, match[0].strip()


def _listed(tokens: list[tuple[str, str]], at: int, end: str) -> tuple[set[str], int]:
    """The names up to the end of a list, and where it goes on after that."""
    found: set[str] = set()
    while tokens[at][1] != end:
        if tokens[at][0] == "name":
            found.add(tokens[at][1])
        at += 1
    return found, at + 1


def _is_call(tokens: list[tuple[str, str]], at: int) -> bool:
    """Whether ``by (…)`` stands between an aggregation's name and what it is of: sum by (a) (…)."""
    depth = 0
    for place in range(at + 1, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place][1], 0)
        if depth == 0:
            return place + 1 < len(tokens) and tokens[place + 1][1] == "("
    return False
