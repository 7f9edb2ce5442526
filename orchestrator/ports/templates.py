"""Port: templates in a sandbox. Expressions and filters only, output bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from orchestrator.domain.policies import Template, Tree
from orchestrator.foundation.problems import Problem


class TemplateFault(Exception):
    """A template could not be rendered for these values; holds the problem to show."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(str(problem))
        self.problem = problem


class Templates(Protocol):
    """Renders the values marked T in the policy language."""

    def check(
        self, template: Template, names: Mapping[str, frozenset[str] | None]
    ) -> Problem | None:
        """Compile a template and say what is wrong with it, unknown names included.

        Args:
            template: what somebody wrote.
            names: the names that there will be, each with its fields, or None where only the data
                will tell.
        """
        ...

    def render(self, template: Template, values: Mapping[str, Tree]) -> str:
        """Render to text.

        Raises:
            TemplateFault: a name is undefined, the output is too long, or anything else fails.
        """
        ...

    def render_key(self, template: Template, values: Mapping[str, Tree]) -> str:
        """Render the subject of a key: only text and whole numbers may go into it.

        Raises:
            TemplateFault: as `render`, or the value is neither text nor a whole number.
        """
        ...
