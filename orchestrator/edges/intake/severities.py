"""How bad it is: words of senders, and what they mean.

Each system's module has its own table, most of them made of this one.  A source's own table in
config.yaml comes before it, because the words are often the customer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchestrator.domain.pages import Severity

Table = Mapping[str, Severity]
NONE: Final[Table] = MappingProxyType({})

USUAL: Final[Table] = MappingProxyType(
    {
        **dict.fromkeys(
            ("critical", "crit", "fatal", "emergency", "disaster", "page", "sev0", "sev1", "p0"),
            Severity.CRITICAL,
        ),
        **dict.fromkeys(("p1", "s1", "1", "sev-1", "sev-0"), Severity.CRITICAL),
        **dict.fromkeys(
            ("high", "error", "major", "urgent", "sev2", "sev-2", "p2", "s2", "2"), Severity.HIGH
        ),
        **dict.fromkeys(
            ("medium", "moderate", "warning", "warn", "minor", "sev3", "sev-3", "p3", "s3", "3"),
            Severity.MEDIUM,
        ),
        **dict.fromkeys(
            ("low", "info", "informational", "notice", "none", "sev4", "sev-4", "sev5", "sev-5"),
            Severity.LOW,
        ),
        **dict.fromkeys(("p4", "p5", "s4", "s5", "4", "5"), Severity.LOW),
    }
)


def severity_of(own: Table, table: Table, *words: str) -> Severity:
    """What the first word means that means anything; `Severity.UNKNOWN` where none does.

    Args:
        own: the source's table in config.yaml, its words in lower case.
        table: the system's.
        words: what the sender wrote, the most telling first.
    """
    for word in words:
        known = word.strip().lower()
        if known in own:
            return own[known]
        if known in table:
            return table[known]
    return Severity.UNKNOWN
