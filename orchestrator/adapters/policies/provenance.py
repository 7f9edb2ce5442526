"""Where the version of a file came from: its owner, its time, and in a git checkout its commit.

Git is asked, within a time limit, and believed only for files that are tracked and unchanged since
their commit.  Without git, or without an answer in time, there is no commit: that is no problem.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orchestrator.adapters.policies.scanning import Entry
from orchestrator.foundation.instants import from_milliseconds
from orchestrator.ports.sources import Provenance

_PATIENCE: Final = 2.0  # seconds for one question to git
_NS_IN_MS: Final = 1_000_000
# The folder's own settings must not make git start programs, and looking must not lock its index.
_QUIET: Final = ("--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_FIELD: Final = "\0"


class Git:
    """Answers for one folder; remembers what it was told of a commit."""

    def __init__(self, folder: Path) -> None:
        """Touches nothing yet."""
        self._folder = folder
        self._known: dict[tuple[str, str], tuple[str, str]] = {}

    def origins(self, names: Mapping[str, Entry]) -> Mapping[str, Provenance]:
        """Where each of these files of the folder came from, as far as they could be looked at."""
        head, prefix = self._head()
        dirty = self._dirty(prefix) if head else None
        found: dict[str, Provenance] = {}
        for name, entry in names.items():
            if entry.problem is None:
                clean = dirty is not None and name not in dirty
                commit, author = self._last(head, name) if clean else ("", "")
                mtime = from_milliseconds(entry.stamp[0] // _NS_IN_MS)
                found[name] = Provenance(entry.uid, mtime, commit, author)
        return found

    def _head(self) -> tuple[str, str]:
        """The commit that is checked out, and the folder's path in the checkout; or nothing."""
        resolved = self._folder.resolve()
        if not any((above / ".git").exists() for above in (resolved, *resolved.parents)):
            return "", ""
        head, _, prefix = (self._ask("rev-parse", "HEAD", "--show-prefix") or "").partition("\n")
        return head, prefix.removesuffix("\n")

    def _dirty(self, prefix: str) -> set[str] | None:
        """The files of the folder that differ from their commit or have none; None: unknown."""
        answer = self._ask(
            *(
                "status",
                "--porcelain=v1",
                "-z",
                "--untracked-files=all",
                "--ignored",
                "--no-renames",
            ),
            *("--", "."),
        )
        if answer is None:
            return None
        return {line[3:].removeprefix(prefix) for line in answer.split(_FIELD) if line}

    def _last(self, head: str, name: str) -> tuple[str, str]:
        known = self._known.get((head, name))
        if known is None:
            answer = self._ask("log", "-1", "--format=%H%x00%an", "--", name)
            commit, _, author = (answer or "").strip().partition(_FIELD)
            known = (commit, author)
            if answer is not None:
                self._known[head, name] = known
        return known

    def _ask(self, *words: str) -> str | None:
        git = shutil.which("git")
        if git is None:
            return None
        try:
            answer = subprocess.run(
                [git, "-C", str(self._folder), *_QUIET, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=True,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"},
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.decode(errors="replace")
