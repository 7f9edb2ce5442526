"""Naming: which key a person means by a key, a room's id or code, a link, or a name.

What is written in full comes before a name that several rooms may bear; two that fit equally well
are told, and none is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from orchestrator.domain.keys import Key

_CODE: Final = re.compile(r"[\d\s-]*\d[\d\s-]*", re.ASCII)
_NEAR_MOST: Final = 3
_NEAR: Final = 0.6  # as `difflib` counts


@dataclass(frozen=True, slots=True)
class Names:
    """What one key is known by.

    Attributes:
        exact: in full: encoded and former keys, ids and links of its rooms.
        codes: meeting codes of its rooms.
        called: display names, of its rooms or of the wish.
    """

    key: Key
    exact: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    called: frozenset[str] = frozenset()


def keys_named(name: str, known: Iterable[Names]) -> Sequence[Key]:
    """The keys that a name may mean: those that fit best, none where nothing does."""
    wanted, folded, code = name.strip(), folded_name(name), code_of(name)
    tiers: tuple[list[Key], list[Key], list[Key]] = ([], [], [])
    for one in known:
        if (
            wanted == str(one.key)
            or wanted in one.exact
            or (code and code in {code_of(each) for each in one.codes})
        ):
            tiers[0].append(one.key)
        elif wanted == one.key.subject:
            tiers[1].append(one.key)
        elif folded in {folded_name(each) for each in one.called}:
            tiers[2].append(one.key)
    return next((tier for tier in tiers if tier), [])


def near_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that may have been meant, the likeliest first."""
    every = dict.fromkeys(known)
    policy, slash, subject = name.rpartition("/")
    siblings = [one for one in every if slash and one.rpartition("/")[0] == policy]
    # By the subject alone: keys of one policy are alike in what stands before it.
    subjects = {one.rpartition("/")[2]: one for one in siblings or every if "/" in one}
    near = get_close_matches(subject, subjects, n=_NEAR_MOST, cutoff=_NEAR)
    found = [subjects[one] for one in near]
    if not slash:
        policies = [one for one in every if "/" not in one]
        found += get_close_matches(name, policies, n=_NEAR_MOST, cutoff=_NEAR)
    return tuple(dict.fromkeys(found))[:_NEAR_MOST]


def folded_name(text: str) -> str:
    """A name without case and without the number of its spaces."""
    return " ".join(text.casefold().split())


def code_of(text: str) -> str:
    """A meeting code however it is grouped; an empty text for anything else."""
    return re.sub(r"[\s-]", "", text) if _CODE.fullmatch(text.strip()) else ""
