"""Taking a page: which policy makes a room for it, and what that room is like.

A page is never lost by a policy: an expression that fails counts as true, a name that cannot be
made is the page's source and number.  What went wrong is told beside it, for somebody to mend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from orchestrator.domain.episodes import Fallback
from orchestrator.domain.keys import InvalidKeyError, parse_key
from orchestrator.domain.marker import normalise_text
from orchestrator.domain.pages import Page
from orchestrator.domain.paging import name_of, values_of, visible
from orchestrator.domain.policies import (
    Desired,
    FallbackWish,
    OnPage,
    PageWish,
    Policy,
    Replace,
    ReplaceMode,
    Template,
    Tree,
)
from orchestrator.engine.book import Book
from orchestrator.foundation.problems import Place
from orchestrator.ports.templates import TemplateFault, Templates

_TEXT_MOST: Final = 10_000  # characters of one text that templates take
_Values = Mapping[str, Tree]


@dataclass(frozen=True, slots=True)
class Found:
    """The policy that takes a page, and what it makes of it.

    Attributes:
        policy: None where no policy takes it.
        why: a sentence: who takes it, or why nobody does.
        flaws: what of the policies could not be worked out for this page: policy and problem.
    """

    policy: Policy | None
    why: str
    wish: Desired | None = None
    fallback: Fallback | None = None
    flaws: tuple[tuple[str, str], ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be worked out, whichever policy's it is."""
        return tuple(problem for _, problem in self.flaws)


class Taking:
    """Finds a page's policy."""

    def __init__(self, templates: Templates) -> None:
        """Work out expressions and names by ``templates``."""
        self._templates = templates

    def by(self, book: Book, page: Page) -> Found:
        """The policy of a book that takes a page: of those that match the one with priority."""
        values = _bounded(values_of(page))
        flaws: list[tuple[str, str]] = []
        listening = list(_listening(book, page.source))
        for policy, wish in listening:
            problems: list[str] = []
            matches = self._matches(wish, values, problems)
            if matches:
                desired = self._desired(policy, wish, page, values, problems)
                fallback = self._fallback(wish.fallback, values, problems)
                flaws += [(policy.name, problem) for problem in problems]
                return Found(policy, matches, desired, fallback, tuple(flaws))
            flaws += [(policy.name, problem) for problem in problems]
        why = f"no policy names the source {page.source}"
        if listening:
            names = ", ".join(policy.name for policy, _ in listening)
            why = f"it is not what {names} {'takes' if len(listening) == 1 else 'take'} (when)"
        return Found(None, why, flaws=tuple(flaws))

    def _matches(self, wish: OnPage, values: _Values, problems: list[str]) -> str:
        """Why a policy takes a page, or an empty text; what fails opens (design, section 6)."""
        if wish.when is None:
            return "it takes every page of its sources"
        try:
            return "its when is true" if self._templates.render(wish.when, values) else ""
        except TemplateFault as fault:
            problems.append(f"{fault.problem}; so the page is taken")
            return "its when could not be worked out, so that the page is taken"

    def _desired(
        self, policy: Policy, wish: OnPage, page: Page, values: _Values, problems: list[str]
    ) -> Desired:
        room = policy.room
        return Desired(
            display_name=name_of(self._text(room.display_name, values, problems), page),
            type=room.type,
            lifetime=room.lifetime,
            text=self._metadata(room.metadata, values, problems),
            settings=room.settings,
            renewal=policy.renewal,
            replace=Replace(ReplaceMode.NEVER),
            removal=policy.removal,
            protect=None,
            mode=policy.mode,
            version=policy.version,
            because=policy.places.get("on_page", Place(policy.file)).of_line,
            places={path: place.of_line for path, place in room.places.items()},
            page=PageWish(
                keep_open=wish.keep_open, close_after=wish.close_after, max_age=wish.max_age
            ),
        )

    def _text(self, template: Template | None, values: _Values, problems: list[str]) -> str:
        if template is None:
            return ""
        try:
            return self._templates.render(template, values)
        except TemplateFault as fault:
            problems.append(str(fault.problem))
            return ""

    def _metadata(self, template: Template | None, values: _Values, problems: list[str]) -> str:
        text = visible(self._text(template, values, problems))
        try:
            return normalise_text(text)
        except ValueError as error:
            problems.append(f"metadata: {error}")
            return ""

    def _fallback(
        self, wish: FallbackWish | None, values: _Values, problems: list[str]
    ) -> Fallback | None:
        if wish is None:
            return None
        room = self._text(wish.room, values, problems).strip()
        if room.endswith("/"):
            room = ""  # what names the room is empty on this page: it has none, and that is lawful
        if room:
            try:
                room = str(parse_key(room))
            except InvalidKeyError as error:
                problems.append(f"fallback: room: {error}")
                room = ""
        return Fallback(wish.after, room, wish.url)


def _listening(book: Book, source: str) -> Iterator[tuple[Policy, OnPage]]:
    """The policies that take pages of a source, the highest priority first, then by name."""
    found = [
        (policy, policy.made_for)
        for policy in book.policies.values()
        if isinstance(policy.made_for, OnPage) and source in policy.made_for.sources
    ]
    return iter(sorted(found, key=lambda pair: (-pair[1].priority, pair[0].name)))


def _bounded(tree: _Values) -> _Values:
    """The values with texts cut to what templates take: one long text must not spoil the others."""
    return {name: _cut(value) for name, value in tree.items()}


def _cut(value: Tree) -> Tree:
    if isinstance(value, str):
        return value[:_TEXT_MOST]
    if isinstance(value, dict):
        return {name: _cut(inner) for name, inner in value.items()}
    return [_cut(inner) for inner in value] if isinstance(value, list) else value
