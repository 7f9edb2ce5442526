"""What a searched text is found in: names, keys and codes, however they were typed.

One rule for the audit log on the command line and for the facts on the status page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from orchestrator.domain.facts import Json

_DIGITS: Final = re.compile(r"[\d\s-]*\d[\d\s-]*", re.ASCII)


def tells_of(told: Iterable[str], text: str) -> bool:
    """Whether one of the texts contains another; case, spacing and Unicode form do not matter.

    A meeting code is found however it is grouped: 481 920 374, 481-920-374, 481920374.
    """
    sought, digits = _folded(text), _code(text)
    return any(sought in _folded(value) or (digits and digits == _code(value)) for value in told)


def texts(values: Json | Mapping[str, Json]) -> Iterator[str]:
    """Every text within values, however deep."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from texts(value)
    elif isinstance(values, list):
        for value in values:
            yield from texts(value)


@lru_cache(maxsize=4096)  # keys, ids and names come again and again
def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _code(text: str) -> str:
    return re.sub(r"[\s-]", "", text) if _DIGITS.fullmatch(text) else ""
