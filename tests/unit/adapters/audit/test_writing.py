"""The writer: chaining on, rotation, torn ends, faults of the disk, who may write."""

import errno
import json
import os
import resource
import signal
import stat
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from orchestrator.adapters.audit.verify import Against, verify
from orchestrator.domain.facts import CHECKPOINT, ApiCall, Fact, RecordedFact
from orchestrator.foundation.chain import GENESIS
from orchestrator.ports.audit import AuditFault, Head
from tests.fakes.facts import BEGAN, recorded, recorded_facts
from tests.fakes.logbook import Logbook


def events(logbook: Logbook, name: str = "audit.jsonl") -> list[str]:
    return [json.loads(line)["event"] for line in logbook.lines(name)]


def test_a_line_reads_as_it_was_agreed(logbook: Logbook) -> None:
    """A golden line: names, order and spelling are an interface that other programs read."""
    fact = Fact(
        "room.renewed",
        actor="policy team-rooms@9c1e4b7a01d2f3e4",
        key="team-rooms/stra%C3%9Fe",
        room_id="481920320",
        operation="7f3a01bc-0000000001",
        cause="resync 12",
        reason="due",
        before={"expires_at": "2026-11-20T10:00:00.000Z"},
        after={"expires_at": "2027-11-20T09:00:00.000Z"},
        api=ApiCall("PATCH", 200, 91.25, 1),
        detail={"display_name": "Straße"},
    )
    logbook.write([recorded(1, fact)])
    (line,) = logbook.lines()
    assert line.decode() == (
        '{"ts":"2026-11-14T06:10:03.123456Z","seq":1,"event":"room.renewed","owner":"acme",'
        '"store":"7f3a01bc","actor":"policy team-rooms@9c1e4b7a01d2f3e4",'
        '"key":"team-rooms/stra%C3%9Fe","room_id":"481920320","operation":"7f3a01bc-0000000001",'
        '"cause":"resync 12","reason":"due",'
        '"before":{"expires_at":"2026-11-20T10:00:00.000Z"},'
        '"after":{"expires_at":"2027-11-20T09:00:00.000Z"},'
        '"detail":{"display_name":"Straße"},'
        '"api":{"attempt":1,"method":"PATCH","ms":91.25,"status":200},'
        f'"prev":"{GENESIS}",'
        f'"hash":"{logbook.head.hash}"}}\n'
    )


def test_what_is_empty_is_left_out(logbook: Logbook) -> None:
    """A fact of the daemon has no key and no room."""
    logbook.write([recorded(1, Fact("daemon.stopped"))])
    (line,) = logbook.lines()
    assert list(json.loads(line)) == ["ts", "seq", "event", "owner", "store", "prev", "hash"]


def test_the_group_may_read_whatever_the_umask(logbook: Logbook) -> None:
    """Mode 0640: an auditor need not be the daemon, and nobody else is one."""
    before = os.umask(0o077)
    try:
        logbook.write_to(1)
    finally:
        os.umask(before)
    assert stat.S_IMODE(logbook.live.stat().st_mode) == 0o640


def test_the_mode_of_a_file_that_is_there_is_left_alone(logbook: Logbook) -> None:
    """Who made it (logrotate, an administrator) knew who may read it."""
    logbook.live.touch(0o600)
    logbook.write_to(1)
    assert stat.S_IMODE(logbook.live.stat().st_mode) == 0o600


def test_a_restart_goes_on_where_the_log_ends(logbook: Logbook) -> None:
    """Two runs make the same log as one."""
    logbook.write_to(3)
    one_after_another = logbook.write_to(5)
    whole = logbook.live.read_bytes()
    logbook.live.unlink()
    assert logbook.write_to(5) == one_after_another
    assert logbook.live.read_bytes() == whole


def test_head_does_not_read_more_than_it_must(logbook: Logbook) -> None:
    """Opening a long log looks back to its last checkpoint, and counts on from there."""
    logbook.write_to(2500)
    writer = logbook.writer()
    assert writer.head() == logbook.head
    assert logbook.head.lines == 2502
    writer.close()


