"""What the doctor says of secrets that git tracks: whoever has the repository has them.

It asks git, where there is one, and changes nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from orchestrator.app.secrets import secrets_of
from orchestrator.config import Settings
from orchestrator.config.secrets import SecretKind
from orchestrator.config.settings import EmbeddedMeetings
from orchestrator.domain.reports import Finding, Health

_PATIENCE: Final = 10.0  # seconds for one question


def tracked_findings(settings: Settings) -> Iterator[Finding]:
    """Each file with a secret that is in a repository; nothing where none is."""
    files = [Path(one.name) for one in secrets_of(settings) if one.kind is SecretKind.FILE]
    if isinstance(settings.meetings, EmbeddedMeetings):
        with suppress(PermissionError):  # who may not look there cannot tell
            files += sorted(settings.meetings.keys.glob("*.pem"))
    for path in dict.fromkeys(files):
        if _is_tracked(path):
            told = f"git tracks {path}, so whoever has the repository has this secret"
            at = f"git -C {path.parent}"
            mend = f"{at} rm --cached {path.name} && echo {path.name} >> {path.parent}/.gitignore"
            yield Finding("git", Health.WRONG, told, f"{mend}; then make another one of it")


def _is_tracked(path: Path) -> bool:
    git = shutil.which("git")
    if git is None:
        return False
    # Others' repositories, too: nothing of them is run, and the doctor may be root.
    words = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "ls-files", "--", path.name)
    try:
        answer = subprocess.run(
            [git, "-C", str(path.parent), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"},
        )
    except (OSError, subprocess.SubprocessError):
        return False  # no repository, no folder, or one that is closed to us
    return bool(answer.stdout.strip())
