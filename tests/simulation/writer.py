"""The writer of policies: what is in the files, and what is truly wanted whatever they hold.

Every text that is saved whole counts from then on as what the writer wants; a file that is broken
or a folder that vanishes changes nothing of that (promises P4 and P9).
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from tests.component.world import policy
from tests.simulation import pager

HALVES: Final = ("name: [", "<html><title>Sign in</title></html>", "version: 1\nname: ", "\x00")

UNKNOWN: Final = datetime(9000, 1, 1, tzinfo=UTC)  # when it will be read what is wanted


def is_of_meeting(key: str) -> bool:
    """Whether an encoded key, or one as people write it, is one of the meeting."""
    return key.startswith("meeting")


@dataclass
class Wishes:
    """One policy as its writer has it in mind; its subjects stand in a data file of its own."""

    name: str
    data: str
    names: list[str]
    subjects: set[str]
    formerly: list[str] = field(default_factory=list)
    label: str = "room"
    room: dict[str, Any] = field(default_factory=lambda: {"lifetime": "90d"})
    rest: dict[str, Any] = field(
        default_factory=lambda: {"removal": {"mode": "delete", "grace": "1d"}}
    )

    def change(self, chance: random.Random) -> str:
        """Change one thing; what it was."""
        what = chance.choice(
            [*3 * ["subjects"], "room", "name", "removal", "replace", "rename"],
        )
        match what:
            case "subjects":
                many = min(chance.choice([1, 1, 2, 4]), len(self.names))
                self.subjects ^= set(chance.sample(self.names, many))
                self.subjects |= set() if self.subjects else {self.names[0]}
            case "room":
                self.room["lifetime"] = chance.choice(["20d", "20d", "90d", "365d"])
                self.room["ui_settings"] = {"language": chance.choice(["en", "de", "fr"])}
            case "name":
                self.label = chance.choice(["room", "space", "hall"])
            case "removal":
                mode = chance.choice(["delete", "expire", "keep"])
                self.rest["removal"] = {
                    "mode": mode,
                    "grace": chance.choice(["60s", "60s", "1d", "7d"]),
                }
            case "replace":
                how = chance.choice(["never", "when_unused", "now"])
                self.rest["replace"] = {"mode": how, "overlap": chance.choice(["1h", "1d"])}
            case _:
                self.formerly = [*self.formerly, self.name]
                self.name = f"{self.name.partition('-v')[0]}-v{len(self.formerly)}"
        return what

    @property
    def keys(self) -> set[str]:
        return {f"{self.name}/{subject}" for subject in self.subjects}

    def name_of(self, subject: str) -> str:
        """What the room of a subject is called."""
        return f"{subject.title()} {self.label} {self.name[0]}"

    @property
    def text(self) -> bytes:
        return policy(
            self.name,
            for_each={"file": self.data, "as": "team", "key": "{{ team.slug }}"},
            room={**self.room, "display_name": f"{{{{ team.name }}}} {self.label} {self.name[0]}"},
            formerly=self.formerly,
            **self.rest,
        )

    @property
    def rows(self) -> bytes:
        """The subjects, a row each: cut at the end of a line it is a valid, shorter list."""
        rows = [json.dumps({"slug": slug, "name": slug.title()}) for slug in sorted(self.subjects)]
        return "".join(f"- {row}\n" for row in rows).encode()


class Writer:
    """Everything in the folder, and everything that is wanted."""

    def __init__(self, chance: random.Random, *, subjects: int, meetings: str) -> None:
        """Subjects come and go among so many, of which at first half are there.

        ``meetings`` is when people meet by a schedule, as cron; empty: they do not.
        """
        self._chance = chance
        names = [f"team-{number}" for number in range(subjects)]
        self.wishes = [
            Wishes(
                name,
                f"{name}.yaml",
                names,
                set(chance.sample(names, subjects // 2)),
                room={"lifetime": lifetime},
            )
            for name, lifetime in (("rooms", "20d"), ("labs", "90d"))
        ]
        self.meetings = meetings
        self._meeting_names = ["meeting"]  # the present one last
        self.wanted: set[str] = set()
        self.unwanted_since: dict[str, datetime] = {}
        self.wanted_since: dict[str, datetime] = {}
        self.policies: dict[str, bytes] = {}
        self.data: dict[str, bytes] = {}
        self.whole = True

    def edit(self) -> str:
        """Change something in one policy; what it was."""
        if self.meetings and self._chance.random() < 0.15:
            return self._change_meeting()
        wishes = self._chance.choice(self.wishes)
        return f"{wishes.change(self._chance)} of {wishes.name}"

    def _change_meeting(self) -> str:
        """Give it another name, take it away, or bring it back under the last one."""
        *former, present = self._meeting_names
        if not present:
            self._meeting_names = [*former[:-1], former[-1]]
            return "the meeting is back"
        if self._chance.random() < 0.3:
            self._meeting_names.append("")
            return "the meeting is gone"
        self._meeting_names.append(f"meeting-v{len(self._meeting_names) + 1}")
        return "rename of the meeting"

    def add(self) -> str:
        """One more subject, where there is room for one; what it will be called, or nothing."""
        wishes = self._chance.choice(self.wishes)
        absent = [name for name in wishes.names if name not in wishes.subjects]
        if not absent:
            return ""
        name = self._chance.choice(absent)
        wishes.subjects.add(name)
        return wishes.name_of(name)

    def remove(self) -> None:
        """One subject less, and soon; another way of speaking in what is left."""
        wishes = self._chance.choice(self.wishes)
        wishes.rest["removal"] = {"mode": "delete", "grace": "60s"}
        if len(wishes.subjects) > 1:
            wishes.subjects.remove(self._chance.choice(sorted(wishes.subjects)))

    def translate(self) -> None:
        """Another language in all rooms of a policy."""
        wishes = self._chance.choice(self.wishes)
        present = wishes.room.get("ui_settings", {}).get("language", "")
        other = [one for one in ("en", "de", "fr") if one != present]
        wishes.room["ui_settings"] = {"language": self._chance.choice(other)}

    def spoil(self) -> str:
        """Break a file as programs and people break them; what it was."""
        self.whole = False
        wishes = self._chance.choice(self.wishes)
        if self._chance.random() < 0.5:
            name = f"{wishes.data[0]}.yaml"
            self.policies[name] = self._chance.choice(HALVES).encode()
            return f"policy file {name}"
        how = self._chance.choice(["emptied", "deleted", "cut", "HTML"])
        match how:
            case "emptied":
                self.data[wishes.data] = b""
            case "deleted":
                self.data.pop(wishes.data, None)
            case "cut":
                self.data[wishes.data] = wishes.rows[: -self._chance.randrange(3, 20)]
            case _:
                self.data[wishes.data] = b"<html><title>Sign in</title></html>"
        return f"data file {wishes.data} is {how}"

    def save(self, now: datetime, *, readable: bool = True) -> None:
        """Write everything whole: from now on this is what is wanted.

        Where nobody can read it, nobody can know yet what is wanted besides.
        """
        self.whole = True
        self.policies = {f"{wishes.data[0]}.yaml": wishes.text for wishes in self.wishes}
        self.policies |= pager.policies()
        self.data = {wishes.data: wishes.rows for wishes in self.wishes}
        if self.meetings and self._meeting_names[-1]:
            self.policies["meeting.yaml"] = _meeting(self.meetings, self._meeting_names)
        wanted = {key for wishes in self.wishes for key in wishes.keys}
        for key in self.wanted - wanted:
            self.unwanted_since[key] = now
        for key in wanted:
            self.unwanted_since.pop(key, None)
        for key in wanted:
            if key not in self.wanted:
                self.wanted_since[key] = now if readable else UNKNOWN
            elif readable and self.wanted_since[key] == UNKNOWN:
                self.wanted_since[key] = now
        self.wanted = wanted


def _meeting(cron: str, names: Sequence[str]) -> bytes:
    """A policy by which there is a room around each moment of ``cron``."""
    document = {
        "version": 1,
        "name": names[-1],
        **({"formerly": list(names[:-1])} if len(names) > 1 else {}),
        "on_schedule": {
            "cron": cron,
            "timezone": "Europe/Berlin",
            "open_before": "15m",
            "duration": "90m",
            "stay": "60m",
        },
        "room": {"type": "long_term", "display_name": "All hands"},
        "deliver": [{"to": "rooms-json"}],
    }
    return json.dumps(document).encode()