@pytest.mark.parametrize("left", range(1, 4), ids=["one left", "two left", "three left"])
@pytest.mark.parametrize("torn", [0, 1, 100, -2], ids=["clean", "a byte", "half", "no newline"])
def test_a_lost_end_is_completed_to_the_byte(logbook: Logbook, left: int, torn: int) -> None:
    """After a crash the same facts again make the same lines again."""
    logbook.write_to(4)
    whole, lines = logbook.live.read_bytes(), logbook.lines()
    logbook.put([*lines[:left], lines[left][:torn]])
    writer = logbook.writer()
    assert writer.head().seq == left
    assert writer.append(recorded_facts(4), sync=True) == logbook.head
    writer.close()
    assert logbook.live.read_bytes() == whole


def test_a_file_of_half_a_line_begins_anew(logbook: Logbook) -> None:
    """Torn within the first line: nothing of it counts."""
    logbook.write_to(1)
    whole = logbook.live.read_bytes()
    logbook.live.write_bytes(whole[:40])
    assert logbook.write_to(1).lines == 1
    assert logbook.live.read_bytes() == whole


def test_zeros_after_a_power_cut_are_cut_off(logbook: Logbook) -> None:
    """Some file systems leave a block of zeros where the last lines should be."""
    logbook.write_to(2)
    whole = logbook.live.read_bytes()
    logbook.live.write_bytes(whole + bytes(5000))
    logbook.write_to(2)
    assert logbook.live.read_bytes() == whole


def test_lines_that_are_not_ours_stay_and_are_chained_over(logbook: Logbook) -> None:
    """What somebody wrote into the log is evidence: `verify` names it, nobody removes it."""
    logbook.write_to(2)
    with logbook.live.open("ab") as file:
        file.write(b"hello\n")
    logbook.write_to(3)
    assert logbook.lines()[2] == b"hello\n"
    (finding,) = verify(logbook.live, Against(logbook.head)).findings
    assert (finding.line, finding.kind) == (3, "damaged")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_rotation_by_renaming_carries_the_chain_over(
    logbook: Logbook, *, packed: bool, restart: bool
) -> None:
    """No signal, no restart needed: the next fact finds that its file has moved."""
    writer = logbook.writer()
    writer.append(recorded_facts(3), sync=True)
    if restart:
        writer.close()
    logbook.rotate(packed=packed)
    if restart:
        writer = logbook.writer()
    head = writer.append(recorded_facts(5), sync=True)
    writer.close()
    assert events(logbook) == [CHECKPOINT, "room.renewed", "room.renewed"]
    assert (head.seq, head.lines) == (5, 6)
    assert verify(logbook.live, Against(head)).is_whole


def test_what_a_rotated_file_lacks_is_written_into_the_next(logbook: Logbook) -> None:
    """Killed in mid-line, rotated, then started: the fact that was torn is not lost."""
    logbook.write_to(3)
    lines = logbook.lines()
    logbook.put([*lines[:2], lines[2][:20]])
    logbook.rotate()
    head = logbook.write_to(4)
    assert events(logbook) == [CHECKPOINT, "room.renewed", "room.renewed"]
    report = verify(logbook.live, Against(head))
    assert [(one.file, one.line, one.kind) for one in report.findings] == [
        ("audit.jsonl.1", 3, "torn")
    ]


def test_a_rotated_file_that_cannot_be_read_is_passed_over(logbook: Logbook) -> None:
    """The chain goes on from the newest that can be."""
    logbook.write_to(2)
    logbook.rotate()
    logbook.write_to(3)
    logbook.rotate()
    (logbook.folder / "audit.jsonl.1").write_bytes(b"gone\n")
    writer = logbook.writer()
    assert writer.head().seq == 2
    writer.close()


def test_unsynced_lines_of_a_rotated_file_are_synced(logbook: Logbook) -> None:
    """It is the last time that the writer sees that file."""
    writer = logbook.writer()
    writer.append(recorded_facts(2), sync=False)
    logbook.rotate()
    writer.head()
    assert not writer.unsynced
    writer.close()


def test_rotation_with_a_new_file_put_in_place(logbook: Logbook) -> None:
    """What logrotate's `create` does: an empty file with the rights that it gave."""
    writer = logbook.writer()
    writer.append(recorded_facts(3), sync=True)
    logbook.rotate()
    logbook.live.touch(0o600)
    head = writer.append(recorded_facts(4), sync=True)
    writer.close()
    assert stat.S_IMODE(logbook.live.stat().st_mode) == 0o600
    assert verify(logbook.live, Against(head)).is_whole


