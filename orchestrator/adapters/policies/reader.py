"""Understands one policy file: bytes to a policy, or every problem that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from orchestrator.adapters.policies.adopted import NAME as ADOPTED
from orchestrator.adapters.policies.adopted import adopted_rooms
from orchestrator.adapters.policies.building import Source, build, made_for_of
from orchestrator.adapters.policies.checks import Checks, together
from orchestrator.adapters.policies.models import PolicyForm
from orchestrator.adapters.policies.recordings import recordings_problems
from orchestrator.adapters.policies.requests import http_problems
from orchestrator.adapters.policies.subjects import DATA_FOLDER, subjects_of
from orchestrator.adapters.policies.themes import read_theme
from orchestrator.domain.directories import SecretUse
from orchestrator.domain.policies import Policy
from orchestrator.foundation.documents import Document, Tree, read_yaml
from orchestrator.foundation.forms import Filled, fill
from orchestrator.foundation.problems import Problem
from orchestrator.ports.calendar import Calendar
from orchestrator.ports.directories import Answers
from orchestrator.ports.sources import Adopted, Parsed, ParsedTheme, Subjects
from orchestrator.ports.templates import Templates

POLICY_MAX: Final = 256 * 1024  # bytes of a policy file
_STAND_IN: Final[Mapping[str, Tree]] = {
    "version": 1,
    "name": "stand-in",
    "room": {"type": "long_term", "display_name": "stand-in", "lifetime": "1d"},
}
# The name in a file that is no YAML any more, so that it is known which policy keeps its last text.
_NAME_LINE: Final = re.compile(
    rb"^name:[ \t]+[\"']?([a-z0-9][a-z0-9-]{0,62})[\"']?[ \t]*(?:#.*)?\r?$", re.MULTILINE
)


class PolicyReader:
    """Implements `orchestrator.ports.sources.Reader`."""

    def __init__(  # noqa: PLR0913 - what config.yaml defines and policies name, each by itself
        self,
        templates: Templates,
        calendar: Calendar,
        destinations: frozenset[str] | None = None,
        secrets: Mapping[str, SecretUse] | None = None,
        sources: frozenset[str] | None = None,
        *,
        open_to_all: frozenset[str] = frozenset(),
        calendars: frozenset[str] = frozenset(),
        archives: frozenset[str] | None = None,
    ) -> None:
        """Keep what checking needs.

        Args:
            templates: check templates.
            calendar: checks cron lines.
            destinations: of config.yaml; None: the names in `deliver` are not checked.
            secrets: of config.yaml; None: the names in headers are not checked.
            sources: of config.yaml; None: the names in `on_page` are not checked.
            open_to_all: destinations that show links to all who look: host links are none of them.
            calendars: destinations that show scheduled rooms only.
            archives: of config.yaml; None: the names in `recordings` are not checked.
        """
        self._templates = templates
        self._calendar = calendar
        self._destinations = destinations
        self._secrets = secrets
        self._sources = sources
        self._open_to_all = open_to_all
        self._calendars = calendars
        self._archives = archives

    def parse(self, file: str, text: bytes) -> Parsed:
        """Read one policy file and check everything that needs no other file."""
        document = read_yaml(file, text, limit=POLICY_MAX)
        if not document.readable:
            return Parsed(None, document.problems, _name_in(text))
        if not _is_policy(document):
            message = f"is no policy: it has no version and no name; data belongs in {DATA_FOLDER}/"
            return Parsed(None, (*document.problems, Problem(document.place(), message)))
        written = read_yaml(file, text, limit=POLICY_MAX, as_written=True)
        return self._understand(Source(file, text, document, written))

    def subjects(
        self,
        policy: Policy,
        data: Mapping[str, bytes | Problem],
        answers: Answers = MappingProxyType({}),
    ) -> Subjects:
        """The subjects of a policy: its items, or those of the file or directory that it names."""
        return subjects_of(policy, data, answers)

    def theme(self, file: str, text: bytes, pictures: Mapping[str, bytes | Problem]) -> ParsedTheme:
        """Read one theme file, and look at the pictures that it names."""
        return read_theme(file, text, pictures)

    def adopted(self, data: Mapping[str, bytes | Problem]) -> Adopted:
        """The rooms that a person took in for keys, as the list among the data says."""
        return adopted_rooms(data.get(ADOPTED))

    def check_together(self, policies: Sequence[Policy]) -> Sequence[Problem]:
        """Names that two policies have or claim, and moves that lead in a circle."""
        return list(together(policies))

    def _understand(self, source: Source) -> Parsed:
        filled = fill(PolicyForm, source.document, _STAND_IN)
        form = filled.value
        if form is None:
            problems = source.document.besides(filled.problems)
            return Parsed(None, tuple(problems), _name_in(source.text))
        checks = Checks(
            form,
            filled,
            source,
            self._templates,
            self._calendar,
            self._destinations,
            self._sources,
            self._open_to_all,
            self._calendars,
        )
        others = self._of_config(form, filled, source)
        problems = source.document.besides([*filled.problems, *checks.problems(), *others])
        name = form.name if filled.whole(("name",)) else None
        made_for = made_for_of(form, source)
        if problems or made_for is None:
            return Parsed(None, tuple(problems), name)
        return Parsed(build(form, made_for, source), (), name)

    def _of_config(
        self, form: PolicyForm, filled: Filled[PolicyForm], source: Source
    ) -> Iterator[Problem]:
        """What else stands on config.yaml: secrets of requests, archives of recordings."""
        http = None if form.for_each is None else form.for_each.http
        if http is not None and filled.whole(("for_each", "http")):
            yield from http_problems(http, source.document, self._secrets)
        if form.recordings is not None and filled.whole(("recordings",)):
            yield from recordings_problems(form.recordings, source.document, self._archives)


def _is_policy(document: Document) -> bool:
    tree = document.tree
    return isinstance(tree, dict) and not tree.keys().isdisjoint(PolicyForm.model_fields)


def _name_in(text: bytes) -> str | None:
    names = set(_NAME_LINE.findall(text))
    return names.pop().decode() if len(names) == 1 else None
