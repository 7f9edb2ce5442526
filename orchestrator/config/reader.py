"""Finds and reads config.yaml: settings, or every problem that it has, and what is doubtful."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.config.building import build
from orchestrator.config.checks import problems_together, warnings
from orchestrator.config.locating import Source
from orchestrator.config.models import ConfigForm
from orchestrator.config.settings import Settings
from orchestrator.foundation.documents import Tree, read_yaml
from orchestrator.foundation.forms import fill
from orchestrator.foundation.problems import Place, Problem

CONFIG_MAX: Final = 256 * 1024  # bytes
SYSTEM_CONFIG: Final = Path("/etc/room-orchestrator/config.yaml")
VARIABLE: Final = "ROOM_ORCHESTRATOR_CONFIG"

_STAND_IN: Final[Mapping[str, Tree]] = {
    "owner": "stand-in",
    "mode": "observe",
    "meetings": {"embedded": True},
}


@dataclass(frozen=True, slots=True)
class Found:
    """A config file, and which rule found it, for people."""

    path: Path
    rule: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a config file says: settings without problems, or problems without settings.

    Attributes:
        warnings: what is lawful and yet unwise, such as a key that everybody can read.
    """

    settings: Settings | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def find_config(
    option: Path | None, environ: Mapping[str, str], cwd: Path, system: Path = SYSTEM_CONFIG
) -> Found | Problem:
    """Find the config file: by option, by environment, here, or in the system's folder.

    Args:
        option: what ``--config`` says; it need not exist, so that reading it tells why.
        environ: the process's environment.
        cwd: the folder that the command was given in.
        system: where an installed service has its file.
    """
    if option is not None:
        return Found(cwd / option, "--config")
    if environ.get(VARIABLE):
        return Found(cwd / environ[VARIABLE], f"${VARIABLE}")
    for path, rule in ((cwd / "config.yaml", "./config.yaml"), (system, str(system))):
        if path.exists():
            return Found(path, rule)
    message = f"is not here and not at {system}; `room-orchestrator init` writes one"
    return Problem(Place("config.yaml"), message)


def read_config(path: Path) -> Configuration:
    """Read a config file; every problem bears its name as it was given."""
    try:
        with path.open("rb") as file:
            text = file.read(CONFIG_MAX + 1)
    except OSError as error:
        problem = Problem(Place(str(path)), f"cannot be read: {error.strerror}")
        return Configuration(None, (problem,))
    return understand(path, text)


def understand(path: Path, text: bytes) -> Configuration:
    """Understand the text of a config file that is, or would be, at a path."""
    document = read_yaml(str(path), text, limit=CONFIG_MAX)
    if not document.readable:
        return Configuration(None, document.problems)
    source = Source(path.absolute(), document)
    filled = fill(ConfigForm, document, _STAND_IN)
    problems = document.besides([*filled.problems, *problems_together(filled, source)])
    if problems or filled.value is None:
        return Configuration(None, tuple(problems))
    settings = build(filled.value, source)
    return Configuration(settings, warnings=tuple(warnings(settings, document)))
