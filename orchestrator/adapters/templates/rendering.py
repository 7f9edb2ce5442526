"""Checking and rendering: every way in which a template can fail becomes one problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

import jinja2
from jinja2 import nodes

from orchestrator.adapters.templates.sandbox import (
    SOURCE_MAX,
    TEXT_MAX,
    RefusedError,
    Sandbox,
    bounded,
    refused_node,
)
from orchestrator.domain.policies import Template, Tree
from orchestrator.foundation.problems import Place, Problem, did_you_mean
from orchestrator.ports.templates import TemplateFault

_IN_TEXT: Final = Sandbox(key=False)
_IN_KEY: Final = Sandbox(key=True)
# What Python's own compiler raises for an expression that is too much for it.
_TOO_MUCH: Final = (RecursionError, MemoryError, SyntaxError, OverflowError)


class SandboxedTemplates:
    """Implements `orchestrator.ports.templates.Templates`."""

    def check(
        self, template: Template, names: Mapping[str, frozenset[str] | None]
    ) -> Problem | None:
        """The first thing that is wrong with a template, or None."""
        try:
            tree = _parse(template.source)
            _compile(template.source, key=False)
        except _BadTemplateError as error:
            return _problem(template, error.line, error.message)
        unknown = _unknown_name(tree, names)
        return None if unknown is None else _problem(template, *unknown)

    def render(self, template: Template, values: Mapping[str, Tree]) -> str:
        """The text for these values."""
        return _render(template, values, key=False)

    def render_key(self, template: Template, values: Mapping[str, Tree]) -> str:
        """The subject of a key for these values."""
        return _render(template, values, key=True)


class _BadTemplateError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def _render(template: Template, values: Mapping[str, Tree], *, key: bool) -> str:
    pieces: list[str] = []
    length = 0
    try:
        compiled = _compile(template.source, key=key)
        for value in values.values():
            bounded(value)
        for piece in compiled.generate(values):
            length += len(piece)
            if length > TEXT_MAX:
                message = f"makes a text of more than {TEXT_MAX} characters"
                raise TemplateFault(_problem(template, 1, message))
            pieces.append(piece)
    except _BadTemplateError as error:
        raise TemplateFault(_problem(template, error.line, error.message)) from error
    except (RefusedError, jinja2.UndefinedError) as error:
        raise TemplateFault(_problem(template, 1, str(error))) from error
    except (ArithmeticError, LookupError, TypeError, ValueError, *_TOO_MUCH) as error:
        # Python's own messages may quote the values: only their kind is told, and nothing chained.
        message = f"cannot be worked out ({type(error).__name__})"
        raise TemplateFault(_problem(template, 1, message)) from None
    return "".join(pieces)


@lru_cache(maxsize=2048)
def _compile(source: str, *, key: bool) -> jinja2.Template:
    _parse(source)
    try:
        return (_IN_KEY if key else _IN_TEXT).from_string(source)
    except (jinja2.TemplateError, *_TOO_MUCH):
        raise _BadTemplateError(1, "is more than can be read; write it shorter") from None


def _parse(source: str) -> nodes.Template:
    if len(source) > SOURCE_MAX:
        raise _BadTemplateError(1, f"is longer than {SOURCE_MAX} characters")
    try:
        tree = _IN_TEXT.parse(source)
    except jinja2.TemplateSyntaxError as error:
        said = str(error.message).rstrip(".")
        raise _BadTemplateError(error.lineno, said) from None
    except _TOO_MUCH:
        raise _BadTemplateError(1, "is more than can be read; write it shorter") from None
    refused = refused_node(tree)
    if refused is not None:
        raise _BadTemplateError(*refused)
    return tree


def _unknown_name(
    tree: nodes.Template, names: Mapping[str, frozenset[str] | None]
) -> tuple[int, str] | None:
    """The line of the first name or field that there will not be, and what to write instead."""
    for name in tree.find_all(nodes.Name):
        if name.name not in names:
            near = did_you_mean(name.name, names) or f"; there is {', '.join(sorted(names))}"
            return name.lineno, f'"{name.name}" is not known here{near}'
    optional = set(_optional(tree))
    for node, owner, field in _fields(tree):
        known = names[owner]
        if known is not None and field not in known and id(node) not in optional:
            near = did_you_mean(field, known) or _listed(known)
            return node.lineno, f'{owner} has no field "{field}"{near}'
    return None


def _fields(tree: nodes.Template) -> Iterator[tuple[nodes.Expr, str, str]]:
    """Each field that is asked of a name itself: the expression, the name, the field."""
    for dotted in tree.find_all(nodes.Getattr):
        if isinstance(dotted.node, nodes.Name):
            yield dotted, dotted.node.name, dotted.attr
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.node, nodes.Name) and isinstance(item.arg, nodes.Const):
            yield item, item.node.name, str(item.arg.value)


def _optional(tree: nodes.Template) -> Iterator[int]:
    """The expressions that may be missing, because they are asked whether they are."""
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in {"d", "default"} and filtered.node is not None:
            yield id(filtered.node)
    for tested in tree.find_all(nodes.Test):
        if tested.name in {"defined", "undefined"}:
            yield id(tested.node)


def _listed(known: frozenset[str]) -> str:
    return f"; there is {', '.join(sorted(known))}" if known else "; it has no fields"


def _problem(template: Template, line: int, message: str) -> Problem:
    if line <= 1:
        return Problem(template.place, f"template: {message}")
    place = template.place
    return Problem(Place(place.file, place.line + line - 1), f"template: {message}")
