"""Expanding a policy: one wish a subject, rendered; what fails for one subject fails for it alone.

It refuses to make a key by guessing: a subject without a lawful key has none, and then no subject
of its policy counts as gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.domain.keys import InvalidKeyError, Key, key, parse_key
from orchestrator.domain.marker import normalise_text
from orchestrator.domain.policies import (
    Desired,
    ForEach,
    HttpSource,
    Policy,
    Subject,
    Template,
    Tree,
    desired,
)
from orchestrator.domain.rooms import DISPLAY_NAME_MAX
from orchestrator.foundation.problems import Place, Problem
from orchestrator.ports.templates import TemplateFault, Templates


@dataclass(slots=True)
class Expansion:
    """What a policy's subjects became.

    Attributes:
        wishes: by key, for every subject that could be rendered.
        kept: keys whose subject is there but could not be rendered, with the reason.
        keyless: a subject has no key, so none of the policy's keys may count as gone.
        former: for a key, the keys that its room may have served before, best first.
    """

    wishes: dict[Key, Desired] = field(default_factory=dict)
    kept: dict[Key, str] = field(default_factory=dict)
    keyless: str = ""
    former: dict[Key, list[Key]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Standing:
    """A policy for subjects, and what renders it."""

    policy: Policy
    source: ForEach
    templates: Templates


def expand(
    policy: Policy, source: ForEach, subjects: tuple[Subject, ...], templates: Templates
) -> Expansion:
    """Render a policy for each of its subjects; ``source`` says how each gets its key."""
    standing = _Standing(policy, source, templates)
    expansion = Expansion()
    places: dict[Key, Place] = {}
    for subject in subjects:
        values: Mapping[str, Tree] = {source.name: _tree(subject)}
        own = _key(standing, subject, values, expansion)
        if own is None:
            continue
        if own in places:
            _clash(expansion, own, places[own], subject.place)
            continue
        places[own] = subject.place
        try:
            expansion.wishes[own] = _desired(policy, subject, values, templates)
        except TemplateFault as fault:
            problem = _at_subject(fault.problem, subject)
            expansion.kept[own] = str(problem)
            expansion.problems.append(problem)
        _note_former(standing, own, subject, values, expansion)
    _note_moved(policy, expansion)
    return expansion


def _tree(subject: Subject) -> Tree:
    fields = subject.fields
    return dict(fields) if isinstance(fields, Mapping) else fields


def _key(
    standing: _Standing, subject: Subject, values: Mapping[str, Tree], expansion: Expansion
) -> Key | None:
    try:
        text = standing.templates.render_key(standing.source.key, values)
        return key(standing.policy.name, text)
    except TemplateFault as fault:
        problem = _at_subject(fault.problem, subject)
    except InvalidKeyError as error:
        problem = Problem(subject.place, f"this subject has no lawful key: {error}")
    expansion.problems.append(problem)
    expansion.keyless = str(problem)
    return None


def _at_subject(problem: Problem, subject: Subject) -> Problem:
    return Problem(problem.place, f"{problem.message} (for the subject at {subject.place.of_line})")


def _clash(expansion: Expansion, own: Key, first: Place, second: Place) -> None:
    """Two subjects with one key: neither is believed; the last good room stays."""
    message = (
        f'two subjects have the key "{own.subject}": {first.of_line} and {second.of_line}; '
        "give each its own. Until then its last good room stays as it is"
    )
    problem = Problem(second, message)
    expansion.problems.append(problem)
    expansion.wishes.pop(own, None)
    expansion.kept[own] = str(problem)


def _desired(
    policy: Policy, subject: Subject, values: Mapping[str, Tree], templates: Templates
) -> Desired:
    room = policy.room
    name = _bounded(templates, room.display_name, values, DISPLAY_NAME_MAX, "display_name")
    if not name:
        raise TemplateFault(Problem(room.display_name.place, "display_name is blank"))
    text = "" if room.metadata is None else _text(templates, room.metadata, values)
    return desired(policy, name, text, _because(policy, subject))


def _because(policy: Policy, subject: Subject) -> str:
    """Where a subject stands; of a directory's only the address, for many answer in no order.

    The number that a subject has in one answer is no news in the next.
    """
    source = policy.made_for.source if isinstance(policy.made_for, ForEach) else None
    return subject.place.file if isinstance(source, HttpSource) else subject.place.of_line


def _bounded(
    templates: Templates, template: Template, values: Mapping[str, Tree], most: int, what: str
) -> str:
    text = templates.render(template, values).strip()
    if len(text) > most:
        message = f"{what} has at most {most} characters, here it has {len(text)}"
        raise TemplateFault(Problem(template.place, message))
    return text


def _text(templates: Templates, template: Template, values: Mapping[str, Tree]) -> str:
    try:
        return normalise_text(templates.render(template, values))
    except ValueError as error:
        raise TemplateFault(Problem(template.place, str(error))) from error


def _note_former(
    standing: _Standing,
    own: Key,
    subject: Subject,
    values: Mapping[str, Tree],
    expansion: Expansion,
) -> None:
    """The keys that this subject was known by: an old slug, an old policy name, or both."""
    policy, formerly = standing.policy, standing.source.formerly
    subjects = [own.subject]
    if formerly is not None:
        try:
            subjects.insert(0, standing.templates.render_key(formerly, values))
        except TemplateFault as fault:
            # Going on would make a new room for what may be an old one: keep what is there.
            problem = _at_subject(fault.problem, subject)
            expansion.problems.append(problem)
            expansion.wishes.pop(own, None)
            expansion.kept[own] = str(problem)
    for name in (policy.name, *policy.formerly):
        for old in subjects:
            if not old.strip():
                continue  # most subjects were never called anything else
            try:
                former = key(name, old)
            except InvalidKeyError as error:
                expansion.problems.append(Problem(subject.place, f"formerly: {error}"))
                continue
            if former != own:
                expansion.former.setdefault(own, []).append(former)


def _note_moved(policy: Policy, expansion: Expansion) -> None:
    for moved in policy.moved:
        try:
            source = (
                parse_key(moved.source) if "/" in moved.source else key(policy.name, moved.source)
            )
            target = key(policy.name, moved.target)
        except InvalidKeyError as error:
            expansion.problems.append(Problem(moved.place, f"moved: {error}"))
            continue
        if target in expansion.wishes or target in expansion.kept:
            expansion.former.setdefault(target, []).insert(0, source)
