"""The configuration of one command: which file it is, what it says, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Settings, find_config, read_config
from orchestrator.foundation.problems import Problem


class ConfigError(Exception):
    """There is no usable config; holds every problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems."""
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config that can be used.

    Attributes:
        rule: how the file was found, for people.
        warnings: what is lawful and yet unwise.
    """

    settings: Settings
    rule: str
    warnings: tuple[Problem, ...] = ()


def load(option: Path | None, environ: Mapping[str, str], cwd: Path) -> Loaded:
    """Find and read the config.

    Raises:
        ConfigError: there is none, or it has problems.
    """
    found = find_config(option, environ, cwd)
    if isinstance(found, Problem):
        raise ConfigError([found])
    configuration = read_config(found.path)
    if configuration.settings is None:
        raise ConfigError(configuration.problems)
    return Loaded(configuration.settings, found.rule, configuration.warnings)


def found(option: Path | None, environ: Mapping[str, str], cwd: Path) -> bool:
    """Whether there is a config that a command would read, whatever it says."""
    return not isinstance(find_config(option, environ, cwd), Problem)
