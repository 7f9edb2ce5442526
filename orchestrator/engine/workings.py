"""Workings: what the last book was made from, so that the next is made anew only where it differs.

A file that reads the same says the same, and a policy that says the same for the same subjects
wishes for the same rooms: one policy saved among a hundred costs the work of one.  What is taken
over is the very value, so that two books can be compared by looking whether it is.

It keeps nothing that the last book did not use, and takes over no subjects that were not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import assert_never

from orchestrator.domain.policies import DataFile, ForEach, HttpSource, Items, Policy
from orchestrator.engine.expand import Expansion, expand
from orchestrator.ports.sources import Folder, Parsed, Reader, Subjects
from orchestrator.ports.templates import Templates


@dataclass(frozen=True, slots=True)
class _Expanded:
    """One policy's wishes, and all that they were made from."""

    policy: Policy
    told: object
    found: Subjects
    expansion: Expansion


class Workings:
    """Reads and expands for one book, with the workings of the last one at hand."""

    def __init__(self, reader: Reader, templates: Templates, last: Workings | None = None) -> None:
        """Understand by ``reader``, render by ``templates``, take over from ``last``."""
        self._reader = reader
        self._templates = templates
        self._last_parsed = {} if last is None else last.parsed
        self._last_expanded = {} if last is None else last.expanded
        self.parsed: dict[tuple[str, bytes], Parsed] = {}
        self.expanded: dict[str, _Expanded] = {}

    def parse(self, file: str, text: bytes) -> Parsed:
        """What a policy file says; the same value for the same text."""
        known = self._last_parsed.get((file, text))
        if known is None:
            known = self._reader.parse(file, text)
        self.parsed[file, text] = known
        return known

    def expand(
        self, policy: Policy, source: ForEach, folder: Folder
    ) -> tuple[Subjects, Expansion | None]:
        """The subjects of a policy and its wishes for them; no wishes where they are unknown."""
        told = _told(source, folder)
        known = self._last_expanded.get(policy.name)
        if known is None or known.policy is not policy or known.told != told:
            found = self._reader.subjects(policy, folder.data, folder.answers)
            if found.subjects is None:
                return found, None
            expansion = expand(policy, source, found.subjects, self._templates)
            known = _Expanded(policy, told, found, expansion)
        self.expanded[policy.name] = known
        return known.found, known.expansion


def _told(source: ForEach, folder: Folder) -> object:
    """What a policy's subjects are read from, as it was told this time."""
    match source.source:
        case Items():
            return None  # they stand in the policy
        case DataFile(name):
            return folder.data.get(str(PurePosixPath(name)))
        case HttpSource(directory=directory):
            return folder.answers.get(directory)
        case _:
            assert_never(source.source)
