"""An installation to measure: config, keys, policies, and a store that remembers their rooms.

The estate is seeded by the same domain functions that record an answered create, so that its states
are those of a daemon that made every room itself, without the hours of making them.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.api import Row, row
from orchestrator.adapters.calendar import CronCalendar
from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.meetings.wire import read_room, write_room
from orchestrator.adapters.policies.folder import PolicyFolder
from orchestrator.adapters.policies.reader import PolicyReader
from orchestrator.adapters.store.sqlite import SqliteStore
from orchestrator.adapters.templates.rendering import SandboxedTemplates
from orchestrator.app.keys import meetings_key
from orchestrator.domain import outcomes
from orchestrator.domain.actions import Create
from orchestrator.domain.keys import Key
from orchestrator.domain.marker import new_marker, write_metadata
from orchestrator.domain.outcomes import Teller
from orchestrator.domain.policies import Desired
from orchestrator.domain.records import KeyState, Operation, OperationKind
from orchestrator.domain.rooms import NewRoom
from orchestrator.engine.book import Binder, Book
from orchestrator.engine.executor import VERIFIED
from orchestrator.ports.store import Commit

OWNER: Final = "bench"
PAGE_SIZE: Final = 200
_LIFETIME: Final = timedelta(days=100)
_LIFE: Final = f"{_LIFETIME.days}d"
_BATCH: Final = 500  # states in one commit of the seed
_CONFIG: Final = """\
owner: {owner}
mode: enforce
meetings:
  url: {url}
  application_id: bench
  private_key: {{file: secrets/meetings.pem}}
  rate: 10000
  concurrency: {concurrency}
  timeout: 30s
  page_size: {page_size}
  settle: 0s
policies: policies
store: sqlite:///state/orchestrator.db
audit: {{file: state/audit.jsonl, fsync: always}}
safety: {{max_removals: 3, max_removal_percent: 10, per: 24h}}
resync_interval: 24h
log: {{level: info, format: json}}
"""
_POLICY: Final = """\
version: 1
name: {name}
for_each: {{{source}, as: team, key: "{{{{ team.slug }}}}"}}
room:
  type: long_term
  display_name: "Team {{{{ team.slug }}}} of {name}"
  lifetime: {lifetime}
  available_features: {{is_chat_available: {chat}}}
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation in a folder of its own."""

    folder: Path
    port: int  # where its API listens

    @property
    def url(self) -> str:
        """The base URL of its API."""
        return f"http://127.0.0.1:{self.port}/v1/meetings"

    @property
    def config(self) -> Path:
        """Its config file."""
        return self.folder / "config.yaml"

    @property
    def key(self) -> Path:
        """The application's private key."""
        return self.folder / "secrets" / "meetings.pem"

    @property
    def rooms(self) -> Path:
        """What its API begins with, one room a line."""
        return self.folder / "rooms.jsonl"

    @property
    def store(self) -> Path:
        """Its store's file."""
        return self.folder / "state" / "orchestrator.db"

    def make(self, concurrency: int) -> None:
        """Write config and keys into the folder."""
        for name in ("policies/data", "state"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        meetings_key(self.folder / "secrets")
        text = _CONFIG.format(
            owner=OWNER, url=self.url, concurrency=concurrency, page_size=PAGE_SIZE
        )
        self.config.write_text(text)
        self.rooms.touch()

    def put(
        self,
        name: str,
        subjects: int,
        *,
        chat: bool = True,
        first: int = 0,
        lifetime: str = _LIFE,
    ) -> float:
        """Save a policy, whose subjects stand in a data file; the moment of it (monotonic)."""
        listed = [{"slug": f"t{number:06}"} for number in range(first, first + subjects)]
        data = self.folder / "policies" / "data" / f"{name}.json"
        if not data.exists():
            data.write_text(json.dumps(listed))
        return self.save(name, f"file: {name}.json", chat=chat, lifetime=lifetime)

    def save(self, name: str, source: str, *, chat: bool = True, lifetime: str = _LIFE) -> float:
        """Save a policy's file as careful editors do; the moment of it (monotonic seconds)."""
        text = _POLICY.format(name=name, source=source, chat=str(chat).lower(), lifetime=lifetime)
        beside = self.folder / "policies" / f".{name}.yaml.tmp"
        beside.write_text(text)
        moment = SystemClock().monotonic()
        beside.replace(self.folder / "policies" / f"{name}.yaml")
        return moment

    def seed(self, policies: int, rooms: int) -> None:
        """Write policies for so many rooms, and what is remembered once all are made."""
        for number in range(policies):
            self.put(f"estate-{number:03}", rooms // policies)
        asyncio.run(_seed(self))


async def _seed(made: Installation) -> None:
    clock = SystemClock()
    book = await _book(made, clock)
    store = await SqliteStore.open(made.store)
    try:
        now = clock.now()
        verified: dict[str, str | None] = {VERIFIED: made.url}
        texts = dict(book.texts)
        await store.commit(Commit(notes=verified, policies=texts), now)
        with made.rooms.open("w") as file:
            batch: list[outcomes.Outcome] = []
            for made_room, outcome in _born(book, store.incarnation, now):
                file.write(json.dumps(made_room) + "\n")
                batch.append(outcome)
                if len(batch) == _BATCH:
                    await _commit(store, batch, now)
                    batch = []
            await _commit(store, batch, now)
    finally:
        await store.close()


async def _commit(store: SqliteStore, batch: list[outcomes.Outcome], now: datetime) -> None:
    states = [outcome.state for outcome in batch if outcome.state is not None]
    operations = [operation for outcome in batch for operation in outcome.operations]
    await store.commit(Commit(states=states, operations=operations), now)


async def _book(made: Installation, clock: SystemClock) -> Book:
    templates = SandboxedTemplates()
    binder = Binder(PolicyReader(templates, CronCalendar(), frozenset()), templates)
    return binder.bind(await PolicyFolder(made.folder / "policies", clock).read(), ())


def _born(book: Book, incarnation: str, now: datetime) -> Iterator[tuple[Row, outcomes.Outcome]]:
    """Each wanted room as the API would show it, and what follows from its creation."""
    created = now.replace(microsecond=0)
    shown = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    for key, desired in book.wishes.items():
        operation = Operation(
            id=f"{incarnation}-{uuid.uuid4().hex[:16]}",
            key=key,
            kind=OperationKind.CREATE,
            generation=1,
            room_id=None,
            reason="seeded",
            cause="seed",
            started_at=created,
        )
        body = _body(key, desired, operation)
        made_room = row(str(uuid.uuid4()), body, shown)
        action = Create(desired, 1, "seeded")
        teller = Teller("bench", "seed", created)
        state = KeyState(key, generation=1)
        yield (
            made_room,
            outcomes.answered(state, action, operation, read_room(made_room), teller),
        )


def _body(key: Key, desired: Desired, operation: Operation) -> dict[str, Any]:
    marker = new_marker(OWNER, key, 1, operation.id)
    room = NewRoom(
        display_name=desired.display_name,
        type=desired.type,
        metadata=write_metadata(desired.text, marker),
        settings=desired.settings,
        expires_at=datetime.now(UTC).replace(microsecond=0) + _LIFETIME,
    )
    body: dict[str, Any] = json.loads(write_room(room))
    return body
