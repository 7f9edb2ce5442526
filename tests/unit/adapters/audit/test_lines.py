"""Lines as entries: what is one, and what is not."""

import pytest

from orchestrator.adapters.audit.lines import FIELDS, ORDER, read_entry
from orchestrator.domain.facts import CATALOGUE, CHANGED


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"[]",
        b"7",
        b"[" * 100_000,
        b'{"ts":"2026-11-14T06:10:02Z","seq":1}',
        b'{"ts":"2026-11-14T06:10:02Z","event":"daemon.stopped"}',
        b'{"seq":1,"event":"daemon.stopped"}',
        b'{"ts":"2026-11-14T06:10:02Z","seq":true,"event":"daemon.stopped"}',
        b'{"ts":"2026-11-14T06:10:02Z","seq":"1","event":"daemon.stopped"}',
        b'{"ts":"yesterday","seq":1,"event":"daemon.stopped"}',
        b'{"ts":"2026-11-14T06:10:02","seq":1,"event":"daemon.stopped"}',
        b'{"ts":"2026-11-14T06:10:02+01:00","seq":1,"event":"daemon.stopped"}',
        b'{"ts":1,"seq":1,"event":"daemon.stopped"}',
        b'{"ts":"2026-11-14T06:10:02Z","seq":1,"event":["daemon.stopped"]}',
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_what_is_no_entry_is_none(raw: bytes) -> None:
    """No error, whatever stands there."""
    assert read_entry("audit.jsonl", 1, raw) is None


def test_an_entry_of_a_later_version_is_read() -> None:
    """Events and fields that this version does not know are shown as they stand."""
    raw = b'{"ts":"2026-11-14T06:10:02.5Z","seq":1,"event":"room.painted","colour":"red"}'
    entry = read_entry("audit.jsonl", 1, raw)
    assert entry is not None
    assert entry.fields["colour"] == "red"


def test_fields_are_the_contract() -> None:
    """Their names and their order never change; a new one may come."""
    assert (
        *("ts", "seq", "event", "owner", "store", "actor", "key", "room_id", "operation"),
        *("cause", "reason", "before", "after", "detail", "api"),
    ) == ORDER
    assert tuple(FIELDS) == (*ORDER, "prev", "hash")


def test_p11_no_listed_field_names_a_secret() -> None:
    """A host link, a key or a token has no name by which it could be written."""
    names = {name for kind in CATALOGUE.values() for name in kind.detail} | CHANGED
    secret = ("host", "token", "secret", "private", "password", "bearer", "authorization")
    assert not [name for name in names for word in secret if word in name]