def test_rotation_by_copying_and_truncating(logbook: Logbook) -> None:
    """`copytruncate`: the same file is suddenly empty."""
    writer = logbook.writer()
    writer.append(recorded_facts(3), sync=True)
    (logbook.folder / "audit.jsonl-20261114").write_bytes(logbook.live.read_bytes())
    os.truncate(logbook.live, 0)
    head = writer.append(recorded_facts(4), sync=True)
    writer.close()
    assert events(logbook) == [CHECKPOINT, "room.renewed"]
    assert verify(logbook.live, Against(head)).is_whole


def test_many_rotations_with_days_in_between(logbook: Logbook) -> None:
    """Each file begins with a checkpoint that counts all lines before it."""
    for last in range(2, 12, 2):
        logbook.write_to(last)
        logbook.rotate(packed=last % 4 == 0)
    head = logbook.write_to(12)
    report = verify(logbook.live, Against(head))
    assert report.is_whole
    assert report.coverage.lines == head.lines == 12 + 5
    assert len(report.coverage.files) == 6


def test_a_log_whose_files_are_gone_goes_on_from_the_store(logbook: Logbook) -> None:
    """Somebody moved the whole log away: the new one says how much stood before it."""
    head = logbook.write_to(3)
    logbook.live.unlink()
    writer = logbook.writer(resume=head)
    assert writer.head() == head
    writer.append(recorded_facts(4), sync=True)
    writer.close()
    checkpoint = json.loads(logbook.lines()[0])
    assert (checkpoint["prev"], checkpoint["detail"]) == (head.hash, {"lines": 3})


def test_another_store_numbers_its_facts_anew(logbook: Logbook) -> None:
    """A lost store must not make its successor's facts pass for written."""
    logbook.write_to(3)
    writer = logbook.writer(store="c9d2e5f1")
    assert (writer.head().seq, writer.head().lines) == (0, 3)
    head = writer.append(recorded_facts(2), sync=True)
    writer.close()
    assert (head.seq, head.lines) == (2, 5)
    assert verify(logbook.live, Against(head)).is_whole


def test_every_thousandth_line_is_a_checkpoint(signed_logbook: Logbook) -> None:
    """Counting all lines, checkpoints too; signed where there is a key."""
    signed_logbook.write_to(2100)
    lines = [json.loads(line) for line in signed_logbook.lines()]
    places = [number for number, line in enumerate(lines, 1) if line["event"] == CHECKPOINT]
    assert places == [1000, 2000]
    checkpoint = lines[999]
    assert checkpoint["seq"] == 999
    assert checkpoint["detail"]["lines"] == 999
    assert len(checkpoint["detail"]["signature"]) == 88


def test_a_checkpoint_is_written_once_more_as_it_was(signed_logbook: Logbook) -> None:
    """Its moment is that of the fact after it, and a signature of Ed25519 has no chance in it."""
    signed_logbook.write_to(1002)
    whole, lines = signed_logbook.live.read_bytes(), signed_logbook.lines()
    signed_logbook.put(lines[:999])
    signed_logbook.write_to(1002)
    assert signed_logbook.live.read_bytes() == whole


def test_a_file_that_was_cut_while_it_is_open_is_a_fault_once(logbook: Logbook) -> None:
    """The writer says which facts are gone; written again, the log is as it was."""
    writer = logbook.writer()
    head = writer.append(recorded_facts(4), sync=True)
    whole, lines = logbook.live.read_bytes(), logbook.lines()
    logbook.put([*lines[:2], lines[2][:7]])
    with pytest.raises(AuditFault, match=r"facts 3 to 4 are not in the file any more"):
        writer.append([recorded(5)], sync=True)
    assert writer.head().seq == 2
    assert writer.append(recorded_facts(4), sync=True) == head
    writer.close()
    assert logbook.live.read_bytes() == whole


