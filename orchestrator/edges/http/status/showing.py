"""What the page says, as HTML: made from reports, with everything from outside escaped.

Names and reasons come from elsewhere: they stand in elements that keep their direction to
themselves, without the letters that turn the text around them.  Scripts and styles are files of
ours, so that the policy of the page lets nothing else run.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Final
from urllib.parse import urlencode

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from orchestrator.domain.keys import decode_key
from orchestrator.domain.links import led_to
from orchestrator.domain.reports import (
    FORESEEN,
    DayReport,
    FactRow,
    FactsReport,
    PageRow,
    RevealedLink,
    StatusReport,
)
from orchestrator.domain.spoken import length, moment, plural, seconds
from orchestrator.domain.wording import one_line
from orchestrator.edges.http.status.access import Visitor
from orchestrator.edges.http.status.lanes import RoomsView
from orchestrator.foundation.instants import format_instant
from orchestrator.foundation.pasting import shell_word

_TEXT_MOST: Final = 500  # characters of one text from outside
# Its words as a shell parts them: what stands in quotes may hold blanks and semicolons.
_COMMAND: Final = re.compile(r"""room-orchestrator(?: (?:'[^']*'|"'"|[^\s;,'"])+)+(?: …)?""")
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_PAGES_MOST: Final = 30
_STANDING: Final = frozenset({"open", "withheld", "closing"})
_NAMES: Final = ("base", "main", "parts", "facts", "room", "host", "login", "words")

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# How facts are told from each other at a glance, by the end of their name or all of it.
_BAD: Final = (".failed", ".lost", ".rejected", ".tripped", ".unavailable", ".jumped", ".gave_up")
_WARN: Final = (
    *(".ending", ".tombstoned", ".retired", ".deleted", ".expired", ".replaced", ".superseded"),
    *(".unanswered", ".withheld", ".doubted", ".conflicted", ".removed", ".dormant", ".diverted"),
)
_GOOD: Final = (".created", ".renewed", ".restored", ".released", ".recovered", ".adopted")


def asset(name: str) -> str:
    """One of our files, as text."""
    return (files("orchestrator.edges.http.status") / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that browsers load: what it holds, and a name that changes with it."""

    text: str
    kind: str
    digest: str

    @classmethod
    def of(cls, name: str, kind: str) -> Asset:
        """Read one of our files."""
        text = asset(name)
        return cls(text, kind, hashlib.sha256(text.encode()).hexdigest()[:16])


STYLE: Final = Asset.of("status.css", "text/css")
SCRIPT: Final = Asset.of("status.js", "text/javascript")


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody is told of what they did."""

    message: str
    lines: tuple[str, ...] = ()
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that the page shows.

    Attributes:
        ready: whether store and policies are there; empty: they are, else why not.
        late: the names of loops that hang.
        rooms: None: not known yet.
        find: what is looked for among the facts.
        before: facts below this number are shown; None: the latest.
    """

    status: StatusReport
    ready: str
    late: tuple[str, ...]
    rooms: RoomsView | None
    today: DayReport
    facts: FactsReport
    find: str = ""
    before: int | None = None

    @property
    def headline(self) -> str:
        """The whole in a few words."""
        if self.ready and not self.status.needs_you:
            return "One moment, please"
        many = len(self.status.needs_you)
        if not many:
            return "Nothing needs you"
        return "One thing needs you" if many == 1 else f"{many:,} things need you"

    @property
    def tone(self) -> str:
        """How the headline is told from others at a glance."""
        return "bad" if self.status.needs_you else ""

    @property
    def held(self) -> Mapping[str, int]:
        """How many acts are held, by what holds them, but for the mode."""
        held = Counter(line.held_by for line in self.status.held)
        return {word: count for word, count in held.most_common() if word != "mode"}

    @property
    def withheld(self) -> int:
        """How many acts the mode withholds."""
        return sum(line.held_by == "mode" for line in self.status.held)

    @property
    def ours(self) -> int:
        """How many rooms are ours."""
        return sum(self.status.rooms.values())

    @property
    def loss_tone(self) -> str:
        """How near the first loss is."""
        first, now = self.status.loses_first, self.status.now
        if first is None or first.at - now > _WEEK:
            return ""
        return "bad" if first.at - now < _DAY else "warn"

    @property
    def loss_says(self) -> str:
        """Under which condition the first loss comes."""
        first = self.status.loses_first
        return FORESEEN.get(first.what if first else "", "if the API stayed away")

    @property
    def api_word(self) -> str:
        """How the API is, in a word or two."""
        state = self.status.api_state
        if state.startswith("ok"):
            return "answers"
        first = state.partition(" ")[0]
        return {"not": "not asked yet", "refuses": "refuses us"}.get(first, "away")

    @property
    def api_tone(self) -> str:
        """Whether the API needs somebody."""
        return {"answers": "", "not asked yet": "warn"}.get(self.api_word, "bad")

    @property
    def pages(self) -> Sequence[PageRow]:
        """The pages that are not over, those without a room first."""
        rows = [row for row in self.status.pages if row.state in _STANDING]
        return sorted(rows, key=lambda row: (row.state != "open", bool(row.room_id)))[:_PAGES_MOST]

    @property
    def pages_open(self) -> int:
        """How many pages are open, those that nobody takes included."""
        states = self.status.page_states
        return states.get("open", 0) + states.get("withheld", 0)

    @property
    def pages_more(self) -> int:
        """How many of those are not shown."""
        shown = sum(row.state != "closing" for row in self.pages)
        return max(0, self.pages_open - shown)

    @property
    def pages_tone(self) -> str:
        """Whether an open page has no room."""
        roomless = any(row.state == "open" and not row.room_id for row in self.status.pages)
        return "bad" if roomless else ""

    def place(self, row: PageRow) -> str:
        """Where the people of a page are, without any code or link."""
        if row.state == "withheld":
            return "none: no policy takes it"
        if row.stage == "fallback" or (row.fallback_used_at is not None and row.leads_to):
            return "the fallback"
        if row.room_id:
            return {"occupied": "somebody inside", "empty": "nobody inside"}.get(row.use, "there")
        if row.stage == "waiting":
            return "not there yet" if row.room_after is None else "not there just now"
        return "ended unused" if row.stage == "idle" else "none"


