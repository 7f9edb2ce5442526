"""The policy book: everything that is wanted, as one value that is swapped whole.

A bad file changes nothing (promise P9): its policy stays in force by its last good text, and while
any file cannot be read no policy counts as removed.  Building a book has no effect; whoever builds
one for a candidate folder gets exactly what the daemon would believe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from orchestrator.domain.keys import Key
from orchestrator.domain.occurrences import is_subject
from orchestrator.domain.policies import Desired, ForEach, OnPage, Policy, Schedule
from orchestrator.domain.records import KeyState
from orchestrator.domain.situation import Kept, Unwanted, Wanted, Wish
from orchestrator.domain.themes import ThemeWish
from orchestrator.engine.expand import Expansion, expand
from orchestrator.engine.workings import Workings
from orchestrator.foundation.problems import Place, Problem, did_you_mean
from orchestrator.ports.sources import Folder, Parsed, ParsedTheme, Reader
from orchestrator.ports.store import PolicyText
from orchestrator.ports.templates import Templates


@dataclass(frozen=True, slots=True)
class Book:
    """What is in force.

    Attributes:
        policies: by name, whether from their file or from their last good text.
        texts: the text by which each is in force.
        stale: names of policies that are in force by their last good text, with the reason.
        wishes: by key.
        kept: keys whose last good spec stays in force, with the reason.
        doubtful: policies none of whose keys may count as gone, with the reason.
        awaited: those of them of which nothing is wrong but that a directory has not answered.
        unreadable: why no policy may count as removed, or an empty text.
        former: for a key, the keys that its room may have served before.
        problems: everything that is wrong, in order.
        rejected: problems by the file that was not taken.
        paged: wishes of pages that are not over: a view, for these come and go at any moment.
        themes: by name.
        kept_themes: names of themes that stay as they are, because their file is bad, with the
            reason.
        adopted: for a key, the rooms that a person took in for it in the folder's list, by id;
            None where that cannot be read.
    """

    policies: Mapping[str, Policy] = field(default_factory=dict)
    texts: Mapping[str, PolicyText] = field(default_factory=dict)
    stale: Mapping[str, str] = field(default_factory=dict)
    wishes: Mapping[Key, Desired] = field(default_factory=dict)
    kept: Mapping[Key, str] = field(default_factory=dict)
    doubtful: Mapping[str, str] = field(default_factory=dict)
    awaited: frozenset[str] = frozenset()
    unreadable: str = ""
    former: Mapping[Key, Sequence[Key]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    rejected: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    paged: Mapping[Key, Desired] = field(default_factory=dict)
    themes: Mapping[str, ThemeWish] = field(default_factory=dict)
    kept_themes: Mapping[str, str] = field(default_factory=dict)
    adopted: Mapping[Key, Sequence[str]] | None = field(default_factory=dict)

    def wish(self, key: Key, state: KeyState) -> Wish | None:
        """What is asked for one key; None where that is unknown and no last good spec is kept."""
        paged = self.paged.get(key)
        if paged is not None:
            return Wanted(paged)
        policy = self.policies.get(key.policy)
        if state.is_of_page:  # by what it was made for, whatever its policy is for by now
            return Unwanted("its page is over", by_itself=True, at_once=True)
        scheduled = policy is not None and isinstance(policy.made_for, Schedule)
        frozen = state.frozen if scheduled else None
        desired = frozen or self.wishes.get(key)
        if desired is not None:
            return Wanted(desired)
        why = self._doubt(key)
        if why:
            return Kept(state.wish, why) if state.wish is not None else None
        if policy is None:
            return Unwanted(f"the policy {key.policy} is gone")
        if scheduled and _is_occurrence(key, state):
            return Unwanted("its occurrence has ended", by_itself=True)
        return Unwanted(f"its subject is gone from {policy.file}")

    def _doubt(self, key: Key) -> str:
        if key in self.kept:
            return self.kept[key]
        if key.policy in self.doubtful:
            return self.doubtful[key.policy]
        return self.unreadable if key.policy not in self.policies else ""

    def changed_keys(self, other: Book) -> set[Key]:
        """The keys of which the two books say different things."""
        keys: set[Key] = set()
        in_both = 0
        for key, wish in self.wishes.items():
            theirs = other.wishes.get(key)
            in_both += theirs is not None
            # What was taken over from the other book is the same value: no need to compare it.
            if theirs is not wish and theirs != wish:
                keys.add(key)
        if in_both < len(other.wishes):
            keys |= other.wishes.keys() - self.wishes.keys()
        keys |= self.kept.keys() ^ other.kept.keys()
        if self.adopted is not other.adopted:
            keys |= {key for key, _ in _pairs(self.adopted) ^ _pairs(other.adopted)}
            if self.adopted is None or other.adopted is None:
                keys |= self.wishes.keys() | other.wishes.keys()  # any of them may be in it
        return keys


def _pairs(adopted: Mapping[Key, Sequence[str]] | None) -> set[tuple[Key, tuple[str, ...]]]:
    return {(key, tuple(rooms)) for key, rooms in (adopted or {}).items()}


def _is_occurrence(key: Key, state: KeyState) -> bool:
    """Whether a key was made by a schedule, as far as anything tells."""
    if state.wish is not None:
        return state.wish.occurrence is not None
    return is_subject(key.subject)


@dataclass(slots=True)
class _Pages:
    """The book while it is being written."""

    workings: Workings
    good: dict[str, tuple[Policy, bytes]] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)
    bad: dict[str, Parsed] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    themes: dict[str, ThemeWish] = field(default_factory=dict)
    kept_themes: dict[str, str] = field(default_factory=dict)


class Binder:
    """Makes books: reads, checks and expands, with what it was given and nothing else."""

    def __init__(self, reader: Reader, templates: Templates) -> None:
        """Understand policies by ``reader`` and render them by ``templates``."""
        self._reader = reader
        self._templates = templates
        self._workings = Workings(reader, templates)

    def bind(self, folder: Folder, last_good: Iterable[PolicyText]) -> Book:
        """Make the book of a folder, with the last good texts for what cannot be read."""
        known = {text.name: text for text in last_good}
        pages = _Pages(Workings(self._reader, self._templates, self._workings))
        if folder.problem is not None:
            pages.problems.append(folder.problem)
        for file in sorted(folder.policies):
            self._read(file, folder.policies[file], known, pages)
        self._read_themes(folder, pages)
        if folder.problem is None:
            self._refuse_unknown_themes(pages)
        self._refuse_silent_renames(folder, known, pages)
        together = self._reader.check_together([policy for policy, _ in pages.good.values()])
        pages.problems.extend(together)
        unreadable = _unreadable(folder, pages)
        if unreadable:
            self._keep_last_good(known, unreadable, pages)
        adopted = self._reader.adopted(folder.data)
        pages.problems.extend(adopted.problems)
        # Of a folder that could not be read as a whole the list may be what is missing.
        unknown = folder.problem is not None and not adopted.rooms
        rooms = None if unknown else adopted.rooms
        book = replace(self._write(folder, pages, unreadable), adopted=rooms)
        self._workings = pages.workings
        return book

    def _read(
        self,
        file: str,
        content: bytes | Problem,
        known: Mapping[str, PolicyText],
        pages: _Pages,
    ) -> None:
        if isinstance(content, Problem):
            self._reject(file, Parsed(None, (content,)), pages)
            return
        parsed = pages.workings.parse(file, content)
        policy = parsed.policy
        if policy is None:
            self._reject(file, parsed, pages)
            return
        other = pages.good.get(policy.name)
        if other is None:
            pages.good[policy.name] = (policy, content)
            pages.problems.extend(parsed.problems)
            return
        self._settle_namesakes(policy, content, other, known, pages)

    def _settle_namesakes(
        self,
        policy: Policy,
        content: bytes,
        other: tuple[Policy, bytes],
        known: Mapping[str, PolicyText],
        pages: _Pages,
    ) -> None:
        """Two files with one name: the one that was loaded first stays in force."""
        text = known.get(policy.name)
        newcomer = policy
        if text is not None and text.file == policy.file:
            pages.good[policy.name] = (policy, content)
            newcomer = other[0]
        first = pages.good[policy.name][0]
        message = (
            f'the name "{policy.name}" is taken by {first.file}, which stays in force; '
            "give this policy another name or remove one of the two files"
        )
        place = newcomer.places.get("name", Place(newcomer.file))
        self._reject(newcomer.file, Parsed(None, (Problem(place, message),), policy.name), pages)

    def _read_themes(self, folder: Folder, pages: _Pages) -> None:
        """A bad theme file leaves its theme as it is, and so do two files with one name."""
        files: dict[str, list[ThemeWish]] = {}
        for name, content in sorted(folder.themes.items()):
            if not name.endswith(".yaml"):
                continue
            file = f"themes/{name}"
            if isinstance(content, Problem):
                parsed = ParsedTheme(None, (content,), PurePosixPath(name).stem)
            else:
                parsed = self._reader.theme(file, content, folder.themes)
            if parsed.theme is None:
                self._keep_theme(parsed.name, file, parsed.problems, pages)
            else:
                files.setdefault(parsed.name, []).append(parsed.theme)
        for name, wishes in files.items():
            if wishes[1:]:
                others = " and ".join(one.file for one in wishes)
                message = f'the name "{name}" stands in {others}; give each theme its own'
                for one in wishes:
                    problem = Problem(one.places.get("name", Place(one.file)), message)
                    self._keep_theme(name, one.file, (problem,), pages)
            elif name not in pages.kept_themes:
                pages.themes[name] = wishes[0]
        self._refuse_two_defaults(pages)
        self._refuse_two_files_of_one(pages)

    def _refuse_two_files_of_one(self, pages: _Pages) -> None:
        """What two files say of one theme at the API is a question."""
        files: dict[str, list[ThemeWish]] = {}
        for theme in pages.themes.values():
            if theme.theme_id:
                files.setdefault(theme.theme_id, []).append(theme)
        for same in files.values():
            if not same[1:]:
                continue
            others = " and ".join(one.file for one in same)
            message = f"one theme cannot be two, and {others} both name it; keep one"
            for theme in same:
                del pages.themes[theme.name]
                problem = Problem(theme.places.get("theme_id", Place(theme.file)), message)
                self._keep_theme(theme.name, theme.file, (problem,), pages)

    def _refuse_two_defaults(self, pages: _Pages) -> None:
        defaults = [theme for theme in pages.themes.values() if theme.default]
        if not defaults[1:]:
            return
        others = " and ".join(one.file for one in defaults)
        message = f"only one theme can be the default, and {others} both say so; keep one"
        for theme in defaults:
            del pages.themes[theme.name]
            problem = Problem(theme.places.get("default", Place(theme.file)), message)
            self._keep_theme(theme.name, theme.file, (problem,), pages)

    def _keep_theme(
        self, name: str, file: str, problems: tuple[Problem, ...], pages: _Pages
    ) -> None:
        pages.kept_themes[name] = str(problems[0])
        self._reject(file, Parsed(None, problems), pages)

    def _refuse_unknown_themes(self, pages: _Pages) -> None:
        """A policy that names a theme that there is not is not applied."""
        known = pages.themes.keys() | pages.kept_themes.keys()
        for policy, _ in list(pages.good.values()):
            name = policy.room.theme
            if not name or name in known:
                continue
            offer = did_you_mean(name, known) or f"; write it into themes/{name}.yaml"
            place = policy.room.places.get("theme", Place(policy.file))
            problem = Problem(place, f'there is no theme "{name}"{offer}')
            del pages.good[policy.name]
            self._reject(policy.file, Parsed(None, (problem,), policy.name), pages)

    def _reject(self, file: str, parsed: Parsed, pages: _Pages) -> None:
        pages.bad[file] = parsed
        pages.problems.extend(parsed.problems)

    def _refuse_silent_renames(
        self, folder: Folder, known: Mapping[str, PolicyText], pages: _Pages
    ) -> None:
        """A file whose policy changed its name while its keys are the same is not applied.

        Otherwise every room of the old name would be let go and made anew under the new one.
        """
        for text in known.values():
            if text.name in pages.good or text.name in {bad.name for bad in pages.bad.values()}:
                continue
            renamed = next(
                (policy for policy, _ in pages.good.values() if policy.file == text.file), None
            )
            if renamed is None or text.name in renamed.formerly or renamed.name in known:
                continue
            old = self._reader.parse(text.file, text.text).policy
            if old is None or not self._same_subjects(folder, old, renamed):
                continue
            message = (
                f'this policy was called "{text.name}"; under the new name all of its rooms would '
                f"be let go and made anew. If it is the same policy, write  formerly: {text.name}"
            )
            place = renamed.places.get("name", Place(renamed.file))
            del pages.good[renamed.name]
            self._reject(renamed.file, Parsed(None, (Problem(place, message),), text.name), pages)

    def _same_subjects(self, folder: Folder, old: Policy, new: Policy) -> bool:
        """Whether they have subjects in common; what cannot be known is taken for the same (P4)."""
        before, after = old.made_for, new.made_for
        if isinstance(before, OnPage) or isinstance(after, OnPage):
            return False  # rooms of pages end with them, by the wish that they were made by
        if isinstance(before, Schedule) and isinstance(after, Schedule):
            return (before.cron, before.timezone) == (after.cron, after.timezone)
        one, other = self._keys(folder, old), self._keys(folder, new)
        return one is None or other is None or bool(one & other)

    def _keys(self, folder: Folder, policy: Policy) -> set[str] | None:
        subjects = self._reader.subjects(policy, folder.data, folder.answers).subjects
        if subjects is None:
            return None
        if not isinstance(policy.made_for, ForEach):
            return set()
        expansion = expand(policy, policy.made_for, subjects, self._templates)
        return {key.subject for key in (*expansion.wishes, *expansion.kept)}

    def _keep_last_good(
        self, known: Mapping[str, PolicyText], unreadable: str, pages: _Pages
    ) -> None:
        for text in known.values():
            if text.name in pages.good or _renamed_to(text.name, pages):
                continue
            policy = pages.workings.parse(text.file, text.text).policy
            if policy is not None:
                pages.good[text.name] = (policy, text.text)
                pages.stale[text.name] = unreadable

    def _write(self, folder: Folder, pages: _Pages, unreadable: str) -> Book:
        whole = Expansion()
        doubtful: dict[str, str] = {}
        awaited: set[str] = set()
        for name, (policy, _) in pages.good.items():
            if not isinstance(policy.made_for, ForEach):
                continue  # its wishes come and go with its occurrences or pages
            found, expansion = pages.workings.expand(policy, policy.made_for, folder)
            whole.problems.extend(found.problems)
            if expansion is None:
                doubtful[name] = found.awaited or str(found.problems[0])
                if found.awaited:
                    awaited.add(name)
                continue
            whole.wishes.update(expansion.wishes)
            whole.kept.update(expansion.kept)
            whole.former.update(expansion.former)
            whole.problems.extend(expansion.problems)
            if expansion.keyless:
                doubtful[name] = expansion.keyless
        _check_moves(whole, pages)
        return Book(
            policies={name: policy for name, (policy, _) in pages.good.items()},
            texts={
                name: PolicyText(name, policy.file, text, policy.version)
                for name, (policy, text) in pages.good.items()
            },
            stale=pages.stale,
            wishes=whole.wishes,
            kept=whole.kept,
            doubtful=doubtful,
            awaited=frozenset(awaited),
            unreadable=unreadable,
            former=whole.former,
            problems=tuple(dict.fromkeys((*pages.problems, *whole.problems))),
            rejected={file: parsed.problems for file, parsed in pages.bad.items()},
            themes=pages.themes,
            kept_themes=pages.kept_themes,
        )


def _renamed_to(name: str, pages: _Pages) -> bool:
    """Whether a policy that can be read says that it was called so formerly."""
    return any(name in policy.formerly for policy, _ in pages.good.values())


def _unreadable(folder: Folder, pages: _Pages) -> str:
    if folder.problem is not None:
        return str(folder.problem)
    if not pages.bad:
        return ""
    file, parsed = next(iter(pages.bad.items()))
    return str(parsed.problems[0]) if parsed.problems else f"{file} cannot be read"


def _check_moves(whole: Expansion, pages: _Pages) -> None:
    """A room cannot move away from a key that is still wanted."""
    for target, sources in whole.former.items():
        lawful = [source for source in sources if source not in whole.wishes]
        for source in sources:
            if source in whole.wishes:
                policy = pages.good[target.policy][0]
                message = (
                    f"{source} is still wanted, so its room cannot become {target}'s; "
                    "take the old one out, or this line"
                )
                place = policy.places.get("moved", Place(policy.file))
                whole.problems.append(Problem(place, message))
        whole.former[target] = lawful
