"""Stores: what one holds, and what a rebuilt one would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild of the store writes, or would write.

    Attributes:
        present: what is at the store's place now, in a sentence.
        known: what the new store knows and from where: a word and a number each.
        differences: between the present store and the new one, a sentence a key.
        remarks: what is doubtful and was not refused.
        missing: what cannot be had.
        kept: the file that the present store was put aside as; empty where there is none, or
            nothing was written.
        incarnation: of the new store; empty where nothing was written.
    """

    store: str
    audit: str
    present: str
    known: Mapping[str, int]
    differences: tuple[str, ...]
    remarks: tuple[str, ...]
    missing: tuple[str, ...]
    written: bool = False
    kept: str = ""
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What a store is, as a look beside it tells.

    Attributes:
        lineage: the incarnations of all stores of this installation, as far as it knows.
        rooms: how many, by their role.
        behind: facts that are not in the audit log yet.
        doubt: why nothing is ended until it is rebuilt; empty: nothing is wrong.
    """

    path: str
    incarnation: str
    lineage: tuple[str, ...]
    keys: int
    rooms: Mapping[str, int]
    policies: int
    last_fact: int
    audit_seq: int
    audit_lines: int
    behind: int
    doubt: str
