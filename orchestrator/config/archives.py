"""Archives of config.yaml: the folders that copies of recordings are kept in.

A policy names one, ``archive: NAME``, or says ``archive: none``: so none is called that.  What
needs the disk is not looked at here: a folder that is missing is told by daemon and ``doctor``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.config.fields import PathText, ShortName
from orchestrator.config.locating import Source
from orchestrator.foundation.forms import Form, patterned

_SIZE: Final = re.compile(r"(0|[1-9][0-9]{0,5}) ?(MB|GB|TB)")
_UNITS: Final[Mapping[str, int]] = MappingProxyType({"MB": 10**6, "GB": 10**9, "TB": 10**12})
_RESERVE: Final = "1GB"


def _name(value: str) -> str:
    if value == "none":
        message = "may not be called none: in a policy archive: none means that no copy is made"
        raise ValueError(message)
    return value


def _size(value: object) -> object:
    if not isinstance(value, str) or _SIZE.fullmatch(value) is None:
        message = "must be a size such as 500MB, 20GB or 1TB"
        raise ValueError(message)
    return value


ArchiveName = Annotated[ShortName, AfterValidator(_name), patterned("^(?!none$)")]
Size = Annotated[str, BeforeValidator(_size), patterned(f"^{_SIZE.pattern}$", examples=["20GB"])]


class ArchiveForm(Form):
    """One folder that copies of recordings are kept in."""

    hints: ClassVar = {"path": "the folder, which must be there"}

    path: PathText = Field(description="the folder, which must be there: it is not made")
    reserve: Size = Field(_RESERVE, description="so much of its disk stays free: 500MB, 20GB, 1TB")


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """One folder that copies of recordings are kept in.

    Attributes:
        path: absolute. Reload.
        reserve: bytes of its disk that stay free. Reload.
    """

    path: Path
    reserve: int


def build_archives(
    forms: Mapping[str, ArchiveForm], source: Source
) -> Mapping[str, ArchiveSettings]:
    """The archives by name."""
    return MappingProxyType(
        {
            name: ArchiveSettings(source.path(form.path), _bytes(form.reserve))
            for name, form in forms.items()
        }
    )


def _bytes(text: str) -> int:
    number, unit = text[:-2], text[-2:]
    return int(number) * _UNITS[unit]
