"""What can be wrong with a policy that makes rooms for pages.

A page must never be lost: so what a template cannot make of some page is no mistake here (such a
room gets a plain name), and an expression that fails opens the room.  Refused is what could never
be right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from orchestrator.adapters.policies.building import Source, condition
from orchestrator.adapters.policies.models import PolicyForm
from orchestrator.adapters.policies.paging import OnPageForm
from orchestrator.domain.paging import FIELDS, NAME
from orchestrator.domain.policies import Template
from orchestrator.foundation.forms import Filled
from orchestrator.foundation.problems import Problem, did_you_mean
from orchestrator.ports.templates import Templates

_KEY: Final = "on_page"


@dataclass(frozen=True, slots=True)
class PageChecks:
    """The checks of one file that takes pages."""

    form: PolicyForm
    filled: Filled[PolicyForm]
    source: Source
    templates: Templates
    sources: frozenset[str] | None

    def problems(self, wish: OnPageForm) -> Iterator[Problem]:
        """Everything that is wrong with what is said of pages, and with what stands beside it."""
        yield from self._senseless()
        if self.filled.whole((_KEY, "sources")):
            yield from self._sources(wish)
        if wish.when is not None and self.filled.whole((_KEY, "when")):
            problem = self.templates.check(condition(wish.when, self.source), {NAME: FIELDS})
            if problem is not None:
                yield Problem(problem.place, f"when {problem.message}")
        for path, text in self._texts():
            if text is not None and self.filled.whole(path):
                template = Template(text, self.source.document.place(path))
                problem = self.templates.check(template, {NAME: FIELDS})
                if problem is not None:
                    yield Problem(problem.place, f"{path[-1]} {problem.message}")
        fallback = self.form.fallback
        if fallback is not None and self.filled.whole(("fallback",)):
            if fallback.room is None and not fallback.url:
                message = "fallback needs a room or a url: where are people to be sent?"
                yield Problem(self.source.document.key_place(("fallback",)), message)
            elif fallback.room is not None and "/" not in fallback.room:
                message = 'room must be the key of a room, as in "team-rooms/{{ page.service }}"'
                yield Problem(self.source.document.place(("fallback", "room")), message)

    def _texts(self) -> Iterator[tuple[tuple[str, str], str | None]]:
        yield ("room", "display_name"), self.form.room.display_name
        yield ("room", "metadata"), self.form.room.metadata
        yield ("fallback", "room"), self.form.fallback.room if self.form.fallback else None

    def _sources(self, wish: OnPageForm) -> Iterator[Problem]:
        named: set[str] = set()
        for at, name in enumerate(wish.sources):
            place = self.source.document.place((_KEY, "sources", at))
            if name in named:
                yield Problem(place, f'"{name}" stands twice in sources')
            elif self.sources is not None and name not in self.sources:
                near = did_you_mean(name, self.sources)
                offer = near or f"; add it there: sources: {{{name}: {{type: …}}}}"
                yield Problem(place, f'"{name}" is no source of config.yaml{offer}')
            named.add(name)

    def _senseless(self) -> Iterator[Problem]:
        renewal = self.form.renewal
        for name, there, why in (
            (
                "replace",
                self.form.replace is not None,
                "a changed policy takes effect with the next page, and no room is replaced",
            ),
            ("removal", self.form.removal is not None, "a page's room ends with it; see close"),
            ("protect", self.form.protect is not None, "a page's room ends with it; see close"),
            ("formerly", bool(self.form.formerly), "a page keeps the policy that took it"),
            ("moved", bool(self.form.moved), "pages are named by their source"),
        ):
            if there and self.filled.whole((name,)):
                yield self._at_key(f"{name} is not for pages: {why}; take it out", name)
        if renewal is not None and renewal.only_if_used_within is not None:
            message = (
                "only_if_used_within is not for pages: an open page keeps its room; take it out"
            )
            yield self._at_key(message, "renewal", "only_if_used_within")

    def _at_key(self, message: str, *path: str) -> Problem:
        return Problem(self.source.document.key_place(path), message)