def _time(at: datetime | None, now: datetime) -> Markup:
    if at is None:
        return Markup("—")
    said = moment(at, now, UTC)
    zone = "Z" if ":" in said else ""
    return Markup('<time datetime="{}">{}{}</time>').format(format_instant(at), said, zone)


def _clock(at: datetime) -> Markup:
    exact = format_instant(at)
    return Markup('<time datetime="{}">{}</time>').format(exact, f"{at:%H:%M:%S}Z")


def _commands(sentence: str) -> Markup:
    """A sentence, with the commands in it made to stand out."""
    told: list[Markup] = []
    at = 0
    for found in _COMMAND.finditer(sentence):
        told.append(escape(one_line(sentence[at : found.start()], _TEXT_MOST)))
        told.append(Markup("<code>{}</code>").format(one_line(found.group(), _TEXT_MOST)))
        at = found.end()
    told.append(escape(one_line(sentence[at:], _TEXT_MOST)))
    return Markup(" ").join(part for part in told if part)


def _outside(text: object) -> Markup:
    """A text from outside, in an element that keeps its direction to itself."""
    return Markup("<bdi>{}</bdi>").format(one_line(str(text), _TEXT_MOST))


def _written(key: str) -> str:
    """A key as people write it."""
    return str(decode_key(key) or key)


def tone_of(event: str) -> str:
    """How a fact is told from others at a glance."""
    for tone, ends in (("bad", _BAD), ("warn", _WARN), ("good", _GOOD)):
        if event.endswith(ends):
            return tone
    return ""


def _said_of(event: str, count: int = 1) -> str:
    """A fact in words, as something that happened so many times: ``rooms created``."""
    noun, _, verb = event.partition(".")
    return f"{noun}{'' if count == 1 else 's'} {verb.replace('.', ' ')}"


def _environment() -> Environment:
    environment = Environment(
        loader=DictLoader({name: asset(f"{name}.html.j2") for name in _NAMES}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        time=_time,
        clock=_clock,
        commands=_commands,
        pasted=shell_word,
        outside=_outside,
        written=_written,
        length=length,
        seconds=seconds,
        plural=plural,
        tone=tone_of,
        exact=format_instant,
        stamp=lambda at: f"{at.day} {at:%b %H:%M:%S}Z",
        said_of=_said_of,
        length_of=len,
        many=lambda count: f"{count:,}",
    )
    environment.globals.update(style=STYLE.digest, script=SCRIPT.digest)
    return environment


_ENVIRONMENT: Final = _environment()


def page(look: Look, visitor: Visitor, said: Said | None, *, can_log_in: bool) -> str:
    """The whole page."""
    return _ENVIRONMENT.get_template("main").render(
        _told(look, visitor), said=said, can_log_in=can_log_in
    )


def parts(look: Look, visitor: Visitor) -> str:
    """What of the page changes, alone."""
    return _ENVIRONMENT.get_template("parts").render(_told(look, visitor))


def room_page(
    look: Look, visitor: Visitor, name: str, said: Said | None, *, can_log_in: bool
) -> str:
    """The page of one key: its rooms, its facts, and what may be done."""
    return _ENVIRONMENT.get_template("room").render(
        _told(look, visitor), name=name, said=said, can_log_in=can_log_in
    )


def login_page(problem: str, aim: Mapping[str, str], *, by_token: bool, by_proxy: bool) -> str:
    """Where one logs in, or is told that nobody can; the form keeps where they wanted to go."""
    return _ENVIRONMENT.get_template("login").render(
        problem=problem, aim=aim, by_token=by_token, by_proxy=by_proxy
    )


def host_page(link: RevealedLink) -> str:
    """A host's link, for whoever asked for it alone."""
    return _ENVIRONMENT.get_template("host").render(
        link=link, address=led_to(link.host_url), back=urlencode({"name": link.key})
    )


def starting_page(why: str) -> str:
    """What is shown while nothing can be told yet."""
    return _ENVIRONMENT.get_template("words").render(headline="One moment, please", why=why)


def fact(row: FactRow) -> str:
    """One fact, as it stands in the list."""
    return str(_FACT(row)).strip()


def _told(look: Look, visitor: Visitor) -> Mapping[str, object]:
    return {
        "look": look,
        "status": look.status,
        "now": look.status.now,
        "rooms": look.rooms,
        "visitor": visitor,
    }


_FACT: Final = _ENVIRONMENT.get_template("facts").module.fact  # type: ignore[attr-defined]
