"""Chains: what facts tell of one key and of the policy that asks for it, from the first cause on.

A chain is made of facts in their order, each looked at once, so that a store with years of them is
read in one go and little is kept.  It tells what was recorded and never guesses a cause: where no
fact says since when or by whom, nothing is said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from orchestrator.domain.facts import CATALOGUE, Fact, Json, RecordedFact
from orchestrator.domain.keys import Key
from orchestrator.domain.reports import ChangeLine, HistoryLine
from orchestrator.foundation.problems import nearest

# After these a room is another, or none.
ACTS: Final = frozenset(
    f"room.{what}"
    for what in (
        *("created", "adopted", "renewed", "updated", "replaced", "rekeyed", "ending"),
        *("retired", "deleted", "lost", "expired", "forgotten"),
    )
)
# After these a key was surely wanted.
_WANTING: Final = frozenset({"room.created", "room.adopted", "room.updated", "room.restored"})
# What is told as the last of a trail although no room is another by it.
_DECISIONS: Final = frozenset({"room.tombstoned", "room.dormant"})
_ENDS: Final = frozenset(f"room.{what}" for what in ("deleted", "lost", "expired", "forgotten"))
_UNTOLD: Final = ("session.", "delivery.", "recording.")
_TRAIL_MOST: Final = 8
_SHORT: Final = 8  # digits of a commit or a version that people read


@dataclass(slots=True)
class Chain:
    """Facts about one key and its policy, in their order.

    Attributes:
        names: the key in its encoded form, and those that its room served before.
        policy: its policy's name.
        episode: of a page whose facts bear no key, because no policy takes it; or an empty text.
        of_key: facts about the key.
        of_policy: versions that came into force, and the policy's end.
        rejected: of every file, the last fact that tells of its problems.
        of_brakes: of brakes that held the key.
        firsts: for each key of the policy, the number of the first fact about it.
        made: keys of the policy for which a room was made or taken.
        of_world: what stands for every key, by event: the last fact of each.
        sent: by destination, the last fact that its links reached it.
    """

    names: frozenset[str]
    policy: str
    episode: str = ""
    of_key: list[RecordedFact] = field(default_factory=list)
    of_policy: list[RecordedFact] = field(default_factory=list)
    rejected: dict[str, RecordedFact] = field(default_factory=dict)
    of_brakes: list[RecordedFact] = field(default_factory=list)
    firsts: dict[str, int] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    of_world: dict[str, RecordedFact] = field(default_factory=dict)
    sent: dict[str, RecordedFact] = field(default_factory=dict)

    def take(self, recorded: RecordedFact) -> None:
        """Look at the next fact."""
        fact = recorded.fact
        of_page = bool(self.episode) and fact.detail.get("episode") == self.episode
        if fact.key in self.names or of_page:
            self.of_key.append(recorded)
        if fact.key.partition("/")[0] == self.policy:
            self.firsts.setdefault(fact.key, recorded.seq)
            if fact.event in {"room.created", "room.adopted"}:
                self.made.add(fact.key)
        elif not fact.key:
            self._take_of_all(recorded)

    def _take_of_all(self, recorded: RecordedFact) -> None:
        """A fact that is about no key, or about many."""
        fact = recorded.fact
        match fact.event:
            case "policy.loaded" | "policy.removed" if policy_of(fact.actor) == self.policy:
                self.of_policy.append(recorded)
            case "policy.rejected":
                self.rejected[str(fact.detail.get("file", ""))] = recorded
            case "brake.tripped" | "brake.released":
                keys = fact.detail.get("keys")
                if isinstance(keys, list) and self.names & {str(key) for key in keys}:
                    self.of_brakes.append(recorded)
            case "api.unavailable" | "clock.jumped" | "listing.doubted":
                self.of_world[fact.event] = recorded
            case "freeze.begun" if _is_frozen(self.policy, fact):
                self.of_world[fact.event] = recorded
            case "delivery.sent":
                self.sent[str(fact.detail.get("destination", ""))] = recorded
            case _:
                pass


def _is_frozen(policy: str, begun: Fact) -> bool:
    """Whether a freeze that began is one of this policy: it names it, or none at all."""
    named = begun.detail.get("policies")
    return not isinstance(named, list) or not named or policy in named


def policy_of(actor: str) -> str:
    """The policy that acted, ``team-rooms`` of ``policy team-rooms@9c1e44d2``; or an empty text."""
    return actor.removeprefix("policy ").partition("@")[0] if actor.startswith("policy ") else ""


def history(chain: Chain) -> tuple[HistoryLine, ...]:
    """Every fact about the key, oldest first."""
    return tuple(line_of(recorded) for recorded in chain.of_key)


def line_of(recorded: RecordedFact) -> HistoryLine:
    """One fact as a line."""
    fact, api = recorded.fact, recorded.fact.api
    return HistoryLine(
        recorded.ts,
        recorded.seq,
        fact.event,
        fact.reason,
        fact.actor,
        fact.operation,
        fact.room_id,
        fact.cause,
        "" if api is None else api.method,
        0 if api is None else api.status,
        0.0 if api is None else api.ms,
        changes_of(fact.before or {}, fact.after or {}),
    )


def changes_of(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[ChangeLine, ...]:
    """What a fact says of before and after, path by path."""
    return tuple(
        ChangeLine(path, _text(before.get(path)), _text(after.get(path)))
        for path in dict.fromkeys((*before, *after))
        if before.get(path) != after.get(path)
    )


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def came_into_force(chain: Chain, version: str) -> RecordedFact | None:
    """Since when a version is in force: the first fact of it after another one."""
    found: RecordedFact | None = None
    for recorded in reversed(chain.of_policy):
        if recorded.fact.detail.get("version") != version:
            break
        found = recorded
    return found


def author(recorded: RecordedFact) -> str:
    """Who wrote the file that a fact tells of: an author and a commit, or a uid; or nothing."""
    detail = recorded.fact.detail
    who, commit, uid = detail.get("author"), detail.get("commit"), detail.get("uid")
    if who and commit:
        return f"{who}, {str(commit)[:_SHORT]}"
    return "" if uid is None else f"uid {uid}"


def departure(chain: Chain) -> RecordedFact | None:
    """The fact by which the key ceased to be wanted: the load before it was decided about its room.

    Where none came since the key was surely wanted (what changed while no daemon ran is no load),
    the decision itself.  None where nothing is known of when.
    """
    decided: RecordedFact | None = None
    wanted = 0
    for recorded in chain.of_key:
        fact = recorded.fact
        buries = fact.event == "act.withheld" and fact.detail.get("action") == "bury"
        if fact.event == "room.tombstoned" or buries:
            decided = decided or recorded
        elif fact.event in _WANTING:
            decided, wanted = None, recorded.seq
    until = decided.seq if decided is not None else None
    loads = [
        recorded
        for recorded in chain.of_policy
        if recorded.seq > wanted and (until is None or recorded.seq < until)
    ]
    if decided is None:
        # Nothing is decided yet: of several loads nobody knows which it was.
        return loads[0] if len(loads) == 1 and wanted else None
    return loads[-1] if loads else decided


def newcomer(chain: Chain, left: RecordedFact, own: Key, wanted: Iterable[Key]) -> Key | None:
    """The key that came in the same change as another left: the only one, or the nearest name."""
    came = [
        key
        for key in wanted
        if key.policy == own.policy and chain.firsts.get(key.encoded, left.seq + 1) > left.seq
    ]
    if len(came) == 1:
        return came[0]
    near = nearest(own.subject, [key.subject for key in came])
    return None if near is None else Key(own.policy, near)


def last_of(chain: Chain, event: str, **detail: str) -> RecordedFact | None:
    """The last fact about the key with this name and these details."""
    for recorded in reversed(chain.of_key):
        told = recorded.fact.detail
        if recorded.fact.event == event and all(told.get(k) == v for k, v in detail.items()):
            return recorded
    return None


def trail(chain: Chain) -> tuple[HistoryLine, ...]:
    """What led to the last act or decision, itself included, from the version that acted on.

    Between is everything that was recorded of the key since the act before it, and the brakes that
    held it.
    """
    told = [one for one in chain.of_key if one.fact.event in ACTS | _DECISIONS]
    if not told:
        return ()
    last = told[-1]
    acts = [one for one in told[:-1] if one.fact.event in ACTS]
    since = acts[-1].seq if acts else 0
    found = {
        recorded.seq: recorded
        for recorded in (*chain.of_key, *chain.of_brakes)
        if since < recorded.seq <= last.seq and not recorded.fact.event.startswith(_UNTOLD)
    }
    first = min(found)
    causes = [recorded for recorded in chain.of_policy if recorded.seq < first]
    steps = [found[seq] for seq in sorted(found)][-_TRAIL_MOST:]
    return tuple(line_of(recorded) for recorded in (*causes[-1:], *steps))


def end_of(lines: Sequence[HistoryLine], room_id: str = "") -> HistoryLine | None:
    """The line that tells of a room's end; of any room where none is named."""
    for line in reversed(lines):
        if line.event in _ENDS and (not room_id or line.room_id == room_id):
            return line
    return None


def became(line: HistoryLine) -> str:
    """What a fact says that became of a room, as a sentence without its time."""
    meaning = CATALOGUE[line.event].meaning if line.event in CATALOGUE else line.event
    because = f", because {line.reason}" if line.reason else ""
    return f"{meaning[:1].upper()}{meaning[1:]}{because}"


def tells_of(recorded: RecordedFact, names: Collection[str]) -> bool:
    """Whether a fact is about one of these: a key, a room's id, name, code or link."""
    fact = recorded.fact
    told = {fact.key, fact.room_id, *(str(fact.detail.get(name, "")) for name in _NAMES)}
    return not told.isdisjoint(names)


_NAMES: Final = ("display_name", "meeting_code", "guest_url", "page", "number")
