"""From config.yaml to messengers and boards."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.adapters.delivery.file import AlertsFile
from orchestrator.adapters.delivery.telling import PostedAlerts
from orchestrator.app.messengers import StoredNote, boards, messengers
from orchestrator.app.secrets import secrets_of, unusable
from orchestrator.config import Settings
from orchestrator.config.reader import understand
from orchestrator.domain.alerts import Alert
from orchestrator.domain.announcements import Announcement, Stage
from orchestrator.ports.deliveries import DeliveryRefusedError, Paced
from orchestrator.ports.store import StoreFault
from tests.fakes.chats import Chat, serving
from tests.fakes.clock import START, VirtualClock
from tests.fakes.store import FakeStore

HEAD = "owner: acme\nmode: enforce\nmeetings: {embedded: true}\n"
EACH = """\
destinations:
  rooms-json: {type: file, path: rooms.json}
  any: {type: webhook, url: "https://hooks.example/x", secret: {file: s}}
  pd: {type: pagerduty, key: {file: s}, from: a@b.example}
  og: {type: opsgenie, key: {file: s}}
  chat: {type: slack, token: {file: s}, channel: C07INCCHECK}
  hook: {type: slack-webhook, url: {file: s}}
  mm: {type: mattermost, url: {file: s}}
  ms: {type: teams, url: {file: s}}
  mx: {type: matrix, url: "https://m.example", token: {file: s}, room: "!abc:m.example"}
  mail:
    type: email
    host: h.example
    from: a@b.example
    to: [c@d.example]
    username: u
    password: {file: s}
  plain: {type: email, host: localhost, security: none, from: a@b.example, to: [c@d.example]}
"""
TOLD = ["rooms-json", "any", "chat", "hook", "mm", "ms", "mx", "mail"]
ALERTS = f"alerts: [{', '.join(f'{{to: {name}}}' for name in TOLD)}]\n"


def read(tmp_path: Path, text: str) -> Settings:
    found = understand(tmp_path / "config.yaml", f"{HEAD}{text}".encode())
    assert found.settings is not None, found.problems
    assert not found.warnings
    return found.settings


async def test_each_destination_has_its_messenger(tmp_path: Path) -> None:
    """By the name that policies use; a file is none."""
    made = messengers(read(tmp_path, EACH), VirtualClock())
    assert list(made) == ["any", "pd", "og", "chat", "hook", "mm", "ms", "mx", "mail", "plain"]
    assert {name: one.name for name, one in made.items()} == {name: name for name in made}
    edits = {name for name, one in made.items() if one.edits}
    assert edits == {"any", "pd", "og", "chat", "mx"}
    for one in made.values():
        await one.close()


async def test_each_alert_has_its_board(tmp_path: Path) -> None:
    """Beside a file another file; elsewhere messages."""
    settings = read(tmp_path, EACH + ALERTS)
    async with AsyncExitStack() as stack:
        made = boards(settings, FakeStore(), VirtualClock(), stack)
        assert list(made) == TOLD
        assert isinstance(made.pop("rooms-json"), AlertsFile)
        assert all(isinstance(one, PostedAlerts) for one in made.values())
        await boards(settings, FakeStore(), VirtualClock(), stack)["rooms-json"].show([], START)
    assert (tmp_path / "rooms.alerts.json").exists()


async def test_a_paging_system_is_told_of_no_alerts(tmp_path: Path) -> None:
    """config.yaml is checked for it; this is the second lock."""
    settings = read(tmp_path, EACH + "alerts: [{to: rooms-json}]\n")
    object.__setattr__(settings, "alerts", ("pd",))
    async with AsyncExitStack() as stack:
        with pytest.raises(TypeError):
            boards(settings, FakeStore(), VirtualClock(), stack)


async def test_a_secret_file_that_is_replaced_counts_at_once(tmp_path: Path) -> None:
    """It is read when it is sent; one that is gone is told by its place."""
    chat = Chat()
    async with serving(chat) as url:
        text = (
            "destinations:\n  ops: {type: mattermost, url: {file: hook.url}, "
            "allow_private: [127.0.0.1]}\n"
        )
        settings = read(tmp_path, text)
        one = messengers(settings, VirtualClock())["ops"]
        told = Announcement("id", 1, Stage.OPEN, "p", "p/s", "Title", "https://r.example/r/p/s")
        file = tmp_path / "hook.url"
        with pytest.raises(DeliveryRefusedError) as caught:
            await one.send(told, 1)
        assert "config.yaml:5:32" in str(caught.value)
        assert "hook.url cannot be read" in str(caught.value)
        for name in ("one", "two"):
            file.write_text(f"{url}/hooks/{name}\n")
            await one.send(told, 1)
        await one.close()
    assert [asked.path for asked in chat.asked] == ["/hooks/one", "/hooks/two"]


async def test_a_reload_looks_at_secrets_of_destinations_too(tmp_path: Path) -> None:
    """One that is not there keeps the old configuration."""
    settings = read(tmp_path, EACH)
    assert {source.name for source in secrets_of(settings)} == {str(tmp_path / "s")}
    assert len(unusable(settings)) == 9
    (tmp_path / "s").write_text("x")
    assert unusable(settings) == ()


async def test_a_note_of_the_store_is_kept_and_never_fails() -> None:
    """Who tells of a broken store goes on without it."""
    store = FakeStore()
    note = StoredNote(store, VirtualClock(), "alerts.ops")
    assert await note.read() is None
    await note.write("text")
    assert await note.read() == await store.note("alerts.ops") == "text"
    await note.write(None)
    assert await note.read() is None
    store.fault = StoreFault("no space left")
    await note.write("text")
    assert await note.read() is None


async def test_a_board_goes_on_without_a_store(tmp_path: Path) -> None:
    """It holds in memory what it cannot keep, and keeps it when it can."""
    chat = Chat()
    async with serving(chat) as url, AsyncExitStack() as stack:
        file = tmp_path / "hook.url"
        file.write_text(f"{url}/hooks/x")
        file.chmod(0o600)
        text = (
            "destinations:\n  ops: {type: mattermost, url: {file: hook.url}, "
            "allow_private: [127.0.0.1]}\nalerts: [{to: ops}]\n"
        )
        settings = read(tmp_path, text)
        store = FakeStore()
        store.fault = StoreFault("no space left")
        board = boards(settings, store, VirtualClock(), stack)["ops"]
        alert = Alert("store", "Nothing can be recorded.", datetime(2026, 1, 5, tzinfo=UTC))
        await board.show([alert], START)
        await board.show([alert], START)
        assert len(chat.posts) == 1
        store.fault = None
        await board.show([], START)
        assert len(chat.posts) == 2


async def test_each_messenger_says_how_fast_it_may_be_called(tmp_path: Path) -> None:
    """A storm of pages waits for none of them longer than its service asks for."""
    made = messengers(read(tmp_path, EACH), VirtualClock())
    assert all(isinstance(one, Paced) and 0 < one.spacing <= 1 for one in made.values())
