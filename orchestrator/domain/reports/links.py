"""What is told of all links at once, to whoever writes them down elsewhere.

A row leads to a room, so it is as much of a secret as its link.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.links import Addresses, LinkView


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One link and what stands behind it.

    Attributes:
        name: a key as people write it, or a schedule's name; former ones as well.
    """

    name: str
    where: Addresses
    view: LinkView


@dataclass(frozen=True, slots=True)
class LinksReport:
    """Every link of what is wanted or remembered, by its address.

    Attributes:
        public_url: what all of them begin with.
    """

    public_url: str
    links: tuple[LinkRow, ...]