def test_one_process_writes_a_log(logbook: Logbook) -> None:
    """Two writers would break each other's chain."""
    first, second = logbook.writer(), logbook.writer()
    first.append([recorded(1)], sync=True)
    with pytest.raises(AuditFault, match="another process is writing this log"):
        second.head()
    first.close()
    assert second.head().seq == 1
    second.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "Is a directory"),
        (os.mkfifo, "must be a regular file"),
        (lambda path: path.symlink_to(path.parent / "gone" / "audit.jsonl"), "No such file"),
    ],
    ids=["folder", "pipe", "no folder"],
)
def test_what_cannot_be_a_log_is_a_fault(logbook: Logbook, make: object, message: str) -> None:
    """One clear error, with the path."""
    assert callable(make)
    make(logbook.live)
    writer = logbook.writer()
    with pytest.raises(AuditFault, match=f"{logbook.live}: .*{message}"):
        writer.append([recorded(1)], sync=True)
    writer.close()


@pytest.fixture
def small_disk(logbook: Logbook) -> Iterator[None]:
    """No file may grow beyond four lines and a half: a full disk, without one."""
    logbook.write_to(4)
    size = logbook.live.stat().st_size
    logbook.live.unlink()
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size * 9 // 8, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_leaves_whole_lines_only(logbook: Logbook, small_disk: None) -> None:
    """What was begun is taken back, and the same facts may be tried again."""
    writer = logbook.writer()
    writer.append(recorded_facts(2), sync=True)
    whole = logbook.live.read_bytes()
    for _ in range(2):
        with pytest.raises(AuditFault, match=os.strerror(errno.EFBIG)):
            writer.append(recorded_facts(9), sync=True)
        assert logbook.live.read_bytes() == whole
    assert writer.append(recorded_facts(4), sync=True).seq == 4
    writer.close()


def test_a_fact_that_may_not_be_written_is_named_without_its_value(logbook: Logbook) -> None:
    """The allow-list holds whatever made the fact (promise P11)."""
    fact = Fact("room.renewed", detail={"display_name": "x"})
    # What a frozen value would not have let through when it was made.
    object.__setattr__(fact, "detail", {"host_url": "https://secret.example"})
    writer = logbook.writer()
    with pytest.raises(AuditFault, match=r"room.renewed may not carry host_url") as caught:
        writer.append([recorded(1, fact)], sync=True)
    assert "secret.example" not in str(caught.value)
    object.__setattr__(fact, "detail", {})
    object.__setattr__(fact, "event", "room.painted")
    with pytest.raises(AuditFault, match=r"'room.painted' is not in the catalogue"):
        writer.append([recorded(1, fact)], sync=True)
    writer.close()


def test_a_lone_surrogate_does_not_stop_the_log(logbook: Logbook) -> None:
    """An API may send half a character in a name: it is written as JSON's escape."""
    fact = Fact("room.deleted", detail={"display_name": "broken \ud83d name"})
    logbook.write([recorded(1, fact)])
    assert b"broken \\ud83d name" in logbook.live.read_bytes()
    assert verify(logbook.live, Against(logbook.head)).is_whole


def test_the_moment_is_told_in_utc(logbook: Logbook) -> None:
    """Whatever zone a fact's moment came in."""
    there = BEGAN.astimezone(timezone(timedelta(hours=-7)))
    logbook.write([RecordedFact(1, there, Fact("daemon.stopped"))])
    assert json.loads(logbook.lines()[0])["ts"] == "2026-11-14T06:10:02.123456Z"


def test_a_sync_that_nobody_waits_for_fails_at_the_next_append(logbook: Logbook) -> None:
    """A fault is told once, then the log goes on."""
    writer = logbook.writer()
    writer.append([recorded(1)], sync=False)
    assert writer.unsynced
    descriptor = writer._descriptor  # noqa: SLF001 - what the disk does, a test cannot bring about
    assert descriptor is not None
    ends = os.pipe()  # cannot be synced
    os.dup2(ends[1], descriptor)
    for end in ends:
        os.close(end)
    writer.sync_later()
    with pytest.raises(AuditFault, match=os.strerror(errno.EINVAL)):
        writer.append([recorded(2)], sync=True)
    assert writer.append([recorded(2)], sync=True).seq == 2
    writer.close()


def test_head_of_nothing_is_before_the_first_line(tmp_path: Path) -> None:
    """A log that is not there yet."""
    writer = Logbook(tmp_path).writer()
    assert writer.head() == Head(0, GENESIS, 0)
    writer.close()
